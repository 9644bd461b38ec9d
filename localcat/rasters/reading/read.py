"""Pixels of raster files on any grid, as one masked array.

Where the grid is the file's own (or that of one of its overviews), pixels are copied exactly; elsewhere GDAL warps
them. Masked pixels lend nothing to their neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy
from rasterio.windows import Window

from localcat.earth.contexts.grid import Grid
from localcat.errors import BadRequestError, TooLargeError
from localcat.rasters.files.describe import native_grid
from localcat.rasters.files.dtypes import common_dtype, data_type_name, equals_nodata, numpy_dtype, saturated
from localcat.rasters.files.environment import read_errors
from localcat.rasters.files.opening import open_raster
from localcat.rasters.files.overviews import AREA_RESAMPLINGS, may_hide, serves
from localcat.rasters.files.resampling import READ_RESAMPLINGS, method_of
from localcat.rasters.files.sources import (
    BandSource,
    Request,
    fill_of,
    hidden_pixels,
    internal_mask,
    is_marked,
    markers_of,
)
from localcat.rasters.reading.cutline import outside_cutline
from localcat.rasters.warping.alignment import fine_overviews, is_in_blocks, native_window
from localcat.rasters.warping.longitudes import on_each_turn
from localcat.rasters.warping.vrt import Raster
from localcat.rasters.warping.warp import warp

_Turn: TypeAlias = "tuple[slice, Grid, Window | None]"  # columns of a grid, their grid, and the file's window it is

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray
    from rasterio.io import DatasetReader
    from shapely.geometry.base import BaseGeometry

    from localcat.rasters.warping.pieces import Region

    MaskedArray = numpy.ma.MaskedArray[Any, Any]

__all__ = ["MAX_RESULT_BYTES", "BandSource", "native_window", "read_bands", "read_native"]

MAX_RESULT_BYTES: Final = 8 * 2**30
"""How large the array of one read may be, in bytes, unless the caller allows more."""

_MANY: Final = 4  # pixels of an overview along a pixel, if those on its edge are to make little difference to a mean


def read_bands(
    sources: Sequence[BandSource],
    grid: Grid,
    *,
    resampling: str = "nearest",
    mask_nodata: bool = True,
    mask_alpha: bool = True,
    dtype: DTypeLike | None = None,
    cutline: BaseGeometry | None = None,
    all_touched: bool = False,
    max_bytes: int = MAX_RESULT_BYTES,
    region: Region | None = None,
    alpha: int | None = None,
    declared_alphas: Sequence[tuple[str, int]] = (),
    threads: int = 1,
    out: MaskedArray | None = None,
) -> MaskedArray:
    """Read bands of one or more files onto a grid.

    Parameters
    ----------
    sources : sequence of BandSource
        One for each band of the result, in its order.
    grid : Grid
        Any CRS and resolution.
    resampling : str
        A name in `localcat.rasters.files.resampling.READ_RESAMPLINGS`. Categorical bands are resampled by nearest, or
        by mode if that is asked for. Those that look at an area give a valid pixel where any valid pixel lies below it;
        the others keep the mask of the nearest pixel.
    mask_nodata : bool
        Whether pixels are masked that equal their band's nodata, or their file's own, or are NaN.
    mask_alpha : bool
        Whether pixels are masked that the internal mask of a file hides, or a band that is its opacity by its colour
        interpretation. The outside of a file always is masked.
    dtype : dtype, optional
        dtype of the result; by default the least general one that holds all bands.
    cutline : shapely geometry, optional
        In longitude and latitude; pixels outside it are masked.
    all_touched : bool
        Whether a pixel is inside the cutline as soon as the two touch, rather than when its centre is inside.
    max_bytes : int
        Largest size of the result, in bytes.
    region : (slice, slice), optional
        Rows and columns of the grid to read; all by default. Any part holds exactly the pixels of the whole.
    alpha : int, optional
        Which of the sources, by position, is 0 where the pixels of all are transparent: these are masked. If the
        alpha band is on the grid of a file and the read interpolates, they do not affect their neighbours either;
        otherwise the alpha band is read like any other.
    declared_alphas : sequence of (str, int)
        Path and number of bands that are known to be opacity: `alpha` says whether they count, not their files.
    threads : int
        Threads that decode blocks.
    out : masked array, shape (band, row, column), optional
        Of `dtype`, and with a full mask; is filled and returned instead of a new array.

    Returns
    -------
    masked array, shape (band, row, column)
        The rows and columns of the region. With a full mask, True = invalid. Masked pixels keep the file's
        values; pixels outside the file are nodata or 0.

    Raises
    ------
    TooLargeError
        If the result would be larger than `max_bytes`, before any memory is taken.
    CorruptImageError
        If a file cannot be decoded.
    BadRequestError
        If the resampling is unknown, or a band number is not in its file.
    """
    if resampling not in READ_RESAMPLINGS:
        raise BadRequestError(f"{resampling!r} is not a resampling; choose one of {', '.join(READ_RESAMPLINGS)}")
    part = grid if region is None else grid.part(*region)
    if min(part.shape) < 1:
        raise BadRequestError(f"a grid of shape {part.shape} has no pixels")
    if not sources:
        raise BadRequestError("no bands to read; pass at least one")
    files: dict[str, list[int]] = {}
    for position, source in enumerate(sources):
        files.setdefault(fspath(source.path), []).append(position)
    if dtype is None:
        names = [name for positions in files.values() for name in _data_types(sources, positions)]
        dtype = numpy_dtype(common_dtype(names))
    wanted = numpy_dtype(data_type_name(dtype))
    pixels = len(sources) * part.height * part.width
    if pixels * (wanted.itemsize + 1) > max_bytes:
        raise TooLargeError(
            f"{len(sources)} bands of {part.height} × {part.width} pixels take {pixels * (wanted.itemsize + 1)} bytes; "
            f"at most {max_bytes} are read at once, choose a coarser resolution or a smaller area"
        )
    with read_errors(next(iter(files))):
        if out is None:
            shape = (len(sources), *part.shape)
            out = numpy.ma.MaskedArray(numpy.empty(shape, dtype=wanted), mask=numpy.empty(shape, dtype=bool))
        values, mask = numpy.ma.getdata(out), numpy.ma.getmaskarray(out)
        if region is None:
            region = slice(0, grid.height), slice(0, grid.width)
        for positions in files.values():
            opacity = None if alpha is None else sources[alpha]
            method = method_of(resampling)
            request = Request(sources, positions, method, mask_nodata, threads, opacity, mask_alpha, declared_alphas)
            _read_file(request, grid, region, values, mask)
        if cutline is not None:
            mask |= outside_cutline(cutline, part, all_touched=all_touched)
    return out


def read_native(
    path: str | PathLike[str],
    indexes: Sequence[int] | None = None,
    *,
    mask_nodata: bool = True,
    max_bytes: int = MAX_RESULT_BYTES,
) -> MaskedArray:
    """Read whole bands of a file on its own grid, bit for bit, georeferenced or not.

    Parameters
    ----------
    path : str or path
        A GeoTIFF or JPEG 2000 file.
    indexes : sequence of int, optional
        GDAL's numbers of the bands, counted from 1; all by default.
    mask_nodata : bool
        Whether pixels that equal their band's nodata are masked. An internal mask always is.
    max_bytes : int
        Largest size of the result, in bytes.

    Returns
    -------
    masked array, shape (band, row, column)
    """
    with open_raster(path) as dataset:
        bands = list(dataset.indexes if indexes is None else indexes)
        check_indexes(dataset, bands)
        wanted = numpy_dtype(common_dtype(data_type_name(dataset.dtypes[band - 1]) for band in bands))
        size = len(bands) * dataset.width * dataset.height * (wanted.itemsize + 1)
        if size > max_bytes:
            raise TooLargeError(f"{path} would take {size} bytes; at most {max_bytes} are read at once")
        values: NDArray[Any] = dataset.read(bands, out_dtype=wanted)
        mask = numpy.zeros(values.shape, dtype=bool)
        invalid = internal_mask(dataset, None)
        if invalid is not None:
            mask |= invalid
        if mask_nodata:
            for at, band in enumerate(bands):
                mask[at] |= equals_nodata(values[at], dataset.nodatavals[band - 1])
        return numpy.ma.MaskedArray(values, mask=mask)


def _data_types(sources: Sequence[BandSource], positions: list[int]) -> list[str]:
    with open_raster(sources[positions[0]].path, max_bytes=None) as dataset:
        check_indexes(dataset, [sources[at].index for at in positions])
        return [data_type_name(dataset.dtypes[sources[at].index - 1]) for at in positions]


def check_indexes(dataset: DatasetReader, indexes: Sequence[int]) -> None:
    """Raise BadRequestError if a file lacks one of these bands."""
    for index in indexes:
        if not 1 <= index <= dataset.count:
            raise BadRequestError(f"{dataset.name} has bands 1 to {dataset.count}, not {index}")


def _read_file(request: Request, grid: Grid, region: Region, values: NDArray[Any], mask: NDArray[numpy.bool_]) -> None:
    """Read the bands of one file into their positions in the result."""
    path = request.path
    with open_raster(path, max_bytes=None, threads=request.threads) as dataset:
        check_indexes(dataset, request.indexes)
        native = native_grid(dataset)
        if native is None:
            raise BadRequestError(f"{path} has no CRS or no transform, so it cannot be read on a grid")
        turns = _turns(native, grid)
        is_copied = all(window is not None for *_, window in turns)
        level = None if is_copied else _overview_for(request, dataset, native, grid)
        if level is None:
            _read_turns(Raster(dataset, native), turns, region, request, values, mask)
            return
    with open_raster(path, overview_level=level, max_bytes=None, threads=request.threads) as overview:
        reduced = Raster(overview, Grid(native.crs, overview.transform, overview.shape), level)
        _read_turns(reduced, _turns(reduced.grid, grid), region, request, values, mask)


def _overview_for(request: Request, dataset: DatasetReader, native: Grid, grid: Grid) -> int | None:
    """Return the overview that is read instead of a file, None for the full resolution.

    A mean of means is one where each pixel of the grid is a block of an overview's pixels. Elsewhere the pixels on its
    edge count with all that lies below them. That makes little difference to a mean if there are many of them, but may
    make a pixel valid that is not.
    """
    if not serves(dataset, request.method, request.indexes):
        return None
    fine = fine_overviews(dataset, native, grid)
    if request.method not in AREA_RESAMPLINGS:
        return fine[0][0] if fine else None
    if fine and request.alpha is not None and fspath(request.alpha.path) != fspath(request.path):
        with open_raster(request.alpha.path, max_bytes=None) as beside:
            if not serves(beside, request.method, [request.alpha.index]):
                return None
    hides = request.alpha is not None or may_hide(dataset, [request.sources[at] for at in request.positions])
    for level, ratio in fine:
        if ratio >= _MANY and not hides:
            return level
        with open_raster(request.path, overview_level=level, max_bytes=None) as overview:
            reduced = Grid(native.crs, overview.transform, overview.shape)
        if all(is_in_blocks(reduced, part) for _, part in on_each_turn(reduced, grid)):
            return level
    return None


def _turns(native: Grid, grid: Grid) -> list[_Turn]:
    return [(columns, part, native_window(native, part)) for columns, part in on_each_turn(native, grid)]


def _read_turns(
    raster: Raster,
    turns: list[_Turn],
    region: Region,
    request: Request,
    values: NDArray[Any],
    mask: NDArray[numpy.bool_],
) -> None:
    """Read the columns of the result turn by turn around the Earth; a part that is a window of the file is copied."""
    rows, columns = region
    for within, part, window in turns:
        left, right = max(within.start, columns.start), min(within.stop, columns.stop)
        if left >= right:
            continue
        found = slice(left - columns.start, right - columns.start)
        wanted = rows, slice(left - within.start, right - within.start)
        if window is None:
            warp(raster, part, wanted, request, values[:, :, found], mask[:, :, found])
            continue
        corner = window.col_off + wanted[1].start, window.row_off + rows.start
        copied = Window(*corner, right - left, rows.stop - rows.start)
        copy_window(raster.dataset, copied, request, values[:, :, found], mask[:, :, found])


def copy_window(
    dataset: DatasetReader,
    window: Window,
    request: Request,
    values: NDArray[Any],
    mask: NDArray[numpy.bool_],
) -> None:
    """Copy pixels that fit the grid exactly; pixels outside the file are masked."""
    top, left = max(window.row_off, 0), max(window.col_off, 0)
    bottom = min(window.row_off + window.height, dataset.height)
    right = min(window.col_off + window.width, dataset.width)
    is_inside = (bottom - top, right - left) == (window.height, window.width)
    for at in request.positions if not is_inside else ():
        values[at], mask[at] = fill_of(dataset, request.sources[at], values.dtype), True
    if top >= bottom or left >= right:
        return
    inside = Window(left, top, right - left, bottom - top)
    rows = slice(top - window.row_off, bottom - window.row_off)
    columns = slice(left - window.col_off, right - window.col_off)
    invalid = hidden_pixels(dataset, inside, request)
    pixels = _window_pixels(dataset, inside, request, values[:, rows, columns])
    for at, band in zip(request.positions, pixels, strict=True):
        masked = mask[at, rows, columns]
        if request.mask_nodata:
            is_marked(band, markers_of(dataset, request.sources[at]), out=masked)
        else:
            masked[...] = False
        if invalid is not None:
            masked |= invalid


def _window_pixels(dataset: DatasetReader, window: Window, request: Request, values: NDArray[Any]) -> NDArray[Any]:
    """Put the pixels of a window into their positions in the result, and return them as they are stored."""
    indexes, positions = request.indexes, request.positions
    first, last = positions[0], positions[-1]
    is_same = all(dataset.dtypes[index - 1] == values.dtype.name for index in indexes)
    if is_same and positions == list(range(first, last + 1)):
        pixels: NDArray[Any] = dataset.read(indexes, window=window, out=values[first : last + 1])
        return pixels
    pixels = dataset.read(indexes, window=window)
    for at, band in zip(positions, pixels, strict=True):
        values[at] = saturated(band, values.dtype)
    return pixels
