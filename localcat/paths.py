"""Where the parts of a catalog lie, and how its rows name files that stay where they are."""

from __future__ import annotations

import os
from pathlib import Path

from localcat.errors import CatalogError


def absolute(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path of a catalog file, without ".." in it; links are not followed.

    Raises
    ------
    CatalogError
        If it is no text, or empty.
    """
    text = os.fspath(path)
    if not isinstance(text, str) or not text or "\x00" in text:
        raise CatalogError(f"a catalog's path is text, not {path!r}")
    return Path(os.path.abspath(text))  # noqa: PTH100  # Path.resolve would follow links, and the data folder lies beside


def data_path(path: Path) -> Path:
    """Return the folder in which the pixels of a catalog file lie."""
    return path.with_name(f"{path.stem}.data")


def in_place_href(path: Path, home: Path) -> str:
    """Return how a row names a file that is indexed in place: relative to the catalog's folder where it can be."""
    return path.relative_to(home).as_posix() if path.is_relative_to(home) else str(path)


def is_local(href: str) -> bool:
    """Return whether a row's path of a file may be on this machine."""
    return "://" not in href and not href.startswith("/vsi")
