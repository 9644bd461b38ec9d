"""Years as ranges of time: the same answer, in a form that an index can give."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcat import properties as p
from localcat.expressions.evaluate import evaluate
from localcat.expressions.fields import Field, Fields, Kind
from localcat.expressions.nodes import Node, Not, Part, Ref, all_of, one_of
from localcat.store.query.calendar import years_as_ranges
from localcat.timestamps import to_microseconds

FIELDS = Fields("Thing", [Field("acquired", Kind.TIMESTAMP, to_microseconds)])
YEAR = p.acquired.year


def new_year(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            YEAR == 2017,
            (p.acquired >= new_year(2017)) & (p.acquired < new_year(2018)),
        ),
        (YEAR >= 2017, p.acquired >= new_year(2017)),
        (YEAR > 2017, p.acquired >= new_year(2018)),
        (YEAR < 2017, p.acquired < new_year(2017)),
        (YEAR <= 2017, p.acquired < new_year(2018)),
        (YEAR <= 9999, p.acquired <= datetime.max.replace(tzinfo=UTC)),
        (YEAR != 2017, YEAR != 2017),
        (YEAR == 10_000, YEAR == 10_000),  # no year; refused by whoever reads it
        (p.acquired.month == 5, p.acquired.month == 5),
        (
            YEAR.any_of([2018, 2017, 2018]),
            (p.acquired >= new_year(2017)) & (p.acquired < new_year(2019)),
        ),
        (
            YEAR.any_of([2017, 2019]),
            (p.acquired >= new_year(2017)) & (p.acquired < new_year(2020)) & YEAR.any_of([2017, 2019]),
        ),
    ],
    ids=str,
)
def test_years_become_ranges(asked, told):
    assert years_as_ranges(asked.node) == told.node


def test_what_has_no_year_is_returned_as_it_is():
    node = ((p.name == "x") & ~(p.acquired.month == 5)).node
    assert years_as_ranges(node) is node


def conditions() -> st.SearchStrategy[Node]:
    years = st.integers(1, 9999) | st.integers(2015, 2020)
    single = st.builds(
        lambda op, year: getattr(YEAR, op)(year).node,
        st.sampled_from(["__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"]),
        years,
    )
    several = st.lists(years, max_size=4).map(lambda values: YEAR.any_of(values).node)
    month = st.integers(1, 12).map(lambda value: (p.acquired.month == value).node)
    return st.recursive(
        single | several | month,
        lambda inner: st.builds(all_of, inner, inner) | st.builds(one_of, inner, inner) | inner.map(Not),
        max_leaves=5,
    )


EDGES = [new_year(2016), new_year(2017), new_year(2018) - timedelta(microseconds=1)]


@given(conditions(), st.none() | st.datetimes(timezones=st.just(UTC)) | st.sampled_from(EDGES))
def test_ranges_say_what_years_say(node, moment):
    stored = None if moment is None else to_microseconds(moment)

    def read(ref: Ref):
        assert ref.part is None or ref.part in Part
        return stored

    assert evaluate(years_as_ranges(node), FIELDS, read) is evaluate(node, FIELDS, read)
