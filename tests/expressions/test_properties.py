import copy
import datetime
import operator
import pickle
from decimal import Decimal
from enum import Enum, StrEnum
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings

from localcat.errors import BadRequestError, UnknownPropertyError
from localcat.expressions.nodes import MAX_DEPTH, And, AnyOf, Comparison, Not, Op, Or, Ref, check_size
from localcat.expressions.properties import Expression, Properties, Property
from localcat.expressions.properties import properties as p
from tests.drawing import examples
from tests.strategies import expressions

UTC = datetime.UTC


class Colour(Enum):
    RED = "red"


class Type(StrEnum):
    MASK = "mask"


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (p.x == 1, "p.x == 1"),
        (p.x != "a", "p.x != 'a'"),
        (operator.gt(0.2, p.x), "p.x < 0.2"),
        (operator.le(1, p.x), "p.x >= 1"),
        ((p.cloud_fraction < 0.2) & p.tags.any_of(["a"]), "(p.cloud_fraction < 0.2) & p.tags.any_of(['a'])"),
        ((p.a == 1) & (p.b == 2) | ~p.c.isnull, "((p.a == 1) & (p.b == 2)) | ~p.c.isnull"),
        (~(p.a == 1), "~(p.a == 1)"),
        (~~p.a.prefix("x"), "~~p.a.prefix('x')"),
        (p.x == None, "p.x.isnull"),  # noqa: E711  # the comparison is what is tested
        (p.x != None, "p.x.isnotnull"),  # noqa: E711  # as above
        (p.x.between(1, 5), "(p.x >= 1) & (p.x <= 5)"),
        (p.x.in_({1}), "p.x.any_of([1])"),
        (p.x.any_of([]), "p.x.any_of([])"),
        (p.x.startswith("a"), "p.x.prefix('a')"),
        (p.x.like(r"a\%_"), r"p.x.like('a\\%_')"),
        (p.x.ilike("A%"), "p.x.ilike('A%')"),
        (p.extra_properties["it's"] > 1, 'p.extra_properties["it\'s"] > 1'),
        (p.acquired.month == 5, "p.acquired.month == 5"),
        (p.acquired.year.any_of([2016, 2017]), "p.acquired.year.any_of([2016, 2017])"),
        (p.acquired.day_of_year <= 60, "p.acquired.day_of_year <= 60"),
        (
            p.acquired > datetime.datetime(2017, 1, 1, tzinfo=UTC),
            "p.acquired > datetime.datetime(2017, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)",
        ),
    ],
)
def test_an_expression_reads_as_the_code_that_makes_it(expression, text):
    assert repr(expression) == text
    assert eval(text) == expression


@given(expressions())
@settings(derandomize=True, max_examples=examples(200), deadline=None)
def test_the_repr_of_any_expression_makes_it_again(expression):
    again = eval(repr(expression), {"p": p, "datetime": datetime, "Expression": Expression})
    assert again == expression
    assert hash(again) == hash(expression)
    assert again.is_same(expression)


@given(expressions())
@settings(derandomize=True, max_examples=examples(50), deadline=None)
def test_expressions_pickle_and_copy(expression):
    assert pickle.loads(pickle.dumps(expression)) == expression
    assert copy.deepcopy(expression) == expression
    assert copy.copy(expression) is expression


@given(expressions(), expressions(), expressions())
@settings(derandomize=True, max_examples=examples(100), deadline=None)
def test_operators_leave_their_operands_and_join_in_any_grouping(a, b, c):
    before = [repr(one) for one in (a, b, c)]
    try:
        assert (a & b) & c == a & (b & c)
        assert (a | b) | c == a | (b | c)
        assert (~a).node == Not(a.node)
        assert isinstance((a & b).node, And)
        assert isinstance((a | b).node, Or)
    except BadRequestError:  # too deep together
        pass
    assert [repr(one) for one in (a, b, c)] == before


def test_an_expression_used_twice_does_not_change():
    both = (p.a == 1) & (p.b == 2)
    _ = both & (p.c == 3)
    assert repr(both) == "(p.a == 1) & (p.b == 2)"


def test_expressions_do_not_change():
    expression = p.a == 1
    with pytest.raises(AttributeError, match="does not change"):
        expression.node = (p.b == 1).node
    with pytest.raises(AttributeError, match="does not change"):
        del expression.node
    with pytest.raises(AttributeError, match="cannot set 'ref'"):
        p.a.ref = Ref("b")


def test_equality_is_about_structure():
    assert (p.a == 1) == (p.a == 1)
    assert (p.a == 1) != (p.a == 2)
    assert (p.a == 1) != "p.a == 1"
    assert len({p.a == 1, p.a == 1, p.a == 2}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(p.resolution == {"value": 1, "unit": "meters"})


def test_a_mapping_is_copied_when_the_condition_is_made():
    value = {"value": 1, "unit": "meters"}
    expression = p.resolution == value
    value["value"] = 2
    assert repr(expression) == "p.resolution == {'value': 1, 'unit': 'meters'}"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (Colour.RED, "red"),
        (Type.MASK, "mask"),
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int16(3), 3),
        (np.uint64(2**63 - 1), 2**63 - 1),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.datetime64("2017-01-01T00:00:00"), datetime.datetime(2017, 1, 1)),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 2), 0.5),
        (True, True),
        (datetime.date(2017, 1, 1), datetime.date(2017, 1, 1)),
    ],
)
def test_values_become_plain(value, kept):
    for expression in (p.x == value, value == p.x):
        assert isinstance(expression, Expression)
        assert expression.node == Comparison(Ref("x"), Op.EQ, kept)
        assert type(expression.node.value) is type(kept)


def test_numpy_leaves_the_comparison_to_the_handle():
    assert repr(np.float64(0.5) > p.x) == "p.x < 0.5"
    assert repr(np.int64(5) <= p.x) == "p.x >= 5"
    with pytest.raises(BadRequestError, match="one value at a time"):
        _ = np.array([1, 2]) < p.x


def test_numpy_nanoseconds_are_left_for_the_field():
    value = np.datetime64("2017-01-01T00:00:00.123456789")
    assert (p.acquired > value).node.value is value


def test_a_zone_becomes_its_offset():
    from zoneinfo import ZoneInfo

    moment = datetime.datetime(2017, 7, 1, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    expression = p.acquired > datetime.datetime(2017, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    assert expression == (p.acquired > moment)
    assert eval(repr(expression)) == expression


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN"), np.float32("nan")])
def test_a_number_must_be_finite(value):
    with pytest.raises(BadRequestError, match="x compares with a finite number, not with"):
        _ = p.x < value


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: p.x < None, "to ask whether it is set use isnull"),
        (lambda: p.x.between(None, 1), "to ask whether it is set use isnull"),
        (lambda: p.x.any_of([1, None]), "to ask whether it is set use isnull"),
        (lambda: p.x.any_of("abc"), r"any_of takes several values, as in any_of\(\['a', 'b'\]\), not 'abc'"),
        (lambda: p.x.any_of(5), "any_of takes several values"),
        (lambda: p.x == [1], r"one value at a time, not with \[1\]; use any_of"),
        (lambda: p.x == ("a",), "one value at a time"),
        (lambda: p.x == b"a", "one value at a time"),
        (lambda: p.x == 2**63, "a whole number of at most 64 bits"),
        (lambda: p.x == -(10**5000), "a whole number of at most 64 bits"),
        (lambda: p.x == "\ud800", "half a surrogate pair"),
        (lambda: p.x.prefix(5), "x is matched with text, not with 5"),
        (lambda: p.x.like(None), "x is matched with text, not with None"),
        (lambda: p.x.like("a\\"), "ends in a lone backslash"),
        (lambda: p.x.ilike("a" * 10_001), "at most 10000 characters"),
        (lambda: p.x[5], "has no 5 to filter by; write p.attribute.'key'. with a text key for each level"),
        (lambda: p.x.month["b"], "p.x.month has no 'b' to filter by"),
        (lambda: p.x["a"].month, "is not a timestamp"),
        (lambda: p.product < "a", "only; for the rest use p.product_id"),
        (lambda: p.product.isnull, "only; for the rest use p.product_id"),
        (lambda: p.product.isnotnull, "only; for the rest use p.product_id"),
        (lambda: p.product == None, "only; for the rest use p.product_id"),  # noqa: E711  # as above
        (lambda: p.product.like("a%"), "only; for the rest use p.product_id"),
        (lambda: p.product.prefix("a"), "only; for the rest use p.product_id"),
        (lambda: p.product == SimpleNamespace(id=None), "compares with a product or its id"),
        (lambda: p.product == 5, "compares with a product or its id, not with 5"),
    ],
)
def test_what_cannot_be_asked_is_refused(make, message):
    with pytest.raises(BadRequestError, match=message):
        make()


def test_a_product_stands_for_its_id():
    product = SimpleNamespace(id="acme:one")
    assert repr(p.product == product) == "p.product_id == 'acme:one'"
    assert repr(p.product != product) == "p.product_id != 'acme:one'"
    assert repr(p.product == "acme:one") == "p.product_id == 'acme:one'"
    assert repr(p.product.any_of([product, "b"])) == "p.product_id.any_of(['acme:one', 'b'])"
    assert (p.product.any_of([])).node == AnyOf(Ref("product_id"), ())


@pytest.mark.parametrize(
    "make",
    [
        lambda: p.a.isnull | p.b <= 0.2,
        lambda: p.a & (p.b == 1),
        lambda: (p.b == 1) & p.a,
        lambda: (p.b == 1) | p.a,
        lambda: p.a == 1 | p.b == 2,
        lambda: p.a == 1 & p.b == 2,
        lambda: True & p.a,
        lambda: ~p.a,
    ],
)
def test_a_bare_property_explains_precedence(make):
    with pytest.raises(TypeError, match=r"not a condition: & \| ~ bind tighter"):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: p.a == p.b, "not with another property: p.a and p.b"),
        (lambda: p.a < p.b, "not with another property"),
        (lambda: p.a.any_of([p.b]), "not with another property"),
        (lambda: p.a == (p.b == 1), "not with a condition"),
        (lambda: (p.b == 1) == p.a, "not with a condition"),
        (lambda: bool(p.a), r"p.a has no truth value; compare it, or use p.a.isnull"),
        (lambda: "x" in p.tags, r"write p.tags == 'x' to ask"),
        (lambda: list(p.tags), "not iterable"),
        (lambda: hash(p.a), "unhashable"),
        (lambda: (p.a == 1) & True, "unsupported operand"),
        (lambda: (p.a == 1) | None, "unsupported operand"),
        (lambda: (p.a == 1) < 2, "not supported between"),
    ],
)
def test_what_makes_no_condition_is_a_type_error(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_properties_may_be_restricted():
    some = Properties("acquired", "cloud_fraction")
    assert repr(some.acquired == 1) == "p.acquired == 1"
    assert dir(some) == ["acquired", "cloud_fraction"]
    assert repr(some) == "Properties('acquired', 'cloud_fraction')"
    with pytest.raises(UnknownPropertyError, match="no property aquired; did you mean 'acquired'"):
        _ = some.aquired
    assert not hasattr(some, "name")


def test_the_ready_instance_allows_any_name_but_probes():
    assert isinstance(p.anything, Property)
    assert not hasattr(p, "_repr_html_")
    assert not hasattr(p, "__len__")
    assert not hasattr(p, "no name")
    assert repr(pickle.loads(pickle.dumps(p)).x) == "p.x"
    assert repr(copy.deepcopy(Properties("a"))) == "Properties('a')"
    assert repr(pickle.loads(pickle.dumps(p.extra["k"]))) == "p.extra['k']"


def test_a_run_of_one_operator_is_one_level():
    expression = p.x == 0
    for number in range(1, 10_000):
        expression = expression | (p.x == number)
    assert len(expression.node.parts) == 10_000
    check_size(expression.node)
    assert expression.evaluate(SimpleNamespace(x=9_999)) is True
    assert expression.evaluate(SimpleNamespace(x=10_000)) is False


def test_nesting_has_a_limit():
    expression = p.x == 0
    for _ in range(MAX_DEPTH - 1):
        expression = ~expression
    assert expression.evaluate(SimpleNamespace(x=0)) is (MAX_DEPTH % 2 == 1)
    with pytest.raises(BadRequestError, match=f"{MAX_DEPTH + 1} levels .*at most {MAX_DEPTH}"):
        _ = ~expression
    with pytest.raises(BadRequestError, match="levels of and, or and not"):
        expression & (p.x == 1)


def test_a_tree_from_elsewhere_may_be_far_too_deep():
    node = (p.x == 0).node
    for _ in range(100_000):
        node = Not(node)
    with pytest.raises(BadRequestError, match="nests 100001 levels"):
        Expression(node)
    with pytest.raises(BadRequestError, match="nests 100001 levels"):
        check_size(node)
