"""The ground that an area of a map covers: shapes of any coordinate reference system in longitude and latitude.

On maps whose meridians are straight and parallel (degrees of any datum, cylindrical projections) longitudes continue
beyond the edges of the map, and a pole is an edge. On others the outline of an area is followed. Where that says too
little, as with an area that is larger than the map, the area is cut into cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy
import shapely
from shapely.geometry.base import BaseGeometry

from localcat.earth.crs import WGS84, crs_name, remembered
from localcat.earth.globe import flat_parts, unwrapped, within_world
from localcat.earth.projecting import is_on_earth, metres_of, project, turn_of
from localcat.errors import InvalidGeometryError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.crs import CRS

    Points: TypeAlias = NDArray[numpy.float64]
    ToLonLat: TypeAlias = Callable[[Points], Points]

_PIECES, _MOST_PIECES = 20, 640  # of an edge
_FLATNESS = 1e-4  # how far an edge may bend between two points, as a part of the outline's extent
_STRAIGHT = 1e-9  # degrees; an edge that bends less has its corners only
_POLE = 1e-7  # degrees; how near to ±90° a point counts as the pole
_CELLS: Final = 64  # along a side of an area that is cut into cells
_QUARTERINGS: Final = 2  # of cells in which the map ends
_CREVICE = 1e-3  # degrees; a hole that is narrower, on the average of half its outline, is none
_HALVINGS = 16  # of an edge, to find where the map ends on it
_PROBES = 8  # a side; points within an area that tell its inside from its outside
_RETURN = 30.0  # metres; a point that comes back from longitude and latitude further away is not on the map
_WHOLE_TURN = 1e-6  # part of a turn that rounding may cost
_LARGEST_TURN = 361 / 360  # turns; a global grid may have half a pixel more on either side
_STRAY = 1.0  # degrees; no datum moves a meridian so far, except near the poles, where it means nothing


def ground_of(area: BaseGeometry, crs: CRS) -> BaseGeometry:
    """Return the ground that a shape on a map covers.

    Parameters
    ----------
    area : shapely geometry
        Valid, in the coordinates of `crs`, x first. A part of it may be beyond the edge of the map.
    crs : rasterio.crs.CRS
        Geographic or projected.

    Returns
    -------
    shapely geometry
        In longitude and latitude, EPSG:4326, within ±180° and ±90°, split at the antimeridian. Edges that are straight
        on the map have as many points as they need to follow their bend.

    Raises
    ------
    InvalidGeometryError
        If no part of an area, or one end of a line, has a longitude and a latitude; if a shape in degrees is wider than
        the globe; or if the CRS has no map or is of another planet.
    """
    if not (crs.is_geographic or crs.is_projected):
        raise InvalidGeometryError(f"{crs_name(crs)} is neither geographic nor projected; pass one of them")
    if not is_on_earth(crs):
        raise InvalidGeometryError(
            f"{crs_name(crs)} is not of the Earth, by the size of its ellipsoid; pass one that is"
        )
    cylinder = _cylinder(crs)
    if cylinder is not None:
        area = _fitted(area, crs, cylinder)
    parts = [_ground_of_part(part, crs, cylinder) for part in flat_parts(area)]
    if not parts:
        raise InvalidGeometryError("the shape is empty; pass one with coordinates")
    if len(parts) == 1:
        return parts[0]
    if area.geom_type != "GeometryCollection":
        return shapely.union_all(parts)
    return shapely.GeometryCollection([leaf for part in parts for leaf in flat_parts(part)])


def _ground_of_part(part: BaseGeometry, crs: CRS, cylinder: _Cylinder | None) -> BaseGeometry:
    to_lonlat: ToLonLat = (lambda points: _on_map(points, crs)) if cylinder is None else cylinder.to_lonlat
    if isinstance(part, shapely.Polygon):
        return _of_polygon(part, crs, to_lonlat, cylinder)
    points = shapely.get_coordinates(part)
    lonlat = to_lonlat(points) if len(points) == 1 else _dense(points, to_lonlat, continues=cylinder is not None)
    if not numpy.isfinite(lonlat).all():
        raise InvalidGeometryError(f"a part of the shape lies outside the area where {crs_name(crs)} is defined")
    lonlat = lonlat if cylinder is not None else unwrapped(lonlat)
    return within_world(shapely.Point(lonlat[0]) if len(points) == 1 else shapely.LineString(lonlat))


def _of_polygon(polygon: shapely.Polygon, crs: CRS, to_lonlat: ToLonLat, cylinder: _Cylinder | None) -> BaseGeometry:
    if cylinder is not None:
        shell, *holes = (
            within_world(shapely.Polygon(_dense(shapely.get_coordinates(ring), to_lonlat, continues=True)))
            for ring in (polygon.exterior, *polygon.interiors)
        )
        ground = shell.difference(shapely.union_all(holes)) if holes else shell
    else:
        ground = _by_outline(polygon, to_lonlat) or _by_cells(polygon, to_lonlat)
    if not ground.area:
        raise InvalidGeometryError(
            f"no part of the area has a longitude and a latitude in {crs_name(crs)}; check its coordinates"
        )
    return ground


# Maps with straight, parallel meridians


@dataclass(frozen=True, slots=True)
class _Cylinder:
    """A map on which x grows evenly with the longitude, at all latitudes, and y depends on the latitude alone."""

    crs: CRS
    turn: float  # of x, around the Earth
    middle: tuple[float, float]  # x of a meridian, and its longitude
    poles: tuple[float, float]  # y of the southern and of the northern one; infinite where the map does not reach them

    def to_lonlat(self, points: Points) -> Points:
        """Return longitudes, which continue beyond ±180°, and latitudes; the poles have every longitude."""
        (x0, lon0), (south, north) = self.middle, self.poles
        xs, ys = points.T
        expected = lon0 + (xs - x0) * (360 / self.turn)
        within = x0 + (xs - x0 + self.turn / 2) % self.turn - self.turn / 2
        slack = 1e-12 * self.turn
        is_pole = (ys <= south + slack) | (ys >= north - slack)
        lons, lats = project(self.crs, WGS84, within, numpy.where(is_pole, 0.0, ys))
        with numpy.errstate(invalid="ignore"):
            off = (lons - expected + 180) % 360 - 180
            is_moved = (numpy.abs(off) > _STRAIGHT) & (numpy.abs(off) < _STRAY)
        lats = numpy.where(
            is_pole, numpy.copysign(90.0, ys - (south + north) / 2 if math.isfinite(north) else ys), lats
        )
        return numpy.column_stack((numpy.where(is_moved, expected + off, expected), lats))


@remembered
def _cylinder(crs: CRS) -> _Cylinder | None:
    if crs.is_geographic:
        turn = turn_of(crs)
        quarter = turn / 4
        (lon0, east, north), lats = project(crs, WGS84, [0.0, quarter, 0.0], [0.0, 0.0, quarter / 2])
        off = numpy.abs([(east - lon0 - 90 + 180) % 360 - 180, (north - lon0 + 180) % 360 - 180, *(lats - (0, 0, 45))])
        if not off.max() < _STRAY:  # the degrees of a globe that is turned
            return None
        return _Cylinder(crs, turn, (0.0, 0.0 if abs(lon0) < _STRAIGHT else float(lon0)), (-turn / 4, turn / 4))
    lons = numpy.arange(-180.0, 180.0)
    xs, ys = (found.reshape(2, -1) for found in project(WGS84, crs, [*lons, *lons], [0.0] * 360 + [45.0] * 360))
    if not numpy.isfinite([xs, ys]).all():
        return None
    steps = numpy.diff(xs, axis=1, append=xs[:, :1])
    step = float(numpy.median(steps))
    is_even = numpy.abs(steps - step) < 0.01 * abs(step)
    off = numpy.ptp(ys, axis=1).max() + numpy.abs(xs[0] - xs[1]).max()
    if step <= 0 or off > 0.01 * step or (is_even.sum(axis=1) < 359).any():
        return None
    west = (int(numpy.argmin(is_even[0])) + 1) % 360  # the first meridian after the edge of the map
    middle = (west + 180) % 360
    xs_of_poles, ys_of_poles = project(WGS84, crs, [lons[middle]] * 2, [-90.0, 90.0])
    known = numpy.isfinite(xs_of_poles) & numpy.isfinite(ys_of_poles)
    south, north = numpy.where(known, ys_of_poles, (-math.inf, math.inf)).tolist()
    turn = turn_of(crs) or _whole_turn(crs, west, step)
    return _Cylinder(crs, turn, (float(xs[0, middle]), float(lons[middle])), (south, north))


def _whole_turn(crs: CRS, west: int, step: float) -> float:
    """Return the width of a map between two meridians on either side of its edge, and the degree between them."""
    lons = numpy.array([west - 180.0, (west + 359) % 360 - 180.0])
    (first, last), _ = project(WGS84, crs, lons, [0.0, 0.0])
    return float(last - first) * 360 / 359 if last > first else 360 * step


def _fitted(area: BaseGeometry, crs: CRS, cylinder: _Cylinder) -> BaseGeometry:
    """Return an area without what is beyond the poles, and exactly a turn wide if it is so but for rounding."""
    west, south, east, north = area.bounds
    width = east - west
    if width > cylinder.turn * _LARGEST_TURN:
        unit = f"{width * 360 / cylinder.turn:g}°"
        raise InvalidGeometryError(f"the shape is {unit} wide, wider than the globe; check its CRS and coordinates")
    low, high = cylinder.poles
    if south < low or north > high:
        area = shapely.intersection(area, shapely.box(west - 1, max(low, south), east + 1, min(high, north)))
        if area.is_empty or (area.bounds[1] == area.bounds[3] and south < north):
            raise InvalidGeometryError(
                f"all of the shape is beyond the poles of {crs_name(crs)}; check its coordinates"
            )
    if 0 < abs(width - cylinder.turn) < _WHOLE_TURN * cylinder.turn:
        stretch, middle = cylinder.turn / width, (west + east) / 2
        area = shapely.transform(
            area, lambda xy: numpy.column_stack((middle + (xy[:, 0] - middle) * stretch, xy[:, 1]))
        )
    return area


# Other maps


def _on_map(points: Points, crs: CRS) -> Points:
    """Return longitudes and latitudes; infinite for points beyond the edge of the map, where formulas go on."""
    lons, lats = project(crs, WGS84, points[:, 0], points[:, 1])
    back = numpy.column_stack(project(WGS84, crs, lons, lats))
    with numpy.errstate(invalid="ignore"):
        is_there = numpy.hypot(*(back - points).T) * metres_of(crs) < _RETURN
    return numpy.where(is_there[:, None], numpy.column_stack((lons, lats)), numpy.inf)


def _by_outline(polygon: shapely.Polygon, to_lonlat: ToLonLat) -> BaseGeometry | None:
    """Return the ground that the outline of an area encloses; None if it does not say, or leaves the map."""
    rings = [
        _dense(shapely.get_coordinates(ring), to_lonlat, continues=False)
        for ring in (polygon.exterior, *polygon.interiors)
    ]
    if not all(numpy.isfinite(ring).all() for ring in rings):
        return None
    probes = to_lonlat(_probes(polygon))
    for latitude in (90.0, -90.0):
        areas = [_enclosed(ring, latitude) for ring in rings]
        if not all(area.is_valid for area in areas):
            return None
        shell, *holes = (within_world(area) for area in areas)
        ground = shell.difference(shapely.union_all(holes)) if holes else shell
        if shapely.intersects_xy(ground, probes).all():
            return ground
    return None


def _probes(polygon: shapely.Polygon) -> Points:
    """Return points that lie well within a polygon."""
    west, south, east, north = polygon.bounds
    shares = (numpy.arange(_PROBES) + 0.5) / _PROBES
    xs, ys = (grid.ravel() for grid in numpy.meshgrid(west + shares * (east - west), south + shares * (north - south)))
    depth = min(east - west, north - south) / (4 * _PROBES)
    is_within = shapely.contains_xy(polygon.buffer(-depth), xs, ys)
    if not is_within.any():
        return shapely.get_coordinates(polygon.representative_point())
    return numpy.column_stack((xs, ys))[is_within]


def _enclosed(ring: Points, latitude: float) -> shapely.Polygon:
    """Return what a ring encloses, of continuing longitudes; one that goes around a pole is closed over it."""
    flat = unwrapped(_without_poles(ring))
    if abs(flat[-1, 0] - flat[0, 0]) > 180:
        flat = numpy.vstack((flat, [(flat[-1, 0], latitude), (flat[0, 0], latitude)]))
    return shapely.Polygon(flat)


def _without_poles(ring: Points) -> Points:
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
        points += [(ring[before, 0], math.copysign(90, lat)), (ring[after, 0], math.copysign(90, lat))]
    return numpy.array([*points, points[0]])


def _by_cells(polygon: shapely.Polygon, to_lonlat: ToLonLat) -> BaseGeometry:
    """Return the ground under all of an area that is on the map: the union of the ground of its cells."""
    whole: list[Points] = []
    cut: list[Points] = []
    for ring in _on_map_only(_cells_of(polygon, to_lonlat), to_lonlat):
        is_plain = len(ring) == 4 and numpy.ptp(ring[:, 0]) < 180 and numpy.abs(ring[:, 1]).max() < 90 - _POLE
        (whole if is_plain else cut).append(ring)
    plain: Any = shapely.make_valid(shapely.polygons(numpy.array(whole).reshape(-1, 4, 2)))
    shapes: list[BaseGeometry] = list(plain)
    for ring in cut:
        flat = _without_poles(numpy.vstack((ring, ring[:1])))
        latitude = math.copysign(90.0, float(flat[:, 1].mean()))
        shapes.append(within_world(shapely.make_valid(_enclosed(flat, latitude))))
    return _closed(shapely.union_all([leaf for shape in shapes for leaf in flat_parts(shape) if leaf.area > 0]))


def _closed(area: BaseGeometry) -> BaseGeometry:
    """Return an area without the crevices that rounding leaves between cells of two sizes."""
    parts = [
        shapely.Polygon(
            part.exterior, [hole for hole in part.interiors if shapely.Polygon(hole).area > _CREVICE * hole.length]
        )
        for part in flat_parts(area)
        if isinstance(part, shapely.Polygon)
    ]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _cells_of(polygon: shapely.Polygon, to_lonlat: ToLonLat) -> list[Points]:
    """Return the outlines of the cells of an area, without their last points; they are smaller where the map ends."""
    west, south, east, north = polygon.bounds
    xs, ys = numpy.linspace(west, east, _CELLS + 1), numpy.linspace(south, north, _CELLS + 1)
    left, bottom = (grid.ravel() for grid in numpy.meshgrid(xs[:-1], ys[:-1]))
    right, top = (grid.ravel() for grid in numpy.meshgrid(xs[1:], ys[1:]))
    cells: NDArray[Any] = shapely.box(left, bottom, right, top)
    shapely.prepare(polygon)
    cut = numpy.flatnonzero(~shapely.covers(polygon, cells))
    cells[cut] = shapely.intersection(cells[cut], polygon)
    cells = _polygons_in(cells)
    found: list[Points] = []
    for level in range(_QUARTERINGS):
        points, at = shapely.get_coordinates(cells, return_index=True)
        is_torn, is_near = _are_torn(points, at, len(cells), to_lonlat)
        starts = numpy.searchsorted(at, numpy.arange(len(cells) + 1))
        for cell in numpy.flatnonzero(~is_torn).tolist():
            ring = slice(starts[cell], starts[cell + 1])
            # Where smaller cells may be beside an edge it has their corners, too.
            is_fine = (is_near[ring][:-1] & is_near[ring][1:]) | (level > 0)
            found.append(_cut(points[ring], numpy.where(is_fine, 2 ** (_QUARTERINGS - level), 1))[:-1])
        cells = _quartered(cells[is_torn])
    return found + [shapely.get_coordinates(cell)[:-1] for cell in cells]


def _polygons_in(shapes: NDArray[Any]) -> NDArray[Any]:
    leaves = [leaf for shape in shapes for leaf in flat_parts(shape) if isinstance(leaf, shapely.Polygon)]
    return numpy.array([shapely.Polygon(leaf.exterior) for leaf in leaves], dtype=object)


def _are_torn(
    points: Points, at: NDArray[Any], count: int, to_lonlat: ToLonLat
) -> tuple[NDArray[numpy.bool_], NDArray[numpy.bool_]]:
    """Return in which cells the map ends, and those beside them beyond the map; and which points are of the former."""
    different, which = numpy.unique(points, axis=0, return_inverse=True)
    which = which.ravel()
    is_there = numpy.asarray(numpy.isfinite(to_lonlat(different)).all(axis=1))
    share = numpy.bincount(at, is_there[which], count) / numpy.bincount(at, minlength=count)
    is_torn = numpy.asarray((share > 0) & (share < 1))
    is_near = numpy.zeros(len(different), dtype=bool)
    is_near[which[is_torn[at]]] = True
    is_beside = numpy.asarray((share == 0) & (numpy.bincount(at, is_near[which], count) > 0))
    return numpy.asarray(is_torn | is_beside), is_near[which]


def _quartered(cells: NDArray[Any]) -> NDArray[Any]:
    west, south, east, north = shapely.bounds(cells).T if len(cells) else numpy.zeros((4, 0))
    x, y = (west + east) / 2, (south + north) / 2
    lefts, rights = numpy.concatenate((west, x, west, x)), numpy.concatenate((x, east, x, east))
    bottoms, tops = numpy.concatenate((south, south, y, y)), numpy.concatenate((y, y, north, north))
    quarters: Any = shapely.intersection(numpy.tile(cells, 4), shapely.box(lefts, bottoms, rights, tops))
    return _polygons_in(quarters)


def _on_map_only(rings: Sequence[Points], to_lonlat: ToLonLat) -> Iterator[Points]:
    """Yield the rings in longitude and latitude, each cut off where the map ends."""
    if not rings:
        return
    points = numpy.concatenate(rings)
    starts = numpy.cumsum([0, *map(len, rings)])
    following = numpy.arange(1, len(points) + 1)
    following[starts[1:] - 1] = starts[:-1]
    different, which = numpy.unique(points, axis=0, return_inverse=True)  # most are in four cells
    lonlat = to_lonlat(different)[which.ravel()]
    is_there = numpy.asarray(numpy.isfinite(lonlat).all(axis=1))
    ends = numpy.flatnonzero(is_there != is_there[following])  # edges on which the map ends
    borders = dict(
        zip(ends.tolist(), _border(points[ends], points[following[ends]], is_there[ends], to_lonlat), strict=True)
    )
    for start, stop in pairwise(starts.tolist()):
        if not is_there[start:stop].any():
            continue
        kept: list[Points] = []
        for at in range(start, stop):
            kept += [lonlat[at]] if is_there[at] else []
            kept += [borders[at]] if at in borders else []
        if len(kept) >= 3:
            yield numpy.array(kept)


def _border(first: Points, second: Points, is_first_there: NDArray[Any], to_lonlat: ToLonLat) -> Points:
    """Return the last places on the map along edges of which one end is on it."""
    pairs = numpy.where(is_first_there[:, None], numpy.hstack((first, second)), numpy.hstack((second, first)))
    pairs, which = numpy.unique(pairs, axis=0, return_inverse=True)  # most are of two cells
    there, beyond = pairs[:, :2], pairs[:, 2:]
    for _ in range(_HALVINGS):
        middle = (there + beyond) / 2
        is_there = numpy.asarray(numpy.isfinite(to_lonlat(middle)).all(axis=1, keepdims=True))
        there, beyond = numpy.where(is_there, middle, there), numpy.where(is_there, beyond, middle)
    return to_lonlat(there)[which.ravel()]


def _dense(corners: Points, to_lonlat: ToLonLat, *, continues: bool) -> Points:
    """Return a line in longitude and latitude, with as many points as it needs to be straight between them.

    Where longitudes continue on the map, it may be much longer than it bends, so only the ends of straight edges do.
    """
    steps = numpy.abs(numpy.diff(corners, axis=0)).max(axis=1)
    extent = float(steps.max()) or 1.0
    pieces = _PIECES
    while True:
        counts = numpy.maximum(numpy.ceil(steps / extent * pieces), 1).astype(int)
        denser = to_lonlat(_cut(corners, 2 * counts))
        if not numpy.isfinite(denser).all():
            return denser
        flat = denser if continues else unwrapped(denser)
        slack = _FLATNESS * float(numpy.ptp(flat, axis=0).max())
        corner = numpy.concatenate(([0], numpy.cumsum(2 * counts)))
        edges = numpy.repeat(numpy.arange(len(counts)), 2 * counts)
        bend = _bend(flat[:-1], flat[corner[edges]], flat[corner[edges + 1]])
        if bend <= (_STRAIGHT if continues else slack):
            return denser[corner]
        if _bend(flat[1::2], flat[:-2:2], flat[2::2]) <= slack or pieces >= _MOST_PIECES:
            return denser[::2]
        pieces *= 2


def _bend(points: Points, starts: Points, ends: Points) -> float:
    """Return how far points are from the lines between two others each, at most; a pole is on all lines to it."""
    along, to = ends - starts, points - starts
    length = numpy.hypot(*along.T)
    across = numpy.abs(along[:, 0] * to[:, 1] - along[:, 1] * to[:, 0])
    off = numpy.where(length > 0, across / numpy.where(length > 0, length, 1.0), numpy.hypot(*to.T))
    is_pole = (numpy.abs(numpy.stack((points, starts, ends))[:, :, 1]) > 90 - _POLE).any(axis=0)
    return float(off[~is_pole].max(initial=0.0))


def _cut(corners: Points, counts: NDArray[Any]) -> Points:
    """Return a line with its edges cut into so many pieces each."""
    edges = numpy.repeat(numpy.arange(len(counts)), counts)
    shares = numpy.concatenate([numpy.arange(count) / count for count in counts.tolist()])[:, None]
    points = corners[edges] + shares * (corners[edges + 1] - corners[edges])
    return numpy.vstack((points, corners[-1:]))
