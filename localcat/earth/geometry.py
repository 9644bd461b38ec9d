"""Footprints and areas of interest: anything that describes a geometry, as shapely shapes in longitude and latitude.

Every geometry that leaves `as_geometry` lies within ±180° and ±90°; one that crosses the antimeridian is split there
(RFC 7946, section 3.1.9).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy
import shapely
import shapely.errors
from shapely.geometry.base import BaseGeometry

from localcat.earth import wkb
from localcat.earth.forms import Form, form_of
from localcat.earth.globe import RADIUS, TOLERANCE, Tell, flat_parts, made_valid, on_globe, turned
from localcat.errors import CorruptCatalogError, GeometryWarning, InvalidGeometryError, warn_caller

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.crs import CRS

Box: TypeAlias = tuple[float, float, float, float]
"""(min_lon, max_lon, min_lat, max_lat) in degrees; a box across the antimeridian has max_lon > 180."""

INDEX_WEST, INDEX_EAST = -180.0, 540.0  # longitudes between which the boxes in the space-time index are
_SHAPES = {shapely.Point, shapely.LineString, shapely.LinearRing, shapely.Polygon, shapely.GeometryCollection} | {
    shapely.MultiPoint,
    shapely.MultiLineString,
    shapely.MultiPolygon,
}
_NUMBERS = {float, int}
_LEAST_TURN = 1e-6  # sine of the angle by which an edge turns; below it GEOS decides
_FARTHEST = 3600.0  # degrees of longitude; a larger number is in other units


def as_geometry(value: object, *, crs: CRS | None = None, of: str | None = None) -> BaseGeometry:
    """Return a geometry in longitude and latitude, EPSG:4326.

    Parameters
    ----------
    value : shapely geometry, mapping, sequence of 4 or 6 numbers, bytes, or object with ``__geo_interface__``
        A GeoJSON mapping may be a geometry, a Feature or a FeatureCollection (which becomes a geometry collection). A
        sequence is a bounding box ``(min_lon, min_lat, max_lon, max_lat)``, with ``min_lon > max_lon`` across the
        antimeridian; of six numbers, the third and the last are heights. Bytes are well-known binary. A CRS that the
        value names is heeded: a GeoJSON member `crs`, the SRID of a shapely geometry, the `crs` of a GeoSeries.
    crs : rasterio.crs.CRS, optional
        The CRS of the coordinates, where the value names none; EPSG:4326 if it is left out.
    of : str, optional
        Whose geometry it is, in warnings.

    Returns
    -------
    shapely geometry
        Within ±180° and ±90°, split at the antimeridian, and valid. A ring whose edges are all parallel to the axes is
        as wide as it is written. Of other lines an edge that jumps more than 180° of longitude crosses the
        antimeridian, and so does that of any ring if a bounding box with west > east comes with the GeoJSON.

    Raises
    ------
    InvalidGeometryError
        If the value is not a geometry, is empty, has coordinates that are not finite or latitudes beyond ±90°, is a
        polygon without area, or names a CRS that is not known.

    Warns
    -----
    GeometryWarning
        If an invalid polygon was repaired, or an edge was read as crossing the antimeridian.
    """
    plain = _plain_box(value) if crs is None else None
    if plain is not None:
        return plain
    with _quietly():
        form = form_of(value)
        return _usable(form if form.crs is not None else form.in_crs(crs), of)


def _plain_box(value: object) -> BaseGeometry | None:
    """Return the shape of a bounding box that can be used as it is, as nearly all can; None for all other values."""
    if not isinstance(value, tuple | list) or len(value) != 4 or not {*map(type, value)} <= _NUMBERS:
        return None
    west, south, east, north = value
    if not (-180 <= west < east <= 180 and east - west <= 180 and -90 <= south < north <= 90):
        return None
    return shapely.box(west, south, east, north) if (east - west) * (north - south) > 0 else None


def as_footprints(
    values: Sequence[object], names: Sequence[str] | None = None
) -> list[BaseGeometry | InvalidGeometryError | None]:
    """Return what `as_geometry` makes of many values: a geometry, the error it raises, or None for None.

    Shapes that need no change, as nearly all do, are recognised together, which is many times faster.

    Parameters
    ----------
    values : sequence
        As `as_geometry` takes them, or None.
    names : sequence of str, optional
        Whose geometry each is, in warnings.
    """
    found: list[Any] = [None] * len(values)
    given = [position for position, value in enumerate(values) if value is not None]
    shapes = numpy.empty(len(given), dtype=object)
    forms: dict[int, Form] = {}
    with numpy.errstate(all="ignore"):
        for at, position in enumerate(given):
            if type(values[position]) in _SHAPES:
                shapes[at] = values[position]
        srids = shapely.get_srid(shapes)  # -1 for what is not a shape
        for at in numpy.flatnonzero(srids).tolist():
            try:
                forms[at] = form_of(values[given[at]])
            except InvalidGeometryError as error:
                shapes[at] = None
                found[given[at]] = error
            else:
                shapes[at] = forms[at].shape
        is_plain = _are_plain(shapes).tolist()
    for at, (position, shape) in enumerate(zip(given, shapes.tolist(), strict=True)):
        form = forms.get(at)
        if is_plain[at] and (form is None or form.crs is None):
            found[position] = shape
        elif shape is not None:
            try:
                with _quietly():
                    found[position] = _usable(form or form_of(shape), None if names is None else names[position])
            except InvalidGeometryError as error:
                found[position] = error
    return found


def plain_footprints(blobs: Sequence[bytes | None]) -> NDArray[Any]:
    """Return the geometries of well-known binaries that `as_footprints` returns unchanged; None for all others."""
    safe = [blob if blob is not None and (len(blob) <= _SAFE_WKB or _is_shallow(blob)) else None for blob in blobs]
    shapes: NDArray[Any] = shapely.from_wkb(numpy.array(safe, dtype=object), on_invalid="ignore")
    with numpy.errstate(all="ignore"):
        shapes[~_are_plain(shapes) | (shapely.get_srid(shapes) != 0)] = None
    return shapes


def convex_boxes(blobs: Sequence[bytes | None]) -> NDArray[numpy.float64]:
    """Return the `footprint_box` of convex quadrilaterals that `as_footprints` returns unchanged, as it does most.

    Parameters
    ----------
    blobs : sequence of bytes or None
        Geometries as well-known binary. No shapes are made of them; `to_wkbs` makes the same bytes of these.

    Returns
    -------
    ndarray, shape (geometry, 4)
        NaN for all others.
    """
    boxes = numpy.full((len(blobs), 4), numpy.nan)
    positions, corners = wkb.four_corners(blobs)
    with numpy.errstate(all="ignore"):
        (min_lon, min_lat), (max_lon, max_lat) = corners.min(axis=1).T, corners.max(axis=1).T
        edges = numpy.roll(corners, -1, axis=1) - corners
        following = numpy.roll(edges, -1, axis=1)
        lengths = numpy.hypot(edges[..., 0], edges[..., 1])
        turns = edges[..., 0] * following[..., 1] - edges[..., 1] * following[..., 0]
        turns /= lengths * numpy.roll(lengths, -1, axis=1)
        # Four turns to the same side are one turn around, so that no edges cross.
        is_convex = (turns > _LEAST_TURN).all(axis=1) | (turns < -_LEAST_TURN).all(axis=1)
        is_plain = is_convex & (min_lon >= -180) & (max_lon <= 180) & (max_lon - min_lon <= 180)
        is_plain &= (min_lat >= -90) & (max_lat <= 90)
    found = numpy.column_stack((min_lon, max_lon, min_lat, max_lat))
    boxes[positions[is_plain]] = found[is_plain]
    return boxes


def _is_shallow(blob: bytes) -> bool:
    try:
        wkb.check_depth(blob)
    except CorruptCatalogError:
        return False
    return True


def _are_plain(shapes: NDArray[Any]) -> NDArray[numpy.bool_]:
    """Return which shapes `as_geometry` would leave as they are."""
    min_lon, min_lat, max_lon, max_lat = shapely.bounds(shapes).T
    plain: NDArray[numpy.bool_] = (
        shapely.is_valid(shapes)
        & ~shapely.has_z(shapes)
        & ~_have_parts_to_check(shapes)
        & (min_lon >= -180)
        & (max_lon <= 180)
        & (max_lon - min_lon <= 180)
        & (min_lat >= -90)
        & (max_lat <= 90)
        & ((shapely.get_dimensions(shapes) < 2) | (shapely.area(shapes) > 0))
    )
    return plain


def _have_parts_to_check(shapes: NDArray[Any]) -> NDArray[numpy.bool_]:
    """Return which shapes are collections, whose parts are laid flat, or have parts that are empty."""
    found: NDArray[numpy.bool_] = shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION
    several = numpy.flatnonzero(shapely.get_type_id(shapes) >= shapely.GeometryType.MULTIPOINT)
    parts, owners = shapely.get_parts(shapes[several], return_index=True)
    found[several[owners[shapely.is_empty(parts)]]] = True
    return found


def footprint_box(geometry: BaseGeometry) -> Box:
    """Return the box that the space-time index keeps for a geometry from `as_geometry`.

    A shape that was split at the antimeridian gets the narrowest box around it, with ``max_lon > 180``; one around a
    pole gets all longitudes.
    """
    min_lon, min_lat, max_lon, max_lat = geometry.bounds
    if min_lon <= -180 + TOLERANCE and max_lon >= 180 - TOLERANCE:
        west, east = _narrowest_longitudes(geometry)
        if east > 180:
            return west, east, min_lat, max_lat
    return min_lon, max_lon, min_lat, max_lat


def footprint_boxes(shapes: NDArray[Any]) -> NDArray[numpy.float64]:
    """Return the `footprint_box` of many geometries, NaN for None; shape (geometry, 4)."""
    bounds = shapely.bounds(shapes)
    around = (bounds[:, 0] <= -180 + TOLERANCE) & (bounds[:, 2] >= 180 - TOLERANCE)
    boxes: NDArray[numpy.float64] = bounds[:, [0, 2, 1, 3]]
    for position in numpy.flatnonzero(around).tolist():
        boxes[position] = footprint_box(shapes[position])
    return boxes


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
    boxes = [(min_lon + turn, max_lon + turn, min_lat, max_lat) for turn in turns]
    return boxes + [(INDEX_WEST, INDEX_EAST, pole, pole) for pole in poles_of(geometry)]


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
    except (*wkb.UNREADABLE, TypeError) as error:
        raise CorruptCatalogError(f"a stored geometry is damaged: {error}") from error


def from_one_wkb(blob: bytes) -> BaseGeometry:
    """Return the geometry of one well-known binary, in a third of the time; see `from_wkb`."""
    try:
        if len(blob) > _SAFE_WKB:
            wkb.check_depth(blob)
        found: BaseGeometry = shapely.from_wkb(blob)
    except (shapely.errors.ShapelyError, TypeError) as error:
        raise CorruptCatalogError(f"a stored geometry is damaged: {error}") from error
    return found


def intersecting(area: BaseGeometry, footprints: NDArray[Any]) -> NDArray[numpy.bool_]:
    """Return which footprints share at least one point with an area; None shares none. See `meeting`."""
    return meeting(area)(footprints)


def meeting(area: BaseGeometry) -> Callable[[NDArray[Any]], NDArray[numpy.bool_]]:
    """Return the function that finds which footprints share at least one point with an area; None shares none.

    Parameters
    ----------
    area : shapely geometry
        Prepared here; keep the function and use it for all footprints, arrays of one dimension.
    """
    shapely.prepare(area)
    others: list[BaseGeometry] = []
    west, south, east, north = area.bounds
    # Both sides of the antimeridian are the same line: what touches it from the east meets what does from the west.
    for edge, turn in ((-180.0, 360.0), (180.0, -360.0)):
        if edge in (west, east):
            seam = shapely.LineString([(edge, -90), (edge, 90)])
            border = shapely.union_all([shapely.intersection(part, seam) for part in flat_parts(area)])
            others.append(turned(border, turn))
    if poles := poles_at(south, north):
        others += [shapely.LineString([(-180, pole), (180, pole)]) for pole in poles]

    def test(footprints: NDArray[Any]) -> NDArray[numpy.bool_]:
        hits: NDArray[numpy.bool_] = shapely.intersects(area, footprints)
        for other in others:
            hits |= shapely.intersects(other, footprints)
        return hits

    return test


def poles_of(area: BaseGeometry) -> list[float]:
    """Return the latitudes of the poles that an area touches; each is one place, at all longitudes."""
    _, south, _, north = area.bounds
    return poles_at(south, north)


def poles_at(south: float, north: float) -> list[float]:
    """Return the latitudes of the poles among two latitudes."""
    if south != -90 and north != 90:  # as nearly always
        return []
    return [pole for pole, edge in ((90.0, north), (-90.0, south)) if edge == pole]


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
    return shapely.union_all([part for part in flat_parts(geometry) if part.geom_type == "Polygon"])


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


def _usable(form: Form, of: str | None) -> BaseGeometry:
    """Return the geometry of a form as `as_geometry` returns it."""

    def tell(what: str) -> None:
        warn_caller(GeometryWarning(what if of is None else f"{of}: {what}"))

    if form.crs is not None:
        return _from_map(form, form.crs, tell)
    if _is_plain(form.shape):
        return form.shape
    return on_globe(_checked(form.shape), tell, is_crossing=form.is_crossing)


def _from_map(form: Form, crs: CRS, tell: Tell) -> BaseGeometry:
    """Return a geometry of another CRS in longitude and latitude."""
    from localcat.earth.ground import ground_of  # brings rasterio, which most geometries do not need
    from localcat.earth.projecting import turn_of

    if not crs.is_geographic:
        shape = _flat_and_finite(form.shape)
        parts = [made_valid(part, tell) if isinstance(part, shapely.Polygon) else part for part in flat_parts(shape)]
        valid = parts[0] if len(parts) == 1 else shapely.GeometryCollection(parts)
        found = ground_of(valid, crs)
    else:
        degrees = 360 / turn_of(crs)  # of a unit: not all datums count in degrees
        shape = form.shape if degrees == 1 else shapely.transform(form.shape, lambda xy: xy * degrees)
        shape = on_globe(_checked(shape), tell, is_crossing=form.is_crossing)
        found = ground_of(shape if degrees == 1 else shapely.transform(shape, lambda xy: xy / degrees), crs)
    if form.shape.geom_type == "GeometryCollection" or found.geom_type != "GeometryCollection":
        return found
    return shapely.union_all(flat_parts(found))


def _flat_and_finite(geometry: BaseGeometry) -> BaseGeometry:
    """Return a geometry without heights; refuse one that is empty or has numbers that are not finite."""
    if geometry.is_empty:
        raise InvalidGeometryError("the geometry is empty; pass one with coordinates")
    if geometry.has_z or getattr(geometry, "has_m", False):
        geometry = shapely.force_2d(geometry)
    if not numpy.isfinite(shapely.get_coordinates(geometry)).all():
        raise InvalidGeometryError("the geometry has coordinates that are not finite numbers")
    return geometry


def _checked(geometry: BaseGeometry) -> BaseGeometry:
    """Refuse coordinates that mean nothing; drop heights, and what rounding put beyond a pole."""
    geometry = _flat_and_finite(geometry)
    lonlat = shapely.get_coordinates(geometry)
    longitudes, latitudes = numpy.abs(lonlat[:, 0]), numpy.abs(lonlat[:, 1])
    highest = latitudes.max()
    if highest > 90 + TOLERANCE:
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


def _narrowest_longitudes(geometry: BaseGeometry) -> tuple[float, float]:
    """Return the shortest arc of longitudes around the parts of a split geometry, east > 180 if it crosses 180°."""
    intervals = sorted((part.bounds[0], part.bounds[2]) for part in flat_parts(geometry))
    widest, gap_west, gap_east, reached = 0.0, 180.0, 180.0, intervals[0][1]
    for west, east in intervals[1:]:
        if west - reached > widest:
            widest, gap_west, gap_east = west - reached, reached, west
        reached = max(reached, east)
    return (gap_east, gap_west + 360) if widest > 0 else (-180.0, 180.0)
