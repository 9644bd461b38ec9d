"""Longitudes go around the Earth: 190° in one grid is -170° in another."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy
import shapely
import shapely.affinity
from affine import Affine

from localcat.earth.projecting import turn_of

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from localcat.earth.contexts.grid import Grid


def on_each_turn(native: Grid, grid: Grid) -> list[tuple[slice, Grid]]:
    """Return the columns of a grid, cut where a file of the same CRS ends, as grids in the file's own coordinates.

    GDAL compares coordinates of one CRS as they are: pixels at 190° would not find a file that holds them at -170°.

    Parameters
    ----------
    native : Grid
        Of the file. Its x lies anywhere, as do those of the other grid.
    grid : Grid
        Where pixels are wanted; upright, else it is not cut.

    Returns
    -------
    list of (slice, Grid)
        Columns of `grid`, each with the grid of the same places moved by whole turns to where the file is.
    """
    turn = turn_of(grid.crs) if grid.crs == native.crs else 0.0
    t = grid.transform
    if not turn or t.b or t.d:
        return [(slice(0, grid.width), grid)]
    west, _, east, _ = native.bounds
    seam = west - max(turn - (east - west), 0.0) / 2  # in the middle of what the file leaves free
    xs = t.c + t.a * (numpy.arange(grid.width) + 0.5)
    is_inside = (west <= xs) & (xs < east)  # of a file that may be wider than one turn
    turns = numpy.where(is_inside, 0.0, numpy.floor((xs - seam) / turn))
    edges = [0, *(numpy.flatnonzero(numpy.diff(turns)) + 1).tolist(), grid.width]
    return [
        (slice(start, stop), moved(grid.part(slice(None), slice(start, stop)), -turn * float(turns[start])))
        for start, stop in pairwise(edges)
    ]


def copies_on_turns(area: BaseGeometry, grid: Grid) -> BaseGeometry:
    """Return an area in a grid's CRS together with its copies whole turns away, where the grid reaches them."""
    turn = turn_of(grid.crs)
    if not turn or area.is_empty:
        return area
    west, _, east, _ = grid.bounds
    left, _, right, _ = area.bounds
    first, last = int(numpy.ceil((west - right) / turn)), int(numpy.floor((east - left) / turn))
    copies = [shapely.affinity.translate(area, turn * number) for number in range(first, last + 1)]
    return copies[0] if len(copies) == 1 else shapely.GeometryCollection(copies)


def moved(grid: Grid, by: float) -> Grid:
    """Return a grid moved along x."""
    t = grid.transform
    return replace(grid, transform=Affine(t.a, t.b, t.c + by, t.d, t.e, t.f)) if by else grid
