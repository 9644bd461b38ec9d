"""Images, products and whole catalogs as STAC: what each member says, and who can read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest

from localcat import AOI, Catalog, ClassBand, Image, ImageCollection
from localcat import properties as p
from localcat.errors import CatalogExistsError, CorruptImageError
from tests.small_catalog import fill_guide, make_product, new_image, spectral, upload
from tests.stac_schemas import problems

pystac = pytest.importorskip("pystac")


@pytest.fixture
def guide(catalog: Catalog) -> Catalog:
    fill_guide(catalog)
    return catalog


def make_several_files(catalog: Catalog) -> Image:
    """Save an image of three remote files, with all that an Item can say."""
    red = spectral("red", wavelength_nm_center=650, wavelength_nm_fwhm=30, nodata=0, physical_range=(0, 1))
    product = make_product("multi", red, spectral("nir", file_index=1, band_index=0), catalog=catalog, tags=["x"])
    labels: dict[str, Any] = {"class_labels": ["no", None, "Öl field"], "colormap": [(0, 0, 0, 255), (1, 2, 3, 255)]}
    place: dict[str, Any] = {"data_type": "Byte", "data_range": (0, 3), "band_index": 0, "file_index": 2}
    ClassBand(product=product, name="kind", **place, **labels).save()
    image = new_image(
        product,
        "m",
        acquired="2020-01-01T00:00:00.123Z",
        acquired_end="2020-01-02",
        published="2021-01-01",
        cloud_fraction=0.29,
        solar_azimuth_angle=10,
        solar_elevation_angle=-91,
        satellite_id="S",
        geometry=(170, 0, -170, 5),
        cs_code="EPSG:32601",
        geotrans=(100, 2, 0, 300, 0, -2),
        x_pixels=3,
        y_pixels=4,
        tags=["a"],
        extra_properties={"k": 1, "datetime": "mine"},
        files=[
            {"href": "https://x.org/a.tif", "size_bytes": 4, "hash": "a" * 64},
            {"href": "https://x.org/b.jp2"},
            {"href": "https://x.org/c.tif"},
        ],
    )
    image.save()
    return image


def test_members_of_an_item(catalog: Catalog) -> None:
    item = make_several_files(catalog).to_stac_item()
    assert problems(item) == []
    assert (item["type"], item["stac_version"], item["id"], item["collection"]) == (
        "Feature",
        "1.1.0",
        "m",
        "acme:multi",
    )
    assert item["bbox"] == [170, 0, -170, 5]
    properties = item["properties"]
    del properties["created"], properties["updated"]
    assert properties == {
        "datetime": "2020-01-01T00:00:00.123000Z",
        "start_datetime": "2020-01-01T00:00:00.123000Z",
        "end_datetime": "2020-01-02T00:00:00Z",
        "published": "2021-01-01T00:00:00Z",
        "eo:cloud_cover": 29.0,
        "platform": "S",
        "view:sun_azimuth": 10.0,
        "localcat:solar_elevation_angle": -91.0,  # the schema of view ends at -90
        "proj:code": "EPSG:32601",
        "proj:epsg": 32601,
        "proj:transform": [2.0, 0.0, 100.0, 0.0, -2.0, 300.0],
        "proj:shape": [4, 3],
        "keywords": ["a"],
        "k": 1,
        "localcat:extra_properties": {"datetime": "mine"},
    }
    assert {"rel": "collection", "href": "../collection.json", "type": "application/json"} in item["links"]


def test_assets_say_their_bands_in_both_ways(catalog: Catalog) -> None:
    assets = make_several_files(catalog).to_stac_item()["assets"]
    assert list(assets) == ["red", "nir", "kind"]
    assert assets["red"] == {
        "href": "https://x.org/a.tif",
        "type": "image/tiff; application=geotiff",
        "roles": ["data"],
        "bands": [
            {
                "name": "red",
                "data_type": "uint16",
                "nodata": 0,
                "eo:common_name": "red",
                "eo:center_wavelength": 0.65,
                "eo:full_width_half_max": 0.03,
                "raster:scale": 0.0001,
                "raster:offset": 0.0,
            }
        ],
        "eo:bands": [{"name": "red", "common_name": "red", "center_wavelength": 0.65, "full_width_half_max": 0.03}],
        "raster:bands": [{"data_type": "uint16", "nodata": 0, "scale": 0.0001, "offset": 0.0}],
        "file:size": 4,
        "file:checksum": "1220" + "a" * 64,
    }
    assert assets["nir"]["type"] == "image/jp2"
    assert assets["kind"]["bands"][0]["classification:classes"] == [
        {"value": 0, "name": "no", "title": "no", "color_hint": "000000"},
        {"value": 2, "name": "l_field", "title": "Öl field"},
    ]


def test_an_image_without_time_and_place_may_be_any_time(guide: Catalog) -> None:
    item = guide.images.filter(p.name == "nowhere").first().to_stac_item()
    assert problems(item) == []
    assert item["geometry"] is None
    assert "bbox" not in item
    assert item["properties"]["datetime"] is None
    assert item["properties"]["start_datetime"] == "0001-01-01T00:00:00Z"
    assert item["properties"]["end_datetime"] == "9999-12-31T23:59:59Z"


def test_item_collection_is_geojson(guide: Catalog) -> None:
    found = guide.images.sort("name").to_item_collection()
    assert [item["id"] for item in found["features"]] == ["a", "b", "far", "nowhere"]
    assert found["type"] == "FeatureCollection"
    assert guide.images.sort("name").collect().to_item_collection() == found
    assert ImageCollection([]).to_item_collection() == {"type": "FeatureCollection", "features": []}
    assert [str(item.id) for item in pystac.ItemCollection.from_dict(found)] == ["a", "b", "far", "nowhere"]


def test_an_image_that_is_not_saved_is_an_item_too(guide: Catalog) -> None:
    product = guide.products.first()
    item = new_image(product, "new", geometry=(1, 2, 3, 4)).to_stac_item()
    assert (item["id"], item["bbox"], item["assets"]) == ("new", [1, 2, 3, 4], {})


def test_a_tree_is_valid_and_can_be_moved(guide: Catalog, tmp_path: Path) -> None:
    make_several_files(guide)
    report = guide.to_stac(tmp_path / "stac", copy=True, progress=False)
    assert (report.products, report.items, report.files) == (2, 5, 2)
    assert report.path == tmp_path / "stac" / "catalog.json"
    (tmp_path / "elsewhere").mkdir()
    moved = tmp_path / "elsewhere" / "moved"
    (tmp_path / "stac").rename(moved)
    for path in moved.rglob("*.json"):
        assert problems(json.loads(path.read_text(encoding="utf-8"))) == [], path
    read = pystac.Catalog.from_file(str(moved / "catalog.json"))
    items = {item.id: item for item in read.get_items(recursive=True)}
    assert sorted(items) == ["a", "b", "far", "m", "nowhere"]
    data = Path(items["a"].assets["data"].get_absolute_href())
    assert data.is_relative_to(moved)
    original = guide.images.filter(p.name == "a").first()
    assert data.read_bytes() == guide.path_of(original.files[0]).read_bytes()
    (collection,) = [one for one in read.get_children() if one.id == "acme:multi"]
    assert collection.extent.to_dict() == {
        "spatial": {"bbox": [[-180.0, 0, 180.0, 5]]},
        "temporal": {"interval": [["2020-01-01T00:00:00.123000Z", "2020-01-02T00:00:00Z"]]},
    }
    assert collection.keywords == ["x"]


def test_links_lead_to_the_files_where_they_are(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        fill_guide(catalog)
        catalog.to_stac(tmp_path / "stac", search=catalog.images.filter(p.name == "a"), progress=False)
        (path,) = (tmp_path / "stac").rglob("a.json")
        href = json.loads(path.read_text(encoding="utf-8"))["assets"]["data"]["href"]
        assert href.startswith("../../../survey.data/")
        assert (path.parent / href).is_file()


def test_names_of_files_are_safe_and_differ(catalog: Catalog, tmp_path: Path) -> None:
    product = make_product("a", catalog=catalog)
    for name in ("con", "CON", "x.", "Ab", "aB", "n" * 300, "n" * 301):
        Image(product=product, name=name).save()
    catalog.to_stac(tmp_path / "stac", progress=False)
    folders = sorted(path.name for path in (tmp_path / "stac" / "acme_a").iterdir() if path.is_dir())
    assert sorted(folders, key=str.lower) == ["_CON", "_con-2", "Ab", "aB-2", "n" * 100, "n" * 100 + "-2", "x"]


def test_a_destination_that_exists_is_refused(guide: Catalog, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(CatalogExistsError, match="choose a folder that does not exist"):
        guide.to_stac(tmp_path / "there")


def test_an_export_that_fails_leaves_nothing(guide: Catalog, tmp_path: Path) -> None:
    image = guide.images.filter(p.name == "b").first()
    guide.path_of(image.files[0]).write_bytes(b"damaged")
    with pytest.raises(CorruptImageError, match="is not what the catalog says"):
        guide.to_stac(tmp_path / "stac", copy=True, progress=False)
    assert [path for path in tmp_path.iterdir() if "stac" in path.name] == []


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning", "ignore::DeprecationWarning")  # of odc-geo
def test_odc_stac_reads_what_stack_reads(catalog: Catalog) -> None:
    odc_stac = pytest.importorskip("odc.stac")
    product = make_product("two", spectral("red"), spectral("nir"), catalog=catalog)
    arrays = [numpy.arange(1, 1 + 2 * 64 * 48, dtype="uint16").reshape(2, 64, 48) * factor for factor in (1, 2)]
    for day, array in enumerate(arrays, start=1):
        upload(product, f"d{day}", array, acquired=f"2020-01-0{day}")
    images = catalog.images.sort("acquired")
    items = [pystac.Item.from_dict(item) for item in images.to_item_collection()["features"]]
    loaded = odc_stac.load(items, bands=["red", "nir"], crs="EPSG:32618", resolution=60)
    bounds = (500_000, 4_000_000 - 64 * 60, 500_000 + 48 * 60, 4_000_000)
    area = AOI(bounds=bounds, bounds_crs="EPSG:32618", crs="EPSG:32618", resolution=60)
    stack = images.collect().stack(["red", "nir"], area)
    for index, band in enumerate(("red", "nir")):
        assert (loaded[band].to_numpy() == stack[:, index].filled(0)).all()


def test_other_readers_take_an_item_collection(guide: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "items.json"
    path.write_text(json.dumps(guide.images.filter(p.geometry.isnotnull).to_item_collection()), encoding="utf-8")
    stac_arrow = pytest.importorskip("stac_geoparquet.arrow")
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    assert stac_arrow.parse_stac_items_to_arrow(features).read_all().num_rows == 3
