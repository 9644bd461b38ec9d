"""Which types the columns of JSON values get, and what of a value does not fit them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import pyarrow

_EXACT = 2**53  # whole numbers up to here are exact as floats
_MOST_FIELDS = 2000  # of a file; what comes later has no column
_SCALARS: Final = {
    "text": pyarrow.string(),
    "truth": pyarrow.bool_(),
    "whole": pyarrow.int64(),
    "count": pyarrow.int64(),  # a whole number that never becomes another one
    "number": pyarrow.float64(),
}


@dataclass(slots=True)
class Items:
    """The shape of a list: that of its items."""

    shape: Shape = None


Shape: TypeAlias = "str | Items | dict[str, Shape] | None"
"""The type of a value: one of ``_SCALARS``, a list, an object with its members, or None if nothing is known yet."""

Path: TypeAlias = tuple[str | int, ...]
"""The way to a value: names of members and positions in lists."""


class Shapes:
    """What the values of many Items have in common; the first type that a value is met with remains.

    Parameters
    ----------
    expected : mapping of str to Shape
        The types of members by name, which they get whatever their first value is.
    """

    def __init__(self, expected: Mapping[str, Shape]) -> None:
        self.members: dict[str, Shape] = {}
        self._expected = expected
        self._fields = 0

    def observe(self, value: dict[str, Any]) -> None:
        """Make room for an object, as far as it does not contradict earlier ones."""
        self._object(self.members, value)

    def _object(self, known: dict[str, Shape], value: dict[str, Any]) -> None:
        for name, item in value.items():
            if item is None:
                continue
            if name not in known:
                if self._fields >= _MOST_FIELDS:
                    continue
                self._fields += 1
                known[name] = self._expected.get(name)
            known[name] = self._of(known.get(name), item)

    def _of(self, known: Shape, value: Any) -> Shape:
        kind = type(value)
        if kind is str:
            return known or "text"
        if kind is dict:
            members: Shape = {} if known is None else known
            if isinstance(members, dict):
                self._object(members, value)
            return members
        if kind is list:
            items: Shape = Items() if known is None else known
            if isinstance(items, Items):
                for item in value:
                    if item is not None:
                        items.shape = self._of(items.shape, item)
            return items
        if kind is bool:
            return known or "truth"
        if kind is int:
            return known or ("whole" if -(2**63) <= value < 2**63 else None)
        return "number" if known in (None, "whole") else known

    def settled(self) -> dict[str, Shape]:
        """Return the shapes by name, without what no column can hold, such as objects without members."""
        found = _settled(self.members)
        return found if isinstance(found, dict) else {}


def _settled(shape: Shape) -> Shape:
    if isinstance(shape, Items):
        inner: Shape = "text" if shape.shape is None else _settled(shape.shape)
        return None if inner is None else Items(inner)
    if isinstance(shape, dict):
        return {name: inner for name, one in shape.items() if (inner := _settled(one)) is not None} or None
    return shape


def arrow_type(shape: Shape) -> pyarrow.DataType:
    """Return the type of a column of a settled shape."""
    if isinstance(shape, Items):
        return pyarrow.list_(arrow_type(shape.shape))
    if isinstance(shape, dict):
        return pyarrow.struct([(name, arrow_type(inner)) for name, inner in shape.items()])
    return _SCALARS[shape or "text"]


class Fitter:
    """Cuts values to their shapes, and keeps what is cut off.

    Attributes
    ----------
    left : list of (path, value)
        What did not fit, with the way to it.
    """

    def __init__(self) -> None:
        self.left: list[tuple[Path, Any]] = []

    def members(self, shapes: dict[str, Shape], value: dict[str, Any], path: Path) -> dict[str, Any]:
        """Return the members of an object that fit."""
        found = {}
        for name, item in value.items():
            shape = shapes.get(name)
            if item is None or not _fits(shape, item):
                self.left.append(((*path, name), item))
            else:
                found[name] = self._cut(shape, item, (*path, name))
        return found

    def _cut(self, shape: Shape, value: Any, path: Path) -> Any:
        if isinstance(shape, dict):
            return self.members(shape, value, path)
        if isinstance(shape, Items) and not isinstance(shape.shape, str):
            return [
                None if item is None else self._cut(shape.shape, item, (*path, at)) for at, item in enumerate(value)
            ]
        return value


def _fits(shape: Shape, value: Any) -> bool:
    """Return whether a value, which is not None, has a place in a shape; of an object only whether it may be one."""
    if shape == "text":
        return isinstance(value, str)
    if shape == "truth":
        return isinstance(value, bool)
    if shape in ("whole", "count"):
        return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    if shape == "number":
        return isinstance(value, float) or (
            isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _EXACT
        )
    if isinstance(shape, Items):
        return isinstance(value, list) and all(item is None or _fits(shape.shape, item) for item in value)
    return isinstance(shape, dict) and isinstance(value, dict)


def without_nulls(value: Any) -> Any:
    """Return a value of a column without the members that are null, since a row has them all; NaN means null, too."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if not _is_null(item)}
    if isinstance(value, list):
        if value and isinstance(value[0], tuple):  # a map of Arrow
            return {str(name): without_nulls(item) for name, item in value if not _is_null(item)}
        return [without_nulls(item) for item in value]
    return None if _is_null(value) else value


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def changed(value: dict[str, Any], changes: Any) -> dict[str, Any]:
    """Return an object with changes made: each is a list of a way and what is put there, or of a way to remove.

    Raises
    ------
    ValueError
        If a way leads nowhere.
    TypeError
        If they are no such lists.
    """
    for way, new in _parted(changes):
        holder: Any = value
        for step in way[:-1]:
            holder = _at(holder, step)
        last = way[-1]
        if isinstance(holder, dict) and isinstance(last, str):
            if new:
                holder[last] = new[0]
            else:
                holder.pop(last, None)
        elif new and isinstance(holder, list) and type(last) is int and 0 <= last < len(holder):
            holder[last] = new[0]
        else:
            raise ValueError(f"the way {way!r:.200} leads nowhere")
    return value


def _parted(changes: Any) -> Iterator[tuple[list[Any], list[Any]]]:
    if not isinstance(changes, list):
        raise TypeError(f"changes are a list, not {changes!r:.200}")
    for change in changes:
        if (
            not isinstance(change, list)
            or len(change) not in (1, 2)
            or not isinstance(change[0], list)
            or not change[0]
        ):
            raise ValueError(f"a change is a list of a way and a value, not {change!r:.200}")
        yield change[0], change[1:]


def _at(holder: Any, step: Any) -> Any:
    if isinstance(holder, dict) and isinstance(step, str) and step in holder:
        return holder[step]
    if isinstance(holder, list) and type(step) is int and 0 <= step < len(holder):
        return holder[step]
    raise ValueError(f"there is no {step!r:.100} on the way")
