"""Items as rows, and rows as Items."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

import shapely

from localcat.errors import LocalcatError
from localcat.interop.geoparquet.shapes import Fitter, Items, Path, Shape, Shapes, changed, without_nulls
from localcat.interop.stac.assets import OWN
from localcat.interop.stac.values import VALUES, is_number, read_time, write_time
from localcat.json_text import loads
from localcat.models.attributes.scalars import Integer, Number, Text
from localcat.models.image import Image
from localcat.timestamps import from_microseconds

CHANGES: Final = "localcat:changes"
"""The column of what other columns cannot hold."""

MEMBERS: Final = ("type", "stac_version", "stac_extensions", "id", "collection", "links", "assets")
"""The members of an Item that are columns as they are."""

TIMES: Final = (
    "datetime",
    "start_datetime",
    "end_datetime",
    "created",
    "updated",
    "published",
    "expires",
    "unpublished",
)
"""The properties that are columns of times."""

CORNERS: Final = ("xmin", "ymin", "xmax", "ymax")
PROJECTED: Final = "proj:geometry"
_APART: Final = {*MEMBERS, "geometry", "bbox", "properties", CHANGES}
_EMPTY: Final[dict[str, Any]] = {"links": [], "assets": {}}
_ALWAYS: Final = ("type", "geometry", "links", "assets")  # what `item_of` gives each Item


EXPECTED: Final[dict[str, Shape]] = {
    **dict.fromkeys(("type", "id", "collection", "stac_version", "href", "rel", "title", "description"), "text"),
    **dict.fromkeys(("stac_extensions", "roles", "keywords", "instruments"), Items("text")),
    **dict.fromkeys(("platform", "constellation", "proj:code", "file:checksum"), "text"),
    **dict.fromkeys(("proj:epsg", "file:size"), "count"),
    "proj:shape": Items("count"),
    "proj:transform": Items("number"),
    "gsd": "number",
    **{value.property: "number" for value in VALUES if value.property.startswith(("eo:", "view:"))},
    **{f"{OWN}{name}": "number" for name, one in Image._attributes.items() if isinstance(one, Number)},
    **{f"{OWN}{name}": "count" for name, one in Image._attributes.items() if isinstance(one, Integer)},
    **{f"{OWN}{name}": "text" for name, one in Image._attributes.items() if isinstance(one, Text)},
}
"""The types of members that are the same in every file."""


def observe(shapes: Shapes, item: Mapping[str, Any]) -> None:
    """Make room for an Item in the columns."""
    flat = _flat(item, [])
    if isinstance(flat.get("assets"), dict):
        flat["assets"] = {key: asset for key, asset in flat["assets"].items() if isinstance(asset, dict)}
    shapes.observe(flat)


def row_of(item: Mapping[str, Any], shapes: dict[str, Shape]) -> dict[str, Any]:
    """Return the values of the columns of an Item, with what does not fit in the column of changes."""
    fitter = Fitter()
    left: list[tuple[Path, Any]] = []
    row = fitter.members(shapes, _flat(item, left), ())
    for path, value in fitter.left:
        if len(path) > 1 or path[0] not in _EMPTY or value != _EMPTY[str(path[0])]:
            left.append((path if path[0] in MEMBERS else ("properties", *path), value))
    changes: list[list[Any]] = [[list(path), value] for path, value in left]
    changes += [[[name]] for name in _ALWAYS if name not in item]
    properties = item["properties"]
    for name in TIMES:
        value = properties.get(name)
        moment = read_time(value)
        if moment is not None:
            row[name] = moment
        if name not in properties:
            changes += [[["properties", name]]] if name == "datetime" else []
        elif value != (None if moment is None else text_of_time(moment)) or (value is None and name != "datetime"):
            changes.append([["properties", name], value])
    _put_geometries(item, row, changes)
    row[CHANGES] = json.dumps(changes, ensure_ascii=False)
    return row


def item_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Item of a row as Arrow gives it.

    Raises
    ------
    ValueError
        If its changes cannot be made.
    """
    given = {name: without_nulls(value) for name, value in row.items() if value is not None}
    item: dict[str, Any] = {"type": "Feature", "geometry": _geojson(given.get("geometry"))}
    item |= {name: given[name] for name in MEMBERS if name in given}
    bbox = _bbox(given.get("bbox"))
    if bbox is not None:
        item["bbox"] = bbox
    properties: dict[str, Any] = {"datetime": None}
    for name, value in given.items():
        if name not in _APART:
            properties[name] = _geojson(value) if name == PROJECTED and isinstance(value, bytes) else _plain(value)
    assets = item.get("assets")
    for asset in assets.values() if isinstance(assets, dict) else ():
        if isinstance(asset, dict) and isinstance(asset.get(PROJECTED), bytes):
            asset[PROJECTED] = _geojson(asset[PROJECTED])
    item["properties"] = properties
    item.setdefault("links", [])
    item.setdefault("assets", {})
    changes = given.get(CHANGES)
    return changed(item, loads(changes)) if isinstance(changes, str) else item


def text_of_time(microseconds: int) -> str:
    """Return a time as Items have it."""
    return write_time(from_microseconds(microseconds))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return write_time(value)
    return value.isoformat() if isinstance(value, date) else value


def _flat(item: Mapping[str, Any], left: list[tuple[Path, Any]]) -> dict[str, Any]:
    """Return the members and properties of an Item that are columns; tell the others."""
    flat = {name: item[name] for name in MEMBERS if name in item}
    left += [((name,), value) for name, value in item.items() if name not in _APART or name == CHANGES]
    for name, value in item["properties"].items():
        if name in _APART:
            left.append((("properties", name), value))
        elif name not in TIMES and name != PROJECTED:
            flat[name] = value
    return flat


def _put_geometries(item: Mapping[str, Any], row: dict[str, Any], changes: list[list[Any]]) -> None:
    shape = None
    if item.get("geometry") is not None:
        shape, wkb = _from_geojson(item["geometry"])
        row["geometry"] = wkb
        if wkb is None:
            changes.append([["geometry"], item["geometry"]])
    given = item.get("bbox")
    bounds = None if shape is None else list(shape.bounds)
    if _is_box(given) and (bounds is None or _covers(given, bounds)):
        row["bbox"] = dict(zip(CORNERS, map(float, given or ()), strict=True))
    else:
        if bounds is not None:
            row["bbox"] = dict(zip(CORNERS, bounds, strict=True))
        if "bbox" in item:
            changes.append([["bbox"], given])
        elif bounds is not None:
            changes.append([["bbox"]])
    projected = item["properties"].get(PROJECTED)
    if projected is not None:
        row[PROJECTED] = _from_geojson(projected)[1]
    if PROJECTED in item["properties"] and row.get(PROJECTED) is None:
        changes.append([["properties", PROJECTED], projected])


def _is_box(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(map(is_number, value)) and value[0] <= value[2]


def _covers(box: Any, bounds: Any) -> bool:
    return bool(box[0] <= bounds[0] and box[1] <= bounds[1] and box[2] >= bounds[2] and box[3] >= bounds[3])


def _from_geojson(value: Any) -> tuple[Any, bytes | None]:
    """Return a geometry and its well-known binary; None for what comes back otherwise."""
    try:
        shape = shapely.geometry.shape(value)
        wkb: bytes = shapely.to_wkb(shape, flavor="iso", byte_order=1)
    except (ValueError, TypeError, LookupError, AttributeError, shapely.errors.ShapelyError):
        return None, None
    if shape.is_empty or _geojson(wkb) != value:
        return None, None
    return shape, wkb


def _geojson(wkb: Any) -> Any:
    if wkb is None:
        return None
    from localcat.earth.geometry import from_wkb

    try:
        found = from_wkb([wkb])[0]
    except LocalcatError as error:
        raise ValueError(f"its geometry is not well-known binary: {error}") from error
    return json.loads(json.dumps(shapely.geometry.mapping(found)))


def _bbox(value: Any) -> list[float] | None:
    """Return a box of corners, or of a list, as Items have it."""
    if isinstance(value, dict):
        names = [*CORNERS[:2], "zmin", *CORNERS[2:], "zmax"] if "zmin" in value else CORNERS
        numbers = [value.get(name) for name in names]
        return None if None in numbers else numbers  # type: ignore[return-value]  # None is not in it
    return value if isinstance(value, list) else None
