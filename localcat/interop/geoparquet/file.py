"""One GeoParquet file while it is written.

A file has to know its columns before its first row. So the images are read once, and wait in a file beside it while
their Items are looked at; the second time the rows are made of what waits.
"""

from __future__ import annotations

import json
import pickle
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy
import pyarrow
import pyarrow.compute
import pyarrow.parquet

from localcat.disk.paths import href_between, is_local
from localcat.disk.system import flush
from localcat.interop.geoparquet.columns import (
    columns_with_dictionary,
    metadata_of,
    schema_of,
    table_of,
    with_values,
)
from localcat.interop.geoparquet.item_rows import CHANGES, CORNERS, EXPECTED, PROJECTED, TIMES, observe, row_of
from localcat.interop.geoparquet.own_rows import READ, Chunk, chunk_of, patterns_of, values_by_column
from localcat.interop.geoparquet.shapes import Shape, Shapes
from localcat.interop.stac.assets import Layout, layout_of
from localcat.interop.stac.collections import Extent, collection_of
from localcat.interop.stac.items import stac_item
from localcat.models.enums import StorageState
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.store import rows
from localcat.timestamps import from_microseconds

if TYPE_CHECKING:
    from array import array

    from numpy.typing import NDArray
    from tqdm import tqdm

    from localcat.models.attributes.values import File
    from localcat.models.backend import Backend

_CHUNK = 10_000  # images read at once
_ROWS = 50_000  # of a row group
_LEAST_ROWS = 20_000  # of a row group, if its rows are large
_MOST_BYTES = 64 * 2**20  # of a row group in memory with at least so many


@dataclass(slots=True)
class _Collection:
    """What is known of a product while its rows are written."""

    product: Product
    layout: Layout
    box: list[float] | None = None
    first: int | None = None
    last: int | None = None

    def widen(self, box: list[float] | None, first: int | None, last: int | None) -> None:
        """Take the box and the times of some rows into the extent."""
        self.box = _around(self.box, box)
        self.first = first if self.first is None or (first is not None and first < self.first) else self.first
        self.last = last if self.last is None or (last is not None and last > self.last) else self.last

    def document(self) -> dict[str, Any]:
        """Return the Collection."""
        first, last = (None if one is None else from_microseconds(one) for one in (self.first, self.last))
        return collection_of(self.product, self.layout, Extent(self.box, first, last))


@dataclass(slots=True)
class _Waiting:
    """Images of a product that were read.

    Parameters
    ----------
    product_id : str
        Which product.
    chunk : Chunk
        The images.
    models : ndarray
        The position of the Item that each is like; −1 for odd ones.
    odd : list of int
        The positions of odd ones.
    items : list of str
        Their Items, as JSON.
    """

    product_id: str
    chunk: Chunk
    models: NDArray[numpy.int64]
    odd: list[int]
    items: list[str]


class NewFile:
    """A GeoParquet file that is written.

    Parameters
    ----------
    catalog : Backend
        Whose images.
    path : Path
        Where it is written.
    folder : Path
        Where it will be; files here are named relative to it.
    bar : tqdm
        Counts the rows.
    """

    def __init__(self, catalog: Backend, path: Path, folder: Path, bar: tqdm[Any]) -> None:
        self._catalog = catalog
        self._path = path
        self._bar = bar
        self._folder = folder
        self._data_folder = href_between(catalog.file.data_folder.path, folder)
        self._shapes = Shapes(EXPECTED)
        self._times: set[str] = set()
        self._has_projected = False
        self._models: list[dict[str, Any]] = []  # the Item of one image of each pattern
        self._places: dict[tuple[str, tuple[Any, ...]], int] = {}  # of these Items, by product and pattern
        self._has_odd = False
        self._collections: dict[str, _Collection] = {}
        self._box: list[float] | None = None
        self._kinds: set[bytes] = set()

    def write(self, products: Sequence[tuple[str, array[int]]]) -> int:
        """Write the images of products, given by their row ids; return how many."""
        spool = self._path.with_name(f"{self._path.name}.rows")
        with spool.open("x+b") as file:
            count = self._collect(products, file)
            file.seek(0)
            number = self._fill(pickle.load(file) for _ in range(count))  # noqa: S301  # of this process
        spool.unlink()
        return number

    # The first time

    def _collect(self, products: Sequence[tuple[str, array[int]]], file: BinaryIO) -> int:
        """Read the images and look at their Items; return in how many parts they wait."""
        count = 0
        for product_id, row_ids in products:
            product = Product.get(product_id, catalog=self._catalog)
            if product is None:  # deleted meanwhile, with its images
                continue
            self._collections[product_id] = _Collection(product, layout_of(self._catalog, product_id))
            for start in range(0, len(row_ids), _CHUNK):
                with self._catalog.database.snapshot() as connection:
                    waiting = self._read(connection, product_id, row_ids[start : start + _CHUNK])
                if waiting is not None:
                    pickle.dump(waiting, file, pickle.HIGHEST_PROTOCOL)
                    count += 1
        return count

    def _read(self, connection: sqlite3.Connection, product_id: str, row_ids: Sequence[int]) -> _Waiting | None:
        found = list(rows.hydrate(connection, "image", READ, row_ids))
        if not found:
            return None
        chunk = chunk_of(found, rows.files_of(connection, row_ids), rows.available(connection, row_ids))
        patterns = patterns_of(chunk)
        layout = self._collections[product_id].layout
        new: list[int] = []
        for key, first in zip(patterns.keys, patterns.firsts, strict=True):
            if (product_id, key) not in self._places:
                self._places[product_id, key] = len(self._models) + len(new)
                new.append(chunk.ids[first])
        self._models += self._items(connection, layout, new)
        odd = numpy.flatnonzero(patterns.codes < 0).tolist()
        items = self._items(connection, layout, [chunk.ids[at] for at in odd])
        places = numpy.array([*(self._places[product_id, key] for key in patterns.keys), -1])  # for odd ones the last
        self._has_odd |= bool(odd)
        texts = [json.dumps(item, ensure_ascii=False) for item in items]
        return _Waiting(product_id, chunk, places[patterns.codes], odd, texts)

    def _items(self, connection: sqlite3.Connection, layout: Layout, row_ids: Sequence[int]) -> list[dict[str, Any]]:
        """Return the Items of images, each made by itself."""
        found = []
        for row in rows.hydrate(connection, "image", Image._columns(), row_ids):
            item = stac_item(Image._from_row(self._catalog, row), layout, locate=self._locate)
            observe(self._shapes, item)
            self._times |= {name for name in TIMES if isinstance(item["properties"].get(name), str)}
            self._has_projected |= PROJECTED in item["properties"]
            found.append(item)
        return found

    def _locate(self, file: File, image: Image) -> str:
        return self._href(image.storage_state == StorageState.AVAILABLE, file.owned, file.href, file.provider_href)

    def _href(self, is_here: bool, owned: bool | int, href: str | None, provider_href: str | None) -> str:
        """Return where a file is: relative to the folder of the new file, if it is here."""
        catalog = self._catalog.file
        if href is not None and owned:
            return f"{self._data_folder}/{href}"
        if href is None or not is_here or not is_local(href) or not catalog.database.options.trusted:
            return href or provider_href or ""
        return href_between(catalog.path.parent / href, self._folder)

    # The second time

    def _fill(self, waiting: Iterator[_Waiting]) -> int:
        """Write the rows of what waits; return how many."""
        shapes = self._shapes.settled()
        models = [row_of(item, shapes) for item in self._models]
        for row in models:
            if row[CHANGES] == "[]":
                del row[CHANGES]  # so that it can be told that the columns say all
        has_changes = self._has_odd or any(CHANGES in row for row in models)
        schema = schema_of(shapes, self._times, has_projected=self._has_projected, has_changes=has_changes)
        table = table_of(models, schema)
        number = 0
        with (
            self._path.open("xb") as stream,
            pyarrow.parquet.ParquetWriter(
                stream, schema, compression="zstd", use_dictionary=columns_with_dictionary(schema)
            ) as writer,
        ):
            for group in _grouped(self._rows(one, table, shapes) for one in waiting):
                writer.write_table(group, row_group_size=group.num_rows)
                number += group.num_rows
                self._bar.update(group.num_rows)
            documents = {one.layout.collection_id: one.document() for one in self._collections.values()}
            writer.add_key_value_metadata(metadata_of(self._box, self._kinds, documents))
            writer.close()
            stream.flush()
            flush(stream.fileno())
        return number

    def _rows(self, waiting: _Waiting, models: pyarrow.Table, shapes: dict[str, Shape]) -> pyarrow.Table:
        collection, count = self._collections[waiting.product_id], len(waiting.chunk.ids)
        found = models.take(pyarrow.array(waiting.models, mask=waiting.models < 0))
        found = with_values(found, dict(values_by_column(waiting.chunk, collection.layout, self._href)))
        if waiting.odd:
            odd = table_of([row_of(json.loads(item), shapes) for item in waiting.items], models.schema)
            order = numpy.arange(count)
            order[waiting.odd] = numpy.arange(len(waiting.odd)) + count
            found = pyarrow.concat_tables([found, odd]).take(pyarrow.array(order))
        self._widen(collection, found)
        return found

    def _widen(self, collection: _Collection, table: pyarrow.Table) -> None:
        box = _box_of(table["bbox"])
        self._box = _around(self._box, box)
        times = [table["datetime"]]
        if "end_datetime" in table.column_names:  # of a time that is not known the end is no time either
            times.append(table["end_datetime"].filter(table["datetime"].is_valid()))
        ends = [pyarrow.compute.min_max(one.cast(pyarrow.int64())).as_py() for one in times]
        collection.widen(box, ends[0]["min"], max((one["max"] for one in ends if one["max"] is not None), default=None))
        kinds = pyarrow.compute.unique(pyarrow.compute.binary_slice(table["geometry"], 1, 5)).to_pylist()
        self._kinds |= {kind for kind in kinds if kind is not None}


def _grouped(tables: Iterator[pyarrow.Table]) -> Iterator[pyarrow.Table]:
    """Yield tables joined to row groups."""
    group: list[pyarrow.Table] = []
    count = size = 0
    for table in tables:
        group.append(table)
        count, size = count + table.num_rows, size + table.nbytes
        if count >= _ROWS or (count >= _LEAST_ROWS and size >= _MOST_BYTES):
            yield pyarrow.concat_tables(group)
            group, count, size = [], 0, 0
    if group:
        yield pyarrow.concat_tables(group)


def _box_of(column: pyarrow.ChunkedArray) -> list[float] | None:
    corners = []
    for name in CORNERS:
        ends = pyarrow.compute.min_max(pyarrow.compute.struct_field(column, name)).as_py()
        corners.append(ends["min" if name.endswith("min") else "max"])
    return None if None in corners else corners


def _around(one: list[float] | None, other: list[float] | None) -> list[float] | None:
    """Return the box around two boxes."""
    if one is None or other is None:
        return other if one is None else one
    return [*map(min, one[:2], other[:2]), *map(max, one[2:], other[2:])]
