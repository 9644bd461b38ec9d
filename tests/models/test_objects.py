"""What all objects of a catalog share: attributes and states (section 3.2 of the behaviour)."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime

import pytest

from localcat import (
    AttributeValidationError,
    AuthCatalogObject,
    BadRequestError,
    Band,
    Catalog,
    CatalogObject,
    ClassBand,
    DataType,
    DocumentState,
    GenericBand,
    Image,
    ImageUpload,
    MaskBand,
    MicrowaveBand,
    NamedCatalogObject,
    Product,
    Resolution,
    SpectralBand,
)
from localcat import properties as p

KINDS = [Product, SpectralBand, MicrowaveBand, MaskBand, ClassBand, GenericBand, Image]


# Attributes


def test_attributes_are_listed_by_name() -> None:
    """3.2: ATTRIBUTES is a tuple of all names, without internals."""
    assert Product.ATTRIBUTES == (
        "id",
        "created",
        "modified",
        "extra_properties",
        "tags",
        "owners",
        "readers",
        "writers",
        "name",
        "description",
        "is_core",
        "revisit_period_minutes_min",
        "revisit_period_minutes_max",
        "start_datetime",
        "end_datetime",
        "resolution_min",
        "resolution_max",
        "default_display_bands",
        "image_index_name",
        "product_tier",
    )
    assert {"id", "name", "product_id", "product", "tags", "is_alpha"} <= set(MaskBand.ATTRIBUTES)
    assert "is_alpha" not in SpectralBand.ATTRIBUTES
    assert {"geometry", "acquired", "files", "storage_state", "product"} <= set(Image.ATTRIBUTES)
    assert {"image", "events", "status", "resumable_urls", "user"} <= set(ImageUpload.ATTRIBUTES)
    assert not any(name.startswith("_") for kind in KINDS for name in kind.ATTRIBUTES)


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_attributes_are_refused_everywhere(catalog: Catalog, kind: type) -> None:
    """3.2: AttributeError "<Class> has no attribute <name>", in the constructor too; we add the nearest."""
    expected = rf"^{kind.__name__} has no attribute nmae; did you mean 'name'\?$"
    with pytest.raises(AttributeError, match=expected):
        kind(nmae="x")
    thing = kind()
    with pytest.raises(AttributeError, match=expected):
        thing.nmae = "x"
    with pytest.raises(AttributeError, match=expected):
        thing.nmae  # noqa: B018  # reading it is the test
    with pytest.raises(AttributeError, match=expected):
        del thing.nmae
    with pytest.raises(AttributeError, match=expected):
        thing.update(nmae="x")
    with pytest.raises(AttributeError, match="has no attribute save"):
        thing.save = None


def test_names_with_an_underscore_are_free(catalog: Catalog) -> None:
    """3.2."""
    product = Product(id="x", _note="mine")
    product._other = 5
    assert (product._note, product._other) == ("mine", 5)
    del product._other
    assert not hasattr(product, "_other")


def test_a_known_attribute_that_is_unset_reads_as_none(catalog: Catalog) -> None:
    """3.2."""
    image = Image()
    assert {name for name in Image.ATTRIBUTES if getattr(image, name) is not None} == set()


@pytest.mark.parametrize("kind", [CatalogObject, NamedCatalogObject, AuthCatalogObject, Band])
def test_abstract_classes_cannot_be_instantiated(catalog: Catalog, kind: type) -> None:
    """3.2: TypeError "You can only instantiate a derived class of '<X>'"."""
    with pytest.raises(TypeError, match=f"^You can only instantiate a derived class of '{kind.__name__}'$"):
        kind(id="a:b")


@pytest.mark.parametrize("kind", [CatalogObject, NamedCatalogObject, AuthCatalogObject])
def test_abstract_classes_have_nothing_to_search_or_get(catalog: Catalog, kind: type) -> None:
    """3.2: search, get, get_many, exists and delete on the bare base raise TypeError."""
    for call in (
        lambda: kind.search(),
        lambda: kind.get("x"),
        lambda: kind.get_many(["x"]),
        lambda: kind.exists("x"),
        lambda: kind.delete("x"),
        lambda: kind.get_or_create("x"),
    ):
        with pytest.raises(TypeError, match="with a derived class of"):
            call()


def test_an_immutable_attribute_is_set_once(product: Product) -> None:
    """3.2: AttributeValidationError, also when it is deleted; an equal value is not a change."""
    band = SpectralBand(name="red", product=product)
    message = "^Can't set 'name' item because it is an immutable attribute$"
    with pytest.raises(AttributeValidationError, match=message):
        band.name = "green"
    with pytest.raises(AttributeValidationError, match=message):
        del band.name
    with pytest.raises(AttributeValidationError, match="'product_id' item because it is an immutable"):
        del band.product
    with pytest.raises(AttributeValidationError, match="'id' item because it is an immutable"):
        product.id = "acme:other"
    band.name = "red"
    product.id = "acme:guide"
    assert (band.id, product.state) == ("acme:guide:red", DocumentState.SAVED)


def test_a_readonly_attribute_cannot_be_set(product: Product, catalog: Catalog) -> None:
    """3.2: AttributeValidationError, in the constructor, by assignment, by deletion."""
    message = "^Can't set 'created' item because it is a readonly attribute$"
    with pytest.raises(AttributeValidationError, match=message):
        Product(id="x", created="2020-01-01")
    with pytest.raises(AttributeValidationError, match=message):
        product.created = datetime(2020, 1, 1, tzinfo=UTC)
    with pytest.raises(AttributeValidationError, match=message):
        del product.created
    with pytest.raises(AttributeValidationError, match="'resolution_min' item because it is a readonly"):
        product.resolution_min = "5 m"
    with pytest.raises(AttributeValidationError, match="'type' item because it is a readonly"):
        MaskBand(type="mask")
    with pytest.raises(AttributeValidationError, match="'date' item because it is a readonly"):
        Image().date = "2020-01-01"
    with pytest.raises(AttributeValidationError, match="'state' item because it is a readonly"):
        del product.state


def test_deleting_an_attribute_unsets_it(product: Product) -> None:
    """3.2: what is neither immutable nor read-only can be deleted."""
    product.description = "old"
    product.save()
    del product.description
    assert (product.description, product.state) == (None, "modified")
    product.save()
    assert Product.get("guide").description is None


def test_entries_of_a_later_version_are_passed_over(product: Product, catalog: Catalog) -> None:
    """3.2: unknown attributes from the store are ignored silently; they are no change, and stay where they are."""
    band = product.get_band("blue")
    band.processing_levels = {"toa": [{"function": "f", "data_range": (0, 1)}], "default": "toa"}
    band.derived_params = {"function": "g", "bands": ["blue"]}
    band.save()
    with catalog.database.write() as transaction:
        for column, old, new in (
            ("processing_levels", '"function":"f"', '"function":"f","later":1,"data_type":"CInt16"'),
            ("derived_params", '"function":"g"', '"function":"g","later":[2]'),
        ):
            transaction.connection.execute(f"UPDATE band SET {column} = replace({column}, ?, ?)", (old, new))
    found = Band.get("guide:blue")
    (step,) = found.processing_levels.steps("default")
    assert (step.function, step.data_range, step.data_type) == ("f", (0.0, 1.0), "CInt16")
    assert (found.derived_params.function, found.derived_params.bands) == ("g", ["blue"])
    assert (found.state, found == Band.get("guide:blue")) == ("saved", True)
    found.description = "changed"
    found.save()
    rows = catalog.sql("SELECT processing_levels AS levels, derived_params AS params FROM band WHERE name = 'blue'")
    assert all('"later"' in text for text in rows[0].values())
    found.derived_params.function = "h"
    assert found.state == "modified"


def test_what_the_original_marks_filterable_is(product: Product) -> None:
    """3.2, 3.3: created and modified also sort; extra_properties are filtered by key only."""
    marked = {name for name, attribute in Product._attributes.items() if attribute.filterable}
    assert marked == {
        "id",
        "created",
        "modified",
        "tags",
        "owners",
        "is_core",
        "revisit_period_minutes_min",
        "revisit_period_minutes_max",
        "start_datetime",
        "end_datetime",
        "resolution_min",
        "resolution_max",
        "image_index_name",
        "product_tier",
    }
    for name in ("created", "modified"):
        search = Product.search().filter(getattr(p, name) == getattr(product, name)).sort(name, ascending=False)
        assert search.ids() == ["acme:guide"]
    with pytest.raises(BadRequestError, match=r"filtered by one of its keys: p\.extra_properties\['key'\]"):
        Product.search().filter(p.extra_properties == "x")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Image, "files"),
        (Image, "geotrans"),
        (Image, "bits_per_pixel"),
        (SpectralBand, "processing_levels"),
        (Band, "class_labels"),
        (ImageUpload, "image_upload_options"),
        (ImageUpload, "events"),
    ],
)
def test_what_cannot_be_filtered_says_so(catalog: Catalog, kind: type, name: str) -> None:
    """Choice 5: lists of numbers and structured values are known, and neither filtered nor sorted by."""
    for call in (
        lambda: kind.search().filter(getattr(p, name).isnull),
        lambda: kind.search().filter(getattr(p, name) == "x"),
        lambda: kind.search().sort(name),
    ):
        with pytest.raises(BadRequestError, match=f"^{kind.__name__} attribute {name} .*filtered"):
            call()


# States


def test_an_object_goes_through_its_states(catalog: Catalog) -> None:
    """3.2: unsaved, saved, modified, saved, deleted; the states are text."""
    product = Product(id="x", name="X")
    assert (product.state, product.state == "unsaved") == (DocumentState.UNSAVED, True)
    product.save()
    assert (product.state, product.is_modified) == (DocumentState.SAVED, False)
    product.name = "Y"
    assert (product.state, product.is_modified) == (DocumentState.MODIFIED, True)
    product.save()
    assert (product.state, product.is_modified) == (DocumentState.SAVED, False)
    product.delete()
    assert product.state is DocumentState.DELETED


def test_assigning_an_equal_value_changes_nothing(product: Product, catalog: Catalog) -> None:
    """3.2: whatever its spelling."""
    product.update(
        tags=["a"], start_datetime="2020-01-01", extra_properties={"a": 1, "b": 2}, revisit_period_minutes_min=5
    )
    product.save()
    modified = product.modified
    product.tags = ("a",)
    product.start_datetime = "2020-01-01T01:00:00+01:00"
    product.extra_properties = {"b": 2, "a": 1}
    product.revisit_period_minutes_min = "5"
    assert (product.state, product.start_datetime) == ("saved", datetime(2020, 1, 1, tzinfo=UTC))
    product.save()
    assert product.modified == modified


def test_changing_a_value_back_makes_the_object_saved_again(product: Product) -> None:
    """3.2: modified means that something differs."""
    product.name = "Other"
    product.name = "Guide"
    assert product.state == "saved"


IN_PLACE = {
    "append": lambda tags: tags.append("c"),
    "insert": lambda tags: tags.insert(0, "c"),
    "extend": lambda tags: tags.extend(["c"]),
    "+=": lambda tags: tags.__iadd__(["c"]),
    "*=": lambda tags: tags.__imul__(2),
    "item": lambda tags: tags.__setitem__(0, "c"),
    "slice": lambda tags: tags.__setitem__(slice(0, 1), ["c", "d"]),
    "sort": lambda tags: tags.sort(),
    "reverse": lambda tags: tags.reverse(),
    "del": lambda tags: tags.__delitem__(0),
    "pop": lambda tags: tags.pop(),
    "remove": lambda tags: tags.remove("b"),
    "clear": lambda tags: tags.clear(),
}


@pytest.mark.parametrize("change", IN_PLACE.values(), ids=IN_PLACE)
def test_a_list_changed_in_place_marks_its_owner_modified(product: Product, change) -> None:
    """3.2: by every method of a list; and it is saved."""
    product.tags = ["b", "a"]
    product.save()
    expected = ["b", "a"]
    change(expected)
    change(product.tags)
    assert (product.tags, product.state) == (expected, "modified")
    product.save()
    assert (Product.get("guide").tags, product.state) == (expected, "saved")


def test_a_mapping_changed_in_place_marks_its_owner_modified(product: Product) -> None:
    """3.2."""
    product.extra_properties = {"a": 1}
    product.save()
    product.extra_properties["b"] = "two"
    assert product.state == "modified"
    product.save()
    del product.extra_properties["a"]
    assert product.state == "modified"
    product.save()
    assert Product.get("guide").extra_properties == {"b": "two"}


def test_a_list_read_from_the_catalog_is_watched_too(product: Product) -> None:
    """3.2: not only one that was assigned."""
    product.tags = ["a"]
    product.save()
    found = Product.get("guide")
    found.tags.append("b")
    assert (found.state, found.serialize(modified_only=True)) == ("modified", {"tags": ["a", "b"]})


def test_a_list_that_is_held_on_to_still_counts_after_saving(product: Product) -> None:
    """3.2."""
    product.tags = ["a"]
    tags = product.tags
    product.save()
    tags.append("b")
    assert (product.tags, product.state) == (["a", "b"], "modified")


def test_assigned_lists_and_dicts_are_copied(catalog: Catalog) -> None:
    """3.2: assignment copies; the caller's object is not aliased."""
    tags, extra, ranges = ["a"], {"k": 1}, [0, 1]
    product = Product(id="x", name="X", tags=tags, extra_properties=extra)
    band = SpectralBand(data_range=ranges)
    tags.append("b")
    extra["l"] = 2
    ranges[0] = 7
    assert (product.tags, product.extra_properties, band.data_range) == (["a"], {"k": 1}, (0.0, 1.0))


def test_a_resolution_given_to_several_bands_marks_them_all(product: Product) -> None:
    """3.2: a mapping attribute object may be attached to several owners and marks all of them."""
    resolution = Resolution(60, "meters")
    bands = [
        SpectralBand(name=name, product=product, data_type="Byte", data_range=(0, 1), band_index=2) for name in "ab"
    ]
    for band in bands:
        band.resolution = resolution
        band.save()
    resolution.value = 30
    assert [band.state for band in bands] == ["modified", "modified"]
    for band in bands:
        band.save()
    assert [Band.get(f"guide:{name}").resolution for name in "ab"] == [Resolution(30, "m")] * 2


def test_what_is_changed_in_place_to_nonsense_is_refused_on_saving(product: Product) -> None:
    """3.2: until then the object is modified and can be shown."""
    band = product.get_band("blue")
    band.resolution.value = -1
    assert band.state == "modified"
    assert "Not up-to-date" in repr(band)
    with pytest.raises(AttributeValidationError, match=r"^resolution is the size of a pixel, above 0, not Resolution"):
        band.save()
    band.resolution.value = 60
    assert band.state == "saved"


# update


def test_update_sets_several_attributes(product: Product) -> None:
    """3.2."""
    product.update(name="N", description="D", tags=["t"])
    assert (product.name, product.description, product.tags, product.state) == ("N", "D", ["t"], "modified")


@pytest.mark.parametrize("bad", [{"name": 5}, {"nmae": "x"}, {"created": "2020"}, {"id": "other"}])
def test_update_sets_all_or_nothing(product: Product, bad: dict) -> None:
    """3.2: on an error everything is rolled back and the error raised."""
    product.tags = ["kept"]
    with pytest.raises((AttributeValidationError, AttributeError), match=rf"\b{next(iter(bad))}\b"):
        product.update(description="new", tags=["gone"], **bad)
    assert (product.name, product.description, product.tags) == ("Guide", None, ["kept"])


def test_update_can_pass_over_errors(product: Product) -> None:
    """3.2: ignore_errors skips the bad ones."""
    product.update(ignore_errors=True, name=5, nmae="x", description="new", created="2020")
    assert (product.name, product.description) == ("Guide", "new")


def test_update_of_a_new_band_rolls_its_identity_back(product: Product) -> None:
    """3.2."""
    band = SpectralBand()
    with pytest.raises(AttributeValidationError, match="band_index .*, not -1"):
        band.update(name="red", product=product, band_index=-1)
    assert (band.name, band.product, band.product_id, band.id) == (None, None, None, None)


# serialize


def test_serialize_gives_what_json_takes_without_id_and_references(product: Product) -> None:
    """3.2."""
    band = SpectralBand(
        name="red", product=product, data_type=DataType.BYTE, data_range=(0, 255), resolution="10 m", band_index=0
    )
    band.processing_levels = {"toa": [{"function": "f", "data_range": (0, 1)}], "default": "toa"}
    document = band.serialize()
    assert document == {
        "name": "red",
        "product_id": "acme:guide",
        "type": "spectral",
        "data_type": "Byte",
        "data_range": [0.0, 255.0],
        "resolution": {"value": 10.0, "unit": "meters"},
        "band_index": 0,
        "processing_levels": {"toa": [{"function": "f", "data_range": (0.0, 1.0)}], "default": "toa"},
    }
    assert json.loads(json.dumps(document))["data_range"] == [0.0, 255.0]


def test_serialize_of_what_is_modified(product: Product) -> None:
    """3.2: modified_only; an attribute that was unset is None."""
    product.description = "old"
    product.save()
    assert product.serialize(modified_only=True) == {}
    product.name = "New"
    product.start_datetime = "2020-01-01"
    product.description = None
    product.tags  # noqa: B018  # reading is not a change
    assert product.serialize(modified_only=True) == {
        "name": "New",
        "description": None,
        "start_datetime": "2020-01-01T00:00:00+00:00",
    }
    assert Product(id="x", name="X").serialize(modified_only=True) == {"name": "X"}


def test_serialize_as_json_api(product: Product) -> None:
    """3.2: jsonapi_format."""
    product.name = "New"
    assert product.serialize(modified_only=True, jsonapi_format=True) == {
        "data": {"type": "product", "id": "acme:guide", "attributes": {"name": "New"}}
    }
    assert Product(name="X").serialize(jsonapi_format=True) == {
        "data": {"type": "product", "attributes": {"name": "X"}}
    }


def test_a_name_that_is_like_an_unknown_one_is_looked_for_when_the_message_is_read(catalog: Catalog) -> None:
    image = Image(product_id="acme:x", name="a", catalog=catalog)
    with pytest.raises(AttributeError, match=r"^Image has no attribute aquired; did you mean 'acquired'") as raised:
        image.aquired  # noqa: B018
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    assert getattr(image, "aquired", None) is None
