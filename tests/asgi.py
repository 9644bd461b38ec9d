"""Asks an ASGI application in process, byte for byte as given: no client cleans up what a test sends."""

from __future__ import annotations

import asyncio
import atexit
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode

LOCAL = "localhost:8642"


@functools.cache
def _runner() -> asyncio.Runner:
    """Return one loop for all requests: its threads, each with a connection of its own, are used again."""
    runner = asyncio.Runner()
    atexit.register(runner.close)
    return runner


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """Return the body, which is JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """Asks one application.

    Parameters
    ----------
    app : ASGI application
        Who answers.
    host : str
        The Host of the requests.
    """

    app: Any
    host: str = LOCAL

    def get(self, path: str, headers: Mapping[str, str] | None = None, **query: Any) -> Answer:
        """Ask with GET."""
        return self.ask("GET", path, headers, query)

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask with POST; a body that is not bytes is sent as JSON."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, {"content-type": "application/json", **(headers or {})}, body=sent)

    def document(self, path: str, **query: Any) -> Any:
        """Return the JSON of an answer that is well."""
        answer = self.get(path, **query)
        assert answer.status == 200, answer.body
        return answer.json()

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Send a request; what the path has behind a question mark comes before `query`."""
        return _runner().run(self._ask(method, path, headers or {}, query or {}, body))

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str], query: Mapping[str, Any], body: bytes
    ) -> Answer:
        plain, _, before = path.removeprefix(f"http://{self.host}").partition("?")
        asked = "&".join(one for one in (before, urlencode(query)) if one)
        given = {"host": self.host, **{name.lower(): value for name, value in headers.items()}}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(plain),
            "raw_path": plain.encode(),
            "query_string": asked.encode(),
            "root_path": "",
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items()],
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 8642),
        }
        answer, done = Answer(), asyncio.Event()
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await done.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]}
            else:
                answer.body += message.get("body", b"")
                if not message.get("more_body"):
                    done.set()

        await self.app(scope, receive, send)
        return answer
