import datetime
import json

import numpy as np
import pytest
from hypothesis import given, settings

from localcat.errors import BadRequestError
from localcat.expressions.evaluate import evaluate
from localcat.expressions.names import read_name, write_name
from localcat.expressions.nodes import And, AnyOf, Comparison, Node, Not, Op, Or, Part, Ref
from localcat.expressions.properties import Expression
from localcat.expressions.properties import properties as p
from tests.drawing import examples
from tests.strategies import THING, expressions, things

FORMS = [
    (p.x == 1, {"eq": {"x": 1}}, {"op": "eq", "name": "x", "val": 1}),
    (p.x != "a", {"ne": {"x": "a"}}, {"op": "ne", "name": "x", "val": "a"}),
    (p.x > 1, {"range": {"x": {"gt": 1}}}, {"op": "gt", "name": "x", "val": 1}),
    (p.x >= 1.5, {"range": {"x": {"gte": 1.5}}}, {"op": "gte", "name": "x", "val": 1.5}),
    (p.x < True, {"range": {"x": {"lt": True}}}, {"op": "lt", "name": "x", "val": True}),
    (p.x <= 1, {"range": {"x": {"lte": 1}}}, {"op": "lte", "name": "x", "val": 1}),
    (
        p.x.between(1, 5),
        {"range": {"x": {"gte": 1, "lte": 5}}},
        {"and": [{"op": "gte", "name": "x", "val": 1}, {"op": "lte", "name": "x", "val": 5}]},
    ),
    (p.x.any_of([1, "a"]), {"any_of": {"x": [1, "a"]}}, {"op": "any_of", "name": "x", "val": [1, "a"]}),
    (p.x.any_of([]), {"any_of": {"x": []}}, {"op": "any_of", "name": "x", "val": []}),
    (p.x.isnull, {"isnull": "x"}, {"op": "isnull", "name": "x"}),
    (p.x.isnotnull, {"isnotnull": "x"}, {"op": "isnotnull", "name": "x"}),
    (p.x.like(r"a\%%"), {"like": {"x": r"a\%%"}}, {"op": "like", "name": "x", "val": r"a\%%"}),
    (p.x.ilike("a_"), {"ilike": {"x": "a_"}}, {"op": "ilike", "name": "x", "val": "a_"}),
    (p.x.prefix("a"), {"prefix": {"x": "a"}}, {"op": "prefix", "name": "x", "val": "a"}),
    (
        (p.x == 1) & (p.y == 2),
        {"and": [{"eq": {"x": 1}}, {"eq": {"y": 2}}]},
        {"and": [{"op": "eq", "name": "x", "val": 1}, {"op": "eq", "name": "y", "val": 2}]},
    ),
    (
        (p.x == 1) | ~(p.y == 2),
        {"or": [{"eq": {"x": 1}}, {"not": {"eq": {"y": 2}}}]},
        {"or": [{"op": "eq", "name": "x", "val": 1}, {"not": {"op": "eq", "name": "y", "val": 2}}]},
    ),
    (
        p.resolution < {"value": 10, "unit": "meters"},
        {"range": {"resolution": {"lt": {"value": 10, "unit": "meters"}}}},
        {"op": "lt", "name": "resolution", "val": {"value": 10, "unit": "meters"}},
    ),
    (
        (p.a == 1) & p.x.between(1, 2) & (p.y > 3) & (p.y > 4) & (p.y < 5) & (p.z < 6),
        {
            "and": [
                {"eq": {"a": 1}},
                {"range": {"x": {"gte": 1, "lte": 2}}},
                {"range": {"y": {"gt": 3}}},
                {"range": {"y": {"gt": 4, "lt": 5}}},
                {"range": {"z": {"lt": 6}}},
            ]
        },
        {
            "and": [
                {"op": "eq", "name": "a", "val": 1},
                {"op": "gte", "name": "x", "val": 1},
                {"op": "lte", "name": "x", "val": 2},
                {"op": "gt", "name": "y", "val": 3},
                {"op": "gt", "name": "y", "val": 4},
                {"op": "lt", "name": "y", "val": 5},
                {"op": "lt", "name": "z", "val": 6},
            ]
        },
    ),
]


@pytest.mark.parametrize(("expression", "nested", "items"), FORMS)
def test_both_forms_are_written_and_read(expression, nested, items):
    assert expression.serialize() == nested
    assert expression.jsonapi_serialize() == items
    assert Expression.parse(nested) == expression
    assert Expression.parse(items) == expression
    assert Expression.parse(json.dumps(nested)) == expression
    assert Expression.parse(json.dumps(items).encode()) == expression


def test_a_date_is_written_as_text_that_compares_the_same():
    moment = datetime.datetime(2017, 1, 1, 12, tzinfo=datetime.UTC)
    assert (p.acquired > moment).serialize() == {"range": {"acquired": {"gt": "2017-01-01T12:00:00+00:00"}}}
    assert (p.acquired == datetime.date(2017, 1, 1)).serialize() == {"eq": {"acquired": "2017-01-01"}}
    assert (p.acquired == np.datetime64("2017-01-01T00:00:00.123456789")).serialize() == {
        "eq": {"acquired": "2017-01-01T00:00:00.123456789"}
    }


@given(expression=expressions(), thing=things())
@settings(derandomize=True, max_examples=examples(200), deadline=None)
def test_any_expression_comes_back_as_it_was_with_dates_as_text(expression, thing):
    for form in (expression.serialize(), expression.jsonapi_serialize()):
        again = Expression.parse(json.dumps(form))
        assert again.node == dates_as_text(expression.node)
        answers = [evaluate(one.node, THING, lambda ref: thing[ref.attribute]) for one in (expression, again)]
        assert answers[0] is answers[1]


def dates_as_text(node: Node) -> Node:
    match node:
        case And(parts) | Or(parts):
            return type(node)(tuple(dates_as_text(part) for part in parts))
        case Not(part):
            return Not(dates_as_text(part))
        case Comparison(ref) | AnyOf(ref) if ref.keys:
            return node  # written as CQL2, which says DATE or TIMESTAMP: text inside a mapping compares as text
        case Comparison(ref, op, datetime.date() as value):
            return Comparison(ref, op, value.isoformat())
        case AnyOf(ref, values):
            return AnyOf(ref, tuple(v.isoformat() if isinstance(v, datetime.date) else v for v in values))
    return node


def test_other_ways_to_write_the_same_are_read():
    assert Expression.parse([{"eq": {"x": 1}}, {"op": "gt", "name": "y", "val": 2}]) == (p.x == 1) & (p.y > 2)
    assert Expression.parse({"and": [{"eq": {"x": 1}}]}) == (p.x == 1)
    assert Expression.parse({"or": [{"eq": {"x": 1}}, {"eq": {"x": 2}}]}) == (p.x == 1) | (p.x == 2)
    assert Expression.parse({"eq": {"x": None}}) == p.x.isnull
    assert Expression.parse({"op": "ne", "name": "x", "val": None}) == p.x.isnotnull
    assert Expression.parse({"op": "isnull", "name": "x", "val": None}) == p.x.isnull
    assert Expression.parse({"eq": {"product": "acme:one"}}) == (p.product_id == "acme:one")
    assert Expression.parse({"and": [{"and": [{"eq": {"x": 1}}, {"eq": {"y": 1}}]}, {"eq": {"z": 1}}]}) == (
        (p.x == 1) & (p.y == 1) & (p.z == 1)
    )


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        (Ref("acquired"), "acquired"),
        (Ref("acquired", part=Part.MONTH), "acquired.month"),
        (Ref("extra_properties", ("sensor",)), "extra_properties.sensor"),
        (Ref("extra_properties", ("eo:cloud.cover",)), "extra_properties.eo:cloud.cover"),
        (Ref("extra_properties", ("month",)), 'extra_properties["month"]'),
        (Ref("extra_properties", ("",)), 'extra_properties[""]'),
        (Ref("extra_properties", ('a"b\\ é\n',)), 'extra_properties["a\\"b\\\\ é\\n"]'),
        (Ref("extra_properties", ("0",)), 'extra_properties["0"]'),
    ],
)
def test_names_of_keys_and_parts(ref, name):
    assert write_name(ref) == name
    assert read_name(name) == ref


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{", "the filter '{' is not JSON"),
        (b"\xff", "is not JSON"),
        ('{"eq": {"x": NaN}}', "NaN is not a JSON number"),
        ('{"eq": {"x": 1e999}}', "x compares with a finite number, not with inf"),
        (5, "5 is not a filter"),
        (None, "None is not a filter"),
        ("null", "None is not a filter"),
        ({}, "should have one key, its operator, and has 0"),
        ([], "a list of conditions joins a list of one condition or more"),
        ({"eq": {"x": 1}, "ne": {"x": 1}}, "should have one key, its operator, and has 2"),
        ({"eq": 5}, r"the condition \{'eq': 5\} should name one attribute"),
        ({"eq": {}}, "should name one attribute"),
        ({"eq": {"x": 1, "y": 2}}, "should name one attribute"),
        ({"eq": {"x": [1]}}, "one value at a time"),
        ({"eq": {"": 1}}, "'' is not the name of an attribute"),
        ({"eq": {"_x": 1}}, "'_x' is not the name of an attribute"),
        ({"eq": {"x y": 1}}, "'x y' is not the name of an attribute"),
        ({"eq": {'x["a" + "b"]': 1}}, "is not a JSON string"),
        ({"eq": {"x.\ud800": 1}}, "half a surrogate pair"),
        ({"eq": {5: 1}}, "5 is not the name of an attribute"),
        ({"near": {"x": 1}}, "the operator 'near' in {'near': {'x': 1}} is not known"),
        ({5: {"x": 1}}, "the operator 5 in"),
        ({"and": {"eq": {"x": 1}}}, "'and' joins a list of one condition or more"),
        ({"or": []}, r"'or' joins a list of one condition or more, not \[\]"),
        ({"and": [5]}, "5 is not a filter"),
        ({"not": [1]}, "1 is not a filter"),
        ({"range": {"x": 5}}, "should give bounds"),
        ({"range": {"x": {}}}, "should give bounds"),
        ({"range": {"x": {"eq": 5}}}, "has bounds gt, gte, lt or lte, not 'eq'"),
        ({"range": {"x": {"gt": None}}}, "use isnull or isnotnull"),
        ({"isnull": {"x": 1}}, "is not the name of an attribute"),
        ({"any_of": {"x": "abc"}}, "any_of on x takes a list of values, not 'abc'"),
        ({"any_of": {"x": [None]}}, "use isnull or isnotnull"),
        ({"like": {"x": 5}}, "x is matched with text, not with 5"),
        ({"like": {"x": "a\\"}}, "ends in a lone backslash"),
        ({"prefix": {"x": None}}, "x is matched with text, not with None"),
        ({"op": "eq", "name": "x"}, "should have the keys 'op', 'name' and 'val'"),
        ({"op": "eq", "name": "x", "val": 1, "more": 2}, "should have the keys"),
        ({"op": "isnull"}, "should have the keys"),
        ({"op": "range", "name": "x", "val": 1}, "the operator 'range' in"),
        ({"op": ["eq"], "name": "x", "val": 1}, r"the operator \['eq'\] in"),
        ({"op": "eq", "name": None, "val": 1}, "None is not the name of an attribute"),
        ({"op": "lt", "name": "product", "val": "a"}, "use p.product_id"),
        ('{"not":' * 200 + "1" + "}" * 200, "nested more than 100 levels deep"),
        ("[" * 100_000, "nested too deep"),
        ('{"not":' * 50 + '{"eq":{"x":1}}' + "}" * 50, "levels of and, or and not; at most"),
        ("9" * 5000, "is not JSON"),
    ],
)
def test_bad_input_is_refused_with_the_part_that_is_wrong(source, message):
    with pytest.raises(BadRequestError, match=message):
        Expression.parse(source)


@pytest.mark.parametrize("value", [object(), {"a": object()}, {1: 2}, {"a": {"b": {"c": {"d": 1}}}}])
def test_a_value_without_a_json_form_is_refused(value):
    with pytest.raises(BadRequestError, match="that x compares with has no JSON form"):
        (p.x == value).serialize()


def test_a_tree_made_by_hand_is_checked():
    node = Comparison(Ref("x"), Op.EQ, float("nan"))
    with pytest.raises(BadRequestError, match="the value nan that x compares with has no JSON form"):
        Expression(node).serialize()
