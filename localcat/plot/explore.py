"""One HTML file to look around in what a search found: it needs no network, no server and no library."""

from __future__ import annotations

import base64
import html
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import shapely

from localcat.disk.paths import absolute
from localcat.disk.staging import written
from localcat.plot.land import land

if TYPE_CHECKING:
    from localcat.models.image import Image

_DIGITS = 5  # of a degree: a metre
_TOLERANCE = 2e-4  # degrees by which an outline may be simplified


def write_page(
    images: Sequence[Image], path: str | os.PathLike[str], *, title: str, total: int, thumbnails: int
) -> Path:
    """Write a page with a map and a list of images; `ImageSearch.explore` says more."""
    file = absolute(path)
    left = thumbnails
    entries = []
    for image in images:
        picture = image._catalog.pixels.thumbnail_png(image) if left > 0 and image.files else None
        left -= picture is not None
        entries.append(_entry(image, picture))
    data = {
        "title": title,
        "more": total if total > len(entries) else 0,
        "products": sorted({entry["product"] for entry in entries}),
        "images": entries,
        "land": [ring.tolist() for ring in land()],
    }
    template = Path(__file__).with_name("explore.html").read_text(encoding="utf-8")
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    page = template.replace("{{title}}", html.escape(title), 1).replace("{{data}}", text, 1)
    with written(file) as stream:
        stream.write(page.encode("utf-8"))
    return file


def _entry(image: Image, picture: bytes | None) -> dict[str, Any]:
    shape = image.geometry
    rings: list[list[list[float]]] = []
    place, wide = None, 0.0
    if shape is not None:
        for part in shapely.get_parts(shapely.simplify(shape, _TOLERANCE)):
            outlines = [part.exterior, *part.interiors] if part.geom_type == "Polygon" else [part]
            rings += [shapely.get_coordinates(outline).round(_DIGITS).tolist() for outline in outlines]
        largest = max(shapely.get_parts(shape), key=lambda part: (part.area, part.length))
        west, south, east, north = largest.bounds
        place = [round((west + east) / 2, _DIGITS), round((south + north) / 2, _DIGITS)]
        wide = max(east - west, north - south)
    return {
        "name": image.name,
        "product": image.product_id,
        "acquired": None if image.acquired is None else image.acquired.isoformat(),
        "cloud": image.cloud_fraction,
        "rings": rings,
        "place": place,
        "wide": wide,
        "picture": None if picture is None else f"data:image/png;base64,{base64.b64encode(picture).decode('ascii')}",
    }
