"""Rows as a stream of Arrow's record batches, read by a thread of its own.

A program that takes a stream may ask for the next batch from any of its threads, and hold locks while it waits, as
DuckDB does. No query of ours runs inside such a call: one worker thread reads a batch ahead, with its own connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pyarrow

from localcat.errors import BadRequestError, CorruptCatalogError
from localcat.tables.columns import Column, column_of
from localcat.tables.source import checked_columns

if TYPE_CHECKING:
    from localcat.tables.source import Source, StoredRow


def reader_of(source: Source, columns: Sequence[str] | None) -> pyarrow.RecordBatchReader:
    """Return the rows of a source as a stream; `columns` are names of attributes, None for all.

    Raises
    ------
    BadRequestError
        If a column is not an attribute, or is named twice; or if there is none, since Arrow counts rows by columns.
    """
    names = checked_columns(source.attributes, source.name, columns)
    if not names:
        raise BadRequestError("columns is empty; name an attribute, such as ['id'], or leave it out for all of them")
    made = [column_of(name, source.attributes[name]) for name in names]
    schema = pyarrow.schema([column.field for column in made])
    if source.is_at_hand:
        batches: Iterator[pyarrow.RecordBatch] = iter([_batch(rows, made, schema) for rows in source.rows(names)])
    else:
        batches = _ahead(source, names, made, schema)
    return pyarrow.RecordBatchReader.from_batches(schema, batches)


def _ahead(
    source: Source, names: tuple[str, ...], columns: Sequence[Column], schema: pyarrow.Schema
) -> Iterator[pyarrow.RecordBatch]:
    """Yield batches that a worker reads, one ahead; the worker ends with the stream, used up or not."""
    with ThreadPoolExecutor(1, thread_name_prefix="localcat-table") as worker:
        chunks = source.rows(names)

        def following() -> pyarrow.RecordBatch | None:
            rows = next(chunks, None)
            return None if rows is None else _batch(rows, columns, schema)

        coming = worker.submit(following)
        while (batch := coming.result()) is not None:
            coming = worker.submit(following)
            yield batch


def _batch(rows: Sequence[StoredRow], columns: Sequence[Column], schema: pyarrow.Schema) -> pyarrow.RecordBatch:
    stored = zip(*rows, strict=True) if rows else [()] * len(columns)
    arrays = []
    for column, values in zip(columns, stored, strict=True):
        try:
            arrays.append(column.array(values))
        except (ValueError, TypeError, LookupError, OverflowError, AttributeError, RecursionError) as error:
            raise CorruptCatalogError(
                f"{column.field.name} of a row is not what localcat writes: {error}; verify() names the object, and a "
                "backup has it whole"
            ) from error
    return pyarrow.RecordBatch.from_arrays(arrays, schema=schema)
