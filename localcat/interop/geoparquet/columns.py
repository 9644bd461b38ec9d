"""Columns of Items: their schema, rows put into them, and what a file says of them in its metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import pyarrow

from localcat.interop.geoparquet.item_rows import CHANGES, CORNERS, MEMBERS, PROJECTED, TIMES
from localcat.interop.geoparquet.shapes import Shape, arrow_type

OWN_KEY: Final = b"localcat"
"""The key in the metadata of files that localcat wrote."""

STAC_KEY: Final = b"stac-geoparquet"
GEO_KEY: Final = b"geo"

Way: TypeAlias = tuple[str, ...]
"""A column, and perhaps members of it."""

_TIME = pyarrow.timestamp("us", tz="UTC")
_BOX = pyarrow.struct([(name, pyarrow.float64()) for name in CORNERS])
_GEOMETRY = {
    "ARROW:extension:name": "geoarrow.wkb",
    "ARROW:extension:metadata": json.dumps({"crs": "OGC:CRS84", "crs_type": "authority_code"}),
}
_EACH_ITS_OWN = {"id", "href", "file:checksum", CHANGES}  # texts that do not repeat
_KINDS = ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection")


def schema_of(
    shapes: Mapping[str, Shape], times: set[str], *, has_projected: bool, has_changes: bool
) -> pyarrow.Schema:
    """Return the schema of Items that have these shapes, and these properties that are times."""
    fields = [pyarrow.field(name, arrow_type(shapes[name])) for name in MEMBERS if name in shapes]
    fields.append(pyarrow.field("geometry", pyarrow.binary(), metadata=_GEOMETRY))
    fields.append(pyarrow.field("bbox", _BOX))
    fields += [pyarrow.field(name, _TIME) for name in TIMES if name in times or name == "datetime"]
    fields += [pyarrow.field(name, arrow_type(shape)) for name, shape in shapes.items() if name not in MEMBERS]
    if has_projected:
        fields.append(pyarrow.field(PROJECTED, pyarrow.binary()))
    if has_changes:
        fields.append(pyarrow.field(CHANGES, pyarrow.string()))
    return pyarrow.schema(fields)


def table_of(rows: Sequence[Mapping[str, Any]], schema: pyarrow.Schema) -> pyarrow.Table:
    """Return rows as `row_of` makes them."""
    return pyarrow.table(
        [pyarrow.array([row.get(one.name) for row in rows], one.type) for one in schema], schema=schema
    )


def with_values(table: pyarrow.Table, values: Mapping[Way, pyarrow.Array]) -> pyarrow.Table:
    """Return a table with other values in some places; times that are unset there stay as they are."""
    inner: dict[str, dict[Way, pyarrow.Array]] = {}
    for way, array in values.items():
        if len(way) > 1:
            inner.setdefault(way[0], {})[way[1:]] = array
    columns = []
    for one in table.schema:
        column = table[one.name].combine_chunks()
        array = values.get((one.name,))
        if one.name in inner:
            column = _with_members(column, inner[one.name])
        elif array is not None:
            column = pyarrow.compute.coalesce(array, column) if one.name in TIMES else array
        columns.append(column)
    return pyarrow.table(columns, schema=table.schema)


def _with_members(column: pyarrow.Array, values: Mapping[Way, pyarrow.Array]) -> pyarrow.Array:
    arrays = []
    for position, one in enumerate(column.type):
        array = values.get((one.name,), column.field(position))
        inner = {way[1:]: value for way, value in values.items() if way[0] == one.name and len(way) > 1}
        arrays.append(_with_members(array, inner) if inner else array)
    return pyarrow.StructArray.from_arrays(arrays, fields=list(column.type), mask=column.is_null())


def columns_with_dictionary(schema: pyarrow.Schema) -> list[str]:
    """Return the paths of the columns whose values repeat often."""
    return [path for one in schema for path in _repeating(one.name, one.name, one.type)]


def _repeating(path: str, name: str, kind: pyarrow.DataType) -> Iterator[str]:
    if pyarrow.types.is_struct(kind):
        for one in kind:
            yield from _repeating(f"{path}.{one.name}", one.name, one.type)
    elif pyarrow.types.is_list(kind):
        yield from _repeating(f"{path}.list.element", name, kind.value_type)
    elif name not in _EACH_ITS_OWN and not pyarrow.types.is_binary(kind) and not pyarrow.types.is_temporal(kind):
        yield path


def metadata_of(
    box: Sequence[float] | None, kinds: set[bytes], collections: Mapping[str, Mapping[str, Any]]
) -> dict[bytes, bytes]:
    """Return what a file says of its geometries and Collections.

    Parameters
    ----------
    box : sequence of 4 numbers or None
        The box of all footprints.
    kinds : set of bytes
        The type of each footprint, as well-known binary has it behind its first byte.
    collections : mapping
        The Collections by id.
    """
    geometry: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": sorted(
            _KINDS[number % 1000 - 1] + (" Z" if number >= 1000 else "")
            for number in (int.from_bytes(kind, "little") for kind in kinds)
        ),
        "covering": {"bbox": {name: ["bbox", name] for name in CORNERS}},
    }
    if box is not None:
        geometry["bbox"] = list(box)
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
    stac = {"version": "1.0.0", "collections": collections}
    found = {GEO_KEY: geo, STAC_KEY: stac, OWN_KEY: {"version": 1}}
    return {key: json.dumps(value, ensure_ascii=False, allow_nan=False).encode() for key, value in found.items()}
