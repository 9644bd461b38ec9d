"""Points and boxes in one CRS, seen from another one."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from rasterio.warp import transform, transform_bounds

from localcat.earth.contexts.base import Bounds
from localcat.earth.crs import WGS84, crs_name, parse_crs
from localcat.earth.offline import proj_offline
from localcat.errors import BadRequestError
from localcat.forks import keep_in_children

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Points between the corners of an edge. They cut it into 84 pieces, a multiple of 4: the edge of a box around a pole
# then has a point on each of the four axes, where the box around the curve touches it.
POINTS_PER_EDGE = 83

# rasterio lets some errors of GDAL through under their private names, "point outside of projection domain" among them.
_FAILURES = (CRSError, RasterioError, CPLE_BaseError)


@lru_cache(maxsize=256)
def crs_of(text: str) -> CRS:
    """Return the CRS that a string names; parsed once, since contexts are made by the thousand."""
    return parse_crs(text)


def project(
    xs: Sequence[float] | NDArray[Any], ys: Sequence[float] | NDArray[Any], source: CRS, target: CRS
) -> NDArray[Any]:
    """Return the points (x, y) of one CRS in another one, shape (points, 2).

    Raises
    ------
    BadRequestError
        If one of them lies outside the area where the two are defined.
    """
    points: NDArray[Any]
    try:
        with proj_offline():
            points = numpy.column_stack(transform(source, target, xs, ys))
    except _FAILURES as error:
        names = f"from {crs_name(source)} to {crs_name(target)}"
        raise BadRequestError(f"points cannot be brought {names}: {error}") from error
    if not numpy.isfinite(points).all():
        raise BadRequestError(f"points in {crs_name(source)} lie outside the area where {crs_name(target)} is defined")
    return points


def unwrapped(bounds: Bounds, crs: CRS) -> Bounds:
    """Return bounds whose max_x is at least min_x: geographic ones across the antimeridian continue beyond 180°."""
    min_x, min_y, max_x, max_y = bounds
    return (min_x, min_y, max_x + 360, max_y) if crs.is_geographic and min_x > max_x else bounds


@lru_cache(maxsize=256)
def turn_of(crs: CRS) -> float:
    """Return by how much x grows on a way around the Earth, in units of a CRS; 0 where x cannot be continued.

    It can in longitudes, and in cylindrical projections like Web Mercator whose map jumps at the antimeridian, by the
    same width at all latitudes.
    """
    if crs.is_geographic:
        return round(2 * math.pi / float(crs.units_factor[1]), 6)
    if not crs.is_projected:
        return 0.0
    try:
        points = project([180.0] * 3 + [-180.0] * 3, [0.0, 30.0, 60.0] * 2, WGS84, crs)
    except BadRequestError:
        return 0.0
    widths = points[:3, 0] - points[3:, 0]
    return float(widths[0]) if numpy.allclose(widths, widths[0], rtol=1e-9, atol=1e-3) and widths[0] > 1 else 0.0


keep_in_children(crs_of, turn_of)  # with the CRSs that they remember


def reproject_bounds(bounds: Bounds, source: CRS, target: CRS) -> Bounds:
    """Return the box in another CRS around the densified edges of a box.

    Parameters
    ----------
    bounds : tuple of 4 float
        In units of `source`; a geographic box may have min_x > max_x.

    Returns
    -------
    tuple of 4 float
        In units of `target`, with min_x <= max_x. Across the antimeridian a geographic box continues beyond 180°,
        and the box of a cylindrical projection beyond the map's edge.

    Raises
    ------
    BadRequestError
        If the box lies outside the area where the projections are defined.
    """
    if source == target:
        return unwrapped(bounds, source)
    for crs in (source, target):
        if not (crs.is_geographic or crs.is_projected):
            raise BadRequestError(f"{crs_name(crs)} is neither geographic nor projected; it has no bounds on a map")
    if source.is_geographic and bounds[0] > bounds[2] and target.is_projected:
        turn = turn_of(target)
        if turn > 0:
            west, south, east, north = bounds
            left = _box((west, south, 180.0, north), source, target)
            right = _box((-180.0, south, east, north), source, target)
            return left[0], min(left[1], right[1]), right[2] + turn, max(left[3], right[3])
    return unwrapped(_box(bounds, source, target), target)


def _box(bounds: Bounds, source: CRS, target: CRS) -> Bounds:
    west, south, east, north = unwrapped(bounds, source)
    xs, ys = (west, (west + east) / 2, east), (south, (south + north) / 2, north)
    # GDAL leaves out points that cannot be projected, and would return the box of those that can.
    project([x for x in xs for _ in ys], [y for _ in xs for y in ys], source, target)
    try:
        with proj_offline():
            box = transform_bounds(source, target, *bounds, densify_pts=POINTS_PER_EDGE)
    except _FAILURES as error:
        raise BadRequestError(
            f"the bounds {bounds} cannot be brought from {crs_name(source)} to {crs_name(target)}: {error}"
        ) from error
    if not all(map(math.isfinite, box)):
        raise BadRequestError(
            f"the bounds {bounds} in {crs_name(source)} lie outside the area where {crs_name(target)} is defined"
        )
    return box[0], box[1], box[2], box[3]
