"""The addresses of the page: the document itself, its files, Leaflet's files, and what its scripts ask."""

from __future__ import annotations

import importlib.resources
import json
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from localcat.errors import require
from localcat.plot.land import land
from localcat.serve.negotiation import PageRoute
from localcat.serve.page import details, drawing, overviews

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from localcat.serve.service import Asked, Service

_STATIC = Path(__file__).parent.parent / "static"
_LEAFLET = "js_lib_leaflet"  # of django-js-lib-leaflet: plain files; importing it needs no Django
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",  # Leaflet puts an empty picture, as data, into tiles that are no longer wanted
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HANDLERS = {
    "catalog": overviews.catalog,
    "counts": overviews.counts,
    "images": overviews.images,
    "explanation": overviews.explanation,
    "snippets": overviews.snippets,
    "drawing": drawing.drawing,
    "image": details.image,
    "image/snippets": details.image_snippets,
}


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of the page.

    Raises
    ------
    MissingLibraryError
        If Leaflet's files are not installed, which the extra ``[serve]`` brings.
    """
    return [
        PageRoute("/", _document),
        Route("/page/land", service.endpoint(_land)),
        *(Route(f"/page/{name}", service.endpoint(handler)) for name, handler in _HANDLERS.items()),
        Mount("/static", StaticFiles(directory=_STATIC)),
        Mount("/leaflet", StaticFiles(directory=_leaflet_folder())),
    ]


def _document(request: Request) -> Response:
    """Return the page, whatever is chosen in its address: its scripts read that, and a name may be there twice."""
    content = (_STATIC / "index.html").read_bytes()
    return Response(content, media_type="text/html", headers={"Content-Security-Policy": _POLICY})


def _land(asked: Asked) -> Response:
    """Return the outline of the land: rings, each a list of longitude and latitude in turns."""
    rings = [ring.round(2).ravel().tolist() for ring in land()]
    return Response(
        json.dumps(rings, separators=(",", ":")),
        media_type="application/json",
        headers={"Cache-Control": "max-age=86400"},
    )


def _leaflet_folder() -> Path:
    require(_LEAFLET, "serve", "for the map of the page")
    return Path(str(importlib.resources.files(_LEAFLET))) / "static" / _LEAFLET
