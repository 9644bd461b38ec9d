"""Questions that are frozen: the same images again, what became of them, and how they travel."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy
import pytest

from localcat import Catalog, FrozenChanges, FrozenNotFoundError, Image, Product
from localcat import properties as p
from localcat.errors import BadRequestError, ConflictError, LocalcatError, ReadOnlyCatalogError
from tests.small_catalog import AREA, PIXELS, make_product, new_image, spectral, upload

NONE = FrozenChanges()


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """A catalog of five images a to e with 0.1, 0.2, … clouds, the first with pixels."""
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as made:
        product = make_product("guide", spectral("red"), catalog=made)
        upload(product, "a", acquired="2020-01-01", cloud_fraction=0.1, tags=["june"])
        for number, name in enumerate("bcde", start=2):
            new_image(product, name, acquired=f"2020-01-0{number}", cloud_fraction=number / 10, geometry=AREA).save()
        yield made


def image(catalog: Catalog, name: str) -> Image:
    found = Image.get(f"acme:guide:{name}", catalog=catalog)
    assert found is not None
    return found


def ids(names: str) -> list[str]:
    return [f"acme:guide:{name}" for name in names]


def test_the_same_images_come_again_in_their_order(catalog: Catalog) -> None:
    frozen = catalog.images.filter(p.cloud_fraction < 0.35).sort("-acquired").freeze("paper-2026")
    new_image(catalog.products.first(), "f", acquired="2021-01-01", cloud_fraction=0.0).save()
    assert repr(frozen).startswith("<FrozenQuestion 'paper-2026': 3 images, ")
    again = catalog.frozen["paper-2026"]
    assert (again.ids(), len(again), again.frozen.tzinfo is not None) == (ids("cba"), 3, True)
    assert [str(one.id) for one in again.collect()] == ids("cba")
    assert again.search().filter(p.tags == "june").ids() == ids("a")
    assert again.question == {
        "where": {"range": {"cloud_fraction": {"lt": 0.35}}},
        "text": None,
        "sort": ["-acquired"],
        "limit": None,
    }
    assert (
        again.cql2 == '"eo:cloud_cover" < 35'
        or again.cql2 == catalog.images.filter(p.cloud_fraction < 0.35).to_cql2_text()
    )
    assert again.asked_again().ids() == ["acme:guide:f", *ids("cba")]


def test_what_changed_since_is_told_apart(catalog: Catalog) -> None:
    frozen = catalog.images.filter(p.cloud_fraction < 0.45).freeze("few")
    assert frozen.changes() == NONE
    assert not frozen.changes()
    assert str(frozen.changes()) == "nothing changed"
    image(catalog, "b").delete()
    third = image(catalog, "c")
    third.cloud_fraction = 0.9
    third.save()
    fourth = image(catalog, "d")
    fourth.tags = ["best"]
    fourth.save()
    fifth = image(catalog, "e")
    fifth.cloud_fraction = 0.0
    fifth.save()
    assert frozen.changes() == FrozenChanges(
        added=("acme:guide:e",), no_longer=("acme:guide:c",), changed=tuple(ids("cd")), deleted=("acme:guide:b",)
    )
    assert str(frozen.changes()) == "added: 1; no longer: 1; changed: 2; deleted: 1"


def test_other_pixels_are_told_apart_from_other_attributes(catalog: Catalog) -> None:
    frozen = catalog.images.filter(p.name == "a").freeze("one")
    old = image(catalog, "a")
    replacement = Image(
        product=catalog.products.first(), name="a", acquired=old.acquired, cloud_fraction=0.1, tags=["june"]
    )
    meta = {"geoTransform": old.geotrans, "coordinateSystem": {"epsg": 32618}}
    replacement.upload_ndarray(PIXELS + numpy.uint16(1), raster_meta=meta, overwrite=True).raise_for_status()
    changes = frozen.changes()
    assert changes.other_pixels == ("acme:guide:a",)
    assert (changes.added, changes.no_longer, changes.deleted) == ((), (), ())


def test_a_save_that_changes_nothing_is_no_change(catalog: Catalog) -> None:
    frozen = catalog.images.freeze("all")
    one = image(catalog, "b")
    one.tags = ["x"]
    one.save()
    one.tags = []
    one.save()
    assert frozen.changes() == NONE


def test_places_words_and_limits_are_part_of_the_question(catalog: Catalog) -> None:
    frozen = catalog.images.intersects(AREA).find_text("guide b OR c").sort("-cloud_fraction").limit(1).freeze("place")
    assert frozen.cql2 is None  # words have no such form
    assert frozen.question["text"] == "guide b OR c"
    assert frozen.question["limit"] == 1
    assert frozen.asked_again().ids() == frozen.ids()
    near = catalog.images.intersects(AREA).filter(p.cloud_fraction > 0.3)
    assert near.freeze("near").asked_again().ids() == near.ids() == ids("de") or near.ids() == ids("cde")


def test_the_questions_are_a_mapping(catalog: Catalog) -> None:
    assert list(catalog.frozen) == []
    assert repr(catalog.frozen) == "<FrozenQuestions: none>"
    catalog.images.freeze("b")
    catalog.images.limit(0).freeze("a")
    assert list(catalog.frozen) == ["a", "b"]
    assert (len(catalog.frozen), "a" in catalog.frozen, "c" in catalog.frozen) == (2, True, False)
    assert catalog.frozen.get("c") is None
    assert len(catalog.frozen["a"]) == 0
    with pytest.raises(FrozenNotFoundError, match=r"^no question is frozen as 'c'; there are: 'a', 'b'$"):
        catalog.frozen["c"]
    with pytest.raises(KeyError, match="no question is frozen as 'c'"):
        del catalog.frozen["c"]
    del catalog.frozen["b"]
    assert list(catalog.frozen) == ["a"]
    with catalog.database.read() as connection:
        assert connection.execute("SELECT count(*) FROM frozen_image").fetchone() == (0,)


def test_a_name_that_is_taken_is_kept_unless_asked(catalog: Catalog) -> None:
    catalog.images.limit(2).freeze("paper")
    with pytest.raises(
        ConflictError, match="a question is frozen as 'paper' already; choose another name, or pass replace=True"
    ):
        catalog.images.freeze("paper")
    assert len(catalog.frozen["paper"]) == 2
    assert len(catalog.images.freeze("paper", replace=True)) == 5


@pytest.mark.parametrize("name", ["", " ", "x" * 201, "a\nb", None, 7])
def test_what_is_no_name_is_refused(catalog: Catalog, name: Any) -> None:
    with pytest.raises(
        BadRequestError, match="a question is frozen under a name of 1 to 200 printable characters, not"
    ):
        catalog.images.freeze(name)
    assert not catalog.frozen


def test_a_catalog_that_is_only_read_keeps_none(catalog: Catalog) -> None:
    catalog.images.freeze("all")
    with Catalog.open(catalog.path, read_only=True) as reading:
        assert reading.frozen["all"].changes() == NONE
        with pytest.raises(ReadOnlyCatalogError, match="open it without read_only=True"):
            reading.images.freeze("other")


def test_it_is_part_of_the_transaction_that_it_is_in(catalog: Catalog) -> None:
    with pytest.raises(ValueError, match="^stop$"), catalog.transaction():
        catalog.images.freeze("all")
        raise ValueError("stop")
    assert not catalog.frozen


def test_it_travels_in_backups_and_bundles(catalog: Catalog, tmp_path: Path) -> None:
    catalog.images.filter(p.cloud_fraction < 0.35).freeze("few")
    catalog.images.freeze("all")
    catalog.backup(tmp_path / "backup.gpkg", progress=False)
    with Catalog.open(tmp_path / "backup.gpkg") as backup:
        assert {name: one.changes() for name, one in backup.frozen.items()} == {"all": NONE, "few": NONE}
    catalog.bundle(tmp_path / "kit.zip", catalog.frozen["few"].search(), progress=False)
    with Catalog.open(tmp_path / "kit.zip") as kit:
        assert list(kit.frozen) == ["few"]  # whose images are all in it
        assert kit.frozen["few"].ids() == ids("abc")
        assert kit.frozen["few"].changes() == NONE
    catalog.bundle(tmp_path / "cut.zip", catalog.images.filter(p.name == "a"), resolution=120, progress=False)
    catalog.images.filter(p.name == "a").freeze("one")
    catalog.bundle(tmp_path / "cut2.zip", catalog.images.filter(p.name == "a"), resolution=120, progress=False)
    with Catalog.open(tmp_path / "cut2.zip") as cut:
        assert cut.frozen["one"].changes().other_pixels == ("acme:guide:a",)


def test_it_is_saved_from_a_damaged_catalog(catalog: Catalog, tmp_path: Path) -> None:
    catalog.images.filter(p.cloud_fraction < 0.35).freeze("few")
    catalog.close()
    Catalog.recover(tmp_path / "survey.gpkg", tmp_path / "saved.gpkg", progress=False)
    with Catalog.open(tmp_path / "saved.gpkg") as saved:
        assert saved.frozen["few"].ids() == ids("abc")
        assert saved.frozen["few"].changes() == NONE
        assert saved.verify("full").ok


def test_it_goes_out_as_stac_and_comes_in_again(catalog: Catalog, tmp_path: Path) -> None:
    few = catalog.images.filter(p.cloud_fraction < 0.35).freeze("few")
    document = json.loads(json.dumps(few.to_item_collection()))
    assert document["type"] == "FeatureCollection"
    assert document["localcat:frozen"]["name"] == "few"
    assert [one["uid"] for one in document["localcat:frozen"]["images"]] == ids("abc")
    with Catalog.create(tmp_path / "other.gpkg", org="acme") as other:
        taken = other.frozen.take(document)
        assert taken.changes().deleted == tuple(ids("abc"))
        assert taken.to_dict() == few.to_dict()
        with pytest.raises(ConflictError, match="a question is frozen as 'few' already"):
            other.frozen.take(document)
        other.frozen.take(document["localcat:frozen"], replace=True)
        sound = few.to_dict()
        broken = ({}, {"localcat:frozen": 7}, {**sound, "images": [{"uid": 1}]}, {**sound, "name": ""})
        for one in broken:
            with pytest.raises(BadRequestError, match="has no frozen question in 'localcat:frozen'"):
                other.frozen.take(one)


def test_a_question_that_a_stranger_damaged_is_told(catalog: Catalog) -> None:
    catalog.images.freeze("all")
    path = catalog.path
    catalog.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE frozen SET question = '[7'")
    with Catalog.open(path) as again, pytest.raises(LocalcatError, match="the frozen question 'all' is damaged"):
        again.frozen["all"]


def test_many_images_are_frozen_together() -> None:
    with Catalog.temporary(org="acme") as catalog:
        Product(id="p", name="p", catalog=catalog).save()
        catalog.add_images({"id": f"acme:p:{n:06}", "acquired": "2020-01-01"} for n in range(20_000))
        frozen = catalog.images.freeze("all")
        assert len(frozen) == 20_000
        assert frozen.changes() == NONE


def test_an_answer_is_looked_at_in_portions(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localcat.search.frozen._CHUNK", 2)
    frozen = catalog.images.sort("-acquired").freeze("all")
    assert frozen.ids() == ids("edcba")
    assert frozen.changes() == NONE
    image(catalog, "c").delete()
    changed = image(catalog, "a")
    changed.tags = ["other"]
    changed.save()
    assert frozen.changes() == FrozenChanges(changed=tuple(ids("a")), deleted=tuple(ids("c")))
