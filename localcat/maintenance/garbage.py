"""Cleaning the data folder of what no row refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcat.errors import BadRequestError, UnsafePathError
from localcat.maintenance.report import GcReport
from localcat.store import rows

if TYPE_CHECKING:
    import sqlite3

    from localcat.disk.data_folder import DataFolder
    from localcat.store.catalog_file import CatalogFile

_NO_FILE = "."  # a path that no file has


def collect_garbage(catalog: CatalogFile, *, dry_run: bool = False) -> GcReport:
    """Unlink the files that nothing refers to; `Catalog.gc` says how.

    A file gets its final name only under the write lock that this holds too, in the transaction that inserts its row: a
    file without a row is garbage. No clock is asked. Temporary files are those of a dead upload if their lock is free.
    """
    if catalog.database.in_transaction:
        raise BadRequestError("gc unlinks only what is committed; call it outside of the transaction")
    folder = catalog.data_folder
    if folder.path.is_symlink():
        raise UnsafePathError(
            f"'{folder.path}' is a link, and gc would unlink all files there that no image refers to; "
            "put the folder itself in its place"
        )
    report = GcReport()
    if dry_run:
        with catalog.database.snapshot() as connection:
            garbage = _garbage(connection, folder)
    else:
        with catalog.database.write() as transaction:
            garbage = _garbage(transaction.connection, folder)
            _put_in_trash(transaction.connection, garbage)  # committed before anything is unlinked
    for href in sorted(garbage):
        size = folder.size_of(href)
        if dry_run or folder.remove(href):
            report.removed += [href] if size is not None else []
            report.size_bytes += size or 0
        else:
            report.kept.append(href)
    if dry_run:
        return report
    report.removed += folder.remove_abandoned()
    gone = garbage - set(report.kept)
    with catalog.database.write() as transaction:
        transaction.connection.executemany("DELETE FROM trash WHERE href = ?", ((href,) for href in gone))
        folder.remove_empty_folders()  # under the lock, as an upload makes its folder and moves its file into it
    return report


def _garbage(connection: sqlite3.Connection, folder: DataFolder) -> set[str]:
    referenced = {href for (href,) in connection.execute("SELECT href FROM image_file WHERE owned")}
    trash = {href for (href,) in connection.execute("SELECT href FROM trash")}
    return {*trash, *folder.hrefs()} - referenced


def _put_in_trash(connection: sqlite3.Connection, garbage: set[str]) -> None:
    rows.put_in_trash(connection, garbage)
    # A commit that surely writes waits for the disk, and with it for what was seen here: a commit whose process was
    # killed before it had waited itself. It also removes what such a process left of its journal.
    rows.put_in_trash(connection, [_NO_FILE])
    connection.execute("DELETE FROM trash WHERE href = ?", (_NO_FILE,))
