"""Collections as lists: indexing, each, map, filter, sort, group."""

from __future__ import annotations

import copy
import datetime
import pickle
from types import SimpleNamespace

import numpy
import pytest

from localcat import (
    BadRequestError,
    Band,
    BandCollection,
    Catalog,
    Collection,
    Image,
    ImageCollection,
    MaskBand,
    Product,
    ProductCollection,
    SpectralBand,
    UnknownPropertyError,
)
from localcat import properties as p


@pytest.fixture
def images(product: Product) -> ImageCollection:
    """Images a to e, never saved, with tied and unset values."""
    facts = (
        ("a", "2019-05-01", 0.5),
        ("b", "2018-03-01", 0.1),
        ("c", "2019-02-01", None),
        ("d", "2020-01-01", 0.5),
        ("e", "2018-03-01", None),
    )
    for name, acquired, cloud_fraction in facts:
        Image(product=product, name=name, acquired=acquired, cloud_fraction=cloud_fraction).save()
    return product.images().sort("name").collect()


def names(collection: Collection) -> str:
    return "".join(item.name for item in collection)


# Lists


def test_a_collection_is_indexed_like_a_list_and_like_an_array(images: ImageCollection) -> None:
    """3.7: by int, slice, list or array of positions or flags."""
    assert images[0].name == "a"
    assert images[-1].name == "e"
    assert images[numpy.int64(1)].name == "b"
    for index, expected in (
        (slice(1, 3), "bc"),
        (slice(None, None, -1), "edcba"),
        ([0, 2], "ac"),
        ([-1, 0, 0], "eaa"),
        ([True, False, False, True, False], "ad"),
        (numpy.array([3, 1]), "db"),
        (numpy.array([False, True, True, False, False]), "bc"),
        ((4, 0), "ea"),
        ([], ""),
        (range(2), "ab"),
        (numpy.array([], dtype=int), ""),
    ):
        chosen = images[index]
        assert isinstance(chosen, ImageCollection)
        assert names(chosen) == expected


@pytest.mark.parametrize(
    ("index", "error"),
    [
        (7, IndexError),
        ([0, 7], IndexError),
        ([True, False], IndexError),
        ([0, True], TypeError),
        ("a", TypeError),
        (1.0, TypeError),
        ([1.0], TypeError),
        (None, TypeError),
    ],
)
def test_other_indices_are_refused(images: ImageCollection, index, error) -> None:
    """3.7."""
    with pytest.raises(error):
        images[index]


def test_a_collection_changes_like_a_list(images: ImageCollection) -> None:
    """3.7: append, extend, item and slice assignment, reversed, contains."""
    first, second, *others = images
    collection = ImageCollection([first])
    collection.append(second)
    collection.extend(iter(others))
    collection += [first]
    assert names(collection) == "abcdea"
    collection[0] = second
    collection[1:3] = []
    del collection[-1]
    collection.insert(0, others[0])
    assert names(collection) == "cbde"
    assert collection.pop().name == "e"
    collection.reverse()
    assert names(collection) == "dbc"
    assert "".join(image.name for image in reversed(collection)) == "cbd"
    assert second in collection
    assert first not in collection
    assert collection.index(second) == 1
    collection.clear()
    assert not collection


def test_items_of_another_type_are_refused_and_nothing_is_added(images: ImageCollection, product: Product) -> None:
    """3.7: collections are typed; ValueError."""
    with pytest.raises(ValueError, match=r"^ImageCollection holds items of type Image, not Product: "):
        ImageCollection([product])
    with pytest.raises(BadRequestError, match="not str: 'x'"):
        images.extend([images[0], "x"])  # type: ignore[list-item]
    with pytest.raises(BadRequestError, match="not int: 5"):
        images.append(5)  # type: ignore[arg-type]
    with pytest.raises(BadRequestError, match="not NoneType"):
        images[0] = None  # type: ignore[call-overload]
    with pytest.raises(BadRequestError, match="not int: 3"):
        images.insert(0, 3)  # type: ignore[arg-type]
    assert names(images) == "abcde"
    with pytest.raises(BadRequestError, match="ProductCollection holds items of type Product, not Image"):
        ProductCollection(images)
    with pytest.raises(BadRequestError, match="BandCollection holds items of type Band, not Product"):
        BandCollection([product])


def test_collections_equal_lists_and_collections_of_equal_items(images: ImageCollection) -> None:
    """3.7."""
    assert images == list(images)
    assert list(images) == images
    assert images == ImageCollection(images)
    assert images != images[1:]
    assert images != tuple(images)
    assert Collection() == []
    with pytest.raises(TypeError, match="unhashable"):
        hash(images)


def test_collections_are_copied_and_pickled(images: ImageCollection) -> None:
    """3.7, ours."""
    for twin in (copy.copy(images), copy.deepcopy(images), pickle.loads(pickle.dumps(images))):
        assert type(twin) is ImageCollection
        assert twin == images
        twin.pop()
        assert len(images) == 5


def test_the_constructors_list_is_not_kept() -> None:
    """3.7, ours."""
    given = [1, 2]
    collection = Collection(given)
    collection.append(3)
    assert given == [1, 2]
    assert Collection(x for x in given) == [1, 2]


def test_repr_counts() -> None:
    """3.7."""
    assert repr(Collection([1, 2])) == "Collection of 2 items\n  * 1\n  * 2"
    assert repr(Collection([1])) == "Collection of 1 item\n  * 1"
    assert repr(ProductCollection()) == "ProductCollection of 0 products"
    assert repr(BandCollection()) == "BandCollection of 0 bands"
    assert repr(ImageCollection()) == "ImageCollection of 0 images"


def test_repr_lists_what_is_there(product: Product) -> None:
    """3.7: each in a line; of many the first twenty."""
    assert repr(product.bands().collect()) == ("BandCollection of 2 bands\n  * SpectralBand: blue\n  * MaskBand: alpha")
    assert repr(Product.search().collect()) == "ProductCollection of 1 product\n  * Product: Guide"
    lines = repr(Collection(range(1025))).splitlines()
    assert (len(lines), lines[0], lines[-2:]) == (22, "Collection of 1,025 items", ["  * 19", "  … and 1,005 more"])
    assert repr(Collection([""])) == "Collection of 1 item\n  * ''"


def test_a_collection_can_be_told_what_it_holds(product: Product) -> None:
    """3.7: `item_type`, kept by the collections that are made from it."""
    numbers = Collection([1, 2], item_type=int)
    assert repr(numbers[:1]) == "Collection of 1 int\n  * 1"
    for add in (numbers.append, numbers[:1].append):
        with pytest.raises(BadRequestError, match="Collection holds items of type int, not str: 'x'"):
            add("x")  # type: ignore[arg-type]
    bands = BandCollection(product.bands().filter(p.name == "blue"), item_type=SpectralBand)
    with pytest.raises(BadRequestError, match="BandCollection holds items of type SpectralBand, not MaskBand"):
        bands.append(product.get_band("alpha"))  # type: ignore[arg-type]
    assert ProductCollection([product], item_type=Product) == [product]
    assert type(pickle.loads(pickle.dumps(bands))) is BandCollection
    for wrong in (Image, "Product", 5):
        with pytest.raises(BadRequestError, match="item_type of a ProductCollection is Product or a subclass, not"):
            ProductCollection(item_type=wrong)  # type: ignore[arg-type]


def test_repr_of_images_tells_dates_and_products(images: ImageCollection, catalog: Catalog) -> None:
    """3.7: the three lines of the original."""
    other = Product(id="other", name="Other")
    other.save()
    undated = Image(product=other, name="undated")
    assert repr(ImageCollection([*images, undated])) == (
        "ImageCollection of 6 images\n"
        "  * Dates: Mar 01, 2018 to Jan 01, 2020\n"
        "  * Products: acme:guide: 5, acme:other: 1"
    )
    assert repr(ImageCollection([undated])) == "ImageCollection of 1 image\n  * Products: acme:other: 1"


# Each


def test_each_reads_calls_and_indexes_every_item() -> None:
    """3.7: attribute, item and call chaining; combine, pipe."""
    words = Collection(["pear", "fig"])
    assert words.each.upper().combine() == ["PEAR", "FIG"]
    assert words.each[0].combine() == ["p", "f"]
    assert words.each[1:].replace("e", "E").combine() == ["Ear", "ig"]
    assert words.each.pipe(len).combine(sum) == 7
    assert words.each.pipe(lambda word, n, end: word[:n] + end, 2, end="!").combine() == ["pe!", "fi!"]
    assert list(words.each) == ["pear", "fig"]
    assert words.each.combine(set) == {"pear", "fig"}


def test_each_is_evaluated_anew_each_time() -> None:
    """3.7."""
    numbers = Collection([1, 2])
    reals = numbers.each.real
    assert reals.combine() == [1, 2]
    numbers.append(3)
    assert reals.combine() == [1, 2, 3]
    assert reals.combine(max) == 3


def test_each_collects_into_the_same_class_where_results_fit(images: ImageCollection) -> None:
    """3.7: collect."""
    assert images.each.acquired.year.combine() == [2019, 2018, 2019, 2020, 2018]
    years = images.each.acquired.year.collect()
    assert type(years) is Collection
    same = images.each.pipe(lambda image: image).collect()
    assert type(same) is ImageCollection
    assert same == images


def test_repr_of_each_shows_the_first_items() -> None:
    """3.7, ours."""
    assert repr(Collection(range(7)).each) == "0\n1\n2\n3\n4\n..."
    assert repr(Collection("ab").each) == "'a'\n'b'"


def test_each_has_no_private_attributes() -> None:
    """3.7, ours."""
    with pytest.raises(AttributeError, match="each item's '_private' cannot be read this way"):
        Collection([1]).each._private  # noqa: B018  # reading is the test
    with pytest.raises(AttributeError, match="nothing"):
        Collection([1]).each.nothing.combine()


# Map and filter


def test_map_keeps_the_class_where_results_fit(images: ImageCollection) -> None:
    """3.7: else a plain collection."""
    assert type(images.map(lambda image: image)) is ImageCollection
    mapped = images.map(lambda image: image.name)
    assert type(mapped) is Collection
    assert mapped == ["a", "b", "c", "d", "e"]


def test_filter_takes_functions_and_expressions(images: ImageCollection) -> None:
    """3.7."""
    assert names(images.filter(lambda image: image.name > "b")) == "cde"
    assert names(images.filter(p.cloud_fraction < 0.5)) == "b"
    assert names(images.filter(~(p.cloud_fraction < 0.5))) == "ad"
    assert names(images.filter(p.cloud_fraction.isnull)) == "ce"
    between = "2018-03-01" <= p.acquired < "2019-05-01"  # pytest rewrites chains inside an assert
    assert names(images.filter(between)) == "bce"
    assert names(images.filter(p.name.any_of(["e", "a"]))) == "ae"
    assert type(images.filter(p.name == "nothing")) is ImageCollection


@pytest.mark.parametrize("predicate", ["name", None, p.name, 5])
def test_what_is_no_filter_is_refused(images: ImageCollection, predicate: object) -> None:
    """3.7: a TypeError that says what it takes."""
    with pytest.raises(TypeError, match=r"such as p\.name == 'x', not"):
        images.filter(predicate)  # type: ignore[arg-type]


def test_an_expression_finds_in_memory_what_a_search_finds(images: ImageCollection) -> None:
    """3.5, 3.7: one rule for unset values."""
    for condition in (p.cloud_fraction != 0.5, p.tags == "x", p.acquired > "2019-01-01", p.product_id == "acme:guide"):
        assert names(images.filter(condition)) == names(Image.search().filter(condition).sort("name"))


def test_unknown_names_are_refused_even_where_there_is_nothing_to_filter() -> None:
    """3.5, 3.7."""
    with pytest.raises(UnknownPropertyError, match="cloud_fraction"):
        ImageCollection().filter(p.cloud_fractoin < 0.5)


def test_bands_are_filtered_by_attributes_that_some_types_lack(product: Product) -> None:
    """3.4, 3.7."""
    SpectralBand(
        name="red", product=product, data_type="UInt16", data_range=(0, 1), band_index=2, wavelength_nm_min=600
    ).save()
    bands = product.bands().collect()
    assert type(bands) is BandCollection
    assert [type(band) for band in bands] == [SpectralBand, MaskBand, SpectralBand]
    assert bands.filter(p.wavelength_nm_min > 500).each.name.combine() == ["red"]
    assert bands.filter(p.type == "mask").each.name.combine() == ["alpha"]


def test_plain_objects_are_filtered_by_their_attributes() -> None:
    """3.5, 3.7."""
    things = Collection([SimpleNamespace(size=1), SimpleNamespace(size=2), SimpleNamespace()])
    assert things.filter(p.size > 1) == [SimpleNamespace(size=2)]


# Order and groups


def test_sorted_is_stable_and_puts_unset_values_last(images: ImageCollection) -> None:
    """3.7: by several predicates, reversed; sort by one field."""
    assert names(images.sorted("cloud_fraction")) == "badce"
    assert names(images.sorted("cloud_fraction", reverse=True)) == "adbce"
    assert names(images.sorted("acquired")) == "becad"
    assert names(images.sorted("acquired", reverse=True)) == "dacbe"
    assert names(images.sorted("cloud_fraction", "name")) == "badce"
    assert names(images.sorted("acquired.year", lambda image: -ord(image.name))) == "ebcad"
    assert names(images.sort("acquired")) == "becad"
    assert names(images.sort("acquired", ascending=False)) == "dacbe"
    assert names(images.sort("acquired", False)) == "dacbe"
    assert names(images) == "abcde"


def test_groups_come_sorted_by_key(images: ImageCollection) -> None:
    """3.7: not by first appearance."""
    groups = list(images.groupby("acquired.year"))
    assert [(year, names(group)) for year, group in groups] == [(2018, "be"), (2019, "ac"), (2020, "d")]
    assert all(type(group) is ImageCollection for _, group in groups)


def test_several_predicates_make_tuples_and_unset_keys_come_last(images: ImageCollection) -> None:
    """3.7: predicates are names with dots, or functions."""
    assert [(key, names(group)) for key, group in images.groupby("acquired.year", "cloud_fraction")] == [
        ((2018, 0.1), "b"),
        ((2018, None), "e"),
        ((2019, 0.5), "a"),
        ((2019, None), "c"),
        ((2020, 0.5), "d"),
    ]
    assert [key for key, _ in images.groupby("cloud_fraction")] == [0.1, 0.5, None]
    assert [(key, names(group)) for key, group in images.groupby(lambda image: image.name in "bd")] == [
        (False, "ace"),
        (True, "bd"),
    ]


def test_predicates_are_needed_and_must_be_names_or_functions(images: ImageCollection) -> None:
    """3.7: TypeError."""
    with pytest.raises(TypeError, match="groupby needs at least one predicate"):
        images.groupby()
    with pytest.raises(TypeError, match="sorted needs at least one predicate"):
        images.sorted()
    for predicate in (5, "", "acquired..year", "acquired.", None):
        with pytest.raises(TypeError, match="a predicate is a function or the name of an attribute"):
            images.sorted(predicate)  # type: ignore[arg-type]
    with pytest.raises(AttributeError, match="Image has no attribute clouds"):
        images.sorted("clouds")


def test_dots_lead_into_mappings() -> None:
    """3.7, ours."""
    things = Collection([{"a": {"b": 2}}, {"a": {"b": 1}}, {"a": None}])
    assert things.sorted("a.b") == [{"a": {"b": 1}}, {"a": {"b": 2}}, {"a": None}]


# Searches


def test_searches_are_collected_into_the_class_of_what_they_find(images: ImageCollection, product: Product) -> None:
    """3.5, 3.7: collect()."""
    assert type(Product.search().collect()) is ProductCollection
    assert type(Band.search().collect()) is BandCollection
    assert type(SpectralBand.search().collect()) is BandCollection
    assert type(Image.search().collect()) is ImageCollection
    assert type(product.image_uploads().collect()) is Collection
    assert Product.search().collect() == [product]
    assert names(Image.search().filter(p.cloud_fraction > 0).sort("-name").limit(2).collect()) == "db"
    assert isinstance(images[0].acquired, datetime.datetime)
