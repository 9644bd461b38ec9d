"""Stacks as xarray: the values of `stack`, with labels, read at once or block by block."""

from __future__ import annotations

import pickle
from typing import Any

import numpy
import pytest
from numpy.testing import assert_array_equal

from localcat import AOI, Catalog, ImageCollection
from localcat import properties as p
from localcat.errors import BadRequestError, MissingLibraryError
from tests.small_catalog import make_product, spectral, upload

xarray = pytest.importorskip("xarray")
dask = pytest.importorskip("dask")

GRID = {"geoTransform": [500_000, 60, 0, 4_000_000, 0, -60], "coordinateSystem": {"epsg": 32618}}
BOUNDS = (500_000, 4_000_000 - 64 * 60, 500_000 + 48 * 60, 4_000_000)
AREA = AOI(bounds=BOUNDS, bounds_crs="EPSG:32618", crs="EPSG:32618", resolution=60, align_pixels=False)


@pytest.fixture
def days(catalog: Catalog) -> ImageCollection:
    """Three images of two bands, a third of whose pixels are masked."""
    bands = [spectral("red", nodata=0), spectral("nir", nodata=0)]
    product = make_product("a", *bands, catalog=catalog)
    random = numpy.random.default_rng(5)
    for day in (1, 2, 3):
        array = random.integers(1, 1000, (2, 64, 48)).astype("uint16")
        array[random.random(array.shape) < 0.3] = 0
        upload(product, f"d{day}", array, meta=GRID, acquired=f"2020-01-0{day}T10:00:00Z")
    return catalog.images.sort("acquired").collect()


def test_values_are_those_of_stack(days: ImageCollection) -> None:
    array = days.to_xarray(["red", "nir"], AREA)
    stack = days.stack(["red", "nir"], AREA)
    assert (array.dims, array.shape, array.dtype) == (("time", "band", "y", "x"), (3, 2, 64, 48), numpy.float32)
    assert_array_equal(array.values, numpy.ma.filled(stack.astype("float32"), numpy.nan))


def test_one_image_is_on_its_own_grid(days: ImageCollection) -> None:
    image = days[0]
    array = image.to_xarray(["red", "nir"])
    assert (array.dims, array.shape) == (("time", "band", "y", "x"), (1, 2, 64, 48))
    assert_array_equal(array.values[0], numpy.ma.filled(image.ndarray(["red", "nir"]).astype("float32"), numpy.nan))
    assert (array.x.values[0], array.y.values[0]) == (500_030, 3_999_970)
    lazy = image.to_xarray("red", AREA.assign(resolution=120), chunks={"y": 16})
    assert_array_equal(lazy.compute().values, days[[0]].to_xarray("red", AREA.assign(resolution=120)).values)
    kept = image.to_xarray("red", fill_value="nodata")
    assert_array_equal(kept.values[0], image.ndarray("red", mask_nodata=False))


def test_a_turned_image_needs_a_context(catalog: Catalog) -> None:
    product = make_product("turned", spectral("red"), catalog=catalog)
    meta = {"geoTransform": [500_000, 60, 5, 4_000_000, 5, -60], "coordinateSystem": {"epsg": 32618}}
    image = upload(product, "x", numpy.ones((1, 64, 48), "uint16"), meta=meta)
    with pytest.raises(
        BadRequestError, match="the grid of image 'acme:turned:x' is turned, and has no x and y; pass a"
    ):
        image.to_xarray("red")
    assert image.to_xarray("red", AREA).shape == (1, 1, 64, 48)


def test_coordinates(days: ImageCollection) -> None:
    array = days.to_xarray("nir red", AREA)
    assert array.time.values[1] == numpy.datetime64("2020-01-02T10:00:00")
    assert list(array.id.values) == ["acme:a:d1", "acme:a:d2", "acme:a:d3"]
    assert list(array.band.values) == ["nir", "red"]
    assert (array.x.values[0], array.x.values[-1], array.y.values[0]) == (500_030, 500_000 + 48 * 60 - 30, 3_999_970)
    assert_array_equal(
        array.sel(band="red", time="2020-01-03").values[0], days[[2]].to_xarray("red", AREA).values[0, 0]
    )


def test_whole_numbers_stay_with_a_fill_value(days: ImageCollection) -> None:
    stack = days.stack(["red", "nir"], AREA)
    for wanted, expected in (("nodata", 0), (7, 7)):
        array = days.to_xarray(["red", "nir"], AREA, fill_value=wanted)
        assert (array.dtype, array.attrs["_FillValue"]) == (numpy.uint16, expected)
        assert_array_equal(array.values, stack.filled(expected))


@pytest.mark.parametrize("fill_value", [-1, 1.5, "x", True, 70_000])
def test_a_fill_value_that_does_not_fit_is_refused(days: ImageCollection, fill_value: Any) -> None:
    with pytest.raises(BadRequestError, match="fill_value is a value of type uint16"):
        days.to_xarray("red", AREA, fill_value=fill_value)


def test_bands_without_a_common_nodata(catalog: Catalog) -> None:
    product = make_product("b", spectral("red", nodata=0), spectral("nir"), catalog=catalog)
    upload(product, "x", numpy.ones((2, 64, 48), dtype="uint16"), meta=GRID)
    with pytest.raises(BadRequestError, match="have no common nodata value"):
        catalog.images.to_xarray("red nir", AREA, fill_value="nodata")


@pytest.mark.parametrize("chunks", [{"y": 20, "x": 17}, 25, "auto", {"time": 2}, {}])
def test_chunks_are_read_when_they_are_computed(days: ImageCollection, chunks: Any) -> None:
    lazy = days.to_xarray(["red", "nir"], AREA, chunks=chunks)
    assert lazy.chunks is not None
    assert_array_equal(lazy.compute(scheduler="synchronous").values, days.to_xarray(["red", "nir"], AREA).values)


@pytest.mark.parametrize(
    "key",
    [
        {"y": slice(3, 40, 7), "x": slice(None, None, -1)},
        {"time": 1, "band": [1, 0], "y": [5, 2, 60]},
        {"time": slice(None, None, -2), "x": -1},
        {"y": slice(10, 10)},
    ],
)
def test_any_part_can_be_taken(days: ImageCollection, key: dict[str, Any]) -> None:
    lazy, whole = (days.to_xarray(["red", "nir"], AREA, chunks=one) for one in ({"y": 30}, None))
    assert_array_equal(lazy.isel(key).compute(scheduler="synchronous").values, whole.isel(key).values)


def test_pixels_outside_the_geometry_are_masked_in_each_chunk(days: ImageCollection) -> None:
    triangle = {"type": "Polygon", "coordinates": [[[-75, 36.12], [-74.98, 36.14], [-75, 36.14], [-75, 36.12]]]}
    area = AREA.assign(geometry=triangle)
    lazy, whole = (days.to_xarray("red", area, chunks=one) for one in ({"y": 9, "x": 9}, None))
    assert_array_equal(lazy.compute(scheduler="synchronous").values, whole.values)
    assert 0.3 < numpy.isnan(whole.values).mean() < 1


def test_other_processes_read_the_chunks(tmp_path) -> None:
    with Catalog.create(tmp_path / "x.gpkg", org="acme") as catalog:
        product = make_product("a", spectral("red"), catalog=catalog)
        upload(product, "x", numpy.full((1, 64, 48), 7, dtype="uint16"), meta=GRID)
        lazy = catalog.images.to_xarray("red", AREA, chunks={"y": 32})
        again = pickle.loads(pickle.dumps(lazy))
        assert float(again.mean().compute(scheduler="processes", num_workers=2)) == 7.0


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning", "ignore::DeprecationWarning")  # of rioxarray
def test_rioxarray_finds_the_crs(days: ImageCollection) -> None:
    pytest.importorskip("rioxarray")
    array = days.to_xarray("red", AREA)
    assert array.rio.crs.to_epsg() == 32618
    assert tuple(array.rio.bounds()) == BOUNDS


def test_one_image_of_a_search(days: ImageCollection, catalog: Catalog) -> None:
    one = catalog.images.filter(p.name == "d2").to_xarray("red", AREA)
    assert_array_equal(one.values[0], days.to_xarray("red", AREA).values[1])


def test_what_cannot_be_read_says_so(days: ImageCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadRequestError, match="empty"):
        ImageCollection([]).to_xarray("red", AREA)
    with pytest.raises(BadRequestError, match="purple"):
        days.to_xarray("purple", AREA)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingLibraryError, match=r"xarray is not installed.*'\.\[xarray\]'"):
        days.to_xarray("red", AREA)
