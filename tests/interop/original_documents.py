"""Documents as the original's objects serialize to, and what they say."""

from __future__ import annotations

from typing import Any

PRODUCT: dict[str, Any] = {
    "data": {
        "type": "product",
        "id": "descarteslabs:landsat:8:v1",
        "attributes": {
            "name": "Landsat 8",
            "description": "What it sees",
            "created": "2019-06-01T10:20:30.123456789Z",
            "modified": "2020-01-02T03:04:05Z",
            "owners": ["org:descarteslabs", "user:ann"],
            "readers": ["org:everyone"],
            "writers": [],
            "tags": ["landsat", "usgs"],
            "is_core": True,
            "start_datetime": "2013-02-11T00:00:00Z",
            "end_datetime": None,
            "resolution_min": {"value": 15.0, "unit": "meters"},
            "default_display_bands": ["red"],
            "extra_properties": {"origin": "usgs"},
            "product_tier": "classic",
            "core_version": 3,
        },
    },
    "meta": {"total": 1},
}
RED: dict[str, Any] = {
    "type": "band",
    "id": "descarteslabs:landsat:8:v1:red",
    "attributes": {
        "type": "spectral",
        "name": "red",
        "product_id": "descarteslabs:landsat:8:v1",
        "created": "2019-06-02T00:00:00Z",
        "modified": "2019-06-02T00:00:00Z",
        "data_type": "UInt16",
        "data_range": [0, 10000],
        "display_range": [0, 4000],
        "nodata": 0,
        "resolution": {"value": 30.0, "unit": "meters"},
        "band_index": 3,
        "file_index": 0,
        "sort_order": 4,
        "wavelength_nm_center": 655.0,
        "derived_params": {"function": "ndvi", "bands": ["red", "nir"]},
        "processing_levels": {"default": "toa"},
    },
}
CLOUDS: dict[str, Any] = {
    "type": "band",
    "id": "descarteslabs:landsat:8:v1:clouds",
    "relationships": {"product": {"data": {"type": "product", "id": "descarteslabs:landsat:8:v1"}}},
    "attributes": {
        "type": "class",
        "name": "clouds",
        "created": "2019-06-02T00:00:00Z",
        "modified": "2019-06-03T00:00:00Z",
        "data_type": "Byte",
        "data_range": [0, 2],
        "band_index": 0,
        "file_index": 1,
        "sort_order": 5,
        "class_labels": ["clear", None, "cloud"],
        "colormap": [[0, 0, 0, 0], [1, 2, 3, 255], [255, 255, 255, 255]],
    },
}
IMAGE: dict[str, Any] = {
    "type": "image",
    "id": "descarteslabs:landsat:8:v1:LC08_1",
    "attributes": {
        "name": "LC08_1",
        "product_id": "descarteslabs:landsat:8:v1",
        "created": "2019-06-03T00:00:00Z",
        "modified": "2019-06-04T00:00:00Z",
        "acquired": "2019-05-30T10:00:00.5Z",
        "published": "2019-06-01T00:00:00Z",
        "geometry": {"type": "Polygon", "coordinates": [[[10, 0], [12, 0], [12, 3], [10, 0]]]},
        "cs_code": "EPSG:32633",
        "geotrans": [300000, 30, 0, 5000000, 0, -30],
        "x_pixels": 7600,
        "y_pixels": 7800,
        "cloud_fraction": 0.2,
        "satellite_id": "LANDSAT_8",
        "storage_state": "available",
        "files": [
            {"href": "gs://bucket/LC08_1.tif", "size_bytes": 12345, "hash": "abc", "provider_id": None},
            {"href": None, "provider_href": "https://usgs.example/qa.tif", "provider_id": "qa"},
        ],
        "extra_properties": {"wrs": 44034},
        "tags": ["t1"],
        "quality_score": [1, 2],
    },
}


def plain(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document of attributes alone, with its id."""
    inner = document.get("data", document)
    product = inner.get("relationships", {}).get("product", {}).get("data", {}).get("id")
    related = {} if product is None else {"product_id": product}
    return {"id": inner["id"], **related, **inner["attributes"]}


def band_of(name: str = "red", **attributes: Any) -> dict[str, Any]:
    """Return the document of a band, some of whose attributes differ."""
    return _of(RED, name, attributes)


def image_of(name: str = "LC08_1", **attributes: Any) -> dict[str, Any]:
    """Return the document of an image, some of whose attributes differ."""
    return _of(IMAGE, name, attributes)


def _of(document: dict[str, Any], name: str, attributes: dict[str, Any]) -> dict[str, Any]:
    changed = {**document["attributes"], "name": name, **attributes}
    return {**document, "id": f"descarteslabs:landsat:8:v1:{name}", "attributes": changed}
