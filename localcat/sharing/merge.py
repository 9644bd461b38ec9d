"""Taking another catalog in: its products, bands and images with their files, all or nothing.

Files are copied first, under temporary names, and compared with what the other catalog says of them. Then one
transaction gives them their names, writes all rows, and commits; as with an upload, nothing is unlinked before that.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar, get_args

from localcat.disk.paths import in_place_href, is_local
from localcat.errors import (
    BadRequestError,
    ClientError,
    CommitUnknownError,
    ConflictError,
    CorruptCatalogError,
    CorruptImageError,
)
from localcat.maintenance.backup import copy_checked
from localcat.models.attributes.scalars import Stored, Text
from localcat.models.attributes.values import File
from localcat.models.band import Band
from localcat.models.enums import StorageState
from localcat.models.html import Printed
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.progress import shown
from localcat.store import rows
from localcat.store.catalog_file import CatalogFile
from localcat.store.file.connection import OpenOptions

if TYPE_CHECKING:
    import sqlite3

    from localcat.disk.data_folder import DataFolder
    from localcat.models.object import CatalogObjectBase

T = TypeVar("T")
Policy: TypeAlias = Literal["newer", "ours", "theirs"]

_Version: TypeAlias = tuple[int, int]  # of a row: its number, and how often it was changed
_Values: TypeAlias = tuple[dict[str, Stored], list[File]]  # attributes as they are stored, and the files

_KINDS: tuple[type[CatalogObjectBase], ...] = (Product, Band, Image)
_CHUNK = 500  # objects looked at together
_UNCOMPARED = ("created", "modified", rows.FILES)  # when it was saved does not count
_FROM_BANDS = ("resolution_min", "resolution_max")
_NAMES = ("id", "name", "product_id")


@dataclass(frozen=True, slots=True)
class MergeConflict:
    """An object that both catalogs have, and not alike.

    Parameters
    ----------
    kind : str
        ``"product"``, ``"band"`` or ``"image"``.
    id : str
        Its id.
    taken : str
        ``"ours"`` or ``"theirs"``.
    """

    kind: str
    id: str
    taken: str


@dataclass(slots=True)
class MergeReport(Printed):
    """What `Catalog.merge` did; with ``dry_run`` what it would do.

    Parameters
    ----------
    added, replaced, kept, unchanged : dict of str to int
        How many products, bands and images only they had; were replaced by theirs; were kept as ours though theirs
        differ; are alike.
    conflicts : list of MergeConflict
        The objects that are not alike, and whose is taken.
    files, size_bytes : int
        How many files are copied, and how large they are.
    """

    added: dict[str, int] = field(default_factory=dict)
    replaced: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    unchanged: dict[str, int] = field(default_factory=dict)
    conflicts: list[MergeConflict] = field(default_factory=list)
    files: int = 0
    size_bytes: int = 0

    def __str__(self) -> str:
        counted = {"added": self.added, "replaced": self.replaced, "kept": self.kept, "unchanged": self.unchanged}
        parts = [f"{word}: {_listed(counts)}" for word, counts in counted.items() if counts]
        return "; ".join([*parts, f"copied: {self.files:,} files, {self.size_bytes:,} bytes"])


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {kind}{'s' if number != 1 else ''}" for kind, number in counts.items())


@dataclass(frozen=True, slots=True)
class _Change:
    """An object of theirs that is taken, and what becomes of it here."""

    kind: type[CatalogObjectBase]
    uid: str
    row: _Version  # theirs
    replaces: _Version | None  # ours
    files: tuple[File, ...] = ()  # as they will be named here
    copies: tuple[tuple[str, File], ...] = ()  # their files to copy, each behind the name that it gets here


def merge(
    catalog: CatalogFile,
    other: CatalogFile | str | os.PathLike[str],
    *,
    policy: Policy = "newer",
    dry_run: bool = False,
    progress: bool | None = None,
) -> MergeReport:
    """Take another catalog in; `Catalog.merge` says how."""
    if not isinstance(other, CatalogFile):
        theirs = CatalogFile.open(other, OpenOptions(read_only=True, trusted=False))
        with closing(theirs):
            return merge(catalog, theirs, policy=policy, dry_run=dry_run, progress=progress)
    if policy not in get_args(Policy):
        raise BadRequestError(f"policy is 'newer', 'ours' or 'theirs', not {policy!r}")
    if catalog.path.resolve() == other.path.resolve():
        raise BadRequestError(f"'{catalog.path}' cannot be merged into itself")
    if catalog.database.in_transaction or other.database.in_transaction:
        raise BadRequestError("a merge is a transaction of its own; call it outside of any other one")
    if not dry_run:
        catalog.database.require_writable(creates=True)  # before anything is copied
    report = MergeReport()
    changes = list(_Comparison(catalog, other, policy, report).changes())
    copies = dict(copy for change in changes for copy in change.copies)
    report.files, report.size_bytes = len(copies), sum(file.size_bytes or 0 for file in copies.values())
    if changes and not dry_run:
        with ExitStack() as stack:
            _write(catalog, other, changes, _copied(stack, catalog, other, copies, progress))
    return report


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Decides, object by object, whose is taken."""

    catalog: CatalogFile
    other: CatalogFile
    policy: Policy
    report: MergeReport

    def changes(self) -> Iterator[_Change]:
        """Yield what is taken of theirs: products before their bands and images.

        Rows are read chunk by chunk, so that nobody who writes has to wait for all of it; what is changed between this
        and the writing is noticed then, by the versions of the rows.
        """
        self._require_one_layout()
        for kind in _KINDS:
            columns, position = kind._columns(), kind._positions()["id"]
            with self.other.database.read() as theirs:
                row_ids = rows.all_row_ids(theirs, kind.table)
            for chunk in _chunks(row_ids):
                with self.other.database.read() as theirs:
                    found = {str(row[position]): row for row in rows.hydrate(theirs, kind.table, columns, chunk)}
                with self.catalog.database.read() as ours:
                    known = rows.find_many(ours, kind.table, columns, list(found))
                for uid, row in found.items():
                    change = self._change(kind, uid, row, known.get(uid))
                    if change is not None:
                        yield change

    def _require_one_layout(self) -> None:
        """Refuse products whose bands have other positions in the files here than there: pixels would be read wrong."""
        ours, theirs = _Layouts.of(self.catalog), _Layouts.of(self.other)
        for product in sorted({*ours.bands} & {*theirs.bands} & {*ours.with_pixels, *theirs.with_pixels}):
            here, there = ours.bands[product], theirs.bands[product]
            differing = sorted(name for name in {*here} & {*there} if here[name] != there[name])
            taken = {spot: name for name, spot in here.items() if name not in there}
            differing += sorted(name for name, spot in there.items() if name not in here and spot in taken)
            if differing:
                raise ConflictError(
                    f"band '{differing[0]}' of product '{product}' has another position or data type in the files of "
                    f"'{self.other.path}', or the position of another band; images would be read wrong, and nothing "
                    "was merged: make the bands alike, or give one of the products another id"
                )

    def _change(self, kind: type[CatalogObjectBase], uid: str, row: rows.Row, known: rows.Row | None) -> _Change | None:
        values, files = values_of(self.other, kind, uid, row)
        if known is None:
            _count(self.report.added, kind)
        elif not self._is_taken(kind, uid, (values, files), values_of(self.catalog, kind, uid, known)):
            return None
        named, copies = self._files_here(values, files)
        return _Change(kind, uid, _version(row), None if known is None else _version(known), named, copies)

    def _is_taken(self, kind: type[CatalogObjectBase], uid: str, theirs: _Values, ours: _Values) -> bool:
        """Return whether theirs is taken instead of ours."""
        skipped = {*_UNCOMPARED, *(_FROM_BANDS if kind is Product else ())}
        if all(
            attribute.same_stored(ours[0][name], theirs[0][name])
            for name, attribute in kind._filterable().items()
            if name not in skipped
        ) and _told(self.catalog, *ours) == _told(self.other, *theirs):
            _count(self.report.unchanged, kind)
            return False
        is_newer = int(theirs[0]["modified"] or 0) > int(ours[0]["modified"] or 0)
        loses_pixels = any(file.owned for file in ours[1]) and not any(file.owned for file in theirs[1])
        is_taken = self.policy == "theirs" or (self.policy == "newer" and is_newer and not loses_pixels)
        self.report.conflicts.append(MergeConflict(kind.table, uid, "theirs" if is_taken else "ours"))
        _count(self.report.replaced if is_taken else self.report.kept, kind)
        return is_taken

    def _files_here(
        self, values: Mapping[str, Stored], files: list[File]
    ) -> tuple[tuple[File, ...], tuple[tuple[str, File], ...]]:
        """Return their files as they will be named here, and those to copy."""
        named: list[File] = []
        copies: list[tuple[str, File]] = []
        for file in files:
            href = file.href
            if file.owned:
                suffix = PurePosixPath(str(href)).suffix
                href = self.catalog.data_folder.new_href(str(values["product_id"]), str(values["name"]), suffix)
                copies.append((href, file))
            elif href is not None and _is_in_place(values, href):
                href = in_place_href(self.other.path_of(file), self.catalog.path.parent)
            named.append(replace(file, href=href))
        return tuple(named), tuple(copies)


@dataclass(frozen=True, slots=True)
class _Layouts:
    """Positions of bands in files: (file, band, layer, data type) by name, by product; and products with pixels."""

    bands: dict[str, dict[str, tuple[Stored, ...]]]
    with_pixels: set[str]

    @classmethod
    def of(cls, catalog: CatalogFile) -> _Layouts:
        bands: dict[str, dict[str, tuple[Stored, ...]]] = {}
        with catalog.database.read() as connection:
            for product, name, *spot in connection.execute(
                "SELECT product.uid, band.name, coalesce(file_index, 0), band_index, coalesce(jpx_layer_index, 0), "
                "data_type FROM band JOIN product ON product.id = band.product_id"
            ):
                bands.setdefault(product, {})[name] = tuple(spot)
            found = connection.execute(
                "SELECT uid FROM product WHERE EXISTS "
                "(SELECT 1 FROM image WHERE product_id = product.id AND storage_state = 'available')"
            )
            return cls(bands, {uid for (uid,) in found})


def _version(row: rows.Row) -> _Version:
    return int(row[0] or 0), int(row[1] or 0)


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))


def _count(counts: dict[str, int], kind: type[CatalogObjectBase]) -> None:
    counts[kind.table] = counts.get(kind.table, 0) + 1


def values_of(catalog: CatalogFile, kind: type[CatalogObjectBase], uid: str, row: rows.Row) -> _Values:
    """Return the attributes of a row as they are stored, each checked as if it were assigned; and its files."""
    attributes = kind._class_of(row, catalog.path)._attributes
    values: dict[str, Stored] = dict.fromkeys(kind._columns())
    files: list[File] = []
    for name, position in kind._positions().items():
        stored = row[position]
        if stored is None or name not in attributes:
            continue
        attribute = attributes[name]
        try:
            value = attribute.load(stored)
            if name in _NAMES:
                value = Text.coerce(attribute, value)  # type: ignore[arg-type]  # which takes foreign names as they are
            elif not attribute.readonly:
                value = attribute.coerce(value)
            values[name] = attribute.dump(value)
        except (ClientError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
            raise _corrupt(catalog, kind, uid, f"its {name} is not a possible value: {error}") from error
        if name == rows.FILES:
            files = value or []
    if kind is not Product and uid != f"{values['product_id']!s}:{values['name']!s}":
        raise _corrupt(catalog, kind, uid, "its id is not made of its product's id and its name")
    values.pop(rows.FILES, None)
    try:
        kind._require_sense(values)
        if kind is Image:
            Image.require_files(uid, values["storage_state"], files)
    except BadRequestError as error:
        raise _corrupt(catalog, kind, uid, str(error)) from error
    return values, files


def _corrupt(catalog: CatalogFile, kind: type[CatalogObjectBase], uid: str, what: str) -> CorruptCatalogError:
    return CorruptCatalogError(
        f"{kind.table} '{uid}' of '{catalog.path}' is damaged: {what}; nothing was taken, mend or delete it there"
    )


def _is_in_place(values: Mapping[str, Stored], href: str) -> bool:
    """Return whether the href of an image that is read names a file of this machine; that of a remote one is text."""
    return values["storage_state"] == StorageState.AVAILABLE.value and is_local(href)


def _told(catalog: CatalogFile, values: Mapping[str, Stored], files: list[File]) -> list[File]:
    """Return files as two catalogs say them alike: an owned one has another name in each."""
    return [
        replace(file, href="owned")
        if file.owned
        else replace(file, href=str(catalog.path_of(file)))
        if file.href is not None and _is_in_place(values, file.href)
        else file
        for file in files
    ]


def _copied(
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
            stack.callback(temporary.unlink, missing_ok=True)
            source = other.path_of(file)
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


def _write(catalog: CatalogFile, other: CatalogFile, changes: list[_Change], temporaries: Mapping[str, Path]) -> None:
    """Publish the files and write the rows, in one transaction."""
    folder, hrefs = catalog.data_folder, list(temporaries)
    discarded: list[str] = []
    products: set[int] = set()
    try:
        with catalog.database.write() as transaction:
            transaction.about = f"merging '{other.path}': "
            transaction.on_rollback.append(lambda: _remove(folder, hrefs))
            for href, temporary in temporaries.items():
                folder.publish(temporary, href)
            for kind, several in itertools.groupby(changes, key=lambda change: change.kind):
                for chunk in _chunks(list(several)):
                    transaction.bound_memory()
                    wanted = {change.row[0]: change for change in chunk}
                    with other.database.read() as theirs:
                        found = rows.hydrate(theirs, kind.table, kind._columns(), list(wanted))
                        read = {_version(row): row for row in found}
                    for change in chunk:
                        if change.row not in read:
                            raise _changed_meanwhile(other, change)
                        values, _ = values_of(other, kind, change.uid, read[change.row])
                        discarded += _write_one(catalog, transaction.connection, change, values, products)
            for product in products:
                rows.refresh_resolutions(transaction.connection, product)
            transaction.on_commit.append(lambda: catalog.delete_files(discarded))
    except CommitUnknownError as error:
        first = changes[0]  # as good as any: all are in the catalog, or none
        committed = catalog.settle(lambda connection: _version_here(connection, first) != first.replaces, hrefs)
        raise CommitUnknownError(str(error), committed=committed) from error


def _write_one(
    catalog: CatalogFile, connection: sqlite3.Connection, change: _Change, values: dict[str, Stored], products: set[int]
) -> list[str]:
    """Write one object; return the files of ours that it makes superfluous, and note whose resolutions may change."""
    table = change.kind.table
    if _version_here(connection, change) != change.replaces:
        raise _changed_meanwhile(catalog, change)
    if change.kind is not Product:
        product = rows.product_row_id(connection, str(values["product_id"]))
        if product is None:
            raise _changed_meanwhile(catalog, change)
        values["product_id"] = product
    discarded: list[str] = []
    if change.kind is Image:
        values[rows.FILES] = Image._attributes[rows.FILES].dump(list(change.files))
    if change.replaces is None:
        row_id = rows.insert(connection, table, values)
    else:
        row_id, _ = change.replaces
        discarded = rows.discard_files(connection, [row_id]) if change.kind is Image else []
        rows.update(connection, table, row_id, values)
    if change.kind is not Image:
        products.add(row_id if change.kind is Product else int(values["product_id"] or 0))
    return discarded


def _version_here(connection: sqlite3.Connection, change: _Change) -> _Version | None:
    found = rows.find(connection, change.kind.table, (), change.uid)
    return None if found is None else _version(found)


def _changed_meanwhile(catalog: CatalogFile, change: _Change) -> ConflictError:
    return ConflictError(
        f"{change.kind.table} '{change.uid}' or its product was changed in '{catalog.path}' while it was merged; "
        "nothing was merged, merge again"
    )


def _remove(folder: DataFolder, hrefs: list[str]) -> None:
    for href in hrefs:
        folder.remove(href)
