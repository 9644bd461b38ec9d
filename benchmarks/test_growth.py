"""How the time of a search grows with the catalog, where as many images are found in each: its time is as much shorter.

Catalogs of 10,000, 100,000, 1,000,000 and 10,000,000 images, as far as LOCALCAT_BENCH_IMAGES goes, are asked in turns.
The largest is that of the other benchmarks; LOCALCAT_BENCH_GROWN names a folder in which the others are kept.
"""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import generator
from benchmarks.built import built, values
from benchmarks.by_hand import DAY, END, TIMES, YEAR, Asked, rows_by_hand
from benchmarks.conftest import IMAGES, make_catalog
from localcat import Catalog

SIZES = sorted({*(size for size in (10_000, 100_000, 1_000_000, 10_000_000) if size < IMAGES), IMAGES})
QUESTIONS = {  # side of the area in degrees, microseconds in a catalog of 1,000,000, whether of one product
    "q1 product, 0.2°": (0.2, YEAR, True),
    "q2 product, 10°": (10, YEAR // 12, True),
    "q3 0.2°": (0.2, YEAR // 4, False),
    "q4 product": (None, DAY, True),
}
ROUNDS = 60
OPENED = min(25, IMAGES // 1000)  # times
SLOWEST_OPENING = 0.1  # seconds of processor time; some thirty times what it takes


@pytest.fixture(scope="module")
def grown(big: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[int, Catalog]]:
    """Catalogs by their number of images, the smallest first."""
    kept = os.environ.get("LOCALCAT_BENCH_GROWN")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("growth")
    with ExitStack() as opened:
        yield {size: big if size == IMAGES else opened.enter_context(_kept(folder, size)) for size in SIZES}


def _kept(folder: Path, size: int) -> Catalog:
    path = folder / f"{size}.gpkg"
    if path.exists():
        return Catalog.open(path)
    catalog = make_catalog(path)
    catalog.add_images(generator.table(size), progress=False)
    return catalog


@pytest.mark.parametrize("question", QUESTIONS)
def test_growth(varied: Callable[..., None], grown: Mapping[int, Catalog], question: str) -> None:
    side, of_a_million, is_of_product = QUESTIONS[question]

    def somewhere(chance: random.Random) -> tuple[Asked, float]:
        """Return a place, and how far on in the possible times the asked time begins."""
        west, south = chance.uniform(-160, 150), chance.uniform(-50, 60)
        box = None if side is None else (west, south, west + side, south + side)
        return Asked(box, None, 1 if is_of_product else None), chance.random()

    def asked_of(size: int, given: tuple[Asked, float]) -> Asked:
        length = min(of_a_million * 1_000_000 // size, END - TIMES[0])
        start = TIMES[0] + int(given[1] * (END - length - TIMES[0]))
        return replace(given[0], times=(start, start + length))

    with ExitStack() as opened:
        pairs = {}
        for size, catalog in grown.items():
            plain = opened.enter_context(closing(sqlite3.connect(catalog.path, isolation_level=None)))
            plain.execute("PRAGMA cache_size = -32000")
            pairs[f"of {size:,}"] = (
                lambda given, size=size, catalog=catalog: values(built(catalog.images, asked_of(size, given))),
                lambda given, size=size, plain=plain: rows_by_hand(plain, asked_of(size, given)),
            )
        varied(question, pairs, somewhere, ROUNDS)


def test_opening_does_not_grow(grown: Mapping[int, Catalog], noted: Callable[[str, float], None]) -> None:
    taken: dict[int, list[float]] = {size: [] for size in SIZES}
    for _ in range(OPENED):
        for size, catalog in grown.items():
            started = time.process_time()
            Catalog.open(catalog.path, read_only=True).close()
            taken[size].append(time.process_time() - started)
    for size, times in taken.items():
        noted(f"open of {size:,}, processor ms", 1e3 * statistics.median(times))
    assert statistics.median(taken[IMAGES]) < SLOWEST_OPENING


def test_checking_grows_in_proportion(grown: Mapping[int, Catalog], noted: Callable[[str, float], None]) -> None:
    for size, catalog in grown.items():
        started = time.process_time()
        assert catalog.verify("quick").ok
        noted(f'verify("quick") of {size:,}, processor s', time.process_time() - started)
