"""Checks STAC objects by the schemas of the specification and of its extensions.

The core schemas are those that pystac has inside; those of the extensions are read where the real data are.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pystac
import referencing

from tests.real_data import REAL_DATA

_CORE = Path(pystac.__file__).parent / "validation" / "jsonschemas"
_EXTENSIONS = REAL_DATA / "stac-schemas"


@functools.cache
def _registry() -> Any:
    found = {}
    for path in [*_CORE.rglob("*.json"), *_EXTENSIONS.glob("*.json")]:
        schema = json.loads(path.read_text(encoding="utf-8"))
        if path.name == "common.json":  # whose own name lacks a dot
            schema["$id"] = "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/common.json"
        found[schema["$id"].removesuffix("#")] = referencing.Resource.from_contents(
            schema, default_specification=referencing.jsonschema.DRAFT7
        )
    anything = referencing.Resource.from_contents({}, default_specification=referencing.jsonschema.DRAFT7)
    registry = referencing.Registry().with_resources(found.items())
    return registry.with_resource("https://proj.org/schemas/v0.7/projjson.schema.json", anything)


def problems(document: Mapping[str, Any]) -> list[str]:
    """Return what the schemas of the core, and of the extensions that the object names, find wrong with it."""
    kind = {"Feature": "item", "Collection": "collection", "Catalog": "catalog"}[document["type"]]
    core = f"https://schemas.stacspec.org/v1.1.0/{kind}-spec/json-schema/{kind}.json"
    found = []
    for name in (core, *document.get("stac_extensions", ())):
        if name not in _registry():
            if name == core or _EXTENSIONS.exists():
                found.append(f"there is no schema {name}")
            continue
        check = jsonschema.Draft7Validator({"$ref": name}, registry=_registry())
        found += [f"{name}: {error.json_path}: {error.message:.200}" for error in check.iter_errors(document)]
    return found
