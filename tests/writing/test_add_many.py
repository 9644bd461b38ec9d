"""Loads that are large beside the catalog: their entries of the space-time index are written together."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from localcat import Catalog, DuplicateError, Image
from localcat import properties as p
from localcat.store.file import schema
from localcat.store.rtree import write
from localcat.writing.bulk import add_images, spool, writer
from tests.small_catalog import make_product

PLACE = (-20.0, -20.0, 30.0, 30.0)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ten be many."""
    monkeypatch.setattr(write, "_FEWEST_PACKED", 10)
    monkeypatch.setattr(writer, "_MANY", 10)
    monkeypatch.setattr(spool, "_FEWEST_ORDERED", 10)


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


def names_in_order(catalog: Catalog) -> list[str]:
    """Return the names of the images in the order in which they are stored."""
    with catalog.database.read() as connection:
        return [name for (name,) in connection.execute("SELECT name FROM image ORDER BY id")]


PLACES = [  # product, longitude and year, in the order in which they are to be stored
    ("one", None, 2020),
    ("one", -170.0, 2019),
    ("one", -170.5, 2020),
    ("one", -10.0, 2018),
    ("one", 170.0, 2017),
    ("two", None, 2016),
    ("two", 170.0, None),
    ("two", 170.0, 2015),
]


@pytest.mark.parametrize("run", [20_000, 9, 1])
@pytest.mark.usefixtures("few")
def test_neighbours_are_stored_next_to_each_other(catalog: Catalog, monkeypatch: pytest.MonkeyPatch, run: int) -> None:
    monkeypatch.setattr(spool, "_RUN", run)
    monkeypatch.setattr(spool, "_MOST_IN_PIECE", 4)
    monkeypatch.setattr(add_images, "_CHUNK", 5)
    make_product("one")
    make_product("two")
    given = [
        {
            "id": f"acme:{product}:n{number:03}",
            "geometry": None if west is None else (west, -60.0, west + 1, -59.0),
            "acquired": None if year is None else f"{year}-02-03",
            "tags": ["red"] if number % 2 else None,
        }
        for number, (product, west, year) in enumerate(PLACES * 4)
    ]
    mixed = [{"id": "acme:one:none"}, *random.Random(1).sample(given, len(given))]
    assert catalog.add_images(mixed, progress=False).added == 33
    stored = [name for name in names_in_order(catalog) if name != "none"]
    places = [int(name[1:]) % len(PLACES) for name in stored]
    assert places == [place for place in range(len(PLACES)) for _ in range(4)]
    assert [image.id for image in catalog.images.filter(p.tags == "red")] == sorted(
        str(one["id"]) for one in given if one["tags"]
    )
    assert catalog.verify("full", progress=False).ok


@pytest.mark.usefixtures("few")
def test_more_images_than_are_put_in_order_together(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_MOST_ORDERED", 1000)
    make_product("one")
    catalog.add_images(records(0, 5000))
    check(catalog, 5000)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("run", [20_000, 7])
def test_a_load_with_an_id_twice_is_stored_as_it_comes(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, run: int
) -> None:
    monkeypatch.setattr(spool, "_RUN", run)
    monkeypatch.setattr(add_images, "_CHUNK", 4)
    make_product("one")
    given = list(records(0, 30))
    with pytest.raises(DuplicateError, match=r"image 'acme:one:i00004' \(record 30\) already exists"):
        catalog.add_images([*given, given[4]])
    assert catalog.images.count() == 0
    given[5]["tags"] = ("red",)  # which is read as records are, apart from the others
    assert catalog.add_images([*given, given[4]], on_conflict="skip").skipped == 1
    assert catalog.images.filter(p.tags == "red").ids() == ["acme:one:i00005"]
    assert names_in_order(catalog) == [f"i{number:05}" for number in range(30)]


def indexes(catalog: Catalog) -> list[tuple[str, str]]:
    with catalog.database.read() as connection:
        return connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'index' ORDER BY name").fetchall()


@pytest.mark.usefixtures("few")
def test_a_large_load_leaves_the_indexes_as_they_were(catalog: Catalog) -> None:
    make_product("one")
    before = indexes(catalog)
    for first, count in ((0, 40), (40, 20), (60, 100)):
        catalog.add_images(records(first, count))
        assert indexes(catalog) == before
    with pytest.raises(DuplicateError, match="already exists"), catalog.transaction():
        catalog.add_images(records(200, 300))
        catalog.add_images(records(0, 900))
    assert indexes(catalog) == before
    assert catalog.images.find_text("i00007").ids() == ["acme:one:i00007"]
    check(catalog, 160)


@pytest.mark.usefixtures("few")
def test_a_large_load_while_the_same_thread_reads(catalog: Catalog) -> None:
    make_product("one")
    with catalog.database.read() as connection:
        reading = connection.execute("SELECT name FROM sqlite_schema")
        reading.fetchone()
        catalog.add_images(records(0, 100))
        reading.close()
    check(catalog, 100)


@pytest.mark.usefixtures("few")
def test_a_stranger_s_catalog_takes_large_loads(catalog: Catalog) -> None:
    make_product("one")
    with Catalog.open(catalog.path, trusted=False) as stranger:
        stranger.add_images(records(0, 100), progress=False)
        check(stranger, 100)


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
