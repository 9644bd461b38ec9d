"""`Image.ndarray` and its like, sentence by sentence (section 3.6 of the behaviour)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy
import pytest
import shapely
from numpy.testing import assert_array_equal

from localcat import (
    AOI,
    Catalog,
    ClassBand,
    DLTile,
    Image,
    ImageCollection,
    MaskBand,
    Product,
    RasterError,
    ResampleAlgorithm,
    SpectralBand,
    XYZTile,
)
from tests.overlapping_images import COLUMNS, ROWS, add, context, info, noise, red_green_product

WHERE = "bands geocontext crs resolution all_touched"
HOW = "processing_level scaling data_type"


@pytest.mark.parametrize(
    ("method", "names"),
    [
        (Image.ndarray, f"{WHERE} mask_nodata mask_alpha bands_axis raster_info resampler {HOW} progress"),
        (Image.download, f"{WHERE} dest format resampler {HOW} nodata progress"),
        (Image.scaling_parameters, f"bands {HOW}"),
        (ImageCollection.mosaic, f"{WHERE} mask_nodata mask_alpha bands_axis resampler {HOW} progress raster_info"),
        (
            ImageCollection.stack,
            f"{WHERE} flatten mask_nodata mask_alpha bands_axis raster_info resampler {HOW} progress max_workers",
        ),
        (ImageCollection.filter_coverage, "geom minimum_coverage"),
    ],
)
def test_positional_arguments_are_the_originals(method: Callable[..., Any], names: str) -> None:
    """3.6, 3.7: in the original's order and with its defaults; what is ours comes by keyword."""
    _, *parameters = inspect.signature(method).parameters.values()
    positional = [one for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    assert " ".join(one.name for one in positional) == names
    defaults = {one.name: one.default for one in positional if one.default not in (None, inspect.Parameter.empty)}
    assert {name: defaults.pop(name) for name in ("resampler", "format") if name in defaults} in (
        {"resampler": "near"},
        {"resampler": "near", "format": "tif"},
        {},
    )
    axis = {ImageCollection.stack: 1}.get(method, 0)
    assert defaults in ({"mask_nodata": True, "bands_axis": axis, "raster_info": False}, {"minimum_coverage": 1}, {})


# Bands and axes


@pytest.fixture
def image(catalog: Catalog) -> Image:
    """An image with bands red and green, whose nodata is 0, and alpha; of few different numbers."""
    return add(red_green_product(has_alpha=True), "x", noise(1, bands=3))


def test_bands_are_a_text_or_a_list(image: Image) -> None:
    """3.6: names separated by spaces, or a list or tuple of them; in the order asked for, also twice."""
    array = noise(1, bands=3)
    for bands in ("green red", ["green", "red"], ("green", "red"), " green   red "):
        assert_array_equal(image.ndarray(bands, mask_nodata=False, mask_alpha=False), array[[1, 0]])
    assert_array_equal(image.ndarray("red red", mask_nodata=False, mask_alpha=False), array[[0, 0]])


@pytest.mark.parametrize(
    ("bands", "error", "message"),
    [
        (5, TypeError, "bands is a string or a list of strings, not 5"),
        (None, TypeError, "bands is a string or a list of strings"),
        ({"red": 1}, TypeError, "bands is a string or a list of strings"),
        ("", ValueError, "bands names no band"),
        (" ", ValueError, "bands names no band"),
        ([], ValueError, "bands names no band"),
        ("red nir", ValueError, "Invalid bands: band 'nir' is not available"),
        ("Red", ValueError, "Invalid bands: band 'Red' is not available"),
    ],
)
def test_what_are_no_bands(image: Image, bands: object, error: type[Exception], message: str) -> None:
    """3.6: other types are a TypeError, none and unknown ones a ValueError."""
    for call in (image.ndarray, image.download, image.scaling_parameters):
        with pytest.raises(error, match=message):
            call(bands)


@pytest.mark.parametrize(
    ("axis", "one", "two"),
    [
        (0, (1, ROWS, COLUMNS), (2, ROWS, COLUMNS)),
        (1, (ROWS, 1, COLUMNS), (ROWS, 2, COLUMNS)),
        (2, (ROWS, COLUMNS, 1), (ROWS, COLUMNS, 2)),
        (-1, (ROWS, COLUMNS, 1), (ROWS, COLUMNS, 2)),
        (-2, (ROWS, 1, COLUMNS), (ROWS, 2, COLUMNS)),
    ],
)
def test_the_result_has_three_axes(image: Image, axis: int, one: tuple, two: tuple) -> None:
    """3.6: (band, y, x), also of one band; bands_axis moves the first."""
    assert image.ndarray("red", bands_axis=axis).shape == one
    found = image.ndarray("red green", bands_axis=axis)
    assert found.shape == two
    assert_array_equal(found.filled(0), numpy.moveaxis(image.ndarray("red green").filled(0), 0, axis))


@pytest.mark.parametrize("axis", [3, -3, 1.0, 1.5, "0", None])
def test_other_axes_are_refused(image: Image, axis: object) -> None:
    """3.6: ValueError outside of -2 to 2."""
    with pytest.raises(ValueError, match="bands_axis is one of -2, -1, 0, 1, 2, not"):
        image.ndarray("red", bands_axis=axis)


# Masks


def test_what_is_masked(image: Image) -> None:
    """3.6: alpha 0 masks all bands, nodata its own band alone; outside of the image everything is masked."""
    red, green, alpha = noise(1, bands=3)
    found = image.ndarray("red green")
    assert_array_equal(found.mask, [(red == 0) | (alpha == 0), (green == 0) | (alpha == 0)])
    assert_array_equal(found.compressed(), numpy.stack((red, green))[~found.mask])
    assert_array_equal(image.ndarray("red", mask_alpha=False).mask, [red == 0])
    assert_array_equal(image.ndarray("red", mask_nodata=False).mask, [alpha == 0])
    beside = image.ndarray("red", context(column=-2), mask_nodata=False, mask_alpha=False)
    assert type(beside) is numpy.ndarray
    assert image.ndarray("red", context(column=-2)).mask[0, :, :2].all()


def test_without_masking_the_array_is_a_plain_one(image: Image) -> None:
    """3.6: a MaskedArray when masking is on, even where nothing is masked."""
    assert type(image.ndarray("red", mask_nodata=False, mask_alpha=False)) is numpy.ndarray
    assert isinstance(image.ndarray("red", mask_nodata=False), numpy.ma.MaskedArray)
    bare = add(red_green_product("bare", nodata=None), "x", noise(1))
    assert isinstance(bare.ndarray("red"), numpy.ma.MaskedArray)
    assert not bare.ndarray("red").mask.any()
    assert type(bare.ndarray("red", mask_nodata=False)) is numpy.ndarray  # it has no alpha to mask by


def test_alpha_is_used_if_the_product_has_it(image: Image) -> None:
    """3.6: None is like True with a band `alpha`, and like False without one; a text names another band."""
    assert_array_equal(image.ndarray("red").mask, image.ndarray("red", mask_alpha=True).mask)
    assert_array_equal(image.ndarray("red").mask, image.ndarray("red", mask_alpha="alpha").mask)
    green = noise(1, bands=3)[1]
    assert_array_equal(image.ndarray("red", mask_nodata=False, mask_alpha="green").mask, [green == 0])
    bare = add(red_green_product("bare"), "x", noise(1))
    assert_array_equal(bare.ndarray("red").mask, noise(1)[:1] == 0)
    with pytest.raises(ValueError, match=r"no alpha band .*'acme:bare'.*Try setting "):
        bare.ndarray("red", mask_alpha=True)
    with pytest.raises(ValueError, match="mask_alpha is True, False, None or the name of a band, not 1"):
        bare.ndarray("red", mask_alpha=1)


def test_alpha_that_is_not_asked_for_is_dropped_again(image: Image) -> None:
    """3.6: it is read along; asked for, it comes last, and its masked cells are exactly its zeros."""
    assert image.ndarray("red").shape[0] == 1
    found = image.ndarray("red alpha")
    assert found.shape[0] == 2
    assert_array_equal(found.mask[1], noise(1, bands=3)[2] == 0)
    with pytest.raises(ValueError, match="Alpha must be the last band"):
        image.ndarray("alpha red")


def test_the_images_own_footprint_is_no_cutline(catalog: Catalog) -> None:
    """3.6: only a context that is passed cuts, be it that of the image."""
    product = red_green_product(nodata=None)
    whole = add(product, "whole", noise(1))
    west, south, east, north = whole.geometry.bounds
    half = add(product, "half", noise(1), geometry=shapely.box(west, south, (west + east) / 2, north))
    assert not half.ndarray("red").mask.any()
    assert not half.ndarray("red", resolution=20).mask.any()
    cut = half.ndarray("red", half.geocontext)
    assert cut.mask[0, :, COLUMNS // 2 + 1 :].all()
    assert not cut.mask[0, :, : COLUMNS // 2 - 1].any()


# Types


@pytest.mark.parametrize(
    ("types", "common"),
    [
        (("Byte", "UInt16"), "uint16"),
        (("Byte", "Int16"), "int16"),
        (("UInt16", "Int16"), "int32"),
        (("UInt16", "Float32"), "float32"),
        (("UInt32", "Float32"), "float64"),
        (("Int32", "UInt32"), "float64"),
        (("UInt32", "Int16"), "float64"),
    ],
)
def test_the_type_is_the_least_that_holds_all_bands(catalog: Catalog, types: tuple[str, str], common: str) -> None:
    """3.6: in either order; data_type names another."""
    product = Product(id="p", name="P")
    product.save()
    for index, data_type in enumerate(types):
        SpectralBand(
            name=f"b{index}", product=product, data_type=data_type, data_range=(0, 9), band_index=0, file_index=index
        ).save()
    numpy_types = {"Byte": "uint8", **{name: name.lower() for name in ("UInt16", "Int16", "UInt32", "Int32")}}
    arrays = [numpy.full((ROWS, COLUMNS), 7, numpy_types.get(name, "float32")) for name in types]
    image = Image(product=product, name="x", acquired="2020-01-01")
    image.upload_ndarray(arrays, raster_meta=info()).raise_for_status()
    for bands in ("b0 b1", "b1 b0"):
        found = image.ndarray(bands)
        assert (found.dtype, (found == 7).all()) == (numpy.dtype(common), True)
    assert image.ndarray("b0", data_type="Float64").dtype == numpy.float64


# Grids


def test_raster_info_has_the_originals_keys(image: Image) -> None:
    """3.6: as those who take it as raster_meta expect them."""
    array, meta = image.ndarray("red alpha", raster_info=True)
    assert set(meta) == {
        "geoTransform",
        "coordinateSystem",
        "size",
        "bands",
        "cornerCoordinates",
        "wgs84Extent",
        "driverShortName",
        "files",
        "metadata",
    }
    assert meta["geoTransform"] == [500_000, 10, 0, 4_000_000, 0, -10]
    assert set(meta["coordinateSystem"]) == {"wkt", "proj4", "epsg"}
    assert (meta["coordinateSystem"]["epsg"], meta["size"]) == (32618, [COLUMNS, ROWS])
    assert [(band["name"], band["type"]) for band in meta["bands"]] == [("red", "UInt16"), ("alpha", "UInt16")]
    assert [band["colorInterpretation"] for band in meta["bands"]] == ["Undefined", "Alpha"]
    assert meta["cornerCoordinates"]["lowerRight"] == [500_000 + 10 * COLUMNS, 4_000_000 - 10 * ROWS]
    assert shapely.geometry.shape(meta["wgs84Extent"]).equals(image.geometry)
    assert array.shape == (2, ROWS, COLUMNS)


def test_the_context_is_changed_by_the_arguments(image: Image) -> None:
    """3.6: crs, resolution and all_touched go to geocontext.assign."""
    assert image.ndarray("red", resolution=20).shape == (1, ROWS // 2, COLUMNS // 2)
    assert image.ndarray("red", context(), resolution=20).shape == (1, ROWS // 2, COLUMNS // 2)
    _, meta = image.ndarray("red", crs="EPSG:3857", resolution=12, raster_info=True)
    assert meta["coordinateSystem"]["epsg"] == 3857
    point = AOI(shapely.Point(-75 + 0.0005, 36.144), crs="EPSG:32618", resolution=10)
    assert image.ndarray("red", point, all_touched=True).shape == (1, 1, 1)


@pytest.mark.parametrize(
    ("place", "expected"), [("POINT (12 47)", [[32]]), ("LINESTRING (11 48, 14 48)", [[21, 22, 23]])]
)
def test_a_place_on_the_line_between_pixels_is_touched(catalog: Catalog, place: str, expected: list) -> None:
    """3.8: all_touched; the pixels right of it and below it are taken."""
    product = Product(id="degrees", name="D")
    product.save()
    SpectralBand(name="b", product=product, data_type="Byte", data_range=(0, 255), band_index=0).save()
    degrees = {"geoTransform": (10, 1, 0, 50, 0, -1), "coordinateSystem": {"epsg": 4326}}
    image = Image(product=product, name="x", acquired="2024-05-06")
    image.upload_ndarray(numpy.add.outer(range(0, 100, 10), range(10)).astype("uint8"), raster_meta=degrees)
    grid = AOI(shapely.from_wkt(place), crs="EPSG:4326", resolution=1, all_touched=True)
    assert image.ndarray("b", grid).tolist() == [expected]


@pytest.mark.parametrize("change", [{"resolution": 20}, {"crs": "EPSG:3857"}, {"all_touched": True}])
def test_tiles_are_not_changed(image: Image, change: dict) -> None:
    """3.6: a DLTile and an XYZTile fix their grid: ValueError."""
    for tile in (DLTile.from_latlon(36.1, -75, 10, 32, 0), XYZTile(4, 5, 4)):
        message = f"^{type(tile).__name__} geocontext does not support modifying crs or resolution"
        with pytest.raises(ValueError, match=message):
            image.ndarray("red", tile, **change)


@pytest.mark.parametrize("resampler", list(ResampleAlgorithm))
def test_every_resampler_is_taken_by_member_and_by_text(image: Image, resampler: ResampleAlgorithm) -> None:
    """3.6."""
    found = image.ndarray("red", resolution=20, resampler=resampler, mask_nodata=False, mask_alpha=False)
    text = image.ndarray("red", resolution=20, resampler=resampler.value, mask_nodata=False, mask_alpha=False)
    assert found.shape == (1, ROWS // 2, COLUMNS // 2)
    assert_array_equal(found, text)


def test_pixels_can_be_read_only_where_they_are(catalog: Catalog) -> None:
    """3.6: a remote image cannot be rastered."""
    image = Image(product=red_green_product(), name="far", files=[{"href": "https://example.org/a.tif"}])
    image.save()
    for call in (image.ndarray, image.download):
        with pytest.raises(RasterError, match=r"has no pixels in this catalog \(storage_state 'remote'\)"):
            call("red", context())


# Scaling


def test_classes_and_masks_are_never_scaled(catalog: Catalog) -> None:
    """3.6: modes pass them by, alone or beside others; ``default_`` too."""
    product = Product(id="p", name="P")
    product.save()
    for index, (kind, name) in enumerate(((SpectralBand, "red"), (ClassBand, "kind"), (MaskBand, "alpha"))):
        more = {} if kind is MaskBand else {"data_range": (0, 100)}
        kind(name=name, product=product, data_type="Byte", band_index=index, **more).save()
    image = add(product, "x", noise(1, bands=3, dtype="uint8") + 1)
    assert image.scaling_parameters("red kind alpha", scaling="display") == ([(0, 100, 0, 255), None, None], "Byte")
    assert image.scaling_parameters("red kind", scaling={"default_": "display"}) == ([(0, 100, 0, 255), None], "Byte")
    found = image.ndarray("red kind", scaling="display", mask_alpha=False)
    assert_array_equal(found[1], noise(1, bands=3, dtype="uint8")[1] + 1)


def test_bands_are_looked_up_each_time(image: Image) -> None:
    """3.7: nothing is cached: a band that was edited counts at once, in images and in collections."""
    images = ImageCollection([image], geocontext=context())
    for call in (image.scaling_parameters, images.scaling_parameters):
        assert call("red", scaling="display") == ([(0, 4000, 0, 255)], "Byte")
    red = image.product.get_band("red")
    red.display_range = (0, 5000)
    red.nodata = 1
    red.save()
    for call in (image.scaling_parameters, images.scaling_parameters):
        assert call("red", scaling="display") == ([(0, 5000, 0, 255)], "Byte")
    for array in (image.ndarray("red", mask_alpha=False), images.mosaic("red", mask_alpha=False)):
        assert array.mask[noise(1, bands=3)[:1] == 1].all()
