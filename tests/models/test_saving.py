"""Getting, saving, reloading and deleting objects (the class methods of section 3.2 of the behaviour)."""

from __future__ import annotations

import re

import pytest

from localcat import (
    AttributeValidationError,
    BadRequestError,
    Band,
    Catalog,
    ConflictError,
    DeletedObjectError,
    Image,
    MaskBand,
    NotFoundError,
    Product,
    SpectralBand,
    UnsavedObjectError,
)
from tests.models.rollback import rolled_back
from tests.small_catalog import make_product

# get, get_many, get_or_create, exists


def test_get_returns_a_saved_object_or_none(product: Product) -> None:
    """3.2."""
    found = Product.get("acme:guide")
    assert (found.id, found.name, found.state) == ("acme:guide", "Guide", "saved")
    assert Product.get("acme:nothing") is None
    assert Image.get("acme:guide:nothing") is None


def test_get_tries_the_id_as_given_then_with_the_namespace(catalog: Catalog) -> None:
    """Choice 7."""
    make_product("x")
    assert [Product.get(name).id for name in ("x", "acme:x")] == ["acme:x", "acme:x"]
    with catalog.database.write() as transaction:
        transaction.connection.execute("UPDATE product SET uid = 'y' WHERE uid = 'acme:x'")
    make_product("y")
    assert [Product.get(name).id for name in ("y", "acme:y")] == ["y", "acme:y"]


@pytest.mark.parametrize("odd", ["", "\x00", "\ud800", "a" * 100_000, "' OR 1=1 --"])
def test_no_object_has_an_odd_id(product: Product, odd: str) -> None:
    """3.2: get gives None, whatever the text."""
    assert (Product.get(odd), Image.exists(odd), Product.delete(odd)) == (None, False, False)
    assert Product.get_many([odd], ignore_missing=True) == []
    assert product.get_band(odd) is None
    assert product.get_image(odd) is None


def test_ids_are_text(product: Product) -> None:
    """3.2: ids of get_many must be a list of str, else TypeError."""
    for call, shown in (
        (lambda: Product.get(5), "5"),
        (lambda: Product.get_many("guide"), "'guide'"),
        (lambda: Product.get_many(("guide",)), "('guide',)"),
        (lambda: Product.get_many(["guide", 5]), "['guide', 5]"),
        (lambda: product.get_band(5), "5"),
        (lambda: Product.namespace_id(None), "None"),
    ):
        with pytest.raises(TypeError, match=f"not {re.escape(shown)}$"):
            call()


def test_get_of_a_band_returns_its_own_class(product: Product) -> None:
    """3.2: on a subclass, an id of another type gives None; Band.get returns the right subclass."""
    assert type(Band.get("guide:blue")) is SpectralBand
    assert type(Band.get("guide:alpha")) is MaskBand
    assert MaskBand.get("guide:blue") is None
    assert (MaskBand.exists("guide:blue"), SpectralBand.exists("guide:blue")) == (False, True)
    assert [type(band) for band in Band.get_many(["guide:alpha", "guide:blue"])] == [MaskBand, SpectralBand]
    assert MaskBand.delete("guide:blue") is False
    with pytest.raises(NotFoundError, match="'guide:blue'"):
        MaskBand.get_many(["guide:blue"])


def test_get_many_keeps_order_and_repetitions(catalog: Catalog) -> None:
    """3.2: guaranteed; the namespace is added as in get."""
    for name in "abc":
        make_product(name)
    found = Product.get_many(["c", "acme:a", "c", "b"])
    assert [product.id for product in found] == ["acme:c", "acme:a", "acme:c", "acme:b"]
    found[0].name = "changed"
    assert found[2].name == "c"
    assert Product.get_many([]) == []


def test_get_many_names_what_is_missing(catalog: Catalog) -> None:
    """3.2: NotFoundError unless ignored."""
    make_product("a")
    with pytest.raises(NotFoundError, match=r"^Objects not found for ids: 'b', 'c'$"):
        Product.get_many(["a", "b", "c"])
    assert [product.id for product in Product.get_many(["b", "a", "c"], ignore_missing=True)] == ["acme:a"]


def test_get_or_create_of_something_missing_gives_an_unsaved_object(catalog: Catalog) -> None:
    """3.2: with the attributes; it never saves."""
    product = Product.get_or_create("new", name="New")
    assert (product.state, product.id, product.name) == ("unsaved", "new", "New")
    assert catalog.products.count() == 0


def test_get_or_create_of_something_there_applies_the_attributes(catalog: Catalog) -> None:
    """3.2: saved if nothing differs, else modified; it never saves."""
    make_product("x", tags=["a"])
    assert Product.get_or_create("x", name="x", tags=["a"]).state == "saved"
    changed = Product.get_or_create("x", name="Y")
    assert (changed.state, changed.id) == ("modified", "acme:x")
    assert Product.get("x").name == "x"


def test_get_or_create_of_what_belongs_to_a_product(product: Product) -> None:
    """3.2: the id may follow from name and product; the catalog is the product's."""
    band = SpectralBand.get_or_create(name="blue", product=product, description="d")
    assert (band.id, band.state) == ("acme:guide:blue", "modified")
    assert Band.get_or_create("guide:blue").state == "saved"
    assert SpectralBand.get_or_create(name="red", product=product).state == "unsaved"
    with Catalog.temporary(org="other") as other:
        there = Product(id="p", name="P", catalog=other)
        there.save()
        assert Image.get_or_create(name="a", product=there)._catalog is other
    with pytest.raises(TypeError, match="derived class of 'Band'"):
        Band.get_or_create("guide:red")
    with pytest.raises(AttributeValidationError, match="contradicts name 'red'"):
        SpectralBand.get_or_create("guide:blue", name="red")
    with pytest.raises(BadRequestError, match="get_or_create needs an id"):
        SpectralBand.get_or_create(name="blue")


def test_exists(product: Product) -> None:
    """3.2."""
    assert (Product.exists("guide"), Product.exists("acme:guide"), Product.exists("other")) == (True, True, False)


def test_the_original_words_for_the_catalog_are_accepted(catalog: Catalog) -> None:
    """Choice 9: client= is catalog=; headers are ignored, request_params refused."""
    with Catalog.temporary(org="other") as other:
        product = Product(id="p", name="P", client=other)
        product.save(headers={"a": "b"})
        assert (Product.get("p"), Product.get("p", client=other).id) == (None, "other:p")
        assert Product.search(client=other, headers={}).count() == 1
        assert Product.exists("p", catalog=other)
        assert [found.id for found in Product.get_many(["p"], client=other)] == ["other:p"]
        with pytest.raises(BadRequestError, match="request_params"):
            Product.get("p", request_params={"a": 1})
        with pytest.raises(BadRequestError, match="request_params"):
            product.save(request_params={"a": 1})
        assert Product.delete("p", client=other) is True


def test_the_catalog_may_stand_where_the_original_has_its_client() -> None:
    """3.2: second in get, exists and delete, third in get_many, first in search."""
    with Catalog.temporary(org="other") as other:
        Product(id="p", name="P", catalog=other).save()
        assert (Product.get("p", other).id, Product.exists("p", other)) == ("other:p", True)
        assert [found.id for found in Product.get_many(["p", "q"], True, other)] == ["other:p"]
        assert Product.get_or_create("p", other, name="Q").state == "modified"
        assert (Product.search(other).count(), Image.search(other).count()) == (1, 0)
        assert Product.namespace_id("x", other) == "other:x"
        assert Product.delete("p", other) is True


# save


def test_saving_sets_created_and_modified(catalog: Catalog) -> None:
    """3.2: created once, modified on every effective save; save returns None and refreshes the attributes."""
    product = Product(id="x", name="X", start_datetime="2020-01-01")
    assert product.save() is None
    created = product.created
    assert (product.id, created.tzinfo is not None, product.modified) == ("acme:x", True, created)
    product.name = "Y"
    product.save()
    assert (product.created, product.modified > created) == (created, True)


def test_modified_grows_even_when_the_clock_does_not(catalog: Catalog) -> None:
    """3.2."""
    product = make_product("x")
    moments = [product.modified]
    for number in range(50):
        product.name = str(number)
        product.save()
        moments.append(product.modified)
    assert moments == sorted(set(moments))


def test_a_taken_id_is_refused(catalog: Catalog) -> None:
    """3.2: with an error that is a ConflictError and a BadRequestError; the object stays unsaved, its id as it was."""
    make_product("x")
    for kind in (ConflictError, BadRequestError):
        twin = Product(id="x", name="Twin")
        with pytest.raises(kind, match="'acme:x' already exists; choose another id"):
            twin.save()
        assert (twin.state, twin.id, twin.owners) == ("unsaved", "x", None)
    assert Product.get("x").name == "x"


@pytest.mark.parametrize(
    ("thing", "missing"),
    [
        (lambda: Product(id="x"), ["name"]),
        (lambda: Product(name="x"), ["id"]),
        (lambda: Product(id="", name=""), ["id", "name"]),
        (lambda: Image(), ["product_id", "name"]),
        (lambda: SpectralBand(id="acme:guide:red"), ["data_type", "data_range", "band_index"]),
        (lambda: MaskBand(id="acme:guide:red"), ["data_type", "band_index"]),
    ],
)
def test_missing_data_are_named(product: Product, thing, missing: list[str]) -> None:
    """3.2, 3.4: in the original's words."""
    with pytest.raises(BadRequestError) as caught:
        thing().save()
    assert str(caught.value) == "".join(
        f"\n    Validation error: Missing data for required field: {name}" for name in missing
    )


def test_a_required_attribute_cannot_be_unset(product: Product) -> None:
    """3.2."""
    product.name = None
    with pytest.raises(BadRequestError, match="Missing data for required field: name"):
        product.save()
    assert Product.get("guide").name == "Guide"


def test_saving_writes_changed_attributes_only(catalog: Catalog) -> None:
    """3.2: two objects of one id, changed apart, are merged."""
    make_product("x", description="d", tags=["t"])
    first, second = Product.get("x"), Product.get("x")
    first.name, second.description = "first", "second"
    second.tags  # noqa: B018  # reading is not a change
    first.save()
    second.save()
    found = Product.get("x")
    assert (found.name, found.description) == ("first", "second")
    assert (second.name, second.state) == ("first", "saved")


def test_saving_takes_over_what_others_changed_in_lists_that_were_read(catalog: Catalog) -> None:
    """3.2: a list read before is not a change of ours."""
    make_product("x", tags=["old"])
    first, second = Product.get("x"), Product.get("x")
    assert first.tags == ["old"]
    second.tags = ["new"]
    second.save()
    first.name = "first"
    first.save()
    assert (first.tags, first.state) == (["new"], "saved")


def test_both_sides_changing_one_attribute_is_a_conflict(catalog: Catalog) -> None:
    """Choice 20: ConflictError names the attribute and both values."""
    make_product("x", extra_properties={"a": 1})
    first, second = Product.get("x"), Product.get("x")
    first.name, second.name = "first", "second"
    first.extra_properties["b"] = 2
    first.save()
    with pytest.raises(
        ConflictError,
        match="^name of Product 'acme:x' .*'first' .*'second' "
        r".*save\(force=True\)$",
    ):
        second.save()
    assert (second.state, second.name, Product.get("x").name) == ("modified", "second", "first")
    second.name = "x"  # as it was read
    second.extra_properties["c"] = 3
    with pytest.raises(ConflictError, match=r"extra_properties .*\{'a': 1, 'b': 2\} .*\{'a': 1, 'c': 3\}"):
        second.save()


def test_both_sides_changing_to_one_value_is_no_conflict(catalog: Catalog) -> None:
    """Choice 20: whatever the order of the keys."""
    make_product("x")
    first, second = Product.get("x"), Product.get("x")
    first.update(name="same", extra_properties={"a": 1, "b": 2}, start_datetime="2020-01-01")
    second.update(name="same", extra_properties={"b": 2, "a": 1}, start_datetime="2020-01-01T00:00Z")
    first.save()
    second.save()
    assert (second.state, second.name, second.extra_properties) == ("saved", "same", {"a": 1, "b": 2})


def test_force_overwrites_what_others_changed(catalog: Catalog) -> None:
    """Choice 20: save(force=True); attributes that were not changed here keep theirs."""
    make_product("x")
    first, second = Product.get("x"), Product.get("x")
    first.update(name="first", description="first")
    first.save()
    second.name = "second"
    second.save(force=True)
    assert (second.name, second.description, second.state) == ("second", "first", "saved")


def test_an_object_removed_meanwhile_cannot_be_saved(catalog: Catalog) -> None:
    """3.2: DeletedObjectError, state deleted."""
    product = make_product("x")
    Product.delete("x")
    product.name = "Y"
    with pytest.raises(DeletedObjectError, match=r"^Product 'acme:x' was deleted from the catalog meanwhile$"):
        product.save()
    assert product.state == "deleted"


def test_an_object_replaced_meanwhile_is_a_conflict(catalog: Catalog) -> None:
    """Choice 20: its id was deleted and created again elsewhere."""
    product = make_product("x")
    Product.delete("x")
    make_product("x", description="the new one")
    product.name = "Y"
    with pytest.raises(ConflictError, match="was deleted and created again meanwhile; get it again"):
        product.save()
    assert (product.state, Product.get("x").name) == ("modified", "x")
    product.save(force=True)
    assert (Product.get("x").name, Product.get("x").description) == ("Y", "the new one")


def test_a_value_seen_in_a_transaction_that_failed_hides_no_conflict(catalog: Catalog) -> None:
    """Choice 20: conflicts are judged by values, not by a count of changes."""
    make_product("x")
    with rolled_back(catalog):
        inside = Product.get("x")
        inside.name = "inside"
        inside.save()
        seen = Product.get("x")
    other = Product.get("x")
    other.name = "other"
    other.save()
    seen.name = "seen"
    with pytest.raises(ConflictError, match="name of Product"):
        seen.save()


def test_saving_what_is_saved_does_nothing(product: Product, catalog: Catalog) -> None:
    """3.2: not even when the object is gone: there is nothing to write."""
    modified = product.modified
    product.save()
    assert product.modified == modified


# reload


def test_reload_reads_everything_again(catalog: Catalog) -> None:
    """3.2."""
    product = make_product("x", tags=["a"])
    product.tags  # noqa: B018  # it is held from here on
    other = Product.get("x")
    other.update(name="Y", tags=["b"])
    other.save()
    assert (product.name, product.tags) == ("x", ["a"])
    product.reload()
    assert (product.name, product.tags, product.state) == ("Y", ["b"], "saved")


def test_reload_needs_a_saved_object(catalog: Catalog) -> None:
    """3.2: else ValueError; DeletedObjectError if it is gone."""
    product = Product(id="x", name="X")
    with pytest.raises(ValueError, match=r"^Product instance with id x has not been saved$"):
        product.reload()
    product.save()
    product.name = "Y"
    with pytest.raises(ValueError, match=r"^Product instance with id acme:x has not been saved$"):
        product.reload()
    product.name = "X"
    Product.delete("x")
    with pytest.raises(DeletedObjectError, match="acme:x"):
        product.reload()
    assert product.state == "deleted"


# delete


def test_deleting_by_id(product: Product) -> None:
    """3.2: True, False when there is none, ConflictError when bands or images exist."""
    make_product("empty")
    assert (Product.delete("empty"), Product.delete("empty"), Product.delete("none")) == (True, False, False)
    with pytest.raises(ConflictError, match="still has 2 bands and 0 images"):
        Product.delete("guide")
    assert Band.delete("guide:blue") is True
    assert Band.get("guide:blue") is None


def test_deleting_by_id_what_another_program_deletes_meanwhile(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3.2: False, as when there was none."""
    product, stale = make_product("x"), Product.get("x")
    product.delete()
    monkeypatch.setattr(Product, "get", lambda *arguments, **options: stale)
    assert Product.delete("x") is False


def test_deleting_an_object(catalog: Catalog) -> None:
    """3.2: None; UnsavedObjectError and DeletedObjectError where it cannot be."""
    product = Product(id="x", name="X")
    with pytest.raises(UnsavedObjectError, match=r"^You cannot delete an unsaved object\.$"):
        product.delete()
    product.save()
    twin = Product.get("x")
    assert product.delete() is None
    assert Product.get("x") is None
    with pytest.raises(DeletedObjectError, match="acme:x"):
        product.delete()
    assert twin.state == "saved"
    with pytest.raises(DeletedObjectError, match="deleted from the catalog already"):
        twin.delete()
    assert twin.state == "deleted"


def test_a_modified_object_can_be_deleted(catalog: Catalog) -> None:
    """3.2."""
    product = make_product("x")
    product.name = "Y"
    product.delete()
    assert (product.state, product.name, catalog.products.count()) == ("deleted", "Y", 0)


def test_an_id_can_be_used_again(catalog: Catalog) -> None:
    """3.2."""
    make_product("x").delete()
    assert make_product("x").id == "acme:x"


# Transactions


def test_objects_saved_in_a_transaction_that_fails_are_as_before(product: Product, catalog: Catalog) -> None:
    """3.11, ours: all or nothing, in the objects too."""
    product.description = "pending"
    new = Product(id="new", name="New", start_datetime="2020-01-01")
    gone = make_product("gone")
    band = product.get_band("blue")
    band.resolution = "10 m"
    with rolled_back(catalog):
        product.save()
        product.tags = ["t"]
        product.save()
        new.save()
        new.name = "Newer"
        new.save()
        gone.delete()
        band.save()
        assert (product.state, new.state, gone.state, new.id) == ("saved", "saved", "deleted", "acme:new")
    assert (product.state, product.description, product.tags) == ("modified", "pending", None)
    assert (new.state, new.id, new.name, new.start_datetime, new.owners, new.created) == (
        "unsaved",
        "new",
        "New",
        "2020-01-01",
        None,
        None,
    )
    assert (gone.state, band.state) == ("saved", "modified")
    assert catalog.products.ids() == ["acme:gone", "acme:guide"]
    for thing in (product, new, band):
        thing.save()
    gone.delete()
    assert (Product.get("new").name, Product.get("guide").description) == ("New", "pending")
    assert str(Product.get("guide").resolution_min.value) == "10.0"


def test_a_failed_inner_transaction_leaves_the_outer_one_be(catalog: Catalog) -> None:
    """3.11, ours: blocks may be nested."""
    outer, inner = Product(id="outer", name="O"), Product(id="inner", name="I")
    with catalog.transaction():
        outer.save()
        with rolled_back(catalog):
            inner.save()
    assert (outer.state, inner.state, catalog.products.ids()) == ("saved", "unsaved", ["acme:outer"])


def test_a_deletion_noticed_in_a_transaction_that_fails_is_forgotten(catalog: Catalog) -> None:
    """3.2: state deleted means that the object is gone."""
    product, stale = make_product("x"), Product.get("x")
    stale.name = "Y"
    with rolled_back(catalog):
        product.delete()
        with pytest.raises(DeletedObjectError, match="acme:x"):
            stale.save()
        assert stale.state == "deleted"
    assert (product.state, stale.state) == ("saved", "modified")
    stale.save()
    assert Product.get("x").name == "Y"
