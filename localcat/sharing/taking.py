"""Writing what a merge decided: files copied first, then all rows in one transaction.

Files come under temporary names, and are compared with what the other catalog says of them. The transaction gives them
their names, writes and deletes rows, and commits; as with an upload, nothing is unlinked before that.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from localcat.errors import CommitUnknownError, ConflictError, CorruptImageError
from localcat.maintenance.backup import copy_checked
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.progress import shown
from localcat.sharing.comparing import Grave, Head, chunks, values_of
from localcat.store import frozen, rows, stamps

if TYPE_CHECKING:
    import sqlite3

    from localcat.disk.data_folder import DataFolder
    from localcat.models.attributes.values import File
    from localcat.models.object import CatalogObjectBase
    from localcat.sharing.deciding import Knowledge, Stamp
    from localcat.store.catalog_file import CatalogFile
    from localcat.store.file.transaction import Transaction

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Taken:
    """An object of theirs that is taken.

    Parameters
    ----------
    kind : type
        Product, Band or Image.
    theirs : Head
        Its row there.
    ours : Head, optional
        The row here that becomes as theirs; None if there is none.
    product_id : str
        Its product.
    modified : int, optional
        When it was decided to take it, as a new change of ours; None if it stays their change.
    files : tuple of File
        As they will be named here.
    copies : tuple
        Their files to copy, each behind the name that it gets here.
    left : frozenset of str
        Attributes that stay as they are here.
    """

    kind: type[CatalogObjectBase]
    theirs: Head
    ours: Head | None
    product_id: str
    modified: int | None = None
    files: tuple[File, ...] = ()
    copies: tuple[tuple[str, File], ...] = ()
    left: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Settled:
    """An object of ours that stays as it is, and is said to be another change: theirs, or a new one of ours."""

    kind: type[CatalogObjectBase]
    head: Head
    stamp: Stamp | None  # None: a new change of ours
    created: int | None
    modified: int


@dataclass(frozen=True, slots=True)
class Gone:
    """An object of ours that is deleted: by their deletion, or by a new one of ours if that was decided."""

    kind: type[CatalogObjectBase]
    head: Head
    grave: Grave | None
    is_decided: bool = False


@dataclass(frozen=True, slots=True)
class Buried:
    """The mark of a deletion, of an object that is not here; without a stamp it is a new deletion of ours."""

    kind: type[CatalogObjectBase]
    grave: Grave


@dataclass(slots=True)
class Plan:
    """All that a merge does here.

    Parameters
    ----------
    news : Knowledge, optional
        What they know, if that is more than is known here.
    taken, settled, gone, buried : list
        What becomes of objects; those that are taken in the order in which they can be written.
    questions : list of str
        The names of their frozen questions that are free here.
    """

    news: Knowledge | None = None
    taken: list[Taken] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    gone: list[Gone] = field(default_factory=list)
    buried: list[Buried] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.news or self.taken or self.settled or self.gone or self.buried or self.questions)

    def replicas(self) -> set[str]:
        """Return the names of those who made the changes that are taken over."""
        found = [one.theirs.stamp for one in self.taken]
        found += [one.stamp for one in self.settled]
        found += [one.grave.stamp for one in self.gone if one.grave is not None]
        found += [one.grave.stamp for one in self.buried]
        return {stamp[0] for stamp in found if stamp is not None}


def copied(
    stack: ExitStack, catalog: CatalogFile, other: CatalogFile, copies: Mapping[str, File], progress: bool | None
) -> dict[str, Path]:
    """Copy files onto our disk, under temporary names that go when the stack is closed; return these by final name."""
    temporaries: dict[str, Path] = {}
    if copies:
        folder = catalog.data_folder
        folder.require_space(sum(file.size_bytes or 0 for file in copies.values()))
        # One lock for all: a gc leaves alone what is named after a locked file.
        owner = stack.enter_context(folder.temporary(".tif"))
        for number, (href, file) in enumerate(shown(copies.items(), "copying files", "files", progress)):
            temporary = owner.with_name(f"{owner.name}.{number}")
            stack.callback(_remove_temporary, temporary)
            source = other.location_of(file)
            state = None if source.is_file() else "is missing"
            if state is None and copy_checked(source, folder, temporary.name) != (file.size_bytes, file.hash):
                state = "is not what was written"
            if state is not None:
                raise CorruptImageError(
                    f"the file '{source}' of '{other.path}' {state}, and nothing was merged; restore it, or delete its "
                    "image; `localcat verify` lists all that is damaged there"
                )
            temporaries[href] = temporary
    return temporaries


def write(catalog: CatalogFile, other: CatalogFile, plan: Plan, temporaries: Mapping[str, Path]) -> None:
    """Publish the files and write the rows, in one transaction.

    Raises
    ------
    ConflictError
        If an object was changed here or there since the plan was made.
    """
    folder, hrefs = catalog.data_folder, list(temporaries)
    try:
        with catalog.database.write() as transaction:
            transaction.about = f"merging '{other.path}': "
            transaction.on_rollback.append(lambda: _remove(folder, hrefs))
            for href, temporary in temporaries.items():
                folder.publish(temporary, href)
            _Writing(catalog, other, plan, transaction).write()
    except CommitUnknownError as error:
        committed = catalog.settle(_evidence(plan), hrefs)
        raise CommitUnknownError(str(error), committed=committed) from error


class _Writing:
    """Carries out a plan inside a transaction."""

    def __init__(self, catalog: CatalogFile, other: CatalogFile, plan: Plan, transaction: Transaction) -> None:
        self.catalog, self.other, self.plan, self.transaction = catalog, other, plan, transaction
        self.connection = transaction.connection
        known = dict.fromkeys(plan.replicas(), 0) | (plan.news or {})
        self._replicas = stamps.learn(self.connection, known)
        self._known = stamps.knowledge(self.connection)
        self._products: set[int] = set()  # whose resolutions may change

    def write(self) -> None:
        """Write all of it, and unlink what it makes superfluous after the commit."""
        discarded: list[str] = []
        for kind, several in itertools.groupby(self.plan.taken, key=lambda one: one.kind):
            for chunk in chunks(several):
                self.transaction.bound_memory()
                wanted = {(one.theirs.row_id, one.theirs.version): one for one in chunk}
                with self.other.database.read() as theirs:
                    found = rows.hydrate(theirs, kind.table, kind._columns(), [row_id for row_id, _ in wanted])
                    read = {(row[0], row[1]): row for row in found}
                for version, one in wanted.items():
                    if version not in read:
                        raise _changed_meanwhile(self.other, kind, one.theirs.uid)
                    discarded += self._take(one, read[version])
        for settled in self._each(self.plan.settled):
            self._settle(settled)
        for gone in self._each(sorted(self.plan.gone, key=lambda one: _DELETED.index(one.kind.table))):
            discarded += self._delete(gone)
        for buried in self._each(self.plan.buried):
            self._bury(buried.kind, buried.grave)
        if self.plan.questions:
            with self.other.database.read() as theirs:
                frozen.take_over(self.connection, theirs)
        for product in self._products:
            rows.refresh_resolutions(self.connection, product)
        self.transaction.on_commit.append(lambda: self.catalog.delete_files(discarded))

    def _each(self, items: Iterable[T]) -> Iterator[T]:
        for chunk in chunks(items):
            self.transaction.bound_memory()
            yield from chunk

    def _stamp(self, stamp: Stamp | None) -> stamps.Stamp:
        """Return a stamp as rows of our file bear it; none of a writer of whom a bundle brought only some changes."""
        if stamp is None or stamp[1] > self._known[stamp[0]]:
            return stamps.UNKNOWN
        return stamps.Stamp(self._replicas[stamp[0]], stamp[1])

    def _take(self, one: Taken, row: rows.Row) -> list[str]:
        """Write an object of theirs; return the files of ours that it makes superfluous."""
        table, connection = one.kind.table, self.connection
        values, _ = values_of(self.other, one.kind, one.theirs.uid, row)
        values = {name: value for name, value in values.items() if name not in one.left}
        self._require_unchanged(one.kind, one.theirs.uid, one.ours)
        if one.kind is not Product:
            product = rows.product_row_id(connection, one.product_id)
            if product is None:
                raise _changed_meanwhile(self.catalog, one.kind, one.theirs.uid)
            values["product_id"] = product
            if one.kind is not Image:
                self._products.add(product)
        if one.kind is Image and rows.FILES not in one.left:
            values[rows.FILES] = Image._attributes[rows.FILES].dump(list(one.files))
        if one.modified is not None:
            values["modified"] = one.modified
        stamp = self._stamp(one.theirs.stamp) if one.modified is None else None
        discarded: list[str] = []
        if one.ours is None:
            row_id = rows.insert(connection, table, values, stamp=stamp, is_from_elsewhere=True)
        else:
            row_id = one.ours.row_id
            if rows.FILES in values:
                discarded = rows.discard_files(connection, [row_id], kept=[str(file.href) for file in one.files])
            rows.update(connection, table, row_id, values, stamp=stamp)
        if one.kind is Product:
            self._products.add(row_id)
        return discarded

    def _settle(self, one: Settled) -> None:
        self._require_unchanged(one.kind, one.head.uid, one.head)
        table = one.kind.table
        if one.stamp is None and one.created is None:
            rows.update(self.connection, table, one.head.row_id, {"modified": one.modified})
        else:
            stamps.put(self.connection, table, one.head.uid, self._stamp(one.stamp))
            rows.set_times(self.connection, table, [(one.created or 0, one.modified, one.head.uid)])

    def _delete(self, one: Gone) -> list[str]:
        """Delete an object of ours; return its files."""
        table, row_id, connection = one.kind.table, one.head.row_id, self.connection
        self._require_unchanged(one.kind, one.head.uid, one.head)
        if one.kind is Product and any(rows.count_of_product(connection, row_id)):
            raise _changed_meanwhile(self.catalog, one.kind, one.head.uid)
        discarded = rows.discard_files(connection, [row_id]) if one.kind is Image else []
        if table == "band":
            self._products.add(rows.product_of_band(connection, row_id))
        if one.is_decided:
            rows.delete(connection, table, [row_id])
            return discarded
        rows.delete(
            connection, table, [row_id], stamp=stamps.UNKNOWN if one.grave is None else self._stamp(one.grave.stamp)
        )
        if one.grave is not None:
            self._bury(one.kind, one.grave)
        else:
            stamps.unbury(connection, table, [one.head.uid])  # when it was deleted is not known any more
        return discarded

    def _bury(self, kind: type[CatalogObjectBase], grave: Grave) -> None:
        stamp = stamps.own(self.connection) if grave.stamp is None else self._stamp(grave.stamp)
        stamps.put_tombstone(
            self.connection, stamps.Tombstone(kind.table, grave.uid, grave.deleted, grave.version, stamp)
        )

    def _require_unchanged(self, kind: type[CatalogObjectBase], uid: str, ours: Head | None) -> None:
        found = rows.find(self.connection, kind.table, (), uid)
        if (None if found is None else (found[0], found[1])) != (None if ours is None else (ours.row_id, ours.version)):
            raise _changed_meanwhile(self.catalog, kind, uid)


_DELETED = ("image", "band", "product")  # the order in which objects can be deleted


def _evidence(plan: Plan) -> Callable[[sqlite3.Connection], bool]:
    """Return what finds out whether a plan was carried out: by one thing of it, as good as any."""
    for one in plan.taken:
        ours = None if one.ours is None else (one.ours.row_id, one.ours.version)
        return lambda connection: _version_here(connection, one.kind.table, one.theirs.uid) != ours
    for gone in plan.gone:
        return lambda connection: _version_here(connection, gone.kind.table, gone.head.uid) is None
    return lambda connection: _has_settled(connection, plan)


def _has_settled(connection: sqlite3.Connection, plan: Plan) -> bool:
    known = stamps.knowledge(connection)
    if plan.news is not None:
        return all(known.get(name, 0) >= counter for name, counter in plan.news.items())
    for one in plan.settled:
        if one.stamp is None:
            return _version_here(connection, one.kind.table, one.head.uid) != (one.head.row_id, one.head.version)
        found = stamps.stamps_of(connection, one.kind.table, [one.head.uid])[one.head.uid]
        return (stamps.names(connection).get(found.replica or 0), found.counter) == one.stamp
    if plan.questions:
        return all(frozen.head(connection, name) is not None for name in plan.questions)
    return all(stamps.tombstones(connection, one.kind.table, [one.grave.uid]) for one in plan.buried)


def _version_here(connection: sqlite3.Connection, table: str, uid: str) -> tuple[object, object] | None:
    found = rows.find(connection, table, (), uid)
    return None if found is None else (found[0], found[1])


def _changed_meanwhile(catalog: CatalogFile, kind: type[CatalogObjectBase], uid: str) -> ConflictError:
    return ConflictError(
        f"{kind.table} '{uid}' or its product was changed in '{catalog.path}' while it was merged; "
        "nothing was merged, merge again"
    )


def _remove_temporary(path: Path) -> None:
    with suppress(OSError):  # of a disk that fails now: the merge is committed or not, and a gc removes what stays
        path.unlink(missing_ok=True)


def _remove(folder: DataFolder, hrefs: list[str]) -> None:
    for href in hrefs:
        folder.remove(href)
