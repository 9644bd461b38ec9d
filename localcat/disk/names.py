"""Names of files and folders that every system can have, and whether two names are one."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from pathlib import Path, PurePosixPath
from typing import Final

from localcat.disk.system import IS_WINDOWS, same_file
from localcat.errors import BadRequestError

_IGNORES_CASE: Final = sys.platform in ("win32", "darwin")
LONGEST_PATH: Final = 259  # characters of a path on Windows, as it is set up
LONGEST_NAME: Final = 220  # bytes; file systems allow 255, and journals and backups have longer names
CUT_SUFFIX: Final = ".cut.tif"
"""How the name of a file ends that holds a part of another one, in whichever catalog it comes to be."""
_LONGEST_SIDECAR = len(".schema-99.backup.tmp")
_LONGEST_SLUG = 60  # characters
_SHORTEST_SLUG = 8
_NOT_IN_SLUGS = re.compile(r"[^a-z0-9._-]+")
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\\/:*?"<>|]')  # on Windows
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])[ ]*", re.IGNORECASE)


def slug(text: str, longest: int = _LONGEST_SLUG) -> str:
    """Return a readable piece of a file name: lower-case ASCII letters, digits, ``.``, ``_`` and ``-``.

    It may begin a file name on every system: Windows reserves names such as "con", with or without a suffix.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    found = _NOT_IN_SLUGS.sub("-", plain).strip("-._")[:longest].strip("-._") or "x"
    return unreserved(found)


def unreserved(name: str) -> str:
    """Return a file name that is no device of Windows: "aux_.tif" for "aux.tif"."""
    first, dot, rest = name.partition(".")
    return f"{first}_{dot}{rest}" if _RESERVED.fullmatch(first) else name


def suffix_of(href: str) -> str:
    """Return how a copy of a file of a data folder is to end: as that file, also with what says that it was cut."""
    return CUT_SUFFIX if href.endswith(CUT_SUFFIX) else PurePosixPath(href).suffix


def slug_length(folder: Path, others: int, parts: int) -> int:
    """Return how long each of some slugs may be, so that a path in a folder has a length that Windows allows.

    Parameters
    ----------
    folder : Path
        The folder.
    others : int
        Characters of the path below the folder that are not slugs.
    parts : int
        How many slugs there are.

    Returns
    -------
    int
        Elsewhere 60; never less than 8, with which the path may be too long after all.
    """
    if not IS_WINDOWS:
        return _LONGEST_SLUG
    room = (LONGEST_PATH - len(str(folder)) - others) // parts
    return max(_SHORTEST_SLUG, min(_LONGEST_SLUG, room - 1))  # a reserved name grows by one


def stem_length(folder: Path, suffix: str, longest: int) -> int:
    """Return how many characters of a name, `longest` at most, fit into a path in a folder on this system."""
    if not IS_WINDOWS:
        return longest
    room = LONGEST_PATH - len(str(folder.absolute())) - 1 - len(suffix)
    return max(_SHORTEST_SLUG, min(longest, room - 1))  # a reserved name grows by one


def why_unusable(name: str) -> str | None:
    """Return why Windows cannot have a file of this name; None if it can."""
    if _RESERVED.fullmatch(name.partition(".")[0]):
        return "it is reserved for a device"
    if name.endswith((".", " ")):
        return "it ends with a dot or a blank"
    found = _NOT_IN_NAMES.search(name)
    return None if found is None else f"it contains {found[0]!r}"


def require_usable(file: Path) -> None:
    """Refuse the path of a new catalog file that some system could not have, or not with its journals beside it.

    Raises
    ------
    BadRequestError
        If its name is too long anywhere, or one that Windows refuses while this is Windows.
    """
    too_long = len(os.fsencode(file.name)) - LONGEST_NAME
    if too_long > 0:
        raise BadRequestError(f"the name of '{file}' is {too_long} bytes too long; {LONGEST_NAME} are allowed")
    if IS_WINDOWS:
        why = why_unusable(file.name)
        if why is not None:
            raise BadRequestError(f"'{file.name}' cannot be a file on Windows: {why}; choose another name")
        too_long = len(str(file)) + _LONGEST_SIDECAR - LONGEST_PATH
        if too_long > 0:
            raise BadRequestError(
                f"the path '{file}' is {too_long} characters too long for a catalog on Windows; choose a shorter one"
            )


def same_name(folder: Path, first: str, second: str) -> bool:
    """Return whether two names in a folder are one: some systems ignore case, or how an accent is written."""
    if first == second:
        return True
    return folded(first) == folded(second) and same_file(folder / first, folder / second)


def folded(path: str | os.PathLike[str]) -> str:
    """Return what is equal for two paths that some system takes for one."""
    name = os.fspath(path)
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def as_one(path: str | os.PathLike[str]) -> str:
    """Return what is equal for two paths that this system takes for one, as a rule."""
    return folded(path) if _IGNORES_CASE else os.fspath(path)


def is_inside(path: Path, folder: Path) -> bool:
    """Return whether a path, which need not exist, leads into a folder, whatever way its parents are written."""
    real, around = path.resolve(), folder.resolve()
    return real.is_relative_to(around) or any(same_file(parent, around) for parent in real.parents)
