"""The views for the SQL of users: they stay as they are, while tables may change.

They are temporary, made for each connection, so that the file is as other programs know it, and that they may do what a
stored view may not: SQLite refuses the space-time index inside a view of a file that it does not trust.
"""

from __future__ import annotations

import functools
import sqlite3
from typing import Final

NAMES: Final = ("products", "bands", "images", "files", "rtree_footprints_geometry")
"""Those made here; ``footprints`` is in the file itself."""

TIMES: Final = frozenset(
    {"acquired", "acquired_end", "created", "end_datetime", "modified", "published", "start_datetime"}
)
"""The columns that keep a time as microseconds since 1970."""

_KEYS: Final = {  # what each view begins with; the other columns of its table follow in their order
    "products": (
        "product",
        "",
        {"fid": "t.id", "product_id": "t.uid", "name": "t.name", "description": "t.description"},
    ),
    "bands": (
        "band",
        "JOIN product AS p ON p.id = t.product_id",
        {"band_id": "t.uid", "product_id": "p.uid", "name": "t.name"},
    ),
    "images": (
        "image",
        "JOIN product AS p ON p.id = t.product_id",
        {"rowid": "t.id", "geometry": "t.footprint", "image_id": "t.uid", "product_id": "p.uid", "name": "t.name"},
    ),
    "files": (
        "image_file",
        "JOIN image AS i ON i.id = t.image_id JOIN product AS p ON p.id = i.product_id",
        {"image_id": "i.uid", "product_id": "p.uid", "position": "t.position", "href": "t.href"},
    ),
}
_INTERNAL: Final = {"id", "uid", "version"}

# An expression over the whole index, as in the view of the file, would be computed for every image. Of two plain halves
# SQLite asks the tree itself.
_INDEX: Final = """
    SELECT id, min_lon AS minx, max_lon AS maxx, min_lat AS miny, max_lat AS maxy
    FROM image_index WHERE max_lon <= 180
    UNION ALL
    SELECT id, -180.0, 180.0, min_lat, max_lat
    FROM image_index WHERE max_lon > 180
"""


def make(connection: sqlite3.Connection) -> None:
    """Make the views of a connection, unless it has them; a transaction that is undone takes them along."""
    if connection.execute("SELECT 1 FROM temp.sqlite_schema WHERE name = ?", (NAMES[-1],)).fetchone() is None:
        for statement in _statements(connection):
            connection.execute(statement)


def _statements(connection: sqlite3.Connection) -> tuple[str, ...]:
    columns = tuple(
        (table, tuple(row[1] for row in connection.execute(f"PRAGMA table_info({table})")))
        for table, _, _ in _KEYS.values()
    )
    return _views_of(columns)


@functools.cache
def _views_of(columns: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[str, ...]:
    """Return the statements that make the views, for the columns of their tables; generated ones are left out."""
    named = dict(columns)
    made = {"rtree_footprints_geometry": _INDEX}
    for view, (table, join, first) in _KEYS.items():
        rest = [name for name in named[table] if name not in first and name not in _INTERNAL]
        shown = {**first, **{name: _text_of(name) if name in TIMES else f"t.{name}" for name in rest}}
        chosen = ", ".join(f"{expression} AS {name}" for name, expression in shown.items())
        made[view] = f"SELECT {chosen} FROM {table} AS t {join}"
    return tuple(f"CREATE TEMP VIEW {name} AS {made[name]}" for name in NAMES)


def _text_of(column: str) -> str:
    """Return SQL for a time as ISO 8601 with microseconds; text of one length sorts as the times do."""
    fraction = f"((t.{column} % 1000000 + 1000000) % 1000000)"  # counts up before 1970, too
    return (
        f"strftime('%Y-%m-%dT%H:%M:%S', (t.{column} - {fraction}) / 1000000, 'unixepoch') "
        f"|| printf('.%06dZ', {fraction})"
    )
