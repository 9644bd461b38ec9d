"""Copying a catalog, file and folder, while others use it: a pair that belongs together, or nothing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from localcat.disk.archive import Location
from localcat.disk.data_folder import DataFolder
from localcat.disk.digest import hash_stream
from localcat.disk.faults import write_errors
from localcat.disk.names import is_inside, require_usable
from localcat.disk.ownership import Marker, data_path, require_outside
from localcat.disk.paths import absolute, in_place_href, is_local
from localcat.disk.staging import staged
from localcat.disk.system import flush_folder, rename, same_file
from localcat.errors import (
    BadRequestError,
    CatalogExistsError,
    CatalogNotFoundError,
    ConflictError,
    CorruptImageError,
    ImageDeletedError,
)
from localcat.maintenance.report import BackupReport
from localcat.models.attributes.values import File
from localcat.progress import shown
from localcat.rasters.files.environment import read_errors
from localcat.store.damage.check import TEXT_TABLES
from localcat.store.file.creating import publish
from localcat.store.file.faults import sqlite_errors

if TYPE_CHECKING:
    from localcat.store.catalog_file import CatalogFile

_ATTEMPTS = 3  # the last of which keeps others from writing


@dataclass(frozen=True, slots=True)
class _InPlace:
    """A file that is indexed in place, as the row of its image names it."""

    row_id: int
    image_id: str
    product_id: str
    name: str
    href: str
    size_bytes: int
    sha256: str | None

    @property
    def key(self) -> tuple[object, ...]:
        """What tells whether a row, read again, still means the same file."""
        return self.row_id, self.image_id, self.href, self.sha256


def backup(
    catalog: CatalogFile,
    dest: str | os.PathLike[str],
    *,
    copy_in_place: bool = False,
    progress: bool | None = None,
) -> BackupReport:
    """Copy a catalog; `Catalog.backup` says how."""
    if catalog.database.in_transaction:
        raise BadRequestError("a backup holds what is committed; make it outside of the transaction")
    if not catalog.path.is_file():
        raise CatalogNotFoundError(f"there is no catalog at '{catalog.path}' yet; save an object first")
    target = new_pair(dest, outside=catalog.data_folder.path)
    with staged(target) as staging:
        file, rows = staging / target.name, staging / f"{target.name}.rows"
        folder = DataFolder(data_path(file))
        folder.require_space(2 * catalog.path.stat().st_size)
        copied: set[str] = set()
        taken: dict[tuple[object, ...], tuple[str, int, str]] = {}  # path, size and sha256 of copies, by `_InPlace.key`
        for attempt in range(1, _ATTEMPTS + 1):
            holds_writers = attempt == _ATTEMPTS and not catalog.database.read_only
            with catalog.database.write() if holds_writers else nullcontext():
                _copy_rows(catalog, rows)
                wanted = _owned_files(rows)
                todo = [row for row in wanted if row[0] not in copied]
                in_place = _files_in_place(rows)
                along = in_place if copy_in_place else []
                outside = [one for one in along if one.key not in taken]
                folder.require_space(sum(size for _, size, _ in todo) + sum(one.size_bytes for one in outside))
                bar = shown(todo, "copying files", "files", progress)
                copied.update(href for href, _, sha256 in bar if _copy_file(catalog, folder, href, sha256))
                for one in shown(outside, "copying files indexed in place", "files", progress):
                    found = _copy_in_place(catalog, folder, one)
                    if found is not None:
                        taken[one.key] = found
            if all(href in copied for href, _, _ in wanted) and all(one.key in taken for one in along):
                break
        else:
            raise ConflictError(
                f"images of '{catalog.path}' were deleted while their files were copied, {_ATTEMPTS} times; "
                "open it without read_only=True, or make the backup while nobody deletes"
            )
        copies = {one.row_id: taken.pop(one.key) for one in along}
        for href in (copied - {href for href, _, _ in wanted}) | {href for href, _, _ in taken.values()}:
            folder.remove(href)
        images = _finish(catalog, rows, file, target, copies)
        size_bytes = sum(size for _, size, _ in (*wanted, *copies.values())) + file.stat().st_size
        publish_pair(file, target, catalog.setting("uuid"))
    left = [] if copy_in_place else in_place
    # Several images may be in one file.
    sizes = {os.path.join(catalog.path.parent, one.href): one.size_bytes for one in left}  # noqa: PTH118  # keeps '..'
    return BackupReport(
        target, images, len(wanted) + len(copies), size_bytes, tuple(sorted(sizes)), sum(sizes.values())
    )


def new_pair(path: str | os.PathLike[str], *, outside: Path) -> Path:
    """Return the absolute path of a catalog that is to be made.

    Parameters
    ----------
    path : path
        Its file.
    outside : Path
        The data folder of the catalog that it is made from, into which it must not come.

    Raises
    ------
    CatalogExistsError
        If there is something at the path, or where its data folder would be.
    CatalogNotFoundError
        If there is no such folder.
    BadRequestError
        If it would be its own data folder, or be in another one.
    """
    target = absolute(path)
    data = data_path(target)
    if not target.parent.is_dir():
        raise CatalogNotFoundError(f"the folder '{target.parent}' does not exist; make it first")
    if is_inside(target, outside):
        raise BadRequestError(f"'{target}' is in the data folder '{outside}' itself; choose another place")
    require_usable(target)
    require_outside(target)
    for one in (target, data):
        if os.path.lexists(one):
            raise CatalogExistsError(f"'{one}' already exists; choose another name, or move it away")
    return target


def publish_pair(file: Path, target: Path, catalog: str) -> None:
    """Give a staged catalog, whose files are on the disk, its final names: the folder first, the file last.

    The folder is marked as that of the catalog with this uuid.

    Raises
    ------
    CatalogExistsError
        If something appeared at one of the names.
    """
    staged_data, data = data_path(file), data_path(target)
    has_data = staged_data.is_dir()
    with write_errors(target):
        sync_file(file)
        if has_data:
            DataFolder(staged_data, marker=Marker(catalog, target.name)).make()
            for folder in (*(path for path in staged_data.rglob("*") if path.is_dir()), staged_data):
                flush_folder(folder)
            if os.path.lexists(data):
                raise CatalogExistsError(f"'{data}' already exists; choose another name, or move it away")
        try:
            if has_data:
                rename(staged_data, data)
            publish(file, target, durable=True)
        except BaseException:
            if _has_name(file, target):  # it failed behind that, or Ctrl-C came
                target.unlink()  # first: never is there a file without its folder
            if has_data and not staged_data.exists():
                rename(data, staged_data)
            raise


def _has_name(file: Path, target: Path) -> bool:
    """Return whether a staged file has its final name, beside the one it had or in place of it."""
    return not file.exists() or same_file(target, file)


def sync_file(path: Path) -> None:
    """Wait until a file is on the disk."""
    DataFolder(path.parent).sync(path)


def copy_checked(source: Location, folder: DataFolder, href: str) -> tuple[int, str]:
    """Copy a file into a data folder and onto the disk; return its size and sha256.

    Raises
    ------
    ImageDeletedError
        If there is no such file.
    StorageError
        If one of the disks refuses.
    """
    destination = folder.resolve(href)
    with read_errors(source):
        reader = source.open("rb")
    with reader, write_errors(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        with destination.open("xb") as writer:
            size, sha256 = hash_stream(lambda most: _read(reader, source, most), writer.write)
    folder.sync(destination)
    return size, sha256


def _read(reader: BinaryIO, source: Location, most: int) -> bytes:
    with read_errors(source):
        return reader.read(most)


def _copy_rows(catalog: CatalogFile, file: Path) -> None:
    """Write the rows as they are now into a new file, page by page; other programs wait while it does."""
    file.unlink(missing_ok=True)
    with catalog.database.separate() as source, _rows(file) as target:
        source.backup(target)


def _owned_files(file: Path) -> list[tuple[str, int, str]]:
    with _rows(file) as connection:
        found = connection.execute("SELECT DISTINCT href, size_bytes, hash FROM image_file WHERE owned ORDER BY href")
        return found.fetchall()


def _copy_file(catalog: CatalogFile, folder: DataFolder, href: str, sha256: str) -> bool:
    """Copy a file; return False if its image was deleted meanwhile.

    Raises
    ------
    CorruptImageError
        If it is missing, or not what was written.
    """
    source = catalog.data_folder.find(href)
    with read_errors(source):  # its folder may be one that cannot be looked into
        is_there = source.is_file()
    if is_there:
        try:
            _, digest = copy_checked(source, folder, href)
        except ImageDeletedError:  # it went right after the look
            is_there = False
        else:
            if digest == sha256:
                return True
            folder.remove(href)
    with catalog.database.read() as connection:
        found = connection.execute(
            "SELECT image.uid FROM image_file AS file JOIN image ON image.id = file.image_id "
            "WHERE file.owned AND file.href = ?",
            (href,),
        ).fetchone()
    if found is None:
        return False
    state = "is not what was written" if is_there else "is missing"
    raise CorruptImageError(
        f"the file '{source}' of image '{found[0]}' {state}, and a backup needs it; restore it or delete the "
        "image, or copy all that is whole with `localcat recover`"
    )


def _files_in_place(file: Path) -> list[_InPlace]:
    with _rows(file) as connection:
        found = connection.execute(
            "SELECT file.id, image.uid, product.uid, image.name, file.href, coalesce(file.size_bytes, 0), file.hash "
            "FROM image_file AS file JOIN image ON image.id = file.image_id "
            "JOIN product ON product.id = image.product_id WHERE NOT file.owned AND file.href IS NOT NULL "
            "AND image.storage_state = 'available' ORDER BY file.href, file.id"
        )
        return [one for one in (_InPlace(*row) for row in found) if is_local(one.href)]


def _copy_in_place(catalog: CatalogFile, folder: DataFolder, file: _InPlace) -> tuple[str, int, str] | None:
    """Copy a file that is indexed in place; return None if its row was changed or deleted meanwhile.

    Each image gets a copy of its own, even of a file that two of them share: it is deleted with the image.

    Raises
    ------
    CorruptImageError
        If it is missing, or not what was indexed.
    """
    source = catalog.path_of(File(href=file.href, owned=False))
    href = folder.new_href(file.product_id, file.name, source.suffix)
    is_there = source.is_file()
    if is_there:
        size, sha256 = copy_checked(source, folder, href)
        if file.sha256 in (None, sha256):
            return href, size, sha256
        folder.remove(href)
    with catalog.database.read() as connection:
        found = connection.execute("SELECT href, hash FROM image_file WHERE id = ?", (file.row_id,)).fetchone()
    if found != (file.href, file.sha256):
        return None
    state = "is not what was indexed" if is_there else "is missing"
    raise CorruptImageError(
        f"the file '{source}' of image '{file.image_id}', which is indexed in place, {state}; use Catalog.relocate if "
        "it was moved, or make the backup without copy_in_place"
    )


def _finish(
    catalog: CatalogFile, rows: Path, file: Path, target: Path, copies: Mapping[int, tuple[str, int, str]]
) -> int:
    """Rewrite the copied rows without free pages and what belongs to the old place; return the number of images.

    `copies` has path, size and sha256 of the files that are in the data folder now, by the row that named them.
    """
    with _rows(rows) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM trash")
        connection.execute("DELETE FROM kept_file")  # what only the history needs is not copied
        connection.executemany(
            "UPDATE image_file SET owned = 1, href = ?, size_bytes = ?, hash = ? WHERE id = ?",
            ((*copy, row_id) for row_id, copy in copies.items()),
        )
        connection.executemany(
            "UPDATE image SET size_bytes = (SELECT sum(size_bytes) FROM image_file WHERE image_id = image.id) "
            "WHERE id = (SELECT image_id FROM image_file WHERE id = ?)",
            ((row_id,) for row_id in copies),
        )
        if target.parent != catalog.path.parent:
            rebase(connection, catalog.path.parent, target.parent)
        # The segments of a full-text index keep words of deleted rows for a while.
        for text_table in TEXT_TABLES:
            connection.execute(f"INSERT INTO {text_table} ({text_table}) VALUES ('rebuild')")  # noqa: S608  # constants
        connection.execute("COMMIT")
        connection.execute("VACUUM INTO ?", (str(file),))
        (images,) = connection.execute("SELECT count(*) FROM image").fetchone()
    rows.unlink()
    return int(images)


def rebase(connection: sqlite3.Connection, old: Path, new: Path) -> None:
    """Make files that are indexed in place, relative to a catalog's old folder, be found from its new one."""
    rows = connection.execute(
        "SELECT file.id, file.href FROM image_file AS file JOIN image ON image.id = file.image_id "
        "WHERE image.storage_state = 'available' AND NOT file.owned AND file.href IS NOT NULL "
        "AND instr(file.href, '://') = 0 AND substr(file.href, 1, 4) <> '/vsi'"
    ).fetchall()
    connection.executemany(
        "UPDATE image_file SET href = ? WHERE id = ?",
        ((in_place_href(old / href, new), row_id) for row_id, href in rows),
    )


@contextmanager
def _rows(file: Path) -> Iterator[sqlite3.Connection]:
    with sqlite_errors(file):
        connection = sqlite3.connect(file, isolation_level=None)
        try:
            connection.execute("PRAGMA trusted_schema = OFF")
            yield connection
        finally:
            connection.close()
