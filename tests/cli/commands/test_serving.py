"""The command that serves a catalog; tests/serve asks what it serves."""

from __future__ import annotations

import socket
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


def test_a_catalog_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert "none.gpkg" in complaint("serve", tmp_path / "none.gpkg")
    assert list(tmp_path.iterdir()) == []
