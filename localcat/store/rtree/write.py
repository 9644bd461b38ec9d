"""The space-time index: an R-tree over longitude, latitude and time.

Its coordinates are 32-bit floats rounded outwards, so that it finds all that overlap and a few more; exact tests
follow. Time is scaled to about 30 units a year: in raw seconds the tree would split along time alone, and be many
times slower.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable
from typing import Final

import numpy
from numpy.typing import NDArray

from localcat.earth.geometry import Box, footprint_boxes, from_wkb
from localcat.errors import CorruptCatalogError
from localcat.store.rtree.ask import TIME_UNIT
from localcat.store.rtree.extent import Extent, grow
from localcat.store.rtree.nodes import Whole, read_tree
from localcat.store.rtree.pack import NODE_SIZE, rounded, rounded_one, write_tree

_FEWEST_PACKED: Final = 5_000  # entries; to write the tree anew for fewer saves nothing
MOST_PACKED: Final = 1_000_000  # of 32 bytes, which wait in memory, and as much again while they are sorted
_ROOT_SIZE: Final = "SELECT length(data) FROM image_index_node WHERE nodeno = 1"
_INSERT: Final = "INSERT INTO image_index VALUES (?, ?, ?, ?, ?, ?, ?)"


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
    extent, found = Extent(), list(rows)
    # Rounded here: SQLite rounds numbers next to 0, as of the edge of a grid on the equator, to 0.
    if len(found) == 1:
        ((row_id, box, acquired),) = found
        connection.execute(_INSERT, (row_id, *rounded_one(_entry(extent.with_box(box), acquired))))
    elif found:
        boxes = rounded(numpy.array([_entry(extent.with_box(box), acquired) for _, box, acquired in found]))
        connection.executemany(_INSERT, zip([row_id for row_id, _, _ in found], *boxes.T.tolist(), strict=True))
    grow(connection, extent)


def _entry(box: Box, acquired: int | None) -> tuple[float, ...]:
    time = (acquired or 0) / TIME_UNIT
    return (*box, time, time)


class Load:
    """Entries of many new images, which are written at its end: all at once, if they are no fewer than those there.

    Until then neither a search nor a deletion knows them.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside a write transaction.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._ids, self._boxes, self._extent = array("q"), array("f"), Extent()

    def add(self, ids: Whole, boxes: NDArray[numpy.float64], acquired: NDArray[numpy.float64]) -> None:
        """Add some rows.

        Parameters
        ----------
        ids : ndarray of int, shape (entry,)
            Rows; none twice.
        boxes : ndarray, shape (entry, 4)
            Of their footprints. An entry of NaN is left out.
        acquired : ndarray, shape (entry,)
            Microseconds since 1970; 0 where it is unset.
        """
        has_box = numpy.isfinite(boxes[:, 0])
        if not has_box.any():
            return
        boxes, times = boxes[has_box], acquired[has_box] / TIME_UNIT
        self._extent.with_boxes(boxes)
        self._ids.frombytes(ids[has_box].astype(numpy.int64).tobytes())
        self._boxes.frombytes(rounded(numpy.column_stack((boxes, times, times))).tobytes())
        if len(self._ids) >= MOST_PACKED:
            self.finish()

    def finish(self) -> None:
        """Write what was added."""
        if not self._ids:
            return
        ids = numpy.frombuffer(self._ids, dtype=numpy.int64)
        boxes = numpy.frombuffer(self._boxes, dtype=numpy.float32).reshape(-1, 6)
        is_many = len(ids) >= _FEWEST_PACKED and not _has_more(self._connection, len(ids))
        if not is_many or not _write_with_others(self._connection, ids, boxes):
            entries = zip(ids.tolist(), *boxes.T.tolist(), strict=True)
            self._connection.executemany(_INSERT, entries)
        grow(self._connection, self._extent)
        self._ids, self._boxes, self._extent = array("q"), array("f"), Extent()


def repack(connection: sqlite3.Connection) -> None:
    """Write the tree anew, which makes it smaller and faster; one that is damaged, or too large, stays as it is."""
    if not _has_more(connection, MOST_PACKED):
        _write_with_others(connection, numpy.empty(0, numpy.int64), numpy.empty((0, 6), numpy.float32))


def _has_more(connection: sqlite3.Connection, count: int) -> bool:
    """Return whether the index has more entries than a number."""
    return connection.execute("SELECT 1 FROM image_index_rowid LIMIT 1 OFFSET ?", (count,)).fetchone() is not None


def _write_with_others(connection: sqlite3.Connection, ids: Whole, boxes: NDArray[numpy.float32]) -> bool:
    """Write a tree of new entries and those that are there; return False if these cannot be read.

    Nor is that done where nodes have another size, as in a file with pages of less than 2048 bytes.
    """
    if connection.execute(_ROOT_SIZE).fetchone() != (NODE_SIZE,):
        return False
    try:
        tree = read_tree(connection)
    except CorruptCatalogError:
        return False
    if tree.faults:
        return False
    if len(tree.ids):  # else no copy is made, since they may be many
        ids = numpy.concatenate((tree.ids, ids))
        boxes = numpy.concatenate((tree.boxes.astype(numpy.float32), boxes))
    del tree
    write_tree(connection, ids, boxes)
    return True


def remove_entries(connection: sqlite3.Connection, row_ids: Iterable[int]) -> None:
    """Remove rows from the index; ids without an entry are passed over."""
    connection.executemany("DELETE FROM image_index WHERE id = ?", ((row_id,) for row_id in row_ids))
