"""Verifying beside SQLite's own check of the same file alone; building the indexes anew."""

from __future__ import annotations

import sqlite3

from benchmarks.conftest import IMAGES
from localcat import Catalog


def test_verifying(in_turns, big: Catalog, plain: sqlite3.Connection) -> None:
    def floor() -> bool:
        return plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    def ours() -> bool:
        report = big.verify("quick", progress=False)
        return report.ok and report.images == IMAGES

    assert floor()
    assert ours()
    in_turns(f"verify the rows and indexes of {IMAGES:,} images (floor: PRAGMA integrity_check)", ours, floor)


def test_reindexing(benchmark, big: Catalog) -> None:
    benchmark.group = f"build the indexes of {IMAGES:,} images anew"
    benchmark.pedantic(big.reindex, rounds=1)
    assert big.verify("quick", progress=False).ok
