"""Connections that are given away: they read, or write in one transaction, under the locks of localcat."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils

from localcat import (
    BadRequestError,
    Catalog,
    CatalogClosedError,
    CatalogLockedError,
    CatalogNotFoundError,
    ReadOnlyCatalogError,
    ReadOnlyCatalogWarning,
)
from tests.other_process import Other, product_ids, save_product
from tests.small_catalog import fill_guide, make_product


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        make_product("first", catalog=catalog)
        yield catalog


def notes(catalog: Catalog) -> list[int]:
    return [number for (number,) in catalog.db.execute("SELECT number FROM note ORDER BY number").fetchall()]


# Reading


def test_db_reads_and_changes_nothing(mine: Catalog) -> None:
    db = mine.db
    assert [row["uid"] for row in db["product"].rows] == ["acme:first"]
    assert list(db.query("SELECT uid FROM product WHERE id = ?", [1])) == [{"uid": "acme:first"}]
    for write in (
        lambda: db["note"].insert({"number": 1}),
        lambda: db.execute("DELETE FROM product"),
        lambda: db.conn.executescript("PRAGMA query_only = OFF; DELETE FROM product"),
        lambda: db["product"].drop(),
    ):
        with pytest.raises(sqlite3.OperationalError, match="attempt to write a readonly database"):
            write()
    assert product_ids(mine) == ["acme:first"]


def test_the_cursors_of_db_are_as_others(mine: Catalog) -> None:
    save_product(mine, "second")
    cursor = mine.db.conn.cursor()
    assert cursor.execute("SELECT uid FROM product ORDER BY uid") is cursor
    assert [column[0] for column in cursor.description] == ["uid"]
    assert (cursor.fetchone(), cursor.fetchmany(5), cursor.fetchone()) == (("acme:first",), [("acme:second",)], None)
    assert list(cursor.execute("SELECT 1 UNION SELECT 2")) == [(1,), (2,)]
    assert cursor.execute("SELECT 1 UNION SELECT 2").fetchmany() == [(1,)]
    assert cursor.fetchall() == [(2,)]


def test_an_open_cursor_of_db_keeps_nobody_from_committing(mine: Catalog) -> None:
    save_product(mine, "second")
    other = Other(mine.path, timeout=0.05)
    db = mine.db
    cursor = db.execute("SELECT uid FROM product ORDER BY uid")
    assert cursor.fetchone() == ("acme:first",)
    assert other.do(save_product, "other") is None
    db.execute("BEGIN")
    assert db.execute("SELECT count(*) FROM product").fetchone() == (3,)
    assert other.do(save_product, "late") == "CatalogLockedError"  # a transaction sees one state, as it should
    db.execute("ROLLBACK")
    assert other.do(save_product, "late") is None
    other.end()


def test_db_waits_for_one_that_loads_much(mine: Catalog) -> None:
    with Catalog.open(mine.path, timeout=0.05) as hasty:
        db = hasty.db
        with mine.database.write() as transaction:
            transaction.expect_much()
            with pytest.raises(CatalogLockedError, match="is in use by another program or thread"):
                db.execute("SELECT count(*) FROM product")
        assert db.execute("SELECT count(*) FROM product").fetchone() == (1,)


# Writing


def test_writable_db_keeps_all_of_its_block(mine: Catalog) -> None:
    with mine.writable_db() as db:
        assert isinstance(db, sqlite_utils.Database)
        db["note"].insert({"number": 1})
        db["note"].insert_all({"number": number} for number in range(2, 5))
        with db.conn:
            db.execute("INSERT INTO note VALUES (5)")
        db.conn.commit()
    assert notes(mine) == [1, 2, 3, 4, 5]
    assert mine.verify("full", progress=False).ok


def test_writable_db_keeps_nothing_of_a_block_that_raises(mine: Catalog) -> None:
    with pytest.raises(KeyError, match="mine"), mine.writable_db() as db:
        db["note"].insert({"number": 1})
        db.conn.commit()
        raise KeyError("mine")
    assert "note" not in mine.db.table_names()


def test_a_block_of_its_connection_that_fails_is_undone_alone(mine: Catalog) -> None:
    with mine.writable_db() as db:
        db["note"].insert({"number": 1}, pk="number")
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"), db.conn:
            db.execute("INSERT INTO note VALUES (2)")
            db.execute("INSERT INTO note VALUES (1)")
        db.execute("INSERT INTO note VALUES (3)")
    assert notes(mine) == [1, 3]
    with mine.writable_db() as db:
        db.execute("INSERT INTO note VALUES (4)")
        db.conn.rollback()
        db.execute("INSERT INTO note VALUES (5)")
    assert notes(mine) == [1, 3, 5]


@pytest.mark.parametrize("statement", ["COMMIT", "ROLLBACK", "BEGIN", "END", "ATTACH 'other.db' AS other"])
def test_its_transaction_is_not_ended_and_reaches_no_other_file(mine: Catalog, statement: str) -> None:
    told = "a transaction is neither begun nor ended, and no other database"
    with pytest.raises(BadRequestError, match=told), mine.writable_db() as db:
        db["note"].insert({"number": 1})
        db.execute(statement)
    assert "note" not in mine.db.table_names()


@pytest.mark.parametrize(
    "statement", ["DROP TABLE trash", "CREATE TRIGGER bad AFTER INSERT ON product BEGIN SELECT 1; END"]
)
def test_what_localcat_would_refuse_afterwards_is_not_kept(mine: Catalog, statement: str) -> None:
    told = r"nothing was changed, since .*survey\.gpkg' is not localcat's: [^;]*$"
    with pytest.raises(BadRequestError, match=told), mine.writable_db() as db:
        db.execute(statement)
    save_product(mine, "second")
    assert mine.verify("full", progress=False).ok


def test_nobody_else_reads_or_writes_meanwhile(mine: Catalog) -> None:
    other = Other(mine.path, timeout=0.05)
    with mine.writable_db() as db:
        db["note"].insert({"number": 1})
        assert other.do(save_product, "other") == "CatalogLockedError"
        assert other.do(product_ids) == "CatalogLockedError"
    assert other.do(save_product, "other") is None
    other.end()


def test_it_waits_its_turn(mine: Catalog) -> None:
    told = "is in use by another program or thread"
    with (
        Catalog.open(mine.path, timeout=0.05) as hasty,
        mine.transaction(),
        pytest.raises(CatalogLockedError, match=told),
        hasty.writable_db(),
    ):
        pass
    with mine.transaction(), pytest.raises(BadRequestError, match="by hand inside a transaction"), mine.writable_db():
        pass


def read_only(catalog: Catalog) -> Catalog:
    return Catalog.open(catalog.path, read_only=True)


def copied(catalog: Catalog) -> Catalog:
    fill_guide(catalog)
    shutil.copy(catalog.path, catalog.path.with_suffix(".bak"))
    with pytest.warns(ReadOnlyCatalogWarning, match="is a copy of"):
        return Catalog.open(catalog.path.with_suffix(".bak"))


@pytest.mark.parametrize(("way", "told"), [(read_only, "open for reading only"), (copied, "is a copy of")])
def test_a_catalog_that_can_only_be_read_is_not_changed(
    mine: Catalog, way: Callable[[Catalog], Catalog], told: str
) -> None:
    with way(mine) as catalog:
        with pytest.raises(ReadOnlyCatalogError, match=told), catalog.writable_db():
            pass
        assert catalog.db["product"].count == catalog.products.count()


def test_without_a_catalog_there_is_nothing_to_tinker_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALCAT", str(tmp_path / "default.gpkg"))
    calls: list[Callable[[Catalog], Any]] = [
        lambda catalog: catalog.db,
        lambda catalog: catalog.writable_db().__enter__(),
    ]
    for call in calls:
        with Catalog.default() as default, pytest.raises(CatalogNotFoundError, match="there is no catalog at"):
            call(default)
        with pytest.raises(CatalogClosedError, match="is closed; open it again"):
            call(default)
    assert list(tmp_path.iterdir()) == []
