"""Coverage and gaps: from footprints and times alone, compared with what one counts by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy
import pytest
import rasterio
import shapely

from localcat import AOI, BadRequestError, Catalog, GapReport, Image, TooLargeError
from localcat import properties as p
from localcat.testing import earth
from tests.small_catalog import make_product


@pytest.fixture
def squares(catalog: Catalog) -> Catalog:
    """Images of squares: two at the origin, one beside them, one over the antimeridian, one without a footprint."""
    product = make_product("a", catalog=catalog)
    places = {
        "one": ((0, 0, 1, 1), "2024-01-01"),
        "again": ((0, 0, 1, 1), "2024-01-20"),
        "east": ((1, 0, 2, 1), "2024-01-21T12:00:00"),
        "half": ((0, 0, 0.5, 1), "2024-03-01"),
        "dateline": ((179.5, 10, -179.5, 11), "2024-01-01"),
        "nowhere": (None, "2024-01-01"),
        "never": ((0, 0, 2, 1), None),
    }
    for name, (geometry, acquired) in places.items():
        Image(product=product, name=name, geometry=geometry, acquired=acquired).save()
    return catalog


def test_counts_by_hand(squares: Catalog) -> None:
    found = squares.images.filter(p.name.any_of(["one", "again", "east", "half"])).coverage(0.5)
    assert found.bounds == (0, 0, 2, 1)
    assert found.counts.tolist() == [[3, 2, 1, 1], [3, 2, 1, 1]]
    assert found.counts.dtype == numpy.int32
    assert repr(found) == "<Coverage: 2 × 4 cells of 0.5°, 8 of 8 with images, at most 3>"


def test_the_first_row_is_in_the_north(squares: Catalog) -> None:
    Image(product=squares.products.first(), name="north", geometry=(0, 1, 1, 2)).save()
    found = squares.images.filter(p.name.any_of(["one", "again", "north"])).coverage(1)
    assert found.counts.tolist() == [[1], [2]]


def test_a_part_of_a_cell_counts_and_an_edge_does_not(squares: Catalog) -> None:
    found = squares.images.filter(p.name == "half").coverage(1, bounds=(-1, -1, 2, 2))
    assert found.counts.tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    triangle = shapely.Polygon([(0, 0), (3, 0), (0, 3)])
    Image(product=squares.products.first(), name="triangle", geometry=triangle).save()
    found = squares.images.filter(p.name == "triangle").coverage(1)
    assert found.counts.tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]


def test_a_footprint_beside_the_grid_does_not_count(squares: Catalog) -> None:
    bounds = (10, 5, 12, 7)
    beside = {"west": (5, 5, 10, 7), "south": (10, 0, 12, 5), "east": (12, 5, 15, 7), "north": (10, 7, 12, 9)}
    for name, box in beside.items():
        Image(product=squares.products.first(), name=f"beside-{name}", geometry=box).save()
    assert not squares.images.filter(p.name.prefix("beside")).coverage(1, bounds=bounds).counts.any()
    corner = shapely.Polygon([(9, 6), (11, 4), (9, 4)])  # its box meets the grid, its inside does not
    Image(product=squares.products.first(), name="corner", geometry=corner).save()
    found = squares.images.filter(p.name == "corner")
    assert found.coverage(1, bounds=(9, 4, 12, 7)).counts.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert found.coverage(1, bounds=(10, 5, 11, 6)).counts.tolist() == [[0]]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("POINT (10 5)", [[0, 0], [1, 0]]),
        ("POINT (11 6)", [[0, 1], [0, 0]]),
        ("POINT (12 7)", [[0, 1], [0, 0]]),  # the corner of the grid
        ("LINESTRING (11 5, 11 7)", [[0, 1], [0, 1]]),  # between two columns
        ("LINESTRING (12 5.5, 12 6.5)", [[0, 1], [0, 1]]),
        ("LINESTRING (9 7, 13 7)", [[1, 1], [0, 0]]),
        ("LINESTRING (10.5 5.5, 11.5 6.5)", [[0, 1], [1, 0]]),
        ("POINT (9.9 5)", [[0, 0], [0, 0]]),
        ("POINT (12.1 5)", [[0, 0], [0, 0]]),
    ],
)
def test_points_and_lines_count_in_one_cell_across(squares: Catalog, shape: str, expected: list[list[int]]) -> None:
    Image(product=squares.products.first(), name="thin", geometry=shapely.from_wkt(shape)).save()
    found = squares.images.filter(p.name == "thin").coverage(1, bounds=(10, 5, 12, 7))
    assert found.counts.tolist() == expected


def test_parts_that_meet_the_same_cells_count_once_there(squares: Catalog) -> None:
    left, right = shapely.box(0, 0, 1.2, 2), shapely.Polygon([(1.4, 0), (3, 0), (3, 2), (2.5, 2)])
    Image(product=squares.products.first(), name="parts", geometry=shapely.MultiPolygon([left, right])).save()
    Image(product=squares.products.first(), name="parts2", geometry=(0, 0, 3, 1)).save()
    found = squares.images.filter(p.name.prefix("parts")).coverage(1, bounds=(0, 0, 3, 2))
    assert found.counts.tolist() == [[1, 1, 1], [2, 2, 2]]


def test_a_footprint_of_several_parts_counts_once(squares: Catalog) -> None:
    parts = shapely.MultiPolygon([shapely.box(0.1, 0.1, 0.2, 0.2), shapely.box(0.5, 0.5, 0.6, 0.6)])
    Image(product=squares.products.first(), name="parts", geometry=parts).save()
    assert squares.images.filter(p.name == "parts").coverage(1, bounds=(0, 0, 1, 1)).counts.tolist() == [[1]]


def test_both_sides_of_the_antimeridian_count(squares: Catalog) -> None:
    counts = squares.images.filter(p.name == "dateline").coverage(1).counts
    assert counts.shape == (1, 360)
    assert numpy.flatnonzero(counts[0]).tolist() == [0, 359]


def test_it_agrees_with_testing_each_cell() -> None:
    with earth() as catalog:
        found = catalog.images.filter(p.product_id != "tiny:temperature").coverage(2.5, bounds=(-10, 30, 20, 60))
        shapes = [image.geometry for image in catalog.images if image.product_id != "tiny:temperature"]
    west, south, _, north = found.bounds
    rows, columns = found.counts.shape
    for row in range(rows):
        for column in range(columns):
            x, y = west + 2.5 * column, north - 2.5 * (row + 1)
            cell = shapely.box(x, y, x + 2.5, y + 2.5).buffer(-1e-7)
            assert found.counts[row, column] == sum(shape is not None and shape.intersects(cell) for shape in shapes)
    assert south == 30
    assert found.counts.max() > 5


def test_the_grid_begins_at_whole_cells_and_holds_the_bounds(squares: Catalog) -> None:
    found = squares.images.coverage(0.4, bounds=(0.1, 0.1, 1.9, 0.9))
    assert found.bounds == pytest.approx((0, 0, 2.0, 1.2))
    assert found.counts.shape == (3, 5)


def test_numbers_of_numpy_are_numbers(squares: Catalog) -> None:
    found = squares.images.coverage(numpy.float32(0.5), bounds=numpy.array([0, 0, 2, 1]))
    assert (found.counts.shape, found.resolution) == ((2, 4), 0.5)
    assert len(squares.images.gaps("1 month", (0, 0, 2, 1), numpy.float32(0.5))) == 2


def test_nothing_found_is_an_empty_world(catalog: Catalog) -> None:
    found = catalog.images.coverage(10)
    assert (found.bounds, found.counts.shape, int(found.counts.sum())) == ((-180, -90, 180, 90), (18, 36), 0)


def test_counts_are_written_as_a_geotiff(squares: Catalog, tmp_path: Path) -> None:
    found = squares.images.filter(p.name.any_of(["one", "east"])).coverage(0.5)
    with rasterio.open(found.to_geotiff(tmp_path / "counts.tif")) as file:
        assert file.read(1).tolist() == found.counts.tolist()
        assert (file.crs.to_epsg(), tuple(file.bounds), file.descriptions) == (4326, (0, 0, 2, 1), ("images",))


WRONG = {
    "resolution 0": ({"resolution": 0}, BadRequestError, "resolution is degrees a cell, from 0.0000001 to 90, not 0"),
    "resolution text": ({"resolution": "1"}, BadRequestError, "not '1'"),
    "hardly anything": ({"resolution": 1e-300}, BadRequestError, "not 1e-300"),
    "NaN": ({"resolution": float("nan")}, BadRequestError, "not nan"),
    "bounds": ({"bounds": (10, 0, -10, 1)}, BadRequestError, "the two sides of the antimeridian one by one"),
    "three bounds": ({"bounds": (1, 2, 3)}, BadRequestError, r"bounds are \(west, south, east, north\) in degrees"),
    "too many": ({"resolution": 0.001, "bounds": (-180, -90, 180, 90)}, TooLargeError, "choose a coarser resolution"),
}


@pytest.mark.parametrize(("options", "error", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_grid_is_refused(squares: Catalog, options, error, message: str) -> None:
    with pytest.raises(error, match=message):
        squares.images.coverage(**{"resolution": 1, **options})


# Gaps


def test_gaps_by_hand(squares: Catalog) -> None:
    found = squares.images.gaps("16 days", aoi=(0, 0, 2, 1), start_datetime="2024-01-01", end_datetime="2024-03-05")
    assert [(one.start.date().isoformat(), one.count, round(one.coverage, 6)) for one in found.periods] == [
        ("2024-01-01", 1, 0.5),
        ("2024-01-17", 2, 1.0),
        ("2024-02-02", 0, 0.0),
        ("2024-02-18", 1, 0.25),
    ]
    assert [one.start.day for one in found] == [1, 2, 18]
    assert found[0].missing.equals(shapely.box(1, 0, 2, 1))
    assert found.periods[1].missing.is_empty
    assert found[0].end == datetime(2024, 1, 17, tzinfo=UTC)
    assert repr(found).splitlines() == [
        "3 of 4 periods have less than 90% of the area",
        "  2024-01-01 00:00 to 2024-01-17 00:00: 1 images, 50%",
        "  2024-02-02 00:00 to 2024-02-18 00:00: 0 images, 0%",
        "  2024-02-18 00:00 to 2024-03-05 00:00: 1 images, 25%",
    ]
    assert "<td>2024-02-02 00:00</td>" in found._repr_html_()


def test_periods_go_from_the_day_of_the_first_image_to_the_last(squares: Catalog) -> None:
    found = squares.images.gaps("2 weeks", aoi=(1.1, 0.1, 1.9, 0.9))
    assert [(one.start, one.end) for one in found.periods] == [
        (datetime(2024, 1, 21, tzinfo=UTC), datetime(2024, 2, 4, tzinfo=UTC))
    ]
    assert len(found) == 0


def test_the_area_of_the_search_is_taken(squares: Catalog) -> None:
    area = AOI(shapely.box(0, 0, 2, 1))
    found = squares.images.intersects(area).gaps(timedelta(days=30))
    assert [one.count for one in found.periods] == [3, 0, 1]


def test_enough_is_what_is_asked_for(squares: Catalog) -> None:
    periods = {"aoi": (0, 0, 2, 1), "start_datetime": "2024-01-01", "end_datetime": "2024-03-05"}
    assert len(squares.images.gaps("16 days", min_coverage=0.5, **periods)) == 2
    assert len(squares.images.gaps("16 days", min_coverage=0, **periods)) == 0
    assert len(squares.images.gaps("16 days", min_coverage=1, **periods)) == 3


def test_periods_that_lack_something_are_looked_for_once(squares: Catalog) -> None:
    found = squares.images.gaps("1 day", aoi=(0, 0, 2, 1), start_datetime="2024-01-01", end_datetime="2024-01-04")
    assert [found[position].start.day for position in range(len(found))] == [1, 2, 3]
    assert found._gaps is found._gaps


def test_across_the_antimeridian(squares: Catalog) -> None:
    found = squares.images.gaps("1 day", aoi=(179.5, 10, -179.5, 11))
    assert [round(one.coverage, 6) for one in found.periods] == [1.0]


def starts(found: GapReport) -> list[str]:
    return [one.start.date().isoformat() for one in found.periods] + [found.periods[-1].end.date().isoformat()]


def test_months_are_those_of_the_calendar(squares: Catalog) -> None:
    found = squares.images.gaps("1 month", aoi=(0, 0, 2, 1))
    assert starts(found) == ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"]
    assert [(one.count, round(one.coverage, 6)) for one in found.periods] == [(3, 1.0), (0, 0.0), (1, 0.25)]
    assert starts(squares.images.gaps("quarter", aoi=(0, 0, 2, 1))) == ["2024-01-01", "2024-04-01"]
    assert starts(squares.images.gaps("2 years", aoi=(0, 0, 2, 1))) == ["2024-01-01", "2026-01-01"]
    later = squares.images.filter(p.acquired > "2024-01-15")
    assert starts(later.gaps("month", aoi=(0, 0, 2, 1)))[0] == "2024-01-01"
    assert starts(later.gaps("1 year", aoi=(0, 0, 2, 1)))[0] == "2024-01-01"


def test_months_are_counted_from_the_start_that_is_asked_for(squares: Catalog) -> None:
    """After a shorter month comes the 31st again, and each image is in one period."""
    found = squares.images.gaps("1 month", (0, 0, 2, 1), start_datetime="2023-12-31", end_datetime="2024-04-01")
    assert starts(found) == ["2023-12-31", "2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"]
    assert [one.count for one in found.periods] == [3, 0, 1, 0]


def test_the_last_period_ends_with_time_itself(squares: Catalog) -> None:
    for every in ("1 month", "16 days", "1 year", timedelta.max):
        found = squares.images.gaps(every, (0, 0, 2, 1), start_datetime="9999-12-25", end_datetime="9999-12-31")
        assert starts(found) == ["9999-12-25", "9999-12-31"]


def test_no_images_have_no_periods(squares: Catalog) -> None:
    found = squares.images.gaps("16 days", aoi=(50, 50, 51, 51))
    assert (len(found), found.periods) == (0, [])
    empty = squares.images.gaps("16 days", aoi=(50, 50, 51, 51), start_datetime="2024", end_datetime="2024-02")
    assert [one.coverage for one in empty] == [0.0, 0.0]


WRONG_GAPS = {
    "no area": ({"aoi": None}, "there is no area; pass aoi, or search with intersects"),
    "a point": ({"aoi": shapely.Point(1, 1)}, "the area is a point without extent"),
    "every": (
        {"every": "fortnight"},
        "a number of hours, days or weeks such as .* not 'fortnight'",
    ),
    "no time": ({"every": "0 days"}, "not '0 days'"),
    "half months": ({"every": "1.5 months"}, "a whole number of months, quarters or years .*, not '1.5 months'"),
    "no months": ({"every": "0 months"}, "not '0 months'"),
    "less than nothing": ({"every": timedelta(days=-1)}, "not datetime.timedelta"),
    "reversed": (
        {"start_datetime": "2024-02", "end_datetime": "2024-01"},
        "start 2024-02 is after the end 2024-01",
    ),
    "a number": ({"every": 16}, "not 16"),
    "percent": ({"min_coverage": 90}, "min_coverage is a fraction from 0 to 1, not 90"),
    "too many": (
        {"every": "1 hour", "start_datetime": "2000", "end_datetime": "2020"},
        "100,000 periods of 1 hour",
    ),
    "far too many": ({"every": timedelta(microseconds=1)}, "periods of 0:00:00.000001; choose a longer one"),
}


@pytest.mark.parametrize(("options", "message"), WRONG_GAPS.values(), ids=WRONG_GAPS)
def test_a_wrong_question_is_refused(squares: Catalog, options, message: str) -> None:
    with pytest.raises(BadRequestError, match=message):
        squares.images.gaps(**{"aoi": (0, 0, 2, 1), **options})
