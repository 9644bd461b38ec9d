"""Whether a catalog file is in order: SQLite's own checks, our schema, and the indexes against the rows."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from localcat.errors import UntrustedCatalogError
from localcat.store import properties
from localcat.store.damage.problem_kinds import Problem, ProblemKind
from localcat.store.file import schema, trust

_MOST = 1000  # messages of one integrity_check
_RECOVER = "copy what is readable with `localcat recover`, or restore a backup"
REINDEX: Final = "Catalog.reindex() builds it again"
_OF_TEXT = re.compile(r"FTS5 table (?:main\.)?(\w+_text)\b|fts5: .*\"(\w+_text)\"", re.DOTALL)
_OF_INDEX = re.compile(r"RTree .*\b(image_index)(?:_node)?\b", re.DOTALL)

TEXT_TABLES: Final = {"product_text": "product", "band_text": "band", "image_text": "image"}
"""The full-text indexes, and the tables that they are made of."""

_ENTRIES = "SELECT image_id, key_id, type, value FROM image_property"
_JSON_COLUMNS = re.compile(r"^ *(\w+) +TEXT +CHECK \(substr\(\1, 1, 1\) =", re.MULTILINE)


def check_pages(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Yield what SQLite finds in the pages, tables and indexes of the file."""
    try:
        for (message,) in connection.execute(f"PRAGMA integrity_check({_MOST})"):
            if message != "ok":
                yield _of_pages(message)
    except sqlite3.DatabaseError as error:  # an R-tree without a root ends the check itself
        if _OF_INDEX.search(str(error)) is None:
            raise
        yield _of_pages(str(error))


def _of_pages(message: str) -> Problem:
    """Return a message of SQLite as a problem: since 3.44 its check includes the virtual tables."""
    text, index = _OF_TEXT.search(message), _OF_INDEX.search(message)
    found = " ".join(message.split())
    if text is not None:
        return Problem(ProblemKind.FULL_TEXT, REINDEX, object_id=text[1] or text[2], found=found)
    if index is not None:
        return Problem(ProblemKind.SPACE_TIME_INDEX, REINDEX, object_id=index[1], found=found)
    return Problem(ProblemKind.DATABASE, _RECOVER, found=found)


def check_references(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Yield the rows that name a row that is not there."""
    for table, row_id, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield Problem(
            ProblemKind.REFERENCE,
            "delete the row, or " + _RECOVER,
            object_id=_name_of(connection, table, row_id),
            expected=f"a row of table {parent}",
            found="none",
        )


def _name_of(connection: sqlite3.Connection, table: str, row_id: int | None) -> str:
    """Return the public id of a row, or table and row id where it has none."""
    if table in TEXT_TABLES.values():
        found = connection.execute(f"SELECT uid FROM {table} WHERE id = ?", (row_id,)).fetchone()
        if found is not None:
            return str(found[0])
    return table if row_id is None else f"{table} {row_id}"


def check_schema(connection: sqlite3.Connection, path: Path) -> Iterator[Problem]:
    """Yield the first object of the schema that is not ours, or on which a stranger's sits."""
    try:
        trust.check_schema(connection, path, schema.migrations())
    except UntrustedCatalogError as error:
        yield Problem(ProblemKind.SCHEMA, _RECOVER, path=str(path), found=str(error))


def check_values(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Yield the products, bands and images that hold text which should be JSON, and is not."""
    for table in TEXT_TABLES.values():
        (sql,) = connection.execute(
            "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,)
        ).fetchone()
        columns = _JSON_COLUMNS.findall(sql)
        # Before SQLite 3.42, json_valid returns 0 for NULL.
        tests = [f"{column} IS NOT NULL AND NOT json_valid({column})" for column in columns]
        named = " || ".join(f"iif({test}, ' {column}', '')" for test, column in zip(tests, columns, strict=True))
        broken = " OR ".join(tests)
        for uid, names in connection.execute(f"SELECT uid, {named} FROM {table} WHERE {broken}"):
            yield Problem(
                ProblemKind.VALUE, "set it again, and save", uid, expected="JSON", found=f"other text in{names}"
            )


def check_tags(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Yield the images whose tags are not those in the table of tags."""
    of_images = (
        "SELECT image.id AS id, tag.value AS tag FROM image, json_each(image.tags) AS tag WHERE json_valid(image.tags)"
    )
    in_table = "SELECT image_id AS id, tag FROM image_tag"
    for wanted, given, words in (
        (of_images, in_table, "not in the table"),
        (in_table, of_images, "in the table alone"),
    ):
        sql = (
            f"SELECT coalesce(image.uid, 'row ' || found.id), group_concat(found.tag, ', ') "
            f"FROM (SELECT * FROM ({wanted}) EXCEPT SELECT * FROM ({given})) AS found "
            "LEFT JOIN image ON image.id = found.id GROUP BY found.id"
        )
        for uid, tags in connection.execute(sql):
            yield Problem(ProblemKind.TAGS, REINDEX, uid, expected="the tags of the image", found=f"{tags} {words}")


def check_properties(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Yield the damaged keys of the index of properties, and the images whose entries are not those of their row."""
    for (path,) in connection.execute("SELECT path FROM property_key").fetchall():
        if properties.path_of(path) is None:
            advice = "choose the keys again, with Catalog.reindex(properties=[...])"
            yield Problem(ProblemKind.PROPERTIES, advice, "property_key", expected="keys as JSON", found=path)
    hurt: set[int] = set()
    keys, seen = properties.chosen(connection), 0  # the last image looked at
    for rows in properties.with_properties(connection) if keys else ():
        found = connection.execute(f"{_ENTRIES} WHERE image_id > ? AND image_id <= ?", (seen, seen := rows[-1][0]))
        wanted = {entry for row_id, stored in rows for entry in properties.entries(row_id, stored, keys)}
        hurt.update(entry[0] for entry in wanted.symmetric_difference(found))
    hurt.update(entry[0] for entry in connection.execute(f"{_ENTRIES} WHERE image_id > ?", (seen,)))
    for row_id in sorted(hurt):
        name = _name_of(connection, "image", row_id)
        yield Problem(ProblemKind.PROPERTIES, REINDEX, name, expected="the values of its row", found="others")


def check_text(connection: sqlite3.Connection, *, can_write: bool) -> Iterator[Problem]:
    """Yield the objects whose words in the full-text indexes are not those of their rows.

    Parameters
    ----------
    connection : sqlite3.Connection
        Its temporary database is used for a while.
    can_write : bool
        Whether it is inside a write transaction. FTS5 checks itself by a statement that counts as a write; without one
        the indexes are compared with new ones of the rows, which takes several times longer.
    """
    for text_table, table in TEXT_TABLES.items():
        if can_write:
            try:  # rank 1: against the rows as well
                connection.execute(f"INSERT INTO {text_table} ({text_table}, rank) VALUES ('integrity-check', 1)")
                continue
            except sqlite3.DatabaseError:
                pass  # which objects it is about is found out below
        try:
            hurt = sorted(_differing(connection, text_table, table))
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            yield Problem(
                ProblemKind.FULL_TEXT, REINDEX, text_table, expected="an index of the texts", found=str(error)
            )
            continue
        for row_id in hurt:
            name = _name_of(connection, table, row_id)
            yield Problem(ProblemKind.FULL_TEXT, REINDEX, name, expected="the words of its texts", found="other words")
        if can_write and not hurt:
            yield Problem(
                ProblemKind.FULL_TEXT, REINDEX, text_table, expected="a consistent index", found="a malformed one"
            )


def _differing(connection: sqlite3.Connection, text_table: str, table: str) -> set[int]:
    """Return the rows whose words differ between a full-text index and a new one of the same rows."""
    names = ", ".join(row[1] for row in connection.execute(f"PRAGMA table_info({text_table})"))
    try:
        connection.execute(
            f"CREATE VIRTUAL TABLE temp.check_words USING fts5 "
            f"({names}, content = '', tokenize = 'unicode61 remove_diacritics 2')"
        )
        connection.execute("CREATE VIRTUAL TABLE temp.check_new USING fts5vocab('temp', 'check_words', 'instance')")
        connection.execute(f"CREATE VIRTUAL TABLE temp.check_old USING fts5vocab('main', '{text_table}', 'instance')")
        connection.execute(f"INSERT INTO temp.check_words (rowid, {names}) SELECT id, {names} FROM {table}")
        instances = "SELECT term, doc, col, offset FROM temp."
        hurt = _unequal(connection.execute(f"{instances}check_old"), connection.execute(f"{instances}check_new"))
        sizes = (f"SELECT id FROM {text_table}_docsize", f"SELECT id FROM {table}")
        for one, other in (sizes, sizes[::-1]):
            hurt.update(row_id for (row_id,) in connection.execute(f"{one} EXCEPT {other}"))
        return hurt
    finally:
        for name in ("check_old", "check_new", "check_words"):
            connection.execute(f"DROP TABLE IF EXISTS temp.{name}")


def _unequal(old: sqlite3.Cursor, new: sqlite3.Cursor) -> set[int]:
    """Return the documents of the instances that only one of two sorted streams has."""
    hurt: set[int] = set()
    left, right = old.fetchone(), new.fetchone()
    while left is not None or right is not None:
        if left == right:
            left, right = old.fetchone(), new.fetchone()
        elif right is None or (left is not None and _order(left) < _order(right)):
            hurt.add(left[1])
            left = old.fetchone()
        else:
            hurt.add(right[1])
            right = new.fetchone()
    return hurt


def _order(instance: tuple[str, int, str, int]) -> tuple[bytes, int]:
    """Return the key that the instances are sorted by; columns and offsets within a document follow it."""
    return instance[0].encode(), instance[1]
