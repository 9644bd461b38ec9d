"""Conditions as people write them in the shell."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings

from localcat import Image
from localcat.expressions.cql2.write_where import to_where
from localcat.expressions.evaluate import evaluate
from localcat.expressions.nodes import Node
from localcat.expressions.properties import Expression
from localcat.expressions.properties import properties as p
from localcat.expressions.python_text import to_python
from tests.drawing import examples
from tests.random_catalogs import Record, filters, filters_on_places, records, records_with_places

MOMENT = datetime(2024, 6, 30, 23, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (p.cloud_fraction < 0.2, "cloud_fraction < 0.2"),
        (p.acquired >= datetime(2024, 6, 1, tzinfo=UTC), "acquired >= '2024-06-01'"),
        (p.acquired <= MOMENT, "acquired <= '2024-06-30T23:59:59.999999Z'"),
        (p.acquired == date(2024, 6, 1), "acquired = DATE('2024-06-01')"),
        (p.extra_properties["day"] > MOMENT, "extra_properties.day > TIMESTAMP('2024-06-30T23:59:59.999999Z')"),
        (p.product_id == "acme:s2", "product_id = 'acme:s2'"),
        (p.id == "acme:s2:monday", "id = 'acme:s2:monday'"),
        (p.id == "monday", "localcat:id = 'monday'"),
        (p.id.any_of(["acme:s2:a", "acme:s2:b"]), "id IN ('acme:s2:a', 'acme:s2:b')"),
        (p.created < "2024-06-01", "localcat:created < '2024-06-01'"),
        (p.name != "it's", "name <> 'it''s'"),
        (p.name.prefix("S2%"), r"name LIKE 'S2\%%'"),
        (p.name.ilike("s2%"), "CASEI(id) LIKE CASEI('s2%')"),
        (p.cloud_fraction.isnull | (p.cloud_fraction <= 1), "cloud_fraction IS NULL OR cloud_fraction <= 1"),
        (~(p.tags == "bad") & p.acquired.isnotnull, "NOT (tags = 'bad') AND acquired IS NOT NULL"),
        (p.extra_properties["a b"] == True, '"extra_properties[""a b""]" = TRUE'),  # noqa: E712
        (p.geometry.intersects("POINT (1 2)"), "S_INTERSECTS(geometry, POINT (1 2))"),
        (p.geometry.within_distance("POINT (1 2)", 500), "S_DWITHIN(geometry, POINT (1 2), 500, 'm')"),
        (p.geometry.covered_by("POINT (1 2)"), "p.geometry.covered_by('POINT (1 2)')"),
        (p.name.any_of([]), "p.name.any_of([])"),
    ],
)
def test_a_condition_has_the_names_and_units_of_localcat(condition: Expression, text: str) -> None:
    assert to_where(condition.node) == text


def test_what_has_no_form_is_code_inside_other_conditions_too() -> None:
    condition = (p.name == "x") & p.geometry.covered_by("POINT (1 2)")
    assert to_where(condition.node) == "(p.name == 'x') & p.geometry.covered_by('POINT (1 2)')"


@given(records(), filters(Image))
@settings(max_examples=examples(150))
def test_any_filter_is_read_back_as_the_same_one(found: list[Record], node: Node) -> None:
    check(found, node)


@given(records_with_places(), filters_on_places())
@settings(max_examples=examples(60))
def test_any_filter_on_places_is_read_back_as_the_same_one(found: list[Record], node: Node) -> None:
    check(found, node)


def check(found: list[Record], node: Node) -> None:
    text = to_where(node)
    if text == to_python(node):
        return
    again = Expression.from_cql2(text).node
    for record in found:
        if record.kind is Image:
            assert evaluate(again, Image.fields(), record.read) == evaluate(node, Image.fields(), record.read), text
