"""Shapes that several tests of geometries read, and objects that carry them."""

from __future__ import annotations

import pytest
import shapely

from localcat.earth.geometry import as_geometry
from localcat.errors import GeometryWarning

SQUARE = shapely.box(10, 20, 12, 21)
SQUARE_JSON = {"type": "Polygon", "coordinates": [[[10, 20], [12, 20], [12, 21], [10, 21], [10, 20]]]}
HEXAGON = [(170, -10), (-170, -10), (-168, 0), (-170, 10), (170, 10), (168, 0)]


class Interface:
    def __init__(self, interface):
        self.__geo_interface__ = interface


def read_across(value):
    """Return a geometry of which a warning says that an edge was read as crossing the antimeridian."""
    with pytest.warns(
        GeometryWarning, match=r"spans more than 180°, and was read as crossing the antimeridian; give it"
    ):
        return as_geometry(value)
