"""The boundary to SQLite: its errors cross it only as ours."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from localcat.errors import (
    CatalogError,
    CatalogLockedError,
    ClientError,
    CorruptCatalogError,
    QueryError,
    QueryTimeoutError,
    ReadOnlyCatalogError,
    StorageError,
    StorageFullError,
    UnsupportedCatalogError,
)

_NO_ROOM = 1 << 20  # bytes; with less than this free, a write failed because the disk was full
_PRIMARY = 0xFF  # the low byte of an extended result code is the primary one


class sqlite_errors:  # noqa: N801  # reads as a function, and costs each query a third of one with a generator
    """Turn what sqlite3 raises inside the block into localcat's errors, naming the catalog file.

    Damaged files make sqlite3 raise more than its own classes: text that is not UTF-8 comes as UnicodeDecodeError or
    as an OperationalError without a result code.
    """

    __slots__ = ("_path",)

    def __init__(self, path: Path | str) -> None:
        self._path = path

    def __enter__(self) -> object:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            raise_ours(error, self._path)


def raise_ours(error: BaseException, path: Path | str) -> None:
    """Raise the localcat error that stands for an error of sqlite3, if it is one."""
    if isinstance(error, CorruptCatalogError):
        if str(path) not in str(error):
            raise CorruptCatalogError(f"catalog '{path}': {error}; restore it from a backup") from error
    elif isinstance(error, sqlite3.Error | UnicodeError | OverflowError | SystemError | MemoryError):
        raise translated(error, path) from error


def translated(error: Exception, path: Path | str) -> ClientError:
    """Return the localcat error for an error of sqlite3."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & _PRIMARY
    where = f"catalog '{path}'"
    if isinstance(error, MemoryError):
        return CatalogError(f"{where}: there is not enough memory; ask for less at once, or close other programs")
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return CatalogLockedError(f"{where} is in use by another program for too long ({error}); try again later")
    is_refused = primary in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
    if primary == sqlite3.SQLITE_FULL or (is_refused and _is_full(path)):  # a journal that finds no room "cannot open"
        return StorageFullError(f"{where}: the disk is full; free some space and try again, nothing was changed")
    if primary == sqlite3.SQLITE_READONLY:
        return ReadOnlyCatalogError(f"{where} can only be read ({error}); copy it to a writable folder to change it")
    if primary == sqlite3.SQLITE_NOTADB:
        return UnsupportedCatalogError(f"'{path}' is not a SQLite file; open a catalog that localcat created")
    if primary == sqlite3.SQLITE_CORRUPT or isinstance(error, UnicodeDecodeError | SystemError):
        return CorruptCatalogError(  # SQLite says the same of a disk that does not read
            f"{where} is damaged, or its disk cannot read it ({error}); restore it from a backup"
        )
    if primary == sqlite3.SQLITE_INTERRUPT:
        return QueryTimeoutError(
            f"{where}: the query took longer than its time limit and was stopped; ask for less, or allow it more time"
        )
    if primary in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StorageError(f"{where} cannot be read or written ({error}); check the disk and the permissions")
    if isinstance(error, sqlite3.ProgrammingError | OverflowError | UnicodeError):
        return QueryError(f"{where}: {error}; correct the query or its parameters")
    if primary in (
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_RANGE,
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_AUTH,
    ):
        return QueryError(f"{where}: the query cannot be carried out ({error}); correct it, or ask for less at once")
    if primary == sqlite3.SQLITE_CONSTRAINT:
        return CorruptCatalogError(f"{where}: a rule of its tables was violated ({error}); see Catalog.verify()")
    return CorruptCatalogError(f"{where} cannot be used ({error}); see Catalog.verify(), or restore it from a backup")


def _is_full(path: Path | str) -> bool:
    """Return whether there is hardly any room on the disk of a catalog file: SQLite does not always report it."""
    import shutil  # takes a while to import, and is needed for errors alone

    try:
        return shutil.disk_usage(Path(path).parent).free < _NO_ROOM
    except OSError:
        return False
