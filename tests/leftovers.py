"""What uploads leave behind: files and rows."""

from __future__ import annotations

from pathlib import Path

from localcat import Catalog
from localcat.disk.ownership import LOCK_NAMES


def files_in(catalog: Catalog) -> list[str]:
    """Return the names of the pixels in the data folder, those that were set aside among them."""
    folder = catalog.data_folder.path
    return sorted(path.name for path in folder.rglob("*") if is_pixels(path)) if folder.exists() else []


def is_pixels(path: Path) -> bool:
    """Return whether a path is a file that somebody put into a data folder, not its marker and not one of its locks."""
    return path.is_file() and not path.name.startswith(".localcat.")


def names_in(folder: Path) -> list[str]:
    """Return the sorted names in a folder, without those of the files of locks."""
    return sorted(path.name for path in folder.iterdir() if path.name not in LOCK_NAMES)


def check_nothing_left(catalog: Catalog) -> None:
    assert catalog.images.count() == 0
    assert files_in(catalog) == []
    assert catalog.sql("SELECT count(*) AS n FROM image_file")[0]["n"] == 0
