"""The nodes of the space-time index, read as they are stored and checked; several times faster than asking SQLite.

Format: https://www.sqlite.org/rtree.html, and the comments of SQLite's rtree.c. A node is two bytes of depth, two with
the number of its cells, and the cells; those of a leaf name rows, the others nodes. Two more tables hold for each row
and each node the number of the node that has its cell.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy
from numpy.typing import NDArray

from localcat.errors import CorruptCatalogError

Whole: TypeAlias = NDArray[numpy.int64]

ROOT: Final = 1  # the number of its node
_HEADER: Final = 4  # bytes
_PARENTS: Final = (
    "SELECT group_concat(cell), group_concat(holder) "
    "FROM (SELECT nodeno AS cell, parentnode AS holder FROM image_index_parent ORDER BY nodeno)"
)
_HOLDERS: Final = (
    "SELECT group_concat(cell), group_concat(holder) "
    "FROM (SELECT rowid AS cell, nodeno AS holder FROM image_index_rowid ORDER BY rowid)"
)
CELL: Final = numpy.dtype([("id", ">i8"), ("box", ">f4", (6,))])  # in the columns' order: least, most, least, …
_NONE: Final[Whole] = numpy.array([], dtype=numpy.int64)


@dataclass(frozen=True, slots=True)
class Tree:
    """The entries of the index, and its faults.

    Parameters
    ----------
    ids : ndarray, shape (entry,)
        The rows, ascending.
    boxes : ndarray, shape (entry, 6)
        Of each, min_lon, max_lon, min_lat, max_lat, min_time, max_time.
    faults : tuple of str
        Faults of the tree that do not keep it from being followed.
    """

    ids: Whole
    boxes: NDArray[numpy.float64]
    faults: tuple[str, ...]


def read_tree(connection: sqlite3.Connection) -> Tree:
    """Read the whole index, and check what SQLite's ``rtreecheck`` does.

    Raises
    ------
    CorruptCatalogError
        If it cannot be followed from the root to the leaves.
    """
    numbers, nodes = _nodes(connection)
    faults: dict[str, None] = {}
    is_met = numpy.zeros(len(nodes), dtype=bool)
    level, above = _positions_of(numbers, numpy.array([ROOT])), numpy.full((1, 6), numpy.nan)
    known = [(_NONE, _NONE)]  # the nodes below each other, and the one above each
    for depth in range(int(nodes["depth"][level[0]]), -1, -1):
        if is_met[level].any() or len(numpy.unique(level)) != len(level):
            raise CorruptCatalogError("a node is met twice")
        is_met[level] = True
        counts = nodes["count"][level].astype(numpy.int64)
        capacity = nodes["cells"].shape[1]
        if (counts > capacity).any():
            raise CorruptCatalogError("a node has more cells than room")
        cells = nodes["cells"][level][numpy.arange(capacity) < counts[:, None]]
        ids, boxes = cells["id"].astype(numpy.int64), cells["box"]
        if not (boxes[:, ::2] <= boxes[:, 1::2]).all():
            faults["an entry ends before it begins"] = None
        around = numpy.repeat(above, counts, axis=0)
        if (boxes[:, ::2] < around[:, ::2]).any() or (boxes[:, 1::2] > around[:, 1::2]).any():
            faults["an entry lies outside of its node"] = None
        holders = numpy.repeat(numbers[level], counts)
        if depth:
            known.append((ids, holders))
            level, above = _positions_of(numbers, ids), boxes
    if not _agrees(connection, _PARENTS, known):
        faults["the table of its nodes disagrees"] = None
    if not _agrees(connection, _HOLDERS, [(ids, holders)]):
        faults["the table of its rows disagrees"] = None
    order = numpy.argsort(ids, kind="stable")
    return Tree(ids[order], _as_float64(boxes[order]), tuple(faults))


def read_boxes(connection: sqlite3.Connection) -> tuple[Whole, NDArray[numpy.float32]]:
    """Read the entries of the whole index as they are stored, unchecked: much faster than `read_tree`.

    Returns
    -------
    (ndarray, shape (entry,); ndarray, shape (entry, 4))
        The rows, in no order, and min_lon, max_lon, min_lat, max_lat of each.

    Raises
    ------
    CorruptCatalogError
        If it cannot be read.
    """
    numbers, nodes = _nodes(connection)
    inner = [number for (number,) in connection.execute("SELECT DISTINCT parentnode FROM image_index_parent")]
    leaves = nodes[~numpy.isin(numbers, inner)]
    capacity = leaves["cells"].shape[1]
    if (leaves["count"] > capacity).any():
        raise CorruptCatalogError("the space-time index has a node with more cells than room; run verify")
    cells = leaves["cells"][numpy.arange(capacity) < leaves["count"][:, None]]
    return cells["id"].astype(numpy.int64), cells["box"][:, :4].astype(numpy.float32)


def _nodes(connection: sqlite3.Connection) -> tuple[Whole, NDArray[Any]]:
    """Return the numbers of the nodes, ascending, and the nodes."""
    rows = connection.execute("SELECT nodeno, CAST(data AS BLOB) FROM image_index_node ORDER BY nodeno").fetchall()
    sizes = {len(data) if isinstance(data, bytes) else 0 for _, data in rows}
    size = sizes.pop() if len(sizes) == 1 else 0
    capacity, rest = divmod(size - _HEADER, CELL.itemsize)
    if capacity < 1:
        raise CorruptCatalogError("its nodes have no size, or several")
    kind = [("depth", ">u2"), ("count", ">u2"), ("cells", CELL, (capacity,)), ("rest", f"V{rest}")]
    return (
        numpy.array([number for number, _ in rows], dtype=numpy.int64),
        numpy.frombuffer(b"".join(data for _, data in rows), dtype=kind),
    )


def _positions_of(numbers: Whole, wanted: Whole) -> Whole:
    """Return the positions of nodes, given their numbers."""
    at = numpy.searchsorted(numbers, wanted)
    if (at == len(numbers)).any() or (numbers[at] != wanted).any():
        raise CorruptCatalogError("a node is missing")
    return at


def _agrees(connection: sqlite3.Connection, query: str, pairs: list[tuple[Whole, Whole]]) -> bool:
    """Return whether a table holds these pairs (cell, number of its node) and no others."""
    cells, holders = (numpy.concatenate([_NONE, *parts]) for parts in zip(*pairs, strict=True))
    order = numpy.argsort(cells, kind="stable")
    # As one text for each column: to make two objects of each row takes longer than all the rest.
    wanted = tuple(",".join(map(str, column[order].tolist())) for column in (cells, holders))
    return tuple(text or "" for text in connection.execute(query).fetchone()) == wanted


def _as_float64(boxes: NDArray[Any]) -> NDArray[numpy.float64]:
    with numpy.errstate(invalid="ignore"):  # damaged bytes may be a number that signals
        return boxes.astype(numpy.float64)
