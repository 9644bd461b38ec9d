"""Pixels outside an area."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy
import shapely
from rasterio.features import geometry_mask

from localcat.earth.crs import WGS84
from localcat.earth.projecting import project
from localcat.rasters.files.environment import raster_environment
from localcat.rasters.warping.longitudes import copies_on_turns

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from localcat.earth.contexts.grid import Grid

_LONGEST_EDGE = 0.05  # degrees; about 5 km, over which a straight line bends by less than a metre in common CRSs


def outside_cutline(cutline: BaseGeometry, grid: Grid, *, all_touched: bool = False) -> NDArray[numpy.bool_]:
    """Return which pixels of a grid are outside an area.

    Parameters
    ----------
    cutline : shapely geometry
        In longitude and latitude; its edges are straight there.
    grid : Grid
        Any CRS.
    all_touched : bool
        Whether a pixel is inside as soon as the two touch, rather than when its centre is inside.

    Returns
    -------
    ndarray of bool, shape (row, column)
    """
    area = area_on(cutline, grid)
    if area.is_empty:
        return numpy.ones(grid.shape, dtype=bool)
    with raster_environment():
        outside: NDArray[numpy.bool_] = geometry_mask(
            [area], out_shape=grid.shape, transform=grid.transform, all_touched=all_touched
        )
        return outside


def area_on(area: BaseGeometry, grid: Grid) -> BaseGeometry:
    """Return an area in longitude and latitude in the CRS of a grid, on each turn around the Earth that the grid is on.

    It is empty if the projection is defined nowhere in it.
    """
    with raster_environment():
        return copies_on_turns(area if grid.crs == WGS84 else _projected(area, grid), grid)


def _projected(cutline: BaseGeometry, grid: Grid) -> BaseGeometry:
    def to_grid(lonlat: NDArray[Any]) -> NDArray[Any]:
        return numpy.column_stack(project(WGS84, grid.crs, lonlat[:, 0], lonlat[:, 1]))

    area = shapely.transform(shapely.segmentize(cutline, _LONGEST_EDGE), to_grid)
    if numpy.isfinite(shapely.get_coordinates(area)).all():
        return area
    # No pixel is where the projection is not defined: keep the parts that can be projected.
    parts = [part for part in shapely.get_parts(area) if numpy.isfinite(shapely.get_coordinates(part)).all()]
    return shapely.union_all(parts)
