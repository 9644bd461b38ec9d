"""Products as Collections."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.routing import Route

from localcat.errors import NotFoundError
from localcat.expressions.properties import properties as p
from localcat.interop.stac.assets import layout_of
from localcat.interop.stac.collections import Extent, collection_of
from localcat.models.product import Product
from localcat.serve.answers import GEOJSON, SCHEMA, as_json, link, part
from localcat.serve.kept import WhileUnchanged

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from localcat.catalog import Catalog
    from localcat.serve.service import Asked, Service

_MOST_IMAGES = 100_000  # of a catalog whose boxes are found: a second; the index has boxes of images, not of products
_BOXES = """
    SELECT image.product_id, min(box.minx), min(box.miny), max(box.maxx), max(box.maxy)
    FROM rtree_footprints_geometry AS box JOIN footprints AS image ON image.rowid = box.id
    GROUP BY image.product_id
"""  # rounded outwards; all longitudes where one crosses the antimeridian
_MOST_LINKS = 1000  # to products; the document of all Collections has every one


Boxes: TypeAlias = dict[str, list[float]]
"""West, south, east, north of products, by id; of those that have footprints."""


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of this area."""
    boxes: WhileUnchanged[Boxes] = WhileUnchanged()
    return [
        Route("/collections", service.endpoint(functools.partial(_collections, boxes))),
        Route("/collections/{collection}", service.endpoint(functools.partial(_collection, boxes))),
    ]


def product_links(asked: Asked, rel: str) -> list[dict[str, Any]]:
    """Return links to the Collections of products, those first by id."""
    products = asked.catalog.products.limit(_MOST_LINKS)
    return [link(rel, collection_url(asked, str(one.id)), title=str(one.name)) for one in products]


def collection_url(asked: Asked, product_id: str) -> str:
    """Return the address of a product."""
    return f"{asked.base}/collections/{part(product_id)}"


def product_of(asked: Asked) -> Product:
    """Return the product that the path names, by exactly this id.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    wanted = asked.path["collection"]
    found = asked.catalog.products.filter(p.id == wanted).first()
    if found is None:
        raise NotFoundError(f"there is no collection {wanted!r:.300}; {asked.base}/collections lists them")
    return found


def _collections(boxes: WhileUnchanged[Boxes], asked: Asked) -> Response:
    asked.query.only()
    documents = []
    for product in asked.catalog.products:
        asked.check()
        documents.append(_document(boxes, asked, product))
    links = [link("self", f"{asked.base}/collections"), link("root", f"{asked.base}/")]
    return as_json({"collections": documents, "links": links})


def _collection(boxes: WhileUnchanged[Boxes], asked: Asked) -> Response:
    asked.query.only()
    return as_json(_document(boxes, asked, product_of(asked)))


def _document(boxes: WhileUnchanged[Boxes], asked: Asked, product: Product) -> dict[str, Any]:
    uid = str(product.id)
    document = collection_of(product, layout_of(asked.catalog, uid), extent_of(boxes, asked.catalog, uid))
    own = collection_url(asked, uid)
    document["id"] = uid
    document["links"] = [
        link("self", own),
        link("root", f"{asked.base}/"),
        link("parent", f"{asked.base}/"),
        link("items", f"{own}/items", GEOJSON),
        link("http://www.opengis.net/def/rel/ogc/1.0/queryables", f"{own}/queryables", SCHEMA),
        *document["links"],
    ]
    return document


def extent_of(boxes: WhileUnchanged[Boxes], catalog: Catalog, product_id: str) -> Extent:
    """Return where and when the images of a product are; in a very large catalog the globe, since boxes take long."""
    images = catalog.images.filter(p.product_id == product_id)
    dated = images.filter(p.acquired.isnotnull)
    first, last = dated.sort("acquired").first(), dated.sort("-acquired").first()
    box = boxes.of(catalog, "boxes", lambda: _boxes(catalog)).get(product_id)
    return Extent(box, None if first is None else first.acquired, None if last is None else last.acquired)


def _boxes(catalog: Catalog) -> Boxes:
    if catalog.images.count() > _MOST_IMAGES:
        return {}
    return {uid: list(box) for uid, *box in (row.values() for row in catalog.sql(_BOXES))}
