"""Files of an older localcat whose masks other programs misread, written again beside the old ones."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from localcat.errors import ClientError, CommitUnknownError, CorruptImageError, RasterError
from localcat.maintenance.files import FileRow, misleads, rows_of, sha256_of
from localcat.maintenance.report import MovedFile, OptimizeReport
from localcat.progress import shown
from localcat.rasters.files.describe import RasterDescription, describe
from localcat.rasters.files.dtypes import numpy_dtype
from localcat.rasters.writing.copying import as_cog, have_same_pixels
from localcat.rasters.writing.options import CogOptions
from localcat.store import rows, states
from localcat.store.clauses import Parameter
from localcat.timestamps import now_microseconds

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from localcat.disk.data_folder import DataFolder
    from localcat.rasters.writing.write import FileDigest
    from localcat.store.catalog_file import CatalogFile

_IS_THERE = "SELECT id, image_id FROM image_file WHERE owned AND href = ? AND hash = ?"


def rewrite_masks(catalog: CatalogFile, report: OptimizeReport, *, progress: bool | None) -> None:
    """Write each such file again, and let its image have the new one; `Catalog.optimize` says how.

    A new file is whole, and its pixels are compared with those of the old one, before its image gets it in a
    transaction of its own. The old one goes into the trash of that transaction, and is unlinked after it.
    """
    for row in shown(list(rows_of(catalog)), "looking at files", "files", progress):
        if not row.owned:
            continue
        try:
            path = catalog.path_of(row.file)
            found = describe(path, max_bytes=None)
            new = None if misleads(row, found) is None else _rewritten(catalog, row, path, found)
        except CommitUnknownError:
            raise
        except ClientError as error:
            report.left.append(MovedFile(row.image_id, row.href, row.href, str(error)))
            continue
        if new is not None:
            report.rewritten.append(MovedFile(row.image_id, row.href, new))


def _rewritten(catalog: CatalogFile, row: FileRow, path: Path, found: RasterDescription) -> str | None:
    """Write a file again and return its new path in the data folder; None if its image has another one meanwhile."""
    if row.sha256 is not None and sha256_of(path) != row.sha256:  # its pixels are not those that were uploaded
        raise CorruptImageError(f"'{path}' has another content than was uploaded; restore it from a backup")
    folder, (height, width) = catalog.data_folder, found.shape
    folder.require_space(found.count * height * width * numpy_dtype(found.data_type).itemsize)
    layers = {band.position + 1: band.layer for band in row.bands}
    with ExitStack() as stack:
        temporary = stack.enter_context(folder.temporary(".tif"))
        options = CogOptions(overviews=found.overviews)
        digest = as_cog(path, temporary, options=options, declared=layers, max_bytes=None)
        if not have_same_pixels(path, temporary):
            raise RasterError(f"'{path}' has other pixels when it is written again; it stays as it is")
        folder.sync(temporary)
        return _swapped(catalog, row, temporary, digest)


def _swapped(catalog: CatalogFile, row: FileRow, temporary: Path, digest: FileDigest) -> str | None:
    folder = catalog.data_folder
    product, _, name = row.image_id.rpartition(":")
    href = folder.new_href(product, name, ".tif")
    try:
        with catalog.database.write() as transaction:
            connection = transaction.connection
            there = connection.execute(_IS_THERE, (row.href, row.sha256)).fetchone()
            if there is None:
                return None
            transaction.on_rollback.append(lambda: _remove(folder, href))
            folder.publish(temporary, href)
            _point_to(connection, there, href, digest)
            # Whoever undoes an older change, or looks at the past, finds the same pixels in the new file.
            file: dict[str, Parameter] = {"href": href, "size_bytes": digest.size_bytes, "hash": digest.sha256}
            states.exchange_file(connection, row.image_id, row.href, file)
            rows.put_in_trash(connection, [row.href])
            transaction.on_commit.append(lambda: catalog.delete_files([row.href]))
    except CommitUnknownError as error:
        is_committed = catalog.settle(
            lambda connection: connection.execute(_IS_THERE, (href, digest.sha256)).fetchone() is not None, [href]
        )
        raise CommitUnknownError(f"{error}; call Catalog.optimize again", committed=is_committed) from error
    return href


def _remove(folder: DataFolder, href: str) -> None:
    folder.remove(href)


def _point_to(connection: sqlite3.Connection, there: tuple[int, int], href: str, digest: FileDigest) -> None:
    """Let a row of a file name another one, and its image know the change."""
    row_id, image = there
    states.keep(connection, "image", [image], "changed")
    connection.execute(
        "UPDATE image_file SET href = ?, size_bytes = ?, hash = ? WHERE id = ?",
        (href, digest.size_bytes, digest.sha256, row_id),
    )
    connection.execute(
        "UPDATE image SET size_bytes = (SELECT sum(size_bytes) FROM image_file WHERE image_id = image.id), "
        "version = version + 1, modified = max(?, modified + 1) WHERE id = ?",
        (now_microseconds(), image),
    )
