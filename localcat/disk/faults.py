"""The boundary to the disk: what the system raises while it writes crosses it only as an error of ours."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from localcat.errors import LocalcatError, ReadOnlyCatalogError, StorageError, StorageFullError, TooLargeError

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FULL_WORDS = ("no space left", "disk quota", "file too large", "disk full")


@contextmanager
def write_errors(path: str | PathLike[str]) -> Iterator[None]:
    """Turn what the system raises while a file is written into this library's errors.

    Raises
    ------
    StorageFullError
        If the disk is full, or the file would become larger than the system allows.
    ReadOnlyCatalogError
        If the disk can only be read.
    StorageError
        If the disk refuses for another reason.
    TooLargeError
        If memory does not suffice.
    """
    try:
        yield
    except LocalcatError:  # some are OSErrors too
        raise
    except MemoryError as error:
        raise no_memory(path, error) from error
    except OSError as error:
        raise refusal(path, error) from error


@contextmanager
def listing_errors(folder: Path) -> Iterator[None]:
    """Turn what the system raises while a folder is listed into our error."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"'{folder}' cannot be listed: {error.strerror or reason_of(error)}; check the disk and the permissions"
        ) from error


def temporary_folder() -> Path:
    """Return the system's folder for temporary files.

    Raises
    ------
    StorageError
        If there is none that can be written.
    """
    import tempfile  # takes a while to import, and most programs need no such folder

    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as error:  # it has tried all that there may be
        raise StorageError(
            f"there is no folder for temporary files: {reason_of(error)}; set TMPDIR to one that can be written"
        ) from error


def new_temporary_folder(within: str | None = None) -> Path:
    """Make a folder that whoever asked for it removes, in the system's for temporary files or in another one.

    Raises
    ------
    StorageError
        If there is none that can be written, or it is full.
    """
    import tempfile  # the same

    folder = within or temporary_folder()
    with write_errors(folder):
        return Path(tempfile.mkdtemp(prefix="localcat-", dir=folder))


def temporary_directory(prefix: str) -> TemporaryDirectory[str]:
    """Make a folder in the system's for temporary files, which goes with the object.

    Raises
    ------
    StorageError
        If there is none that can be written, or it is full.
    """
    import tempfile  # the same

    folder = temporary_folder()
    with write_errors(folder):
        return tempfile.TemporaryDirectory(prefix=prefix, dir=folder)


def no_memory(path: str | PathLike[str], error: BaseException) -> TooLargeError:
    """Return the error of a write for which memory does not suffice."""
    return TooLargeError(f"not enough memory to write {fspath(path)}: {reason_of(error)}; write smaller images")


def refusal(path: str | PathLike[str], error: BaseException) -> StorageError:
    """Return the error of a write that the disk refused, by its number or, where a library lost that, by its words."""
    name, number, reason = fspath(path), getattr(error, "errno", None), reason_of(error)
    if number in _FULL or any(words in reason.lower() for words in _FULL_WORDS):
        return StorageFullError(f"no room to write {name}: {reason}; free some space and try again")
    if number == errno.EROFS:
        return ReadOnlyCatalogError(
            f"{name} is on a read-only disk: {reason}; copy catalog and data folder to a writable folder"
        )
    return StorageError(f"{name} cannot be written: {reason}; check the disk and its permissions")


def reason_of(error: BaseException) -> str:
    """Return the innermost message: rasterio often says only "see previous exception"."""
    innermost = error
    while innermost.__cause__ is not None:
        innermost = innermost.__cause__
    text = str(getattr(innermost, "errmsg", "") or innermost)
    return " ".join(text.split())[:300] or type(innermost).__name__
