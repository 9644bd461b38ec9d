"""Schemas that localcat did not write: refused with the object's name, and without a byte written."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from pathlib import Path

import numpy
import pyogrio
import pytest
import shapely

from localcat import (
    Catalog,
    CorruptCatalogError,
    Image,
    LocalcatError,
    Product,
    UnsupportedCatalogError,
    UntrustedCatalogError,
)
from tests.journals import naming

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id, 'x' AS uid FROM n"


def edited(where: str, change: str) -> str:
    """Return a script that changes rows of sqlite_schema behind SQLite's back."""
    return f"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET {change} WHERE {where};"


def forged(*values: str) -> str:
    """Return a script that puts a row (type, name, tbl_name, rootpage, sql) into sqlite_schema."""
    return f"PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES ({', '.join(values)});"


EVIL_TRIGGER = "'CREATE TRIGGER evil AFTER INSERT ON image BEGIN DELETE FROM product; END'"

# What was done to a catalog, and the object that the error names.
HOSTILE = {
    "trigger on a table": (
        "CREATE TRIGGER evil AFTER INSERT ON image BEGIN DELETE FROM product; END",
        "trigger 'evil'",
    ),
    "trigger before a delete": (
        "CREATE TRIGGER evil BEFORE DELETE ON product BEGIN SELECT RAISE(IGNORE); END",
        "trigger 'evil'",
    ),
    "trigger of some columns": (
        "CREATE TRIGGER evil AFTER UPDATE OF href ON image_file BEGIN UPDATE image_file SET owned = 0; END",
        "trigger 'evil'",
    ),
    "trigger on a view": (
        "CREATE TRIGGER evil INSTEAD OF INSERT ON products BEGIN SELECT 1; END",
        "trigger 'evil'",
    ),
    "trigger on a part of the full text": (
        "CREATE TRIGGER evil AFTER INSERT ON image_text_data BEGIN SELECT 1; END",
        "trigger 'evil'",
    ),
    "trigger on a part of the R-tree": (
        "CREATE TRIGGER evil AFTER INSERT ON image_index_rowid BEGIN SELECT 1; END",
        "trigger 'evil'",
    ),
    "trigger on a shared table": (
        "CREATE TRIGGER evil AFTER INSERT ON gpkg_contents BEGIN DELETE FROM image; END",
        "trigger 'evil'",
    ),
    "trigger with a name that misleads": (
        'CREATE TRIGGER "x ON other" AFTER INSERT /* on other */ ON -- other\n [IMAGE] BEGIN SELECT 1; END',
        "trigger 'x ON other'",
    ),
    "one of our triggers does something else": (
        "DROP TRIGGER rtree_footprints_geometry_delete;"
        "CREATE TRIGGER rtree_footprints_geometry_delete INSTEAD OF DELETE ON footprints BEGIN DELETE FROM image; END",
        "trigger 'rtree_footprints_geometry_delete'",
    ),
    "one of our triggers is gone": (
        "DROP TRIGGER rtree_footprints_geometry_update1",
        "trigger 'rtree_footprints_geometry_update1'",
    ),
    "a view in place of a table": (
        "DROP TABLE trash; CREATE VIEW trash AS SELECT '../../precious' AS href",
        "table 'trash'",
    ),
    "an endless view": (f"DROP VIEW products; CREATE VIEW products AS {ENDLESS}", "view 'products'"),
    "a view that shows other rows": (
        "DROP VIEW products; CREATE VIEW products AS SELECT id AS fid, uid AS product_id, name, NULL FROM product",
        "view 'products'",
    ),
    "a virtual table in place of a table": (
        "DROP TABLE image_tag; CREATE VIRTUAL TABLE image_tag USING fts5 (tag, image_id)",
        "table 'image_tag'",
    ),
    "a table in place of the R-tree": (
        "DROP TABLE image_index;CREATE TABLE image_index (id, min_lon, max_lon, min_lat, max_lat, min_time, max_time)",
        "table 'image_index'",
    ),
    "an R-tree of another kind": (
        "DROP TABLE image_index; CREATE VIRTUAL TABLE image_index USING rtree_i32 ("
        "id, min_lon, max_lon, min_lat, max_lat, min_time, max_time)",
        "table 'image_index'",
    ),
    "a full text of another table": (
        "DROP TABLE image_text;"
        "CREATE VIRTUAL TABLE image_text USING fts5 (name, tags, content = 'meta', content_rowid = 'key')",
        "table 'image_text'",
    ),
    "a generated column": (
        "DROP TABLE trash; CREATE TABLE trash (href TEXT PRIMARY KEY, "
        "other TEXT GENERATED ALWAYS AS (hex(zeroblob(500000000))) STORED) STRICT, WITHOUT ROWID",
        "table 'trash'",
    ),
    "an added column": ("ALTER TABLE image ADD COLUMN evil TEXT DEFAULT 'x'", "table 'image'"),
    "an added generated column in a shared table": (
        "ALTER TABLE gpkg_contents ADD COLUMN evil TEXT AS (hex(zeroblob(500000000)))",
        "table 'gpkg_contents'",
    ),
    "a view in place of a shared table": (
        "PRAGMA foreign_keys = OFF; DROP TABLE gpkg_extensions; CREATE VIEW gpkg_extensions AS SELECT 1 AS table_name",
        "table 'gpkg_extensions'",
    ),
    "a table without its checks": (
        "DROP TABLE upload_event; CREATE TABLE upload_event (id INTEGER PRIMARY KEY, upload_id INTEGER)",
        "table 'upload_event'",
    ),
    "a partial index in place of ours": (
        "DROP INDEX image_by_time; CREATE INDEX image_by_time ON image "
        "(product_id, acquired, cloud_fraction, size_bytes) WHERE acquired > 0",
        "index 'image_by_time'",
    ),
    "an index that is gone": ("DROP INDEX image_file_by_href", "index 'image_file_by_href'"),
    "an index on other columns": (
        "DROP INDEX image_by_time; CREATE INDEX image_by_time ON image (name)",
        "index 'image_by_time'",
    ),
    "a foreign unique index": ("CREATE UNIQUE INDEX evil ON image (satellite_id)", "index 'evil'"),
    "a foreign index of an expression": (
        "CREATE INDEX evil ON image (hex(zeroblob(length(name) * 1000000)))",
        "index 'evil'",
    ),
    "a foreign partial index": ("CREATE INDEX evil ON image_file (href) WHERE owned = 0", "index 'evil'"),
    "a part of the full text made anew": (
        "PRAGMA writable_schema = ON; DROP TABLE image_text_config;"
        "CREATE TABLE image_text_config (k PRIMARY KEY, v, w) WITHOUT ROWID",
        "table 'image_text_config'",
    ),
    "a part of the full text is gone": (
        "PRAGMA writable_schema = ON; DROP TABLE band_text_docsize",
        "table 'band_text_docsize'",
    ),
    "a check taken out behind SQLite's back": (
        edited("name = 'image_file'", "sql = replace(sql, 'CHECK (owned IN (0, 1))', '')"),
        "table 'image_file'",
    ),
    "a view changed behind SQLite's back": (
        edited("name = 'footprints'", f"sql = 'CREATE VIEW footprints AS {ENDLESS.replace(chr(39), chr(39) * 2)}'"),
        "view 'footprints'",
    ),
    "a trigger that says it were a table": (forged("'table'", "'evil'", "'evil'", "0", EVIL_TRIGGER), "evil"),
    "a trigger that says it sat elsewhere": (
        "CREATE TABLE other (x);" + forged("'trigger'", "'evil'", "'other'", "0", EVIL_TRIGGER),
        "evil",
    ),
    "a statement after a NUL": (
        "CREATE TABLE other (x);"
        + forged("'table'", "'evil'", "'evil'", "0", "'CREATE TABLE evil (x)' || char(0) || 'ON image'"),
        "table 'evil'",
    ),
    "statistics that are a view": (
        forged(
            "'view'", "'sqlite_stat1'", "'sqlite_stat1'", "0", "'CREATE VIEW sqlite_stat1 AS SELECT 1 AS tbl, 2 AS idx'"
        ),
        "sqlite_stat1",
    ),
    "a table that shares the pages of ours": (
        "CREATE TABLE other (x);"
        + edited("name = 'other'", "rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'product')"),
        "share their pages",
    ),
    "indexes that changed places": (
        edited("name = 'image_by_time'", "sql = (SELECT sql FROM sqlite_schema WHERE name = 'upload_by_image')"),
        "image_by_time",
    ),
    "the settings are a view": (
        f"ALTER TABLE meta RENAME TO other; CREATE VIEW meta AS {ENDLESS}",
        "no localcat catalog",
    ),
    "the settings are a virtual table": (
        "ALTER TABLE meta RENAME TO other; CREATE VIRTUAL TABLE meta USING fts5 (key, value)",
        "no localcat catalog",
    ),
    "a hundred thousand settings": (
        "CREATE TABLE m (key TEXT, value TEXT); DROP TABLE meta; ALTER TABLE m RENAME TO meta;"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) INSERT INTO meta "
        "SELECT i, i FROM n",
        "no localcat catalog",
    ),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A catalog of one product and one image."""
    path = tmp_path_factory.mktemp("made") / "survey.gpkg"
    with Catalog.create(path, org="acme") as catalog:
        product = Product(id="x", name="X", tags=["a"], catalog=catalog)
        product.save()
        Image(product=product, name="a", acquired="2020-02-29", geometry=(1, 2, 3, 4), tags=["b"]).save()
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path, made: bytes) -> Path:
    path = tmp_path / "survey.gpkg"
    path.write_bytes(made)
    return path


def change(path: Path, script: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def state(path: Path) -> tuple[list[str], str, int]:
    names = sorted(item.name for item in path.parent.iterdir())
    return names, hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("read_only", [False, True], ids=["writing", "reading"])
def test_a_hostile_schema_is_refused_and_nothing_is_written(path: Path, name: str, read_only: bool) -> None:
    script, expected = HOSTILE[name]
    change(path, script)
    before = state(path)
    # SQLite itself finds some of the forged entries.
    with pytest.raises((UntrustedCatalogError, UnsupportedCatalogError, CorruptCatalogError)) as raised:
        Catalog.open(path, read_only=read_only)
    assert expected in str(raised.value)
    assert str(path) in str(raised.value)
    assert state(path) == before


def test_it_is_checked_in_each_process_thread_and_open(path: Path) -> None:
    with Catalog.open(path) as catalog:
        assert catalog.images.count() == 1
        change(path, HOSTILE["trigger on a table"][0])
        with pytest.raises(UntrustedCatalogError, match="the foreign trigger 'evil' sits on 'image'"):
            Catalog.open(path)


HARMLESS = {
    "a table": "CREATE TABLE mine (id INTEGER PRIMARY KEY, note TEXT UNIQUE, image REFERENCES image (id))",
    "an index": "CREATE TABLE mine (note TEXT); CREATE INDEX mine_by_note ON mine (note) WHERE note <> 'ON image'",
    "a trigger": (
        "CREATE TABLE mine (note TEXT);"
        "CREATE TRIGGER noted AFTER INSERT ON mine BEGIN UPDATE mine SET note = 'ON image'; END"
    ),
    "a trigger with the database's name": (
        "CREATE TABLE mine (note TEXT); CREATE TRIGGER noted AFTER INSERT ON main . mine BEGIN SELECT 1; END"
    ),
    "odd names": (
        'CREATE TABLE "a ""quoted"" name" (x); CREATE INDEX [an index] ON "a ""quoted"" name" (x);'
        "CREATE VIEW `a view` AS SELECT 1"
    ),
    "a view": "CREATE VIEW recent AS SELECT uid FROM image WHERE acquired > 0",
    "an R-tree and full text": (
        "CREATE VIRTUAL TABLE boxes USING rtree (id, a, b); CREATE VIRTUAL TABLE words USING fts5 (word)"
    ),
    "statistics": "ANALYZE",
    "a renamed table": "CREATE TABLE mine (x); ALTER TABLE mine RENAME TO ours; ALTER TABLE ours ADD COLUMN y",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_others_add_beside_ours_is_left_alone(path: Path, name: str) -> None:
    change(path, HARMLESS[name])
    with Catalog.open(path) as catalog:
        assert catalog.images.intersects((0, 0, 5, 5)).ids() == ["acme:x:a"]
        Product(id="y", name="Y", catalog=catalog).save()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize(
    "crs",
    ["EPSG:4326", "EPSG:32632", "EPSG:9057", "+proj=ortho +lat_0=42 +lon_0=7 +x_0=0 +y_0=0 +datum=WGS84 +units=m"],
)
def test_gdal_writes_layers_of_its_own_into_the_file(path: Path, crs: str) -> None:
    geometry = shapely.to_wkb(shapely.points([[1.0, 2.0], [3.0, 4.0]]))
    for layer in ("wells", "more wells"):
        pyogrio.raw.write(
            path,
            geometry,
            [numpy.array(["a", "b"])],
            ["note"],
            layer=layer,
            driver="GPKG",
            geometry_type="Point",
            crs=crs,
            append=False,
        )
    pyogrio.raw.write(
        path,
        geometry,
        [numpy.array(["c", "d"])],
        ["note"],
        layer="wells",
        driver="GPKG",
        geometry_type="Point",
        crs=crs,
        append=True,
    )
    with Catalog.open(path) as catalog:
        assert catalog.images.ids() == ["acme:x:a"]
        Product(id="y", name="Y", catalog=catalog).save()
        assert catalog.sql("SELECT count(*) AS n FROM wells") == [{"n": 4}]
    assert sorted(pyogrio.list_layers(path)[:, 0]) == ["footprints", "more wells", "products", "wells"]


def test_a_style_of_qgis_is_left_alone(path: Path) -> None:
    pyogrio.raw.write(
        path,
        None,
        [numpy.array(["footprints"]), numpy.array(["<qgis/>"])],
        ["f_table_name", "styleQML"],
        layer="layer_styles",
        driver="GPKG",
        geometry_type=None,
        append=False,
    )
    with Catalog.open(path) as catalog:
        assert catalog.images.count() == 1


def test_a_journal_that_names_another_file_is_not_rolled_back(path: Path) -> None:
    """Some versions of SQLite delete the file whose name stands there."""
    precious = path.parent / "precious.txt"
    precious.write_text("my only copy")
    other = path.with_name("other.gpkg")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript("PRAGMA cache_size = 1; CREATE TABLE mine (x); BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO mine VALUES (zeroblob(4000))", [()] * 50)
        other.write_bytes(path.read_bytes())
        hot = path.with_name("survey.gpkg-journal").read_bytes()
        connection.execute("ROLLBACK")
    journal = other.with_name("other.gpkg-journal")
    journal.write_bytes(naming(hot, precious))
    with pytest.raises(UntrustedCatalogError, match="refers to other files"):
        Catalog.open(other)
    assert precious.read_text() == "my only copy"
    assert journal.exists()
    journal.write_bytes(hot)  # an honest one is rolled back
    with Catalog.open(other) as catalog:
        assert catalog.images.count() == 1
        assert catalog.sql("SELECT count(*) AS n FROM mine") == [{"n": 0}]


def test_the_error_is_a_localcat_error_that_says_what_to_do(path: Path) -> None:
    change(path, HOSTILE["a foreign unique index"][0])
    with pytest.raises(LocalcatError, match=r"survey\.gpkg' .*do not use the file, or drop"):
        Catalog.open(path)
