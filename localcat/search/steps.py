"""The length of the periods that a time is cut into: hours, days and weeks, or months and years of the calendar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from localcat.errors import BadRequestError
from localcat.models.enums import Interval

_FIXED = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_EVERY = re.compile(rf"\s*(?:(\d{{1,5}}|\d{{1,4}}\.\d{{1,3}})\s*)?({'|'.join((*_FIXED, *_MONTHS))})s?\s*")
_MOST = 100_000  # periods
_END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Step:
    """A length of time, of which one period follows another.

    Parameters
    ----------
    length : timedelta or int
        Its length; of steps of the calendar how many months.
    first : Interval
        The interval of the calendar that the first period begins with, if no beginning is asked for.
    text : str
        As it was given.
    """

    length: timedelta | int
    first: Interval
    text: str

    @classmethod
    def of(cls, every: Any) -> Step:
        """Return a length of time given as text, such as ``"16 days"`` or ``"1 month"``, or as a timedelta.

        Raises
        ------
        BadRequestError
            If it is not one, or is not longer than nothing.
        """
        match = _EVERY.fullmatch(every) if isinstance(every, str) else None
        if match is not None:
            number, unit = float(match[1] or 1), match[2]
            if unit in _FIXED:
                every = _FIXED[unit] * number
            elif number >= 1 and number.is_integer():
                return cls(int(number) * _MONTHS[unit], Interval(unit), match[0].strip())
        if not isinstance(every, timedelta) or every <= timedelta(0):
            given = every if match is None else match[0]
            raise BadRequestError(
                "every is a number of hours, days or weeks such as '16 days', or a whole number of months, quarters or "
                f"years such as '1 month', not {given!r}"
            )
        return cls(every, Interval.DAY, str(every) if match is None else match[0].strip())

    def borders(self, start: datetime, end: datetime) -> list[datetime]:
        """Return the first moments of all periods up to an end, at least of one, and the end of the last one.

        Months are counted from `start`: after the 31st comes the last day of a shorter month, and then the 31st again.

        Raises
        ------
        BadRequestError
            If there would be more than 100,000 periods.
        """
        borders = [start, self._after(start, 1)]
        while borders[-1] < end:
            if len(borders) > _MOST:
                raise BadRequestError(f"there are more than {_MOST:,} periods of {self.text}; choose a longer one")
            borders.append(self._after(start, len(borders)))
        return borders

    def _after(self, start: datetime, steps: int) -> datetime:
        """Return the moment some steps after another; after the year 9999 the last one."""
        from dateutil.relativedelta import relativedelta  # takes a while to import, and few programs need it

        try:
            return start + (relativedelta(months=self.length) if isinstance(self.length, int) else self.length) * steps
        except (OverflowError, ValueError):
            return _END
