"""What the tests share: real catalogs, small arrays, and no network."""

from __future__ import annotations

import copy
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from localcat import Catalog, Product
from localcat.disk import system
from tests.drawing import register_profiles
from tests.real_data import RASTERS
from tests.small_catalog import META, PIXELS, fill_guide, make_guide
from tests.systems import EMULATED

TESTS = Path(__file__).resolve().parent
collect_ignore = ["downstream"]  # projects of others, which tests/testing/ runs

register_profiles()

_REFUSED = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}


def _refuse_the_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _REFUSED and not (isinstance(arguments[0], socket.socket) and arguments[0].family == _LOCAL):
        raise RuntimeError(f"{event}: the tests use no network, and neither does localcat")


_LOCAL = getattr(socket, "AF_UNIX", None)  # between processes of one machine
sys.addaudithook(_refuse_the_network)


LONGEST = [
    *("search/test_nearest.py", "testing/test_plugin.py", "cli/test_terminal.py", "test_documents.py"),
    *("cli/test_field_day.py", "interop/test_pgstac.py", "models/test_typing.py", "serve/test_real_clients.py"),
    *(
        "rasters/test_datums.py",
        "rasters/test_wraparound.py",
        "interop/test_geoparquet_in.py",
        "models/test_stateful.py",
    ),
    *("search/test_oracle.py", "earth/test_ground.py", "rasters/test_read.py", "sharing/test_merge.py"),
]
"""Files that take more than ten seconds. They begin, so that at the end no process waits for one of them."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files first that take longest."""
    longest = {TESTS / name: position for position, name in enumerate(LONGEST)}
    items.sort(key=lambda item: longest.get(item.path, len(longest)))


def pytest_report_header() -> str:
    """Say which system the tests see."""
    seen = system.sys.platform
    if EMULATED and seen == sys.platform:
        raise pytest.UsageError(f"{EMULATED} is not in place, since localcat was imported before it")
    return f"localcat sees {seen}, {'emulated' if EMULATED else 'as it is'}"


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    with Catalog.temporary(org="acme") as catalog, catalog.as_default():
        yield catalog


@pytest.fixture(scope="session")
def kept_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a closed catalog with the objects of `tests.small_catalog.fill_guide`; only to be copied."""
    folder = tmp_path_factory.mktemp("kept")
    with Catalog.create(folder / "kept.gpkg", org="acme") as catalog:
        fill_guide(catalog)
    return folder


@pytest.fixture
def kept(kept_template: Path, tmp_path: Path) -> Iterator[Catalog]:
    """A catalog on the disk, with the objects of `tests.small_catalog.fill_guide`."""
    shutil.copytree(kept_template, tmp_path, dirs_exist_ok=True)
    with Catalog.open(tmp_path / "kept.gpkg") as catalog:
        yield catalog


@pytest.fixture
def product(catalog: Catalog) -> Product:
    """A product with a spectral band ``blue`` and an alpha band, as in the guide."""
    product = make_guide()
    product.reload()
    return product


@pytest.fixture
def pixels() -> numpy.ma.MaskedArray:
    """One band of 64 rows, of which three are masked, and 48 columns; unequal sides catch swapped axes."""
    return PIXELS.copy()


@pytest.fixture
def meta() -> dict:
    """Georeferencing of `pixels`: 60 m pixels in UTM zone 18 N."""
    return copy.deepcopy(META)


@pytest.fixture(scope="session")
def real_files() -> Path:
    """The folder of real rasters."""
    if not RASTERS.is_dir():
        pytest.skip(f"the real files are not there: {RASTERS}")
    return RASTERS
