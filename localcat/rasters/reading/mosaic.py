"""One array from many: the last image wins where its pixel is valid."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy

from localcat.errors import GridMismatchError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from localcat.rasters.warping.pieces import Region

    MaskedArray: TypeAlias = numpy.ma.MaskedArray[Any, Any]


def masked_zeros(shape: tuple[int, ...], dtype: DTypeLike) -> MaskedArray:
    """Return pixels of which none is valid, with a full mask; memory is taken as they are filled."""
    return numpy.ma.MaskedArray(numpy.zeros(shape, dtype=dtype), mask=numpy.ones(shape, dtype=bool))


def clear(pixels: MaskedArray) -> None:
    """Make pixels, or a part of them, again what `masked_zeros` returns."""
    numpy.ma.getdata(pixels)[...] = 0
    numpy.ma.getmaskarray(pixels)[...] = True


class Canvas:
    """Pixels that are looked for in one image after the other, from the last one on.

    Parameters
    ----------
    pixels : masked array, shape (band, row, column)
        What `masked_zeros` returns, or a part of it; is filled.
    """

    def __init__(self, pixels: MaskedArray) -> None:
        self._pixels = pixels
        self._values, self._missing = numpy.ma.getdata(pixels), numpy.ma.getmaskarray(pixels)

    @property
    def is_full(self) -> bool:
        """Whether every pixel is found."""
        return not self._missing.any()

    def missing_within(self, region: Region) -> Region | None:
        """Return the rows and columns of a region that hold all its missing pixels; None if no pixel is missing."""
        rows, columns = region
        missing: NDArray[numpy.bool_] = numpy.logical_or.reduce(self._missing[:, rows, columns], axis=0)
        down, across = numpy.flatnonzero(missing.any(axis=1)), numpy.flatnonzero(missing.any(axis=0))
        if not len(down):
            return None
        top, left = rows.start, columns.start
        return (
            slice(top + int(down[0]), top + int(down[-1]) + 1),
            slice(left + int(across[0]), left + int(across[-1]) + 1),
        )

    def lay(self, region: Region, read: Callable[[MaskedArray | None], MaskedArray]) -> None:
        """Take the pixels that are still missing from an image.

        Parameters
        ----------
        region : (slice, slice)
            Its rows and columns here.
        read : function
            Returns its pixels there, with a full mask. Where no pixel is found yet, it is given an array to fill; what
            it leaves there if it raises is not kept.

        Raises
        ------
        GridMismatchError
            If the pixels do not have the shape of the region.
        """
        rows, columns = region
        free = self._missing[:, rows, columns]
        if free.all():
            try:
                read(self._pixels[:, rows, columns])
            except BaseException:
                clear(self._pixels[:, rows, columns])
                raise
            return
        found = read(None)
        if found.shape != free.shape:
            raise GridMismatchError(f"an image of shape {found.shape} does not fit its region of shape {free.shape}")
        mask = numpy.ma.getmaskarray(found)
        numpy.copyto(self._values[:, rows, columns], numpy.ma.getdata(found), where=numpy.greater(free, mask))
        free &= mask
