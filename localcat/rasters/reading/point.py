"""The pixels at some places: the blocks of each file that hold them are decoded, and nothing more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os import fspath
from typing import TYPE_CHECKING, Any

import numpy
from rasterio.enums import Resampling
from rasterio.windows import Window

from localcat.earth.crs import WGS84
from localcat.earth.projecting import project, turn_of
from localcat.errors import BadRequestError
from localcat.rasters.files.describe import native_grid
from localcat.rasters.files.dtypes import numpy_dtype
from localcat.rasters.files.environment import raster_environment
from localcat.rasters.files.opening import open_raster
from localcat.rasters.files.sources import BandSource, Request
from localcat.rasters.reading.read import check_indexes, copy_window

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.crs import CRS

    from localcat.earth.contexts.grid import Grid

    MaskedArray = numpy.ma.MaskedArray[Any, Any]
    Numbers = NDArray[numpy.float64]
    Whole = NDArray[numpy.int64]

_PIXELS_A_READ = 50_000  # that are copied in about the time of one more read, in which GDAL does little


def read_points(
    sources: Sequence[BandSource],
    lons: Numbers,
    lats: Numbers,
    *,
    data_type: str,
    mask_nodata: bool = True,
    mask_alpha: bool = True,
    declared_alphas: Sequence[tuple[str, int]] = (),
) -> MaskedArray:
    """Read the pixels of each band that contain some places.

    Parameters
    ----------
    sources : sequence of BandSource
        One for each band of the result, in its order.
    lons, lats : ndarray, shape (place,)
        Degrees, EPSG:4326; any turn around the Earth.
    data_type : str
        Data type of the result.
    mask_nodata : bool
        Whether pixels are masked that equal their band's nodata, or their file's own, or are NaN.
    mask_alpha : bool
        Whether the internal mask of a file and its own alpha count. The outside of a file always is masked.
    declared_alphas : sequence of (str, int)
        As in `localcat.rasters.reading.read.read_bands`.

    Returns
    -------
    masked array, shape (band, 1, place)
    """
    values = numpy.zeros((len(sources), 1, len(lons)), dtype=numpy_dtype(data_type))
    mask = numpy.ones(values.shape, dtype=bool)
    files: dict[str, list[int]] = {}
    for position, source in enumerate(sources):
        files.setdefault(fspath(source.path), []).append(position)
    for positions in files.values():
        path = sources[positions[0]].path
        with open_raster(path, max_bytes=None) as dataset:
            check_indexes(dataset, [sources[at].index for at in positions])
            native = native_grid(dataset)
            if native is None:
                raise BadRequestError(f"{path} has no CRS or no transform, so no place can be found in it")
            columns, rows = pixels_of(native, *places_in(native.crs, lons, lats))
            request = Request(
                sources, positions, Resampling.nearest, mask_nodata, mask_alpha=mask_alpha, declared=declared_alphas
            )
            for some in _together(columns, rows, dataset.block_shapes[0]):
                left, top = int(columns[some].min()), int(rows[some].min())
                width, height = int(columns[some].max()) - left + 1, int(rows[some].max()) - top + 1
                part = numpy.zeros((len(sources), height, width), dtype=values.dtype)
                hidden = numpy.ones(part.shape, dtype=bool)
                copy_window(dataset, Window(left, top, width, height), request, part, hidden)
                for band in positions:
                    values[band, 0, some] = part[band, rows[some] - top, columns[some] - left]
                    mask[band, 0, some] = hidden[band, rows[some] - top, columns[some] - left]
    return numpy.ma.MaskedArray(values, mask=mask)


def _together(columns: Whole, rows: Whole, block: tuple[int, int]) -> Iterator[Whole]:
    """Yield the places whose pixels are read together: those of a block, unless they are few and far apart."""
    inside = numpy.flatnonzero(columns >= 0)
    if len(inside) < 2:
        if len(inside):
            yield inside
        return
    blocks = numpy.stack((rows[inside] // block[0], columns[inside] // block[1]))
    order = numpy.lexsort(blocks)
    ends = numpy.flatnonzero((numpy.diff(blocks[:, order]) != 0).any(axis=0)) + 1
    for some in numpy.split(inside[order], ends):
        if int(numpy.ptp(columns[some]) + 1) * int(numpy.ptp(rows[some]) + 1) <= _PIXELS_A_READ * len(some):
            yield some
        else:
            yield from some.reshape(-1, 1)


def places_in(crs: CRS, lons: Numbers, lats: Numbers) -> tuple[Numbers, Numbers]:
    """Return the coordinates of places in a CRS; infinite where one has none."""
    with raster_environment():
        xs, ys = project(WGS84, crs, lons, lats)
    return xs, ys


def pixels_of(grid: Grid, xs: Numbers, ys: Numbers) -> tuple[Whole, Whole]:
    """Return the columns and the rows of the pixels of a grid that hold places in its CRS; -1 where none does."""
    west, _, east, _ = grid.bounds
    turn = turn_of(grid.crs)
    with numpy.errstate(invalid="ignore"):
        if turn:
            xs = numpy.where((west <= xs) & (xs < east), xs, west + (xs - west) % turn)
        t = ~grid.transform
        columns, rows = numpy.floor(t.a * xs + t.b * ys + t.c), numpy.floor(t.d * xs + t.e * ys + t.f)
        is_inside = (columns >= 0) & (columns < grid.width) & (rows >= 0) & (rows < grid.height)
        return (
            numpy.where(is_inside, columns, -1).astype(numpy.int64),
            numpy.where(is_inside, rows, -1).astype(numpy.int64),
        )
