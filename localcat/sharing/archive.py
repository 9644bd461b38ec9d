"""One file with a small catalog: a ZIP archive whose members are stored as they are, with a list of their hashes.

The list is a member of its own, ``manifest.json``. The format is that of
https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, with 64-bit sizes where they are needed; nothing is
deflated, since the files of the pixels are compressed already.
"""

from __future__ import annotations

import json
import os
import re
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from localcat import json_text
from localcat.disk.digest import hash_stream
from localcat.disk.faults import write_errors
from localcat.disk.names import folded, why_unusable
from localcat.disk.ownership import LOCK_NAMES
from localcat.disk.paths import absolute
from localcat.disk.system import flush
from localcat.errors import CatalogNotFoundError, UnsupportedCatalogError
from localcat.progress import shown
from localcat.rasters.files.environment import read_errors

MANIFEST = "manifest.json"
VERSION = 1
_MOST_MANIFEST = 256 << 20  # bytes; a member takes some 150
_CHUNK = 1 << 20
_HASH = re.compile(r"[0-9a-f]{64}")


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
            members = {str(name): (int(one["size"]), str(one["sha256"])) for name, one in listed.items()}
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise UnsupportedCatalogError(f"'{path}' is not a bundle of localcat: its {MANIFEST} is damaged") from error
        if version != VERSION:
            raise UnsupportedCatalogError(f"'{path}' is a bundle of a newer localcat ({version!r}); update localcat")
        if not isinstance(catalog, str) or catalog not in members or "/" in catalog:
            raise refused(path, f"its {MANIFEST} names no catalog in it")
        for name, (size, sha256) in members.items():
            if size < 0 or not _HASH.fullmatch(sha256):
                raise refused(path, f"its {MANIFEST} has no size or no hash of '{name}'")
        return cls(catalog, members, document)


def write_archive(folder: Path, target: Path, catalog: str, about: Mapping[str, Any], progress: bool | None) -> int:
    """Write the files below a folder into a new archive, and onto the disk; return how many bytes it has."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in LOCK_NAMES)
    members: dict[str, tuple[int, str]] = {}
    with write_errors(target), target.open("xb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
            for path in shown(paths, "packing", "files", progress):
                name = path.relative_to(folder).as_posix()
                entry = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
                entry.external_attr = (stat.S_IFREG | 0o644) << 16
                with path.open("rb") as reader, archive.open(entry, "w", force_zip64=entry.file_size >= 1 << 31) as out:
                    members[name] = hash_stream(reader.read, out.write)
            archive.writestr(MANIFEST, Manifest(catalog, members, dict(about)).to_json())
        file.flush()
        flush(file.fileno())
        return file.tell()


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
    """

    path: Path
    manifest: Manifest
    file: zipfile.ZipFile

    def extract(self, name: str, target: Path) -> None:
        """Write a member into a new file, and compare it with what the manifest says.

        Raises
        ------
        UnsupportedCatalogError
            If it is another one.
        """
        with write_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as writer:
                found = self._digest(name, writer)
                writer.flush()
                flush(writer.fileno())
        if found != self.manifest.members[name]:
            raise refused(self.path, f"'{name}' is not what its {MANIFEST} says; it was changed or damaged")

    def _digest(self, name: str, writer: BinaryIO) -> tuple[int, str]:
        try:
            with self.file.open(name) as reader:
                return hash_stream(reader.read, writer.write)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise refused(self.path, f"'{name}' in it is damaged: {error}") from error


@contextmanager
def opened_archive(path: str | os.PathLike[str]) -> Iterator[Archive]:
    """Give an archive whose list of members is sound: each is stored once, at its size, under a name of its own.

    Raises
    ------
    CatalogNotFoundError
        If there is no such file.
    UnsupportedCatalogError
        If it is no bundle, or one that nobody made with localcat: with paths that lead out of it, links, members that
        are compressed or encrypted, that are there twice, or that the manifest does not name.
    """
    file = absolute(path)
    if not file.is_file():
        raise CatalogNotFoundError(f"there is no bundle at '{file}'")
    with read_errors(file):
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise UnsupportedCatalogError(f"'{file}' is not a bundle of localcat: {error}") from error
    with archive:
        yield Archive(file, _manifest_of(archive, file), archive)


def _manifest_of(archive: zipfile.ZipFile, path: Path) -> Manifest:
    entries = archive.infolist()
    seen: set[str] = set()
    for entry in entries:
        _check_entry(entry, path, seen)
    try:
        size = archive.getinfo(MANIFEST).file_size
        if size > _MOST_MANIFEST:
            raise refused(path, f"its {MANIFEST} has {size:,} bytes")
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
    for name, (size, _) in manifest.members.items():
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
    if PurePosixPath(name).as_posix() != name or any(why_unusable(part) for part in parts):
        raise refused(path, f"'{name}' is no name of a file on every system")
    if entry.is_dir() or (mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode)):
        raise refused(path, f"'{name}' is a link, a folder or a device")
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 0x1 or entry.compress_size != entry.file_size:
        raise refused(path, f"'{name}' is compressed or encrypted, which a bundle's members are not")
    if folded(name) in seen:
        raise refused(path, f"'{name}' is there twice")
    seen.add(folded(name))


def refused(path: Path, why: str) -> UnsupportedCatalogError:
    """Return why an archive is not unpacked."""
    return UnsupportedCatalogError(f"the bundle '{path}' is refused: {why}; get it again from who made it")
