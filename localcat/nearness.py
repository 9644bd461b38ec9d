"""The images of a search that lie nearest to a place, by asking the index for wider and wider surroundings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcat.expressions.nodes import Ref, Relation, Spatial

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from localcat.search import GeoSearch

_FIRST_RADIUS = 20_000.0  # metres
_GROWTH = 4


@dataclass(frozen=True, slots=True)
class Near:
    """An image and how far it lies from a place."""

    metres: float
    uid: str
    row_id: int


def as_place(value: Any) -> BaseGeometry:
    """Return the geometry of a place: what `localcat.relations.as_area` takes, or (longitude, latitude)."""
    from localcat.relations import as_area  # brings shapely, which other searches do not need

    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) == 2:
        value = {"type": "Point", "coordinates": list(value)}
    return as_area(value)


def nearest_to(search: GeoSearch[Any], place: BaseGeometry, k: int) -> list[Near]:
    """Return the k objects of a search that lie nearest to a place, nearest first; ties by id.

    Order and limit of the search do not count. Whatever lies within the radius that has been asked is known, so that
    the nearest are certain as soon as k of them do.
    """
    from localcat.geometry import from_wkb  # see above
    from localcat.sphere import FARTHEST, distances

    radius = _FIRST_RADIUS
    while True:
        is_all = radius >= FARTHEST
        reach = Spatial(Ref("geometry"), Relation.WITHIN_DISTANCE, place, min(radius, FARTHEST))
        found = search._also(reach)._matches("image.uid, image.id, image.geometry")
        if len(found) < k and not is_all:
            radius *= _GROWTH
            continue
        metres = distances(place, from_wkb([row[2] for row in found]), math.inf if is_all else radius).tolist()
        near = sorted((far, uid, row_id) for far, (uid, row_id, _) in zip(metres, found, strict=True))
        if is_all or sum(far <= radius for far, _, _ in near) >= k:
            return [Near(*one) for one in near[:k]]
        radius *= _GROWTH
