"""Writing blocks of images into the catalog, inside one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy

from localcat.errors import DuplicateError, NotFoundError
from localcat.store import rows
from localcat.store.rtree.write import Load
from localcat.timestamps import now_microseconds
from localcat.writing.bulk.report import AddReport, FailedRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from localcat.store.catalog_file import CatalogFile
    from localcat.store.clauses import Parameter
    from localcat.writing.bulk.blocks import Block

_MANY: Final = 20_000  # images; to build indexes again for fewer saves nothing


class Writer:
    """Writes blocks, inside a transaction.

    Parameters
    ----------
    connection : sqlite3.Connection
        Of the transaction.
    on_conflict : str
        As `Catalog.add_images` takes it.
    report : AddReport
        Counts the outcomes.
    expected : int
        How many images come.
    has_an_id_twice : bool
        Whether one of them may have the id of another.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        on_conflict: str,
        report: AddReport,
        *,
        expected: int,
        has_an_id_twice: bool,
    ) -> None:
        self._connection = connection
        self._on_conflict = on_conflict
        self._report = report
        self.discarded: list[str] = []
        self._entries = Load(connection)
        self._now = now_microseconds()
        self._products: dict[str, int | None] = {}
        self._has_an_id_twice = has_an_id_twice
        self._are_free = not has_an_id_twice and not has_images(connection, 1)  # the ids of all
        is_large = expected >= _MANY and not has_images(connection, expected)
        self._builds_indexes = is_large and rows.drop_indexes(connection)
        self._builds_texts = is_large and self._are_free  # else one that is replaced would be looked for in them
        (self._last,) = connection.execute(
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'image'"
        ).fetchone()

    def write(self, block: Block) -> None:
        """Write what has a product, and an id that is free or may be replaced."""
        known: Sequence[int] = range(len(block.uids))
        if not all(self._row_id_of(product) for product in set(block.products)):
            known = [position for position in known if self._has_product(block, position)]
        accepted = self._without_conflicts(block, known)
        if len(accepted) < len(block.uids):
            block = block.chosen(accepted)
        if block.uids:
            self._insert(block)
        if self._on_conflict == "replace" and self._has_an_id_twice:
            self._entries.finish()  # since the next block may replace an image of this one

    def finish(self) -> None:
        """Write what waits to be written together, when there are no more blocks."""
        self._entries.finish()
        if self._builds_indexes:
            rows.build_indexes(self._connection)
        if self._builds_texts:
            rows.rebuild_texts(self._connection, "image")

    def _has_product(self, block: Block, position: int) -> bool:
        product = block.products[position]
        if self._row_id_of(product) is not None:
            return True
        error = NotFoundError(f"there is no product '{product}' in the catalog; save it first")
        self._report.failed.append(FailedRecord(block.indexes[position], block.uids[position], error))
        return False

    def _row_id_of(self, product: str) -> int | None:
        if product not in self._products:
            self._products[product] = rows.product_row_id(self._connection, product)
        return self._products[product]

    def _without_conflicts(self, block: Block, positions: Sequence[int]) -> Sequence[int]:
        """Resolve images whose id is taken, in the catalog or by an earlier one."""
        if self._are_free:
            self._report.added += len(positions)
            return positions
        taken = rows.row_ids(self._connection, "image", [block.uids[position] for position in positions])
        accepted: dict[str, int] = {}
        for position in positions:
            uid = block.uids[position]
            is_taken = uid in taken or uid in accepted
            if is_taken and self._on_conflict == "error":
                raise duplicate(block, position)
            if is_taken and self._on_conflict == "skip":
                self._report.skipped += 1
                continue
            self._report.replaced += is_taken
            self._report.added += not is_taken
            accepted[uid] = position  # a later one of the block replaces an earlier one
        replaced = [taken[uid] for uid in accepted if uid in taken]
        if replaced:
            self.discarded += rows.discard_files(self._connection, replaced)
            rows.delete(self._connection, "image", replaced, replaced=True)
        return list(accepted.values())

    def _insert(self, block: Block) -> None:
        count = len(block.uids)
        row_ids = range(self._last + 1, self._last + count + 1)
        self._last += count
        now = [self._now] * count
        who: dict[str, Sequence[Parameter]] = {
            "uid": block.uids,
            "product_id": [self._products[product] for product in block.products],
        }
        columns = {**who, "name": block.names, "created": now, "modified": now, **block.columns}
        rows.insert_images(self._connection, row_ids, columns, block.files, has_texts=not self._builds_texts)
        acquired = numpy.array([time or 0 for time in block.columns.get("acquired", [0] * count)], dtype=numpy.float64)
        self._entries.add(numpy.array(row_ids), block.boxes, acquired)


def has_images(connection: sqlite3.Connection, count: int) -> bool:
    """Return whether the catalog has so many images, or more."""
    return connection.execute("SELECT 1 FROM image LIMIT 1 OFFSET ?", (count - 1,)).fetchone() is not None


def require_free(catalog: CatalogFile, block: Block) -> None:
    """Refuse a block with an id that is taken by now, before all others are looked at."""
    with catalog.database.read() as connection:
        taken = rows.row_ids(connection, "image", block.uids)
    for position, uid in enumerate(block.uids):
        if uid in taken:
            raise duplicate(block, position)


def duplicate(block: Block, position: int) -> DuplicateError:
    """Return the error for an image whose id is taken."""
    return DuplicateError(
        f"image '{block.uids[position]}' (record {block.indexes[position]}) already exists; nothing was added. "
        "Pass on_conflict='skip' or 'replace'"
    )
