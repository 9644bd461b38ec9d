"""Searches as a program asks: another place and time each call, built from scratch, and rows read back.

Of each image four values are read: id, acquired, cloud_fraction and geometry. The floor reads the same by hand-written
SQL and shapely on the same file; its SQL is there already. Both answer each question, in turns and in a random order,
and must find the same. What was taken is processor time, which other programs on the machine disturb less.
Beside the floor there are peers that hold the same images, see `benchmarks.peers`; all answer in turns, in one process.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from benchmarks.built import built, values
from benchmarks.by_hand import DAY, TIMES, YEAR, Asked, rows_by_hand
from benchmarks.peers import PEERS, Answer, held
from localcat import Catalog

ROUNDS = 100
BESIDE_ROUNDS = 25  # with peers that take ten milliseconds and more


@dataclass(frozen=True)
class Question:
    """A kind of question: how large its place is, how long its time, and what else it asks."""

    degrees: float | None = None
    microseconds: int | None = None
    of_largest: bool = True
    clouds_below: float | None = None
    newest: int | None = None
    place: tuple[float, float, float, float] | None = None  # the same each time
    only_count: bool = False

    def somewhere(self, chance: random.Random) -> Asked:
        """Return the question about a random place and time."""
        west, south = chance.uniform(-160, 150), chance.uniform(-50, 60)
        start = chance.randrange(*TIMES)
        return Asked(
            self.place if self.degrees is None else (west, south, west + self.degrees, south + self.degrees),
            None if self.microseconds is None else (start, start + self.microseconds),
            1 if self.of_largest else None,
            self.clouds_below,
            self.newest,
            self.only_count,
        )


QUESTIONS = {
    "q1 product, 0.2°, a year": Question(0.2, YEAR),
    "q2 product, 10°, a month, clouds": Question(10, YEAR // 12, clouds_below=0.2),
    "q3 0.2°, three months": Question(0.2, YEAR // 4, of_largest=False),
    "q4 product, a day": Question(None, DAY),
    "q5 0.05°, all time": Question(0.05, of_largest=False),
    "q7s newest 10 in 0.2°": Question(0.2, newest=10),
    "q7b newest 10 in 10°": Question(10, newest=10),
    "q8 newest 20 of low cloud in 1°": Question(1, of_largest=False, clouds_below=0.1, newest=20),
}
COUNTED = "q6 count on a continent, a year"
COUNT = Question(None, YEAR, place=(-30.0, -10.0, 40.0, 40.0), only_count=True)
questions = pytest.mark.parametrize("name", QUESTIONS)


@questions
def test_rows(varied: Callable[..., None], big: Catalog, plain: sqlite3.Connection, name: str) -> None:
    def ours(asked: Asked) -> list[Any]:
        return values(built(big.images, asked))

    pair = ours, lambda asked: rows_by_hand(plain, asked)
    varied(f"rows {name}", {"": pair}, QUESTIONS[name].somewhere, ROUNDS)


@questions
def test_ids(varied: Callable[..., None], big: Catalog, plain: sqlite3.Connection, name: str) -> None:
    pair = (lambda asked: built(big.images, asked).ids()), lambda asked: rows_by_hand(plain, asked)
    varied(f"ids {name}", {"": pair}, QUESTIONS[name].somewhere, ROUNDS)


def test_count_on_a_continent(varied: Callable[..., None], big: Catalog, plain: sqlite3.Connection) -> None:
    pair = (lambda asked: range(built(big.images, asked).count())), lambda asked: rows_by_hand(plain, asked)
    varied(COUNTED, {"": pair}, COUNT.somewhere, ROUNDS // 4)


@pytest.fixture(scope="module")
def peers(plain: sqlite3.Connection) -> Mapping[str, Answer]:
    """The peers that are installed, each with the same images."""
    images, found = held(plain), {}
    for name, made in PEERS.items():
        with suppress(ImportError, sqlite3.Error):  # DuckDB of the extra [bench], SpatiaLite of the system
            found[name] = made(images)
    return found


@pytest.mark.parametrize("name", [*QUESTIONS, COUNTED])
def test_beside_peers(
    beside: Callable[..., None], big: Catalog, plain: sqlite3.Connection, peers: Mapping[str, Answer], name: str
) -> None:
    question = QUESTIONS.get(name, COUNT)
    calls: dict[str, Answer] = {"floor": lambda asked: rows_by_hand(plain, asked)}
    if question.only_count:
        calls["localcat"] = lambda asked: range(built(big.images, asked).count())
    else:
        calls["localcat"] = lambda asked: values(built(big.images, asked))
        calls["ids"] = lambda asked: built(big.images, asked).ids()
    beside(name, {**calls, **peers}, question.somewhere, BESIDE_ROUNDS)
