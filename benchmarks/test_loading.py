"""Bulk loading beside a raw-SQL load of the very same rows into the same schema; new processes and new catalogs."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

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


def test_loading(in_turns, tmp_path: Path) -> None:
    tables = dumped(tmp_path / "template.gpkg")
    records = list(generator.records(ROWS))
    numbers = iter(range(1_000_000))

    def empty() -> Catalog:
        return make_catalog(tmp_path / f"{next(numbers)}.gpkg")

    def ours(catalog: Catalog) -> None:
        assert catalog.add_images(records, progress=False).added == ROWS

    def floor(catalog: Catalog) -> None:
        with catalog.database.write() as transaction:
            for table, rows in tables.items():
                if rows:
                    marks = ", ".join("?" * len(rows[0]))
                    transaction.connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        assert catalog.images.count() == ROWS

    in_turns(f"load {ROWS:,} images", ours, floor, prepare=empty)


def started(code: str, *arguments: str) -> str:
    """Run code in a process of its own and return what it prints."""
    return subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True).stdout


def test_import_time(in_turns) -> None:
    floor = "import sqlite3, json, datetime"
    in_turns("start a process and import", lambda: started("import localcat"), lambda: started(floor))


BARE_QUERY = """
import sqlite3, sys, numpy, shapely
area = shapely.box(10, 45, 10.2, 45.2)
connection = sqlite3.connect(sys.argv[1])
inside = "SELECT id FROM image_index WHERE max_lon >= 10 AND min_lon <= 10.2 AND max_lat >= 45 AND min_lat <= 45.2"
rows = connection.execute(f"SELECT uid, geometry FROM image WHERE id IN ({inside})").fetchall()
hits = shapely.intersects(area, shapely.from_wkb(numpy.array([row[1] for row in rows], dtype=object)))
print(int(hits.sum()))
"""
QUERY = """
import sys
from localcat import Catalog
with Catalog.open(sys.argv[1]) as catalog:
    print(catalog.images.intersects((10, 45, 10.2, 45.2)).count())
"""


def test_first_query_of_a_process(in_turns, big: Catalog) -> None:
    def floor() -> str:
        return started(BARE_QUERY, str(big.path))

    def ours() -> str:
        return started(QUERY, str(big.path))

    assert ours() == floor()
    in_turns("start a process and answer one query", ours, floor)


def test_temporary_catalog(benchmark) -> None:
    def made() -> int:
        with Catalog.temporary() as catalog:
            return catalog.products.count()

    assert made() == 0
    benchmark.group = "temporary catalog"
    benchmark(made)
