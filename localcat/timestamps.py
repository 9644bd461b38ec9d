"""Moments in time: whatever a user writes, as integer microseconds since 1970 in UTC, and back."""

from __future__ import annotations

import time
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta, tzinfo
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
        Without a time zone, UTC is meant; a date means its first moment. Text may be anything that can reasonably be
        parsed and that names at least the year; digits beyond microseconds are cut off.

    Raises
    ------
    BadRequestError
        If the value is not a moment in the years 1 to 9999.
    """
    if not isinstance(value, str) and type(value).__name__ == "datetime64":  # numpy's, without importing numpy
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
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError as error:
        raise CorruptCatalogError(
            f"a stored time of {microseconds} microseconds is beyond the years 1 to 9999; "
            "`localcat verify` reports which objects are damaged"
        ) from error


def now_microseconds() -> int:
    """Return the present moment in microseconds since 1970."""
    return time.time_ns() // 1000


def iso_text(microseconds: int) -> str:
    """Return a moment as ISO 8601 text with its offset: ``2017-01-01T00:00:00+00:00``."""
    return from_microseconds(microseconds).isoformat()


def _parse(value: object) -> datetime:
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return _parse_loosely(value)
    if isinstance(value, datetime):
        return value if type(value) is datetime else _plain(value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise BadRequestError(
        f"{value!r} is not a timestamp; pass a datetime, or text such as '2020-01-31' or '2020-01-31T10:00:00Z'"
    )


def _of_datetime64(value: Any) -> int:
    year = int(value.astype("datetime64[Y]").astype("int64")) + 1970  # NaT is the smallest of all
    if not MINYEAR <= year <= MAXYEAR:
        raise BadRequestError(f"{value!r} is not a timestamp of the years 1 to 9999")
    return int(value.astype("datetime64[us]").astype("int64"))


def _plain(moment: datetime) -> datetime:
    """Return the datetime that an object of a subclass stands for; a pandas Timestamp has an arithmetic of its own."""
    if moment != moment:  # pandas' NaT, which has no parts
        raise BadRequestError(f"{moment!r} is not a timestamp; leave the attribute unset instead")
    clock = (moment.hour, moment.minute, moment.second, moment.microsecond)
    return datetime(moment.year, moment.month, moment.day, *clock, tzinfo=moment.tzinfo, fold=moment.fold)


def _parse_loosely(text: str) -> datetime:
    """Parse free text such as ``Jan 7, 2020 18:51``; what it leaves out is the first month, day or hour."""
    from dateutil import parser  # takes a while to import, and ISO text does not need it

    def zone(name: str | None, offset: int | None) -> tzinfo | None:
        if name is not None and offset is None and name.upper() not in ("UTC", "Z", "GMT"):
            raise BadRequestError(f"the time zone {name!r} in {text!r} is not known; write an offset such as +02:00")
        return UTC if offset in (None, 0) else datetime.strptime(_offset(offset or 0), "%z").tzinfo

    try:
        moment, other = (parser.parse(text, default=datetime(year, 1, 1), tzinfos=zone) for year in (2000, 2004))
    except BadRequestError:
        raise
    except (ValueError, OverflowError, TypeError, AttributeError) as error:
        raise BadRequestError(f"{text[:100]!r} is not a timestamp; write for example '2020-01-31T10:00:00Z'") from error
    if moment != other:
        raise BadRequestError(f"{text[:100]!r} names no year; write for example '2020-01-31T10:00:00Z'")
    return moment


def _offset(seconds: int) -> str:
    sign, seconds = ("-", -seconds) if seconds < 0 else ("+", seconds)
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
