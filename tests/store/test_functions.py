"""The functions for the SQL of users: they say what searches and objects say."""

from __future__ import annotations

import json

import pytest

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
