"""The application: the routes of all areas behind the guard, and errors as answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from localcat.errors import LocalcatError, LocalcatWarning
from localcat.serve import answers, files, openapi
from localcat.serve.guard import Guard
from localcat.serve.page import site
from localcat.serve.pictures import places, previews, tiles
from localcat.serve.service import Service
from localcat.serve.stac import collections, items, landing, queryables

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from localcat.catalog import Catalog

# Each has `routes(service)`; the first route that fits answers.
AREAS = (site, landing, collections, queryables, items, files, tiles, previews, places, openapi)


def application(catalog: Catalog, *, hosts: Iterable[str]) -> ASGIApp:
    """Return the application; `localcat.serve.app` says more."""
    service = Service(catalog)
    inner = Starlette(
        routes=[route for area in AREAS for route in area.routes(service)],
        exception_handlers={
            LocalcatError: _tell,
            LocalcatWarning: _tell,
            HTTPException: _tell_of_http,
            Exception: _tell_fault,
        },
    )
    return Guard(inner, hosts)


async def _tell(request: Request, error: Exception) -> Response:
    return answers.failure_of(error)


async def _tell_of_http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    path = request.url.path
    told = {404: f"there is nothing at {path!r:.300}", 405: f"{request.method} is not possible at {path!r:.300}"}
    return answers.failure(error.status_code, told.get(error.status_code, str(error.detail)), error.headers)


async def _tell_fault(request: Request, error: Exception) -> Response:
    return answers.failure(500, f"a fault of localcat itself, {type(error).__name__}; the log of the server has it")
