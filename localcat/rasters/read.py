"""Pixels of raster files on any grid, as one masked array.

Where the grid is the file's own (or that of one of its overviews), pixels are copied exactly; elsewhere GDAL warps
them. Masks are always taken from the nearest pixel, and masked pixels lend nothing to their neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Final

import numpy
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.warp import reproject
from rasterio.windows import Window

from localcat.errors import BadRequestError, TooLargeError
from localcat.geocontext.grid import Grid
from localcat.rasters.cutline import outside_cutline
from localcat.rasters.describe import native_grid
from localcat.rasters.dtypes import (
    common_dtype,
    data_type_name,
    equals_nodata,
    is_representable,
    numpy_dtype,
    saturated,
)
from localcat.rasters.environment import read_errors
from localcat.rasters.footprint import project, to_map
from localcat.rasters.opening import open_raster

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray
    from rasterio.io import DatasetReader
    from shapely.geometry.base import BaseGeometry

    MaskedArray = numpy.ma.MaskedArray[Any, Any]

MAX_RESULT_BYTES: Final = 8 * 2**30
"""How large the array of one read may be, in bytes, unless the caller allows more."""

RESAMPLINGS: Final = {
    "nearest": Resampling.nearest,
    "near": Resampling.nearest,
    "bilinear": Resampling.bilinear,
    "cubic": Resampling.cubic,
    "cubicspline": Resampling.cubic_spline,
    "cubic_spline": Resampling.cubic_spline,
    "lanczos": Resampling.lanczos,
    "average": Resampling.average,
    "mode": Resampling.mode,
    "max": Resampling.max,
    "min": Resampling.min,
    "med": Resampling.med,
    "q1": Resampling.q1,
    "q3": Resampling.q3,
}
"""The ways to resample a read, by name."""

_ALIGNED = 1e-3  # pixels; how exactly two grids must meet to count as one
_MESH = 9  # points a side, where a grid is compared with a file
_NARROW = 8  # pixels; the narrowest overview that is used
_CODES = (ColorInterp.alpha, ColorInterp.palette)


@dataclass(frozen=True, slots=True)
class BandSource:
    """One band of one file.

    Parameters
    ----------
    path : str or path
        A GeoTIFF or JPEG 2000 file.
    index : int
        GDAL's number of the band, counted from 1.
    nodata : float, optional
        The value that marks invalid pixels; None for the file's own.
    is_categorical : bool
        Whether values are codes (classes, masks, opacity): these are always resampled by nearest.
    """

    path: str | PathLike[str]
    index: int
    nodata: float | None = None
    is_categorical: bool = False


def read_bands(
    sources: Sequence[BandSource],
    grid: Grid,
    *,
    resampling: str = "nearest",
    mask_nodata: bool = True,
    dtype: DTypeLike | None = None,
    cutline: BaseGeometry | None = None,
    all_touched: bool = False,
    max_bytes: int = MAX_RESULT_BYTES,
) -> MaskedArray:
    """Read bands of one or more files onto a grid.

    Parameters
    ----------
    sources : sequence of BandSource
        One for each band of the result, in its order.
    grid : Grid
        Grid of the result; any CRS and resolution.
    resampling : str
        A name in `RESAMPLINGS`. Masks and categorical bands are always resampled by nearest.
    mask_nodata : bool
        Whether pixels that equal their band's nodata are masked. Internal masks and the outside of a file always are.
    dtype : dtype, optional
        dtype of the result; by default the least general one that holds all bands.
    cutline : shapely geometry, optional
        In longitude and latitude; pixels outside it are masked.
    all_touched : bool
        Whether a pixel is inside the cutline as soon as the two touch, rather than when its centre is inside.
    max_bytes : int
        Largest size of the result, in bytes.

    Returns
    -------
    masked array, shape (band, row, column)
        With a full mask, True = invalid. Below the mask lie the file's values, and outside the file nodata or 0.

    Raises
    ------
    TooLargeError
        If the result would be larger than `max_bytes`, before any memory is taken.
    CorruptImageError
        If a file cannot be decoded.
    BadRequestError
        If the resampling is unknown, or a band number is not in its file.
    """
    method = RESAMPLINGS.get(resampling)
    if method is None:
        raise BadRequestError(f"{resampling!r} is no resampling; choose one of {', '.join(RESAMPLINGS)}")
    if min(grid.shape) < 1:
        raise BadRequestError(f"a grid of shape {grid.shape} has no pixels")
    if not sources:
        raise BadRequestError("no bands to read; pass at least one")
    files: dict[str, list[int]] = {}
    for position, source in enumerate(sources):
        files.setdefault(fspath(source.path), []).append(position)
    if dtype is None:
        names = [name for path, positions in files.items() for name in _data_types(path, sources, positions)]
        dtype = numpy_dtype(common_dtype(names))
    wanted = numpy_dtype(data_type_name(dtype))
    pixels = len(sources) * grid.height * grid.width
    if pixels * (wanted.itemsize + 1) > max_bytes:
        raise TooLargeError(
            f"{len(sources)} bands of {grid.height} × {grid.width} pixels take {pixels * (wanted.itemsize + 1)} bytes; "
            f"at most {max_bytes} are read at once, choose a coarser resolution or a smaller area"
        )
    with read_errors(next(iter(files))):
        values = numpy.zeros((len(sources), *grid.shape), dtype=wanted)
        mask = numpy.ones(values.shape, dtype=bool)
        for path, positions in files.items():
            _read_file(path, _Request(sources, grid, method, mask_nodata), positions, values, mask)
        if cutline is not None:
            mask |= outside_cutline(cutline, grid, all_touched=all_touched)
    return numpy.ma.MaskedArray(values, mask=mask)


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
        _check_indexes(dataset, bands)
        wanted = numpy_dtype(common_dtype(data_type_name(dataset.dtypes[band - 1]) for band in bands))
        size = len(bands) * dataset.width * dataset.height * (wanted.itemsize + 1)
        if size > max_bytes:
            raise TooLargeError(f"{path} would take {size} bytes; at most {max_bytes} are read at once")
        values: NDArray[Any] = dataset.read(bands, out_dtype=wanted)
        mask = numpy.zeros(values.shape, dtype=bool)
        invalid = _internal_mask(dataset, None)
        if invalid is not None:
            mask |= invalid
        if mask_nodata:
            for at, band in enumerate(bands):
                mask[at] |= equals_nodata(values[at], dataset.nodatavals[band - 1])
        return numpy.ma.MaskedArray(values, mask=mask)


def native_window(native: Grid, grid: Grid) -> Window | None:
    """Return the window of a native grid that another grid is, None where their pixels do not coincide.

    The window may reach beyond the native grid on any side.
    """
    if grid.crs != native.crs:
        return None
    height, width = grid.shape
    columns = numpy.array([0.0, width, 0.0, width])
    rows = numpy.array([0.0, 0.0, height, height])
    inverse = ~native.transform
    xs, ys = to_map(grid, columns, rows)
    native_columns = inverse.a * xs + inverse.b * ys + inverse.c
    native_rows = inverse.d * xs + inverse.e * ys + inverse.f
    offset = (round(float(native_columns[0])), round(float(native_rows[0])))
    error = max(numpy.abs(native_columns - columns - offset[0]).max(), numpy.abs(native_rows - rows - offset[1]).max())
    return Window(*offset, width, height) if error < _ALIGNED else None


@dataclass(frozen=True, slots=True)
class _Request:
    """What one call of `read_bands` asks for."""

    sources: Sequence[BandSource]
    grid: Grid
    method: Resampling
    mask_nodata: bool


def _data_types(path: str, sources: Sequence[BandSource], positions: list[int]) -> list[str]:
    with open_raster(path, max_bytes=None) as dataset:
        _check_indexes(dataset, [sources[at].index for at in positions])
        return [data_type_name(dataset.dtypes[sources[at].index - 1]) for at in positions]


def _check_indexes(dataset: DatasetReader, indexes: Sequence[int]) -> None:
    for index in indexes:
        if not 1 <= index <= dataset.count:
            raise BadRequestError(f"{dataset.name} has bands 1 to {dataset.count}, not {index}")


def _read_file(
    path: str, request: _Request, positions: list[int], values: NDArray[Any], mask: NDArray[numpy.bool_]
) -> None:
    """Read the bands of one file into their places in the result."""
    with open_raster(path, max_bytes=None) as dataset:
        _check_indexes(dataset, [request.sources[at].index for at in positions])
        native = native_grid(dataset)
        if native is None:
            raise BadRequestError(f"{path} has no CRS or no transform, so it cannot be read on a grid")
        window = native_window(native, request.grid)
        level = None if window is not None else _overview_level(dataset, native, request.grid)
        if window is not None:
            _copy(dataset, window, request, positions, values, mask)
        elif level is None:
            _warp(dataset, native, request, positions, values, mask)
    if level is None:
        return
    with open_raster(path, overview_level=level, max_bytes=None) as overview:
        reduced = Grid(native.crs, overview.transform, overview.shape)
        window = native_window(reduced, request.grid)
        if window is not None:
            _copy(overview, window, request, positions, values, mask)
        else:
            _warp(overview, reduced, request, positions, values, mask)


def _copy(
    dataset: DatasetReader,
    window: Window,
    request: _Request,
    positions: list[int],
    values: NDArray[Any],
    mask: NDArray[numpy.bool_],
) -> None:
    """Copy pixels that lie exactly on the grid; what lies outside the file stays masked."""
    top, left = max(window.row_off, 0), max(window.col_off, 0)
    bottom = min(window.row_off + window.height, dataset.height)
    right = min(window.col_off + window.width, dataset.width)
    for at in positions:
        values[at] = _fill(dataset, request.sources[at], values.dtype)
    if top >= bottom or left >= right:
        return
    inside = Window(left, top, right - left, bottom - top)
    rows = slice(top - window.row_off, bottom - window.row_off)
    columns = slice(left - window.col_off, right - window.col_off)
    invalid = _internal_mask(dataset, inside)
    indexes = sorted({request.sources[at].index for at in positions})
    pixels = dataset.read(indexes, window=inside)
    for at in positions:
        source = request.sources[at]
        band = pixels[indexes.index(source.index)]
        values[at, rows, columns] = saturated(band, values.dtype)
        mask[at, rows, columns] = False if invalid is None else invalid
        if request.mask_nodata:
            mask[at, rows, columns] |= equals_nodata(band, _nodata(dataset, source))


def _warp(
    dataset: DatasetReader,
    native: Grid,
    request: _Request,
    positions: list[int],
    values: NDArray[Any],
    mask: NDArray[numpy.bool_],
) -> None:
    """Resample pixels onto the grid, with masks from the nearest pixel."""
    outside = _outside(dataset, native, request, positions)
    # Opacity weighs its neighbours only for a caller who reads it too: others want the pixels under it as they are.
    read = {request.sources[at].index for at in positions}
    opacity = next((i for i in read if dataset.colorinterp[i - 1] is ColorInterp.alpha), 0)
    groups: dict[tuple[str, Resampling], list[int]] = {}
    for at in positions:
        source = request.sources[at]
        is_code = source.is_categorical or dataset.colorinterp[source.index - 1] in _CODES
        method = Resampling.nearest if is_code else request.method
        groups.setdefault((repr(_nodata(dataset, source)), method), []).append(at)
    for (_, method), members in groups.items():
        indexes = [request.sources[at].index for at in members]
        nodata = _nodata(dataset, request.sources[members[0]])
        alpha = 0 if method is Resampling.nearest else opacity
        pixels = _reprojected(dataset, indexes, request.grid, method, nodata, alpha)
        nearest = pixels
        if nodata is not None and method is not Resampling.nearest:
            nearest = _reprojected(dataset, indexes, request.grid, Resampling.nearest, nodata)
        for at, band, codes in zip(members, pixels, nearest, strict=True):
            missing = equals_nodata(codes, nodata)
            if nodata is not None and codes is not band:
                # A pixel is there exactly when its nearest neighbour is.
                band = numpy.where(missing | equals_nodata(band, nodata), codes, band)
            values[at] = saturated(band, values.dtype)
            values[at][outside] = _fill(dataset, request.sources[at], values.dtype)
            mask[at] = outside | missing if request.mask_nodata else outside


def _reprojected(
    dataset: DatasetReader, indexes: list[int], grid: Grid, method: Resampling, nodata: float | None, alpha: int = 0
) -> NDArray[Any]:
    pixels = numpy.zeros((len(indexes), *grid.shape), dtype=dataset.dtypes[indexes[0] - 1])
    reproject(
        rasterio.band(dataset, indexes),
        pixels,
        dst_crs=grid.crs,
        dst_transform=grid.transform,
        resampling=method,
        src_nodata=nodata,
        dst_nodata=nodata,
        src_alpha=alpha,
        UNIFIED_SRC_NODATA="NO",  # rasterio's default would let a band's nodata bleed where another band is valid
    )
    return pixels


def _outside(dataset: DatasetReader, native: Grid, request: _Request, positions: list[int]) -> NDArray[numpy.bool_]:
    """Return which pixels of a grid have their nearest pixel outside the file, or under its internal mask.

    Where every band has a nodata that is masked anyway, nothing needs to be said: warping puts it outside.
    """
    grid = request.grid
    if all(nodata is None for nodata in dataset.nodatavals):
        pixels = numpy.zeros((2, *grid.shape), dtype=dataset.dtypes[0])
        reproject(
            rasterio.band(dataset, 1),
            pixels,
            dst_crs=grid.crs,
            dst_transform=grid.transform,
            resampling=Resampling.nearest,
            dst_alpha=2,
        )
        transparent: NDArray[numpy.bool_] = pixels[1] == 0
        return transparent
    is_masked = request.mask_nodata and all(_nodata(dataset, request.sources[at]) is not None for at in positions)
    if is_masked and not _has_internal_mask(dataset):
        return numpy.zeros(grid.shape, dtype=bool)
    # GDAL would count nodata as outside; only an array of its own tells the two apart.
    window = _window_under(dataset, native, grid)
    if window is None:
        return numpy.ones(grid.shape, dtype=bool)
    if _has_internal_mask(dataset):
        source = dataset.read_masks(1, window=window)
    else:
        source = numpy.full((window.height, window.width), 255, dtype=numpy.uint8)
    covered = numpy.zeros(grid.shape, dtype=numpy.uint8)
    x, y = to_map(native, numpy.array([window.col_off]), numpy.array([window.row_off]))
    t = native.transform
    reproject(
        source,
        covered,
        src_crs=native.crs,
        src_transform=Affine(t.a, t.b, float(x[0]), t.d, t.e, float(y[0])),
        dst_crs=grid.crs,
        dst_transform=grid.transform,
        resampling=Resampling.nearest,
    )
    outside: NDArray[numpy.bool_] = covered == 0
    return outside


def _window_under(dataset: DatasetReader, native: Grid, grid: Grid) -> Window | None:
    """Return the part of a file that lies under a grid, None when there is none."""
    columns, rows = _native_pixels(native, grid, *_mesh(grid, _MESH))
    if not (numpy.isfinite(columns).all() and numpy.isfinite(rows).all()):
        return Window(0, 0, dataset.width, dataset.height)
    margin = 2 + 0.05 * max(numpy.ptp(columns), numpy.ptp(rows))  # what lies between the points may bend outwards
    left, right = max(int(columns.min() - margin), 0), min(int(columns.max() + margin), dataset.width)
    top, bottom = max(int(rows.min() - margin), 0), min(int(rows.max() + margin), dataset.height)
    return Window(left, top, right - left, bottom - top) if left < right and top < bottom else None


def _mesh(grid: Grid, points: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return columns and rows of a mesh of pixel positions over a grid."""
    meshes = numpy.meshgrid(numpy.linspace(0, grid.width, points), numpy.linspace(0, grid.height, points))
    return meshes[0].ravel(), meshes[1].ravel()


def _native_pixels(
    native: Grid, grid: Grid, columns: NDArray[Any], rows: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the pixel positions of a grid as those of a native grid; not finite where they have none."""
    xs, ys = project(grid.crs, native.crs, *to_map(grid, columns, rows))
    inverse = ~native.transform
    with numpy.errstate(invalid="ignore"):
        return inverse.a * xs + inverse.b * ys + inverse.c, inverse.d * xs + inverse.e * ys + inverse.f


def _overview_level(dataset: DatasetReader, native: Grid, grid: Grid) -> int | None:
    """Return the coarsest overview that is at least as fine as a grid, None for the full resolution."""
    factors = dataset.overviews(1)
    if not factors:
        return None
    ratio = _coarseness(native, grid)
    # GDAL derives the factors from the widths alone, so those of very narrow overviews say nothing.
    known = enumerate(factors)
    fine = [level for level, factor in known if 1 < factor <= ratio and factor * _NARROW <= native.width]
    return fine[-1] if fine else None


def _coarseness(native: Grid, grid: Grid) -> float:
    """Return how many native pixels a side of a grid's pixel covers, at the place where it covers fewest."""
    columns, rows = _mesh(grid, _MESH)
    step = min(*grid.shape, 16) / 2
    here = numpy.array(_native_pixels(native, grid, columns, rows))
    with numpy.errstate(invalid="ignore"):
        right = numpy.hypot(*(numpy.array(_native_pixels(native, grid, columns + step, rows)) - here)) / step
        down = numpy.hypot(*(numpy.array(_native_pixels(native, grid, columns, rows + step)) - here)) / step
    sides = numpy.concatenate((right, down))
    sides = sides[numpy.isfinite(sides)]
    return float(sides.min()) * (1 + _ALIGNED) if len(sides) else 1.0


def _has_internal_mask(dataset: DatasetReader) -> bool:
    flags = dataset.mask_flag_enums[0]
    return MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags


def _internal_mask(dataset: DatasetReader, window: Window | None) -> NDArray[numpy.bool_] | None:
    """Return where the internal mask says invalid; None when the file has no such mask."""
    if not _has_internal_mask(dataset):
        return None
    invalid: NDArray[numpy.bool_] = dataset.read_masks(1, window=window) == 0
    return invalid


def _nodata(dataset: DatasetReader, source: BandSource) -> float | None:
    """Return the nodata of a band if its dtype can hold that value at all."""
    nodata = dataset.nodatavals[source.index - 1] if source.nodata is None else source.nodata
    fits = nodata is not None and is_representable(nodata, dataset.dtypes[source.index - 1])
    return nodata if fits else None


def _fill(dataset: DatasetReader, source: BandSource, dtype: numpy.dtype[Any]) -> float:
    nodata = _nodata(dataset, source)
    return nodata if nodata is not None and is_representable(nodata, dtype) else 0
