"""Values at a place: what a map says by plain arithmetic, in time, and from one block of each file."""

from __future__ import annotations

import math
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from rasterio.crs import CRS
from rasterio.warp import transform

from localcat import (
    BadRequestError,
    Catalog,
    FailedImagesWarning,
    Image,
    ImageCollection,
    PointSeries,
    PointStack,
    PointValues,
    Product,
    RasterError,
    SpectralBand,
    UnsavedObjectError,
)
from localcat.rasters.reading import point
from tests.drawing import examples
from tests.overlapping_images import COLUMNS, ROWS, SIZE, X0, Y0, add, info, noise, red_green_product


def lonlat(column: float, row: float) -> tuple[float, float]:
    """Return the place of a pixel position, counted from the corner of the grid of `info()`."""
    xs, ys = transform(CRS.from_epsg(32618), CRS.from_epsg(4326), [X0 + column * SIZE], [Y0 - row * SIZE])
    return xs[0], ys[0]


def test_a_point_is_the_pixel_it_lies_in(catalog: Catalog) -> None:
    array = noise(1, high=9)
    image = add(red_green_product(), "one", array, acquired="2020-05-06T07:08:09Z")
    for column, row in ((0.01, 0.01), (3.5, 7.2), (29.99, 39.99), (12.999, 13.001)):
        values = array[:, int(row), int(column)].tolist()
        found = image.point(*lonlat(column, row), "red green")
        assert found.values == tuple(value or None for value in values)  # 0 is nodata
        assert (found.image_id, found.bands) == ("acme:p:one", ("red", "green"))
        assert found.acquired == datetime(2020, 5, 6, 7, 8, 9, tzinfo=UTC)
        assert (found["green"], image.point(*lonlat(column, row))) == (found.values[1], found)
        assert image.point(found.lon + 360, found.lat).values == found.values


def test_a_point_outside_has_no_values(catalog: Catalog) -> None:
    image = add(red_green_product(), "one", noise(1))
    for column, row in ((-0.01, 5), (30.01, 5), (5, -0.01), (5, 40.01)):
        assert image.point(*lonlat(column, row)).values == (None, None)
    assert image.point(105, -36).values == (None, None)
    assert image.point(0, 90).values == (None, None)


def test_alpha_and_scaling_count_for_points(catalog: Catalog) -> None:
    product = red_green_product(nodata=None, has_alpha=True)
    array = numpy.full((3, ROWS, COLUMNS), 2000, "uint16")
    array[2] = 1
    array[2, 0, 0] = 0
    image = add(product, "one", array)
    assert image.point(*lonlat(0.5, 0.5)).values == (None, None)
    assert image.point(*lonlat(0.5, 0.5), mask_alpha=False).values == (2000, 2000)
    assert image.point(*lonlat(1.5, 0.5), "red alpha").values == (2000, 1)
    assert image.point(*lonlat(1.5, 0.5), "red", scaling="display").values == (128,)
    assert image.point(*lonlat(1.5, 0.5), "red", scaling=[(0, 10000, 0, 1.0)]).values == (0.2,)


def test_places_around_the_antimeridian(catalog: Catalog) -> None:
    product = Product(id="globe", name="Globe")
    product.save()
    SpectralBand(name="v", product=product, data_type="UInt16", data_range=(0, 400), band_index=0).save()
    array = numpy.tile(numpy.arange(360, dtype="uint16"), (20, 1))
    for name, west in (("a", -180), ("b", 0), ("c", 170)):
        columns = numpy.arange(west, west + (360 if name != "c" else 30)) % 360
        image = Image(product=product, name=name, acquired="2020-01-01")
        meta = {"geoTransform": [west, 1, 0, 10, 0, -1], "coordinateSystem": {"epsg": 4326}}
        image.upload_ndarray(array[:, columns], raster_meta=meta).raise_for_status()
        for lon in (179.5, 180.0, -180.0, -179.5, 185.5, -170.5):
            assert image.point(lon, 0).values == (int(lon % 360),), (name, lon)
        assert image.point(20.5, 0).values == ((None,) if name == "c" else (20,))


def test_one_block_is_read_and_not_the_file(catalog: Catalog) -> None:
    """All other blocks may even be damaged."""
    product = red_green_product(nodata=None)
    array = numpy.random.default_rng(0).integers(0, 60_000, (2, 1200, 1200)).astype("uint16")
    image = Image(product=product, name="big", acquired="2020-01-01")
    image.upload_ndarray(array, raster_meta=info(), overviews=[]).raise_for_status()
    path = catalog.path_of(image.files[0])
    content = bytearray(path.read_bytes())
    where = lonlat(600.5, 700.5)
    assert image.point(*where).values == tuple(array[:, 700, 600].tolist())
    # The tiles lie row by row, band after band: what precedes the last quarter belongs to the first band.
    content[20_000 : len(content) // 4] = bytes(len(content) // 4 - 20_000)
    path.write_bytes(bytes(content))
    assert image.point(*where, "green").values == (int(array[1, 700, 600]),)
    with pytest.raises(RasterError, match="big-.*restore it"):
        image.ndarray("red")


@pytest.mark.parametrize(
    "place", [(numpy.nan, 0), (0, 91), ("x", 0), (None, 0), (0, numpy.inf)], ids=["nan", "91", "x", "none", "inf"]
)
def test_what_is_no_place_is_refused(catalog: Catalog, place) -> None:
    image = add(red_green_product(), "one", noise(1))
    with pytest.raises(BadRequestError, match="a place"):
        image.point(*place)
    with pytest.raises(BadRequestError, match="a place"):
        ImageCollection([image]).point_series(*place)


def test_wrong_points_are_named(catalog: Catalog) -> None:
    product = red_green_product()
    image = add(product, "one", noise(1))
    with pytest.raises(BadRequestError, match="band 'blue' is not available"):
        image.point(*lonlat(1, 1), "blue")
    with pytest.raises(BadRequestError, match="no values of band 'blue', only of red, green"):
        image.point(*lonlat(1, 1))["blue"]
    with pytest.raises(BadRequestError, match="empty"):
        ImageCollection([]).point_series(0, 0)
    with pytest.raises(UnsavedObjectError, match="acme:p:new"):
        Image(product=product, name="new").point(0, 0)
    remote = Image(product=product, name="far", acquired="2020-01-01", storage_state="remote")
    remote.files = [{"provider_href": "s3://far/away"}]
    remote.save()
    with pytest.raises(RasterError, match=r"has no pixels in this catalog \(storage_state 'remote'\)"):
        remote.point(0, 0)


DAYS = st.lists(st.integers(1, 28), min_size=1, max_size=5)


@settings(max_examples=examples(40))
@given(days=DAYS, column=st.integers(-3, COLUMNS + 2), row=st.integers(-3, ROWS + 2), data=st.data())
def test_a_series_is_what_numpy_says(days, column, row, data) -> None:
    with Catalog.temporary(org="acme") as catalog, catalog.as_default():
        product = red_green_product()
        images, expected = [], []
        for number, day in enumerate(days):
            array = noise(number, high=3)
            moved = data.draw(st.tuples(st.integers(-9, 9), st.integers(-9, 9)))
            images.append(add(product, f"i{number}", array, *moved, acquired=f"2020-01-{day:02}"))
            x, y = column - moved[0], row - moved[1]
            if 0 <= x < COLUMNS and 0 <= y < ROWS:
                expected.append((day, f"acme:p:i{number}", array[:, y, x].tolist()))
        expected.sort()
        series = ImageCollection(images).point_series(*lonlat(column + 0.5, row + 0.5), "red green")
        assert len(series) == len(expected)
        assert series.image_ids == tuple(name for _, name, _ in expected)
        assert_array_equal(series.times, numpy.array([f"2020-01-{day:02}" for day, *_ in expected], "datetime64[us]"))
        assert series.values.shape == (len(expected), 2)
        assert series.values.dtype == numpy.uint16
        assert series.values.filled(0).tolist() == [values for *_, values in expected]
        assert_array_equal(series["green"].mask, series.values.mask[:, 1])
        assert [point.values for point in series] == [tuple(v or None for v in values) for *_, values in expected]


def test_a_series_shows_itself(catalog: Catalog) -> None:
    image = add(red_green_product(), "one", noise(1, high=2) + 1, acquired="2020-02-03T12:00:00+02:00")
    series = ImageCollection([image]).point_series(*lonlat(1.5, 1.5), "red")
    assert isinstance(series, PointSeries)
    assert repr(series).startswith("PointSeries of 1 image(s) at (-74.9998, 36.1446): red, 2020-02-03T10:00:00 to")
    (point,) = series
    assert isinstance(point, PointValues)
    assert point == image.point(series.lon, series.lat, "red")
    assert repr(ImageCollection([image]).point_series(0, 0, "red")) == "PointSeries of 0 image(s) at (0, 0): red"


def test_a_series_tells_of_images_that_cannot_be_read(catalog: Catalog) -> None:
    product = red_green_product()
    images = ImageCollection([add(product, f"i{n}", noise(n) + 1, acquired=f"2020-01-0{n + 1}") for n in range(3)])
    Path(catalog.path_of(images[1].files[0])).write_bytes(b"damaged")
    where = lonlat(4.5, 4.5)
    with pytest.raises(RasterError, match="i1-.*restore it"):
        images.point_series(*where, "red")
    with pytest.warns(FailedImagesWarning, match="acme:p:i1"):
        skipped = images.point_series(*where, "red", on_error="skip")
    with pytest.warns(FailedImagesWarning):
        masked = images.point_series(*where, "red", on_error="mask")
    assert skipped.image_ids == ("acme:p:i0", "acme:p:i2")
    assert (len(masked), masked.values.mask.ravel().tolist()) == (3, [False, True, False])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert images[::2].point_series(*where, "red", on_error="skip", max_workers=1).image_ids == skipped.image_ids


def test_many_places_are_what_each_is_by_itself(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    product = red_green_product()
    images = ImageCollection(
        [add(product, f"i{day}", noise(day, high=9), acquired=f"2020-05-0{day}") for day in (3, 1, 2)]
    )
    chance = numpy.random.default_rng(5)
    places = [lonlat(column, row) for column, row in chance.uniform((-3, -3), (33, 43), (40, 2))]
    for pixels in (50_000, 0):  # blocks at once, and pixel by pixel
        monkeypatch.setattr(point, "_PIXELS_A_READ", pixels)
        found = images.point_stack(places, "red green")
        assert (found.image_ids, found.bands) == (("acme:p:i1", "acme:p:i2", "acme:p:i3"), ("red", "green"))
        assert (found.values.shape, found["green"].shape, len(found)) == ((3, 2, 40), (3, 40), 3)
        assert found.times.astype("datetime64[D]").astype(str).tolist() == ["2020-05-01", "2020-05-02", "2020-05-03"]
        for at, place in enumerate(places):
            series = images.point_series(*place, "red green")
            wanted = series.values if len(series) else numpy.ma.masked_all((3, 2), "uint16")
            assert found.values[:, :, at].tolist() == wanted.tolist()
    assert repr(found) == "PointStack of 3 image(s) at 40 place(s): red, green"
    assert_array_equal(images.point_stack(numpy.array(places[:2]), "red").places, places[:2])
    assert len(images.point_stack([(0, 0), (1, 1)])) == 0
    assert isinstance(found, PointStack)


@pytest.mark.parametrize("places", [[], None, "ab", [(1, 2, 3)], [5], (10.0, 20.0), [(0, 95)], [(math.nan, 0)]])
def test_what_is_not_a_list_of_places_is_refused(catalog: Catalog, places: Any) -> None:
    image = add(red_green_product(), "one", noise(1))
    with pytest.raises(BadRequestError, match=r"places are pairs of longitude and latitude|a place has a finite"):
        ImageCollection([image]).point_stack(places)
