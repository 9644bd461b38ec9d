"""Footprints and areas of interest: anything that describes a geometry, as shapely shapes in longitude and latitude.

Every geometry that leaves `as_geometry` lies within ±180° and ±90°; one that crosses the antimeridian is split there
(RFC 7946, section 3.1.9).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy
import shapely
import shapely.errors
import shapely.geometry
from shapely.geometry.base import BaseGeometry

from localcat.earth import wkb
from localcat.errors import CorruptCatalogError, GeometryWarning, InvalidGeometryError, warn_caller

if TYPE_CHECKING:
    from numpy.typing import NDArray

Box: TypeAlias = tuple[float, float, float, float]
"""(min_lon, max_lon, min_lat, max_lat) in degrees; a box across the antimeridian has max_lon > 180."""

_FARTHEST = 3600.0  # degrees of longitude; a larger number is in other units
RADIUS = 6_371_008.8  # metres; mean Earth radius R1 of GRS 80
_TOLERANCE = 1e-9  # degrees, 0.1 mm; by so much a computed coordinate may miss the antimeridian or a pole
_DECIMALS = 11  # of a degree; turning a longitude by 360° and back loses more, and would show in what users wrote


def as_geometry(value: object) -> BaseGeometry:
    """Return a geometry in longitude and latitude, EPSG:4326.

    Parameters
    ----------
    value : shapely geometry, mapping, sequence of 4 numbers, or object with ``__geo_interface__``
        A GeoJSON mapping may be a geometry, a Feature or a FeatureCollection (which becomes a geometry collection). A
        sequence is a bounding box ``(min_lon, min_lat, max_lon, max_lat)``, with ``min_lon > max_lon`` across the
        antimeridian.

    Returns
    -------
    shapely geometry
        Within ±180° and ±90°, split at the antimeridian, and valid. An edge that jumps more than 180° of longitude
        is taken to cross the antimeridian.

    Raises
    ------
    InvalidGeometryError
        If the value is not a geometry, is empty, has coordinates that are not finite or latitudes beyond ±90°, or is a
        polygon without area.

    Warns
    -----
    GeometryWarning
        If an invalid polygon was repaired.
    """
    with _quietly():
        geometry = _parse(value)
        return geometry if _is_plain(geometry) else _usable(_checked(geometry))


def as_footprints(values: Sequence[object]) -> list[BaseGeometry | InvalidGeometryError | None]:
    """Return what `as_geometry` makes of many values: a geometry, the error it raises, or None for None.

    Shapes that need no change, as nearly all do, are recognised together, which is many times faster.
    """
    found: list[Any] = [None] * len(values)
    given = [position for position, value in enumerate(values) if value is not None]
    shapes = numpy.empty(len(given), dtype=object)
    with numpy.errstate(all="ignore"):
        for at, position in enumerate(given):
            try:
                shapes[at] = _parse(values[position])
            except InvalidGeometryError as error:
                found[position] = error
        min_lon, min_lat, max_lon, max_lat = shapely.bounds(shapes).T
        is_plain = (
            shapely.is_valid(shapes)
            & ~shapely.has_z(shapes)
            & (shapely.get_type_id(shapes) != shapely.GeometryType.GEOMETRYCOLLECTION)
            & (min_lon >= -180)
            & (max_lon <= 180)
            & (max_lon - min_lon <= 180)
            & (min_lat >= -90)
            & (max_lat <= 90)
            & ((shapely.get_dimensions(shapes) < 2) | (shapely.area(shapes) > 0))
        )
    for at, position in enumerate(given):
        if is_plain[at]:
            found[position] = shapes[at]
        elif found[position] is None:
            try:
                found[position] = as_geometry(shapes[at])
            except InvalidGeometryError as error:
                found[position] = error
    return found


def footprint_box(geometry: BaseGeometry) -> Box:
    """Return the box that the space-time index keeps for a geometry from `as_geometry`.

    A shape that was split at the antimeridian gets the narrowest box around it, with ``max_lon > 180``; one around a
    pole gets all longitudes.
    """
    min_lon, min_lat, max_lon, max_lat = geometry.bounds
    if min_lon <= -180 + _TOLERANCE and max_lon >= 180 - _TOLERANCE:
        west, east = _narrowest_longitudes(geometry)
        if east > 180:
            return west, east, min_lat, max_lat
    return min_lon, max_lon, min_lat, max_lat


def footprint_boxes(shapes: NDArray[Any]) -> NDArray[numpy.float64]:
    """Return the `footprint_box` of many geometries, shape (geometry, 4)."""
    bounds = shapely.bounds(shapes)
    around = (bounds[:, 0] <= -180 + _TOLERANCE) & (bounds[:, 2] >= 180 - _TOLERANCE)
    boxes: NDArray[numpy.float64] = bounds[:, [0, 2, 1, 3]]
    for position in numpy.flatnonzero(around).tolist():
        boxes[position] = footprint_box(shapes[position])
    return boxes


def boxes_of(shapes: Sequence[BaseGeometry | None]) -> list[Box | None]:
    """Return the `footprint_box` of each geometry, None for None."""
    boxes = iter(footprint_boxes(numpy.array([shape for shape in shapes if shape is not None], dtype=object)).tolist())
    return [None if shape is None else tuple(next(boxes)) for shape in shapes]


def fills_its_box(geometry: BaseGeometry) -> bool:
    """Return whether a geometry from `as_geometry` is all of its `footprint_box`: a rectangle, or one split at 180°."""
    parts = [geometry] if isinstance(geometry, shapely.Polygon) else list(getattr(geometry, "geoms", ()))
    if not all(map(_is_rectangle, parts)):
        return False
    if len(parts) == 1:
        return True
    if len(parts) != 2:
        return False
    west, east = sorted((part.bounds for part in parts), reverse=True)  # the western one ends at 180°
    return bool(west[2] == 180 and east[0] == -180 and west[1::2] == east[1::2])


def _is_rectangle(part: BaseGeometry) -> bool:
    box = shapely.box(*part.bounds)
    return bool(math.isclose(part.area, box.area, rel_tol=1e-9) and part.equals(box))


def search_boxes(geometry: BaseGeometry) -> list[Box]:
    """Return the boxes to ask the index for: the geometry's own, and its copies a turn around the Earth away.

    Boxes in the index lie between −180° and 540°, so a box within ±180° is asked again 360° to the east, and one
    that reaches the antimeridian also 360° to the west.
    """
    min_lon, max_lon, min_lat, max_lat = footprint_box(geometry)
    turns = (0, 360, -360) if max_lon >= 180 else (0, 360)
    return [(min_lon + turn, max_lon + turn, min_lat, max_lat) for turn in turns]


def to_wkb(geometry: BaseGeometry) -> bytes:
    """Return the well-known binary form of a geometry, little endian."""
    return shapely.to_wkb(geometry, byte_order=1)


def to_wkbs(shapes: Sequence[BaseGeometry | None]) -> list[bytes | None]:
    """Return the well-known binary forms of many geometries, None for None."""
    found: list[bytes | None] = shapely.to_wkb(numpy.array(shapes, dtype=object), byte_order=1).tolist()
    return found


_SAFE_WKB = 2000  # bytes; in fewer no collections can be nested deeply enough to exhaust the stack


def from_wkb(blobs: Sequence[bytes | None]) -> NDArray[Any]:
    """Return the geometries of many well-known binaries at once, None for None.

    Raises
    ------
    CorruptCatalogError
        If one of them is damaged.
    """
    try:
        if max(map(len, filter(None, blobs)), default=0) > _SAFE_WKB:
            for blob in blobs:
                if blob is not None and len(blob) > _SAFE_WKB:
                    wkb.check_depth(blob)
        return shapely.from_wkb(numpy.array(blobs, dtype=object))
    except (shapely.errors.ShapelyError, TypeError) as error:
        raise CorruptCatalogError(f"a stored geometry is damaged: {error}") from error


def intersecting(area: BaseGeometry, footprints: NDArray[Any]) -> NDArray[numpy.bool_]:
    """Return which footprints share at least one point with an area; None shares none.

    Parameters
    ----------
    area : shapely geometry
        Prepared here once; keep and reuse the object across calls.
    footprints : ndarray of shapely geometries
        One dimension.
    """
    shapely.prepare(area)
    hits = shapely.intersects(area, footprints)
    # Both sides of the antimeridian are the same line: what touches it from the east meets what does from the west.
    west, _, east, _ = area.bounds
    for edge, turn in ((-180.0, 360.0), (180.0, -360.0)):
        if edge in (west, east):
            seam = shapely.LineString([(edge, -90), (edge, 90)])
            border = shapely.union_all([shapely.intersection(part, seam) for part in _flat_parts(area)])
            hits |= shapely.intersects(_turned(border, turn), footprints)
    return hits


def coverage(footprint: BaseGeometry, area: BaseGeometry) -> float:
    """Return the fraction of an area that a footprint covers, in planar degrees, 0 to 1.

    An area without extent (a point, a line) is covered completely or not at all.
    """
    wanted = _polygonal(area)
    if wanted.is_empty:
        return 1.0 if footprint.covers(area) else 0.0
    return float(_polygonal(footprint).intersection(wanted).area / wanted.area)


def area_km2(geometry: BaseGeometry) -> float:
    """Return the area of a geometry on the sphere, in square kilometres.

    Notes
    -----
    An equal-area cylindrical projection (Lambert 1772) maps the sphere without changing areas: x = R λ, y = R sin φ.
    Long edges are densified first, since they are straight in longitude and latitude.
    """
    dense = shapely.segmentize(_polygonal(geometry), 1.0)  # degrees
    projected = shapely.transform(
        dense, lambda lonlat: numpy.column_stack((numpy.radians(lonlat[:, 0]), numpy.sin(numpy.radians(lonlat[:, 1]))))
    )
    return float(shapely.area(projected)) * RADIUS**2 / 1e6


def _polygonal(geometry: BaseGeometry) -> BaseGeometry:
    """Return the polygons of a geometry; those of a collection joined, since they may overlap."""
    if isinstance(geometry, shapely.Polygon | shapely.MultiPolygon):
        return geometry
    return shapely.union_all([part for part in _flat_parts(geometry) if part.geom_type == "Polygon"])


def _parse(value: object) -> BaseGeometry:
    if isinstance(value, BaseGeometry):
        return value
    if isinstance(value, Mapping):
        return _from_geojson(value)
    interface = getattr(value, "__geo_interface__", None)
    if isinstance(interface, Mapping):
        return _from_geojson(interface)
    if isinstance(value, numpy.ndarray):
        value = value.tolist()  # as geopandas gives bounds
    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) == 4:
        return _from_bbox(value)
    raise InvalidGeometryError(
        f"{str(value)[:100]!r} is not a geometry; pass GeoJSON, a shapely geometry, an object with __geo_interface__, "
        "or (min_lon, min_lat, max_lon, max_lat)"
    )


def _from_geojson(mapping: Mapping[Any, Any] | None) -> BaseGeometry:
    if mapping is None:  # a Feature may have no geometry: RFC 7946, section 3.2
        raise InvalidGeometryError("the GeoJSON of type 'Feature' is not a geometry: its geometry is null")
    kind = mapping.get("type")
    try:
        if kind == "Feature":
            return _from_geojson(mapping["geometry"])
        if kind == "FeatureCollection":
            return shapely.GeometryCollection([_from_geojson(feature) for feature in mapping["features"]])
        return shapely.geometry.shape(dict(mapping))
    except InvalidGeometryError:
        raise
    except (
        shapely.errors.ShapelyError,
        ArithmeticError,  # whole numbers beyond every float
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise InvalidGeometryError(f"the GeoJSON of type {kind!r} is not a geometry: {error}") from error


def _from_bbox(bbox: Sequence[Any]) -> BaseGeometry:
    try:
        west, south, east, north = (float(number) for number in bbox)
    except (OverflowError, TypeError, ValueError) as error:
        raise InvalidGeometryError(
            f"{bbox!r} is not a bounding box of four numbers (min_lon, min_lat, max_lon, max_lat)"
        ) from error
    if not all(map(math.isfinite, (west, south, east, north))):
        raise InvalidGeometryError(f"the bounding box {bbox!r} has numbers that are not finite")
    if south > north:
        raise InvalidGeometryError(f"the bounding box {bbox!r} has its south {south:g} above its north {north:g}")
    if west > east:
        east += 360
    if west == east and south == north:
        return shapely.Point(west, south)
    shape: BaseGeometry = shapely.box(west, south, east, north)
    if west == east or south == north:
        shape = shapely.LineString([(west, south), (east, north)])
    # Corners every 90°, so that no edge is longer than half a turn and taken for one that crosses the antimeridian.
    return shapely.segmentize(shape, 90.0) if east - west > 180 else shape


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep what shapely reports of coordinates near the limits of numbers from leaving as its own error or warning."""
    with numpy.errstate(all="ignore"):
        try:
            yield
        except shapely.errors.ShapelyError as error:
            raise InvalidGeometryError(f"the geometry cannot be used: {error}") from error


def _is_plain(geometry: BaseGeometry) -> bool:
    """Return whether a geometry can stay as it is, as nearly all can."""
    if not isinstance(geometry, shapely.Polygon | shapely.LineString | shapely.Point):
        return False  # a part alone is taken out of a collection
    west, south, east, north = geometry.bounds
    if not (west >= -180 and east <= 180 and east - west <= 180 and south >= -90 and north <= 90):
        return False
    if geometry.has_z or getattr(geometry, "has_m", False) or not geometry.is_valid:
        return False
    return not isinstance(geometry, shapely.Polygon) or bool(geometry.area > 0)


def _usable(geometry: BaseGeometry) -> BaseGeometry:
    if isinstance(geometry, shapely.Point | shapely.MultiPoint):
        return _on_globe(geometry)
    given = _flat_parts(geometry)
    parts = [_on_globe(part) for part in given]
    if geometry.geom_type == "GeometryCollection":
        return shapely.GeometryCollection(parts)
    if len(parts) == 1:
        return parts[0]
    is_unchanged = all(part is before for part, before in zip(parts, given, strict=True))
    if is_unchanged and geometry.is_valid:
        return geometry
    if not isinstance(geometry, shapely.MultiPolygon):
        return shapely.union_all(parts)
    return _joined(parts, "MultiPolygon", "its polygons overlap" if is_unchanged else None)


def _checked(geometry: BaseGeometry) -> BaseGeometry:
    """Refuse coordinates that mean nothing; drop heights, and what rounding put beyond a pole."""
    if geometry.is_empty:
        raise InvalidGeometryError("the geometry is empty; pass one with coordinates")
    if geometry.has_z or getattr(geometry, "has_m", False):
        geometry = shapely.force_2d(geometry)
    lonlat = shapely.get_coordinates(geometry)
    if not numpy.isfinite(lonlat).all():
        raise InvalidGeometryError("the geometry has coordinates that are not finite numbers")
    longitudes, latitudes = numpy.abs(lonlat[:, 0]), numpy.abs(lonlat[:, 1])
    highest = latitudes.max()
    if highest > 90 + _TOLERANCE:
        hint = "; coordinates are (longitude, latitude)"
        if longitudes.max() <= 90:
            hint = "; longitude comes first, are the two swapped?"
        worst = lonlat[latitudes.argmax(), 1]
        raise InvalidGeometryError(f"latitude {worst:g} is beyond ±90°{hint}")
    if longitudes.max() > _FARTHEST:
        worst = lonlat[longitudes.argmax(), 0]
        raise InvalidGeometryError(f"longitude {worst:g} is many turns around the globe; pass degrees")
    if highest > 90:
        geometry = shapely.transform(geometry, lambda xy: numpy.column_stack((xy[:, 0], numpy.clip(xy[:, 1], -90, 90))))
    return geometry


def _on_globe(part: BaseGeometry) -> BaseGeometry:
    """Return a shape of one part, or points, within ±180°, split at the antimeridian, and valid."""
    if isinstance(part, shapely.Polygon):
        return _polygon_on_globe(part)
    if isinstance(part, shapely.LineString):
        return _line_on_globe(part)
    return shapely.transform(part, lambda lonlat: numpy.column_stack((_wrapped(lonlat[:, 0]), lonlat[:, 1])))


def _line_on_globe(line: shapely.LineString) -> BaseGeometry:
    coordinates = shapely.get_coordinates(line)
    if line.length == 0:
        warn_caller(GeometryWarning("a line without length was replaced by a point"))
        return _on_globe(shapely.Point(coordinates[0]))
    if not _leaves_the_map(coordinates):
        return line
    flat = shapely.LineString(_unwrapped(coordinates))
    pieces = [leaf for piece in _turned_pieces(flat) for leaf in shapely.get_parts(piece)]
    lines = [piece for piece in pieces if piece.length > 0]
    if not lines:  # a step from one side of the map to the other, and nothing else: a parallel
        return shapely.LineString([(-180, coordinates[0, 1]), (180, coordinates[0, 1])])
    return lines[0] if len(lines) == 1 else shapely.MultiLineString(lines)


def _polygon_on_globe(polygon: shapely.Polygon) -> BaseGeometry:
    rings = [shapely.get_coordinates(ring) for ring in (polygon.exterior, *polygon.interiors)]
    if not any(map(_leaves_the_map, rings)) or _is_whole_turn(polygon, rings):
        return _valid(polygon)
    shell, *holes = (_ring_area(ring) for ring in rings)
    whole = shell.difference(shapely.union_all(holes)) if holes else shell
    if not whole.area:
        raise InvalidGeometryError("the polygon has no area")
    return whole if whole.is_valid else _repaired(whole)


def _repaired(area: BaseGeometry) -> BaseGeometry:
    """Return a valid form of an area: overlays of coordinates near the limits of numbers may come out invalid."""
    reason = shapely.is_valid_reason(area)
    repaired = _joined([shapely.make_valid(area)], "Polygon", reason)
    if not repaired.is_valid:
        raise InvalidGeometryError(f"the polygon is invalid and cannot be repaired: {reason}")
    return repaired


def _ring_area(ring: NDArray[Any]) -> BaseGeometry:
    """Return what a ring encloses, within ±180°: where its ends do not meet, it goes around a pole."""
    flat = _unwrapped(ring)
    turns = flat[-1, 0] - flat[0, 0]
    if abs(turns) > 180:
        flat = numpy.concatenate((flat, _along_pole(flat)))
    pieces = _turned_pieces(_valid(shapely.Polygon(flat)))
    polygons = [leaf for piece in pieces for leaf in shapely.get_parts(piece) if leaf.area > 0]
    return shapely.union_all(polygons)


def _along_pole(flat: NDArray[Any]) -> NDArray[Any]:
    """Return the way back, along a pole, from the end of a ring around it to its beginning.

    Of a ring within one hemisphere it is the pole of that; else the one on the left hand, as RFC 7946 has it.
    """
    (start, end), latitudes = flat[[0, -1], 0], flat[:, 1]
    is_north = end > start if latitudes.min() < 0 < latitudes.max() else latitudes.max() > 0
    longitudes = numpy.linspace(end, start, 5)  # no step longer than 180°, which would be read as another one
    return numpy.column_stack((longitudes, numpy.full(5, 90.0 if is_north else -90.0)))


def _leaves_the_map(ring: NDArray[Any]) -> bool:
    """Return whether a line has longitudes beyond ±180°, or a step of more than 180°."""
    longitudes = ring[:, 0]
    return bool((numpy.abs(longitudes) > 180).any() or (numpy.abs(numpy.diff(longitudes)) > 180).any())


def _is_whole_turn(polygon: shapely.Polygon, rings: Iterable[NDArray[Any]]) -> bool:
    """Return whether the long steps of a polygon go once around the globe, as those of ``box(-180, -90, 180, 90)``.

    They do if they all lead from one side of the map to the other, and the polygon is valid as it is drawn.
    """
    for ring in rings:
        steps = numpy.abs(numpy.diff(ring[:, 0]))
        if (numpy.abs(ring[:, 0]) > 180).any() or not numpy.isin(steps[steps > 180], 360.0).all():
            return False
    return bool(polygon.is_valid)


def _unwrapped(line: NDArray[Any]) -> NDArray[Any]:
    """Return a line of which no step is longer than 180° of longitude, beginning where it did."""
    steps = numpy.diff(line[:, 0])
    turns = numpy.where(numpy.abs(steps) > 180, -numpy.round(steps / 360), 0)
    longitudes = line[:, 0] + 360 * numpy.concatenate(([0], numpy.cumsum(turns)))
    edge = numpy.round((longitudes - 180) / 360) * 360 + 180
    longitudes = numpy.where(numpy.abs(longitudes - edge) < _TOLERANCE, edge, longitudes)
    return numpy.column_stack((longitudes, line[:, 1]))


def _turned_pieces(flat: BaseGeometry) -> list[BaseGeometry]:
    """Cut a shape of any longitudes at ±180°, ±540° and so on, and turn each piece into the range of ±180°."""
    west, _, east, _ = flat.bounds
    pieces = []
    for turn in range(math.floor((west + 180) / 360), math.floor((east + 180) / 360) + 1):
        middle = 360.0 * turn
        piece = shapely.intersection(flat, shapely.box(middle - 180, -90, middle + 180, 90))
        if turn and not piece.is_empty:
            piece = _turned(piece, -middle)
        pieces.append(piece)
    return pieces


def _turned(geometry: BaseGeometry, degrees: float) -> BaseGeometry:
    return shapely.transform(
        geometry, lambda lonlat: numpy.column_stack((numpy.round(lonlat[:, 0] + degrees, _DECIMALS), lonlat[:, 1]))
    )


def _valid(polygon: shapely.Polygon) -> BaseGeometry:
    if polygon.is_valid and polygon.area > 0:
        return polygon
    shell, *holes = (shapely.make_valid(shapely.Polygon(ring)) for ring in (polygon.exterior, *polygon.interiors))
    repaired = shell.difference(shapely.union_all(holes)) if holes else shell
    return _joined([repaired], "Polygon", shapely.is_valid_reason(polygon))


def _joined(parts: Iterable[BaseGeometry], kind: str, repaired: str | None) -> BaseGeometry:
    """Return the union of the parts that have an area; warn if it repairs something."""
    joined = shapely.union_all([leaf for part in parts for leaf in shapely.get_parts(part) if leaf.area > 0])
    if joined.is_empty:
        raise InvalidGeometryError(f"the {kind} has no area")
    if repaired is not None:
        warn_caller(GeometryWarning(f"an invalid {kind} was repaired: {repaired}"))
    return joined


def _wrapped(longitudes: NDArray[Any]) -> NDArray[Any]:
    outside = numpy.abs(longitudes) > 180
    return numpy.where(outside, numpy.round((longitudes + 180) % 360 - 180, _DECIMALS), longitudes)


def _narrowest_longitudes(geometry: BaseGeometry) -> tuple[float, float]:
    """Return the shortest arc of longitudes around the parts of a split geometry, east > 180 if it crosses 180°."""
    intervals = sorted((part.bounds[0], part.bounds[2]) for part in _flat_parts(geometry))
    widest, gap_west, gap_east, reached = 0.0, 180.0, 180.0, intervals[0][1]
    for west, east in intervals[1:]:
        if west - reached > widest:
            widest, gap_west, gap_east = west - reached, reached, west
        reached = max(reached, east)
    return (gap_east, gap_west + 360) if widest > 0 else (-180.0, 180.0)


def _flat_parts(geometry: BaseGeometry) -> list[BaseGeometry]:
    """Return the points, lines and polygons that a geometry is made of, without those that are empty."""
    waiting, parts = [geometry], []
    while waiting:
        current = waiting.pop()
        if hasattr(current, "geoms"):
            waiting.extend(reversed(current.geoms))
        elif not current.is_empty:
            parts.append(current)
    return parts
