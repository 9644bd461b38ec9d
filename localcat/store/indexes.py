"""The entries of rows in the R-tree, the tags and the full text."""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from localcat.errors import CorruptCatalogError
from localcat.store.clauses import Parameter

if TYPE_CHECKING:
    from localcat.earth.geometry import Box

TEXT_COLUMNS: Final = {
    "product": ("name", "description", "tags"),
    "band": ("name", "description", "tags"),
    "image": ("name", "tags"),
}


def add(connection: sqlite3.Connection, table: str, row_id: int, box: Box | None) -> None:
    """Add the entries of a row that was just written; the box of a footprint is found from its WKB when left out."""
    texts = TEXT_COLUMNS.get(table, ())
    wanted = (*texts, "geometry", "acquired") if table == "image" else texts
    if not wanted:
        return
    found = connection.execute(f"SELECT {', '.join(wanted)} FROM {table} WHERE id = ?", (row_id,)).fetchone()
    if found is None:
        raise CorruptCatalogError(f"row {row_id} of table '{table}', just written, is not there")
    # Nothing here by INSERT ... SELECT, which might fail half-way: SQLite makes a savepoint for it, and FTS5 writes all
    # that it has gathered at each savepoint.
    connection.execute(_writing(table), (row_id, *found[: len(texts)]))
    if table == "image":
        tags, geometry, acquired = found[-3:]
        if geometry is not None:
            from localcat.store.rtree.write import add_boxes, add_entries  # brings shapely

            if box is None:
                add_entries(connection, [(row_id, geometry, acquired)])
            else:
                add_boxes(connection, [(row_id, box, acquired)])
        if tags is not None:
            found = connection.execute("SELECT value, ? FROM json_each(?)", (row_id, tags)).fetchall()
            connection.executemany("INSERT OR IGNORE INTO image_tag (tag, image_id) VALUES (?, ?)", found)


def remove(connection: sqlite3.Connection, table: str, gone: Sequence[tuple[int]]) -> None:
    """Remove the entries of rows, given as (row id,) in their order; one index after the other."""
    texts = TEXT_COLUMNS.get(table, ())
    if texts:  # at once: FTS5 writes all that it has gathered before each such statement, and where row ids decrease
        names = ", ".join(f"{table}.{name}" for name in texts)
        connection.execute(
            f"INSERT INTO {table}_text ({table}_text, rowid, {', '.join(texts)}) SELECT 'delete', {table}.id, {names} "
            f"FROM json_each(?) AS gone CROSS JOIN {table} ON {table}.id = gone.value",
            (json.dumps([row_id for (row_id,) in gone]),),
        )
    if table == "image":
        connection.executemany("DELETE FROM image_index WHERE id = ?", gone)
        connection.executemany("DELETE FROM image_tag WHERE image_id = ?", gone)


def remove_single(connection: sqlite3.Connection, table: str, row_id: int, row: Mapping[str, Parameter]) -> None:
    """Remove the entries of one row, whose columns were read."""
    connection.execute(_removing(table), (row_id, *[row[name] for name in TEXT_COLUMNS[table]]))
    if table == "image":
        connection.execute("DELETE FROM image_index WHERE id = ?", (row_id,))
        if row["tags"] is not None:
            connection.execute("DELETE FROM image_tag WHERE image_id = ?", (row_id,))


@functools.cache
def _writing(table: str) -> str:
    """Return the statement that adds the texts of a row, of which its id comes first."""
    texts = TEXT_COLUMNS[table]
    return f"INSERT INTO {table}_text (rowid, {', '.join(texts)}) VALUES ({', '.join('?' * (len(texts) + 1))})"


@functools.cache
def _removing(table: str) -> str:
    """Return the statement that removes them."""
    texts = TEXT_COLUMNS[table]
    marks = ", ".join("?" * (len(texts) + 1))
    return f"INSERT INTO {table}_text ({table}_text, rowid, {', '.join(texts)}) VALUES ('delete', {marks})"
