"""A static STAC catalog on disk: a folder of JSON files with relative links, which can be moved."""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcat.disk.digest import hash_stream
from localcat.disk.faults import write_errors
from localcat.disk.paths import absolute, href_between
from localcat.disk.staging import staged
from localcat.errors import BadRequestError, CatalogExistsError, CorruptImageError
from localcat.interop.chosen import chosen_images
from localcat.interop.stac.assets import Layout, layout_of, location_of
from localcat.interop.stac.collections import Extent, collection_of
from localcat.interop.stac.items import stac_item
from localcat.interop.stac.report import StacExport
from localcat.models.product import Product
from localcat.progress import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcat.disk.archive import Location
    from localcat.models.attributes.values import File
    from localcat.models.backend import Backend
    from localcat.models.image import Image
    from localcat.search import ImageSearch

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)  # names that Windows keeps
_LONGEST_NAME = 100
_MOST_LINKS = 1000  # of a Collection that are kept in memory
_JSON = "application/json"
_GEOJSON = "application/geo+json"


class Names:
    """Names of files and folders, of which no two differ in case alone."""

    def __init__(self) -> None:
        self._taken: set[int] = set()  # hashes, of which a million take a third of the memory; equal ones do no harm

    def of(self, text: str) -> str:
        """Return a name that no earlier one had, made of a text."""
        name = _NOT_IN_NAMES.sub("_", text)[:_LONGEST_NAME].strip(".") or "_"
        name = f"_{name}" if _RESERVED.fullmatch(name) else name
        found, number = name, 1
        while hash(found.lower()) in self._taken:
            number += 1
            found = f"{name}-{number}"
        self._taken.add(hash(found.lower()))
        return found


@dataclass
class _Collection:
    """What is known of a Collection while its Items are written."""

    product: Product
    layout: Layout
    folder: str
    spool: Path
    names: Names = field(default_factory=Names)
    links: list[str] = field(default_factory=list)  # as JSON, until there are many
    extent: Extent = field(default_factory=Extent)

    def link(self, href: str) -> None:
        """Note a link to an Item."""
        self.links.append(json.dumps({"rel": "item", "href": href, "type": _GEOJSON}))
        if len(self.links) >= _MOST_LINKS:
            self.settle()

    def settle(self) -> None:
        """Put the links that are in memory behind those in the spool."""
        with self.spool.open("a", encoding="utf-8") as file:
            file.writelines(f", {link}" for link in self.links)
        self.links.clear()


def write_tree(
    catalog: Backend,
    dest: str | os.PathLike[str],
    search: ImageSearch | None,
    *,
    copy: bool,
    progress: bool | None,
) -> StacExport:
    """Write a static catalog into a new folder; see `Catalog.to_stac`."""
    target = absolute(dest)
    if os.path.lexists(target):
        raise CatalogExistsError(f"there is something at '{target}' already; choose a folder that does not exist")
    if not copy:
        catalog.file.require_paths("Items cannot link to files in it, which copy=True copies")
    images = chosen_images(catalog, search)
    report = StacExport(target / "catalog.json")
    with staged(target) as room, write_errors(target):
        staging = room / target.name
        staging.mkdir()
        names, collections = Names(), dict[str, _Collection]()
        for image in shown(images, "writing STAC", "items", progress, total=images.number_found):
            product_id = str(image.product_id)
            if product_id not in collections:
                collections[product_id] = _begun(catalog, product_id, names, staging, room)
            _write_item(collections[product_id], image, staging, target, report, copy=copy)
        if search is None:  # a product without images is worth keeping, too
            for product in catalog.search(Product):
                if str(product.id) not in collections:
                    collections[str(product.id)] = _begun(catalog, str(product.id), names, staging, room)
        for collection in collections.values():
            _write_collection(collection, staging)
        report.products = len(collections)
        _write_root(catalog, [*collections.values()], staging)
        staging.rename(target)
    return report


def _begun(catalog: Backend, product_id: str, names: Names, staging: Path, room: Path) -> _Collection:
    product = Product.get(product_id, catalog=catalog)
    if product is None:
        raise BadRequestError(f"product '{product_id}' was deleted while its images were written; try again")
    layout = layout_of(catalog, product_id)
    folder = names.of(layout.collection_id)
    (staging / folder).mkdir()
    return _Collection(product, layout, folder, room / f"{uuid.uuid4().hex}.links")


def _write_item(
    collection: _Collection, image: Image, staging: Path, target: Path, report: StacExport, *, copy: bool
) -> None:
    item = stac_item(image, collection.layout)
    name = collection.names.of(item["id"])
    folder = staging / collection.folder / name
    folder.mkdir()
    others = [link for link in item.get("links") or [] if isinstance(link, dict) and link.get("rel") not in _STRUCTURAL]
    item["links"] = [
        {"rel": "root", "href": "../../catalog.json", "type": _JSON},
        {"rel": "parent", "href": "../collection.json", "type": _JSON},
        {"rel": "collection", "href": "../collection.json", "type": _JSON},
        *others,
    ]
    names = Names()
    for position, file in enumerate(image.files or []):
        path = location_of(file, image)
        asset = item["assets"].get(collection.layout.key_of(position)) if path is not None else None
        if path is None or asset is None:
            continue
        if copy:
            copied = names.of(path.name)
            report.files += 1
            report.size_bytes += _copy(path, folder / copied, file)
            asset["href"] = f"./{copied}"
        else:
            asset["href"] = href_between(Path(path), target / collection.folder / name)
    _write_json(folder / f"{name}.json", item)
    collection.link(f"./{name}/{name}.json")
    collection.extent.widen(item, image)
    report.items += 1


def _write_collection(collection: _Collection, staging: Path) -> None:
    document = collection_of(collection.product, collection.layout, collection.extent)
    links = [
        {"rel": "root", "href": "../catalog.json", "type": _JSON},
        {"rel": "parent", "href": "../catalog.json", "type": _JSON},
        *document.pop("links"),
    ]
    collection.settle()
    text = _text({**document, "links": links})
    with (staging / collection.folder / "collection.json").open("w", encoding="utf-8") as file:
        file.write(text.removesuffix("]}"))  # the links to Items come behind the others, which end the document
        with collection.spool.open(encoding="utf-8") as spool:
            shutil.copyfileobj(spool, file)
        file.write("]}")
    collection.spool.unlink()


def _write_root(catalog: Backend, collections: list[_Collection], staging: Path) -> None:
    name = catalog.file.path.stem
    children = [
        {"rel": "child", "href": f"./{one.folder}/collection.json", "type": _JSON, "title": str(one.product.name)}
        for one in collections
    ]
    root = {
        "type": "Catalog",
        "stac_version": "1.1.0",
        "id": name,
        "description": f"Products and images of {name}",
        "links": [{"rel": "root", "href": "./catalog.json", "type": _JSON}, *children],
    }
    _write_json(staging / "catalog.json", root)


_STRUCTURAL = {"root", "parent", "self", "collection"}


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(_text(document), encoding="utf-8")


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False)


def _copy(source: Location, dest: Path, file: File) -> int:
    with source.open("rb") as read, dest.open("xb") as write:
        size, sha256 = hash_stream(read.read, write.write)
    if file.hash is not None and sha256 != file.hash:
        raise CorruptImageError(f"'{source}' is not what the catalog says it is: its sha256 is {sha256}; run verify")
    return size
