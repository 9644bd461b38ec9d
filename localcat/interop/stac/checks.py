"""What Items and Collections have to be: one with a member of another type is refused before anything is made of it.

The rules are those of the core of STAC and of the extensions whose fields become attributes. A value may be null
wherever a property may be left out, which programs write for what they do not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from localcat.interop.stac.values import is_number, read_time

_MOST_ASSETS = 1000  # of an Item; those of real ones are some dozens
_MOST_NESTED = 8  # levels of collections of geometries

_Rule: TypeAlias = "tuple[Callable[[Any], bool], str]"
"""Whether a value is what it has to be, and what that is."""


def problem_of(document: Any) -> str | None:
    """Return why a JSON value is neither an Item nor a Collection; None if it is one of them."""
    if not isinstance(document, dict):
        return f"is not a STAC object, but a JSON {type(document).__name__}"
    if document.get("type") not in ("Feature", "Collection"):
        return f"is not an Item or a Collection: its type is {document.get('type')!r:.100}"
    if not isinstance(document.get("id"), str) or not document["id"]:
        return f"has no id, or one that is not text: {document.get('id')!r:.100}"
    is_item = document["type"] == "Feature"
    if is_item and not isinstance(document.get("properties"), dict):
        return f"is an Item without properties: {document.get('properties')!r:.100}"
    if isinstance(document.get("assets"), dict) and len(document["assets"]) > _MOST_ASSETS:
        return f"has {len(document['assets']):,} assets, more than {_MOST_ASSETS:,}"
    for name, kind in (("assets", dict), ("links", list), ("item_assets", dict)):
        if document.get(name) is not None and not isinstance(document[name], kind):
            return f"has {name} of the wrong type: {document[name]!r:.100}"
    if document.get("collection") is not None and not isinstance(document["collection"], str):
        return f"has a collection that is not text: {document['collection']!r:.100}"
    return (
        _of_members(document, _ITEM if is_item else _COLLECTION, "")
        or (_of_members(document["properties"], _PROPERTIES, "the property ") if is_item else None)
        or _of_links(document.get("links") or [])
        or _of_assets(document.get("assets") or {}, "asset", needs_href=True)
        or _of_assets(document.get("item_assets") or {}, "item_asset", needs_href=False)
    )


def id_of(document: Any) -> str | None:
    """Return the id of a JSON value; None if it has none."""
    named = document.get("id") if isinstance(document, dict) else None
    return named if isinstance(named, str) else None


def _of_members(holder: Mapping[str, Any], rules: Mapping[str, _Rule], what: str) -> str | None:
    strange = next((name for name in holder if not isinstance(name, str)), None)
    if strange is not None:  # in a dictionary of Python
        return f"has {what}{strange!r:.100}, a name that is not text"
    for name in rules.keys() & holder.keys():
        fits, meant = rules[name]
        if holder[name] is not None and not fits(holder[name]):
            return f"has {what}{name} that is not {meant}: {holder[name]!r:.100}"
    return None


def _of_links(links: list[Any]) -> str | None:
    for link in links:
        if not isinstance(link, dict) or not all(isinstance(link.get(name, ""), str) for name in ("rel", "href")):
            return f"has a link that is not an object with rel and href as text: {link!r:.100}"
    return None


def _of_assets(assets: Mapping[Any, Any], what: str, *, needs_href: bool) -> str | None:
    for key, asset in assets.items():
        if not isinstance(key, str) or not isinstance(asset, dict):
            return f"has an {what} {key!r:.100} that is not an object: {asset!r:.100}"
        href = asset.get("href")
        if needs_href and not (isinstance(href, str) and href):
            return f"has an {what} {key!r:.100} whose href is not text: {href!r:.100}"
        problem = _of_members(asset, _ASSET, f"an {what} {key!r:.100} with ")
        if problem is not None:
            return problem
    return None


# What values are


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_time(value: Any) -> bool:
    return read_time(value) is not None


def _are(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(isinstance(one, kind) for one in value)


def _numbers(*counts: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and len(value) in counts and all(map(is_number, value))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_count, value))


def _is_percentage(value: Any) -> bool:
    return is_number(value) and (0 <= value <= 100 or value == -1)  # which the USGS writes for what it does not know


_DEPTHS: Final = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
"""How many lists are around the positions of a geometry."""


def _is_geometry(value: Any, nested: int = 0) -> bool:
    """Return whether a value has the form of a GeoJSON geometry (RFC 7946, section 3.1); it may be of no use as one."""
    if not isinstance(value, dict) or nested > _MOST_NESTED:
        return False
    if value.get("type") == "GeometryCollection":
        parts = value.get("geometries")
        return isinstance(parts, list) and all(_is_geometry(part, nested + 1) for part in parts)
    depth = _DEPTHS.get(value["type"]) if isinstance(value.get("type"), str) else None
    return depth is not None and _are_positions(value.get("coordinates"), depth)


def _are_positions(value: Any, depth: int) -> bool:
    if not isinstance(value, list):
        return False
    if depth:
        return all(_are_positions(one, depth - 1) for one in value)
    return (not value or len(value) >= 2) and all(map(is_number, value))


def _is_extent(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    spatial, temporal = value.get("spatial", {}), value.get("temporal", {})
    if not isinstance(spatial, dict) or not isinstance(temporal, dict):
        return False
    boxes, intervals = spatial.get("bbox", []), temporal.get("interval", [])
    return (
        _are(list)(boxes)
        and all(map(_numbers(4, 6), boxes))
        and _are(list)(intervals)
        and all(one is None or _is_time(one) for interval in intervals for one in interval)
    )


_A_TEXT: Final = (_is_text, "text")
_TEXTS: Final = (_are(str), "a list of text")
_A_NUMBER: Final = (is_number, "a number")
_OBJECTS: Final = (_are(dict), "a list of objects")
_AN_OBJECT: Final = (_is_object, "an object")
_A_TIME: Final = (_is_time, "a time such as 2024-05-01T10:00:00Z")
_A_PERCENTAGE: Final = (_is_percentage, "a number from 0 to 100")
_A_BOX: Final = (_numbers(4, 6), "a list of 4 or 6 numbers")

_BOTH: Final[dict[str, _Rule]] = {"stac_version": _A_TEXT, "stac_extensions": _TEXTS}
_ITEM: Final[dict[str, _Rule]] = {
    **_BOTH,
    "bbox": _A_BOX,
    "geometry": (_is_geometry, "a GeoJSON geometry"),
}
_COLLECTION: Final[dict[str, _Rule]] = {
    **_BOTH,
    **dict.fromkeys(("title", "description", "license"), _A_TEXT),
    "keywords": _TEXTS,
    "providers": _OBJECTS,
    "summaries": _AN_OBJECT,
    "extent": (_is_extent, "boxes of numbers and intervals of times"),
}
_OF_BOTH: Final[dict[str, _Rule]] = {  # of properties and of assets
    **dict.fromkeys(("title", "description", "proj:code", "proj:wkt2"), _A_TEXT),
    "gsd": _A_NUMBER,
    "proj:epsg": (_is_count, "a whole number"),
    "proj:shape": (_is_shape, "two whole numbers"),
    "proj:transform": (_numbers(6, 9), "a list of 6 or 9 numbers"),
    "proj:bbox": _A_BOX,
    "proj:geometry": (_is_geometry, "a GeoJSON geometry"),
    **dict.fromkeys(("bands", "eo:bands", "raster:bands", "classification:classes"), _OBJECTS),
}
_PROPERTIES: Final[dict[str, _Rule]] = {
    **_OF_BOTH,
    **dict.fromkeys(("datetime", "start_datetime", "end_datetime"), _A_TIME),
    **dict.fromkeys(("created", "updated", "published", "expires", "unpublished"), _A_TIME),
    **dict.fromkeys(("platform", "constellation", "mission", "license"), _A_TEXT),
    **dict.fromkeys(("instruments", "keywords"), _TEXTS),
    "providers": _OBJECTS,
    **dict.fromkeys(("eo:cloud_cover", "eo:snow_cover"), _A_PERCENTAGE),
    **dict.fromkeys(("view:sun_azimuth", "view:sun_elevation", "view:incidence_angle"), _A_NUMBER),
    **dict.fromkeys(("view:azimuth", "view:off_nadir"), _A_NUMBER),
}
_ASSET: Final[dict[str, _Rule]] = {
    **_OF_BOTH,
    "type": _A_TEXT,
    "roles": _TEXTS,
    "file:size": (_is_count, "a whole number"),
    "file:checksum": _A_TEXT,
}
