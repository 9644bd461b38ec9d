"""Hypothesis strategies: conditions and filters over the attributes of any `Fields`.

``expressions(fields)`` draws expressions; ``THING`` and ``things()`` are a small class of one attribute of each kind,
with values that are missing, tied, empty and at the edges.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import shapely
from hypothesis import strategies as st

from localcat.errors import BadRequestError
from localcat.expressions.fields import Field, Fields, Kind
from localcat.expressions.nodes import (
    And,
    AnyOf,
    Arithmetic,
    Comparison,
    Constant,
    Fold,
    Folded,
    IsNotNull,
    IsNull,
    Like,
    ListRelation,
    ListTest,
    Node,
    Not,
    Op,
    Or,
    Part,
    Prefix,
    Ref,
    Relation,
    Spatial,
    Term,
    TermTest,
    Value,
    all_of,
    one_of,
)
from localcat.expressions.properties import Expression
from localcat.expressions.terms import ARITHMETIC
from localcat.timestamps import to_microseconds

# Conditions on any fields

THING_KEYS = ("sensor", "orbit", "it's", 'say "x"', "a.b")
THING_PATHS = (*((key,) for key in THING_KEYS), ("sensor", "orbit"), ("sensor", "a.b"), ("orbit", "sensor", "orbit"))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise BadRequestError(f"{value!r} is not text")
    return value


def _number(value: object) -> int | float:
    if not isinstance(value, int | float):
        raise BadRequestError(f"{value!r} is not a number")
    return value


THING = Fields(
    "Thing",
    [
        Field("name", Kind.TEXT, _text),
        Field("product_id", Kind.TEXT, _text),
        Field("bits", Kind.NUMBER, _number),
        Field("cloud_fraction", Kind.NUMBER, _number),
        Field("acquired", Kind.TIMESTAMP, to_microseconds),
        Field("tags", Kind.LIST, _text),
        Field("extra_properties", Kind.MAPPING, _text),
    ],
)

# Letters that fold in odd ways, wildcards and escapes, quotes, and code points beyond UTF-16's first plane.
odd_texts = st.text(alphabet="aAbßſİσς%_\\'\" \U0001f6f0\ufffd", max_size=4) | st.sampled_from(
    ["", "a", "B", "TRUE", "2020-01-01"]
)
patterns = st.lists(st.sampled_from(["a", "B", "ß", "%", "%", "_", r"\%", r"\_", r"\\", "s"]), max_size=5).map("".join)
integers = st.integers(-3, 3) | st.sampled_from([2**53, 2**53 + 1, -(2**63), 2**63 - 1])
floats = st.sampled_from([0.0, 0.2, 0.5, 1.0, -1.5, 1e300, 2.0**53]) | st.floats(0, 1)
numbers = integers | floats
zones = st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(-timedelta(hours=5, minutes=30)), None])
datetimes = st.builds(
    lambda moment, zone: moment.replace(tzinfo=zone),
    st.sampled_from([datetime(2016, 12, 31, 23, 59, 59, 999999), datetime(2017, 1, 1), datetime(1969, 12, 31, 12)])
    | st.datetimes(datetime(2016, 1, 1), datetime(2017, 12, 31)),
    zones,
)
dates = st.dates(date(2016, 12, 30), date(2017, 1, 2))
timestamps = datetimes | dates

PARTS = {Part.YEAR: st.integers(2015, 2018), Part.MONTH: st.integers(1, 12), Part.DAY_OF_YEAR: st.integers(1, 366)}
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.TEXT: odd_texts,
    Kind.LIST: odd_texts,
    Kind.NUMBER: numbers | st.booleans(),
    Kind.TIMESTAMP: timestamps,
    Kind.MAPPING: odd_texts | numbers,
    Kind.GEOMETRY: st.sampled_from([shapely.Point(0, 0), shapely.box(0, 0, 1, 1), shapely.box(170, -10, 180, 10)]),
}
METRES = [0.0, 0.1, 1000.0, 1_112_000.0, 5_000_000.0, 20_100_000.0]


TIME_TEXTS = ["2017-01-01T00:00:00Z", "2016-12-31T23:59:59.999999Z", "2017-01-01T02:00:00+02:00", "2017", "1969-12-31"]
json_values = st.recursive(
    st.none() | st.booleans() | odd_texts | numbers | st.sampled_from(TIME_TEXTS),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(THING_KEYS), inner, max_size=2),
    max_leaves=4,
)
"""Values inside a mapping, two levels deep or so."""


def conditions(
    fields: Fields = THING, *, values: Mapping[str, st.SearchStrategy[Any]] | None = None
) -> st.SearchStrategy[Node]:
    """Draw one condition that is valid for the fields; `values` replaces what is drawn for an attribute, by name."""
    found = [fields[name] for name in fields]
    return st.one_of([_about(field, (values or {}).get(field.name, VALUES[field.kind])) for field in found])


def _about(field: Field, operand: st.SearchStrategy[Any]) -> st.SearchStrategy[Node]:
    if field.kind is Kind.GEOMETRY:
        ref = st.just(Ref(field.name))
        relations = st.sampled_from([one for one in Relation if one is not Relation.WITHIN_DISTANCE])
        places = st.builds(Spatial, ref, relations, operand)
        near = st.builds(Spatial, ref, st.just(Relation.WITHIN_DISTANCE), operand, st.sampled_from(METRES))
        return places | near | st.builds(IsNull, ref) | st.builds(IsNotNull, ref)
    if field.kind is Kind.MAPPING:
        return about_values(st.sampled_from([Ref(field.name, keys) for keys in THING_PATHS]), operand)
    if field.kind is Kind.LIST:
        return _tests(st.just(Ref(field.name)), operand, [Op.EQ, Op.NE], is_text=True)
    whole = _tests(st.just(Ref(field.name)), operand, list(Op), is_text=field.kind is Kind.TEXT)
    if field.kind is not Kind.TIMESTAMP:
        return whole
    refs = [(st.just(Ref(field.name, part=part)), values) for part, values in PARTS.items()]
    return whole | st.one_of([_tests(ref, values, list(Op), is_text=False) for ref, values in refs])


def about_values(refs: st.SearchStrategy[Ref], operand: st.SearchStrategy[Any]) -> st.SearchStrategy[Node]:
    """Draw a condition on a JSON value inside a mapping; truth values have no order."""
    truths = st.booleans()
    mixed = st.lists(operand | truths | datetimes, max_size=3).map(tuple)
    return (
        _tests(refs, operand | datetimes, list(Op), is_text=True)
        | _tests(refs, truths, [Op.EQ, Op.NE], is_text=False)
        | st.builds(AnyOf, refs, mixed)
    )


def _tests(
    refs: st.SearchStrategy[Ref], operand: st.SearchStrategy[Any], ops: list[Op], *, is_text: bool
) -> st.SearchStrategy[Node]:
    choices: list[st.SearchStrategy[Node]] = [
        st.builds(Comparison, refs, st.sampled_from(ops), operand),
        st.builds(AnyOf, refs, st.lists(operand, max_size=3).map(tuple)),
        st.builds(IsNull, refs) | st.builds(IsNotNull, refs),
    ]
    if is_text:
        choices.append(st.builds(Like, refs, patterns, st.booleans()))
        choices.append(st.builds(Prefix, refs, odd_texts))
    return st.one_of(choices)


def nodes(
    fields: Fields = THING, *, values: Mapping[str, st.SearchStrategy[Any]] | None = None, max_leaves: int = 6
) -> st.SearchStrategy[Node]:
    """Draw trees of valid conditions, joined as the operators would join them."""

    def joined(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        some = st.lists(inner, min_size=2, max_size=3)
        return (
            some.map(lambda parts: And(_flat(And, parts)))
            | some.map(lambda parts: Or(_flat(Or, parts)))
            | inner.map(Not)
        )

    return st.recursive(conditions(fields, values=values), joined, max_leaves=max_leaves)


def _flat(kind: type[And] | type[Or], parts: list[Node]) -> tuple[Node, ...]:
    return tuple(leaf for part in parts for leaf in (part.parts if isinstance(part, kind) else (part,)))


def beyond_the_original(
    texts: list[Ref], numbers: list[Ref], lists: list[Ref], values: list[Ref]
) -> st.SearchStrategy[Node]:
    """Draw conditions that the original has no form for; `values` are inside mappings, of any type."""
    number_refs, text_refs = st.sampled_from([*numbers, *values]), st.sampled_from([*texts, *values])
    amounts = st.sampled_from([0, 1, -2, 3, 100, 0.5, 1e300, 2**62])
    leaves: st.SearchStrategy[Term] = number_refs | st.builds(
        Arithmetic, st.sampled_from(ARITHMETIC), number_refs, amounts.map(Value) | number_refs
    )
    sums = st.builds(Arithmetic, st.sampled_from(ARITHMETIC), leaves, leaves)
    folded = st.builds(Folded, st.sampled_from(Fold), text_refs)
    ops = st.sampled_from(Op)
    return st.one_of(
        st.builds(TermTest, sums, ops, sums | amounts.map(Value) | number_refs),
        st.builds(TermTest, number_refs, ops, number_refs),
        st.builds(TermTest, text_refs, ops, st.sampled_from([*texts, *values])),
        st.builds(TermTest, folded, st.sampled_from([Op.LT, Op.GE]), odd_texts.map(Value)),
        st.builds(TermTest, folded, ops, folded),
        st.builds(Like, text_refs, patterns, st.booleans(), st.just(False)),
        st.builds(
            ListTest,
            st.sampled_from([*lists, *values]),
            st.sampled_from(ListRelation),
            st.lists(odd_texts, min_size=1, max_size=3).map(tuple),
        ),
        st.builds(
            ListTest, st.sampled_from(values), st.sampled_from(ListRelation), st.lists(amounts, min_size=1).map(tuple)
        ),
        st.builds(Constant, st.booleans()),
    )


THING_BEYOND = beyond_the_original(
    [Ref("name"), Ref("product_id")],
    [Ref("bits"), Ref("cloud_fraction")],
    [Ref("tags")],
    [Ref("extra_properties", keys) for keys in THING_PATHS],
)


def expressions(
    fields: Fields = THING, *, values: Mapping[str, st.SearchStrategy[Any]] | None = None, max_leaves: int = 6
) -> st.SearchStrategy[Expression]:
    """Draw expressions over the attributes of a class."""
    usual = nodes(fields, values=values, max_leaves=max_leaves)
    if fields is not THING:
        return usual.map(Expression)
    both = st.builds(lambda *parts: all_of(*parts), usual, THING_BEYOND) | st.builds(
        lambda *parts: one_of(*parts), THING_BEYOND.map(Not), usual
    )
    return (usual | THING_BEYOND | both).map(Expression)


def things() -> st.SearchStrategy[dict[str, Any]]:
    """Draw objects of the class `THING`: stored values by attribute."""
    return st.fixed_dictionaries(
        {
            "name": st.none() | odd_texts,
            "product_id": odd_texts,
            "bits": st.none() | integers,
            "cloud_fraction": st.none() | floats,
            "acquired": st.none() | timestamps.map(to_microseconds),
            "tags": st.none() | st.lists(odd_texts, max_size=3),
            "extra_properties": st.none() | st.dictionaries(st.sampled_from(THING_KEYS), json_values, max_size=3),
        }
    )
