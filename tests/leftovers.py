"""What uploads leave behind: files and rows."""

from __future__ import annotations

from pathlib import Path

from localcat import Catalog


def files_in(catalog: Catalog) -> list[str]:
    """Return the names of all files in the data folder but its marker, those that were set aside among them."""
    folder = catalog.data_folder.path
    return sorted(path.name for path in folder.rglob("*") if is_pixels(path)) if folder.exists() else []


def is_pixels(path: Path) -> bool:
    """Return whether a path is a file that somebody put into a data folder, and not its marker."""
    return path.is_file() and path.name != ".localcat.json"


def check_nothing_left(catalog: Catalog) -> None:
    assert catalog.images.count() == 0
    assert files_in(catalog) == []
    assert catalog.sql("SELECT count(*) AS n FROM image_file")[0]["n"] == 0
