"""The space-time index written whole: neighbours share a node, and nodes are filled from the leaves up.

Entries are put into tiles of those that are near in longitude, then in latitude, then in time (Leutenegger, Edgington
and Lopez 1997, "STR: a simple and efficient algorithm for R-tree packing"). That takes a tenth of the time of one entry
after the other, and gives nodes that overlap less. The format is in `nodes`.
"""

from __future__ import annotations

import itertools
import math
import sqlite3
import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy
from numpy.typing import NDArray

from localcat.store.rtree.nodes import CELL, ROOT, Whole

CAPACITY: Final = 51  # entries of a node, as SQLite makes them with pages of 2048 bytes and more
_FILLED: Final = 40  # entries that are put into one; the rest is room for what comes later
_SAMPLE: Final = 100_000  # entries that are looked at for how far they are spread
_AT_ONCE: Final = 1000  # nodes that are written together

_NODE: Final = numpy.dtype([("depth", ">u2"), ("count", ">u2"), ("cells", CELL, (CAPACITY,))])
NODE_SIZE: Final = _NODE.itemsize  # bytes
_FLOATS: Final = struct.Struct("=6f")
_BITS: Final = struct.Struct("=6i")
_LEAST_BELOW_0: Final = 1 - 2**31  # the bits of the first float below 0


def rounded(boxes: NDArray[numpy.float64]) -> NDArray[numpy.float32]:
    """Return boxes as the index keeps them: least, most, least, … as 32-bit floats, rounded outwards."""
    near = boxes.astype(numpy.float32)
    least, most = near[:, ::2], near[:, 1::2]
    numpy.nextafter(least, numpy.float32(-numpy.inf), out=least, where=least > boxes[:, ::2])
    numpy.nextafter(most, numpy.float32(numpy.inf), out=most, where=most < boxes[:, 1::2])
    return near


def rounded_one(box: tuple[float, ...]) -> tuple[float, ...]:
    """As `rounded`, of one box: six numbers, for which arrays take ten times as long."""
    packed = _FLOATS.pack(*box)
    near, bits = _FLOATS.unpack(packed), list(_BITS.unpack(packed))
    for position, (there, wanted) in enumerate(zip(near, box, strict=True)):
        outwards = 1 if position % 2 else -1
        if (wanted - there) * outwards > 0:  # to the next one, whose bits are those of the next integer
            if there:
                bits[position] += outwards if there > 0 else -outwards
            else:
                bits[position] = 1 if outwards > 0 else _LEAST_BELOW_0
    return _FLOATS.unpack(_BITS.pack(*bits))


def write_tree(connection: sqlite3.Connection, ids: Whole, boxes: NDArray[numpy.float32]) -> None:
    """Put a new tree in the place of the index.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside a write transaction.
    ids : ndarray, shape (entry,)
        Rows; none twice. They and the boxes are put in another order.
    boxes : ndarray, shape (entry, 6)
        Of each, min_lon, max_lon, min_lat, max_lat, min_time, max_time, from `rounded`.
    """
    for table in ("node", "rowid", "parent"):
        connection.execute(f"DELETE FROM image_index_{table}")  # constants
    depth, below, number = 0, None, ROOT + 1
    while True:
        is_root = len(ids) <= CAPACITY
        order, starts = (numpy.arange(len(ids)), numpy.array([0])) if is_root else _groups(boxes)
        ids[:] = ids[order]
        for column in boxes.T:  # one after the other: a copy of all is the largest thing in the memory of a load
            column[:] = column[order]
        del order
        numbers = numpy.array([ROOT]) if is_root else numpy.arange(number, number + len(starts))
        counts = numpy.diff(numpy.append(starts, len(ids)))
        connection.executemany(
            "INSERT INTO image_index_node (nodeno, data) VALUES (?, ?)",
            _nodes(numbers, starts, counts, ids, boxes, depth if is_root else 0),
        )
        _write_holders(connection, "rowid" if below is None else "parent", ids, numpy.repeat(numbers, counts))
        if is_root:
            return
        below, number, depth = numbers, number + len(starts), depth + 1
        ids, boxes = numbers, _around(boxes, starts)


def _groups(boxes: NDArray[numpy.float32]) -> tuple[Whole, Whole]:
    """Return an order of boxes in which neighbours follow each other, and where each group of it begins."""
    count = len(boxes)
    centres = boxes[:, ::2] + boxes[:, 1::2]
    centres /= 2
    # Slabs of the three axes are about as thick as each other, in the units of the index.
    low, high = numpy.percentile(centres[:: 1 + count // _SAMPLE], (5, 95), axis=0)
    spreads = numpy.maximum(high - low, 1e-6)
    edge = float(numpy.prod(spreads) / (count / _FILLED)) ** (1 / 3)
    order = numpy.argsort(centres[:, 0], kind="stable")
    starts = numpy.array([0])
    for axis, others in ((0, (1, 2)), (1, (2,)), (2, ())):
        if axis:
            slab = numpy.repeat(numpy.arange(len(starts)), numpy.diff(numpy.append(starts, count)))
            order = order[numpy.lexsort((centres[order, axis], slab))]
        starts = _split(starts, count, _parts(spreads, axis, others, edge))
    return order, starts


def _parts(spreads: NDArray[Any], axis: int, others: tuple[int, ...], edge: float) -> float:
    """Return how many slabs of an axis there are to be; infinitely many for as many as fill the nodes."""
    return max(1.0, round(float(spreads[axis]) / edge)) if others else math.inf


def _split(starts: Whole, count: int, parts: float) -> Whole:
    """Return where the parts of equal size begin into which each run of an order is split."""
    sizes = numpy.diff(numpy.append(starts, count))
    wanted = numpy.minimum(-(-sizes // _FILLED), parts).astype(numpy.int64)
    within = numpy.arange(wanted.sum()) - numpy.repeat(numpy.cumsum(wanted) - wanted, wanted)
    found: Whole = numpy.repeat(starts, wanted) + within * numpy.repeat(sizes, wanted) // numpy.repeat(wanted, wanted)
    return found


def _around(boxes: NDArray[numpy.float32], starts: Whole) -> NDArray[numpy.float32]:
    """Return the boxes around groups of boxes."""
    around = numpy.empty((len(starts), boxes.shape[1]), dtype=numpy.float32)
    around[:, ::2] = numpy.minimum.reduceat(boxes[:, ::2], starts, axis=0)
    around[:, 1::2] = numpy.maximum.reduceat(boxes[:, 1::2], starts, axis=0)
    return around


def _nodes(
    numbers: Whole, starts: Whole, counts: Whole, ids: Whole, boxes: NDArray[numpy.float32], depth: int
) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of nodes."""
    for first in range(0, len(numbers), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        nodes = numpy.zeros(len(numbers[some]), dtype=_NODE)
        nodes["depth"], nodes["count"] = depth, counts[some]
        inside = slice(int(starts[first]), int(starts[first] + counts[some].sum()))
        holders = numpy.repeat(numpy.arange(len(nodes)), counts[some])
        places = numpy.arange(inside.start, inside.stop) - numpy.repeat(starts[some], counts[some])
        nodes["cells"]["id"][holders, places] = ids[inside]
        nodes["cells"]["box"][holders, places] = boxes[inside]
        content = nodes.tobytes()
        for position, number in enumerate(numbers[some].tolist()):
            yield number, content[position * NODE_SIZE : (position + 1) * NODE_SIZE]


def _write_holders(connection: sqlite3.Connection, table: str, cells: Whole, holders: Whole) -> None:
    """Write which node has the cell of each row, or of each node."""
    names = {"rowid": "rowid, nodeno", "parent": "nodeno, parentnode"}[table]
    order = numpy.argsort(cells)
    pairs: Iterable[tuple[int, int]] = itertools.chain.from_iterable(
        zip(cells[some].tolist(), holders[some].tolist(), strict=True)
        for some in (order[first : first + 10_000] for first in range(0, len(order), 10_000))
    )
    connection.executemany(f"INSERT INTO image_index_{table} ({names}) VALUES (?, ?)", pairs)  # constants
