"""The pieces in which a grid is warped: always the same ones, whichever part of the grid is asked for.

GDAL computes the positions of the pixels in a row to an eighth of a pixel, from a few positions in that row, and
divides large grids as it likes. So a pixel may come out differently if its row begins or ends elsewhere; if the same
piece is warped again, all pixels come out the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

Region: TypeAlias = tuple[slice, slice]
"""Rows and columns, with a start and a stop."""

BLOCK: Final = 512  # pixels; pieces are whole tiles of most files, so that few tiles are decoded twice
MOST_COLUMNS: Final = 4 * BLOCK
MOST_SAMPLES: Final = 2**20  # pixels times bands, and less than a strip has


def pieces_of(shape: tuple[int, int], extent: Region, wanted: Region, count: int) -> Iterator[Region]:
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


def shared(first: Region, second: Region) -> Region:
    """Return the rows and columns that two regions share."""
    (rows, columns), (other_rows, other_columns) = first, second
    return (
        slice(max(rows.start, other_rows.start), min(rows.stop, other_rows.stop)),
        slice(max(columns.start, other_columns.start), min(columns.stop, other_columns.stop)),
    )


def relative(region: Region, to: Region) -> Region:
    """Return a region as rows and columns of another one that contains it."""
    (rows, columns), (other_rows, other_columns) = region, to
    return (
        slice(rows.start - other_rows.start, rows.stop - other_rows.start),
        slice(columns.start - other_columns.start, columns.stop - other_columns.start),
    )


def _in_blocks(part: slice, length: int) -> slice:
    """Return the blocks of a row or column of some length that cover a part of it."""
    return slice(part.start // BLOCK * BLOCK, min(-(-part.stop // BLOCK) * BLOCK, length))
