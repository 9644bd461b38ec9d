"""A search as CQL2: all of its conditions, area and time included."""

from __future__ import annotations

import pytest

from localcat import Catalog, Expression
from localcat import properties as p
from localcat.errors import BadRequestError
from tests.random_searches import fill, searches


def test_area_and_period_are_in_it(catalog: Catalog) -> None:
    search = catalog.images.intersects((10, 45, 12, 47)).during("2024-06").filter(p.cloud_fraction < 0.2)
    assert search.to_cql2_json() == {
        "op": "and",
        "args": [
            {
                "op": "s_intersects",
                "args": [
                    {"property": "geometry"},
                    {
                        "type": "Polygon",
                        "coordinates": [[[12.0, 45.0], [12.0, 47.0], [10.0, 47.0], [10.0, 45.0], [12.0, 45.0]]],
                    },
                ],
            },
            {"op": ">=", "args": [{"property": "datetime"}, {"timestamp": "2024-06-01T00:00:00Z"}]},
            {"op": "<=", "args": [{"property": "datetime"}, {"timestamp": "2024-06-30T23:59:59.999999Z"}]},
            {"op": "<", "args": [{"property": "eo:cloud_cover"}, 20]},
        ],
    }
    assert search.to_cql2_text().startswith("S_INTERSECTS(geometry,")


def test_order_and_limit_are_no_part_of_it(catalog: Catalog) -> None:
    search = catalog.products.filter(p.name == "x")
    assert search.sort("-name").limit(3).to_cql2_json() == search.to_cql2_json()


def test_a_search_for_all_is_true(catalog: Catalog) -> None:
    assert catalog.images.to_cql2_json() == {"op": "=", "args": [1, 1]}
    assert catalog.images.filter(Expression.from_cql2(catalog.images.to_cql2_text())).count() == 0


def test_an_element_of_a_list_is_asked_for_as_the_standard_does(catalog: Catalog) -> None:
    search = catalog.images.filter(~(p.tags == "x"))
    assert search.to_cql2_text() == "NOT (tags IS NOT NULL AND A_CONTAINS(tags, ('x')))"
    assert catalog.images.filter(p.tags.any_of(["x", "y"])).to_cql2_json()["args"][1] == {
        "op": "a_overlaps",
        "args": [{"property": "tags"}, ["x", "y"]],
    }


def test_the_words_of_a_text_have_no_form(catalog: Catalog) -> None:
    with pytest.raises(BadRequestError, match="the words 'lake' of find_text have no CQL2 form; search without them"):
        catalog.images.find_text("lake").to_cql2_json()


def test_read_back_it_finds_the_same(catalog: Catalog) -> None:
    fill(catalog, 100)
    for search in searches(catalog, 60):
        for form in (search.to_cql2_json(), search.to_cql2_text()):
            assert catalog.images.filter(Expression.from_cql2(form)).ids() == search.ids(), form
