"""Reading a catalog file without SQLite in a process in which SQLite may have it open.

POSIX gives back all locks that a process has on a file when it closes any descriptor of it, those of SQLite too. So a
file that SQLite has had open here is read through one descriptor that is never closed: one for each such file, and only
where somebody looks at it without SQLite. On Windows locks belong to the open file, and nothing of this is needed.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from localcat.disk.system import IS_WINDOWS, identity_of

_lock = threading.Lock()
_of_sqlite: set[tuple[int, int]] = set()  # the files that SQLite has had open in this process
_kept: dict[tuple[int, int], int] = {}  # a descriptor of each of them that was looked at


def opens_with_sqlite(path: Path) -> None:
    """Note that SQLite opens a file, from now on; to be called before and, for a new file, after it does."""
    identity = None if IS_WINDOWS else identity_of(path)
    if identity is not None:
        with _lock:
            _of_sqlite.add(identity)


@contextmanager
def peek(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading that may be a catalog, without a loss of the locks of this process on it."""
    with _lock:
        identity = identity_of(path)
        descriptor = None if identity is None else _kept.get(identity)
        if descriptor is None:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        if IS_WINDOWS:
            with open(descriptor, "rb", closefd=False) as file:
                yield file
        else:
            with io.BufferedReader(_Reader(descriptor)) as reader:
                yield cast("BinaryIO", reader)
    finally:
        _close_if_free(descriptor)


def copy(source: Path, target: Path) -> None:
    """Copy a file that may be a catalog."""
    with peek(source) as reader, target.open("wb") as writer:
        import shutil  # takes a while to import, and only leftovers are copied

        shutil.copyfileobj(reader, writer, 1 << 20)


def _close_if_free(descriptor: int) -> None:
    """Close a descriptor, or keep it: SQLite may have opened the file since it was opened here."""
    with _lock:
        found = os.fstat(descriptor)
        identity = found.st_dev, found.st_ino
        if identity not in _of_sqlite:
            os.close(descriptor)
        else:
            _kept.setdefault(identity, descriptor)  # of two that were opened at once neither is closed


class _Reader(io.RawIOBase):
    """Reads from a descriptor that others read from too, each at a position of its own."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # as it is called
        data = os.pread(self._descriptor, len(buffer), self._position)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: os.fstat(self._descriptor).st_size}[whence]
        self._position = max(start + offset, 0)
        return self._position

    def tell(self) -> int:
        return self._position
