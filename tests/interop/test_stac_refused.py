"""Items and Collections of wrong types, or too large: each is refused by name, and the others come in."""

from __future__ import annotations

from typing import Any

import pytest

from localcat import Catalog
from tests.interop.some_items import item_of


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({**item_of("a"), "id": 5}, "has no id, or one that is not text: 5"),
        ({**item_of("a"), "id": ""}, "has no id"),
        ({**item_of("a"), "properties": None}, "is an Item without properties"),
        ({**item_of("a"), "assets": []}, "has assets of the wrong type"),
        ({**item_of("a"), "links": {}}, "has links of the wrong type"),
        ({**item_of("a"), "collection": 7}, "has a collection that is not text"),
        ({**item_of("a"), "type": "feature"}, "its type is 'feature'"),
        (["no"], "is not a STAC object, but a JSON list"),
        (
            item_of("a", assets={"x": {"href": "/vsicurl/http://x.org/a.tif", "type": "image/tiff"}}),
            "virtual file system",
        ),
        (item_of("a", assets={"x": {"href": "/vsizip/a.zip/a.tif", "type": "image/tiff"}}), "virtual file system"),
        (
            item_of("a", assets={"x": {"href": "/VSIcurl/http://x.org/a.tif", "type": "image/tiff"}}),
            "virtual file system",
        ),
        (item_of("a", assets={"x": {"href": "\\\\host\\a.tif", "type": "image/tiff"}}), "share of another machine"),
        (item_of("a", assets={f"a{number}": {} for number in range(1001)}), "has 1,001 assets, more than 1,000"),
        (item_of("a", assets={"x\x00": {"href": "https://x.org/a.tif", "type": "image/tiff"}}), "extra_properties"),
        (item_of("a", properties={"datetime": None, "x": 10**400}), "of at most 64 bits"),
        (item_of("a", properties={"datetime": None, "eo:cloud_cover": 10**400}), "not a number from 0 to 100"),
        (item_of("a", properties={"datetime": None, "proj:transform": [10**400] * 6}), "not a list of 6 or 9"),
        (item_of("a", properties={"datetime": None, "x": "\ud800"}), "extra_properties"),
        (item_of("a", properties={"datetime": None, "x": "a" * 2**21}), "more than 1,048,576 bytes"),
        (item_of("a", properties={"datetime": None, **{f"p{number}": 1 for number in range(600)}}), "at most 500"),
        (item_of("a\x00b"), "extra_properties"),
    ],
)
def test_a_bad_item_is_named_and_the_others_come_in(catalog: Catalog, document: Any, message: str) -> None:
    features = [item_of("good"), document]
    report = catalog.from_stac({"type": "FeatureCollection", "features": features}, progress=False)
    assert report.added == 1
    (failed,) = report.failed
    assert message in str(failed.error)
    assert "feature 1" in failed.where


WRONG: list[tuple[dict[str, Any], str]] = [
    *(
        ({"assets": {"x": {"href": href, "type": "image/tiff"}}}, "has an asset 'x' whose href is not text")
        for href in (5, None, "", ["https://x.org/a.tif"])
    ),
    ({"assets": {"x": {"type": "image/tiff"}}}, "has an asset 'x' whose href is not text: None"),
    ({"assets": {"x": "https://x.org/a.tif"}}, "has an asset 'x' that is not an object"),
    ({"assets": {"x": {"href": "a", "roles": "data"}}}, "an asset 'x' with roles that is not a list of text: 'data'"),
    ({"assets": {"x": {"href": "a", "eo:bands": {}}}}, "with eo:bands that is not a list of objects"),
    ({"assets": {"x": {"href": "a", "file:size": "5"}}}, "with file:size that is not a whole number: '5'"),
    ({"bbox": "1,2,3,4"}, "has bbox that is not a list of 4 or 6 numbers: '1,2,3,4'"),
    ({"bbox": [1, 2, 3]}, "has bbox that is not a list of 4 or 6 numbers"),
    ({"bbox": [1, 2, "3", 4]}, "has bbox that is not"),
    ({"links": ["a"]}, "has a link that is not an object"),
    ({"links": [{"rel": "self", "href": 5}]}, "has a link that is not an object with rel and href as text"),
    ({"stac_extensions": "eo"}, "has stac_extensions that is not a list of text"),
    ({"stac_version": 1.0}, "has stac_version that is not text: 1.0"),
    *(
        ({"geometry": geometry}, "has geometry that is not a GeoJSON geometry")
        for geometry in (
            *("POINT (1 2)", 5, [], {}, {"type": "Nothing"}, {"type": ["Polygon"], "coordinates": []}),
            *({"type": "Polygon"}, {"type": "Polygon", "coordinates": [[10, 0], [12, 0], [12, 3], [10, 0]]}),
            *({"type": "Point", "coordinates": ["1", "2"]}, {"type": "Point", "coordinates": [1]}),
            *({"type": "GeometryCollection", "geometries": [5]}, {"type": "MultiPolygon", "coordinates": 5}),
        )
    ),
    *(
        (
            {"properties": {"datetime": time}},
            "the property datetime that is not a time such as 2024-05-01T10:00:00Z",
        )
        for time in (5, "", "yesterday", "06.05.2024", ["2024-05-01"], True)
    ),
    *(
        ({"properties": {"datetime": None, name: value}}, f"has the property {name} that is not {meant}: {value!r}")
        for name, value, meant in [
            ("eo:cloud_cover", 500, "a number from 0 to 100"),
            ("eo:cloud_cover", -5, "a number from 0 to 100"),
            ("eo:cloud_cover", "12", "a number from 0 to 100"),
            ("view:azimuth", "north", "a number"),
            ("gsd", "10 m", "a number"),
            ("platform", 5, "text"),
            ("keywords", "a", "a list of text"),
            ("proj:epsg", "EPSG:32618", "a whole number"),
            ("proj:code", 32618, "text"),
            ("proj:shape", ["3", "4"], "two whole numbers"),
            ("proj:transform", [1, 2, 3], "a list of 6 or 9 numbers"),
            ("created", 5, "a time such as 2024-05-01T10:00:00Z"),
            ("end_datetime", "soon", "a time such as 2024-05-01T10:00:00Z"),
        ]
    ),
    ({"properties": {5: 6}}, "has the property 5, a name that is not text"),
]


@pytest.mark.parametrize(("members", "message"), WRONG)
def test_members_of_wrong_types_refuse_an_item_by_name(catalog: Catalog, members: Any, message: str) -> None:
    """Before, they came in without a word: as an image without that attribute, or without its files."""
    features = [item_of("good"), item_of("bad", **members)]
    report = catalog.from_stac({"type": "FeatureCollection", "features": features}, progress=False)
    assert (report.added, [one.id for one in report.failed]) == (1, ["bad"])
    assert message in str(report.failed[0].error)
    assert catalog.images.ids() == ["acme:items:good"]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"title": 5}, "has title that is not text: 5"),
        ({"keywords": "a"}, "has keywords that is not a list of text: 'a'"),
        ({"extent": {"spatial": {"bbox": [1, 2, 3, 4]}}}, "has extent that is not boxes of numbers and intervals"),
        ({"extent": {"temporal": {"interval": [["soon", None]]}}}, "has extent that is not"),
        ({"item_assets": {"x": 5}}, "has an item_asset 'x' that is not an object: 5"),
        ({"links": [5]}, "has a link that is not an object"),
    ],
)
def test_members_of_wrong_types_refuse_a_collection_by_name(catalog: Catalog, members: Any, message: str) -> None:
    collection = {"type": "Collection", "id": "c", "links": [], **members}
    report = catalog.from_stac([collection], progress=False)
    assert message in str(report.failed[0].error)
    assert catalog.products.count() == 0
