"""The nodes of the space-time index, read as they are stored and checked; several times faster than asking SQLite.

Format: https://www.sqlite.org/rtree.html, and the comments of SQLite's rtree.c. A node is two bytes of depth, two with
the number of its cells, and the cells; those of a leaf name rows, the others nodes. Two more tables tell for each row
and each node in which node its cell lies.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy
from numpy.typing import NDArray

Whole: TypeAlias = NDArray[numpy.int64]

_ROOT: Final = 1  # the number of its node
_HEADER: Final = 4  # bytes
_PARENTS: Final = (
    "SELECT group_concat(cell), group_concat(holder) "
    "FROM (SELECT nodeno AS cell, parentnode AS holder FROM image_index_parent ORDER BY nodeno)"
)
_HOLDERS: Final = (
    "SELECT group_concat(cell), group_concat(holder) "
    "FROM (SELECT rowid AS cell, nodeno AS holder FROM image_index_rowid ORDER BY rowid)"
)
_CELL: Final = numpy.dtype([("id", ">i8"), ("place", ">f4", (6,))])  # in the columns' order: least, most, least, …
_NONE: Final[Whole] = numpy.array([], dtype=numpy.int64)


class BrokenTreeError(Exception):
    """The tree cannot be followed to its leaves; never leaves `localcat.store`."""


@dataclass(frozen=True, slots=True)
class Tree:
    """What is in the index.

    Parameters
    ----------
    ids : ndarray, shape (entry,)
        The rows, ascending.
    places : ndarray, shape (entry, 6)
        Of each, min_lon, max_lon, min_lat, max_lat, min_time, max_time.
    faults : tuple of str
        What is wrong with the tree itself, though it can be followed.
    """

    ids: Whole
    places: NDArray[numpy.float64]
    faults: tuple[str, ...]


def read_tree(connection: sqlite3.Connection) -> Tree:
    """Read the whole index, and check what SQLite's ``rtreecheck`` does.

    Raises
    ------
    BrokenTreeError
        If it cannot be followed.
    """
    numbers, nodes = _nodes(connection)
    faults: dict[str, None] = {}
    is_met = numpy.zeros(len(nodes), dtype=bool)
    level, above = _places_of(numbers, numpy.array([_ROOT])), numpy.full((1, 6), numpy.nan)
    known = [(_NONE, _NONE)]  # the nodes below each other, and the one above each
    for depth in range(int(nodes["depth"][level[0]]), -1, -1):
        if is_met[level].any() or len(numpy.unique(level)) != len(level):
            raise BrokenTreeError("a node is met twice")
        is_met[level] = True
        counts = nodes["count"][level].astype(numpy.int64)
        capacity = nodes["cells"].shape[1]
        if (counts > capacity).any():
            raise BrokenTreeError("a node has more cells than room")
        cells = nodes["cells"][level][numpy.arange(capacity) < counts[:, None]]
        ids, places = cells["id"].astype(numpy.int64), cells["place"]
        if not (places[:, ::2] <= places[:, 1::2]).all():
            faults["an entry ends before it begins"] = None
        around = numpy.repeat(above, counts, axis=0)
        if (places[:, ::2] < around[:, ::2]).any() or (places[:, 1::2] > around[:, 1::2]).any():
            faults["an entry lies outside of its node"] = None
        holders = numpy.repeat(numbers[level], counts)
        if depth:
            known.append((ids, holders))
            level, above = _places_of(numbers, ids), places
    if not _is_told(connection, _PARENTS, known):
        faults["the table of its nodes tells otherwise"] = None
    if not _is_told(connection, _HOLDERS, [(ids, holders)]):
        faults["the table of its rows tells otherwise"] = None
    order = numpy.argsort(ids, kind="stable")
    return Tree(ids[order], _as_float64(places[order]), tuple(faults))


def _nodes(connection: sqlite3.Connection) -> tuple[Whole, NDArray[Any]]:
    """Return the numbers of the nodes, ascending, and the nodes."""
    rows = connection.execute("SELECT nodeno, CAST(data AS BLOB) FROM image_index_node ORDER BY nodeno").fetchall()
    sizes = {len(data) if isinstance(data, bytes) else 0 for _, data in rows}
    size = sizes.pop() if len(sizes) == 1 else 0
    capacity, rest = divmod(size - _HEADER, _CELL.itemsize)
    if capacity < 1:
        raise BrokenTreeError("its nodes are of no size, or of several")
    kind = [("depth", ">u2"), ("count", ">u2"), ("cells", _CELL, (capacity,)), ("rest", f"V{rest}")]
    return (
        numpy.array([number for number, _ in rows], dtype=numpy.int64),
        numpy.frombuffer(b"".join(data for _, data in rows), dtype=kind),
    )


def _places_of(numbers: Whole, wanted: Whole) -> Whole:
    """Return where nodes of given numbers lie."""
    at = numpy.searchsorted(numbers, wanted)
    if (at == len(numbers)).any() or (numbers[at] != wanted).any():
        raise BrokenTreeError("a node is missing")
    return at


def _is_told(connection: sqlite3.Connection, query: str, pairs: list[tuple[Whole, Whole]]) -> bool:
    """Return whether a table holds these pairs (cell, number of its node) and no others."""
    cells, holders = (numpy.concatenate([_NONE, *parts]) for parts in zip(*pairs, strict=True))
    order = numpy.argsort(cells, kind="stable")
    # As one text for each column: to make two objects of each row takes longer than all the rest.
    wanted = tuple(",".join(map(str, column[order].tolist())) for column in (cells, holders))
    return tuple(text or "" for text in connection.execute(query).fetchone()) == wanted


def _as_float64(places: NDArray[Any]) -> NDArray[numpy.float64]:
    with numpy.errstate(invalid="ignore"):  # damaged bytes may be a number that signals
        return places.astype(numpy.float64)
