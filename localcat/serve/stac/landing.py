"""The landing page of the STAC API, and what it conforms to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from localcat.serve.answers import GEOJSON, JSON, OPENAPI, SCHEMA, as_json, link
from localcat.serve.stac.collections import product_links

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from localcat.serve.service import Asked, Service

VERSION = "1.1.0"
"""Of STAC, as Items and Collections have it."""

_STAC_API = "https://api.stacspec.org/v1.0.0"
_FEATURES = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf"
_OF_FILTERS = ("queryables", "filter", "features-filter")
_OF_CQL2 = (
    "cql2-text",
    "cql2-json",
    "basic-cql2",
    "advanced-comparison-operators",
    "case-insensitive-comparison",
    "accent-insensitive-comparison",
    "basic-spatial-functions",
    "spatial-functions",
    "temporal-functions",
    "array-functions",
    "property-property",
    "arithmetic",
)
CONFORMANCE = (
    f"{_STAC_API}/core",
    f"{_STAC_API}/collections",
    f"{_STAC_API}/ogcapi-features",
    f"{_STAC_API}/item-search",
    f"{_STAC_API}/item-search#sort",
    f"{_STAC_API}/ogcapi-features#sort",
    f"{_STAC_API}/item-search#fields",
    f"{_STAC_API}/ogcapi-features#fields",
    f"{_STAC_API}-rc.3/item-search#filter",
    f"{_STAC_API}/item-search#filter",
    *(f"{_FEATURES}/{name}" for name in ("core", "geojson", "oas30")),
    *(f"http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/{name}" for name in _OF_FILTERS),
    *(f"http://www.opengis.net/spec/cql2/1.0/conf/{name}" for name in _OF_CQL2),
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
        link("service-desc", f"{base}/api", OPENAPI, title="The OpenAPI document"),
        link("service-doc", f"{base}/api.html", "text/html", title="The same for people"),
        link("data", f"{base}/collections", title="Products, as Collections"),
        link("search", f"{base}/search", GEOJSON, method="GET", title="Search for images, as Items"),
        link("search", f"{base}/search", GEOJSON, method="POST", title="Search for images, as Items"),
        link("http://www.opengis.net/def/rel/ogc/1.0/queryables", f"{base}/queryables", SCHEMA, title="For filters"),
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
