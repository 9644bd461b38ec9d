"""Images that were checked and wait to be written: in blocks, column by column."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from localcat.disk.faults import write_errors
from localcat.errors import DuplicateError, NotFoundError
from localcat.store import rows
from localcat.store.rtree.write import Load
from localcat.timestamps import now_microseconds
from localcat.writing.bulk.report import AddReport, FailedRecord

if TYPE_CHECKING:
    import sqlite3

    from localcat.earth.geometry import Box
    from localcat.store.catalog_file import CatalogFile

T = TypeVar("T")

_IN_MEMORY = 16 * 2**20  # bytes of checked images that wait there


@dataclass(slots=True)
class Block:
    """Some images that were checked, in plain values.

    Parameters
    ----------
    indexes : list of int
        Their positions among all that were given.
    products, names, uids : list of str
        Who they are.
    columns : dict of lists
        Their stored values by attribute; None where one is unset.
    files : list of lists
        The files of each: tuples of href, size_bytes, hash, provider_id and provider_href.
    boxes : list of Box or None
        The boxes of their footprints.
    """

    indexes: list[int] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    uids: list[str] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=dict)
    files: list[Sequence[tuple[Any, ...]]] = field(default_factory=list)
    boxes: list[Box | None] = field(default_factory=list)

    def chosen(self, positions: Sequence[int]) -> Block:
        """Return the images at some positions."""

        def of(values: list[T]) -> list[T]:
            return [values[position] for position in positions]

        return Block(
            of(self.indexes),
            of(self.products),
            of(self.names),
            of(self.uids),
            {name: of(values) for name, values in self.columns.items()},
            of(self.files),
            of(self.boxes),
        )

    def with_others(self, other: Block) -> Block:
        """Return the images of both, in the order in which they were given."""
        counts = len(self.uids), len(other.uids)
        columns = {
            name: [*self.columns.get(name, [None] * counts[0]), *other.columns.get(name, [None] * counts[1])]
            for name in {**self.columns, **other.columns}
        }
        both = Block(
            self.indexes + other.indexes,
            self.products + other.products,
            self.names + other.names,
            self.uids + other.uids,
            columns,
            self.files + other.files,
            self.boxes + other.boxes,
        )
        return both.chosen(sorted(range(sum(counts)), key=both.indexes.__getitem__))


class Spool:
    """Blocks that wait: in memory while they are small, else in a file without a name beside the catalog."""

    def __init__(self, catalog: CatalogFile) -> None:
        self._path = catalog.path
        self._count = 0
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(catalog.path.parent))  # noqa: SIM115  # see close

    def put(self, block: Block) -> None:
        """Keep a block."""
        with write_errors(self._path.parent):
            pickle.dump(block, self._file, pickle.HIGHEST_PROTOCOL)
        self._count += 1

    def blocks(self) -> Iterator[Block]:
        """Yield what was kept."""
        self._file.seek(0)
        for _ in range(self._count):
            with write_errors(self._path.parent):
                block: Block = pickle.load(self._file)  # noqa: S301  # of this process, and of nobody else
            yield block

    def close(self) -> None:
        """Forget all."""
        self._file.close()


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
    """

    def __init__(self, connection: sqlite3.Connection, on_conflict: str, report: AddReport) -> None:
        self._connection = connection
        self._on_conflict = on_conflict
        self._report = report
        self.discarded: list[str] = []
        self._entries = Load(connection)
        self._now = now_microseconds()
        self._products: dict[str, int | None] = {}
        (self._last,) = connection.execute(
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'image'"
        ).fetchone()

    def write(self, block: Block) -> None:
        """Write what has a product, and an id that is free or may be replaced."""
        known = [position for position in range(len(block.uids)) if self._has_product(block, position)]
        accepted = self._without_conflicts(block, known)
        if len(accepted) < len(block.uids):
            block = block.chosen(accepted)
        if block.uids:
            self._insert(block)
        if self._on_conflict == "replace":
            self.finish()  # since the next block may replace an image of this one

    def finish(self) -> None:
        """Write what waits to be written together, when there are no more blocks."""
        self._entries.finish()

    def _has_product(self, block: Block, position: int) -> bool:
        product = block.products[position]
        if product not in self._products:
            self._products[product] = rows.product_row_id(self._connection, product)
        if self._products[product] is not None:
            return True
        error = NotFoundError(f"there is no product '{product}' in the catalog; save it first")
        self._report.failed.append(FailedRecord(block.indexes[position], block.uids[position], error))
        return False

    def _without_conflicts(self, block: Block, positions: list[int]) -> list[int]:
        """Resolve images whose id is taken, in the catalog or by an earlier one."""
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
            rows.delete(self._connection, "image", replaced)
        return list(accepted.values())

    def _insert(self, block: Block) -> None:
        count = len(block.uids)
        row_ids = range(self._last + 1, self._last + count + 1)
        self._last += count
        now = [self._now] * count
        products = [self._products[product] for product in block.products]
        rows.insert_images(
            self._connection,
            ("uid", "product_id", "name", "created", "modified", *block.columns),
            list(zip(row_ids, block.uids, products, block.names, now, now, *block.columns.values(), strict=True)),
            [
                (row_id, position, 0, *columns)
                for row_id, files in zip(row_ids, block.files, strict=True)
                for position, columns in enumerate(files)
            ],
            block.boxes,
            self._entries,
        )


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
