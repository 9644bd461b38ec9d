"""Structured values of attributes: resolutions, files, colours and labels."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

from localcat.disk.paths import is_local
from localcat.errors import AttributeValidationError, BadRequestError
from localcat.expressions.fields import Kind, Scalar
from localcat.expressions.names import brief
from localcat.expressions.numbers import is_int64
from localcat.expressions.numbers import number as number_of
from localcat.models.attributes.given import Colors, TextsOrNone
from localcat.models.attributes.mappings import MappingValue
from localcat.models.attributes.scalars import Settable, Stored, real, unstorable
from localcat.models.attributes.structured import Structured
from localcat.models.enums import ResolutionUnit

METRES_PER_DEGREE = 111_111.0  # of latitude; the original's rule for comparing the two units

_RESOLUTION_TEXT = re.compile(
    r"\s*(?P<value>[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)\s*(?P<unit>[^\W\d_]+|°)\.?\s*"
)
_UNITS = {
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), ResolutionUnit.METERS.value),
    **dict.fromkeys(("°", "deg", "degree", "degrees"), ResolutionUnit.DEGREES.value),
}


@dataclass(slots=True, eq=False)
class Resolution(MappingValue):
    """The size of a pixel on the ground; also a mapping with the keys ``value`` and ``unit``.

    One may be given to several bands; changing it then changes it for all of them. ``Resolution()`` is empty and can be
    filled; bands and filters take it when it has both parts.

    Parameters
    ----------
    value : float or str
        The size, in `unit`; or both in one string, such as ``"60m"`` or ``"0.5 deg."``. None as long as it is unset.
    unit : ResolutionUnit or str
        ``"meters"`` or ``"degrees"``; it reads back as plain text. None as long as it is unset.

    Raises
    ------
    AttributeValidationError
        If the value is not a finite number or the unit is unknown, when it is made and when one is changed.
    """

    value: float
    unit: str

    def __init__(self, value: float | str | None = None, unit: ResolutionUnit | str | None = None) -> None:
        if isinstance(value, str) and unit is None:
            self["value"], self["unit"] = _parts_of(value)
        else:
            self["value"], self["unit"] = value, unit

    def _checked(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        return _size(value) if name == "value" else _unit(value)

    def require_complete(self) -> None:
        """Refuse a resolution that lacks its value or its unit."""
        self._require_set("value", "unit")

    @classmethod
    def _of_mapping(cls, value: Any) -> Self:
        if isinstance(value, Mapping) and set(value) == {"value", "unit"}:
            return cls(**value)
        if isinstance(value, str):
            return cls(value)
        raise _no_resolution(value)

    @property
    def metres(self) -> float:
        """The size in metres, at 111,111 m to the degree."""
        return self.value * METRES_PER_DEGREE if self.unit == ResolutionUnit.DEGREES else self.value


PixelSize: TypeAlias = Resolution | Mapping[str, Any] | str
"""What may be assigned to a resolution."""


def _parts_of(text: str) -> tuple[float, str]:
    """Return the value and the unit that a string such as ``"60m"`` means."""
    match = _RESOLUTION_TEXT.fullmatch(text)
    if match is None or match["unit"].lower() not in _UNITS:
        raise _no_resolution(text)
    return float(match["value"]), match["unit"]


def _no_resolution(value: object) -> AttributeValidationError:
    return AttributeValidationError(
        f"a resolution is Resolution(value=60, unit='meters') or a string such as '60m' or '0.5°', not {value!r}"
    )


def _size(value: Any) -> float:
    number = real(value)
    if number is None or not math.isfinite(number):
        raise AttributeValidationError(f"the value of a resolution is a finite number, not {brief(value)}")
    return number


def _unit(value: Any) -> str:
    unit = _UNITS.get(value.lower()) if isinstance(value, str) else None
    if unit is None:
        raise AttributeValidationError(f"the unit of a resolution is 'meters' or 'degrees', not {value!r}")
    return unit


class ResolutionAttribute(Settable[Resolution, PixelSize]):
    """A pixel size, stored as text such as ``60.0 meters``. In a filter a plain number means metres."""

    kind = Kind.NUMBER
    is_mutable = True
    type_name = "Resolution"

    def coerce(self, value: Any) -> Resolution:
        try:
            return Resolution.parse(value)
        except AttributeValidationError as error:
            raise AttributeValidationError(f"{self.name}: {error}") from error

    def dump(self, value: Any) -> Stored:
        self.coerce(value)  # again, since a resolution changes in place
        if not value.value > 0:  # only now: a string with a negative number parses
            raise self.refuse(value, "is the size of a pixel, above 0")
        return f"{value.value!r} {value.unit}"

    def load(self, stored: Any) -> Resolution:
        value, unit = stored.split(" ")
        return Resolution(float(value), unit)

    def to_json(self, value: Any) -> Any:
        return {"value": value.value, "unit": value.unit}

    def bind(self, value: object) -> Scalar:
        number = None if number_of(value) is None else real(value)
        if number is not None and math.isfinite(number):
            return number
        try:
            return Resolution.parse(value).metres
        except AttributeValidationError as error:
            raise BadRequestError(f"in a filter, {self.name}: {error}; a plain number means metres") from error

    def compared(self, value: Any) -> Any:
        return value.metres


@dataclass(slots=True, eq=False)
class File(MappingValue):
    """A file that holds pixels of an image; also a mapping of the parts that are set.

    Parameters
    ----------
    href : str, optional
        Where it is: for a file in the catalog's data folder the POSIX path relative to that folder, for one indexed in
        place its path, for a remote one its URL.
    size_bytes : int, optional
        Its size.
    hash : str, optional
        Its sha256, hexadecimal.
    provider_id, provider_href : str, optional
        How and where the provider of the image keeps it.
    owned : bool
        Whether it lies in the catalog's data folder. Only uploads make such files.

    Raises
    ------
    AttributeValidationError
        If a part is of another type, when it is made and when one is changed.
    """

    href: str | None = None
    size_bytes: int | None = None
    hash: str | None = None
    provider_id: str | None = None
    provider_href: str | None = None
    owned: bool = False

    def _checked(self, name: str, value: Any) -> Any:
        if name == "owned":
            if not isinstance(value, bool | None):
                raise AttributeValidationError(f"owned of a file is True or False, not {value!r}")
            return bool(value)
        if value is None:
            return None
        if name == "size_bytes":
            whole = number_of(value)
            if not isinstance(whole, int) or whole < 0 or not is_int64(whole):
                raise AttributeValidationError(f"size_bytes of a file is a whole number from 0, not {brief(value)}")
            return whole
        if not isinstance(value, str) or unstorable(value) is not None:
            raise AttributeValidationError(f"{name} of a file is text, not {value!r}")
        return value

    def require_complete(self) -> None:
        """Refuse a file that is nowhere, or that is in the data folder and lacks its size or hash."""
        if not self.href and not self.provider_href:
            raise AttributeValidationError("a file has a href or a provider_href")
        if self.owned and not self.is_complete:
            raise AttributeValidationError("a file in the data folder has href, size_bytes and hash")

    def __iter__(self) -> Iterator[str]:
        # Named explicitly: a dataclass with slots is a new class, which super() without arguments does not know.
        return (name for name in MappingValue.__iter__(self) if name != "owned" or self.owned)

    @property
    def is_complete(self) -> bool:
        """Whether it says all that is needed to read it: href, size and hash."""
        return bool(self.href) and self.size_bytes is not None and bool(self.hash)


Files: TypeAlias = Iterable[File | Mapping[str, Any]]
"""What may be assigned to a list of files."""


def in_place_by_content(files: Iterable[File]) -> dict[tuple[int | None, str | None], str]:
    """Return where those of some files are that are indexed in place on this machine, by size and hash."""
    return {
        (file.size_bytes, file.hash): file.href
        for file in files
        if not file.owned and file.hash is not None and file.href is not None and is_local(file.href)
    }


class FileList(Structured[list[File], Files]):
    """The files of an image, in the order that the bands' `file_index` counts; an empty list is None."""

    type_name = "list of File"

    def coerce(self, value: Any) -> list[File] | None:
        if isinstance(value, File):
            raise self.refuse(value, "is a list of files")
        files = [self._item(item) for item in self.several(value, "is a list of files")]
        if not is_int64(sum(file.size_bytes or 0 for file in files)):
            raise AttributeValidationError(f"{self.name} have sizes that add up to less than 2^63 bytes")
        return files or None

    def _item(self, value: Any) -> File:
        if not isinstance(value, File | Mapping):
            raise self.refuse(value, "holds File objects or mappings")
        try:
            return File.parse(value)
        except AttributeValidationError as error:
            raise AttributeValidationError(f"{self.name}: {error}") from error

    def dump(self, value: Any) -> Stored:
        return super().dump(value) if value else None

    def load(self, stored: Any) -> list[File]:
        return [File(**{**item, "owned": bool(item["owned"])}) for item in json.loads(stored)]

    def to_json(self, value: Any) -> Any:
        return [
            {
                "href": item.href,
                "size_bytes": item.size_bytes,
                "hash": item.hash,
                "provider_id": item.provider_id,
                "provider_href": item.provider_href,
                "owned": item.owned,
            }
            for item in value
        ]


class ColorTable(Structured[list[tuple[int, int, int, int]], Colors]):
    """Colours by pixel value: (red, green, blue, alpha), each 0 to 255."""

    type_name = "list of (red, green, blue, alpha)"

    def coerce(self, value: Any) -> list[tuple[int, int, int, int]]:
        return [self._color(color) for color in self.several(value, "is a list of colours")]

    def _color(self, color: Any) -> tuple[int, int, int, int]:
        try:
            red, green, blue, alpha = (number_of(part) for part in color)
        except (TypeError, ValueError):
            raise self.refuse(color, "holds (red, green, blue, alpha)") from None
        if not all(isinstance(part, int) and 0 <= part <= 255 for part in (red, green, blue, alpha)):
            raise self.refuse(color, "holds whole numbers from 0 to 255")
        return red, green, blue, alpha  # type: ignore[return-value]  # none is None, as was just seen

    def load(self, stored: Any) -> list[tuple[int, int, int, int]]:
        return [(red, green, blue, alpha) for red, green, blue, alpha in json.loads(stored)]

    def to_json(self, value: Any) -> Any:
        return [list(color) if isinstance(color, Iterable) else color for color in value]


class Labels(Structured[list[str | None], TextsOrNone]):
    """Texts by pixel value; None where a value has no meaning."""

    type_name = "list of str or None"

    def coerce(self, value: Any) -> list[str | None]:
        items = self.several(value, "is a list of texts")
        if not all(item is None or (isinstance(item, str) and unstorable(item) is None) for item in items):
            raise self.refuse(value, "holds texts, or None")
        return items
