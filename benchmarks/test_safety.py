"""What waiting for the disk costs: a commit beside one with a log, an upload beside one that waits for nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy
import pytest

from localcat import Catalog, Image, Product, SpectralBand
from localcat.store.database import Database

META = {"geoTransform": [500_000, 10, 0, 4_000_000, 0, -10], "coordinateSystem": {"epsg": 32618}}
PIXELS = numpy.random.default_rng(3).integers(0, 4096, (725, 725), "uint16")  # 1 MB, of which 3/4 remain


@pytest.mark.parametrize("who", ["localcat's journal", "a log"])
def test_commit_of_one_row(benchmark, tmp_path: Path, who: str) -> None:
    path = tmp_path / "c.gpkg"
    Catalog.create(path, org="bench").close()
    numbers = iter(range(1_000_000))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if who == "a log":
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if who == 'a log' else 'EXTRA'}")

        def commit() -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO trash VALUES (?)", (f"x{next(numbers)}",))
            connection.execute("COMMIT")

        benchmark.group = "commit one row"
        benchmark.pedantic(commit, rounds=200, warmup_rounds=5)
        (rows,) = connection.execute("SELECT count(*) FROM trash").fetchone()
    assert rows == next(numbers)


@pytest.mark.parametrize("durable", [True, False], ids=["localcat", "without waiting"])
def test_upload_of_a_megabyte(benchmark, tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "c.gpkg"
    Catalog.create(path, org="bench").close()
    catalog = Catalog(Database(path, durable=durable))
    product = Product(id="x", name="X", catalog=catalog)
    product.save()
    SpectralBand(name="b", product=product, data_type="UInt16", data_range=(0, 4095), band_index=0).save()
    numbers = iter(range(1_000_000))

    def upload() -> None:
        image = Image(product=product, name=f"i{next(numbers)}", acquired="2024-01-01", catalog=catalog)
        image.upload_ndarray(PIXELS, raster_meta=META).raise_for_status()

    benchmark.group = "upload 1 MB"
    benchmark.pedantic(upload, rounds=40, warmup_rounds=3)
    assert catalog.images.count() == next(numbers)
    catalog.close()
