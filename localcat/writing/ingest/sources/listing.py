"""What is in the folders and lists that are ingested: files that may be rasters, and why others are passed over."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from localcat.disk.filesystem import exists
from localcat.disk.paths import text_of
from localcat.errors import BadRequestError

SUFFIXES: Final = frozenset({".tif", ".tiff", ".jp2", ".j2k", ".j2c"})
"""Names of files that are taken in."""

_PARTIAL = (".part", ".partial", ".crdownload", ".download", ".filepart", ".tmp", ".incomplete", ".aria2", ".!ut")
_ADVICE = {
    **dict.fromkeys((".zip", ".tar", ".tgz", ".gz", ".bz2", ".7z"), "; unpack it to take in what it holds"),
    **dict.fromkeys(
        (".nc", ".hdf", ".h5", ".img", ".vrt", ".grib", ".grb", ".asc", ".bil", ".ecw", ".sid"),
        "; convert it to GeoTIFF to take it in",
    ),
}
_HIDDEN = getattr(stat, "FILE_ATTRIBUTE_HIDDEN", 0)
_HIDDEN_NAMES = frozenset({"__MACOSX", "$RECYCLE.BIN", "System Volume Information", "@eaDir", "Thumbs.db"})


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that may be a raster.

    Parameters
    ----------
    path : Path
        Its absolute path, as it was found.
    location : Path
        The path of the file itself; another one if the name is a symbolic link.
    root : Path
        The folder that was given, or the folder of a file that was given.
    size_bytes, modified_ns : int
        Its size, and when it was last changed, in nanoseconds since 1970.
    """

    path: Path
    location: Path
    root: Path
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A file or folder that is part of no image.

    Parameters
    ----------
    path : Path
        The file.
    reason : str
        ``"hidden"``, ``"empty"``, ``"partial"``, ``"foreign"``, ``"link"``, ``"broken link"``, ``"unreadable"``,
        ``"own"``, ``"repeated"`` or ``"unused"``.
    detail : str
        The same for people.
    """

    path: Path
    reason: str
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {"path": str(self.path), "reason": self.reason, "detail": self.detail}


@dataclass(slots=True)
class Listing:
    """What was found.

    Parameters
    ----------
    files : list of SourceFile
        In the order of the sources, and of the paths in a folder.
    passed_over : list of PassedOver
        What is not a file to take in, each with the reason.
    folders : list of Path
        The folders that were given.
    unfinished : list of SourceFile
        Files that are empty or partial, by the names that they are to have; their scenes are incomplete.
    """

    files: list[SourceFile] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    unfinished: list[SourceFile] = field(default_factory=list)


def list_files(sources: Any, *, follow_links: bool, own: Iterable[Path]) -> Listing:
    """List the files of folders, recursively, and of lists; each file once.

    Parameters
    ----------
    sources : path, or several
        Folders and files.
    follow_links : bool
        Whether symbolic links are followed.
    own : iterable of Path
        The catalog's own file and folder, which are left out.

    Raises
    ------
    BadRequestError
        If a source is not a path, or there is nothing.
    """
    return _Lister(follow_links=follow_links, own=own).listed(sources)


class _Lister:
    def __init__(self, *, follow_links: bool, own: Iterable[Path]) -> None:
        self._follows = follow_links
        self._own = [path.resolve() for path in own]
        self._seen: set[Path] = set()
        self._folders: set[tuple[int, int]] = set()  # device and number, so that links in a circle end
        self._real = Path(), Path()  # the folder that was asked for last, and what it is without links
        self.found = Listing()

    def listed(self, sources: Any) -> Listing:
        several = [sources] if isinstance(sources, str | os.PathLike) else sources
        if isinstance(several, bytes | Mapping) or not isinstance(several, Iterable):
            raise BadRequestError(f"what to ingest is a folder, a file or a list of them, not {sources!r}")
        paths = [self._checked(entry) for entry in several]
        for path in paths:
            if path.is_dir():
                self.found.folders.append(path)
                self._take_folder(path, path)
            else:
                self._take(path, path.parent, is_asked_for=True)
        return self.found

    def _checked(self, entry: Any) -> Path:
        text = text_of(entry)
        if text is None:
            raise BadRequestError(f"what to ingest is a folder, a file or a list of them, not {entry!r}")
        path = Path(os.path.abspath(text))  # noqa: PTH100  # without ".." in it, but not resolved
        if not exists(path) and not os.path.lexists(path):  # which is False, too, for a name that is too long
            raise BadRequestError(f"there is no file or folder '{path}' to ingest")
        return path

    def _pass(self, path: Path, reason: str, detail: str) -> None:
        self.found.passed_over.append(PassedOver(path, reason, detail))

    def _take_folder(self, folder: Path, root: Path) -> None:
        for entry in self._entries(folder):
            path = Path(entry.path)
            if _is_hidden(entry):
                self._pass(path, "hidden", "the name is that of a hidden file or folder")
            elif entry.is_symlink() and not self._follows:
                self._pass(path, "link", f"a symbolic link to '{_target(path)}'; follow_links=True takes it in")
            elif path.is_dir():
                self._take_folder(path, root)
            else:
                self._take(path, root)

    def _entries(self, folder: Path) -> Iterator[os.DirEntry[str]]:
        try:
            status = folder.stat()
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            self._pass(folder, "unreadable", f"the folder cannot be read: {error.strerror}")
            return
        if self._is_own(folder):
            self._pass(folder, "own", "the catalog's own folder")
        elif (status.st_dev, status.st_ino) in self._folders:
            self._pass(folder, "repeated", "the folder was gone through already, by another path")
        else:
            self._folders.add((status.st_dev, status.st_ino))
            yield from entries

    def _take(self, path: Path, root: Path, *, is_asked_for: bool = False) -> None:
        suffix = path.suffix.lower()
        if suffix in _PARTIAL:
            self._pass(path, "partial", "the name is that of a download that has not ended")
            self.found.unfinished.append(SourceFile(path.with_suffix(""), path, root, 0, 0))
            return
        if suffix not in SUFFIXES and not is_asked_for:
            self._pass(path, "foreign", f"not a GeoTIFF or JPEG 2000 by its name{_ADVICE.get(suffix, '')}")
            return
        if path.is_symlink() and not self._follows:
            self._pass(path, "link", f"a symbolic link to '{_target(path)}'; follow_links=True takes it in")
            return
        try:
            is_link = path.is_symlink()
            real = Path(os.path.realpath(path)) if is_link else self._real_folder(path.parent) / path.name
            status = real.stat()
        except OSError as error:
            is_broken = path.is_symlink()
            what = "a symbolic link that leads nowhere" if is_broken else f"it cannot be read: {error.strerror}"
            self._pass(path, "broken link" if is_broken else "unreadable", what)
            return
        if not stat.S_ISREG(status.st_mode):
            self._pass(path, "foreign", "not a plain file")
        elif any(real.is_relative_to(own) for own in self._own):
            self._pass(path, "own", "a file of the catalog itself")
        elif status.st_size == 0:
            self._pass(path, "empty", "the file has no bytes")
            self.found.unfinished.append(SourceFile(path, path, root, 0, 0))
        elif real in self._seen:
            self._pass(path, "repeated", f"the same file as '{real}', which is taken by another path")
        else:
            self._seen.add(real)
            location = real if is_link else path
            self.found.files.append(SourceFile(path, location, root, status.st_size, status.st_mtime_ns))

    def _real_folder(self, folder: Path) -> Path:
        if folder != self._real[0]:
            self._real = folder, Path(os.path.realpath(folder))
        return self._real[1]

    def _is_own(self, folder: Path) -> bool:
        resolved = self._real_folder(folder)
        return any(resolved.is_relative_to(own) for own in self._own)


def _is_hidden(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or entry.name in _HIDDEN_NAMES:
        return True
    if not _HIDDEN:
        return False
    try:
        return bool(getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0) & _HIDDEN)
    except OSError:
        return False


def _target(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return "?"
