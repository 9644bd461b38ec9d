"""Shapes brought onto the globe: longitudes turned into ±180°, shapes split at the antimeridian, areas made valid.

How a long edge is read: a ring whose edges are all parallel to the axes is as wide as its numbers say, as a bounding
box is. Of any other line an edge that jumps more than 180° of longitude is the short way, across the antimeridian.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy
import shapely
from shapely.geometry.base import BaseGeometry

from localcat.errors import InvalidGeometryError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Tell: TypeAlias = "Callable[[str], None]"
"""Takes what was changed in a shape, or how it was read where it can be read in two ways."""

RADIUS = 6_371_008.8  # metres; mean Earth radius R1 of GRS 80
TOLERANCE = 1e-9  # degrees, 0.1 mm; by so much a computed coordinate may miss the antimeridian or a pole
_DECIMALS = 11  # of a degree; turning a longitude by 360° and back loses more, and would show in what users wrote
_LONGEST_EDGE = 90.0  # degrees; of shapes made here, so that nobody takes an edge for one across the antimeridian


def on_globe(geometry: BaseGeometry, tell: Tell, *, is_crossing: bool = False) -> BaseGeometry:
    """Return a geometry within ±180°, split at the antimeridian, and valid.

    Parameters
    ----------
    geometry : shapely geometry
        In longitude and latitude, with finite coordinates, and latitudes within ±90°.
    tell : callable
        Is called for what was repaired, and for lines that were read across the antimeridian.
    is_crossing : bool
        Whether it is known that long edges cross the antimeridian, those of rectangles too.

    Raises
    ------
    InvalidGeometryError
        If a polygon has no area.
    """
    if isinstance(geometry, shapely.Point):
        return _wrapped(geometry)
    if isinstance(geometry, shapely.MultiPoint):
        points: Any = shapely.multipoints(flat_parts(geometry))
        return _wrapped(points)
    given = flat_parts(geometry)
    parts = [_part_on_globe(part, tell, is_crossing) for part in given]
    if geometry.geom_type == "GeometryCollection":
        return shapely.GeometryCollection([leaf for part in parts for leaf in flat_parts(part)])
    if len(parts) == 1:
        return parts[0]
    is_unchanged = all(part is before for part, before in zip(parts, given, strict=True))
    if is_unchanged and geometry.is_valid:
        return geometry if len(given) == shapely.get_num_geometries(geometry) else shapely.union_all(parts)
    if not isinstance(geometry, shapely.MultiPolygon):
        return shapely.union_all(parts)
    joined = _joined(parts, "MultiPolygon")
    if is_unchanged:
        tell("an invalid MultiPolygon was repaired: its polygons overlap")
    return joined


def within_world(geometry: BaseGeometry) -> BaseGeometry:
    """Return a shape of continuing longitudes, of one part, cut at every antimeridian and turned into ±180°."""
    snapped = shapely.transform(geometry, _snapped)
    if snapped.geom_type == "Polygon" and not snapped.is_valid:
        snapped = shapely.make_valid(snapped)
    west, _, east, _ = snapped.bounds
    if not (west >= -180 and east <= 180):
        dimension = shapely.get_dimensions(geometry)
        leaves = [leaf for piece in _turned_pieces(snapped) for leaf in flat_parts(piece)]
        snapped = shapely.union_all([leaf for leaf in leaves if shapely.get_dimensions(leaf) == dimension])
    west, _, east, _ = snapped.bounds
    return shapely.segmentize(snapped, _LONGEST_EDGE) if east - west > 180 else snapped


def unwrapped(line: NDArray[Any]) -> NDArray[Any]:
    """Return a line of which no step is longer than 180° of longitude, beginning where it did."""
    steps = numpy.diff(line[:, 0])
    turns = numpy.where(numpy.abs(steps) > 180, -numpy.round(steps / 360), 0)
    longitudes = line[:, 0] + 360 * numpy.concatenate(([0], numpy.cumsum(turns)))
    return numpy.column_stack((longitudes, line[:, 1]))


def flat_parts(geometry: BaseGeometry) -> list[BaseGeometry]:
    """Return the points, lines and polygons that a geometry is made of, without those that are empty."""
    waiting, parts = [geometry], []
    while waiting:
        current = waiting.pop()
        if hasattr(current, "geoms"):
            waiting.extend(reversed(current.geoms))
        elif not current.is_empty:
            parts.append(current)
    return parts


def turned(geometry: BaseGeometry, degrees: float) -> BaseGeometry:
    """Return a geometry moved to the east, without the noise that this leaves in its longitudes."""
    return shapely.transform(
        geometry, lambda lonlat: numpy.column_stack((numpy.round(lonlat[:, 0] + degrees, _DECIMALS), lonlat[:, 1]))
    )


def made_valid(polygon: shapely.Polygon, tell: Tell) -> BaseGeometry:
    """Return a polygon, or what it encloses if it is not valid.

    Raises
    ------
    InvalidGeometryError
        If it has no area.
    """
    if polygon.is_valid and polygon.area > 0:
        return polygon
    shell, *holes = (shapely.make_valid(shapely.Polygon(ring)) for ring in (polygon.exterior, *polygon.interiors))
    repaired = _joined([shell.difference(shapely.union_all(holes)) if holes else shell], "Polygon")
    tell(f"an invalid Polygon was repaired: {shapely.is_valid_reason(polygon)}")
    return repaired


def _part_on_globe(part: BaseGeometry, tell: Tell, is_crossing: bool) -> BaseGeometry:
    if isinstance(part, shapely.Polygon):
        return _polygon_on_globe(part, tell, is_crossing)
    return _line_on_globe(part, tell, is_crossing) if isinstance(part, shapely.LineString) else _wrapped(part)


def _line_on_globe(line: shapely.LineString, tell: Tell, is_crossing: bool) -> BaseGeometry:
    coordinates = shapely.get_coordinates(line)
    if line.length == 0:
        tell("a line without length was replaced by a point")
        return _wrapped(shapely.Point(coordinates[0]))
    if not _leaves_the_map(coordinates):
        return line
    if not is_crossing and _jumps(coordinates):
        tell(_crossing(coordinates))
    pieces = [leaf for piece in _turned_pieces(_continuing(coordinates)) for leaf in shapely.get_parts(piece)]
    lines = [piece for piece in pieces if piece.length > 0]
    if not lines:  # a step from one side of the map to the other, and nothing else: a parallel
        return shapely.LineString([(-180, coordinates[0, 1]), (180, coordinates[0, 1])])
    return lines[0] if len(lines) == 1 else shapely.MultiLineString(lines)


def _polygon_on_globe(polygon: shapely.Polygon, tell: Tell, is_crossing: bool) -> BaseGeometry:
    rings = [shapely.get_coordinates(ring) for ring in (polygon.exterior, *polygon.interiors)]
    if not any(map(_leaves_the_map, rings)) or _is_whole_turn(polygon, rings):
        return made_valid(polygon, tell)
    # A hole is read as its shell is: it could not be within it otherwise.
    is_crossing_shell = is_crossing or (_leaves_the_map(rings[0]) and not _holds_all(rings))
    is_drawn = [not is_crossing_shell and _is_as_drawn(ring) for ring in rings]
    if all(is_drawn) and max(numpy.abs(ring[:, 0]).max() for ring in rings) <= 180:
        return made_valid(polygon, tell)
    if not is_crossing:
        jumping = next((ring for ring, drawn in zip(rings, is_drawn, strict=True) if not drawn and _jumps(ring)), None)
        if jumping is not None:
            tell(_crossing(jumping))
    shell, *holes = (
        _area_of(ring if drawn else _closed(unwrapped(ring)), tell) for ring, drawn in zip(rings, is_drawn, strict=True)
    )
    whole = shell.difference(shapely.union_all(holes)) if holes else shell
    if not whole.area:
        raise InvalidGeometryError("the polygon has no area")
    return whole if whole.is_valid else _repaired(whole, tell)


def _repaired(area: BaseGeometry, tell: Tell) -> BaseGeometry:
    """Return a valid form of an area: overlays of coordinates near the limits of numbers may come out invalid."""
    reason = shapely.is_valid_reason(area)
    repaired = _joined([shapely.make_valid(area)], "Polygon")
    tell(f"an invalid Polygon was repaired: {reason}")
    if not repaired.is_valid:
        raise InvalidGeometryError(f"the polygon is invalid and cannot be repaired: {reason}")
    return repaired


def _area_of(ring: NDArray[Any], tell: Tell) -> BaseGeometry:
    """Return what a ring of continuing longitudes encloses, within ±180°."""
    pieces = _turned_pieces(made_valid(shapely.Polygon(_snapped(ring)), tell))
    polygons = [leaf for piece in pieces for leaf in shapely.get_parts(piece) if leaf.area > 0]
    return shapely.union_all(polygons)


def _closed(flat: NDArray[Any]) -> NDArray[Any]:
    """Return a ring of continuing longitudes, closed along a pole where its ends do not meet: it goes around that.

    Of a ring within one hemisphere it is the pole of that; else the one on the left hand, as RFC 7946 has it.
    """
    (start, end), latitudes = flat[[0, -1], 0], flat[:, 1]
    if abs(end - start) <= 180:
        return flat
    is_north = end > start if latitudes.min() < 0 < latitudes.max() else latitudes.max() > 0
    longitudes = numpy.linspace(end, start, 5)  # no step longer than 180°, which would be read as another one
    return numpy.concatenate((flat, numpy.column_stack((longitudes, numpy.full(5, 90.0 if is_north else -90.0)))))


def _leaves_the_map(ring: NDArray[Any]) -> bool:
    """Return whether a line has longitudes beyond ±180°, or a step of more than 180°."""
    longitudes = ring[:, 0]
    return bool((numpy.abs(longitudes) > 180).any() or (numpy.abs(numpy.diff(longitudes)) > 180).any())


def _jumps(line: NDArray[Any]) -> bool:
    """Return whether a step of a line can be read in two ways; both ends of one of 360° are the same place."""
    steps = numpy.abs(numpy.diff(line[:, 0]))
    return bool(((steps > 180) & (numpy.abs(steps % 360 - 180) < 180 - TOLERANCE)).any())


def _crossing(line: NDArray[Any]) -> str:
    at = int(numpy.abs(numpy.diff(line[:, 0])).argmax())
    return (
        f"the edge from longitude {line[at, 0]:g} to {line[at + 1, 0]:g} spans more than 180°, and was read as "
        "crossing the antimeridian; give it points in between, or pass a rectangle, to mean the long way"
    )


def _holds_all(rings: list[NDArray[Any]]) -> bool:
    """Return whether a ring is to be taken as it is drawn, and the others are within it then."""
    return _is_as_drawn(rings[0]) and all(
        shapely.intersects_xy(shapely.Polygon(rings[0]), *ring[0]) for ring in rings[1:]
    )


def _is_as_drawn(ring: NDArray[Any]) -> bool:
    """Return whether all edges of a ring are parallel to the axes, and it encloses an area as it is drawn."""
    is_parallel = (numpy.abs(numpy.diff(ring, axis=0)) <= TOLERANCE).any(axis=1)
    return bool(is_parallel.all() and shapely.Polygon(ring).is_valid)


def _is_whole_turn(polygon: shapely.Polygon, rings: Iterable[NDArray[Any]]) -> bool:
    """Return whether the long steps of a polygon go once around the globe, as those of ``box(-180, -90, 180, 90)``.

    They do if they all lead from one side of the map to the other, and the polygon is valid as it is drawn.
    """
    for ring in rings:
        steps = numpy.abs(numpy.diff(ring[:, 0]))
        if (numpy.abs(ring[:, 0]) > 180).any() or not numpy.isin(steps[steps > 180], 360.0).all():
            return False
    return bool(polygon.is_valid)


def _continuing(coordinates: NDArray[Any]) -> shapely.LineString:
    return shapely.LineString(_snapped(unwrapped(coordinates)))


def _snapped(lonlat: NDArray[Any]) -> NDArray[Any]:
    """Return coordinates of which none misses an antimeridian or a pole by the noise of a calculation."""
    edge = numpy.round((lonlat[:, 0] - 180) / 360) * 360 + 180
    longitudes = numpy.where(numpy.abs(lonlat[:, 0] - edge) < TOLERANCE, edge, lonlat[:, 0])
    latitudes = numpy.where(
        numpy.abs(numpy.abs(lonlat[:, 1]) - 90) < TOLERANCE, numpy.sign(lonlat[:, 1]) * 90, lonlat[:, 1]
    )
    return numpy.column_stack((longitudes, latitudes))


def _turned_pieces(flat: BaseGeometry) -> list[BaseGeometry]:
    """Cut a shape of any longitudes at ±180°, ±540° and so on, and turn each piece into the range of ±180°."""
    west, _, east, _ = flat.bounds
    pieces = []
    for turn in range(math.floor((west + 180) / 360), math.floor((east + 180) / 360) + 1):
        middle = 360.0 * turn
        piece = shapely.intersection(flat, shapely.box(middle - 180, -90, middle + 180, 90))
        if turn and not piece.is_empty:
            piece = turned(piece, -middle)
        pieces.append(piece)
    return pieces


def _joined(parts: Iterable[BaseGeometry], kind: str) -> BaseGeometry:
    """Return the union of the parts that have an area."""
    joined = shapely.union_all([leaf for part in parts for leaf in shapely.get_parts(part) if leaf.area > 0])
    if joined.is_empty:
        raise InvalidGeometryError(f"the {kind} has no area")
    return joined


def _wrapped(points: BaseGeometry) -> BaseGeometry:
    """Return points within ±180°; the same object if they are."""
    lonlat = shapely.get_coordinates(points)
    outside = numpy.abs(lonlat[:, 0]) > 180
    if not outside.any():
        return points
    longitudes = numpy.where(outside, numpy.round((lonlat[:, 0] + 180) % 360 - 180, _DECIMALS), lonlat[:, 0])
    return shapely.transform(points, lambda _: numpy.column_stack((longitudes, lonlat[:, 1])))
