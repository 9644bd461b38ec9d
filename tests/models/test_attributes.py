"""The kinds of attributes: what each takes, refuses and gives back (section 3.2 of the behaviour)."""

from __future__ import annotations

import datetime as dt
import enum
import json
from decimal import Decimal
from fractions import Fraction

import numpy
import pytest

from localcat import AttributeValidationError, BadRequestError, Catalog, Image, Product, SpectralBand
from localcat import properties as p
from localcat.models.attributes.structured import ExtraProperties

UTC = dt.UTC


def kept(product: Product, name: str, value: object) -> object:
    """Return what an attribute of an image gives back after saving and getting it anew."""
    image = Image(name="x", product=product, **{name: value})
    image.save()
    found = getattr(Image.get("guide:x"), name)
    image.delete()
    return found


def nested(levels: int) -> dict[str, object]:
    value: dict[str, object] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


# Text, numbers, booleans


@pytest.mark.parametrize("value", [5, b"x", ["x"], 1.5, "a\x00b", "\ud800", "x\udfff"])
def test_text_is_text_that_can_be_stored(catalog: Catalog, value: object) -> None:
    """3.2: AttributeValidationError names the type."""
    with pytest.raises(AttributeValidationError, match=r"^satellite_id is text"):
        Image(satellite_id=value)


def test_none_is_always_accepted(catalog: Catalog) -> None:
    """3.2."""
    for kind in (Product, SpectralBand, Image):
        readonly = {"created", "modified", "resolution_min", "resolution_max", "type"}
        assert kind(**dict.fromkeys(set(kind.ATTRIBUTES) - readonly)).state == "unsaved"


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("0.5", 0.5),
        (1, 1.0),
        (2**64, float(2**64)),
        (5e-324, 5e-324),
        (-0.0, 0.0),
        (0.1 + 0.2, 0.30000000000000004),
        (1.7976931348623157e308, 1.7976931348623157e308),
        (numpy.float32(0.1), 0.10000000149011612),
        (numpy.int16(-7), -7.0),
        (Decimal("0.25"), 0.25),
        (Fraction(1, 4), 0.25),
    ],
)
def test_numbers_are_coerced_and_exact(product: Product, value: object, number: float) -> None:
    """3.2: "0.5" becomes 0.5."""
    image = Image(area=value)
    assert (image.area, type(image.area)) == (number, float)
    assert kept(product, "area", value) == number


@pytest.mark.parametrize("value", ["x", "", [], [0.5], "nan", float("nan"), float("inf"), 10**400, 1j, True, {}])
def test_what_is_no_number(catalog: Catalog, value: object) -> None:
    """3.2: uncoercible raises; NaN, which no filter would find, is refused."""
    with pytest.raises(AttributeValidationError, match=r"^cloud_fraction is a"):
        Image(cloud_fraction=value)


@pytest.mark.parametrize("value", [1, 2**63 - 1, numpy.uint8(5), enum.IntEnum("E", {"A": 3}).A])
def test_whole_numbers(product: Product, value: object) -> None:
    """3.2."""
    assert (kept(product, "x_pixels", value), type(kept(product, "x_pixels", value))) == (int(value), int)


@pytest.mark.parametrize("value", [0, -1, 1.0, "1", 2**63, True, [1], int, None.__class__, numpy.float64(1)])
def test_what_is_no_whole_number(catalog: Catalog, value: object) -> None:
    """3.2: "The attribute type is int"."""
    with pytest.raises(AttributeValidationError, match=r"^x_pixels is a whole number .*the attribute type is int"):
        Image(x_pixels=value)


@pytest.mark.parametrize(
    ("value", "truth"),
    [
        *[(value, True) for value in (True, 1, 5, 0.5, 10**400, "true", "True", " YES ", "1", numpy.bool_(True))],
        *[(value, False) for value in (False, 0, 0.0, "false", "False", "no", "0", numpy.bool_(False))],
    ],
)
def test_booleans_take_numbers_and_words(catalog: Catalog, value: object, truth: bool) -> None:
    """3.2: the original calls bool(), by which the text "False" is true; here it means what it says."""
    product = Product(id="x", name="X", is_core=value)
    assert product.is_core is truth
    product.save()
    assert Product.get("x").is_core is truth


@pytest.mark.parametrize("value", ["", "maybe", "2", [], [1], float("nan"), object()])
def test_what_is_neither_true_nor_false(catalog: Catalog, value: object) -> None:
    """3.2."""
    with pytest.raises(AttributeValidationError, match=r"^is_core is True or False"):
        Product(is_core=value)


# Lists and mappings


def test_tags_have_limits(catalog: Catalog) -> None:
    """3.2: 32 tags of at most 1000 bytes each."""
    tags = [f"{n:03}" + "é" * 498 + "x" for n in range(32)]
    Product(id="x", name="X", tags=tags).save()
    assert Product.get("x").tags == tags
    with pytest.raises(AttributeValidationError, match=r"^tags has at most 32 items, not 33$"):
        Product(tags=["x"] * 33)
    with pytest.raises(AttributeValidationError, match=r"^tags holds texts of at most 1000 bytes, not"):
        Product(tags=["é" * 501])


def test_limits_hold_for_changes_in_place(product: Product) -> None:
    """3.2."""
    product.tags = ["x"] * 32
    with pytest.raises(AttributeValidationError, match="at most 32 items, not 33"):
        product.tags.append("y")
    most = ExtraProperties.MOST
    product.extra_properties = {str(n): n for n in range(most)}
    with pytest.raises(AttributeValidationError, match=f"at most {most} entries, not {most + 1}"):
        product.extra_properties["more"] = 1
    product.extra_properties["0"] = 5
    assert (len(product.tags), len(product.extra_properties)) == (32, most)
    product.extra_properties = {"a": {"b": ["x" * 1_000_000]}}
    product.extra_properties["a"]["b"].append("é" * 30_000)
    with pytest.raises(AttributeValidationError, match="takes more than 1,048,576 bytes as JSON"):
        product.save()


@pytest.mark.parametrize("value", ["tag", b"tag", 5, {"a": 1}, [5], [None], ["a\x00"], ["\ud800"], [b"a"], [["a"]]])
def test_what_are_no_tags(catalog: Catalog, value: object) -> None:
    """3.2: lists refuse text, bytes and what cannot be iterated over."""
    with pytest.raises(AttributeValidationError, match=r"^tags "):
        Product(tags=value)


def test_lists_take_any_iterable_and_are_lists(catalog: Catalog) -> None:
    """3.2: they compare equal to plain lists and have their methods."""
    for value in (("a", "b"), iter("ab"), dict.fromkeys("ab").keys(), ["a", "b"]):
        product = Product(tags=value)
        assert product.tags == ["a", "b"]
        assert isinstance(product.tags, list)


@pytest.mark.parametrize(
    "value",
    [
        5,
        "ab",
        [("a", 1)],
        {5: "a"},
        {None: "a"},
        {"a": {5: 1}},
        {"a": [{"b": {"\ud800": 1}}]},
        {"a": {1, 2}},
        {"a": numpy.zeros(3)},
        {"a": numpy.ma.masked},
        {"a": [float("nan")]},
        {"a": dt.datetime(2020, 1, 1)},
        {"a": b"x"},
        {"a": 2**63},
        {"a": [-(2**63) - 1]},
        {"a": ["\x00"]},
        {"a": "x" * 2**20},
        nested(33),
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": "\x00"},
        {"a": "\ud800"},
        {"\ud800": "a"},
        {"a\x00": 1},
        {"a": 1j},
        {str(n): n for n in range(501)},
    ],
)
def test_what_are_no_extra_properties(catalog: Catalog, value: object) -> None:
    """3.2, choice 23: a mapping of text to JSON values, within its limits."""
    with pytest.raises(AttributeValidationError, match=r"^extra_properties (has|is a mapping|takes more)"):
        Product(extra_properties=value)


def test_a_cycle_is_refused() -> None:
    """Choice 23."""
    value: dict[str, object] = {}
    value["a"] = [value]
    with pytest.raises(AttributeValidationError, match=r"at most 32 levels of .*; flatten .*\['a'\]\[0\]"):
        Product(extra_properties=value)


def test_extra_properties_of_any_json_come_back(product: Product) -> None:
    """Choice 23: as they were, with the types they had; tuples are lists."""
    value = {
        "shape": [10980, 10980.0],
        "centroid": {"lat": 45.1, "lon": 7.25, "": {}},
        "providers": [{"name": "A", "roles": ["host", None]}, []],
        "truth": [True, False, 1, 0, None],
        **nested(32),
    }
    found = kept(product, "extra_properties", value)
    assert json.dumps(found) == json.dumps(value)
    assert kept(product, "extra_properties", {"a": (1, (2,))}) == {"a": [1, [2]]}
    assert kept(product, "extra_properties", {"a": [numpy.int16(5), enum.IntEnum("E", {"A": 3}).A]}) == {"a": [5, 3]}


def test_what_is_inside_extra_properties_is_copied_and_watched(product: Product) -> None:
    """3.2, choice 23: a change in place counts, and true is not 1."""
    given = {"a": {"b": [1]}}
    product.extra_properties = given
    product.save()
    given["a"]["b"].append(2)
    assert product.extra_properties == {"a": {"b": [1]}}
    product.serialize()["extra_properties"]["a"]["b"].append(3)
    assert product.state == "saved"
    product.extra_properties["a"]["b"][0] = True
    assert product.state == "modified"
    product.save()
    product.reload()
    assert product.extra_properties["a"]["b"][0] is True
    product.extra_properties = {"a": {"b": (True,)}}
    assert product.state == "saved"


def test_extra_properties_keep_types(product: Product) -> None:
    """3.2: truth values stay what they are."""
    value = {
        "": "",
        "int": -(2**63),
        "float": 1e-300,
        "true": True,
        "whole": 1.0,
        "key with 'quotes\"": "漢字",
        **{str(n): n for n in range(44)},
    }
    found = kept(product, "extra_properties", value)
    assert found == value
    assert {key: type(item) for key, item in found.items()} == {key: type(item) for key, item in value.items()}
    assert list(found) == list(value)


def test_an_empty_list_or_mapping_is_kept_apart_from_none(product: Product) -> None:
    """3.2: though a filter takes both as null."""
    assert (kept(product, "tags", []), kept(product, "tags", None)) == ([], None)
    assert kept(product, "extra_properties", {}) == {}
    product.tags = []
    product.save()
    assert Product.search().filter(p.tags.isnull).count() == 1


def test_numbers_by_band(product: Product) -> None:
    """3.6: tuples of numbers or of tuples of them."""
    for value, expected in (
        ([1, 0.5, None], (1, 0.5, None)),
        ([[774.88, 1321.07], (480.88, 1201.14)], ((774.88, 1321.07), (480.88, 1201.14))),
        (numpy.array([[1.5, 2.5]]), ((1.5, 2.5),)),
        ([numpy.int64(3), 2**62], (3, 2**62)),
        ([], ()),
    ):
        assert kept(product, "brightness_temperature_k1_k2", value) == expected


@pytest.mark.parametrize("value", [5, "12", [["a"]], [[[1]]], [float("nan")], [True], [10**400], [b"1"], {"a": 1}])
def test_what_are_no_numbers_by_band(catalog: Catalog, value: object) -> None:
    """3.6."""
    with pytest.raises(AttributeValidationError, match=r"^reflectance_scale is a tuple of finite numbers"):
        Image(reflectance_scale=value)


# Timestamps


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2020-01-31", dt.datetime(2020, 1, 31, tzinfo=UTC)),
        ("2020-01-31T10:00:00Z", dt.datetime(2020, 1, 31, 10, tzinfo=UTC)),
        ("2020-01-31T10:00:00.5", dt.datetime(2020, 1, 31, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("2020-01-31T10:00:00+02:00", dt.datetime(2020, 1, 31, 8, tzinfo=UTC)),
        ("2020-01-31T10:00:00.123456999Z", dt.datetime(2020, 1, 31, 10, 0, 0, 123_456, tzinfo=UTC)),
        ("2020-01-31T10:00:00.123456999", dt.datetime(2020, 1, 31, 10, 0, 0, 123_456, tzinfo=UTC)),
        ("2020-01-31 10:00:00.1234569990123", dt.datetime(2020, 1, 31, 10, 0, 0, 123_456, tzinfo=UTC)),
        ("Jan 7, 2020 18:51", dt.datetime(2020, 1, 7, 18, 51, tzinfo=UTC)),
        ("2012", dt.datetime(2012, 1, 1, tzinfo=UTC)),
        (dt.date(2020, 2, 29), dt.datetime(2020, 2, 29, tzinfo=UTC)),
        (dt.datetime(1, 1, 1), dt.datetime(1, 1, 1, tzinfo=UTC)),
        (dt.datetime(9999, 12, 31, 23, 59, 59, 999_999), dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        (
            dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
            dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        ),
        (
            dt.datetime(2020, 1, 1, 0, 30, tzinfo=dt.timezone(dt.timedelta(hours=1))),
            dt.datetime(2019, 12, 31, 23, 30, tzinfo=UTC),
        ),
        (numpy.datetime64("2020-01-31T10:00:00.123456789"), dt.datetime(2020, 1, 31, 10, 0, 0, 123_456, tzinfo=UTC)),
    ],
)
def test_timestamps_are_kept_as_given_until_saved(product: Product, value: object, moment: dt.datetime) -> None:
    """3.2: then an aware datetime in UTC; no zone means UTC; nanoseconds are cut off, not rounded."""
    image = Image(name="x", product=product, acquired=value)
    assert image.acquired is value
    image.save()
    for found in (image.acquired, Image.get("guide:x").acquired, image.date):
        assert (found, found.tzinfo) == (moment, UTC)
    image.acquired = value
    assert (image.state, image.acquired) == ("saved", moment)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "10:30",
        "Jan 7",
        2020,
        1.5,
        True,
        [],
        "2020-13-01",
        "0000-01-01",
        "10000-01-01",
        "2020-01-01T00:00:00 CEST",
    ],
)
def test_what_is_no_timestamp(catalog: Catalog, value: object) -> None:
    """3.2: refused at assignment already."""
    with pytest.raises(AttributeValidationError, match=r"^acquired: "):
        Image(acquired=value)


def test_moments_outside_the_calendar_in_utc_are_refused(catalog: Catalog) -> None:
    """3.2: year 1 to 9999."""
    west, east = (dt.timezone(dt.timedelta(hours=hours)) for hours in (-12, 12))
    for value in (dt.datetime(9999, 12, 31, 23, tzinfo=west), dt.datetime(1, 1, 1, 1, tzinfo=east)):
        with pytest.raises(AttributeValidationError, match="outside the years 1 to 9999 in UTC"):
            Image(acquired=value)


# Geometries

SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]}


class Place:
    __geo_interface__ = SQUARE


def test_geometries_come_in_many_forms(product: Product) -> None:
    """3.2: shapely, GeoJSON geometry, Feature, FeatureCollection, __geo_interface__; always read as shapely."""
    import shapely.geometry

    square = shapely.geometry.shape(SQUARE)
    for value in (
        square,
        SQUARE,
        {"type": "Feature", "geometry": SQUARE, "properties": {}},
        Place(),
        Image(geometry=SQUARE),
    ):
        found = kept(product, "geometry", value)
        assert isinstance(found, shapely.Polygon)
        assert found.equals(square)
    features = {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": SQUARE}]}
    assert kept(product, "geometry", features).equals(shapely.GeometryCollection([square]))


@pytest.mark.parametrize(
    "value",
    [
        5,
        "POINT (1 2)",
        {},
        {"type": "Polygon"},
        {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [0, 0]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [0, 2], [0, 0]]]},
        {"type": "Point", "coordinates": [0, 91]},
        {"type": "Point", "coordinates": [float("nan"), 0]},
        {"type": "Point", "coordinates": []},
        {"type": "Blob", "coordinates": [1, 2]},
        {"type": "Feature", "geometry": None},
        [1, 2],
    ],
)
def test_what_is_no_geometry(catalog: Catalog, value: object) -> None:
    """3.2: a polygon without area is refused."""
    with pytest.raises(AttributeValidationError, match=r"^geometry: "):
        Image(geometry=value)


@pytest.mark.parametrize(
    "value", [{"type": "Point", "coordinates": [1, 2]}, {"type": "LineString", "coordinates": [[1, 2], [1, 3]]}]
)
def test_points_and_lines_need_no_area(product: Product, value: dict) -> None:
    """3.2."""
    assert kept(product, "geometry", value).__geo_interface__["type"] == value["type"]


def test_a_geometry_cannot_be_filtered_by_comparison(product: Product) -> None:
    """3.6: filterable through intersects."""
    with pytest.raises(BadRequestError, match=r"geometry .*p\.geometry\.intersects"):
        Image.search().filter(p.geometry == "x")
