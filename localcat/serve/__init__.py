"""A catalog over HTTP on the loopback: a STAC API, files, tiles, pictures, and a page. It only reads.

`app` is the application, for any ASGI server and for tests in process; ``localcat serve`` runs it. Importing this
module loads neither starlette nor uvicorn.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from localcat.catalog import Catalog

__all__ = ["app"]

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""The names under which a machine calls itself."""


def app(catalog: Catalog, *, hosts: Iterable[str] = LOOPBACK) -> ASGIApp:
    """Return the ASGI application that serves a catalog.

    Parameters
    ----------
    catalog : Catalog
        Open it with ``read_only=True``, and with ``trusted=False`` if it is from a stranger. It is not closed.
    hosts : iterable of str
        The names, without a port, that the ``Host`` of a request may be; others are refused.

    Raises
    ------
    MissingLibraryError
        If starlette is not installed, which the extra ``[serve]`` brings.

    Examples
    --------
    >>> import localcat.serve
    >>> with localcat.Catalog.temporary() as catalog:
    ...     application = localcat.serve.app(catalog)
    """
    from localcat.errors import require

    require("starlette", "serve", "to serve a catalog")
    from localcat.serve.application import application  # brings starlette

    return application(catalog, hosts=hosts)
