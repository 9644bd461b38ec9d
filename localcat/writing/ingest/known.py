"""What the catalog knows of files that come again: the images that were made of them, and what the files were like."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from localcat.disk.digest import hash_stream
from localcat.disk.paths import in_place_href
from localcat.rasters.files.environment import read_errors
from localcat.writing.ingest.sources.listing import SourceFile

if TYPE_CHECKING:
    import sqlite3

    from localcat.store.catalog_file import CatalogFile

_CHUNK = 1000  # paths that are looked up in one question


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file of an image, as it was when it was taken in.

    Parameters
    ----------
    path : Path, optional
        Where it was found; None if that is not known.
    size_bytes, modified_ns : int, optional
        Its size, and when it was last changed; the second is None if an upload took it in.
    hash : str, optional
        Its sha256.
    """

    path: Path | None
    size_bytes: int | None
    modified_ns: int | None
    hash: str | None

    def is_untouched(self, file: SourceFile) -> bool:
        """Return whether a file has the same size and time."""
        return (self.size_bytes, self.modified_ns) == (file.size_bytes, file.modified_ns)

    def has_content_of(self, file: SourceFile) -> bool:
        """Return whether a file has the same content; it is read if its size is the same."""
        return self.size_bytes == file.size_bytes and self.hash == sha256_of(file.location)


@dataclass(slots=True)
class KnownImage:
    """An image and its files.

    Parameters
    ----------
    row_id : int
        Of its row.
    id, name, product_id : str
        As users know them.
    acquired : int, optional
        Microseconds since 1970.
    files : list of KnownFile
        In their order.
    """

    row_id: int
    id: str
    name: str
    product_id: str
    acquired: int | None
    files: list[KnownFile] = field(default_factory=list)

    @property
    def paths(self) -> list[Path]:
        """Where its files were found."""
        return [file.path for file in self.files if file.path is not None]


class KnownImages:
    """The images of a catalog, asked for by the files that they were made of.

    Parameters
    ----------
    catalog : CatalogFile
        The catalog.
    """

    def __init__(self, catalog: CatalogFile) -> None:
        self._catalog = catalog
        self._home = catalog.path.parent

    def by_path(self, files: Iterable[SourceFile]) -> dict[Path, list[KnownImage]]:
        """Return for each path the images that have a file from there."""
        found: dict[Path, list[KnownImage]] = {}
        hrefs = [in_place_href(file.location, self._home) for file in files]
        with self._catalog.database.read() as connection:
            for start in range(0, len(hrefs), _CHUNK):
                wanted = json.dumps(hrefs[start : start + _CHUNK])
                ids = connection.execute(
                    "SELECT f.image_id FROM json_each(?) AS wanted "
                    "CROSS JOIN image_file AS f ON f.href = wanted.value WHERE NOT f.owned "
                    "UNION SELECT s.image_id FROM json_each(?) AS wanted "
                    "CROSS JOIN image_source AS s ON s.path = wanted.value",
                    (wanted, wanted),
                )
                for image in self._images(connection, [image_id for (image_id,) in ids]):
                    for path in image.paths:
                        found.setdefault(path, []).append(image)
        return found

    def by_id(self, uid: str) -> KnownImage | None:
        """Return an image by its public id; None if there is none."""
        with self._catalog.database.read() as connection:
            ids = connection.execute("SELECT id FROM image WHERE uid = ?", (uid,)).fetchall()
            return next(self._images(connection, [image_id for (image_id,) in ids]), None)

    def gone(self, folders: Sequence[Path], product_id: str | None) -> list[KnownImage]:
        """Return the images that ingest made of files below folders, and whose files are all gone from there."""
        vanished: dict[int, KnownImage] = {}
        with self._catalog.database.read() as connection:
            for prefix in self._prefixes(folders):
                ids = connection.execute(
                    "SELECT DISTINCT s.image_id FROM image_source AS s "
                    "JOIN image_file AS f ON f.image_id = s.image_id AND f.position = s.position "
                    "JOIN image AS i ON i.id = s.image_id JOIN product AS p ON p.id = i.product_id "
                    "WHERE substr(CASE WHEN f.owned THEN s.path ELSE f.href END, 1, ?) = ? "
                    "AND coalesce(p.uid = ?, TRUE) ORDER BY i.uid",
                    (len(prefix), prefix, product_id),
                )
                for image in self._images(connection, [image_id for (image_id,) in ids.fetchall()]):
                    is_below = all(any(path.is_relative_to(folder) for folder in folders) for path in image.paths)
                    if is_below and image.paths and not any(os.path.lexists(path) for path in image.paths):
                        vanished[image.row_id] = image
        return list(vanished.values())

    def _prefixes(self, folders: Sequence[Path]) -> Iterator[str]:
        """Yield how the paths of files below the folders begin, as rows have them."""
        for folder in folders:
            if self._home.is_relative_to(folder):
                yield ""
            else:
                yield in_place_href(folder, self._home)

    def _images(self, connection: sqlite3.Connection, row_ids: Sequence[int]) -> Iterator[KnownImage]:
        """Yield images with their files."""
        images: dict[int, KnownImage] = {}
        found = connection.execute(
            "SELECT i.id, i.uid, i.name, p.uid, i.acquired, f.href, f.owned, f.size_bytes, f.hash, "
            "s.path, s.size_bytes, s.modified_ns, s.hash "
            "FROM json_each(?) AS wanted CROSS JOIN image AS i ON i.id = wanted.value "
            "JOIN product AS p ON p.id = i.product_id JOIN image_file AS f ON f.image_id = i.id "
            "LEFT JOIN image_source AS s ON s.image_id = f.image_id AND s.position = f.position "
            "ORDER BY wanted.key, f.position",
            (json.dumps(list(row_ids)),),
        )
        for (
            row_id,
            uid,
            name,
            product_id,
            acquired,
            href,
            owned,
            size,
            digest,
            path,
            old_size,
            modified,
            source,
        ) in found:
            image = images.setdefault(row_id, KnownImage(row_id, uid, name, product_id, acquired))
            location = path if owned else href
            image.files.append(
                KnownFile(
                    None if location is None else self._home / location,
                    size if source is None else old_size,
                    modified,
                    source or digest,
                )
            )
        yield from images.values()


def note_sources(
    connection: sqlite3.Connection, uid: str, files: Sequence[SourceFile], hashes: Sequence[str], home: Path | None
) -> None:
    """Write down where the files of an image come from, inside a write transaction.

    Parameters
    ----------
    connection : sqlite3.Connection
        Of the catalog.
    uid : str
        The public id of the image.
    files : sequence of SourceFile
        Its files, in their order.
    hashes : sequence of str
        The sha256 of each.
    home : Path, optional
        The catalog's folder, if the files were copied; None if they are indexed in place.
    """
    connection.executemany(
        "INSERT OR REPLACE INTO image_source (image_id, position, path, size_bytes, modified_ns, hash) "
        "SELECT id, ?, ?, ?, ?, ? FROM image WHERE uid = ?",
        [
            (
                position,
                None if home is None else in_place_href(file.location, home),
                file.size_bytes,
                file.modified_ns,
                digest,
                uid,
            )
            for position, (file, digest) in enumerate(zip(files, hashes, strict=True))
        ],
    )


def note_touched(catalog: CatalogFile, image: KnownImage, files: Sequence[SourceFile]) -> None:
    """Write down the new times of files whose content is the same, so that they are not read again the next time."""
    with catalog.database.write() as transaction:
        transaction.connection.executemany(
            "UPDATE image_source SET modified_ns = ? WHERE image_id = ? AND position = ?",
            [(file.modified_ns, image.row_id, position) for position, file in enumerate(files)],
        )


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal.

    Raises
    ------
    ImageDeletedError, StorageError
        If it is gone, or cannot be read.
    """
    with read_errors(path), path.open("rb") as file:
        return hash_stream(file.read)[1]
