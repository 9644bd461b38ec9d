"""Names on disk: the files in a catalog's data folder, and how a new one gets there.

Final names are generated, never text of a user, and never used twice. A file is written under a temporary name, made
durable, and only then renamed.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import sys
import unicodedata
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Final

from localcat.disk.faults import write_errors
from localcat.disk.filesystem import is_link, is_plain_file
from localcat.disk.ownership import MARKER, Marker, read_marker
from localcat.disk.steps import reached
from localcat.errors import StorageError, StorageFullError, UnsafePathError

TEMPORARY_PREFIX: Final = ".tmp-"
_SQLITE = b"SQLite format 3\x00"  # how a catalog file begins
_ORPHANS = ".orphans"  # of files set aside, by day
_LONGEST_SLUG = 60  # characters
_NOT_IN_SLUGS = re.compile(r"[^a-z0-9._-]+")
_lasting: set[tuple[str, int]] = set()  # paths and inodes of folders that this process knows to be on the disk
_SPARE_BYTES = 8 * 2**20  # left free beside a new file, for the catalog itself


def slug(text: str) -> str:
    """Return a readable piece of a file name: lower-case ASCII letters, digits, ``.``, ``_`` and ``-``."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _NOT_IN_SLUGS.sub("-", plain).strip("-._")[:_LONGEST_SLUG].strip("-._") or "x"


if sys.platform != "win32":
    import fcntl

    def _lock(descriptor: int, *, wait: bool) -> bool:
        """Take the lock of an open file; return whether it was free."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True

    def _flush(descriptor: int) -> None:
        """Wait until a file is on the disk."""
        if hasattr(fcntl, "F_FULLFSYNC"):  # macOS: fsync stops at the drive's cache
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        os.fsync(descriptor)

    def _flush_folder(folder: Path) -> None:
        """Wait until the names in a folder are on the disk."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

else:
    import msvcrt

    def _lock(descriptor: int, *, wait: bool) -> bool:
        """Take the lock of an open file; return whether it was free."""
        try:
            msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _flush(descriptor: int) -> None:
        """Wait until a file is on the disk."""
        os.fsync(descriptor)

    def _flush_folder(folder: Path) -> None:
        """Do nothing: folders cannot be opened here, and NTFS journals names."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A locked file in the data folder: as long as the lock is held, its process lives and works.

    Parameters
    ----------
    token : str
        The name of the claim.
    path : Path
        The file.
    descriptor : int
        Holds the lock.
    """

    token: str
    path: Path
    descriptor: int

    def release(self) -> None:
        """Give the lock back and remove the file."""
        with contextlib.suppress(OSError):  # the lock is given back even where the disk fails
            os.close(self.descriptor)
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def disown(self) -> None:
        """Let go of the lock in a forked child; the parent still holds it."""
        os.close(self.descriptor)


@dataclass(frozen=True, slots=True)
class Orphan:
    """A file that was set aside, since no row referred to it.

    Parameters
    ----------
    href : str
        Where it was, relative to the data folder.
    since : date
        When it was set aside, in UTC.
    path : Path
        Where it is.
    """

    href: str
    since: date
    path: Path


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The folder of a catalog's files.

    Parameters
    ----------
    path : Path
        The folder; made when the first file is.
    durable : bool
        Whether to wait until files are on the disk.
    marker : Marker, optional
        Whose it is, written into it when it is made or first written to.
    """

    path: Path
    durable: bool = True
    marker: Marker | None = None

    def make(self) -> None:
        """Make the folder, and say in it whose it is."""
        with write_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            if self.marker is not None and read_marker(self.path) != self.marker:
                self._write_marker(self.marker)

    def _write_marker(self, marker: Marker) -> None:
        """Write the marker in one step; what a killed process leaves of it is a temporary file."""
        with self._locked(".json") as (temporary, descriptor):
            os.write(descriptor, marker.to_json())
            if self.durable:
                _flush(descriptor)
            temporary.replace(self.path / MARKER)
        if self.durable:
            _flush_folder(self.path)

    def new_href(self, product_id: str, name: str, suffix: str) -> str:
        """Return a path, relative to the folder, that was never used before."""
        return f"{slug(product_id)}/{slug(name)}-{uuid.uuid4().hex[:16]}{suffix}"

    def resolve(self, href: str) -> Path:
        """Return the absolute path of a file of the folder.

        Raises
        ------
        UnsafePathError
            If the path leads out of the folder, also by a link inside it.
        """
        if not isinstance(href, str):  # in a damaged catalog
            raise UnsafePathError(f"{href!r} is not a path inside the data folder '{self.path}'")
        parts = PurePosixPath(href).parts
        is_plain = bool(parts) and not href.startswith(("/", "\\")) and not {"..", ".", ""} & set(parts)
        if not is_plain or re.search(r'[\x00-\x1f\\:*?"<>|]', href):
            raise UnsafePathError(
                f"{href!r} is not a path inside the data folder '{self.path}'; delete the image, which another program "
                "wrote"
            )
        path = self.path
        for part in parts:
            path = path / part
            if is_link(path):
                raise UnsafePathError(
                    f"'{path}' is a link, and the data folder '{self.path}' holds plain files only; remove the link"
                )
        return path

    @contextmanager
    def temporary(self, suffix: str) -> Iterator[Path]:
        """Give the path of a new, empty file in the folder, locked while the block runs and removed after it.

        The lock tells `gc` that the upload is alive. The block may rename the file away.
        """
        with write_errors(self.path):
            self.make()
        with self._locked(suffix) as (path, _):
            reached("temporary file locked")
            yield path

    @contextmanager
    def _locked(self, suffix: str) -> Iterator[tuple[Path, int]]:
        """Give a new temporary file and its descriptor, which holds its lock; the file is removed after the block."""
        with write_errors(self.path):
            path, descriptor = self._create_locked(suffix)
        try:
            yield path, descriptor
        finally:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def claim(self) -> Claim:
        """Make a claim, by which other processes see that this one is alive."""
        with write_errors(self.path):
            self.make()
            path, descriptor = self._create_locked("")
        return Claim(path.name.removeprefix(TEMPORARY_PREFIX), path, descriptor)

    def is_claimed(self, token: str) -> bool:
        """Return whether the process that made a claim is alive and has not released it."""
        path = self.resolve(f"{TEMPORARY_PREFIX}{token}")
        return path.exists() and not _is_abandoned(path)

    def _create_locked(self, suffix: str) -> tuple[Path, int]:
        while True:
            path = self.path / f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}{suffix}"
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
            _lock(descriptor, wait=True)
            try:
                if os.path.samestat(path.stat(), os.fstat(descriptor)):
                    return path, descriptor
            except FileNotFoundError:
                pass  # a gc took it between creation and lock
            os.close(descriptor)

    def sync(self, path: Path) -> None:
        """Wait until a file's content is on the disk."""
        if not self.durable:
            return
        reached("file written")
        with write_errors(path), path.open("rb+") as file:
            _flush(file.fileno())
        reached("file synced")

    def publish(self, temporary: Path, href: str) -> None:
        """Give a temporary file, whose content is on the disk, its final name, and make the name last."""
        final = self.resolve(href)
        with write_errors(final):
            final.parent.mkdir(parents=True, exist_ok=True)
            temporary.rename(final)
            reached("file renamed")
            if self.durable:
                _flush_folder(final.parent)
                self._flush_parents(final.parent)
        reached("folder synced")

    def _flush_parents(self, folder: Path) -> None:
        """Make a product's folder last, once in each process: whoever made it may have been killed before that."""
        folder_made = str(folder), folder.stat().st_ino
        if folder_made not in _lasting:
            _flush_folder(self.path)
            _flush_folder(self.path.parent)
            _lasting.add(folder_made)

    def remove(self, href: str) -> bool:
        """Unlink a file; return whether it is gone. A file that is in use elsewhere may stay for a later gc."""
        try:
            self.resolve(href).unlink(missing_ok=True)
        except (OSError, UnsafePathError):
            return False
        reached("file unlinked")
        return True

    def size_of(self, href: str) -> int | None:
        """Return the size of a file in bytes, or None if it is not there."""
        try:
            return self.resolve(href).lstat().st_size
        except (OSError, UnsafePathError):
            return None

    def remove_empty_folders(self) -> None:
        """Remove the products' folders in which no file is left."""
        with _listing(self.path):
            found = sorted(self.path.iterdir()) if self.path.is_dir() else []
        for path in found:
            if path.is_dir() and not path.is_symlink():
                with contextlib.suppress(OSError):  # not empty
                    path.rmdir()

    def require_space(self, needed: int) -> None:
        """Raise StorageFullError if the disk has no room for this many bytes and a little more."""
        folder = self.path
        while not folder.exists():
            folder = folder.parent
        free = shutil.disk_usage(folder).free
        if free < needed + _SPARE_BYTES:
            raise StorageFullError(
                f"'{self.path}' needs about {needed:,} bytes more and the disk has {free:,} free; make room"
            )

    def hrefs(self) -> Iterator[str]:
        """Yield the relative paths of all files that have a final name."""
        with _listing(self.path):
            found = sorted(self.path.rglob("*")) if self.path.is_dir() else []
        aside, marker = self.path / _ORPHANS, self.path / MARKER
        for path in found:
            is_ours = path.name.startswith(TEMPORARY_PREFIX) or path == marker or path.is_relative_to(aside)
            if not is_ours and (path.is_symlink() or path.is_file()):
                yield path.relative_to(self.path).as_posix()

    def is_of_guest(self, href: str) -> bool:
        """Return whether a file is part of another catalog, which somebody keeps inside this data folder."""
        path = self.path / href
        for folder in itertools.takewhile(lambda parent: parent != self.path, path.parents):
            if folder.suffix == ".data" or (folder / MARKER).exists():
                return True
        name = path.name.removesuffix("-journal").removesuffix("-wal").removesuffix("-shm")
        try:
            if not is_plain_file(path.with_name(name)):
                return False
            with path.with_name(name).open("rb") as file:
                return file.read(len(_SQLITE)) == _SQLITE
        except OSError:
            return False

    def find(self, href: str, *, bring_back: bool = False) -> Path:
        """Return the path of a file: in the folder, or where it was set aside; as `resolve` if it is nowhere.

        With `bring_back` a file that was set aside gets its path in the folder again, if the disk allows it.
        """
        path = self.resolve(href)
        if not os.path.lexists(path):
            for orphan in reversed(self.orphans()):
                if orphan.href == href and not is_link(orphan.path):
                    if bring_back:
                        self.bring_back(orphan)
                    return path if os.path.lexists(path) else orphan.path
        return path

    def set_aside(self, href: str, day: date) -> bool:
        """Put a file that nothing refers to where `bring_back` finds it; return whether it is gone from its path."""
        try:
            target = self.resolve(f"{_ORPHANS}/{day.isoformat()}/{href}")
            if os.path.lexists(target):  # another file of that path, which must not be lost either
                return False
            target.parent.mkdir(parents=True, exist_ok=True)
            self.resolve(href).rename(target)
        except (OSError, UnsafePathError):
            return False
        reached("file set aside")
        return True

    def bring_back(self, orphan: Orphan) -> bool:
        """Give a file that was set aside its path again, unless there is another one; return whether it has it."""
        try:
            path = self.resolve(orphan.href)
            if os.path.lexists(path):
                return False
            path.parent.mkdir(parents=True, exist_ok=True)
            orphan.path.rename(path)
        except (OSError, UnsafePathError):
            return False
        self._remove_empty_parents(orphan)
        return True

    def orphans(self) -> list[Orphan]:
        """Return the files that were set aside, the earliest first."""
        aside, found = self.path / _ORPHANS, []
        with _listing(aside):
            days = sorted(aside.iterdir()) if aside.is_dir() and not is_link(aside) else []
            for day in days:
                try:
                    since = date.fromisoformat(day.name)
                except ValueError:  # not a folder of ours
                    continue
                if is_link(day):  # whatever is behind it belongs to somebody else
                    continue
                found += [
                    Orphan(path.relative_to(day).as_posix(), since, path)
                    for path in sorted(day.rglob("*"))
                    if path.is_symlink() or path.is_file()
                ]
        return found

    def discard(self, orphan: Orphan) -> bool:
        """Unlink a file that was set aside, and the folders that it leaves empty; return whether it is gone."""
        try:
            orphan.path.unlink(missing_ok=True)
        except OSError:
            return False
        self._remove_empty_parents(orphan)
        return True

    def _remove_empty_parents(self, orphan: Orphan) -> None:
        with contextlib.suppress(OSError):  # not empty
            for folder in itertools.takewhile(lambda parent: parent != self.path, orphan.path.parents):
                folder.rmdir()

    def abandoned(self) -> list[Path]:
        """Return the temporary files whose upload is dead."""
        return [path for path in self._temporaries() if _is_abandoned(path)]

    def remove_abandoned(self) -> list[str]:
        """Unlink the temporary files whose upload is dead; return their names."""
        return [path.name for path in self._temporaries() if _is_abandoned(path, unlink=True)]

    def _temporaries(self) -> list[Path]:
        with _listing(self.path):
            return sorted(self.path.glob(f"{TEMPORARY_PREFIX}*")) if self.path.is_dir() else []


@contextmanager
def _listing(folder: Path) -> Iterator[None]:
    """Turn what the system raises while a folder is listed into our error."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"'{folder}' cannot be listed: {error.strerror}; check the disk and the permissions"
        ) from error


def _is_abandoned(path: Path, *, unlink: bool = False) -> bool:
    """Return whether nobody holds the lock of a temporary file, or of the one that it is a sibling of.

    With `unlink` it is removed too, while the lock is held: an upload that has just made the file and waits for the
    lock then finds it gone, and makes another one.
    """
    owner = path.with_name(re.sub(r"(\.tif|\.jp2).*", r"\1", path.name))
    locked = owner if os.path.lexists(owner) else path
    if not is_plain_file(locked):  # a stranger's link, or a pipe, is not opened, and is nothing of ours
        return False
    try:
        descriptor = os.open(locked, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    try:
        if not _lock(descriptor, wait=False):
            return False
        if unlink and sys.platform != "win32":
            with write_errors(path):
                path.unlink(missing_ok=True)
            reached("abandoned file unlinked")
    finally:
        os.close(descriptor)
    if unlink and sys.platform == "win32":  # which unlinks no open file, and refuses those that another one has open
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    return True
