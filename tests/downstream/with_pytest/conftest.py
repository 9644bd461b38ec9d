"""Every test notes which process it ran in, so that one can look whether all of them worked."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def note_the_worker() -> Iterator[None]:
    yield
    if "NOTES" in os.environ:
        Path(os.environ["NOTES"], os.environ.get("PYTEST_XDIST_WORKER", "alone")).touch()
