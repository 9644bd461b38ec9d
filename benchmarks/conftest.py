"""The catalog that the benchmarks ask: made once, of as many images as LOCALCAT_BENCH_IMAGES says (100,000)."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import generator
from localcat import Catalog, Product

IMAGES = int(os.environ.get("LOCALCAT_BENCH_IMAGES", "100000"))


def make_catalog(path: Path) -> Catalog:
    catalog = Catalog.create(path, org="bench")
    for number in range(generator.PRODUCTS):
        Product(id=generator.product_name(number), name=f"Product {number}", catalog=catalog).save()
    return catalog


@pytest.fixture(scope="session")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A catalog of IMAGES images; kept and used again where LOCALCAT_BENCH_CATALOG names its path."""
    kept = os.environ.get("LOCALCAT_BENCH_CATALOG")
    path = Path(kept) if kept else tmp_path_factory.mktemp("bench") / "big.gpkg"
    if path.exists():
        catalog = Catalog.open(path)
    else:
        catalog = make_catalog(path)
        catalog.add_images(generator.records(IMAGES), progress=False)
    with catalog:
        yield catalog


@pytest.fixture(scope="session")
def plain(big: Catalog) -> Iterator[sqlite3.Connection]:
    """A bare connection to the same file, for hand-written statements; its page cache is as large as ours."""
    connection = sqlite3.connect(big.path, isolation_level=None)
    connection.execute("PRAGMA cache_size = -32000")
    yield connection
    connection.close()
