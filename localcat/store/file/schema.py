"""The numbered SQL files, and how far a catalog file has come with them."""

from __future__ import annotations

import contextlib
import functools
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from localcat.errors import CatalogError, UnsupportedCatalogError

APPLICATION_ID = 0x47504B47  # 'GPKG': a catalog is also a GeoPackage
MINIMUM_SQLITE = (3, 37, 0)  # STRICT tables
VERSION_KEY = "schema_version"  # in the table meta
_VERSION = re.compile(r"[1-9][0-9]{0,5}")
_MOST_SETTINGS = 1000

Migrations: TypeAlias = tuple[tuple[str, ...], ...]
"""The statements of every schema version, the first version first."""


def schema_folder() -> Path:
    """Return the folder of the numbered SQL files: in the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "schema", package.parent / "schema"):
        if (folder / "0001_initial.sql").is_file():
            return folder
    raise CatalogError(f"the SQL files of localcat are missing beside {package}; install the package again")


@functools.cache
def read_migrations(folder: Path) -> Migrations:
    """Return the statements of every schema version in a folder of numbered SQL files, the first version first."""
    files = sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    return tuple(tuple(_statements(file.read_text(encoding="utf-8"))) for file in files)


def migrations() -> Migrations:
    """Return the statements of every schema version that this localcat knows."""
    return read_migrations(schema_folder())


def statement_of(name: str) -> str:
    """Return the statement that creates a table or an index of the schema."""
    made = re.compile(rf"CREATE (?:(?:VIRTUAL )?TABLE|INDEX) {name}\b")
    for statements in reversed(migrations()):
        for statement in statements:
            found = made.search(statement)
            if found is not None:
                return statement[found.start() :]
    raise ValueError(f"the schema has no table or index {name}")


def apply(connection: sqlite3.Connection, versions: Migrations) -> None:
    """Carry out the statements of schema versions, inside the caller's transaction."""
    for statements in versions:
        for statement in statements:
            connection.execute(statement)


def create(connection: sqlite3.Connection, settings: dict[str, str], versions: Migrations) -> None:
    """Write the schema and the catalog's own settings into an empty database that nobody else uses yet.

    The caller has begun no transaction. A crash between the two that this takes leaves a schema without settings.
    """
    with contextlib.closing(sqlite3.connect(":memory:")) as empty:
        empty.deserialize(_empty(versions))
        empty.backup(connection)
    meta = {VERSION_KEY: str(len(versions)), **settings}
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", meta.items())
    connection.execute("COMMIT")


@functools.cache
def _empty(versions: Migrations) -> bytes:
    """Return a database with the schema alone, made once, since the statements take seven times as long as a copy."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        apply(connection, versions)
        return connection.serialize()


def read_settings(connection: sqlite3.Connection, path: Path, latest: int) -> dict[str, str]:
    """Return the settings of a catalog file.

    Parameters
    ----------
    connection : sqlite3.Connection
        To the file.
    path : Path
        The file, for messages.
    latest : int
        The newest schema version that is known.

    Raises
    ------
    UnsupportedCatalogError
        If the file is not a catalog, or was written by a newer localcat. The file is not touched.
    """
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    # Nothing is asked of an object that only calls itself a table: a view could keep the query busy for ever.
    has_meta = connection.execute(
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'meta' AND sql GLOB 'CREATE TABLE meta *'"
    ).fetchone()
    settings: dict[str, str] = {}
    if application_id == APPLICATION_ID and has_meta:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(meta)")]
        if columns == ["key", "value"]:
            settings = dict(connection.execute("SELECT key, value FROM meta LIMIT ?", (_MOST_SETTINGS,)))
    version = settings.get(VERSION_KEY)
    if not isinstance(version, str) or _VERSION.fullmatch(version) is None:
        raise UnsupportedCatalogError(f"'{path}' is a database but no localcat catalog; open one that localcat created")
    if int(version) > latest:
        raise UnsupportedCatalogError(
            f"catalog '{path}' has schema version {version} and this localcat knows {latest}; install a newer localcat"
        )
    return settings


@functools.cache  # what was found good stays so
def check_sqlite() -> None:
    """Check that the SQLite library can do what localcat needs.

    Raises
    ------
    CatalogError
        If it is too old, or lacks R-tree, FTS5, JSON or the functions that write a database as bytes.
    """
    if sqlite3.sqlite_version_info < MINIMUM_SQLITE:
        wanted = ".".join(map(str, MINIMUM_SQLITE))
        raise CatalogError(f"localcat needs SQLite {wanted} or newer, Python brings {sqlite3.sqlite_version}")
    probe = sqlite3.connect(":memory:")
    try:
        probe.execute("CREATE VIRTUAL TABLE box USING rtree (id, low, high)")
        probe.execute("CREATE VIRTUAL TABLE words USING fts5 (word)")
        probe.execute("SELECT json('[]')")
        probe.serialize()
    except (sqlite3.OperationalError, AttributeError) as error:
        raise CatalogError(f"the SQLite of this Python lacks a feature that localcat needs: {error}") from error
    finally:
        probe.close()


def _statements(script: str) -> Iterator[str]:
    lines: list[str] = []
    for line in script.splitlines(keepends=True):
        lines.append(line)
        statement = "".join(lines)
        if sqlite3.complete_statement(statement):
            yield statement
            lines.clear()
