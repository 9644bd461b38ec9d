"""CQL2 beside an independent reader of it, the package cql2: both find the same items."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcat import Catalog, Expression, Product
from localcat.errors import GeometryWarning
from tests.drawing import examples
from tests.real_data import needs_real_data
from tests.stac_items import drawn_items, real_items, record_of

cql2 = pytest.importorskip("cql2", reason="the package cql2 has no wheel for this system")


def matches(text: str, item: dict[str, Any]) -> bool:
    """Return whether the oracle finds an item; what it cannot decide it refuses, which is unknown here."""
    try:
        return bool(cql2.Expr(text).matches(item))
    except Exception as error:  # noqa: BLE001  # the package raises nothing narrower
        assert "Could not reduce expression to boolean" in str(error), f"{text}: {error}"  # noqa: PT017
        return False


class Filled:
    """Items, and a catalog of them."""

    def __init__(self, catalog: Catalog, items: list[dict[str, Any]]) -> None:
        self.catalog = catalog
        for collection in sorted({item["collection"] for item in items}):
            Product(id=collection, name=collection, catalog=catalog).save()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GeometryWarning)  # real footprints are mended
            report = catalog.add_images([record_of(item) for item in items])
        refused = {failed.index for failed in report.failed}  # one real footprint has a latitude of 128°
        assert len(refused) <= 1
        self.items = [item for index, item in enumerate(items) if index not in refused]

    def check(self, text: str) -> int:
        """Compare both answers, in SQL, in memory, and after writing and reading again; return how many there are."""
        expression = Expression.from_cql2(text)
        wanted = sorted(f"{item['collection']}:{item['id']}" for item in self.items if matches(text, item))
        assert self.catalog.images.filter(expression).ids() == wanted, text
        for again in (expression.to_cql2_json(), expression.to_cql2_text()):
            assert self.catalog.images.filter(Expression.from_cql2(again)).ids() == wanted, f"{text}: {again}"
        return len(wanted)


@pytest.fixture(scope="module")
def drawn() -> Iterator[Filled]:
    with Catalog.temporary(org="") as catalog:
        yield Filled(catalog, drawn_items(seed=7, count=120))


@pytest.fixture(scope="module")
def real() -> Iterator[Filled]:
    with Catalog.temporary(org="") as catalog:
        yield Filled(catalog, real_items())


COMMON = [
    "eo:cloud_cover < 20",
    "eo:cloud_cover BETWEEN 0 AND 20.5 AND platform = 'landsat-8'",
    "NOT (eo:cloud_cover < 20)",
    "eo:cloud_cover IS NULL OR eo:cloud_cover <= 7",
    "eo:cloud_cover IN (1.2, 7)",
    "datetime >= TIMESTAMP('2024-06-01T00:00:00Z')",
    "datetime >= TIMESTAMP('2020-01-01T00:00:00Z') AND datetime < TIMESTAMP('2024-03-01T00:00:00Z')",
    "T_AFTER(datetime, DATE('2024-01-15'))",
    "T_DURING(datetime, INTERVAL('2019-01-01T00:00:00Z', '2024-03-01T00:00:00Z'))",
    "T_INTERSECTS(datetime, INTERVAL('..', '2024-01-15T00:30:00Z'))",
    "platform LIKE '%sat-8' OR constellation LIKE 'sentinel%'",
    "NOT platform LIKE 'l%'",
    "CASEI(platform) = CASEI('LANDSAT-8')",
    "CASEI(platform) = CASEI('Sentinel-2A') OR CASEI(platform) LIKE CASEI('LANDSAT%')",
    "collection = 'sentinel-2' AND id = 'item003'",
    "collection IN ('landsat', 'sentinel-2-l2a')",
    "id LIKE 'item00%'",
    "proj:code = 'EPSG:32618' OR proj:code IS NULL",
    "gsd = 10 AND NOT (platform IS NULL)",
    "gsd * 2 > 15",
    "view:off_nadir < 5",
    "instruments IS NOT NULL",
    "A_CONTAINS(instruments, ('oli'))",
    "S_INTERSECTS(geometry, POLYGON((-10 -10, 10 -10, 10 10, -10 10, -10 -10)))",
    "S_DISJOINT(geometry, BBOX(0, 0, 90, 90))",
    "S_WITHIN(geometry, BBOX(-180, -90, 0, 90))",
    "TRUE",
    "FALSE OR gsd > 0",
]
UNLIKE = {}  # ours, where unset


@pytest.mark.parametrize("text", COMMON)
def test_common_expressions_on_drawn_items(drawn, text):
    """Choice 13."""
    assert drawn.check(text) > 0


@needs_real_data
def test_common_expressions_on_real_items(real):
    """Choice 13."""
    assert len(real.items) >= 20
    found = {text: real.check(text) for text in COMMON}
    assert sum(count > 0 for count in found.values()) >= 20


@needs_real_data
def test_each_property_of_real_items_is_found_by_its_value(real):
    """Choice 23: any name, any text, number or truth value."""
    asked = set()
    for item in real.items:
        for name, value in item["properties"].items():
            if isinstance(value, bool | int | float) or (
                isinstance(value, str) and name not in ("created", "updated", "datetime")
            ):
                asked.add(condition(name, value))
    assert len(asked) > 150
    for text in sorted(asked):
        assert real.check(text) > 0


def condition(name: str, value: object) -> str:
    if ":" not in name and name not in ("platform", "gsd", "constellation", "mission", "license", "title"):
        return "TRUE"
    if isinstance(value, str):
        return f"{name} = '{value.replace(chr(39), chr(39) * 2)}'"
    return f"{name} = {str(value).upper() if isinstance(value, bool) else repr(value)}"


# Drawn expressions. Values have the type of the property: on other types the oracle is unsure, and so is the standard.

NUMBERS = st.sampled_from(["gsd", "view:off_nadir", "proj:centroid.lat", "proj:centroid.lon"])
TEXTS = st.sampled_from(["platform", "constellation"])
TIMES = st.sampled_from(["datetime"])
number_values = st.sampled_from(["-7", "0", "0.66", "3", "7.5", "10", "30", "45"])
text_values = st.sampled_from(["'landsat-8'", "'sentinel-2a'", "'Étoile'", "'etoile'", "''", "'m'"])
patterns = st.sampled_from(["'%sat%'", "'landsat-_'", "'%'", "'e%'", "'sentinel-2a'"])
moments = st.sampled_from(
    ["2024-01-01T00:30:00Z", "2024-01-15T12:30:00Z", "2024-06-01T00:00:00Z", "2024-06-15T00:30:00Z"]
)
comparisons = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
folds = st.sampled_from(["CASEI({})", "ACCENTI({})", "CASEI(ACCENTI({}))"])
OF_MOMENTS = ["after", "before", "disjoint", "equals", "intersects", "during", "finishes", "starts", "meets", "metBy"]
OF_SPANS = ["contains", "finishedBy", "overlappedBy", "overlaps", "startedBy"]
temporal = st.sampled_from(OF_MOMENTS).map("t_{}".format)
temporal_of_spans = st.sampled_from(OF_MOMENTS + OF_SPANS).map("t_{}".format)
boxes = st.sampled_from(["BBOX(-10, -10, 10, 10)", "POLYGON((0 0, 9 0, 9 9, 0 9, 0 0))", "POINT(1 1)"])
spatial = st.sampled_from(["intersects", "disjoint", "within", "contains", "touches", "overlaps", "equals"])
arrays = st.sampled_from(["A_CONTAINS", "A_CONTAINEDBY", "A_EQUALS", "A_OVERLAPS"])
lists = st.sampled_from(["('oli', 'tirs')", "('oli', 'x')", "('tirs', 'oli', 'msi')"])
sums = st.builds("{} {} {}".format, NUMBERS, st.sampled_from(["+", "-", "*"]), number_values | NUMBERS)
ratios = st.builds("{} {} {}".format, NUMBERS, st.sampled_from(["/", "DIV", "%"]), st.sampled_from(["2", "3", "-4"]))

leaves = st.one_of(
    st.builds("{} {} {}".format, NUMBERS, comparisons, number_values),
    st.builds("{} {} {}".format, number_values, comparisons, NUMBERS),
    st.builds("eo:cloud_cover {} {}".format, comparisons, st.sampled_from(["0", "1.2", "7", "20.5", "100"])),
    st.builds("{} {} {}".format, NUMBERS, comparisons, NUMBERS),
    st.builds("{} {} {}".format, sums | ratios, comparisons, number_values | sums),
    st.builds("{} {} {}".format, TEXTS, comparisons, text_values),
    st.builds("{} IN ({}, {})".format, NUMBERS, number_values, number_values),
    st.builds("{} NOT IN ({}, {})".format, TEXTS, text_values, text_values),
    st.builds("{} BETWEEN {} AND {}".format, NUMBERS, number_values, number_values),
    st.builds("{} LIKE {}".format, TEXTS, patterns),
    st.builds(lambda fold, name, value: f"{fold.format(name)} = {fold.format(value)}", folds, TEXTS, text_values),
    st.builds(lambda fold, name, value: f"{fold.format(name)} LIKE {fold.format(value)}", folds, TEXTS, patterns),
    st.builds("{} IS NULL".format, NUMBERS | TEXTS | st.sampled_from(["x:flag", "instruments", "eo:cloud_cover"])),
    st.builds("{} {} TIMESTAMP('{}')".format, TIMES, comparisons, moments),
    st.builds("{}(datetime, TIMESTAMP('{}'))".format, temporal, moments),
    st.builds("{}(datetime, INTERVAL('{}', '{}'))".format, temporal, moments, moments | st.just("..")),
    st.builds("{}(INTERVAL(x:start, x:end), INTERVAL('{}', '{}'))".format, temporal_of_spans, moments, moments),
    st.builds("s_{}(geometry, {})".format, spatial, boxes),
    st.builds("{}(instruments, {})".format, arrays, lists),
    st.sampled_from(["x:flag", "x:flag = FALSE", "TRUE", "collection = 'landsat'", "id LIKE '%1'", "id > 'item050'"]),
)


def joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    words = st.sampled_from(["AND", "OR"])
    return st.builds("({}) {} ({})".format, inner, words, inner) | st.builds("NOT ({})".format, inner)


@given(text=st.recursive(leaves, joined, max_leaves=4))
@settings(derandomize=True, max_examples=examples(400), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_drawn_expressions_on_drawn_items(drawn, text):
    """Choice 13."""
    drawn.check(text)
