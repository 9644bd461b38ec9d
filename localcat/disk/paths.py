"""How a catalog file is named, and how its rows name files that are indexed in place."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path, PurePath
from urllib.parse import quote_from_bytes

from localcat.disk.filesystem import is_link, is_unc
from localcat.disk.names import folded
from localcat.errors import CatalogError, UnsafePathError


def absolute(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path of a catalog file, without ".." in it; links are not followed.

    Raises
    ------
    CatalogError
        If it is not a string or path, is empty, or has characters that no file name can have.
    """
    text = text_of(path)
    if text is None:
        raise CatalogError(f"a catalog's path is a str or os.PathLike that names a file, not {path!r}")
    return Path(os.path.abspath(text))  # noqa: PTH100  # Path.resolve would follow links in folders


def real_file(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path of a catalog file; of a symbolic link, that of the file that it leads to.

    SQLite puts the journal beside that file, and so must everything that belongs to it. Other parts of the path stay as
    they are given: on Windows a mapped drive would become a network path.
    """
    file = absolute(path)
    return Path(os.path.realpath(file)) if is_link(file) else file


def text_of(path: object) -> str | None:
    """Return a path as a string; None if it cannot be the path of a file."""
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    return text if isinstance(text, str) and text and "\x00" not in text and _is_encodable(text) else None


def _is_encodable(text: str) -> bool:
    """Return whether the system takes a string as a path; it refuses half of a surrogate pair."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def uri_of(path: Path) -> str:
    """Return the name by which SQLite opens a file, to which parameters can be added."""
    return sqlite_uri(path.resolve())


def sqlite_uri(path: PurePath) -> str:
    r"""Return the URI of an absolute path for SQLite.

    It differs from that of browsers: SQLite refuses the name of a server in it, and takes four slashes for a share of
    Windows. The prefix ``\\?\`` is left out, since Windows does not take it with slashes.
    """
    text = path.as_posix()
    if path.drive:
        text = text.replace("//?/UNC/", "//", 1).removeprefix("//?/")
        if not text.startswith("/"):
            text = f"/{text}"  # a drive's letter
    return f"file://{quote_from_bytes(os.fsencode(text), safe='/:' if path.drive else '/')}"


def in_place_href(path: Path, home: Path) -> str:
    """Return how a row names a file that is indexed in place: relative to the catalog's folder where it can be."""
    return path.relative_to(home).as_posix() if path.is_relative_to(home) else str(path)


def href_between(path: Path, folder: Path) -> str:
    """Return how a file in a folder names another file: relatively, so that both can be moved, where that can be."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive of Windows
        return path.as_posix()


def as_named_now(href: str, home: Path) -> Path:
    """Return the path of a file below a folder, also where a move changed how names are written.

    Programs that pack, and other systems, write accents or capitals in another way. A path that is relative to the
    folder may be so, if one file alone has a name that is equal but for that. A file that is gone keeps its path.
    """
    path = Path(href)
    if path.is_absolute() or os.path.lexists(home / path):
        return home / path
    found = [home]
    for part in path.parts:
        found = [folder / name for folder in found for name in _alike(folder, part)]
    return found[0] if len(found) == 1 else home / path


def _alike(folder: Path, part: str) -> list[str]:
    """Return the names in a folder that some system takes for this one; itself where only that can be found out."""
    wanted = folded(part)
    try:
        names = [name for name in os.listdir(folder) if folded(name) == wanted]  # noqa: PTH208  # names alone
    except OSError:
        names = []
    return names or ([part] if os.path.lexists(folder / part) else [])


def is_local(href: str) -> bool:
    """Return whether a row's path of a file may be on this machine."""
    return "://" not in href and not href.startswith("/vsi") and "\x00" not in href


def below_roots(href: str, home: Path, roots: tuple[Path, ...] | None) -> Path:
    """Return the path of a file that is indexed in place, if it is below one of the roots, links resolved.

    Raises
    ------
    UnsafePathError
        If it is not.
    """
    if not is_unc(href):  # which even to resolve would mean to ask another machine
        with suppress(OSError, ValueError, RuntimeError):  # RuntimeError: links in a circle, before Python 3.13
            path = as_named_now(href, home).resolve()
            if any(path.is_relative_to(root.resolve()) for root in roots or (home,)):
                return path
    raise UnsafePathError(
        f"{href!r} lies outside of the folders from which a catalog that is not trusted may read; "
        "name its folder in allowed_roots if you want to read it"
    )
