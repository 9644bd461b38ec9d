"""Two catalogs that began as one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localcat import Catalog
from tests.small_catalog import fill_guide


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as made:
        fill_guide(made)
        yield made


@pytest.fixture
def theirs(ours: Catalog, tmp_path: Path) -> Iterator[Catalog]:
    (tmp_path / "theirs").mkdir()
    ours.backup(tmp_path / "theirs" / "stick.gpkg", progress=False)
    with Catalog.open(tmp_path / "theirs" / "stick.gpkg") as copy:
        yield copy
