"""SedonaDB over the catalog's Arrow: areas find the same images."""

from __future__ import annotations

import json

import pyarrow
import pytest
import shapely

from localcat import Catalog
from tests.random_searches import areas, fill

sedonadb = pytest.importorskip("sedonadb")


def test_random_areas_find_the_same_in_sedonadb(catalog: Catalog) -> None:
    fill(catalog, 300)
    engine = sedonadb.connect()
    engine.create_data_frame(catalog.images.to_arrow(["id", "geometry"]).read_all()).to_view("images")
    found = 0
    for area in areas(60):
        search = catalog.images.intersects(area)
        asked = shapely.from_geojson(json.dumps(search.to_cql2_json()["args"][1])).wkt
        place = f"ST_SetCRS(ST_GeomFromWKT('{asked}'), 'OGC:CRS84')"
        rows = pyarrow.table(engine.sql(f"SELECT id FROM images WHERE ST_Intersects(geometry, {place})"))
        expected = search.sort("id").ids()
        assert sorted(rows["id"].to_pylist()) == expected, asked
        found += bool(expected)
    assert found > 30
