"""Footprints in an index in memory: which of many images are near a place, or meet an area."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy
import rtree.index

from localcat.earth.geometry import as_geometry, footprint_box, intersecting, search_boxes
from localcat.earth.nearest import as_place, nearest_to
from localcat.expressions.nodes import Ref, Relation, Spatial
from localcat.expressions.spatial import boxes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry


class FootprintIndex:
    """An R-tree over footprints.

    Parameters
    ----------
    footprints : sequence of shapely geometry or None
        In longitude and latitude, split at the antimeridian. None is found by nothing.
    """

    def __init__(self, footprints: Sequence[BaseGeometry | None]) -> None:
        self._footprints = numpy.array([*footprints, None], dtype=object)[:-1]  # None keeps numpy from unpacking them
        boxes = [
            (position, _corners(footprint_box(footprint)), None)
            for position, footprint in enumerate(footprints)
            if footprint is not None
        ]
        self._tree = rtree.index.Index(boxes) if boxes else rtree.index.Index()

    def intersecting(self, geometry: Any) -> list[int]:
        """Return the positions of the footprints that share a point with a geometry, ascending."""
        area = as_geometry(geometry)
        candidates = self._within([_corners(box) for box in search_boxes(area)])
        hits = intersecting(area, self._footprints[candidates])
        return [position for position, hit in zip(candidates, hits.tolist(), strict=True) if hit]

    def nearest(self, place: Any, k: int) -> list[int]:
        """Return the positions of the k footprints nearest to a place, nearest first; ties by position."""
        area = as_place(place)

        def around(metres: float) -> tuple[list[int], NDArray[Any]]:
            boxes = boxes_of(Spatial(Ref("geometry"), Relation.WITHIN_DISTANCE, area, metres)) or []
            candidates = self._within([_corners(box) for box in boxes])
            return candidates, self._footprints[candidates]

        return [position for _, position in nearest_to(area, k, around)]

    def _within(self, boxes: Sequence[tuple[float, float, float, float]]) -> list[int]:
        return sorted({position for box in boxes for position in self._tree.intersection(box)})


def _corners(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Return (min_lon, min_lat, max_lon, max_lat), the order of rtree, of our (min_lon, max_lon, min_lat, max_lat)."""
    return box[0], box[2], box[1], box[3]
