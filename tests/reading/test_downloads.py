"""Images as files outside the catalog, and how their values are scaled."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy
import pytest
import rasterio
from numpy.testing import assert_array_equal
from rasterio.enums import ColorInterp
from rio_cogeo.cogeo import cog_validate

from localcat import (
    BadRequestError,
    Catalog,
    ClassBand,
    DownloadError,
    Image,
    ImageCollection,
    LocalcatError,
    Product,
    SpectralBand,
    StorageError,
)
from localcat import properties as p
from localcat.disk import names
from localcat.rasters.files.opening import quiet_georeferencing
from tests.overlapping_images import COLUMNS, ROWS, add, context, noise, red_green_product, shifted
from tests.small_catalog import make_product, spectral

__all__ = ["shifted"]  # a fixture


def read(path: str | Path) -> tuple[numpy.ndarray, numpy.ndarray, dict]:
    """Return what rasterio finds in a file: values, masks (0 = invalid) and a few facts."""
    with quiet_georeferencing(), rasterio.open(path) as file:
        facts = {"driver": file.driver, "nodata": file.nodata, "colors": file.colorinterp, "names": file.descriptions}
        facts |= {"crs": file.crs, "transform": file.transform, "flags": file.mask_flag_enums}
        return file.read(), file.read_masks(), facts


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# GeoTIFF


def test_a_download_is_a_cog_with_the_same_pixels(shifted, tmp_path: Path) -> None:
    """3.6: the extension decides the format; parent folders are made."""
    images, layers = shifted
    path = images[0].download("red green", dest=tmp_path / "deep" / "er" / "a.TIF")
    assert path == str(tmp_path / "deep" / "er" / "a.TIF")
    values, masks, facts = read(path)
    assert_array_equal(values, layers[0][0])
    assert_array_equal(masks != 0, layers[0][1])
    assert facts["nodata"] == 0
    assert facts["names"] == ("red", "green")
    assert facts["crs"].to_epsg() == 32618
    assert facts["transform"].to_gdal() == (500_000, 10, 0, 4_000_000, 0, -10)
    assert cog_validate(path, quiet=True)[0] is True
    assert files_in(tmp_path / "deep" / "er") == ["a.TIF"]


def test_a_download_takes_a_context_a_resolution_and_a_type(shifted, tmp_path: Path) -> None:
    """3.6."""
    images, _ = shifted
    path = images[0].download("red", context(columns=10), dest=tmp_path / "a.tif", data_type="Float32")
    values, _, _ = read(path)
    assert (values.shape, values.dtype) == ((1, ROWS, 10), numpy.float32)
    values, _, _ = read(images[0].download("red", resolution=20, dest=tmp_path / "b.tif"))
    assert values.shape == (1, 20, 15)


def test_default_names_are_safe_on_every_system(shifted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """3.6, 3.7: "<id>-<bands>.tif" and "mosaic-<bands>.tif", colons replaced."""
    images, _ = shifted
    monkeypatch.chdir(tmp_path)
    assert images[0].download("red green") == "acme_p_i0-red-green.tif"
    assert images[0].download("red", format="png", scaling="display") == "acme_p_i0-red.png"
    assert images.download("red") == [f"acme_p_i{n}-red.tif" for n in range(3)]
    assert images.download_mosaic("red green") == "mosaic-red-green.tif"
    (tmp_path / "folder").mkdir()
    assert images[0].download("red", dest="folder") == str(Path("folder") / "acme_p_i0-red.tif")
    assert images.download_mosaic("red", dest="folder") == str(Path("folder") / "mosaic-red.tif")


def test_long_names_are_cut(catalog: Catalog, tmp_path: Path) -> None:
    """3.6, ours."""
    image = add(red_green_product(), "n" * 900, noise(1))
    path = Path(image.download("red", dest=tmp_path))
    assert path.exists()
    assert len(path.name) == 204 or len(str(path)) == 258  # the second on Windows


def test_names_that_differ_in_case_alone_are_one_where_the_system_ignores_case(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3.6, ours: macOS and Windows ignore case."""
    product = red_green_product()
    files = tmp_path / "some"
    images = [add(product, name, noise(1)) for name in ("a", "A")]
    collection = catalog.images.filter(p.name.any_of([image.name for image in images])).collect()
    monkeypatch.setattr(names, "_IGNORES_CASE", True)
    with pytest.raises(DownloadError, match="several images would be written to .*acme_p_a-red.tif"):
        collection.download("red", context(), dest=files)
    monkeypatch.setattr(names, "_IGNORES_CASE", False)
    assert sorted(Path(name).name for name in collection.download("red", context(), dest=files)) == [
        "acme_p_A-red.tif",
        "acme_p_a-red.tif",
    ]


def test_a_file_that_is_there_is_replaced_only_by_a_whole_one(shifted, catalog: Catalog, tmp_path: Path) -> None:
    """3.6: it overwrites."""
    images, _ = shifted
    target = tmp_path / "a.tif"
    target.write_text("old")
    catalog.path_of(images[1].files[0]).unlink()
    with pytest.raises(LocalcatError, match="i1-.*bring it back"):
        images[1].download("red", dest=target)
    assert target.read_text() == "old"
    images[0].download("red", dest=target)
    assert_array_equal(read(target)[0], noise(0)[:1])
    assert files_in(tmp_path) == ["a.tif"]


def test_a_given_nodata_is_written_where_pixels_are_masked(shifted, tmp_path: Path) -> None:
    """3.6: nodata."""
    images, layers = shifted
    values, masks, facts = read(images[0].download("red green", dest=tmp_path / "a.tif", nodata=9))
    assert facts["nodata"] == 9
    assert_array_equal(values, numpy.where(layers[0][1], layers[0][0], 9))
    assert_array_equal(masks != 0, layers[0][1])
    with pytest.raises(ValueError, match="nodata -1 of band 1 cannot be stored as uint16"):
        images[0].download("red", dest=tmp_path / "b.tif", nodata=-1)


def test_scaled_pixels_keep_their_masks(shifted, tmp_path: Path) -> None:
    """3.6, choice 27: nothing that was invalid becomes valid; bands that differ get a value that no valid pixel has."""
    images, layers = shifted
    values, masks, facts = read(images[0].download("red green", dest=tmp_path / "a.tif", scaling=[(0, 4), (0, 4)]))
    valid = layers[0][1]
    assert facts["nodata"] == 0  # no valid pixel is scaled to it
    assert values.dtype == numpy.uint8
    assert_array_equal(masks != 0, valid)
    assert_array_equal(values[valid], numpy.rint(layers[0][0][valid] * 255 / 4))


def test_bands_with_different_nodata_keep_their_masks(catalog: Catalog, tmp_path: Path) -> None:
    """3.6, choice 27."""
    product = Product(id="p", name="p")
    product.save()
    for index, (name, nodata) in enumerate((("red", 0), ("green", 1), ("blue", None))):
        SpectralBand(
            name=name, product=product, data_type="UInt16", data_range=(0, 9), band_index=index, nodata=nodata
        ).save()
    array = noise(1, bands=3)
    image = add(product, "x", array)
    values, masks, facts = read(image.download("red green blue", dest=tmp_path / "a.tif"))
    valid = numpy.stack([array[0] != 0, array[1] != 1, numpy.ones_like(array[2], dtype=bool)])
    assert facts["nodata"] == 65_535  # of red and green 0 and 1 would do, but blue has both
    assert_array_equal(values[valid], array[valid])
    assert_array_equal(masks != 0, valid)
    assert read(image.download("green", dest=tmp_path / "b.tif"))[2]["nodata"] == 1


def test_alpha_keeps_its_values_and_becomes_a_mask_for_other_programs(catalog: Catalog, tmp_path: Path) -> None:
    """3.6, ours."""
    array = noise(1, bands=3, high=2)
    image = add(red_green_product(nodata=None, has_alpha=True), "x", array)
    values, masks, facts = read(image.download("red green alpha", dest=tmp_path / "a.tif"))
    assert_array_equal(values, array)
    assert facts["colors"][2] is ColorInterp.undefined
    assert_array_equal(masks[0] != 0, array[2] != 0)
    values, masks, facts = read(image.download("red green", dest=tmp_path / "b.tif"))
    assert_array_equal(values, array[:2])
    assert_array_equal(masks[0] != 0, array[2] != 0)

    lonlat = image.geometry.bounds
    west = (lonlat[0], lonlat[1], (lonlat[0] + lonlat[2]) / 2, lonlat[3])
    values, _, _ = read(image.download("red alpha", context().assign(geometry=west), dest=tmp_path / "c.tif"))
    assert not values[1, :, 16:].any()
    assert_array_equal(values[1, :, :14], array[2, :, :14])


def test_a_class_band_keeps_its_colours(catalog: Catalog, tmp_path: Path) -> None:
    """3.6, ours."""
    product = Product(id="p", name="p")
    product.save()
    colors = [(0, 0, 0, 0), (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255)]
    ClassBand(name="cover", product=product, data_type="Byte", data_range=(0, 3), band_index=0, colormap=colors).save()
    image = add(product, "x", noise(1, bands=1, dtype="uint8"))
    with rasterio.open(image.download("cover", dest=tmp_path / "a.tif")) as file:
        assert [file.colormap(1)[value][:3] for value in range(4)] == [color[:3] for color in colors]


# Pictures


def test_a_png_is_transparent_where_pixels_are_masked(shifted, tmp_path: Path) -> None:
    """3.6: png."""
    images, layers = shifted
    values, _, facts = read(images[0].download("red", dest=tmp_path / "a.png", scaling="raw"))
    assert facts["driver"] == "PNG"
    assert values.dtype == numpy.uint16
    assert_array_equal(values[0], numpy.where(layers[0][1][0], layers[0][0][0], 0))
    assert_array_equal(values[1], numpy.where(layers[0][1][0], 65535, 0))
    values, _, _ = read(images[0].download("red red red", dest=tmp_path / "b.png", scaling="display"))
    assert values.shape == (4, ROWS, COLUMNS)
    assert set(numpy.unique(values[3])) == {0, 255}
    assert files_in(tmp_path) == ["a.png", "b.png"]


@pytest.mark.parametrize("bands", ["red", "red green red"])
def test_a_picture_is_shown_as_the_preview_is(catalog: Catalog, tmp_path: Path, bands: str) -> None:
    """8 bit, stretched as the whole image is, also if a part of it is written."""
    image = add(make_product("p", spectral("red"), spectral("green")), "x", noise(1, bands=2, high=3000) + 1000)
    shown = numpy.moveaxis(image.preview_array(bands=bands), -1, 0)
    for scaling in (None, "display"):
        values, _, _ = read(image.download(bands, dest=tmp_path / "a.png", scaling=scaling))
        assert values.dtype == numpy.uint8
        assert_array_equal(values, shown[: len(values)])
    values, _, _ = read(image.download(bands, context(rows=10, columns=10), dest=tmp_path / "part.png"))
    assert_array_equal(values, shown[: len(values), :10, :10])
    values, _, facts = read(image.download(bands, dest=tmp_path / "a.jpg"))
    assert (facts["driver"], values.dtype, values.shape) == ("JPEG", numpy.uint8, (len(bands.split()), ROWS, COLUMNS))
    assert abs(float(values.mean()) - float(shown[: len(values)].mean())) < 3, "as far as a JPEG can"


def test_a_tif_keeps_its_values(catalog: Catalog, tmp_path: Path) -> None:
    image = add(red_green_product(nodata=0), "x", noise(1, bands=2, high=3000) + 1000)
    values, _, _ = read(image.download("red", dest=tmp_path / "a.tif"))
    assert_array_equal(values[0], image.ndarray("red")[0])


def test_a_class_map_is_written_in_its_colours(catalog: Catalog, tmp_path: Path) -> None:
    colors = [(0, 0, 0, 0), (255, 0, 0, 255), (0, 128, 0, 255)]
    band = partial(ClassBand, name="class", data_range=(0, 255), colormap=colors)
    image = add(make_product("p", band, data_type="Byte"), "x", (noise(1, bands=1, high=3) % 3).astype("uint8"))
    values, _, _ = read(image.download("class", dest=tmp_path / "a.png"))
    stored = image.ndarray("class").filled(0)[0]
    assert_array_equal(numpy.moveaxis(values, 0, -1), numpy.array(colors, "uint8")[stored])
    values, _, _ = read(image.download("class", dest=tmp_path / "raw.png", scaling="raw"))
    assert_array_equal(values[0], stored)


def test_a_mosaic_is_shown_in_one_range(catalog: Catalog, tmp_path: Path) -> None:
    product = make_product("p", spectral("red"))
    images = [add(product, f"i{n}", noise(n, bands=1, high=1000) + 1000 * n + 1) for n in range(3)]
    mosaic = ImageCollection(images).download_mosaic("red", context(), dest=tmp_path / "a.png")
    values, _, _ = read(mosaic)
    low, high = numpy.percentile(numpy.concatenate([image.ndarray("red").compressed() for image in images]), (2, 98))
    top = images[-1].ndarray("red").filled(0)[0].astype(float)
    assert_array_equal(values[0], numpy.rint(((top - low) / (high - low)).clip(0, 1) * 255))


def test_a_picture_without_masked_pixels_has_no_alpha(catalog: Catalog, tmp_path: Path) -> None:
    """3.6, ours."""
    image = add(red_green_product(nodata=None, has_alpha=True), "x", noise(1, bands=3) + 1)
    assert read(image.download("red", dest=tmp_path / "a.png"))[0].shape[0] == 1
    assert read(image.download("red alpha", dest=tmp_path / "b.png"))[0].shape[0] == 2
    values, _, facts = read(image.download("red green red", dest=tmp_path / "c.jpeg", scaling="display"))
    assert facts["driver"] == "JPEG"
    assert values.shape == (3, ROWS, COLUMNS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bands": "red", "dest": "a.jpg", "scaling": "raw"}, "a jpg holds uint8, not uint16; leave out scaling and"),
        ({"bands": "red", "dest": "a.png", "data_type": "Float32"}, "a png holds uint8 or uint16, not float32"),
        ({"bands": "red green", "dest": "a.png"}, "a png holds 1 or 3 bands and an alpha band, not 2"),
        ({"bands": "red", "dest": "a.gif"}, "the suffix of 'a.gif' is none of .tif, .tiff, .png, .jpg, .jpeg"),
        ({"bands": "red", "dest": "plain"}, "the suffix of 'plain' is none of"),
        ({"bands": "red", "format": "gif"}, "format is one of 'jpg', 'png', 'tif', not 'gif'"),
        ({"bands": "blue"}, "Invalid bands: band 'blue' is not available"),
    ],
)
def test_what_a_file_cannot_hold_is_refused(shifted, options, message, tmp_path, monkeypatch) -> None:
    """3.6: an unknown format is a ValueError."""
    images, _ = shifted
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadRequestError, match=message):
        images[0].download(**options)
    assert files_in(tmp_path) == []


def test_jpeg_holds_no_alpha(catalog: Catalog, tmp_path: Path) -> None:
    """3.6: jpg."""
    image = add(red_green_product(has_alpha=True, data_type="Byte"), "x", noise(1, bands=3, dtype="uint8"))
    with pytest.raises(BadRequestError, match="a jpg holds 1 or 3 bands, not 2"):
        image.download("red alpha", dest=tmp_path / "a.jpg")


# Collections


def test_each_image_gets_a_file(shifted, tmp_path: Path) -> None:
    """3.7: into a folder, or one path each."""
    images, layers = shifted
    paths = images.download("red green", dest=tmp_path / "new" / "folder")
    assert paths == [str(tmp_path / "new" / "folder" / f"acme_p_i{n}-red-green.tif") for n in range(3)]
    for path, (values, valid) in zip(paths, layers, strict=True):
        assert_array_equal(read(path)[1] != 0, valid)
        assert_array_equal(read(path)[0], numpy.where(valid, values, 0))
    chosen = [tmp_path / "x.tif", str(tmp_path / "y.png"), tmp_path / "z" / "z.tiff"]
    assert images.download("red", dest=chosen, scaling="display") == [str(path) for path in chosen]
    assert [read(path)[2]["driver"] for path in chosen] == ["GTiff", "PNG", "GTiff"]


def test_paths_must_fit_the_images(shifted, tmp_path: Path) -> None:
    """3.7: equal in number (ValueError), unique (RuntimeError), a sequence (TypeError)."""
    images, _ = shifted
    with pytest.raises(ValueError, match="dest has 1 paths for 3 images; pass one for each"):
        images.download("red", dest=["a.tif"])
    with pytest.raises(TypeError, match="dest is a folder, or a sequence of paths, not 5"):
        images.download("red", dest=5)
    with pytest.raises(TypeError, match="dest is a path, not 5"):
        images[0].download("red", dest=5)
    for unusable in ("", "a\0.tif"):
        with pytest.raises(ValueError, match="dest is text that a file can be named by, not "):
            images[0].download("red", dest=unusable)
        with pytest.raises(ValueError, match="dest is text that a file can be named by, not "):
            images.download("red", dest=unusable)
    same = [tmp_path / "a.tif", tmp_path / "b.tif", str(tmp_path / "a.tif")]
    with pytest.raises(RuntimeError, match=r"a\.tif; nothing was written"):
        images.download("red", dest=same)
    with pytest.raises(RuntimeError, match="several images would be written"):
        images[[0, 0]].download("red", dest=tmp_path)
    assert files_in(tmp_path) == []


def test_all_failures_are_listed_and_the_others_are_written(shifted, catalog: Catalog, tmp_path: Path) -> None:
    """3.7: RuntimeError."""
    images, _ = shifted
    for image in images[:2]:
        catalog.path_of(image.files[0]).unlink()
    with pytest.raises(RuntimeError) as raised:
        images.download("red", dest=tmp_path)
    assert isinstance(raised.value, DownloadError)
    first, *listed = str(raised.value).splitlines()
    assert first == "2 of 3 images were not written:"
    assert [line.split()[0] for line in listed] == ["acme:p:i0", "acme:p:i1"]
    assert files_in(tmp_path) == ["acme_p_i2-red.tif"]


def test_a_mosaic_is_written(shifted, tmp_path: Path) -> None:
    """3.7: download_mosaic, with nodata."""
    images, _ = shifted
    found = images.mosaic("red green")
    values, masks, facts = read(images.download_mosaic("red green", dest=tmp_path / "m.tif"))
    assert_array_equal(values, found.filled(0))
    assert_array_equal(masks == 0, found.mask)
    assert facts["nodata"] == 0
    values, _, facts = read(images.download_mosaic("red", dest=tmp_path / "n.tif", nodata=7, resolution=20))
    assert (values.shape, facts["nodata"]) == ((1, 20, 15), 7)


# Scaling


def test_scaling_follows_the_bands_that_are_asked_for(catalog: Catalog) -> None:
    """3.6: scaling_parameters returns (scales, data_type)."""
    image = add(red_green_product(nodata=None, has_alpha=True), "x", noise(1, bands=3, high=4000))
    expected = ([(0, 4000, 0, 255), (0, 10000, 0, 255)], "Byte")
    for scaling in (["display", (0, 10000)], {"red": "display", "green": (0, 10000)}):
        assert image.scaling_parameters("red green", scaling=scaling) == expected
        scaled = image.ndarray("red green", scaling=scaling)  # alpha is read along and takes no part
        assert scaled.dtype == numpy.uint8
        assert scaled.shape[0] == 2
    assert image.scaling_parameters("red alpha", scaling="display") == ([(0, 4000, 0, 255), None], "Byte")
    assert image.scaling_parameters("red") == (None, "UInt16")
    assert image.ndarray("red", data_type="Float64").dtype == numpy.float64


def test_products_have_to_agree_on_scaling(catalog: Catalog) -> None:
    """3.7: incompatible results for a band are a ValueError."""
    first, second = red_green_product("a"), red_green_product("b")
    images = ImageCollection([add(first, "x", noise(1)), add(second, "y", noise(2))], geocontext=context())
    assert images.scaling_parameters("red", scaling="display") == ([(0, 4000, 0, 255)], "Byte")
    assert images.scaling_parameters("red green") == (None, "UInt16")
    red = second.get_band("red")
    red.display_range = (0, 3000)
    red.save()
    message = "'red' .*4000.*'acme:a' .*3000.*'acme:b'; pass scaling"
    for call in (images.scaling_parameters, images.mosaic, images.stack):
        with pytest.raises(ValueError, match=message):
            call("green red", scaling="display")
    assert images.scaling_parameters("green", scaling="display") == ([(0, 4000, 0, 255)], "Byte")
    assert images.scaling_parameters("red", scaling=[(0, 100)]) == ([(0, 100, 0, 255)], "Byte")


def test_a_data_type_holds_those_of_all_products(catalog: Catalog) -> None:
    """3.7."""
    images = ImageCollection(
        [
            Image(product=red_green_product(name, data_type=kind), name="x")
            for name, kind in (("a", "UInt16"), ("b", "Int16"))
        ]
    )
    assert images.scaling_parameters("red") == (None, "Int32")
    assert images.scaling_parameters("red", data_type="Float32") == (None, "Float32")


# What is no number, no path, no predicate


@pytest.mark.parametrize("nodata", ["x", True, [0]])
def test_nodata_of_a_download_is_a_number(shifted, tmp_path: Path, nodata) -> None:
    with pytest.raises(BadRequestError, match="nodata is a number"):
        shifted[0][0].download("red", dest=tmp_path / "x.tif", nodata=nodata)
    assert list(tmp_path.iterdir()) == []


def test_a_name_too_long_for_the_disk_is_our_error(shifted, tmp_path: Path) -> None:
    for name in (f"{'n' * 300}.tif", f"{'n' * 300}/x.tif"):
        with pytest.raises(StorageError, match="too long"):
            shifted[0][0].download("red", dest=tmp_path / name)
    with pytest.raises(StorageError, match="too long"):
        shifted[0].download("red", dest=tmp_path / ("n" * 300))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limit", ["x", 0, -1, 2.5, True])
def test_limits_of_a_stack_are_numbers(shifted, limit) -> None:
    with pytest.raises(BadRequestError, match="max_bytes is a whole number from 1"):
        shifted[0].stack("red", max_bytes=limit)
    with pytest.raises(BadRequestError, match="max_bytes is a whole number from 1"):
        shifted[0].mosaic("red", max_bytes=limit)
    with pytest.raises(TypeError, match="flatten is a predicate"):
        shifted[0].stack("red", flatten=5)
