"""Work for requests: a few at once, and none for a client that has left."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from localcat import Catalog
from localcat.serve.service import Asked, Service

SCOPE = {
    "type": "http",
    "method": "GET",
    "path": "/",
    "query_string": b"",
    "headers": [(b"host", b"localhost")],
    "path_params": {},
    "scheme": "http",
    "server": ("localhost", 80),
}


async def ask(service: Service, handler: Any, left: asyncio.Event) -> list[int]:
    """Ask with a client that leaves at an event; return the statuses that were sent."""
    sent: list[int] = []

    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message.get("status", 0))

    answer = await service.endpoint(handler)(Request(dict(SCOPE), receive))
    await answer(dict(SCOPE), receive, send)
    return sent


def test_work_ends_at_the_next_step_when_the_client_leaves(catalog: Catalog) -> None:
    begun, steps = threading.Event(), []

    def long(asked: Asked) -> Response:
        for number in range(1000):
            begun.set()
            asked.check()
            steps.append(number)
            time.sleep(0.01)
        return Response()

    async def leave() -> list[int]:
        left = asyncio.Event()
        task = asyncio.create_task(ask(Service(catalog), long, left))
        await asyncio.to_thread(begun.wait)
        left.set()
        return await task

    assert asyncio.run(leave())[0] == 499
    assert 0 < len(steps) < 900


def test_what_waits_is_not_begun_for_a_client_that_has_left(catalog: Catalog) -> None:
    go_on, begun = threading.Event(), []

    def slow(asked: Asked) -> Response:
        begun.append("slow")
        go_on.wait(30)
        return Response()

    def late(asked: Asked) -> Response:
        begun.append("late")
        return Response()

    async def leave() -> None:
        service, stays, left = Service(catalog), asyncio.Event(), asyncio.Event()
        running = [asyncio.create_task(ask(service, slow, stays)) for _ in range(8)]
        await asyncio.to_thread(lambda: [time.sleep(0.01) for _ in range(500) if not begun])
        waiting = asyncio.create_task(ask(service, late, left))
        await asyncio.sleep(0.05)
        left.set()
        assert (await waiting)[0] == 499
        go_on.set()
        await asyncio.gather(*running)

    asyncio.run(leave())
    assert begun == ["slow"] * 8
