"""Rows that localcat wrote, as attributes of images, column by column: what `own_rows` does, the other way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy
import pyarrow
import pyarrow.compute as compute

from localcat.interop.geoparquet.item_rows import CHANGES, MEMBERS, text_of_time
from localcat.interop.geoparquet.own_rows import moved
from localcat.interop.stac.assets import OWN, Layout
from localcat.interop.stac.importing import image_name
from localcat.interop.stac.values import ANY_TIME, VALUES
from localcat.models.attributes.scalars import Integer, Number, Text
from localcat.models.image import Image
from localcat.timestamps import to_microseconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localcat.interop.geoparquet.reading import Source

_BEGIN, _END = map(to_microseconds, ANY_TIME)
_PROPERTIES: Final = {value.property: value.attribute for value in VALUES}
_OWN: Final = {
    f"{OWN}{name}": name for name, one in Image._attributes.items() if isinstance(one, Number | Integer | Text)
}
_READ: Final = {
    *MEMBERS,
    *_PROPERTIES,
    *_OWN,
    *("geometry", "bbox", "datetime", "start_datetime", "end_datetime", "created", "updated"),
    *("proj:code", "proj:epsg", "proj:transform", "proj:shape", CHANGES),
}
_PARTS: Final = ("type", "roles", "href", "file:size", "file:checksum", "bands", "eo:bands", "raster:bands")
_CHECKSUM: Final = "^1220[0-9a-f]{64}$"
_TIME = pyarrow.timestamp("us", tz="UTC")


class Plain:
    """The rows of a file that localcat wrote whose columns say all there is of them.

    Parameters
    ----------
    source : Source
        The file.
    layouts : mapping
        Product id and layout by id of the Collection.
    product : str, optional
        The product of all rows, in place of their Collections.
    """

    def __init__(self, source: Source, layouts: Mapping[str, tuple[str, Layout]], product: str | None) -> None:
        self._source = source
        self._layouts = layouts
        self._known = [
            collection_id
            for collection_id, document in source.collections.items()
            if product is None and collection_id in layouts and _declares(document, layouts[collection_id][1])
        ]
        self._is_usable = not {"id", "collection", "datetime"} - {*source.schema.names}

    def rows(self, batch: pyarrow.RecordBatch) -> NDArray[numpy.bool_]:
        """Return which rows of a batch these are."""
        if not self._is_usable or not self._known:
            return numpy.zeros(batch.num_rows, dtype=bool)
        found = _true(compute.is_in(batch["collection"], value_set=pyarrow.array(self._known, pyarrow.string())))
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if name not in _READ or name == CHANGES:
                found &= column.is_null().to_numpy(zero_copy_only=False)
        found &= numpy.array([name is not None and image_name(name) == name for name in batch["id"].to_pylist()])
        found &= self._have_remote_files(batch)
        return found & _true(compute.fill_null(compute.greater_equal(*self._period(batch)[::-1]), True))

    def _period(self, batch: pyarrow.RecordBatch) -> tuple[pyarrow.Array, pyarrow.Array]:
        """Return when images were acquired, and when that ended."""
        nothing = pyarrow.nulls(batch.num_rows, _TIME)
        moment, begin, end = (
            batch[name] if name in batch.schema.names else nothing
            for name in ("datetime", "start_datetime", "end_datetime")
        )
        is_open = compute.and_(moment.is_null(), compute.equal(begin.cast(pyarrow.int64()), _BEGIN).fill_null(False))
        is_any = compute.and_(is_open, compute.equal(end.cast(pyarrow.int64()), _END).fill_null(False))
        first = compute.coalesce(moment, compute.if_else(is_open, nothing, begin))
        return first, compute.if_else(is_any, nothing, end)

    def _have_remote_files(self, batch: pyarrow.RecordBatch) -> NDArray[numpy.bool_]:
        """Return which rows have files on other machines only, in the places of the layout, one after the other."""
        found = numpy.ones(batch.num_rows, dtype=bool)
        if "assets" not in batch.schema.names:
            return found
        for collection_id in self._known:
            here = _true(compute.equal(batch["collection"], collection_id))
            keys = _keys(self._layouts[collection_id][1], batch["assets"].type)
            before = numpy.ones(batch.num_rows, dtype=bool)
            for one in batch["assets"].type:
                if one.name not in keys:
                    found &= ~here | ~_is_set(_member(batch["assets"], one.name))
            for key in keys:
                asset = _member(batch["assets"], key)
                is_set = _is_set(asset)
                found &= ~here | ~is_set | before
                before &= is_set
                if not {part.name for part in asset.type} <= {*_PARTS} or "href" not in {
                    part.name for part in asset.type
                }:
                    found &= ~here
                    continue
                is_remote = _true(compute.match_substring(_member(asset, "href"), "://"))
                if asset.type.get_field_index("file:checksum") >= 0:
                    checksum = _member(asset, "file:checksum")
                    is_remote &= ~_true(compute.invert(compute.match_substring_regex(checksum, _CHECKSUM)))
                found &= ~here | ~is_set | is_remote
        return found

    def attributes(self, batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
        """Return such rows as a table of attributes."""
        names = batch.schema.names
        products = pyarrow.array([self._layouts[one][0] for one in self._known], pyarrow.string())
        place = compute.index_in(batch["collection"], value_set=pyarrow.array(self._known, pyarrow.string()))
        first, last = self._period(batch)
        found = {"product_id": products.take(place), "name": batch["id"], "acquired": first, "acquired_end": last}
        if "geometry" in names:
            found["geometry"] = batch["geometry"]
        for name, attribute in {**_PROPERTIES, **_OWN}.items():
            if name in names:
                column = _read(attribute, name, batch[name])
                known = found.get(attribute)
                found[attribute] = column if known is None else compute.coalesce(column, known)
        if "proj:code" in names:
            found["cs_code"] = batch["proj:code"]
        if "proj:transform" in names:
            found["geotrans"] = _geotransforms(batch["proj:transform"])
        if "proj:shape" in names:
            sides = batch["proj:shape"]
            is_set = compute.equal(compute.list_value_length(sides), 2).fill_null(False)
            pairs = sides.filter(is_set).flatten().to_numpy().reshape(-1, 2)
            for at, attribute in enumerate(("y_pixels", "x_pixels")):
                found[attribute] = _spread(pyarrow.array(numpy.ascontiguousarray(pairs[:, at])), is_set)
        found["files"] = self._files(batch)
        found["extra_properties"] = _extra(batch)
        return pyarrow.record_batch(found)

    def _files(self, batch: pyarrow.RecordBatch) -> pyarrow.Array:
        """Return the files of the rows, in the order of their layouts."""
        parts: dict[str, list[pyarrow.Array]] = {"href": [], "size_bytes": [], "hash": []}
        rows: list[NDArray[Any]] = []
        if "assets" in batch.schema.names:
            for collection_id in self._known:
                here = _true(compute.equal(batch["collection"], collection_id))
                for key in _keys(self._layouts[collection_id][1], batch["assets"].type) if here.any() else ():
                    asset = _member(batch["assets"], key)
                    chosen = numpy.flatnonzero(here & _is_set(asset))
                    asset = asset.take(pyarrow.array(chosen))
                    fields = {one.name for one in asset.type}
                    size = _member(asset, "file:size") if "file:size" in fields else pyarrow.nulls(len(asset))
                    checksum = (
                        _member(asset, "file:checksum") if "file:checksum" in fields else pyarrow.nulls(len(asset))
                    )
                    parts["href"].append(_member(asset, "href"))
                    parts["size_bytes"].append(size.cast(pyarrow.int64()))
                    parts["hash"].append(compute.utf8_slice_codeunits(checksum.cast(pyarrow.string()), 4))
                    rows.append(chosen)
        owners = numpy.concatenate(rows) if rows else numpy.zeros(0, dtype=numpy.int64)
        order = pyarrow.array(numpy.argsort(owners, kind="stable"))
        counts = numpy.bincount(owners, minlength=batch.num_rows)
        columns = [
            (pyarrow.concat_arrays(arrays) if arrays else pyarrow.nulls(0, kind)).take(order)
            for arrays, kind in zip(parts.values(), (pyarrow.string(), pyarrow.int64(), pyarrow.string()), strict=True)
        ]
        files = pyarrow.StructArray.from_arrays(columns, names=[*parts])
        offsets = numpy.concatenate([[0], numpy.cumsum(counts)]).astype(numpy.int32)
        return pyarrow.ListArray.from_arrays(offsets, files)


def _declares(document: Mapping[str, Any], layout: Layout) -> bool:
    """Return whether a Collection declares the assets that a product's images have, band for band."""
    declared = document.get("item_assets")
    if not isinstance(declared, dict) or [*declared] != [*layout.keys]:
        return False
    return all(
        isinstance(declared[key], dict)
        and all(declared[key].get(name) == value for name, value in layout.fields_of(position).items())
        for position, key in enumerate(layout.keys)
    )


def _keys(layout: Layout, assets: pyarrow.StructType) -> list[str]:
    """Return the keys of assets that are files, in their order; a product without bands counts them."""
    known = {one.name for one in assets}
    if layout.keys:
        return [key for key in layout.keys if key in known]
    return [key for key in map(layout.key_of, range(len(known))) if key in known]


def _read(attribute: str, name: str, column: pyarrow.Array) -> pyarrow.Array:
    """Return what a property says of an attribute, None where it cannot be one."""
    if attribute == "cloud_fraction" and not name.startswith(OWN):
        return moved(column, -2)
    return column


def _geotransforms(column: pyarrow.Array) -> pyarrow.Array:
    is_set = compute.equal(compute.list_value_length(column), 6).fill_null(False)
    numbers = column.filter(is_set).flatten().to_numpy().reshape(-1, 6)[:, [2, 0, 1, 5, 3, 4]].reshape(-1)
    counts = numpy.cumsum(_true(is_set)) * 6
    offsets = numpy.concatenate([[0], counts]).astype(numpy.int32)
    return pyarrow.ListArray.from_arrays(offsets, pyarrow.array(numbers), mask=compute.invert(is_set))


def _spread(values: pyarrow.Array, is_set: pyarrow.Array) -> pyarrow.Array:
    """Return values in the places where something is set, None in the others."""
    at = numpy.cumsum(_true(is_set)) - 1
    return values.take(pyarrow.array(at, mask=~_true(is_set)))


def _extra(batch: pyarrow.RecordBatch) -> pyarrow.Array:
    """Return when the Items were made and changed, which are extra properties, as JSON."""
    texts = []
    for name in ("created", "updated"):
        if name in batch.schema.names:
            encoded = batch[name].dictionary_encode()
            values = encoded.dictionary.cast(pyarrow.int64()).to_pylist()
            written = pyarrow.array(
                [f"{json.dumps(name)}:{json.dumps(text_of_time(value))}" for value in values], pyarrow.string()
            )
            texts.append(written.take(encoded.indices))
    if not texts:
        return pyarrow.nulls(batch.num_rows, pyarrow.string())
    joined = compute.binary_join_element_wise(*texts, ",", null_handling="skip")
    found = compute.binary_join_element_wise("{", joined, "}", "")
    return compute.if_else(compute.equal(joined, ""), pyarrow.scalar(None, pyarrow.string()), found)


def _member(column: pyarrow.Array, name: str) -> pyarrow.Array:
    """Return a member of structs, None where these are."""
    return compute.struct_field(column, name)


def _is_set(column: pyarrow.Array) -> NDArray[numpy.bool_]:
    found: NDArray[numpy.bool_] = column.is_valid().to_numpy(zero_copy_only=False)
    return found


def _true(array: pyarrow.Array) -> NDArray[numpy.bool_]:
    found: NDArray[numpy.bool_] = array.fill_null(False).to_numpy(zero_copy_only=False)
    return found
