"""Loads that are large beside the catalog: their entries of the space-time index are written together."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from localcat import Catalog, Image
from localcat.store.file import schema
from localcat.store.rtree import write
from tests.small_catalog import make_product

PLACE = (-20.0, -20.0, 30.0, 30.0)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ten entries be many."""
    monkeypatch.setattr(write, "_FEWEST_PACKED", 10)


def records(first: int, count: int) -> Iterator[dict[str, Any]]:
    """Yield seeded images, of which some have no footprint, or no time."""
    for number in range(first, first + count):
        chance = random.Random(number)
        west, south = chance.uniform(-170, 170), chance.uniform(-80, 80)
        yield {
            "id": f"acme:one:i{number:05}",
            "geometry": None if number % 11 == 0 else (west, south, west + 2, south + 3),
            "acquired": None if number % 7 == 0 else f"20{10 + number % 15}-05-06",
        }


def found_by_hand(catalog: Catalog) -> list[str]:
    west, south, east, north = PLACE
    inside = []
    for image in catalog.images:
        if image.geometry is not None:
            bounds = image.geometry.bounds
            if bounds[2] >= west and bounds[0] <= east and bounds[3] >= south and bounds[1] <= north:
                inside.append(image.id)
    return inside


def check(catalog: Catalog, count: int) -> None:
    assert catalog.images.count() == count
    assert catalog.verify().ok
    assert catalog.images.intersects(PLACE).ids() == found_by_hand(catalog)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("on_conflict", ["error", "replace"])
def test_loads_of_all_sizes_are_found(catalog: Catalog, on_conflict: str) -> None:
    make_product("one")
    total = 0
    for count in (2500, 5, 700, 4000):  # many in an empty catalog, few, fewer than there are, more than there are
        assert catalog.add_images(records(total, count), on_conflict=on_conflict).added == count
        total += count
        check(catalog, total)


@pytest.mark.usefixtures("few")
def test_a_load_may_replace_its_own_images(catalog: Catalog) -> None:
    make_product("one")
    report = catalog.add_images([*records(0, 2500), *records(100, 50)], on_conflict="replace")
    assert (report.added, report.replaced) == (2500, 50)
    check(catalog, 2500)


@pytest.mark.usefixtures("few")
def test_more_entries_than_may_wait_are_written_in_parts(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "MOST_PACKED", 1000)
    make_product("one")
    catalog.add_images(records(0, 6000))
    check(catalog, 6000)


@pytest.mark.usefixtures("few")
def test_a_load_that_fails_leaves_the_index_as_it_was(catalog: Catalog) -> None:
    make_product("one")
    catalog.add_images(records(0, 30))
    with pytest.raises(RuntimeError, match="enough"), catalog.transaction():
        catalog.add_images(records(30, 100))
        raise RuntimeError("enough")
    check(catalog, 30)


@pytest.mark.usefixtures("few")
def test_small_pages_have_small_nodes(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "a.gpkg", org="acme") as catalog:
        make_product("one", catalog=catalog)
    with closing(sqlite3.connect(tmp_path / "a.gpkg", isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size = 512")
        connection.execute("VACUUM")
        connection.execute("DROP TABLE image_index")  # a new one has nodes that fit
        connection.execute(schema.statement_of("image_index"))
    with Catalog.open(tmp_path / "a.gpkg") as catalog:
        catalog.add_images(records(0, 500))
        with catalog.database.read() as connection:
            (size,) = connection.execute("SELECT max(length(data)) FROM image_index_node").fetchone()
        assert size < 512
        check(catalog, 500)


@pytest.mark.usefixtures("few")
def test_images_change_and_go_after_a_load(catalog: Catalog) -> None:
    make_product("one")
    catalog.add_images(records(1, 300))
    for number in range(1, 100):
        Image.delete(f"acme:one:i{number:05}")
    moved = Image.get("acme:one:i00200")
    moved.geometry = (0.0, 0.0, 1.0, 1.0)
    moved.save()
    assert moved.id in catalog.images.intersects(PLACE).ids()
    check(catalog, 201)


def test_the_index_is_written_anew_by_reindex_and_optimize(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    make_product("one")
    catalog.add_images(records(0, 3000))

    def nodes() -> int:
        with catalog.database.read() as connection:
            return int(connection.execute("SELECT count(*) FROM image_index_node").fetchone()[0])

    one_by_one = nodes()
    catalog.optimize()
    packed = nodes()
    assert packed < one_by_one
    check(catalog, 3000)
    catalog.reindex()
    assert nodes() == one_by_one  # so few are added one by one
    monkeypatch.setattr(write, "_FEWEST_PACKED", 10)
    catalog.reindex()
    assert nodes() == packed
    check(catalog, 3000)
