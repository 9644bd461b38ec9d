"""What a filter can ask: the attributes of images, and the keys that were seen in their extra properties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from localcat.expressions.cql2.item_names import EXTRA, name_of
from localcat.expressions.fields import Kind
from localcat.expressions.nodes import Ref
from localcat.expressions.properties import properties as p
from localcat.models.image import Image
from localcat.serve.answers import SCHEMA, as_json
from localcat.serve.stac.collections import collection_url, product_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from localcat.search import ImageSearch
    from localcat.serve.service import Asked, Service

_SEEN = 1000  # images from either end of a product whose extra properties are looked into
_MOST_KEYS = 1000
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TYPES: dict[Kind, dict[str, Any]] = {
    Kind.TEXT: {"type": "string"},
    Kind.NUMBER: {"type": "number"},
    Kind.TIMESTAMP: {"type": "string", "format": "date-time"},
    Kind.LIST: {"type": "array", "items": {"type": "string"}},
    Kind.GEOMETRY: {"$ref": "https://geojson.org/schema/Geometry.json"},
}
_OF_VALUES = {str: "string", bool: "boolean", int: "number", float: "number", list: "array", dict: "object"}


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of this area."""
    return [
        Route("/queryables", service.endpoint(_everywhere)),
        Route("/collections/{collection}/queryables", service.endpoint(_of_product)),
    ]


def _everywhere(asked: Asked) -> Response:
    asked.query.only()
    return _answer(f"{asked.base}/queryables", "Of all images", asked.catalog.images)


def _of_product(asked: Asked) -> Response:
    asked.query.only()
    product = product_of(asked)
    images = asked.catalog.images.filter(p.product_id == product.id)
    return _answer(f"{collection_url(asked, str(product.id))}/queryables", f"Of {product.name}", images)


def _answer(url: str, title: str, images: ImageSearch) -> Response:
    document = {
        "$schema": _DRAFT,
        "$id": url,
        "type": "object",
        "title": title,
        "description": f"Attributes of images, and keys seen in the extra properties of the first and last {_SEEN:,}.",
        "properties": {**_attributes(), **_extra(images)},
        "additionalProperties": True,
    }
    return as_json(document, SCHEMA)


def _attributes() -> dict[str, Any]:
    fields = Image.fields()
    found: dict[str, dict[str, Any]] = {}
    for name in fields:
        if fields[name].kind is Kind.MAPPING:
            continue
        said = name_of(Ref(name))
        found[said] = {"title": name.replace("_", " "), **_TYPES[fields[name].kind]}
    found["eo:cloud_cover"] = {"title": "clouds, percent", "type": "number", "minimum": 0, "maximum": 100}
    return found


def _extra(images: ImageSearch) -> dict[str, Any]:
    kinds: dict[str, set[str]] = {}
    for extra in _looked_into(images):
        for key, value in extra.items():
            if len(kinds) < _MOST_KEYS or key in kinds:
                kinds.setdefault(key, set()).add(_OF_VALUES.get(type(value), "null"))
    return {name_of(Ref(EXTRA, (key,))): _schema(kinds[key] - {"null"}) for key in sorted(kinds) if key}


def _looked_into(images: ImageSearch) -> Iterator[Mapping[str, Any]]:
    for order in ("id", "-id"):
        for image in images.sort(order).limit(_SEEN):
            yield image.extra_properties or {}


def _schema(kinds: set[str]) -> dict[str, Any]:
    return {} if not kinds else {"type": next(iter(kinds)) if len(kinds) == 1 else sorted(kinds)}
