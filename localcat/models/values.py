"""Structured values of attributes: resolutions, files, processing steps."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar

from localcat.errors import AttributeValidationError, BadRequestError
from localcat.expressions.fields import Kind, Scalar
from localcat.models.attributes import Attribute, Stored, Structured, unstorable
from localcat.models.enums import DataType, ResolutionUnit

METRES_PER_DEGREE = 111_111.0  # of latitude; the original's rule for comparing the two units

_RESOLUTION_TEXT = re.compile(r"\s*(?P<value>[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)\s*(?P<unit>[^\d\s.][^\s.]*)\.?\s*")
_UNITS = {
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), ResolutionUnit.METERS),
    **dict.fromkeys(("°", "deg", "degree", "degrees"), ResolutionUnit.DEGREES),
}


@dataclass(slots=True, eq=True)
class Resolution:
    """The size of a pixel on the ground.

    Parameters
    ----------
    value : float
        The size, in `unit`.
    unit : ResolutionUnit or str
        ``"meters"`` or ``"degrees"``.
    """

    value: float
    unit: ResolutionUnit | str

    def __post_init__(self) -> None:
        if isinstance(self.value, bool) or not isinstance(self.value, int | float) or not math.isfinite(self.value):
            raise AttributeValidationError(f"the value of a resolution is a finite number, not {self.value!r}")
        unit = _UNITS.get(str(self.unit).lower())
        if unit is None:
            raise AttributeValidationError(f"the unit of a resolution is 'meters' or 'degrees', not {self.unit!r}")
        self.unit = unit

    @classmethod
    def parse(cls, value: Any) -> Resolution:
        """Return the resolution that a `Resolution`, a mapping or a text such as ``"60m"`` or ``"0.5 deg."`` means."""
        if isinstance(value, Resolution):
            return value
        if isinstance(value, Mapping) and set(value) == {"value", "unit"}:
            return cls(value["value"], value["unit"])
        if isinstance(value, str):
            match = _RESOLUTION_TEXT.fullmatch(value)
            if match is not None and match["unit"].lower() in _UNITS:
                return cls(float(match["value"]), match["unit"])
        raise AttributeValidationError(
            f"a resolution is Resolution(value=60, unit='meters') or a text such as '60m' or '0.5°', not {value!r}"
        )

    @property
    def metres(self) -> float:
        """The size in metres, at 111,111 m to the degree."""
        return self.value * METRES_PER_DEGREE if self.unit == ResolutionUnit.DEGREES else self.value


class ResolutionAttribute(Attribute[Resolution]):
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
        checked = Resolution(value.value, value.unit)  # again, since it may have been changed in place
        return f"{float(checked.value)!r} {checked.unit}"

    def load(self, stored: Any) -> Resolution:
        value, unit = stored.split(" ")
        return Resolution(float(value), unit)

    def to_json(self, value: Any) -> Any:
        return {"value": value.value, "unit": str(value.unit)}

    def bind(self, value: object) -> Scalar:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
        try:
            return Resolution.parse(value).metres
        except AttributeValidationError as error:
            raise BadRequestError(f"in a filter, {self.name}: {error}; a plain number means metres") from error

    def compared(self, value: Any) -> Any:
        return value.metres


@dataclass(frozen=True, slots=True)
class File:
    """A file that holds pixels of an image.

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
    """

    href: str | None = None
    size_bytes: int | None = None
    hash: str | None = None
    provider_id: str | None = None
    provider_href: str | None = None
    owned: bool = False

    def __post_init__(self) -> None:
        for name in ("href", "hash", "provider_id", "provider_href"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or unstorable(value) is not None):
                raise AttributeValidationError(f"{name} of a file is text, not {value!r}")
        size = self.size_bytes
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < 2**63):
            raise AttributeValidationError(f"size_bytes of a file is a whole number from 0, not {size!r}")
        if self.href is None and self.provider_href is None:
            raise AttributeValidationError("a file has a href or a provider_href")
        if self.owned and (self.href is None or self.size_bytes is None or self.hash is None):
            raise AttributeValidationError("a file in the data folder has href, size_bytes and hash")


class FileList(Structured[list[File]]):
    """The files of an image, in the order that the bands' `file_index` counts."""

    type_name = "list of File"

    def coerce(self, value: Any) -> list[File]:
        if isinstance(value, str | bytes | Mapping | File) or not isinstance(value, Iterable):
            raise self.refuse(value, "is a list of files")
        return [self._item(item) for item in value]

    def _item(self, value: Any) -> File:
        if isinstance(value, File):
            return value
        if not isinstance(value, Mapping):
            raise self.refuse(value, "holds File objects or mappings")
        try:
            return File(**value)
        except TypeError:
            raise self.refuse(value, f"holds mappings with the keys {', '.join(_names(File))}") from None
        except AttributeValidationError as error:
            raise AttributeValidationError(f"{self.name}: {error}") from error

    def dump(self, value: Any) -> Stored:
        return super().dump(self.coerce(value))

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
                "owned": int(item.owned),
            }
            for item in value
        ]


def _names(kind: type) -> list[str]:
    return [field.name for field in fields(kind)]


Value = TypeVar("Value", bound="_MappingValue")


class _MappingValue:
    """A dataclass that can be given as a mapping."""

    @classmethod
    def parse(cls: type[Value], value: Any) -> Value:
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            unknown = set(value) - set(_names(cls))
            if unknown:
                raise AttributeValidationError(f"{cls.__name__} has no entry {sorted(map(str, unknown))[0]!r}")
            return cls(**value)
        raise AttributeValidationError(f"{value!r} is no {cls.__name__}; pass one, or a mapping")

    def to_mapping(self) -> dict[str, Any]:
        """Return the entries that are set."""
        return {name: value for name in _names(type(self)) if (value := getattr(self, name)) is not None}


@dataclass(slots=True)
class ProcessingStepAttribute(_MappingValue):
    """One step in the making of a processing level; stored, not computed.

    Parameters
    ----------
    function : str
        What is done.
    parameter : str, optional
        The image attribute that the function takes.
    index : int, optional
        The position within that attribute.
    data_type : DataType or str, optional
        The type of the result.
    data_range, display_range, physical_range : pair of float, optional
        Ranges of the result.
    physical_range_unit : str, optional
        Unit of `physical_range`.
    """

    function: str | None = None
    parameter: str | None = None
    index: int | None = None
    data_type: str | None = None
    data_range: Any = None
    display_range: Any = None
    physical_range: Any = None
    physical_range_unit: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.function, str):
            raise AttributeValidationError(f"a processing step needs the name of a function, not {self.function!r}")
        if self.data_type is not None:
            if self.data_type not in list(DataType):
                raise AttributeValidationError(f"data_type of a processing step is a DataType, not {self.data_type!r}")
            self.data_type = str(DataType(self.data_type).value)


@dataclass(slots=True)
class DerivedParamsAttribute(_MappingValue):
    """How a derived band is made of others; stored, not computed.

    Parameters
    ----------
    function : str
        What is done.
    bands : list of str
        The names of the bands it takes.
    source_type : str, optional
        The data type the function reads.
    """

    function: str | None = None
    bands: Any = None
    source_type: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.function, str):
            raise AttributeValidationError(f"derived_params needs the name of a function, not {self.function!r}")
        if not isinstance(self.bands, list | tuple) or not all(isinstance(name, str) for name in self.bands):
            raise AttributeValidationError(f"derived_params needs the names of its bands, not {self.bands!r}")
        self.bands = list(self.bands)


class DerivedParams(Structured[DerivedParamsAttribute]):
    """The attribute that holds a `DerivedParamsAttribute`."""

    type_name = "DerivedParamsAttribute"

    def coerce(self, value: Any) -> DerivedParamsAttribute:
        return DerivedParamsAttribute.parse(value)

    def load(self, stored: Any) -> DerivedParamsAttribute:
        return DerivedParamsAttribute(**json.loads(stored))

    def to_json(self, value: Any) -> Any:
        return value.to_mapping()


class ProcessingLevelsAttribute(dict[str, Any]):
    """Processing levels by name: the name of another level, or a list of steps.

    Raises
    ------
    AttributeValidationError
        If a level is neither.
    """

    MOST_ALIASES: ClassVar[int] = 10  # followed in a row

    def __init__(self, levels: Mapping[str, Any] | None = None, **more: Any) -> None:
        super().__init__()
        for name, level in {**(levels or {}), **more}.items():
            self[name] = level

    def __setitem__(self, name: str, level: Any) -> None:
        if not isinstance(name, str):
            raise AttributeValidationError(f"the name of a processing level is text, not {name!r}")
        if isinstance(level, list | tuple):
            level = [ProcessingStepAttribute.parse(step) for step in level]
        elif not isinstance(level, str):
            raise AttributeValidationError(f"processing level {name!r} is the name of a level or a list of steps")
        super().__setitem__(name, level)

    def steps(self, name: str) -> list[ProcessingStepAttribute]:
        """Return the steps of a level, following names of other levels.

        Raises
        ------
        BadRequestError
            If a name leads to no level, or in a circle.
        """
        for level in self._chain(name):
            if not isinstance(level, str):
                steps: list[ProcessingStepAttribute] = level
                return steps
        return []

    def _chain(self, name: str) -> Iterator[Any]:
        for _ in range(self.MOST_ALIASES):
            if name not in self:
                raise BadRequestError(f"there is no processing level {name!r}; there are {', '.join(self) or 'none'}")
            level = self[name]
            yield level
            if not isinstance(level, str):
                return
            name = level
        raise BadRequestError(f"the processing levels lead in an infinite loop at {name!r}")


class ProcessingLevels(Structured[ProcessingLevelsAttribute]):
    """The attribute that holds a `ProcessingLevelsAttribute`."""

    type_name = "ProcessingLevelsAttribute"

    def coerce(self, value: Any) -> ProcessingLevelsAttribute:
        if not isinstance(value, Mapping):
            raise self.refuse(value, "is a mapping of level names to levels")
        return ProcessingLevelsAttribute(value)

    def load(self, stored: Any) -> ProcessingLevelsAttribute:
        return ProcessingLevelsAttribute(json.loads(stored))

    def to_json(self, value: Any) -> Any:
        return {
            name: level if isinstance(level, str) else [step.to_mapping() for step in level]
            for name, level in value.items()
        }


class ColorTable(Structured[list[tuple[int, int, int, int]]]):
    """Colours by pixel value: (red, green, blue, alpha), each 0 to 255."""

    type_name = "list of (red, green, blue, alpha)"

    def coerce(self, value: Any) -> list[tuple[int, int, int, int]]:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise self.refuse(value, "is a list of colours")
        return [self._color(color) for color in value]

    def _color(self, color: Any) -> tuple[int, int, int, int]:
        try:
            red, green, blue, alpha = (part.__index__() for part in color)
        except (TypeError, ValueError, AttributeError):
            raise self.refuse(color, "holds (red, green, blue, alpha)") from None
        if not all(0 <= part <= 255 for part in (red, green, blue, alpha)):
            raise self.refuse(color, "holds numbers from 0 to 255")
        return red, green, blue, alpha

    def load(self, stored: Any) -> list[tuple[int, int, int, int]]:
        return [(red, green, blue, alpha) for red, green, blue, alpha in json.loads(stored)]

    def to_json(self, value: Any) -> Any:
        return [list(color) for color in self.coerce(value)]


class Labels(Structured[list[str | None]]):
    """Texts by pixel value; None where a value has no meaning."""

    type_name = "list of str or None"

    def coerce(self, value: Any) -> list[str | None]:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise self.refuse(value, "is a list of texts")
        items = list(value)
        if not all(item is None or (isinstance(item, str) and unstorable(item) is None) for item in items):
            raise self.refuse(value, "holds texts, or None")
        return items

    def dump(self, value: Any) -> Stored:
        return super().dump(self.coerce(value))
