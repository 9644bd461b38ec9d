"""Searches and collections as Arrow streams: types, values, and programs that ask from threads of their own."""

from __future__ import annotations

import json
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pyarrow
import pytest
from shapely import from_wkb

from localcat import Catalog, ClassBand, Image, ImageCollection, Product, SpectralBand
from localcat import properties as p
from localcat.collection import Collection
from localcat.errors import BadRequestError, CorruptCatalogError, MissingLibraryError
from tests.small_catalog import AREA, fill_guide, make_product, new_image, spectral

duckdb = pytest.importorskip("duckdb")
polars = pytest.importorskip("polars")


@pytest.fixture
def guide(catalog: Catalog) -> Catalog:
    fill_guide(catalog)
    return catalog


def test_types_of_columns(guide: Catalog) -> None:
    schema = guide.images.to_arrow().schema
    types = {name: str(schema.field(name).type) for name in ("id", "acquired", "cloud_fraction", "x_pixels", "tags")}
    assert types == {
        "id": "string",
        "acquired": "timestamp[us, tz=UTC]",
        "cloud_fraction": "double",
        "x_pixels": "int64",
        "tags": "list<item: string>",
    }
    assert schema.field("storage_state").type == pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    assert schema.field("files").type.value_type.field("size_bytes").type == pyarrow.int64()
    geometry = schema.field("geometry")
    assert geometry.type == pyarrow.binary()
    assert geometry.metadata[b"ARROW:extension:name"] == b"geoarrow.wkb"
    assert json.loads(geometry.metadata[b"ARROW:extension:metadata"]) == {
        "crs": "OGC:CRS84",
        "crs_type": "authority_code",
    }
    assert schema.names == list(Image._attributes)


def test_values_of_rows(guide: Catalog) -> None:
    table = guide.images.sort("name").to_arrow(["name", "acquired", "tags", "geometry", "files"]).read_all()
    a, b, far, nowhere = table.to_pylist()
    assert (a["name"], a["tags"], b["tags"]) == ("a", ["red", "green"], None)
    assert far["acquired"] == datetime(2021, 6, 1, tzinfo=UTC)
    assert from_wkb(far["geometry"]).__geo_interface__["coordinates"] == (((10, 0), (12, 0), (12, 3), (10, 0)),)
    assert far["files"] == [
        {
            "href": "https://x.org/f",
            "size_bytes": None,
            "hash": None,
            "provider_id": None,
            "provider_href": None,
            "owned": False,
        }
    ]
    assert nowhere == {"name": "nowhere", "acquired": None, "tags": None, "geometry": None, "files": None}


def test_columns_come_in_the_order_asked_for(guide: Catalog) -> None:
    assert guide.images.to_arrow(["name", "id"]).read_all().to_pylist()[0].keys() == {"name": 0, "id": 0}.keys()


def test_a_search_is_kept_with_its_filter_order_and_limit(guide: Catalog) -> None:
    search = guide.images.intersects(AREA).filter(p.acquired > "2020-06").sort("-acquired").limit(1)
    assert search.to_arrow(["name"]).read_all().to_pylist() == [{"name": "far"}]


def test_bands_have_the_columns_of_all_their_types(catalog: Catalog) -> None:
    product = make_product("a", spectral("red", resolution="60m", nodata="nan", data_type="Float32"), catalog=catalog)
    labels = {"name": "kind", "data_type": "Byte", "data_range": (0, 2), "band_index": 1}
    ClassBand(product=product, class_labels=["no", None, "yes"], **labels).save()
    red, kind = catalog.bands.sort("name", ascending=False).to_arrow().read_all().to_pylist()
    assert (red["type"], red["resolution"], red["data_range"]) == (
        "spectral",
        {"value": 60.0, "unit": "meters"},
        [0.0, 10_000.0],
    )
    assert red["nodata"] != red["nodata"]  # NaN
    assert (kind["type"], kind["nodata"], json.loads(kind["class_labels"])) == ("class", None, ["no", None, "yes"])
    one_type = SpectralBand.search(catalog=catalog).to_arrow().schema.names
    assert "class_labels" not in one_type
    assert "wavelength_nm_center" in one_type


def test_products_and_uploads_are_tables_too(guide: Catalog) -> None:
    assert guide.products.to_arrow(["id", "name"]).read_all().to_pylist() == [{"id": "acme:guide", "name": "Guide"}]
    uploads = guide.image_uploads.to_arrow(["image_id", "status"]).read_all()
    assert sorted(uploads.column("image_id").to_pylist()) == ["acme:guide:a", "acme:guide:b"]
    assert uploads.column("status").to_pylist() == ["success", "success"]


def test_a_collection_equals_the_search_it_came_from(guide: Catalog) -> None:
    for search in (guide.images, guide.bands, guide.products):
        assert pyarrow.table(search.collect()).equals(pyarrow.table(search))


def test_a_collection_shows_what_is_not_saved_yet(guide: Catalog) -> None:
    images = guide.images.filter(p.name == "far").collect()
    images[0].cloud_fraction = 0.25
    unsaved = new_image(guide.products.first(), "new", acquired="2022-02-03T04:05:06Z")
    images.append(unsaved)
    table = images.to_arrow(["name", "cloud_fraction", "acquired"]).read_all()
    assert table.to_pylist() == [
        {"name": "far", "cloud_fraction": 0.25, "acquired": datetime(2021, 6, 1, tzinfo=UTC)},
        {"name": "new", "cloud_fraction": None, "acquired": datetime(2022, 2, 3, 4, 5, 6, tzinfo=UTC)},
    ]


def test_an_empty_collection_has_columns() -> None:
    assert ImageCollection([]).to_arrow(["id", "acquired"]).read_all().to_pylist() == []


def test_a_collection_of_other_things_is_no_table() -> None:
    with pytest.raises(BadRequestError, match="objects of a catalog, all of one class"):
        Collection([1, 2]).to_arrow()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["ids"], "Image has no attribute 'ids' for a column; did you mean 'id'"),
        ("id", "columns is a list of names"),
        (["id", "id"], "column 'id' is named twice"),
        ([], "columns is empty; name an attribute"),
        ([3], "no attribute 3 for a column"),
        (["product"], "no attribute 'product' for a column"),
    ],
)
def test_wrong_columns_are_refused(guide: Catalog, columns: list[str], message: str) -> None:
    with pytest.raises(BadRequestError, match=message):
        guide.images.to_arrow(columns)


def test_a_transaction_sees_what_it_wrote(guide: Catalog) -> None:
    with guide.transaction():
        Image(id="acme:guide:inside", catalog=guide).save()
        reader = guide.images.to_arrow(["name"])
    assert "inside" in reader.read_all().column("name").to_pylist()


def test_rows_that_vanish_in_the_middle_are_left_out(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localcat.search.base._TABLE_CHUNK", 2)
    product = make_product("a", catalog=catalog)
    for name in "abcdefgh":
        Image(product=product, name=name).save()
    reader = catalog.images.sort("name").to_arrow(["name"])
    first = reader.read_next_batch().to_pylist()
    catalog.images.filter(p.name == "h").first().delete()
    assert [row["name"] for row in first + reader.read_all().to_pylist()] == list("abcdefg")


def test_a_stream_that_is_left_alone_leaves_no_thread(guide: Catalog) -> None:
    reader = guide.images.to_arrow(["id"])
    reader.read_next_batch()
    del reader
    guide.images.to_arrow(["id"])  # never begun
    assert [one.name for one in threading.enumerate() if one.name.startswith("localcat-table")] == []


def test_duckdb_asks_from_threads_of_its_own(guide: Catalog) -> None:
    images = guide.images
    for _ in range(20):
        found = duckdb.sql(
            "SELECT name, year(acquired) FROM images WHERE acquired IS NOT NULL ORDER BY name"
        ).fetchall()
        assert found == [("a", 2020), ("b", 2020), ("far", 2021)]
    (kind,) = duckdb.sql("SELECT DISTINCT typeof(geometry) FROM images").fetchall()[0]
    assert kind.startswith("GEOMETRY")
    assert images.count() == 4


def test_polars_reads_it(guide: Catalog) -> None:
    frame = polars.DataFrame(guide.images).select("name", "acquired").sort("name")
    assert frame.rows()[2] == ("far", datetime(2021, 6, 1, tzinfo=UTC))


def test_a_damaged_row_is_named(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "x.gpkg", org="acme") as catalog:
        fill_guide(catalog)
        connection = sqlite3.connect(catalog.path)
        connection.execute("""UPDATE image SET tags = '["a' WHERE name = 'b'""")
        connection.commit()
        connection.close()
        with pytest.raises(CorruptCatalogError, match="tags of a row is not what localcat writes"):
            catalog.images.to_arrow(["tags"]).read_all()


def test_a_missing_library_names_the_extra(guide: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingLibraryError, match=r"pyarrow is not installed.*'\.\[arrow\]'"):
        guide.images.to_arrow()
    with pytest.raises(ImportError, match="pandas is not installed"):
        guide.images.to_pandas()


def test_a_table_of_many_batches_is_whole(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localcat.search.base._TABLE_CHUNK", 7)
    make_product("a", catalog=catalog)
    states = ["available", "remote"]
    catalog.add_images(
        [
            {
                "id": f"acme:a:{number:03d}",
                "acquired": f"2020-01-01T00:00:{number % 60:02d}Z",
                "tags": [f"t{number % 3}"],
                "files": [{"href": f"https://x.org/{number}"}],
                "storage_state": states[1],
            }
            for number in range(100)
        ],
        progress=False,
    )
    table = catalog.images.sort("name").to_arrow(["name", "tags", "storage_state"]).read_all().combine_chunks()
    assert table.column("name").to_pylist() == [f"{number:03d}" for number in range(100)]
    assert table.column("tags").to_pylist()[4] == ["t1"]
    assert set(table.column("storage_state").to_pylist()) == {"remote"}
    assert Product.search(catalog=catalog).to_arrow(["id"]).read_all().num_rows == 1
