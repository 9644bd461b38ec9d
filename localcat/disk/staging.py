"""Making a file or a folder beside its final place, so that it is there whole or not at all."""

from __future__ import annotations

import glob
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from localcat.disk.data_folder import TEMPORARY_PREFIX, Claim, DataFolder
from localcat.disk.faults import write_errors
from localcat.disk.filesystem import is_link
from localcat.disk.system import flush, flush_folder, replace
from localcat.errors import StorageError


@contextmanager
def written(target: Path) -> Iterator[BinaryIO]:
    """Give an open file for a block, and put it in the place of `target` once it is whole and on the disk.

    Nothing is changed if the block fails.

    Raises
    ------
    StorageError
        If it cannot be written there.
    """
    with staged(target) as room, write_errors(target):
        path = room / target.name
        with path.open("xb") as stream:
            yield stream
            stream.flush()
            flush(stream.fileno())
        replace(path, target)
        flush_folder(target.parent)


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Give a new folder beside what is to be made, and remove it after the block, with what is left in it.

    What a process that was killed left there for the same target is removed first, and what a disk that failed kept.
    """
    room = Room.beside(target)
    try:
        yield room.path
    finally:
        room.remove()


@dataclass(frozen=True, slots=True)
class Room:
    """A new folder whose claim tells others that its process is alive.

    Parameters
    ----------
    path : Path
        The folder.
    claim : Claim
        In it.
    """

    path: Path
    claim: Claim

    @classmethod
    def beside(cls, target: Path, *, mode: int = 0o777) -> Room:
        """Make a folder with permissions beside a path, after those that killed processes left there for that path."""
        remove_leftovers(target)
        path = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
        with write_errors(target):
            path.mkdir(mode)
        try:
            return cls(path, _claimed(path))
        except BaseException:
            _tidily(lambda: shutil.rmtree(path, ignore_errors=True))
            raise

    def remove(self) -> None:
        """Remove the folder with all that is in it, its claim last.

        Where the disk lets nothing be removed the claim stays, and the next one sees by it that the rest is nobody's.
        """
        is_bare = False
        try:
            _tidily(lambda: _empty(self.path))
            is_bare = _is_bare(self.path)
        finally:
            self.claim.release() if is_bare else self.claim.disown()
        if is_bare:
            _tidily(lambda: shutil.rmtree(self.path, ignore_errors=True))
            with suppress(OSError):
                self.path.rmdir()  # which needs not be opened for that, as rmtree does


def _tidily(call: Callable[[], object]) -> None:
    """Call what removes files; a disk that fails does not hide what was raised before."""
    try:
        call()
    except OSError as error:  # in spite of ignore_errors: Ctrl-C in the middle of it lets it close a folder twice
        if _was_interrupted(error):
            raise KeyboardInterrupt from error


def _claimed(staging: Path) -> Claim:
    """Make the claim of a new folder, which another writer of the same target may have taken for one that was left."""
    with suppress(StorageError):
        return DataFolder(staging).claim()
    return DataFolder(staging).claim()


def _empty(staging: Path) -> None:
    """Remove what is in a folder of `staged`, but for its claim, which says whose the rest is."""
    for path in staging.iterdir():
        if path.is_dir() and not is_link(path):
            shutil.rmtree(path, ignore_errors=True)
        elif not path.name.startswith(TEMPORARY_PREFIX):
            with suppress(OSError):
                path.unlink()


def _is_bare(staging: Path) -> bool:
    """Return whether nothing but claims is in a folder; not if the disk does not say so."""
    with suppress(OSError):
        return all(path.name.startswith(TEMPORARY_PREFIX) for path in staging.iterdir())
    return False


def remove_leftovers(target: Path) -> None:
    """Remove the folders that killed processes left beside what they made."""
    _tidily(lambda: _remove_dead(target))


def _remove_dead(target: Path) -> None:
    for folder in target.parent.glob(f".{glob.escape(target.name)}.*.tmp"):
        if re.fullmatch(r"[0-9a-f]{32}", folder.name.removesuffix(".tmp").rpartition(".")[2]) and _is_own(folder):
            with suppress(StorageError):
                if _is_nobodys(folder):
                    _empty(folder)
                    shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                folder.rmdir()  # if nothing is in it: its process ended before it made a claim


def _is_nobodys(folder: Path) -> bool:
    """Return whether something is in a folder of `staged` whose process is gone.

    The claim is made before all else that is in there, but nothing waits until it is on the disk. So where there are
    files and no claim, the power failed. Claims are looked for after the files, which a living process makes later.
    """
    has_files = not _is_bare(folder)
    dead = DataFolder(folder).abandoned()
    claims = list(folder.glob(f"{TEMPORARY_PREFIX}*"))
    return len(dead) == len(claims) and (has_files or bool(claims))


def _is_own(folder: Path) -> bool:
    """Return whether a path is a folder of this user.

    In a folder such as /tmp another one could put a link in the place of what is his, while it is being removed.
    """
    try:
        found = folder.lstat()
    except OSError:
        return False
    return not is_link(folder) and (not hasattr(os, "geteuid") or found.st_uid == os.geteuid())


def _was_interrupted(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None
