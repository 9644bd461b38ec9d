"""Products and images for pgstac, STAC on PostgreSQL: files that pypgstac loads, or loaded by it at once.

https://stac-utils.github.io/pgstac/
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from localcat.disk.faults import temporary_directory, write_errors
from localcat.disk.paths import absolute
from localcat.disk.staging import staged
from localcat.errors import BadRequestError, CatalogExistsError, StorageError, require
from localcat.expressions.cql2.item_names import name_of
from localcat.expressions.nodes import Ref
from localcat.interop.chosen import chosen_images
from localcat.interop.stac.assets import Layout, layout_of
from localcat.interop.stac.collections import Extent, collection_of
from localcat.interop.stac.items import stac_item
from localcat.interop.stac.values import ANY_TIME
from localcat.models.attributes.scalars import Integer, Number, Timestamp
from localcat.models.attributes.structured import NumberTuple, TextList
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.progress import shown

if TYPE_CHECKING:
    from localcat.models.backend import Backend
    from localcat.search import ImageSearch

_ADDRESSES: Final = ("postgresql://", "postgres://")
COLLECTIONS, ITEMS, QUERYABLES = "collections.ndjson", "items.ndjson", "queryables.json"
_IN_THE_ITEM: Final = {"id", "name", "product_id", "acquired", "geometry", "files", "extra_properties"}
_NAMES: Final = {attribute: name_of(Ref(attribute)) for attribute in Image._attributes if attribute not in _IN_THE_ITEM}
"""What CQL2 calls the attributes that an Item may have under another name."""


@dataclass(slots=True)
class PgstacExport:
    """What `Catalog.to_pgstac` wrote or loaded.

    Parameters
    ----------
    path : Path, optional
        The folder of the files; None if a database was loaded.
    products, items : int
        How many Collections and Items.
    without_footprint : int
        How many images were left out, since they have no footprint.
    """

    path: Path | None
    products: int = 0
    items: int = 0
    without_footprint: int = 0

    def __repr__(self) -> str:
        left = f", {self.without_footprint:,} images without a footprint left out" if self.without_footprint else ""
        where = "loaded" if self.path is None else f"in '{self.path}'"
        return f"PgstacExport: {self.products:,} products, {self.items:,} items {where}{left}"


def to_pgstac(
    catalog: Backend, dest: str | os.PathLike[str], search: ImageSearch | None, *, progress: bool | None
) -> PgstacExport:
    """Write for pgstac; see `Catalog.to_pgstac`."""
    if isinstance(dest, str) and dest.startswith(_ADDRESSES):
        return _load(catalog, dest, search, progress)
    target = absolute(dest)
    if os.path.lexists(target):
        raise CatalogExistsError(f"there is something at '{target}' already; choose a folder that does not exist")
    with staged(target) as room, write_errors(target):
        folder = room / target.name
        folder.mkdir()
        report = _write(catalog, folder, search, progress)
        folder.rename(target)
    report.path = target
    return report


def _write(catalog: Backend, folder: Path, search: ImageSearch | None, progress: bool | None) -> PgstacExport:
    images = chosen_images(catalog, search)
    report = PgstacExport(folder)
    seen: dict[str, tuple[Layout, Extent]] = {}
    with (folder / ITEMS).open("x", encoding="utf-8", newline="\n") as file:
        for image in shown(images, "writing for pgstac", "items", progress, total=images.number_found):
            product_id = str(image.product_id)
            if product_id not in seen:
                seen[product_id] = (layout_of(catalog, product_id), Extent())
            if image.geometry is None:
                report.without_footprint += 1
                continue
            layout, extent = seen[product_id]
            item = _item(image, layout)
            extent.widen(item, image)
            file.write(f"{_text(item)}\n")
            report.items += 1
    if search is None:  # a product without images is worth keeping, too
        for product in catalog.search(Product):
            if str(product.id) not in seen:
                seen[str(product.id)] = (layout_of(catalog, str(product.id)), Extent())
    with (folder / COLLECTIONS).open("x", encoding="utf-8", newline="\n") as file:
        for product_id, (layout, extent) in seen.items():
            found = Product.get(product_id, catalog=catalog)
            if found is None:
                raise BadRequestError(f"product '{product_id}' was deleted while its images were written; try again")
            file.write(f"{_text(collection_of(found, layout, extent))}\n")
    report.products = len(seen)
    (folder / QUERYABLES).write_text(json.dumps(queryables(), indent=1), encoding="utf-8", newline="\n")
    return report


def _item(image: Image, layout: Layout) -> dict[str, Any]:
    """Return an Item that answers what CQL2 asks of its image, by the names that `to_cql2_json` writes."""
    item = stac_item(image, layout)
    properties: dict[str, Any] = item["properties"]
    for attribute, name in _NAMES.items():
        value = getattr(image, attribute)
        if value is not None and value != [] and name not in properties:  # an empty list is unset
            properties[name] = Image._attributes[attribute].to_json(value)
    if all(properties.get(name) is None for name in ("datetime", "start_datetime")):  # of an Item that was taken in
        properties["datetime"], (properties["start_datetime"], properties["end_datetime"]) = None, ANY_TIME
    return item


def queryables() -> dict[str, Any]:
    """Return the document that tells pgstac the types of properties; others it compares as text or numbers."""
    properties: dict[str, Any] = {"eo:cloud_cover": {"type": "number"}}
    for attribute, name in _NAMES.items():
        found = _schema_of(attribute)
        if found is not None:
            properties[name] = {"description": Image._attributes[attribute].doc, **found}
    return {
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "$id": "https://localcat.invalid/queryables",
        "type": "object",
        "title": "Attributes of images in localcat",
        "properties": properties,
        "additionalProperties": True,
    }


def _schema_of(attribute: str) -> dict[str, Any] | None:
    match Image._attributes[attribute]:
        case Timestamp():
            return {"type": "string", "format": "date-time"}
        case Integer():
            return {"type": "integer"}
        case Number():
            return {"type": "number"}
        case TextList() | NumberTuple():
            return {"type": "array"}
        case one if one.filterable:
            return {"type": "string"}
        case _:
            return None


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False)


# Into a database


def _load(catalog: Backend, address: str, search: ImageSearch | None, progress: bool | None) -> PgstacExport:
    for library in ("pypgstac", "psycopg"):
        require(library, "pgstac", "to load a database")
    import psycopg  # an extra, as all below
    import pypgstac
    from pypgstac.db import PgstacDB
    from pypgstac.load import Loader, Methods

    with _postgres_errors():
        psycopg.connect(address).close()  # PgstacDB tries for half a minute, and logs each failure
    with _postgres_errors(), PgstacDB(dsn=address) as database:
        has_schema = database.query_one("SELECT to_regnamespace('pgstac')")
        version = None if has_schema is None else database.version
        if version is None or version.split(".")[:2] != pypgstac.__version__.split(".")[:2]:
            found = "no pgstac" if version is None else f"pgstac {version}"
            raise BadRequestError(
                f"the database has {found}, and pypgstac {pypgstac.__version__} is installed; run 'pypgstac migrate'"
            )
        with temporary_directory("localcat-") as name:
            folder = Path(name)
            with write_errors(folder):
                report = _write(catalog, folder, search, progress)
            loader = Loader(database)
            loader.load_collections(str(folder / COLLECTIONS), Methods.upsert)
            database.connect().execute(
                "SELECT pgstac.upsert_queryables(%s::jsonb)", [(folder / QUERYABLES).read_text(encoding="utf-8")]
            )
            loader.load_items(str(folder / ITEMS), Methods.upsert)
    report.path = None
    return report


@contextmanager
def _postgres_errors() -> Iterator[None]:
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise StorageError(f"PostgreSQL did not take the images ({str(error).strip()}); check its address") from error
