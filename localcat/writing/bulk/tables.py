"""Tables of images, checked column by column as `Records` checks records.

What the type of a column vouches for is checked for all rows at once, and the rest value by value. A row with a value
that is refused, or that is unusual, goes the way of records, which says what is wrong: the rules are theirs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy
import pyarrow
import pyarrow.compute
import shapely

from localcat.earth.geometry import as_geometry, convex_boxes, footprint_boxes, plain_footprints, to_wkbs
from localcat.earth.projjson import other_crs
from localcat.errors import BadRequestError, ClientError
from localcat.expressions.numbers import LEAST_INT64
from localcat.json_text import loads
from localcat.models.attributes.scalars import Attribute, Choice, Integer, Number, Text, Timestamp
from localcat.models.attributes.structured import ExtraProperties, NestedNumbers
from localcat.models.image import Image
from localcat.timestamps import to_microseconds
from localcat.writing.bulk.blocks import Block, no_boxes
from localcat.writing.bulk.columns import FILE_PARTS, NUL, Files, Identities, Memory, Rows, stored_one_by_one
from localcat.writing.bulk.records import COMPUTED, ODD, Records

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.crs import CRS

    from localcat.writing.bulk.report import AddReport

_FIRST, _LAST = (to_microseconds(text) for text in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"))
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_JSON_TEXT = (ExtraProperties, NestedNumbers)  # what `to_arrow` writes as JSON text


def checked_rows(table: Any, report: AddReport, size: int) -> Iterator[tuple[int, Block]]:
    """Yield what can be added of the rows of a table, a block at a time, each with the number of rows looked at.

    Parameters
    ----------
    table : object with ``__arrow_c_stream__``
        Its columns are attributes of `Image`.
    report : AddReport
        Is told of the rows that are refused.
    size : int
        Rows of a block.

    Raises
    ------
    BadRequestError
        If its columns cannot be those of images, or reading it fails.
    """
    with _as_stream(table) as reader:
        rows = Table(reader.schema, report)
        first = 0
        while (batch := _next(reader)) is not None:
            for start in range(0, batch.num_rows, size):
                part = batch.slice(start, size)
                yield part.num_rows, rows.checked(part, first + start)
            first += batch.num_rows


def _as_stream(table: Any) -> pyarrow.RecordBatchReader:
    try:
        to_arrow = getattr(table, "to_arrow", None)  # a GeoDataFrame's stream of its own knows no geometries
        source = to_arrow() if hasattr(table, "crs") and callable(to_arrow) else table
        return pyarrow.RecordBatchReader.from_stream(source)
    except (pyarrow.ArrowException, *ODD) as error:
        raise BadRequestError(f"a table of type {type(table).__name__} cannot be read as Arrow: {error}") from error


def _next(reader: pyarrow.RecordBatchReader) -> pyarrow.RecordBatch | None:
    try:
        batch = reader.read_next_batch()
    except StopIteration:
        return None
    except (pyarrow.ArrowException, OSError, *ODD) as error:
        raise BadRequestError(f"the table cannot be read: {error}") from error
    return as_batch(batch, "the table")


def as_batch(given: Any, what: str) -> pyarrow.RecordBatch:
    """Return the rows of any object with ``__arrow_c_array__``, checked, since they come from other programs.

    Raises
    ------
    BadRequestError
        If it has no rows with columns, or is damaged.
    """
    try:
        batch = pyarrow.record_batch(given)
        batch.validate(full=True)
    except (pyarrow.ArrowException, *ODD) as error:
        raise BadRequestError(f"{what} cannot be read: {error}") from error
    return batch


class Table:
    """Checks rows of tables.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of the tables.
    report : AddReport
        Is told of those that are refused.
    """

    def __init__(self, schema: pyarrow.Schema, report: AddReport) -> None:
        names = schema.names
        for name in names:
            if names.count(name) > 1:
                raise BadRequestError(f"the table has two columns {name!r}; leave one out")
        self._records = Records(report)
        self._attributes = {
            name: Image._attributes[name] for name in names if name in Image._attributes and name not in COMPUTED
        }
        self._is_foreign = any(name not in Image._attributes and name != "product" for name in names)
        self._identities = Identities()
        self._memory = Memory()
        self._crs = _crs_of(schema.field("geometry")) if "geometry" in names else None

    def checked(self, batch: pyarrow.RecordBatch, first: int) -> Block:
        """Return what can be added of some rows, the first of which has a position among all."""
        arrays = {name: _plain(batch.column(name)) for name in batch.schema.names}
        rows = Rows.of(batch.num_rows, are_odd=self._is_foreign)
        block = Block(list(range(first, first + rows.count)))
        block.products, block.names, block.uids = self._who(arrays, rows)
        for name, attribute in self._attributes.items():
            values = self._values(attribute, arrays[name], rows)
            if any(value is not None for value in values):
                rows.columns[name] = values
        rows.settle()
        block.files = self._files(arrays.get("files"), rows)
        block.boxes, footprints = self._footprints(arrays.get("geometry"), rows)
        if footprints:
            rows.columns["geometry"] = footprints
        block.columns = rows.columns
        if not rows.is_odd.any():
            return block
        odd = [(first + at, self._record(arrays, at)) for at in rows.odd]
        return Block.joined([block.chosen(rows.usual), self._records.checked(odd)])

    def _record(self, arrays: Mapping[str, pyarrow.Array], position: int) -> dict[str, Any]:
        """Return a row as a record."""
        record = {name: _given(self._attributes.get(name), array[position]) for name, array in arrays.items()}
        if self._crs is not None and isinstance(record.get("geometry"), bytes):
            record["geometry"] = _Placed(record["geometry"], self._crs)
        return record

    # Who they are

    def _who(self, arrays: Mapping[str, pyarrow.Array], rows: Rows) -> tuple[list[str], list[str], list[str]]:
        """Return the ids of the products, the names and the ids; other ways to give them are those of records."""
        given = {name: arrays.get(name) for name in ("id", "product_id", "name")}
        texts = {name: array for name, array in given.items() if array is not None and _is_text(array.type)}
        nothing = [""] * rows.count
        if "product" in arrays or len(texts) != sum(array is not None for array in given.values()):
            rows.set_aside(numpy.full(rows.count, fill_value=True))
            return nothing, nothing, nothing
        uids = texts["id"].to_pylist() if "id" in texts else None
        if "product_id" in texts and "name" in texts:
            products, names = texts["product_id"].to_pylist(), texts["name"].to_pylist()
        elif uids is not None and not {"product_id", "name"} & texts.keys():
            parts = [("" if uid is None else uid).rpartition(":") for uid in uids]
            products, names = [part[0] for part in parts], [part[2] for part in parts]
        else:
            rows.set_aside(numpy.full(rows.count, fill_value=True))
            return nothing, nothing, nothing
        names = [name or "" for name in names]
        return products, names, self._identities.made(rows, products, names, uids)

    # Values

    def _values(self, attribute: Attribute[Any], array: pyarrow.Array, rows: Rows) -> list[Any]:
        """Return the stored values of a column."""
        if array.null_count == rows.count:
            return [None] * rows.count
        for kind, read in _BY_KIND:
            if isinstance(attribute, kind):
                found = read(attribute, array)
                if found is None:
                    break
                values, is_odd = found
                rows.set_aside(is_odd)
                return values
        if _is_text(array.type):
            return self._memory.stored(attribute, array.to_pylist(), rows, lambda text: _from_text(attribute, text))
        return stored_one_by_one(attribute, [_given(attribute, scalar) for scalar in array], rows)

    # Files

    def _files(self, array: pyarrow.Array | None, rows: Rows) -> list[Files]:
        """Return the files of each row."""
        parts = None if array is None else _parts_of_files(array)
        if array is not None and parts is None:
            rows.set_aside(array.is_valid().to_numpy(zero_copy_only=False))
        return rows.take_files(*(parts or (((),) * len(FILE_PARTS), (), [0] * rows.count)))

    # Footprints

    def _footprints(self, array: pyarrow.Array | None, rows: Rows) -> tuple[NDArray[numpy.float64], list[Any]]:
        """Return the boxes and the footprints of the rows, as well-known binary."""
        if array is None or array.null_count == len(array):
            return no_boxes(rows.count), []
        if self._crs is not None or not _is_binary(array.type):
            rows.set_aside(array.is_valid().to_numpy(zero_copy_only=False))
            return no_boxes(rows.count), []
        blobs = array.to_pylist()
        boxes = convex_boxes(blobs)
        others = numpy.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False) & numpy.isnan(boxes[:, 0])).tolist()
        if others:
            shapes = plain_footprints([blobs[position] for position in others])
            boxes[others] = footprint_boxes(shapes)
            rows.is_odd[others] |= shapely.is_missing(shapes)
            for position, blob in zip(others, to_wkbs(shapes.tolist()), strict=True):
                blobs[position] = blob
        return boxes, blobs


class _Placed:
    """Well-known binary of a column whose CRS is not longitude and latitude."""

    def __init__(self, blob: bytes, crs: CRS) -> None:
        self._blob = blob
        self._crs = crs

    @property
    def __geo_interface__(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = as_geometry(self._blob, crs=self._crs).__geo_interface__
        return found


# Columns


def _plain(array: pyarrow.Array) -> pyarrow.Array:
    """Return a column in the one of Arrow's layouts for the same values that is read here."""
    kind = array.type
    if isinstance(kind, pyarrow.BaseExtensionType):
        array, kind = array.storage, array.storage.type
    if pyarrow.types.is_dictionary(kind):
        array = array.dictionary_decode()
        kind = array.type
    if pyarrow.types.is_large_string(kind) or pyarrow.types.is_string_view(kind):
        return array.cast(pyarrow.string())
    if pyarrow.types.is_large_binary(kind) or pyarrow.types.is_binary_view(kind):
        return array.cast(pyarrow.binary())
    return array


def _is_text(kind: pyarrow.DataType) -> bool:
    return bool(pyarrow.types.is_string(kind))


def _is_binary(kind: pyarrow.DataType) -> bool:
    return bool(pyarrow.types.is_binary(kind) or pyarrow.types.is_fixed_size_binary(kind))


def _is_accepted(attribute: Attribute[Any], value: Any) -> bool:
    try:
        attribute.coerce(value)
    except (ClientError, *ODD):
        return False
    return True


def _given(attribute: Attribute[Any] | None, scalar: pyarrow.Scalar) -> Any:
    """Return a value as a record has it."""
    kind = scalar.type
    if pyarrow.types.is_timestamp(kind) and kind.unit == "ns" and scalar.is_valid:
        utc = scalar.cast(pyarrow.timestamp("ns", kind.tz)).cast(pyarrow.timestamp("us", kind.tz), safe=False)
        return utc.as_py()
    value = scalar.as_py()
    if isinstance(attribute, _JSON_TEXT) and isinstance(value, str):
        return _from_text(attribute, value)
    return _without_nulls(value, kind) if isinstance(attribute, ExtraProperties) else value


def _from_text(attribute: Attribute[Any], value: str) -> Any:
    """Return what a string of a column means: JSON, where `to_arrow` writes it so."""
    if not isinstance(attribute, _JSON_TEXT):
        return value
    try:
        return loads(value)
    except ValueError:
        return value  # which is refused as it is


def _without_nulls(value: Any, kind: pyarrow.DataType) -> Any:
    """Return a nested value without the fields of structs that a row does not have."""
    if pyarrow.types.is_map(kind) and value is not None:
        return {key: _without_nulls(item, kind.item_type) for key, item in value}
    if isinstance(value, dict):
        return {name: _without_nulls(item, kind.field(name).type) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item, kind.value_type) for item in value]
    return value


Found = tuple[list[Any], "NDArray[numpy.bool_]"]


def _true(array: pyarrow.Array) -> NDArray[numpy.bool_]:
    """Return a column of truth values, unset ones false."""
    found: NDArray[numpy.bool_] = array.fill_null(False).to_numpy(zero_copy_only=False)
    return found


def _with_unset(array: pyarrow.Array, values: list[Any]) -> list[Any]:
    if array.null_count:
        for position in numpy.flatnonzero(array.is_null().to_numpy(zero_copy_only=False)).tolist():
            values[position] = None
    return values


def _texts(attribute: Text, array: pyarrow.Array) -> Found | None:
    if type(attribute) is not Text or attribute.longest is not None or not _is_text(array.type):
        return None
    return array.to_pylist(), _true(pyarrow.compute.match_substring(array, NUL))


def _numbers(attribute: Number, array: pyarrow.Array) -> Found | None:
    kind = array.type
    if attribute.allow_nan or not (pyarrow.types.is_floating(kind) or pyarrow.types.is_integer(kind)):
        return None
    try:
        numbers = array.cast(pyarrow.float64()).fill_null(0).to_numpy(zero_copy_only=False)
    except pyarrow.ArrowInvalid:  # a whole number that no float is
        return None
    is_odd = ~numpy.isfinite(numbers)
    if attribute.is_fraction:
        is_odd |= ~((numbers >= 0) & (numbers <= 1))
    return _with_unset(array, numbers.tolist()), is_odd


def _whole_numbers(attribute: Integer, array: pyarrow.Array) -> Found | None:
    if not pyarrow.types.is_integer(array.type):
        return None
    least = LEAST_INT64 if attribute.least is None else attribute.least
    try:
        numbers = array.cast(pyarrow.int64()).fill_null(max(least, 0)).to_numpy(zero_copy_only=False)
    except pyarrow.ArrowInvalid:  # beyond 64 bits
        return None
    return _with_unset(array, numbers.tolist()), numbers < least


def _times(attribute: Timestamp, array: pyarrow.Array) -> Found | None:
    if not pyarrow.types.is_timestamp(array.type):
        return None
    counts = array.cast(pyarrow.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    per_second = _PER_SECOND[array.type.unit]
    if per_second > 10**6:
        counts = counts // (per_second // 10**6)  # cut, as texts are
        is_odd = numpy.zeros(len(counts), dtype=bool)
    else:
        factor = 10**6 // per_second
        is_odd = (counts < _FIRST // factor) | (counts > _LAST // factor)
        counts = numpy.where(is_odd, 0, counts) * factor
    return _with_unset(array, counts.tolist()), is_odd


_BY_KIND: Sequence[tuple[type[Attribute[Any]], Callable[..., Found | None]]] = (
    (Choice, lambda attribute, array: None),
    (Text, _texts),
    (Number, _numbers),
    (Integer, _whole_numbers),
    (Timestamp, _times),
)


def _parts_of_files(
    array: pyarrow.Array,
) -> tuple[Sequence[Sequence[Any]], Sequence[bool] | NDArray[numpy.bool_], Sequence[int]] | None:
    """Return the parts of all files, whether each is owned or has a NUL, and how many there are in each row.

    None where the column is of a type that is read as records are.
    """
    kind = array.type
    if not (pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind)):
        return None
    if not pyarrow.types.is_struct(kind.value_type):
        return None
    files = array.flatten()
    if files.null_count:
        return None
    count = len(files)
    columns: dict[str, list[Any]] = {name: [None] * count for name in FILE_PARTS}
    is_odd = numpy.zeros(count, dtype=bool)
    for one, values in zip(kind.value_type, files.flatten(), strict=True):
        if one.name not in columns and one.name != "owned":
            return None
        column = _plain(values)
        if pyarrow.types.is_null(column.type):
            continue
        if one.name == "size_bytes":
            if not pyarrow.types.is_integer(column.type):
                return None
        elif one.name == "owned":
            if not pyarrow.types.is_boolean(column.type):
                return None
            is_odd |= _true(column)
            continue
        elif not _is_text(column.type):
            return None
        else:
            is_odd |= _true(pyarrow.compute.match_substring(column, NUL))
        columns[one.name] = column.to_pylist()
    counts = [length or 0 for length in pyarrow.compute.list_value_length(array).to_pylist()]
    return list(columns.values()), is_odd, counts


def _crs_of(column: pyarrow.Field) -> CRS | None:
    """Return the CRS of a geometry column as GeoArrow keeps it, None for longitude and latitude.

    Raises
    ------
    BadRequestError
        If it is not well-known binary, or its CRS is not known.
    """
    kind = column.type
    if isinstance(kind, pyarrow.BaseExtensionType):
        name, text = kind.extension_name, kind.__arrow_ext_serialize__()
    else:
        metadata = column.metadata or {}
        name = metadata.get(b"ARROW:extension:name", b"").decode("utf-8", "replace")
        text = metadata.get(b"ARROW:extension:metadata", b"")
    if name not in ("", "geoarrow.wkb", "ogc.wkb"):
        raise BadRequestError(f"the column 'geometry' is {name}; write it as well-known binary (geoarrow.wkb)")
    try:
        said = json.loads(text) if text else {}
    except ValueError as error:
        raise BadRequestError(f"the metadata of the column 'geometry' is not JSON: {text[:100]!r}") from error
    crs = said.get("crs") if isinstance(said, dict) else None
    return None if crs is None or crs == "OGC:CRS84" else other_crs(crs)
