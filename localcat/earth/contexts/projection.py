"""Points and boxes in one CRS, seen from another one."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy
from rasterio.crs import CRS
from rasterio.warp import transform_bounds

from localcat.earth.contexts.base import Bounds
from localcat.earth.crs import crs_name, parse_crs
from localcat.earth.offline import proj_offline
from localcat.earth.projecting import FAILURES, has_same_datum, is_on_earth, project, turn_of
from localcat.errors import BadRequestError
from localcat.forks import keep_in_children

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Points between the corners of an edge. They cut it into 84 pieces, a multiple of 4: the edge of a box around a pole
# then has a point on each of the four axes, where the box around the curve touches it.
POINTS_PER_EDGE = 83


@lru_cache(maxsize=256)
def crs_of(text: str) -> CRS:
    """Return the CRS that a string names; parsed once, since contexts are made by the thousand."""
    return parse_crs(text)


keep_in_children(crs_of)  # with the CRSs that it remembers


def reproject_points(
    xs: Sequence[float] | NDArray[Any], ys: Sequence[float] | NDArray[Any], source: CRS, target: CRS
) -> NDArray[Any]:
    """Return the points (x, y) of one CRS in another one, shape (points, 2).

    Raises
    ------
    BadRequestError
        If one of them lies outside the area where the two are defined.
    """
    points = numpy.column_stack(project(source, target, xs, ys))
    if not numpy.isfinite(points).all():
        if is_on_earth(source) != is_on_earth(target):
            names = f"{crs_name(source)} and {crs_name(target)}"
            raise BadRequestError(f"{names} are on two planets, by the size of their ellipsoids; pass CRSs of one")
        raise BadRequestError(f"points in {crs_name(source)} lie outside the area where {crs_name(target)} is defined")
    return points


def unwrapped(bounds: Bounds, crs: CRS) -> Bounds:
    """Return bounds whose max_x is at least min_x: geographic ones across the antimeridian continue beyond 180°."""
    min_x, min_y, max_x, max_y = bounds
    return (min_x, min_y, max_x + turn_of(crs), max_y) if crs.is_geographic and min_x > max_x else bounds


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
    reproject_points([x for x in xs for _ in ys], [y for _ in xs for y in ys], source, target)
    if not has_same_datum(source, target):
        return _box_by_places((west, south, east, north), source, target)
    try:
        with proj_offline():
            box = transform_bounds(source, target, *bounds, densify_pts=POINTS_PER_EDGE)
    except FAILURES as error:
        raise BadRequestError(
            f"the bounds {bounds} cannot be brought from {crs_name(source)} to {crs_name(target)}: {error}"
        ) from error
    if not all(map(math.isfinite, box)):
        raise BadRequestError(
            f"the bounds {bounds} in {crs_name(source)} lie outside the area where {crs_name(target)} is defined"
        )
    return box[0], box[1], box[2], box[3]


def _box_by_places(bounds: Bounds, source: CRS, target: CRS) -> Bounds:
    """Return the box around the places of a box's edges; GDAL would take another way between the two datums."""
    west, south, east, north = bounds
    shares = numpy.arange(POINTS_PER_EDGE + 1) / (POINTS_PER_EDGE + 1)
    xs, ys = west + shares * (east - west), south + shares * (north - south)
    down, left = ys[::-1] + (north - ys[-1]), xs[::-1] + (east - xs[-1])
    ring_xs = numpy.concatenate((xs, numpy.full_like(xs, east), left, numpy.full_like(xs, west)))
    ring_ys = numpy.concatenate((numpy.full_like(ys, south), ys, numpy.full_like(ys, north), down))
    points = reproject_points(ring_xs, ring_ys, source, target)
    turn = turn_of(target) if target.is_geographic else 0.0
    if turn:
        points[:, 0] = numpy.unwrap(points[:, 0], period=turn)
        if abs(points[-1, 0] - points[0, 0]) > turn / 2:  # around a pole
            pole = math.copysign(turn / 4, points[:, 1].mean())
            return -turn / 2, min(points[:, 1].min(), pole), turn / 2, max(points[:, 1].max(), pole)
        points[:, 0] -= turn * numpy.round(points[:, 0].mean() / turn)
    (min_x, min_y), (max_x, max_y) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return min_x, min_y, max_x, max_y
