"""The forms in which users pass a geometry, and what each says of its coordinates: their CRS, and which way around."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import numpy
import shapely
import shapely.errors
import shapely.geometry
from shapely.geometry.base import BaseGeometry

from localcat.earth import wkb
from localcat.errors import CorruptCatalogError, InvalidCRSError, InvalidGeometryError

if TYPE_CHECKING:
    from rasterio.crs import CRS

_LONLAT: Final = ("EPSG:4326", "OGC:CRS84")
_URN = re.compile(r"urn:ogc:def:crs:(?P<authority>\w+):[^:]*:(?P<code>\w+)", re.IGNORECASE)
_URL = re.compile(r"https?://www\.opengis\.net/def/crs/(?P<authority>\w+)/[^/]+/(?P<code>\w+)", re.IGNORECASE)
_SRID_TEXT = re.compile(r"\s*SRID\s*=\s*(?P<srid>\d+)\s*;", re.IGNORECASE)
_ODD = (  # what mappings and objects of the caller's raise, and shapely for what they hold
    shapely.errors.ShapelyError,
    ArithmeticError,  # also for whole numbers beyond every float
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,  # RecursionError and NotImplementedError among them
    TypeError,
    ValueError,
)
_GEOMETRIES: Final = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon")


class HasGeometry(Protocol):
    """An object with a GeoJSON interface, such as a shapely geometry."""

    @property
    def __geo_interface__(self) -> Any:
        """Its geometry as GeoJSON."""


Area: TypeAlias = HasGeometry | Mapping[str, Any] | Iterable[float] | None
"""What contexts take; None because the geometry of an image may be it, which most calls refuse when it is."""
Place: TypeAlias = Area | str
"""What searches take: well-known text (WKT), too."""


@dataclass(frozen=True, slots=True)
class Form:
    """A geometry as it was passed."""

    shape: BaseGeometry
    crs: CRS | None = None
    """The CRS of its coordinates; None for longitude and latitude, EPSG:4326."""
    is_crossing: bool = False
    """Whether it came with a bounding box from west to east across the antimeridian."""

    def in_crs(self, crs: CRS | None) -> Form:
        """Return the same geometry with another CRS of its coordinates."""
        if crs is None:
            return self
        from localcat.earth.crs import WGS84  # brings rasterio, which most geometries do not need

        return replace(self, crs=None if crs == WGS84 else crs)


def form_of(value: object) -> Form:
    """Return what a value says of a geometry.

    Parameters
    ----------
    value : shapely geometry, mapping, sequence of 4 or 6 numbers, bytes, or object with ``__geo_interface__``
        As `localcat.earth.geometry.as_geometry` takes it.

    Raises
    ------
    InvalidGeometryError
        If it is none of these, or names a CRS that is not known.
    """
    if isinstance(value, BaseGeometry):
        return Form(value, _crs_of_srid(value))
    if isinstance(value, Mapping):
        return _from_geojson(value)
    interface = _interface_of(value)
    if isinstance(interface, Mapping):
        form = _from_geojson(interface)
        return form if form.crs is not None else replace(form, crs=_crs_of_object(value))
    if isinstance(value, bytes):
        return _from_wkb(value)
    if isinstance(value, numpy.ndarray):
        value = value.tolist()  # as geopandas gives bounds
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) in (4, 6):
        return Form(_from_bbox(value))
    raise InvalidGeometryError(
        f"{str(value)[:100]!r} is not a geometry; pass GeoJSON, a shapely geometry, an object with __geo_interface__, "
        "or (min_lon, min_lat, max_lon, max_lat)"
    )


def _interface_of(value: object) -> object:
    """Return what an object says of its geometry: code of the caller's, which may fail."""
    try:
        return getattr(value, "__geo_interface__", None)
    except _ODD as error:
        raise InvalidGeometryError(
            f"the __geo_interface__ of a {type(value).__name__} cannot be read ({type(error).__name__}: {error}); pass "
            "GeoJSON or a shapely geometry"
        ) from error


def split_srid(text: str) -> tuple[int, str]:
    """Return the SRID that extended well-known text begins with, 0 if it does not, and the text after it."""
    found = _SRID_TEXT.match(text)
    return (0, text) if found is None else (int(found["srid"]), text[found.end() :])


# Coordinate reference systems


def _crs_of_srid(shape: BaseGeometry) -> CRS | None:
    """Return the CRS that shapely keeps with a geometry as a number; 0 is none."""
    srid = shapely.get_srid(shape)
    return _named(f"EPSG:{srid}", "the SRID") if srid else None


def _crs_of_object(value: object) -> CRS | None:
    """Return the CRS of an object that keeps one beside its geometry, as a GeoSeries does.

    That of a geo context is the CRS of its pixels; its geometry is in longitude and latitude.
    """
    found = getattr(value, "crs", None)
    if found is None or callable(found) or hasattr(value, "bounds_crs"):
        return None
    if hasattr(found, "to_wkt"):
        found = found.to_wkt()
    return _named(found, f"the crs of the {type(value).__name__}")


def _crs_of_member(member: object) -> CRS | None:
    """Return the CRS of a GeoJSON object's member `crs`, which the standard had until 2016."""
    if member is None:
        return None
    properties = member.get("properties") if isinstance(member, Mapping) else None
    if isinstance(properties, Mapping):
        name, code = properties.get("name"), properties.get("code")
        if isinstance(name, str):
            return _named(name, "the crs of the GeoJSON")
        if isinstance(code, int | str):
            return _named(f"EPSG:{code}", "the crs of the GeoJSON")
    raise InvalidGeometryError(f"the crs of the GeoJSON is {str(member)[:200]}, which names none; pass EPSG:4326")


def _named(name: object, what: str) -> CRS | None:
    """Return a CRS by its name; None if it is longitude and latitude on WGS 84."""
    if isinstance(name, str):
        found = _URN.fullmatch(name) or _URL.fullmatch(name)
        name = f"{found['authority']}:{found['code']}" if found is not None else name
        if name.upper() in _LONLAT:
            return None
    from localcat.earth.crs import WGS84, parse_crs  # brings rasterio, which most geometries do not need

    try:
        crs = parse_crs(name)  # type: ignore[arg-type]  # it refuses what is neither text nor a number
    except InvalidCRSError as error:
        raise InvalidGeometryError(f"{what} is not usable: {error}") from error
    return None if crs == WGS84 else crs


# GeoJSON, RFC 7946


def _from_geojson(mapping: Mapping[Any, Any] | None) -> Form:
    if mapping is None:  # a Feature may have no geometry: section 3.2
        raise InvalidGeometryError("the GeoJSON of type 'Feature' is not a geometry: its geometry is null")
    kind = mapping.get("type")
    try:
        form = _of_kind(mapping, kind)
        crs = _crs_of_member(mapping.get("crs"))
    except InvalidGeometryError:
        raise
    except _ODD as error:
        raise InvalidGeometryError(f"the GeoJSON of type {kind!r} is not a geometry: {error}") from error
    is_crossing = form.is_crossing or _is_across(mapping.get("bbox"))
    return Form(form.shape, crs if form.crs is None else form.crs, is_crossing)


def _of_kind(mapping: Mapping[Any, Any], kind: object) -> Form:
    if kind == "Feature":
        return _from_geojson(mapping["geometry"])
    if kind == "FeatureCollection":
        features = mapping["features"]
        located = [feature for feature in features if feature["geometry"] is not None]
        return _collected([_from_geojson(feature) for feature in located or features])
    if kind == "GeometryCollection":
        return _collected([_from_geojson(member) for member in mapping["geometries"]])
    if kind in _GEOMETRIES:
        # shapely fails on empty members, which section 3.1 allows.
        return Form(shapely.geometry.shape({"type": kind, "coordinates": _without_empty(kind, mapping["coordinates"])}))
    return Form(shapely.geometry.shape(dict(mapping)))


def _collected(forms: list[Form]) -> Form:
    found = {None if form.crs is None else str(form.crs.to_wkt()): form.crs for form in forms}
    if len(found) > 1:
        raise InvalidGeometryError("the members of the GeoJSON have several CRSs; pass them in one")
    crs = next(iter(found.values()), None)
    return Form(
        shapely.GeometryCollection([form.shape for form in forms]), crs, any(form.is_crossing for form in forms)
    )


def _without_empty(kind: object, coordinates: Any) -> Any:
    """Return coordinates without the members that are empty."""
    if kind in ("MultiPoint", "MultiLineString"):
        return [member for member in coordinates if len(member)]
    if kind == "Polygon":
        return _rings(coordinates)
    return [rings for rings in map(_rings, coordinates) if rings] if kind == "MultiPolygon" else coordinates


def _rings(polygon: Any) -> list[Any]:
    """Return the rings of a polygon that have positions; none if the outer one has none."""
    return [ring for ring in polygon if len(ring)] if len(polygon) and len(polygon[0]) else []


def _is_across(bbox: Any) -> bool:
    """Return whether a bounding box that came with a geometry goes across the antimeridian."""
    if isinstance(bbox, Sequence) and not isinstance(bbox, str | bytes) and len(bbox) in (4, 6):
        west, east = bbox[0], bbox[len(bbox) // 2]
        if isinstance(west, int | float) and isinstance(east, int | float):
            return west > east
    return False


# Others


def _from_wkb(blob: bytes) -> Form:
    try:
        wkb.check_depth(blob)
        shape = shapely.from_wkb(blob)
    except (*wkb.UNREADABLE, CorruptCatalogError) as error:
        raise InvalidGeometryError(f"{blob[:20]!r} is not a geometry in well-known binary (WKB): {error}") from error
    return Form(shape, _crs_of_srid(shape))


def _from_bbox(bbox: Sequence[Any]) -> BaseGeometry:
    try:
        numbers = [float(number) for number in bbox]
    except (OverflowError, TypeError, ValueError) as error:
        raise InvalidGeometryError(
            f"{bbox!r} is not a bounding box of four numbers (min_lon, min_lat, max_lon, max_lat), or six with heights"
        ) from error
    if not all(map(math.isfinite, numbers)):
        raise InvalidGeometryError(f"the bounding box {bbox!r} has numbers that are not finite")
    if len(numbers) == 6:  # RFC 7946, section 5: with heights, which geometries lose, too
        del numbers[5], numbers[2]
    west, south, east, north = numbers
    if south > north:
        raise InvalidGeometryError(f"the bounding box {bbox!r} has its south {south:g} above its north {north:g}")
    if west > east:
        east += 360
    if west == east and south == north:
        return shapely.Point(west, south)
    shape: BaseGeometry = shapely.box(west, south, east, north)
    if west == east or south == north:
        shape = shapely.LineString([(west, south), (east, north)])
    # Corners every 90°, so that no program takes an edge of more than half a turn for one across the antimeridian.
    return shapely.segmentize(shape, 90.0) if east - west > 180 else shape
