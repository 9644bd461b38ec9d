"""Values inside mappings: how each type of JSON compares."""

import pytest

from localcat.errors import BadRequestError
from localcat.expressions.evaluate import evaluate
from localcat.expressions.properties import properties as p
from tests.json_conditions import CONDITIONS, VALUE
from tests.strategies import THING


@pytest.mark.parametrize(("stored", "expression", "wanted"), CONDITIONS)
def test_a_value_inside_a_mapping(stored, expression, wanted):
    """Choice 23."""
    answer = evaluate(expression.node, THING, lambda ref: stored if ref.attribute == "extra_properties" else None)
    assert answer is wanted
    assert evaluate((~expression).node, THING, lambda ref: stored) is (None if wanted is None else not wanted)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (VALUE < True, r"True and False have no order; ask with ==, or give extra_properties\['v'\] a number"),
        (VALUE == {"a": 1}, "compares with a string, a finite number, True, False or a time, not with {'a': 1}"),
        (object() == VALUE, "compares with a string, a finite number, True, False or a time"),
    ],
)
def test_what_no_value_compares_with(expression, message):
    with pytest.raises(BadRequestError, match=message):
        evaluate(expression.node, THING, lambda ref: {})


def test_keys_are_texts():
    with pytest.raises(BadRequestError, match=r"has no 0 to filter by; write p.attribute\['key'\] with a text key"):
        p.extra_properties["a"][0]


def test_a_plain_object_may_hold_dates():
    from datetime import date, datetime

    class Thing:
        def __init__(self):
            self.extra = {"when": datetime(2020, 1, 1), "day": date(2020, 1, 2)}

    assert (p.extra["when"] < datetime(2020, 1, 2)).evaluate(Thing())
    assert (p.extra["day"] == date(2020, 1, 2)).evaluate(Thing())
