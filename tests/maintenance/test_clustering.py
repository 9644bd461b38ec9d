"""Rows put in the order of place: the same answers, from fewer pages."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from localcat import Catalog, ConflictError, Image
from localcat import properties as p
from localcat.errors import StorageFullError
from localcat.maintenance import clustering
from localcat.store import rows
from localcat.writing.bulk import spool
from tests.small_catalog import make_product


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.create(tmp_path / "survey.gpkg", org="") as catalog:
        for product in ("one", "two"):
            make_product(product, catalog=catalog)
        yield catalog


def records(count: int) -> list[dict[str, Any]]:
    """Return seeded images of two products, of which some have no footprint, or no time."""
    made = []
    for number in range(count):
        chance = random.Random(number)
        west, south = chance.uniform(-170, 170), chance.uniform(-80, 80)
        made.append(
            {
                "id": f"{chance.choice(['one', 'two'])}:i{number:04}",
                "geometry": None if number % 11 == 0 else (west, south, west + 2, south + 3),
                "acquired": None if number % 7 == 0 else f"20{10 + number % 15}-05-06",
                "tags": [f"t{number % 5}"],
                "extra_properties": {"snow": number % 9},
                "files": [{"href": f"https://x.org/{number}-{part}.tif", "size_bytes": 7} for part in range(2)],
            }
        )
    return made


def in_order(catalog: Catalog) -> list[str]:
    """Return the images in the order in which they are stored."""
    with catalog.database.read() as connection:
        return [uid for (uid,) in connection.execute("SELECT uid FROM image ORDER BY id")]


def row_ids(catalog: Catalog) -> list[int]:
    with catalog.database.read() as connection:
        return [row_id for (row_id,) in connection.execute("SELECT id FROM image ORDER BY id")]


def answers(catalog: Catalog) -> list[Any]:
    images = catalog.images
    searches = [
        images,
        images.intersects((-60, -40, 60, 40)),
        images.filter(p.tags == "t3"),
        images.filter(p.extra_properties["snow"] > 6),
        images.find_text("i0007"),
        images.sort("-acquired").limit(20),
    ]
    found = [[(one.id, one.acquired, one.geometry, one.tags, one.files) for one in search] for search in searches]
    return [found, [search.ids() for search in searches], images.summary().bytes, catalog.products.ids()]


def test_rows_come_in_the_order_of_a_large_load_and_answers_stay(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = records(400)
    catalog.add_images(given, progress=False)
    catalog.reindex(properties=["snow"])
    Image.get("one:i0001", catalog=catalog).delete()
    before, last = answers(catalog), max(row_ids(catalog))
    report = catalog.optimize(cluster=True, progress=False)
    assert (report.moved, str(report).splitlines()[0]) == (399, "399 images put in order")
    assert answers(catalog) == before
    assert row_ids(catalog) == list(range(last + 1, last + 400))
    assert catalog.verify("full", progress=False).problems == []
    monkeypatch.setattr(spool, "_FEWEST_ORDERED", 1)
    with Catalog.create(tmp_path / "loaded.gpkg", org="") as loaded:
        for product in ("one", "two"):
            make_product(product, catalog=loaded)
        loaded.add_images(sorted((one for one in given if one["id"] != "one:i0001"), key=lambda one: one["id"]))
        assert in_order(catalog) == in_order(loaded)
    assert catalog.optimize(cluster=True, progress=False).moved == 0
    catalog.add_images([{"id": "one:new"}])
    assert row_ids(catalog)[-1] == last + 400


def test_objects_of_before_are_the_same_afterwards(catalog: Catalog) -> None:
    catalog.add_images(records(50), progress=False)
    whole, changed, again = (Image.get(uid, catalog=catalog) for uid in ("one:i0001", "two:i0000", "two:i0003"))
    with Catalog.open(catalog.path) as other:
        partly = list(other.images.sort("id"))
        catalog.optimize(cluster=True, progress=False)
        assert [image.tags for image in partly] == [image.tags for image in catalog.images.sort("id")]
    whole.cloud_fraction = 0.5
    whole.save()
    assert Image.get("one:i0001", catalog=catalog).cloud_fraction == 0.5
    other_one = Image.get("two:i0000", catalog=catalog)
    other_one.cloud_fraction = 0.1
    other_one.save()
    changed.cloud_fraction = 0.2
    with pytest.raises(ConflictError, match="cloud_fraction of Image 'two:i0000' was changed meanwhile: it is 0.1"):
        changed.save()
    Image.get("two:i0003", catalog=catalog).delete()
    Image(id="two:i0003", catalog=catalog).save()
    again.cloud_fraction = 0.3
    with pytest.raises(ConflictError, match="was deleted and created again meanwhile"):
        again.save()


def test_a_search_under_way_is_told_and_none_is_cut_short(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "HYDRATION_CHUNK", 10)
    catalog.add_images(records(50), progress=False)
    with Catalog.open(catalog.path) as other:
        under_way = iter(other.images)
        first = next(under_way)
        catalog.optimize(cluster=True, progress=False)
        with pytest.raises(ConflictError, match="put in another order while a search was under way; search again"):
            list(under_way)
        assert first.tags is not None
        assert len(list(other.images)) == 50
        under_way = iter(other.images)
        next(under_way)
        other.images.find_text("i0049").first().delete()
        assert len(list(under_way)) == 48  # what was deleted is left out, as ever


def test_it_is_all_or_nothing(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog.add_images(records(50), progress=False)
    before, ids, stored = answers(catalog), row_ids(catalog), in_order(catalog)

    def stop(connection: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt, match=r"^$"):
        patch.setattr(clustering, "rebuild", stop)
        catalog.optimize(cluster=True, progress=False)
    assert (answers(catalog), row_ids(catalog), in_order(catalog)) == (before, ids, stored)
    assert catalog.verify("full", progress=False).problems == []


def test_a_full_disk_is_found_before_a_row_is_moved(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog.add_images(records(50), progress=False)
    ids = row_ids(catalog)
    with monkeypatch.context() as patch, pytest.raises(StorageFullError, match="needs about .* bytes more"):
        patch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
        catalog.optimize(cluster=True, progress=False)
    assert row_ids(catalog) == ids


def test_it_goes_with_a_stranger_s_catalog(catalog: Catalog) -> None:
    catalog.add_images(records(50), progress=False)
    before = answers(catalog)
    catalog.close()
    with Catalog.open(catalog.path, trusted=False) as stranger:
        assert stranger.optimize(cluster=True, progress=False).moved == 50
        assert answers(stranger) == before
        assert stranger.verify("full", progress=False).problems == []
