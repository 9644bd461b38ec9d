"""SpatiaLite, where the machine has it: its answers are those of shapely and PROJ."""

from __future__ import annotations

import pickle
import random
import re
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy
import pyproj
import pytest
import shapely

from localcat import Catalog, Product
from localcat import properties as p
from localcat.errors import (
    BadRequestError,
    CatalogError,
    MissingLibraryError,
    QueryError,
    QueryTimeoutError,
    ReadOnlyCatalogError,
)
from localcat.store.asking import extension, spatialite
from localcat.store.file import journal
from tests.small_catalog import add_images_around_a_square, make_product

try:
    spatialite.find()
    WHY = ""
except MissingLibraryError as error:
    WHY = str(error)
needs_spatialite = pytest.mark.skipif(bool(WHY), reason=WHY)
COUNT = 1000
ENDLESS = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT sum(x) FROM n"
AREA = (-30.0, -20.0, 40.0, 50.0)  # west, south, east, north


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of a thousand footprints, each tenth of them across the antimeridian."""
    path, chance = tmp_path_factory.mktemp("spatialite") / "many.gpkg", random.Random(17)
    with Catalog.create(path, org="acme") as catalog:
        make_product("s2", catalog=catalog)
        catalog.add_images(_records(chance), progress=False)
    return path


def _records(chance: random.Random) -> Iterator[dict[str, Any]]:
    for number in range(COUNT):
        lat, lean = chance.uniform(-75, 75), chance.uniform(-1, 1)
        if number % 10 == 0:
            geometry: Any = (chance.uniform(177, 179.9), lat, chance.uniform(-179.9, -177), lat + 2)
        else:
            lon = chance.uniform(-178, 174)
            corners = [(lon, lat), (lon + 2, lat + lean), (lon + 3, lat + 2 + lean), (lon + 0.5, lat + 2)]
            geometry = shapely.Polygon(corners)
        yield {"product_id": "acme:s2", "name": f"i{number:04}", "geometry": geometry, "acquired": "2024-01-01"}


@pytest.fixture
def asked(many: Path) -> Iterator[Catalog]:
    with Catalog.open(many, spatialite=True) as catalog:
        yield catalog


def footprints(catalog: Catalog) -> dict[str, Any]:
    return {str(image.name): image.geometry for image in catalog.images}


def answers(catalog: Catalog, expression: str, params: Any = ()) -> dict[str, Any]:
    return {row["name"]: row["x"] for row in catalog.sql(f"SELECT name, {expression} AS x FROM footprints", params)}


@needs_spatialite
def test_areas_and_lengths_are_those_of_shapely(asked: Catalog) -> None:
    shapes = footprints(asked)
    assert len(shapes) == COUNT
    assert sum(shape.geom_type == "MultiPolygon" for shape in shapes.values()) == COUNT // 10
    assert answers(asked, "ST_Area(geometry)") == pytest.approx({name: one.area for name, one in shapes.items()})
    assert answers(asked, "ST_Perimeter(geometry)") == pytest.approx({n: one.length for n, one in shapes.items()})


@needs_spatialite
def test_intersections_are_those_of_shapely_and_of_a_search(asked: Catalog) -> None:
    shapes, box = footprints(asked), shapely.box(*AREA)
    meeting = answers(asked, "ST_Intersects(geometry, BuildMbr(?, ?, ?, ?, 4326))", AREA)
    assert meeting == {name: int(one.intersects(box)) for name, one in shapes.items()}
    found = {image.name for image in asked.images.intersects(AREA)}
    assert {name for name, meets in meeting.items() if meets == 1} == found
    assert 50 < len(found) < COUNT / 2
    common = answers(asked, "ST_Area(ST_Intersection(geometry, BuildMbr(?, ?, ?, ?, 4326)))", AREA)
    expected = {name: one.intersection(box).area for name, one in shapes.items()}
    assert {name: area or 0.0 for name, area in common.items()} == pytest.approx(expected)


@needs_spatialite
def test_distances_are_those_of_shapely_and_proj(asked: Catalog) -> None:
    shapes, point = footprints(asked), shapely.Point(11.5, 48.1)
    planar = answers(asked, "ST_Distance(geometry, MakePoint(11.5, 48.1, 4326))")
    assert planar == pytest.approx({name: one.distance(point) for name, one in shapes.items()})
    geod = pyproj.Geod(ellps="WGS84")
    metres = answers(asked, "ST_Distance(ST_Centroid(geometry), MakePoint(11.5, 48.1, 4326), 1)")
    expected = {n: geod.inv(one.centroid.x, one.centroid.y, point.x, point.y)[2] for n, one in shapes.items()}
    assert metres == pytest.approx(expected, rel=1e-6)


@needs_spatialite
@pytest.mark.parametrize("code", [3857, 6933, 8857])  # the last is newer than the list of SpatiaLite 5.0
def test_transforms_are_those_of_proj(asked: Catalog, code: int) -> None:
    to = pyproj.Transformer.from_crs(4326, code, always_xy=True).transform
    shapes = footprints(asked)
    expected = {n: shapely.transform(one, lambda xy: numpy.column_stack(to(*xy.T))) for n, one in shapes.items()}
    found = answers(asked, f"ST_AsBinary(ST_Transform(geometry, {code}))")
    assert found.keys() == expected.keys()
    for name, blob in found.items():
        shape = shapely.from_wkb(blob)
        assert shape.geom_type == expected[name].geom_type
        assert shapely.get_coordinates(shape) == pytest.approx(
            shapely.get_coordinates(expected[name]), rel=1e-9, abs=1e-3
        )
    areas = answers(asked, f"ST_Area(ST_Transform(geometry, {code}))")
    assert areas == pytest.approx({name: one.area for name, one in expected.items()}, rel=1e-6)


@needs_spatialite
def test_our_own_functions_and_views_are_there_too(asked: Catalog) -> None:
    sql = """
        SELECT f.name, lc_area_km2(f.geometry) AS own, ST_Area(ST_Transform(f.geometry, 6933)) / 1e6 AS flat
        FROM footprints AS f JOIN images AS i USING (image_id)
        WHERE f.rowid IN (
            SELECT id FROM rtree_footprints_geometry WHERE maxx >= 10 AND minx <= 12 AND maxy >= 40 AND miny <= 60
        )
    """
    found = asked.sql(sql)
    assert found
    assert [row["flat"] for row in found] == pytest.approx([row["own"] for row in found], rel=1e-2)  # of a sphere


@needs_spatialite
def test_threads_and_pickles_have_it(asked: Catalog) -> None:
    found: list[Any] = []
    work = threading.Thread(target=lambda: found.append(asked.sql("SELECT ST_Area(BuildMbr(0, 0, 2, 2)) AS x")))
    work.start()
    work.join()
    with pickle.loads(pickle.dumps(asked)) as again:
        found.append(again.sql("SELECT ST_Area(BuildMbr(0, 0, 2, 2)) AS x"))
    assert found == [[{"x": 4.0}]] * 2


@needs_spatialite
@pytest.mark.parametrize(
    ("query", "error", "message"),
    [
        ("SELECT ST_Foo(1)", QueryError, "no such function: ST_Foo"),
        ("SELECT lc_wkt(5)", QueryError, "lc_wkt: 5 is neither a footprint"),
        ("SELECT ST_Transform(geometry, 99999) FROM footprints", QueryError, "unable to find the destination SRID"),
        ("DELETE FROM image", QueryError, "not authorized"),
        ("SELECT load_extension('x')", QueryError, "not authorized"),
        ("SELECT DropTable(NULL, 'image')", QueryError, "DropTable exception"),
        ("SELECT BlobToFile(x'00', 'leak')", QueryError, "no such function: BlobToFile"),
        (
            "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT sum(x) FROM n",
            QueryTimeoutError,
            "longer",
        ),
    ],
)
def test_it_reads_and_nothing_else(asked: Catalog, query: str, error: type[Exception], message: str) -> None:
    before = asked.path.read_bytes()
    with pytest.raises(error, match=message):
        asked.sql(query, timeout=0.3)
    assert asked.sql("SELECT count(*) AS n FROM images") == [{"n": COUNT}]
    with pytest.raises(ReadOnlyCatalogError, match="open for reading only"):
        Product(id="x", name="x", catalog=asked).save()
    assert asked.path.read_bytes() == before


@needs_spatialite
def test_it_sees_what_other_programs_commit(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "c.gpkg", org="acme") as writer, Catalog.open(writer.path, spatialite=True) as asked:
        assert asked.sql("SELECT count(*) AS n FROM footprints") == [{"n": 0}]
        add_images_around_a_square(writer)
        assert asked.sql("SELECT count(ST_Area(geometry)) AS n FROM footprints") == [{"n": 7}]


def test_a_catalog_from_a_stranger_is_refused(many: Path) -> None:
    with pytest.raises(BadRequestError, match="spatialite=True needs a catalog that is trusted"):
        Catalog.open(many, spatialite=True, trusted=False)


def test_a_missing_library_is_named(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extension, "_EXTENSION", "mod_that_is_nowhere")
    if hasattr(sqlite3.Connection, "enable_load_extension") or find_spec("pysqlite3"):
        with pytest.raises(MissingLibraryError, match=re.escape("install it (libsqlite3-mod-spatialite on Debian")):
            extension.find()
    answer = spatialite.Missing("SpatiaLite's mod_spatialite is not on this machine; install it")
    spatialite.find.cache_clear()
    monkeypatch.setattr(spatialite.pickle, "load", lambda pipe: answer)
    with pytest.raises(MissingLibraryError, match="is not on this machine; install it"):
        Catalog.open(many, spatialite=True)


def test_a_program_with_python_inside_starts_no_other_of_its_kind(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spatialite.find.cache_clear()
    monkeypatch.setattr(sys, "executable", "/opt/qgis/bin/qgis-bin")
    with pytest.raises(MissingLibraryError, match="this program is '.*qgis-bin'; ask from python itself"):
        Catalog.open(many, spatialite=True)


@needs_spatialite
def test_other_libraries_with_a_geos_of_their_own_can_be_imported_afterwards(many: Path) -> None:
    """In one process they would take those of the system for theirs, and crash."""
    program = """
        import sys
        from localcat import Catalog
        with Catalog.open(sys.argv[1], spatialite=True) as catalog:
            area = catalog.sql("SELECT ST_Area(ST_Transform(BuildMbr(0, 0, 1, 1, 4326), 6933)) AS x")[0]["x"]
            import pyogrio, pyproj, rasterio.warp, shapely
            assert len(pyogrio.list_drivers()) > 10
            to = pyproj.Transformer.from_crs(4326, 6933, always_xy=True).transform
            x, y = to(1, 1)
            print(abs(area - x * y) < 1, catalog.sql("SELECT ST_Area(BuildMbr(0, 0, 2, 2)) AS x"))
    """
    assert program_of(program, many) == "True [{'x': 4.0}]\n"


@needs_spatialite
def test_a_program_without_a_main_guard_may_ask(many: Path) -> None:
    program = """
        import sys
        from localcat import Catalog
        print(Catalog.open(sys.argv[1], spatialite=True).sql("SELECT ST_Area(BuildMbr(0, 0, 2, 2)) AS x"))
    """
    assert program_of(program, many) == "[{'x': 4.0}]\n"


def program_of(text: str, path: Path) -> str:
    """Run a program on a catalog, with warnings as errors; return what it prints."""
    words = [sys.executable, "-W", "error", "-c", textwrap.dedent(text), str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@needs_spatialite
def test_a_process_that_dies_is_told_and_begun_again(asked: Catalog) -> None:
    assert asked.sql("SELECT 1 AS x") == [{"x": 1}]
    asked.database._session().beside._process.kill()
    asked.database._session().beside._process.wait()
    assert asked.sql("SELECT 2 AS x") == [{"x": 2}]
    process = asked.database._session().beside
    process._process.kill()
    with pytest.raises(CatalogError, match="the process with SpatiaLite ended before its answer; ask again"):
        process.rows("SELECT 3", (), None)
    assert asked.sql("SELECT 4 AS x") == [{"x": 4}]


@needs_spatialite
def test_no_process_is_left_behind(many: Path) -> None:
    with Catalog.open(many, spatialite=True) as catalog:
        catalog.sql("SELECT 1")
        process = catalog.database._session().beside._process
    assert process.poll() == 0


@needs_spatialite
def test_a_write_ahead_log_is_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is committed is seen by the next query, and the log is gone when the last one is closed."""
    monkeypatch.setattr(journal, "FIRST_SAFE", (3, 37))  # one writer does not meet what older releases do wrong
    Catalog.create(tmp_path / "c.gpkg", org="acme").close()
    counted = "SELECT count(ST_Area(geometry)) AS n FROM footprints"
    with Catalog.open(tmp_path / "c.gpkg", journal="wal") as writer:
        add_images_around_a_square(writer)
        with Catalog.open(writer.path, spatialite=True) as asked:
            assert asked.sql(counted) == [{"n": 7}]
            writer.images.filter(p.name == "inside").first().delete()
            assert asked.sql(counted) == [{"n": 6}]
            assert (tmp_path / "c.gpkg-wal").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.data", "c.gpkg"]
    with Catalog.open(tmp_path / "c.gpkg", spatialite=True) as asked:
        assert asked.sql(counted) == [{"n": 6}]


@needs_spatialite
def test_values_that_are_none_of_sqlite(asked: Catalog) -> None:
    with pytest.raises(QueryError, match="a parameter of the query is no value of SQLite"):
        asked.sql("SELECT ?", [lambda: 1])
    with pytest.raises(QueryError, match="unsupported type|type 'complex' is not supported"):
        asked.sql("SELECT ?", [1j])
    assert asked.sql("SELECT :x AS x, :y AS y", {"x": None, "y": b"z"}) == [{"x": None, "y": b"z"}]
