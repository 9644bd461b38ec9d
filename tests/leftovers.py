"""What uploads leave behind: files and rows."""

from __future__ import annotations

from localcat import Catalog


def files_in(catalog: Catalog) -> list[str]:
    folder = catalog.data_folder.path
    return sorted(path.name for path in folder.rglob("*") if path.is_file()) if folder.exists() else []


def check_nothing_left(catalog: Catalog) -> None:
    assert catalog.images.count() == 0
    assert files_in(catalog) == []
    assert catalog.sql("SELECT count(*) AS n FROM image_file")[0]["n"] == 0
