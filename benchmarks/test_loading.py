"""Bulk loading beside a raw-SQL load of the very same rows into the same schema; opening; importing."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import generator
from benchmarks.conftest import IMAGES, make_catalog
from localcat import Catalog

ROWS = min(IMAGES, 20_000)


def dumped(path: Path) -> dict[str, list[tuple]]:
    """Return the rows that a load writes, table by table."""
    with make_catalog(path) as catalog:
        catalog.add_images(generator.records(ROWS), progress=False)
    connection = sqlite3.connect(path)
    stored = [row[1] for row in connection.execute("PRAGMA table_xinfo(image)") if row[6] == 0]
    tables = {f"image ({', '.join(stored)})": connection.execute(f"SELECT {', '.join(stored)} FROM image").fetchall()}
    for table in ("image_index", "image_file", "image_tag"):
        tables[table] = connection.execute(f"SELECT * FROM {table}").fetchall()
    tables["image_text (rowid, name, tags)"] = connection.execute("SELECT id, name, tags FROM image").fetchall()
    connection.close()
    return tables


@pytest.mark.parametrize("who", ["floor", "localcat"])
def test_loading(benchmark, tmp_path: Path, who: str) -> None:
    tables = dumped(tmp_path / "template.gpkg")
    records = list(generator.records(ROWS))
    numbers = iter(range(1_000_000))

    def empty() -> tuple[tuple[Catalog], dict]:
        return (make_catalog(tmp_path / f"{next(numbers)}.gpkg"),), {}

    def ours(catalog: Catalog) -> int:
        return catalog.add_images(records, progress=False).added

    def floor(catalog: Catalog) -> int:
        with catalog.database.write() as transaction:
            for table, rows in tables.items():
                if rows:
                    marks = ", ".join("?" * len(rows[0]))
                    transaction.connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        return catalog.images.count()

    benchmark.group = f"load {ROWS:,} images"
    assert benchmark.pedantic(ours if who == "localcat" else floor, setup=empty, rounds=3) == ROWS


@pytest.mark.parametrize("what", ["import sqlite3, json, datetime", "import localcat"])
def test_import_time(benchmark, what: str) -> None:
    benchmark.group = "start a process and import"
    benchmark.pedantic(lambda: subprocess.run([sys.executable, "-c", what], check=True), rounds=5, warmup_rounds=1)


FIRST_QUERY = {
    "floor": """
import sqlite3, sys, numpy, shapely
area = shapely.box(10, 45, 10.2, 45.2)
connection = sqlite3.connect(sys.argv[1])
inside = "SELECT id FROM image_index WHERE max_lon >= 10 AND min_lon <= 10.2 AND max_lat >= 45 AND min_lat <= 45.2"
rows = connection.execute(f"SELECT uid, geometry FROM image WHERE id IN ({inside})").fetchall()
hits = shapely.intersects(area, shapely.from_wkb(numpy.array([row[1] for row in rows], dtype=object)))
print(int(hits.sum()))
""",
    "localcat": """
import sys
from localcat import Catalog
with Catalog.open(sys.argv[1]) as catalog:
    print(catalog.images.intersects((10, 45, 10.2, 45.2)).count())
""",
}


@pytest.mark.parametrize("who", FIRST_QUERY)
def test_first_query_of_a_process(benchmark, big: Catalog, who: str) -> None:
    def run(code: str) -> str:
        command = [sys.executable, "-c", code, str(big.path)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert run(FIRST_QUERY["floor"]) == run(FIRST_QUERY["localcat"])
    benchmark.group = "start a process and answer one query"
    benchmark.pedantic(run, args=(FIRST_QUERY[who],), rounds=5, warmup_rounds=1)


def test_opening(benchmark, big: Catalog) -> None:
    def opened() -> bool:
        with Catalog.open(big.path) as catalog:
            return catalog.namespace == "bench"

    assert opened()
    benchmark.group = "open"
    benchmark(opened)


def test_temporary_catalog(benchmark) -> None:
    def made() -> int:
        with Catalog.temporary() as catalog:
            return catalog.products.count()

    assert made() == 0
    benchmark.group = "temporary catalog"
    benchmark(made)
