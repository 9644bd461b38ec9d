"""Files that are indexed in place, found again after they were moved."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from localcat.disk.paths import in_place_href, is_local, text_of
from localcat.disk.system import IS_WINDOWS
from localcat.errors import BadRequestError
from localcat.maintenance.report import MovedFile, RelocateReport
from localcat.timestamps import now_microseconds

if TYPE_CHECKING:
    from localcat.store.catalog_file import CatalogFile


def relocate(
    catalog: CatalogFile, old: str | os.PathLike[str], new: str | os.PathLike[str], *, dry_run: bool = False
) -> RelocateReport:
    """Look for moved files under another folder; `Catalog.relocate` says how."""
    for folder in (old, new):
        if text_of(folder) is None:
            raise BadRequestError(f"a folder is named by text, not by {folder!r}")
    before, after = os.fspath(old), Path(os.path.abspath(new))  # noqa: PTH100  # links are not followed
    if not after.is_dir():
        raise BadRequestError(f"there is no folder '{after}' in which the files could be")
    catalog.database.require_file()
    report = RelocateReport()
    if dry_run:
        with catalog.database.read() as connection:
            rows = connection.execute(_IN_PLACE).fetchall()
        _look(catalog, rows, before, after, report)
        return report
    with catalog.database.write() as transaction:
        connection = transaction.connection
        changes = _look(catalog, connection.execute(_IN_PLACE).fetchall(), before, after, report)
        connection.executemany("UPDATE image_file SET href = ? WHERE id = ?", changes)
        now = now_microseconds()
        connection.executemany(
            "UPDATE image SET version = version + 1, modified = max(?, modified + 1) WHERE uid = ?",
            ((now, image_id) for image_id in {file.image_id for file in report.moved}),
        )
    return report


_IN_PLACE = (
    "SELECT file.id, image.uid, file.href, file.size_bytes FROM image_file AS file "
    "JOIN image ON image.id = file.image_id WHERE NOT file.owned AND file.href IS NOT NULL "
    "AND image.storage_state = 'available' ORDER BY file.href"
)


def _look(
    catalog: CatalogFile, rows: list[tuple[int, str, str, int | None]], old: str, new: Path, report: RelocateReport
) -> list[tuple[str, int]]:
    """Fill a report; return (new href, row id) of the files that were found."""
    changes = []
    for row_id, image_id, href, size_bytes in rows:
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
