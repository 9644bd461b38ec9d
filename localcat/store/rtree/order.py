"""The order that puts neighbours next to each other in a file: by product, along Hilbert's curve, and by time."""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy

from localcat.earth.geometry import footprint_boxes, from_wkb
from localcat.earth.hilbert import LEVELS, positions

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHUNK = 20_000  # rows asked for at once
_KEYS = (  # looking each box up in the R-tree takes longer than making it of the footprint
    "SELECT image.id, image.product_id, image.acquired, image.geometry "
    "FROM json_each(?) AS wanted CROSS JOIN image ON image.id = wanted.value"
)


def by_place(
    connection: sqlite3.Connection, row_ids: Sequence[int], *, levels: int = LEVELS
) -> list[tuple[str, array[int]]]:
    """Return row ids of images by product, in the order of the products' ids; rows that are gone are left out.

    Those of a product are sorted along Hilbert's curve by the middles of their boxes, and there by time. Images without
    a footprint come first. With fewer levels the cells of the curve are larger, inside which time alone decides.
    """
    products = dict(connection.execute("SELECT id, uid FROM product"))
    parts = [_keys(connection, row_ids[start : start + _CHUNK], levels) for start in range(0, len(row_ids), _CHUNK)]
    if not parts:
        return []
    ids, owners, times, places = (numpy.concatenate(part) for part in zip(*parts, strict=True))
    ordered = numpy.lexsort((ids, times, places, owners))
    ids, owners = ids[ordered], owners[ordered]
    begins = numpy.flatnonzero(numpy.diff(owners, prepend=-1)).tolist()
    found = [
        (products[int(owners[begin])], array("q", ids[begin:end].tobytes()))
        for begin, end in zip(begins, [*begins[1:], len(ids)], strict=True)
    ]
    return sorted(found, key=lambda one: one[0])


def _keys(connection: sqlite3.Connection, row_ids: Sequence[int], levels: int) -> tuple[NDArray[numpy.int64], ...]:
    """Return the ids of rows that exist, of their products, their times and their positions along the curve."""
    found = connection.execute(_KEYS, (json.dumps(list(row_ids)),)).fetchall()
    ids, owners, times, blobs = zip(*found, strict=True) if found else ((),) * 4
    unset = numpy.iinfo(numpy.int64).min
    west, east, south, north = footprint_boxes(from_wkb(blobs)).T
    return (
        numpy.array(ids, dtype=numpy.int64),
        numpy.array(owners, dtype=numpy.int64),
        numpy.array([unset if time is None else time for time in times], dtype=numpy.int64),
        positions((west + east) / 2, (south + north) / 2, levels=levels),
    )
