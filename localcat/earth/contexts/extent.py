"""Bounds: the area they mean on Earth, and the pixel grids that cover them."""

from __future__ import annotations

import math
import re

import shapely
from affine import Affine
from rasterio.crs import CRS
from shapely.geometry.base import BaseGeometry

from localcat.earth.contexts.base import Bounds
from localcat.earth.contexts.grid import Grid
from localcat.earth.contexts.projection import unwrapped
from localcat.earth.ground import ground_of
from localcat.earth.projecting import turn_of
from localcat.errors import BadRequestError

_TOLERANCE = 1e-6  # pixels; noise of a division or a projection that must not cost one more row or column
_MOST_DIGITS = 12  # decimal digits of a pixel size that a person chose; a division leaves 16 or 17
_LONGITUDE_DECIMALS = 12  # a turn of 360° and back loses what comes after
_MOST_STEPS = 2**53  # pixels from the origin of a CRS; beyond, a float64 has no place for each
_LON_WRAP = re.compile(r"\+lon_wrap=(?P<centre>[-+]?\d+(\.\d*)?)")


def central_longitude(text: str) -> float:
    """Return the longitude, in degrees, around which a geographic CRS counts: 0, unless it has ``+lon_wrap``."""
    found = _LON_WRAP.search(text)
    return 0.0 if found is None else float(found["centre"])


def bounds_on_earth(bounds: Bounds, crs: CRS, pixel: float) -> Bounds:
    """Return the bounds of a grid as contexts write them: degrees beyond ±180° are those of the same place within.

    Bounds across the antimeridian then have min_x > max_x; those of the whole globe keep their width.

    Parameters
    ----------
    pixel : float
        Width of a pixel in units of `crs`; half of it may lie beyond ±180°.
    """
    min_x, min_y, max_x, max_y = bounds
    turn = turn_of(crs)
    if not crs.is_geographic or max_x - min_x > turn + pixel:
        return bounds
    low = central_longitude(crs.to_wkt()) - turn / 2
    if min_x >= low - pixel / 2 and max_x <= low + turn + pixel / 2:
        return bounds
    west, east = _wrapped(min_x, low, turn), _wrapped(max_x, low, turn)
    if max_x - min_x >= turn - pixel:
        east = west + (max_x - min_x)
    elif east == low:
        east = low + turn
    return west, min_y, east, max_y


def footprint_of_bounds(bounds: Bounds, crs: CRS) -> BaseGeometry:
    """Return the ground that a box covers in longitude and latitude, split at the antimeridian.

    Raises
    ------
    InvalidGeometryError
        If no part of it has a longitude and a latitude.
    """
    min_x, min_y, max_x, max_y = unwrapped(bounds, crs)
    area: BaseGeometry = shapely.box(min_x, min_y, max_x, max_y)
    if min_x == max_x and min_y == max_y:
        area = shapely.Point(min_x, min_y)
    elif min_x == max_x or min_y == max_y:
        area = shapely.LineString([(min_x, min_y), (max_x, max_y)])
    return ground_of(area, crs)


def grid_of_shape(bounds: Bounds, crs: CRS, shape: tuple[int, int]) -> Grid:
    """Return the grid of that shape whose outer edges are the bounds.

    Notes
    -----
    The pixel size is the extent over the number of pixels. Where a size that a person would choose (1/3600, or a
    number of few digits) gives the same bounds to the last bit, that one is taken: the bounds of an image, made from
    its corners, then give back its own transform.
    """
    min_x, min_y, max_x, max_y = bounds
    rows, columns = shape
    if min_x == max_x or min_y == max_y:
        raise BadRequestError(f"the bounds {bounds} have no extent, {rows} x {columns} pixels cannot fill them")
    column, row = _step(min_x, max_x, columns), _step(max_y, min_y, rows)  # the row step is negative: north is up
    return Grid(crs, Affine(column, 0.0, min_x, 0.0, row, max_y), shape)


def grid_of_resolution(bounds: Bounds, crs: CRS, resolution: float, *, align: bool) -> Grid:
    """Return the grid of square pixels for some bounds.

    Parameters
    ----------
    align : bool
        Move the edges outwards to multiples of the resolution. Otherwise the grid begins in the upper left corner of
        the bounds, and has the nearest whole number of pixels, as in GDAL.

    Raises
    ------
    BadRequestError
        If the pixels are too small for coordinates.
    """
    min_x, min_y, max_x, max_y = bounds
    if max(map(abs, bounds)) / resolution > _MOST_STEPS:
        raise BadRequestError(f"pixels of {resolution:g} at {bounds} cannot be told apart; choose a coarser resolution")
    if align:
        left, right = _snapped(min_x, max_x, resolution)
        # Turned around, since GDAL counts a place between two pixels to the one right of it or below.
        top, bottom = (-edge for edge in _snapped(-max_y, -min_y, resolution))
        shape = (top - bottom, right - left)
        transform = Affine(resolution, 0.0, left * resolution, 0.0, -resolution, top * resolution)
    else:
        shape = (_count(max_y - min_y, resolution), _count(max_x - min_x, resolution))
        transform = Affine(resolution, 0.0, min_x, 0.0, -resolution, max_y)
    return Grid(crs, transform, shape)


def _wrapped(longitude: float, low: float, turn: float) -> float:
    """Return a longitude on the turn that begins at `low`, free of the noise of the way there."""
    moved = longitude - turn * math.floor((longitude - low) / turn)
    return longitude if moved == longitude else round(moved, _LONGITUDE_DECIMALS)


def _step(start: float, stop: float, count: int) -> float:
    """Return the size of one of `count` steps between two coordinates, free of the noise of the subtraction."""
    step = (stop - start) / count
    reciprocal = 1 / round(1 / step) if 1e-12 < abs(step) < 1 else step
    decimals = (float(f"{step:.{digits}g}") for digits in range(1, _MOST_DIGITS + 1))
    return next((clean for clean in (reciprocal, *decimals) if start + clean * count == stop), step)


def _snapped(low: float, high: float, resolution: float) -> tuple[int, int]:
    first = math.floor(low / resolution + _TOLERANCE)
    return first, max(math.ceil(high / resolution - _TOLERANCE), first + 1)


def _count(extent: float, resolution: float) -> int:
    return max(math.floor(extent / resolution + 0.5 + _TOLERANCE), 1)
