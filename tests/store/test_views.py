"""The views for the SQL of users show all that objects have, and ask the space-time index."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from localcat import Band, Catalog, ClassBand, Image, Product, SpectralBand
from localcat.models.attributes.scalars import Timestamp
from localcat.store.asking import views
from tests.small_catalog import AREA, add_images_around_a_square, make_product, spectral, upload


def columns_of(catalog: Catalog, view: str) -> set[str]:
    return {row[1] for row in catalog.db.execute(f"PRAGMA table_info({view})")}


@pytest.mark.parametrize(
    ("view", "key", "kinds"),
    [
        ("products", "product_id", (Product,)),
        ("bands", "band_id", (SpectralBand, ClassBand)),
        ("images", "image_id", (Image,)),
    ],
)
def test_a_view_has_every_attribute(catalog: Catalog, view: str, key: str, kinds: tuple[type[Product], ...]) -> None:
    attributes = {name: one for kind in kinds for name, one in kind._attributes.items()}
    expected = attributes.keys() - {"id", "files"} | {key}  # files are a view of their own
    found = columns_of(catalog, view)
    assert expected - found == set()
    assert found - expected <= {"rowid", "fid", "size_bytes"} | Band._attributes.keys() | columns_of(catalog, "band")
    assert set(expected & views.TIMES) == {
        name for name, attribute in attributes.items() if isinstance(attribute, Timestamp)
    }


def test_what_images_and_their_files_are(catalog: Catalog) -> None:
    product = make_product("s2", spectral("red", nodata=0), tags=["mine"])
    image = upload(product, "a", acquired="1969-12-31T23:59:59.999999Z", tags=["x", "y"], extra_properties={"k": [1]})
    sql = "SELECT image_id, product_id, name, acquired, acquired_end, x_pixels, tags, extra_properties FROM images"
    assert catalog.sql(sql) == [
        {
            "image_id": "acme:s2:a",
            "product_id": "acme:s2",
            "name": "a",
            "acquired": "1969-12-31T23:59:59.999999Z",
            "acquired_end": None,
            "x_pixels": 48,
            "tags": '["x","y"]',
            "extra_properties": '{"k":[1]}',
        }
    ]
    (file,) = image.files
    assert catalog.sql("SELECT image_id, product_id, position, href, size_bytes, hash, owned FROM files") == [
        {
            "image_id": "acme:s2:a",
            "product_id": "acme:s2",
            "position": 0,
            "href": file.href,
            "size_bytes": file.size_bytes,
            "hash": file.hash,
            "owned": 1,
        }
    ]
    assert catalog.sql("SELECT band_id, product_id, name, type, data_type, nodata FROM bands") == [
        {
            "band_id": "acme:s2:red",
            "product_id": "acme:s2",
            "name": "red",
            "type": "spectral",
            "data_type": "UInt16",
            "nodata": 0,
        }
    ]
    (shown,) = catalog.sql("SELECT fid, product_id, name, description, tags, start_datetime FROM products")
    assert shown == {
        "fid": 1,
        "product_id": "acme:s2",
        "name": "s2",
        "description": None,
        "tags": '["mine"]',
        "start_datetime": None,
    }


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00.000000Z", "1970-01-01T00:00:00.000001Z", "9999-12-31T23:59:59.999999Z"]
)
def test_times_are_whole_microseconds(catalog: Catalog, moment: str) -> None:
    Image(product=make_product("s2"), name="a", acquired=moment, geometry=AREA).save()
    assert catalog.sql("SELECT acquired FROM images") == [{"acquired": moment}]
    assert catalog.sql("SELECT name FROM images WHERE acquired = ?", [moment]) == [{"name": "a"}]


def test_lists_are_json(catalog: Catalog) -> None:
    Image(product=make_product("s2"), name="a", acquired="2024-01-01", tags=["x", "y"]).save()
    sql = "SELECT value FROM images, json_each(images.tags) ORDER BY value"
    assert [row["value"] for row in catalog.sql(sql)] == ["x", "y"]


IN_THE_BOX = """
    SELECT name FROM footprints
    WHERE rowid IN (
        SELECT id FROM rtree_footprints_geometry WHERE maxx >= ? AND minx <= ? AND maxy >= ? AND miny <= ?
    ) AND lc_intersects(geometry, ?)
    ORDER BY name
"""


@pytest.mark.parametrize(
    ("west", "south", "east", "north"),
    [(0, 0, 10, 10), (179, -90, 180, 90), (-180, -90, -179, 90), (-180, -90, 180, 90)],
)
def test_the_index_finds_what_a_search_finds(
    catalog: Catalog, west: float, south: float, east: float, north: float
) -> None:
    add_images_around_a_square(catalog)
    ring = f"POLYGON (({west} {south}, {east} {south}, {east} {north}, {west} {north}, {west} {south}))"
    found = catalog.sql(IN_THE_BOX, [west, east, south, north, ring])
    expected = sorted(image.name for image in catalog.images.intersects((west, south, east, north)))
    assert [row["name"] for row in found] == expected
    assert expected


def test_the_index_is_asked_with_the_box(catalog: Catalog) -> None:
    """Not read as a whole, image by image."""
    add_images_around_a_square(catalog)
    plan = catalog.db.execute(f"EXPLAIN QUERY PLAN {IN_THE_BOX}", [0, 1, 0, 1, "POINT (0 0)"]).fetchall()
    asked = [row[3] for row in plan if "image_index" in row[3]]
    assert len(asked) == 2  # on either side of the antimeridian
    assert all("VIRTUAL TABLE INDEX 2:" in step and step[-4:] != "2:" for step in asked), asked


def test_the_views_are_for_reading_and_not_in_the_file(catalog: Catalog) -> None:
    assert catalog.db["images"].count == 0
    with pytest.raises(sqlite3.OperationalError, match="cannot modify images because it is a view"):
        catalog.db.execute("DELETE FROM images")
    stored = catalog.sql("SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name")
    assert [row["name"] for row in stored] == ["footprints", "products", "rtree_footprints_geometry"]


def test_the_views_come_back_after_a_transaction_that_is_undone(catalog: Catalog) -> None:
    make_product("s2")
    with pytest.raises(RuntimeError, match="undone"), catalog.transaction():
        assert catalog.sql("SELECT count(*) AS n FROM images") == [{"n": 0}]
        raise RuntimeError("undone")
    assert catalog.sql("SELECT count(*) AS n FROM images") == [{"n": 0}]


def test_a_table_of_the_users_with_such_a_name_is_reached_with_main(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "c.gpkg", org="acme") as catalog:
        with catalog.writable_db() as db:
            db["files"].insert({"mine": 1})
        assert catalog.sql("SELECT count(*) AS n FROM files") == [{"n": 0}]
        assert catalog.sql("SELECT mine FROM main.files") == [{"mine": 1}]


def test_catalogs_that_only_read_have_them(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "c.gpkg", org="acme") as catalog:
        make_product("s2", catalog=catalog)
    for options in ({"read_only": True}, {"trusted": False}):
        with Catalog.open(tmp_path / "c.gpkg", **options) as catalog:
            assert catalog.sql("SELECT product_id FROM products") == [{"product_id": "acme:s2"}]
            assert catalog.sql("SELECT count(*) AS n FROM rtree_footprints_geometry") == [{"n": 0}]
