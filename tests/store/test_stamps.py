"""Who made the last change of each row, what a catalog knows, and what was deleted in it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from localcat import Catalog, Image, MaskBand, Product
from localcat.store import stamps
from localcat.store.stamps import Stamp
from tests.small_catalog import make_product, new_image, spectral
from tests.systems import posix


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "survey.gpkg"


def known(catalog: Catalog) -> list[int]:
    """Return up to which transaction each replica is known, the first one first."""
    with catalog.database.read() as connection:
        return [counter for (counter,) in connection.execute("SELECT counter FROM replica ORDER BY id")]


def stamp_of(catalog: Catalog, kind: str, uid: str) -> tuple[Any, ...]:
    with catalog.database.read() as connection:
        return tuple(stamps.stamps_of(connection, kind, [uid])[uid])


def buried(catalog: Catalog) -> list[tuple[str, str, int, Stamp]]:
    with catalog.database.read() as connection:
        found = [stone for kind in stamps.KINDS for stone in stamps.tombstones(connection, kind).values()]
    return [(stone.kind, stone.uid, stone.version, stone.stamp) for stone in found]


def small(path: Path) -> Catalog:
    """Make a catalog whose product, band and image were made in the first, second and third transaction."""
    catalog = Catalog.create(path, org="acme")
    product = make_product("p", spectral("red"), catalog=catalog)
    new_image(product, "i").save()
    return catalog


def test_rows_of_a_transaction_share_its_stamp(path: Path) -> None:
    with small(path) as catalog:
        assert known(catalog) == [3]
        assert stamp_of(catalog, "product", "acme:p") == (1, 1)
        assert stamp_of(catalog, "band", "acme:p:red") == (1, 2)
        image = Image.get("acme:p:i", catalog=catalog)
        with catalog.transaction():
            image.update(cloud_fraction=0.5)
            image.save()
            new_image(Product.get("acme:p", catalog=catalog), "j").save()
        catalog.add_images({"id": f"acme:p:{number}"} for number in range(3))
        assert stamp_of(catalog, "image", "acme:p:i") == stamp_of(catalog, "image", "acme:p:j") == (1, 4)
        assert [stamp_of(catalog, "image", f"acme:p:{number}") for number in range(3)] == [(1, 5)] * 3
        assert known(catalog) == [5]


def test_what_changes_no_object_is_not_counted(path: Path) -> None:
    with small(path) as catalog:
        catalog.gc()
        catalog.reindex()
        catalog.optimize()
        catalog.verify()
        Image.get("acme:p:i", catalog=catalog).save()
        assert known(catalog) == [3]


def test_a_finer_band_leaves_the_stamp_of_its_product(path: Path) -> None:
    """A product's resolutions follow from its bands, in each catalog by itself."""
    with small(path) as catalog:
        product = Product.get("acme:p", catalog=catalog)
        MaskBand(product=product, name="cloudy", data_type="Byte", band_index=1, resolution="10 m").save()
        product.reload()
        assert product.resolution_min is not None
        assert stamp_of(catalog, "product", "acme:p") == (1, 1)


def test_a_failed_transaction_leaves_no_stamp(path: Path) -> None:
    with small(path) as catalog:
        image = Image.get("acme:p:i", catalog=catalog)
        with pytest.raises(ZeroDivisionError, match="by zero"), catalog.transaction():
            image.cloud_fraction = 0.5
            image.save()
            raise ZeroDivisionError("by zero")
        assert known(catalog) == [3]
        with catalog.transaction():
            with pytest.raises(ZeroDivisionError, match="by zero"), catalog.transaction():
                image.save()
                raise ZeroDivisionError("by zero")
            image.save()
        assert (known(catalog), stamp_of(catalog, "image", "acme:p:i")) == ([4], (1, 4))


def test_a_deletion_leaves_a_tombstone_until_the_object_is_made_again(path: Path) -> None:
    with small(path) as catalog:
        image = Image.get("acme:p:i", catalog=catalog)
        image.cloud_fraction = 0.5
        image.save()
        image.delete()
        assert buried(catalog) == [("image", "acme:p:i", 2, Stamp(1, 5))]
        product = Product.get("acme:p", catalog=catalog)
        new_image(product, "i").save()
        assert buried(catalog) == []
        product.delete_related_objects()
        product.delete()
        assert buried(catalog) == [
            ("product", "acme:p", 1, Stamp(1, 8)),
            ("band", "acme:p:red", 1, Stamp(1, 7)),
            ("image", "acme:p:i", 1, Stamp(1, 7)),
        ]
        make_product("p", spectral("red"), catalog=catalog)
        catalog.add_images([{"id": "acme:p:i"}])
        assert buried(catalog) == []


def test_a_replaced_image_was_changed_and_not_deleted(path: Path) -> None:
    with small(path) as catalog:
        catalog.add_images([{"id": "acme:p:i", "cloud_fraction": 0.5}], on_conflict="replace")
        assert (buried(catalog), stamp_of(catalog, "image", "acme:p:i")) == ([], (1, 4))


@pytest.mark.parametrize("way", ["file", "pair", "backup"])
def test_a_copy_writes_under_a_name_of_its_own(tmp_path: Path, path: Path, way: str) -> None:
    copy = tmp_path / "elsewhere" / "survey.gpkg"
    copy.parent.mkdir()
    with small(path) as catalog:
        if way == "backup":
            catalog.backup(copy)
        else:
            shutil.copy(path, copy)
            if way == "pair" and path.with_suffix(".data").exists():
                shutil.copytree(path.with_suffix(".data"), copy.with_suffix(".data"))
        with Catalog.open(copy) as other:
            new_image(Product.get("acme:p", catalog=other), "theirs").save()
            assert (known(other), stamp_of(other, "image", "acme:p:theirs")) == ([3, 1], (2, 1))
        new_image(Product.get("acme:p", catalog=catalog), "ours").save()
        assert (known(catalog), stamp_of(catalog, "image", "acme:p:ours")) == ([4], (1, 4))


@pytest.mark.parametrize("opened_again", [False, True])
def test_an_older_state_that_is_put_back_goes_on_under_another_name(path: Path, opened_again: bool) -> None:
    """A file of the same path and number: else other changes would get the stamps of those that are gone."""
    catalog = small(path)
    kept = path.read_bytes()
    new_image(Product.get("acme:p", catalog=catalog), "lost").save()
    assert known(catalog) == [4]
    if opened_again:
        catalog.close()
    with path.open("r+b") as file:
        file.write(kept)
        file.truncate()
    if opened_again:
        catalog = Catalog.open(path)
    with catalog:
        new_image(Product.get("acme:p", catalog=catalog), "new").save()
        assert (known(catalog), stamp_of(catalog, "image", "acme:p:new")) == ([3, 1], (2, 1))


def test_handles_and_openings_of_one_process_share_a_name(path: Path) -> None:
    with small(path) as catalog, Catalog.open(path) as other:
        new_image(Product.get("acme:p", catalog=other), "j").save()
        new_image(Product.get("acme:p", catalog=catalog), "k").save()
    with Catalog.open(path) as again:
        new_image(Product.get("acme:p", catalog=again), "l").save()
        assert known(again) == [6]


@posix
def test_a_fork_writes_under_a_name_of_its_own(path: Path) -> None:
    with small(path) as catalog:
        child = os.fork()
        if not child:
            new_image(Product.get("acme:p", catalog=catalog), "j").save()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        new_image(Product.get("acme:p", catalog=catalog), "k").save()
        assert known(catalog) == [4, 1]


def test_to_know_is_to_know_the_latest(path: Path) -> None:
    with small(path) as catalog, catalog.database.write() as transaction:
        connection = transaction.connection
        mine = next(iter(stamps.knowledge(connection)))
        rows = stamps.learn(connection, {mine: 2, "abc": 7})
        assert rows == {mine: 1, "abc": 2}
        assert stamps.learn(connection, {"abc": 9}) == {"abc": 2}
        assert stamps.knowledge(connection) == {mine: 3, "abc": 9}


def test_what_is_recovered_claims_to_know_nothing(tmp_path: Path, path: Path) -> None:
    """What it lost would be taken for deleted."""
    with small(path) as catalog:
        new_image(Product.get("acme:p", catalog=catalog), "j").save()
    Catalog.recover(path, tmp_path / "saved.gpkg")
    with Catalog.open(tmp_path / "saved.gpkg") as saved:
        assert saved.images.ids() == ["acme:p:i", "acme:p:j"]
        assert (known(saved), stamp_of(saved, "image", "acme:p:i")) == ([], (None, None))


def test_what_is_changed_by_hand_bears_no_stamp(path: Path) -> None:
    """Its old one would say that nothing happened to it."""
    with small(path) as catalog:
        new_image(Product.get("acme:p", catalog=catalog), "j").save()
        with catalog.writable_db() as db:
            db.execute("UPDATE image SET cloud_fraction = 0.5 WHERE name = 'i'")
        assert stamp_of(catalog, "image", "acme:p:i") == (None, None)
        assert stamp_of(catalog, "image", "acme:p:j") == (1, 4)
        assert Image.get("acme:p:i", catalog=catalog).cloud_fraction == 0.5
