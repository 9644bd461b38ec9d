"""What each system allows with files: locks, waiting for the disk, and giving names.

The rooms above rename and lock by these functions alone. Windows renames and unlinks no file that is open, and lets
nobody else read or write bytes that are locked; macOS needs a call of its own to reach the drive; and any of these
services may be missing on a share, a FAT or a FUSE file system.
"""

from __future__ import annotations

import errno
import functools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

IS_WINDOWS: Final = sys.platform == "win32"
"""Whether names, locks and open files are as on Windows."""

_UNSUPPORTED: Final = frozenset({errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.ENOSYS})
_NO_LOCKS: Final = _UNSUPPORTED | {errno.ENOLCK}
_NO_FOLDER_FLUSH: Final = _UNSUPPORTED | {errno.EBADF, errno.EISDIR}
_PAUSES: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)  # seconds; for so long scanners of viruses hold a new file

if sys.platform != "win32":
    import fcntl

    def lock(descriptor: int, *, wait: bool) -> bool | None:
        """Take the lock of an open file; return whether it was free, or None where files cannot be locked.

        The lock belongs to the open file: it goes with the last descriptor of it, at the latest with the process.
        Whoever wants to write to a file locks another one beside it, since Windows' locks keep others from writing.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            return None
        return True

    def flush(descriptor: int) -> None:
        """Wait until what was written to an open file or folder is on the disk."""
        if hasattr(fcntl, "F_FULLFSYNC"):  # macOS: fsync stops at the drive's cache
            try:
                fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            except OSError as error:
                if error.errno not in _UNSUPPORTED:  # a disk that failed, which is asked no second time
                    raise
            else:
                return
        os.fsync(descriptor)

    def flush_folder(folder: Path) -> None:
        """Wait until the names in a folder are on the disk; does nothing where folders cannot be flushed."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            flush(descriptor)
        except OSError as error:
            if error.errno not in _NO_FOLDER_FLUSH:
                raise
        finally:
            os.close(descriptor)

else:
    import msvcrt

    def lock(descriptor: int, *, wait: bool) -> bool | None:
        """Take the lock of an open file; return whether it was free, or None where files cannot be locked."""
        try:
            os.lseek(descriptor, 0, os.SEEK_SET)  # the first byte, whatever was written before
            msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        except OSError as error:
            return None if error.errno in _NO_LOCKS else False
        return True

    def flush(descriptor: int) -> None:
        """Wait until what was written to an open file is on the disk."""
        os.fsync(descriptor)

    def flush_folder(folder: Path) -> None:
        """Do nothing: folders cannot be opened here, and NTFS journals names."""


def rename(source: Path, target: Path) -> None:
    """Give a file or folder, of which nothing is open, another name, of which there is nothing yet."""
    _patiently(lambda: source.rename(target))


def replace(source: Path, target: Path) -> None:
    """Give a file that is not open the name of another one, which it replaces."""
    _patiently(lambda: source.replace(target))


def name_new(source: Path, target: Path) -> None:
    """Give a file that is not open a name that nothing else has; it may keep the other one, too.

    Raises
    ------
    FileExistsError
        If something of that name is there, or comes at the same time.
    """
    try:
        if hasattr(os, "link"):
            os.link(source, target)
            return
    except FileExistsError:
        raise
    except OSError:
        pass  # a file system without hard links, as FAT
    if IS_WINDOWS:
        rename(source, target)  # which replaces nothing there
        return
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))  # claims the name
    try:
        replace(source, target)
    except BaseException:
        if source.exists():  # and the name is a mere claim
            target.unlink()
        raise


def _patiently(call: Callable[[], object]) -> None:
    """Call again, for less than a second, where Windows refuses what another program has open for a moment."""
    for pause in _PAUSES if IS_WINDOWS else ():
        try:
            call()
        except PermissionError:
            time.sleep(pause)
        else:
            return
    call()


def same_file(first: Path, second: Path) -> bool:
    """Return whether two paths are known to lead to one file; False where the system gives files no numbers."""
    try:
        one, other = first.stat(), second.stat()
    except (OSError, ValueError):
        return False
    return one.st_ino != 0 and os.path.samestat(one, other)


def is_at(descriptor: int, path: Path) -> bool:
    """Return whether an open file still has its name, as far as the system gives files numbers.

    Raises
    ------
    FileNotFoundError
        If nothing has the name.
    """
    found = path.stat()
    return found.st_ino == 0 or os.path.samestat(found, os.fstat(descriptor))


def identity_of(path: Path) -> tuple[int, int] | None:
    """Return device and number of a file, by which it is the same under another name; None if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116  # called for each read, and half as dear as Path.stat
    except OSError:
        return None
    return found.st_dev, found.st_ino or _made(found)


def _made(found: os.stat_result) -> int:
    """Return when a file was made, which stands in for its number on a share of Windows that has none."""
    if not IS_WINDOWS:
        return 0  # its ctime changes with each write
    return int(getattr(found, "st_birthtime_ns", 0) or found.st_ctime_ns)  # the second before Python 3.12


@functools.cache
def login() -> str:
    """Return the name of the user of the system, without colons; "user" where the system knows none."""
    try:
        import getpass  # which programs that only search do not need

        return getpass.getuser().replace(":", "-")
    except (OSError, KeyError, ImportError, AttributeError):  # no such user in the system's list, as in some containers
        return "user"
