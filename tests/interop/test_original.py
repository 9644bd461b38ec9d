"""Documents of the original into a catalog: what they say is there, and what cannot be is kept or refused by name."""

from __future__ import annotations

import copy
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcat import Catalog, ClassBand, Image, Product, SpectralBand
from localcat import properties as p
from localcat.errors import BadRequestError, DuplicateError
from tests.drawing import examples
from tests.interop.original_documents import CLOUDS, IMAGE, PRODUCT, RED, band_of, image_of, plain
from tests.small_catalog import fill_guide, make_product, new_image, spectral, upload

ALL = [PRODUCT, RED, CLOUDS, IMAGE]


def everything(catalog: Catalog) -> list[dict[str, Any]]:
    """Return all that the objects of a catalog say."""
    searches = (catalog.products, catalog.bands, catalog.images)
    return [{"id": one.id, **one.serialize()} for search in searches for one in search.sort("id")]


def test_a_product_comes_home(catalog: Catalog) -> None:
    report = catalog.from_original(ALL, progress=False)
    assert repr(report) == "OriginalReport: 1 products, 2 bands, 1 images added, 0 replaced, 0 skipped, 0 failed"
    product = catalog.products.first()
    assert (product.id, product.name, product.is_core) == ("descarteslabs:landsat:8:v1", "Landsat 8", True)
    assert (product.owners, product.readers, product.writers) == (
        ["org:descarteslabs", "user:ann"],
        ["org:everyone"],
        [],
    )
    assert product.created == datetime(2019, 6, 1, 10, 20, 30, 123456, tzinfo=UTC)
    assert product.modified == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert product.start_datetime == datetime(2013, 2, 11, tzinfo=UTC)
    assert (product.tags, product.default_display_bands, product.product_tier) == (
        ["landsat", "usgs"],
        ["red"],
        "classic",
    )
    assert product.resolution_min.value == 30  # of its bands here
    assert product.extra_properties == {"origin": "usgs", "original:attributes": {"core_version": 3}}


def test_its_bands_come_home(catalog: Catalog) -> None:
    catalog.from_original(ALL, progress=False)
    red, clouds = catalog.bands.sort("sort_order")
    assert (type(red), red.id) == (SpectralBand, "descarteslabs:landsat:8:v1:red")
    assert (red.data_range, red.display_range, red.nodata, red.wavelength_nm_center) == ((0, 10000), (0, 4000), 0, 655)
    assert (red.band_index, red.file_index, red.sort_order, red.resolution.value) == (3, 0, 4, 30)
    assert red.derived_params["function"] == "ndvi"
    assert red.processing_levels["default"] == "toa"
    assert red.created == datetime(2019, 6, 2, tzinfo=UTC)
    assert (type(clouds), clouds.product_id) == (ClassBand, "descarteslabs:landsat:8:v1")
    assert (clouds.class_labels, clouds.colormap[1]) == (["clear", None, "cloud"], (1, 2, 3, 255))


def test_its_images_come_home(catalog: Catalog) -> None:
    report = catalog.from_original(ALL, progress=False)
    (image,) = catalog.images
    assert (image.id, image.name, image.storage_state) == ("descarteslabs:landsat:8:v1:LC08_1", "LC08_1", "remote")
    assert image.acquired == datetime(2019, 5, 30, 10, 0, 0, 500000, tzinfo=UTC)
    assert image.published == datetime(2019, 6, 1, tzinfo=UTC)
    assert (image.created, image.modified) == (datetime(2019, 6, 3, tzinfo=UTC), datetime(2019, 6, 4, tzinfo=UTC))
    assert (image.cloud_fraction, image.satellite_id, image.tags) == (0.2, "LANDSAT_8", ["t1"])
    assert (image.cs_code, image.geotrans, image.x_pixels) == ("EPSG:32633", (300000, 30, 0, 5000000, 0, -30), 7600)
    assert image.geometry.bounds == (10, 0, 12, 3)
    first, second = image.files
    assert (first.href, first.size_bytes, first.hash) == ("gs://bucket/LC08_1.tif", 12345, "abc")
    assert (second.href, second.provider_href, second.provider_id) == (None, "https://usgs.example/qa.tif", "qa")
    assert image.extra_properties == {"wrs": 44034, "original:attributes": {"quality_score": [1, 2]}}
    assert report.not_understood == {"product.core_version": 1, "image.quality_score": 1}
    assert "product.core_version (1), image.quality_score (1)" in str(report)
    assert report._repr_html_().startswith("<pre>OriginalReport: 1 products, 2 bands, 1 images added")
    assert catalog.images.intersects((11, 0.5, 11.1, 0.6)).filter(p.created < "2019-06-04").count() == 1
    assert catalog.verify("files").ok


@pytest.mark.parametrize(
    ("created", "modified", "expected"),
    [
        ("2020-02-02", "2019-01-01", ("2020-02-02", "2020-02-02")),
        ("2020-02-02", None, ("2020-02-02", "2020-02-02")),
        (None, "2019-01-01", ("2019-01-01", "2019-01-01")),
        ("2019-01-01", "2020-02-02", ("2019-01-01", "2020-02-02")),
    ],
)
def test_nothing_was_changed_before_it_was_there(
    catalog: Catalog, created: str | None, modified: str | None, expected: tuple[str, str]
) -> None:
    """Before, products and bands took a `modified` before their `created` over."""
    documents = copy.deepcopy([PRODUCT["data"], RED, IMAGE])
    for document in documents:
        document["attributes"].update(created=created, modified=modified)
    assert catalog.from_original(documents, progress=False).failed == []
    for found in (catalog.products.first(), catalog.bands.first(), catalog.images.first()):
        assert (f"{found.created:%Y-%m-%d}", f"{found.modified:%Y-%m-%d}") == expected


def test_every_way_in_gives_the_same(catalog: Catalog, tmp_path: Path) -> None:
    catalog.from_original(ALL, progress=False)
    expected = everything(catalog)
    (tmp_path / "folder" / "images").mkdir(parents=True)
    (tmp_path / "folder" / "products.json").write_text(json.dumps(PRODUCT), encoding="utf-8")
    (tmp_path / "folder" / "bands.jsonl").write_text(f"{json.dumps(plain(RED))}\n\n{json.dumps(plain(CLOUDS))}\n")
    (tmp_path / "folder" / "images" / "LC08_1.json").write_text(json.dumps(plain(IMAGE)), encoding="utf-8")
    (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, [IMAGE, RED, CLOUDS, PRODUCT])), encoding="utf-8")
    (tmp_path / "list.json").write_text(json.dumps([plain(one) for one in ALL]), encoding="utf-8")
    page = {"data": [IMAGE, IMAGE], "included": [RED, CLOUDS, PRODUCT["data"]], "meta": {}, "links": {"next": "…"}}
    sections = {"products": [plain(PRODUCT)], "bands": [plain(RED), plain(CLOUDS)], "images": [plain(IMAGE)]}
    for source in (
        tmp_path / "folder",
        tmp_path / "all.ndjson",
        str(tmp_path / "list.json"),
        page,
        sections,
        iter([tmp_path / "folder" / "products.json", RED, plain(CLOUDS), {"data": IMAGE}]),
    ):
        with Catalog.temporary(org="acme") as other:
            report = other.from_original(source, progress=False)
            assert (report.failed, report.notes) == ([], []), source
            assert everything(other) == expected, source


def test_our_own_objects_come_back_equal(catalog: Catalog) -> None:
    product = fill_guide(catalog)
    new_image(
        product, "full", cloud_fraction=0.3, geometry=(170, 0, -170, 5), extra_properties={"a": {"b": [1]}}
    ).save()
    said = [
        {"id": one.id, **one.serialize()} if number % 2 else one.serialize(jsonapi_format=True)
        for search in (catalog.products, catalog.bands, catalog.images)
        for number, one in enumerate(search)
    ]
    expected = everything(catalog)
    for one in expected:
        one.pop("storage_state", None)
        one["files"] = [file["href"] for file in one.get("files", [])]
    with Catalog.temporary(org="other") as other:
        report = other.from_original(said, progress=False)
        assert report.failed == []
        found = everything(other)
        for one in found:
            one.pop("storage_state", None)
            one["files"] = [file["href"] or file["provider_href"] for file in one.get("files", [])]
        assert found == expected


def test_again_is_no_error_and_changes_nothing(catalog: Catalog) -> None:
    catalog.from_original(ALL, progress=False)
    before = everything(catalog)
    report = catalog.from_original(ALL, progress=False)
    assert (report.products, report.bands, report.images, report.skipped, report.failed) == (0, 0, 0, 4, [])
    report = catalog.from_original(ALL, on_conflict="replace", progress=False)
    assert (report.replaced, report.skipped, report.failed) == (4, 0, [])
    assert everything(catalog) == before
    with pytest.raises(DuplicateError, match=r"Product 'descarteslabs:landsat:8:v1' already exists; nothing was added"):
        catalog.from_original([band_of("new"), *ALL], on_conflict="error", progress=False)
    assert everything(catalog) == before


def test_replace_takes_what_is_new_and_keeps_pixels(catalog: Catalog) -> None:
    product = make_product("here", spectral("red"), catalog=catalog)
    image = upload(product, "a", cloud_fraction=0.5)
    document = {
        "type": "image",
        "id": image.id,
        "attributes": {"cloud_fraction": 0.1, "files": [{"href": "s3://b/a.tif"}]},
    }
    assert catalog.from_original(document, on_conflict="replace", progress=False).replaced == 1
    again = Image.get(image.id, catalog=catalog)
    assert (again.cloud_fraction, again.storage_state, again.files) == (0.1, "available", image.files)
    named = {"type": "product", "id": "acme:here", "attributes": {"name": "Renamed"}}
    assert catalog.from_original(named, on_conflict="replace", progress=False).replaced == 1
    assert Product.get("here", catalog=catalog).name == "Renamed"
    other_type = {"type": "band", "id": "acme:here:red", "attributes": {"type": "mask", "name": "red"}}
    (failed,) = catalog.from_original(other_type, on_conflict="replace", progress=False).failed
    assert "MaskBand 'acme:here:red' is a SpectralBand here" in str(failed.error)


def test_a_dry_run_reports_and_changes_nothing(catalog: Catalog) -> None:
    report = catalog.from_original(ALL, dry_run=True, progress=False)
    assert (report.products, report.bands, report.images) == (1, 2, 1)
    assert everything(catalog) == []


def test_a_product_without_a_document_is_made(catalog: Catalog) -> None:
    report = catalog.from_original([RED, IMAGE], progress=False)
    assert (report.products, report.bands, report.images) == (1, 1, 1)
    assert report.notes == [
        "no document describes product 'descarteslabs:landsat:8:v1'; it is made, with its id as its name"
    ]


def test_ids_of_the_original_never_meet_those_of_the_namespace(catalog: Catalog) -> None:
    make_product("landsat", catalog=catalog)
    report = catalog.from_original(
        {"type": "product", "id": "landsat", "attributes": {"name": "Theirs"}}, progress=False
    )
    assert report.products == 1
    assert catalog.products.ids() == ["acme:landsat", "landsat"]


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("cloud_fraction", 20),
        ("acquired", "yesterday"),
        ("geometry", {"type": "Polygon", "coordinates": [[[60, 114], [70, 114], [70, 120], [60, 114]]]}),
        ("created", 5),
        ("tags", "one"),
        ("x_pixels", {"a": 1}),
        ("files", "none"),
        ("files", [{"href": "gs://b/a.tif", "size_bytes": -1}]),
        ("files", [{"href": "gs://b/a.tif", "bucket": "b"}]),
        ("extra_properties", [1]),
    ],
)
def test_a_value_that_is_refused_is_kept(catalog: Catalog, attribute: str, value: Any) -> None:
    report = catalog.from_original([PRODUCT, image_of(**{attribute: value})], progress=False)
    assert (report.images, report.failed) == (1, [])
    assert report.not_understood[f"image.{attribute}"] == 1
    assert catalog.images.first().extra_properties["original:attributes"][attribute] == value
    assert attribute in str(report)


# What strangers send

DEEP: Any = []
for _ in range(10_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (5, "entry 1 is not a document, but a JSON int: 5"),
        ({"id": 5}, "has an id that is not text: 5"),
        ({"type": 5, "id": "a", "attributes": {}}, "has no type, or one that is not text: 5"),
        ({"type": "image", "id": "a:b", "attributes": []}, r"has attributes that are no object: \[\]"),
        ({"type": "product", "attributes": {"name": "x"}}, "is a product without an id"),
        ({"type": "image", "attributes": {"name": "x"}}, "has no id, nor a product_id and a name"),
        (image_of(product_id="other"), "contradicts its product and name"),
        (band_of(type="radar"), "is a band of the type 'radar', which is none of class, generic, mask"),
        (band_of("b", data_type=None), "data_type"),
        (image_of(name="a/../b"), "name"),
        (image_of("b", acquired="2020-01-02", acquired_end="2020-01-01"), "acquired_end"),
        (image_of(files=[{"href": "/etc/passwd"}]), "'/etc/passwd', which is a path and not an address"),
        (image_of(files=[{"href": "/vsicurl/https://x.org/a.tif"}]), "'/vsicurl/https://x.org/a.tif', which is a path"),
        (image_of(files=[{"href": " /vsizip/a.zip"}]), "which is a path"),
        (image_of(files=[{"href": "file:///etc/passwd"}]), "which is a path"),
        (image_of(files=[{"href": "../../a.tif"}]), "which is a path"),
        (image_of(files=[{"href": "C:\\a.tif"}]), "which is a path"),
        (image_of(files=[{"href": "\\\\host\\a.tif"}]), "which is a path"),
        (image_of("b", extra_properties={"a": DEEP}), "levels"),
        (image_of("b", extra_properties={"a": "x" * 2**21}), "extra_properties"),
        ({"data": DEEP}, "has more than 10 levels of documents in documents"),
        (image_of(cloud_fraction=0.3), "of another image of the source, and says something else"),
    ],
)
def test_hostile_documents_are_refused_by_name_and_the_others_taken(
    catalog: Catalog, document: Any, message: str
) -> None:
    report = catalog.from_original([PRODUCT, document, RED, IMAGE], progress=False)
    (refused,) = report.failed
    assert re.search(message, str(refused.error))
    assert (report.products, report.bands, report.images) == (1, 1, 1)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (5, "documents come as a path, a mapping, or a list of them, not 5"),
        ("nowhere", "there is no file or folder 'nowhere'"),
    ],
)
def test_what_holds_no_documents_is_refused(catalog: Catalog, source: Any, message: str) -> None:
    with pytest.raises(BadRequestError, match=message):
        catalog.from_original(source)
    with pytest.raises(BadRequestError, match="on_conflict is 'error', 'skip' or 'replace'"):
        catalog.from_original([], on_conflict="ask")
    assert everything(catalog) == []


def test_files_that_are_not_json_are_refused(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadRequestError, match="there is no JSON file in the folder"):
        catalog.from_original(tmp_path / "empty")
    (tmp_path / "product.json").write_text(json.dumps(PRODUCT), encoding="utf-8")
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    (tmp_path / "lines.ndjson").write_text(f'NaN\n{json.dumps(RED)}\n{{"a": 1, "a": 2}}\n', encoding="utf-8")
    with pytest.raises(BadRequestError, match="is not JSON"):
        catalog.from_original(tmp_path / "bad.json")
    report = catalog.from_original(tmp_path, progress=False)
    assert [one.where for one in report.failed] == ["bad.json", "lines.ndjson, line 1", "lines.ndjson, line 3"]
    assert (report.products, report.bands) == (1, 1)


def test_other_objects_are_passed_over_with_a_note(catalog: Catalog) -> None:
    upload = {"type": "image_upload", "id": "1", "attributes": {"status": "success"}}
    report = catalog.from_original([copy.deepcopy(PRODUCT), upload], progress=False)
    assert (report.products, report.failed) == (1, [])
    assert report.notes == ["entry 1: an object of the type 'image_upload' is passed over"]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["a", "a:b", "image"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*IMAGE["attributes"], *RED]), inner, max_size=5)
    ),
    max_leaves=8,
)


@settings(max_examples=examples(60), deadline=None)
@given(
    attributes=st.dictionaries(st.sampled_from(list(IMAGE["attributes"] | RED["attributes"])), json_values, max_size=4),
    kind=st.sampled_from(["product", "band", "image"]),
    anything=json_values,
)
def test_whatever_a_document_says_is_taken_kept_or_refused(attributes: Any, kind: str, anything: Any) -> None:
    with Catalog.temporary(org="acme") as catalog:
        report = catalog.from_original(
            [
                PRODUCT,
                {"type": kind, "id": "descarteslabs:landsat:8:v1:x", "attributes": attributes},
                {"data": [anything]},
            ],
            on_conflict="replace",
            progress=False,
        )
        assert report.products >= 1
        assert catalog.verify("quick").ok
