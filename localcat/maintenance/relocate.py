"""Files that are indexed in place, found again after they were moved."""

from __future__ import annotations

import functools
import ntpath
import os
import posixpath
from contextlib import suppress
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, TypeAlias

from localcat.disk.digest import hash_stream
from localcat.disk.names import folded
from localcat.disk.paths import in_place_href, is_local, text_of
from localcat.disk.system import IS_WINDOWS
from localcat.errors import BadRequestError
from localcat.maintenance.report import MovedFile, RelocateReport
from localcat.store import states
from localcat.store.rows import row_ids
from localcat.timestamps import now_microseconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcat.store.catalog_file import CatalogFile


_Row: TypeAlias = "tuple[int, str, str, int | None, str | None]"  # row id, image, href, size in bytes, sha256
_MOST_SHOWN = 5  # files of one content


def relocate(
    catalog: CatalogFile, old: str | os.PathLike[str] | None, new: str | os.PathLike[str], *, dry_run: bool = False
) -> RelocateReport:
    """Look for moved files under another folder; `Catalog.relocate` says how."""
    for folder in (new,) if old is None else (old, new):
        if text_of(folder) is None:
            raise BadRequestError(f"a folder is named by text, not by {folder!r}")
    after = Path(os.path.abspath(new))  # noqa: PTH100  # links are not followed
    if not after.is_dir():
        raise BadRequestError(f"there is no folder '{after}' in which the files could be")
    catalog.database.require_file()
    if not dry_run:
        catalog.database.require_writable()
    report = RelocateReport()
    with catalog.database.read() as connection:
        rows = connection.execute(_IN_PLACE).fetchall()
    if old is None:
        changes = _find(catalog, rows, after, report)  # reads files, so nobody waits for it
    else:
        changes = _look(catalog, rows, os.fspath(old), after, report)
    if dry_run or not changes:
        return report
    known = {row_id: href for row_id, _, href, *_ in rows}
    with catalog.database.write() as transaction:
        connection = transaction.connection
        images = list(row_ids(connection, "image", list({file.image_id for file in report.moved})).values())
        # The stamps stay: where a file is on this machine is no change that another catalog should take over.
        states.keep(connection, "image", images, "changed")
        connection.executemany(
            "UPDATE image_file SET href = ? WHERE id = ? AND href = ?",
            ((href, row_id, known[row_id]) for href, row_id in changes),
        )
        connection.executemany(
            "UPDATE image SET version = version + 1, modified = max(?, modified + 1) WHERE id = ?",
            ((now_microseconds(), row_id) for row_id in images),
        )
    return report


_IN_PLACE = (
    "SELECT file.id, image.uid, file.href, file.size_bytes, file.hash FROM image_file AS file "
    "JOIN image ON image.id = file.image_id WHERE NOT file.owned AND file.href IS NOT NULL "
    "AND image.storage_state = 'available' ORDER BY file.href"
)


def _find(catalog: CatalogFile, rows: list[_Row], folder: Path, report: RelocateReport) -> list[tuple[str, int]]:
    """Fill a report with the files that are gone; return (new href, row id) of those that are below a folder.

    They are known by their content, under any name: by size first, and only what has the size of one of them is read.
    Of several files with that content the one that kept its name is taken, if it is one.
    """
    home = catalog.path.parent
    gone = [row for row in rows if is_local(row[2]) and not os.path.lexists(home / row[2])]
    sizes = {size for *_, size, sha256 in gone if size is not None and sha256 is not None}
    by_size: dict[int, list[Path]] = {}
    for path in _files_below(folder, catalog.home().path):
        with suppress(OSError):
            if (found_size := path.stat().st_size) in sizes:
                by_size.setdefault(found_size, []).append(path)
    hashed = functools.cache(_sha256)
    changes = []
    for row_id, image_id, href, size, sha256 in gone:
        alike = [path for path in by_size.get(size or -1, []) if sha256 is not None and hashed(path) == sha256]
        named = [path for path in alike if folded(path.name) == folded(_name_of(href))]
        found = alike if len(alike) == 1 else named
        if len(found) == 1:
            moved = in_place_href(found[0], home)
            report.moved.append(MovedFile(image_id, href, moved))
            changes.append((moved, row_id))
            continue
        shown = ", ".join(f"'{path.relative_to(folder)}'" for path in sorted(alike)[:_MOST_SHOWN])
        problem = (
            f"{len(alike):,} files have its content: {shown}" if alike else "no file there has its size and sha256"
        )
        if size is None or sha256 is None:
            problem = "its row has no size or no sha256 to know it by; name the folder where it was"
        report.left.append(MovedFile(image_id, href, href, problem))
    return changes


def _files_below(folder: Path, data_folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, but for those of the catalog itself; links are not followed."""
    for name, folders, files in os.walk(folder):
        folders[:] = sorted(one for one in folders if Path(name, one) != data_folder)
        yield from (path for one in sorted(files) if not (path := Path(name, one)).is_symlink())


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hash_stream(file.read)[1]
    except OSError:
        return None


def _name_of(href: str) -> str:
    """Return the name of a file whose path may be of another system."""
    return (PureWindowsPath(href) if PureWindowsPath(href).drive or "\\" in href else PurePosixPath(href)).name


def _look(catalog: CatalogFile, rows: list[_Row], old: str, new: Path, report: RelocateReport) -> list[tuple[str, int]]:
    """Fill a report; return (new href, row id) of the files that were found."""
    changes = []
    for row_id, image_id, href, size_bytes, _ in rows:
        below = _below(href, old, catalog.path.parent) if is_local(href) else None
        if below is None:
            continue
        path = new / below
        moved = in_place_href(path, catalog.path.parent)
        problem = _problem(path, size_bytes)
        if problem is None:
            report.moved.append(MovedFile(image_id, href, moved))
            changes.append((moved, row_id))
        else:
            report.left.append(MovedFile(image_id, href, moved, problem))
    return changes


def _below(href: str, old: str, home: Path) -> Path | None:
    """Return the path of a file below a folder; None if it is not below it. Both may be of another system."""
    kind = PureWindowsPath if IS_WINDOWS or PureWindowsPath(old).drive else PurePosixPath
    folder, file = kind(old), kind(href)
    if not folder.is_absolute():
        folder = kind(Path.cwd()) / folder
    folder = kind((ntpath if kind is PureWindowsPath else posixpath).normpath(folder))  # without "..", as paths of rows
    if not file.is_absolute():
        file = kind(home) / file
    return Path(*file.relative_to(folder).parts) if file.is_relative_to(folder) else None


def _problem(path: Path, size_bytes: int | None) -> str | None:
    try:
        size = path.stat().st_size if path.is_file() else None
    except OSError as error:
        return str(error.strerror)
    if size is None:
        return "there is no such file"
    return None if size_bytes in (None, size) else f"{size:,} bytes in place of {size_bytes:,}"
