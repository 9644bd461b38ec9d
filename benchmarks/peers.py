"""Peers that hold the same images, each as it likes them best, and answer the same questions.

DuckDB has them in a table of its own with the boxes as columns, since its spatial extension would have to be fetched.
SpatiaLite keeps its file where LOCALCAT_BENCH_SPATIALITE names one: to fill it with a million takes minutes.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence, Sized
from pathlib import Path
from typing import Any, TypeAlias

import numpy
import shapely

from benchmarks.by_hand import Asked

Answer: TypeAlias = Callable[[Asked], Sized]
Held: TypeAlias = dict[str, numpy.ndarray]  # the columns below, and as geometry shapely's own

SQL = "SELECT uid, product_id, acquired, cloud_fraction, geometry FROM image ORDER BY id"


def held(connection: sqlite3.Connection) -> Held:
    """Return id, product, acquired, cloud_fraction (NaN where unset), WKB and footprint of all images."""
    ids, products, times, clouds, blobs = zip(*connection.execute(SQL), strict=True)
    wkb = numpy.array(blobs, dtype=object)
    return {
        "id": numpy.array(ids, dtype=object),
        "product": numpy.array(products),
        "acquired": numpy.array(times),
        "clouds": numpy.array(clouds, dtype=float),
        "wkb": wkb,
        "geometry": shapely.from_wkb(wkb),
    }


def in_memory(images: Held) -> Answer:
    """Answer from arrays, with shapely's tree for places and one order by product and time."""
    tree = shapely.STRtree(images["geometry"])
    order = numpy.lexsort((images["acquired"], images["product"]))
    products, times = images["product"][order], images["acquired"][order]
    columns = [images[name] for name in ("id", "acquired", "clouds", "wkb")]

    def answer(asked: Asked) -> list[tuple[Any, ...]]:
        if asked.box is not None:
            found = tree.query(shapely.box(*asked.box), predicate="intersects")
        else:
            first, end = numpy.searchsorted(products, [asked.product, (asked.product or 0) + 1])
            start, stop = first + numpy.searchsorted(times[first:end], asked.times)
            found = order[start:stop]
        hits = numpy.ones(len(found), dtype=bool)
        if asked.product is not None:
            hits &= images["product"][found] == asked.product
        if asked.times is not None:
            hits &= (images["acquired"][found] >= asked.times[0]) & (images["acquired"][found] < asked.times[1])
        if asked.clouds_below is not None:
            hits &= images["clouds"][found] < asked.clouds_below
        found = found[hits]
        if asked.newest is not None:
            found = found[numpy.argsort(-images["acquired"][found], kind="stable")[: asked.newest]]
        return list(zip(*(column[found].tolist() for column in columns), strict=True))

    return answer


def with_geopandas(images: Held) -> Answer:
    import geopandas  # of the extra [bench]

    columns = {name: images[name] for name in ("id", "product", "clouds")}
    columns["acquired"] = images["acquired"].astype("datetime64[us]")
    frame = geopandas.GeoDataFrame(columns, geometry=images["geometry"], crs="EPSG:4326")
    assert frame.sindex is not None

    def answer(asked: Asked) -> list[tuple[Any, ...]]:
        found = frame
        if asked.box is not None:
            found = frame.iloc[frame.sindex.query(shapely.box(*asked.box), predicate="intersects")]
        hits = numpy.ones(len(found), dtype=bool)
        if asked.product is not None:
            hits &= (found["product"] == asked.product).to_numpy()
        if asked.times is not None:
            start, end = (numpy.datetime64(one, "us") for one in asked.times)
            hits &= ((found["acquired"] >= start) & (found["acquired"] < end)).to_numpy()
        if asked.clouds_below is not None:
            hits &= (found["clouds"] < asked.clouds_below).to_numpy()
        found = found[hits]
        if asked.newest is not None:
            found = found.sort_values("acquired", ascending=False).head(asked.newest)
        return list(zip(found["id"], found["acquired"], found["clouds"], found.geometry, strict=True))

    return answer


def with_duckdb(images: Held) -> Answer:
    import duckdb  # of the extra [bench]
    import pyarrow

    boxes = dict(zip(("west", "south", "east", "north"), shapely.bounds(images["geometry"]).T, strict=True))
    columns = {name: pyarrow.array(images[name]) for name in ("id", "product", "acquired")}
    columns |= {name: pyarrow.array(values, from_pandas=True) for name, values in boxes.items()}
    columns["clouds"] = pyarrow.array(images["clouds"], from_pandas=True)
    columns["wkb"] = pyarrow.array(images["wkb"], pyarrow.binary())
    connection = duckdb.connect()
    connection.register("given", pyarrow.table(columns))
    connection.execute("CREATE TABLE image AS SELECT * FROM given ORDER BY product, acquired")

    def answer(asked: Asked) -> Sequence[tuple[Any, ...]]:
        conditions, params = _conditions(asked)
        if asked.box is not None:
            west, south, east, north = asked.box
            conditions.append("east >= ? AND west <= ? AND north >= ? AND south <= ?")
            params += [west, east, south, north]
        order = "" if asked.newest is None else " ORDER BY acquired DESC"
        sql = f"SELECT id, acquired, clouds, wkb FROM image WHERE {' AND '.join(conditions)}{order}"
        rows = connection.execute(sql, params).fetchall()
        if asked.box is not None and rows:
            area = shapely.box(*asked.box)
            shapely.prepare(area)
            hits = shapely.intersects(area, shapely.from_wkb(numpy.array([row[-1] for row in rows], dtype=object)))
            rows = [row for row, hit in zip(rows, hits.tolist(), strict=True) if hit]
        return rows if asked.newest is None else rows[: asked.newest]

    return answer


def with_spatialite(images: Held) -> Answer:
    from pysqlite3 import dbapi2  # of the extra [spatialite]; the module of Python itself may load no extensions

    kept = os.environ.get("LOCALCAT_BENCH_SPATIALITE")
    is_there = kept is not None and Path(kept).exists()
    connection = dbapi2.connect(kept or ":memory:", isolation_level=None, cached_statements=300)
    connection.enable_load_extension(True)
    connection.load_extension("mod_spatialite")
    connection.execute("PRAGMA cache_size = -32000")
    if not is_there:
        _fill(connection, images)

    def answer(asked: Asked) -> Sized:
        conditions, params = _conditions(asked, plus="" if asked.box is None else "+")
        if asked.box is not None:
            west, south, east, north = asked.box
            inside = "SELECT pkid FROM idx_image_geom WHERE xmax >= ? AND xmin <= ? AND ymax >= ? AND ymin <= ?"
            conditions.append(f"rowid IN ({inside}) AND ST_Intersects(geom, BuildMbr(?, ?, ?, ?, 4326))")
            params += [west, east, south, north, *asked.box]
        order = "" if asked.newest is None else f" ORDER BY acquired DESC LIMIT {asked.newest}"
        columns = "count(*)" if asked.only_count else "uid, acquired, clouds, ST_AsBinary(geom)"
        sql = f"SELECT {columns} FROM image WHERE {' AND '.join(conditions)}{order}"
        rows: list[tuple[Any, ...]] = connection.execute(sql, params).fetchall()
        return range(rows[0][0]) if asked.only_count else rows

    return answer


def _fill(connection: Any, images: Held) -> None:
    connection.execute("SELECT InitSpatialMetaData(1)").fetchall()
    connection.execute("CREATE TABLE image (id INTEGER PRIMARY KEY, uid TEXT, product INT, acquired INT, clouds REAL)")
    connection.execute("SELECT AddGeometryColumn('image', 'geom', 4326, 'GEOMETRY', 'XY')").fetchall()
    clouds = [None if value != value else value for value in images["clouds"].tolist()]
    columns = [images[name].tolist() for name in ("id", "product", "acquired")]
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO image (uid, product, acquired, clouds, geom) VALUES (?, ?, ?, ?, ST_GeomFromWKB(?, 4326))",
        zip(*columns, clouds, images["wkb"].tolist(), strict=True),
    )
    connection.execute("COMMIT")
    connection.execute("SELECT CreateSpatialIndex('image', 'geom')").fetchall()
    connection.execute("CREATE INDEX image_by_time ON image (product, acquired)")


def _conditions(asked: Asked, plus: str = "") -> tuple[list[str], list[Any]]:
    """Return what SQL asks beside the place; a plus keeps SQLite from the index of times."""
    conditions: list[str] = []
    params: list[Any] = []
    if asked.product is not None:
        conditions.append(f"{plus}product = ?")
        params.append(asked.product)
    if asked.times is not None:
        conditions.append(f"{plus}acquired >= ? AND {plus}acquired < ?")
        params += asked.times
    if asked.clouds_below is not None:
        conditions.append("clouds < ?")
        params.append(asked.clouds_below)
    return conditions, params


PEERS: dict[str, Callable[[Held], Answer]] = {
    "in memory": in_memory,
    "geopandas": with_geopandas,
    "DuckDB": with_duckdb,
    "SpatiaLite": with_spatialite,
}
