"""DuckDB over the catalog's Arrow: the same question in CQL2 finds the same images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cql2
import duckdb
import pyarrow
import shapely

from localcat import Catalog
from tests.random_searches import fill, searches

COUNT = 400
# Under the names that CQL2 has, as Items do.
ITEMS = """
    CREATE TABLE items AS
    SELECT name AS id, product_id AS collection, acquired AS datetime, satellite_id AS platform,
        round(cloud_fraction * 100, 9) AS "eo:cloud_cover",
        nullif(tags, []) AS tags, -- an empty list is unset
        * EXCLUDE (name, id, product_id, acquired, cloud_fraction, satellite_id, tags)
    FROM images
"""


def intersecting(some: Any, others: Any) -> Any:
    shapes = (shapely.from_wkb(one.to_numpy(zero_copy_only=False)) for one in (some, others))
    return pyarrow.array(shapely.intersects(*shapes))


def test_random_searches_find_the_same_in_duckdb(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "many.gpkg", org="acme") as catalog, duckdb.connect() as engine:
        fill(catalog, COUNT)
        images = catalog.images
        engine.register("images", images)
        engine.execute("SET timezone = 'UTC'")
        # As DuckDB's extension `spatial` has it, which is downloaded on first use.
        engine.create_function("st_intersects", intersecting, ["GEOMETRY", "GEOMETRY"], "BOOLEAN", type="arrow")
        engine.execute(ITEMS)
        found = 0
        for search in searches(catalog, 240):
            where = cql2.Expr(search.to_cql2_json()).to_sql().replace(" @@ ", " && ")  # DuckDB's name of overlaps
            rows = engine.execute(f"SELECT collection || ':' || id FROM items WHERE {where}").fetchall()
            expected = sorted(search.ids())
            assert sorted(uid for (uid,) in rows) == expected, where
            found += 0 < len(expected) < COUNT
        assert found > 120
