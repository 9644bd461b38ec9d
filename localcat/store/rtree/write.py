"""The space-time index: an R-tree over longitude, latitude and time.

Its coordinates are 32-bit floats rounded outwards, so that it finds all that overlap and a few more; exact tests
follow. Time is scaled to about 30 units a year: in raw seconds the tree would split along time alone, and be many
times slower.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from localcat.earth.geometry import Box, footprint_boxes, from_wkb
from localcat.store.rtree.ask import TIME_UNIT
from localcat.store.rtree.extent import Extent, grow

NODE_SIZE = 4 + 51 * (8 + 6 * 4)  # bytes of a node of the tree: a header and 51 entries of an id and six floats


def add_entries(connection: sqlite3.Connection, rows: Iterable[tuple[int, bytes, int | None]]) -> None:
    """Add (row id, WKB footprint, acquired) to the index.

    An image whose `acquired` is unset is indexed at 1970. No condition on time finds it, because the table, where it
    is unset, is asked too.
    """
    found = list(rows)
    boxes = footprint_boxes(from_wkb([blob for _, blob, _ in found])).tolist() if found else []
    add_boxes(connection, ((row_id, box, acquired) for (row_id, _, acquired), box in zip(found, boxes, strict=True)))


def add_boxes(connection: sqlite3.Connection, rows: Iterable[tuple[int, Box, int | None]]) -> None:
    """Add (row id, box of the footprint, acquired) to the index, where the box is known already."""
    extent = Extent()
    times = ((row_id, extent.with_box(box), (acquired or 0) / TIME_UNIT) for row_id, box, acquired in rows)
    entries = ((row_id, *box, time, time) for row_id, box, time in times)
    connection.executemany("INSERT INTO image_index VALUES (?, ?, ?, ?, ?, ?, ?)", entries)
    grow(connection, extent)


def remove_entries(connection: sqlite3.Connection, row_ids: Iterable[int]) -> None:
    """Remove rows from the index; ids without an entry are passed over."""
    connection.executemany("DELETE FROM image_index WHERE id = ?", ((row_id,) for row_id in row_ids))
