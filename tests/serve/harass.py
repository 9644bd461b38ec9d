"""A program that harasses a server as no browser would, and prints what it saw, as JSON.

It runs in a process of its own, since the tests themselves may not connect to anything.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

HOST, PORT = "127.0.0.1", int(sys.argv[1])
BIG = "/search?limit=10000"
TILE = "/tiles/image/tiny:optical:alps-1/12/2150/1442.png"
RAW = [
    b"GET\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
    b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 2_000_000,
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
]


def connected() -> socket.socket:
    return socket.create_connection((HOST, PORT), timeout=60)


def request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost:{PORT}\r\nConnection: close\r\n\r\n".encode()


def status_of(sent: bytes) -> str:
    """Return the status of an answer; nothing if the server closed the connection without one."""
    with connected() as plug:
        with suppress(OSError):
            plug.sendall(sent)
        plug.settimeout(60)
        received = b""
        with suppress(OSError):
            while chunk := plug.recv(65536):
                received += chunk
                if b"\r\n\r\n" in received:  # the headers, which say enough
                    break
    return received.split(b" ", 2)[1].decode() if received.startswith(b"HTTP/1.1 ") else ""


def at_once(path: str, count: int) -> dict[str, int]:
    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(lambda _: status_of(request(path)), range(count)))


def while_held(count: int, sent: bytes) -> dict[str, Any]:
    """Ask something small while many connections have sent something, and take no answer."""
    plugs = [connected() for _ in range(count)]
    for plug in plugs:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plug.sendall(sent)
    time.sleep(0.5)
    started = time.monotonic()
    status = status_of(request("/conformance"))
    seconds = time.monotonic() - started
    for plug in plugs:
        plug.close()
    return {"status": status, "seconds": seconds}


if __name__ == "__main__":
    seen: dict[str, Any] = {"raw": [status_of(one) for one in RAW]}
    seen["at_once"] = at_once("/search?limit=5", 200)
    seen["tiles_at_once"] = at_once(TILE, 20)
    seen["slow_headers"] = while_held(100, b"GET /search HTTP/1.1\r\nHo")
    seen["slow_bodies"] = while_held(20, b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{")
    seen["slow_readers"] = while_held(20, request(BIG))
    seen["after"] = status_of(request("/conformance"))
    print(json.dumps(seen))
