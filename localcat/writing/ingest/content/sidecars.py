"""Metadata beside the files of a scene: text of the kind that Landsat has (ODL), JSON and XML, looked up by names.

STAC Items beside the files are read by whoever knows STAC; `ItemReader` is how the engine asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias
from xml.etree import ElementTree

from localcat import json_text
from localcat.disk.filesystem import is_file
from localcat.errors import BadRequestError, StorageError

MAX_BYTES: Final = 32 * 2**20
"""How large a sidecar file may be."""

Tree: TypeAlias = "dict[str, list[Tree | str]]"
"""The children of a node by name, each name with all of its values."""


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What a STAC Item beside the files says of a scene.

    Parameters
    ----------
    files : frozenset of str
        The names of the files that are its assets.
    attributes : mapping
        Attributes of `Image`, such as ``acquired`` and ``cloud_fraction``.
    extra : mapping
        Entries of the image's `extra_properties`.
    """

    files: frozenset[str]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


class Folders:
    """What is in folders, each read once; the case of names does not matter, as it does not for rasters."""

    def __init__(self) -> None:
        self._names: dict[Path, dict[str, Path]] = {}

    def file(self, path: Path) -> Path | None:
        """Return the file of a path, or the one whose name differs in upper and lower case alone; None without any."""
        names = self._listed(path.parent)
        found = names.get(path.name) or names.get(path.name.casefold())
        return found if found is not None and is_file(found) else None

    def _listed(self, folder: Path) -> dict[str, Path]:
        if folder not in self._names:
            try:
                paths = sorted(folder.iterdir())
            except OSError:
                paths = []
            self._names[folder] = {path.name.casefold(): path for path in paths} | {path.name: path for path in paths}
        return self._names[folder]


class ItemReader(Protocol):
    """Reads a JSON file that may be a STAC Item."""

    def __call__(self, path: Path, /) -> ItemFacts | None:
        """Return what it says; None if it is another kind of JSON."""


def read_sidecar(path: Path) -> Tree:
    """Read a metadata file: XML, JSON, or lines of ``KEY = value`` in groups, told apart by the content.

    Raises
    ------
    BadRequestError
        If it is larger than `MAX_BYTES`, or is none of them.
    StorageError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise StorageError(f"'{path}' cannot be read: {error.strerror}; check its permissions") from error
    if len(content) > MAX_BYTES:
        raise BadRequestError(f"'{path}' has more than {MAX_BYTES:,} bytes; metadata beside files are smaller")
    start = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"<":
        return _of_xml(content, path)
    text = content.decode("utf-8", "replace")
    return _of_json(text, path) if start == b"{" else _of_odl(text, path)


def lookup(tree: Tree, names: str) -> str | None:
    """Return a value by names with dots between them: the first is looked for anywhere, the others are its children.

    Parameters
    ----------
    tree : mapping
        As `read_sidecar` returns it.
    names : str
        Such as ``"IMAGE_ATTRIBUTES.CLOUD_COVER"``; upper and lower case differ.

    Returns
    -------
    str or None
        The first value; None if there is none, or if it is a group of values.
    """
    first, *others = names.split(".")
    for start in _anywhere(tree, first):
        node: Tree | str = start
        for name in others:
            found = node.get(name) if isinstance(node, dict) else None
            if not found:
                break
            node = found[0]
        else:
            if isinstance(node, str) and node.strip():
                return node.strip()
    return None


def _anywhere(tree: Tree, name: str) -> Iterator[Tree | str]:
    """Yield the values of a name, those nearer to the root first."""
    level = [tree]
    while level:
        for node in level:
            yield from node.get(name, [])
        level = [value for node in level for values in node.values() for value in values if isinstance(value, dict)]


def _of_xml(content: bytes, path: Path) -> Tree:
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise BadRequestError(f"'{path}' declares entities, which metadata of images have no need of")
    try:
        root = ElementTree.fromstring(content)  # noqa: S314  # no entities, and of limited size
    except ElementTree.ParseError as error:
        raise BadRequestError(f"'{path}' is not XML that can be read: {error}") from error
    return {_local(root.tag): [_node(root)]}


def _node(element: ElementTree.Element) -> Tree | str:
    if len(element) == 0 and not element.attrib:
        return element.text or ""
    node: Tree = {}
    for name, value in element.attrib.items():
        node.setdefault(f"@{_local(name)}", []).append(value)
    for child in element:
        node.setdefault(_local(child.tag), []).append(_node(child))
    if len(element) == 0 and (element.text or "").strip():  # a value with attributes, such as its unit
        return element.text or ""
    return node


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _of_json(text: str, path: Path) -> Tree:
    try:
        loaded = json_text.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"'{path}' is not JSON that can be read: {error}") from error
    node = _of_value(loaded)
    if not isinstance(node, dict):
        raise BadRequestError(f"'{path}' holds no JSON object")
    return node


def _of_value(value: Any) -> Tree | str:
    if isinstance(value, dict):
        return {
            key: [_of_value(item) for item in (inner if isinstance(inner, list) else [inner])]
            for key, inner in value.items()
        }
    return "" if value is None or isinstance(value, list) else str(value)


def _of_odl(text: str, path: Path) -> Tree:
    """Read ``GROUP = …`` and ``KEY = value`` lines, as the Object Description Language has them."""
    root: Tree = {}
    stack = [root]
    for line in text.splitlines():
        key, equals, value = (part.strip() for part in line.partition("="))
        if key in ("", "END") and not equals:
            continue
        if not equals:
            raise BadRequestError(f"'{path}' is no metadata that can be read: {line[:60]!r} is not KEY = value")
        if key in ("GROUP", "OBJECT"):
            inner: Tree = {}
            stack[-1].setdefault(value, []).append(inner)
            stack.append(inner)
        elif key in ("END_GROUP", "END_OBJECT"):
            if len(stack) > 1:
                stack.pop()
        else:
            stack[-1].setdefault(key, []).append(value.strip('"'))
    return root
