"""Bounds in one CRS, seen from another one, and the pixel grids that cover them."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy
import shapely
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from rasterio.warp import transform, transform_bounds
from shapely.geometry.base import BaseGeometry

from localcat.crs import WGS84, parse_crs
from localcat.errors import BadRequestError
from localcat.geocontext.base import Bounds
from localcat.geocontext.grid import Grid
from localcat.geometry import as_geometry

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Points between the corners of an edge. They cut it into 84 pieces, a multiple of 4: the edge of a box around a pole
# then has a point on each of the four axes, where the box around the curve touches it.
_POINTS_PER_EDGE = 83

_TOLERANCE = 1e-6  # pixels; noise of a division or a projection that must not cost one more row or column
_STRAIGHT = 10_000  # metres; a line so short is straight in both, and off by 4 metres at most at 65° of latitude
_MOST_DIGITS = 12  # decimal digits of a pixel size that a person chose; a division leaves 16 or 17
_LON_WRAP = re.compile(r"\+lon_wrap=(?P<centre>[-+]?\d+(\.\d*)?)")


@lru_cache(maxsize=256)
def crs_of(text: str) -> CRS:
    """Return the parsed CRS of a text; parsed once, since contexts are made by the thousand."""
    return parse_crs(text)


def central_longitude(text: str) -> float:
    """Return the longitude, in degrees, around which a geographic CRS counts: 0, unless it has ``+lon_wrap``."""
    found = _LON_WRAP.search(text)
    return 0.0 if found is None else float(found["centre"])


def unwrapped(bounds: Bounds, crs: CRS) -> Bounds:
    """Return bounds whose max_x is at least min_x: geographic ones across the antimeridian continue beyond 180°."""
    min_x, min_y, max_x, max_y = bounds
    return (min_x, min_y, max_x + 360, max_y) if crs.is_geographic and min_x > max_x else bounds


def reproject_bounds(bounds: Bounds, source: CRS, target: CRS) -> Bounds:
    """Return the box in another CRS around the densified edges of a box.

    Parameters
    ----------
    bounds : tuple of 4 float
        In units of `source`; a geographic box may have min_x > max_x.

    Returns
    -------
    tuple of 4 float
        In units of `target`, with min_x <= max_x: across the antimeridian a geographic box continues beyond 180°.

    Raises
    ------
    BadRequestError
        If the box lies outside the area where the projections are defined.
    """
    if source == target:
        return unwrapped(bounds, source)
    try:
        box = transform_bounds(source, target, *bounds, densify_pts=_POINTS_PER_EDGE)
    except (CRSError, RasterioError) as error:
        raise BadRequestError(
            f"the bounds {bounds} cannot be brought from {source.to_string()} to {target.to_string()}: {error}"
        ) from error
    if not all(math.isfinite(number) for number in box):
        raise BadRequestError(
            f"the bounds {bounds} in {source.to_string()} lie outside the area where {target.to_string()} is defined"
        )
    return unwrapped((box[0], box[1], box[2], box[3]), target)


def footprint_of_bounds(bounds: Bounds, crs: CRS) -> BaseGeometry:
    """Return the area of a box in longitude and latitude, its edges densified and split at the antimeridian.

    Raises
    ------
    BadRequestError
        If the box has no point on Earth, or no area that can be drawn in longitude and latitude.
    """
    if crs == WGS84:
        west, south, east, north = bounds
        if west <= east:
            return as_geometry((max(west, -180.0), max(south, -90.0), min(east, 180.0), min(north, 90.0)))
        return shapely.union(as_geometry((west, south, 180.0, north)), as_geometry((-180.0, south, east, north)))
    min_x, min_y, max_x, max_y = unwrapped(bounds, crs)
    area: BaseGeometry
    if min_x == max_x and min_y == max_y:
        area = shapely.Point(min_x, min_y)
    elif min_x == max_x or min_y == max_y:
        area = shapely.LineString([(min_x, min_y), (max_x, max_y)])
    else:
        longest = max(max_x - min_x, max_y - min_y) / (_POINTS_PER_EDGE + 1)
        if crs.is_projected:
            longest = max(longest, _STRAIGHT / crs.linear_units_factor[1])
        area = shapely.segmentize(shapely.box(min_x, min_y, max_x, max_y), longest)
    area = shapely.transform(area, lambda xy: _to_lonlat(xy, crs))
    if not numpy.isfinite(shapely.get_coordinates(area)).all():
        # The corners of a full-disk view lie beside the Earth: keep what is seen of it.
        xs, ys = numpy.meshgrid(numpy.linspace(min_x, max_x, 41), numpy.linspace(min_y, max_y, 41))
        seen = _to_lonlat(numpy.column_stack((xs.ravel(), ys.ravel())), crs)
        area = shapely.MultiPoint(seen[numpy.isfinite(seen).all(axis=1)]).convex_hull
        if area.is_empty:
            raise BadRequestError(f"the bounds {bounds} in {crs.to_string()} lie nowhere on Earth")
    return as_geometry(area)


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
    """Return the smallest grid of square pixels that covers the bounds.

    Parameters
    ----------
    align : bool
        Move the edges outwards to multiples of the resolution; otherwise the grid begins in the upper left corner of
        the bounds.
    """
    min_x, min_y, max_x, max_y = bounds
    if align:
        left, right = _snapped(min_x, max_x, resolution)
        bottom, top = _snapped(min_y, max_y, resolution)
        shape = (top - bottom, right - left)
        transform = Affine(resolution, 0.0, left * resolution, 0.0, -resolution, top * resolution)
    else:
        shape = (_count(max_y - min_y, resolution), _count(max_x - min_x, resolution))
        transform = Affine(resolution, 0.0, min_x, 0.0, -resolution, max_y)
    return Grid(crs, transform, shape)


def _to_lonlat(xy: NDArray[Any], crs: CRS) -> NDArray[Any]:
    return numpy.column_stack(transform(crs, WGS84, xy[:, 0], xy[:, 1]))


def _step(start: float, stop: float, count: int) -> float:
    """Return the size of one of `count` steps between two coordinates, free of the noise of the subtraction."""
    step = (stop - start) / count
    reciprocal = 1 / round(1 / step) if abs(step) < 1 else step
    decimals = (float(f"{step:.{digits}g}") for digits in range(1, _MOST_DIGITS + 1))
    return next((clean for clean in (reciprocal, *decimals) if start + clean * count == stop), step)


def _snapped(low: float, high: float, resolution: float) -> tuple[int, int]:
    first = math.floor(low / resolution + _TOLERANCE)
    return first, max(math.ceil(high / resolution - _TOLERANCE), first + 1)


def _count(extent: float, resolution: float) -> int:
    return max(math.ceil(extent / resolution - _TOLERANCE), 1)
