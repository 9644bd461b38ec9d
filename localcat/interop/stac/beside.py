"""STAC Items that are beside the files of a scene, for ingest: when it was captured, how cloudy it is, and the like."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from localcat.errors import BadRequestError
from localcat.interop.stac.assets import Layout
from localcat.interop.stac.checks import problem_of
from localcat.interop.stac.items import attributes_of, extra_properties_of
from localcat.interop.stac.sources import loaded
from localcat.writing.ingest.content.sidecars import ItemFacts

# What the files themselves say, and know better.
_OF_FILES = {"geometry", "files", "cs_code", "projection", "geotrans", "x_pixels", "y_pixels", "storage_state"}


def item_facts(path: Path) -> ItemFacts | None:
    """Return what a STAC Item says of the scene whose files are its assets; None if the file is another kind of JSON.

    Files are known by their names: an Item beside downloaded files often has the addresses they were loaded from.
    """
    try:
        item = loaded(path)
    except BadRequestError:
        return None
    if isinstance(item.get("assets"), dict):  # an odd one is no file of the scene, and the others are known by name
        item = {**item, "assets": {key: asset for key, asset in item["assets"].items() if _name_of(asset)}}
    if item.get("type") != "Feature" or "stac_version" not in item or problem_of(item) is not None:
        return None
    attributes = attributes_of(item, Layout("", (), ()))
    return ItemFacts(
        frozenset(name for asset in (item.get("assets") or {}).values() if (name := _name_of(asset))),
        {name: value for name, value in attributes.items() if name not in _OF_FILES},
        extra_properties_of(item, is_own=True),
    )


def _name_of(asset: Any) -> str | None:
    """Return the name of an asset's file, without the path in front and a query behind."""
    href = asset.get("href") if isinstance(asset, dict) else None
    try:
        return PurePosixPath(unquote(urlsplit(href).path)).name or None if isinstance(href, str) else None
    except ValueError:  # a host that cannot be one
        return None
