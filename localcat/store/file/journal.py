"""The journals beside a catalog file: which kind it may have, and the meaning of one that was left there.

The rule is a rollback journal: at rest the catalog is one file, which opens on read-only media, survives a careless
copy, and works on network shares. A write-ahead log is for those who ask for it, where it is safe.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from localcat.disk.filesystem import file_system_of
from localcat.disk.peeking import peek
from localcat.errors import BadRequestError, ReadOnlyCatalogError, UntrustedCatalogError

# SQLite before 3.51.3 may, rarely, corrupt a catalog with a write-ahead log (sqlite.org/wal.html, "The WAL-Reset Bug").
FIRST_SAFE: Final = (3, 51, 3)
BACKPORTS: Final = frozenset({"3.44.6", "3.50.7"})
"""Older releases of SQLite that have the correction too."""

_SUPER_MAGIC: Final = bytes.fromhex("d9d505f920a163d7")  # ends a journal that names another one before it
_WAL_FORMAT: Final = b"\x02\x02"  # bytes 18 and 19 of the file: how it is written and read
_FIRST_PAUSE: Final = 0.001  # seconds


def sidecar(path: Path, kind: str) -> Path:
    """Return where SQLite keeps the ``journal``, the ``wal`` or the ``shm`` of a file."""
    return path.with_name(f"{path.name}-{kind}")


def leftovers(path: Path) -> list[Path]:
    """Return the journals beside a file that hold something, in use or left by a crash."""
    return [found for kind in ("journal", "wal") if _size(found := sidecar(path, kind))]


def has_log(path: Path) -> bool:
    """Return whether a write-ahead log is beside a file; without a look into the file."""
    return os.access(f"{path}-wal", os.F_OK)  # at each write; os.path.exists raises and catches an error


def is_wal(path: Path) -> bool:
    """Return whether a file is marked as one with a write-ahead log."""
    try:
        with peek(path) as file:
            return file.read(20)[18:] == _WAL_FORMAT
    except OSError:
        return False


def check_leftovers(path: Path, *, trusted: bool) -> None:
    """Refuse a journal that may do harm when SQLite rolls it back; nothing is touched.

    Where one transaction spans several files, which localcat's never do, a journal names another one; and when it is
    rolled back, versions of SQLite delete the file of that name, whatever it is.

    Raises
    ------
    UntrustedCatalogError
        If there is such a journal; or any, where the catalog is not trusted.
    """
    found = leftovers(path)
    if found and not trusted:
        raise UntrustedCatalogError(
            f"'{found[0]}' lies beside the catalog and would be played into it; a catalog that is not trusted must "
            "have been closed cleanly: ask for it again, or wait until no program writes to it"
        )
    journal = sidecar(path, "journal")
    if journal in found and _end_of(journal, len(_SUPER_MAGIC)) == _SUPER_MAGIC:
        raise UntrustedCatalogError(
            f"the journal '{journal}' beside the catalog refers to other files, and rolling it back may delete them; "
            "if you attached databases to the catalog, let the program that did so recover them, else do not use it"
        )


def explain_read_only(path: Path, error: sqlite3.Error, *, is_writable: bool) -> ReadOnlyCatalogError | None:
    """Return the error for a catalog that cannot be read before something is written; None if that is not the reason.

    A journal that a crash left behind must be rolled back, and a write-ahead log needs files beside it.
    """
    found = leftovers(path)
    journal = found[0] if found else sidecar(path, "wal") if not is_writable and is_wal(path) else None
    if journal is None or (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in (
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
    ):
        return None
    remedy = (
        "open it once without read_only=True"
        if is_writable
        else f"copy it, with '{journal.name}' and its data folder, to a writable folder and open it there"
    )
    return ReadOnlyCatalogError(
        f"catalog '{path}' was not closed cleanly, and reading alone cannot bring its last changes to an end; {remedy}"
    )


def require_wal(path: Path, *, is_writable: bool, backports: Collection[str]) -> None:
    """Refuse a write-ahead log where it is not safe.

    Raises
    ------
    BadRequestError
        With the reason.
    """
    system = file_system_of(path)
    if sqlite3.sqlite_version_info < FIRST_SAFE and sqlite3.sqlite_version not in backports:
        first = ".".join(map(str, FIRST_SAFE))
        reason = f"SQLite {sqlite3.sqlite_version} may corrupt it then, {first} is the first that does not"
    elif not is_writable:
        reason = "it can only be read"
    elif not system.is_local_disk:
        reason = f"its file system ({system.name or 'unknown'}) may not share memory safely among programs"
    else:
        return
    raise BadRequestError(f"catalog '{path}' cannot have a write-ahead log: {reason}; open it without journal='wal'")


def enter_wal(connection: sqlite3.Connection, seconds: float) -> None:
    """Give a catalog a write-ahead log; waits for other programs, since SQLite itself does not for this."""
    end, pause = time.monotonic() + seconds, _FIRST_PAUSE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not is_busy or time.monotonic() > end:
                raise
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  # so that those who wait do not collide again
            pause = min(2 * pause, 0.1)
        else:
            return


def leave_wal(connection: sqlite3.Connection) -> None:
    """Bring the write-ahead log into the file and go back to a rollback journal, unless others have the file open.

    That is not an error: the last one to close the catalog does it, or the next.
    """
    with suppress(sqlite3.Error):
        is_busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if (
            not is_busy
        ):  # else somebody reads, and SQLite would delete what it could not bring in if it does not see that
            connection.execute("PRAGMA journal_mode = DELETE")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _end_of(path: Path, count: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(-count, 2)
            return file.read()
    except OSError:  # too short to name another, or SQLite cannot read it either
        return b""
