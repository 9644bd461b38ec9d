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
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, TypeAlias, assert_never

from localcat.errors import BadRequestError
from localcat.expressions import nodes
from localcat.expressions.fields import Field, Moment, Scalar, check_order
from localcat.expressions.nodes import Op
from localcat.expressions.numbers import number
from localcat.expressions.patterns import like_matches
from localcat.timestamps import to_microseconds

Test: TypeAlias = Callable[[Any], "bool | None"]
"""Whether a condition holds for a value as JSON decodes it; None is unknown."""

_OPERATORS: dict[Op, Callable[[Any, Any], bool]] = {
    Op.EQ: operator.eq,
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
            return _compared(op, wanted)
        case nodes.AnyOf(_, literals):
            if not literals:
                return lambda value: False
            tests = [_compared(Op.EQ, field.bind(literal)) for literal in literals]
            return lambda value: None if value is None else any(test(value) for test in tests)
        case nodes.IsNull():
            return lambda value: value is None
        case nodes.IsNotNull():
            return lambda value: value is not None
        case nodes.Like(_, pattern, fold):
            like_matches("", pattern, fold)  # refuses a wrong pattern before any value is seen
            return lambda value: like_matches(value, pattern, fold) if isinstance(value, str) else None
        case nodes.Prefix(_, prefix):
            return lambda value: value.startswith(prefix) if isinstance(value, str) else None
        case _:
            assert_never(node)


def _compared(op: Op, wanted: Scalar) -> Test:
    as_wanted = _as_text if isinstance(wanted, str) else _as_time if isinstance(wanted, Moment) else number
    if isinstance(wanted, bool):
        as_wanted = _as_truth
    compare = _OPERATORS[Op.EQ if op is Op.NE else op]

    def test(value: Any) -> bool | None:
        if value is None:
            return None
        comparable = as_wanted(value)
        if op.is_range:
            return None if comparable is None else compare(comparable, wanted)
        is_equal = comparable is not None and compare(comparable, wanted)
        return is_equal if op is Op.EQ else not is_equal

    return test


def _as_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _as_truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _as_time(value: Any) -> int | None:
    if isinstance(value, str):
        return moment_of(value)
    return to_microseconds(value) if isinstance(value, date) else None  # of a plain object: JSON has no dates
