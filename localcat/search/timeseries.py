"""The buckets of a time series: where intervals of the calendar begin, in UTC."""

from __future__ import annotations

from datetime import MAXYEAR, UTC, datetime
from typing import TypeAlias

from localcat.errors import BadRequestError
from localcat.models.enums import Interval
from localcat.timestamps import EARLIEST, LATEST, from_microseconds, to_microseconds

Bucket: TypeAlias = int
"""The first moment of an interval, in microseconds since 1970."""

_SECOND = 1_000_000  # microseconds
_LENGTHS = {
    Interval.MINUTE: 60 * _SECOND,
    Interval.HOUR: 3600 * _SECOND,
    Interval.DAY: 86_400 * _SECOND,
    Interval.WEEK: 7 * 86_400 * _SECOND,
}
_MONTHS = {Interval.MONTH: 1, Interval.QUARTER: 3, Interval.YEAR: 12}
_MONDAY = 4 * 86_400 * _SECOND  # 1970-01-05, the first Monday after the epoch
_MOST_BUCKETS = 1_000_000
MOST_RANGES = 400  # intervals that are cheaper to ask one by one than to group all rows for


def grouping_sql(column: str, interval: Interval) -> str:
    """Return the SQL that puts a time column into groups, none of which crosses the border of an interval.

    Months, quarters and years are grouped by days, which is several times faster than SQLite's own calendar;
    `bucket_of` joins the days.
    """
    length = _LENGTHS.get(interval, _LENGTHS[Interval.DAY])
    return f"({column} - {_origin(interval)}) / {length}"


def bucket_of(group: int, interval: Interval) -> Bucket:
    """Return the interval that a group of `grouping_sql` lies in."""
    length = _LENGTHS.get(interval, _LENGTHS[Interval.DAY])
    return bucket_start(_origin(interval) + group * length, interval)


def bucket_start(microseconds: int, interval: Interval) -> Bucket:
    """Return the first moment of the interval that a moment lies in."""
    length = _LENGTHS.get(interval)
    if length is not None:
        origin = _MONDAY if interval is Interval.WEEK else 0
        return microseconds - (microseconds - origin) % length
    moment = from_microseconds(max(microseconds, EARLIEST))
    month = (moment.month - 1) // _MONTHS[interval] * _MONTHS[interval] + 1
    return to_microseconds(datetime(moment.year, month, 1, tzinfo=UTC))


def buckets_between(first: int, last: int, interval: Interval) -> list[Bucket]:
    """Return the intervals from the one of a moment to the one of another, none left out.

    Raises
    ------
    BadRequestError
        If there are more than a million.
    """
    buckets: list[Bucket] = []
    bucket = bucket_start(first, interval)
    while bucket <= last:
        if len(buckets) >= _MOST_BUCKETS:
            raise BadRequestError(f"more than {_MOST_BUCKETS:,} intervals of a {interval.value}; narrow the bounds")
        buckets.append(bucket)
        bucket = interval_after(bucket, interval)
    return buckets


def interval_after(bucket: Bucket, interval: Interval) -> Bucket:
    """Return the interval that follows another; after the last one, the end of time."""
    length = _LENGTHS.get(interval)
    if length is not None:
        return min(bucket + length, LATEST + 1)
    moment = from_microseconds(bucket)
    month = moment.month - 1 + _MONTHS[interval]
    if moment.year + month // 12 > MAXYEAR:
        return LATEST + 1
    return to_microseconds(datetime(moment.year + month // 12, month % 12 + 1, 1, tzinfo=UTC))


def _origin(interval: Interval) -> int:
    """Return a border of the interval before all moments, since SQL's division rounds towards zero."""
    length = _LENGTHS.get(interval, _LENGTHS[Interval.DAY])
    border = _MONDAY if interval is Interval.WEEK else 0
    return border - (border - EARLIEST) // length * length - length
