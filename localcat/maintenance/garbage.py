"""Cleaning the data folder of what was deleted, and setting aside what no row refers to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from localcat.disk.names import folded
from localcat.errors import BadRequestError, ReadOnlyCatalogError, UnsafePathError
from localcat.maintenance.report import GcReport
from localcat.store import rows, stamps, states
from localcat.timestamps import days_of, from_microseconds, now_microseconds

if TYPE_CHECKING:
    import sqlite3

    from localcat.disk.data_folder import DataFolder
    from localcat.store.catalog_file import CatalogFile

_NEWEST = """
    SELECT max(modified) FROM (
        SELECT max(modified) AS modified FROM product UNION ALL SELECT max(modified) FROM band
        UNION ALL SELECT max(modified) FROM image UNION ALL SELECT max(modified) FROM upload
    )
"""
_TOMBSTONES = 365 * 86_400 * 1_000_000  # microseconds that marks of deletions are kept
_NO_FILE = "."  # a path that no file has


def collect_garbage(
    catalog: CatalogFile, *, dry_run: bool = False, keep: object = "30 days", restore: bool = False
) -> GcReport:
    """Unlink what was deleted and set aside what nothing refers to; `Catalog.gc` says how.

    A file gets its final name only under the write lock that this holds too, in the transaction that inserts its row: a
    file without a row is garbage. Temporary files are those of a dead upload if their lock is free. But a file may be
    named by rows that are not here now, as when an older state of the catalog was put back: what the trash does not
    name is set aside for a while.
    """
    days = days_of(keep, "keep")
    if catalog.database.in_transaction:
        raise BadRequestError("gc unlinks only what is committed; call it outside of the transaction")
    catalog.database.require_file()
    why = catalog.why_read_only()
    if why is not None:
        raise ReadOnlyCatalogError(why)
    folder = catalog.data_folder
    if folder.path.is_symlink():
        raise UnsafePathError(
            f"'{folder.path}' is a link, and gc would unlink all files there that no image refers to; "
            "put the folder itself in its place"
        )
    report = GcReport()
    today = datetime.now(UTC).date()
    if dry_run:
        with catalog.database.snapshot() as connection:
            found = _garbage(connection, folder, today)
            _move(folder, found, report, restore=restore, dry_run=True)
    else:
        with catalog.database.write() as transaction:
            found = _garbage(transaction.connection, folder, today)
            _put_in_trash(transaction.connection, found.deleted)  # committed before anything is unlinked
            _move(folder, found, report, restore=restore, dry_run=False)
    for href in sorted(found.deleted):
        size = folder.size_of(href)
        if dry_run or folder.remove(href):
            report.removed += [href] if size is not None else []
            report.size_bytes += size or 0
        else:
            report.kept.append(href)
    if not restore:
        until = min(today, found.newest) - timedelta(days=days) if days else date.max
        _discard(folder, until, found, report, dry_run=dry_run)
    if dry_run:
        return report
    states.forget(catalog.database)
    report.removed += folder.remove_abandoned()
    gone = found.deleted - set(report.kept)
    with catalog.database.write() as transaction:
        transaction.connection.executemany("DELETE FROM trash WHERE href = ?", ((href,) for href in gone))
        stamps.forget_tombstones(transaction.connection, now_microseconds() - _TOMBSTONES)
        folder.remove_empty_folders()  # under the lock, as an upload makes its folder and moves its file into it
    return report


@dataclass(frozen=True, slots=True)
class _Garbage:
    """The files of a data folder, by what the rows say about them.

    Parameters
    ----------
    deleted : set of str
        Those that the trash names.
    unknown : set of str
        Those that nothing names.
    referenced : set of str
        Those of the images.
    newest : date
        Of the newest change in the catalog, in UTC: a second witness of the time beside the clock.
    aside : date
        Under which date files are set aside now.
    """

    deleted: set[str]
    unknown: set[str]
    referenced: set[str]
    newest: date
    aside: date


def _garbage(connection: sqlite3.Connection, folder: DataFolder, today: date) -> _Garbage:
    referenced = {href for (href,) in connection.execute("SELECT href FROM image_file WHERE owned")}
    expired = states.kept_files(connection, until=now_microseconds()) - referenced
    if folder.path.is_dir() and (kept := states.kept_files(connection) - referenced - expired):
        there = {folded(href) for href in (*folder.hrefs(), *(orphan.href for orphan in folder.orphans()))}
        expired |= {href for href in kept if folded(href) not in there}  # a file that is nowhere is kept no longer
    trash = ({href for (href,) in connection.execute("SELECT href FROM trash")} - referenced) | expired
    referenced |= states.kept_files(connection) - expired
    unknown = set(folder.strangers(referenced | trash))
    (changed,) = connection.execute(_NEWEST).fetchone()
    newest = today if changed is None else from_microseconds(changed).date()
    return _Garbage(trash, unknown, referenced, newest, max(today, newest))


def _move(folder: DataFolder, found: _Garbage, report: GcReport, *, restore: bool, dry_run: bool) -> None:
    """Bring files back and set others aside; under the write lock, so that no upload takes one of their names."""
    _bring_back(folder, found, report, everything=restore, dry_run=dry_run)
    for href in [] if restore else sorted(found.unknown):
        if dry_run or folder.set_aside(href, found.aside):
            report.set_aside.append(href)
        else:
            report.kept.append(href)


def _bring_back(folder: DataFolder, found: _Garbage, report: GcReport, *, everything: bool, dry_run: bool) -> None:
    """Give files that were set aside their paths again: those that a row names, or all."""
    for orphan in reversed(folder.orphans()):  # of two of one path the one that was set aside last
        if (everything or orphan.href in found.referenced) and orphan.href not in report.restored:
            if dry_run:
                report.restored += [orphan.href] if folder.size_of(orphan.href) is None else []
            elif folder.bring_back(orphan):
                report.restored.append(orphan.href)


def _discard(folder: DataFolder, until: date, found: _Garbage, report: GcReport, *, dry_run: bool) -> None:
    """Unlink files that were set aside on a day or before it."""
    for orphan in folder.orphans():
        if orphan.since <= until and orphan.href not in found.referenced:
            size = orphan.path.lstat().st_size
            if dry_run or folder.discard(orphan):
                report.removed.append(orphan.href)
                report.set_aside = [href for href in report.set_aside if href != orphan.href]
                report.size_bytes += size
            else:
                report.kept.append(orphan.href)


def _put_in_trash(connection: sqlite3.Connection, garbage: set[str]) -> None:
    rows.put_in_trash(connection, garbage)
    states.forget_files(connection, garbage)
    # A commit that surely writes waits for the disk, and with it for what was seen here: a commit whose process was
    # killed before it had waited itself. It also removes what such a process left of its journal.
    rows.put_in_trash(connection, [_NO_FILE])
    connection.execute("DELETE FROM trash WHERE href = ?", (_NO_FILE,))
