"""How the values inside a mapping compare: text, numbers, truth values, lists, objects and null, as JSON has them.

- null is unset, like a key that is not there: each comparison with it is unknown.
- A value equals only values of its own type, and differs from all of another: 1 is neither ``"1"`` nor true. 1 is 1.0.
- Text has an order with text, by code point, and numbers with numbers. Anything else has no order; asking for one is
  unknown.
- Text compares with a time as the time that it names. Text that names none, and all else, differs from each time.
- Lists and objects differ from everything that a comparison can name.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, TypeAlias, assert_never

from localcat.errors import BadRequestError
from localcat.expressions import nodes
from localcat.expressions.fields import Field, Moment, check_order
from localcat.expressions.nodes import ListRelation, Op
from localcat.expressions.numbers import number
from localcat.expressions.patterns import like_matches
from localcat.timestamps import to_microseconds

Test: TypeAlias = Callable[[Any], "bool | None"]
"""Whether a condition holds for a value as JSON decodes it; None is unknown."""

_OPERATORS: dict[Op, Callable[[Any, Any], bool]] = {
    Op.EQ: operator.eq,
    Op.NE: operator.ne,
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
}


def value_at(stored: object, keys: tuple[str, ...]) -> Any:
    """Return the value that keys lead to; None if there is none."""
    for key in keys:
        stored = stored.get(key) if isinstance(stored, Mapping) else None
    return stored


@functools.lru_cache(maxsize=4096)  # the same times are compared with each condition of a filter
def moment_of(text: str) -> int | None:
    """Return the time that a text names, in microseconds since 1970; None if it names none."""
    try:
        return to_microseconds(text)
    except BadRequestError:
        return None


def json_test(node: nodes.Leaf, field: Field) -> Test:
    """Return the test that a condition makes of a value."""
    match node:
        case nodes.Comparison(_, op, literal):
            wanted = field.bind(literal)
            check_order(node, wanted)
            return lambda value: relate(op, value, wanted)
        case nodes.AnyOf(_, literals):
            if not literals:
                return lambda value: False
            among = [field.bind(literal) for literal in literals]
            return lambda value: None if value is None else any(relate(Op.EQ, value, wanted) for wanted in among)
        case nodes.IsNull():
            return lambda value: value is None
        case nodes.IsNotNull():
            return lambda value: value is not None
        case nodes.Like(_, pattern, fold, accents):
            like_matches("", pattern, fold, accents)  # refuses a wrong pattern before any value is seen
            return lambda value: like_matches(value, pattern, fold, accents) if isinstance(value, str) else None
        case nodes.Prefix(_, prefix):
            return lambda value: value.startswith(prefix) if isinstance(value, str) else None
        case nodes.ListTest(_, relation, literals):
            items = [field.bind(literal) for literal in literals]
            return lambda value: list_relates(relation, value, items) if isinstance(value, list | tuple) else None
        case _:
            assert_never(node)


def relate(op: Op, left: Any, right: Any) -> bool | None:
    """Compare two values; None is unknown, a `Moment` a time, and anything but text and numbers has no order."""
    if left is None or right is None:
        return None
    if isinstance(left, Moment) or isinstance(right, Moment):
        left, right = _as_time(left), _as_time(right)
        is_comparable = left is not None and right is not None
    elif isinstance(left, str) or isinstance(right, str):
        is_comparable = isinstance(left, str) and isinstance(right, str)
    elif isinstance(left, bool) or isinstance(right, bool):
        is_comparable = isinstance(left, bool) and isinstance(right, bool) and not op.is_range
    else:
        left, right = number(left), number(right)
        is_comparable = left is not None and right is not None
    if is_comparable:
        return bool(_OPERATORS[op](left, right))
    return None if op.is_range else op is Op.NE


def list_relates(relation: ListRelation, elements: Sequence[Any], wanted: Sequence[Any]) -> bool:
    """Return whether a list has a relation to values."""

    def is_in(value: Any, others: Sequence[Any]) -> bool:
        return any(relate(Op.EQ, value, other) for other in others)

    match relation:
        case ListRelation.CONTAINS:
            return all(is_in(value, elements) for value in wanted)
        case ListRelation.CONTAINED_BY:
            return all(is_in(element, wanted) for element in elements)
        case ListRelation.EQUALS:
            return all(is_in(value, elements) for value in wanted) and all(is_in(one, wanted) for one in elements)
        case ListRelation.OVERLAPS:
            return any(is_in(value, elements) for value in wanted)


def _as_time(value: Any) -> int | None:
    if isinstance(value, Moment):
        return value
    if isinstance(value, str):
        return moment_of(value)
    return to_microseconds(value) if isinstance(value, date) else None  # of a plain object: JSON has no dates
