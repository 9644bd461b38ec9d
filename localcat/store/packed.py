"""A catalog in an archive that is read where it is.

SQLite reads the rows in a copy of the catalog file in the system's temporary folder, made when the archive is opened:
in memory each connection would need a copy of its own (four of 110 MB took 530 MB, and 9 MB with the file). The pixels
are read in the archive.
"""

from __future__ import annotations

import os
import weakref
from contextlib import closing
from pathlib import Path
from typing import Self

from localcat.disk.archive import Archive, Member, opened_archive, refused
from localcat.disk.faults import temporary_folder
from localcat.disk.ownership import MARKER, data_path
from localcat.disk.paths import is_local
from localcat.disk.staging import Room
from localcat.errors import CatalogError, CatalogNotFoundError, UnsafePathError
from localcat.store.file.connection import OpenOptions
from localcat.store.file.database import Database

_ROOMS = "localcat-bundle"  # how the names of the temporary folders begin, by which those of dead processes are found
_PRIVATE = 0o700  # the permissions of such a folder: the archive's own may be stricter than those of the system's
_State = tuple[int, int, int]


class PackedCatalog:
    """An opened archive, and the copy of its catalog file.

    The copy is removed by `close`, when this is forgotten, or when the process ends; what a process that was killed
    left is removed when the next archive is opened.

    Parameters
    ----------
    archive : Archive
        What is in it.
    room : Room
        The temporary folder of the copy.
    """

    def __init__(self, archive: Archive, room: Room) -> None:
        self._archive = archive
        self._state = _state_of(archive.path)
        self._data = data_path(Path(archive.manifest.catalog)).name
        self._members: dict[str, Member] = {}
        self.copy = room.path / archive.manifest.catalog
        self._remove = weakref.finalize(self, _remove, room, os.getpid())

    @classmethod
    def open(cls, path: Path) -> Self:
        """Copy the catalog out of an archive and check it, as it is checked when it is unpacked.

        Raises
        ------
        UnsupportedCatalogError
            If it is no bundle, or not as it was written.
        """
        with opened_archive(path) as archive:
            opened = cls(archive, Room.beside(temporary_folder() / _ROOMS, mode=_PRIVATE))
            try:
                archive.extract(archive.manifest.catalog, opened.copy, durable=False)
                check_catalog(archive, opened.copy)
            except BaseException:
                opened.close()
                raise
        return opened

    @property
    def path(self) -> Path:
        """The archive."""
        return self._archive.path

    def member(self, href: str) -> Member:
        """Return where a file of an image is.

        Raises
        ------
        CatalogNotFoundError
            If the archive was changed or taken away since it was opened.
        UnsafePathError
            If it has no such file.
        """
        self.require_unchanged()
        found = self._members.get(href)
        if found is None:
            name = f"{self._data}/{href}"
            if name not in self._archive.manifest.members:
                raise UnsafePathError(f"'{href}' is not in the bundle '{self.path}'; get it again from who made it")
            found = self._members[href] = self._archive.member(name)
        return found

    def sha256_of(self, href: str) -> str:
        """Return what the manifest says of a file of an image."""
        return self._archive.manifest.members[f"{self._data}/{href}"][1]

    def require_unchanged(self) -> None:
        """Refuse an archive that is another one than was opened.

        Raises
        ------
        CatalogNotFoundError
            If it is, or if there is none any more.
        """
        if _state_of(self.path) != self._state:
            raise CatalogNotFoundError(
                f"the bundle '{self.path}' was changed, moved or deleted while it was open; open it again"
            )

    def require_rows(self) -> None:
        """Refuse an archive that is another one than was opened, or whose rows are not there any more.

        Raises
        ------
        CatalogNotFoundError
            If it is, or something has tidied up the folder for temporary files.
        """
        self.require_unchanged()
        if not self.copy.exists():
            raise CatalogNotFoundError(
                f"the rows of the bundle '{self.path}' are read in '{self.copy}', which was deleted; open it again"
            )

    @property
    def why_read_only(self) -> str:
        """Why nothing is written."""
        return (
            f"'{self.path}' is a bundle, which is only read; unpack it with Catalog.unpack to get a catalog that can "
            "be changed"
        )

    def close(self) -> None:
        """Remove the copy. Closing twice is allowed."""
        self._remove()


def check_catalog(archive: Archive, file: Path) -> None:
    """Refuse a catalog whose schema is not ours, or whose rows name files that did not come with it.

    One of an older schema is migrated.

    Parameters
    ----------
    archive : Archive
        From which it comes.
    file : Path
        The catalog file, outside of the archive.

    Raises
    ------
    UnsupportedCatalogError
        If it is one.
    """
    data = data_path(Path(archive.manifest.catalog)).name
    other = next((name for name in archive.manifest.members if _is_catalog(name) and name != file.name), None)
    if other is not None:
        raise refused(archive.path, f"it has two catalogs, '{file.name}' and '{other}'")
    try:
        database = Database(file, options=OpenOptions(trusted=False), durable=False)
        with closing(database), database.read() as connection:
            files = connection.execute(_FILES_HERE).fetchall()
            uuid = database.settings()["uuid"]
    except CatalogError as error:
        told = str(error).replace(str(file), file.name)
        raise refused(archive.path, f"its catalog cannot be used: {told}") from error
    for href, is_owned in files:
        if (is_owned and f"{data}/{href}" not in archive.manifest.members) or (not is_owned and is_local(href)):
            raise refused(archive.path, f"its catalog names the file '{href}', which is not in it")

    marker = f"{data}/{MARKER}"
    if marker in archive.manifest.members and uuid not in archive.content(marker).decode("utf-8", "replace"):
        raise refused(archive.path, f"its folder '{data}' belongs to another catalog")


def _is_catalog(name: str) -> bool:
    """Return whether a member is named as a catalog: not in a folder, and not as an index of tiles."""
    return "/" not in name and name.lower().endswith(".gpkg") and not name.lower().endswith(".gti.gpkg")


_FILES_HERE = """
    SELECT file.href, file.owned FROM image_file AS file JOIN image ON image.id = file.image_id
    WHERE file.href IS NOT NULL AND (file.owned OR image.storage_state = 'available')
"""


def _state_of(path: Path) -> _State | None:
    """Return what changes with the content of a file; None if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116  # for each read of pixels
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _remove(room: Room, owner: int) -> None:
    """Remove a temporary folder, unless this is a fork of the process that made it."""
    if os.getpid() == owner:
        room.remove()
