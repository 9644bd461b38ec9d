"""Images as Items, one by one, by product, and by search."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from localcat.errors import NotFoundError
from localcat.expressions.properties import properties as p
from localcat.interop.stac.assets import Layout, layout_of, location_of
from localcat.interop.stac.items import stac_item
from localcat.serve.answers import GEOJSON, as_json, encoded, link, part
from localcat.serve.files import url_of
from localcat.serve.kept import WhileUnchanged
from localcat.serve.stac.collections import collection_url, product_of
from localcat.serve.stac.paging import Order
from localcat.serve.stac.question import OF_PRODUCT, SEARCH, Question

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from localcat.models.attributes.values import File
    from localcat.models.image import Image
    from localcat.search import ImageSearch
    from localcat.serve.service import Asked, Service

_LARGEST_PAGE = 4 * 2**20  # bytes; a page ends before its limit where its Items are that large
_STRUCTURAL = {"root", "parent", "self", "collection"}


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of this area."""
    counts: WhileUnchanged[int] = WhileUnchanged()
    return [
        Route("/search", service.endpoint(functools.partial(_search, counts)), methods=["GET", "POST"]),
        Route("/collections/{collection}/items", service.endpoint(functools.partial(_items, counts))),
        Route("/collections/{collection}/items/{item}", service.endpoint(_item)),
    ]


class Items:
    """Makes Items of images, as `Image.to_stac_item` does, with addresses of this service."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._layouts: dict[str, Layout] = {}

    def of(self, image: Image) -> dict[str, Any]:
        """Return an image as an Item."""
        product_id = str(image.product_id)
        if product_id not in self._layouts:
            self._layouts[product_id] = layout_of(self._asked.catalog, product_id)
        layout = self._layouts[product_id]
        item = stac_item(image, layout, locate=self._locate)
        for position, file in enumerate(image.files or []):
            asset = (item.get("assets") or {}).get(layout.key_of(position))
            if isinstance(asset, dict) and location_of(file, image) is not None:
                asset["href"] = self._locate(file, image)
        own = collection_url(self._asked, product_id)
        item["id"], item["collection"] = str(image.name), product_id
        item["links"] = [
            link("self", f"{own}/items/{part(image.name)}", GEOJSON),
            link("root", f"{self._asked.base}/"),
            link("parent", own),
            link("collection", own),
            *(one for one in item.get("links") or [] if isinstance(one, dict) and one.get("rel") not in _STRUCTURAL),
        ]
        return item

    def _locate(self, file: File, image: Image) -> str:
        path = location_of(file, image)
        if path is None:
            return file.href or file.provider_href or ""
        return url_of(self._asked.base, image, (image.files or []).index(file), path)


def _item(asked: Asked) -> Response:
    asked.query.only()
    product, name = product_of(asked), asked.path["item"]
    found = asked.catalog.images.filter(p.product_id == product.id).filter(p.name == name).first()
    if found is None:
        raise NotFoundError(f"there is no item {name!r:.300} in collection '{product.id}'")
    return as_json(Items(asked).of(found), GEOJSON)


def _items(counts: WhileUnchanged[int], asked: Asked) -> Response:
    asked.query.only(*OF_PRODUCT)
    product = product_of(asked)
    question = Question.of_query(asked.query)
    url = f"{collection_url(asked, str(product.id))}/items"
    search = question.search(asked.catalog.images.filter(p.product_id == product.id))
    return _page(counts, asked, question, search, url)


def _search(counts: WhileUnchanged[int], asked: Asked) -> Response:
    if asked.body is None:
        asked.query.only(*SEARCH)
        question = Question.of_query(asked.query)
    else:
        question = Question.of_body(asked.body)
    return _page(counts, asked, question, question.search(asked.catalog.images), f"{asked.base}/search")


def _page(counts: WhileUnchanged[int], asked: Asked, question: Question, search: ImageSearch, url: str) -> Response:
    order, wanted = Order(question.sorting), question.wanted
    made, size, has_more = Items(asked), 0, False
    features: list[dict[str, Any]] = []
    last: Image | None = None
    for image in order.after(search, question.token, question.limit + 1):
        if len(features) == question.limit or size > _LARGEST_PAGE:
            has_more = True
            break
        asked.check()
        feature = wanted.of_item(made.of(image))
        size += len(encoded(feature))
        features.append(feature)
        last = image
    links = [link("root", f"{asked.base}/"), link("self", url, GEOJSON)]
    if has_more and last is not None:
        links.append(question.next_link(url, order.token_of(last)))
    document = {
        "type": "FeatureCollection",
        "features": features,
        "links": links,
        "numberMatched": counts.of(asked.catalog, f"{url} {question.is_about}", search.count),
        "numberReturned": len(features),
    }
    return as_json(document, GEOJSON)
