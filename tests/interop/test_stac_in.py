"""STAC into a catalog: products, bands, images and files; what cannot be taken in is named, and nothing is lost."""

from __future__ import annotations

import copy
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcat import Catalog, ClassBand, GenericBand, Image, MicrowaveBand, Product, SpectralBand
from localcat import properties as p
from localcat.disk.steps import EVENT
from localcat.errors import BadRequestError, DuplicateError
from tests.interop.some_items import item_of, scene
from tests.real_data import REAL_DATA, needs_real_data
from tests.small_catalog import fill_guide, make_guide, make_product, new_image, spectral, upload

SQUARE = {"type": "Polygon", "coordinates": [[[10, 0], [12, 0], [12, 3], [10, 0]]]}


def only(catalog: Catalog) -> Image:
    (image,) = catalog.images
    return image


def test_an_item_becomes_an_image(catalog: Catalog) -> None:
    report = catalog.from_stac(scene(), progress=False)
    assert (report.products, report.added, report.failed) == (["sensor-l2"], 1, [])
    image = only(catalog)
    assert (image.id, image.storage_state) == ("sensor-l2:S2A_1", "remote")
    assert image.acquired == datetime(2024, 5, 1, 10, 0, 0, 123456, tzinfo=UTC)
    assert (image.cloud_fraction, image.satellite_id, image.cs_code) == (0.0236, "sentinel-2a", "EPSG:32633")
    assert (image.geotrans, image.x_pixels, image.y_pixels) == ((300000, 10, 0, 5000000, 0, -10), 200, 100)
    assert image.geometry.bounds == (10, 0, 12, 3)
    assert [file.href for file in image.files] == [
        "https://x.org/B04.tif",
        "https://x.org/SCL.tif",
        "https://x.org/v.tif",
    ]
    assert image.files[0].size_bytes == 1234
    assert image.files[0].hash == "ab" * 32
    assert image.extra_properties["gsd"] == 10
    assert image.extra_properties["s2:nested"] == {"a": [1, None, True]}


def test_assets_become_bands_of_the_right_kind(catalog: Catalog) -> None:
    catalog.from_stac(scene(), progress=False)
    red, scl, *visual = catalog.bands.sort("sort_order")
    assert isinstance(red, SpectralBand)
    assert (red.name, red.data_type, red.nodata, red.wavelength_nm_center) == ("B04", "UInt16", 0, 665)
    assert red.physical_range == (0 - 0.1, 65535 * 0.0001 - 0.1)
    assert (red.resolution.value, red.file_index, red.band_index) == (10, 0, 0)
    assert isinstance(scl, ClassBand)
    assert scl.class_labels == [None, "Water", None, "Cloud shadow"]
    assert scl.colormap[1] == (0, 0, 255, 255)
    assert [(band.name, band.file_index, band.band_index) for band in visual] == [
        ("R", 2, 0),
        ("G", 2, 1),
        ("visual_B04", 2, 2),
    ]
    assert isinstance(visual[2], GenericBand)


def test_a_radar_asset_is_a_microwave_band(catalog: Catalog) -> None:
    vv = {"href": "https://x.org/vv.tif", "type": "image/tiff", "sar:polarizations": ["VV"], "roles": ["data"]}
    report = catalog.from_stac(item_of("a", assets={"vv": vv}), progress=False)
    assert isinstance(catalog.bands.first(), MicrowaveBand)
    assert report.notes == ["items: nothing says the data type of vv; UInt16 is assumed"]


@pytest.mark.parametrize(
    ("times", "acquired", "acquired_end"),
    [
        ({"datetime": "2020-01-01T00:00:00Z"}, "2020-01-01", None),
        ({"datetime": "2020-01-01T02:00:00+02:00"}, "2020-01-01", None),
        (
            {"datetime": None, "start_datetime": "2020-01-01T00:00:00Z", "end_datetime": "2020-02-01T00:00:00Z"},
            "2020-01-01",
            "2020-02-01",
        ),
        (
            {
                "datetime": "2020-01-15T00:00:00Z",
                "start_datetime": "2020-01-01T00:00:00Z",
                "end_datetime": "2020-02-01T00:00:00Z",
            },
            "2020-01-15",
            "2020-02-01",
        ),
        ({"datetime": None}, None, None),
        ({}, None, None),
    ],
)
def test_times_of_an_item(
    catalog: Catalog, times: dict[str, Any], acquired: str | None, acquired_end: str | None
) -> None:
    item = item_of("a", properties=times)
    assert catalog.from_stac(item, progress=False).added == 1
    image = only(catalog)
    expected = [
        None if day is None else datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (acquired, acquired_end)
    ]
    assert [image.acquired, image.acquired_end] == expected
    assert image.to_stac_item() == item


@pytest.mark.parametrize("id", ["a/b", "a b", "ä", "a:b", "..", "x" * 3000, "CON", "a\nb"])
def test_odd_ids_come_out_as_they_came(catalog: Catalog, id: str) -> None:
    item = item_of(id)
    other = item_of(id.replace("/", "_").replace(" ", "_").replace(":", "_").replace("ä", "_").replace("\n", "_"))
    report = catalog.from_stac([item, other] if other["id"] != id else [item], progress=False)
    assert report.failed == []
    out = {image.to_stac_item()["id"]: image.to_stac_item() for image in catalog.images}
    assert out[id] == item
    assert out[other["id"]] == other


@pytest.mark.parametrize(
    "geometry",
    [
        None,
        {"type": "Polygon", "coordinates": [[[60, 114], [70, 114], [70, 120], [60, 114]]]},  # beyond the pole
        {"type": "Polygon", "coordinates": []},
        {"type": "GeometryCollection", "geometries": []},
    ],
)
def test_an_item_whose_geometry_is_of_no_use_loads(catalog: Catalog, geometry: Any) -> None:
    item = item_of("a", geometry=geometry)
    report = catalog.from_stac(item, progress=False)
    assert report.added == 1
    assert bool(report.notes) == (geometry is not None)
    assert only(catalog).geometry is None
    assert only(catalog).to_stac_item() == item


def test_what_was_changed_is_written_and_all_else_is_kept(catalog: Catalog) -> None:
    item = scene()
    catalog.from_stac(item, progress=False)
    image = only(catalog)
    image.cloud_fraction = 0.5
    image.azimuth_angle = 20
    image.acquired = "2024-05-02T00:00:00Z"
    image.save()
    expected = copy.deepcopy(item)
    expected["properties"] |= {"eo:cloud_cover": 50.0, "view:azimuth": 20.0, "datetime": "2024-05-02T00:00:00Z"}
    expected["stac_extensions"].append("https://stac-extensions.github.io/view/v1.1.0/schema.json")
    assert only(catalog).to_stac_item() == expected


def test_a_collection_becomes_a_product_and_comes_out_as_it_came(catalog: Catalog, tmp_path: Path) -> None:
    collection = {
        "type": "Collection",
        "stac_version": "1.0.0",
        "id": "sensor-l2",
        "title": "A sensor",
        "description": "What it sees",
        "license": "CC-BY-4.0",
        "extent": {"spatial": {"bbox": [[10, 0, 12, 3]]}, "temporal": {"interval": [["2024-01-01T00:00:00Z", None]]}},
        "summaries": {"gsd": [10]},
        "item_assets": {
            "B08": {"type": "image/tiff", "eo:bands": [{"name": "B08", "common_name": "nir"}], "roles": ["data"]},
            "B04": {"type": "image/tiff", "eo:bands": [{"name": "B04", "common_name": "red"}], "roles": ["data"]},
        },
        "links": [{"rel": "license", "href": "https://x.org/license"}],
    }
    catalog.from_stac([collection, scene()], progress=False)
    product = Product.get("sensor-l2", catalog=catalog)
    assert (product.id, product.name, product.description) == ("sensor-l2", "A sensor", "What it sees")
    assert [band.name for band in product.bands()] == ["B08", "B04"]
    image = only(catalog)
    assert [file.href for file in image.files][1] == "https://x.org/B04.tif"  # its place; the Item has no B08
    assert image.to_stac_item() == scene()
    catalog.to_stac(tmp_path / "stac", progress=False)
    written = json.loads((tmp_path / "stac" / "sensor-l2" / "collection.json").read_text(encoding="utf-8"))
    links = [link for link in written.pop("links") if link["rel"] not in ("root", "parent", "item")]
    assert links == collection.pop("links")
    assert written == collection


def test_ids_stay_as_they_are_in_a_catalog_of_another_namespace(tmp_path: Path) -> None:
    """Choice 7. Before, products got the namespace of the catalog, and what came out again had other ids."""
    with Catalog.temporary(org="acme") as catalog:
        make_product("a", spectral("red"), catalog=catalog)
        record = {"product_id": "acme:a", "name": "x", "acquired": "2020-01-01", "files": [{"href": "https://x.org/x"}]}
        catalog.add_images([record], progress=False)
        catalog.from_stac(scene(), progress=False)
        items = [image.to_stac_item() for image in catalog.images]
        catalog.to_stac(tmp_path / "stac", progress=False)
        catalog.to_geoparquet(tmp_path / "items.parquet", progress=False)
    with Catalog.temporary(org="anna") as other, Catalog.temporary(org="anna") as third:
        assert other.from_stac(tmp_path / "stac", progress=False).products == ["acme:a", "sensor-l2"]
        assert third.from_geoparquet(tmp_path / "items.parquet", progress=False).added == 2
        assert third.images.ids() == other.images.ids() == ["acme:a:x", "sensor-l2:S2A_1"]
        assert [without_times(image.to_stac_item()) for image in third.images] == [*map(without_times, items)]
        product = Product.get("sensor-l2", catalog=other)
        product.name = "renamed"
        product.save()
        assert other.products.ids() == ["acme:a", "sensor-l2"]
        assert other.from_stac(scene(), on_conflict="replace", progress=False).products == []
        assert other.from_stac(item_of("b"), progress=False).products == ["anna:items"]  # no Collection gave that name
        assert other.from_stac(item_of("c"), product="mine", progress=False).products == ["anna:mine"]


def without_times(item: dict[str, Any]) -> dict[str, Any]:
    """Return an Item without when its record was made, and without links."""
    properties = {name: value for name, value in item["properties"].items() if name not in ("created", "updated")}
    return {**item, "properties": properties, "links": None}


def test_items_of_other_assets_widen_the_product(catalog: Catalog) -> None:
    tiff = {"type": "image/tiff", "roles": ["data"]}
    first = item_of("a", assets={"red": {**tiff, "href": "https://x.org/a.tif"}})
    second = item_of("b", assets={"nir": {**tiff, "href": "https://x.org/b.tif"}})
    catalog.from_stac(first, progress=False)
    catalog.from_stac(second, progress=False)
    assert [(band.name, band.file_index) for band in catalog.bands.sort("sort_order")] == [("red", 0), ("nir", 1)]
    assert [image.to_stac_item() for image in catalog.images.sort("name")] == [first, second]


def test_a_product_of_ones_own_is_not_changed(catalog: Catalog) -> None:
    make_product("mine", spectral("red"), catalog=catalog)
    catalog.from_stac(scene(), product="mine", progress=False)
    assert [band.name for band in catalog.bands] == ["red"]
    assert only(catalog).product_id == "acme:mine"


def test_our_own_tree_comes_back_equal(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        product = fill_guide(catalog)
        image = new_image(product, "full", acquired_end="2020-02-01", cloud_fraction=1 / 3, geometry=(170, 0, -170, 5))
        image.extra_properties = {"datetime": "mine", "nested": {"a": [1, None]}, "localcat:x": 1}
        image.save()
        catalog.to_stac(tmp_path / "stac", copy=True, progress=False)
        with Catalog.create(tmp_path / "again.gpkg", org="acme") as again:
            report = again.from_stac(tmp_path / "stac", copy=True, progress=False)
            assert (report.added, report.failed, report.notes) == (5, [], [])
            for kind in (Product, ClassBand, SpectralBand, Image):
                for one, other in zip(catalog.search(kind).sort("id"), again.search(kind).sort("id"), strict=True):
                    assert said(other) == said(one)
            pixels = [one.ndarray("blue") for one in (read(catalog, "a"), read(again, "a"))]
            assert numpy.ma.allequal(*pixels)
            again.to_stac(tmp_path / "twice", copy=True, progress=False)
        first, second = (
            {path.relative_to(root).as_posix(): json.loads(path.read_bytes()) for path in root.rglob("*.json")}
            for root in (tmp_path / "stac", tmp_path / "twice")
        )
        second["catalog.json"]["id"] = first["catalog.json"]["id"]
        second["catalog.json"]["description"] = first["catalog.json"]["description"]
        names = {
            document["assets"]["data"].pop("href")
            for document in (*first.values(), *second.values())
            if document.get("assets")
        }
        assert names
        assert second == first


def read(catalog: Catalog, name: str) -> Image:
    return catalog.images.filter(p.name == name).first()


def said(one: Any) -> dict[str, Any]:
    """Return what an object says, without what depends on when it was saved and where its files are."""
    found = one.serialize()
    for name in ("created", "modified"):
        found.pop(name)
    extra = {
        key: value for key, value in found.pop("extra_properties", {}).items() if key not in ("created", "updated")
    }
    files = [(file["size_bytes"], file["hash"]) for file in found.pop("files", [])]
    return {**found, "extra_properties": extra, "files": files, "id": one.id}


def test_files_that_are_here_can_be_read(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        fill_guide(catalog)
        catalog.to_stac(tmp_path / "stac", copy=True, progress=False)
        expected = read(catalog, "a").ndarray("blue")
    for copied in (False, True):
        with Catalog.create(tmp_path / f"{copied}.gpkg", org="acme") as catalog:
            report = catalog.from_stac(tmp_path / "stac", copy=copied, progress=False)
            assert report.failed == []
            image = read(catalog, "a")
            assert (image.storage_state, image.files[0].owned) == ("available", copied)
            assert numpy.ma.allequal(image.ndarray("blue"), expected)
            assert catalog.verify("full").ok


def test_an_item_without_time_and_footprint_comes_in_with_its_files(tmp_path: Path) -> None:
    """Before, it was refused for its time, and got the outline of its grid as a footprint."""
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        image = upload(make_guide(catalog), "open")
        image.acquired = image.geometry = None
        image.save()
        catalog.to_stac(tmp_path / "stac", copy=True, progress=False)
    for copied in (False, True):
        with Catalog.create(tmp_path / f"{copied}.gpkg", org="acme") as catalog:
            report = catalog.from_stac(tmp_path / "stac", copy=copied, progress=False)
            assert (report.added, report.failed) == (1, [])
            found = read(catalog, "open")
            assert (found.acquired, found.geometry, found.storage_state) == (None, None, "available")
            assert found.ndarray("blue").shape == (1, 64, 48)


@pytest.mark.parametrize("has_footprint", [True, False])
def test_files_are_copied_before_others_have_to_wait(tmp_path: Path, *, has_footprint: bool) -> None:
    """5: pixels first, row last. Before, the write lock was held while the pixels were copied."""
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        image = upload(make_guide(catalog), "a")
        if not has_footprint:
            image.geometry = None
            image.save()
        catalog.to_stac(tmp_path / "stac", copy=True, progress=False)
    seen: list[tuple[str, bool]] = []
    with Catalog.create(tmp_path / "again.gpkg", org="acme") as catalog:

        def listen(event: str, arguments: tuple[Any, ...]) -> None:
            if event == EVENT and arguments[0].startswith("file "):
                seen.append((arguments[0], catalog.database.in_transaction))

        sys.addaudithook(listen)  # which cannot be taken back; later steps of other tests do no harm
        assert catalog.from_stac(tmp_path / "stac", copy=True, progress=False).added == 1
    assert seen[:3] == [("file written", False), ("file synced", False), ("file renamed", True)]


# Ways in


def test_every_way_in_gives_the_same(catalog: Catalog, tmp_path: Path) -> None:
    items = [item_of(name) for name in "abc"]
    collection = {"type": "FeatureCollection", "features": items}
    (tmp_path / "list.json").write_text(json.dumps(collection), encoding="utf-8")
    (tmp_path / "lines.ndjson").write_text("\n".join(map(json.dumps, items)) + "\n", encoding="utf-8")
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    for item in items:
        (tmp_path / "folder" / "deep" / f"{item['id']}.json").write_text(json.dumps(item), encoding="utf-8")
    root = {"type": "Catalog", "stac_version": "1.0.0", "id": "x", "description": "x"}
    root["links"] = [{"rel": "item", "href": f"./deep/{name}.json"} for name in "abc"]
    (tmp_path / "folder" / "root.json").write_text(json.dumps(root), encoding="utf-8")
    sources = [
        items,
        collection,
        iter(items),
        tmp_path / "list.json",
        str(tmp_path / "lines.ndjson"),
        tmp_path / "folder" / "root.json",
        tmp_path / "folder" / "deep",
        [tmp_path / "folder" / "deep" / f"{name}.json" for name in "abc"],
    ]
    for number, source in enumerate(sources):
        report = catalog.from_stac(source, product=f"p{number}", progress=False)
        assert (report.added, report.failed) == (3, []), source
        found = catalog.images.filter(p.product_id == f"acme:p{number}").sort("name")
        assert [image.to_stac_item() for image in found] == items


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (5, "a STAC source is a path, a mapping, or a list of them"),
        ("nowhere.json", "there is no file or folder 'nowhere.json'"),
        ({"type": "Catalog"}, "not a STAC Item, ItemCollection or Collection"),
        ({"type": "FeatureCollection"}, "without a list of features"),
        ({}, "its type is None"),
    ],
)
def test_what_is_not_stac_is_refused(catalog: Catalog, source: Any, message: str) -> None:
    with pytest.raises(BadRequestError, match=message):
        catalog.from_stac(source)
    assert catalog.products.count() == 0


def test_a_taken_id_ends_it_or_is_skipped_or_replaced(catalog: Catalog) -> None:
    catalog.from_stac(item_of("a"), progress=False)
    changed = item_of("a", properties={"datetime": None, "gsd": 3})
    with pytest.raises(DuplicateError, match="already exists"):
        catalog.from_stac([item_of("b"), changed], progress=False)
    assert catalog.images.count() == 1
    assert catalog.from_stac([item_of("b"), changed], on_conflict="skip", progress=False).skipped == 1
    assert catalog.from_stac(changed, on_conflict="replace", progress=False).replaced == 1
    assert read(catalog, "a").extra_properties["gsd"] == 3


# What strangers send


@pytest.mark.parametrize("value", [None, -1, 0, 100])
def test_a_cloud_cover_that_is_not_known_is_kept(catalog: Catalog, value: Any) -> None:
    item = item_of("a", properties={"datetime": None, "eo:cloud_cover": value})
    assert catalog.from_stac(item, progress=False).failed == []
    assert only(catalog).cloud_fraction == {None: None, -1: None, 0: 0, 100: 1}[value]
    assert only(catalog).to_stac_item() == item


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("view:azimuth", -90, "view:azimuth is -90, not from 0 to 360"),
        ("view:sun_azimuth", 360.5, "view:sun_azimuth is 360.5, not from 0 to 360"),
        ("view:sun_elevation", -90.01, "view:sun_elevation is -90.01, not from -90 to 90"),
        ("view:off_nadir", 90.5, "view:off_nadir is 90.5, not from 0 to 90"),
        ("view:incidence_angle", 91, "view:incidence_angle is 91, not from 0 to 90"),
        ("eo:cloud_cover", -1, "eo:cloud_cover is -1"),
        ("keywords", ["a" * 1001], "keywords is ['aaa"),
    ],
)
def test_a_property_that_no_attribute_can_have_is_kept_and_named(
    catalog: Catalog, name: str, value: Any, said: str
) -> None:
    item = item_of("a", properties={"datetime": None, name: value})
    report = catalog.from_stac(item, progress=False)
    (note,) = report.notes
    assert said in note
    assert "it is kept as a property" in note
    assert (report.failed, only(catalog).to_stac_item()) == ([], item)


def test_paths_that_lead_out_are_refused(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "secret.tif").write_bytes(b"secret")
    folder = tmp_path / "stac"
    folder.mkdir()
    for number, href in enumerate(("../secret.tif", str(tmp_path / "secret.tif"), f"file://{tmp_path}/secret.tif")):
        item = item_of(f"a{number}", assets={"x": {"href": href, "type": "image/tiff"}})
        (folder / f"{number}.json").write_text(json.dumps(item), encoding="utf-8")
    report = catalog.from_stac(folder, copy=True, progress=False)
    assert report.added == 0
    assert [("leads out of" in str(failed.error)) for failed in report.failed] == [True, True, True]
    root = {"type": "Catalog", "id": "x", "links": [{"rel": "child", "href": "../other.json"}]}
    (folder / "catalog.json").write_text(json.dumps(root), encoding="utf-8")
    (tmp_path / "other.json").write_text(json.dumps(item_of("other")), encoding="utf-8")
    report = catalog.from_stac(folder, progress=False)
    assert "leads out of" in str(report.failed[0].error)
    assert catalog.images.count() == 0


def test_a_collection_of_thousands_of_bands_is_refused(catalog: Catalog) -> None:
    asset = {"href": "https://x.org/a.tif", "type": "image/tiff", "bands": [{"name": f"b{n}"} for n in range(3000)]}
    many = {**item_of("a", assets={"x": asset}), "collection": "many"}
    report = catalog.from_stac([many, item_of("b")], progress=False)
    assert report.added == 1
    assert "many would have 1,001 bands, more than 1,000" in str(report.failed[0].error)
    assert catalog.products.ids() == ["acme:items"]


@pytest.mark.parametrize("href", ["https://[bad/a.tif", "file://host/a.tif", "file:///%00.tif", "a" * 5000 + ".tif"])
def test_an_address_that_no_file_here_can_have_is_remote(catalog: Catalog, tmp_path: Path, href: str) -> None:
    item = item_of("a", assets={"x": {"href": href, "type": "image/tiff"}})
    (tmp_path / "a.json").write_text(json.dumps(item), encoding="utf-8")
    report = catalog.from_stac(tmp_path / "a.json", progress=False)
    assert (report.added, report.failed) == (1, [])
    assert (only(catalog).storage_state, only(catalog).files[0].href) == ("remote", href)
    assert only(catalog).to_stac_item() == item


def test_values_that_no_band_can_have_are_left_out(catalog: Catalog) -> None:
    odd = {"raster:scale": 1e308, "raster:offset": 1e308, "eo:center_wavelength": 1e308, "description": "x"}
    item = item_of("a", assets={"x": {"href": "https://x.org/a.tif", "type": "image/tiff", "bands": [odd]}})
    assert catalog.from_stac([item], progress=False).failed == []
    band = catalog.bands.first()
    assert (band.description, band.wavelength_nm_center, band.physical_range) == ("x", None, None)


@pytest.mark.parametrize("value", [5, {"properties": {}}, {"properties": {}, "id": "b", "assets": 5}])
def test_names_that_are_ours_come_out_as_they_came(catalog: Catalog, value: Any) -> None:
    items = [
        item_of("a", properties={"datetime": None, "stac:item": value}),
        item_of("b", properties={"datetime": None, "localcat:extra_properties": {"stac:item": value}}),
    ]
    assert catalog.from_stac(items, progress=False).failed == []
    assert [image.to_stac_item() for image in catalog.images.sort("name")] == items
    image = read(catalog, "b")
    image.extra_properties = {"stac:item": value}
    image.save()
    with Catalog.temporary(org="acme") as other:
        assert other.from_stac(image.to_stac_item(), progress=False).failed == []
        assert only(other).extra_properties["stac:item"] == value


@pytest.mark.parametrize("shape", [[True, True], [10**30, 5], [0, 5], ["3", "4"]])
def test_a_size_that_no_image_can_have_is_left_out(catalog: Catalog, shape: Any) -> None:
    item = item_of("a", properties={"datetime": None, "proj:shape": shape})
    report = catalog.from_stac([item], progress=False)
    assert (only(catalog).x_pixels, only(catalog).y_pixels) == (None, None) if report.added else report.failed
    assert not report.added or only(catalog).to_stac_item() == item


def test_links_in_a_circle_end(catalog: Catalog, tmp_path: Path) -> None:
    links = [{"rel": "child", "href": "./catalog.json"}, {"rel": "child", "href": "./other.json"}]
    for name in ("catalog.json", "other.json"):
        (tmp_path / name).write_text(json.dumps({"type": "Catalog", "id": name, "links": links}), encoding="utf-8")
    assert catalog.from_stac(tmp_path, progress=False).added == 0


def test_remote_links_are_named_not_followed(catalog: Catalog, tmp_path: Path) -> None:
    root = {"type": "Catalog", "id": "x", "links": [{"rel": "child", "href": "https://x.org/collection.json"}]}
    (tmp_path / "catalog.json").write_text(json.dumps(root), encoding="utf-8")
    report = catalog.from_stac(tmp_path, progress=False)
    assert "not a file here; download it first" in str(report.failed[0].error)


def test_deep_and_long_documents_are_refused_by_name(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "deep.ndjson").write_text("[" * 10_000 + "]" * 10_000, encoding="utf-8")
    report = catalog.from_stac(tmp_path / "deep.ndjson", progress=False)
    assert "deep.ndjson, line 1 is not JSON: it is nested too deep" in str(report.failed[0].error)
    nested: Any = 1
    for _ in range(60):
        nested = [nested]
    report = catalog.from_stac([item_of("a", properties={"datetime": None, "x": nested})], progress=False)
    assert report.added == 0
    assert "levels" in str(report.failed[0].error)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-10, 10)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["datetime", "start_datetime", "end_datetime", "published", "gsd", "platform", "keywords"])
NAMES |= st.sampled_from(["eo:cloud_cover", "view:azimuth", "proj:epsg", "proj:code", "proj:transform", "proj:shape"])
NAMES |= st.sampled_from(["localcat:area", "localcat:geotrans", "localcat:name"])
SENSIBLE = st.sampled_from(
    ["2020-01-01T00:00:00Z", 12.5, 32633, "EPSG:32633", [10, 0, 1, 0, -10, 2], [3, 4], "x", ["a", "b"], 0, 100, -1]
)


@given(
    properties=st.dictionaries(NAMES, SENSIBLE | JSON, max_size=6),
    geometry=st.none() | st.just(SQUARE) | JSON,
    members=st.dictionaries(st.sampled_from(["bbox", "stac_extensions", "links", "mine", "assets"]), JSON, max_size=3),
)
def test_any_item_comes_out_as_it_came_or_is_refused(
    properties: dict[str, Any], geometry: Any, members: dict[str, Any]
) -> None:
    item = {**item_of("a"), "properties": properties, "geometry": geometry, **members}
    with Catalog.temporary() as catalog:
        report = catalog.from_stac({"type": "FeatureCollection", "features": [item]}, progress=False)
        assert report.added + len(report.failed) == 1
        if report.added:
            assert only(catalog).to_stac_item() == item


@needs_real_data
def test_real_items_come_out_as_they_came(catalog: Catalog) -> None:
    items: list[dict[str, Any]] = []
    for path in sorted([*(REAL_DATA / "stac").glob("*.json"), *(REAL_DATA / "stac-items").glob("*.json")]):
        document = json.loads(path.read_text(encoding="utf-8"))
        features = document if isinstance(document, list) else [document]
        items += [one for one in features if one["type"] == "Feature"]
    unique = {(item.get("collection"), item["id"]): item for item in items}
    report = catalog.from_stac([*unique.values()], progress=False)
    assert (report.added, report.failed) == (len(unique), [])
    out = {(item.get("collection"), item["id"]): item for item in catalog.images.to_item_collection()["features"]}
    assert out == unique


@pytest.mark.parametrize(
    ("raster", "is_told"),
    [
        ({"scale": 0.0001, "offset": -0.1}, False),
        ({"scale": 0.0001, "offset": 0}, True),
        ({"scale": 0.0002, "offset": -0.1}, True),
        ({"offset": -0.1}, True),
        ({}, False),
    ],
)
def test_a_scene_that_is_scaled_otherwise_than_its_product_is_told(
    catalog: Catalog, raster: dict[str, float], is_told: bool
) -> None:
    """Choice 30: Sentinel-2 before and after baseline 04.00, whose COGs state no offset."""
    first, second = scene(), copy.deepcopy(scene())
    second["id"] = "S2A_2"
    of_first = first["assets"]["B04"]["raster:bands"][0]
    assert (of_first["scale"], of_first["offset"]) == (0.0001, -0.1)
    kept = {name: value for name, value in of_first.items() if name not in ("scale", "offset")}
    second["assets"]["B04"]["raster:bands"] = [{**kept, **raster}]
    report = catalog.from_stac([first, second], progress=False)
    assert (report.added, report.failed) == (2, [])
    told = (
        "it states another scale or offset of B04 than the product's bands; scaling='physical' uses theirs where its "
        "files state none"
    )
    assert [note.partition(": ")[2] for note in report.notes if "scale" in note] == ([told] if is_told else [])
