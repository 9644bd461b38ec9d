"""The tests run without a network, and the guard that sees to it works."""

from __future__ import annotations

import socket

import pytest


def test_the_network_is_refused() -> None:
    with socket.socket() as plug, pytest.raises(RuntimeError, match="socket.connect: the tests use no network"):
        plug.connect(("127.0.0.1", 9))
    with pytest.raises(RuntimeError, match="socket.getaddrinfo: the tests use no network"):
        socket.getaddrinfo("example.org", 80)
