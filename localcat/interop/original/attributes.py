"""What of a document an object here can have, and what has to be kept beside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from localcat.errors import AttributeValidationError, LocalcatError, UnsafePathError, ValidationError
from localcat.interop.original.documents import Document
from localcat.models.attributes.scalars import Attribute
from localcat.models.band import Band
from localcat.models.enums import StorageState
from localcat.models.image import Image
from localcat.models.object import CatalogObjectBase
from localcat.models.product import Product
from localcat.timestamps import to_microseconds

KEPT = "original:attributes"
"""The extra property with the attributes of the original that have no place here."""

_FOLLOWING = {"product", "resolution_min", "resolution_max", "type"}  # from the class, or from other objects
_APART = {"id", "name", "product_id", "created", "modified", "extra_properties", "files", "storage_state"}
_FILE = {"href", "size_bytes", "hash", "provider_id", "provider_href", "owned"}
_DRIVE = re.compile("[A-Za-z]:")


@dataclass
class Understood:
    """What an object here can have of a document.

    Parameters
    ----------
    kind : class
        Of the object.
    id : str
        Its id, as the original has it.
    attributes : dict
        Values by attribute, with id, and of bands and images with `product_id` and `name`.
    created, modified : int or None
        When the original's object was; microseconds since 1970.
    left : dict
        The attributes that are kept beside, since they are not known here or their values are refused.
    """

    kind: type[CatalogObjectBase]
    id: str
    attributes: dict[str, Any]
    created: int | None = None
    modified: int | None = None
    left: dict[str, Any] = field(default_factory=dict)


def understood(document: Document) -> Understood:
    """Return what an object here can have of a document.

    Raises
    ------
    ValidationError
        If it lacks an id or a name, contradicts itself, or is a band of no known type.
    UnsafePathError
        If a file's address is a path of this machine.
    """
    given = document.attributes
    kind = _class_of(document)
    found = _identified(document, kind)
    for name, value in given.items():
        if name in _APART or name in _FOLLOWING or value is None:
            continue
        attribute = kind._attributes.get(name)
        if attribute is None or attribute.readonly:
            found.left[name] = value
            continue
        read = _read(attribute, value)
        if read is None:
            found.left[name] = value
        else:
            found.attributes[name] = read
    for name in ("created", "modified"):
        if given.get(name) is not None:
            moment = _moment(given[name])
            if moment is None:
                found.left[name] = given[name]
            setattr(found, name, moment)
    if kind is Image:
        _take_files(found, given)
    _take_extra(found, given.get("extra_properties"))
    return found


def product_id_of(document: Document) -> str | None:
    """Return the id of the product that a band or an image belongs to; None if it is refused."""
    try:
        return str(_identified(document, Image).attributes["product_id"])
    except ValidationError:
        return None


def _class_of(document: Document) -> type[CatalogObjectBase]:
    if document.kind != "band":
        return Product if document.kind == "product" else Image
    stated = document.attributes.get("type")
    if not isinstance(stated, str) or stated not in Band._classes:
        known = ", ".join(sorted(Band._classes))
        raise ValidationError(f"{document.where} is a band of the type {stated!r:.100}, which is none of {known}")
    return Band._classes[stated]


def _identified(document: Document, kind: type[CatalogObjectBase]) -> Understood:
    """Return the id, and of a band or an image its two parts; each may be said in one way or in both."""
    if kind is Product:
        if document.id is None:
            raise ValidationError(f'{document.where} is a product without an id; name it as "id"')
        name = document.attributes.get("name")
        told = name if isinstance(name, str) and name else document.id
        return Understood(kind, document.id, {"id": document.id, "name": told})
    before, _, behind = (document.id or "").rpartition(":")
    product_id, name = (
        stated if (stated := document.attributes.get(part)) is not None else known
        for part, known in (("product_id", before), ("name", behind))
    )
    if not isinstance(product_id, str) or not product_id or not isinstance(name, str) or not name:
        raise ValidationError(f"{document.where} has no id, nor a product_id and a name: {document.attributes!r:.100}")
    made = f"{product_id}:{name}"
    if document.id not in (None, made):
        raise ValidationError(
            f"{document.where}: the id {document.id!r:.100} contradicts its product and name, {made!r:.100}"
        )
    return Understood(kind, made, {"product_id": product_id, "name": name})


def _read(attribute: Attribute[Any], value: Any) -> Any:
    """Return the value of an attribute, or None if it is refused."""
    try:
        return attribute.coerce(value)
    except (AttributeValidationError, LocalcatError, RecursionError):
        return None


def _moment(value: Any) -> int | None:
    try:
        return to_microseconds(value) if isinstance(value, str) else None
    except LocalcatError:
        return None


def _take_files(found: Understood, given: Mapping[str, Any]) -> None:
    """Take the files of an image over as files of other machines."""
    found.attributes["storage_state"] = StorageState.REMOTE.value
    files = given.get("files")
    if files is None:
        return
    if not isinstance(files, list) or not all(isinstance(file, dict) for file in files):
        found.left["files"] = files
        return
    made = [_remote(file, f"image '{found.id}'") for file in files]
    read = _read(Image._attributes["files"], made)
    if read:
        found.attributes["files"] = read
    if (files and not read) or any(file.keys() - _FILE for file in files):
        found.left["files"] = files


def _remote(file: Mapping[str, Any], of: str) -> dict[str, Any]:
    """Return a file with its address; a relative path is what its provider calls it.

    Raises
    ------
    UnsafePathError
        If its address is a path that could be one of this machine.
    """
    made = {name: value for name, value in file.items() if name in _FILE and name != "owned" and value is not None}
    href = made.get("href")
    if not isinstance(href, str) or not href:
        made.pop("href", None)
        return made
    parts = re.split(r"[/\\]", href)
    is_address = "://" in href and len(href.partition("://")[0]) > 1 and not href.lower().startswith("file:")
    if href.lstrip().startswith(("/", "\\")) or _DRIVE.match(href) or ".." in parts or href.lower().startswith("file:"):
        raise UnsafePathError(
            f"{of} has a file at {href!r:.200}, which is a path and not an address of another machine"
        )
    if not is_address:
        del made["href"]
        made.setdefault("provider_href", href)
    return made


def _take_extra(found: Understood, given: Any) -> None:
    extra = dict(given) if isinstance(given, dict) else {}
    if given is not None and not isinstance(given, dict):
        found.left["extra_properties"] = given
    if found.left:
        extra[KEPT] = {**(extra[KEPT] if isinstance(extra.get(KEPT), dict) else {}), **found.left}
    if extra:
        found.attributes["extra_properties"] = found.kind._attributes["extra_properties"].coerce(extra)
