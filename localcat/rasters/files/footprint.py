"""The outline of a grid in longitude and latitude."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import shapely
from shapely.geometry.base import BaseGeometry

from localcat.earth.ground import ground_of
from localcat.errors import InvalidGeometryError, RasterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localcat.earth.contexts.grid import Grid


def footprint(grid: Grid) -> BaseGeometry:
    """Return the ground that a grid covers, in longitude and latitude, EPSG:4326.

    Edges that are straight in the grid's CRS get as many points as they need to follow their bend. An outline across
    the antimeridian is split there, and one around a pole holds the pole. What is beyond the edge of the map is left
    out.

    Raises
    ------
    RasterError
        If no part of the grid has a longitude and a latitude, as one on another planet.
    """
    try:
        return ground_of(shapely.Polygon(grid.corners), grid.crs)
    except InvalidGeometryError as error:
        raise RasterError(f"the grid has no footprint; check its CRS and transform: {error}") from error


def corner_names(grid: Grid) -> dict[str, list[float]]:
    """Return the corners and the centre under the names that gdalinfo gives them, in CRS coordinates."""
    first, top_right, last, bottom_left = (list(corner) for corner in grid.corners)
    centre = [(first[0] + last[0]) / 2, (first[1] + last[1]) / 2]
    return {
        "upperLeft": first,
        "lowerLeft": bottom_left,
        "lowerRight": last,
        "upperRight": top_right,
        "center": centre,
    }


def to_map(grid: Grid, columns: NDArray[Any], rows: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the CRS coordinates of pixel positions."""
    t = grid.transform
    return t.a * columns + t.b * rows + t.c, t.d * columns + t.e * rows + t.f
