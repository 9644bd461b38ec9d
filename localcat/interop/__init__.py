"""Other formats: STAC Items, Collections and catalogs, out and in."""

from __future__ import annotations

from localcat.interop.stac.importing import from_stac
from localcat.interop.stac.items import item_collection, stac_item
from localcat.interop.stac.tree import write_tree

__all__ = ["from_stac", "item_collection", "stac_item", "write_tree"]
