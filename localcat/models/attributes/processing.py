"""How bands are processed and derived: stored and given back, never computed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from localcat.errors import AttributeValidationError, BadRequestError
from localcat.expressions.names import brief
from localcat.expressions.numbers import is_int64
from localcat.expressions.numbers import number as number_of
from localcat.models.attributes.checked import CheckedDict, CheckedList
from localcat.models.attributes.mappings import MappingValue
from localcat.models.attributes.scalars import real, unstorable
from localcat.models.attributes.structured import Structured
from localcat.models.enums import DataType


@dataclass(slots=True, eq=False)
class ProcessingStepAttribute(MappingValue):
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

    def require_complete(self) -> None:
        """Refuse a step without a function."""
        self._require_set("function")

    def _checked(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        if name == "data_type":
            if value not in list(DataType):
                raise AttributeValidationError(f"data_type of a processing step is a DataType, not {value!r}")
            return DataType(value).value
        if name.endswith("_range"):
            return _pair(name, value)
        if name == "index":
            whole = number_of(value)
            if not isinstance(whole, int) or not is_int64(whole):
                raise AttributeValidationError(f"index of a processing step is a whole number, not {brief(value)}")
            return whole
        return _text(f"{name} of a processing step", value)


@dataclass(slots=True, eq=False)
class DerivedParamsAttribute(MappingValue):
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

    def require_complete(self) -> None:
        """Refuse parameters without a function or without bands."""
        self._require_set("function", "bands")

    def _checked(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        if name != "bands":
            return _text(f"{name} of derived_params", value)
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise AttributeValidationError(f"bands of derived_params is a list of names, not {value!r}")
        return CheckedList(_band_names(value), _band_names)


Derivation: TypeAlias = DerivedParamsAttribute | Mapping[str, Any]
"""What may be assigned to derived params."""


class DerivedParams(Structured[DerivedParamsAttribute, Derivation]):
    """The attribute that holds a `DerivedParamsAttribute`."""

    type_name = "DerivedParamsAttribute"

    def coerce(self, value: Any) -> DerivedParamsAttribute:
        return DerivedParamsAttribute.parse(value)

    def load(self, stored: Any) -> DerivedParamsAttribute:
        return DerivedParamsAttribute.from_stored(json.loads(stored))

    def to_json(self, value: Any) -> Any:
        return DerivedParamsAttribute.parse(value.to_mapping()).to_mapping()  # a copy, its list of bands checked again


class ProcessingLevelsAttribute(CheckedDict[Any]):
    """Processing levels by name: the name of another level, or a list of steps.

    Parameters
    ----------
    levels : mapping, optional
        Levels by name; more of them by keyword. Steps may be mappings.

    Raises
    ------
    AttributeValidationError
        If a level is neither, when it is made and when one is put in.
    """

    __slots__ = ()

    MOST_ALIASES: ClassVar[int] = 10  # followed in a row
    OPTIONAL: ClassVar[tuple[str, ...]] = ("default", "toa", "surface")  # need no entry: no steps

    def __init__(self, levels: Mapping[str, Any] | None = None, **more: Any) -> None:
        super().__init__(_levels({**(levels or {}), **more}), _levels)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)

    def steps(self, name: str) -> list[ProcessingStepAttribute]:
        """Return the steps of a level, following names of other levels; none for a standard level without an entry.

        Raises
        ------
        BadRequestError
            If a name leads to no level, or in a circle.
        """
        if name not in self and name in self.OPTIONAL:
            return []
        *_, level = self._chain(name)
        steps: list[ProcessingStepAttribute] = level
        return steps

    def _chain(self, name: str) -> Iterator[Any]:
        for _ in range(self.MOST_ALIASES + 1):
            if name not in self:
                raise BadRequestError(f"there is no processing level {name!r}; there are {', '.join(self) or 'none'}")
            level = self[name]
            yield level
            if not isinstance(level, str):
                return
            name = level
        raise BadRequestError(f"the processing levels lead in an infinite loop at {name!r}")


Levels: TypeAlias = (
    ProcessingLevelsAttribute | Mapping[str, str | Iterable[ProcessingStepAttribute | Mapping[str, Any]]]
)
"""What may be assigned to processing levels."""


class ProcessingLevels(Structured[ProcessingLevelsAttribute, Levels]):
    """The attribute that holds a `ProcessingLevelsAttribute`."""

    type_name = "ProcessingLevelsAttribute"

    def coerce(self, value: Any) -> ProcessingLevelsAttribute:
        if isinstance(value, ProcessingLevelsAttribute):
            return value  # several bands may share one
        if not isinstance(value, Mapping):
            raise self.refuse(value, "is a mapping of level names to levels")
        return ProcessingLevelsAttribute(value)

    def load(self, stored: Any) -> ProcessingLevelsAttribute:
        levels = json.loads(stored)
        return ProcessingLevelsAttribute(
            {
                name: level if isinstance(level, str) else [ProcessingStepAttribute.from_stored(step) for step in level]
                for name, level in levels.items()
            }
        )

    def to_json(self, value: Any) -> Any:
        checked = ProcessingLevelsAttribute(dict(value))  # steps may have been put in as mappings
        return {
            name: level if isinstance(level, str) else [step.to_mapping() for step in level]
            for name, level in checked.items()
        }


def _levels(given: Mapping[Any, Any], count: int = 0) -> dict[str, Any]:
    """Return levels as they are kept, or refuse them."""
    return {_text("the name of a processing level", name): _level(name, level) for name, level in given.items()}


def _level(name: str, level: Any) -> Any:
    if isinstance(level, list | tuple):
        return CheckedList(_steps(level), _steps)
    if isinstance(level, str):
        return _text(f"processing level {name!r}", level)
    raise AttributeValidationError(
        f"processing level {name!r} is the name of a level or a list of steps, not {level!r}"
    )


def _steps(given: Iterable[Any], count: int = 0) -> list[ProcessingStepAttribute]:
    return [ProcessingStepAttribute.parse(step) for step in given]


def _band_names(given: Iterable[Any], count: int = 0) -> list[str]:
    return [_text("each of the bands of derived_params", band) for band in given]


def _text(what: str, value: Any) -> str:
    if not isinstance(value, str) or unstorable(value) is not None:
        raise AttributeValidationError(f"{what} is text that can be stored, not {value!r}")
    return str(value)


def _pair(name: str, value: Any) -> tuple[float, float]:
    try:
        low, high = (real(number) for number in value)
    except (TypeError, ValueError):
        low = high = None
    if (
        isinstance(value, str | bytes)
        or low is None
        or high is None
        or not math.isfinite(low)
        or not math.isfinite(high)
    ):
        raise AttributeValidationError(f"{name} of a processing step is a pair of finite numbers, not {brief(value)}")
    return low, high
