"""The tiny Earth, and a client of its application in this process, for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcat import Catalog
from localcat.serve import app
from localcat.testing import earth
from tests.asgi import Client


@pytest.fixture(scope="module")
def tiny() -> Iterator[Catalog]:
    with earth() as catalog:
        yield catalog


@pytest.fixture(scope="module")
def client(tiny: Catalog) -> Client:
    return Client(app(tiny))
