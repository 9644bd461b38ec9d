import json
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcat.errors import BadRequestError
from localcat.expressions import nodes
from localcat.expressions.cql2.item_names import joined_ids
from localcat.expressions.cql2.read_json import escape
from localcat.expressions.evaluate import evaluate
from localcat.expressions.nodes import (
    Arithmetic,
    Constant,
    Fold,
    Folded,
    Like,
    ListRelation,
    ListTest,
    Node,
    Op,
    Ref,
    TermTest,
    Value,
    all_of,
    one_of,
)
from localcat.expressions.properties import Expression
from localcat.expressions.properties import properties as p
from localcat.timestamps import from_microseconds, to_microseconds
from tests.drawing import examples
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
    (p.acquired > MOMENT, op(">", prop("datetime"), {"timestamp": "2017-01-01T12:30:00Z"}), None),
    (
        p.acquired == date(2017, 1, 2),
        op("=", prop("datetime"), {"date": "2017-01-02"}),
        "datetime = DATE('2017-01-02')",
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
    text = text or "datetime > TIMESTAMP('2017-01-01T12:30:00Z')"
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
        (~p.x.isnull, op("not", op("isNull", prop("x"))), "x IS NOT NULL", p.x.isnotnull),
        (
            p.acquired > datetime(2017, 1, 1),  # no zone: what is tested
            op(">", prop("datetime"), {"timestamp": "2017-01-01T00:00:00Z"}),
            "datetime > TIMESTAMP('2017-01-01T00:00:00Z')",
            p.acquired > datetime(2017, 1, 1, tzinfo=UTC),
        ),
        (
            p.acquired > datetime(2017, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))),
            op(">", prop("datetime"), {"timestamp": "2016-12-31T23:00:00Z"}),
            "datetime > TIMESTAMP('2016-12-31T23:00:00Z')",
            p.acquired > datetime(2016, 12, 31, 23, tzinfo=UTC),
        ),
        (
            p.acquired > np.datetime64("2017-01-01T00:00:00.123456789"),
            op(">", prop("datetime"), {"timestamp": "2017-01-01T00:00:00.123456Z"}),
            "datetime > TIMESTAMP('2017-01-01T00:00:00.123456Z')",
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
            return all_of(*joined_ids([normal(part) for part in parts]))
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
@settings(derandomize=True, max_examples=examples(400), deadline=None)
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
@settings(derandomize=True, max_examples=examples(300), deadline=None)
def test_a_text_comes_back_or_is_refused(value):
    expression = p.x == value
    assert Expression.from_cql2(expression.to_cql2_json()) == expression
    if value.endswith("\\") or "\\'" in value:
        with pytest.raises(BadRequestError, match="takes a backslash before a quote for an escape"):
            expression.to_cql2_text()
    else:
        assert Expression.from_cql2(expression.to_cql2_text()) == expression


def test_between_is_read_as_the_drafts_write_it_too() -> None:
    name = {"property": "x"}
    assert Expression.from_cql2({"op": "between", "args": [name, [1, 5]]}) == p.x.between(1, 5)
    assert Expression.from_cql2({"op": "between", "args": [name, 1, 5]}) == p.x.between(1, 5)
    with pytest.raises(BadRequestError, match="between"):
        Expression.from_cql2({"op": "between", "args": [name, [1, 5, 7]]})


def tree(one):
    return one.node if isinstance(one, Expression) else one


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (text, parts)
        for text, *parts in [
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
            ("A_CONTAINS(tags, ('a', 'b'))", ListTest(Ref("tags"), ListRelation.CONTAINS, ("a", "b"))),
            ("a_containedBy(tags, ['a'])", ListTest(Ref("tags"), ListRelation.CONTAINED_BY, ("a",))),
            ("A_CONTAINEDBY(('a'), tags)", ListTest(Ref("tags"), ListRelation.CONTAINS, ("a",))),
            (
                "A_EQUALS(gsd, ('a'))",
                ListTest(Ref("extra_properties", ("gsd",)), ListRelation.EQUALS, ("a",)),
            ),
            ("A_OVERLAPS(tags, ('a', 'b'))", ListTest(Ref("tags"), ListRelation.OVERLAPS, ("a", "b"))),
            ("ACCENTI(x) = ACCENTI('é')", Like(Ref("x"), "é", fold=False, accents=False)),
            ("CASEI(ACCENTI(x)) LIKE 'e%'", Like(Ref("x"), "e%", fold=True, accents=False)),
            ("CASEI(x) < CASEI('a')", TermTest(Folded(Fold.CASE, Ref("x")), Op.LT, Folded(Fold.CASE, Value("a")))),
            ("CASEI(x) = CASEI(y)", TermTest(Folded(Fold.CASE, Ref("x")), Op.EQ, Folded(Fold.CASE, Ref("y")))),
            ("x", p.x == True),  # noqa: E712  # makes a condition
            ("NOT x AND (y)", ~(p.x == True) & (p.y == True)),  # noqa: E712
            ("x = y", TermTest(Ref("x"), Op.EQ, Ref("y"))),
            ("x + 1 = 2", TermTest(Arithmetic("+", Ref("x"), Value(1)), Op.EQ, Value(2))),
            ("x > 2 + 3 * 2 ^ 2 - 7 DIV 2", p.x > 11),
            ("x = (1 + 2) * -3", p.x == -9),
            (
                "x = -(y % 2)",
                TermTest(Ref("x"), Op.EQ, Arithmetic("*", Value(-1), Arithmetic("%", Ref("y"), Value(2)))),
            ),
            ("x BETWEEN y AND 5", TermTest(Ref("x"), Op.GE, Ref("y")), p.x <= 5),
            ("TRUE", Constant(True)),
            ("x = 1 AND FALSE", p.x == 1, Constant(False)),
            ("1 = 1 + 0", Constant(True)),
            ("'a' LIKE 'b%'", Constant(False)),
            ("1 IN (2, 1)", Constant(False), Constant(True)),
            ("5 IS NULL", Constant(False)),
            ("A_OVERLAPS(('a'), ('b', 'a'))", Constant(True)),
            ("CASEI(x) = CASEI('100%')", p.x.ilike(r"100\%")),
            ("x LIKE CASEI('Lake%')", p.x.like("lake%")),
            ("x LIKE ACCENTI(CASEI('LÄC%'))", p.x.like("lac%")),
            ("CASEI(x) <> casei('A')", ~p.x.ilike("A")),
            ("CASEI(x) IN (CASEI('A'), 'b')", p.x.ilike("A") | p.x.ilike("b")),
            ("CASEI(x) LIKE 'a%'", p.x.ilike("a%")),
            (
                "acquired >= TIMESTAMP('2017-01-01T00:00:00.5Z')",
                p.acquired >= datetime(2017, 1, 1, 0, 0, 0, 500_000, UTC),
            ),
        ]
    ],
)
def test_what_others_write_is_read(text, parts):
    """Several parts are joined by AND, or by OR where the text has IN."""
    trees = [tree(part) for part in parts]
    joined = one_of(*trees) if " IN " in text and len(trees) > 1 else all_of(*trees)
    assert Expression.from_cql2(text) == Expression(joined)
    assert Expression.from_cql2(Expression(joined).to_cql2_text()) == Expression(joined)


# Names of STAC

OWN_CREATED = p.extra_properties["created"]
YEAR = datetime(2020, 1, 1, tzinfo=UTC)

ITEM_NAMES = [
    ("eo:cloud_cover < 20", p.cloud_fraction < 0.2),
    ("eo:cloud_cover IN (7, 0.5)", p.cloud_fraction.any_of([0.07, 0.005])),
    ("eo:cloud_cover IS NULL", p.cloud_fraction.isnull),
    ("datetime > TIMESTAMP('2020-01-01T00:00:00Z')", p.acquired > YEAR),
    ("collection = 'a:b'", p.product_id == "a:b"),
    ("collection LIKE 'a:%'", p.product_id.like("a:%")),
    ("id = 'x'", p.name == "x"),
    ("id LIKE 'x%'", p.name.like("x%")),
    ("collection = 'a:b' AND id = 'x'", p.id == "a:b:x"),
    ("NOT (collection = 'a:b' AND id = 'x')", ~(p.id == "a:b:x")),
    ("(collection = 'a' AND id = 'x') OR (collection = 'b' AND id = 'y')", (p.id == "a:x") | (p.id == "b:y")),
    ("localcat:id = 'x'", p.id == "x"),
    ("localcat:id LIKE 'a:%'", p.id.like("a:%")),
    ("name = 'a:x'", p.name == "a:x"),
    ("platform = 'landsat-8'", p.satellite_id == "landsat-8"),
    ("proj:code = 'EPSG:32618'", p.cs_code == "EPSG:32618"),
    ("gsd <= 10", p.extra_properties["gsd"] <= 10),
    ("view:off_nadir < 5", p.extra_properties["view:off_nadir"] < 5),
    ("proj:centroid.lat > 0", p.extra_properties["proj:centroid"]["lat"] > 0),
    ("extra_properties.sensor = 'a'", p.extra_properties["sensor"] == "a"),
    ("extra_properties.eo:cloud_cover = 5", p.extra_properties["eo:cloud_cover"] == 5),
    ('"extra_properties[""a""][""b""]" = 5', p.extra_properties["a"]["b"] == 5),
    ("extra_properties.a:b.c = 5", p.extra_properties["a:b.c"] == 5),
    ("localcat:created > TIMESTAMP('2020-01-01T00:00:00Z')", p.created > YEAR),
    ("modified > TIMESTAMP('2020-01-01T00:00:00Z')", p.modified > YEAR),
]


@pytest.mark.parametrize(("text", "expression"), ITEM_NAMES)
def test_attributes_have_the_names_that_stac_gives_them(text, expression):
    assert expression.to_cql2_text() == text
    assert Expression.from_cql2(text) == expression
    assert Expression.from_cql2(expression.to_cql2_json()) == expression


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("id = 'a:b:x'", p.id == "a:b:x"),
        ("id IN ('a:x', 'y')", p.id.any_of(["a:x"]) | p.name.any_of(["y"])),
        ("id LIKE 'a:%'", p.id.like("a:%")),
        ("proj:epsg = 32618", p.cs_code == "EPSG:32618"),
        ("proj:epsg IN (32618, 4326)", p.cs_code.any_of(["EPSG:32618", "EPSG:4326"])),
        ("cloud_fraction < 0.2", p.cloud_fraction < 0.2),
        ("acquired.month = 5", p.acquired.month == 5),
        (
            "created < TIMESTAMP('2020-01-01T00:00:00Z')",
            (OWN_CREATED.isnotnull & (OWN_CREATED < YEAR)) | (OWN_CREATED.isnull & (p.created < YEAR)),
        ),
        (
            "created < '2020'",
            (OWN_CREATED.isnotnull & (OWN_CREATED < YEAR)) | (OWN_CREATED.isnull & (p.created < YEAR)),
        ),
    ],
)
def test_other_names_are_understood(text, expression):
    assert Expression.from_cql2(text) == expression
    assert Expression.from_cql2(expression.to_cql2_text()) == Expression.from_cql2(
        Expression.from_cql2(text).to_cql2_text()
    )


@given(st.floats(0, 1) | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63 - 1))
@settings(derandomize=True, max_examples=examples(500), deadline=None)
def test_a_fraction_comes_back_exactly(value):
    expression = p.cloud_fraction >= value
    again = Expression.from_cql2(json.loads(json.dumps(expression.to_cql2_json())))
    assert again.node.value == value
    assert Expression.from_cql2(expression.to_cql2_text()).node.value == value


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "has the end at character 0, where a property or a value should be"),
        ("5", "has the end at character 1, where a comparison, LIKE, IN, BETWEEN or IS NULL should be"),
        ("x = 1 AND ('a')", "has the end at character 15, where a comparison"),
        (
            "acquired >= 2024-06-01",
            "2024-06-01 at character 12 is arithmetic without quotes: 2024 - 6 - 1 = 2017;",
        ),
        ("acquired >= 2024-06-01T10:00:00Z", "2024-06-01T10:00:00Z at character 12 is arithmetic without quotes"),
        ("acquired >= 2024-06", "2024-06 at character 12 is arithmetic without quotes: 2024 - 6 = 2018; quote a date"),
        ("x != 1", "cannot be read at character 2: '!= 1'; write <> for unequal"),
        ("x = 1 && y = 2", "cannot be read at character 6.*; write AND for both"),
        ("x = 1 == 2", "where the end, AND or OR should be; write = for equal"),
        ("S_INTERSECT(geometry, POINT(0 0))", "'S_INTERSECT' is not known; did you mean S_INTERSECTS .*at character 0"),
        ("proj:epsg > 5", "proj:epsg compares by =, <> and IN, not by '>'"),
        ("proj:epsg = 'a'", "proj:epsg compares with the number of an EPSG code, not with 'a'"),
        ("eo:cloud_cover < 'a'", "eo:cloud_cover is a percentage and compares with a number, not with 'a'"),
        ("created LIKE '2020%'", "created is not text, and fits no pattern"),
        ("x + 'a' > 1", r"operator '\+' takes numbers, not 'a'"),
        ("x = 1 / 0", "1 / 0 has no result"),
        ("x + (y = 1) > 1", "'=' is a condition, and stands where a value should be"),
        ("x + y", r"operator '\+' makes a number; compare it"),
        ("T_AFTER(x, 5)", "5 is not a time; it should be a property"),
        ("T_AFTER(x, INTERVAL('a', '..'))", "'a' is not a timestamp in UTC"),
        ("T_AFTER(x, INTERVAL('..'))", "should have a start and an end, '..' for an open one"),
        ("S_DWITHIN(geometry, POINT(0 0), 5, 'miles')", "S_DWITHIN takes a number of metres, or of 'kilometers'"),
        ("S_DWITHIN(geometry, POINT(0 0))", "'s_dwithin' takes 3 arguments, not 2"),
        ("S_INTERSECTS(geometry, y)", "y is not a geometry; S_INTERSECTS takes the property geometry"),
        ("A_CONTAINS(tags, 5 + x)", "'a_contains' takes a list of one value or more"),
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
        ("x LIKE 5", "x is matched with text, not with 5"),
        ("x LIKE y", "has 'y' at character 7, where a pattern in single quotes"),
        ("x = NULL", "has 'NULL' at character 4, where a property or a value"),
        ("avg(x) = 1", "operator or function 'avg' is not known"),
        ("x = avg(y)", "operator or function 'avg' is not known"),
        ("CASEI(x) LIKE 'A%'", "'A%' is compared with x without case or accents, and has some itself"),
        ("x LIKE CASEI(y)", "LIKE takes 'casei' and 'accenti' around the property and around the pattern"),
        ("CASEI('A') LIKE x", "has 'x' at character 16, where a pattern in single quotes, such as 'S2%', should be"),
        ("CASEI(x) IS NULL", "'isNull' is about a property, not about text without case"),
        ("x = INTERVAL('..', '2017-01-01')", "an interval does not compare by '='; the operators for it begin with T_"),
        ("x = POINT(1 2)", "the geometry .* does not compare by '='"),
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
        (op("=", prop("x"), [1]), "a list does not compare by '='"),
        (op("=", prop(5), 1), "5 is not the name of a property, as in 'eo:cloud_cover'"),
        (op("=", prop("x"), {"interval": ["..", ".."]}), "an interval does not compare"),
        (op("=", prop("x"), {"type": "Point", "coordinates": [1, 2]}), "the geometry .* does not compare"),
        (op("=", op("casei"), "a"), "'casei' takes 1 arguments, not 0"),
        (op("=", prop("x"), {"date": 5}), "5 is not a date"),
        (op("in", prop("x"), 5), "operator 'in' takes a list of one value or more, not 5"),
        (op("a_contains", prop("x"), []), "operator 'a_contains' takes a list of one value or more"),
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
@settings(derandomize=True, max_examples=examples(500), deadline=None)
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
@settings(derandomize=True, max_examples=examples(500), deadline=None)
def test_any_json_is_read_or_refused(value):
    for read in (Expression.from_cql2, Expression.parse):
        if isinstance(value, str):
            continue
        try:
            read(value)
        except BadRequestError:
            continue
