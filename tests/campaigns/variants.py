"""Known-bad variants of the write protocol: each campaign must catch those that break what it is there to prove.

Each function breaks localcat in the process that calls it, which is a child of the fork server.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localcat import Catalog
from localcat.disk import data_folder as layout
from localcat.disk.data_folder import DataFolder
from localcat.disk.ownership import data_path
from localcat.maintenance import garbage
from localcat.rasters.writing import write
from localcat.rasters.writing.options import CogOptions
from localcat.store import states
from localcat.store.catalog_file import CatalogFile
from localcat.store.file import database, transaction
from localcat.store.file.database import Database
from localcat.writing.bulk import add_images, writer

VARIANTS: dict[str, Callable[[], None]] = {}


def _variant(function: Callable[[], None]) -> Callable[[], None]:
    VARIANTS[function.__name__] = function
    return function


# Not bad, but another path through the code


@_variant
def over_the_disk() -> None:
    """Encode arrays through scratch files, as large ones are."""
    original = CogOptions.__init__

    def small_bytes_none(self: CogOptions, *given: Any, **options: Any) -> None:
        original(self, *given, **{**options, "small_bytes": 0})

    CogOptions.__init__ = small_bytes_none  # type: ignore[method-assign]


@_variant
def without_space_check() -> None:
    """Let uploads begin on a disk that is nearly full, as if another program had filled it right behind the check."""
    DataFolder.require_space = lambda self, needed: None  # type: ignore[method-assign]


@_variant
def on_a_full_disk() -> None:
    """Both."""
    over_the_disk()
    without_space_check()
    write._check_room = lambda needed, target: None


@_variant
def pages_go_early() -> None:
    """Load few images as very many are: indexes are built at the end, and pages go into the file before that."""
    add_images._CHUNK = 10
    writer._MANY = 10
    transaction._MANY_CHANGES = 10


# Bad


@_variant
def row_first() -> None:
    """Rename the file after the commit that inserts its row."""
    publish, begin = DataFolder.publish, Database.write
    waiting: list[tuple[DataFolder, Path, str]] = []

    def later(self: DataFolder, temporary: Path, href: str, *, unsynced: set[Path] | None = None) -> None:
        waiting.append((self, temporary, href))

    @contextmanager
    def publishing(self: Database, **options: Any) -> Any:
        with begin(self, **options) as transaction:
            yield transaction
        while waiting and not self.in_transaction:
            publish(*waiting.pop())

    DataFolder.publish = later  # type: ignore[method-assign]
    Database.write = publishing  # type: ignore[method-assign]


@_variant
def unlink_first() -> None:
    """Unlink the files of deleted and replaced images before the commit."""
    release = states.release_files

    def unlinking(connection: sqlite3.Connection, hrefs: list[str]) -> list[str]:
        released = release(connection, hrefs)
        catalog = Path(connection.execute("PRAGMA database_list").fetchone()[2])
        for href in released:
            DataFolder(data_path(catalog)).remove(href)
        return released

    states.release_files = unlinking


@_variant
def no_fsync() -> None:
    """Wait neither for files nor for folders of the data folder."""
    layout.flush = lambda descriptor: None
    layout.flush_folder = lambda folder: None


@_variant
def synchronous_normal() -> None:
    """Commit with synchronous = NORMAL."""
    _synchronous("NORMAL")


@_variant
def nothing_synced() -> None:
    """Wait for nothing at all: what ext4 alone keeps."""
    no_fsync()
    _synchronous("OFF")


def _synchronous(level: str) -> None:
    connect = database.connect

    def changed(*given: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*given, **options)
        connection.execute(f"PRAGMA synchronous = {level}")
        return connection

    database.connect = changed


@_variant
def naive_gc() -> None:
    """Collect garbage without the write lock."""

    def naive(catalog: Catalog, **options: object) -> garbage.GcReport:
        with catalog.database.read() as connection:
            referenced = {href for (href,) in connection.execute("SELECT href FROM image_file WHERE owned")}
        for href in list(catalog.data_folder.hrefs()):
            if href not in referenced:
                catalog.data_folder.remove(href)
        return garbage.GcReport()

    garbage.collect_garbage = naive


@_variant
def unlink_after_failed_commit() -> None:
    """Take a COMMIT that failed for one that was rolled back, and unlink the new files."""

    def hasty(self: CatalogFile, is_committed: object, hrefs: list[str]) -> bool:
        for href in hrefs:
            self.data_folder.remove(href)
        return False

    CatalogFile.settle = hasty  # type: ignore[method-assign]


@_variant
def gc_without_commit() -> None:
    """Unlink what gc finds without a commit before."""

    def hasty(catalog: Catalog, **options: object) -> garbage.GcReport:
        with catalog.database.write() as transaction:
            execute = transaction.connection.execute
            referenced = {href for (href,) in execute("SELECT href FROM image_file WHERE owned")}
            for href in list(catalog.data_folder.hrefs()):
                if href not in referenced:
                    catalog.data_folder.remove(href)
            execute("DELETE FROM trash")
        return garbage.GcReport()

    garbage.collect_garbage = hasty
