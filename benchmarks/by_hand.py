"""The floor of searches: the best SQL and shapely that we could write by hand."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

import numpy
import shapely

DAY = 86_400_000_000  # microseconds
YEAR = 31_557_600_000_000
TIMES = (1_325_376_000_000_000, 1_735_689_600_000_000)  # from 2012 to the year before the last of the catalog
END = TIMES[1] + YEAR
TIME_UNIT = YEAR / 30  # of the index
COLUMNS = "uid, acquired, cloud_fraction, geometry"


@dataclass(frozen=True)
class Asked:
    """A question: what of it is None was not asked."""

    box: tuple[float, float, float, float] | None = None  # west, south, east, north
    times: tuple[int, int] | None = None  # microseconds, without the end
    product: int | None = None  # its row id
    clouds_below: float | None = None
    newest: int | None = None
    only_count: bool = False


def rows_by_hand(connection: sqlite3.Connection, asked: Asked) -> list[tuple[Any, ...]]:
    """Return id, acquired, cloud_fraction and footprint as WKB of what is found, in order of the ids or the newest."""
    if asked.newest is None:
        return _rows(connection, asked, asked.times, "uid")
    found: list[tuple[Any, ...]] = []
    end, length = END, 30 * DAY
    while len(found) < asked.newest and end > TIMES[0]:  # windows of time, each four times as long as the one before
        found += _rows(connection, asked, (end - length, end), "acquired DESC, uid")
        end, length = end - length, 4 * length
    return found[: asked.newest]


def _rows(
    connection: sqlite3.Connection, asked: Asked, times: tuple[int, int] | None, order: str
) -> list[tuple[Any, ...]]:
    conditions: list[str] = []
    params: list[Any] = []
    plus = "" if asked.box is None else "+"  # keeps SQLite from any other index than that of places
    if asked.box is not None:
        west, south, east, north = asked.box
        select = "SELECT id FROM image_index WHERE max_lon >= ? AND min_lon <= ? AND max_lat >= ? AND min_lat <= ?"
        if times is not None:
            select += " AND max_time >= ? AND min_time <= ?"
        for turn in (0, 360):
            params += [west + turn, east + turn, south, north]
            params += [] if times is None else [times[0] / TIME_UNIT, times[1] / TIME_UNIT]
        conditions.append(f"id IN ({select} UNION ALL {select})")
    if asked.product is not None:
        conditions.append(f"{plus}product_id = ?")
        params.append(asked.product)
    if times is not None:
        conditions.append(f"{plus}acquired >= ? AND {plus}acquired < ?")
        params += times
    if asked.clouds_below is not None:
        conditions.append(f"{plus}cloud_fraction < ?")
        params.append(asked.clouds_below)
    columns = "geometry" if asked.only_count else COLUMNS
    sql = f"SELECT {columns} FROM image WHERE {' AND '.join(conditions)} ORDER BY {order}"
    rows = connection.execute(sql, params).fetchall()
    if asked.box is None or not rows:
        return rows
    area = shapely.box(*asked.box)
    shapely.prepare(area)
    hits = shapely.intersects(area, shapely.from_wkb(numpy.array([row[-1] for row in rows], dtype=object)))
    return [row for row, hit in zip(rows, hits.tolist(), strict=True) if hit]
