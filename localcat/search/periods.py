"""Periods of time as people and STAC write them: ``2024-06``, ``2024-06-01/2024-08``, ``../2024``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from localcat.errors import BadRequestError
from localcat.models.enums import Interval
from localcat.search.timeseries import bucket_start, interval_after
from localcat.timestamps import to_microseconds

_OPEN = ("", "..")  # an end of an interval that is left open
_PARTS = (  # what a text without a time of day names, and how long that is
    (re.compile(r"\d{4}"), Interval.YEAR),
    (re.compile(r"\d{4}-\d\d"), Interval.MONTH),
    (re.compile(r"\d{4}-W\d\d"), Interval.WEEK),
    (re.compile(r"\d{4}-\d\d-\d\d|\d{8}|\d{4}-\d{3}|\d{4}-W\d\d-\d"), Interval.DAY),
)


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time, both ends included.

    Parameters
    ----------
    first, last : int, optional
        Microseconds since 1970 in UTC; None for an open end.
    """

    first: int | None
    last: int | None

    @classmethod
    def of(cls, text: str) -> Period:
        """Return the period that a text names.

        Parameters
        ----------
        text : str
            A year, month, ISO week, day or moment, which is that period; or two of them joined by a slash, from the
            beginning of the first to the end of the second. ``..``, or nothing, leaves an end open.

        Raises
        ------
        BadRequestError
            If it is not a period, or ends before it begins.
        """
        if not isinstance(text, str):
            raise BadRequestError(f"a period is a string such as '2024-06' or '2024-06/2024-08', not {text!r}")
        ends = text.strip().split("/")
        told = f"{text!r} is not a period; write for example 2024-06, 2024-06/2024-08 or ../2024"
        if len(ends) > 2 or not text.strip():
            raise BadRequestError(told)
        try:
            first, last = (None if end.strip() in _OPEN else _ends_of(end.strip()) for end in (ends[0], ends[-1]))
        except BadRequestError as error:  # about one end, and with the example of a moment
            raise BadRequestError(told) from error
        period = cls(None if first is None else first[0], None if last is None else last[1])
        if period.first is not None and period.last is not None and period.last < period.first:
            raise BadRequestError(f"the period {text!r} ends before it begins; exchange its ends")
        return period


def _ends_of(text: str) -> tuple[int, int]:
    """Return the first and the last microsecond of what one end of a period names."""
    first = to_microseconds(text)
    for pattern, length in _PARTS:
        if pattern.fullmatch(text):
            return first, interval_after(bucket_start(first, length), length) - 1
    return first, first
