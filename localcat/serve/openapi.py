"""The OpenAPI document, for programs that read what an API can do, and the same for people."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.responses import HTMLResponse
from starlette.routing import Route

from localcat import __version__
from localcat.serve.answers import GEOJSON, JSON, OPENAPI, SCHEMA, as_json
from localcat.serve.pictures import look, places, previews, tiles
from localcat.serve.stac import question

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from localcat.serve.service import Asked, Service

_PNG, _TIFF, _HTML, _BYTES = "image/png", "image/tiff", "text/html", "application/octet-stream"
_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": "number"}
_NAMES: dict[str, Any] = {"type": "array", "items": _TEXT}
_BOX: dict[str, Any] = {"type": "array", "items": _NUMBER, "minItems": 4, "maxItems": 6}


class _Address(NamedTuple):
    """What is at an address."""

    summary: str
    parameters: tuple[str, ...] = ()
    media_type: str = JSON


_ADDRESSES = {
    "/": _Address("The landing page"),
    "/conformance": _Address("What the API can do"),
    "/api": _Address("This document", media_type=OPENAPI),
    "/api.html": _Address("This document for people", media_type=_HTML),
    "/collections": _Address("Products, as Collections"),
    "/collections/{collection}": _Address("A product, as a Collection"),
    "/collections/{collection}/queryables": _Address("What a filter of its images can ask", media_type=SCHEMA),
    "/collections/{collection}/items": _Address("Images of a product, as Items", question.OF_PRODUCT, GEOJSON),
    "/collections/{collection}/items/{item}": _Address("An image, as an Item", media_type=GEOJSON),
    "/queryables": _Address("What a filter can ask", media_type=SCHEMA),
    "/search": _Address("Images that fit, as Items", question.SEARCH, GEOJSON),
    "/files/{image}/{position}/{name}": _Address("A file of an image; takes Range", media_type=_BYTES),
    "/tiles/image/{image}/{z}/{x}/{y}.png": _Address("A tile of an image", look.PARAMETERS, _PNG),
    "/tiles/product/{product}/{z}/{x}/{y}.png": _Address("A tile of a mosaic", tiles.OF_PRODUCT, _PNG),
    "/preview/{image}.png": _Address("A small picture of an image", previews.OF_PREVIEW, _PNG),
    "/legend/{product}.png": _Address("The colours of a picture as a strip", look.PARAMETERS, _PNG),
    "/legend/{product}.json": _Address("What the colours of a picture mean", look.PARAMETERS),
    "/point/{image}": _Address("The values of an image at a point", places.OF_POINT),
    "/cut/{image}.tif": _Address("A box of an image as GeoTIFF", places.OF_CUT, _TIFF),
}

_PARAMETERS: dict[str, tuple[str, dict[str, Any]]] = {  # by name: what it means, and its schema
    "ids": ("Names of images, or full ids, which have a colon", _NAMES),
    "collections": ("Ids of products", _NAMES),
    "bbox": ("West, south, east, north in degrees; west > east across the antimeridian", _BOX),
    "intersects": ("A GeoJSON geometry", _TEXT),
    "datetime": ("A time of RFC 3339, or two with a slash between; .. is an open end", _TEXT),
    "limit": ("Items of a page", {"type": "integer", "minimum": 1, "maximum": question.MOST, "default": 10}),
    "sortby": ("Names, with a minus for the largest first", _NAMES),
    "fields": ("Parts of Items, with a minus for those to leave out", _NAMES),
    "token": ("Where a page begins; taken from the link to it", _TEXT),
    "filter": ("CQL2", _TEXT),
    "filter-lang": ("How the filter is written", {"type": "string", "enum": ["cql2-text", "cql2-json"]}),
    "filter-crs": ("Of geometries in the filter", {"type": "string", "enum": [question.CRS84]}),
    "bands": ("Names of bands", _NAMES),
    "range": ("What is black and white: low,high for all bands, or low,high;low,high;low,high", _TEXT),
    "resampler": ("How pixels are made on another grid, near by default", _TEXT),
    "cloud": ("The largest cloud_fraction", {"type": "number", "minimum": 0, "maximum": 1}),
    "top": ("Which image is on top", {"type": "string", "enum": list(tiles.TOPS)}),
    "size": ("Pixels of the longer side", {"type": "integer", "minimum": 1, "maximum": previews.LARGEST}),
    "lon": ("Degrees", {"type": "number", "minimum": -180, "maximum": 180}),
    "lat": ("Degrees", {"type": "number", "minimum": -90, "maximum": 90}),
    "resolution": ("The side of a pixel, in units of the crs", _NUMBER),
    "crs": ("Of the file; that of the image by default", _TEXT),
}
_ERRORS = {"4XX": "What was asked is wrong or missing; the text says what", "5XX": "The catalog or the server failed"}


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of this area."""
    return [Route("/api", service.endpoint(_api)), Route("/api.html", service.endpoint(_page))]


def _api(asked: Asked) -> Response:
    asked.query.only()
    document = {
        "openapi": "3.0.3",
        "info": {"title": f"The catalog {asked.catalog.path.stem}", "version": __version__},
        "servers": [{"url": asked.base}],
        "paths": {path: _path(path, address) for path, address in _ADDRESSES.items()},
        "components": {"schemas": {"Error": _ERROR}},
    }
    return as_json(document, OPENAPI)


_ERROR = {
    "type": "object",
    "required": ["code", "description"],
    "properties": {"code": _TEXT, "description": _TEXT},
}


def _path(path: str, address: _Address) -> dict[str, Any]:
    inside = [
        {"name": name, "in": "path", "required": True, "schema": _TEXT} for name in re.findall(r"\{(\w+)\}", path)
    ]
    found = {"get": {**_operation(address), "parameters": [*inside, *map(_parameter, address.parameters)]}}
    if path == "/search":
        schema = {"type": "object", "properties": {name: _in_body(name) for name in address.parameters}}
        found["post"] = {**_operation(address), "requestBody": {"content": {JSON: {"schema": schema}}}}
    return found


def _operation(address: _Address) -> dict[str, Any]:
    wrong = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    schema: dict[str, Any] = {} if "json" in address.media_type else _TEXT
    content = {address.media_type: {"schema": schema}}
    responses: dict[str, Any] = {"200": {"description": address.summary, "content": content}}
    responses |= {status: {"description": told, "content": wrong} for status, told in _ERRORS.items()}
    return {"summary": address.summary, "responses": responses}


def _parameter(name: str) -> dict[str, Any]:
    told, schema = _PARAMETERS[name]
    found = {"name": name, "in": "query", "description": told, "schema": schema}
    return {**found, "style": "form", "explode": False} if schema.get("type") == "array" else found


def _in_body(name: str) -> dict[str, Any]:
    return {"description": _PARAMETERS[name][0]} if name in _OF_ANY_TYPE else _PARAMETERS[name][1]


_OF_ANY_TYPE = ("intersects", "filter", "fields", "sortby")  # objects in a body, as their extensions say


def _page(asked: Asked) -> Response:
    asked.query.only()
    name = html.escape(asked.catalog.path.stem)
    addresses = (_row(f"<code>{html.escape(path)}</code>", *_told(one)) for path, one in _ADDRESSES.items())
    meanings = (_row(f"<code>{one}</code>", told) for one, (told, _) in _PARAMETERS.items())
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title><h1>The API of {name}</h1>'
        f"<h2>Addresses</h2><table>{''.join(addresses)}</table>"
        f"<h2>Parameters</h2><table>{''.join(meanings)}</table></html>"
    )


def _told(address: _Address) -> tuple[str, str]:
    return address.summary, ", ".join(f"<code>{name}</code>" for name in address.parameters)


def _row(*cells: str) -> str:
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
