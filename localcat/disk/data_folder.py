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
import time
import uuid
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path, PurePosixPath
from typing import Final

from localcat.disk.faults import listing_errors, write_errors
from localcat.disk.filesystem import is_link, is_plain_file
from localcat.disk.names import LONGEST_PATH, folded, slug, slug_length, why_unusable
from localcat.disk.ownership import LOCK_NAMES, MARKER, Marker, read_marker
from localcat.disk.paths import as_named_now
from localcat.disk.peeking import peek
from localcat.disk.steps import reached
from localcat.disk.system import IS_WINDOWS, flush, flush_folder, is_at, lock, rename, replace
from localcat.errors import StorageError, StorageFullError, UnsafePathError

TEMPORARY_PREFIX: Final = ".tmp-"
_SQLITE = b"SQLite format 3\x00"  # how a catalog file begins
_ORPHANS = ".orphans"  # of files set aside, by day
_RANDOM_DIGITS = 16  # hexadecimal, of a file's name
_DAYS_TO_TRY = 30  # for a file to be set aside, of whose path there are others
_DEAD_AFTER = 24 * 3600  # seconds; of a temporary file where files cannot be locked
_lasting: set[tuple[str, int]] = set()  # paths and inodes of folders that this process knows to be on the disk
_SPARE_BYTES = 8 * 2**20  # left free beside a new file, for the catalog itself


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
        """Let go of the lock and leave the file; after a fork the other process still holds it."""
        with contextlib.suppress(OSError):
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
        with self._temporary(".json") as temporary:
            with temporary.open("wb") as file:
                file.write(marker.to_json())
                file.flush()
                if self.durable:
                    flush(file.fileno())
            replace(temporary, self.path / MARKER)
        if self.durable:
            flush_folder(self.path)

    def new_href(self, product_id: str, name: str, suffix: str) -> str:
        """Return a path, relative to the folder, that was never used before.

        Raises
        ------
        StorageError
            If the folder's own path is so long that Windows would not open the file.
        """
        end = f"-{uuid.uuid4().hex[:_RANDOM_DIGITS]}{suffix}"
        aside = f"/{_ORPHANS}/{date.max.isoformat()}"  # where it may be put later
        longest = slug_length(self.path, len(f"{aside}//{end}"), 2)
        href = f"{slug(product_id, longest)}/{slug(name, longest)}{end}"
        if IS_WINDOWS and len(f"{self.path}{aside}/{href}") > LONGEST_PATH:
            raise StorageError(
                f"the path of the data folder '{self.path}' is so long that files in it would have more than "
                f"{LONGEST_PATH} characters, which Windows does not open; move the catalog to a shorter path"
            )
        return href

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
            if IS_WINDOWS and (why := why_unusable(part)) is not None:
                raise UnsafePathError(f"{href!r} cannot be a file on Windows: {why}; rename it where it is from")
            path = path / part
            if is_link(path):
                raise UnsafePathError(
                    f"'{path}' is a link, and the data folder '{self.path}' holds plain files only; remove the link"
                )
        return path

    @contextmanager
    def temporary(self, suffix: str) -> Iterator[Path]:
        """Give the path of a new, empty file in the folder, removed after the block.

        A locked file beside it, whose name is the beginning of its own, tells `gc` that the upload is alive. The block
        may rename the file away.
        """
        with write_errors(self.path):
            self.make()
        with self._temporary(suffix) as path:
            reached("temporary file locked")
            yield path

    @contextmanager
    def _temporary(self, suffix: str) -> Iterator[Path]:
        """Give a new temporary file, which is closed; it is removed after the block, and then its lock given back."""
        claim = self._claim()
        try:
            path = claim.path.with_name(f"{claim.path.name}{suffix}")
            try:
                with write_errors(self.path):
                    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
                yield path
            finally:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
        finally:
            claim.release()

    def claim(self) -> Claim:
        """Make a claim, by which other processes see that this one is alive."""
        with write_errors(self.path):
            self.make()
        return self._claim()

    def is_claimed(self, token: str) -> bool:
        """Return whether the process that made a claim is alive and has not released it."""
        path = self.resolve(f"{TEMPORARY_PREFIX}{token}")
        return path.exists() and not _is_abandoned(path)

    def _claim(self) -> Claim:
        with write_errors(self.path):
            while True:
                token = uuid.uuid4().hex
                path = self.path / f"{TEMPORARY_PREFIX}{token}"
                descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
                try:
                    is_ours = lock(descriptor, wait=True) is not False
                    if is_ours and is_at(descriptor, path):
                        return Claim(token, path, descriptor)
                except FileNotFoundError:
                    pass  # a gc took it between creation and lock
                except BaseException:
                    os.close(descriptor)
                    raise
                os.close(descriptor)

    def sync(self, path: Path) -> None:
        """Wait until a file's content is on the disk."""
        if not self.durable:
            return
        reached("file written")
        with write_errors(path), path.open("rb+") as file:
            flush(file.fileno())
        reached("file synced")

    def publish(self, temporary: Path, href: str, *, unsynced: set[Path] | None = None) -> None:
        """Give a temporary file, whose content is on the disk, its final name, and make the name last.

        Where many files are published before one commit, `unsynced` collects their folders for `make_names_last`.
        """
        final = self.resolve(href)
        with write_errors(final):
            final.parent.mkdir(parents=True, exist_ok=True)
            rename(temporary, final)
            reached("file renamed")
        if unsynced is None:
            self.make_names_last({final.parent})
        else:
            unsynced.add(final.parent)

    def make_names_last(self, folders: Iterable[Path]) -> None:
        """Wait until the names of files in folders are on the disk."""
        for folder in folders:
            if self.durable:
                with write_errors(folder):
                    flush_folder(folder)
                    self._flush_parents(folder)
            reached("folder synced")

    def _flush_parents(self, folder: Path) -> None:
        """Make a product's folder last, once in each process: whoever made it may have been killed before that."""
        folder_made = str(folder), folder.stat().st_ino
        if folder_made not in _lasting:
            flush_folder(self.path)
            flush_folder(self.path.parent)
            _lasting.add(folder_made)

    def remove(self, href: str) -> bool:
        """Unlink a file, as `find` finds it in the folder; return whether it is gone.

        A file that is in use elsewhere may stay for a later gc.
        """
        try:
            self._named_now(href).unlink(missing_ok=True)
        except (OSError, UnsafePathError):
            return False
        reached("file unlinked")
        return True

    def size_of(self, href: str) -> int | None:
        """Return the size of a file in bytes, as `find` finds it in the folder; None if it is not there."""
        try:
            return self._named_now(href).lstat().st_size
        except (OSError, UnsafePathError):
            return None

    def remove_empty_folders(self) -> None:
        """Remove the products' folders in which no file is left."""
        with listing_errors(self.path):
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
        with listing_errors(self.path):
            found = sorted(self.path.rglob("*")) if self.path.is_dir() else []
        aside, own = self.path / _ORPHANS, {self.path / name for name in (MARKER, *LOCK_NAMES)}
        for path in found:
            is_ours = path.name.startswith(TEMPORARY_PREFIX) or path in own or path.is_relative_to(aside)
            if not is_ours and (path.is_symlink() or path.is_file()):
                yield path.relative_to(self.path).as_posix()

    def strangers(self, known: Set[str]) -> list[str]:
        """Return the files with a final name that are none of these, and no part of a guest; in order.

        A file whose name is one of these but for capitals, or for how an accent is written, is none: other systems and
        programs that pack write names so, and `find` finds it.
        """
        unknown = [href for href in self.hrefs() if href not in known]
        alike = {folded(href) for href in known if href} if unknown else set()
        return [href for href in unknown if folded(href) not in alike and not self.is_of_guest(href)]

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
            with peek(path.with_name(name)) as file:
                return file.read(len(_SQLITE)) == _SQLITE
        except OSError:
            return False

    def find(self, href: str, *, bring_back: bool = False) -> Path:
        """Return the path of a file: in the folder, or where it was set aside; as `resolve` if it is nowhere.

        In the folder it may be written with other capitals or accents, if one name alone is equal but for that.
        With `bring_back` a file that was set aside gets its path in the folder again, if the disk allows it.
        """
        path = self.resolve(href)
        if not os.path.lexists(path):
            for orphan in reversed(self.orphans()):
                if orphan.href == href and not is_link(orphan.path):
                    if bring_back:
                        self.bring_back(orphan)
                    return path if os.path.lexists(path) else orphan.path
            return self._named_now(href)
        return path

    def _named_now(self, href: str) -> Path:
        """Return the path of a file in the folder as it is written now; as `resolve` if it is not there."""
        path = self.resolve(href)
        if os.path.lexists(path):
            return path
        return self.resolve(as_named_now(href, self.path).relative_to(self.path).as_posix())

    def has(self, href: str) -> bool:
        """Return whether `find` finds a file, and not only a path where there is none."""
        try:
            return os.path.lexists(self.find(href))
        except (UnsafePathError, StorageError):
            return False

    def set_aside(self, href: str, day: date) -> bool:
        """Put a file that nothing refers to where `bring_back` finds it; return whether it is gone from its path.

        Where another file of that path was set aside on that day, which must not be lost either, it goes to the next
        day that is free. On a disk without a journal, a power cut in this rename may leave the file under both names.
        """
        try:
            days = (day + timedelta(days=later) for later in range(_DAYS_TO_TRY))
            targets = (self.resolve(f"{_ORPHANS}/{one.isoformat()}/{href}") for one in days)
            target = next((one for one in targets if not os.path.lexists(one)), None)
            if target is None:
                return False
            target.parent.mkdir(parents=True, exist_ok=True)
            rename(self.resolve(href), target)
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
            rename(orphan.path, path)
        except (OSError, UnsafePathError):
            return False
        self._remove_empty_parents(orphan)
        return True

    def orphans(self) -> list[Orphan]:
        """Return the files that were set aside, the earliest first."""
        aside, found = self.path / _ORPHANS, []
        with listing_errors(aside):
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
        # The lock of a dead upload goes last, so that it is known to be dead as long as there are other files of it.
        return sorted(path.name for path in reversed(self._temporaries()) if _is_abandoned(path, unlink=True))

    def _temporaries(self) -> list[Path]:
        with listing_errors(self.path):
            return sorted(self.path.glob(f"{TEMPORARY_PREFIX}*")) if self.path.is_dir() else []


def _is_abandoned(path: Path, *, unlink: bool = False) -> bool:
    """Return whether nobody holds the lock of a temporary file, or of the one that it is a sibling of.

    With `unlink` it is removed too. A lock file is removed while the lock is held: an upload that has just made the
    file and waits for the lock then finds it gone, and makes another one.
    """
    locked = _lock_file_of(path)
    if not is_plain_file(locked):  # a stranger's link, or a pipe, is not opened, and is nothing of ours
        return False
    try:
        descriptor = os.open(locked, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    unlinks_open_files = not IS_WINDOWS
    try:
        is_free = lock(descriptor, wait=False)
        if is_free is False or (is_free is None and not _is_old(locked)):
            return False
        if unlink and unlinks_open_files:
            with write_errors(path):
                path.unlink(missing_ok=True)
            reached("abandoned file unlinked")
    finally:
        os.close(descriptor)
    if unlink and not unlinks_open_files:
        with contextlib.suppress(OSError):  # which another program has open
            path.unlink(missing_ok=True)
    return True


def _lock_file_of(path: Path) -> Path:
    """Return the file whose lock tells whether the upload of a temporary file is alive.

    Where it is gone the upload is dead, unless it is one of an older version, which locked the pixels themselves.
    """
    beside = path.with_name(path.name[: len(TEMPORARY_PREFIX)] + path.name[len(TEMPORARY_PREFIX) :].partition(".")[0])
    if os.path.lexists(beside):
        return beside
    pixels = path.with_name(re.sub(r"(\.tif|\.jp2).*", r"\1", path.name))
    return pixels if os.path.lexists(pixels) else path


def _is_old(path: Path) -> bool:
    """Return whether a file was made a day ago, where there is no lock to say if somebody still works on it."""
    age = time.time() - path.stat().st_mtime
    return age > _DEAD_AFTER  # a time to come, as of a clock that was wrong, says nothing
