"""Questions to the space-time index: which images have a box that meets an area and a time."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from localcat.store.clauses import Clause, Parameter

if TYPE_CHECKING:
    from localcat.earth.geometry import Box

TIME_UNIT = 365.25 * 86_400e6 / 30  # microseconds; one unit of time in the index


@dataclass(frozen=True, slots=True)
class TimeRange:
    """An interval of microseconds, both ends included; None is open."""

    start: int | None = None
    end: int | None = None


UNSET_TIME = TimeRange(0, 0)
"""The time in the index of images whose `acquired` is unset."""


class Reach(StrEnum):
    """Which entries of the index are candidates, by the relation of their box to that of an area."""

    MEETING = "it meets it"
    INSIDE = "it is inside it"
    CROSSING = "it meets it, and reaches out of it"

    __hash__ = str.__hash__  # in C


def is_candidate(entries: str, *, with_unset: bool = False) -> str:
    """Return the condition that picks the images of some entries.

    Parameters
    ----------
    entries : str
        SQL that gives their row ids, as `entries_in` returns it; empty for none.
    with_unset : bool
        Also pick the images that have no footprint.
    """
    without = "SELECT id FROM image WHERE geometry IS NULL"
    return f"image.id IN ({' UNION ALL '.join([*filter(None, [entries]), *([without] if with_unset else [])])})"


def entries_meeting(boxes: Sequence[Box], time: TimeRange, most: int) -> Clause:
    """Return the statement that counts the entries that meet boxes and a time range, up to a number."""
    entries = entries_in(boxes, time, Reach.MEETING)
    return Clause(f"SELECT count(*) FROM ({entries.sql} LIMIT ?)", (*entries.params, most))


def entries_inside(boxes: Sequence[Box], time: TimeRange) -> Clause:
    """Return the statement that counts the entries inside one of the boxes, which do not overlap."""
    entries = entries_in(boxes, time, Reach.INSIDE)
    return Clause(f"SELECT count(*) FROM ({entries.sql})", entries.params)


def entries_in(boxes: Sequence[Box], time: TimeRange, reach: Reach) -> Clause:
    """Return the statement that gives the row ids of the entries of boxes and a time range; some perhaps twice.

    The boxes are those of `localcat.earth.geometry.search_boxes`; without any the statement is empty.
    """
    sql = _entries_sql(len(boxes), time.start is not None, time.end is not None, reach)
    times = [] if time.start is None else [time.start / TIME_UNIT]
    if time.end is not None:
        times.append(time.end / TIME_UNIT)
    params: list[Parameter] = []
    for edges in boxes:  # west, east, south, north
        if reach is not Reach.CROSSING:
            params += (*edges, *times)
        else:
            for edge in edges:
                params += (*edges, *times, edge)
    return Clause(sql, tuple(params))


@functools.lru_cache(maxsize=64)
def _entries_sql(boxes: int, has_start: bool, has_end: bool, reach: Reach) -> str:
    meets = "max_lon >= ? AND min_lon <= ? AND max_lat >= ? AND min_lat <= ?"
    inside = "min_lon >= ? AND max_lon <= ? AND min_lat >= ? AND max_lat <= ?"
    sql = f"SELECT id FROM image_index WHERE {inside if reach is Reach.INSIDE else meets}"
    if has_start:
        sql += " AND max_time >= ?"
    if has_end:
        sql += " AND min_time <= ?"
    if reach is not Reach.CROSSING:
        return " UNION ALL ".join([sql] * boxes)
    # Asked edge by edge, the index skips all entries inside.
    beyond = ("min_lon < ?", "max_lon > ?", "min_lat < ?", "max_lat > ?")
    return " UNION ALL ".join([f"{sql} AND {one}" for one in beyond] * boxes)
