"""Products, bands and images in documents: JSON:API or plain, one or many, in files, lines, folders or mappings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcat.disk.faults import listing_errors
from localcat.errors import BadRequestError, ClientError, ValidationError
from localcat.interop.json_files import LINES, json_of, lines_of
from localcat.models.enums import BandType

KINDS = ("product", "band", "image")
_SECTIONS = {"products": "product", "bands": "band", "images": "image"}  # of a mapping; names of files and folders, too
_OF_IMAGES = {"acquired", "files", "geometry", "geotrans", "storage_state", "cs_code", "projection", "cloud_fraction"}
_OF_BANDS = {"band_index", "file_index", "data_range", "data_type"}
_MOST_LEVELS = 10  # of documents inside documents; a page of a search has two


@dataclass(frozen=True, slots=True)
class Document:
    """An object of a source.

    Parameters
    ----------
    where : str
        What to call it in messages: its file or line, and its position in a list.
    kind : str
        ``product``, ``band``, ``image``, or another type of the original's.
    id : str or None
        Its id, if the document says it.
    attributes : mapping
        As they are in the document.
    error : ClientError, optional
        Why it cannot be used.
    """

    where: str
    kind: str
    id: str | None
    attributes: Mapping[str, Any]
    error: ClientError | None = None


def documents(source: Any) -> Iterator[Document]:
    """Yield the objects of a source, and in their place what is not one, with the error.

    Parameters
    ----------
    source : path, mapping, or several of them
        A JSON file, a file of JSON lines, a folder with such files in it or below, or the decoded documents.

    Raises
    ------
    BadRequestError
        If the source is none of these, or there is no such file.
    """
    if isinstance(source, Mapping):
        yield from _objects("the document", dict(source), None, 0)
    elif isinstance(source, str | os.PathLike):
        yield from _of_path(Path(source))
    elif isinstance(source, Iterable):
        for position, one in enumerate(source):
            if isinstance(one, str | os.PathLike):
                yield from documents(one)
            else:
                yield from _objects(f"entry {position}", dict(one) if isinstance(one, Mapping) else one, None, 0)
    else:
        raise BadRequestError(f"documents come as a path, a mapping, or a list of them, not {source!r:.100}")


def _of_path(path: Path) -> Iterator[Document]:
    if path.is_dir():
        with listing_errors(path):
            found = sorted(one for one in path.rglob("*") if one.suffix.lower() in (".json", *LINES) and one.is_file())
        if not found:
            raise BadRequestError(f"there is no JSON file in the folder '{path}'")
        for one in found:
            where = one.relative_to(path)
            hint = next(
                (_SECTIONS[part] for part in (one.stem, *reversed(where.parts[:-1])) if part in _SECTIONS), None
            )
            try:
                yield from _of_file(one, str(where), hint)
            except BadRequestError as error:
                yield _refused(str(where), error)
    elif not path.exists():
        raise BadRequestError(f"there is no file or folder '{path}' to read documents from")
    else:
        yield from _of_file(path, str(path), _SECTIONS.get(path.stem))


def _of_file(path: Path, where: str, hint: str | None) -> Iterator[Document]:
    if path.suffix.lower() in LINES:
        for line, value, error in lines_of(path):
            yield from _objects(line, value, hint, 0) if error is None else [_refused(line, error)]
    else:
        yield from _objects(where, json_of(path), hint, 0)


def _refused(where: str, error: ClientError, uid: Any = None) -> Document:
    return Document(where, "", uid if isinstance(uid, str) else None, {}, error)


def _objects(where: str, value: Any, hint: str | None, level: int) -> Iterator[Document]:
    """Yield the objects in a JSON value; `hint` is the kind that its file or its section says."""
    if level > _MOST_LEVELS:
        yield _refused(where, ValidationError(f"{where} has more than {_MOST_LEVELS} levels of documents in documents"))
    elif isinstance(value, list):
        for position, one in enumerate(value):
            yield from _objects(f"{where}, entry {position}", one, hint, level + 1)
    elif not isinstance(value, dict):
        kind = type(value).__name__
        yield _refused(where, ValidationError(f"{where} is not a document, but a JSON {kind}: {value!r:.100}"))
    elif isinstance(value.get("data"), dict | list):
        yield from _objects(where, value["data"], hint, level + 1)
        if value.get("included") is not None:
            yield from _objects(f"{where}, included", value["included"], None, level + 1)
    elif "id" not in value and any(isinstance(value.get(name), list) for name in _SECTIONS):
        for name, kind in _SECTIONS.items():
            if value.get(name) is not None:
                yield from _objects(f"{where}, {name}", value[name], kind, level + 1)
    else:
        yield _object_of(where, value, hint)


def _object_of(where: str, value: dict[str, Any], hint: str | None) -> Document:
    uid, attributes = value.get("id"), value.get("attributes")
    if uid is not None and not (isinstance(uid, str) and uid):
        return _refused(where, ValidationError(f"{where} has an id that is not text: {uid!r:.100}"))
    if isinstance(attributes, dict):
        kind = value.get("type") if value.get("type") is not None else hint
        if not isinstance(kind, str):
            return _refused(where, ValidationError(f"{where} has no type, or one that is not text: {kind!r:.100}"), uid)
        related = _related_product(value.get("relationships"))
        return Document(where, kind, uid, attributes if related is None else {"product_id": related, **attributes})
    if attributes is not None:
        return _refused(where, ValidationError(f"{where} has attributes that are no object: {attributes!r:.100}"), uid)
    kind = value.get("type")
    plain = {name: one for name, one in value.items() if name != "type" or kind in list(BandType)}
    if isinstance(kind, str) and (kind in KINDS or kind not in list(BandType)):
        return Document(where, kind, uid, plain)
    return Document(where, hint or _guessed(value), uid, plain)


def _related_product(relationships: Any) -> str | None:
    """Return the id of the product that a JSON:API document relates its object to."""
    found = relationships
    for name in ("product", "data", "id"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) and found else None


def _guessed(value: Mapping[str, Any]) -> str:
    """Return the kind of a plain document by its attributes."""
    if value.get("type") in list(BandType) or (_OF_BANDS & value.keys() and not _OF_IMAGES & value.keys()):
        return "band"
    return "image" if _OF_IMAGES & value.keys() or "product_id" in value else "product"
