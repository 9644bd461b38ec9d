"""The locks of a catalog that outlive the closing of its file, beside those of SQLite.

POSIX takes all locks that a process has on a file away as soon as it closes any descriptor of that file: GDAL reads the
catalog in a process that writes it, or somebody copies it, and SQLite's own locks are gone. Those of ``flock`` belong
to the open file instead. Three small files in the data folder carry them:

- *write*, held by whoever is in a write transaction;
- *commit*, shared by each read, and held alone while a transaction is committed: a reader that sees a journal without
  SQLite's lock would take it for one that a crash has left, and play it back;
- *gate*, which commits, and readers now and then, pass before *commit*, since `flock` is unfair: steady readers would
  let nobody in.

Whoever has none of them, because the files cannot be made or the file system knows no such locks, has those of SQLite.
Windows needs none: the locks of SQLite belong to the open file there.
"""

from __future__ import annotations

import errno
import os
import random
import stat
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Final

from localcat.disk.ownership import LOCK_NAMES
from localcat.disk.steps import reached
from localcat.errors import CatalogLockedError, StorageError

if sys.platform != "win32":
    import fcntl

    _ARE_NEEDED = True
    _SHARED, _ALONE, _FREE, _AT_ONCE = fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_UN, fcntl.LOCK_NB
    _flock = fcntl.flock
else:
    _ARE_NEEDED = False
    _SHARED, _ALONE, _FREE, _AT_ONCE = 1, 2, 8, 4

    def _flock(descriptor: int, operation: int) -> None:
        """Is never called."""


_UNSUPPORTED: Final = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})
_PAUSES: Final = (0.0001, 0.005)  # seconds between two looks: the first, and the longest
_WRITERS_PAUSES: Final = (0.001, 0.01)  # of one who waits for another's whole transaction
_GATE_SECONDS: Final = 0.002  # that reads go on without passing the gate, which takes as long as a tenth of a short one
_SHARED_AT_ONCE: Final = _SHARED | _AT_ONCE
_NONE: Final = (-1, -1, -1)
_FLAGS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # no link and no pipe is followed

_opening = threading.RLock()  # held while files are opened, and while the process is forked: a child knows all of them
_all: weakref.WeakSet[Locks] = weakref.WeakSet()


class Locks:
    """The locks of one connection to a catalog file.

    Parameters
    ----------
    path : Path
        The catalog file, for messages.
    folder : Path, optional
        Where the files of the locks are; None for a connection that needs none.
    """

    _close_file = staticmethod(os.close)  # __del__ may run when Python, ending, has taken away the names of modules
    _files: tuple[int, int, int] | None = None  # descriptors of write, commit and gate

    def __init__(self, path: Path, folder: Path | None) -> None:
        self._path = path
        self._folder = folder if _ARE_NEEDED else None
        self._commit = -1  # the second of them
        self._next_gate = 0.0  # when a read passes the gate again, by time.monotonic
        self._opened: list[tuple[str, tuple[int, int]]] = []  # the files, and which they were
        self._is_shared = False  # whether the owner is in a read
        self._is_writing = False
        self.is_alone = False  # whether readers are kept out

    # Reading

    def share(self, seconds: float) -> None:
        """Keep others from committing until `unshare`; does nothing where there are no locks.

        Raises
        ------
        CatalogLockedError
            If another one commits, or loads much at once, for longer than this.
        """
        if self._files is None and not self._find():
            return
        self._is_shared = True  # from now on: to give back what is not held is harmless
        try:
            if monotonic() < self._next_gate:
                _flock(self._commit, _SHARED_AT_ONCE)
                return
        except OSError:
            pass  # somebody commits, or there are no such locks
        except BaseException:
            self.unshare()
            raise
        self._pass_gate(seconds)

    def _find(self) -> bool:
        """Open files that a writer may have made meanwhile; looked for no oftener than the gate is passed."""
        now = monotonic()
        if self._folder is None or now < self._next_gate:
            return False
        self._next_gate = now + _GATE_SECONDS
        if self._open(make=False) is None:
            return False
        self._next_gate = 0.0
        return True

    def _pass_gate(self, seconds: float) -> None:
        """Share the lock behind the gate, where those wait who want to commit."""
        _, commit, gate = files = self._files or _NONE
        until = monotonic() + seconds
        try:
            self._wait(gate, _SHARED, until, seconds)
            self._wait(commit, _SHARED, until, seconds)
        except BaseException:
            self.unshare()
            raise
        finally:
            if self._files is files:
                _flock(gate, _FREE)
        self._next_gate = monotonic() + _GATE_SECONDS

    def unshare(self) -> None:
        """End what `share` began."""
        if self._is_shared and not self.is_alone and self._files is not None:
            _flock(self._commit, _FREE)
        self._is_shared = False

    @contextmanager
    def shared(self, seconds: float) -> Iterator[None]:
        """Keep others from committing inside the block; as `share`."""
        self.share(seconds)
        try:
            yield
        finally:
            self.unshare()

    # Writing

    def begin(self, seconds: float) -> None:
        """Keep other writers out until `end`; the files are made if they are missing and the disk allows it.

        Raises
        ------
        CatalogLockedError
            If another one writes for longer than this.
        """
        if self._is_shared and self._files is not None:
            _flock(self._files[1], _FREE)  # whoever waits for a writer must not keep that one from committing
        until = monotonic() + seconds
        self._is_writing = True
        try:
            while files := self._files or self._open(make=True):
                self._wait(files[0], _ALONE, until, seconds, pauses=_WRITERS_PAUSES)
                if self._are_current(1):  # `exclude` asks of the others
                    return
                self.close()  # somebody deleted it: another writer may hold a new one
        except BaseException:
            self.end()
            raise

    def exclude(self, seconds: float) -> None:
        """Keep readers out too, until `end`: what is committed now changes the file.

        Raises
        ------
        CatalogLockedError
            If one reads for longer than this.
        StorageError
            If the files of the locks were deleted, and another one writes with new ones.
        """
        if self.is_alone or not self._is_writing:
            return
        if self._files is not None and not self._are_current():
            self._renew()
        if self._files is None:
            return
        _, commit, gate = self._files
        until = monotonic() + seconds
        try:
            self._wait(gate, _ALONE, until, seconds)
            self._wait(commit, _ALONE, until, seconds)
            self.is_alone = self._files is not None
        finally:
            if not self.is_alone and self._files is not None:
                _flock(commit, _FREE)
                _flock(gate, _FREE)
        reached("readers kept out")

    def end(self) -> None:
        """End what `begin` and `exclude` began; a read around it goes on."""
        self._is_writing = self.is_alone = False
        if self._files is not None:
            write, commit, gate = self._files
            _flock(commit, _SHARED if self._is_shared else _FREE)
            _flock(gate, _FREE)
            _flock(write, _FREE)

    @contextmanager
    def alone(self, seconds: float) -> Iterator[None]:
        """Keep writers and readers out inside the block; as `begin` and `exclude`."""
        self.begin(seconds)
        try:
            self.exclude(seconds)
            yield
        finally:
            self.end()

    def _renew(self) -> None:
        """Take the lock of writers again, on files that somebody made, or that are missing, in place of ours."""
        self.close()
        files = self._open(make=True)
        if files is not None:
            try:
                _flock(files[0], _ALONE | _AT_ONCE)
            except OSError as error:
                raise StorageError(
                    f"catalog '{self._path}': the files of its locks in '{self._folder}' were deleted while something "
                    "was written, and another program writes now; nothing was kept, write it again"
                ) from error

    # The files

    @property
    def are_there(self) -> bool:
        """Whether there are any, as far as is known."""
        return self._files is not None

    def look(self) -> None:
        """Find out whether the files are still those of the folder; to be asked now and then, outside of all blocks."""
        if self._files is not None and not self._are_current():
            self.close()

    def close(self) -> None:
        """Give all of them back, and close their files."""
        files, self._files = self._files, None
        self.is_alone = False
        for descriptor in files or ():
            try:  # noqa: SIM105  # for the same reason
                self._close_file(descriptor)
            except OSError:  # it is closed all the same
                pass

    def __del__(self) -> None:
        self.close()

    def _are_current(self, most: int = len(LOCK_NAMES)) -> bool:
        """Return whether the files of the folder, or the first of them, are the open ones still; for each write."""
        try:
            for path, (device, number) in self._opened[:most]:
                found = os.lstat(path)
                # Some file systems number no files: there they are taken for the same.
                if found.st_ino and (found.st_ino != number or found.st_dev != device):
                    return False
        except OSError:
            return False
        return True

    def _paths(self) -> list[str]:
        return [f"{self._folder}{os.sep}{name}" for name in LOCK_NAMES]

    def _open(self, *, make: bool) -> tuple[int, int, int] | None:
        """Open the files and return them; None where there are none."""
        if self._folder is None:
            return None
        with _opening:
            opened: list[int] = []
            paths = self._paths()
            try:
                if make:
                    self._folder.mkdir(exist_ok=True)
                opened.extend(_open_file(path, make=make) for path in paths)
                found = [os.fstat(descriptor) for descriptor in opened]
                if not all(stat.S_ISREG(one.st_mode) for one in found):
                    raise FileNotFoundError(errno.ENOENT, "not a file of locks", str(self._folder))
            except OSError:
                for descriptor in opened:
                    os.close(descriptor)
                return None
            write, commit, gate = opened
            self._files, self._commit = (write, commit, gate), commit
            self._opened = [(path, _identity(one)) for path, one in zip(paths, found, strict=True)]
            _all.add(self)
            return self._files

    def _give_up(self, error: OSError) -> None:
        """Go on without locks where the file system knows none."""
        self.close()
        if error.errno not in _UNSUPPORTED:
            raise StorageError(
                f"catalog '{self._path}': its locks in '{self._folder}' failed ({error.strerror}); check the disk"
            ) from error

    def _wait(
        self, descriptor: int, operation: int, until: float, seconds: float, *, pauses: tuple[float, float] = _PAUSES
    ) -> None:
        """Take a lock; look ever more rarely, and not in step with others who wait."""
        pause, longest = pauses
        while self._files is not None:
            try:
                _flock(descriptor, operation | _AT_ONCE)
            except BlockingIOError:
                left = until - monotonic()
                if left <= 0:
                    raise CatalogLockedError(
                        f"catalog '{self._path}' is in use by another program or thread for more than {seconds:g} "
                        "seconds; try again later, or open it with a longer timeout"
                    ) from None
                time.sleep(min(left, pause * random.uniform(0.5, 1.0)))  # noqa: S311
                pause = min(2 * pause, longest)
            except OSError as error:
                self._give_up(error)
            else:
                return


def why_none(folder: Path) -> str | None:
    """Return why a catalog has no locks in its data folder; None if it has or needs none, or if a write makes them.

    Nothing is changed.
    """
    locks = Locks(folder, folder)
    if not _ARE_NEEDED or not folder.is_dir():
        return None
    if not locks._open(make=False):
        can_be_made = os.access(folder, os.W_OK) and not any(os.path.lexists(path) for path in locks._paths())
        return None if can_be_made else f"those in '{folder}' cannot be opened or made"
    try:
        _flock(locks._files[1], _SHARED | _AT_ONCE)  # type: ignore[index]  # for it is open
    except BlockingIOError:
        pass
    except OSError as error:
        return f"the file system of '{folder}' knows none ({error.strerror})"
    finally:
        locks.close()
    return None


def _open_file(path: str, *, make: bool) -> int:
    """Open a file for its lock: for writing where that is allowed, since network shares lock no others alone."""
    flags = _FLAGS | (os.O_CREAT if make else 0)
    try:
        return os.open(path, os.O_RDWR | flags, 0o666)
    except PermissionError:
        return os.open(path, os.O_RDONLY | _FLAGS)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        return os.open(path, os.O_RDONLY | _FLAGS)


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _close_inherited() -> None:
    """Close, in a forked child, what its parent holds: to unlock it would take it from the parent."""
    for locks in list(_all):
        locks.close()
    _opening.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_opening.acquire, after_in_parent=_opening.release, after_in_child=_close_inherited)
