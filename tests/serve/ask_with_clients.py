"""A program that asks a served catalog as other programs do; it prints what it got, as JSON.

It runs in a process of its own, since the tests themselves may not connect to anything.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import warnings
from typing import Any

import pystac_client
import rasterio
import rustac

COLLECTION = "tiny:optical"
POINT = {"type": "Point", "coordinates": [9, 46.9]}


def with_pystac_client(url: str) -> dict[str, Any]:
    client = pystac_client.Client.open(url)
    by_text = client.search(collections=[COLLECTION], filter="eo:cloud_cover < 30", sortby="-properties.datetime")
    by_get = client.search(bbox=[170, -20, -170, 0], datetime="2022/2024", method="GET", collections=[COLLECTION])
    pages = client.search(limit=7)
    return {
        "collections": [one.id for one in client.get_collections()],
        "matched": pages.matched(),
        "paged": [f"{item.collection_id}:{item.id}" for item in pages.items()],
        "by_text": [item.id for item in by_text.items()],
        "by_get": [item.id for item in by_get.items()],
        "by_place": [item.id for item in client.search(intersects=POINT, ids=["alps-1"]).items()],
        "item": client.get_collection("tiny:radar").get_item("etna").id,
        "queryables": sorted(client.get_queryables()["properties"])[:3],
    }


async def with_rustac(url: str) -> dict[str, Any]:
    below = {"op": "<", "args": [{"property": "eo:cloud_cover"}, 30]}
    paged = await rustac.search(url, limit=7, max_items=100)
    filtered = await rustac.search(url, collections=[COLLECTION], filter=below, sortby="-datetime")
    boxed = await rustac.search(url, intersects=POINT, ids=["alps-1"])
    return {
        "paged": [f"{item['collection']}:{item['id']}" for item in paged],
        "by_text": [item["id"] for item in filtered],
        "by_place": [item["id"] for item in boxed],
    }


def with_gdal(url: str) -> dict[str, Any]:
    item = pystac_client.Client.open(url).get_collection(COLLECTION).get_item("alps-1")
    (asset,) = item.assets.values()
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"), rasterio.open(f"/vsicurl/{asset.href}") as dataset:
        return {"sum": int(dataset.read(1).sum()), "shape": dataset.shape, "overviews": dataset.overviews(1)}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    address = sys.argv[1]
    found = {"pystac_client": with_pystac_client(address), "gdal": with_gdal(address)}
    found["rustac"] = asyncio.run(with_rustac(address))
    print(json.dumps(found), flush=True)
    os._exit(0)  # rustac's threads may abort an interpreter that ends in order
