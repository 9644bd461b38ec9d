"""STAC items for tests: real ones where the folder is there, drawn ones, and the record that each becomes."""

from __future__ import annotations

import json
import random
import re
from decimal import Decimal
from typing import Any

from tests.real_data import REAL_DATA

OWN_NAMES = {"datetime", "eo:cloud_cover", "platform", "proj:code", "proj:epsg"}  # properties that become attributes


def real_items() -> list[dict[str, Any]]:
    """Return the items of the folder of real data, with the ids that a catalog can have."""
    found: list[dict[str, Any]] = []
    for path in sorted([*REAL_DATA.glob("stac-items/*.json"), *REAL_DATA.glob("stac/*.json")]):
        loaded = json.loads(path.read_text(encoding="utf-8"))
        for item in loaded if isinstance(loaded, list) else loaded.get("features", [loaded]):
            if item.get("type") == "Feature" and item.get("geometry"):
                name = re.sub(r"[^A-Za-z0-9._-]", "_", item["id"])
                collection = re.sub(r"[^a-z0-9-]", "-", str(item.get("collection") or "none").lower())
                properties = dict(item["properties"])
                if properties.get("proj:epsg") is not None:  # what older items have for proj:code
                    properties["proj:code"] = f"EPSG:{properties['proj:epsg']}"
                elif str(properties.get("proj:code")).startswith("EPSG:"):
                    properties["proj:epsg"] = int(properties["proj:code"].removeprefix("EPSG:"))
                ids = {"id": f"{len(found)}-{name}", "collection": collection}
                found.append({**item, **ids, "properties": properties})
    return found


def drawn_items(seed: int, count: int) -> list[dict[str, Any]]:
    """Return items with properties of all types, some of them missing or null."""
    rng = random.Random(seed)
    values: dict[str, list[Any]] = {
        "datetime": [
            f"2024-0{month}-{day:02d}T{hour:02d}:30:00Z" for month in (1, 6) for day in (1, 15) for hour in (0, 12)
        ],
        "eo:cloud_cover": [0, 1.2, 7, 20, 20.5, 99.9, 100],
        "platform": ["landsat-8", "Landsat-8", "sentinel-2a", "Étoile", "etoile"],
        "proj:code": ["EPSG:32618", "EPSG:4326"],
        "gsd": [10, 10.0, 0.66, 30, 100],
        "constellation": ["sentinel-2", "landsat", ""],
        "view:off_nadir": [-7, 0, 3, 7.5],
        "x:flag": [True, False],
        "x:start": ["2024-01-01T00:30:00Z", "2024-06-01T00:00:00Z"],
        "instruments": [["oli"], ["oli", "tirs"], ["tirs", "oli"], ["msi"]],
        "proj:centroid": [{"lat": 45, "lon": 7.5}, {"lat": -10}],
    }
    found = []
    for number in range(count):
        west, south = rng.randrange(-20, 20), rng.randrange(-20, 20)
        ring = [[west, south], [west + 2, south], [west + 2, south + 2], [west, south + 2], [west, south]]
        properties = {name: rng.choice([*some, *some, None]) for name, some in values.items() if rng.random() < 0.85}
        if properties.get("x:start") is not None:  # a span has both ends, or none
            properties["x:end"] = rng.choice(["2024-06-01T00:00:00Z", "2024-12-31T00:00:00Z"])
        found.append(
            {
                "type": "Feature",
                "id": f"item{number:03d}",
                "collection": rng.choice(["landsat", "sentinel-2"]),
                "geometry": {"type": "Polygon", "coordinates": [ring]},
                "properties": properties,
            }
        )
    return found


def record_of(item: dict[str, Any]) -> dict[str, Any]:
    """Return the record that `add_images` takes for an item."""
    properties = dict(item["properties"])
    clouds = properties.get("eo:cloud_cover")
    own = {
        "acquired": properties.get("datetime"),
        "cloud_fraction": None if clouds is None else float(Decimal(repr(clouds)) / 100),
        "satellite_id": properties.get("platform"),
        "cs_code": properties.get("proj:code"),
    }
    return {
        "product_id": item["collection"],
        "name": item["id"],
        "geometry": item["geometry"],
        "storage_state": "remote",
        **{name: value for name, value in own.items() if value is not None},
        "extra_properties": {name: value for name, value in properties.items() if name not in OWN_NAMES},
    }
