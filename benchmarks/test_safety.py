"""What waiting for the disk costs: a commit beside one with a log, an upload beside one that waits for nothing.

A disk drifts by more than what is measured here, so that the two take turns, and their ratio is told with the times.
"""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy
import pytest

from localcat import Catalog, Image, Product, SpectralBand
from localcat.store.connection import Journal, OpenOptions
from localcat.store.database import Database

META = {"geoTransform": [500_000, 10, 0, 4_000_000, 0, -10], "coordinateSystem": {"epsg": 32618}}
PIXELS = numpy.random.default_rng(3).integers(0, 4096, (725, 725), "uint16")  # 1 MB, of which 3/4 remain


@pytest.fixture
def in_turns(benchmark, capsys) -> Callable[[Callable[[], object], Callable[[], object], int], None]:
    """Time two calls in turns: what is asked, as the benchmark, and its floor."""

    def run(asked: Callable[[], object], floor: Callable[[], object], rounds: int) -> None:
        floor_times: list[float] = []

        def time_floor() -> None:
            started = time.perf_counter()
            floor()
            floor_times.append(time.perf_counter() - started)

        benchmark.pedantic(asked, setup=time_floor, rounds=rounds, warmup_rounds=5)
        ours = benchmark.stats.stats
        floors = floor_times[-rounds:]
        mean, median = statistics.fmean(floors), statistics.median(floors)
        benchmark.extra_info |= {"mean ratio": ours.mean / mean, "median ratio": ours.median / median}
        with capsys.disabled():
            print(
                f"\n{benchmark.name}, {rounds} rounds in turns: mean {1e3 * ours.mean:.3f} beside {1e3 * mean:.3f} ms, "
                f"{ours.mean / mean:.2f} times; median {1e3 * ours.median:.3f} beside {1e3 * median:.3f} ms, "
                f"{ours.median / median:.2f} times"
            )

    return run


def commits(path: Path, *pragmas: str) -> Iterator[None]:
    """Commit a row at each step, in a catalog of its own."""
    Catalog.create(path, org="bench").close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        for number in range(1_000_000):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO trash VALUES (?)", (f"x{number}",))
            connection.execute("COMMIT")
            yield


def test_commit_of_one_row_beside_a_log(in_turns, benchmark, tmp_path: Path) -> None:
    benchmark.group = "commit one row"
    ours = commits(tmp_path / "ours.gpkg", "synchronous = EXTRA")
    log = commits(tmp_path / "log.gpkg", "journal_mode = WAL", "synchronous = FULL")
    in_turns(lambda: next(ours), lambda: next(log), 1000)
    with closing(sqlite3.connect(tmp_path / "ours.gpkg")) as connection:
        assert connection.execute("SELECT count(*) FROM trash").fetchone() == (1005,)
    with closing(sqlite3.connect(tmp_path / "log.gpkg")) as connection:
        assert connection.execute("SELECT count(*) FROM trash").fetchone() == (1005,)


def saves(path: Path, journal: Journal) -> Iterator[None]:
    """Save a changed image at each step."""
    Catalog.create(path, org="bench").close()
    options = OpenOptions(journal=journal)
    with Catalog(Database(path, options=options, backports={sqlite3.sqlite_version})) as catalog:
        product = Product(id="x", name="X", catalog=catalog)
        product.save()
        image = Image(product=product, name="i", acquired="2024-01-01", catalog=catalog)
        for number in range(1_000_000):
            image.provider_id = str(number)
            image.save()
            yield


def test_save_of_one_image_beside_a_log(in_turns, benchmark, tmp_path: Path) -> None:
    """What a program sees of it: finding the row, checking and writing it, and the commit."""
    benchmark.group = "save one image"
    ours, log = saves(tmp_path / "ours.gpkg", "delete"), saves(tmp_path / "log.gpkg", "wal")
    in_turns(lambda: next(ours), lambda: next(log), 500)
    for name in ("ours", "log"):
        with Catalog.open(tmp_path / f"{name}.gpkg") as catalog:
            assert [image.provider_id for image in catalog.images] == ["504"]


def uploads(path: Path, *, durable: bool) -> Iterator[int]:
    """Upload an array at each step, and give the number of images."""
    Catalog.create(path, org="bench").close()
    with Catalog(Database(path, durable=durable)) as catalog:
        product = Product(id="x", name="X", catalog=catalog)
        product.save()
        SpectralBand(name="b", product=product, data_type="UInt16", data_range=(0, 4095), band_index=0).save()
        for number in range(1_000_000):
            image = Image(product=product, name=f"i{number}", acquired="2024-01-01", catalog=catalog)
            image.upload_ndarray(PIXELS, raster_meta=META).raise_for_status()
            yield catalog.images.count()


def test_upload_of_a_megabyte_beside_one_that_waits_for_nothing(in_turns, benchmark, tmp_path: Path) -> None:
    benchmark.group = "upload 1 MB"
    ours, hasty = uploads(tmp_path / "ours.gpkg", durable=True), uploads(tmp_path / "hasty.gpkg", durable=False)
    in_turns(lambda: next(ours), lambda: next(hasty), 60)
    assert (next(ours), next(hasty)) == (66, 66)
