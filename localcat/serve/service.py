"""What each area of routes is given: the catalog, and threads in which its handlers run, a few at once."""

from __future__ import annotations

import functools
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

import anyio
import anyio.from_thread
import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response

from localcat.catalog import Catalog
from localcat.errors import TooLargeError
from localcat.serve.answers import failure
from localcat.serve.parameters import Parameters, body_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

T = TypeVar("T")

_MOST_AT_ONCE = max(2, min(os.cpu_count() or 2, 8))  # handlers that run
_MOST_UNSENT = 32  # answers in memory, those included that are being made: a client may take long to read one
_SECONDS_TO_SEND = 30  # the body of a request
_MOST_WAITING = 512  # and that wait for their turn
_LONGEST_BODY = 2**20  # bytes of a request
_CLIENT_LEFT = 499  # the status of an answer that nobody reads


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as a handler sees it.

    Parameters
    ----------
    catalog : Catalog
        What is served.
    base : str
        The address of the service, without a slash at the end.
    path : mapping of str
        The parts of the path that have names; a part may have slashes in it, which were percent-encoded.
    query : Parameters
        What is behind the question mark.
    headers : mapping of str
        By name in small letters.
    body : mapping, optional
        The JSON of a POST; None for other requests.
    """

    catalog: Catalog
    base: str
    path: dict[str, str]
    query: Parameters
    headers: Mapping[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None

    def check(self) -> None:
        """Stop the work if the client has left; for handlers to call between the steps of something long."""
        anyio.from_thread.check_cancelled()


Handler = Callable[[Asked], Response]


@dataclass(slots=True)
class Service:
    """A catalog, and the threads in which requests about it are answered.

    Parameters
    ----------
    catalog : Catalog
        What is served.
    """

    catalog: Catalog
    _turns: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_MOST_AT_ONCE))
    _unsent: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_MOST_UNSENT))

    def endpoint(self, handler: Handler) -> Callable[[Request], Awaitable[ASGIApp]]:
        """Return what starlette calls for a route: it runs a handler in a thread, and stops when the client leaves."""

        async def answer(request: Request) -> ASGIApp:
            if self._unsent.statistics().tasks_waiting >= _MOST_WAITING:
                told = "too many requests wait for their turn; ask again in a second"
                return failure(503, told, {"Retry-After": "1"})
            try:
                body = body_of(await _bounded_body(request)) if request.method == "POST" else None
            except ClientDisconnect:
                return Response(status_code=_CLIENT_LEFT)
            asked = Asked(
                self.catalog,
                str(request.base_url).rstrip("/"),
                {name: unquote(text) for name, text in request.path_params.items()},
                Parameters(request.query_params.multi_items()),
                request.headers,
                body,
            )
            place = object()  # of the answer, among those that are not sent yet
            await self._unsent.acquire_on_behalf_of(place)
            try:
                found = await self.run(request, functools.partial(handler, asked))
            except BaseException:
                self._unsent.release_on_behalf_of(place)
                raise
            return _Sent(
                Response(status_code=_CLIENT_LEFT) if found is None else found,
                functools.partial(self._unsent.release_on_behalf_of, place),
            )

        return answer

    async def run(self, request: Request, work: Callable[[], T]) -> T | None:
        """Run a function in a thread; None if the client left meanwhile."""
        found: list[T] = []
        failed: list[Exception] = []

        def outcome() -> None:
            try:
                found.append(work())
            except Exception as error:  # noqa: BLE001  # raised below, outside of the group, which would wrap it
                failed.append(error)

        async with anyio.create_task_group() as group:
            group.start_soon(_cancel_when_left, request, group.cancel_scope)
            await anyio.to_thread.run_sync(outcome, limiter=self._turns)
            group.cancel_scope.cancel()
        if failed:
            raise failed[0]
        return found[0] if found else None


class _Sent:
    """An answer that says when it is out of memory: when it is sent, or before, if it is a file."""

    def __init__(self, answer: Response, release: Callable[[], None]) -> None:
        self._answer = answer
        self._release = release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_file = isinstance(self._answer, FileResponse)
        if is_file:
            self._release()
        try:
            await self._answer(scope, receive, send)
        finally:
            if not is_file:
                self._release()


async def _cancel_when_left(request: Request, scope: anyio.CancelScope) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _bounded_body(request: Request) -> bytes:
    body = bytearray()
    with anyio.move_on_after(_SECONDS_TO_SEND):
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LONGEST_BODY:
                raise TooLargeError(f"the body of a request has at most {_LONGEST_BODY:,} bytes; ask for less at once")
        return bytes(body)
    raise HTTPException(408, f"the body of the request did not come within {_SECONDS_TO_SEND} seconds; send it again")
