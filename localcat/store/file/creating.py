"""Making a new catalog file: whole under its name, or not at all."""

from __future__ import annotations

import uuid
from contextlib import suppress
from pathlib import Path

from localcat.disk.faults import listing_errors
from localcat.disk.ownership import data_path, holds_locks_alone
from localcat.disk.steps import reached
from localcat.disk.system import flush_folder, name_new
from localcat.errors import (
    CatalogExistsError,
    CatalogNotFoundError,
    ClientError,
    DefaultCatalogWarning,
    StorageError,
    warn_caller,
)
from localcat.store.file import schema
from localcat.store.file.connection import OpenOptions, connect
from localcat.store.file.faults import sqlite_errors
from localcat.timestamps import iso_text, now_microseconds


def create(
    path: Path, options: OpenOptions, settings: dict[str, str], versions: schema.Migrations, *, durable: bool
) -> None:
    """Write a new, empty catalog file; `Database.create` says what is refused.

    It is written under another name and linked into place, so that a crash leaves no half catalog and of two programs
    that create it at once exactly one succeeds.
    """
    temporary = path.with_name(f".localcat-{uuid.uuid4().hex}.tmp")
    try:
        with sqlite_errors(path):
            connection = connect(temporary, "rwc", options, durable=durable)
            try:
                schema.create(connection, settings, versions)
            finally:
                connection.close()
        reached("catalog written")
        publish(temporary, path, durable=durable)
    except ClientError:
        raise
    except OSError as error:
        raise StorageError(
            f"catalog '{path}' cannot be made: {error.strerror}; check the disk and its permissions"
        ) from error
    finally:
        with suppress(OSError):  # where nothing can be written, nothing was
            temporary.unlink(missing_ok=True)


def prepare_default(path: Path) -> None:
    """Make the folder of a default catalog that the first write is about to make, and tell the user where it will be.

    Raises
    ------
    CatalogNotFoundError
        If there is a data folder with files: the catalog file is missing.
    StorageError
        If the folder cannot be made.
    """
    folder = data_path(path)
    with listing_errors(folder):
        is_full = folder.is_dir() and any(folder.iterdir()) and not holds_locks_alone(folder)
    if is_full:
        raise CatalogNotFoundError(
            f"there is no catalog at '{path}', but its data folder '{folder}' is full; put the catalog file back, "
            "restore a backup, or move the folder away to begin a new catalog"
        )
    warn_caller(
        DefaultCatalogWarning(
            f"there is no default catalog yet: this write makes one at '{path}'; to choose another, pass catalog=, set "
            "$LOCALCAT or call set_default_catalog()"
        )
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"the folder of catalog '{path}' cannot be made: {error.strerror}") from error


def new_settings(*, namespace: str, org: str, user: str) -> dict[str, str]:
    """Return the settings of a catalog that is about to be created."""
    return {
        "namespace": namespace,
        "org": org,
        "user": user,
        "uuid": uuid.uuid4().hex,
        "created": iso_text(now_microseconds()),
    }


def publish(temporary: Path, path: Path, *, durable: bool) -> None:
    """Give a catalog file its name, unless there is something of that name.

    Raises
    ------
    CatalogExistsError
        If there is.
    """
    try:
        name_new(temporary, path)
    except FileExistsError:
        raise CatalogExistsError(
            f"'{path}' already exists; open it with Catalog.open, or choose another name"
        ) from None
    reached("catalog named")
    if durable:
        flush_folder(path.parent)
