"""Making a new catalog file: whole under its name, or not at all."""

from __future__ import annotations

import uuid
from contextlib import suppress
from pathlib import Path

from localcat.disk.steps import reached
from localcat.disk.system import flush_folder, name_new
from localcat.errors import CatalogExistsError, ClientError, StorageError
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
                connection.execute("BEGIN IMMEDIATE")
                schema.create(connection, settings, versions)
                connection.execute("COMMIT")
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
