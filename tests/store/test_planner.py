"""Which index answers which search: the query plans, pinned on each SQLite at hand, with and without ANALYZE."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from types import ModuleType

import pytest
import shapely

from localcat import Catalog, Expression, Image
from localcat import properties as p
from localcat.search import ImageSearch, Search
from localcat.store.clauses import Clause
from localcat.store.query import planner
from localcat.timestamps import to_microseconds

try:
    import pysqlite3
except ImportError:  # installed with the extra [spatialite]
    pysqlite3 = None

SQLITES = [sqlite3] if pysqlite3 is None else [sqlite3, pysqlite3]
AREA = (2.0, 41.0, 2.5, 41.5)
DATES = (p.acquired >= "2017-01-01") & (p.acquired < "2018-01-01")
OF_PRODUCT = p.product_id == "acme:p3"


@pytest.fixture(scope="module")
def filled() -> Iterator[Catalog]:
    """20 products; the third has half of the 4,000 images."""
    with Catalog.temporary(org="acme") as catalog:
        with catalog.database.write() as transaction:
            execute = transaction.connection.execute
            for number in range(20):
                execute(
                    "INSERT INTO product (uid, name, created, modified) VALUES (?, ?, 0, 0)", (f"acme:p{number}", "x")
                )
            start, step = to_microseconds("2014-01-01"), 86_400_000_000
            for number in range(4000):
                product = 4 if number % 2 else number % 20 + 1
                uid, acquired = f"acme:p{product - 1}:i{number:04d}", start + number * step // 2
                lon, lat = number * 7 % 340 - 170.0, number * 13 % 160 - 80.0
                (row_id,) = execute(
                    "INSERT INTO image (uid, product_id, name, acquired, created, modified, cloud_fraction) "
                    "VALUES (?, ?, ?, ?, 0, 0, 0.1) RETURNING id",
                    (uid, product, uid.rpartition(":")[2], acquired),
                ).fetchone()
                execute("INSERT INTO image_index VALUES (?, ?, ?, ?, ?, 0, 0)", (row_id, lon, lon + 1, lat, lat + 1))
        yield catalog


def plan(module: ModuleType, catalog: Catalog, statement: tuple[str, tuple], analysis: str) -> str:
    """Return the plan of a statement, as one SQLite library makes it after an analysis."""
    connection = module.connect(f"file:{catalog.path}?mode=rw", uri=True, isolation_level=None)
    try:
        connection.create_function("localcat_like", 3, lambda *_: None)
        connection.execute("BEGIN")
        if analysis != "none":
            connection.execute(f"PRAGMA analysis_limit = {100 if analysis == 'limited' else 0}")
            connection.execute("ANALYZE")
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement[0]}", statement[1]).fetchall()
        connection.execute("ROLLBACK")
    finally:
        connection.close()
    return "\n".join(row[3] for row in rows)


every_sqlite = pytest.mark.parametrize("module", SQLITES, ids=lambda module: module.__name__)
every_analysis = pytest.mark.parametrize("analysis", ["none", "limited", "full"])


def counting(search: Search) -> tuple[str, tuple]:
    statement = planner.select(search._question(), "count(*)", ordered=False)
    return statement.sql, statement.params


def summarizing(search: ImageSearch) -> tuple[str, tuple]:
    columns = "image.product_id AS grouped, count(*), sum(image.size_bytes)"
    statement = planner.select(search._question(), columns, ordered=False, tail=Clause("GROUP BY grouped"))
    return statement.sql, statement.params


R_TREE = "SCAN image_index VIRTUAL TABLE INDEX 2:D1B0D3B2"
BY_ROW = "SEARCH image USING INTEGER PRIMARY KEY (rowid=?)"


@every_sqlite
@every_analysis
def test_area_product_and_dates_ask_the_rtree_as_a_box(filled: Catalog, module: ModuleType, analysis: str) -> None:
    search = filled.images.intersects(AREA).filter(OF_PRODUCT & DATES)
    found = plan(module, filled, search.to_sql(), analysis)
    assert found.count(f"{R_TREE}D5B4") == 2  # the box and its copy 360° to the east, both with time
    assert BY_ROW in found
    assert "image_by_time" not in found


@every_sqlite
@every_analysis
def test_an_area_alone_asks_the_rtree_as_a_box(filled: Catalog, module: ModuleType, analysis: str) -> None:
    found = plan(module, filled, filled.images.intersects(AREA).to_sql(), analysis)
    assert found.count(R_TREE) == 2
    assert BY_ROW in found


@every_sqlite
@every_analysis
def test_product_and_dates_ask_the_time_index(filled: Catalog, module: ModuleType, analysis: str) -> None:
    found = plan(module, filled, filled.images.filter(OF_PRODUCT & DATES).to_sql(), analysis)
    assert "SEARCH image USING COVERING INDEX image_by_time (product_id=? AND acquired>? AND acquired<?)" in (
        found.replace("USING INDEX image_by_time", "USING COVERING INDEX image_by_time")
    )
    assert "image_index" not in found


@every_sqlite
@every_analysis
def test_counting_and_summing_read_the_index_alone(filled: Catalog, module: ModuleType, analysis: str) -> None:
    search = filled.images.filter(OF_PRODUCT & DATES & (p.cloud_fraction < 0.2))
    covering = "SEARCH image USING COVERING INDEX image_by_time (product_id=? AND acquired>? AND acquired<?)"
    assert covering in plan(module, filled, counting(search), analysis)
    assert covering in plan(module, filled, summarizing(search), analysis)


@every_sqlite
@every_analysis
def test_images_of_a_product_come_in_order_without_sorting(filled: Catalog, module: ModuleType, analysis: str) -> None:
    found = plan(module, filled, filled.images.filter(OF_PRODUCT).to_sql(), analysis)
    assert "TEMP B-TREE" not in found


@every_sqlite
@every_analysis
def test_the_newest_of_a_product_stop_early(filled: Catalog, module: ModuleType, analysis: str) -> None:
    found = plan(module, filled, filled.images.filter(OF_PRODUCT).sort("-acquired").limit(10).to_sql(), analysis)
    assert "image_by_time (product_id=?)" in found
    assert "TEMP B-TREE FOR ORDER BY" not in found


TIME_RANGE = "image_by_time (product_id=? AND acquired>? AND acquired<?)"
DAY = (p.acquired >= "2015-06-01") & (p.acquired < "2015-06-02")


@every_sqlite
@every_analysis
@pytest.mark.parametrize(
    "where",
    [
        DAY,
        DAY & p.product_id.prefix("acme:p1"),
        DAY & p.product_id.any_of(["acme:p1", "acme:p2"]),
        p.acquired.year == 2015,
    ],
    ids=str,
)
def test_a_short_time_in_several_products_asks_the_time_index(
    filled: Catalog, module: ModuleType, analysis: str, where: Expression
) -> None:
    search = filled.images.filter(where)
    assert TIME_RANGE in plan(module, filled, search.to_sql(), analysis)
    statement = search._select("count(*)")
    assert f"COVERING INDEX {TIME_RANGE}" in plan(module, filled, (statement.sql, statement.params), analysis)


def test_a_long_time_in_all_products_reads_every_row(filled: Catalog) -> None:
    assert plan(sqlite3, filled, filled.images.filter(p.acquired > "2014-06-01").to_sql(), "none").startswith(
        "SCAN image"
    )


@every_sqlite
@every_analysis
@pytest.mark.parametrize("order", ["acquired", "-acquired"])
@pytest.mark.parametrize("where", [None, p.cloud_fraction < 0.5, p.product_id.any_of(["acme:p1", "acme:p3"])], ids=str)
def test_the_newest_of_several_products_are_taken_of_each(
    filled: Catalog, module: ModuleType, analysis: str, order: str, where: Expression | None
) -> None:
    search = filled.images if where is None else filled.images.filter(where)
    found = plan(module, filled, search.sort(order).limit(10).to_sql(), analysis).splitlines()
    assert "product" in found[0]
    assert found[1] == BY_ROW
    assert "image_by_time (product_id=?)" in found[-3]  # each product by itself, in the order of the index
    assert not any(line.startswith("SCAN image") for line in found)


@every_sqlite
@every_analysis
@pytest.mark.parametrize(
    "where",
    [
        p.geometry.within(AREA),
        p.geometry.contains(AREA),
        p.geometry.covered_by(AREA),
        p.geometry.within_distance(AREA, 5_000),
        p.geometry.intersects(AREA) & OF_PRODUCT,
        p.geometry.intersects(AREA) | p.geometry.intersects((50, 50, 51, 51)),
    ],
    ids=str,
)
def test_conditions_on_a_place_ask_the_rtree_as_a_box(
    filled: Catalog, module: ModuleType, analysis: str, where: Expression
) -> None:
    found = plan(module, filled, filled.images.filter(where).to_sql(), analysis)
    assert R_TREE in found
    assert BY_ROW in found
    assert "SCAN image\n" not in found


@every_sqlite
@every_analysis
def test_images_inside_a_rectangle_are_counted_in_the_rtree_alone(
    filled: Catalog, module: ModuleType, analysis: str
) -> None:
    question = filled.images.intersects((-30, -10, 40, 40))._question()
    assert planner.is_told_by_boxes(question)
    statement = planner.count_inside(question)
    found = plan(module, filled, (statement.sql, statement.params), analysis)
    assert "SCAN image_index VIRTUAL TABLE INDEX 2:D0B1D2B3" in found
    assert "image " not in found.replace("image_index ", "")


@pytest.mark.parametrize(
    ("area", "is_told"),
    [
        ((-30, -10, 40, 40), True),
        ((170, -10, -170, 40), True),  # across the antimeridian
        ((-180, -90, 180, 90), True),
        ((-180, 60, 180, 90), True),
        ((10, 60, 40, 90), False),  # to the pole, where others are that have no box in this one
        ((170, 60, -170, 90), False),
        ((170, -90, -170, 40), False),
        ((0, 0, 4, 4), False),  # too small to pay
        (shapely.Polygon([(0, 0), (20, 0), (20, 20)]), False),
        (shapely.box(0, 0, 20, 20) - shapely.box(5, 5, 6, 6), False),
        (shapely.union_all([shapely.box(0, 0, 20, 20), shapely.box(30, 0, 50, 20)]), False),
        (shapely.Point(0, 0), False),
    ],
    ids=str,
)
def test_boxes_tell_of_rectangles_only(filled: Catalog, area: object, is_told: bool) -> None:
    assert planner.is_told_by_boxes(filled.images.intersects(area)._question()) is is_told


def test_an_id_is_looked_up(filled: Catalog) -> None:
    found = plan(sqlite3, filled, filled.images.filter(p.id == "acme:p3:i0001").to_sql(), "none")
    assert "(uid=?)" in found
    assert Image.get("acme:p3:i0001", catalog=filled) is not None


def test_golden_statement() -> None:
    with Catalog.temporary() as catalog:
        search = catalog.images.filter((p.product_id == "a") & (p.cloud_fraction < 0.2)).sort("-acquired").limit(3)
        assert search.to_sql() == (
            "SELECT image.id FROM image "
            "WHERE (image.product_id = ifnull((SELECT id FROM product WHERE uid = ?), 0) AND image.cloud_fraction < ?) "
            "ORDER BY image.acquired DESC NULLS LAST, image.name LIMIT ?",
            ("a", 0.2, 3),
        )


def test_searches_that_differ_in_values_alone_share_their_text(filled: Catalog) -> None:
    def asked(product: str, day: str, area: tuple[float, float, float, float]) -> ImageSearch:
        found = filled.images.filter((p.product_id == product) & (p.acquired >= day)).intersects(area)
        return found.sort("-acquired").limit(3)

    one, other = asked("acme:p3", "2017-01-01", AREA), asked("acme:p4", "2018-01-01", (5.0, 5.0, 6.0, 6.0))
    assert one.to_sql()[0] is other.to_sql()[0]  # sqlite3 recognises the string, and its statement
    assert one.to_sql()[1] != other.to_sql()[1]
    across = asked("acme:p3", "2017-01-01", (179.0, 5.0, -179.0, 6.0))  # in other boxes of the index
    assert across.to_sql()[0] != one.to_sql()[0]
