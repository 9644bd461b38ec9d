"""The bands of a product, from what Collections and Items say of their assets."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from localcat.errors import AttributeValidationError
from localcat.interop.stac.assets import DATA_TYPES
from localcat.interop.stac.values import is_number
from localcat.models.attributes.scalars import unstorable
from localcat.models.band import Band, ClassBand, GenericBand, MicrowaveBand, SpectralBand
from localcat.models.enums import DataType

ASSUMED = DataType.UINT16
"""The data type of a band of which nothing is said; most sensors have it."""

MOST_BANDS = 1000
"""How many bands a product may get; instruments have up to some 400."""

_RASTERS = ("image/tiff", "image/vnd.stac.geotiff", "image/jp2", "image/x.geotiff", "application/x-geotiff")
_RASTER_NAMES = re.compile(r"\.(tiff?|jp2|j2k)$", re.IGNORECASE)
_NOT_DATA = {"thumbnail", "overview", "metadata"}
_BY_NAME = {name: data_type for data_type, name in DATA_TYPES.items()}
_WIDER = {"int8": DataType.INT16, "float16": DataType.FLOAT32, "int64": DataType.FLOAT64, "uint64": DataType.FLOAT64}
_WHOLE = {
    DataType.BYTE: (0, 255),
    DataType.UINT16: (0, 65535),
    DataType.INT16: (-32768, 32767),
    DataType.UINT32: (0, 2**32 - 1),
    DataType.INT32: (-(2**31), 2**31 - 1),
}
_LONGEST_NAME = 200
_ROUNDED = 1e-6  # part of a physical range by which it may differ


def assets_with_bands(item_assets: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the assets that hold pixels, by key, of several sets of assets: in the order in which they are met."""
    found: dict[str, Mapping[str, Any]] = {}
    for assets in item_assets:
        for key, asset in assets.items():
            if key not in found and isinstance(asset, dict) and _holds_pixels(asset) and unstorable(key) is None:
                found[key] = asset
    return found


def bands_of_assets(
    assets: Mapping[str, Mapping[str, Any]], taken: Iterable[str] = (), *, first: int = 0
) -> tuple[list[tuple[type[Band], dict[str, Any]]], list[str]]:
    """Return the bands in assets, a class and attributes each, and the names of those whose data type is assumed.

    `taken` are names that other bands of the product have, `first` is the position of the first file.
    """
    made: list[tuple[type[Band], dict[str, Any]]] = []
    assumed: list[str] = []
    names = set(taken)
    for position, (key, asset) in enumerate(assets.items(), start=first):
        entries = _entries(asset)
        for index, said in enumerate(entries):
            name = _name(key, said, len(entries), names)
            names.add(name)
            if _data_type(said) is None:
                assumed.append(name)
            kind = _kind(said)
            place = {"name": name, "file_index": position, "band_index": index}
            made.append((kind, {**place, **_possible(kind, _attributes(said, kind))}))
    return made, assumed


def scaled_otherwise(bands: Sequence[Band], keys: Sequence[str], assets: Mapping[str, Any]) -> list[str]:
    """Return the names of the bands of which the assets of an Item state another scale or offset than they have."""
    found = []
    names = [band.name for band in bands]
    for position, key in enumerate(keys):
        asset = assets.get(key)
        entries = _entries(asset) if isinstance(asset, dict) else []
        by_name = {entry["name"]: entry for entry in entries if entry.get("name") in names}
        by_position = {at: entry for at, entry in enumerate(entries) if entry not in by_name.values()}
        for band in bands:
            if not isinstance(band, SpectralBand | MicrowaveBand | GenericBand) or band.data_range is None:
                continue
            if band.file_position != position:
                continue
            # An asset may say nothing of some bands of its file, so that names count before positions.
            entry = by_name.get(str(band.name)) or by_position.get(band.position)
            stated = None if entry is None else _physical_range(entry, band.data_range)
            have = band.physical_range
            if stated is not None and (have is None or not _are_close(stated, have)):
                found.append(str(band.name))
    return found


def _possible(kind: type[Band], attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a band can have of what is said of it; the rest stays in the Collection that is kept."""
    found = {}
    for name, value in attributes.items():
        try:
            found[name] = kind._attributes[name].coerce(value)
        except AttributeValidationError:
            continue
    return found


def _holds_pixels(asset: Mapping[str, Any]) -> bool:
    roles = asset.get("roles")
    if isinstance(roles, list) and _NOT_DATA.intersection(role for role in roles if isinstance(role, str)):
        return False
    kind, href = asset.get("type"), asset.get("href")
    if isinstance(kind, str) and kind:
        return kind.partition(";")[0].strip().lower() in _RASTERS
    if isinstance(href, str) and _RASTER_NAMES.search(href.partition("?")[0]):
        return True
    return any(isinstance(asset.get(name), list) for name in ("eo:bands", "raster:bands", "bands"))


def _entries(asset: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what is said of each band of an asset, under the names of STAC 1.1 with those of the extensions."""
    lists = {name: asset.get(name) for name in ("bands", "eo:bands", "raster:bands")}
    most = max([len(found) for found in lists.values() if isinstance(found, list)] or [1]) or 1
    count = min(most, MOST_BANDS + 1)
    common = {name: asset[name] for name in _COMMON if name in asset}
    entries = []
    for index in range(count):
        entry = dict(common)
        for name, found in lists.items():
            one = found[index] if isinstance(found, list) and index < len(found) else None
            if isinstance(one, dict):
                prefix = name.removesuffix("bands")  # 'eo:' for 'eo:bands', and none for those of STAC 1.1
                entry |= {_known(prefix, field): value for field, value in one.items() if isinstance(field, str)}
        entries.append(entry)
    return entries


_COMMON: tuple[str, ...] = (
    "data_type",
    "nodata",
    "unit",
    "gsd",
    "raster:scale",
    "raster:offset",
    "raster:spatial_resolution",
)
_COMMON += ("classification:classes", "sar:polarizations", "roles", "title", "eo:common_name", "eo:center_wavelength")
_PLAIN = {"name", "description", "data_type", "nodata", "unit", "statistics", "classification:classes", "gsd"}


def _known(prefix: str, field: str) -> str:
    return field if not prefix or field in _PLAIN or ":" in field else f"{prefix}{field}"


def _name(key: str, said: Mapping[str, Any], count: int, taken: set[str]) -> str:
    own = said.get("name")
    wanted = key if count == 1 or not isinstance(own, str) or not own else own
    name = Band.make_valid_name(wanted)[:_LONGEST_NAME] or "band"
    for other in (name, Band.make_valid_name(f"{key}_{wanted}")[:_LONGEST_NAME]):
        if other not in taken:
            return other
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def _data_type(said: Mapping[str, Any]) -> DataType | None:
    stated = said.get("data_type")
    return _BY_NAME.get(stated) or _WIDER.get(stated) if isinstance(stated, str) else None


def _attributes(said: Mapping[str, Any], kind: type[Band]) -> dict[str, Any]:
    data_type = _data_type(said) or ASSUMED
    data_range = _range(said, data_type)
    found: dict[str, Any] = {"data_type": data_type.value, "data_range": data_range}
    nodata = said.get("nodata")
    number = float(str(nodata)) if is_number(nodata) or nodata == "nan" else None
    if number is not None and data_type.holds(number):
        found["nodata"] = number
    for name in ("description", "title"):
        if isinstance(said.get(name), str) and said[name] and "\x00" not in said[name]:
            found["description"] = said[name][:80_000]
            break
    resolution = next((said[name] for name in ("raster:spatial_resolution", "gsd") if is_number(said.get(name))), 0)
    if resolution > 0:
        found["resolution"] = f"{float(resolution)} meters"
    return found | _of_kind(kind, said, data_range)


def _kind(said: Mapping[str, Any]) -> type[Band]:
    if said.get("classification:classes"):
        return ClassBand
    if said.get("sar:polarizations"):
        return MicrowaveBand
    if said.get("eo:common_name") or is_number(said.get("eo:center_wavelength")):
        return SpectralBand
    return GenericBand


def _of_kind(kind: type[Band], said: Mapping[str, Any], data_range: Sequence[float]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if kind is ClassBand:
        return _classes(said["classification:classes"])
    physical = _physical_range(said, data_range)
    if physical is not None:
        found["physical_range"] = physical
    if isinstance(said.get("unit"), str) and said["unit"]:
        found["physical_range_unit"] = said["unit"]
    if kind is SpectralBand:
        for name, field in (
            ("wavelength_nm_center", "eo:center_wavelength"),
            ("wavelength_nm_fwhm", "eo:full_width_half_max"),
        ):
            if is_number(said.get(field)) and said[field] > 0:
                found[name] = round(said[field] * 1000, 6)  # nanometres
    return found


def _physical_range(said: Mapping[str, Any], data_range: Sequence[float]) -> tuple[float, float] | None:
    """Return what a range of stored values means by a stated scale and offset; None if neither is stated."""
    scale, offset = said.get("raster:scale"), said.get("raster:offset")
    if not (is_number(scale) or is_number(offset)):
        return None
    by, plus = (float(str(value)) if is_number(value) else default for value, default in ((scale, 1.0), (offset, 0.0)))
    low, high = (float(end) * by + plus for end in data_range)
    return low, high


def _are_close(one: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether two ranges differ by the rounding of a scale alone."""
    return math.dist(one, other) <= _ROUNDED * max(abs(one[1] - one[0]), abs(other[1] - other[0]))


def _classes(classes: Any) -> dict[str, Any]:
    labels: dict[int, str] = {}
    colors: dict[int, tuple[int, int, int, int]] = {}
    for one in classes if isinstance(classes, list) else ():
        value = one.get("value") if isinstance(one, dict) else None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 65536:
            continue
        label = next((one[name] for name in ("title", "description", "name") if isinstance(one.get(name), str)), None)
        if label is not None and "\x00" not in label:
            labels[value] = label
        hint = one.get("color_hint")
        if isinstance(hint, str) and re.fullmatch("[0-9A-Fa-f]{6}", hint):
            colors[value] = (int(hint[:2], 16), int(hint[2:4], 16), int(hint[4:], 16), 255)
    found: dict[str, Any] = {}
    if labels:
        found["class_labels"] = [labels.get(value) for value in range(max(labels) + 1)]
    if colors:
        found["colormap"] = [colors.get(value, (0, 0, 0, 0)) for value in range(max(colors) + 1)]
    return found


def _range(said: Mapping[str, Any], data_type: DataType) -> tuple[float, float]:
    statistics = said.get("statistics")
    if data_type in _WHOLE:
        return _WHOLE[data_type]
    if isinstance(statistics, dict):
        low, high = statistics.get("minimum"), statistics.get("maximum")
        if is_number(low) and is_number(high) and low <= high:  # type: ignore[operator]  # numbers
            return float(low), float(high)  # type: ignore[arg-type]
    return (0.0, 1.0)
