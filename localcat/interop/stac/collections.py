"""Products as Collections."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from localcat.interop.stac.assets import KEPT, KEYS, Layout
from localcat.interop.stac.values import write_time

if TYPE_CHECKING:
    from datetime import datetime

    from localcat.models.product import Product

OWN = "localcat:"
_LINKS = ("root", "parent", "self", "item", "child", "collection", "items")
_EXTENSIONS = [
    "https://stac-extensions.github.io/item-assets/v1.0.0/schema.json",
    "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
    "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
]
_NOT_SAID = {"id", "name", "created", "modified", "owners", "readers", "writers", "extra_properties"}


def collection_of(
    product: Product,
    layout: Layout,
    bbox: Sequence[float] | None = None,
    interval: tuple[datetime | None, datetime | None] = (None, None),
) -> dict[str, Any]:
    """Return a product as a STAC Collection, without links to its Items.

    Parameters
    ----------
    product : Product
        What it is of.
    layout : Layout
        The bands and the assets.
    bbox : sequence of 4 numbers, optional
        The box of all Items; the globe when left out.
    interval : pair of datetime or None
        When the first and the last Item were acquired.
    """
    extra: dict[str, Any] = dict(product.extra_properties or {})
    kept = extra.pop(KEPT, None)
    extra.pop(KEYS, None)
    collection: dict[str, Any]
    if isinstance(kept, dict) and kept.get("type") == "Collection":
        collection = copy.deepcopy(kept)
        collection["links"] = [
            link for link in collection.get("links") or [] if isinstance(link, dict) and link.get("rel") not in _LINKS
        ]
        return collection
    first, last = (None if moment is None else write_time(moment) for moment in interval)
    said = product.serialize()
    collection = {
        "type": "Collection",
        "stac_version": "1.1.0",
        "stac_extensions": list(_EXTENSIONS),
        "id": layout.collection_id,
        "title": product.name,
        "description": product.description or str(product.name),
        "license": "other",
        "extent": {
            "spatial": {"bbox": [list(bbox) if bbox else [-180, -90, 180, 90]]},
            "temporal": {"interval": [[first, last]]},
        },
        "links": [],
        "item_assets": {
            key: {"roles": ["data"], "type": "image/tiff; application=geotiff", **layout.fields_of(position)}
            for position, key in enumerate(layout.keys)
        },
        f"{OWN}product": {name: value for name, value in said.items() if name not in _NOT_SAID and value is not None},
        f"{OWN}bands": [band.serialize() for band in layout.bands],
    }
    if product.tags:
        collection["keywords"] = list(product.tags)
    if extra:
        collection[f"{OWN}extra_properties"] = extra
    for band in collection[f"{OWN}bands"]:
        for name in ("created", "modified", "product_id"):
            band.pop(name, None)
    return collection
