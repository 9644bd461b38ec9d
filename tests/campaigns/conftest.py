"""One fork server for all campaigns of a test session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.campaigns.harness import Server, Workshop
from tests.campaigns.report import Tally


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("campaign"), server)


@pytest.fixture(scope="module")
def with_log(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Workshop:
    """Catalogs with a write-ahead log."""
    return Workshop(tmp_path_factory.mktemp("log"), server, "wal")


@pytest.fixture
def tally(capsys: pytest.CaptureFixture[str]) -> Tally:
    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}", end="", flush=True)

    return Tally(say)
