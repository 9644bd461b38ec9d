"""Products as Collections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from localcat.errors import NotFoundError
from localcat.expressions.properties import properties as p
from localcat.interop.stac.assets import layout_of
from localcat.interop.stac.collections import Extent, collection_of
from localcat.models.product import Product
from localcat.serve.answers import GEOJSON, SCHEMA, as_json, link, part

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from localcat.catalog import Catalog
    from localcat.serve.service import Asked, Service

_MOST_LINKS = 1000  # to products; the document of all Collections has every one


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of this area."""
    return [
        Route("/collections", service.endpoint(_collections)),
        Route("/collections/{collection}", service.endpoint(_collection)),
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


def _collections(asked: Asked) -> Response:
    asked.query.only()
    documents = []
    for product in asked.catalog.products:
        asked.check()
        documents.append(_document(asked, product))
    links = [link("self", f"{asked.base}/collections"), link("root", f"{asked.base}/")]
    return as_json({"collections": documents, "links": links})


def _collection(asked: Asked) -> Response:
    asked.query.only()
    return as_json(_document(asked, product_of(asked)))


def _document(asked: Asked, product: Product) -> dict[str, Any]:
    uid = str(product.id)
    document = collection_of(product, layout_of(asked.catalog, uid), extent_of(asked.catalog, uid))
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


def extent_of(catalog: Catalog, product_id: str) -> Extent:
    """Return where and when the images of a product are."""
    images = catalog.images.filter(p.product_id == product_id)
    dated = images.filter(p.acquired.isnotnull)
    first, last = dated.sort("acquired").first(), dated.sort("-acquired").first()
    return Extent(None, None if first is None else first.acquired, None if last is None else last.acquired)
