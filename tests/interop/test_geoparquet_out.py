"""Images as GeoParquet: rows are the Items that `to_stac_item` makes, and other programs read them."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from localcat import Catalog
from localcat import properties as p
from localcat.errors import BadRequestError, CatalogExistsError, StorageFullError
from tests.images_with_everything import fill, items_of
from tests.small_catalog import AREA, fill_guide, make_product, new_image, spectral

pyarrow = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402  # as pyarrow itself

from localcat.interop.geoparquet.columns import schema_of, table_of  # noqa: E402  # they bring pyarrow
from localcat.interop.geoparquet.item_rows import EXPECTED, TIMES, item_of, observe, row_of  # noqa: E402
from localcat.interop.geoparquet.shapes import Shapes  # noqa: E402


def items_in(path: Path) -> list[dict[str, Any]]:
    """Return the Items of a file, in the order of its rows."""
    return [item_of(row) for row in parquet.read_table(path).to_pylist()]


def through_rows(items: list[dict[str, Any]], path: Path) -> list[dict[str, Any]]:
    """Return Items that were rows of a Parquet file."""
    shapes = Shapes(EXPECTED)
    for item in items:
        observe(shapes, item)
    settled = shapes.settled()
    schema = schema_of(settled, {*TIMES}, has_projected=True, has_changes=True)
    parquet.write_table(table_of([row_of(item, settled) for item in items], schema), path)
    return items_in(path)


# Rows


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet="aé\x00\U0001f6f0", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(
    ["a", "b", "id", "bbox", "geometry", "datetime", "created", "eo:cloud_cover", "proj:shape", "proj:geometry", "href"]
)
geometries = st.sampled_from(
    [
        None,
        AREA,
        {"type": "Point", "coordinates": [1.5, 2, 3]},
        {"type": "Polygon", "coordinates": []},
        {"type": "Nonsense"},
        {"type": "GeometryCollection", "geometries": [AREA]},
        "POINT (1 2)",
    ]
)
times = st.sampled_from(
    ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00.123456789Z", "2020-01-01T02:00:00+02:00", "", None]
)
items = st.fixed_dictionaries(
    {"type": st.just("Feature"), "id": st.text("ab/", min_size=1, max_size=2)},
    optional={
        "stac_version": st.sampled_from(["1.0.0", None, 7]),
        "stac_extensions": st.lists(st.just("x"), max_size=1) | st.none(),
        "geometry": geometries,
        "bbox": st.sampled_from([[10, 0, 12, 3], [10, 0, 0, 12, 3, 9], [170, -5, -170, 5], [0, 0, 1, 1], None, "x"]),
        "links": st.lists(st.dictionaries(st.sampled_from(["rel", "href"]), json_values, max_size=2), max_size=2)
        | st.none(),
        "assets": st.dictionaries(st.sampled_from("AB"), json_values, max_size=2) | st.none(),
        "collection": st.sampled_from(["c", None]),
        "localcat:changes": json_values,
        "foreign": json_values,
    },
)
properties = st.dictionaries(names, json_values | geometries | times, max_size=4)


@given(
    st.lists(st.builds(lambda item, given: {**item, "properties": given}, items, properties), min_size=1, max_size=3)
)
def test_any_item_comes_back_from_a_row(
    tmp_path_factory: pytest.TempPathFactory, several: list[dict[str, Any]]
) -> None:
    assert through_rows(several, tmp_path_factory.mktemp("rows") / "x.parquet") == several


# Files


def test_rows_are_the_items_of_images(catalog: Catalog, tmp_path: Path) -> None:
    """With every kind of attribute, set and unset, usual and odd."""
    fill(catalog, random.Random(7), 300)
    report = catalog.to_geoparquet(tmp_path / "items.parquet", progress=False)
    found = {item["id"]: item for item in items_in(tmp_path / "items.parquet")}
    assert (report.items, len(found)) == (300, 300)
    assert found == items_of(catalog, tmp_path)


def test_most_images_are_rows_without_changes(catalog: Catalog, tmp_path: Path) -> None:
    product = make_product("x", spectral("red"), catalog=catalog)
    for day in range(1, 4):
        new_image(product, f"s{day}", acquired=f"2020-01-0{day}", geometry=AREA, cloud_fraction=0.25).save()
    catalog.to_geoparquet(tmp_path / "items.parquet")
    table = parquet.read_table(tmp_path / "items.parquet")
    assert "localcat:changes" not in table.column_names
    assert str(table.schema.field("datetime").type) == "timestamp[us, tz=UTC]"
    assert table["eo:cloud_cover"].to_pylist() == [25.0] * 3
    assert table["bbox"].to_pylist() == [{"xmin": 10.0, "ymin": 0.0, "xmax": 12.0, "ymax": 3.0}] * 3


def test_metadata_of_a_file(catalog: Catalog, tmp_path: Path) -> None:
    fill_guide(catalog)
    catalog.to_geoparquet(tmp_path / "items.parquet", search=catalog.images.filter(p.geometry.isnotnull))
    metadata = parquet.read_metadata(tmp_path / "items.parquet").metadata
    geo, stac = json.loads(metadata[b"geo"]), json.loads(metadata[b"stac-geoparquet"])
    corners = {name: ["bbox", name] for name in ("xmin", "ymin", "xmax", "ymax")}
    bounds = shapely.total_bounds([image.geometry for image in catalog.images if image.geometry is not None]).tolist()
    geometry = {"encoding": "WKB", "geometry_types": ["Polygon"], "covering": {"bbox": corners}, "bbox": bounds}
    assert geo == {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
    assert stac["version"] == "1.0.0"
    assert [*stac["collections"]] == sorted(
        {image.product_id for image in catalog.images if image.geometry is not None}
    )


def test_rows_lie_by_product_place_and_time(catalog: Catalog, tmp_path: Path) -> None:
    for product_id in ("b", "a"):
        product = make_product(product_id, catalog=catalog)
        for name, lon, day in (("far", 120, 1), ("late", 10.0001, 3), ("early", 10, 2)):
            box = shapely.box(lon, 50, lon + 1, 51)
            new_image(product, name, acquired=f"2020-01-0{day}", geometry=box).save()
        new_image(product, "nowhere").save()
    catalog.to_geoparquet(tmp_path / "items.parquet", search=catalog.images.sort("name"))
    table = parquet.read_table(tmp_path / "items.parquet", columns=["collection", "id"]).to_pylist()
    order = ["nowhere", "early", "late", "far"]
    assert [(row["collection"], row["id"]) for row in table] == [
        (product, name) for product in ("acme:a", "acme:b") for name in order
    ]


def test_files_keep_their_order(catalog: Catalog, tmp_path: Path) -> None:
    """Whatever the order in which their rows were written."""
    product = make_product("a", spectral("red"), spectral("nir", file_index=1, band_index=0), catalog=catalog)
    for name in "ab":
        files = [{"href": f"https://x.org/{name}{number}"} for number in range(3)]
        catalog.add_images([{"product": product, "name": name, "storage_state": "remote", "files": files}])
    with catalog.database.write() as transaction:  # the last one first
        transaction.connection.execute("UPDATE image_file SET position = position + 10")
        transaction.connection.execute("UPDATE image_file SET position = 12 - position")
    catalog.to_geoparquet(tmp_path / "items.parquet", progress=False)
    found = {item["id"]: item for item in items_in(tmp_path / "items.parquet")}
    assert [asset["href"] for asset in found["a"]["assets"].values()] == [f"https://x.org/a{n}" for n in (2, 1, 0)]
    assert found == items_of(catalog)


def test_patterns_are_told_apart_in_all_parts_of_a_file(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images are read in parts; one like an image of another part has its Item, and one that is not has its own."""
    monkeypatch.setattr("localcat.interop.geoparquet.file._CHUNK", 3)
    product = make_product("a", spectral("red"), catalog=catalog)
    records = [
        {
            "product": product,
            "name": f"i{number:02}",
            "cloud_fraction": 0.25 if number % 2 else None,
            "cs_code": f"EPSG:3263{number % 3}",
            "satellite_id": None if number % 5 else "sat",
        }
        for number in range(20)
    ]
    catalog.add_images(records, progress=False)
    catalog.to_geoparquet(tmp_path / "items.parquet", progress=False)
    assert {item["id"]: item for item in items_in(tmp_path / "items.parquet")} == items_of(catalog)


def test_row_groups(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localcat.interop.geoparquet.file._CHUNK", 3)
    monkeypatch.setattr("localcat.interop.geoparquet.file._ROWS", 5)
    product = make_product("x", catalog=catalog)
    catalog.add_images([{"product": product, "name": f"n{number}"} for number in range(14)])
    catalog.to_geoparquet(tmp_path / "items.parquet")
    file = parquet.ParquetFile(tmp_path / "items.parquet")
    assert [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)] == [6, 6, 2]


def test_a_file_for_each_product(catalog: Catalog, tmp_path: Path) -> None:
    for name in ("a b", "A_b"):
        new_image(make_product(name, catalog=catalog), "x", acquired="2020-01-01").save()
    report = catalog.to_geoparquet(tmp_path / "out", partition_by="product")
    assert repr(report).startswith("GeoParquetExport: 2 items, ")
    assert report.paths == [tmp_path / "out" / "acme_A_b.parquet", tmp_path / "out" / "acme_a_b-2.parquet"]
    assert [item["collection"] for path in report.paths for item in items_in(path)] == ["acme:A_b", "acme:a b"]
    with pytest.raises(CatalogExistsError, match="out' already; choose a folder that does not exist"):
        catalog.to_geoparquet(tmp_path / "out", partition_by="product")


def test_hrefs_are_relative_to_the_file(catalog: Catalog, tmp_path: Path) -> None:
    fill_guide(catalog)
    (tmp_path / "below").mkdir()
    catalog.to_geoparquet(tmp_path / "below" / "items.parquet", search=catalog.images.filter(p.name == "a"))
    (item,) = items_in(tmp_path / "below" / "items.parquet")
    for asset in item["assets"].values():
        assert (tmp_path / "below" / asset["href"]).is_file()


def test_an_empty_catalog_is_a_file_without_rows(catalog: Catalog, tmp_path: Path) -> None:
    assert catalog.to_geoparquet(tmp_path / "items.parquet").items == 0
    assert parquet.read_table(tmp_path / "items.parquet").column_names == ["geometry", "bbox", "datetime"]


def test_what_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match="partition_by is None or 'product', not 'year'"):
        catalog.to_geoparquet(tmp_path / "x.parquet", partition_by="year")
    with pytest.raises(BadRequestError, match="is a folder; name a file in it"):
        catalog.to_geoparquet(tmp_path)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("partition_by", [None, "product"])
def test_an_interrupted_export_leaves_what_was_there(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Any, partition_by: str | None
) -> None:
    new_image(make_product("x", catalog=catalog), "a").save()
    target = tmp_path / ("out" if partition_by else "items.parquet")
    if partition_by is None:
        target.write_text("old")
    before = sorted(tmp_path.rglob("*"))
    expected: Any = KeyboardInterrupt if error is KeyboardInterrupt else StorageFullError

    def fails(*arguments: object, **options: object) -> None:
        raise error

    for place in (
        "file.table_of",
        "file.flush",
        "file.pickle.dump",
        "export.rename" if partition_by else "export.replace",
    ):
        with monkeypatch.context() as patch, pytest.raises(expected):
            patch.setattr(f"localcat.interop.geoparquet.{place}", fails)
            catalog.to_geoparquet(target, partition_by=partition_by)
        assert sorted(tmp_path.rglob("*")) == before
    if partition_by is None:
        assert target.read_text() == "old"


# Other programs


@pytest.fixture
def written(catalog: Catalog, tmp_path: Path) -> Path:
    fill(catalog, random.Random(3), 60, is_plain=True)
    placed = catalog.images.filter(p.geometry.isnotnull)  # some of them read no Items without a footprint
    catalog.to_geoparquet(tmp_path / "items.parquet", search=placed)
    return tmp_path / "items.parquet"


def test_stac_geoparquet_reads_it(catalog: Catalog, written: Path) -> None:
    arrow = pytest.importorskip("stac_geoparquet").arrow
    found = {item["id"]: item for item in arrow.stac_table_to_items(parquet.read_table(written))}
    items = items_of(catalog)
    assert found.keys() == {name for name, item in items.items() if item["geometry"] is not None}
    for name, item in found.items():
        one, other = (shapely.geometry.shape(each["geometry"]) for each in (item, items[name]))
        assert (item["collection"], one) == (items[name]["collection"], other)
        assert item["properties"].get("eo:cloud_cover") == items[name]["properties"].get("eo:cloud_cover")
        assert item["assets"].keys() == items[name]["assets"].keys()


def test_rustac_reads_it(catalog: Catalog, written: Path) -> None:
    rustac = pytest.importorskip("rustac")

    async def read() -> Any:
        return await rustac.read(str(written))

    found = {item["id"]: item for item in asyncio.run(read())["features"]}
    assert found.keys() == {name for name, item in items_of(catalog).items() if item["geometry"] is not None}


def test_duckdb_reads_it(catalog: Catalog, written: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    ((count,),) = duckdb.sql(f"SELECT count(*) FROM '{written}' WHERE \"eo:cloud_cover\" < 50").fetchall()
    assert count == catalog.images.filter((p.cloud_fraction < 0.5) & p.geometry.isnotnull).count()


def test_geopandas_reads_it_with_a_box(catalog: Catalog, written: Path) -> None:
    geopandas = pytest.importorskip("geopandas")
    frame = geopandas.read_parquet(written, bbox=(0, 0, 60, 60))
    assert frame.crs == "OGC:CRS84"
    assert set(catalog.images.intersects((0, 0, 60, 60)).ids()) <= {
        f"{row.collection}:{row.id}" for row in frame.itertuples()
    }
