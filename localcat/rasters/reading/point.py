"""The pixels at one place: a block of each file is decoded, and nothing more."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    from rasterio.crs import CRS

    from localcat.earth.contexts.grid import Grid

    MaskedArray = numpy.ma.MaskedArray[Any, Any]

_NOWHERE = (-1, -1)  # a pixel that no file has


def read_point(
    sources: Sequence[BandSource],
    lon: float,
    lat: float,
    *,
    data_type: str,
    mask_nodata: bool = True,
    mask_alpha: bool = True,
    declared_alphas: Sequence[tuple[str, int]] = (),
) -> MaskedArray:
    """Read the pixel of each band that contains a place.

    Parameters
    ----------
    sources : sequence of BandSource
        One for each band of the result, in its order.
    lon, lat : float
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
    masked array, shape (band, 1, 1)
    """
    values = numpy.zeros((len(sources), 1, 1), dtype=numpy_dtype(data_type))
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
            column, row = pixel_of(native, place_in(native.crs, lon, lat)) or _NOWHERE
            request = Request(
                sources, positions, Resampling.nearest, mask_nodata, mask_alpha=mask_alpha, declared=declared_alphas
            )
            copy_window(dataset, Window(column, row, 1, 1), request, values, mask)
    return numpy.ma.MaskedArray(values, mask=mask)


def place_in(crs: CRS, lon: float, lat: float) -> tuple[float, float]:
    """Return the coordinates of a place in a CRS; infinite where it has none."""
    with raster_environment():
        xs, ys = project(WGS84, crs, numpy.array([lon]), numpy.array([lat]))
    return float(xs[0]), float(ys[0])


def pixel_of(grid: Grid, place: tuple[float, float]) -> tuple[int, int] | None:
    """Return (column, row) of the pixel of a grid that holds a place, given in its CRS; None if none does."""
    x, y = place
    if not (math.isfinite(x) and math.isfinite(y)):
        return None
    west, _, east, _ = grid.bounds
    turn = turn_of(grid.crs)
    if turn and not west <= x < east:
        x = west + (x - west) % turn
    t = ~grid.transform
    column, row = math.floor(t.a * x + t.b * y + t.c), math.floor(t.d * x + t.e * y + t.f)
    return (column, row) if 0 <= column < grid.width and 0 <= row < grid.height else None
