"""STAC Items beside the files that are ingested."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from localcat import Catalog, Image
from localcat.interop.stac.beside import item_facts
from tests.scene_folders import tiny

ITEM = {
    "type": "Feature",
    "stac_version": "1.0.0",
    "id": "a",
    "geometry": None,
    "properties": {
        "datetime": "2021-05-08T10:11:12.5Z",
        "eo:cloud_cover": 12.5,
        "platform": "drone",
        "view:sun_elevation": 40,
        "proj:epsg": 4326,
        "survey:crew": ["mara", "joe"],
    },
    "links": [],
    "assets": {
        "data": {"href": "https://example.org/store/a_20200101.tif?sig=x%2Fy"},
        "odd": {"href": 5},
        "none": None,
    },
}


def test_an_item_says_when_a_scene_was_captured(catalog: Catalog, tmp_path: Path) -> None:
    tiny(tmp_path / "in" / "a_20200101.tif")
    tiny(tmp_path / "in" / "b_20200102.tif")
    (tmp_path / "in" / "a.json").write_text(json.dumps(ITEM))
    report = catalog.ingest(tmp_path / "in", progress=False)
    first, second = report.items
    image = Image.get(first.image_id)
    assert image.acquired == datetime(2021, 5, 8, 10, 11, 12, 500000, tzinfo=UTC)
    assert (first.acquired_from, second.acquired_from) == ("item a.json", "name b_20200102")
    assert (image.cloud_fraction, image.satellite_id, image.solar_elevation_angle) == (0.125, "drone", 40)
    assert image.cs_code == "EPSG:32633"  # the file's own
    assert image.extra_properties["survey:crew"] == ["mara", "joe"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "not json",
        '{"type": "FeatureCollection", "features": []}',
        '{"type": "Feature", "id": "planet", "properties": {}}',
        json.dumps({**ITEM, "type": "Collection"}),
        json.dumps({**ITEM, "assets": []}),
        json.dumps({**ITEM, "properties": None}),
    ],
)
def test_other_json_is_no_item(catalog: Catalog, tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    assert item_facts(tmp_path / "x.json") is None
    tiny(tmp_path / "a_20200101.tif")
    assert catalog.ingest(tmp_path, progress=False).items[0].acquired_from == "name a_20200101"
