"""The attributes of catalog objects: one small family of descriptors.

Each attribute is declared once, in the body of its class. Its column, its filter field, its validation, its
serialisation and its line in the documentation derive from that declaration.

A value has three forms: what a user assigns; what the object holds and gives back; what the store keeps (text, integer,
real or bytes). `coerce` leads from the first to the second and refuses what does not fit, `dump` and `load` lead from
the second to the third and back.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Never, Protocol, Self, TypeVar, overload

from localcat.errors import AttributeValidationError, BadRequestError
from localcat.expressions.fields import Field, Kind, Scalar
from localcat.expressions.numbers import LEAST_INT64, MOST_INT64, is_int64, plain
from localcat.expressions.numbers import number as number_of
from localcat.models.attributes.given import Moment, Outline, Real, Whole
from localcat.timestamps import from_microseconds, many_from_microseconds, to_microseconds

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry


T = TypeVar("T")
S = TypeVar("S", contravariant=True)
Stored = str | int | float | bytes | None


class AttributeOwner(Protocol):
    """What an attribute asks of the object it belongs to."""

    _values: dict[str, Any]

    def _read(self, attribute: Attribute[Any]) -> Any: ...
    def _assign(self, attribute: Attribute[Any], value: Any) -> None: ...


class Attribute(Generic[T]):
    """One attribute of a class of catalog objects.

    Parameters
    ----------
    doc : str
        What it means, with its unit.
    filterable, sortable : bool
        Whether the original documents it so; localcat filters and sorts by every scalar attribute.
    readonly : bool
        Set by the catalog alone.
    immutable : bool
        Can be set once.
    required : bool
        Must be set before the object can be saved.
    """

    kind: ClassVar[Kind] = Kind.TEXT
    is_mutable: ClassVar[bool] = False  # whether a value can be changed in place
    type_name: ClassVar[str] = "str"  # in messages and in the documentation

    def __init__(
        self,
        doc: str = "",
        *,
        filterable: bool = False,
        sortable: bool = False,
        readonly: bool = False,
        immutable: bool = False,
        required: bool = False,
    ) -> None:
        self.doc = doc
        self.filterable = filterable
        self.sortable = sortable
        self.readonly = readonly
        self.immutable = immutable
        self.required = required
        self.name = ""
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: AttributeOwner, owner: type) -> T | None: ...
    def __get__(self, instance: AttributeOwner | None, owner: type) -> Self | T | None:
        if instance is None:
            return self
        values, name = instance._values, self.name
        value: T | None = values[name] if name in values else instance._read(self)
        return value

    def __set__(self, instance: AttributeOwner, value: Never) -> None:  # what can be set is a `Settable`
        instance._assign(self, value)

    def __delete__(self, instance: AttributeOwner) -> None:
        instance._assign(self, None)

    def coerce(self, value: Any) -> Any:
        """Return the value that the object holds for what a user assigned; None is handled by the caller.

        Raises
        ------
        AttributeValidationError
            If the value does not fit.
        """
        raise NotImplementedError

    def held(self, value: Any) -> Any:
        """Return a value as an object holds it: lists and dictionaries check what is put into them."""
        return value

    def dump(self, value: Any) -> Stored:
        """Return the stored form of a value that `coerce` let through; None is handled by the caller."""
        stored: Stored = value
        return stored

    def to_stored(self, value: Any) -> Stored:
        """Return the stored form of what a user assigned, as `dump` of `coerce`; None is handled by the caller."""
        return self.dump(self.coerce(value))

    def load(self, stored: Any) -> T:
        """Return the value of a stored form; None is handled by the caller."""
        value: T = stored
        return value

    def load_many(self, stored: Sequence[Any]) -> Sequence[T | None]:
        """Return the values of several stored forms, None for None; one that is damaged spoils all."""
        load = self.load
        return [None if one is None else load(one) for one in stored]

    def same_stored(self, one: Stored, other: Stored) -> bool:
        """Return whether two stored forms, None included, stand for equal values."""
        return one == other

    def equals_stored(self, value: Any, stored: Stored) -> bool:
        """Return whether a value, None included, is what the store keeps."""
        return self.same_stored(None if value is None else self.dump(value), stored)

    def to_json(self, value: Any) -> Any:
        """Return a value as `json.dumps` takes it; None is handled by the caller."""
        return value

    def compared(self, value: Any) -> Any:
        """Return what filters compare of a value: its stored form, or the list or mapping itself."""
        return self.dump(value)

    def bind(self, value: object) -> Scalar:
        """Return the stored form of a value in a filter.

        Raises
        ------
        BadRequestError
            If the attribute can never have such a value.
        """
        if value is None:
            raise BadRequestError(f"{self.name} cannot be compared with None; use .isnull or .isnotnull")
        try:
            stored = self.dump(self.coerce(value))
        except AttributeValidationError as error:
            raise BadRequestError(f"in a filter, {error}") from error
        if isinstance(stored, bytes):
            raise BadRequestError(f"{self.name} cannot be compared; use intersects()")
        return stored

    def field(self) -> Field | None:
        """Return how a filter compares the attribute, or None if it cannot be filtered."""
        return Field(self.name, self.kind, self.bind)

    def refuse(self, value: object, rule: str) -> AttributeValidationError:
        """Return the error for a value that breaks a rule."""
        return AttributeValidationError(f"{self.name} {rule}, not {_shown(value)}")


class Settable(Attribute[T], Generic[T, S]):
    """An attribute that takes more than it gives back; type checkers know both.

    One that is declared ``readonly`` is annotated as an `Attribute`, which takes nothing.
    """

    if TYPE_CHECKING:

        def __set__(self, instance: AttributeOwner, value: S | None) -> None: ...


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # lists in lists in lists; a number of more than 4300 digits
        text = f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= 80 else f"{text[:77]}..."


class Text(Settable[str, str]):
    """Text.

    Parameters
    ----------
    longest : int, optional
        The most characters it may have.
    """

    def __init__(self, doc: str = "", *, longest: int | None = None, **options: bool) -> None:
        super().__init__(doc, **options)
        self.longest = longest

    def coerce(self, value: Any) -> str:
        if type(value) is str and value.isascii() and "\x00" not in value and self.longest is None:
            return value  # most texts
        if not isinstance(value, str):
            raise self.refuse(value, "is text (the attribute type is str)")
        problem = unstorable(value)
        if problem is not None:
            raise self.refuse(value, f"is text without {problem}")
        if self.longest is not None and len(value) > self.longest:
            raise AttributeValidationError(
                f"{self.name} has at most {self.longest:,} characters, not {len(value):,}; shorten it"
            )
        return str(value)

    def load_many(self, stored: Sequence[Any]) -> Sequence[str | None]:
        return stored  # as `load` does


class Identifier(Text):
    """Text that names an object: one line, without control characters and without spaces around it."""

    _CONTROL: ClassVar = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

    def coerce(self, value: Any) -> str:
        text = super().coerce(value)
        if self._CONTROL.search(text) or text != text.strip():
            raise self.refuse(value, "is one line of text, without control characters and without spaces around it")
        return text

    def bind(self, value: object) -> Scalar:
        return Text.coerce(self, value)  # a filter may look for any text


def unstorable(text: str) -> str | None:
    """Return the reason why a string cannot be stored as it is, or None."""
    if "\x00" in text:
        return "NUL characters"
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return "lone surrogates"
    return None


def real(value: object) -> float | None:
    """Return the float of a number, or of one in text; None for anything else."""
    if type(value) is float:
        return value
    if type(value) is int and is_int64(value):
        return float(value)
    number = number_of(value)
    try:
        return float(value if number is None and isinstance(value, str) else number)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None


class Number(Settable[float, Real]):
    """A real number; numbers in text are accepted.

    Parameters
    ----------
    allow_nan : bool
        Whether NaN is a value, as it is for nodata.
    is_fraction : bool
        Whether it is a share, from 0 to 1. A filter may compare it with any number.
    """

    kind = Kind.NUMBER
    type_name = "float"

    def __init__(self, doc: str = "", *, allow_nan: bool = False, is_fraction: bool = False, **options: bool) -> None:
        super().__init__(doc, **options)
        self.allow_nan = allow_nan
        self.is_fraction = is_fraction

    def coerce(self, value: Any) -> float:
        number = self._finite(value)
        if self.is_fraction and not 0 <= number <= 1:
            hint = f"; as a percentage, write {value!r} / 100" if 1 < number <= 100 else ""
            raise AttributeValidationError(f"{self.name} is a fraction from 0 to 1, not {_shown(value)}{hint}")
        return number

    def bind(self, value: object) -> Scalar:
        if (type(value) is float and not self.allow_nan) or (self.is_fraction and number_of(value) is not None):
            try:
                return self._finite(value)
            except AttributeValidationError as error:
                raise BadRequestError(f"in a filter, {error}") from error
        return super().bind(value)

    def _finite(self, value: Any) -> float:
        number = real(value)
        if number is None:
            raise self.refuse(value, "is a number")
        if math.isinf(number) or (math.isnan(number) and not self.allow_nan):
            raise self.refuse(value, "is a finite number")
        return number

    def dump(self, value: Any) -> Stored:
        return "nan" if math.isnan(value) else float(value)

    def load(self, stored: Any) -> float:
        return float(stored)

    def load_many(self, stored: Sequence[Any]) -> Sequence[float | None]:
        return [None if one is None else float(one) for one in stored]

    def to_json(self, value: Any) -> Any:
        return "nan" if math.isnan(value) else value


class Integer(Settable[int, Whole]):
    """A whole number of at most 64 bits.

    Parameters
    ----------
    least : int, optional
        The smallest allowed.
    """

    kind = Kind.NUMBER
    type_name = "int"

    def __init__(self, doc: str = "", *, least: int | None = None, **options: bool) -> None:
        super().__init__(doc, **options)
        self.least = least
        self._least = LEAST_INT64 if least is None else least

    def coerce(self, value: Any) -> int:
        number = number_of(value)
        if not isinstance(number, int) or not self._least <= number <= MOST_INT64:
            bound = "" if self.least is None else f" from {self.least}"
            raise self.refuse(value, f"is a whole number{bound} of at most 64 bits (the attribute type is int)")
        return number

    def bind(self, value: object) -> Scalar:
        # 'x_pixels > 0' and 'x_pixels < 0.5' make sense, though no image has such a width.
        number = number_of(value)
        if isinstance(number, float) and math.isfinite(number):
            return number
        if isinstance(number, int) and is_int64(number):
            return number
        return super().bind(value)


class Boolean(Settable[bool, bool]):
    """True or false; numbers are true unless 0, and the words true, false, yes and no are accepted."""

    kind = Kind.NUMBER
    type_name = "bool"
    _WORDS: ClassVar[dict[str, bool]] = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

    def coerce(self, value: Any) -> bool:
        truth = plain(value)
        if isinstance(truth, str) and truth.strip().lower() in self._WORDS:
            return self._WORDS[truth.strip().lower()]
        if isinstance(truth, int) or (isinstance(truth, float) and not math.isnan(truth)):
            return bool(truth)
        raise self.refuse(value, "is True or False (the attribute type is bool)")

    def dump(self, value: Any) -> Stored:
        return int(value)

    def load(self, stored: Any) -> bool:
        return bool(stored)


_remembered_microseconds = functools.lru_cache(maxsize=1024)(to_microseconds)
"""For texts, which are parsed once though they are checked, stored and compared."""


class Timestamp(Settable[datetime, Moment]):
    """A moment in time.

    What a user assigns is kept as it is, so that it reads back unchanged, until the object is saved; from then on it is
    an aware datetime in UTC.
    """

    kind = Kind.TIMESTAMP
    type_name = "datetime"

    def coerce(self, value: Any) -> Any:
        self.dump(value)
        return value

    def dump(self, value: Any) -> Stored:
        try:
            return _remembered_microseconds(value) if type(value) is str else to_microseconds(value)
        except BadRequestError as error:
            raise AttributeValidationError(f"{self.name}: {error}") from error

    def to_stored(self, value: Any) -> Stored:
        return self.dump(value)  # which reads it, as coerce does

    def load(self, stored: Any) -> datetime:
        return from_microseconds(stored)

    def load_many(self, stored: Sequence[Any]) -> Sequence[datetime | None]:
        return many_from_microseconds(stored)

    def bind(self, value: object) -> Scalar:
        if type(value) not in (str, datetime):
            return super().bind(value)
        try:
            return _remembered_microseconds(value) if type(value) is str else to_microseconds(value)
        except BadRequestError as error:
            raise BadRequestError(f"in a filter, {self.name}: {error}") from error

    def to_json(self, value: Any) -> Any:
        return from_microseconds(to_microseconds(value)).isoformat()


class Choice(Text):
    """One of the values of an enumeration, read back as plain text.

    Parameters
    ----------
    choices : type of StrEnum
        The values; a stored one that is not among them is let through when it is read.
    """

    def __init__(self, doc: str = "", *, choices: type[StrEnum], **options: bool) -> None:
        super().__init__(doc, **options)
        self.choices = choices

    def coerce(self, value: Any) -> str:
        try:
            return str(self.choices(value).value)
        except ValueError:
            allowed = ", ".join(repr(str(choice.value)) for choice in self.choices)
            raise self.refuse(value, f"is one of {allowed}") from None


class Geometry(Settable["BaseGeometry", Outline]):
    """A footprint: GeoJSON, shapely or anything with ``__geo_interface__``; read back as shapely, EPSG:4326."""

    kind = Kind.GEOMETRY
    type_name = "shapely geometry"

    def coerce(self, value: Any) -> BaseGeometry:
        from localcat.earth import geometry  # brings shapely, which objects without a footprint do not need

        try:
            return geometry.as_geometry(value)
        except BadRequestError as error:
            raise AttributeValidationError(f"{self.name}: {error}") from error

    def dump(self, value: Any) -> Stored:
        from localcat.earth import geometry

        return geometry.to_wkb(value)

    def load(self, stored: Any) -> BaseGeometry:
        from localcat.earth import geometry

        shape: BaseGeometry = geometry.from_wkb([stored])[0]
        return shape

    def load_many(self, stored: Sequence[Any]) -> Sequence[BaseGeometry | None]:
        from localcat.earth import geometry

        shapes: list[BaseGeometry | None] = geometry.from_wkb(stored).tolist()
        return shapes

    def to_json(self, value: Any) -> Any:
        return value.__geo_interface__

    def compared(self, value: Any) -> Any:
        return value

    def bind(self, value: object) -> Scalar:
        raise BadRequestError(
            f"{self.name} has no value to compare; ask p.{self.name}.intersects(...), or within, contains, disjoint, "
            "covered_by, within_distance, isnull, isnotnull"
        )

    def field(self) -> Field | None:
        return Field(self.name, self.kind, self.bind, sortable=False)
