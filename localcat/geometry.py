"""Footprints and areas of interest: anything that describes a geometry, as shapely shapes in longitude and latitude.

Every geometry that leaves `as_geometry` lies within ±180° and ±90°; one that crosses the antimeridian is split there
(RFC 7946, section 3.1.9).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import antimeridian
import numpy
import shapely
import shapely.errors
import shapely.geometry
from shapely.geometry.base import BaseGeometry

from localcat.errors import InvalidGeometryError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Box: TypeAlias = tuple[float, float, float, float]
"""(min_lon, max_lon, min_lat, max_lat) in degrees; a box across the antimeridian has max_lon > 180."""

_SPHERE_RADIUS = 6_371_008.8  # metres; mean Earth radius R1 of GRS 80
_TOLERANCE = 1e-9  # degrees; how exactly a split shape meets the antimeridian


class GeometryWarning(UserWarning):
    """A geometry was changed to make it usable."""


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
        If the value is no geometry, is empty, has coordinates that are not finite or latitudes beyond ±90°, or is a
        polygon without area.

    Warns
    -----
    GeometryWarning
        If an invalid polygon was repaired.
    """
    geometry = _parse(value)
    if geometry.is_empty:
        raise InvalidGeometryError("the geometry is empty; pass one with coordinates")
    if geometry.has_z:
        geometry = shapely.force_2d(geometry)
    coordinates = shapely.get_coordinates(geometry)
    if not numpy.isfinite(coordinates).all():
        raise InvalidGeometryError("the geometry has coordinates that are not finite numbers")
    min_lon, min_lat, max_lon, max_lat = geometry.bounds
    if max(abs(min_lat), abs(max_lat)) > 90:
        swapped = max(abs(min_lon), abs(max_lon)) <= 90
        hint = "; longitude comes first, are the two swapped?" if swapped else "; coordinates are (longitude, latitude)"
        worst = max_lat if max_lat > 90 else min_lat
        raise InvalidGeometryError(f"latitude {worst:g} is beyond ±90°{hint}")
    if geometry.geom_type.endswith("Polygon") and (min_lon == max_lon or min_lat == max_lat):
        raise InvalidGeometryError(f"the polygon has no area: its bounds are {geometry.bounds}")
    geometry = _repaired(geometry)
    if max_lon - min_lon > 180 or min_lon < -180 or max_lon > 180:
        geometry = _split(geometry)
    return geometry


def as_footprints(values: Sequence[object]) -> list[BaseGeometry | InvalidGeometryError | None]:
    """Return what `as_geometry` makes of many values: a geometry, the error it raises, or None for None.

    Shapes that need no change, as nearly all do, are recognised together, which is many times faster.
    """
    found: list[Any] = [None] * len(values)
    given = [position for position, value in enumerate(values) if value is not None]
    shapes = numpy.empty(len(given), dtype=object)
    for place, position in enumerate(given):
        try:
            shapes[place] = _parse(values[position])
        except InvalidGeometryError as error:
            found[position] = error
    min_lon, min_lat, max_lon, max_lat = shapely.bounds(shapes).T
    with numpy.errstate(invalid="ignore"):
        is_plain = (
            shapely.is_valid(shapes)
            & ~shapely.has_z(shapes)
            & (min_lon >= -180)
            & (max_lon <= 180)
            & (max_lon - min_lon <= 180)
            & (min_lat >= -90)
            & (max_lat <= 90)
            & ((shapely.get_dimensions(shapes) < 2) | (shapely.area(shapes) > 0))
        )
    for place, position in enumerate(given):
        if is_plain[place]:
            found[position] = shapes[place]
        elif found[position] is None:
            try:
                found[position] = as_geometry(shapes[place])
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


def footprint_boxes(shapes: NDArray[Any]) -> list[Box]:
    """Return the `footprint_box` of many geometries."""
    bounds = shapely.bounds(shapes)
    around = (bounds[:, 0] <= -180 + _TOLERANCE) & (bounds[:, 2] >= 180 - _TOLERANCE)
    boxes: list[Box] = [(west, east, south, north) for west, south, east, north in bounds.tolist()]
    for position in numpy.flatnonzero(around).tolist():
        boxes[position] = footprint_box(shapes[position])
    return boxes


def search_boxes(geometry: BaseGeometry) -> list[Box]:
    """Return the boxes to ask the index for: the geometry's own, and its copies a turn around the Earth away.

    Boxes in the index lie between −180° and 540°, so a box within ±180° is asked again 360° to the east, and one
    across the antimeridian also 360° to the west.
    """
    min_lon, max_lon, min_lat, max_lat = footprint_box(geometry)
    turns = (0, 360, -360) if max_lon > 180 else (0, 360)
    return [(min_lon + turn, max_lon + turn, min_lat, max_lat) for turn in turns]


def to_wkb(geometry: BaseGeometry) -> bytes:
    """Return the well-known binary form of a geometry, little endian."""
    return shapely.to_wkb(geometry, byte_order=1)


def to_wkbs(shapes: Sequence[BaseGeometry | None]) -> list[bytes | None]:
    """Return the well-known binary forms of many geometries, None for None."""
    found: list[bytes | None] = shapely.to_wkb(numpy.array(shapes, dtype=object), byte_order=1).tolist()
    return found


def from_wkb(blobs: Sequence[bytes | None]) -> NDArray[Any]:
    """Return the geometries of many well-known binaries at once, None for None.

    Raises
    ------
    InvalidGeometryError
        If one of them is damaged.
    """
    try:
        return shapely.from_wkb(numpy.array(blobs, dtype=object))
    except shapely.errors.ShapelyError as error:
        raise InvalidGeometryError(f"a stored geometry is damaged: {error}") from error


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
    return shapely.intersects(area, footprints)


def coverage(footprint: BaseGeometry, area: BaseGeometry) -> float:
    """Return the fraction of an area that a footprint covers, in planar degrees, 0 to 1.

    An area without extent (a point, a line) is covered wholly or not at all.
    """
    if area.area == 0:
        return 1.0 if footprint.covers(area) else 0.0
    return float(footprint.intersection(area).area / area.area)


def area_km2(geometry: BaseGeometry) -> float:
    """Return the area of a geometry on the sphere, in square kilometres.

    Notes
    -----
    An equal-area cylindrical projection (Lambert 1772) maps the sphere without changing areas: x = R λ, y = R sin φ.
    Long edges are densified first, since they are straight in longitude and latitude.
    """
    dense = shapely.segmentize(geometry, 1.0)  # degrees
    projected = shapely.transform(
        dense, lambda lonlat: numpy.column_stack((numpy.radians(lonlat[:, 0]), numpy.sin(numpy.radians(lonlat[:, 1]))))
    )
    return float(shapely.area(projected)) * _SPHERE_RADIUS**2 / 1e6


def _parse(value: object) -> BaseGeometry:
    if isinstance(value, BaseGeometry):
        return value
    if isinstance(value, Mapping):
        return _from_geojson(value)
    interface = getattr(value, "__geo_interface__", None)
    if isinstance(interface, Mapping):
        return _from_geojson(interface)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) == 4:
        return _from_bbox(value)
    raise InvalidGeometryError(
        f"{str(value)[:100]!r} is no geometry; pass GeoJSON, a shapely geometry, an object with __geo_interface__, "
        "or (min_lon, min_lat, max_lon, max_lat)"
    )


def _from_geojson(mapping: Mapping[Any, Any]) -> BaseGeometry:
    kind = mapping.get("type")
    try:
        if kind == "Feature":
            return _from_geojson(mapping["geometry"])
        if kind == "FeatureCollection":
            return shapely.GeometryCollection([_from_geojson(feature) for feature in mapping["features"]])
        return shapely.geometry.shape(dict(mapping))
    except InvalidGeometryError:
        raise
    except (shapely.errors.ShapelyError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InvalidGeometryError(f"the GeoJSON of type {kind!r} is no geometry: {error}") from error


def _from_bbox(bbox: Sequence[Any]) -> BaseGeometry:
    try:
        west, south, east, north = (float(number) for number in bbox)
    except (TypeError, ValueError) as error:
        raise InvalidGeometryError(
            f"{bbox!r} is no bounding box of four numbers (min_lon, min_lat, max_lon, max_lat)"
        ) from error
    if south > north:
        raise InvalidGeometryError(f"the bounding box {bbox!r} has its south {south:g} above its north {north:g}")
    if west > east:
        east += 360
    if west == east and south == north:
        return shapely.Point(west, south)
    if west == east or south == north:
        return shapely.LineString([(west, south), (east, north)])
    # Corners every 90°, so that no edge is longer than half a turn and taken for one that crosses the antimeridian.
    return (
        shapely.segmentize(shapely.box(west, south, east, north), 90.0)
        if east - west > 180
        else shapely.box(west, south, east, north)
    )


def _repaired(geometry: BaseGeometry) -> BaseGeometry:
    if geometry.is_valid:
        return geometry
    if geometry.bounds[2] - geometry.bounds[0] > 180:
        return geometry  # looks broken only until it is split at the antimeridian; `_split` checks again
    return _made_valid(geometry)


def _made_valid(geometry: BaseGeometry) -> BaseGeometry:
    reason = shapely.is_valid_reason(geometry)
    repaired = shapely.make_valid(geometry)
    if geometry.geom_type.endswith("Polygon"):
        polygons = [part for part in shapely.get_parts(repaired, return_index=False) if part.area > 0]
        repaired = shapely.union_all(polygons)
    if repaired.is_empty or not repaired.is_valid:
        raise InvalidGeometryError(f"the {geometry.geom_type} is invalid and cannot be repaired: {reason}")
    warnings.warn(f"an invalid {geometry.geom_type} was repaired: {reason}", GeometryWarning, stacklevel=4)
    return repaired


def _split(geometry: BaseGeometry) -> BaseGeometry:
    """Wrap longitudes into ±180° and split what crosses the antimeridian."""
    if isinstance(geometry, shapely.Polygon) and _is_upright_box_within(geometry):
        return geometry
    wrapped: BaseGeometry
    if isinstance(geometry, shapely.Point | shapely.MultiPoint):
        wrapped = shapely.transform(geometry, lambda lonlat: numpy.column_stack((_wrapped(lonlat[:, 0]), lonlat[:, 1])))
    elif isinstance(geometry, shapely.GeometryCollection):
        wrapped = shapely.GeometryCollection([as_geometry(part) for part in geometry.geoms])
    else:
        try:
            wrapped = shapely.geometry.shape(antimeridian.fix_shape(geometry, fix_winding=True, great_circle=False))
        except (ValueError, TypeError, IndexError, shapely.errors.ShapelyError) as error:
            raise InvalidGeometryError(
                f"the {geometry.geom_type} cannot be split at the antimeridian: {error}"
            ) from error
    return wrapped if wrapped.is_valid else _made_valid(wrapped)


def _is_upright_box_within(polygon: shapely.Polygon) -> bool:
    """Return whether a polygon is a box of longitudes and latitudes within ±180°: its long edges mean what they say."""
    min_lon, min_lat, max_lon, max_lat = polygon.bounds
    return min_lon >= -180 and max_lon <= 180 and polygon.equals(shapely.box(min_lon, min_lat, max_lon, max_lat))


def _wrapped(longitudes: NDArray[Any]) -> NDArray[Any]:
    outside = numpy.abs(longitudes) > 180
    return numpy.where(outside, (longitudes + 180) % 360 - 180, longitudes)


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
    if isinstance(geometry, shapely.GeometryCollection):
        return [leaf for part in geometry.geoms for leaf in _flat_parts(part)]
    return list(shapely.get_parts(geometry))
