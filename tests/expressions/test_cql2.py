import json
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcat.errors import BadRequestError
from localcat.expressions import nodes
from localcat.expressions.cql2_json import escape
from localcat.expressions.evaluate import evaluate
from localcat.expressions.nodes import Node, all_of
from localcat.expressions.properties import Expression
from localcat.expressions.properties import properties as p
from localcat.timestamps import from_microseconds, to_microseconds
from tests.strategies import THING, expressions, things


def prop(name):
    return {"property": name}


def op(name, *args):
    return {"op": name, "args": list(args)}


MOMENT = datetime(2017, 1, 1, 12, 30, tzinfo=UTC)

FORMS = [
    (p.x == 1, op("=", prop("x"), 1), "x = 1"),
    (p.x != "it's", op("<>", prop("x"), "it's"), "x <> 'it''s'"),
    (p.x < -1.5, op("<", prop("x"), -1.5), "x < -1.5"),
    (p.x <= 1e300, op("<=", prop("x"), 1e300), "x <= 1e+300"),
    (p.x > True, op(">", prop("x"), True), "x > TRUE"),
    (p.x >= "", op(">=", prop("x"), ""), "x >= ''"),
    (p.acquired > MOMENT, op(">", prop("acquired"), {"timestamp": "2017-01-01T12:30:00Z"}), None),
    (
        p.acquired == date(2017, 1, 2),
        op("=", prop("acquired"), {"date": "2017-01-02"}),
        "acquired = DATE('2017-01-02')",
    ),
    (p.acquired.month == 5, op("=", prop("acquired.month"), 5), "acquired.month = 5"),
    (p.extra["sensor"] == 5, op("=", prop("extra.sensor"), 5), "extra.sensor = 5"),
    (p.extra["a b"] == 5, op("=", prop('extra["a b"]'), 5), '"extra[""a b""]" = 5'),
    (p.date.isnull, op("isNull", prop("date")), '"date" IS NULL'),
    (p.x.isnotnull, op("not", op("isNull", prop("x"))), "x IS NOT NULL"),
    (p.x.any_of([1, "a"]), op("in", prop("x"), [1, "a"]), "x IN (1, 'a')"),
    (p.x.like(r"a\_%"), op("like", prop("x"), r"a\_%"), r"x LIKE 'a\_%'"),
    (
        p.x.ilike("Ab%"),
        op("like", op("casei", prop("x")), op("casei", "Ab%")),
        "CASEI(x) LIKE CASEI('Ab%')",
    ),
    (
        p.x.between(1, 5),
        op("and", op(">=", prop("x"), 1), op("<=", prop("x"), 5)),
        "x >= 1 AND x <= 5",
    ),
    (
        (p.x == 1) & ((p.y == 2) | ~(p.z == 3)),
        op("and", op("=", prop("x"), 1), op("or", op("=", prop("y"), 2), op("not", op("=", prop("z"), 3)))),
        "x = 1 AND (y = 2 OR NOT (z = 3))",
    ),
    (
        ((p.x == 1) & (p.y == 2)) | (p.z == 3),
        op("or", op("and", op("=", prop("x"), 1), op("=", prop("y"), 2)), op("=", prop("z"), 3)),
        "(x = 1 AND y = 2) OR z = 3",
    ),
]


@pytest.mark.parametrize(("expression", "form", "text"), FORMS)
def test_both_encodings_are_written_and_read(expression, form, text):
    text = text or "acquired > TIMESTAMP('2017-01-01T12:30:00Z')"
    assert expression.to_cql2_json() == form
    assert expression.to_cql2_text() == text
    assert Expression.from_cql2(form) == expression
    assert Expression.from_cql2(json.dumps(form)) == expression
    assert Expression.from_cql2(f"  {json.dumps(form)}".encode()) == expression
    assert Expression.from_cql2(text) == expression


@pytest.mark.parametrize(
    ("expression", "form", "text", "read"),
    [
        (p.x.prefix("a%"), op("like", prop("x"), r"a\%%"), r"x LIKE 'a\%%'", p.x.like(r"a\%%")),
        (~p.x.isnull, op("not", op("isNull", prop("x"))), "NOT (x IS NULL)", p.x.isnotnull),
        (
            p.acquired > datetime(2017, 1, 1),  # no zone: what is tested
            op(">", prop("acquired"), {"timestamp": "2017-01-01T00:00:00Z"}),
            "acquired > TIMESTAMP('2017-01-01T00:00:00Z')",
            p.acquired > datetime(2017, 1, 1, tzinfo=UTC),
        ),
        (
            p.acquired > datetime(2017, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))),
            op(">", prop("acquired"), {"timestamp": "2016-12-31T23:00:00Z"}),
            "acquired > TIMESTAMP('2016-12-31T23:00:00Z')",
            p.acquired > datetime(2016, 12, 31, 23, tzinfo=UTC),
        ),
        (
            p.acquired > np.datetime64("2017-01-01T00:00:00.123456789"),
            op(">", prop("acquired"), {"timestamp": "2017-01-01T00:00:00.123456Z"}),
            "acquired > TIMESTAMP('2017-01-01T00:00:00.123456Z')",
            p.acquired > datetime(2017, 1, 1, 0, 0, 0, 123456, tzinfo=UTC),
        ),
    ],
)
def test_these_come_back_with_the_same_meaning(expression, form, text, read):
    assert expression.to_cql2_json() == form
    assert expression.to_cql2_text() == text
    assert Expression.from_cql2(form) == read
    assert Expression.from_cql2(text) == read


def normal(node: Node) -> Node:
    """Return what a tree is when it comes back from CQL2."""
    match node:
        case nodes.And(parts):
            return all_of(*(normal(part) for part in parts))
        case nodes.Or(parts):
            return nodes.Or(tuple(normal(part) for part in parts))
        case nodes.Not(part):
            inner = normal(part)
            return nodes.IsNotNull(inner.ref) if isinstance(inner, nodes.IsNull) else nodes.Not(inner)
        case nodes.Prefix(ref, prefix):
            return nodes.Like(ref, escape(prefix) + "%")
        case nodes.Comparison(ref, operator, datetime() as value):
            return nodes.Comparison(ref, operator, from_microseconds(to_microseconds(value)))
        case nodes.AnyOf(ref, values):
            utc = (from_microseconds(to_microseconds(v)) if isinstance(v, datetime) else v for v in values)
            return nodes.AnyOf(ref, tuple(utc))
    return node


@given(expression=expressions(), thing=things())
@settings(derandomize=True, max_examples=400, deadline=None)
def test_any_expression_comes_back(expression, thing):
    def answer(one):
        return evaluate(one.node, THING, lambda ref: thing[ref.attribute])

    writers = [("JSON", Expression.to_cql2_json), ("text", Expression.to_cql2_text)]
    for name, write in writers:
        try:
            written = write(expression)
        except BadRequestError as error:
            assert "any_of([]) has no CQL2 form" in str(error) or (name == "text" and "backslash" in str(error))  # noqa: PT017  # either is right, by what was drawn
            continue
        again = Expression.from_cql2(json.loads(json.dumps(written)))
        assert again.node == normal(expression.node)
        assert answer(again) is answer(expression)


@given(st.text(alphabet="'\\a\" %_\n", max_size=6))
@settings(derandomize=True, max_examples=300, deadline=None)
def test_a_text_comes_back_or_is_refused(value):
    expression = p.x == value
    assert Expression.from_cql2(expression.to_cql2_json()) == expression
    if value.endswith("\\") or "\\'" in value:
        with pytest.raises(BadRequestError, match="takes a backslash before a quote for an escape"):
            expression.to_cql2_text()
    else:
        assert Expression.from_cql2(expression.to_cql2_text()) == expression


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("x=1", p.x == 1),
        ("5 < x", p.x > 5),
        ("'a' = x", p.x == "a"),
        ("x BETWEEN 1 AND 5 AND y = 2", p.x.between(1, 5) & (p.y == 2)),
        ("x NOT BETWEEN -1 AND +5.", ~p.x.between(-1, 5.0)),
        ("x not in (1)", ~p.x.any_of([1])),
        ("x Not Like 'a%'", ~p.x.like("a%")),
        (r"x = 'it\'s'", p.x == "it's"),
        (r"x = 'a\b'", p.x == "a\\b"),
        ("not not x = 1", ~~(p.x == 1)),
        ("((x = 1))", p.x == 1),
        ("x = 1 OR y = 2 AND z = 3", (p.x == 1) | ((p.y == 2) & (p.z == 3))),
        ("NOT x = 1 AND y = 2", ~(p.x == 1) & (p.y == 2)),
        ("(x = 1 AND y = 2) AND z = 3", (p.x == 1) & (p.y == 2) & (p.z == 3)),
        ("x = .5e-1", p.x == 0.05),
        ('"x" = 1', p.x == 1),
        ("flag = false", p.flag == False),  # noqa: E712  # makes a condition
        ("é_1 = 1", getattr(p, "é_1") == 1),  # noqa: B009  # ruff would write p.é_1, which few editors type
        ("extra.eo:cloud_cover < 5", p.extra["eo:cloud_cover"] < 5),
        ("product = 'acme:one'", p.product_id == "acme:one"),
        ("A_CONTAINS(tags, ('a', 'b'))", (p.tags == "a") & (p.tags == "b")),
        ("a_contains(tags, ['a'])", p.tags == "a"),
        ("A_OVERLAPS(tags, ('a', 'b'))", p.tags.any_of(["a", "b"])),
        ("CASEI(x) = CASEI('100%')", p.x.ilike(r"100\%")),
        ("CASEI(x) <> casei('A')", ~p.x.ilike("A")),
        ("CASEI(x) IN (CASEI('A'), 'b')", p.x.ilike("A") | p.x.ilike("b")),
        ("CASEI(x) LIKE 'a%'", p.x.ilike("a%")),
        ("acquired >= TIMESTAMP('2017-01-01T00:00:00.5Z')", p.acquired >= datetime(2017, 1, 1, 0, 0, 0, 500_000, UTC)),
    ],
)
def test_what_others_write_is_read(text, expression):
    assert Expression.from_cql2(text) == expression


LACKING = [
    "S_CROSSES",
    "S_EQUALS",
    "S_OVERLAPS",
    "S_TOUCHES",
    "T_AFTER",
    "T_BEFORE",
    "T_CONTAINS",
    "T_DISJOINT",
    "T_DURING",
    "T_EQUALS",
    "T_FINISHEDBY",
    "T_FINISHES",
    "T_INTERSECTS",
    "T_MEETS",
    "T_METBY",
    "T_OVERLAPPEDBY",
    "T_OVERLAPS",
    "T_STARTEDBY",
    "T_STARTS",
    "A_EQUALS",
    "A_CONTAINEDBY",
]


@pytest.mark.parametrize("name", LACKING)
def test_an_operator_that_is_lacking_is_named(name):
    for source in (f"{name}(x, y)", op(name.lower(), prop("x"), prop("y"))):
        with pytest.raises(BadRequestError, match=rf"(?i)operator '{name}' has no form in a filter here"):
            Expression.from_cql2(source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "has the end at character 0, where a property or a value should be"),
        ("x", "has the end at character 1, where a comparison, LIKE, IN, BETWEEN or IS NULL should be"),
        ("x =", "has the end at character 3, where a property or a value"),
        ("x = 1 y", "has 'y' at character 6, where the end, AND or OR should be"),
        ("x = 1 AND", "has the end at character 9"),
        ("(x = 1", r"has the end at character 6, where '\)' should be"),
        ("x = 1)", r"has '\)' at character 5, where the end, AND or OR"),
        ("x = 'a", "cannot be read at character 4: "),
        (r"x = 'a\'", "cannot be read at character 4: "),
        ("x = 1 ; y", "cannot be read at character 6: '; y'"),
        ("x == 1", "has '=' at character 3, where a property or a value"),
        ("x IS 5", "has '5' at character 5, where 'NULL'"),
        ("x IN ()", r"takes a list of one value or more, not \[\]"),
        ("x IN 5", r"has '5' at character 5, where '\('"),
        ("x BETWEEN 1 OR 2", "has 'OR' at character 12, where 'AND'"),
        ("x = y", "are two properties; one compares with a value here"),
        ("1 = 1", "'=' is about a property, not about 1"),
        ("x LIKE 5", "x is matched with text, not with 5"),
        ("x LIKE y", "is not a CQL2 value"),
        ("x = NULL", "has 'NULL' at character 4, where a property or a value"),
        ("x + 1 = 2", r"arithmetic operator '\+' has no form"),
        ("x = 2 * 3", r"arithmetic operator '\*' has no form"),
        ("x DIV 2 = 1", "arithmetic operator 'DIV' has no form"),
        ("TRUE", "the constant condition true has no form here"),
        ("x = 1 AND FALSE", "the constant condition false has no form here"),
        ("ACCENTI(x) = ACCENTI('e')", "function 'ACCENTI' has no form"),
        ("avg(x) = 1", "operator or function 'avg' is not known"),
        ("x = avg(y)", "operator or function 'avg' is not known"),
        ("CASEI(x) < CASEI('a')", "'casei' goes with =, <>, in and like here, not with '<'"),
        ("CASEI(x) LIKE 'A%'", "'casei' should stand around the property and around the text"),
        ("x LIKE CASEI('a')", "'casei' should stand around the property and around the text"),
        ("CASEI(x) = CASEI(y)", "'casei' should stand around"),
        ("CASEI(x) IS NULL", "function 'casei' has no form"),
        ("CASEI(CASEI(x)) = 'a'", "has 'CASEI' at character 6, where a property or a string"),
        ("x = INTERVAL('..', '2017-01-01')", "the CQL2 interval has no form"),
        ("x = POINT(1 2)", "the CQL2 geometry POINT has no form"),
        ("x = DATE('2017-02-30')", "'2017-02-30' is not a date: day"),
        ("x = DATE('20170230')", "'20170230' is not a date, as in"),
        ("x = DATE(5)", "has '5' at character 9, where a quoted date"),
        ("x = TIMESTAMP('2017-01-01')", "is not a timestamp in UTC, as in '2020-01-31T10:00:00Z'"),
        ("x = TIMESTAMP('2017-01-01T00:00:00+02:00')", "is not a timestamp in UTC"),
        ("x = TIMESTAMP('2017-01-01T25:00:00Z')", "is not a timestamp"),
        ("x = 1e999", "compares with a finite number"),
        ("x = " + "9" * 41, "has more than 40 digits"),
        ("x = " + "9" * 30, "a whole number of at most 64 bits"),
        ('"a b" = 1', "'a b' is not the name of an attribute"),
        ("x. = 1", "'x.' is not the name of an attribute"),
        ("(" * 200 + "x = 1" + ")" * 200, "nested more than 100 levels deep"),
        ("NOT " * 100_000 + "x = 1", "nested more than 100 levels deep"),
        ("NOT " * 50 + "x = 1", "levels of and, or and not; at most"),
        ('{"op": "=", "args": [', "is not JSON"),
        ({}, "is not a CQL2 condition; it should be an object with 'op' and 'args'"),
        ({"op": "=", "args": [], "more": 1}, "is not a CQL2 condition"),
        ([], r"\[\] is not a CQL2 condition"),
        (None, "None is not a CQL2 condition"),
        ({"op": 5, "args": []}, "'op' should be a string and 'args' a list"),
        ({"op": "=", "args": {}}, "'op' should be a string and 'args' a list"),
        (op("=", prop("x")), "operator '=' takes 2 arguments, not 1"),
        (op("not"), "operator 'not' takes 1 arguments, not 0"),
        (op("and"), "'and' joins one condition or more"),
        (op("or", 5), "5 is not a CQL2 condition"),
        (op("=", prop("x"), None), "None is not a CQL2 value"),
        (op("=", prop("x"), [1]), r"\[1\] is not a CQL2 value"),
        (op("=", prop(5), 1), "5 is not the name of an attribute"),
        (op("=", prop("x"), {"interval": ["..", ".."]}), "the CQL2 interval"),
        (op("=", prop("x"), {"type": "Point", "coordinates": [1, 2]}), "the CQL2 geometry"),
        (op("=", prop("x"), op("+", 1, 2)), r"arithmetic operator '\+' has no form"),
        (op("=", op("casei"), "a"), "'casei' takes 1 arguments, not 0"),
        (op("=", prop("x"), {"date": 5}), "5 is not a date"),
        (op("in", prop("x"), 5), "operator 'in' takes a list of one value or more, not 5"),
        (op("a_contains", prop("x"), []), "operator 'a_contains' takes a list of one value or more"),
        (op("isNull", 5), "'isNull' is about a property, not about 5"),
        (op("foo", 5), "operator or function 'foo' is not known"),
        ('{"op":"not","args":[' * 150 + "1" + "]}" * 150, "nested more than 100 levels deep"),
        ('{"op":"not","args":[' * 100_000, "nested too deep"),
    ],
)
def test_bad_input_is_refused_with_its_place_or_part(source, message):
    with pytest.raises(BadRequestError, match=message):
        Expression.from_cql2(source)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (p.x.any_of([]), r"x.any_of\(\[\]\) has no CQL2 form: its lists are not empty"),
        (p.x == {"value": 1}, r"the value \{'value': 1\} that x compares with has no CQL2 form"),
        (p.x == object(), "that x compares with has no CQL2 form"),
    ],
)
def test_what_has_no_form_is_refused(expression, message):
    for write in (expression.to_cql2_json, expression.to_cql2_text, (expression & (p.y == 1)).to_cql2_text):
        with pytest.raises(BadRequestError, match=message):
            write()


@given(st.text(alphabet="x1'\"() =<>NOTAND.,%\\-[]\n", max_size=20))
@settings(derandomize=True, max_examples=500, deadline=None)
def test_any_text_is_read_or_refused(source):
    try:
        expression = Expression.from_cql2(source)
    except BadRequestError:
        return
    assert Expression.from_cql2(expression.to_cql2_json()) == expression


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["x", "", "=", "not", "casei", "eq"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["op", "args", "property", "date", "eq", "and", "not", "range"]), inner)
        | st.builds(op, st.sampled_from(["=", "and", "not", "in", "like", "casei", "a_contains", "between"]), inner)
    ),
    max_leaves=8,
)


@given(json_values)
@settings(derandomize=True, max_examples=500, deadline=None)
def test_any_json_is_read_or_refused(value):
    for read in (Expression.from_cql2, Expression.parse):
        if isinstance(value, str):
            continue
        try:
            read(value)
        except BadRequestError:
            continue
