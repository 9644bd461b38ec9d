"""Conditions on a place: as expressions, in searches, as text, and in memory."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from localcat import Catalog, Image
from localcat import properties as p
from localcat.errors import BadRequestError, InvalidGeometryError
from localcat.expressions.evaluate import evaluate
from localcat.expressions.nodes import Relation
from localcat.expressions.properties import Expression
from tests.drawing import examples
from tests.random_catalogs import fill, filters_on_places, places, records_with_places
from tests.small_catalog import AROUND_A_SQUARE

SQUARE = (0, 0, 10, 10)
NEAR = 112_000.0  # metres; a degree and a little


def names(search) -> list[str]:
    return sorted(image.removeprefix("a:") for image in search.ids())


FOUND = {
    "intersects": ["around", "edge", "inside", "partly", "touching"],
    "within": ["edge", "inside"],
    "covered_by": ["edge", "inside"],
    "contains": ["around"],
    "disjoint": ["far", "near"],
}


@pytest.mark.parametrize("relation", FOUND)
def test_methods_and_conditions_find_the_same(images, relation):
    assert names(getattr(images, relation)(SQUARE)) == FOUND[relation]
    condition = getattr(p.geometry, relation)(SQUARE)
    assert names(images.filter(condition)) == FOUND[relation]
    others = sorted(set(AROUND_A_SQUARE) - set(FOUND[relation]) - {"unset"})
    assert names(images.filter(~condition)) == others  # an unset footprint fits neither
    with_unset = getattr(images, relation)(SQUARE, match_null_geometry=True)
    assert names(with_unset) == sorted([*FOUND[relation], "unset"])
    assert with_unset.count() == len(FOUND[relation]) + 1
    assert images.collect().filter(condition).each.name.combine(sorted) == FOUND[relation]


def test_within_distance(images):
    near = [*FOUND["intersects"], "near"]
    assert names(images.within_distance(SQUARE, NEAR)) == sorted(near)
    assert names(images.within_distance(SQUARE, NEAR, match_null_geometry=True)) == sorted([*near, "unset"])
    assert names(images.filter(p.geometry.within_distance(SQUARE, 110_000))) == FOUND["intersects"]
    assert names(images.within_distance(shapely.Point(179, 72), 300_000)) == ["far"]
    assert names(images.within_distance(shapely.Point(-60, 89), 30 * 112_000)) == ["far"]  # over the pole
    assert images.within_distance(SQUARE, 3e7).count() == len(AROUND_A_SQUARE) - 1  # more than there is


def test_conditions_join_as_any_other(images):
    meets, clear = p.geometry.intersects(SQUARE), p.cloud_fraction < 0.2
    assert names(images.filter(meets & clear)) == ["inside", "touching"]
    assert names(images.filter(meets & ~p.geometry.within(SQUARE))) == ["around", "partly", "touching"]
    assert names(images.filter(~meets | clear)) == ["far", "inside", "near", "touching", "unset"]
    assert names(images.filter(p.geometry.isnull | p.geometry.contains(SQUARE))) == ["around", "unset"]
    assert names(images.filter(p.geometry.isnull)) == ["unset"]
    assert images.filter(p.geometry.isnotnull).count() == len(AROUND_A_SQUARE) - 1
    assert names(images.filter(p.geometry == None)) == ["unset"]  # noqa: E711  # the condition under test
    two = p.geometry.intersects((1.5, 1.5, 1.6, 1.6)) | p.geometry.intersects((11.5, 4.5, 11.6, 4.6))
    assert names(images.filter(two)) == ["around", "inside", "near"]
    assert names(images.filter(~(two | clear))) == ["edge"]


def test_a_later_call_replaces_one_of_the_same_name(images):
    search = images.intersects(shapely.Point(-60, -60), match_null_geometry=True).intersects(SQUARE)
    assert names(search) == FOUND["intersects"]
    assert names(search.disjoint((0, 0, 9, 9))) == ["touching"]  # partly and edge meet that one, too
    assert names(search.disjoint((0, 0, 9, 9)).disjoint((8, 8, 30, 30))) == ["edge", "inside", "touching"]
    assert names(search.filter(p.geometry.within(SQUARE)).limit(1)) == ["edge"]
    assert search.filter(p.geometry.within(SQUARE)).limit(1).count() == 2


def test_summaries_honour_conditions_on_a_place(images):
    search = images.filter(p.geometry.within(SQUARE) | p.geometry.isnull)
    assert search.summary().count == 3
    assert search.summary().products == ["a"]
    assert images.filter(p.geometry.within(SQUARE) & (p.product_id == "a")).summary().count == 2
    years = images.filter(p.product_id == "a").within(SQUARE).summary_interval("created", "year")
    assert [year.count for year in years] == [2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: p.geometry.within("here"), "'here' is not the well-known text"),
        (lambda: p.geometry.within("CIRCULARSTRING (0 0, 1 1, 2 0)"), "not the well-known text .*Nonlinear"),
        (lambda: p.geometry.within((0, 91, 1, 92)), "latitude 92 is beyond"),
        (lambda: p.geometry.within_distance(SQUARE, -1), "finite number from 0, not -1"),
        (lambda: p.geometry.within_distance(SQUARE, float("nan")), "finite number from 0, not nan"),
        (lambda: p.geometry.within_distance(SQUARE, "5 km"), "finite number from 0, not '5 km'"),
        (lambda: p.geometry.within_distance(SQUARE, True), "finite number from 0, not True"),
    ],
)
def test_what_is_no_place_is_refused_at_once(make, message):
    with pytest.raises(BadRequestError, match=message):
        make()
    with pytest.raises(TypeError, match="a property compares with a value"):
        p.geometry.within(p.geometry)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (p.name.within(SQUARE), "Image attribute name is not a geometry and has no area"),
        (p.extra_properties["a"].within(SQUARE), r"extra_properties\['a'\] is not a geometry"),
        (p.geometry.year == 2020, "geometry is not a timestamp and has no year"),
        (p.geometry == SQUARE[0], "geometry has no value to compare; ask p.geometry.intersects"),
        (p.geometry.any_of(["a"]), "geometry has no value to compare"),
        (p.geometry.like("a%"), "geometry is not text"),
        (p.geometry.prefix("a"), "geometry is not text"),
        (p.geometri.within(SQUARE), "did you mean 'geometry'"),
    ],
)
def test_what_has_no_place_is_refused_by_the_search_and_in_memory(images, condition, message):
    with pytest.raises(BadRequestError, match=message):
        images.filter(condition)
    with pytest.raises(BadRequestError, match=message):
        images.first() and condition.evaluate(images.first())


def test_products_have_no_place(images):
    with pytest.raises(BadRequestError, match="Product has no attribute geometry"):
        images._catalog.products.filter(p.geometry.within(SQUARE))


# As values and as text


@given(places())
def test_conditions_are_values_and_read_back_from_their_text(place):
    condition = Expression(place)
    again = [
        eval(repr(condition), {"p": p}),
        Expression.parse(condition.serialize()),
        Expression.parse(json.dumps(condition.serialize())),
        Expression.parse(condition.jsonapi_serialize()),
        pickle.loads(pickle.dumps(condition)),
        copy.deepcopy(condition),
    ]
    if place.relation is Relation.COVERED_BY:
        for write in (condition.to_cql2_json, condition.to_cql2_text):
            with pytest.raises(BadRequestError, match=rf"geometry\.{place.relation} has no CQL2 form"):
                write()
    else:
        again += [Expression.from_cql2(condition.to_cql2_json()), Expression.from_cql2(condition.to_cql2_text())]
    for other in again:
        assert other == condition
        assert hash(other) == hash(condition)


POINT = shapely.Point(1, 2.5)
AS_JSON = {"type": "Point", "coordinates": [1.0, 2.5]}


def test_the_text_of_conditions():
    inside, near = p.geometry.intersects(POINT), p.geometry.within_distance("POINT (1 2.5)", 500)
    assert repr(inside & ~near) == (
        "p.geometry.intersects('POINT (1 2.5)') & ~p.geometry.within_distance('POINT (1 2.5)', 500.0)"
    )
    assert inside.serialize() == {"intersects": {"geometry": AS_JSON}}
    assert near.serialize() == {"within_distance": {"geometry": {"geometry": AS_JSON, "metres": 500.0}}}
    assert inside.jsonapi_serialize() == {"op": "intersects", "name": "geometry", "val": AS_JSON}
    assert inside.to_cql2_json() == {"op": "s_intersects", "args": [{"property": "geometry"}, AS_JSON]}
    assert inside.to_cql2_text() == "S_INTERSECTS(geometry, POINT (1 2.5))"
    assert (inside | near).is_same(p.geometry.intersects(AS_JSON) | near)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("S_INTERSECTS(geometry, POINT(1 2.5))", p.geometry.intersects(POINT)),
        ("s_within(geometry,BBOX(170, -10, -170, 10)) AND x = 1", p.geometry.within((170, -10, -170, 10)) & (p.x == 1)),
        ("S_WITHIN(POINT(1 2.5), geometry)", p.geometry.contains(POINT)),
        ("S_CONTAINS(POINT(1 2.5), geometry)", p.geometry.within(POINT)),
        ("S_TOUCHES(geometry, POINT(1 2.5))", p.geometry.touches(POINT)),
        ("S_OVERLAPS(POINT(1 2.5), geometry)", p.geometry.overlaps(POINT)),
        ("S_CROSSES(geometry, POINT(1 2.5))", p.geometry.crosses(POINT)),
        ("S_EQUALS(geometry, POINT(1 2.5))", p.geometry.equals(POINT)),
        ("S_DWITHIN(geometry, POINT(1 2.5), 500)", p.geometry.within_distance(POINT, 500)),
        ("S_DWITHIN(POINT(1 2.5), geometry, 0.5, 'kilometers')", p.geometry.within_distance(POINT, 500)),
        ("S_DWITHIN(geometry, POINT(1 2.5), 0.5, 'Kilometres')", p.geometry.within_distance(POINT, 500)),
        ("S_INTERSECTS(POINT(0 0), BBOX(0, 0, 1, 1))", Expression.from_cql2("TRUE")),
        (
            'NOT S_DISJOINT(POLYGON((0 0, 1 0, 1 1, 0 0)), "geometry")',
            ~p.geometry.disjoint("POLYGON((0 0,1 0,1 1,0 0))"),
        ),
        (
            {"op": "s_contains", "args": [{"property": "geometry"}, {"bbox": [0, 0, 1, 1]}]},
            p.geometry.contains((0, 0, 1, 1)),
        ),
    ],
)
def test_cql2_that_others_write(source, wanted):
    assert Expression.from_cql2(source) == wanted


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("S_INTERSECTS(geometry, POINT(1 2.5)", r"has the end at character 35, where '\)'"),
        ("S_INTERSECTS(geometry, POINT(1 2.5", r"has the end at character 34, where '\)'"),
        ("S_INTERSECTS(geometry, POINT(1 x))", "not the well-known text"),
        ("S_INTERSECTS(geometry, POINT)", "not the well-known text"),
        (
            "S_INTERSECTS(geometry, geometry)",
            "geometry is not a geometry; S_INTERSECTS takes the property geometry and GeoJSON, BBOX or WKT",
        ),
        ("S_INTERSECTS('a', POINT(0 0))", "S_INTERSECTS is about a property with a geometry, not about 'a'"),
        ("S_INTERSECTS(geometry, 5)", "5 is not a geometry"),
        ("S_INTERSECTS(geometry, BBOX(1, 2, 3))", "is not a geometry"),
        ("x = POINT(0 0)", "the geometry .* does not compare by '='; the operators for it begin with T_, S_ or A_"),
        ({"op": "s_within", "args": [{"property": "geometry"}]}, "'s_within' takes 2 arguments, not 1"),
        ("S_WITHIN(geometry, " + "GEOMETRYCOLLECTION(" * 500 + ")" * 501, "nested more than"),
    ],
)
def test_cql2_that_is_wrong_is_refused_by_name(source, message):
    with pytest.raises(BadRequestError, match=message):
        Expression.from_cql2(source)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"within": {"geometry": 5}}, "'5'"),
        ({"within": {"geometry": {"type": "Point"}}}, "'Point' .*'coordinates'"),
        ({"within_distance": {"geometry": AS_JSON}}, "a geometry and metres, not {'coordinates'"),
        ({"within_distance": {"geometry": {"geometry": AS_JSON, "metres": "far"}}}, "metres, .*, not 'far'"),
        ({"op": "within", "name": "geometry", "val": None}, "'None'"),
        ({"near": {"geometry": AS_JSON}}, "'near'"),
    ],
)
def test_json_that_is_wrong_is_refused(source, words):
    with pytest.raises(BadRequestError, match=words):
        Expression.parse(source)


def test_plain_objects_have_a_place_too():
    class Thing:
        geometry = AS_JSON
        nothing = None
        name = "x"

    assert p.geometry.within(SQUARE).evaluate(Thing())
    assert not p.nothing.within(SQUARE).evaluate(Thing())
    assert not (~p.nothing.within(SQUARE)).evaluate(Thing())
    with pytest.raises(InvalidGeometryError, match="'x'"):
        p.name.within(SQUARE).evaluate(Thing())


# Against brute force


@given(records_with_places(), st.lists(filters_on_places(), min_size=12, max_size=12), st.none() | st.integers(0, 4))
@settings(max_examples=examples(60))
def test_searches_agree_with_each_condition_told_one_by_one(found, questions, limit):
    with Catalog.temporary(org="") as catalog:
        fill(catalog, found)
        for where in questions:
            wanted = [
                one.id for one in found if one.kind is Image and evaluate(where, Image.fields(), one.read) is True
            ]
            search = catalog.images.filter(Expression(where)).limit(limit)
            assert search.ids() == wanted[:limit]
            assert search.count() == search.summary().count == len(wanted)
            assert [image.id for image in catalog.images.collect().filter(Expression(where))] == wanted


def test_the_deepest_filter_with_a_place_can_be_asked(images):
    condition = p.geometry.intersects(SQUARE)
    for number in range(11):
        condition = (condition | (p.name == f"{number}")) & (p.name != "x")
    assert names(images.filter(condition)) == FOUND["intersects"]
