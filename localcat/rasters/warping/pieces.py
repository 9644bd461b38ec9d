"""The pieces in which a grid is warped: always the same ones, whichever part of the grid is asked for.

GDAL finds the places of the pixels in a row to an eighth of a pixel, from a few places in that row, and cuts what is
large as it likes. So a row that begins or ends elsewhere may hold other neighbours; the same call never does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from localcat.rasters.writing.strips import ROW_MULTIPLE

Place: TypeAlias = tuple[slice, slice]
"""Rows and columns, with a start and a stop."""

BLOCK: Final = ROW_MULTIPLE  # pixels; pieces are whole blocks, so that few of them are cut by a strip
MOST_COLUMNS: Final = 4 * BLOCK
MOST_SAMPLES: Final = 2**20  # pixels times bands, and less than a strip has


def pieces_of(shape: tuple[int, int], extent: Place, wanted: Place, count: int) -> Iterator[Place]:
    """Yield the pieces of a grid that share pixels with some rows and columns of it.

    Parameters
    ----------
    shape : tuple of int
        (height, width) of the grid.
    extent : (slice, slice)
        Rows and columns of the grid that are worth warping; the pieces cover them.
    wanted : (slice, slice)
        Rows and columns that are asked for. A piece may reach beyond them.
    count : int
        Bands that are warped.
    """
    rows, columns = (_in_blocks(along, length) for along, length in zip(extent, shape, strict=True))
    across = min(columns.stop - columns.start, MOST_COLUMNS)
    down = max(MOST_SAMPLES // (BLOCK * across * count), 1) * BLOCK
    for top in range(rows.start // down * down, rows.stop, down):
        for left in range(columns.start, columns.stop, across):
            piece = (
                slice(max(top, rows.start), min(top + down, rows.stop)),
                slice(left, min(left + across, columns.stop)),
            )
            if all(part.start < part.stop for part in shared(piece, wanted)):
                yield piece


def shared(first: Place, second: Place) -> Place:
    """Return the rows and columns that two places share."""
    (rows, columns), (other_rows, other_columns) = first, second
    return (
        slice(max(rows.start, other_rows.start), min(rows.stop, other_rows.stop)),
        slice(max(columns.start, other_columns.start), min(columns.stop, other_columns.stop)),
    )


def relative(place: Place, to: Place) -> Place:
    """Return a place as rows and columns of another one that holds it."""
    (rows, columns), (other_rows, other_columns) = place, to
    return (
        slice(rows.start - other_rows.start, rows.stop - other_rows.start),
        slice(columns.start - other_columns.start, columns.stop - other_columns.start),
    )


def _in_blocks(part: slice, length: int) -> slice:
    """Return the blocks of a row or column of some length that cover a part of it."""
    return slice(part.start // BLOCK * BLOCK, min(-(-part.stop // BLOCK) * BLOCK, length))
