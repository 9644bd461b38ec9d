"""A part of a raster file as a file of its own: some of its rows, columns and bands, or every so many pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy
from affine import Affine
from rasterio.windows import Window

from localcat.earth.contexts.grid import Grid
from localcat.rasters.files.describe import RasterDescription, describe
from localcat.rasters.files.dtypes import numpy_dtype
from localcat.rasters.files.environment import read_errors, small_cache
from localcat.rasters.files.georeferencing import check_crs_is_kept
from localcat.rasters.files.opening import open_raster
from localcat.rasters.files.sources import internal_mask
from localcat.rasters.writing.checks import BandLayer
from localcat.rasters.writing.copying import check_pixels, layers_in
from localcat.rasters.writing.options import CogOptions
from localcat.rasters.writing.write import FileDigest, write_pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.io import DatasetReader


@dataclass(frozen=True, slots=True)
class Part:
    """What is wanted of a raster.

    Parameters
    ----------
    rows, columns : slice
        Within the raster, from ``start`` to ``stop``.
    step : int
        Of so many pixels along each axis, the middle one is taken; 1 takes all.
    """

    rows: slice
    columns: slice
    step: int = 1

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the part in its own pixels; the last one of a row or column may reach beyond it."""
        return len(range(*self._taken(self.rows))), len(range(*self._taken(self.columns)))

    def grid_in(self, whole: Grid) -> Grid:
        """Return the grid of the part of a raster that has this grid."""
        t = whole.part(self.rows, self.columns).transform
        return Grid(
            whole.crs, Affine(t.a * self.step, t.b * self.step, t.c, t.d * self.step, t.e * self.step, t.f), self.shape
        )

    def _taken(self, along: slice) -> tuple[int, int, int]:
        """Return the first pixel that is taken, where they end, and the step; of a few pixels their middle one."""
        length = along.stop - along.start
        return along.start + min(self.step, length) // 2, along.stop, self.step

    def rows_of(self, rows: slice) -> list[int]:
        """Return which rows of the raster some rows of the part are."""
        return list(range(*self._taken(self.rows)))[rows]

    def columns_of_window(self) -> slice:
        """Return which columns of the part's window are taken."""
        first, stop, step = self._taken(self.columns)
        return slice(first - self.columns.start, stop - self.columns.start, step)


@dataclass(frozen=True, slots=True)
class _PartPixels:
    """The pixels of a part of an open file."""

    dataset: DatasetReader
    indexes: Sequence[int]  # of the bands, as GDAL counts them
    part: Part
    dtype: numpy.dtype[Any]
    has_internal_mask: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """(band, row, column)."""
        return len(self.indexes), *self.part.shape

    def rows(self, rows: slice) -> tuple[NDArray[Any], NDArray[numpy.bool_] | None]:
        """Return the pixels of some rows, and which of them the internal mask marks as invalid."""
        wanted, columns = self.part.rows_of(rows), self.part.columns
        taken, step = self.part.columns_of_window(), self.part.step
        # Rows that are not taken are not read: a step of 100 reads a hundredth of the rows.
        runs = [slice(wanted[0], wanted[-1] + 1)] if step == 1 else [slice(row, row + 1) for row in wanted]
        pixels, masks = [], []
        with read_errors(self.dataset.name):
            for run in runs:
                window = Window(columns.start, run.start, columns.stop - columns.start, run.stop - run.start)
                read = self.dataset.read(list(self.indexes), window=window, out_dtype=self.dtype)
                pixels.append(read[:, :, taken])
                hidden = internal_mask(self.dataset, window)
                if hidden is not None:
                    masks.append(hidden[:, taken])
        return numpy.concatenate(pixels, axis=1), numpy.concatenate(masks) if masks else None


def cut_raster(
    source: str | PathLike[str],
    destination: str | PathLike[str],
    *,
    part: Part,
    indexes: Sequence[int],
    declared: Mapping[int, BandLayer],
    options: CogOptions | None = None,
) -> FileDigest:
    """Write a part of a georeferenced file as a Cloud-Optimized GeoTIFF: the same pixels, masks and settings.

    Parameters
    ----------
    source : str or path
        Of which a few rows at a time are in memory.
    destination : str or path
        See `localcat.rasters.writing.write.write_cog`.
    part : Part
        Its rows, columns and step.
    indexes : sequence of int
        The bands to write, in this order, as GDAL counts them.
    declared : mapping of int to BandLayer
        What is known of a band, by GDAL's number in the source; see `localcat.rasters.writing.copying.as_cog`.
    options : CogOptions, optional
        Compression, tiles and overviews.

    Returns
    -------
    FileDigest
        With the share of the pixels that are valid.

    Raises
    ------
    CorruptImageError
        If the part cannot be decoded.
    StorageError
        If the disk refuses.
    """
    found = describe(source, max_bytes=None)
    grid = part.grid_in(_grid_of(found))
    check_crs_is_kept(grid)
    every = layers_in(found, declared)
    layers = [every[number - 1] for number in indexes]
    with small_cache(), open_raster(source, max_bytes=None) as dataset:
        pixels = _PartPixels(dataset, indexes, part, numpy_dtype(found.data_type), found.has_internal_mask)
        digest = write_pixels(
            pixels, destination, grid=grid, options=options or CogOptions(), bands=layers, tags=found.tags
        )
    new = {at: declared[number] for at, number in enumerate(indexes, start=1) if number in declared}
    return replace(digest, fill_fraction=check_pixels(destination, declared=new, max_bytes=None))


def _grid_of(found: RasterDescription) -> Grid:
    if found.grid is None:
        raise AssertionError("a file that an image names has a grid, or was brought onto one")
    return found.grid
