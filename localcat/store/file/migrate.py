"""Bringing an older catalog file to the schema of this localcat: once, all or nothing, after a backup."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from localcat.disk.steps import reached
from localcat.disk.system import flush, flush_folder, replace
from localcat.errors import CorruptCatalogError, StorageError
from localcat.store.file import schema
from localcat.store.file.trust import check_schema


def backup_path(path: Path, version: int) -> Path:
    """Return where the copy of a catalog file of an older schema version is kept: ``survey.gpkg.schema-1.backup``."""
    return path.with_name(f"{path.name}.schema-{version}.backup")


def migrate(path: Path, connect: Callable[[Path], sqlite3.Connection], versions: schema.Migrations) -> None:
    """Bring a catalog file to the last of the schema versions.

    It happens in one transaction, so that a crash leaves the old catalog or the new one. Before it, the file is copied
    to `backup_path`; a copy of the same version that is there already is replaced. Of several programs that open the
    file at once, one migrates and the others wait for it.

    Parameters
    ----------
    path : Path
        The catalog file.
    connect : callable
        Opens a connection for writing, in autocommit mode.
    versions : Migrations
        All that are known.

    Raises
    ------
    UntrustedCatalogError
        If the file's schema is not that of its version. It is not changed.
    CorruptCatalogError
        If its rows violate the rules of the tables. It is not changed.
    StorageError
        If the copy cannot be written.
    """
    with contextlib.closing(connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")  # tables may be made again; all rows are checked at the end
        connection.execute("BEGIN IMMEDIATE")
        try:
            before = int(schema.read_settings(connection, path, len(versions))[schema.VERSION_KEY])
            if before < len(versions):
                check_schema(connection, path, versions[:before])
                _back_up(path, backup_path(path, before), connect)
                reached("older catalog copied")
                schema.apply(connection, versions[before:])
                connection.execute("UPDATE meta SET value = ? WHERE key = ?", (str(len(versions)), schema.VERSION_KEY))
                _check(connection, path, versions)
                reached("migration due")
            connection.execute("COMMIT")
            reached("migrated")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    if before < len(versions):
        import logging  # takes a while to import, and files are migrated once

        logging.getLogger("localcat").info(
            "catalog '%s' was brought from schema version %d to %d; '%s' keeps it as it was",
            path,
            before,
            len(versions),
            backup_path(path, before),
        )


def _check(connection: sqlite3.Connection, path: Path, versions: schema.Migrations) -> None:
    broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    if broken is not None:
        raise CorruptCatalogError(
            f"catalog '{path}' cannot be brought to schema version {len(versions)}: row {broken[1]} of table "
            f"'{broken[0]}' refers to a missing row of '{broken[2]}'; nothing was changed, restore it from a backup"
        )
    check_schema(connection, path, versions)


def _back_up(path: Path, backup: Path, connect: Callable[[Path], sqlite3.Connection]) -> None:
    """Copy the file, while the caller holds its write lock: a whole copy under the final name, or none."""
    temporary = backup.with_name(f"{backup.name}.tmp")  # the lock makes it ours; an earlier crash may have left one
    with _storage_errors(backup):
        try:
            temporary.unlink(missing_ok=True)
            with contextlib.closing(connect(path)) as source, contextlib.closing(sqlite3.connect(temporary)) as target:
                source.backup(target)
            with temporary.open("rb+") as file:
                flush(file.fileno())
            reached("copy written")
            replace(temporary, backup)
            flush_folder(backup.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _storage_errors(backup: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the backup '{backup}', without which a catalog is not brought to a newer schema, cannot be written: "
            f"{error.strerror}; make room or allow writing beside the catalog"
        ) from error
