"""Taking another catalog in: its products, bands and images with their files, all or nothing.

Files are copied first, under temporary names, and compared with what the other catalog says of them. Then one
transaction gives them their names, writes all rows, and commits; as with an upload, nothing is unlinked before that.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from localcat.disk.paths import in_place_href
from localcat.errors import BadRequestError, CommitUnknownError, ConflictError, CorruptImageError
from localcat.maintenance.backup import copy_checked
from localcat.models.html import Printed
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.progress import shown
from localcat.sharing.comparing import (
    KINDS,
    Likeness,
    chunks,
    counted,
    is_in_place,
    other_side,
    pairs,
    rows_of,
    values_of,
)
from localcat.store import rows

if TYPE_CHECKING:
    import sqlite3

    from localcat.disk.data_folder import DataFolder
    from localcat.models.attributes.scalars import Stored
    from localcat.models.attributes.values import File
    from localcat.models.object import CatalogObjectBase
    from localcat.sharing.comparing import Values
    from localcat.store.catalog_file import CatalogFile

Policy: TypeAlias = Literal["newer", "ours", "theirs"]

_Version: TypeAlias = tuple[int, int]  # of a row: its number, and how often it was changed


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
        counts = {"added": self.added, "replaced": self.replaced, "kept": self.kept, "unchanged": self.unchanged}
        parts = [f"{word}: {counted(several)}" for word, several in counts.items() if several]
        return "; ".join([*parts, f"copied: {self.files:,} files, {self.size_bytes:,} bytes"])


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
    if policy not in get_args(Policy):
        raise BadRequestError(f"policy is 'newer', 'ours' or 'theirs', not {policy!r}")
    with other_side(catalog, other, "merged into") as theirs:
        if catalog.database.in_transaction or theirs.database.in_transaction:
            raise BadRequestError("a merge is a transaction of its own; call it outside of any other one")
        if not dry_run:
            catalog.database.require_writable(creates=True)  # before anything is copied
        report = MergeReport()
        changes = list(_Comparison(catalog, theirs, policy, report).changes())
        copies = dict(copy for change in changes for copy in change.copies)
        report.files, report.size_bytes = len(copies), sum(file.size_bytes or 0 for file in copies.values())
        if changes and not dry_run:
            with ExitStack() as stack:
                _write(catalog, theirs, changes, _copied(stack, catalog, theirs, copies, progress))
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

        What is changed between this and the writing is noticed then, by the versions of the rows.
        """
        self._require_one_layout()
        for kind in KINDS:
            likeness = Likeness.of(self.catalog, self.other, kind)
            for chunk in chunks(pairs(self.catalog, self.other, kind)):
                there = rows_of(self.other, kind, (pair.theirs for pair in chunk))
                here = rows_of(self.catalog, kind, (pair.ours for pair in chunk if pair.theirs is not None))
                for uid, row in there.items():
                    change = self._change(likeness, uid, row, here.get(uid))
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

    def _change(self, likeness: Likeness, uid: str, row: rows.Row, known: rows.Row | None) -> _Change | None:
        kind = likeness.kind
        if known is not None and not likeness.differing(known, row):
            _count(self.report.unchanged, kind)
            return None
        values, files = values_of(self.other, kind, uid, row)
        if known is None:
            _count(self.report.added, kind)
            return _Change(kind, uid, _version(row), None, *self._files_here(values, files, []))
        ours = values_of(self.catalog, kind, uid, known)
        if not self._is_taken(kind, uid, (values, files), ours):
            return None
        return _Change(kind, uid, _version(row), _version(known), *self._files_here(values, files, ours[1]))

    def _is_taken(self, kind: type[CatalogObjectBase], uid: str, theirs: Values, ours: Values) -> bool:
        """Return whether theirs is taken instead of ours."""
        is_newer = int(theirs[0]["modified"] or 0) > int(ours[0]["modified"] or 0)
        loses_pixels = any(file.owned for file in ours[1]) and not any(file.owned for file in theirs[1])
        is_taken = self.policy == "theirs" or (self.policy == "newer" and is_newer and not loses_pixels)
        self.report.conflicts.append(MergeConflict(kind.table, uid, "theirs" if is_taken else "ours"))
        _count(self.report.replaced if is_taken else self.report.kept, kind)
        return is_taken

    def _files_here(
        self, values: Mapping[str, Stored], files: list[File], ours: list[File]
    ) -> tuple[tuple[File, ...], tuple[tuple[str, File], ...]]:
        """Return their files as they will be named here, and those to copy: what ours holds already is kept."""
        known = {(file.size_bytes, file.hash): file for file in ours if file.owned}
        named: list[File] = []
        copies: list[tuple[str, File]] = []
        for file in files:
            href = file.href
            if file.owned:
                kept = known.pop((file.size_bytes, file.hash), None)
                if kept is not None:
                    href = kept.href
                else:
                    suffix = PurePosixPath(str(href)).suffix
                    href = self.catalog.data_folder.new_href(str(values["product_id"]), str(values["name"]), suffix)
                    copies.append((href, file))
            elif is_in_place(values["storage_state"], file):
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


def _count(counts: dict[str, int], kind: type[CatalogObjectBase]) -> None:
    counts[kind.table] = counts.get(kind.table, 0) + 1


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
                for chunk in chunks(list(several)):
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
        if change.kind is Image:
            discarded = rows.discard_files(connection, [row_id], kept=[str(file.href) for file in change.files])
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
