"""Products as Collections."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcat.interop.stac.assets import KEPT, KEYS, OWN, Layout
from localcat.interop.stac.values import write_time

if TYPE_CHECKING:
    from datetime import datetime

    from localcat.models.image import Image
    from localcat.models.product import Product

_LINKS = ("root", "parent", "self", "item", "child", "collection", "items")
_EXTENSIONS = [
    "https://stac-extensions.github.io/item-assets/v1.0.0/schema.json",
    "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
    "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
]
_NOT_SAID = {"id", "name", "created", "modified", "owners", "readers", "writers", "extra_properties"}


@dataclass(slots=True)
class Extent:
    """Where and when the Items of a Collection are.

    Parameters
    ----------
    bbox : list of 4 numbers, optional
        West, south, east, north; all longitudes if one crosses the antimeridian. None for the globe.
    first, last : datetime, optional
        When the first and the last were acquired.
    """

    bbox: list[float] | None = None
    first: datetime | None = None
    last: datetime | None = None

    def widen(self, item: Mapping[str, Any], image: Image) -> None:
        """Take an Item in, which is an image."""
        bbox = item.get("bbox")
        if isinstance(bbox, list) and len(bbox) in (4, 6):
            half = len(bbox) // 2
            west, south, east, north = bbox[0], bbox[1], bbox[half], bbox[half + 1]
            if west > east:
                west, east = -180.0, 180.0
            old = self.bbox or [west, south, east, north]
            self.bbox = [min(old[0], west), min(old[1], south), max(old[2], east), max(old[3], north)]
        if image.acquired is not None:
            last = image.acquired_end or image.acquired
            self.first = image.acquired if self.first is None else min(self.first, image.acquired)
            self.last = last if self.last is None else max(self.last, last)


def collection_of(product: Product, layout: Layout, extent: Extent | None = None) -> dict[str, Any]:
    """Return a product as a STAC Collection, without links to its Items.

    Parameters
    ----------
    product : Product
        What it is of.
    layout : Layout
        The bands and the assets.
    extent : Extent, optional
        Of all Items; the globe and any time when left out.
    """
    extent = extent or Extent()
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
    first, last = (None if moment is None else write_time(moment) for moment in (extent.first, extent.last))
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
            "spatial": {"bbox": [extent.bbox or [-180, -90, 180, 90]]},
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
