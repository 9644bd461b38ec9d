"""The same questions to the peers, where they are installed (extra [bench]); each gives the same answer first.

The peers hold their data as they like it best: geopandas in memory with its own index, DuckDB in a native table with
the boxes as columns (its spatial extension would have to be fetched), pystac as items in memory. pyogrio asks the
catalog file itself, as a GeoPackage. What they need to get there is not counted.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import shapely

from benchmarks import generator
from benchmarks.conftest import make_catalog
from localcat import Catalog
from localcat import properties as p

AREA = (10.0, 45.0, 10.2, 45.2)
START, END = datetime.datetime(2017, 1, 1), datetime.datetime(2018, 1, 1)
PRODUCT = "bench:p00"
STAC_ITEMS = 2000  # a scan of them takes time
PEERS = ("localcat", "geopandas", "pyogrio", "duckdb")


def search(catalog: Catalog) -> Any:
    return catalog.images.filter((p.product_id == PRODUCT) & (p.acquired >= START) & (p.acquired < END)).intersects(
        AREA
    )


@pytest.fixture(scope="module")
def table(big: Catalog) -> dict[str, list[Any]]:
    """Id, product, time and footprint of all images that have a footprint within ±180°."""
    sql = "SELECT i.uid, p.uid, i.acquired, i.geometry FROM image i JOIN product p ON p.id = i.product_id"
    with big.database.read() as connection:
        rows = connection.execute(f"{sql} WHERE i.geometry IS NOT NULL").fetchall()
    ids, products, times, blobs = (list(column) for column in zip(*rows, strict=True))
    return {"id": ids, "product": products, "acquired": times, "geometry": blobs}


def with_geopandas(big: Catalog, table: dict[str, list[Any]]) -> Callable[[], list[str]]:
    geopandas = pytest.importorskip("geopandas", reason="comes with the extra [bench]")
    columns = {"id": table["id"], "product": table["product"]}
    columns["acquired"] = numpy.array(table["acquired"], dtype="datetime64[us]")
    frame = geopandas.GeoDataFrame(columns, geometry=shapely.from_wkb(table["geometry"]), crs="EPSG:4326")
    area = shapely.box(*AREA)
    frame.sindex.query(area)

    def ask() -> list[str]:
        found = frame.iloc[frame.sindex.query(area, predicate="intersects")]
        found = found[(found["product"] == PRODUCT) & (found["acquired"] >= START) & (found["acquired"] < END)]
        return sorted(found["id"])

    return ask


def with_pyogrio(big: Catalog, table: dict[str, list[Any]]) -> Callable[[], list[str]]:
    pyogrio = pytest.importorskip("pyogrio", reason="comes with the extra [bench]")
    where = f"product_id = '{PRODUCT}' AND acquired >= '2017-01-01T00:00:00Z' AND acquired < '2018-01-01T00:00:00Z'"

    def ask() -> list[str]:
        _, _, blobs, fields = pyogrio.raw.read(
            big.path, layer="footprints", bbox=AREA, where=where, columns=["image_id"]
        )
        hits = shapely.intersects(shapely.box(*AREA), shapely.from_wkb(blobs))
        return sorted(fields[0][hits].tolist())

    return ask


def with_duckdb(big: Catalog, table: dict[str, list[Any]]) -> Callable[[], list[str]]:
    duckdb = pytest.importorskip("duckdb", reason="comes with the extra [bench]")
    pandas = pytest.importorskip("pandas", reason="comes with the extra [bench]")
    bounds = shapely.bounds(shapely.from_wkb(table["geometry"]))
    frame = pandas.DataFrame({**table, **dict(zip(("west", "south", "east", "north"), bounds.T, strict=True))})
    connection = duckdb.connect()
    connection.register("frame", frame)
    connection.execute("CREATE TABLE image AS SELECT * FROM frame ORDER BY product, acquired")
    west, south, east, north = AREA
    times = [int(moment.replace(tzinfo=datetime.UTC).timestamp() * 1e6) for moment in (START, END)]
    sql = (
        "SELECT id, geometry FROM image WHERE product = ? AND acquired >= ? AND acquired < ? "
        "AND east >= ? AND west <= ? AND north >= ? AND south <= ?"
    )

    def ask() -> list[str]:
        rows = connection.execute(sql, [PRODUCT, *times, west, east, south, north]).fetchall()
        shapes = shapely.from_wkb([bytes(blob) for _, blob in rows])
        hits = shapely.intersects(shapely.box(*AREA), shapes) if rows else []
        return sorted(uid for (uid, _), hit in zip(rows, hits, strict=True) if hit)

    return ask


@pytest.mark.parametrize("who", PEERS)
def test_small_area_and_a_year(benchmark, big: Catalog, table: dict[str, list[Any]], who: str) -> None:
    expected = search(big).ids()
    if who == "localcat":
        found = search(big)
        ask = found.ids
    else:
        ask = {"geopandas": with_geopandas, "pyogrio": with_pyogrio, "duckdb": with_duckdb}[who](big, table)
    assert ask() == expected
    benchmark.group = "peers: product, small area, a year"
    benchmark(ask)


@pytest.mark.parametrize("who", ["localcat", "pystac"])
def test_an_area_among_stac_items(benchmark, tmp_path: Path, who: str) -> None:
    pystac = pytest.importorskip("pystac", reason="comes with the extra [bench]")
    with make_catalog(tmp_path / "small.gpkg") as catalog:
        catalog.add_images(generator.records(STAC_ITEMS), progress=False)
        images = [image for image in catalog.images if image.geometry is not None]
        items = [
            pystac.Item(str(image.id), image.__geo_interface__, list(image.geometry.bounds), image.acquired, {})
            for image in images
        ]
        area = shapely.box(0, 0, 20, 20)
        search = catalog.images.intersects(area)

        def scan() -> list[str]:
            return [item.id for item in items if shapely.geometry.shape(item.geometry).intersects(area)]

        assert scan() == search.ids()
        benchmark.group = f"peers: an area among {STAC_ITEMS:,} images"
        benchmark(search.ids if who == "localcat" else scan)
