"""How the time of a search grows with the catalog, where as many images are found in each: its time is as much shorter.

Catalogs of 10,000, 100,000, 1,000,000 and 10,000,000 images, as far as LOCALCAT_BENCH_IMAGES goes; the largest is that
of the other benchmarks.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import generator
from benchmarks.built import built, values
from benchmarks.by_hand import DAY, END, TIMES, YEAR, Asked, rows_by_hand
from benchmarks.conftest import IMAGES, make_catalog
from localcat import Catalog

SIZES = [size for size in (10_000, 100_000, 1_000_000, 10_000_000) if size <= IMAGES]
QUESTIONS = {  # side of the area in degrees, microseconds in a catalog of 1,000,000, whether of one product
    "q1 product, 0.2°": (0.2, YEAR, True),
    "q2 product, 10°": (10, YEAR // 12, True),
    "q3 0.2°": (0.2, YEAR // 4, False),
    "q4 product": (None, DAY, True),
}
ROUNDS = 60


@pytest.fixture(scope="module", params=SIZES, ids="{:,}".format)
def grown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Catalog, int]]:
    size = request.param
    if size == IMAGES:
        yield request.getfixturevalue("big"), size
        return
    path: Path = tmp_path_factory.mktemp("growth") / "grown.gpkg"
    with make_catalog(path) as catalog:
        catalog.add_images(generator.table(size), progress=False)
        yield catalog, size


@pytest.mark.parametrize("question", QUESTIONS)
def test_growth(varied: Callable[..., None], grown: tuple[Catalog, int], question: str) -> None:
    catalog, size = grown
    side, of_a_million, is_of_product = QUESTIONS[question]
    length = min(of_a_million * 1_000_000 // size, END - TIMES[0])

    def somewhere(chance: random.Random) -> Asked:
        west, south = chance.uniform(-160, 150), chance.uniform(-50, 60)
        start = chance.randint(TIMES[0], END - length)
        box = None if side is None else (west, south, west + side, south + side)
        return Asked(box, (start, start + length), 1 if is_of_product else None)

    with closing(sqlite3.connect(catalog.path, isolation_level=None)) as plain:
        plain.execute("PRAGMA cache_size = -32000")
        varied(
            f"{question} of {size:,}",
            lambda asked: values(built(catalog.images, asked)),
            lambda asked: rows_by_hand(plain, asked),
            somewhere,
            ROUNDS,
        )
