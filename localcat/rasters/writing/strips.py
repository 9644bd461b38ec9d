"""Pixels a few rows at a time, so that a large raster is not in memory a second time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy
from rasterio.windows import Window

from localcat.errors import GridMismatchError, InvalidArrayError
from localcat.rasters.files.environment import read_errors
from localcat.rasters.files.sources import internal_mask
from localcat.rasters.warping.pieces import BLOCK
from localcat.rasters.writing.checks import BandLayer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.io import DatasetReader

STRIP_BYTES = 32 * 2**20


class PixelSource(Protocol):
    """Pixels that are to be written, from wherever they come."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(band, row, column)."""

    @property
    def dtype(self) -> numpy.dtype[Any]:
        """Of the pixels, in native byte order."""

    @property
    def has_internal_mask(self) -> bool:
        """Whether some pixels are invalid that no nodata marks."""

    def rows(self, rows: slice) -> tuple[NDArray[Any], NDArray[numpy.bool_] | None]:
        """Return the pixels of some rows, and which of them the internal mask marks as invalid; None without one."""


def row_strips(shape: tuple[int, ...], itemsize: int, *, most_bytes: int | None = None) -> Iterator[slice]:
    """Yield slices of rows that cover an array of shape (…, row, column), each a bounded number of bytes.

    Parameters
    ----------
    shape, itemsize
        Of the array.
    most_bytes : int, optional
        `STRIP_BYTES` when left out; at least one row of tiles is taken at once, however wide it is.
    """
    *others, height, width = shape
    row_bytes = width * itemsize * int(numpy.prod(others))
    limit = STRIP_BYTES if most_bytes is None else most_bytes
    step = max(limit // max(row_bytes, 1) // BLOCK, 1) * BLOCK
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))


def size_of(source: PixelSource) -> int:
    """Return the bytes of all pixels of a source."""
    return int(numpy.prod(source.shape)) * source.dtype.itemsize


def strips_of(source: PixelSource) -> Iterator[tuple[slice, NDArray[Any], NDArray[numpy.bool_] | None]]:
    """Yield all rows of a source, with their pixels and which of them the internal mask marks as invalid."""
    for rows in row_strips(source.shape, source.dtype.itemsize):
        yield (rows, *source.rows(rows))


def differ(masks: Sequence[NDArray[numpy.bool_]]) -> bool:
    """Return whether masks of one shape, (row, column), are not all the same."""
    first, *others = masks
    strips = list(row_strips(first.shape, 1))
    return not all(numpy.array_equal(first[rows], other[rows]) for other in others for rows in strips)


def _hides_more(one: NDArray[numpy.bool_], other: NDArray[numpy.bool_]) -> bool:
    """Return whether a mask, of shape (row, column), hides a pixel that another one shows."""
    return any(numpy.greater(one[rows], other[rows]).any() for rows in row_strips(one.shape, 1))


class ArrayPixels:
    """An array and its mask, which is written into the bands' nodata where they have one.

    Parameters
    ----------
    pixels : ndarray, shape (band, row, column)
        Never changed.
    mask : ndarray of bool, shape (band, row, column) or (row, column), or None
        True = invalid.
    bands : sequence of BandLayer
        One for each band.
    adds_alpha : bool
        Whether a band of opacity follows those of the array, made of its mask: 0 where any band is masked, where the
        others are 0, too, or nodata.

    Raises
    ------
    GridMismatchError
        If the mask has another shape than the array.
    InvalidArrayError
        If bands without nodata differ in their masks, or hide what a band with nodata shows: an internal mask is
        shared by all bands.
    """

    def __init__(
        self,
        pixels: NDArray[Any],
        mask: NDArray[numpy.bool_] | None,
        bands: Sequence[BandLayer] | None = None,
        *,
        adds_alpha: bool = False,
    ) -> None:
        self._pixels, self._bands, self._adds_alpha = pixels, bands or (), adds_alpha
        self._mask: NDArray[numpy.bool_] | None = None
        self._without: list[int] = []
        if mask is None:
            return
        if mask.shape not in (pixels.shape, pixels.shape[1:]):
            raise GridMismatchError(f"the mask has shape {mask.shape}, its array {pixels.shape}")
        if not mask.any():
            return
        self._mask = numpy.broadcast_to(mask.astype(bool, copy=False), pixels.shape)
        if not adds_alpha:
            self._without = [at for at, band in enumerate(self._bands) if band.nodata is None and not band.is_alpha]
        if self._without:
            self._check(self._mask)
            if not self._mask[self._without[0]].any():
                self._without = []

    @property
    def shape(self) -> tuple[int, int, int]:
        """(band, row, column)."""
        bands, rows, columns = self._pixels.shape
        return bands + self._adds_alpha, rows, columns

    @property
    def dtype(self) -> numpy.dtype[Any]:
        """Of the array."""
        return self._pixels.dtype

    @property
    def has_internal_mask(self) -> bool:
        """Whether some pixels are masked in bands without nodata."""
        return bool(self._without)

    def rows(self, rows: slice) -> tuple[NDArray[Any], NDArray[numpy.bool_] | None]:
        """Return the pixels of some rows with nodata where they are masked, and the internal mask of those without."""
        pixels = self._pixels[:, rows]
        mask = None if self._mask is None else self._mask[:, rows]
        if self._adds_alpha:
            pixels = numpy.concatenate((pixels, numpy.ones_like(pixels[:1])))
            if mask is not None:
                numpy.copyto(pixels, 0, where=mask.any(axis=0))  # an index by a mask takes 16 bytes a pixel
        if mask is None:
            return pixels, None
        if any(band.nodata is not None for band in self._bands):
            pixels = pixels if self._adds_alpha else pixels.copy()
            for at, hidden in enumerate(mask):
                nodata = self._bands[at].nodata
                if nodata is not None:
                    numpy.copyto(pixels[at], pixels.dtype.type(nodata), where=hidden)
        return pixels, mask[self._without[0]] if self._without else None

    def _check(self, mask: NDArray[numpy.bool_]) -> None:
        """Refuse masks that a file cannot hold: it has one for all its bands."""
        if mask.strides[0] and differ([mask[at] for at in self._without]):  # one mask for all bands agrees with itself
            raise InvalidArrayError(
                "the bands have different masks but no nodata, and a file holds one mask for all; give the bands a "
                "nodata"
            )
        shared = mask[self._without[0]]
        for at, band in enumerate(self._bands):
            if band.nodata is not None and _hides_more(shared, mask[at]):
                raise InvalidArrayError(
                    f"the mask of the bands without nodata hides pixels of band {at + 1}, which has one, and a file "
                    "holds one mask for all; give every band a nodata"
                )


@dataclass(frozen=True, slots=True)
class FilePixels:
    """The pixels of an open file, on its own grid."""

    dataset: DatasetReader
    dtype: numpy.dtype[Any]  # holds the pixels of all bands
    has_internal_mask: bool  # apart from nodata and alpha

    @property
    def shape(self) -> tuple[int, int, int]:
        """(band, row, column)."""
        return self.dataset.count, self.dataset.height, self.dataset.width

    def rows(self, rows: slice) -> tuple[NDArray[Any], NDArray[numpy.bool_] | None]:
        """Return the pixels of some rows, and which of them the internal mask marks as invalid."""
        window = Window(0, rows.start, self.dataset.width, rows.stop - rows.start)
        with read_errors(self.dataset.name):  # also where the caller's own errors are those of writing
            return self.dataset.read(window=window, out_dtype=self.dtype), internal_mask(self.dataset, window)
