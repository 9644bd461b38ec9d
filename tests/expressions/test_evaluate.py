import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings

from localcat.errors import BadRequestError, UnknownPropertyError
from localcat.expressions.evaluate import Filterable, evaluate, matcher
from localcat.expressions.fields import Fields, Kind
from localcat.expressions.nodes import And, AnyOf, Comparison, IsNotNull, IsNull, Like, Node, Not, Op, Part, Prefix, Ref
from localcat.expressions.properties import Expression
from localcat.expressions.properties import properties as p
from localcat.timestamps import to_microseconds
from tests.drawing import examples
from tests.strategies import THING, nodes, things


class Thing:
    def __init__(self, **values: Any) -> None:
        self._values = values

    @classmethod
    def fields(cls) -> Fields:
        return THING

    def stored_value(self, ref: Ref) -> Any:
        assert ref.keys == ()
        assert ref.part is None
        return self._values.get(ref.attribute)


def answer(expression: Expression, **values: Any) -> bool | None:
    return evaluate(expression.node, THING, Thing(**values).stored_value)


# SQLite as the judge: the same condition as plain SQL. The lists have different lengths, so that no two rows are alike;
# values are missing, tied, empty and at the edges.

NAMES = [None, "", "a", "b", "aa", "A", "aB%", "ß", "SS", "a_b", "\\", "TRUE", "\U0001f6f0"]
BITS = [None, -1, 0, 1, 2**53, 2**53 + 1, 2**63 - 1]
FRACTIONS = [None, 0.0, 0.2, 1.0, 2.0**53]
MOMENTS = [
    None,
    "1969-12-31T12:00",
    "2016-12-31T23:59:59.999999",
    "2017-01-01",
    "2016-02-29",
    "0001-01-01",
    "2017-07-01",
]
TAGS: list[list[str] | None] = [None, [], ["a"], ["b", "ß"], ["", "aB"], ["a", "a", "%"]]
EXTRA: list[dict[str, Any] | None] = [
    None,
    {},
    {"sensor": "a", "orbit": 1},
    {"sensor": "", "orbit": 0.2, "it's": "ß", 'say "x"': "a", "a.b": -1},
    {"sensor": 2**53 + 1, "orbit": "a"},
    {"sensor": "B", "orbit": 2.0**53, "it's": 1, 'say "x"': 1.0, "a.b": "aB"},
    {"sensor": "2020-01-01", "orbit": "TRUE", "a.b": 0},
]
ROWS = [
    {
        "name": NAMES[i % len(NAMES)],
        "product_id": "ab"[i % 2],
        "bits": BITS[i % len(BITS)],
        "cloud_fraction": FRACTIONS[i % len(FRACTIONS)],
        "acquired": None if (moment := MOMENTS[i % len(MOMENTS)]) is None else to_microseconds(moment),
        "tags": TAGS[i % len(TAGS)],
        "extra_properties": EXTRA[i % 11 % len(EXTRA)],
    }
    for i in range(91)
]


@pytest.fixture(scope="module")
def sqlite() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA case_sensitive_like = ON")
    connection.create_function("casefold", 1, lambda text: None if text is None else str(text).casefold())
    connection.execute(
        "CREATE TABLE thing (name TEXT, product_id TEXT, bits INTEGER, cloud_fraction REAL, acquired INTEGER, "
        "tags TEXT, extra_properties TEXT)"
    )
    for row in ROWS:
        stored = {**row, "tags": json.dumps(row["tags"]), "extra_properties": json.dumps(row["extra_properties"])}
        connection.execute(
            f"INSERT INTO thing ({', '.join(stored)}) VALUES ({', '.join('?' * len(stored))})", list(stored.values())
        )
    yield connection
    connection.close()


# Of values inside mappings, tests/json_conditions.py has the answers one by one.
@given(node=nodes(Fields("Thing", [THING[name] for name in THING if name != "extra_properties"])))
@settings(derandomize=True, max_examples=examples(300), deadline=None)
def test_python_and_sqlite_agree(sqlite, node):
    params: list[Any] = []
    text = sql(node, params)
    judged = [
        None if found is None else bool(found) for (found,) in sqlite.execute(f"SELECT {text} FROM thing", params)
    ]
    assert [evaluate(node, THING, Thing(**row).stored_value) for row in ROWS] == judged


@given(things())
@settings(derandomize=True, max_examples=examples(50), deadline=None)
def test_drawn_things_can_be_filtered(thing):
    assert (p.product_id == thing["product_id"]).evaluate(Thing(**thing))


def sql(node: Node, params: list[Any]) -> str:
    if isinstance(node, Not):
        return f"(NOT {sql(node.part, params)})"
    if hasattr(node, "parts"):
        return "(" + (" AND " if isinstance(node, And) else " OR ").join(sql(part, params) for part in node.parts) + ")"
    ref, bind, is_list = node.ref, THING.resolve(node.ref).bind, THING[node.ref.attribute].kind is Kind.LIST
    column = ref.attribute
    if is_list:
        column = "element.value"
    elif ref.part is not None:
        letter = {Part.YEAR: "%Y", Part.MONTH: "%m", Part.DAY_OF_YEAR: "%j"}[ref.part]
        seconds = "((acquired - ((acquired % 1000000) + 1000000) % 1000000) / 1000000)"
        column = f"CAST(strftime('{letter}', {seconds}, 'unixepoch') AS INTEGER)"

    def has(condition: str) -> str:
        return f"EXISTS (SELECT 1 FROM json_each(tags) AS element WHERE {condition})" if is_list else f"({condition})"

    match node:
        case IsNull() | IsNotNull():
            is_set = "json_array_length(tags) > 0 IS TRUE" if is_list else f"{column} IS NOT NULL"
            return f"({is_set})" if isinstance(node, IsNotNull) else f"(NOT ({is_set}))"
        case AnyOf(_, values):
            params.extend(bind(value) for value in values)
            return has(f"{column} IN ({', '.join('?' * len(values))})")
        case Like(_, pattern, fold):
            if fold:
                params.append(pattern.casefold())
                folded = f"casefold({column}) LIKE ? ESCAPE '\\'"
                return has(folded)
            params.append(pattern)
            return has(f"{column} LIKE ? ESCAPE '\\'")
        case Prefix(_, prefix):
            params.extend((len(prefix), prefix))
            return has(f"substr({column}, 1, ?) = ?")
        case Comparison(_, op, value):
            params.append(bind(value))
            if is_list and op is Op.NE:
                return f"(json_array_length(tags) > 0 IS TRUE AND NOT {has('element.value = ?')})"
            return has(f"{column} {op} ?")
    raise AssertionError(node)


@pytest.mark.parametrize("expression", [p.bits == 1, p.bits != 1, p.bits < 1, p.bits.any_of([1]), p.name.like("%")])
def test_an_unset_value_matches_no_comparison_negated_or_not(expression):
    assert answer(expression) is None
    assert answer(~expression) is None
    assert expression.evaluate(Thing()) is False
    assert (~expression).evaluate(Thing()) is False


def test_a_missing_cloud_fraction_is_kept_by_the_idiom():
    wanted = p.cloud_fraction.isnull | (p.cloud_fraction <= 0.2)
    assert [wanted.evaluate(Thing(cloud_fraction=c)) for c in (None, 0.1, 0.2, 0.3)] == [True, True, True, False]


def test_unknown_gives_way_where_the_other_side_decides():
    unknown, yes, no = p.bits == 1, p.name == "a", p.name == "b"
    assert answer(unknown & no, name="a") is False
    assert answer(unknown & yes, name="a") is None
    assert answer(unknown | yes, name="a") is True
    assert answer(unknown | no, name="a") is None


@pytest.mark.parametrize(
    ("tags", "equal", "different", "null"),
    [
        (None, False, False, True),
        ([], False, False, True),
        (["x", "y"], True, False, False),
        (["y"], False, True, False),
    ],
)
def test_lists_compare_by_element_and_are_never_unknown(tags, equal, different, null):
    assert answer(p.tags == "x", tags=tags) is equal
    assert answer(p.tags != "x", tags=tags) is different
    assert answer(~(p.tags == "x"), tags=tags) is not equal
    assert answer(p.tags.isnull, tags=tags) is null
    assert answer(p.tags.isnotnull, tags=tags) is not null
    assert answer(p.tags.any_of(["x", "z"]), tags=tags) is equal
    assert answer(p.tags.like("x%"), tags=tags) is equal
    assert answer(p.tags.prefix("x"), tags=tags) is equal


def test_a_range_on_a_list_is_refused_before_any_object_is_read():
    with pytest.raises(BadRequestError, match="tags is a list and has no order"):
        matcher((p.tags < "x").node, THING)


def test_nothing_is_any_of_nothing():
    assert answer(p.name.any_of([]), name="a") is False
    assert answer(p.name.any_of([])) is False
    assert answer(~p.name.any_of([])) is True
    assert answer(p.tags.any_of([]), tags=["a"]) is False


def test_text_compares_by_code_point():
    assert answer(p.name < "\U0001f6f0", name="\ufffd") is True
    assert answer(p.name < "a", name="Z") is True
    assert answer(p.name < "a", name="é") is False


def test_calendar_parts_are_those_of_utc():
    moment = to_microseconds("2016-12-31T23:30:00-02:00")
    assert answer(p.acquired.year == 2017, acquired=moment) is True
    assert answer(p.acquired.month == 1, acquired=moment) is True
    assert answer(p.acquired.day_of_year == 1, acquired=moment) is True
    assert answer(p.acquired.day_of_year == 366, acquired=to_microseconds(date(2016, 12, 31))) is True
    assert answer(p.acquired.month == 1) is None


@pytest.mark.parametrize(
    ("expression", "error", "message"),
    [
        (
            p.clod_fraction < 1,
            UnknownPropertyError,
            "Thing has no attribute clod_fraction; did you mean 'cloud_fraction'",
        ),
        (p.name < 5, BadRequestError, "5 is not text"),
        (p.bits.like("a"), BadRequestError, "bits is not text: prefix, like and ilike do not apply to a number"),
        (p.acquired.prefix("2017"), BadRequestError, "acquired is not text"),
        (p.bits.any_of(["x"]), BadRequestError, "'x' is not a number"),
        (p.extra_properties == "x", BadRequestError, "filtered by one of its keys"),
        (p.name["k"] == "x", BadRequestError, "has no keys"),
        (p.bits.month == 1, BadRequestError, "is not a timestamp"),
        (p.acquired.month == 13, BadRequestError, "from 1 to 12, not with 13"),
    ],
)
def test_a_wrong_filter_is_refused_before_any_object_is_read(expression, error, message):
    with pytest.raises(error, match=message):
        matcher(expression.node, THING)
    with pytest.raises(error, match=message):
        expression.evaluate(Thing())


def test_a_catalog_object_is_known_by_what_it_offers():
    assert isinstance(Thing(), Filterable)
    assert not isinstance(SimpleNamespace(name="a"), Filterable)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (p.name == "a", True),
        (p.name != "b", True),
        (p.missing == 1, False),
        (~(p.missing == 1), False),
        (p.missing.isnull, True),
        (p.missing["k"].isnull, True),
        (p.missing.month == 1, False),
        (p.tags == "x", True),
        (p.tags != "x", False),
        (p.flags.any_of([3]), True),
        (p.acquired > "2017", True),
        (p.acquired < datetime(2017, 6, 2, tzinfo=UTC), True),
        (p.acquired.month == 6, True),
        (p.extra["k"] == 5, True),
        (p.extra["k"] == "5", False),
        (p.bits < "x", False),
        (p.bits < 5, True),
        (p.name.ilike("A"), True),
        (p.other < 3, False),
    ],
)
def test_any_other_object_compares_by_its_python_attributes(expression, expected):
    thing = SimpleNamespace(
        name="a", tags=["x"], flags={3}, acquired=datetime(2017, 6, 1), extra={"k": 5}, bits=3, other=None
    )
    assert expression.evaluate(thing) is expected
