"""One fork server for all campaigns of a test session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campaigns.harness import Server, Workshop


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bases")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("campaign"), server)
