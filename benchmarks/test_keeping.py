"""Verifying beside SQLite's own check of the same file alone; building the indexes anew."""

from __future__ import annotations

import sqlite3

import pytest

from benchmarks.conftest import IMAGES
from localcat import Catalog


@pytest.mark.parametrize("who", ["floor", "localcat"])
def test_verifying(benchmark, big: Catalog, plain: sqlite3.Connection, who: str) -> None:
    def floor() -> bool:
        return plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    def ours() -> bool:
        report = big.verify("quick", progress=False)
        return report.ok and report.images == IMAGES

    benchmark.group = f"verify the rows and indexes of {IMAGES:,} images (floor: PRAGMA integrity_check)"
    assert benchmark.pedantic(ours if who == "localcat" else floor, rounds=3)


def test_reindexing(benchmark, big: Catalog) -> None:
    benchmark.group = f"build the indexes of {IMAGES:,} images anew"
    benchmark.pedantic(big.reindex, rounds=1)
    assert big.verify("quick", progress=False).ok
