from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcat.errors import BadRequestError
from localcat.models.enums import Interval
from localcat.search.timeseries import bucket_of, bucket_start, buckets_between, grouping_sql, interval_after
from localcat.timestamps import EARLIEST, LATEST, from_microseconds, iso_text, to_microseconds
from tests.drawing import examples

moments = st.integers(EARLIEST, LATEST) | st.integers(-(10**13), 10**13)
intervals = st.sampled_from(list(Interval))


def start_text(moment: str, interval: Interval) -> str:
    return iso_text(bucket_start(to_microseconds(moment), interval))[:16]


@pytest.mark.parametrize(
    ("moment", "interval", "start"),
    [
        ("2017-06-01T12:34:56.789", Interval.MINUTE, "2017-06-01T12:34"),
        ("2017-06-01T12:34:56.789", Interval.HOUR, "2017-06-01T12:00"),
        ("2017-06-01T12:34:56.789", Interval.DAY, "2017-06-01T00:00"),
        ("2017-06-01T12:34:56.789", Interval.WEEK, "2017-05-29T00:00"),  # a Monday
        ("2017-06-01T12:34:56.789", Interval.MONTH, "2017-06-01T00:00"),
        ("2017-06-01T12:34:56.789", Interval.QUARTER, "2017-04-01T00:00"),
        ("2017-06-01T12:34:56.789", Interval.YEAR, "2017-01-01T00:00"),
        ("2017-01-01", Interval.WEEK, "2016-12-26T00:00"),  # a Sunday belongs to the year before
        ("2017-01-02", Interval.WEEK, "2017-01-02T00:00"),
        ("2016-12-31T23:59:59.999999", Interval.QUARTER, "2016-10-01T00:00"),
        ("2020-02-29T23:59:59.999999", Interval.MONTH, "2020-02-01T00:00"),
        ("1969-12-31T23:59:59.999999", Interval.MINUTE, "1969-12-31T23:59"),
        ("1969-12-31T23:59:59.999999", Interval.HOUR, "1969-12-31T23:00"),
        ("1969-12-31T23:59:59.999999", Interval.DAY, "1969-12-31T00:00"),
        ("1969-12-31T23:59:59.999999", Interval.WEEK, "1969-12-29T00:00"),
        ("1969-12-31T23:59:59.999999", Interval.QUARTER, "1969-10-01T00:00"),
        ("1582-10-04", Interval.WEEK, "1582-10-04T00:00"),  # a Monday of the calendar that datetime continues backwards
        ("0001-01-01", Interval.WEEK, "0001-01-01T00:00"),
        ("0001-01-01", Interval.YEAR, "0001-01-01T00:00"),
        ("9999-12-31T23:59:59.999999", Interval.YEAR, "9999-01-01T00:00"),
        ("9999-12-31T23:59:59.999999", Interval.WEEK, "9999-12-27T00:00"),
    ],
)
def test_intervals_begin_at_the_borders_of_the_calendar(moment, interval, start):
    assert start_text(moment, interval) == start


@given(moments, intervals)
@settings(max_examples=examples(1000))
def test_a_moment_lies_between_its_border_and_the_next(moment, interval):
    start = bucket_start(moment, interval)
    assert start <= moment < interval_after(start, interval)
    assert bucket_start(start, interval) == start
    if interval_after(start, interval) <= LATEST:
        assert bucket_start(interval_after(start, interval), interval) == interval_after(start, interval)
    assert bucket_start(interval_after(start, interval) - 1, interval) == start
    if interval is Interval.WEEK:
        assert from_microseconds(start).weekday() == 0
    elif interval in (Interval.MONTH, Interval.QUARTER, Interval.YEAR):
        assert from_microseconds(start).day == 1


@given(st.lists(moments, min_size=1, max_size=20), intervals)
@settings(max_examples=examples(300))
def test_sql_groups_as_python_does(times, interval):
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE image (acquired INTEGER)")
    connection.executemany("INSERT INTO image VALUES (?)", [(time,) for time in times])
    grouped = connection.execute(f"SELECT acquired, {grouping_sql('image.acquired', interval)} FROM image").fetchall()
    connection.close()
    assert [bucket_of(group, interval) for _, group in grouped] == [bucket_start(time, interval) for time in times]


def between(first: str, last: str, interval: Interval) -> list[str]:
    found = buckets_between(to_microseconds(first), to_microseconds(last), interval)
    return [iso_text(bucket)[:10] for bucket in found]


def test_no_interval_between_two_is_left_out():
    assert between("2016-11-30", "2017-02-01", Interval.MONTH) == [
        "2016-11-01",
        "2016-12-01",
        "2017-01-01",
        "2017-02-01",
    ]
    assert between("2016-12-31", "2017-01-09", Interval.WEEK) == ["2016-12-26", "2017-01-02", "2017-01-09"]
    assert between("1969-08-15", "1970-04-01", Interval.QUARTER) == [
        "1969-07-01",
        "1969-10-01",
        "1970-01-01",
        "1970-04-01",
    ]
    assert between("2020-02-28", "2020-03-01", Interval.DAY) == ["2020-02-28", "2020-02-29", "2020-03-01"]
    assert between("2017-06-01", "2017-06-01", Interval.YEAR) == ["2017-01-01"]
    assert between("2018-01-01", "2017-01-01", Interval.YEAR) == []


@pytest.mark.parametrize(
    ("interval", "count"),
    [(Interval.YEAR, 9999), (Interval.QUARTER, 39_996), (Interval.MONTH, 119_988), (Interval.WEEK, 521_723)],
)
def test_all_of_time_has_an_end(interval, count):
    assert len(buckets_between(EARLIEST, LATEST, interval)) == count


def test_a_series_of_more_than_a_million_intervals_is_refused():
    with pytest.raises(BadRequestError, match="1,000,000 .*minute; narrow the bounds"):
        buckets_between(EARLIEST, LATEST, Interval.MINUTE)
    minutes = buckets_between(
        0, to_microseconds(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=999_999)), Interval.MINUTE
    )
    assert len(minutes) == 1_000_000
