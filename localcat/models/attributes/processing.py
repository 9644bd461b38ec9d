"""How bands are processed and derived: stored and given back, never computed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self, TypeVar

from localcat.errors import AttributeValidationError, BadRequestError
from localcat.expressions.names import brief
from localcat.expressions.numbers import is_int64
from localcat.expressions.numbers import number as number_of
from localcat.models.attributes.scalars import real, unstorable
from localcat.models.attributes.structured import Structured
from localcat.models.enums import DataType

Value = TypeVar("Value", bound="_MappingValue")


class _MappingValue:
    """A dataclass that can be given as a mapping, and checks its entries when they are set."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, self._checked(name, value))

    def _checked(self, name: str, value: Any) -> Any:
        """Return the value to keep for an entry, or refuse it."""
        raise NotImplementedError

    @classmethod
    def _names(cls) -> list[str]:
        return [field.name for field in fields(cls)]  # type: ignore[arg-type]  # each subclass is a dataclass

    @classmethod
    def parse(cls: type[Value], value: Any) -> Value:
        """Return the value itself, or the one that a mapping describes."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise AttributeValidationError(f"{value!r} is no {cls.__name__}; pass one, or a mapping")
        unknown = [name for name in value if name not in cls._names()]
        if unknown:
            raise AttributeValidationError(f"{cls.__name__} has no entry {unknown[0]!r}")
        return cls(**value)

    @classmethod
    def from_stored(cls, entries: Mapping[str, Any]) -> Self:
        """Return the value that the store keeps as a mapping, unchecked and without entries that are not known."""
        self = cls.__new__(cls)
        for name in cls._names():
            entry = entries.get(name)
            object.__setattr__(self, name, tuple(entry) if name.endswith("_range") and entry is not None else entry)
        return self

    def to_mapping(self) -> dict[str, Any]:
        """Return the entries that are set."""
        return {name: value for name in self._names() if (value := getattr(self, name)) is not None}


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

    def _checked(self, name: str, value: Any) -> Any:
        if name == "function":
            return _text("function of a processing step", value)
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

    def _checked(self, name: str, value: Any) -> Any:
        if name == "bands":
            if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
                raise AttributeValidationError(f"bands of derived_params is a list of names, not {value!r}")
            return [_text("each of the bands of derived_params", band) for band in value]
        if name == "source_type" and value is None:
            return None
        return _text(f"{name} of derived_params", value)


class DerivedParams(Structured[DerivedParamsAttribute]):
    """The attribute that holds a `DerivedParamsAttribute`."""

    type_name = "DerivedParamsAttribute"

    def coerce(self, value: Any) -> DerivedParamsAttribute:
        return DerivedParamsAttribute.parse(value)

    def load(self, stored: Any) -> DerivedParamsAttribute:
        return DerivedParamsAttribute.from_stored(json.loads(stored))

    def to_json(self, value: Any) -> Any:
        return DerivedParamsAttribute(**value.to_mapping()).to_mapping()  # a copy, its list of bands checked again


class ProcessingLevelsAttribute(dict[str, Any]):
    """Processing levels by name: the name of another level, or a list of steps.

    Raises
    ------
    AttributeValidationError
        If a level is neither.
    """

    MOST_ALIASES: ClassVar[int] = 10  # followed in a row
    OPTIONAL: ClassVar[tuple[str, ...]] = ("default", "toa", "surface")  # need no entry: no steps

    def __init__(self, levels: Mapping[str, Any] | None = None, **more: Any) -> None:
        super().__init__()
        for name, level in {**(levels or {}), **more}.items():
            self[name] = level

    def __setitem__(self, name: str, level: Any) -> None:
        _text("the name of a processing level", name)
        if isinstance(level, list | tuple):
            level = [ProcessingStepAttribute.parse(step) for step in level]
        elif isinstance(level, str):
            level = _text(f"processing level {name!r}", level)
        else:
            raise AttributeValidationError(
                f"processing level {name!r} is the name of a level or a list of steps, not {level!r}"
            )
        super().__setitem__(name, level)

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


class ProcessingLevels(Structured[ProcessingLevelsAttribute]):
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
