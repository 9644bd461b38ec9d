"""What every request goes through: it must be meant for this server, and no page of elsewhere may read the answer.

A page of any site can have a browser ask the loopback. It can have its own name point there, too (DNS rebinding), and
then it counts as the same site: so the ``Host`` of a request has to be a name of this machine.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response

from localcat.serve.answers import failure

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOG = logging.getLogger("localcat")

ANY_ADDRESS = "*"
"""Among the hosts of a `Guard`: any address in numbers, which no name can be made to point to."""

_HOST = re.compile(r"(?P<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
_LOOPBACK_ORIGIN = re.compile(r"https?://(localhost|[A-Za-z0-9-]+\.localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?")
_LONGEST_PATH = 4096  # bytes
_PART = 2**16  # bytes of an answer that are sent at once; the next when the client has taken most of them
_SECONDS_TO_TAKE = 30  # a part; who takes longer has left, or holds the server up
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
    "X-Frame-Options": "DENY",
}
_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"  # of what is not a page
_ALLOWED = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, Range, If-None-Match, If-Range",
    "Access-Control-Max-Age": "600",
}
_EXPOSED = "Content-Range, Accept-Ranges, Content-Length, ETag, Retry-After, Content-Disposition"


class Guard:
    """The outermost layer of the application.

    Parameters
    ----------
    app : ASGI application
        What answers.
    hosts : iterable of str
        The names that the server has, without a port; `ANY_ADDRESS` stands for all addresses in numbers.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.strip("[]").lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        is_near = origin is not None and _LOOPBACK_ORIGIN.fullmatch(origin) is not None

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    answer[name] = value
                answer.setdefault("Content-Security-Policy", _POLICY)
                answer.add_vary_header("Origin")
                if is_near:
                    answer["Access-Control-Allow-Origin"] = str(origin)
                    answer["Access-Control-Expose-Headers"] = _EXPOSED
                await send(message)
                return
            body = message.get("body", b"")
            for start in range(0, max(len(body), 1), _PART):
                more = message.get("more_body", False) or start + _PART < len(body)
                with anyio.fail_after(_SECONDS_TO_TAKE):
                    await send({**message, "body": body[start : start + _PART], "more_body": more})

        try:
            await self._answer(scope, receive, send_guarded, self._refused(scope, headers, origin, is_near=is_near))
        except TimeoutError:  # of a part, in an answer that cannot become another one any more
            _LOG.warning("a client took an answer too slowly, and was left: %s", headers.get("host"))

    async def _answer(self, scope: Scope, receive: Receive, send: Send, refused: Response | None) -> None:
        if refused is not None:
            await refused(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await Response(status_code=204, headers=_ALLOWED)(scope, receive, send)
        else:
            # As it was sent: `a%2Fb` is one part of a path, and an id; it is decoded behind the routes.
            raw = scope.get("raw_path") or quote(scope["path"]).encode("ascii")
            await self._app({**scope, "path": raw.decode("latin-1")}, receive, send)

    def _refused(self, scope: Scope, headers: Headers, origin: str | None, *, is_near: bool) -> Response | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_own(hosts[0]):
            told = f"the Host {', '.join(hosts)!r:.200} is not a name of this server"
            return failure(403, f"{told}; use http://localhost, or start it with --host and the name")
        own = f"{scope['scheme']}://{hosts[0]}".lower()
        if origin is not None and not is_near and origin.lower() != own:
            return failure(403, f"pages of {origin!r:.200} may not ask this server; only those of this machine may")
        if len(scope.get("raw_path") or b"") > _LONGEST_PATH:
            return failure(414, f"the path of an address has at most {_LONGEST_PATH:,} bytes")
        return None

    def _is_own(self, host: str) -> bool:
        read = _HOST.fullmatch(host)
        if read is None:
            return False
        name = read["name"].strip("[]").lower()
        if name in self._hosts:
            return True
        if ANY_ADDRESS not in self._hosts:
            return False
        try:
            ip_address(name)
        except ValueError:
            return False
        return True
