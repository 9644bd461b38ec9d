"""Engines over files: GeoParquet, one file for each product, answers a question in CQL2 as the catalog does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cql2
import duckdb
import pyarrow
import pytest
import shapely

from localcat import Catalog
from tests.random_searches import fill, searches

sedonadb = pytest.importorskip("sedonadb")

COUNT, ASKED = 400, 240
# What CQL2 calls attributes, where Items have them under another name.
NAMES = """
    id AS name, keywords AS tags, "view:off_nadir" AS view_angle, "localcat:fill_fraction" AS fill_fraction,
    "localcat:provider_id" AS provider_id
"""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    with Catalog.create(tmp_path_factory.mktemp("engines") / "many.gpkg", org="acme") as catalog:
        fill(catalog, COUNT)
        yield catalog


@pytest.fixture(scope="module")
def folder(catalog: Catalog) -> Path:
    """Return a folder with a file for each of the three products."""
    folder = catalog.path.parent / "parquet"
    assert len(catalog.to_geoparquet(folder, partition_by="product", progress=False).paths) == 3
    return folder


def check(catalog: Catalog, ask: Any) -> None:
    found = 0
    for search in searches(catalog, ASKED):
        where = cql2.Expr(search.to_cql2_json()).to_sql()
        expected = sorted(search.ids())
        assert sorted(ask(where)) == expected, where
        found += 0 < len(expected) < COUNT
    assert found > ASKED / 2


def test_duckdb_finds_the_same_in_files_by_product(catalog: Catalog, folder: Path) -> None:
    def intersecting(some: Any, others: Any) -> Any:
        shapes = (shapely.from_wkb(one.to_numpy(zero_copy_only=False)) for one in (some, others))
        return pyarrow.array(shapely.intersects(*shapes))

    def ask(where: str) -> list[str]:
        asked = where.replace(" @@ ", " && ")  # DuckDB's name of overlaps
        return [uid for (uid,) in engine.execute(f"SELECT collection || ':' || id FROM items WHERE {asked}").fetchall()]

    with duckdb.connect() as engine:
        engine.execute("SET timezone = 'UTC'")
        # As DuckDB's extension `spatial` has it, which is downloaded on first use.
        engine.create_function("st_intersects", intersecting, ["GEOMETRY", "GEOMETRY"], "BOOLEAN", type="arrow")
        files = f"read_parquet('{folder}/*.parquet', union_by_name = true)"
        engine.execute(f"CREATE VIEW items AS SELECT *, {NAMES} FROM {files}")
        check(catalog, ask)


def test_sedonadb_finds_the_same_in_files_by_product(catalog: Catalog, folder: Path) -> None:
    def ask(where: str) -> list[str]:
        found = engine.sql(f"SELECT collection || ':' || id AS uid FROM items WHERE {in_sedona(where)}")
        return list(pyarrow.table(found)["uid"].to_pylist())

    engine = sedonadb.connect()
    engine.read_parquet(f"{folder}/*.parquet").to_view("files")
    engine.sql(f"SELECT *, {NAMES} FROM files").to_view("items")
    check(catalog, ask)


def in_sedona(where: str) -> str:
    """Return a condition that cql2 wrote for DuckDB with the functions that SedonaDB has for the same."""

    def place(match: re.Match[str]) -> str:
        return f"ST_SetCRS(ST_GeomFromWKT('{shapely.from_geojson(match[1]).wkt}'), 'OGC:CRS84')"

    where = re.sub(r"st_geomfromgeojson\('(.*?)'\)", place, where)
    where = re.sub(r"(\w+) @@ (ARRAY\[[^]]*\])", r"array_has_any(\1, \2)", where)
    where = re.sub(r"(\w+) @> (ARRAY\[[^]]*\])", r"array_has_all(\1, \2)", where)
    return re.sub(r"E('[^']*')", lambda match: match[1].replace("\\\\", "\\"), where)
