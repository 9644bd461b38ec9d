"""Moments in time: whatever a user writes, as integer microseconds since 1970 in UTC, and back."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any

from localcat.errors import BadRequestError, CorruptCatalogError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

EARLIEST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
"""The first microsecond that `datetime` can hold, year 1."""

LATEST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
"""The last microsecond that `datetime` can hold, year 9999."""


def to_microseconds(value: object) -> int:
    """Return a moment as microseconds since 1970-01-01T00:00:00Z.

    Parameters
    ----------
    value : str, datetime or date
        Without a time zone, UTC is meant; a date, a month or a year means its first moment, and digits beyond
        microseconds are cut off. Text is ISO 8601 or RFC 3339 in any form (also week and ordinal dates), other numbers
        with the year first (``2024/5/6 10:30``), or has an English month name and a year of four digits (``6 May
        2024``; RFC 2822; what JavaScript prints). ``UTC+2`` means +02:00.

    Raises
    ------
    BadRequestError
        If the value is not a moment in the years 1 to 9999. Also for text that could be read in two ways, such as
        ``06.05.2024``, and for an interval.
    """
    if isinstance(value, str):
        moment = _read(str(value))
    else:
        if type(value).__module__.partition(".")[0] == "numpy":  # without importing it
            value = _scalar(value)
            if type(value).__name__ == "datetime64":
                return _of_datetime64(value)
        moment = _parse(value)
    if moment.utcoffset() is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    if not EARLIEST <= microseconds <= LATEST:
        raise BadRequestError(f"{value!r} is outside the years 1 to 9999 in UTC")
    return microseconds


def from_microseconds(microseconds: int) -> datetime:
    """Return the aware UTC datetime of a count of microseconds since 1970, as a catalog keeps it.

    Raises
    ------
    CorruptCatalogError
        If it is beyond the years 1 to 9999, which localcat never writes.
    """
    try:
        return _EPOCH + timedelta(0, 0, microseconds)  # by position, which takes half the time
    except (OverflowError, TypeError) as error:  # the file of a stranger may have anything in the column
        raise CorruptCatalogError(
            f"a stored time of {microseconds!r:.40} microseconds is beyond the years 1 to 9999; "
            "`localcat verify` reports which objects are damaged"
        ) from error


def many_from_microseconds(counts: Sequence[int | None]) -> list[datetime | None]:
    """Return what `from_microseconds` returns of many counts, None for None, in two thirds of the time."""
    try:
        return [None if count is None else _EPOCH + timedelta(0, 0, count) for count in counts]
    except OverflowError:  # for the message
        return [None if count is None else from_microseconds(count) for count in counts]


def now_microseconds() -> int:
    """Return the present moment in microseconds since 1970."""
    return time.time_ns() // 1000


def days_of(given: object, name: str) -> int:
    """Return how many days text such as ``"30 days"`` or ``"2 years"`` of 365 days, or a timedelta, means.

    Raises
    ------
    BadRequestError
        If it is neither; it calls the argument by its name.
    """
    if isinstance(given, timedelta):
        return max(given.days, 0)
    match = re.fullmatch(r"\s*(\d{1,5})\s*(day|year)s?\s*", given) if isinstance(given, str) else None
    if match is None:
        raise BadRequestError(
            f"{name} is a number of days such as '30 days' or '0 days', or a timedelta, not {given!r}"
        )
    return int(match[1]) * (365 if match[2] == "year" else 1)


def iso_text(microseconds: int) -> str:
    """Return a moment as ISO 8601 text with its offset: ``2017-01-01T00:00:00+00:00``."""
    return from_microseconds(microseconds).isoformat()


def _parse(value: object) -> datetime:
    if isinstance(value, str):
        return _read(str(value))
    if isinstance(value, datetime):
        return value if type(value) is datetime else _plain(value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise BadRequestError(
        f"{value!r} is not a timestamp; pass a datetime, or text such as '2020-01-31' or '2020-01-31T10:00:00Z'"
    )


def _scalar(value: Any) -> Any:
    """Return what is in an array of no dimensions."""
    return value[()] if getattr(value, "shape", None) == () else value


def _of_datetime64(value: Any) -> int:
    try:
        year = int(value.astype("datetime64[Y]").astype("int64")) + 1970  # NaT is the smallest of all
    except OverflowError:  # of units from picoseconds down, which reach to 1969 and 1970, or to some days around
        year = 1970 if value == value else 0
    if not MINYEAR <= year <= MAXYEAR:
        raise BadRequestError(f"{value!r} is not a timestamp of the years 1 to 9999")
    return int(value.astype("datetime64[us]").astype("int64"))


def _plain(moment: datetime) -> datetime:
    """Return the datetime that an object of a subclass stands for; a pandas Timestamp has an arithmetic of its own."""
    if moment != moment:  # pandas' NaT, which has no parts
        raise BadRequestError(f"{moment!r} is not a timestamp; leave the attribute unset instead")
    clock = (moment.hour, moment.minute, moment.second, moment.microsecond)
    return datetime(moment.year, moment.month, moment.day, *clock, tzinfo=moment.tzinfo, fold=moment.fold)


# Text. What is read is one of two grammars: numbers with the year first (ISO 8601, RFC 3339, and the same with other
# separators), and an English month name with a year of four digits. Everything else has more than one reading.

_LONGEST = 200  # characters; a date that JavaScript prints has up to 80

_USUAL = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII)
_DATE = re.compile(
    r"""
      (?P<year>\d{4})
      (?:
          (?P<sep>[-/.])(?P<month>\d\d?)(?P=sep)(?P<day>\d\d?)
        | (?P<colon>:)(?P<exif_month>\d\d):(?P<exif_day>\d\d)   # as cameras and TIFF tags write it
        | (?P<month_only>[-/]\d\d)
        | -?W(?P<week>\d\d)(?:-?(?P<weekday>\d))?
        | -?(?P<ordinal>\d{3})
        | (?P<basic>\d{4})
      )?
      (?!\d)
    """,
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)
_CLOCK = re.compile(
    r"""
      (?P<hour>\d\d|\d(?=:))
      (?: (?P<colon>:) (?P<minute>\d\d) (?: : (?P<second>\d\d) )?
        | (?P<basic_minute>\d\d) (?P<basic_second>\d\d)?
        | -(?P<dashed_minute>\d\d)-(?P<dashed_second>\d\d)      # as file names have it
      )?
      (?: [.,] (?P<fraction>\d+) )?
      (?: \s*(?P<half>[ap])\.?m\b\.? )?
    """,
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)
_ZONE = re.compile(
    r"\s*(?:(?P<utc>Z|UTC|GMT)(?![A-Z]))?\s*(?:(?P<sign>[+\-−])(?P<hours>\d\d?)(?::?(?P<minutes>\d\d))?)?",
    re.ASCII | re.IGNORECASE,
)
# What may follow a date without a clock; after a minus a clock may be meant, as in 2024-06-01-10:00.
_FULL_ZONE = re.compile(r"Z|\+\d\d:\d\d", re.ASCII | re.IGNORECASE)
_NUMBERED = re.compile(r"\d{1,2}\s*[-./]\s*\d{1,2}\s*[-./]\s*(?:\d{2}){1,2}(?!\d)|\d{1,2}[-./]\d{1,2}(?!\d)", re.ASCII)
_INTERVAL = re.compile(r"\d{4}.*[/–—].*\d{4}|\.\.|\d{8}\s*-\s*\d{8}", re.ASCII | re.DOTALL)

_MONTHS = [
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
]
_WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_WORDS = re.compile(
    r"""\s*(?:
      (?P<comment>\([^()]*\))                                   # a zone in words, as mail and JavaScript add it
    | (?P<clock>\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?)\s*(?P<half>[ap]\.?m\b\.?)?
      (?P<zone>\s*(?:Z|UTC|GMT)?\s*[+\-−](?:\d\d(?::?\d\d)?|\d)\b|\s*(?:Z|UTC|GMT)\s*[+\-−]\d\d?\b)?
    | (?P<year>\d{4})(?!\d)
    | (?P<day>\d{1,2})(?:st|nd|rd|th)?(?!\d)
    | (?P<word>[^\W\d_]+)\.?
    | (?P<filler>[-,/T])
    )""",
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)


def _read(text: str) -> datetime:
    if _USUAL.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:  # the 24th hour, a leap second, or no date at all
            pass
    bare = text.strip()
    moment = None
    if len(bare) <= _LONGEST:
        moment = _numbers(bare) or _names(bare, text)
    if moment is None:
        raise _refusal(bare, text)
    return moment


def _refusal(bare: str, text: str) -> BadRequestError:
    """Return the error for text that no grammar reads, which says the most likely reason."""
    shown = f"{text[:100]!r}"
    if bare.startswith(("-", "−", "+")) and bare[1:5].isdigit():
        return BadRequestError(f"{shown} is not a timestamp of the years 1 to 9999; write for example '{_EXAMPLE}'")
    if _INTERVAL.search(bare):
        return BadRequestError(f"{shown} is not a timestamp but a span of time; give one, for example '{_EXAMPLE}'")
    if _NUMBERED.match(bare):
        return BadRequestError(
            f"{shown} is not a timestamp that can only be read one way: day and month in numbers are taken in the "
            "order of ISO 8601, the year first; write YYYY-MM-DD, for example '2020-01-31'"
        )
    if not re.search(r"\d{4}", bare) and re.search(r"\d:\d|[a-z]{3}day|" + "|".join(_MONTHS), bare, re.IGNORECASE):
        return BadRequestError(f"{shown} names no year of four digits; write for example '{_EXAMPLE}'")
    return BadRequestError(f"{shown} is not a timestamp; write ISO 8601, for example '{_EXAMPLE}'")


_EXAMPLE = "2020-01-31T10:00:00Z"


def _numbers(text: str) -> datetime | None:
    """Read a date in numbers, the year first, with a clock and an offset or without."""
    compact = re.fullmatch(r"(\d{8})(\d{6}|\d{4})", text, re.ASCII)  # 20240506103000
    if compact is not None:
        text = f"{compact[1]}T{compact[2]}"
    found = _DATE.match(text)
    if found is None:
        return None
    try:
        day = _day_of(found)
    except ValueError:
        return None
    rest = text[found.end() :]
    if not rest:
        return day
    is_full = found["month_only"] is None and found.end() > 4
    if is_full and _FULL_ZONE.fullmatch(rest):
        return day.replace(tzinfo=_zone_of(_ZONE.fullmatch(rest)))
    clock = re.match(r"\s*[Tt]\s*|\s+|_(?=\d\d)|,\s+", rest)
    return _with_clock(day, rest[clock.end() :], text) if is_full and clock is not None else None


def _day_of(found: re.Match[str]) -> datetime:
    year = int(found["year"])
    if found["week"] is not None:
        return _midnight(date.fromisocalendar(year, int(found["week"]), int(found["weekday"] or 1)))
    if found["ordinal"] is not None:
        day = date(year, 1, 1) + timedelta(days=int(found["ordinal"]) - 1)
        if day.year != year:
            raise ValueError("a year has 365 or 366 days")
        return _midnight(day)
    if found["basic"] is not None:
        return datetime(year, int(found["basic"][:2]), int(found["basic"][2:]))
    if found["month_only"] is not None:
        return datetime(year, int(found["month_only"][1:]), 1)
    return datetime(year, int(found["month"] or found["exif_month"] or 1), int(found["day"] or found["exif_day"] or 1))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def _with_clock(day: datetime, text: str, whole: str) -> datetime | None:
    """Add what a clock and an offset say to the start of a day; None if they cannot be read."""
    found = _CLOCK.match(text)
    if found is None:
        return None
    hour = int(found["hour"])
    if found["half"] is not None:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found["half"] in "pP" else 0)
    minute = found["minute"] or found["basic_minute"] or found["dashed_minute"]
    second = found["second"] or found["basic_second"] or found["dashed_second"]
    seconds = int(second or 0)
    if not (hour <= 24 and int(minute or 0) < 60 and seconds <= 60):
        return None
    unit = 1 if second else 60 if minute else 3600  # a fraction is one of the last number
    digits = (found["fraction"] or "0")[:30]
    microseconds = int(digits) * unit * 1_000_000 // 10 ** len(digits)
    clock = timedelta(hours=hour, minutes=int(minute or 0), seconds=seconds, microseconds=microseconds)
    if clock > timedelta(days=1) and not (hour == 23 and seconds == 60):
        return None
    rest = text[found.end() :].strip()
    zone = _zone(rest, whole)
    if zone is None:
        return None
    if seconds == 60 and not _ends_a_day(clock, zone):
        return None
    try:
        return (day + clock).replace(tzinfo=zone)
    except OverflowError:  # the 24th hour of the last day
        return None


def _ends_a_day(clock: timedelta, zone: tzinfo) -> bool:
    """Return whether a clock that shows a 60th second shows the end of a day in UTC, where leap seconds are put."""
    return (clock - (zone.utcoffset(None) or timedelta())) % timedelta(days=1) < timedelta(seconds=1)


def _zone(text: str, whole: str) -> tzinfo | None:
    """Return the zone at the end of a text, UTC if there is none; None if it is not a zone."""
    if not text:
        return UTC
    found = _ZONE.fullmatch(text)
    if found is not None:
        return _zone_of(found)
    if re.fullmatch(r"[A-Za-z]{1,5}(?:/[A-Za-z_]+)?", text):
        raise BadRequestError(f"the time zone {text!r} in {whole[:100]!r} is not known; write an offset such as +02:00")
    return None


def _zone_of(found: re.Match[str] | None) -> tzinfo | None:
    """Return a zone from its parts; an offset behind UTC or GMT is east of Greenwich if it is positive."""
    if found is None or found["hours"] is None:
        return UTC
    hours, minutes = int(found["hours"]), int(found["minutes"] or 0)
    if hours > 23 or minutes > 59 or (len(found["hours"]) == 1 and found["utc"] is None):
        return None
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(offset if found["sign"] == "+" else -offset) if offset else UTC


def _names(text: str, whole: str) -> datetime | None:
    """Read a date with the English name of a month, such as ``Mon, 06 May 2024 10:30:00 +0200``.

    The parts may stand in any order, since none can be taken for another: the year has four digits, the day one or two,
    and the clock a colon. A weekday has to be that of the date.
    """
    parts = _parts_of(text)
    if parts is None or "month" not in parts or "year" not in parts or ("clock" in parts and "day" not in parts):
        return None
    from dateutil import parser  # takes a while to import, and dates in numbers do not need it

    clock = f" {parts['clock'].replace(',', '.')} {parts.get('half', '').replace('.', '')}" if "clock" in parts else ""
    try:
        moment = parser.parse(f"{parts.get('day', '1')} {parts['month']} {parts['year']}{clock}", dayfirst=True)
    except (ValueError, OverflowError):
        return None
    if moment.year != int(parts["year"]):  # dateutil takes 0024 for 2024
        return None
    if "weekday" in parts and _WEEKDAYS[moment.weekday()] != parts["weekday"]:
        return None
    zone = _zone(parts.get("zone", "").strip(), whole)
    return None if zone is None else moment.replace(tzinfo=zone)


def _parts_of(text: str) -> dict[str, str] | None:
    """Return the parts of a text by what they are; None if one comes twice or is something else."""
    parts: dict[str, str] = {}
    position = 0
    while position < len(text):
        found = _WORDS.match(text, position)
        if found is None:
            return None
        position = found.end()
        for name in ("clock", "half", "zone", "year", "day", "word"):
            value = found[name]
            if value is None:
                continue
            kind = _kind_of(value.lower()) if name == "word" else name
            if kind == "filler":
                continue
            if kind == "zone" and name == "word" and "clock" not in parts:
                return None
            if kind in parts or kind is None:
                return None
            parts[kind] = _full_name(value.lower()) if name == "word" and kind != "zone" else value
    return parts


def _kind_of(word: str) -> str | None:
    if word in ("of", "the", "at", "on", "t"):
        return "filler"
    if len(word) >= 3 and any(name.startswith(word) for name in _MONTHS):
        return "month"
    if len(word) >= 3 and any(name.startswith(word) for name in _WEEKDAYS):
        return "weekday"
    return "zone" if len(word) <= 5 else None


def _full_name(word: str) -> str:
    return next(name for name in (*_MONTHS, *_WEEKDAYS) if name.startswith(word))
