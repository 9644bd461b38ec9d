"""The attributes that hold more than one value: lists, mappings and tuples, stored as JSON text.

A list or a dictionary that an object holds checks what is put into it. What is deeper, such as a list in a dictionary,
changes in place without the attribute knowing: each kind checks its value again when it is stored.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias, TypeVar

from localcat import json_text
from localcat.errors import AttributeValidationError, BadRequestError
from localcat.expressions.fields import Field, Kind, Scalar
from localcat.expressions.numbers import is_int64, plain
from localcat.expressions.numbers import number as number_of
from localcat.models.attributes.checked import CheckedDict, CheckedList
from localcat.models.attributes.given import Entries, Numbers, NumbersByBand, Texts
from localcat.models.attributes.scalars import Settable, Stored, real, unstorable

T = TypeVar("T")
S = TypeVar("S", contravariant=True)

_OBLIQUE = 0.05  # cosine of the angle between the sides of a pixel
_OBLONG = 100  # times that a side of a pixel may be as long as the other


class Structured(Settable[T, S]):
    """A value that is stored as JSON text.

    `load` judges nothing, and passes over entries it does not know: a later version may have written them.
    """

    is_mutable = True

    def dump(self, value: Any) -> Stored:
        checked = self.to_json(self.coerce(value))  # again, since it may have been changed in place
        return _ENCODER.encode(checked)

    def to_stored(self, value: Any) -> Stored:
        return self.dump(value)  # which coerces it

    def held(self, value: Any) -> Any:
        if type(value) is list:
            return CheckedList(value, self._checked_items)
        return CheckedDict(value, self._checked_entries) if type(value) is dict else value

    def _checked_items(self, items: list[Any], count: int) -> list[Any]:
        self.require_count(count)
        return self.coerce(items) or []

    def _checked_entries(self, entries: dict[Any, Any], count: int) -> Any:
        self.require_count(count)
        return self.coerce(entries)

    def require_count(self, count: int) -> None:
        """Refuse more items than the value may have."""

    def load(self, stored: Any) -> T:
        value: T = json_text.loads(stored)
        return value

    def compared(self, value: Any) -> Any:
        return self.to_json(value)

    def same_stored(self, one: Stored, other: Stored) -> bool:
        if one == other or one is None or other is None:
            return one == other
        return self.load(one) == self.load(other)

    def field(self) -> Field | None:
        return None

    def several(self, value: Any, rule: str) -> list[Any]:
        """Return the items of what a user assigned; text, bytes and mappings are no lists."""
        if type(value) in (list, tuple):
            return list(value)
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise self.refuse(value, rule)
        try:
            return list(value)
        except TypeError:  # an array of no dimensions says that it can be iterated
            raise self.refuse(value, rule) from None


class TextList(Structured[list[str], Texts]):
    """A list of texts.

    Parameters
    ----------
    most : int, optional
        The most items it may have.
    longest : int, optional
        The most bytes, in UTF-8, that an item may have.
    prefixes : sequence of str, optional
        With one of which each item must begin, such as ``"user:"``.
    """

    kind = Kind.LIST
    type_name = "list of str"

    def __init__(
        self,
        doc: str = "",
        *,
        most: int | None = None,
        longest: int | None = None,
        prefixes: Sequence[str] = (),
        **options: bool,
    ) -> None:
        super().__init__(doc, **options)
        self.most = most
        self.longest = longest
        self.prefixes = tuple(prefixes)

    def coerce(self, value: Any) -> list[str]:
        items = [self._item(item) for item in self.several(value, "is a list of texts")]
        self.require_count(len(items))
        return items

    def require_count(self, count: int) -> None:
        if self.most is not None and count > self.most:
            raise AttributeValidationError(f"{self.name} has at most {self.most} items, not {count}")

    def to_json(self, value: Any) -> Any:
        return list(value)

    def _item(self, value: Any) -> str:
        text = value if type(value) is str and value.isascii() and "\x00" not in value else self._storable(value)
        if self.longest is not None and 4 * len(text) > self.longest and len(text.encode()) > self.longest:
            raise self.refuse(value, f"holds texts of at most {self.longest} bytes")
        if self.prefixes and not text.startswith(self.prefixes):
            raise self.refuse(value, f"holds texts that begin with {' or '.join(self.prefixes)}")
        return text

    def _storable(self, value: Any) -> str:
        if not isinstance(value, str) or unstorable(value) is not None:
            raise self.refuse(value, "holds texts that can be stored")
        return str(value)

    def bind(self, value: object) -> Scalar:
        if not isinstance(value, str):
            raise BadRequestError(f"the items of {self.name} are texts, and compare with text, not with {value!r}")
        return value

    def field(self) -> Field | None:
        return Field(self.name, self.kind, self.bind, sortable=False)


Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_JSON_TYPES = {str, int, dict, list}


class ExtraProperties(Structured[dict[str, Any], Entries]):
    """A mapping of names to JSON values: text, numbers, truth values, None, lists and mappings of these.

    Tuples become lists. What is assigned is copied, with all that is in it.
    """

    kind = Kind.MAPPING
    type_name = "dict"
    MOST: ClassVar[int] = 500  # keys at the top
    MOST_BYTES: ClassVar[int] = 2**20  # of the JSON, in UTF-8
    MOST_LEVELS: ClassVar[int] = 32  # of mappings and lists, the outermost included

    def coerce(self, value: Any) -> dict[str, Any]:
        if type(value) is not dict and not isinstance(value, Mapping):
            raise self.refuse(value, "is a mapping")
        self.require_count(len(value))
        room = [self.MOST_BYTES]
        return {self._key(key): self._json(item, (key,), room) for key, item in value.items()}

    def _key(self, key: Any, path: tuple[Any, ...] = ()) -> str:
        if not isinstance(key, str) or unstorable(key) is not None:
            raise self.refuse(key, f"has keys of text{f' at {_shown_path(path)}' if path else ''}")
        return str(key)

    def _json(self, value: Any, path: tuple[Any, ...], room: list[int]) -> Json:
        """Return a value as JSON has it; `room` counts down the bytes that it takes at least."""
        kind = type(value)
        room[0] -= len(value) + 2 if kind is str else 1
        if room[0] < 0:
            raise self._too_large()
        if value is None or kind is bool or (kind is float and math.isfinite(value)):  # most values
            return value  # type: ignore[no-any-return]  # one of JSON's types, as was just seen
        item = value if kind in _JSON_TYPES else plain(value)
        if isinstance(item, str):
            if unstorable(item) is None:
                return item
        elif item is None or isinstance(item, bool):
            return item
        elif (number := number_of(item)) is not None:
            if is_int64(number) if isinstance(number, int) else math.isfinite(number):
                return number
        elif isinstance(item, Mapping) or type(item) in (list, tuple) or isinstance(item, list | tuple):
            if len(path) >= self.MOST_LEVELS:
                raise AttributeValidationError(
                    f"{self.name} has at most {self.MOST_LEVELS} levels of mappings and lists; flatten what is at "
                    f"{_shown_path(path[:3])}"
                )
            if isinstance(item, Mapping):
                return {self._key(key, path): self._json(inner, (*path, key), room) for key, inner in item.items()}
            return [self._json(inner, (*path, place), room) for place, inner in enumerate(item)]
        raise self.refuse(
            value,
            f"has JSON values (text, finite numbers of at most 64 bits, True, False, None, lists and mappings of "
            f"these) at {_shown_path(path)}",
        )

    def _too_large(self) -> AttributeValidationError:
        return AttributeValidationError(
            f"{self.name} takes more than {self.MOST_BYTES:,} bytes as JSON, the most there may be; keep it in a file "
            "and its path here"
        )

    def dump(self, value: Any) -> Stored:
        text = _ENCODER.encode(self.coerce(value))
        if 4 * len(text) > self.MOST_BYTES and len(text.encode()) > self.MOST_BYTES:
            raise self._too_large()
        return text

    def same_stored(self, one: Stored, other: Stored) -> bool:
        return one == other or (one is not None and other is not None and _same(self.load(one), self.load(other)))

    def to_json(self, value: Any) -> Any:
        return copy.deepcopy(value)

    def compared(self, value: Any) -> Any:
        return value

    def require_count(self, count: int) -> None:
        if count > self.MOST:
            raise AttributeValidationError(f"{self.name} has at most {self.MOST} entries, not {count}")

    def bind(self, value: object) -> Scalar:
        raise BadRequestError(f"{self.name} is filtered by one of its keys: p.{self.name}['key'], not by {value!r}")

    def field(self) -> Field | None:
        return Field(self.name, self.kind, self.bind, sortable=False)


def _same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal; unlike in Python, 1 is not true."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _shown_path(path: tuple[Any, ...]) -> str:
    return "".join([f"[{place!r:.40}]" for place in path])


class NumberTuple(Structured[tuple[float, ...], Numbers]):
    """A tuple of real numbers.

    Parameters
    ----------
    length : int, optional
        The number of items it must have.
    """

    is_mutable = False
    type_name = "tuple of float"

    def __init__(self, doc: str = "", *, length: int | None = None, **options: bool) -> None:
        super().__init__(doc, **options)
        self.length = length

    def coerce(self, value: Any) -> tuple[float, ...]:
        items = value if type(value) is tuple else self.several(value, "is a tuple of numbers")
        if self.length is not None and len(items) != self.length:
            raise AttributeValidationError(
                f"Tuple must contain exactly {self.length} items for {self.name}, not {len(items)}"
            )
        numbers = tuple([number for item in items if (number := real(item)) is not None])
        if len(numbers) != len(items):
            raise self.refuse(value, "is a tuple of numbers")
        if not math.isfinite(sum(numbers)) and not all(map(math.isfinite, numbers)):  # finite numbers may overflow
            raise self.refuse(value, "is a tuple of finite numbers")
        return numbers

    def load(self, stored: Any) -> tuple[float, ...]:
        numbers = tuple(float(number) for number in json.loads(stored))
        if self.length is not None and len(numbers) != self.length:
            raise ValueError(f"{len(numbers)} numbers in the place of {self.length}")
        return numbers

    def to_json(self, value: Any) -> Any:
        return list(value)


class GeoTransform(NumberTuple):
    """Six numbers in GDAL's order; an `affine.Affine` becomes that."""

    type_name = "tuple of float"

    def __init__(self, doc: str = "", **options: bool) -> None:
        super().__init__(doc, length=6, **options)

    def coerce(self, value: Any) -> tuple[float, ...]:
        to_gdal = getattr(value, "to_gdal", None)
        numbers = super().coerce(to_gdal() if callable(to_gdal) else value)
        x0, dx, x_skew, y0, y_skew, dy = numbers
        if _is_sheared(dx, x_skew, y_skew, dy) and not _is_sheared(x0, dx, y0, y_skew):
            raise self.refuse(
                value,
                "is in GDAL's order, (x0, dx, x_skew, y0, y_skew, dy), and these six seem to be in rasterio's; pass "
                "the Affine itself, or Affine.to_gdal()",
            )
        return numbers


def _is_sheared(a: float, b: float, d: float, e: float) -> bool:
    """Return whether the steps (a, d) to the next column and (b, e) to the next row are those of no usual grid.

    Those of a usual one are at right angles, and neither is a hundred times as long as the other.
    """
    column, row = math.hypot(a, d), math.hypot(b, e)
    if not column or not row:
        return True
    return abs(a * b + d * e) > _OBLIQUE * column * row or not 1 / _OBLONG < column / row < _OBLONG


class Range(NumberTuple):
    """Two numbers, the smaller first."""

    def __init__(self, doc: str = "", **options: bool) -> None:
        super().__init__(doc, length=2, **options)

    def coerce(self, value: Any) -> tuple[float, ...]:
        low, high = super().coerce(value)
        if low > high:
            raise self.refuse(value, "is (min, max), the smaller number first")
        return low, high


class NestedNumbers(Structured[tuple[Any, ...], NumbersByBand]):
    """A tuple of numbers, or of tuples of numbers: one entry a band; None where a band has none."""

    is_mutable = False
    type_name = "tuple"
    _RULE = "is a tuple of finite numbers, or of tuples of them, one entry a band"

    def coerce(self, value: Any) -> tuple[Any, ...]:
        return tuple(self._entry(entry, value) for entry in self.several(value, self._RULE))

    def _entry(self, entry: Any, value: Any) -> float | tuple[float | None, ...] | None:
        if isinstance(entry, Iterable) and not isinstance(entry, str | bytes | Mapping) and number_of(entry) is None:
            return tuple(self._number(item, value) for item in self.several(entry, self._RULE))
        return self._number(entry, value)

    def _number(self, entry: Any, value: Any) -> float | None:
        if entry is None:
            return None
        number = number_of(entry)
        if isinstance(number, int) and not is_int64(number):
            number = real(number)
        if number is None or not math.isfinite(number):
            raise self.refuse(value, self._RULE)
        return number

    def load(self, stored: Any) -> tuple[Any, ...]:
        return tuple(tuple(entry) if isinstance(entry, list) else entry for entry in json.loads(stored))

    def to_json(self, value: Any) -> Any:
        return [list(entry) if isinstance(entry, tuple) else entry for entry in value]
