"""What opening a catalog costs: the checks of its schema, and those of a catalog that is not trusted."""

from __future__ import annotations

import sqlite3

import pytest

from localcat import Catalog
from localcat.store.file import schema
from localcat.store.file.trust import check_content, check_schema


@pytest.mark.parametrize("trusted", [True, False])
def test_opening(in_turns, big: Catalog, trusted: bool) -> None:
    """The floor opens the file and reads its settings; where it is not trusted, we read the whole file."""

    def bare() -> int:
        connection = sqlite3.connect(big.path)
        count = len(connection.execute("SELECT key, value FROM meta").fetchall())
        connection.close()
        return count

    def ours() -> int:
        with Catalog.open(big.path, trusted=trusted) as catalog:
            return len(catalog.database.settings())

    assert bare() == ours()
    how = "" if trusted else ", untrusted"
    in_turns(f"open a catalog of {big.path.stat().st_size / 1e6:,.0f} MB{how} (floor: bare sqlite3)", ours, bare)


def test_checking_the_schema(benchmark, big: Catalog) -> None:
    benchmark.group = "check the schema"
    with big.database.read() as connection:
        benchmark(lambda: check_schema(connection, big.path, schema.migrations()))


def test_reading_the_whole_file(benchmark, big: Catalog) -> None:
    benchmark.group = f"check the content of {big.path.stat().st_size / 1e6:,.0f} MB"
    with big.database.read() as connection:
        benchmark.pedantic(lambda: check_content(connection, big.path), rounds=3)
