"""The landing page of the STAC API, and what it conforms to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from localcat.serve.answers import GEOJSON, JSON, as_json, link
from localcat.serve.stac.collections import product_links

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from localcat.serve.service import Asked, Service

VERSION = "1.1.0"
"""Of STAC, as Items and Collections have it."""

_STAC_API = "https://api.stacspec.org/v1.0.0"
_FEATURES = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf"
CONFORMANCE = (
    f"{_STAC_API}/core",
    f"{_STAC_API}/collections",
    f"{_STAC_API}/ogcapi-features",
    f"{_STAC_API}/item-search",
    f"{_FEATURES}/core",
    f"{_FEATURES}/geojson",
)


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of this area."""
    return [
        Route("/", service.endpoint(_landing)),
        Route("/conformance", service.endpoint(_conformance)),
    ]


def _landing(asked: Asked) -> Response:
    asked.query.only()
    base = asked.base
    links = [
        link("self", f"{base}/", title="This page"),
        link("root", f"{base}/", title="This page"),
        link("conformance", f"{base}/conformance", title="What this API can do"),
        link("data", f"{base}/collections", title="Products, as Collections"),
        link("search", f"{base}/search", GEOJSON, method="GET", title="Search for images, as Items"),
        link("search", f"{base}/search", GEOJSON, method="POST", title="Search for images, as Items"),
        *product_links(asked, "child"),
    ]
    name = asked.catalog.path.stem
    document: dict[str, Any] = {
        "type": "Catalog",
        "stac_version": VERSION,
        "id": name,
        "title": name,
        "description": f"Products and images of {name}",
        "conformsTo": list(CONFORMANCE),
        "links": links,
    }
    answer = as_json(document)
    answer.headers["Vary"] = "Accept"
    return answer


def _conformance(asked: Asked) -> Response:
    asked.query.only()
    return as_json({"conformsTo": list(CONFORMANCE)}, JSON)
