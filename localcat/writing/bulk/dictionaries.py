"""Records that are plain dictionaries, checked column by column as `Records` checks them one by one.

Only plain values are looked at here: what runs no code, and is the same when it is looked at again. A record with any
other goes the way of records, as does one that is refused, which says what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy

from localcat.expressions.numbers import LEAST_INT64, MOST_INT64
from localcat.models.attributes.scalars import Attribute, Choice, Integer, Number, Text, Timestamp, unstorable
from localcat.models.image import Image
from localcat.timestamps import EARLIEST
from localcat.writing.bulk.blocks import Block
from localcat.writing.bulk.columns import FILE_PARTS, NUL, Files, Identities, Memory, Rows, stored_one_by_one
from localcat.writing.bulk.records import COMPUTED, ODD, Records

if TYPE_CHECKING:
    from localcat.writing.bulk.report import AddReport

_NONE: Final = type(None)
_PLAIN: Final = {str, int, float, bool, _NONE, datetime}
_MOST_INSIDE: Final = 10_000  # values in lists and dictionaries of one attribute
_FILE_KEYS: Final = {*FILE_PARTS, "owned"}
_LEFT_ALONE: Final = (*COMPUTED, "product")
_TIMES: Final = re.compile(r"(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)*", re.ASCII)  # as most programs write them
_LENGTH_OF_TIME: Final = 20  # characters


class Dictionaries:
    """Checks records, most of which are dictionaries.

    Parameters
    ----------
    report : AddReport
        Is told of those that are refused.
    """

    def __init__(self, report: AddReport) -> None:
        self._records = Records(report)
        self._attributes = {name: one for name, one in Image._attributes.items() if name not in COMPUTED}
        self._names = {*self._attributes, *_LEFT_ALONE}
        self._identities = Identities()
        self._memory = Memory()

    def checked(self, chunk: Sequence[tuple[int, Any]]) -> Block:
        """Return what can be added of a chunk of (index, record)."""
        try:
            block, odd = self._checked(chunk)
        except ODD:  # a key that cannot be compared
            return self._records.checked(chunk)
        return Block.joined([block, self._records.checked([chunk[at] for at in odd])]) if odd else block

    def _checked(self, chunk: Sequence[tuple[int, Any]]) -> tuple[Block, list[int]]:
        """Return what was found usual, and the positions of the rest."""
        rows = Rows.of(len(chunk))
        given: list[dict[Any, Any]] = [record if type(record) is dict else {} for _, record in chunk]
        rows.set_aside_those(at for at, (_, record) in enumerate(chunk) if type(record) is not dict)
        keys: set[Any] = set().union(*given)
        if not keys <= self._names:
            rows.set_aside_those(at for at, record in enumerate(given) if not record.keys() <= self._names)
            keys &= self._names
        products, names, uids = self._who(given, rows)
        deep: list[str] = []
        for name in keys.intersection(self._attributes):
            values = [record.get(name) for record in given]
            stored = self._stored(self._attributes[name], values, rows)
            if stored is not None:
                rows.columns[name] = stored
            else:
                deep.append(name)
        rows.settle()
        files = self._files([record.get("files") for record in given], rows)
        for name in deep:  # last, since it takes longest
            values = [None if is_odd else record.get(name) for record, is_odd in zip(given, rows.is_odd, strict=True)]
            rows.columns[name] = stored_one_by_one(self._attributes[name], values, rows)
        block = Block([index for index, _ in chunk], products, names, uids, files=files)
        block.columns = {name: values for name, values in rows.columns.items() if set(map(type, values)) != {_NONE}}
        footprints = [record.get("geometry") for record in given]
        if rows.is_odd.any():
            usual = rows.usual
            block, footprints = block.chosen(usual), [footprints[at] for at in usual]
        return self._records.with_footprints(block, footprints), rows.odd

    def _who(self, given: Sequence[dict[Any, Any]], rows: Rows) -> tuple[list[str], list[str], list[str]]:
        """Return the ids of the products, the names and the ids; all other ways to give them are those of records."""
        products: list[str] = []
        names: list[str] = []
        uids: list[str | None] = []
        for position, record in enumerate(given):
            uid, product, name = record.get("id"), record.get("product_id"), record.get("name")
            if product is name is None and type(uid) is str:
                product, _, name = uid.rpartition(":")
            if (
                not type(product) is type(name) is str
                or (uid is not None and type(uid) is not str)
                or record.get("product") is not None
            ):
                rows.is_odd[position] = True
                product, name, uid = "", "", None
            products.append(product)
            names.append(name)
            uids.append(uid)
        return products, names, self._identities.made(rows, products, names, uids)

    def _stored(self, attribute: Attribute[Any], values: list[Any], rows: Rows) -> list[Any] | None:
        """Return the stored values of a column; None where lists or dictionaries are to be looked at one by one."""
        kinds = set(map(type, values)) - {_NONE}
        if not kinds:
            return values
        if not kinds <= _PLAIN:
            rows.set_aside_those(at for at, value in enumerate(values) if not _is_plain(value))
            return None
        if isinstance(attribute, Choice) and kinds == {str}:
            return self._memory.stored(attribute, values, rows)
        for kind, accepted, read in _BY_KIND:
            if isinstance(attribute, kind) and kinds <= accepted:
                found = read(attribute, values, rows)
                if found is not None:
                    return found
        return stored_one_by_one(attribute, values, rows)

    def _files(self, values: Sequence[Any], rows: Rows) -> list[Files]:
        """Return the files of each row."""
        files: list[dict[Any, Any]] = []
        counts: list[int] = []
        for position, several in enumerate(values):
            if several is None:
                counts.append(0)
            elif type(several) in (list, tuple) and set(map(type, several)) <= {dict}:
                counts.append(len(several))
                files += several
            else:
                rows.is_odd[position] = True
                counts.append(0)
        is_odd = [False] * len(files)
        keys: set[Any] = set().union(*files)
        if not keys <= _FILE_KEYS:
            is_odd = [not file.keys() <= _FILE_KEYS for file in files]
        columns: list[list[Any]] = []
        for part in FILE_PARTS:
            column = [file.get(part) for file in files] if part in keys else [None] * len(files)
            columns.append(column)
            if part == "size_bytes":
                if not set(map(type, column)) <= {int, _NONE}:
                    is_odd = [one or type(size) not in (int, _NONE) for one, size in zip(is_odd, column, strict=True)]
                    columns[-1] = [size if type(size) is int else None for size in column]
            elif not _are_simple_texts(column):
                is_odd = [one or not _is_storable(text) for one, text in zip(is_odd, column, strict=True)]
        if "owned" in keys:
            owned = [file.get("owned") for file in files]
            is_odd = [one or not (said is None or said is False) for one, said in zip(is_odd, owned, strict=True)]
        return rows.take_files(columns, is_odd, counts)


def _is_plain(value: Any) -> bool:
    """Return whether all that is in a value is plain, and not so much that it takes long to look at."""
    waiting, left = [value], _MOST_INSIDE
    while waiting:
        several = waiting.pop()
        kind = type(several)
        if kind is dict:
            if not set(map(type, several)) <= {str}:
                return False
            several = several.values()
        elif kind not in (list, tuple):
            if kind in _PLAIN:
                continue
            return False
        left -= len(several)
        if left < 0:
            return False
        if not set(map(type, several)) <= _PLAIN:
            waiting += [one for one in several if type(one) not in _PLAIN]
    return True


def _are_simple_texts(values: Sequence[Any]) -> bool:
    """Return whether values are None, and texts that can be stored, as nearly all can."""
    if not set(map(type, values)) <= {str, _NONE}:
        return False
    text = "".join(filter(None, values))
    return text.isascii() and NUL not in text


def _is_storable(value: Any) -> bool:
    return value is None or (type(value) is str and unstorable(value) is None)


# Columns, by the kind of their attribute. None: its values are looked at one by one.


def _texts(attribute: Text, values: list[Any], rows: Rows) -> list[Any] | None:
    is_bounded = attribute.longest is not None or type(attribute) is not Text
    return values if not is_bounded and _are_simple_texts(values) else None


def _numbers(attribute: Number, values: list[Any], rows: Rows) -> list[Any] | None:
    if attribute.allow_nan:
        return None
    try:
        numbers = numpy.array([0 if value is None else value for value in values], dtype=numpy.float64)
    except OverflowError:  # a whole number beyond all floats
        return None
    rows.set_aside(~numpy.isfinite(numbers))
    if attribute.is_fraction:
        rows.set_aside(~((numbers >= 0) & (numbers <= 1)))
    return [None if value is None else number for value, number in zip(values, numbers.tolist(), strict=True)]


def _whole_numbers(attribute: Integer, values: list[Any], rows: Rows) -> list[Any] | None:
    least = LEAST_INT64 if attribute.least is None else attribute.least
    given = [value for value in values if value is not None]
    return values if min(given) >= least and max(given) <= MOST_INT64 else None


def _times(attribute: Timestamp, values: list[Any], rows: Rows) -> list[Any] | None:
    given = [value for value in values if value is not None]
    if set(map(len, given)) != {_LENGTH_OF_TIME} or _TIMES.fullmatch("".join(given)) is None:
        return None
    try:
        seconds = numpy.array([value[:-1] for value in given], dtype="datetime64[s]").astype(numpy.int64)
    except ValueError:  # no such day
        return None
    microseconds = seconds * 1_000_000
    if microseconds.min() < EARLIEST:
        return None
    found = iter(microseconds.tolist())
    return [None if value is None else next(found) for value in values]


_BY_KIND: Final[
    Sequence[tuple[type[Attribute[Any]], set[type], Callable[[Any, list[Any], Rows], list[Any] | None]]]
] = (
    (Text, {str}, _texts),
    (Number, {float, int}, _numbers),
    (Integer, {int}, _whole_numbers),
    (Timestamp, {str}, _times),
)
