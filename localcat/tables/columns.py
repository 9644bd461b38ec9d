"""How each kind of attribute becomes a column of Arrow: its type, and its array made of stored values.

Geometries are GeoArrow's ``geoarrow.wkb`` with their CRS: https://geoarrow.org/extension-types.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow

from localcat.models.attributes.scalars import (
    Attribute,
    Boolean,
    Choice,
    Geometry,
    Integer,
    Number,
    Stored,
    Text,
    Timestamp,
)
from localcat.models.attributes.structured import NumberTuple, TextList
from localcat.models.attributes.values import FileList, ResolutionAttribute

_GEOMETRY = {
    "ARROW:extension:name": "geoarrow.wkb",
    # Longitude first, as the coordinates are; the code EPSG:4326 says latitude first.
    "ARROW:extension:metadata": json.dumps({"crs": "OGC:CRS84", "crs_type": "authority_code"}),
}
_FILE = pyarrow.struct(
    [
        ("href", pyarrow.string()),
        ("size_bytes", pyarrow.int64()),
        ("hash", pyarrow.string()),
        ("provider_id", pyarrow.string()),
        ("provider_href", pyarrow.string()),
        ("owned", pyarrow.bool_()),
    ]
)
_RESOLUTION = pyarrow.struct([("value", pyarrow.float64()), ("unit", pyarrow.string())])

Values = Sequence[Stored]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    field : pyarrow.Field
        Its name, type and metadata.
    array : callable
        Makes its array of stored values; raises ValueError or TypeError for values that localcat never wrote.
    """

    field: pyarrow.Field
    array: Callable[[Values], pyarrow.Array]


def column_of(name: str, attribute: Attribute[Any]) -> Column:
    """Return the column of an attribute."""
    for kind, type_, make in _KINDS:
        if isinstance(attribute, kind):
            metadata = _GEOMETRY if isinstance(attribute, Geometry) else None
            return Column(pyarrow.field(name, type_, metadata=metadata), make(type_))
    return Column(pyarrow.field(name, pyarrow.string()), _plain(pyarrow.string()))  # the rest is JSON text


def _plain(type_: pyarrow.DataType) -> Callable[[Values], pyarrow.Array]:
    def array(values: Values) -> pyarrow.Array:
        return pyarrow.array(values, type_)

    return array


def _times(type_: pyarrow.DataType) -> Callable[[Values], pyarrow.Array]:
    def array(values: Values) -> pyarrow.Array:
        return pyarrow.array(values, pyarrow.int64()).view(type_)  # they are stored as it counts

    return array


def _truths(type_: pyarrow.DataType) -> Callable[[Values], pyarrow.Array]:
    def array(values: Values) -> pyarrow.Array:
        return pyarrow.array(values, pyarrow.int64()).cast(type_)

    return array


def _numbers(type_: pyarrow.DataType) -> Callable[[Values], pyarrow.Array]:
    def array(values: Values) -> pyarrow.Array:
        try:
            return pyarrow.array(values, type_)
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError):  # NaN is stored as text
            return pyarrow.array([None if value is None else float(value) for value in values], type_)

    return array


def _words(type_: pyarrow.DataType) -> Callable[[Values], pyarrow.Array]:
    def array(values: Values) -> pyarrow.Array:
        return pyarrow.array(values, type_.value_type).dictionary_encode()

    return array


def _from_json(type_: pyarrow.DataType) -> Callable[[Values], pyarrow.Array]:
    known: dict[Stored, Any] = {None: None}  # most images have the same few tags and grids

    def array(values: Values) -> pyarrow.Array:
        if len(known) > _MOST_KNOWN:
            known.clear()
            known[None] = None
        for value in values:
            if value not in known:
                known[value] = json.loads(value)  # type: ignore[arg-type]  # a value of another type is refused there
        return pyarrow.array([known[value] for value in values], type_)

    return array


def _files(type_: pyarrow.DataType) -> Callable[[Values], pyarrow.Array]:
    def array(values: Values) -> pyarrow.Array:
        files = [None if value is None else json.loads(value) for value in values]  # type: ignore[arg-type]  # as above
        for listed in files:
            for file in listed or ():
                file["owned"] = bool(file["owned"])
        return pyarrow.array(files, type_)

    return array


def _resolutions(type_: pyarrow.DataType) -> Callable[[Values], pyarrow.Array]:
    def array(values: Values) -> pyarrow.Array:
        parted = [None if value is None else str(value).split(" ") for value in values]
        return pyarrow.array(
            [None if parts is None else {"value": float(parts[0]), "unit": parts[1]} for parts in parted], type_
        )

    return array


_MOST_KNOWN = 10_000
_KINDS: tuple[tuple[type[Attribute[Any]], pyarrow.DataType, Callable[..., Callable[[Values], pyarrow.Array]]], ...] = (
    (Timestamp, pyarrow.timestamp("us", tz="UTC"), _times),
    (Choice, pyarrow.dictionary(pyarrow.int32(), pyarrow.string()), _words),
    (Text, pyarrow.string(), _plain),
    (Number, pyarrow.float64(), _numbers),
    (Integer, pyarrow.int64(), _plain),
    (Boolean, pyarrow.bool_(), _truths),
    (Geometry, pyarrow.binary(), _plain),
    (TextList, pyarrow.list_(pyarrow.string()), _from_json),
    (NumberTuple, pyarrow.list_(pyarrow.float64()), _from_json),
    (FileList, pyarrow.list_(_FILE), _files),
    (ResolutionAttribute, _RESOLUTION, _resolutions),
)
