"""Images as Items, and what of an Item is which attribute of an image."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from localcat.errors import AttributeValidationError, LocalcatError
from localcat.interop.stac.assets import OWN, Layout, address_of, layout_of
from localcat.interop.stac.values import ANY_TIME, VALUES, fits_stac, is_number, is_size, read_time, write_time
from localcat.json_text import loads
from localcat.models.image import Image
from localcat.timestamps import from_microseconds

if TYPE_CHECKING:
    from localcat.models.attributes.values import File

KEPT = "stac:item"
"""The extra property with what an imported Item has beside attributes and properties of its own."""

_VERSION = "1.1.0"
_SCHEMA = "https://stac-extensions.github.io/{name}/v{version}/schema.json"
_VERSIONS = {"eo": "1.1.0", "raster": "1.1.0", "projection": "1.2.0", "view": "1.1.0", "file": "2.1.0"}
_VERSIONS |= {"timestamps": "1.1.0", "classification": "1.1.0"}
_TIMES = ("datetime", "start_datetime", "end_datetime")
_GRID = ("proj:code", "proj:epsg", "proj:wkt2", "proj:transform", "proj:shape")
_MAPPED = {*_TIMES, *_GRID, *(value.property for value in VALUES)}
_PAIRS = (("acquired", "acquired_end"), ("cs_code", "projection", "geotrans", "x_pixels", "y_pixels"))
_SINGLE = {value.attribute: value for value in VALUES}
_NOT_SAID = {"id", "name", "product_id", "created", "modified", "extra_properties", "storage_state", "files"}


def stac_item(
    image: Image, layout: Layout | None = None, *, locate: Callable[[File, Image], str] = address_of
) -> dict[str, Any]:
    """Return an image as a STAC Item.

    Parameters
    ----------
    image : Image
        Saved or not.
    layout : Layout, optional
        Of its product; looked up when left out.
    locate : callable
        Returns the href of a file.
    """
    layout = layout_of(image._catalog, str(image.product_id)) if layout is None else layout
    item = _skeleton(image, layout)
    before = _extensions(item)
    now = attributes_of(item, layout)
    _write_footprint(item, image, now.get("geometry"))
    for names in _PAIRS:
        if any(getattr(image, name) != now.get(name) for name in names):
            _write_times(item, image) if names[0] == "acquired" else _write_grid(item, image)
    for name in Image._attributes:
        is_single = name not in _NOT_SAID and name != "geometry" and not any(name in pair for pair in _PAIRS)
        if is_single and getattr(image, name) != now.get(name):
            _write_single(item, image, name)
    files: list[File] = image.files or []
    if files != now.get("files", []):
        item["assets"] = item.get("assets") or {}
        layout.write_files(item["assets"], [(file, locate(file, image)) for file in files])
    new = [schema for schema in _extensions(item) if schema not in before]
    if new:
        known = item.get("stac_extensions")
        said = known if isinstance(known, list) else []
        item["stac_extensions"] = [*said, *(schema for schema in new if schema not in said)]
    return item


def item_collection(images: Iterable[Image]) -> dict[str, Any]:
    """Return images as an ItemCollection: a GeoJSON FeatureCollection of Items."""
    layouts: dict[str, Layout] = {}
    features = []
    for image in images:
        product_id = str(image.product_id)
        if product_id not in layouts:
            layouts[product_id] = layout_of(image._catalog, product_id)
        features.append(stac_item(image, layouts[product_id]))
    return {"type": "FeatureCollection", "features": features}


def attributes_of(item: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    """Return the attributes of the image that an Item is, without id, product and extra properties.

    What cannot be an attribute is left out; nothing is lost, since the Item is kept.
    """
    properties = item["properties"]
    found: dict[str, Any] = {}
    found.update(_times_of(properties))
    found.update(_grid_of(properties, item.get("assets") or {}, layout))
    for value in VALUES:
        read = value.read(properties[value.property]) if value.property in properties else None
        if read is not None:
            found[value.attribute] = read
    for name, given in properties.items():
        attribute = Image._attributes.get(name.removeprefix(OWN)) if name.startswith(OWN) else None
        if attribute is not None and attribute.name not in _NOT_SAID:
            try:
                found[attribute.name] = attribute.coerce(given)
            except (AttributeValidationError, RecursionError):
                continue
    geometry = _geometry_of(item)
    if geometry is not None:
        found["geometry"] = geometry
    files = layout.files_of(item.get("assets") or {})
    if files:
        found["files"] = files
    return found


def not_attributes(item: Mapping[str, Any]) -> dict[str, str]:
    """Return which values of an Item cannot be those of their attributes, by property, in words."""
    properties = item["properties"]
    found: dict[str, str] = {}
    for value in VALUES:
        given = properties.get(value.property)
        if given not in (None, []) and value.read(given) is None:
            limits = "" if value.limits is None else f", not from {value.limits[0]:g} to {value.limits[1]:g}"
            found[value.property] = f"{given!r:.40}{limits}"
    return found


def extra_properties_of(item: Mapping[str, Any], *, is_own: bool) -> dict[str, Any]:
    """Return the extra properties of the image that an Item is; `is_own` if its attributes say the rest."""
    properties = item["properties"]
    mine = properties.get(f"{OWN}extra_properties")
    mine = mine if isinstance(mine, dict) else {}
    extra = {**{name: value for name, value in properties.items() if not _is_apart(name)}, **mine}
    if not is_own:
        said = {name: value for name, value in properties.items() if _is_apart(name) or name in mine}
        extra[KEPT] = {**{name: value for name, value in item.items() if name != "properties"}, "properties": said}
    return extra


def _is_apart(name: str) -> bool:
    """Return whether a property of an Item is not an extra property of its own name."""
    return name in _MAPPED or name == KEPT or name.startswith(OWN)


def is_kept(value: Any) -> bool:
    """Return whether a value is what `extra_properties_of` keeps of an Item: anybody may give a property that name."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("properties"), dict)
        and isinstance(value.get("id"), str)
        and isinstance(value.get("assets") or {}, dict)
        and isinstance(value.get("links") or [], list)
    )


def _skeleton(image: Image, layout: Layout) -> dict[str, Any]:
    """Return the Item as it was imported, or a new one: what attributes say is written over it."""
    extra: dict[str, Any] = dict(image.extra_properties or {})
    kept = extra.get(KEPT)
    item: dict[str, Any]
    if is_kept(kept):
        item = copy.deepcopy(extra.pop(KEPT))
        _write_extra(item["properties"], extra, _is_apart)
        return item
    item = {
        "type": "Feature",
        "stac_version": _VERSION,
        "stac_extensions": [],
        "id": image.name,
        "geometry": None,
        "properties": {"datetime": None, "start_datetime": ANY_TIME[0], "end_datetime": ANY_TIME[1]},
        "links": [{"rel": "collection", "href": "../collection.json", "type": "application/json"}],
        "assets": {},
        "collection": layout.collection_id,
    }
    for name, moment in (("created", image.created), ("updated", image.modified)):
        if moment is not None:
            item["properties"][name] = write_time(moment)
    _write_extra(item["properties"], extra, lambda name: _is_apart(name) or not fits_stac(name, extra[name]))
    return item


def _write_extra(properties: dict[str, Any], extra: Mapping[str, Any], is_hidden: Callable[[str], bool]) -> None:
    """Write extra properties under their names, and those that an Item cannot have so under one of our own."""
    own = f"{OWN}extra_properties"
    known = properties.get(own, {})
    if not isinstance(known, dict):  # a stranger's
        known = {}
    hidden = {name: value for name, value in known.items() if name in extra or name == KEPT}
    for name, value in extra.items():
        if name in known or is_hidden(name):
            hidden[name] = value
        else:
            properties[name] = value
    if hidden:
        properties[own] = hidden
    elif known:
        del properties[own]


# Times


def _times_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    moment, start, end = (read_time(properties.get(name)) for name in _TIMES)
    if moment is None and properties.get("start_datetime") == ANY_TIME[0]:  # the period has no known beginning
        start = None
        if properties.get("end_datetime") == ANY_TIME[1]:
            return {}
    first = start if moment is None else moment
    found = {} if first is None else {"acquired": from_microseconds(first)}
    if end is not None and (first is None or end >= first):
        found["acquired_end"] = from_microseconds(end)
    return found


def _write_times(item: dict[str, Any], image: Image) -> None:
    properties = item["properties"]
    for name in _TIMES[1:]:
        properties.pop(name, None)
    properties["datetime"] = None if image.acquired is None else write_time(image.acquired)
    if image.acquired_end is not None:
        properties["end_datetime"] = write_time(image.acquired_end)
        properties["start_datetime"] = properties["datetime"] or ANY_TIME[0]
    elif image.acquired is None:
        properties["start_datetime"], properties["end_datetime"] = ANY_TIME


# The grid


def _grid_of(properties: Mapping[str, Any], assets: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    found: dict[str, Any] = {}
    said = {**layout.finest_grid(assets), **{name: properties[name] for name in _GRID if name in properties}}
    code, epsg, wkt = said.get("proj:code"), said.get("proj:epsg"), said.get("proj:wkt2")
    if isinstance(code, str) and code:
        found["cs_code"] = code
    elif isinstance(epsg, int) and not isinstance(epsg, bool):
        found["cs_code"] = f"EPSG:{epsg}"
    elif isinstance(wkt, str) and wkt:
        found["projection"] = wkt
    transform, shape = said.get("proj:transform"), said.get("proj:shape")
    if isinstance(transform, list) and len(transform) in (6, 9) and all(map(is_number, transform)):
        a, b, c, d, e, f = map(float, transform[:6])  # row by row; a geotrans begins with the origin
        found["geotrans"] = (c, a, b, f, d, e)
    if isinstance(shape, list) and len(shape) == 2 and all(map(is_size, shape)):
        found["y_pixels"], found["x_pixels"] = shape
    return found


def _write_grid(item: dict[str, Any], image: Image) -> None:
    properties = item["properties"]
    for name in (*_GRID, f"{OWN}projection", f"{OWN}x_pixels", f"{OWN}y_pixels"):
        properties.pop(name, None)
    code, projection = image.cs_code, image.projection
    if code is not None:
        properties["proj:code"] = code
        authority, _, number = code.partition(":")
        if authority == "EPSG" and number.isdecimal():
            properties["proj:epsg"] = int(number)
    if projection is not None and code is None and projection.lstrip().upper().startswith(_WKT):
        properties["proj:code"], properties["proj:wkt2"] = None, projection
    elif projection is not None:
        properties[f"{OWN}projection"] = projection
    if image.geotrans is not None:
        c, a, b, f, d, e = image.geotrans
        properties["proj:transform"] = [a, b, c, d, e, f]
    if image.x_pixels is not None and image.y_pixels is not None:
        properties["proj:shape"] = [image.y_pixels, image.x_pixels]
    elif image.x_pixels is not None:
        properties[f"{OWN}x_pixels"] = image.x_pixels
    elif image.y_pixels is not None:
        properties[f"{OWN}y_pixels"] = image.y_pixels


_WKT = ("PROJC", "GEOGC", "GEODC", "COMPOUNDC", "BOUNDC", "PROJCS", "GEOGCS", "ENGCRS", "DERIVEDPROJCRS")


# The footprint


def _geometry_of(item: Mapping[str, Any]) -> Any:
    given = item.get("geometry")
    if given is None:
        return None
    from localcat.earth.geometry import as_geometry

    feature = {"type": "Feature", "geometry": given, "bbox": item.get("bbox")}  # which says which way around it goes
    try:
        return as_geometry(feature, of=f"Item {str(item.get('id'))[:100]!r}")
    except LocalcatError:
        return None


def _write_footprint(item: dict[str, Any], image: Image, now: Any) -> None:
    geometry = image.geometry
    if geometry is None:
        if now is not None:
            item["geometry"] = None
            item.pop("bbox", None)
    elif now is None or not geometry.equals_exact(now, 0):
        item["geometry"] = loads(_geojson(geometry))
        item["bbox"] = _bbox(geometry)


def _geojson(geometry: Any) -> str:
    import shapely

    return str(shapely.to_geojson(geometry))


def _bbox(geometry: Any) -> Sequence[float]:
    """Return the box of a footprint; across the antimeridian its west is above its east (RFC 7946, section 5.2)."""
    from localcat.earth.geometry import footprint_box

    west, east, south, north = footprint_box(geometry)
    return [west, south, east - 360 if east > 180 else east, north]


# All others


def _write_single(item: dict[str, Any], image: Image, name: str) -> None:
    properties = item["properties"]
    known, own = _SINGLE.get(name), f"{OWN}{name}"
    properties.pop(own, None)
    if known is not None:
        properties.pop(known.property, None)
    given = getattr(image, name)
    if given is None:
        return
    written = None if known is None else known.write(given)
    if known is not None and written is not None:
        properties[known.property] = written
    if known is None or written is None or known.read(written) != given:
        properties[own] = Image._attributes[name].to_json(given)


def _extensions(item: Mapping[str, Any]) -> list[str]:
    """Return the schemas of the extensions whose fields an Item has."""
    assets = item.get("assets")
    holders = [item["properties"], *(asset for asset in (assets or {}).values() if isinstance(asset, dict))]
    for asset in holders[1:]:
        bands = asset.get("bands")
        holders += [band for band in (bands if isinstance(bands, list) else ()) if isinstance(band, dict)]
    prefixes = {name.partition(":")[0] for holder in holders for name in holder if ":" in name}
    used = {"projection" if prefix == "proj" else prefix for prefix in prefixes}
    if "published" in item["properties"]:
        used.add("timestamps")
    return [_SCHEMA.format(name=name, version=_VERSIONS[name]) for name in sorted(used & _VERSIONS.keys())]
