"""Undoing changes and deletions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest

from localcat import Band, Catalog, Image, Product, Resolution, properties
from localcat.errors import BadRequestError, ConflictError, NotFoundError
from localcat.models import product as products
from tests.calls import statements_of
from tests.small_catalog import PIXELS, make_product, new_image, spectral, upload


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "survey.gpkg"
    with Catalog.create(path, org="acme") as catalog:
        product = make_product("p", spectral("red", resolution="10 m"), catalog=catalog)
        new_image(product, "i", cloud_fraction=0.1, area=1 / 3, tags=["a"], geometry=(1, 2, 3, 4)).save()
        upload(product, "pixels")
    return path


@pytest.fixture
def catalog(path: Path) -> Any:
    with Catalog.open(path, keep_history="30 days") as catalog:
        yield catalog


def plain(found: Any) -> dict[str, Any]:
    return {name: value for name, value in found.serialize().items() if name != "modified"}


def files_in(catalog: Catalog) -> list[str]:
    return sorted(path.name for path in catalog.data_folder.path.rglob("*.tif"))


def test_an_undone_change_makes_the_object_what_it_was(catalog: Catalog) -> None:
    image = Image.get("acme:p:i", catalog=catalog)
    before = plain(image)
    image.update(cloud_fraction=0.5, area=None, tags=["b", "c"], geometry=(5, 6, 7, 8), satellite_id="x")
    image.save()
    modified = image.modified
    (change,) = catalog.history()
    assert catalog.undo(change) == [change]
    image.reload()
    assert plain(image) == before
    assert image.modified > modified
    assert catalog.images.find_text("a").ids() == ["acme:p:i"]
    assert catalog.images.intersects((1, 2, 3, 4)).ids() == ["acme:p:i"]
    assert catalog.verify().ok
    again = catalog.history()[0]  # which is a change, too
    catalog.undo(again)
    image.reload()
    assert image.satellite_id == "x"


def test_an_undo_writes_only_what_differs(catalog: Catalog) -> None:
    """Else it removed and made the image's entries in all indexes, and took four times as long."""
    image = Image.get("acme:p:i", catalog=catalog)
    image.cloud_fraction = 0.5
    image.save()
    (change,) = catalog.history()
    statements = statements_of(catalog, lambda: catalog.undo(change))
    assert [one for one in statements if not one.startswith(("SELECT", "PRAGMA"))] == [
        "BEGIN IMMEDIATE",
        "UPDATE replica",
        "INSERT history",
        "UPDATE image",
        "COMMIT",
    ]
    image.reload()
    assert image.cloud_fraction == 0.1


@pytest.mark.parametrize("kind", [Product, Band, Image])
def test_an_undone_deletion_makes_the_object_again(catalog: Catalog, kind: type[Any]) -> None:
    if kind is Product:
        Product.get("acme:p", catalog=catalog).delete_related_objects()
    uid = {Product: "acme:p", Band: "acme:p:red", Image: "acme:p:i"}[kind]
    found = kind.get(uid, catalog=catalog)
    before = plain(found)
    found.delete()
    catalog.undo(catalog.history()[0].number)
    assert plain(kind.get(uid, catalog=catalog)) == before
    assert Product.get("acme:p", catalog=catalog).resolution_min == (
        None if kind is Product else Resolution(10, "meters")
    )
    assert [change.what for change in catalog.history(id=uid, kind=kind.table)] == ["restored", "deleted"]
    assert catalog.verify().ok
    catalog.undo(catalog.history(id=uid, kind=kind.table)[0])
    assert kind.get(uid, catalog=catalog) is None


def test_a_deleted_image_comes_back_with_its_pixels(catalog: Catalog) -> None:
    image = Image.get("acme:p:pixels", catalog=catalog)
    pixels, files = image.ndarray("red"), files_in(catalog)
    image.delete()
    assert files_in(catalog) == files
    assert catalog.verify("full").garbage == []
    assert catalog.gc().set_aside == []
    catalog.undo(catalog.history()[0])
    numpy.testing.assert_array_equal(Image.get("acme:p:pixels", catalog=catalog).ndarray("red"), pixels)
    assert catalog.verify("full").ok
    with catalog.database.read() as connection:
        assert connection.execute("SELECT count(*) FROM kept_file").fetchone() == (0,)


def test_replaced_pixels_come_back_and_the_others_stay_for_the_way_back(catalog: Catalog) -> None:
    image = Image.get("acme:p:pixels", catalog=catalog)
    old = image.ndarray("red")
    upload(Product.get("acme:p", catalog=catalog), "pixels", PIXELS + numpy.uint16(1), options={"overwrite": True})
    new = Image.get("acme:p:pixels", catalog=catalog).ndarray("red")
    for expected in (old, new):
        catalog.undo(catalog.history()[0])
        found = Image.get("acme:p:pixels", catalog=catalog)
        numpy.testing.assert_array_equal(found.ndarray("red"), expected)
        assert catalog.verify("full").ok


def test_pixels_that_are_gone_are_named(path: Path) -> None:
    with Catalog.open(path) as catalog:
        Image.delete("acme:p:pixels", catalog=catalog)
        assert files_in(catalog) == []
        with pytest.raises(
            ConflictError, match="cannot be undone: its pixels .* were deleted; .*keep_history.files='30 days'"
        ):
            catalog.undo(1)
        assert Image.get("acme:p:pixels", catalog=catalog) is None
        assert len(catalog.history()) == 1


def test_files_are_kept_as_long_as_was_said(catalog: Catalog) -> None:
    Image.delete("acme:p:pixels", catalog=catalog)
    with catalog.writable_db() as db:
        db.execute("UPDATE kept_file SET until = 0")
    (removed,) = catalog.gc().removed
    assert (Path(removed).suffix, files_in(catalog)) == (".tif", [])
    with pytest.raises(ConflictError, match="were deleted; catalog.keep_history"):
        catalog.undo(1)


def test_a_change_before_a_later_one_is_not_undone(catalog: Catalog) -> None:
    image = Image.get("acme:p:i", catalog=catalog)
    for fraction in (0.2, 0.3):
        image.cloud_fraction = fraction
        image.save()
    later, first = catalog.history()
    with pytest.raises(
        ConflictError,
        match="change 1 of image 'acme:p:i' .*: it was changed again since, by change 2; undo that",
    ):
        catalog.undo(first)
    catalog.undo(later)
    with pytest.raises(ConflictError, match="by change 3"):
        catalog.undo(first)


def test_a_deletion_is_not_undone_when_the_object_was_made_again(catalog: Catalog) -> None:
    Image.delete("acme:p:i", catalog=catalog)
    new_image(Product.get("acme:p", catalog=catalog), "i").save()
    with pytest.raises(ConflictError, match="it was restored again since, by change 2"):
        catalog.undo(1)


def test_an_image_does_not_come_back_without_its_product(catalog: Catalog) -> None:
    product = Product.get("acme:p", catalog=catalog)
    product.delete_related_objects()
    product.delete()
    deletion = catalog.history(id="acme:p:i")[0]
    with pytest.raises(ConflictError, match="its product 'acme:p' was deleted; undo that first"):
        catalog.undo(deletion)
    catalog.undo(catalog.history(id="acme:p")[0])
    catalog.undo(deletion)
    assert catalog.images.ids() == ["acme:p:i"]


def test_a_whole_transaction_is_undone_together(catalog: Catalog) -> None:
    product = Product.get("acme:p", catalog=catalog)
    image = Image.get("acme:p:i", catalog=catalog)
    with catalog.transaction():
        image.update(cloud_fraction=0.9)
        image.save()
        product.delete_related_objects()
        product.delete()
    assert catalog.images.count() == 0
    undone = catalog.undo(catalog.history()[-1], together=True)
    assert sorted(change.id for change in undone) == ["acme:p", "acme:p:i", "acme:p:pixels", "acme:p:red"]
    assert Image.get("acme:p:i", catalog=catalog).cloud_fraction == 0.1
    assert Image.get("acme:p:pixels", catalog=catalog).ndarray("red").shape == (1, 64, 48)
    assert catalog.verify("full").ok


def test_one_conflict_keeps_all_of_a_transaction(catalog: Catalog) -> None:
    images = [Image.get(f"acme:p:{name}", catalog=catalog) for name in ("i", "pixels")]
    with catalog.transaction():
        for image in images:
            image.update(cloud_fraction=0.9)
            image.save()
    images[1].update(cloud_fraction=0.8)
    images[1].save()
    with pytest.raises(ConflictError, match="change 2 of image 'acme:p:pixels' cannot be undone"):
        catalog.undo(1, together=True)
    assert Image.get("acme:p:i", catalog=catalog).cloud_fraction == 0.9


def test_a_change_of_a_state_that_is_gone_is_not_taken_for_another_one(kept: Catalog, tmp_path: Path) -> None:
    """Both are the first change of the image, in a file and in an older state of it that was put back."""
    older = kept.path.read_bytes()
    image = Image.get("acme:guide:a", catalog=kept)
    image.provider_id = "gone"
    image.save()
    (gone,) = kept.history()
    kept.close()
    kept.path.write_bytes(older)
    with Catalog.open(kept.path) as back:
        image = Image.get("acme:guide:a", catalog=back)
        image.provider_id = "kept"
        image.save()
        (change,) = back.history()
        assert (change.number, change.id) == (gone.number, gone.id)
        with pytest.raises(NotFoundError, match="change 1 in the history is not that of 'acme:guide:a' at .*state of"):
            back.undo(gone)
        assert Image.get("acme:guide:a", catalog=back).provider_id == "kept"
        assert [one.id for one in back.undo(change)] == ["acme:guide:a"]


def test_what_is_no_change_is_refused(catalog: Catalog) -> None:
    with pytest.raises(NotFoundError, match="there is no change 9223372036854775808 in the history"):
        catalog.undo(2**63)
    with pytest.raises(NotFoundError, match="there is no change 7 in the history; catalog.history\\(\\) lists"):
        catalog.undo(7)
    with pytest.raises(BadRequestError, match="undo takes a change or its number, not 'i'"):
        catalog.undo("i")  # type: ignore[arg-type]


@pytest.mark.parametrize("kept", ["soon", -1, 30])
def test_a_time_that_is_none_is_refused(path: Path, kept: Any) -> None:
    with pytest.raises(BadRequestError, match="keep_history is a number of days such as '30 days'"):
        Catalog.open(path, keep_history=kept)


def test_what_came_back_and_went_again_in_one_transaction_is_in_nobodys_way(catalog: Catalog) -> None:
    Image.delete("acme:p:i", catalog=catalog)
    product = Product.get("acme:p", catalog=catalog)
    with catalog.transaction():
        product.update(description="d")
        product.save()
        new_image(product, "i").save()
        Image.delete("acme:p:i", catalog=catalog)
    assert catalog.verify("full", progress=False).problems == []
    assert len(catalog.undo(catalog.history()[0], together=True)) == 2
    assert Product.get("acme:p", catalog=catalog).description is None
    assert Image.get("acme:p:i", catalog=catalog) is None


@pytest.fixture
def by_hundreds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of large products 100 images are deleted at once."""
    monkeypatch.setattr(products, "_DELETED_AT_ONCE", 100)
    monkeypatch.setattr(products, "_next_portion", lambda at_once, seconds: at_once)
    monkeypatch.setattr(products, "_PAUSE", 0)


def make_large(catalog: Catalog, count: int) -> Product:
    product = make_product("large", spectral("red", resolution="10 m"), catalog=catalog)
    catalog.add_images({"product_id": product.id, "name": f"n{n}", "cloud_fraction": n / count} for n in range(count))
    return product


@pytest.mark.usefixtures("by_hundreds")
def test_a_large_product_comes_back_in_one_call(catalog: Catalog) -> None:
    """Its images were deleted in six transactions, the product in another one, and one image long before."""
    large = make_large(catalog, 600)
    Image.delete("acme:large:n7", catalog=catalog)
    assert large.delete_related_objects().objects_deleted == 600
    Image.delete("acme:p:i", catalog=catalog)
    large.delete()
    deletion = catalog.history(id="acme:large")[0]
    assert len(catalog.undo(deletion, together=True)) == 601
    assert sorted(catalog.images.ids()) == sorted(
        ["acme:p:pixels", *(f"acme:large:n{n}" for n in range(600) if n != 7)]
    )
    assert Image.get("acme:large:n599", catalog=catalog).cloud_fraction == 599 / 600
    found = Product.get("acme:large", catalog=catalog)
    assert (found.bands().count(), found.resolution_min) == (1, Resolution(10, "meters"))
    assert catalog.verify("full", progress=False).problems == []


@pytest.mark.usefixtures("by_hundreds")
def test_one_conflict_keeps_all_of_a_large_product(catalog: Catalog) -> None:
    large = make_large(catalog, 120)
    large.delete_related_objects()
    new_image(large, "n3").save()
    with pytest.raises(ConflictError, match="image 'acme:large:n3' cannot be undone: it was restored again since"):
        catalog.undo(catalog.history(kind="band")[0], together=True)
    assert catalog.images.filter(properties.product_id == "acme:large").ids() == ["acme:large:n3"]


@pytest.mark.usefixtures("by_hundreds")
@pytest.mark.parametrize("image", ["acme:large:n0", "acme:large:n119"])
def test_images_of_an_interrupted_deletion_come_back_with_those_of_the_next(catalog: Catalog, image: str) -> None:
    """What was deleted before, and came back, is of another call."""
    large = make_large(catalog, 120)
    large.delete_related_objects()
    catalog.undo(catalog.history()[0], together=True)
    assert large._delete_related(100)[:2] == (100, False)  # a process that is killed here
    assert large.delete_related_objects().objects_deleted == 21
    undone = catalog.undo(catalog.history(id=image)[0], together=True)
    assert len(undone) == 121
    assert large.images().count() == 120
    assert catalog.verify("full", progress=False).problems == []


def test_a_merge_is_undone_with_what_it_brought(catalog: Catalog, tmp_path: Path) -> None:
    catalog.backup(tmp_path / "other.gpkg", progress=False)
    before = {one.id: plain(one) for one in catalog.images}
    with Catalog.open(tmp_path / "other.gpkg") as other:
        upload(make_product("r", spectral("red"), catalog=other), "new")
        image = Image.get("acme:p:i", catalog=other)
        image.update(cloud_fraction=0.9)
        image.save()
        Image.get("acme:p:pixels", catalog=other).delete()
        catalog.merge(other, progress=False)
        assert catalog.images.ids() == ["acme:p:i", "acme:r:new"]
        undone = catalog.undo(catalog.history(limit=1)[0], together=True)
        assert {change.id for change in undone} == {"acme:p:pixels", "acme:p:i", "acme:r:new", "acme:r:red", "acme:r"}
        assert {one.id: plain(one) for one in catalog.images} == before
        assert Product.get("acme:r", catalog=catalog) is None
        assert catalog.verify("full", progress=False).ok
        assert catalog.merge(other, progress=False).added == {}  # what was undone is decided
        catalog.undo(catalog.history(limit=1)[0], together=True)  # undoes the undoing
        assert catalog.images.ids() == ["acme:p:i", "acme:r:new"]
        assert not catalog.diff(other)
