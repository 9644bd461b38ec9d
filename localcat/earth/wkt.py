"""Geometries written as text: well-known text (WKT, OGC 06-103r4, section 7) and GeoJSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import shapely

from localcat.earth.forms import split_srid
from localcat.earth.geometry import as_geometry
from localcat.earth.wkb import UNREADABLE
from localcat.errors import InvalidGeometryError

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_DEEPEST_TEXT = 50  # parentheses within each other; a collection of multipolygons has five


def as_area(value: object) -> BaseGeometry:
    """Return what `localcat.earth.geometry.as_geometry` returns; the value may also be well-known text (WKT)."""
    return as_geometry(as_shape(value) if isinstance(value, str) else value)


def as_shape(text: str) -> BaseGeometry:
    """Parse well-known text, also with an SRID before it (``SRID=3857;POINT (0 0)``, extended WKT of PostGIS).

    The geometry is neither split at the antimeridian nor checked, and keeps its SRID.

    Raises
    ------
    InvalidGeometryError
        If the text is not WKT, or is nested more than 50 levels deep.
    """
    depth = 0
    for parenthesis in re.findall(r"[()]", text):
        depth += 1 if parenthesis == "(" else -1
        if depth > _DEEPEST_TEXT:  # GEOS reads by recursion, without a limit
            raise InvalidGeometryError(f"well-known text is nested more than {_DEEPEST_TEXT} levels deep")
    srid, bare = split_srid(text)
    try:
        shape = shapely.from_wkt(bare)
        return shapely.set_srid(shape, srid) if srid else shape
    except UNREADABLE as error:
        raise InvalidGeometryError(f"{text[:100]!r} is not the well-known text of a geometry: {error}") from error


def as_text(geometry: BaseGeometry) -> str:
    """Return a geometry as well-known text that `as_area` reads back unchanged."""
    if isinstance(geometry, shapely.GeometryCollection):
        return f"GEOMETRYCOLLECTION ({', '.join(map(as_text, geometry.geoms))})"
    coordinates = geometry.__geo_interface__["coordinates"]
    positions = _written([coordinates] if geometry.geom_type == "Point" else coordinates)
    return f"{geometry.geom_type.upper()} {positions}"


def _written(coordinates: Any) -> str:
    """Return coordinates in full: the text that shapely writes loses the last digits."""
    if isinstance(coordinates[0], float):
        return " ".join(repr(number).removesuffix(".0") for number in coordinates)
    return f"({', '.join(map(_written, coordinates))})"


def as_geojson(geometry: BaseGeometry) -> dict[str, Any]:
    """Return a geometry as GeoJSON, of dicts, lists and numbers."""
    if isinstance(geometry, shapely.GeometryCollection):
        return {"type": geometry.geom_type, "geometries": [as_geojson(part) for part in geometry.geoms]}
    interface = geometry.__geo_interface__
    return {"type": interface["type"], "coordinates": _listed(interface["coordinates"])}


def _listed(coordinates: Any) -> Any:
    return [_listed(inner) for inner in coordinates] if isinstance(coordinates, list | tuple) else coordinates
