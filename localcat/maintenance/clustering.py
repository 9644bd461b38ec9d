"""Rows of images put in the order of place, as large loads store them: neighbours are then on the same pages.

The rows of a table are in the order of their ids, so that images get new ids. None was ever used before: a search under
way in another program, which has found the old ones, finds no row in place of another image's (`rows.was_renumbered`).
"""

from __future__ import annotations

import json
import sqlite3
from array import array
from typing import TYPE_CHECKING, Final

from localcat.disk.steps import reached
from localcat.earth.hilbert import CELLS
from localcat.progress import shown
from localcat.store import rows
from localcat.store.damage.entries import rebuild
from localcat.store.rtree.order import by_place

if TYPE_CHECKING:
    from localcat.store.file.transaction import Transaction

_CHUNK: Final = 5000  # images that are moved together
_FILES: Final = (
    "SELECT file.id, file.image_id FROM json_each(?) AS wanted "
    "CROSS JOIN image_file AS file ON file.image_id = wanted.value ORDER BY wanted.key, file.position"
)


def put_in_order(transaction: Transaction, *, progress: bool | None) -> int:
    """Move the images to new row ids, by product, cell of the globe and time; return how many were moved.

    None is moved if they are in that order already. The indexes are built again from the rows.
    """
    connection = transaction.connection
    there = array("q", (row_id for (row_id,) in connection.execute("SELECT id FROM image ORDER BY id")))
    wanted = array("q")
    for _, ids in by_place(connection, there, levels=CELLS):
        wanted += ids
    if wanted == there:
        return 0
    connection.execute("PRAGMA defer_foreign_keys = ON")  # files follow their images; until the end of the transaction
    connection.execute("DELETE FROM image_tag")  # built again below
    connection.execute("DELETE FROM image_property")
    last = first = _last(connection, "image")
    last_file = _last(connection, "image_file")
    nothing: tuple[object, ...] = ()
    with shown(nothing, "putting rows in order", "images", progress) as bar:
        for start in range(0, len(wanted), _CHUNK):
            some = wanted[start : start + _CHUNK]
            last, last_file = _move(connection, some, last, last_file)
            bar.update(len(some))
            reached("rows moved")
    connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'image'", (last,))
    rows.note_renumbered(connection, first)
    rebuild(connection)
    return len(wanted)


def _last(connection: sqlite3.Connection, table: str) -> int:
    """Return the greatest row id that a table has, or had."""
    (there,) = connection.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()  # noqa: S608  # ours
    (before,) = connection.execute(
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?", (table,)
    ).fetchone()
    return max(int(there), int(before))


def _move(connection: sqlite3.Connection, old: array[int], last: int, last_file: int) -> tuple[int, int]:
    """Give images and their files the next row ids; return the last of both."""
    new = dict(zip(old, range(last + 1, last + len(old) + 1), strict=True))
    files = connection.execute(_FILES, (json.dumps(old.tolist()),)).fetchall()
    pairs = [(after, before) for before, after in new.items()]
    connection.executemany("UPDATE image SET id = ? WHERE id = ?", pairs)
    connection.executemany("UPDATE image_source SET image_id = ? WHERE image_id = ?", pairs)
    connection.executemany(
        "UPDATE image_file SET id = ?, image_id = ? WHERE id = ?",
        [(number, new[image_id], file_id) for number, (file_id, image_id) in enumerate(files, last_file + 1)],
    )
    return last + len(old), last_file + len(files)
