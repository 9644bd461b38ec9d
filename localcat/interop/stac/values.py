"""Single values: what a property of an Item says, and which attribute that is."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from localcat.errors import LocalcatError
from localcat.timestamps import from_microseconds, to_microseconds

ANY_TIME = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
"""What an Item says of a time that is not known: STAC asks for a period then, and it may be any time."""


@dataclass(frozen=True, slots=True)
class Value:
    """A property of an Item that is an attribute of an image.

    Parameters
    ----------
    attribute, property : str
        Its two names.
    read : callable
        Returns the attribute's value for the property's, or None if it cannot be one.
    write : callable
        Returns the property's value for the attribute's, or None if the schema does not allow it. Where it does not
        lead back to the attribute's, as not all percents do, the Item says that, too.
    extension : str, optional
        The extension that defines the property.
    limits : tuple of float, optional
        The least and the largest number that the property may be; in its unit.
    """

    attribute: str
    property: str
    read: Callable[[Any], Any]
    write: Callable[[Any], Any]
    extension: str | None = None
    limits: tuple[float, float] | None = None


def is_number(value: Any) -> bool:
    """Return whether a JSON value is a finite number that a float can be."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number of 400 digits
        return False


def is_size(value: Any) -> bool:
    """Return whether a JSON value is a whole number above 0 of at most 64 bits, as a number of pixels is."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63


def read_time(value: Any) -> int | None:
    """Return the microseconds of a time, or None for what is not one."""
    try:
        return to_microseconds(value) if isinstance(value, str) and value else None
    except LocalcatError:
        return None


def write_time(value: Any) -> str:
    """Return a time as RFC 3339 in UTC."""
    return from_microseconds(to_microseconds(value)).isoformat().replace("+00:00", "Z")


def _read_published(value: Any) -> Any:
    microseconds = read_time(value)
    return None if microseconds is None else from_microseconds(microseconds)


def _read_percent(value: Any) -> float | None:
    return float(Decimal(repr(value)) / 100) if is_number(value) and 0 <= value <= 100 else None


def _write_percent(fraction: float) -> float:
    return float(Decimal(repr(fraction)) * 100)


def _within(attribute: str, property: str, low: float, high: float) -> Value:
    """Return an angle of the view extension."""

    def checked(value: Any) -> float | None:
        return float(value) if is_number(value) and low <= value <= high else None

    return Value(attribute, f"view:{property}", checked, checked, "view", (low, high))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value and "\x00" not in value else None


def _texts(value: Any) -> list[str] | None:
    fits = isinstance(value, list) and 0 < len(value) <= 32 and all(_text(item) for item in value)
    return list(value) if fits and all(len(item.encode("utf-8", "surrogatepass")) <= 1000 for item in value) else None


VALUES = (
    Value("published", "published", _read_published, write_time, "timestamps"),
    Value("cloud_fraction", "eo:cloud_cover", _read_percent, _write_percent, "eo"),
    Value("satellite_id", "platform", _text, _text),
    _within("solar_azimuth_angle", "sun_azimuth", 0, 360),
    _within("solar_elevation_angle", "sun_elevation", -90, 90),
    _within("incidence_angle", "incidence_angle", 0, 90),
    _within("azimuth_angle", "azimuth", 0, 360),
    _within("view_angle", "off_nadir", 0, 90),
    Value("tags", "keywords", _texts, _texts),
)
"""In the order in which Items have them. Schemas: https://github.com/stac-extensions"""


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_moment(value: Any) -> bool:
    return isinstance(value, str) and _RFC3339.fullmatch(value) is not None


def _are(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and value != [] and all(isinstance(one, kind) for one in value)


def _is_provider(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _is_text(value.get("name"))
        and all(isinstance(value.get(name, ""), str) for name in ("description", "url"))
        and isinstance(value.get("roles", []), list)
        and all(role in _ROLES for role in value.get("roles", []))
    )


def _are_providers(value: Any) -> bool:
    return _are(dict)(value) and all(_is_provider(one) for one in value)


def _is_statistics(value: Any) -> bool:
    if not isinstance(value, dict) or not value:
        return False
    count, percent = value.get("count", 0), value.get("valid_percent", 0)
    return (
        all(is_number(value.get(name, 0)) for name in ("minimum", "maximum", "mean", "stddev"))
        and (is_number(count) and count >= 0 and count == int(count))
        and (is_number(percent) and 0 <= percent <= 100)
    )


_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_LICENSE = re.compile(r"[\w.+-]+")
_ROLES = ("producer", "licensor", "processor", "host")
_DATA_TYPES = (
    *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
    *("float16", "float32", "float64", "cint16", "cint32", "cfloat32", "cfloat64", "other"),
)
_COMMON: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("title", "description", "constellation", "mission", "unit"), _is_text),
    **dict.fromkeys(("created", "updated"), _is_moment),
    "license": lambda value: isinstance(value, str) and _LICENSE.fullmatch(value) is not None,
    "data_type": lambda value: value in _DATA_TYPES,
    "gsd": lambda value: is_number(value) and value > 0,
    "nodata": lambda value: is_number(value) or value in ("nan", "inf", "-inf"),
    **dict.fromkeys(("instruments", "roles"), _are(str)),
    "providers": _are_providers,
    "bands": lambda value: False,  # the schema has it beside assets with bands only, and those have all that is said
    "statistics": _is_statistics,
}


def fits_stac(name: str, value: Any) -> bool:
    """Return whether a property of an Item may have a value, as far as the core of STAC says something of its name."""
    check = _COMMON.get(name)
    return check is None or check(value)
