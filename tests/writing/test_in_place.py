"""Files that are indexed where they lie; and how arrays are written: compression, colours, scales, lineage."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy
import pytest
import rasterio

from localcat import (
    AttributeValidationError,
    BadRequestError,
    Catalog,
    CorruptImageError,
    GenericBand,
    Image,
    ImageDeletedError,
    ImageUploadOptions,
    Product,
    SpectralBand,
    UnsafePathError,
)
from localcat.rasters.writing.options import CogOptions
from tests.small_catalog import make_product, new_image, spectral
from tests.small_rasters import make_tif

PLACE = {"crs": "EPSG:32618", "transform": rasterio.Affine(60, 0, 500_000, 0, -60, 4_000_000)}


@pytest.fixture
def plain(catalog: Catalog) -> Product:
    return make_product("plain", spectral("blue"), name="Plain")


# Files in place


@pytest.mark.parametrize("wait", [True, False])
def test_a_file_is_indexed_where_it_lies(catalog: Catalog, plain: Product, tmp_path: Path, wait: bool) -> None:
    """Choice 16: marked as such in its row; the hash is the sha256 in hex."""
    path = make_tif(tmp_path / "a.tif")
    content = path.read_bytes()
    image = new_image(plain)
    upload = image.upload(path, copy=False, wait=wait)
    upload.wait_for_completion(60)
    upload.raise_for_status()
    (file,) = image.files
    assert (file.href, file.owned, file.size_bytes) == (str(path), False, len(content))
    assert file.hash == hashlib.sha256(content).hexdigest()
    assert (image.storage_state, image.x_pixels, image.cs_code) == ("available", 48, "EPSG:32618")
    assert list(catalog.data_folder.hrefs()) == []
    assert image.ndarray("blue")[0, 3, 4] == 5
    image.delete()
    assert path.read_bytes() == content


def test_a_file_below_the_catalog_keeps_a_relative_path(tmp_path: Path) -> None:
    """Choice 16."""
    (tmp_path / "one").mkdir()
    make_tif(tmp_path / "one" / "scenes" / "a.tif")
    with Catalog.create(tmp_path / "one" / "c.gpkg", org="acme") as catalog, catalog.as_default():
        product = Product(id="plain", name="Plain")
        product.save()
        SpectralBand(name="blue", product=product, data_type="UInt16", data_range=(0, 10000), band_index=0).save()
        image = new_image(product)
        image.upload(tmp_path / "one" / "scenes" / ".." / "scenes" / "a.tif", copy=False).raise_for_status()
        assert image.files[0].href == "scenes/a.tif"
    (tmp_path / "one").rename(tmp_path / "two")
    with Catalog.open(tmp_path / "two" / "c.gpkg") as moved:
        assert Image.get("acme:plain:x", catalog=moved).ndarray("blue")[0, 0, 0] == 5


def test_a_missing_or_changed_file_is_told_by_its_path(plain: Product, tmp_path: Path) -> None:
    path = make_tif(tmp_path / "a.tif")
    image = new_image(plain)
    image.upload(path, copy=False).raise_for_status()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CorruptImageError, match=r"a\.tif' has .* bytes and should have"):
        image.ndarray("blue")
    path.unlink()
    with pytest.raises(ImageDeletedError, match=r"a\.tif' of image .*, which is indexed in place, is not there"):
        image.ndarray("blue")


def test_replacing_an_image_leaves_its_file_in_place(catalog: Catalog, plain: Product, tmp_path: Path) -> None:
    """3.9: files indexed in place are never touched."""
    first, second = make_tif(tmp_path / "a.tif"), make_tif(tmp_path / "b.tif", 6)
    new_image(plain).upload(first, copy=False).raise_for_status()
    new_image(plain).upload(second, overwrite=True).raise_for_status()
    assert first.exists()
    assert Image.get("plain:x").ndarray("blue")[0, 0, 0] == 6
    assert len(list(catalog.data_folder.hrefs())) == 1
    new_image(plain).upload(first, copy=False, overwrite=True).raise_for_status()
    assert list(catalog.data_folder.hrefs()) == []


def test_files_in_place_are_checked_as_when_they_are_copied(catalog: Catalog, plain: Product, tmp_path: Path) -> None:
    wrong = new_image(plain).upload(make_tif(tmp_path / "float.tif", dtype="float32"), copy=False)
    assert "stores uint16 but" in wrong.events[-1].message
    damaged = make_tif(tmp_path / "damaged.tif")
    damaged.write_bytes(damaged.read_bytes()[:-3000])
    assert new_image(plain).upload(damaged, copy=False).status == "failure"
    link = tmp_path / "link.tif"
    link.symlink_to(make_tif(tmp_path / "a.tif"))
    with pytest.raises(UnsafePathError, match="is a symbolic link"):
        new_image(plain).upload(link, copy=False).raise_for_status()
    assert catalog.images.count() == 0


@pytest.mark.parametrize("how", [{}, {"cog": True}])
def test_a_link_is_copied_as_the_file_that_it_leads_to(plain: Product, tmp_path: Path, how: dict[str, bool]) -> None:
    file, link, chain = make_tif(tmp_path / "a.tif"), tmp_path / "link.tif", tmp_path / "chain.tif"
    link.symlink_to(file)
    chain.symlink_to("link.tif")
    image = new_image(plain)
    image.upload(chain, **how).raise_for_status()
    file.unlink()
    assert (image.ndarray("blue") == 5).all()


def test_files_of_the_data_folder_are_not_indexed_in_place(catalog: Catalog, plain: Product, tmp_path: Path) -> None:
    image = new_image(plain)
    image.upload(make_tif(tmp_path / "a.tif")).raise_for_status()
    with pytest.raises(BadRequestError, match="is in the catalog's own data folder"):
        new_image(plain, "y").upload(catalog.path_of(image.files[0]), copy=False)


# How arrays are written


def test_compression_and_tiles_can_be_chosen(catalog: Catalog, plain: Product, meta) -> None:
    image = new_image(plain)
    options = ImageUploadOptions(compress="zstd", level=3, blocksize=128, bigtiff="yes", overviews=[2])
    array = numpy.arange(300 * 200, dtype="uint16").reshape(300, 200)
    upload = image.upload_ndarray(array, options, raster_meta=meta)
    assert (upload.image_upload_options.compress, upload.image_upload_options.level) == ("ZSTD", 3)
    path = catalog.path_of(image.files[0])
    assert path.read_bytes()[:4] == b"II+\x00"
    with rasterio.open(path) as file:
        assert (file.compression.name, file.block_shapes, file.overviews(1)) == ("zstd", [(128, 128)], [2])


@pytest.mark.parametrize(
    "wrong",
    [
        {"compress": "JPEG"},
        {"compress": 5},
        {"level": 13},
        {"level": 0},
        {"level": 2.5},
        {"level": 3, "compress": "LZW"},
        {"blocksize": 100},
        {"blocksize": 64},
        {"blocksize": True},
        {"bigtiff": "perhaps"},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict) -> None:
    with pytest.raises(AttributeValidationError, match=next(iter(wrong))):
        ImageUploadOptions(**wrong)


@pytest.mark.parametrize("kind", [ImageUploadOptions, CogOptions])
def test_options_and_the_writer_refuse_the_same(kind: type) -> None:
    for wrong in ({"level": 23, "compress": "ZSTD"}, {"blocksize": 130}, {"overviews": [1]}, {"bigtiff": "maybe"}):
        with pytest.raises(AttributeValidationError, match=next(iter(wrong)).rstrip("s")):
            kind(**wrong)


def make_rgb(display: list[str] | None) -> Product:
    product = Product(id="rgb", name="RGB")
    product.save()
    for index, name in enumerate(["Red", "green", "blue", "nir"]):
        SpectralBand(name=name, product=product, data_type="Byte", data_range=(0, 255), band_index=index).save()
    if display:
        product.default_display_bands = display
        product.save()
    return product


@pytest.mark.parametrize(
    ("display", "colors"),
    [
        (None, ["red", "green", "blue", "undefined"]),
        (["nir"], ["red", "green", "blue", "undefined"]),
        (["nir", "Red", "green"], ["green", "blue", "undefined", "red"]),
    ],
)
def test_bands_have_colours(catalog: Catalog, meta, display: list[str] | None, colors: list[str]) -> None:
    product = make_rgb(display)
    image = new_image(product)
    image.upload_ndarray(numpy.ones((4, 64, 48), "uint8"), raster_meta=meta).raise_for_status()
    with rasterio.open(catalog.path_of(image.files[0])) as file:
        assert [color.name for color in file.colorinterp] == colors


def test_bands_have_scale_offset_and_unit(catalog: Catalog, meta) -> None:
    product = Product(id="kelvin", name="Kelvin")
    product.save()
    common = {"product": product, "data_type": "UInt16"}
    GenericBand(
        name="heat",
        data_range=(0, 10000),
        physical_range=(200, 300),
        physical_range_unit="K",
        band_index=0,
        **common,
    ).save()
    SpectralBand(name="raw", data_range=(0, 10000), band_index=1, **common).save()
    image = new_image(product)
    array = numpy.full((2, 64, 48), 5000, "uint16")
    image.upload_ndarray(array, raster_meta=meta).raise_for_status()
    with rasterio.open(catalog.path_of(image.files[0])) as file:
        assert (file.scales, file.offsets, file.units) == ((0.01, 1.0), (200.0, 0.0), ("K", None))
    assert numpy.array_equal(image.ndarray("heat raw"), array)
    assert image.ndarray("heat", scaling="physical")[0, 0, 0] == pytest.approx(250)


def test_lineage_is_recorded(catalog: Catalog, plain: Product, meta) -> None:
    first = new_image(plain, "first")
    first.upload_ndarray(numpy.ones((64, 48), "uint16"), raster_meta=meta)
    array, info = first.ndarray("blue", raster_info=True)
    second = new_image(plain, "second", extra_properties={"note": "mine"})
    second.upload_ndarray(array, raster_meta=info)
    assert second.extra_properties == {"note": "mine", "derived_from": "acme:plain:first"}
    assert Image.get(second.id).extra_properties == second.extra_properties
    third = new_image(plain, "third", extra_properties={"derived_from": "elsewhere"})
    third.upload_ndarray(array, raster_meta=info)
    assert third.extra_properties == {"derived_from": "elsewhere"}
    crowded = {str(number): number for number in range(500)}  # all that there may be
    fourth = new_image(plain, "fourth", extra_properties=crowded)
    fourth.upload_ndarray(array, raster_meta=info)
    assert fourth.extra_properties == crowded
    first.delete()
    fifth = new_image(plain, "fifth")
    fifth.upload_ndarray(array, raster_meta=info)
    assert fifth.extra_properties is None
