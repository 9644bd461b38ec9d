"""Adding many images at once: one transaction, bounded memory, an outcome for each.

First all are checked like objects: this runs code of the caller, who makes the records, while nobody has to wait. What
was checked waits in a temporary file, as plain values. Then one transaction writes it, neighbours next to each other.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from localcat.disk.steps import reached
from localcat.errors import BadRequestError, require
from localcat.models.image import Image
from localcat.progress import shown
from localcat.store import rows
from localcat.tables import Tabular
from localcat.writing.bulk.blocks import Block
from localcat.writing.bulk.dictionaries import Dictionaries
from localcat.writing.bulk.report import AddReport, FailedRecord, require_conflict_rule
from localcat.writing.bulk.spool import Spool
from localcat.writing.bulk.writer import Writer, has_images, require_free

if TYPE_CHECKING:
    from localcat.store.catalog_file import CatalogFile

_CHUNK = 2000  # images checked together
_WRITTEN = 10_000  # and written together


def add_images(
    catalog: CatalogFile, records: Any, *, on_conflict: str = "error", progress: bool | None = None
) -> AddReport:
    """Add many images in one transaction; `Catalog.add_images` says how."""
    require_conflict_rule(on_conflict)
    is_table = hasattr(records, "__arrow_c_stream__") and not isinstance(records, Tabular | type)
    if not is_table and (isinstance(records, str | bytes | Mapping | Image) or not isinstance(records, Iterable)):
        raise BadRequestError(
            f"records are several dictionaries or images, or a table of Arrow, not {type(records).__name__}"
        )
    catalog.database.require_writable(creates=True)  # before a million records are looked at
    report, objects = AddReport(), list[Image]()
    with closing(Spool(catalog)) as spool:
        if is_table:
            checked = _of_table(records, report, progress)
        else:
            checked = _of_records(catalog, records, report, objects, progress)
        with catalog.database.read() as connection:
            may_be_taken = on_conflict == "error" and has_images(connection, 1)
        for block in checked:
            if may_be_taken:
                require_free(catalog, block)
            spool.put(block)
        is_twice = spool.has_an_id_twice  # then the order counts in which they came
        with catalog.database.write() as transaction:
            connection = transaction.connection
            writer = Writer(connection, on_conflict, report, expected=len(spool), has_an_id_twice=is_twice)
            for block in spool.blocks(_WRITTEN, by_place=not is_twice):
                writer.write(block)
                reached("chunk written")
                transaction.bound_memory()
            writer.finish()
            transaction.on_commit.append(lambda: catalog.delete_files(writer.discarded))
    report.failed.sort(key=lambda failure: failure.index)
    if report.failed:
        with catalog.database.read() as connection:
            there = rows.row_ids(connection, "image", [str(image.id) for image in objects])
        objects = [image for image in objects if image.id in there]
    for image in objects:
        image._refresh()
    return report


def _of_records(
    catalog: CatalogFile, records: Iterable[Any], report: AddReport, objects: list[Image], progress: bool | None
) -> Iterator[Block]:
    """Yield what can be added of records and tables among them, and collect those that are objects of the catalog."""
    checker, count = Dictionaries(report), 0
    chunk: list[tuple[int, Any]] = []
    for record in shown(records, "adding images", "images", progress):
        if not hasattr(record, "__arrow_c_array__"):
            chunk.append((count, record))
            count += 1
            if isinstance(record, Image) and record._catalog.file is catalog:
                objects.append(record)
        if len(chunk) == _CHUNK or (chunk and hasattr(record, "__arrow_c_array__")):
            yield checker.checked(chunk)
            chunk = []
        if hasattr(record, "__arrow_c_array__"):
            count += yield from _of_batch(record, count, report)
    if chunk:
        yield checker.checked(chunk)


def _of_batch(given: Any, first: int, report: AddReport) -> Generator[Block, None, int]:
    """Yield what can be added of the rows of a batch, the first of which has a number among all; return how many.

    One that cannot be read counts as a single record, which is refused.
    """
    require("pyarrow", "arrow", "for tables")
    from localcat.writing.bulk.tables import Table, as_batch  # brings pyarrow, which records do not need

    try:
        batch = as_batch(given, f"a batch of type {type(given).__name__}")
        table = Table(batch.schema, report)
    except BadRequestError as error:
        report.failed.append(FailedRecord(first, None, error))
        return 1
    for start in range(0, batch.num_rows, _CHUNK):
        yield table.checked(batch.slice(start, _CHUNK), first + start)
    return int(batch.num_rows)


def _of_table(table: Any, report: AddReport, progress: bool | None) -> Iterator[Block]:
    """Yield what can be added of the rows of a table."""
    require("pyarrow", "arrow", "for tables")
    from localcat.writing.bulk.tables import checked_rows  # brings pyarrow, which records do not need

    nothing: tuple[object, ...] = ()
    with shown(nothing, "adding images", "images", progress) as bar:
        for count, block in checked_rows(table, report, _CHUNK):
            yield block
            bar.update(count)
