"""Times as names of files and metadata write them, how exact they are, and when what they name ends.

Days and months in numbers are read with the year first only; "08.05.2021" is no date, since it may be May or August.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from localcat.errors import BadRequestError
from localcat.timestamps import from_microseconds, to_microseconds

PERIOD: Final = re.compile(r"([1-9]\d{0,3}) (day|month|year)s?")
"""How long an image's time lasts, as in a recipe."""

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_HOUR = r"(?:[01]\d|2[0-3])"
# behind a T with or without seconds; else with them, since "20210508_1011" may end in a number of its own
_CLOCK = (
    rf"(?:T(?={_HOUR}[:-]?[0-5]\d)|[_-]?(?={_HOUR}[:-]?[0-5]\d[:-]?[0-5]\d))"
    rf"(?P<hour>{_HOUR})[:-]?(?P<minute>[0-5]\d)(?:[:-]?(?P<second>[0-5]\d)(?P<fraction>\.\d{{1,6}})?)?(?!\d)"
)
_NAMED = "(?P<named>" + "|".join(_MONTHS) + r")[a-z]{0,6}"
_EXACT = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # 20210508, 2021-05-08, 2021_05_08, 2021.05.08, perhaps with a time behind T, _, - or nothing
        rf"(?<!\d){_YEAR}(?P<gap>[-_.]?)(?P<month>0[1-9]|1[0-2])(?P=gap)(?P<day>[0-3]\d)"
        rf"(?:{_CLOCK}|(?!\d))Z?",
        # 2021128, A2021128, 2021128T101559, 2021-128: the day of the year
        rf"(?<!\d){_YEAR}(?P<gap>[-_.]?)(?P<ordinal>[0-3]\d\d)(?:{_CLOCK}|(?!\d))Z?",
        # s20211281500203: GOES, with tenths of a second at the end
        rf"(?<![a-z0-9])[sec]{_YEAR}(?P<ordinal>[0-3]\d\d)"
        r"(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)(?P<second>[0-5]\d)(?P<fraction>\d)(?!\d)",
        # LC80440342021128LGN00: Landsat before Collection 1
        rf"(?<![a-z0-9])L[COTEM][1-9]\d{{6}}{_YEAR}(?P<ordinal>[0-3]\d\d)(?=[A-Z]{{3}}\d\d)",
        # 13MAY2021, 13-May-2021, 2021MAY13
        rf"(?<!\d)(?P<day>[0-3]?\d)[-_ ]?{_NAMED}[-_ ]?{_YEAR}(?!\d)",
        rf"(?<!\d){_YEAR}[-_ ]?{_NAMED}[-_ ]?(?P<day>[0-3]\d)(?!\d)",
    )
]
_COARSE = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<![0-9a-z]){_YEAR}-(?P<month>0[1-9]|1[0-2])(?![0-9a-z]|[-_.]\d)",
        rf"(?<![0-9a-z]){_NAMED}[-_ ]?{_YEAR}(?![0-9a-z])",
        # not that of 08.05.2021 or 2021-366
        rf"(?<![0-9a-z])(?<!\d\d[-_.]\d\d[-_.])(?<!\d[-_.]\d[-_.])(?<!\d\d[-_.]\d[-_.]){_YEAR}(?![0-9a-z]|[-.]\d)",
    )
]
_TIFF_TIME = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)")


@dataclass(frozen=True, slots=True)
class Moment:
    """A time, and how exact it is.

    Parameters
    ----------
    start : datetime
        The first moment that is meant; aware UTC.
    precision : str
        ``"second"``, ``"day"``, ``"month"`` or ``"year"``.
    """

    start: datetime
    precision: str

    def end(self, period: str | None) -> datetime | None:
        """Return the last microsecond of a period; without one, of the month or year that is meant, else None."""
        if period is None:
            if self.precision not in ("month", "year"):
                return None
            period = f"1 {self.precision}"
        match = PERIOD.fullmatch(period)
        if match is None:
            raise BadRequestError(f"{period!r} is not a period; write for example '16 days', '1 month' or '1 year'")
        count, unit = int(match[1]), match[2]
        try:
            if unit == "day":
                after = self.start + timedelta(days=count)
            else:
                months = self.start.year * 12 + self.start.month - 1 + count * (12 if unit == "year" else 1)
                year, month = months // 12, months % 12 + 1
                day = min(self.start.day, monthrange(year, month)[1])
                after = self.start.replace(year=year, month=month, day=day)
        except (ValueError, OverflowError):  # beyond the year 9999
            return None
        return after - timedelta(microseconds=1)


def moments_in(name: str) -> list[Moment]:
    """Return the times in the name of a file, in the name's order; months and years only if no day is named."""
    exact = sorted(_found(_EXACT, name), key=lambda found: found[0])
    moments: list[Moment] = []
    end = -1
    for start, stop, moment in exact:
        if start >= end:  # else the rest of a date that was read already
            moments.append(moment)
            end = stop
    if moments:
        return moments
    latest = datetime.now(UTC).year + 1  # a larger number is not taken for a year
    coarse = [(start, moment) for start, _, moment in _found(_COARSE, name) if moment.start.year <= latest]
    exactest = [(start, moment) for start, moment in coarse if moment.precision == "month"] or coarse
    return [moment for _, moment in sorted(exactest, key=lambda found: found[0])]


def moment_of(text: str) -> Moment | None:
    """Return the time that a text as a whole is: as names of files have it, ISO 8601, or as TIFF 6.0 writes it."""
    plain = _TIFF_TIME.sub(r"\1-\2-\3T\4:\5:\6", text.strip().rstrip("\x00").strip())
    for pattern in (*_EXACT, *_COARSE):
        match = pattern.fullmatch(plain)
        moment = None if match is None else _moment(match)
        if moment is not None:
            return moment
    try:
        return Moment(from_microseconds(to_microseconds(plain)), "second")
    except BadRequestError:
        return None


def _found(patterns: list[re.Pattern[str]], text: str) -> Iterator[tuple[int, int, Moment]]:
    for pattern in patterns:
        for match in pattern.finditer(text):
            moment = _moment(match)
            if moment is not None:
                yield match.start(), match.end(), moment


def _moment(match: re.Match[str]) -> Moment | None:
    """Return the time of a match; None for numbers that are no day, such as 30 February."""
    parts = match.groupdict()
    named = parts.get("named")
    month = _MONTHS[named.lower()] if named else int(parts.get("month") or 1)
    fraction = (parts.get("fraction") or "").removeprefix(".")
    hour, minute, second = (int(parts.get(key) or 0) for key in ("hour", "minute", "second"))
    try:
        start = datetime(int(parts["year"]), month, int(parts.get("day") or 1), hour, minute, second, tzinfo=UTC)
        start += timedelta(microseconds=int(fraction.ljust(6, "0") or 0))
        if parts.get("ordinal"):
            start += timedelta(days=int(parts["ordinal"]) - 1)
            if start.year != int(parts["year"]) or parts["ordinal"] == "000":
                return None
    except ValueError:
        return None
    if parts.get("hour"):
        return Moment(start, "second")
    has_day = parts.get("day") or parts.get("ordinal")
    return Moment(start, "day" if has_day else "month" if named or parts.get("month") else "year")
