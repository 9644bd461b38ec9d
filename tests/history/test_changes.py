"""What the history says of changes and deletions, whatever way they come."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from localcat import Band, Catalog, Image, Product
from localcat import properties as p
from localcat.errors import BadRequestError, CorruptCatalogError
from tests.small_catalog import make_product, new_image, spectral, upload


def told(catalog: Catalog, **chosen: Any) -> list[tuple[str, str, str]]:
    return [(change.what, change.kind, change.id) for change in catalog.history(**chosen)]


@pytest.fixture
def catalog(tmp_path: Path) -> Any:
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        product = make_product("p", spectral("red"), catalog=catalog)
        new_image(product, "i", cloud_fraction=0.1, tags=["a"], geometry=(1, 2, 3, 4)).save()
        yield catalog


def test_new_objects_are_no_changes(catalog: Catalog) -> None:
    product = Product.get("acme:p", catalog=catalog)
    upload(product, "pixels")
    catalog.add_images({"id": f"acme:p:{number}"} for number in range(3))
    assert catalog.history() == []


def test_a_change_keeps_what_the_object_was(catalog: Catalog) -> None:
    image = Image.get("acme:p:i", catalog=catalog)
    before = image.serialize()
    image.update(cloud_fraction=1 / 3, tags=None, geometry=(5, 6, 7, 8))
    image.save()
    (change,) = image.history()
    assert (change.what, change.kind, change.id) == ("changed", "image", "acme:p:i")
    assert timedelta(0) <= change.at - image.modified < timedelta(seconds=10)
    assert change.before is not None
    assert {name: change.before[name] for name in ("cloud_fraction", "tags", "geometry")} == {
        "cloud_fraction": 0.1,
        "tags": ["a"],
        "geometry": before["geometry"],
    }


def test_what_is_kept_is_exactly_what_is_stored(catalog: Catalog) -> None:
    """Numbers to their last bit, and texts that JSON has to escape; alone and with others in one transaction."""
    odd = 'a"b\\c\n\t\x1f\u2028é🛰 </script>'
    for name in ("j", "k"):
        image = new_image(Product.get("acme:p", catalog=catalog), name, provider_id=odd, area=0.1 + 0.2)
        image.update(roll_angle=-1e-300, view_angle=5e-324, extra_properties={"n": 2**53 + 1, odd: [1e22, None]})
        image.save()
    with catalog.database.read() as connection:
        stored = "SELECT version, acquired, modified, provider_id, area, roll_angle, view_angle, extra_properties, "
        stored += "hex(geometry) FROM image WHERE uid = ?"
        before = {name: connection.execute(stored, (f"acme:p:{name}",)).fetchone() for name in ("j", "k")}
    image = Image.get("acme:p:j", catalog=catalog)
    image.provider_id = "changed"
    image.save()
    Product.get("acme:p", catalog=catalog).delete_related_objects()
    kept = catalog.history(id="acme:p:j")[1], catalog.history(id="acme:p:k")[0]
    for change, row in zip(kept, before.values(), strict=True):
        state = change.state()
        assert state is not None
        assert [type(value) for value in (state["version"], state["area"])] == [int, float]
        names = ("version", "acquired", "modified", "provider_id", "area", "roll_angle", "view_angle")
        found = [state.get(name) for name in (*names, "extra_properties")]
        assert [*found, state.get("geometry", "").upper()] == list(row)
        assert "cloud_fraction" not in state


def test_each_way_of_changing_is_told(catalog: Catalog) -> None:
    product = Product.get("acme:p", catalog=catalog)
    product.update(description="d")
    product.save()
    band = Band.get("acme:p:red", catalog=catalog)
    band.update(description="d")
    band.save()
    catalog.add_images([{"id": "acme:p:i"}], on_conflict="replace")
    upload(product, "i", options={"overwrite": True})
    Image.delete("acme:p:i", catalog=catalog)
    product.delete_related_objects()
    product.delete()
    make_product("p", catalog=catalog)
    assert told(catalog) == [
        ("restored", "product", "acme:p"),
        ("deleted", "product", "acme:p"),
        ("deleted", "band", "acme:p:red"),
        ("deleted", "image", "acme:p:i"),
        ("changed", "image", "acme:p:i"),
        ("changed", "image", "acme:p:i"),
        ("changed", "band", "acme:p:red"),
        ("changed", "product", "acme:p"),
    ]
    assert told(catalog, kind="band") == [("deleted", "band", "acme:p:red"), ("changed", "band", "acme:p:red")]
    assert told(catalog, id="acme:p", limit=2) == [("restored", "product", "acme:p"), ("deleted", "product", "acme:p")]
    fifth = catalog.history()[4]
    assert told(catalog, since=fifth.at) == told(catalog)[:5]


def test_a_transaction_is_one_change_of_each_object(catalog: Catalog) -> None:
    image = Image.get("acme:p:i", catalog=catalog)
    with catalog.transaction():
        for fraction in (0.2, 0.3):
            image.cloud_fraction = fraction
            image.save()
        new = new_image(Product.get("acme:p", catalog=catalog), "short-lived")
        new.save()
        new.update(cloud_fraction=0.5)
        new.save()
        new.delete()
        image.delete()
    (change,) = catalog.history()
    assert (change.what, change.id, change.before["cloud_fraction"]) == ("deleted", "acme:p:i", 0.1)  # type: ignore[index]


def test_a_change_that_is_rolled_back_is_none(catalog: Catalog) -> None:
    image = Image.get("acme:p:i", catalog=catalog)
    with pytest.raises(ZeroDivisionError, match="by zero"), catalog.transaction():
        image.delete()
        raise ZeroDivisionError("by zero")
    assert catalog.history() == []


def test_changes_of_a_transaction_are_known_as_such(catalog: Catalog) -> None:
    image = Image.get("acme:p:i", catalog=catalog)
    with catalog.transaction():
        image.update(cloud_fraction=0.5)
        image.save()
        Band.get("acme:p:red", catalog=catalog).delete()
    image.delete()
    assert len({change.transaction for change in catalog.history()}) == 2


def test_a_change_reads_well(catalog: Catalog) -> None:
    Image.delete("acme:p:i", catalog=catalog)
    (change,) = catalog.history()
    when = change.at.strftime("%Y-%m-%d %H:%M:%S")
    assert str(change) == f"     1  {when}  deleted   image    acme:p:i by {change.by}"


def test_wrong_arguments_are_refused(catalog: Catalog) -> None:
    with pytest.raises(BadRequestError, match="kind is 'product', 'band' or 'image', not 'scene'"):
        catalog.history(kind="scene")
    with pytest.raises(BadRequestError, match="limit is a number of changes, not -1"):
        catalog.history(limit=-1)


def test_a_damaged_state_is_named(catalog: Catalog) -> None:
    Image.delete("acme:p:i", catalog=catalog)
    with catalog.writable_db() as db:
        db.execute("UPDATE history SET state = '{'")
    with pytest.raises(CorruptCatalogError, match="change 1 of image 'acme:p:i' is damaged .* take the object from"):
        _ = catalog.history()[0].before


def test_old_changes_are_forgotten_and_the_past_with_them(catalog: Catalog) -> None:
    image = Image.get("acme:p:i", catalog=catalog)
    for fraction in (0.2, 0.3):
        image.cloud_fraction = fraction
        image.save()
    with catalog.writable_db() as db:
        db.execute("UPDATE history SET at = 1 WHERE id = 1")
    catalog.gc()
    assert [change.number for change in catalog.history()] == [2]


def test_one_deletion_leaves_what_a_deletion_of_many_leaves(catalog: Catalog) -> None:
    """The states, the tombstones, and nothing in the indexes."""
    product = Product.get("acme:p", catalog=catalog)
    catalog.reindex(properties=["n"])
    for name in "abc":
        image = new_image(product, name, tags=["lake"], geometry=(1, 2, 3, 4), extra_properties={"n": 1})
        image.provider_id = "same"
        image.save()
    Image.delete("acme:p:a", catalog=catalog)
    product.delete_related_objects()
    with catalog.database.read() as connection:
        stones = "SELECT uid, version, deleted > 0 FROM tombstone WHERE kind = 'image' ORDER BY uid"
        assert connection.execute(stones).fetchall() == [(f"acme:p:{name}", 1, 1) for name in "abci"]
        left = ("image_index", "image_tag", "image_property", "image_text WHERE image_text MATCH 'lake'")
        counts = [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in left]
        assert counts == [(0,), (0,), (0,), (0,)]
    first, *others = [
        {key: value for key, value in (change.before or {}).items() if key not in ("id", "name", "created", "modified")}
        for change in catalog.history()
        if change.what == "deleted" and change.id in ("acme:p:a", "acme:p:b", "acme:p:c")
    ]
    assert (first["provider_id"], first["tags"], others) == ("same", ["lake"], [first, first])


def test_a_product_that_goes_takes_no_entries_of_an_image_with_its_number(catalog: Catalog) -> None:
    catalog.reindex(properties=["n"])
    other = Product(id="q", name="Q", extra_properties={"n": 7}, catalog=catalog)
    other.save()  # row 2 of its table
    image = new_image(Product.get("acme:p", catalog=catalog), "j", extra_properties={"n": 7})
    image.save()  # row 2 of its own
    other.delete()
    assert catalog.images.filter(p.extra_properties["n"] == 7).ids() == ["acme:p:j"]
    assert catalog.verify("quick").ok
