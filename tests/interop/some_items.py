"""Items that others could have written."""

from __future__ import annotations

from typing import Any


def item_of(id: str, **members: Any) -> dict[str, Any]:
    """Return an Item of a stranger, with only what is required unless given otherwise."""
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [],
        "id": id,
        "geometry": None,
        "properties": {"datetime": "2020-01-01T00:00:00Z"},
        "links": [],
        "assets": {},
        **members,
    }


def scene() -> dict[str, Any]:
    """Return an Item as a provider of Sentinel-2 would write it: three assets with pixels, two without."""
    tiff = {"type": "image/tiff; application=geotiff; profile=cloud-optimized", "roles": ["data"]}
    red = {"name": "B04", "common_name": "red", "center_wavelength": 0.665, "full_width_half_max": 0.038}
    classes = [
        {"value": 1, "name": "water", "title": "Water", "color_hint": "0000FF"},
        {"value": 3, "name": "shadow", "description": "Cloud shadow"},
    ]
    return item_of(
        "S2A_1",
        stac_extensions=["https://stac-extensions.github.io/eo/v1.0.0/schema.json"],
        collection="sensor-l2",
        geometry={"type": "Polygon", "coordinates": [[[10, 0], [12, 0], [12, 3], [10, 0]]]},
        bbox=[10, 0, 12, 3],
        properties={
            "datetime": "2024-05-01T10:00:00.123456Z",
            "platform": "sentinel-2a",
            "eo:cloud_cover": 2.36,
            "gsd": 10,
            "proj:epsg": 32633,
            "s2:nested": {"a": [1, None, True]},
            "created": "2024-05-02T00:00:00Z",
        },
        links=[{"rel": "self", "href": "https://x.org/S2A_1.json"}, {"rel": "license", "href": "https://x.org/l"}],
        assets={
            "thumbnail": {"href": "https://x.org/t.png", "type": "image/png", "roles": ["thumbnail"]},
            "B04": {
                **tiff,
                "href": "https://x.org/B04.tif",
                "title": "Band 4",
                "proj:shape": [100, 200],
                "proj:transform": [10, 0, 300000, 0, -10, 5000000, 0, 0, 1],
                "eo:bands": [red],
                "raster:bands": [
                    {"data_type": "uint16", "nodata": 0, "scale": 0.0001, "offset": -0.1, "spatial_resolution": 10}
                ],
                "file:size": 1234,
                "file:checksum": "1220" + "ab" * 32,
                "alternate": {"s3": {"href": "s3://x/B04.tif"}},
            },
            "SCL": {
                **tiff,
                "href": "https://x.org/SCL.tif",
                "proj:shape": [50, 100],
                "proj:transform": [20, 0, 300000, 0, -20, 5000000],
                "raster:bands": [{"data_type": "uint8", "classification:classes": classes}],
            },
            "visual": {
                **tiff,
                "href": "https://x.org/v.tif",
                "roles": ["visual"],
                "eo:bands": [{"name": "R"}, {"name": "G"}, {"name": "B04"}],
            },
            "info": {"href": "https://x.org/i.json", "type": "application/json"},
        },
    )
