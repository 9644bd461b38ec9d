"""Whether the schema in a catalog file is the one that localcat wrote, so that no statement of ours runs a stranger's.

Every object of ours must be in the file with the very text that made it, and nothing may sit on one of them. What other
programs add beside them, as GDAL and QGIS do, is left alone.
"""

from __future__ import annotations

import functools
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcat.errors import CorruptCatalogError, UntrustedCatalogError
from localcat.store.file import schema

# Tables that GeoPackage programs share; GDAL adds columns to the first to keep newer CRS definitions.
_SHARED = frozenset({"gpkg_spatial_ref_sys", "gpkg_contents", "gpkg_geometry_columns", "gpkg_extensions"})
_ADDED_COLUMNS = re.compile(r"(\s*,\s*\w+ [A-Z]+( NOT NULL)?( DEFAULT ('\w*'|NULL))?)+\s*\)\s*")

# What ANALYZE makes.
_STATISTICS = {
    "sqlite_stat1": "CREATE TABLE sqlite_stat1(tbl,idx,stat)",
    "sqlite_stat4": "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
}

# SQLite keeps a statement from the object's name on and puts one of these before it.
_CREATE = re.compile(r"CREATE (?P<kind>TABLE|VIRTUAL TABLE|VIEW|TRIGGER|INDEX|UNIQUE INDEX) ")
_TYPE_OF = {
    "TABLE": "table",
    "VIRTUAL TABLE": "table",
    "VIEW": "view",
    "TRIGGER": "trigger",
    "INDEX": "index",
    "UNIQUE INDEX": "index",
}
_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\n\v\f\r]+|--[^\n]*|/\*.*?(\*/|\Z))
    |(?P<quoted>"([^"]|"")*"|`([^`]|``)*`|'([^']|'')*'|\[[^\]]*\])
    |(?P<word>[A-Za-z_$0-9\x80-\U0010ffff]+)
    |(?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Object:
    """A row of ``sqlite_schema``; a hostile one may hold any type of value."""

    type: Any
    name: Any
    table: Any
    rootpage: Any
    sql: Any


@functools.cache
def _expected(versions: schema.Migrations) -> dict[str, _Object]:
    """Return the objects that schema versions make, by name."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        schema.apply(connection, versions)
        return {found.name: found for found in _objects(connection)}
    finally:
        connection.close()


def _objects(connection: sqlite3.Connection) -> list[_Object]:
    rows = connection.execute("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema")
    return [_Object(*row) for row in rows]


def check_schema(connection: sqlite3.Connection, path: Path, versions: schema.Migrations) -> None:
    """Compare the objects in a file with those that schema versions make; reads the schema alone, and writes nothing.

    Parameters
    ----------
    connection, path
        As in `schema.read_settings`.
    versions : Migrations
        All schema versions up to the one of the file.

    Raises
    ------
    UntrustedCatalogError
        If an object of ours is missing or another one, or one of a stranger's sits on it. It names the object.
    """
    expected = _expected(versions)
    found = _objects(connection)
    for one in found:
        wanted = expected.get(one.name) if isinstance(one.name, str) else None
        if wanted is None:
            _check_foreign(one, path, expected)
        elif not _is_same(one, wanted):
            raise _untrusted(
                path, f"{wanted.type} '{wanted.name}' is not the one that localcat made", "restore the file from a copy"
            )
    missing = sorted(expected.keys() - {one.name for one in found})
    if missing:
        what = f"{expected[missing[0]].type} '{missing[0]}' is missing"
        raise _untrusted(path, what, "restore the file from a copy")
    pages = [one.rootpage for one in found if one.rootpage]
    if len(pages) != len(set(pages)):
        raise _untrusted(path, "two tables or indexes share their pages", "restore the file from a copy")


def check_content(connection: sqlite3.Connection, path: Path) -> None:
    """Read a whole file and look for damage: its pages, its tables' rules, its foreign keys.

    Raises
    ------
    CorruptCatalogError
        If there is any.
    """
    (first,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if first != "ok":
        raise CorruptCatalogError(
            f"catalog '{path}' is damaged ({first}); ask for it again, or restore it from a backup"
        )
    broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    if broken is not None:
        raise CorruptCatalogError(
            f"catalog '{path}' is damaged: row {broken[1]} of table '{broken[0]}' refers to a missing row of "
            f"'{broken[2]}'; ask for it again, or restore it from a backup"
        )


def _is_same(one: _Object, wanted: _Object) -> bool:
    if (one.type, one.table, bool(one.rootpage)) != (wanted.type, wanted.table, bool(wanted.rootpage)):
        return False
    if one.sql == wanted.sql:
        return True
    stem = str(wanted.sql).removesuffix(")").rstrip()
    is_longer = one.name in _SHARED and isinstance(one.sql, str) and one.sql.startswith(stem)
    return is_longer and _ADDED_COLUMNS.fullmatch(one.sql, len(stem)) is not None


def _check_foreign(one: _Object, path: Path, expected: dict[str, _Object]) -> None:
    """Refuse an object of another program's that sits on one of ours, or that is not what its row says."""
    owned = {name.lower() for name in expected}
    target = str(one.table).lower()
    if one.sql is None:  # the index that a UNIQUE or a PRIMARY KEY makes
        is_plain = one.type == "index" and str(one.name).startswith("sqlite_autoindex_")
    elif one.name in _STATISTICS:
        is_plain = (one.type, one.sql) == ("table", _STATISTICS[one.name])
    else:
        is_plain = isinstance(one.sql, str) and _declares(one.sql) == (one.type, str(one.name).lower(), target)
    if not is_plain:
        raise _untrusted(path, f"the entry of {one.type} '{one.name}' was forged", "do not use the file")
    if target in owned:
        remedy = f"do not use the file, or drop the {one.type} with another program if it is yours"
        raise _untrusted(path, f"the foreign {one.type} '{one.name}' sits on '{one.table}'", remedy)


def _untrusted(path: Path, what: str, remedy: str) -> UntrustedCatalogError:
    return UntrustedCatalogError(f"the schema of catalog '{path}' is not localcat's: {what}; {remedy}")


def _declares(sql: str) -> tuple[str, str, str] | None:
    """Return (type, name, table) of what a stored statement makes, names in lower case; None if it makes nothing.

    SQLite obeys the statement, and not the columns beside it.
    """
    head = _CREATE.match(sql)
    if head is None or "\0" in sql:
        return None
    kind = _TYPE_OF[head["kind"]]
    tokens = _tokens(sql, head.end())
    name = _name(next(tokens, ""))
    if kind in ("table", "view"):
        return kind, name, name
    for token in tokens:
        if token.lower() == "on":
            table = _name(next(tokens, ""))
            if next(tokens, "") == ".":  # with the name of the database before it
                table = _name(next(tokens, ""))
            return kind, name, table
    return None


def _tokens(sql: str, start: int) -> Iterator[str]:
    return (match[0] for match in _TOKEN.finditer(sql, start) if match["space"] is None)


def _name(token: str) -> str:
    """Return the name in a token, in lower case."""
    first = token[:1]
    if first == "[":
        token = token[1:-1]
    elif first in ("'", '"', "`"):
        token = token[1:-1].replace(first * 2, first)
    return token.lower()
