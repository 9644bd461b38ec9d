"""The functions for the SQL of users: they say what searches and objects say."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest
import shapely

from localcat import Catalog
from localcat.errors import QueryError
from tests.small_catalog import AROUND_A_SQUARE, add_images_around_a_square

SQUARE = "POLYGON ((0 0, 10 0, 10 10, 0 10, 0 0))"


@pytest.fixture
def around(catalog: Catalog) -> Catalog:
    add_images_around_a_square(catalog)
    return catalog


def test_intersections_are_those_of_a_search(around: Catalog) -> None:
    found = around.sql("SELECT image_id FROM footprints WHERE lc_intersects(geometry, ?) ORDER BY image_id", [SQUARE])
    assert [row["image_id"] for row in found] == around.images.intersects((0, 0, 10, 10)).sort("id").ids()
    assert len(found) == 5


def test_intersections_of_all_kinds_of_footprints_are_those_of_shapely(catalog: Catalog) -> None:
    """With rectangles, for which most footprints are seen by a corner, and other areas; edges count."""
    chance = random.Random(4)

    def ring(corners: int) -> shapely.Polygon:
        x, y, r = chance.randint(-3, 13), chance.randint(-3, 13), chance.choice((1, 2, 20))
        turns = sorted(chance.uniform(0, 2 * math.pi) for _ in range(corners))
        return shapely.Polygon([(x + r * math.cos(turn), y + r * math.sin(turn)) for turn in turns])

    shapes: list[Any] = [shapely.box(x, y, x + 1, y + 1) for x in range(-2, 12) for y in range(-2, 12)]
    shapes += [ring(corners) for corners in (3, 4, 7, 8, 9, 30) for _ in range(20)]
    shapes += [shapely.MultiPolygon([ring(4)]) for _ in range(10)]
    shapes += [one.buffer(30).difference(one.buffer(25)) for one in shapes[:10]]
    areas = [SQUARE, "POLYGON ((0 0, 10 0, 0 10, 0 0))", "POLYGON ((3 4, 3 5, 9 5, 9 4, 3 4))", "POINT (3 3)"]
    seen = 0
    for area in areas:
        for shape in shapes:
            for order in (0, 1):
                blob = shapely.to_wkb(shape, byte_order=order)
                (row,) = catalog.sql("SELECT lc_intersects(?, ?) AS found", [blob, area])
                assert row["found"] == shapely.intersects(shapely.from_wkt(area), shape), (area, shape)
                seen += row["found"]
    assert 500 < seen < 2000


def test_areas_are_those_of_images(around: Catalog) -> None:
    found = around.sql("SELECT name, lc_area_km2(geometry) AS area FROM footprints")
    areas = {row["name"]: row["area"] for row in found}
    assert areas.keys() == AROUND_A_SQUARE.keys()
    assert areas["unset"] is None
    assert areas["inside"] == pytest.approx(12_359.6, rel=1e-4)  # a degree by a degree near the equator
    assert areas["far"] > 0  # across the antimeridian


def test_footprints_as_text(around: Catalog) -> None:
    sql = "SELECT lc_geojson(geometry) AS json, lc_wkt(geometry) AS wkt FROM footprints WHERE name = 'inside'"
    (row,) = around.sql(sql)
    image = next(image for image in around.images if image.name == "inside")
    assert json.loads(row["json"]) == json.loads(json.dumps(image.geometry.__geo_interface__))
    assert row["wkt"].startswith("POLYGON ((")
    (same,) = around.sql("SELECT lc_wkt(?) AS wkt", [row["wkt"]])
    assert same == {"wkt": row["wkt"]}


def test_a_table_may_be_asked_too(around: Catalog) -> None:
    (row,) = around.sql("SELECT count(*) AS n FROM image WHERE lc_intersects(geometry, 'POINT (1.5 1.5)')")
    assert row == {"n": 2}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("lc_wkt('POINT (1')", "lc_wkt: .*not the well-known text"),
        ("lc_area_km2(5)", "lc_area_km2: 5 is neither a footprint nor well-known text"),
        ("lc_geojson(x'00')", "lc_geojson: "),
        ("lc_intersects(x'4750', 'POINT (1 1)')", "lc_intersects: "),
        ("lc_wkt()", "wrong number of arguments"),
    ],
)
def test_what_is_no_geometry_is_named(around: Catalog, call: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        around.sql(f"SELECT {call}")
    assert around.sql("SELECT lc_wkt(NULL) AS wkt") == [{"wkt": None}]
