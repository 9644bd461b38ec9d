"""Items and Collections from files: trees of links, lists, lines, and mappings; nothing outside a source is opened."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from localcat.disk.faults import listing_errors
from localcat.disk.filesystem import is_unc
from localcat.errors import BadRequestError, ClientError, UnsafePathError, ValidationError
from localcat.interop.json_files import LINES, json_of, lines_of
from localcat.interop.stac.checks import id_of, problem_of

_ROOTS = ("catalog.json", "collection.json")
_FOLLOWED = ("child", "item")


@dataclass(frozen=True, slots=True)
class Found:
    """A document of a source.

    Parameters
    ----------
    where : str
        What to call it in messages: its file, or its position in a list.
    document : mapping, optional
        An Item or a Collection; None where `error` says why there is none.
    folder : Path, optional
        What its relative links start from; None for a mapping that came from no file.
    error : ClientError, optional
        Why it cannot be used.
    named : str, optional
        Its id, where there is an error.
    within : Path, optional
        Below which folder files may be that it names; `folder` when left out.
    """

    where: str
    document: dict[str, Any] | None
    folder: Path | None = None
    error: ClientError | None = None
    named: str | None = None
    within: Path | None = None

    @property
    def is_item(self) -> bool:
        """Whether it is an Item."""
        return self.document is not None and self.document.get("type") == "Feature"


def documents(source: Any) -> Iterator[Found]:
    """Yield the Collections and Items of a source, each Collection before the Items below it.

    Parameters
    ----------
    source : path, mapping, or several of them
        A Catalog, a Collection or an Item as a JSON file, whose links to files are followed; an ItemCollection; lines
        of Items (``.ndjson``, ``.jsonl``); a folder, by its ``catalog.json`` or ``collection.json``, or else all JSON
        files in it; or such an object as a mapping.

    Raises
    ------
    BadRequestError
        If the source is none of these, or there is no such file.
    """
    if isinstance(source, Mapping):
        yield from _of_mapping(source)
    elif isinstance(source, str | os.PathLike):
        yield from _of_path(Path(source))
    elif isinstance(source, Iterable):
        for position, one in enumerate(source):
            yield from _of_mapping(one, f"entry {position}") if isinstance(one, Mapping) else documents(one)
    else:
        raise BadRequestError(f"a STAC source is a path, a mapping, or a list of them, not {source!r:.100}")


def local_file(href: str, folder: Path | None, within: Path | None) -> Path | None:
    """Return the file that a href means here, or None for a remote one.

    Raises
    ------
    UnsafePathError
        If it is a path of GDAL's virtual file systems, or leads out of `within`.
    """
    if href.lstrip().lower().startswith(("/vsi", "\\vsi")) or "\x00" in href:
        raise UnsafePathError(f"the href {href!r:.200} is a path of a virtual file system, which is never opened")
    if is_unc(href) and not href.startswith("//") and not (within is not None and is_unc(str(within))):
        raise UnsafePathError(f"the href {href!r:.200} is on a share of another machine, which is never asked")
    try:
        parts = urlsplit(href)
    except ValueError:  # a host that cannot be one
        return None
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost"):
            return None
        path = Path(unquote(parts.path))
    elif len(parts.scheme) > 1 or href.startswith("//"):  # one letter is a drive of Windows
        return None
    else:
        path = Path(href)
    if "\x00" in str(path):
        return None
    if not path.is_absolute():
        if folder is None:
            return None
        path = folder / path
    resolved = Path(os.path.realpath(path))
    if within is not None and not resolved.is_relative_to(os.path.realpath(within)):
        raise UnsafePathError(
            f"the href {href!r:.200} leads out of '{within}'; pass within= a folder that has both, if you trust it"
        )
    return resolved


def _of_mapping(source: Mapping[Any, Any], where: str = "the mapping", folder: Path | None = None) -> Iterator[Found]:
    document = dict(source)
    kind = document.get("type")
    if kind == "FeatureCollection":
        features = document.get("features")
        if not isinstance(features, list):
            raise BadRequestError(f"{where} is a FeatureCollection without a list of features")
        for position, feature in enumerate(features):
            yield _checked(feature, f"{where}, feature {position}", folder)
    elif kind in ("Feature", "Collection"):
        yield _checked(document, where, folder)
    else:
        raise BadRequestError(f"{where} is not a STAC Item, ItemCollection or Collection: its type is {kind!r:.100}")


def _of_path(path: Path) -> Iterator[Found]:
    if path.is_dir():
        root = next((path / name for name in _ROOTS if (path / name).is_file()), None)
        if root is not None:
            yield from _Tree(root).documents()
            return
        with listing_errors(path):
            found = sorted(one for one in path.rglob("*.json") if one.is_file())
        if not found:
            raise BadRequestError(f"there is no JSON file in the folder '{path}'")
        for one in found:
            yield from _of_file(one, path)
    elif not path.exists():
        raise BadRequestError(f"there is no file or folder '{path}' to read STAC from")
    elif path.suffix.lower() in LINES:
        yield from _of_lines(path)
    else:
        document = loaded(path)
        if document.get("type") in ("Catalog", "Collection"):
            yield from _Tree(path).documents()
        else:
            yield from _of_mapping(document, str(path), path.parent)


def _of_file(path: Path, root: Path) -> Iterator[Found]:
    try:
        document = loaded(path)
        if document.get("type") in ("Feature", "FeatureCollection", "Collection"):
            yield from _of_mapping(document, str(path.relative_to(root)), path.parent)
    except ClientError as error:
        yield Found(str(path.relative_to(root)), None, error=error)


def _of_lines(path: Path) -> Iterator[Found]:
    for where, document, error in lines_of(path):
        yield _checked(document, where, path.parent) if error is None else Found(where, None, error=error)


class _Tree:
    """A static catalog: files that link to one another, below the folder of its root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.within = Path(os.path.realpath(root.parent))
        self._seen: set[Path] = set()

    def documents(self) -> Iterator[Found]:
        """Yield Collections and Items in the order of the links, without recursion: trees may be deep."""
        waiting = [(self.root, str(self.root))]
        while waiting:
            path, where = waiting.pop()
            resolved = Path(os.path.realpath(path))
            if resolved in self._seen:
                continue
            self._seen.add(resolved)
            try:
                document = loaded(path)
            except ClientError as error:
                if path == self.root:
                    raise
                yield Found(where, None, error=error)
                continue
            kind = document.get("type")
            if kind in ("Feature", "Collection"):
                yield _checked(document, where, path.parent)
            elif kind == "FeatureCollection":
                yield from _of_mapping(document, where, path.parent)
            elif kind != "Catalog":
                problem = f"{where} is not part of a STAC catalog: its type is {kind!r:.100}"
                yield Found(where, None, error=ValidationError(problem))
            if kind in ("Catalog", "Collection"):
                found, problems = self._links_of(document, path.parent, where)
                yield from problems
                waiting += reversed(found)

    def _links_of(
        self, document: Mapping[str, Any], folder: Path, where: str
    ) -> tuple[list[tuple[Path, str]], list[Found]]:
        found, problems = [], []
        links = document.get("links")
        for link in links if isinstance(links, list) else ():
            if not isinstance(link, dict) or link.get("rel") not in _FOLLOWED or not isinstance(link.get("href"), str):
                continue
            href = link["href"]
            try:
                path = local_file(href, folder, self.within)
            except UnsafePathError as error:
                problems.append(Found(f"{where}, link {href!r:.100}", None, error=error))
                continue
            if path is None:
                text = f"{where} links to {href!r:.200}, which is not a file here; download it first"
                problems.append(Found(href, None, error=ValidationError(text)))
            else:
                found.append((path, os.path.relpath(path, self.within)))
        return found, problems


def loaded(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises
    ------
    BadRequestError
        If it cannot be read, is too large, or is not one.
    """
    document: Any = json_of(path)
    if not isinstance(document, dict):
        raise BadRequestError(f"'{path}' is not a STAC object, but a JSON {type(document).__name__}")
    return document


def _checked(document: Any, where: str, folder: Path | None) -> Found:
    """Return a document whose members are of the types that the rest relies on, or why it is not."""
    problem = problem_of(document)
    if problem is not None:
        return Found(where, None, folder, ValidationError(f"{where} {problem}"), id_of(document))
    return Found(where, document, folder)
