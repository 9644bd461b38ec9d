"""The outline of the land: Natural Earth's, at 1:110 million, which is in the public domain.

``python -m tests.land_outline`` writes it.
"""

from __future__ import annotations

import functools
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

_PER_DEGREE = 100


@functools.cache
def land() -> tuple[NDArray[Any], ...]:
    """Return the rings of the land, each of shape (point, 2): longitude and latitude; lakes run the other way."""
    rings = json.loads(Path(__file__).with_name("land.json").read_text(encoding="utf-8"))
    return tuple(
        numpy.column_stack([list(itertools.accumulate(steps[at::2])) for at in range(2)]) / _PER_DEGREE
        for steps in rings
    )


def land_within(bounds: tuple[float, float, float, float], tolerance: float) -> BaseGeometry:
    """Return the land in a box (west, south, east, north), simplified by some degrees; lakes are parts of their own."""
    import shapely  # a picture of pixels needs no land

    rings = numpy.array([shapely.Polygon(ring) for ring in land()])
    return shapely.GeometryCollection(list(shapely.simplify(shapely.clip_by_rect(rings, *bounds), tolerance)))
