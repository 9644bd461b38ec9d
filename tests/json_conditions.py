"""What conditions on JSON values answer: one table, for the filter in memory and for the one in SQL."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy

from localcat.expressions.properties import Expression
from localcat.expressions.properties import properties as p

VALUE = p.extra_properties["v"]
BELOW = p.extra_properties["o"]["a b"]["c"]
NOON = datetime(2017, 1, 1, 12, tzinfo=UTC)

# (what is stored, the condition, its answer)
CONDITIONS: list[tuple[dict[str, Any], Expression, bool | None]] = [
    # Values of the same type
    ({"v": 5}, VALUE == 5, True),
    ({"v": 5}, VALUE == 5.0, True),
    ({"v": 0.5}, VALUE > 0, True),
    ({"v": 2**53 + 1}, VALUE == 2.0**53, False),
    ({"v": "b"}, VALUE >= "a", True),
    ({"v": ""}, VALUE == "", True),
    ({"v": True}, VALUE == True, True),  # noqa: E712  # makes a condition
    ({"v": False}, VALUE != True, True),  # noqa: E712
    ({"v": True}, numpy.bool_(False) == VALUE, False),
    # Another type is unequal, and has no order
    ({"v": 5}, VALUE == "5", False),
    ({"v": 5}, VALUE != "5", True),
    ({"v": 5}, VALUE < "6", None),
    ({"v": 5}, ~(VALUE < "6"), None),
    ({"v": "5"}, VALUE >= 0, None),
    ({"v": True}, VALUE == 1, False),
    ({"v": 1}, VALUE == True, False),  # noqa: E712
    ({"v": True}, VALUE > 0, None),
    ({"v": 5}, VALUE.like("%"), None),
    ({"v": 5}, VALUE.prefix(""), None),
    ({"v": "5%"}, VALUE.like(r"5\%"), True),
    ({"v": "5%"}, VALUE.prefix("6"), False),
    # Lists and objects
    ({"v": [5]}, VALUE == 5, False),
    ({"v": []}, VALUE != 5, True),
    ({"v": {"a": 1}}, VALUE < 5, None),
    ({"v": []}, VALUE.isnull, False),
    ({"v": {}}, VALUE.isnotnull, True),
    # null, and what is not there
    ({"v": None}, VALUE == 5, None),
    ({"v": None}, VALUE != 5, None),
    ({"v": None}, VALUE.any_of([5, "a"]), None),
    ({"v": None}, VALUE.isnull, True),
    ({"w": 5}, VALUE.isnull, True),
    ({"w": 5}, VALUE.isnotnull, False),
    ({"w": 5}, VALUE != 5, None),
    # Several values
    ({"v": 5}, VALUE.any_of(["5", 5]), True),
    ({"v": 5}, VALUE.any_of(["5", "6", True, NOON]), False),
    ({"v": 1}, VALUE.any_of([True, "1"]), False),
    ({"v": False}, VALUE.any_of([True, False]), True),
    ({"v": [5]}, VALUE.any_of([5]), False),
    ({"v": "2017-01-01T13:00:00+01:00"}, VALUE.any_of([NOON, date(2018, 1, 1)]), True),
    ({"v": "soon"}, VALUE.any_of([NOON, date(2018, 1, 1)]), False),
    ({"v": 5}, VALUE.any_of([]), False),
    # Times
    ({"v": "2017-01-01T13:00:00+01:00"}, VALUE == NOON, True),
    ({"v": "2017-01-01T13:00:00+01:00"}, VALUE == "2017-01-01T12:00:00Z", False),
    ({"v": "2017-01-01T12:00:00.000001Z"}, VALUE > NOON, True),
    ({"v": "2017"}, date(2017, 1, 1) <= VALUE, True),
    ({"v": "6 May 2017"}, numpy.datetime64("2017-05-06T00:00:00") > VALUE, False),
    ({"v": "soon"}, VALUE > NOON, None),
    ({"v": "soon"}, VALUE == NOON, False),
    ({"v": "soon"}, VALUE != NOON, True),
    ({"v": 1_483_272_000_000_000}, VALUE == NOON, False),
    ({"v": 2017}, VALUE > NOON, None),
    ({"v": None}, VALUE != NOON, None),
    # Further down
    ({"o": {"a b": {"c": 5}}}, BELOW == 5, True),
    ({"o": {"a b": {"c": None}}}, BELOW.isnull, True),
    ({"o": {"a b": {}}}, BELOW != 5, None),
    ({"o": {"a b": 5}}, BELOW == 5, None),
    ({"o": ["a b"]}, BELOW.isnull, True),
    ({"o": '{"a b": {"c": 5}}'}, BELOW.isnull, True),
    ({"o": {"a b": {"c": ["x"]}}}, BELOW.isnotnull, True),
    ({"o": {"a b": {"c": "x"}}}, BELOW.prefix("x"), True),
]
