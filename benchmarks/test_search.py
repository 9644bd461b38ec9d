"""Searches beside a hand-written floor: the best raw SQL and shapely on the same file, in the same run.

Every benchmark asserts first that both give the same answer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
import pytest
import shapely

from localcat import Catalog, Image
from localcat import properties as p
from localcat.search import ImageSearch
from localcat.store.rows import selected
from localcat.timestamps import to_microseconds

_TIME_UNIT = 365.25 * 86_400e6 / 30  # microseconds; of the index
OF_LARGEST = p.product_id == "bench:p00"
LARGEST = 1  # its row id


@dataclass(frozen=True)
class Floor:
    """A search written by hand."""

    box: tuple[float, float, float, float] | None = None  # west, south, east, north
    product: int | None = None
    between: tuple[str, str] | None = None
    clouds_below: float | None = None
    order: str = "uid"
    limit: int | None = None

    def ids(self, connection: sqlite3.Connection) -> list[str]:
        sql, params = "SELECT uid, geometry FROM image WHERE ", []
        conditions = []
        guard = "" if self.box is None else "+"
        times = None if self.between is None else tuple(map(to_microseconds, self.between))
        if self.box is not None:
            west, south, east, north = self.box
            selects = []
            for turn in (0, 360):
                select = (
                    "SELECT id FROM image_index WHERE max_lon >= ? AND min_lon <= ? AND max_lat >= ? AND min_lat <= ?"
                )
                params += [west + turn, east + turn, south, north]
                if times is not None:
                    select += " AND max_time >= ? AND min_time <= ?"
                    params += [times[0] / _TIME_UNIT, times[1] / _TIME_UNIT]
                selects.append(select)
            conditions.append(f"id IN ({' UNION ALL '.join(selects)})")
        if self.product is not None:
            conditions.append(f"{guard}product_id = ?")
            params.append(self.product)
        if times is not None:
            conditions.append(f"{guard}acquired >= ? AND {guard}acquired < ?")
            params += times
        if self.clouds_below is not None:
            conditions.append(f"{guard}cloud_fraction < ?")
            params.append(self.clouds_below)
        rows = connection.execute(f"{sql}{' AND '.join(conditions)} ORDER BY {self.order}", params).fetchall()
        if self.box is None or not rows:
            return [uid for uid, _ in rows]
        area = shapely.box(*self.box)
        shapely.prepare(area)
        hits = shapely.intersects(area, shapely.from_wkb(numpy.array([blob for _, blob in rows], dtype=object)))
        return [uid for (uid, _), hit in zip(rows, hits.tolist(), strict=True) if hit][: self.limit]


def around(size: float) -> tuple[float, float, float, float]:
    return (10.0, 45.0, 10.0 + size, 45.0 + size)


def dates(start: str, end: str) -> Any:
    return (p.acquired >= start) & (p.acquired < end)


YEAR, SEASON, MONTH, DAY = (
    ("2017-01-01", "2018-01-01"),
    ("2017-06-01", "2017-09-01"),
    ("2017-06-01", "2017-07-01"),
    ("2017-06-01", "2017-06-02"),
)
CONTINENT = (-30.0, -10.0, 40.0, 40.0)

QUERIES: dict[str, tuple[Callable[[ImageSearch], ImageSearch], Floor]] = {
    "q1_product_small_area_year": (
        lambda s: s.filter(OF_LARGEST & dates(*YEAR)).intersects(around(0.2)),
        Floor(around(0.2), LARGEST, YEAR),
    ),
    "q2_product_large_area_month_clouds": (
        lambda s: s.filter(OF_LARGEST & dates(*MONTH) & (p.cloud_fraction < 0.2)).intersects(around(10)),
        Floor(around(10), LARGEST, MONTH, 0.2),
    ),
    "q3_small_area_season": (
        lambda s: s.filter(dates(*SEASON)).intersects(around(0.2)),
        Floor(around(0.2), None, SEASON),
    ),
    "q4_product_day": (lambda s: s.filter(OF_LARGEST & dates(*DAY)), Floor(None, LARGEST, DAY)),
    "q5_tiny_area": (lambda s: s.intersects(around(0.05)), Floor(around(0.05))),
    "q7s_newest_in_small_area": (
        lambda s: s.filter(OF_LARGEST).intersects(around(0.2)).sort("-acquired").limit(10),
        Floor(around(0.2), LARGEST, order="acquired DESC, uid", limit=10),
    ),
    "q7b_newest_in_large_area": (
        lambda s: s.filter(OF_LARGEST).intersects(around(10)).sort("-acquired").limit(10),
        Floor(around(10), LARGEST, order="acquired DESC, uid", limit=10),
    ),
}

named = pytest.mark.parametrize("name", QUERIES)


@named
def test_ids(in_turns, big: Catalog, plain: sqlite3.Connection, name: str) -> None:
    build, floor = QUERIES[name]
    assert build(big.images).ids() == floor.ids(plain)
    in_turns(f"ids {name}", ImageSearch.ids, lambda _: floor.ids(plain), prepare=lambda: build(big.images))


@named
def test_building_a_search_and_its_ids(in_turns, big: Catalog, plain: sqlite3.Connection, name: str) -> None:
    """As a program asks once: filters made, checked and compiled, beside SQL that was written before."""
    build, floor = QUERIES[name]
    assert build(big.images).ids() == floor.ids(plain)
    in_turns(f"build and ids {name}", lambda: build(big.images).ids(), lambda: floor.ids(plain))


@pytest.mark.parametrize("relation", ["within", "contains"])
def test_footprints_that_lie_otherwise(in_turns, big: Catalog, plain: sqlite3.Connection, relation: str) -> None:
    box = around(10 if relation == "within" else 0.05)
    search = getattr(big.images.filter(dates(*YEAR)), relation)(box)

    def floor() -> list[str]:
        west, south, east, north = box
        start, end = map(to_microseconds, YEAR)
        rows = plain.execute(
            "SELECT uid, geometry FROM image WHERE id IN (SELECT id FROM image_index WHERE max_lon >= ?"
            " AND min_lon <= ?"
            " AND max_lat >= ? AND min_lat <= ? AND max_time >= ? AND min_time <= ?)"
            " AND +acquired >= ? AND +acquired < ? ORDER BY uid",
            (west, east, south, north, start / _TIME_UNIT, end / _TIME_UNIT, start, end),
        ).fetchall()
        footprints = shapely.from_wkb(numpy.array([blob for _, blob in rows], dtype=object))
        area = shapely.box(*box)
        shapely.prepare(area)
        hits = shapely.contains(area, footprints) if relation == "within" else shapely.within(area, footprints)
        return [uid for (uid, _), hit in zip(rows, hits.tolist(), strict=True) if hit]

    assert search.ids() == floor()
    in_turns(f"ids {relation} an area, a year", search.ids, floor)


def test_the_newest_of_all_products(in_turns, big: Catalog, plain: sqlite3.Connection) -> None:
    search = big.images.sort("-acquired").limit(10)

    def floor() -> list[str]:
        return [uid for (uid,) in plain.execute("SELECT uid FROM image ORDER BY acquired DESC, uid LIMIT 10")]

    assert search.ids() == floor()
    in_turns("ids of the newest ten of all products (floor: sorting all)", search.ids, floor)


def test_a_day_in_all_products(in_turns, big: Catalog, plain: sqlite3.Connection) -> None:
    search = big.images.filter(dates(*DAY))
    between = tuple(map(to_microseconds, DAY))

    def floor() -> list[str]:
        sql = "SELECT uid FROM image WHERE acquired >= ? AND acquired < ? ORDER BY uid"
        return [uid for (uid,) in plain.execute(sql, between)]

    assert search.ids() == floor()
    in_turns("ids of a day in all products (floor: reading every row)", search.ids, floor)


def test_counting_a_continent(in_turns, big: Catalog, plain: sqlite3.Connection) -> None:
    floor = Floor(CONTINENT)
    search = big.images.intersects(CONTINENT)
    assert search.count() == len(floor.ids(plain))
    in_turns("count of a continent, all products and times", search.count, lambda: len(floor.ids(plain)))


@pytest.mark.parametrize("name", [name for name in QUERIES if "newest" not in name])
def test_first_ten_objects(in_turns, big: Catalog, plain: sqlite3.Connection, name: str) -> None:
    build, floor = QUERIES[name]
    columns = ", ".join(row[1] for row in plain.execute("PRAGMA table_info(image)"))

    def rows() -> list[tuple]:
        return [
            plain.execute(f"SELECT {columns} FROM image WHERE uid = ?", (uid,)).fetchone()
            for uid in floor.ids(plain)[:10]
        ]

    assert [image.id for image in build(big.images).limit(10)] == [row[2] for row in rows()]
    in_turns(f"ten objects {name}", list, lambda _: rows(), prepare=lambda: build(big.images).limit(10))


def test_q6_count_on_a_continent(in_turns, big: Catalog, plain: sqlite3.Connection) -> None:
    floor = Floor(CONTINENT, LARGEST, YEAR)
    search = big.images.filter(OF_LARGEST & dates(*YEAR)).intersects(CONTINENT)
    assert search.count() == len(floor.ids(plain))
    in_turns("count q6_product_continent_year", search.count, lambda: len(floor.ids(plain)))


def test_count_of_a_product(in_turns, big: Catalog, plain: sqlite3.Connection) -> None:
    search = big.images.filter(OF_LARGEST)

    def floor() -> int:
        return plain.execute("SELECT count(*) FROM image WHERE product_id = ?", (LARGEST,)).fetchone()[0]

    assert search.count() == floor()
    in_turns("count of the largest product", search.count, floor)


def test_summary_of_a_product(in_turns, big: Catalog, plain: sqlite3.Connection) -> None:
    search = big.images.filter(OF_LARGEST)

    def floor() -> tuple[int, int]:
        sql = "SELECT count(*), sum(size_bytes) FROM image WHERE product_id = ?"
        return plain.execute(sql, (LARGEST,)).fetchone()

    summary = search.summary()
    assert (summary.count, summary.bytes) == floor()
    in_turns("summary of the largest product", search.summary, floor)


def test_months_of_a_product(in_turns, big: Catalog, plain: sqlite3.Connection) -> None:
    search = big.images.filter(OF_LARGEST)
    starts = [to_microseconds(f"{year}-{month:02d}-01") for year in range(2012, 2026) for month in range(1, 13)]
    edges = list(zip(starts, [*starts[1:], to_microseconds("2026-01-01")], strict=True))

    def floor() -> list[tuple[int, int]]:
        sql = "SELECT count(*), sum(size_bytes) FROM image WHERE product_id = ? AND acquired >= ? AND acquired < ?"
        return [plain.execute(sql, (LARGEST, *edge)).fetchone() for edge in edges]

    months = search.summary_interval(interval="month")
    assert [(month.count, month.bytes) for month in months] == [found for found in floor() if found[0]]
    in_turns("months of the largest product", lambda: search.summary_interval(interval="month"), floor)


def test_listing_a_product(in_turns, big: Catalog, plain: sqlite3.Connection) -> None:
    search = big.images.filter(OF_LARGEST).limit(100_000)
    columns = selected("image", Image._in_brief)  # what a search reads at once
    sql = f"SELECT {columns} FROM image WHERE product_id = ? ORDER BY name LIMIT 100000"
    place = 2 + Image._in_brief.index("id")

    def ours() -> list[str | None]:
        return [image.id for image in search]

    def floor() -> list[str]:
        return [row[place] for row in plain.execute(sql, (LARGEST,))]

    assert ours() == floor()
    in_turns("list 100,000 images", ours, floor)


def test_getting_one_image(in_turns, big: Catalog, plain: sqlite3.Connection) -> None:
    (uid,) = big.images.limit(1).ids()
    columns = ", ".join(row[1] for row in plain.execute("PRAGMA table_info(image)"))

    def ours() -> str | None:
        image = Image.get(uid, catalog=big)
        return None if image is None else image.id

    def floor() -> str:
        return plain.execute(f"SELECT {columns} FROM image WHERE uid = ?", (uid,)).fetchone()[2]

    assert ours() == floor()
    in_turns("get one image", ours, floor)
