"""The server itself: uvicorn on a socket of this machine."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from localcat.errors import StorageError, require
from localcat.serve import LOOPBACK, app

if TYPE_CHECKING:
    from localcat.catalog import Catalog

ANY = ("", "0.0.0.0", "::")  # noqa: S104  # names for all addresses of a machine; no socket is bound here
_SECONDS_TO_END = 3  # for requests that run when the server is stopped


def run(
    catalog: Catalog,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    names: Iterable[str] = (),
    ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve a catalog until Ctrl-C.

    Parameters
    ----------
    catalog : Catalog
        Open it with ``read_only=True``.
    host : str
        The address to listen at. Everybody who can reach one that is not of the loopback can read all of the catalog.
    port : int
        0 for one that is free.
    names : iterable of str
        More names that the ``Host`` of a request may be.
    ready : callable
        Is told the address when the server listens.

    Raises
    ------
    StorageError
        If nothing can listen at this address and port.
    MissingLibraryError
        If uvicorn or starlette is not installed, which the extra ``[serve]`` brings.
    """
    require("uvicorn", "serve", "to serve a catalog")
    import uvicorn  # brings asyncio, which no other command needs

    from localcat.serve.connections import Impatient  # brings uvicorn

    hosts = _hosts(host, names)
    application = app(catalog, hosts=hosts)
    with _listening(host, port) as listening:
        config = uvicorn.Config(
            application,
            log_level="error",  # a request that is no HTTP is nothing to tell
            access_log=False,
            lifespan="off",
            ws="none",
            http=Impatient,
            proxy_headers=False,  # whoever asks could say with them that it is somebody else
            server_header=False,
            timeout_graceful_shutdown=_SECONDS_TO_END,
        )
        ready(_url(listening))
        try:
            uvicorn.Server(config).run(sockets=[listening])
        except KeyboardInterrupt:  # which uvicorn raises again, after it has ended what ran
            return


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address or a name."""
    from ipaddress import ip_address  # not needed to import the command

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _hosts(host: str, names: Iterable[str]) -> list[str]:
    from localcat.serve.guard import ANY_ADDRESS  # brings starlette

    known = [*LOOPBACK, *names]
    if host in ANY:
        return [*known, ANY_ADDRESS, socket.gethostname()]
    return [*known, host]


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=512)
    except (OSError, OverflowError, UnicodeError) as error:
        is_elsewhere = isinstance(error, UnicodeError | socket.gaierror) or error.args[0] == errno.EADDRNOTAVAIL
        advice = "choose another with --port, or 0 for one that is free"
        if is_elsewhere:
            advice = "--host is an address of this machine"
        raise StorageError(f"nothing can listen at port {port} of {host!r}: {error}; {advice}") from error


def _url(listening: socket.socket) -> str:
    address, port = listening.getsockname()[:2]
    name = "localhost" if address in ANY else f"[{address}]" if ":" in address else address
    return f"http://{name}:{port}/"
