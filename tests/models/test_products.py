"""Products: ids, relatives, what follows from the bands, deletion (section 3.3 of the behaviour)."""

from __future__ import annotations

import concurrent.futures
import re
from datetime import UTC, datetime
from time import monotonic
from types import SimpleNamespace

import pytest

from localcat import (
    AttributeValidationError,
    BadRequestError,
    Band,
    Catalog,
    ClassBand,
    ConflictError,
    DeletedObjectError,
    DeletionTaskStatus,
    Image,
    MaskBand,
    Product,
    Resolution,
    SpectralBand,
    TaskState,
    UnsavedObjectError,
)
from localcat import properties as p
from localcat.models import product as products
from tests.models.rollback import rolled_back


def add_band(product: Product, name: str, resolution: object = None) -> SpectralBand:
    band = SpectralBand(name=name, product=product, data_type="Byte", data_range=(0, 255), band_index=0)
    band.resolution = resolution
    band.save()
    return band


# Ids


@pytest.mark.parametrize(
    ("settings", "id", "expected"),
    [
        ({"org": "acme"}, "foo", "acme:foo"),
        ({"org": "acme"}, "acme:foo", "acme:foo"),
        ({"org": "acme"}, "acme:foo:bar", "acme:foo:bar"),
        ({"org": "acme"}, "foo:bar", "acme:foo:bar"),
        ({"org": "acme"}, "acme", "acme:acme"),
        ({"org": "acme"}, "acmes:foo", "acme:acmes:foo"),
        ({"user": "ann"}, "foo", "ann:foo"),
        ({"org": "acme", "user": "ann"}, "ann:foo", "acme:ann:foo"),
        ({"org": ""}, "foo", "foo"),
    ],
)
def test_ids_get_the_namespace_of_the_catalog(settings: dict, id: str, expected: str) -> None:
    """3.3, choice 7: the org, else the user; "" for none; an id that has it already stays."""
    with Catalog.temporary(**settings) as catalog:
        assert Product.namespace_id(id, catalog=catalog) == expected
        product = Product(id=id, name="n", catalog=catalog)
        product.save()
        assert (product.id, Product.get(id, catalog=catalog).id) == (expected, expected)


def test_the_id_is_replaced_on_the_first_save_only(catalog: Catalog) -> None:
    """3.3."""
    product = Product(id="foo", name="Foo")
    assert product.id == "foo"
    product.save()
    assert product.id == "acme:foo"
    product.name = "Bar"
    product.save()
    assert catalog.products.ids() == ["acme:foo"]


def test_ids_are_unique_in_the_namespace(catalog: Catalog) -> None:
    """3.3: with or without the prefix."""
    Product(id="foo", name="Foo").save()
    with pytest.raises(ConflictError, match="'acme:foo' already exists"):
        Product(id="acme:foo", name="Foo").save()


def test_named_id(product: Product) -> None:
    """3.3: "<product id>:<name>"."""
    assert product.named_id("blue") == "acme:guide:blue"


# Attributes


def test_all_attributes_come_back(catalog: Catalog) -> None:
    """3.3: through save and a fresh get."""
    values = {
        "name": "Näme – with anything: 'quotes', \"double\", \n newlines, 漢字, 🛰️",
        "description": "d" * 80_000,
        "is_core": True,
        "revisit_period_minutes_min": 0.1,
        "revisit_period_minutes_max": 1e300,
        "default_display_bands": ["red", "green", "blue", "alpha"],
        "image_index_name": "index",
        "product_tier": "premium",
        "owners": ["org:acme"],
        "readers": ["email:a@b.c", "group:g"],
        "writers": ["user:w"],
        "tags": ["one", "two", ""],
        "extra_properties": {"text": "x", "int": 2**63 - 1, "float": 0.1, "bool": True},
    }
    Product(
        id="x", start_datetime="2020-01-01", end_datetime=datetime(9999, 12, 31, 23, 59, 59, 999999), **values
    ).save()
    found = Product.get("x")
    assert {name: getattr(found, name) for name in values} == values
    assert (found.start_datetime, found.end_datetime) == (
        datetime(2020, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    )


def test_limits_of_texts(catalog: Catalog) -> None:
    """3.2: names of products up to 2000 characters, descriptions up to 80,000."""
    Product(id="x", name="é" * 2000, description="é" * 80_000).save()
    with pytest.raises(AttributeValidationError, match=r"^name has at most 2,000 characters, not 2,001; shorten it$"):
        Product(name="n" * 2001)
    with pytest.raises(AttributeValidationError, match=r"^description has at most 80,000 characters, not 80,001"):
        Product(description="n" * 80_001)


@pytest.mark.parametrize("bands", [[], ["grey"], ["grey", "alpha"], ["r", "g", "b"], ["r", "g", "b", "alpha"]])
def test_default_display_bands_may_be(catalog: Catalog, bands: list[str]) -> None:
    """3.3: one band, one with alpha, three, three with alpha."""
    Product(id="x", name="X", default_display_bands=bands).save()
    assert Product.get("x").default_display_bands == bands


@pytest.mark.parametrize("bands", ["grey", ["a", "b", "c", "d", "e"], [""], [1], [None]])
def test_default_display_bands_may_not_be(catalog: Catalog, bands: object) -> None:
    """3.3."""
    with pytest.raises(AttributeValidationError, match="default_display_bands"):
        Product(default_display_bands=bands)


def test_the_last_of_two_or_four_display_bands_is_an_alpha_band(product: Product) -> None:
    """3.3: checked against the bands that are there."""
    product.default_display_bands = ["blue", "alpha"]
    product.save()
    for wrong in (["alpha", "blue"], ["blue", "blue", "blue", "blue"]):
        product.default_display_bands = wrong
        with pytest.raises(BadRequestError, match="the last of two or four is an alpha band; 'blue' is not one"):
            product.save()
    product.default_display_bands = ["blue", "not-declared-yet"]
    product.save()


# Who


def test_owners_are_who_creates_the_product(catalog: Catalog) -> None:
    """Choice 21: the user, and the org where there is one; readers and writers are empty."""
    with Catalog.temporary(org="acme", user="ann") as catalog:
        product = Product(id="x", name="X", catalog=catalog)
        product.save()
        assert (product.owners, product.readers, product.writers) == (["user:ann", "org:acme"], [], [])
    with Catalog.temporary(user="ann") as catalog:
        product = Product(id="x", name="X", catalog=catalog)
        product.save()
        assert product.owners == ["user:ann"]


def test_owners_that_are_given_stay(catalog: Catalog) -> None:
    """Choice 21."""
    product = Product(id="x", name="X", owners=["org:else"], readers=["group:g"])
    product.save()
    assert (product.owners, product.readers) == (["org:else"], ["group:g"])


@pytest.mark.parametrize(
    ("lists", "owner", "writer", "reader"),
    [
        ({"owners": ["user:ann"]}, True, True, True),
        ({"owners": ["org:acme"]}, True, True, True),
        ({"owners": ["org:else"], "writers": ["user:ann"]}, False, True, True),
        ({"owners": ["org:else"], "readers": ["org:acme"]}, False, False, True),
        ({"owners": ["org:else"], "readers": ["email:ann@acme.org"]}, False, False, False),
        ({"owners": []}, False, False, False),
    ],
)
def test_who_may_do_what(lists: dict, owner: bool, writer: bool, reader: bool) -> None:
    """3.3: told from the lists, not enforced."""
    with Catalog.temporary(org="acme", user="ann") as catalog:
        product = Product(id="x", name="X", catalog=catalog, **lists)
        product.save()
        assert (product.user_is_owner(), product.user_can_write(), product.user_can_read()) == (owner, writer, reader)


@pytest.mark.parametrize(
    ("name", "value"),
    [("owners", ["email:a@b.c"]), ("owners", ["group:g"]), ("readers", ["ann"]), ("writers", ["USER:ann"])],
)
def test_entries_of_the_lists_have_prefixes(catalog: Catalog, name: str, value: list[str]) -> None:
    """3.2: email:, user:, group:, org:; owners only org: and user:."""
    with pytest.raises(AttributeValidationError, match=f"^{name} holds texts that begin with user: or org:|email: or"):
        Product(**{name: value})


# Relatives


def test_relatives_are_found_by_name(product: Product) -> None:
    """3.3: None if missing."""
    Image(name="scene", product=product).save()
    assert (product.get_band("blue").id, product.get_band("nothing")) == ("acme:guide:blue", None)
    assert (product.get_image("scene").id, product.get_image("nothing")) == ("acme:guide:scene", None)
    assert product.get_band("alpha").state == "saved"


def test_bands_come_in_their_order(product: Product) -> None:
    """3.3: sorted by sort_order, then by name; a search that can be refined."""
    late = SpectralBand(name="a-late", product=product, data_type="Byte", data_range=(0, 1), band_index=5)
    late.save()
    first = SpectralBand(
        name="z-first", product=product, data_type="Byte", data_range=(0, 1), band_index=6, sort_order=1
    )
    first.save()
    other = Product(id="other", name="Other")
    other.save()
    add_band(other, "blue")
    assert [(band.name, band.sort_order) for band in product.bands()] == [
        ("blue", 1),
        ("z-first", 1),
        ("alpha", 2),
        ("a-late", 3),
    ]
    assert [band.name for band in product.bands().filter(p.type == "spectral").sort("name").limit(2)] == [
        "a-late",
        "blue",
    ]


def test_images_and_uploads_are_those_of_the_product(product: Product) -> None:
    """3.3."""
    other = Product(id="other", name="Other")
    other.save()
    for owner in (product, other):
        Image(name="scene", product=owner).save()
    assert product.images().ids() == ["acme:guide:scene"]
    assert list(product.image_uploads()) == []


def test_relatives_of_an_unsaved_product_are_refused(catalog: Catalog) -> None:
    """Ours: its id may still change."""
    product = Product(id="x")
    for call in (product.bands, product.images, product.image_uploads, product.delete_related_objects):
        with pytest.raises(UnsavedObjectError, match="product 'x' was never saved; save it first"):
            call()


def test_there_is_no_server_to_pass_parameters_to(product: Product) -> None:
    """3.5: headers are ignored, request_params refused."""
    assert product.get_band("blue", headers={"a": "b"}).name == "blue"
    for call in (product.bands, product.images, product.delete_related_objects, product.get_delete_status):
        with pytest.raises(BadRequestError, match="there is no server to pass request_params to"):
            call(request_params={"a": 1})
    assert product.bands().count() == 2


# What follows from the bands


def test_resolutions_follow_the_bands(catalog: Catalog) -> None:
    """3.3: finest and coarsest; metres and degrees compare through 111,111 m per degree."""
    product = Product(id="x", name="X")
    product.save()
    assert (product.resolution_min, product.resolution_max) == (None, None)

    def extremes() -> tuple:
        product.reload()
        return product.resolution_min, product.resolution_max

    coarse = add_band(product, "coarse", "1 degree")
    assert extremes() == (Resolution(1, "degrees"), Resolution(1, "degrees"))
    fine = add_band(product, "fine", "10 m")
    add_band(product, "unknown")
    assert extremes() == (Resolution(10, "m"), Resolution(1, "degrees"))
    fine.resolution = "200 km".replace("200 km", "200000 m")
    fine.save()
    assert extremes() == (Resolution(1, "degrees"), Resolution(200_000, "m"))
    fine.delete()
    assert extremes() == (Resolution(1, "degrees"), Resolution(1, "degrees"))
    coarse.resolution = None
    coarse.save()
    assert extremes() == (None, None)


def test_a_change_of_bands_is_no_conflict_for_the_product(product: Product) -> None:
    """Choice 20."""
    add_band(product, "fine", "1 m")
    product.name = "Changed"
    product.save()
    assert (product.name, product.resolution_min) == ("Changed", Resolution(1, "m"))


# Deleting


def test_a_product_with_relatives_is_not_deleted(product: Product) -> None:
    """3.3: ConflictError with the counts."""
    Image(name="scene", product=product).save()
    with pytest.raises(
        ConflictError,
        match=r"'acme:guide' .*2 bands and 1 images; call delete_related_objects",
    ):
        product.delete()
    assert (product.state, Product.exists("guide")) == ("saved", True)


def test_deleting_related_objects(product: Product, catalog: Catalog) -> None:
    """3.3: bands and images in one step, with a finished status; then the product itself can go."""
    Image(name="scene", product=product, geometry={"type": "Point", "coordinates": [1, 2]}, tags=["t"]).save()
    other = Product(id="other", name="Other")
    other.save()
    add_band(other, "kept")
    assert product.get_delete_status().status == TaskState.NEVERRAN == "NONE"
    status = product.delete_related_objects()
    assert (status.id, status.status, status.objects_deleted, status.errors) == ("acme:guide", "SUCCESS", 3, [])
    assert status.start_datetime.tzinfo is not None
    assert 0 <= status.duration_in_seconds < 60
    assert product.get_delete_status() is status
    assert status.wait_for_completion(timeout=1) is None
    assert status.reload() is None
    assert (product.bands().count(), product.images().count(), catalog.bands.ids()) == (0, 0, ["acme:other:kept"])
    assert product.delete_related_objects() is None
    product.reload()
    assert product.resolution_min is None
    product.delete()
    assert catalog.products.ids() == ["acme:other"]


def test_deleting_related_objects_is_undone_with_its_transaction(product: Product, catalog: Catalog) -> None:
    """3.3: one transaction."""
    with rolled_back(catalog):
        product.delete_related_objects()
    assert (product.bands().count(), product.get_delete_status().status) == (2, "NONE")


@pytest.fixture
def seven(product: Product, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seven images, three of which are deleted at once; the numbers of images that `_delete_related` left."""
    monkeypatch.setattr(products, "_DELETED_AT_ONCE", 3)
    monkeypatch.setattr(products, "_next_portion", lambda at_once, seconds: at_once)
    monkeypatch.setattr(products, "_PAUSE", 0)
    catalog.add_images({"product_id": product.id, "name": f"n{n}"} for n in range(7))
    left: list[int] = []
    delete = Product._delete_related

    def noted(self: Product, at_once: int | None) -> tuple[int, bool, float]:
        found = delete(self, at_once)
        left.append(product.images().count())
        return found

    monkeypatch.setattr(Product, "_delete_related", noted)
    return left


def test_many_related_objects_are_deleted_some_at_a_time(product: Product, seven: list[int]) -> None:
    """3.3, ours: others write in between; the bands go with the last image."""
    assert product.delete_related_objects().objects_deleted == 9
    assert seven == [4, 1, 0]
    assert product.bands().count() == 0


@pytest.mark.parametrize(
    ("deleted", "seconds", "next_time"),
    [(250, 0.1, 250), (500, 0.4, 125), (250, 0.0, 500), (1500, 0.01, 2000), (250, 60.0, 100), (100, 0.05, 200)],
)
def test_as_many_images_are_deleted_next_as_take_a_tenth_of_a_second(
    deleted: int, seconds: float, next_time: int
) -> None:
    """3.3, ours: nobody waits long on a slow machine, either."""
    assert products._next_portion(deleted, seconds) == next_time


def test_as_many_related_objects_as_are_deleted_at_once_leave_no_band(
    product: Product, catalog: Catalog, seven: list[int]
) -> None:
    """3.3, ours."""
    Image.delete("guide:n0")
    assert product.delete_related_objects().objects_deleted == 8
    assert (seven, product.bands().count()) == ([3, 0, 0], 0)


def test_inside_a_transaction_related_objects_are_deleted_at_once(
    product: Product, catalog: Catalog, seven: list[int]
) -> None:
    """3.3: it is undone as a whole."""
    with rolled_back(catalog):
        product.delete_related_objects()
    assert (seven, product.images().count(), product.bands().count()) == ([0], 7, 2)


def test_a_deletion_that_was_interrupted_goes_on(
    product: Product, catalog: Catalog, seven: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """3.3, ours: what is left is whole."""

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt("between two steps")

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt, match="between two steps"):
        patch.setattr(products, "time", SimpleNamespace(sleep=interrupt, monotonic=monotonic))
        product.delete_related_objects()
    assert (product.images().count(), product.bands().count()) == (4, 2)
    assert catalog.verify("full", progress=False).problems == []
    assert product.delete_related_objects().objects_deleted == 6
    assert (product.images().count(), product.bands().count()) == (0, 0)


def test_deleting_related_objects_of_a_product_that_is_gone(catalog: Catalog) -> None:
    """3.3."""
    product = Product(id="x", name="X")
    product.save()
    Product.delete("x")
    with pytest.raises(DeletedObjectError, match="'acme:x' was deleted"):
        product.delete_related_objects()
    assert product.state == "deleted"


def test_the_text_of_a_deletion_status() -> None:
    """3.3: state, start, duration with four decimals and a thousands separator, count, errors."""
    started = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    status = DeletionTaskStatus("acme:x", TaskState.SUCCEEDED, started, 1234.36761, 2)
    assert repr(status) == (
        "acme:x delete task status: SUCCESS\n"
        "  - started: 2020-01-02 03:04:05+00:00\n"
        "  - took 1,234.3676 seconds\n"
        "  - 2 objects deleted"
    )
    assert repr(DeletionTaskStatus("acme:x", TaskState.NEVERRAN)) == "acme:x delete task status: NONE"
    failed = DeletionTaskStatus("acme:x", TaskState.FAILED, errors=["one", "two"])
    assert repr(failed) == "acme:x delete task status: FAILURE\n  - 2 errors:\n    - one\n    - two"
    running = DeletionTaskStatus("acme:x", TaskState.RUNNING)
    with pytest.raises(concurrent.futures.TimeoutError, match=re.escape("the deletion in product 'acme:x' is still")):
        running.wait_for_completion(timeout=0)


def test_deleting_a_band_or_an_image_frees_the_product(product: Product) -> None:
    """3.3: class bands and mask bands alike."""
    ClassBand(name="kind", product=product, data_type="Byte", data_range=(0, 9), band_index=2).save()
    for band in list(product.bands()):
        band.delete()
    assert (Band.search().count(), MaskBand.search().count()) == (0, 0)
    product.delete()


PRODUCT_VALUES = {
    "name": "Name",
    "is_core": True,
    "revisit_period_minutes_min": 5.5,
    "revisit_period_minutes_max": 7.5,
    "start_datetime": "2012-01-01",
    "end_datetime": "2015-01-01",
    "image_index_name": "index",
    "product_tier": "premium",
}


@pytest.mark.parametrize("name", PRODUCT_VALUES)
def test_attributes_filter_and_sort(catalog: Catalog, name: str) -> None:
    """3.3: unset values match nothing, and come last in both directions."""
    value = PRODUCT_VALUES[name]
    Product(id="set", **{"name": "n", name: value}).save()
    Product(id="unset", name="a").save()
    handle = getattr(p, name)
    assert Product.search().filter(handle == value).ids() == ["acme:set"]
    if name != "name":
        assert Product.search().filter(handle != value).ids() == []
        assert Product.search().filter(handle.isnull).ids() == ["acme:unset"]
        for order in (name, f"-{name}"):
            assert Product.search().sort(order).ids() == ["acme:set", "acme:unset"]


def test_text_is_found_in_name_description_and_tags(catalog: Catalog) -> None:
    """3.3, choice 6: all words, whatever their case and accents."""
    Product(id="a", name="Étang du Nord", description="Lakes by month").save()
    Product(id="b", name="Other", tags=["lake", "north sea"]).save()
    search = Product.search()
    assert search.find_text("etang").ids() == ["acme:a"]
    assert search.find_text("NORD lakes").ids() == ["acme:a"]
    assert search.find_text("sea").ids() == ["acme:b"]
    assert search.find_text("lakes sea").ids() == []


def test_owners_are_filtered_by_element(catalog: Catalog) -> None:
    """3.3, choice 11."""
    Product(id="a", name="A", owners=["user:ann", "org:acme"]).save()
    Product(id="b", name="B", owners=["org:else"], readers=["email:a@b.c"], writers=["group:g"]).save()
    assert Product.search().filter(p.owners == "org:acme").ids() == ["acme:a"]
    assert Product.search().filter(p.owners.any_of(["user:ann", "org:else"])).count() == 2
    assert Product.search().filter(~(p.owners == "org:acme")).ids() == ["acme:b"]
    assert Product.search().filter((p.readers == "email:a@b.c") & (p.writers == "group:g")).ids() == ["acme:b"]


def test_deleting_related_objects_unlinks_their_files(product: Product, catalog: Catalog, pixels, meta) -> None:
    """3.3: after the commit."""
    image = Image(name="scene", product=product, acquired="2020-01-01")
    image.upload_ndarray(pixels, raster_meta=meta)
    path = catalog.path_of(image.files[0])
    with rolled_back(catalog):
        product.delete_related_objects()
    assert (path.exists(), product.images().count()) == (True, 1)
    assert product.delete_related_objects().objects_deleted == 3
    assert (path.exists(), list(catalog.data_folder.hrefs())) == (False, [])


def test_a_deletion_status_is_that_of_the_python_object(product: Product) -> None:
    """3.3, ours: the deletion has ended when its call returns; nothing of it is stored."""
    product.delete_related_objects()
    assert product.get_delete_status().status == TaskState.SUCCEEDED
    assert Product.get("guide").get_delete_status().status == TaskState.NEVERRAN


# Names of the original


def test_permissions_of_related_objects_are_those_of_the_product(product: Product) -> None:
    """Choice 34: names of version 1.0."""
    assert product.update_related_objects_permissions() is None
    assert product.update_related_objects_permissions(readers=["org:acme"], owners=None, inherit=True) is None
    assert product.state == "saved"
    product.delete_related_objects()
    product.delete()
    with pytest.raises(DeletedObjectError, match="was deleted"):
        product.update_related_objects_permissions()


class Auth:
    all_acl_subjects = ("user:bea", "group:maps")


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (["user:ann"], (True, True, True)),
        (("user:bea",), (False, True, True)),
        (Auth(), (False, True, True)),
        ({"org:other"}, (False, False, True)),
        (["user:eve"], (False, False, False)),
        ([], (False, False, False)),
    ],
)
def test_questions_about_permissions_are_about_who_is_asked_for(catalog: Catalog, auth, expected) -> None:
    """Choice 34: user_can_read(auth)."""
    product = Product(owners=["user:ann"], writers=["user:bea"], readers=["org:other"])
    asked = (product.user_is_owner(auth), product.user_can_write(auth=auth), product.user_can_read(auth=auth))
    assert asked == expected


@pytest.mark.parametrize("auth", ["user:ann", 5])
def test_who_is_asked_for_is_a_list_of_names(catalog: Catalog, auth: object) -> None:
    with pytest.raises(BadRequestError, match=r"auth is a list such as \['user:ann'\]"):
        Product().user_can_read(auth)


def test_relatives_are_looked_for_where_the_caller_says(product: Product, kept: Catalog) -> None:
    """Choice 34: get_band(…, client=)."""
    assert product.get_band("blue", client=kept)._catalog == kept
    assert product.get_image("a") is None
    assert product.get_image("a", client=kept).id == "acme:guide:a"
    assert product.images(client=kept).count() == 4
    assert product.bands(client=kept).ids() == ["acme:guide:blue", "acme:guide:alpha"]
    assert (product.image_uploads(client=kept).count(), product.image_uploads().count()) == (2, 0)
    with pytest.raises(BadRequestError, match="catalog is a Catalog"):
        product.get_band("blue", client="kept.gpkg")
