"""The nesting of well-known binary: OGC 06-103r4, section 8, and the flags that PostGIS adds."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy
import shapely.errors

from localcat.errors import CorruptCatalogError

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNREADABLE = (shapely.errors.ShapelyError, NotImplementedError)
"""What shapely raises for text and bytes that are not a geometry, or one with curves."""

_POINT, _LINE, _POLYGON, _COLLECTIONS = 1, 2, 3, (4, 5, 6, 7)
_HAS_Z, _HAS_M, _HAS_SRID = 0x8000_0000, 0x4000_0000, 0x2000_0000
_MOST_LEVELS = 64


def check_depth(blob: bytes) -> None:
    """Refuse a geometry whose collections are nested so deeply that GEOS, which recurses, would exhaust the stack.

    Other faults are left for GEOS to find.

    Raises
    ------
    CorruptCatalogError
        If it is nested more than 64 levels deep.
    """
    parts = [1]  # still to come, at each level
    at = 0
    try:
        while parts:
            if parts[-1] == 0:
                parts.pop()
                continue
            parts[-1] -= 1
            if len(parts) > _MOST_LEVELS:
                raise CorruptCatalogError(f"a stored geometry is nested more than {_MOST_LEVELS} levels deep")
            at, inner = _after(blob, at)
            parts.append(inner)
    except (struct.error, IndexError):  # it ends too early
        return


def has_vertex_in(blob: bytes, box: tuple[float, float, float, float]) -> bool:
    """Return whether a corner of a small polygon is in a box, whose edges belong to it; False if that is not seen.

    Parameters
    ----------
    blob : bytes
        A geometry; only plain polygons of one ring of up to eight corners are looked at, which most footprints are.
    box : tuple of float
        Least x, least y, greatest x and greatest y.
    """
    found = _RINGS.get(len(blob))
    if found is None or blob[:9] != _ONE_RING:
        return False
    count, *numbers = found.unpack_from(blob, 9)
    if count != len(numbers) // 2:
        return False
    west, south, east, north = box
    for at in range(0, len(numbers), 2):  # noqa: SIM110  # in `any` it takes half as long again
        if west <= numbers[at] <= east and south <= numbers[at + 1] <= north:
            return True
    return False


_ONE_RING = struct.pack("<BII", 1, _POLYGON, 1)
_RINGS = {13 + 16 * count: struct.Struct(f"<I{2 * count}d") for count in range(4, 10)}  # by the length of the whole


def four_corners(blobs: Sequence[bytes | None]) -> tuple[NDArray[numpy.intp], NDArray[numpy.float64]]:
    """Return which blobs are polygons of one closed ring with four corners, and the corners, shape (polygon, 4, 2)."""
    sizes = numpy.fromiter(map(len, [blob or b"" for blob in blobs]), dtype=numpy.intp, count=len(blobs))
    at = numpy.flatnonzero(sizes == _FOUR_CORNERS.itemsize)
    read = numpy.frombuffer(b"".join([blobs[position] or b"" for position in at.tolist()]), dtype=_FOUR_CORNERS)
    ring = read["ring"]
    is_one = (read["order"] == 1) & (read["kind"] == _POLYGON) & (read["rings"] == 1) & (read["count"] == 5)
    is_one &= (ring[:, 0] == ring[:, 4]).all(axis=1)
    return at[is_one], ring[is_one, :4]


_FOUR_CORNERS = numpy.dtype(
    [("order", "u1"), ("kind", "<u4"), ("rings", "<u4"), ("count", "<u4"), ("ring", "<f8", (5, 2))]
)


def _after(blob: bytes, at: int) -> tuple[int, int]:
    """Return where the parts, or what follows, of the geometry at an offset begin, and how many parts it has."""
    order = "<" if blob[at] else ">"
    (code,) = struct.unpack_from(f"{order}I", blob, at + 1)
    at += 9 if code & _HAS_SRID else 5
    thousands, kind = divmod(code & 0x0FFF_FFFF, 1000)  # ISO adds 1000 for Z, 2000 for M, 3000 for both
    more = bool(code & _HAS_Z or thousands in (1, 3)) + bool(code & _HAS_M or thousands in (2, 3))
    size = 8 * (2 + more)  # bytes of a position
    if kind == _POINT:
        return at + size, 0
    (count,) = struct.unpack_from(f"{order}I", blob, at)
    at += 4
    if kind == _LINE:
        return at + count * size, 0
    if kind == _POLYGON:
        for _ in range(count):
            (length,) = struct.unpack_from(f"{order}I", blob, at)
            at += 4 + length * size
        return at, 0
    if kind in _COLLECTIONS:
        return at, count
    raise IndexError(kind)
