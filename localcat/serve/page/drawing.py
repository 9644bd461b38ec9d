"""What the map draws: footprints as numbers, or how many there are in each cell of it.

An answer is four bytes with the length of a JSON head, the head, and the arrays that it names, each from a multiple of
four bytes on; all numbers are little endian.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy
import shapely
from starlette.responses import Response

from localcat.search.overview import Cells, Footprints, boxes_of, footprints_of
from localcat.serve.page.filters import NAMES, Filters, box_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localcat.serve.service import Asked

MOST_FOOTPRINTS = 100_000
"""Footprints that are sent to a map; of more it gets counts."""

CROWD = 6000
"""Footprints of a tile of the map; of more their numbers say more than their outlines."""

_MOST_POINTS = 1_500_000  # of all footprints together
_FINEST = 2e-5  # degrees by which footprints are simplified first, if they have too many points: 2 m
_CELLS = 3  # levels of zoom between a tile of the map and its cells: 8 by 8 of them
_DEEPEST = 19  # zoom of the map
_WORLD = (-180.0, -90.0, 180.0, 90.0)
_TOLD_APART = 64  # pixels of a footprint
_ALIGNED = 4  # bytes


def drawing(asked: Asked) -> Response:
    """Return what is to be drawn of a view at a zoom: footprints, or cells where they are too many to tell apart.

    Where all that is found is not too much, the answer has all of it, whatever the view.
    """
    asked.query.only(*NAMES, "view", "zoom")
    search = Filters.of(asked.query).search(asked.catalog)
    view = box_of("view", asked.query) or _WORLD
    zoom = asked.query.whole("zoom", 0, least=0, most=_DEEPEST)
    boxes = boxes_of(search)
    asked.check()
    is_all = len(boxes) <= MOST_FOOTPRINTS
    seen = boxes if is_all else boxes.meeting(view)
    is_too_much = len(seen) > MOST_FOOTPRINTS
    outlines_from = zoom + 1 if is_too_much else seen.outline_zoom(CROWD, _TOLD_APART)
    if zoom < outlines_from:
        head, arrays = _cells(seen.cells(zoom + _CELLS))
    else:
        head, arrays = _footprints(footprints_of(search, _WORLD if is_all else view))
    return _packed({**head, "all": is_all, "outlines_from": outlines_from}, arrays)


def _footprints(found: Footprints) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    parts, owners = shapely.get_parts(_simplified(found.shapes), return_index=True)
    are_areas = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    rings, holders = shapely.get_rings(parts[are_areas], return_index=True)
    lines = numpy.concatenate([rings, parts[~are_areas]])
    of = numpy.concatenate([owners[are_areas][holders], owners[~are_areas]])
    order = numpy.argsort(of, kind="stable")
    points, at = shapely.get_coordinates(lines[order], return_index=True)
    arrays = {
        "products": found.products.astype("<u4"),
        "lines": _starts(of[order], len(found.shapes)),
        "points": _starts(at, len(lines)),
        "coordinates": points.astype("<f4").ravel(),
    }
    return {"kind": "footprints", "products": found.product_ids, "images": len(found.shapes)}, arrays


def _cells(found: Cells) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    arrays = {name: getattr(found, name).astype("<u4") for name in ("columns", "rows", "counts")}
    return {"kind": "cells", "zoom": found.zoom, "images": int(found.counts.sum())}, arrays


def _simplified(shapes: NDArray[Any]) -> NDArray[Any]:
    """Return shapes that have not too many points together; none disappears."""
    simpler, tolerance = shapes, _FINEST
    while shapely.get_num_coordinates(simpler).sum() > max(_MOST_POINTS, 5 * len(shapes)) and tolerance < 1:
        simpler = shapely.simplify(shapes, tolerance)
        tolerance *= 4
    return simpler


def _starts(owners: NDArray[Any], count: int) -> NDArray[Any]:
    """Return where the entries of each owner begin, and behind the last one the end; owners ascend."""
    return numpy.searchsorted(owners, numpy.arange(count + 1)).astype("<u4")


def _packed(head: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Response:
    listed = [[name, array.dtype.str[1:], len(array)] for name, array in arrays.items()]
    text = json.dumps({**head, "arrays": listed}).encode("ascii")
    text += b" " * (-len(text) % _ALIGNED)
    body = b"".join([struct.pack("<I", len(text)), text, *(array.tobytes() for array in arrays.values())])
    return Response(body, media_type="application/octet-stream")
