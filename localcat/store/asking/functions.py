"""Functions of our own for the SQL of users: exact areas, intersections, GeoJSON and WKT of footprints.

They take a footprint as the view ``footprints`` has it (GeoPackage's form of WKB), as WKB, or as WKT. NULL gives NULL.
"""

from __future__ import annotations

import functools
import json
import sqlite3
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from localcat.errors import BadRequestError, CorruptCatalogError

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_ENVELOPES: Final = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}  # bytes, by the code in a header (OGC 12-128r17, table 5)


_thread = threading.local()  # SQLite tells that a function failed, and not why


def problem() -> str | None:
    """Return why a function failed last in this thread, once."""
    found: str | None = _thread.__dict__.pop("problem", None)
    return found


def register(connection: sqlite3.Connection) -> None:
    """Give a connection the functions; they bring shapely when they are first called."""
    for name, count, function in (
        ("lc_area_km2", 1, _area),
        ("lc_intersects", 2, _intersects),
        ("lc_geojson", 1, _geojson),
        ("lc_wkt", 1, _wkt),
    ):
        connection.create_function(name, count, _checked(name, function), deterministic=True)


def _checked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is NULL where an argument is, and that keeps why it fails for `problem`."""

    def call(*arguments: Any) -> Any:
        if None in arguments:
            return None
        try:
            return function(*arguments)
        except (BadRequestError, CorruptCatalogError) as error:
            _thread.problem = f"{name}: {error}"
            raise

    return call


def _shape(value: object) -> BaseGeometry:
    return _area_of(value) if isinstance(value, str) else _from_wkb()(_plain(value))


def _plain(value: object) -> bytes:
    """Return a footprint as well-known binary."""
    if not isinstance(value, bytes):
        raise BadRequestError(f"{value!r:.100} is neither a footprint nor well-known text")
    start = 8 + _ENVELOPES.get((value[3] >> 1) & 7, 0) if value[:2] == b"GP" and len(value) > 8 else 0
    return value[start:]


@functools.lru_cache(maxsize=64)  # the same area is compared with each row
def _compared(value: object) -> tuple[BaseGeometry, tuple[float, float, float, float] | None]:
    """Return what footprints are compared with, and its box if it is a rectangle; text is prepared for many of them."""
    shape = _shape(value)
    if not isinstance(value, str):
        return shape, None
    import shapely

    from localcat.earth import geometry

    shapely.prepare(shape)
    is_rectangle = shape.geom_type == "Polygon" and geometry.fills_its_box(shape)
    return shape, shape.bounds if is_rectangle else None


def _area_of(text: str) -> BaseGeometry:
    from localcat.earth import wkt

    return wkt.as_area(text)


@functools.cache
def _from_wkb() -> Callable[[bytes], BaseGeometry]:
    """Return what reads a footprint; importing it for each one takes as long as reading it."""
    from localcat.earth import geometry

    return geometry.from_one_wkb


@functools.cache
def _has_vertex_in() -> Callable[[bytes, tuple[float, float, float, float]], bool]:
    """Return what sees most footprints that meet a rectangle, in a third of the time that reading them takes."""
    from localcat.earth import wkb

    return wkb.has_vertex_in


def _area(value: object) -> float:
    from localcat.earth import geometry

    return geometry.area_km2(_shape(value))


def _intersects(one: object, other: object) -> int:
    area, box = _compared(other)  # as a rule the second one is text, the same for all rows
    if isinstance(one, str):
        return int(area.intersects(_shape(one)))
    blob = _plain(one)
    return int((box is not None and _has_vertex_in()(blob, box)) or area.intersects(_from_wkb()(blob)))


def _geojson(value: object) -> str:
    from localcat.earth import wkt

    return json.dumps(wkt.as_geojson(_shape(value)), separators=(",", ":"))


def _wkt(value: object) -> str:
    from localcat.earth import wkt

    return wkt.as_text(_shape(value))
