"""One file with a small catalog: a ZIP archive whose members are stored as they are, with a list of their hashes.

The list is a member of its own, ``manifest.json``. The format is that of
https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, with 64-bit sizes where they are needed; nothing is
deflated, since the files of the pixels are compressed already.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import stat
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeAlias, cast

from localcat import json_text
from localcat.disk.digest import hash_stream
from localcat.disk.faults import listing_errors, reason_of, write_errors
from localcat.disk.names import folded, why_unusable
from localcat.disk.ownership import LOCK_NAMES
from localcat.disk.paths import absolute
from localcat.disk.system import flush
from localcat.errors import CatalogNotFoundError, LocalcatError, StorageError, UnsupportedCatalogError
from localcat.progress import shown

MANIFEST = "manifest.json"
VERSION = 1
_MOST_OF_MEMBER = 1_000  # bytes of a manifest about one member: its name may have 60 characters in each of some folders
_MOST_ABOUT = 2 << 20  # bytes of all else in it
_LONGEST_PART = 255  # bytes of the name of a file, on most systems
_HASH = re.compile(r"[0-9a-f]{64}")
_BEGINNING = b"PK\x03\x04"  # of a member's header, and so of an archive
_EMPTY = b"PK\x05\x06"  # how an archive without members begins
_HEADER = struct.Struct("<4s2x2H16x2H")  # of a member: what it begins with, flags, method, lengths of name and extra
_ENCRYPTED, _UTF8 = 0x2061, 0x800  # flags of a member: encrypted in one of three ways or a patch; its name's encoding
_JOURNALS = ("-journal", "-wal", "-shm")  # of a catalog file, beside it
_ENTRY_BYTES = 30 + 46  # of the header of a member and of its entry in the list, but for its name in each
_EXTRA_BYTES = 20  # of the sizes of 64 bits in such a header
_END_BYTES = 22  # of the end of the list


@dataclass(frozen=True, slots=True)
class Member(os.PathLike[str]):
    """A file in an archive, which is read where it is stored.

    Parameters
    ----------
    archive : Path
        The archive.
    inside : str
        Its path there.
    offset : int
        Where its bytes begin in the archive.
    size_bytes : int
        How many they are.
    """

    archive: Path
    inside: str
    offset: int
    size_bytes: int

    def __fspath__(self) -> str:
        return f"{self.archive}/{self.inside}"  # for messages; no program opens it

    __str__ = __fspath__

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(self.inside).name

    @property
    def suffix(self) -> str:
        """The suffix of its name, with the dot."""
        return PurePosixPath(self.inside).suffix

    @property
    def gdal_name(self) -> str:
        """The name by which GDAL opens it: https://gdal.org/en/stable/user/virtual_file_systems.html#vsisubfile."""
        return f"/vsisubfile/{self.offset}_{self.size_bytes},{self.archive}"

    def is_file(self) -> bool:
        """Return True, as a path does of a file."""
        return True

    def open(self, mode: str = "rb") -> BinaryIO:
        """Open it for reading bytes, whatever `mode` is, as a path is opened."""
        return cast("BinaryIO", io.BufferedReader(_Section(self)))


class _Section(io.RawIOBase):
    """The bytes of a member, as a file."""

    def __init__(self, member: Member) -> None:
        self._file = member.archive.open("rb", buffering=0)
        self._begin, self._size, self._at = member.offset, member.size_bytes, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(22, "a place before the beginning")  # EINVAL, as of any file
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        most = max(min(len(buffer), self._size - self._at), 0)
        self._file.seek(self._begin + self._at)
        count = self._file.readinto(memoryview(buffer)[:most])
        self._at += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


Location: TypeAlias = "Path | Member"
"""Where the bytes of a file are: a file of its own, or a member of an archive."""


def size_of(location: Location) -> int | None:
    """Return how many bytes a file has; None if it is not there.

    Raises
    ------
    OSError
        If the disk cannot say.
    """
    if isinstance(location, Member):
        return location.size_bytes
    try:
        found = os.stat(location)  # noqa: PTH116  # for each file that is read
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself.

    Parameters
    ----------
    catalog : str
        The name of the catalog file in it.
    members : dict
        (size in bytes, sha256) by the name of each other member.
    about : dict
        Where it came from, and what was asked for.
    """

    catalog: str
    members: dict[str, tuple[int, str]]
    about: dict[str, Any]

    def to_json(self) -> bytes:
        """Return the content of the member."""
        listed = {name: {"size": size, "sha256": sha256} for name, (size, sha256) in self.members.items()}
        document = {"localcat-bundle": VERSION, "catalog": self.catalog, **self.about, "members": listed}
        return json.dumps(document, indent=1).encode()

    @classmethod
    def of_json(cls, content: bytes, path: Path) -> Manifest:
        """Return what an archive says of itself.

        Raises
        ------
        UnsupportedCatalogError
            If it is not what `to_json` writes.
        """
        try:
            document = json_text.loads(content.decode("utf-8"))
            version = document.pop("localcat-bundle")
            catalog, listed = document.pop("catalog"), document.pop("members")
            members = {str(name): (one["size"], str(one["sha256"])) for name, one in listed.items()}
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise UnsupportedCatalogError(f"'{path}' is not a bundle of localcat: its {MANIFEST} is damaged") from error
        if version != VERSION:
            raise UnsupportedCatalogError(f"'{path}' is a bundle of a newer localcat ({version!r}); update localcat")
        if not isinstance(catalog, str) or catalog not in members or "/" in catalog:
            raise refused(path, f"its {MANIFEST} names no catalog in it")
        for name, (size, sha256) in members.items():
            if type(size) is not int or size < 0 or not _HASH.fullmatch(sha256):
                raise refused(path, f"its {MANIFEST} has no size or no hash of '{name}'")
        return cls(catalog, members, document)


def write_archive(folder: Path, target: Path, catalog: str, about: Mapping[str, Any], progress: bool | None) -> int:
    """Write the files below a folder into a new archive, and onto the disk; return how many bytes it has."""
    paths = _packed(folder)
    members: dict[str, tuple[int, str]] = {}
    with write_errors(target), target.open("xb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
            for path in shown(paths, "packing", "files", progress):
                name = path.relative_to(folder).as_posix()
                entry = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
                entry.external_attr = (stat.S_IFREG | 0o644) << 16
                with path.open("rb") as reader, archive.open(entry, "w", force_zip64=_is_large(entry.file_size)) as out:
                    members[name] = hash_stream(reader.read, out.write)
            archive.writestr(MANIFEST, Manifest(catalog, members, dict(about)).to_json())
        file.flush()
        flush(file.fileno())
        return file.tell()


def archive_bytes(folder: Path, catalog: str, about: Mapping[str, Any]) -> int:
    """Return how many bytes `write_archive` would write: exactly, but for the extra fields of more than 4 GB."""
    with listing_errors(folder):
        sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in _packed(folder)}
    manifest = Manifest(catalog, {name: (size, "0" * 64) for name, size in sizes.items()}, dict(about)).to_json()
    sizes[MANIFEST] = len(manifest)
    names = sum(len(name.encode()) for name in sizes)
    extra = _EXTRA_BYTES * sum(_is_large(size) for size in sizes.values())
    return sum(sizes.values()) + 2 * names + _ENTRY_BYTES * len(sizes) + extra + _END_BYTES


def _packed(folder: Path) -> list[Path]:
    """Return the files below a folder that belong into its archive."""
    with listing_errors(folder):
        return sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in LOCK_NAMES)


def _is_large(size: int) -> bool:
    """Return whether a member's header has room for a size of 64 bits."""
    return size >= 1 << 31


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive that is read; every member of it was found where the manifest says.

    Parameters
    ----------
    path : Path
        The file.
    manifest : Manifest
        What it says of itself.
    file : ZipFile
        Its members.
    ends : dict
        Where each member ends at the latest, by the place of its header.
    """

    path: Path
    manifest: Manifest
    file: zipfile.ZipFile
    ends: dict[int, int]

    def extract(self, name: str, target: Path, *, durable: bool = True) -> None:
        """Write a member into a new file, and compare it with what the manifest says.

        Raises
        ------
        UnsupportedCatalogError
            If it is another one.
        """
        self.member(name)  # whose header other programs believe
        with write_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as writer:
                found = self._digest(name, writer)
                writer.flush()
                if durable:
                    flush(writer.fileno())
        if found != self.manifest.members[name]:
            raise refused(self.path, f"'{name}' is not what its {MANIFEST} says; it was changed or damaged")

    def content(self, name: str) -> bytes:
        """Return the bytes of a small member."""
        with _read_errors(self.path):
            return self.file.read(name)

    def _digest(self, name: str, writer: BinaryIO) -> tuple[int, str]:
        try:
            with self.file.open(name) as reader:
                return hash_stream(reader.read, writer.write)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise refused(self.path, f"'{name}' in it is damaged: {error}") from error

    def member(self, name: str) -> Member:
        """Return where the bytes of a member are; its header is looked at, its content is not.

        Raises
        ------
        UnsupportedCatalogError
            If the header is not that of the member.
        """
        entry = self.file.getinfo(name)
        with _read_errors(self.path), self.path.open("rb") as file:
            file.seek(entry.header_offset)
            header = file.read(_HEADER.size)
            begins, flags, method, name_length, extra_length = _HEADER.unpack(header.ljust(_HEADER.size, b"\0"))
            named = file.read(name_length)
        offset = entry.header_offset + _HEADER.size + name_length + extra_length
        is_named_so = named == name.encode("utf-8" if flags & _UTF8 else "cp437", "replace")
        is_stored = method == zipfile.ZIP_STORED and not flags & _ENCRYPTED
        is_inside = offset + entry.file_size <= self.ends[entry.header_offset]
        if not (begins == _BEGINNING and is_named_so and is_stored and is_inside):
            raise refused(self.path, f"'{name}' in it is damaged: its header is not that of the list of members")
        return Member(self.path, name, offset, entry.file_size)


def is_archive(path: Path) -> bool:
    """Return whether a file begins as an archive does."""
    try:
        with path.open("rb") as file:
            return file.read(len(_BEGINNING)) in (_BEGINNING, _EMPTY)
    except OSError:
        return False


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except LocalcatError:  # some are OSErrors too
        raise
    except OSError as error:
        raise StorageError(
            f"'{path}' cannot be read: {reason_of(error)}; check the disk and its permissions"
        ) from error


@contextmanager
def opened_archive(path: str | os.PathLike[str]) -> Iterator[Archive]:
    """Give an archive whose list of members is sound: each is stored once, at its size, under a name of its own.

    Raises
    ------
    CatalogNotFoundError
        If there is no such file.
    UnsupportedCatalogError
        If it is no bundle, or one that nobody made with localcat: with paths that lead out of it, links, members that
        are compressed or encrypted, that are there twice, that share bytes, or that the manifest does not name.
    """
    file = absolute(path)
    if not file.is_file():
        raise CatalogNotFoundError(f"there is no bundle at '{file}'")
    try:
        with _read_errors(file):
            archive = _listed(file)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError) as error:
        raise UnsupportedCatalogError(f"'{file}' is not a bundle of localcat: {error}") from error
    with archive:
        with _read_errors(file):
            ends, manifest = _ends_of(archive, file), _manifest_of(archive, file)
        yield Archive(file, manifest, archive, ends)


def _listed(path: Path) -> zipfile.ZipFile:
    """Read the list of members, whose place may be one that no file has."""
    try:
        return zipfile.ZipFile(path)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise zipfile.BadZipFile("its list of members is nowhere") from error
        raise


def _ends_of(archive: zipfile.ZipFile, path: Path) -> dict[int, int]:
    """Return where each member ends at the latest, by the place of its header: where the next one begins.

    Raises
    ------
    UnsupportedCatalogError
        If two members share bytes, by which a small archive becomes large files.
    """
    entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
    ends = {}
    if entries and entries[0].header_offset:
        raise refused(path, "something else is in front of its first member")
    begins = [*(entry.header_offset for entry in entries), path.stat().st_size]
    for entry, end in zip(entries, begins[1:], strict=True):
        if entry.header_offset + _HEADER.size + entry.compress_size > end:
            raise refused(path, f"'{entry.filename}' shares bytes with another member")
        ends[entry.header_offset] = end
    return ends


def _manifest_of(archive: zipfile.ZipFile, path: Path) -> Manifest:
    entries = archive.infolist()
    seen: set[str] = set()
    for entry in entries:
        _check_entry(entry, path, seen)
    folders = {parent.as_posix() for name in seen for parent in PurePosixPath(name).parents}
    if both := seen & folders:
        raise refused(path, f"'{min(both)}' is a file and a folder")
    try:
        size = archive.getinfo(MANIFEST).file_size
        if size > _MOST_ABOUT + _MOST_OF_MEMBER * len(entries):
            raise refused(path, f"its {MANIFEST} has {size:,} bytes, too many for {len(entries):,} members")
        content = archive.read(MANIFEST)
    except KeyError:
        raise UnsupportedCatalogError(f"'{path}' is not a bundle of localcat: it has no {MANIFEST}") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise UnsupportedCatalogError(f"'{path}' is not a bundle of localcat: {error}") from error
    manifest = Manifest.of_json(content, path)
    sizes = {entry.filename: entry.file_size for entry in entries if entry.filename != MANIFEST}
    for name in sorted({*sizes} ^ {*manifest.members}):
        where = f"is not in its {MANIFEST}" if name in sizes else "is missing"
        raise refused(path, f"'{name}' {where}")
    beside = {folded(f"{manifest.catalog}{suffix}") for suffix in _JOURNALS}
    for name, (size, _) in manifest.members.items():
        if folded(name) in beside:
            raise refused(path, f"SQLite would play '{name}' back into its catalog")
        if sizes[name] != size:
            raise refused(path, f"'{name}' has {sizes[name]:,} bytes and should have {size:,}")
    return manifest


def _check_entry(entry: zipfile.ZipInfo, path: Path, seen: set[str]) -> None:
    """Refuse a member that a bundle never has."""
    name = entry.filename
    parts = PurePosixPath(name).parts
    mode = entry.external_attr >> 16
    if name != entry.orig_filename or not name or name.startswith("/") or "\\" in name or ".." in parts:
        raise refused(path, f"'{entry.orig_filename}' leads out of it")
    if PurePosixPath(name).as_posix() != name or any(_is_no_name(part) for part in parts):
        raise refused(path, f"'{name}' is no name of a file on every system")
    if entry.is_dir() or (mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode)):
        raise refused(path, f"'{name}' is a link, a folder or a device")
    is_plain = entry.compress_type == zipfile.ZIP_STORED and not entry.flag_bits & _ENCRYPTED
    if not is_plain or entry.compress_size != entry.file_size:
        raise refused(path, f"'{name}' is compressed or encrypted, which a bundle's members are not")
    if folded(name) in seen:
        raise refused(path, f"'{name}' is there twice")
    seen.add(folded(name))


def _is_no_name(part: str) -> bool:
    return why_unusable(part) is not None or len(part.encode()) > _LONGEST_PART


def refused(path: Path, why: str) -> UnsupportedCatalogError:
    """Return why an archive is not unpacked."""
    return UnsupportedCatalogError(f"the bundle '{path}' is refused: {why}; get it again from who made it")
