"""The space-time index compared with the images, and built again from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

from localcat.earth.geometry import footprint_boxes, from_wkb
from localcat.errors import CorruptCatalogError
from localcat.store import properties
from localcat.store.damage.check import REINDEX, TEXT_TABLES
from localcat.store.damage.problem_kinds import Problem, ProblemKind
from localcat.store.file import schema
from localcat.store.rtree.ask import TIME_UNIT
from localcat.store.rtree.nodes import read_tree
from localcat.store.rtree.pack import NODE_SIZE
from localcat.store.rtree.write import Load

_CHUNK = 10_000  # images looked at together
_ROUNDING = 2.0**-22  # relative; what one step of a 32-bit float outwards comes to, at most

_FOOTPRINTS = """
    SELECT id, geometry, CASE WHEN typeof(acquired) = 'integer' THEN acquired ELSE 0 END
    FROM image WHERE typeof(geometry) = 'blob' ORDER BY id
"""


def check_entries(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Yield the faults of the space-time index: of its structure, and of entries that differ from their rows."""
    try:
        tree = read_tree(connection)
    except CorruptCatalogError as error:
        yield Problem(ProblemKind.SPACE_TIME_INDEX, REINDEX, "image_index", found=f"a broken tree: {error}")
        return
    ids, indexed = tree.ids, tree.boxes
    for fault in tree.faults:
        yield Problem(ProblemKind.SPACE_TIME_INDEX, REINDEX, "image_index", found=fault)
    is_extra = numpy.ones(len(ids), dtype=bool)
    cursor = connection.execute(_FOOTPRINTS)
    while rows := cursor.fetchmany(_CHUNK):
        wanted = numpy.array([row[0] for row in rows], dtype=numpy.int64)
        at = numpy.searchsorted(ids, wanted)
        is_there = at < len(ids)
        is_there[is_there] = ids[at[is_there]] == wanted[is_there]
        is_extra[at[is_there]] = False
        boxes, is_usable = _boxes([row[1] for row in rows])
        for row_id in wanted[is_usable & ~is_there].tolist():
            yield _problem(connection, row_id, expected="an entry", found="none")
        for row_id in wanted[~is_usable].tolist():
            advice = "set the geometry again, and save"
            yield Problem(
                ProblemKind.VALUE, advice, _uid(connection, row_id), expected="a footprint", found="damaged WKB"
            )
        times = numpy.array([row[2] for row in rows], dtype=numpy.float64) / TIME_UNIT
        exact = numpy.column_stack((boxes, times, times))
        compared = is_there & is_usable
        is_wrong = ~_fits(indexed[at[compared]], exact[compared])
        for row_id in wanted[compared][is_wrong].tolist():
            yield _problem(connection, row_id, expected="its footprint and time", found="another place or time")
    for row_id in ids[is_extra].tolist():
        yield _problem(connection, row_id, expected="no entry", found="one")


def _boxes(blobs: Sequence[bytes]) -> tuple[NDArray[numpy.float64], NDArray[numpy.bool_]]:
    """Return the boxes of footprints, and which of them are usable."""
    is_usable = numpy.ones(len(blobs), dtype=bool)
    try:
        shapes = from_wkb(blobs)
    except CorruptCatalogError:
        shapes = numpy.array([_shape(blob) for blob in blobs], dtype=object)
        is_usable = numpy.array([shape is not None for shape in shapes])
    boxes = footprint_boxes(shapes)
    return boxes, is_usable & numpy.isfinite(boxes).all(axis=1)


def _shape(blob: bytes) -> Any:
    try:
        return from_wkb([blob])[0]
    except CorruptCatalogError:
        return None


def _fits(indexed: NDArray[numpy.float64], exact: NDArray[numpy.float64]) -> NDArray[numpy.bool_]:
    """Return which entries are what they should be, rounded outwards to 32-bit floats."""
    outwards = numpy.where(numpy.arange(exact.shape[1]) % 2 == 0, exact - indexed, indexed - exact)
    fits: NDArray[numpy.bool_] = (outwards >= 0) & (outwards <= numpy.abs(exact) * _ROUNDING + 1e-30)
    return numpy.asarray(fits.all(axis=1))


def _problem(connection: sqlite3.Connection, row_id: int, *, expected: str, found: str) -> Problem:
    return Problem(ProblemKind.SPACE_TIME_INDEX, REINDEX, _uid(connection, row_id), expected=expected, found=found)


def _uid(connection: sqlite3.Connection, row_id: int) -> str:
    found = connection.execute("SELECT uid FROM image WHERE id = ?", (row_id,)).fetchone()
    return f"image {row_id}" if found is None else str(found[0])


def rebuild(connection: sqlite3.Connection) -> None:
    """Build the indexes of space and time, tags, texts and properties again, inside a write transaction."""
    _empty_tree(connection)
    entries = Load(connection)
    cursor = connection.execute(_FOOTPRINTS)
    while rows := cursor.fetchmany(_CHUNK):
        boxes, is_usable = _boxes([row[1] for row in rows])  # one damaged footprint does not keep the others out
        boxes[~is_usable] = numpy.nan
        entries.add(numpy.array([row[0] for row in rows]), boxes, numpy.array([float(row[2]) for row in rows]))
    entries.finish()
    connection.execute("DELETE FROM image_tag")
    connection.execute(
        "INSERT OR IGNORE INTO image_tag (tag, image_id) "
        "SELECT tag.value, image.id FROM image, json_each(image.tags) AS tag WHERE json_valid(image.tags)"
    )
    for text_table in TEXT_TABLES:
        connection.execute(f"INSERT INTO {text_table} ({text_table}) VALUES ('rebuild')")
    properties.rebuild(connection)


def _empty_tree(connection: sqlite3.Connection) -> None:
    """Put a new, empty tree instead of the old one, which may be damaged."""
    try:
        connection.execute("DROP TABLE image_index")
    except sqlite3.DatabaseError:  # a tree without a usable root cannot even be dropped: give it an empty one
        connection.execute("INSERT OR REPLACE INTO image_index_node VALUES (1, zeroblob(?))", (NODE_SIZE,))
        connection.execute("DROP TABLE image_index")
    connection.execute(schema.statement_of("image_index"))
