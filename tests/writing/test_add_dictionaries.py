"""Dictionaries are checked column by column, and judged as any other record is."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from typing import Any

import numpy
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from localcat import Catalog, File, Image, Product
from tests.drawing import examples
from tests.loads import Record, outcome
from tests.small_catalog import make_product

FILE = {"href": "https://x.org/a.tif", "size_bytes": 1, "hash": "ab"}
ITERATOR: Any = object()  # stands for one, of which each load gets its own


class Key(str):
    """A text that is not quite one."""

    __slots__ = ()


class Once:
    """Texts that can be read once."""

    def __init__(self) -> None:
        self._left = iter(["a"])

    def __iter__(self) -> Iterator[str]:
        return self._left

    def __repr__(self) -> str:
        return "Once()"


class Colour(IntEnum):
    RED = 1


def nested(levels: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(levels):
        found = [found]
    return found


FOREIGN: list[Any] = [Decimal("0.5"), numpy.float32(0.5), numpy.array(["a"]), numpy.ma.masked, ITERATOR, nested(3)]
CHOICES: dict[Any, list[Any]] = {
    "product_id": ["x", "x", Key("x"), "y", "", " x", "x\n", "x\ud800", None, 5, ["x"]],
    "name": ["a", "b", "d", Key("c"), "", "a b", "é", "a\n", "n" * 1500, "n" * 2001, None, 5, b"a"],
    "id": ["x:a", "x:b", "x:a", "y:a", "a", ":a", "x:", " x:a", "x:a\n", Key("x:a"), None, 5],
    "product": ["x", "y", Key("x"), None, 5],
    "acquired": [
        "2024-05-01T10:00:00Z",
        "2024-02-30T10:00:00Z",
        "2024-05-01T24:00:00Z",
        "2024-05-01T10:00:60Z",
        "0000-05-01T10:00:00Z",
        "9999-12-31T23:59:59Z",
        "２024-05-01T10:00:00Z",
        "2024-05-01T10:00:00.5Z",
        "2024-05-01",
        "2024-05-01T10:00Z2024-05",
        "01.05.2024",
        "",
        Key("2024-05-01T10:00:00Z"),
        datetime(2024, 5, 1, 0, 0, 0, 7, tzinfo=UTC),
        datetime(2024, 5, 1),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))),
        numpy.datetime64("2024-05-01"),
        numpy.datetime64("NaT"),
        1.5,
        None,
    ],
    "acquired_end": ["2024-05-01T09:00:00Z", "2024-05-02T09:00:00Z", None],
    "cloud_fraction": [
        0.0,
        0.5,
        1,
        1.5,
        -0.5,
        True,
        "0.5",
        float("nan"),
        float("inf"),
        10**400,
        Colour.RED,
        None,
        *FOREIGN,
    ],
    "azimuth_angle": [0.5, -7, 2**53 + 1, 10**400, float("-inf"), True, "7", None],
    "x_pixels": [1, 7, 0, -1, 2**63 - 1, 2**63, True, 1.0, Colour.RED, numpy.int8(5), "5", float("nan"), None],
    "satellite_id": ["L8", "", "é", "a\x00b", "a\ud800", Key("L9"), b"L8", 5, ["L8"], None],
    "storage_state": ["remote", "available", "lost", "", Key("remote"), 5, ["remote"], None],
    "tags": [
        ["a", "b"],
        [],
        ("a",),
        ["a\x00"],
        [Key("a")],
        [None],
        ["x" * 1001],
        ["t"] * 33,
        "red",
        {"a"},
        {"a": 1},
        *FOREIGN,
    ],
    "geotrans": [
        [0.0, 1, 0, 0, 0, -1],
        (0.0, 1, 0, 0, 0, -1),
        [1.0],
        [1, 0, 0, 0, -1, 0],
        numpy.arange(6),
        ITERATOR,
        None,
    ],
    "bits_per_pixel": [
        [1, (2, None)],
        [[0.5]],
        [True],
        [float("nan")],
        [2**70],
        ["a"],
        [ITERATOR],
        nested(50),
        5,
        None,
    ],
    "extra_properties": [
        {},
        {"a": 1, "b": [1, {"c": None}], "d": True, "e": "\u00e9", "f": 1.5},
        {"a": float("nan")},
        {"a": 2**63},
        {"a": "\ud800"},
        {1: 2},
        {Key("a"): 1},
        {"a": Key("b")},
        {"a": numpy.int64(3)},
        {"a": object()},
        {"a": nested(31)},
        {"a": nested(40)},
        {"a": [0] * 20_000},
        OrderedDict(a=1),
        [("a", 1)],
        None,
    ],
    "geometry": [
        shapely.box(10, 50, 11, 51),
        shapely.Point(1, 2),
        shapely.Polygon(),
        shapely.GeometryCollection([shapely.Point(1, 2)]),
        shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]),
        shapely.Polygon([(179, 0), (-179, 0), (-179, 1), (179, 0)]),
        shapely.set_srid(shapely.Point(500_000, 5_500_000), 32632),
        shapely.set_srid(shapely.Point(1, 2), 4326),
        shapely.box(0, 80, 1, 100),
        shapely.Point(float("nan"), 0),
        shapely.to_wkb(shapely.Point(1, 2)),
        b"",
        {"type": "Point", "coordinates": [1, 2]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
        {"type": "Pint", "coordinates": [1, 2]},
        (10.0, 50.0, 11.0, 51.0),
        [170, 0, -170, 1],
        "POINT (1 2)",
        5,
        None,
    ],
    "files": [
        [FILE],
        (FILE, {"provider_href": "s3://b/c", "owned": False}),
        [],
        [{**FILE, "size_bytes": 0, "owned": None}],
        [{**FILE, "size_bytes": -1}],
        [{**FILE, "size_bytes": 2**62}] * 2,
        [{**FILE, "size_bytes": 2**64}],
        [{**FILE, "size_bytes": True}],
        [{**FILE, "size_bytes": 1.0}],
        [{**FILE, "size_bytes": numpy.int64(4)}],
        [{**FILE, "owned": True}],
        [{**FILE, "owned": 0}],
        [{**FILE, "href": "a\x00b"}],
        [{**FILE, "href": "\ud800"}],
        [{**FILE, "href": "é.tif"}],
        [{**FILE, "hash": ""}],
        [{**FILE, "hash": 5}],
        [{**FILE, "colour": "red"}],
        [{**FILE, 5: "red"}],
        [{"size_bytes": 1}],
        [{}],
        [File(**FILE)],  # type: ignore[arg-type]
        [OrderedDict(FILE)],
        ["a.tif"],
        [None],
        FILE,
        "a.tif",
        ITERATOR,
        None,
    ],
    "created": ["yesterday", object(), None],
    "colour": ["red", None],
    5: ["red"],
}
USUAL = [name for name in CHOICES if name not in ("id", "product", "colour", 5)]


def given_anew(value: Any) -> Any:
    """Return a value as a record has it; an iterator, which can be read once, is made for each."""
    if value is ITERATOR:
        return Once()
    return [given_anew(one) for one in value] if isinstance(value, list) and ITERATOR in value else value


def both_ways(drawn: list[Mapping[Any, Any]], on_conflict: str) -> None:
    """Compare dictionaries with records of another kind that have the same values."""
    one, other = ([{name: given_anew(value) for name, value in values.items()} for values in drawn] for _ in range(2))
    assert outcome(one, on_conflict) == outcome([Record(values) for values in other], on_conflict)


@pytest.mark.parametrize("name", CHOICES, ids=str)
def test_each_value_is_judged_as_in_another_record(name: Any) -> None:
    """One rule on every way in."""
    drawn = []
    for number, value in enumerate(CHOICES[name]):
        who = {} if name == "id" else {"product_id": "x", "name": f"n{number}"}
        drawn.append({**who, name: value})
    both_ways(drawn, "skip")


@st.composite
def dictionaries(draw: Any) -> Any:
    """Return records in which any value of one or two attributes may be wrong, and no other."""
    count = draw(st.integers(1, 6))
    odd = draw(st.lists(st.sampled_from([*CHOICES]), min_size=1, max_size=2, unique=True))
    names = {*odd, *draw(st.sets(st.sampled_from(USUAL), max_size=4))}
    drawn = []
    for number in range(count):
        values = {"product_id": "x", "name": "ijklmn"[number]}
        if "id" in odd and draw(st.booleans()):
            values = {}
        for name in sorted(names, key=str):
            if draw(st.booleans()):
                values[name] = draw(st.sampled_from(CHOICES[name] if name in odd else CHOICES[name][:1]))
        drawn.append(values)
    return drawn


@settings(max_examples=examples(60))
@given(dictionaries(), st.sampled_from(["error", "skip", "replace"]))
def test_dictionaries_are_what_they_are_as_other_records(drawn: Any, on_conflict: str) -> None:
    """The same with several attributes, so that wrong and right records are between one another."""
    both_ways(drawn, on_conflict)


def test_code_of_the_caller_runs_once_a_record() -> None:
    """An iterator is read once, also beside a value that only records read."""
    record = {"product_id": "x", "name": "a", "cloud_fraction": numpy.float32(0.5), "tags": iter(["red"])}
    with Catalog.temporary(org="") as catalog:
        product = make_product("x", catalog=catalog)
        beside: list[Any] = [{"product_id": "x", "name": "b", "bits_per_pixel": [iter([1, 2])], "product": product}]
        assert catalog.add_images([record, *beside], progress=False).failed == []
        a, b = catalog.images
        assert (a.tags, a.cloud_fraction, b.bits_per_pixel) == (["red"], 0.5, ((1, 2),))


def test_images_products_and_dictionaries_come_mixed() -> None:
    with Catalog.temporary(org="") as catalog:
        product = make_product("x", catalog=catalog)
        image = Image(product=product, name="c", catalog=catalog)
        given: list[Any] = [{"id": "x:d"}, {"product": product, "name": "b"}, image, {"id": "x:a", "tags": ("t",)}, 5]
        report = catalog.add_images(given, progress=False)
        assert [one.index for one in report.failed] == [4]
        assert catalog.images.ids() == ["x:a", "x:b", "x:c", "x:d"]
        assert isinstance(Product.get("x", catalog=catalog), Product)
        assert image.state == "saved"
