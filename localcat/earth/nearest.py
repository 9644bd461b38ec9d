"""The things nearest to a place, found by asking an index for wider and wider surroundings of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from localcat.errors import BadRequestError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

T = TypeVar("T")

_FIRST_RADIUS = 20_000.0  # metres
_GROWTH = 4
_DIGITS = 3  # of a metre; what is as far but for the noise of arithmetic is tied


def as_place(value: Any) -> BaseGeometry:
    """Return the geometry of a place: what `localcat.earth.wkt.as_area` takes, or (longitude, latitude)."""
    from localcat.earth.wkt import as_area  # brings shapely, which other searches do not need

    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) == 2:
        value = {"type": "Point", "coordinates": list(value)}
    return as_area(value)


def nearest_to(
    place: BaseGeometry, k: int, around: Callable[[float], tuple[Sequence[T], NDArray[Any]]]
) -> list[tuple[float, T]]:
    """Return the k things nearest to a place with their distances in metres, nearest first.

    The radius grows until k things are within it: all things within the radius are known, so these are the nearest.

    Parameters
    ----------
    place : shapely geometry
        In longitude and latitude, split at the antimeridian.
    k : int
        How many, from 1.
    around : callable
        Takes a radius in metres and returns all things whose footprint is within it, and perhaps others, with their
        footprints. Things at the same distance, to the millimetre, are sorted by their value.
    """
    from localcat.earth.sphere import FARTHEST, distances  # brings shapely

    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise BadRequestError(f"k is a whole number from 1, not {k!r}")
    radius = _FIRST_RADIUS
    while True:
        is_all = radius >= FARTHEST
        things, footprints = around(min(radius, FARTHEST))
        if is_all or len(things) >= k:
            metres = distances(place, footprints, math.inf if is_all else radius).round(_DIGITS).tolist()
            near = sorted(zip(metres, things, strict=True))
            if is_all or sum(far <= radius for far, _ in near) >= k:
                return near[:k]
        radius *= _GROWTH
