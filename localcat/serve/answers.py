"""Answers: documents as JSON, links between them, and errors with an honest status."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from localcat.errors import (
    BadRequestError,
    CatalogLockedError,
    ForbiddenError,
    GoneError,
    ImageDeletedError,
    LocalcatError,
    LocalcatWarning,
    MissingLibraryError,
    NotFoundError,
    QueryTimeoutError,
    StorageFullError,
    TooLargeError,
    UnsafePathError,
)

JSON = "application/json"
GEOJSON = "application/geo+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
SCHEMA = "application/schema+json"

_STATUSES: tuple[tuple[type[BaseException], int], ...] = (  # the first that fits
    (QueryTimeoutError, 503),
    (CatalogLockedError, 503),
    (StorageFullError, 507),
    (UnsafePathError, 403),
    (ImageDeletedError, 410),
    (GoneError, 410),
    (ForbiddenError, 403),
    (NotFoundError, 404),
    (TooLargeError, 413),
    (BadRequestError, 400),
    (LocalcatWarning, 400),  # where warnings are errors: it is about what was asked
    (MissingLibraryError, 501),
    (LocalcatError, 500),
)
_CODES = {400: "BadRequest", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed", 410: "Gone"}
_CODES |= {413: "TooLarge", 416: "RangeNotSatisfiable", 500: "ServerError", 501: "MissingLibrary"}
_CODES |= {503: "TryAgain", 507: "StorageFull"}


def as_json(document: Any, media_type: str = JSON, *, status: int = 200) -> Response:
    """Return a document as JSON."""
    return Response(encoded(document), status, media_type=media_type)


def encoded(document: Any) -> bytes:
    """Return a document as the bytes of JSON.

    Text that cannot be written as UTF-8 is escaped; so are the signs that begin and end HTML, which a browser would
    read if it took the answer for a page.
    """
    text = json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026").encode("ascii")


def failure(status: int, told: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as the STAC API has it: a code for programs, and what happened in words."""
    document = {"code": _CODES.get(status, str(status)), "description": told}
    return Response(encoded(document), status, headers, media_type=JSON)


def failure_of(error: BaseException) -> Response:
    """Return an error of ours as an answer."""
    status = next(status for kind, status in _STATUSES if isinstance(error, kind))
    return failure(status, str(error), {"Retry-After": "1"} if status == 503 else None)


def link(rel: str, href: str, media_type: str = JSON, **more: Any) -> dict[str, Any]:
    """Return a link of STAC."""
    return {"rel": rel, "href": href, "type": media_type, **more}


def part(text: object) -> str:
    """Return a text as one part of the path of an address."""
    return quote(str(text), safe="-._~:")
