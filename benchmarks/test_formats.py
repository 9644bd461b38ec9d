"""Other formats beside what their own libraries do with the same rows: GeoParquet, tables in, STAC; and peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import generator
from benchmarks.conftest import IMAGES, make_catalog
from localcat import Catalog

duckdb = pytest.importorskip("duckdb")
pyarrow = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402  # as pyarrow itself

ROWS = int(os.environ.get("LOCALCAT_BENCH_ROWS", min(IMAGES, 20_000)))  # of tables that are taken in
TREE = int(os.environ.get("LOCALCAT_BENCH_TREE", min(IMAGES, 2_000)))  # Items of a static catalog
ROUNDS = 3 if IMAGES <= 200_000 else 1
MOST = 400 * 2**20  # bytes of memory
COLUMNS = ["id", "product_id", "name", "acquired", "created", "modified", "cloud_fraction", "satellite_id"]
COLUMNS += ["solar_elevation_angle", "x_pixels", "y_pixels", "geometry", "files"]
COPY = "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 50000)"


def test_geoparquet_export(in_turns, big: Catalog, tmp_path: Path) -> None:
    expected = big.images.count()

    def ours() -> None:
        assert big.to_geoparquet(tmp_path / "ours.parquet", progress=False).items == expected

    def floor() -> None:
        path, connection = tmp_path / "floor.parquet", duckdb.connect()
        connection.register("images", big.images.to_arrow(COLUMNS))
        connection.execute(f"COPY (SELECT * FROM images ORDER BY product_id, acquired) TO '{path}' {COPY}")
        assert parquet.read_metadata(path).num_rows == expected

    in_turns("all images to GeoParquet, beside DuckDB's COPY of the search", ours, floor, rounds=ROUNDS)


def test_tables_in(in_turns, tmp_path: Path) -> None:
    records = list(generator.records(ROWS))
    with make_catalog(tmp_path / "template.gpkg") as catalog:
        catalog.add_images(records, progress=False)
        table = catalog.images.to_arrow().read_all()
    numbers = iter(range(1_000_000))

    def empty() -> Catalog:
        return make_catalog(tmp_path / f"{next(numbers)}.gpkg")

    def ours(catalog: Catalog) -> None:
        assert catalog.add_images(table, progress=False).added == ROWS

    def floor(catalog: Catalog) -> None:
        assert catalog.add_images(records, progress=False).added == ROWS

    in_turns(f"load a table of {ROWS:,} images, beside records", ours, floor, prepare=empty)


def test_geoparquet_in(in_turns, tmp_path: Path) -> None:
    with make_catalog(tmp_path / "template.gpkg") as catalog:
        catalog.add_images(generator.records(ROWS), progress=False)
        catalog.to_geoparquet(tmp_path / "items.parquet", progress=False)
        catalog.to_stac(tmp_path / "tree", search=catalog.images.limit(TREE), progress=False)
    numbers = iter(range(1_000_000))

    def empty() -> Catalog:
        return Catalog.create(tmp_path / f"{next(numbers)}.gpkg", org="")

    def ours(catalog: Catalog) -> None:
        assert catalog.from_geoparquet(tmp_path / "items.parquet", progress=False).added == ROWS

    def floor(catalog: Catalog) -> None:
        assert len(parquet.read_table(tmp_path / "items.parquet").to_pylist()) == ROWS

    in_turns(f"take {ROWS:,} Items from GeoParquet, beside reading them as dictionaries", ours, floor, prepare=empty)


def test_stac_export(in_turns, big: Catalog, tmp_path: Path) -> None:
    images = big.images.limit(TREE)
    items = [image.to_stac_item() for image in images]
    numbers = iter(range(1_000_000))

    def ours() -> None:
        assert big.to_stac(tmp_path / f"{next(numbers)}", search=images, progress=False).items == TREE

    def floor() -> None:
        folder = tmp_path / f"{next(numbers)}"
        for item in items:
            (folder / item["id"]).mkdir(parents=True)
            (folder / item["id"] / "item.json").write_text(json.dumps(item), encoding="utf-8")

    in_turns(f"{TREE:,} images as a STAC tree, beside writing Items that are made already", ours, floor, rounds=3)


PEAK = """
import re, sys
from pathlib import Path
from localcat import Catalog
with Catalog.open(sys.argv[1]) as catalog:
    {call}
print(1024 * int(re.search("VmHWM: *([0-9]+) kB", Path("/proc/self/status").read_text().replace("\t", " "))[1]))
"""  # the peak that getrusage tells is that of the process before exec, too: of pytest, which has read a million rows


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count the memory of a process otherwise")
@pytest.mark.parametrize(
    "call",
    [
        "catalog.to_geoparquet(sys.argv[2], progress=False)",
        "sum(batch.num_rows for batch in catalog.images.to_arrow())",
        f"catalog.to_stac(sys.argv[2], search=catalog.images.limit({TREE}), progress=False)",
    ],
    ids=["GeoParquet", "Arrow", "STAC"],
)
def test_peak_memory_of_an_export(big: Catalog, tmp_path: Path, call: str) -> None:
    arguments = [sys.executable, "-c", PEAK.replace("{call}", call), str(big.path), str(tmp_path / "made")]
    assert int(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout) < MOST
