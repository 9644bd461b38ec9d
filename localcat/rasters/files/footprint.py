"""The outline of a grid in longitude and latitude."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy
import shapely
import shapely.affinity
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.warp import transform as transform_points
from shapely.geometry.base import BaseGeometry

from localcat.earth.crs import WGS84, crs_code
from localcat.errors import RasterError
from localcat.rasters.files.environment import raster_environment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localcat.earth.contexts.grid import Grid

FARTHEST: Final = 1e12
"""Places up to this distance from a CRS's origin, in its units, are projected; PROJ does not end for farther ones."""

_POINTS_A_SIDE = 21
_MOST_POINTS_A_SIDE = 641
_FLATNESS = 1e-4  # how far an edge may bend between two points, as a part of the outline's extent
_POLE = 1e-7  # degrees; how near to ±90° a point counts as the pole
_CELLS_A_SIDE = 64  # of the mesh that stands in where the outline itself cannot be projected
_WIDEST = 361.0  # degrees; a global grid may have half a pixel more on either side
_WORLD = shapely.box(-180, -90, 180, 90)


def footprint(grid: Grid) -> BaseGeometry:
    """Return the outline of a grid in longitude and latitude, EPSG:4326.

    Edges that are straight in the grid's CRS get as many points as they need to follow their bend. An outline across
    the antimeridian is split there, and one around a pole holds the pole.

    Raises
    ------
    RasterError
        If no part of the grid has a longitude and a latitude.
    """
    if not (grid.crs.is_geographic or grid.crs.is_projected):
        raise RasterError("the grid's CRS is neither geographic nor projected; an image needs one of them")
    west, _, east, _ = grid.bounds
    if grid.crs.is_geographic and east - west > _WIDEST:
        raise RasterError(f"the grid is {east - west:g}° wide, wider than the globe; check its CRS and transform")
    if grid.crs == WGS84 or (grid.crs.is_geographic and crs_code(grid.crs) == "OGC:CRS84"):
        ring = numpy.array(grid.corners)
        ring[:, 1] = ring[:, 1].clip(-90, 90)
        outline = shapely.Polygon(ring)
        if outline.area == 0:
            raise RasterError("the whole grid is beyond the poles; check its transform")
        return _within_world(shapely.segmentize(outline, 90.0))
    with raster_environment():
        ring = _outline(grid)
        if not numpy.isfinite(ring).all():
            return _mesh(grid)
        return _around(ring, grid)


def corner_names(grid: Grid) -> dict[str, list[float]]:
    """Return the corners and the centre under the names that gdalinfo gives them, in CRS coordinates."""
    first, top_right, last, bottom_left = (list(corner) for corner in grid.corners)
    centre = [(first[0] + last[0]) / 2, (first[1] + last[1]) / 2]
    return {
        "upperLeft": first,
        "lowerLeft": bottom_left,
        "lowerRight": last,
        "upperRight": top_right,
        "center": centre,
    }


def to_map(grid: Grid, columns: NDArray[Any], rows: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the CRS coordinates of pixel positions."""
    t = grid.transform
    return t.a * columns + t.b * rows + t.c, t.d * columns + t.e * rows + t.f


def project(source: CRS, target: CRS, xs: NDArray[Any], ys: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return coordinates in another CRS; what cannot be projected becomes infinite."""
    xs, ys = xs.ravel(), ys.ravel()
    is_near = (numpy.abs(xs) < FARTHEST) & (numpy.abs(ys) < FARTHEST)
    if not is_near.all():
        found = numpy.full((2, len(xs)), numpy.inf)
        if is_near.any():
            found[:, is_near] = project(source, target, xs[is_near], ys[is_near])
        return found[0], found[1]
    try:
        moved_xs, moved_ys = transform_points(source, target, xs, ys)
    except CPLE_BaseError:
        # One point out of reach fails them all: halve until it stands alone.
        if len(xs) == 1:
            return numpy.array([numpy.inf]), numpy.array([numpy.inf])
        half = len(xs) // 2
        first = project(source, target, xs[:half], ys[:half])
        second = project(source, target, xs[half:], ys[half:])
        return numpy.concatenate((first[0], second[0])), numpy.concatenate((first[1], second[1]))
    return numpy.asarray(moved_xs, dtype=float), numpy.asarray(moved_ys, dtype=float)


def _outline(grid: Grid) -> NDArray[Any]:
    """Return the closed outline as longitudes and latitudes, dense enough to be straight between its points."""
    points = _POINTS_A_SIDE
    ring = _ring(grid, points)
    while points < _MOST_POINTS_A_SIDE and numpy.isfinite(ring).all():
        points = 2 * points - 1
        denser = _ring(grid, points)
        if not numpy.isfinite(denser).all():
            return denser
        unwrapped = _unwrapped(denser)
        chords = (unwrapped[0:-2:2] + unwrapped[2::2]) / 2
        bend = numpy.abs(unwrapped[1::2] - chords).max()
        extent = numpy.ptp(unwrapped, axis=0).max()
        if bend <= _FLATNESS * extent:
            return ring
        ring = denser
    return ring


def _ring(grid: Grid, points: int) -> NDArray[Any]:
    height, width = grid.shape
    along = numpy.linspace(0, 1, points)[:-1]
    zero, one = numpy.zeros(points - 1), numpy.ones(points - 1)
    columns = numpy.concatenate((along, one, 1 - along, zero, [0])) * width
    rows = numpy.concatenate((zero, along, one, 1 - along, [0])) * height
    return numpy.column_stack(project(grid.crs, WGS84, *to_map(grid, columns, rows)))


def _unwrapped(ring: NDArray[Any]) -> NDArray[Any]:
    """Return a ring whose longitudes run on beyond ±180° instead of jumping."""
    return numpy.column_stack((numpy.unwrap(ring[:, 0], period=360), ring[:, 1]))


def _around(ring: NDArray[Any], grid: Grid) -> BaseGeometry:
    unwrapped = _unwrapped(_without_poles(ring))
    turns = unwrapped[-1, 0] - unwrapped[0, 0]
    if abs(turns) > 180:  # the outline goes once around a pole: close it over that pole
        latitude = 90.0 if _holds(grid, 90.0) or (not _holds(grid, -90.0) and ring[:, 1].mean() > 0) else -90.0
        cap = [(unwrapped[-1, 0], latitude), (unwrapped[0, 0], latitude)]
        polygon = shapely.Polygon(numpy.vstack((unwrapped, cap)))
    else:
        polygon = shapely.Polygon(unwrapped)
    return _within_world(shapely.segmentize(polygon, 90.0))


def _without_poles(ring: NDArray[Any]) -> NDArray[Any]:
    """Return a closed ring in which a pole, which has no longitude of its own, takes those of its neighbours."""
    is_pole = numpy.abs(ring[:, 1]) > 90 - _POLE
    if not is_pole.any() or is_pole.all():
        return ring
    ring, is_pole = ring[:-1], is_pole[:-1]
    start = int(numpy.argmin(is_pole))  # a point that is not a pole, so that every pole has one before it
    ring, is_pole = numpy.roll(ring, -start, axis=0), numpy.roll(is_pole, -start)
    others = numpy.flatnonzero(~is_pole)
    points: list[tuple[float, float]] = []
    for at, (lon, lat) in enumerate(ring):
        if not is_pole[at]:
            points.append((lon, lat))
            continue
        before = others[others < at][-1]
        after = others[others > at][0] if (others > at).any() else others[0]
        points += [(ring[before, 0], lat), (ring[after, 0], lat)]
    return numpy.array([*points, points[0]])


def _holds(grid: Grid, latitude: float) -> bool:
    """Return whether a pole is within the grid."""
    xs, ys = project(WGS84, grid.crs, numpy.array([0.0]), numpy.array([latitude]))
    if not (numpy.isfinite(xs[0]) and numpy.isfinite(ys[0])):
        return False
    t = ~grid.transform
    column, row = t.a * xs[0] + t.b * ys[0] + t.c, t.d * xs[0] + t.e * ys[0] + t.f
    return bool(0 <= column <= grid.width and 0 <= row <= grid.height)


def _mesh(grid: Grid) -> BaseGeometry:
    """Return the union of the mesh cells that can be projected: for grids that reach beyond the Earth's disc."""
    height, width = grid.shape
    columns, rows = numpy.meshgrid(
        numpy.linspace(0, width, _CELLS_A_SIDE + 1), numpy.linspace(0, height, _CELLS_A_SIDE + 1)
    )
    lons, lats = project(grid.crs, WGS84, *to_map(grid, columns, rows))
    lonlat = numpy.stack((lons.reshape(columns.shape), lats.reshape(columns.shape)), axis=-1)
    corners = (lonlat[:-1, :-1], lonlat[:-1, 1:], lonlat[1:, 1:], lonlat[1:, :-1])
    cells = numpy.stack(corners, axis=2).reshape(-1, 4, 2)
    cells = cells[numpy.isfinite(cells).all(axis=(1, 2))]
    if not len(cells):
        raise RasterError("no part of the grid has a longitude and a latitude; check its CRS and transform")
    cells[:, :, 0] = numpy.unwrap(cells[:, :, 0], period=360, axis=1)
    return _within_world(shapely.union_all(shapely.make_valid(shapely.polygons(cells))))


def _within_world(polygon: BaseGeometry) -> BaseGeometry:
    """Return a polygon of unwrapped longitudes, cut at every antimeridian and moved into ±180°."""
    if not polygon.is_valid:
        polygon = shapely.make_valid(polygon)
    west, _, east, _ = polygon.bounds
    if west >= -180 and east <= 180:
        return polygon
    parts: list[BaseGeometry] = []
    for turn in range(int((west + 180) // 360), int((east + 180) // 360) + 1):
        moved = shapely.affinity.translate(polygon, -360.0 * turn)
        piece = shapely.intersection(moved, _WORLD)
        if piece.area > 0:
            parts.extend(part for part in shapely.get_parts(piece) if part.area > 0)
    return shapely.union_all(parts)
