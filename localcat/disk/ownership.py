"""Which data folder a catalog file has, and whose it is: a marker in the folder says so.

A folder belongs to one catalog file. A copy of the file finds the folder by the catalog's uuid and may read in it, but
change nothing: what it deleted would be gone for the owner.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcat.disk.filesystem import is_plain_file
from localcat.disk.names import folded, same_name
from localcat.errors import BadRequestError

MARKER: Final = ".localcat.json"
LOCK_NAMES: Final = (".localcat.write.lock", ".localcat.commit.lock", ".localcat.gate.lock")  # see disk/locks.py
_MOST_BYTES = 4096  # of a marker
_GEOPACKAGE = ".gpkg"
_FLAGS: Final = os.O_NOFOLLOW | os.O_NONBLOCK if hasattr(os, "O_NOFOLLOW") else 0  # no link and no pipe is opened


@dataclass(frozen=True, slots=True)
class Marker:
    """What a data folder says of its owner.

    Parameters
    ----------
    catalog : str
        The uuid of the catalog.
    file : str
        The name of its file, beside the folder.
    """

    catalog: str
    file: str

    def to_json(self) -> bytes:
        """Return the content of the marker's file."""
        return json.dumps({"catalog": self.catalog, "file": self.file}).encode()


@dataclass(frozen=True, slots=True)
class Home:
    """The data folder of a catalog file.

    Parameters
    ----------
    path : Path
        The folder; it may not exist yet.
    owner : Path, optional
        The catalog file that it belongs to, if that is another one; it may be missing, as after a rename.
    is_foreign : bool
        Whether it belongs to another catalog altogether.
    """

    path: Path
    owner: Path | None = None
    is_foreign: bool = False


def data_path(file: Path) -> Path:
    """Return the folder of the pixels of a new catalog file: ``survey.data`` for ``survey.gpkg``.

    For any other suffix it has the whole name, as ``survey.db.data``, so that two files of one stem share no folder.
    """
    return file.with_name(f"{file.stem if file.suffix == _GEOPACKAGE else file.name}.data")


def require_outside(file: Path) -> None:
    """Refuse to make a catalog inside the data folder of another one.

    Raises
    ------
    BadRequestError
        If it would be there.
    """
    around = next((parent for parent in file.parents if (parent / MARKER).is_file()), None)
    if around is not None:
        raise BadRequestError(f"'{around}' is the data folder of another catalog; choose another folder for '{file}'")


def read_marker(folder: Path) -> Marker | None:
    """Return the marker of a folder; None if there is none that can be read."""
    path = folder / MARKER
    if not _FLAGS and not is_plain_file(path):
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | _FLAGS | getattr(os, "O_BINARY", 0))
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            entries = json.loads(os.read(descriptor, _MOST_BYTES))
        finally:
            os.close(descriptor)
        marker = Marker(str(entries["catalog"]), str(entries["file"]))
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return marker if marker.file and marker.file == Path(marker.file).name else None


def state_of_marker(folder: Path) -> tuple[int, int, int] | None:
    """Return what changes when the marker of a folder is written; None if there is none."""
    try:
        found = os.stat(folder / MARKER, follow_symlinks=False)  # noqa: PTH116  # for each read of pixels
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def home_of(file: Path, catalog: str) -> Home:
    """Return the data folder of a catalog file, given the catalog's uuid.

    The folder of its own name comes first, then that of its stem, which older versions used for every suffix, then any
    folder beside it whose marker has the uuid: the one with this file's name before others.
    """
    default = data_path(file)
    borrowed: list[Home] = []
    is_foreign = False
    for folder in _folders_by_name(file):
        marker = read_marker(folder)
        if marker is None:
            if holds_locks_alone(folder):
                continue
            keeper = _keeper_of_unmarked(folder, file)
            if keeper == file:
                return Home(folder)
            borrowed.append(Home(folder, keeper))
        elif marker.catalog != catalog:
            is_foreign = is_foreign or folder == default
        elif _is_own(folder, file, marker):
            return Home(folder)
        else:
            borrowed.append(Home(folder, folder.with_name(marker.file)))
    for folder, marker in _marked_beside(file):
        if marker.catalog == catalog and folder != default:
            if _is_named(folder, file, marker):
                return Home(folder)
            borrowed.append(Home(folder, folder.with_name(marker.file)))
    if is_foreign:
        return Home(default, is_foreign=True)
    return borrowed[0] if borrowed else Home(default)


def lock_folder_of(file: Path) -> Path:
    """Return the folder for the locks of a catalog file.

    It is its data folder, but told by names alone: to read the uuid in the file takes the locks. Where the data folder
    belongs to another file, as that of a copy does, it is one that nobody makes.
    """
    for folder in _folders_by_name(file):
        marker = read_marker(folder)
        if marker.file == file.name if marker is not None else _keeper_of_unmarked(folder, file) == file:
            return folder
    return next((folder for folder, marker in _marked_beside(file) if _is_named(folder, file, marker)), data_path(file))


def holds_locks_alone(folder: Path) -> bool:
    """Return whether nothing is in a folder but the files of a catalog's locks, made before its first upload."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries} == set(LOCK_NAMES)
    except OSError:
        return False


def _folders_by_name(file: Path) -> Iterator[Path]:
    """Yield the data folder of a catalog file's own name, and that of its stem, as far as they are there."""
    for folder in dict.fromkeys((data_path(file), file.with_name(f"{file.stem}.data"))):
        if folder.is_dir():
            yield folder


def _is_own(folder: Path, file: Path, marker: Marker) -> bool:
    """Return whether a folder with the catalog's uuid belongs to this file, or to a copy or a former name of it."""
    if _is_named(folder, file, marker):
        return True
    former = folder.with_name(marker.file)
    # A pair that was renamed together, or copied together beside the first one.
    return folder == data_path(file) and (not former.exists() or data_path(former).is_dir())


def _is_named(folder: Path, file: Path, marker: Marker) -> bool:
    """Return whether a marker names a file; also as it was written before a move changed its capitals or accents."""
    if same_name(file.parent, marker.file, file.name):
        return True
    return folded(marker.file) == folded(file.name) and not os.path.lexists(folder.with_name(marker.file))


def _keeper_of_unmarked(folder: Path, file: Path) -> Path:
    """Return whose a folder without a marker is, as older versions left it: the GeoPackage of its stem comes first."""
    geopackage = folder.with_suffix(_GEOPACKAGE)
    return geopackage if geopackage.is_file() and data_path(file) != folder else file


def _marked_beside(file: Path) -> Iterator[tuple[Path, Marker]]:
    """Yield the folders beside a file that have a marker."""
    with suppress(OSError):
        for entry in sorted(os.scandir(file.parent), key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                marker = read_marker(Path(entry.path))
                if marker is not None:
                    yield Path(entry.path), marker
