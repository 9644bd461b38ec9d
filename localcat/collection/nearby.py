"""Footprints in an index in memory: which of many images are near a point, or meet an area."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy
import rtree.index
import shapely

from localcat.errors import BadRequestError
from localcat.geometry import as_geometry, footprint_box, intersecting, search_boxes

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_FIRST_RADIUS = 0.05  # degrees; about 5 km
_GROWTH = 4
_WHOLE_EARTH = 360.0  # degrees; further than any two points are apart in longitude
_DIGITS = 9  # of a degree; footprints that are as far but for the noise of a product are tied
_TURNS = (-360.0, 0.0, 360.0)


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
        self._count = len(boxes)
        self._tree = rtree.index.Index(boxes) if boxes else rtree.index.Index()

    def intersecting(self, geometry: Any) -> list[int]:
        """Return the positions of the footprints that share a point with a geometry, ascending."""
        area = as_geometry(geometry)
        candidates = self._within([_corners(box) for box in search_boxes(area)])
        hits = intersecting(area, self._footprints[candidates])
        return [position for position, hit in zip(candidates, hits.tolist(), strict=True) if hit]

    def nearest(self, point: Any, k: int) -> list[int]:
        """Return the positions of the k footprints nearest to a point, nearest first; ties by position.

        Notes
        -----
        Distances are those of a map around the point: degrees, those of longitude shrunk by the cosine of the point's
        latitude. Rings of growing radius are searched until k footprints lie inside one for sure.
        """
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise BadRequestError(f"k is a whole number from 1, not {k!r}")
        longitude, latitude = _coordinates(point)
        shrink = max(math.cos(math.radians(latitude)), 1e-9)
        radius = _FIRST_RADIUS
        while True:
            width = min(radius / shrink, _WHOLE_EARTH)
            candidates = self._within(
                [
                    (longitude + turn - width, latitude - radius, longitude + turn + width, latitude + radius)
                    for turn in (*_TURNS, 720.0)  # boxes across the antimeridian reach to 540°
                ]
            )
            distances = self._distances(candidates, longitude, latitude, shrink)
            ranked = sorted(zip(distances, candidates, strict=True))
            inside = [position for distance, position in ranked if distance <= radius]
            if len(inside) >= k or len(candidates) == self._count:
                return [position for _, position in ranked[:k]]
            radius *= _GROWTH

    def _within(self, boxes: Sequence[tuple[float, float, float, float]]) -> list[int]:
        return sorted({position for box in boxes for position in self._tree.intersection(box)})

    def _distances(self, positions: list[int], longitude: float, latitude: float, shrink: float) -> list[float]:
        scaled = shapely.transform(self._footprints[positions], lambda lonlat: lonlat * (shrink, 1.0))
        copies = [shapely.distance(scaled, shapely.Point((longitude + turn) * shrink, latitude)) for turn in _TURNS]
        nearest: list[float] = numpy.min(copies, axis=0).round(_DIGITS).tolist()
        return nearest


def _corners(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Return (min_lon, min_lat, max_lon, max_lat), the order of rtree, of our (min_lon, max_lon, min_lat, max_lat)."""
    return box[0], box[2], box[1], box[3]


def _coordinates(point: Any) -> tuple[float, float]:
    if isinstance(point, Sequence) and not isinstance(point, str | bytes) and len(point) == 2:
        point = shapely.Point(*point)
    geometry = as_geometry(point)
    if not isinstance(geometry, shapely.Point):
        raise BadRequestError(f"nearest takes a point, such as (longitude, latitude), not a {geometry.geom_type}")
    return geometry.x, geometry.y
