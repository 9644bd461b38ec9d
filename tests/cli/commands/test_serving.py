"""The command that serves a catalog; tests/serve asks what it serves."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from localcat import Catalog
from tests.shell import complaint


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.7", "example.org", "::"])
def test_other_machines_are_let_in_only_by_who_knows(catalog: Catalog, host: str) -> None:
    told = complaint("serve", "--host", host, catalog=catalog, status=2)
    assert told.startswith(
        f"--host {host} lets other machines read all of the catalog, without a password; add --i-know"
    )


def test_a_port_that_is_taken_is_told(kept: Catalog) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = complaint("serve", kept.path, "--port", port)
    assert told.startswith(f"nothing can listen at port {port} of '127.0.0.1': ")
    assert told.endswith("; choose another with --port, or 0 for one that is free")


def test_an_address_that_is_elsewhere_is_told(kept: Catalog) -> None:
    told = complaint("serve", kept.path, "--port", 0, "--host", "203.0.113.9", "--i-know")
    assert told.startswith("nothing can listen at port 0 of '203.0.113.9': ")
    assert told.endswith("; --host is an address of this machine")


BROWSER = """
import http.client, sys
from urllib.parse import urlsplit
asked = http.client.HTTPConnection(urlsplit(sys.argv[1]).netloc, timeout=20)
asked.request("GET", "/")
print("the browser has", asked.getresponse().status)
"""


def test_a_browser_in_the_terminal_gets_the_page(kept: Catalog, tmp_path: Path) -> None:
    browser = tmp_path / "browser.py"
    browser.write_text(BROWSER)
    opener = f"{shlex.quote(Path(sys.executable).as_posix())} {shlex.quote(browser.as_posix())} %s"
    words = [sys.executable, "-m", "localcat", "serve", str(kept.path), "--port", "0", "--open"]
    env = {**os.environ, "BROWSER": opener}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=env) as server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("http://127.0.0.1:")
        assert server.stdout.readline() == "the browser has 200\n"
        server.terminate()


def test_an_ipv6_address_may_be_in_brackets(tmp_path: Path) -> None:
    told = complaint("serve", tmp_path / "none.gpkg", "--host", "[2001:db8::1]", status=2)
    assert told.startswith("--host 2001:db8::1 lets other machines read")
    assert "none.gpkg" in complaint("serve", tmp_path / "none.gpkg", "--host", "[::1]")  # the loopback: let in


def test_a_catalog_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert "none.gpkg" in complaint("serve", tmp_path / "none.gpkg")
    assert list(tmp_path.iterdir()) == []
