"""Uploads of files that are no Cloud-Optimized GeoTIFFs and become such with ``cog=True``."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import rasterio
from numpy.testing import assert_array_equal
from rio_cogeo.cogeo import cog_validate

from localcat import (
    BadRequestError,
    Catalog,
    ClassBand,
    CorruptImageError,
    Image,
    ImageUploadOptions,
    MaskBand,
    Product,
    SpectralBand,
    StorageFullError,
    UploadOptionWarning,
)
from localcat.disk.data_folder import DataFolder
from tests.leftovers import check_nothing_left
from tests.real_data import REAL_DATA, needs_real_data, uploaded
from tests.small_catalog import make_product, new_image, spectral

TRANSFORM = rasterio.Affine(10, 0, 500_000, 0, -10, 4_000_000)
ARRAY = numpy.random.default_rng(3).integers(0, 9, (2, 140, 301)).astype("uint16")


@pytest.fixture
def product(catalog: Catalog) -> Product:
    return make_product("p", *(spectral(name, data_range=(0, 9), nodata=0) for name in ("red", "green")))


@pytest.fixture
def strips(tmp_path: Path) -> Path:
    """A file of strips, with a mask, tags and descriptions."""
    path = tmp_path / "strips.tif"
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES"),
        rasterio.open(
            path, "w", driver="GTiff", width=301, height=140, count=2, dtype="uint16", crs="EPSG:32618",
            transform=TRANSFORM,
        ) as dataset,
    ):  # fmt: skip
        dataset.write(ARRAY)
        dataset.write_mask(numpy.where(ARRAY[0] > 6, 0, 255).astype("uint8"))
        dataset.update_tags(sensor="alpha", TIFFTAG_DATETIME="1999:01:01 00:00:00")
        dataset.descriptions = ("first", "second")
        dataset.scales = (0.5, 2)
    return path


@pytest.mark.parametrize("wait", [True, False])
def test_a_file_of_strips_becomes_a_cog_with_all_it_had(
    catalog: Catalog, product: Product, strips: Path, wait: bool
) -> None:
    content = strips.read_bytes()
    image = new_image(product)
    options = ImageUploadOptions(overviews=[2], blocksize=128, compress="LZW")
    upload = image.upload(strips, options, cog=True, wait=wait)
    upload.wait_for_completion()
    upload.raise_for_status()
    image = Image.get(image.id)
    path = catalog.path_of(image.files[0])
    assert cog_validate(path, quiet=True)[:2] == (True, [])
    with rasterio.open(path) as dataset:
        assert (dataset.overviews(1), dataset.block_shapes[0]) == ([2], (128, 128))
        assert dataset.compression.name == "lzw"
        assert (dataset.descriptions, dataset.scales) == (("first", "second"), (0.5, 2))
        assert dataset.tags()["sensor"] == "alpha"
        assert dataset.tags()["TIFFTAG_DATETIME"] == "2020:01:01 00:00:00"
        assert dataset.tags()["LOCALCAT_IMAGE_ID"] == "acme:p:x"
        assert_array_equal(dataset.read(), ARRAY)
    found = image.ndarray("red green")
    assert_array_equal(found.data, ARRAY)
    assert_array_equal(found.mask, (ARRAY == 0) | (ARRAY[0] > 6))
    valid = (ARRAY != 0).all(axis=0) & (ARRAY[0] <= 6)
    assert image.fill_fraction == pytest.approx(valid.mean())
    assert strips.read_bytes() == content
    assert catalog.verify("full", progress=False).ok


def test_jpeg_2000_and_several_files_become_cogs(catalog: Catalog, strips: Path, tmp_path: Path) -> None:
    product = Product(id="two", name="Two")
    product.save()
    for index, name in enumerate(("red", "green")):
        SpectralBand(
            name=name, product=product, data_type="UInt16", data_range=(0, 9), band_index=1, file_index=index
        ).save()
    jpeg = tmp_path / "x.jp2"
    profile = {"driver": "JP2OpenJPEG", "width": 301, "height": 140, "count": 2, "dtype": "uint16"}
    place = {"crs": "EPSG:32618", "transform": TRANSFORM}
    with rasterio.open(jpeg, "w", **profile, **place, quality=100, reversible=True) as dataset:
        dataset.write(ARRAY)
    image = new_image(product)
    image.upload([jpeg, strips], cog=True).raise_for_status()
    for file in image.files:
        assert file.href.endswith(".tif")
        assert cog_validate(catalog.path_of(file), quiet=True)[:2] == (True, [])
    assert_array_equal(image.ndarray("red").data[0], ARRAY[1])
    assert_array_equal(image.ndarray("green").mask[0], ARRAY[0] > 6)


def test_a_cog_is_copied_byte_for_byte(catalog: Catalog, product: Product, strips: Path) -> None:
    first = new_image(product, "first")
    first.upload(strips, cog=True).raise_for_status()
    second = new_image(product, "second")
    second.upload(catalog.path_of(first.files[0]), ImageUploadOptions(compress="ZSTD"), cog=True).raise_for_status()
    assert second.files[0].hash == first.files[0].hash


def test_files_are_taken_as_they_are_unless_asked_otherwise(catalog: Catalog, product: Product, strips: Path) -> None:
    image = new_image(product)
    image.upload(strips).raise_for_status()
    assert catalog.path_of(image.files[0]).read_bytes() == strips.read_bytes()


def test_a_file_is_not_rewritten_where_it_lies(catalog: Catalog, product: Product, strips: Path) -> None:
    with pytest.raises(BadRequestError, match="leave out copy=False"):
        new_image(product).upload(strips, copy=False, cog=True)
    check_nothing_left(catalog)


def test_a_damaged_file_is_not_rewritten(catalog: Catalog, product: Product, strips: Path) -> None:
    content = strips.read_bytes()
    strips.write_bytes(content[: len(content) // 2])
    upload = new_image(product).upload(strips, cog=True)
    with pytest.raises(CorruptImageError, match=r"strips\.tif .*restore it"):
        upload.raise_for_status()
    check_nothing_left(catalog)


def test_room_for_the_decoded_pixels_is_looked_for(
    catalog: Catalog, product: Product, strips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = []

    def full(self: DataFolder, needed: int) -> None:
        wanted.append(needed)
        raise StorageFullError("full")

    monkeypatch.setattr(DataFolder, "require_space", full)
    with pytest.raises(StorageFullError, match="full"):
        new_image(product).upload(strips, cog=True).raise_for_status()
    assert wanted == [ARRAY.nbytes]
    check_nothing_left(catalog)


def test_a_resampler_for_complex_numbers_is_told_of(catalog: Catalog, product: Product, strips: Path) -> None:
    options = ImageUploadOptions(overviews=[2], overview_resampler="average_mp")
    with pytest.warns(UserWarning, match="overviews are averaged"):
        upload = new_image(product).upload(strips, options, cog=True)
    assert upload.status == "success"
    assert "overviews are averaged" in upload.events[1].message


@pytest.mark.parametrize("factor", [301, 302, 1000])
def test_an_overview_without_pixels_is_refused_of_files_and_arrays_alike(
    catalog: Catalog, product: Product, strips: Path, factor: int
) -> None:
    """One of a single pixel a row is made still."""
    options = ImageUploadOptions(overviews=[2, factor])
    info = {"geoTransform": TRANSFORM.to_gdal(), "coordinateSystem": {"epsg": 32618}}
    from_file = new_image(product, "file").upload(strips, options, cog=True)
    if factor == 301:
        from_array = new_image(product, "array").upload_ndarray(ARRAY, options, raster_meta=info)
        for upload in (from_file, from_array):
            with rasterio.open(catalog.path_of(Image.get(upload.image_id).files[0])) as dataset:
                assert len(dataset.overviews(1)) == 2
        return
    message = f"factor {factor} of 301 × 140 pixels .*; leave it out"
    with pytest.raises(BadRequestError, match=message):
        from_file.raise_for_status()
    with pytest.raises(BadRequestError, match=message):
        new_image(product, "array").upload_ndarray(ARRAY, options, raster_meta=info)
    check_nothing_left(catalog)


@needs_real_data
@pytest.mark.filterwarnings(f"ignore::{UploadOptionWarning.__module__}.UploadOptionWarning")
@pytest.mark.parametrize(
    "name",
    sorted(path.name for path in (REAL_DATA / "rasters").glob("*.tif") if path.name != "corrupt.tif"),
)
def test_real_files_keep_their_pixels_and_masks(catalog: Catalog, name: str) -> None:
    image, upload = uploaded(name, cog=True)
    upload.raise_for_status()
    path = catalog.path_of(image.files[0])
    assert cog_validate(path, quiet=True)[0]
    with rasterio.open(REAL_DATA / "rasters" / name) as source, rasterio.open(path) as written:
        assert written.read().tobytes() == source.read().tobytes()
        assert_array_equal(written.read_masks(), source.read_masks())
        assert written.crs == source.crs
        assert written.transform == source.transform
        assert written.colorinterp == source.colorinterp
        assert written.nodatavals == source.nodatavals


def plain_file(path: Path, pixels: numpy.ndarray) -> Path:
    """Write a file of strips that says nothing of its bands."""
    count, height, width = pixels.shape
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=count, dtype=pixels.dtype, crs="EPSG:32618",
        transform=TRANSFORM,
    ) as dataset:  # fmt: skip
        dataset.write(pixels)
    return path


def test_codes_are_never_averaged(catalog: Catalog, tmp_path: Path) -> None:
    """The product says what is a code, also where the file has no colours."""
    product = Product(id="codes", name="C")
    product.save()
    ClassBand(name="class", product=product, data_type="Byte", data_range=(0, 255), band_index=0).save()
    MaskBand(name="mask", product=product, data_type="Byte", data_range=(0, 255), band_index=1).save()
    codes = numpy.random.default_rng(1).choice(numpy.array([1, 201], "uint8"), (2, 1300, 1300))
    path = plain_file(tmp_path / "codes.tif", codes)
    image = new_image(product)
    image.upload(path, cog=True).raise_for_status()
    assert numpy.unique(image.ndarray("class mask", resolution=40)).tolist() == [1, 201]


def test_a_nodata_that_the_band_alone_declares_is_not_averaged(catalog: Catalog, tmp_path: Path) -> None:
    product = Product(id="gaps", name="G")
    product.save()
    SpectralBand(name="b", product=product, data_type="UInt16", data_range=(0, 9999), nodata=0, band_index=0).save()
    pixels = numpy.random.default_rng(1).choice(numpy.array([0, 1000], "uint16"), (1, 1300, 1300))
    path = plain_file(tmp_path / "gaps.tif", pixels)
    image = new_image(product)
    image.upload(path, cog=True).raise_for_status()
    assert numpy.unique(image.ndarray("b", resolution=40).compressed()).tolist() == [1000]
    assert_array_equal(image.ndarray("b").filled(0), pixels)
