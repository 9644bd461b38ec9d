"""What the order of the rows is worth: the same statements for a load by place, and for one as it came."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import generator
from benchmarks.conftest import IMAGES, make_catalog
from localcat.store.rtree.ask import TIME_UNIT
from localcat.writing.bulk import spool

DAY = 86_400  # seconds
QUESTIONS = {  # side of the area in degrees, seconds, whether of one product
    "q1 product, 0.2°, a year": (0.2, 365 * DAY, True),
    "q2 product, 10°, a month": (10, 30 * DAY, True),
    "q3 0.2°, three months": (0.2, 91 * DAY, False),
    "q4 product, a day": (None, DAY, True),
    "q5 0.05°, all time": (0.05, generator.END - generator.START, False),
}


def opened(path: Path) -> sqlite3.Connection:
    """Return a bare connection to a new catalog of all images."""
    with make_catalog(path) as catalog:
        catalog.add_images(generator.records(IMAGES), progress=False)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA cache_size = -32000")
    return connection


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[sqlite3.Connection, sqlite3.Connection]]:
    folder = tmp_path_factory.mktemp("order")
    by_place = opened(folder / "by_place.gpkg")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "_FEWEST_ORDERED", IMAGES + 1)
        as_it_came = opened(folder / "as_it_came.gpkg")
    yield by_place, as_it_came
    by_place.close()
    as_it_came.close()


@pytest.mark.parametrize("question", QUESTIONS)
def test_rows_in_order(varied, both: tuple[sqlite3.Connection, sqlite3.Connection], question: str) -> None:
    side, seconds, is_of_product = QUESTIONS[question]

    def make(chance: random.Random) -> tuple[str, list[Any]]:
        begin = chance.randint(generator.START, generator.END - seconds) * 10**6
        end, unary = begin + seconds * 10**6, "" if side is None else "+"
        parts, values = [f"{unary}acquired >= ? AND {unary}acquired < ?"], [begin, end]
        if is_of_product:
            parts.append(f"{unary}product_id = 1")
        if side is not None:
            west, south = chance.uniform(-160, 150), chance.uniform(-50, 60)
            parts.append(
                "id IN (SELECT id FROM image_index WHERE max_lon >= ? AND min_lon <= ? AND max_lat >= ? "
                "AND min_lat <= ? AND max_time >= ? AND min_time <= ?)"
            )
            values += [west, west + side, south, south + side, begin / TIME_UNIT, end / TIME_UNIT]
        return f"SELECT uid, acquired, cloud_fraction, geometry FROM image WHERE {' AND '.join(parts)}", values

    by_place, as_it_came = both
    pair = (lambda asked: by_place.execute(*asked).fetchall(), lambda asked: as_it_came.execute(*asked).fetchall())
    varied(f"{question} (floor: rows as they came)", {"": pair}, make, rounds=60)
