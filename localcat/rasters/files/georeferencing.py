"""What a GeoTIFF keeps of a coordinate reference system, and whether two of them mean the same places."""

from __future__ import annotations

import re

import numpy
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.io import MemoryFile

from localcat.earth.contexts.grid import Grid
from localcat.earth.crs import crs_code, crs_name, is_same_crs, remembered
from localcat.earth.projecting import has_same_definition, project, turn_of
from localcat.errors import GridMismatchError
from localcat.rasters.files.environment import raster_environment
from localcat.rasters.files.footprint import to_map

_CODE = re.compile(r'AUTHORITY\["EPSG","(\d+)"\]\]$')  # of the whole CRS, in its WKT 1
_POINTS_A_SIDE = 5  # of the lattice of pixels that are looked for in both
_NEAR = 0.1  # pixels; texts of one CRS differ in their last digits


def check_crs_is_kept(grid: Grid) -> None:
    """Raise an error if a GeoTIFF on a grid would lose its CRS, or be read in one that means other places.

    The GeoTIFF standard knows some thirty projections; PROJ knows many more.

    Raises
    ------
    GridMismatchError
        With both CRSs.
    """
    kept = _kept(grid.crs)
    if kept is None or not is_same_place(grid, kept):
        name, read_as = crs_name(grid.crs), "" if kept is None else f"; it would be read as {crs_name(kept)!r}"
        raise GridMismatchError(
            f"a GeoTIFF cannot keep the CRS {name!r}{read_as}; bring the pixels to another one, such as UTM"
        )


def agrees(grid: Grid, crs: CRS) -> bool:
    """Return whether a CRS that somebody names for a grid is the grid's own.

    One without a code is, if it means the same places. Two different codes are two CRSs, however near their places.
    """
    if is_same_crs(grid.crs, crs):
        return True
    return (crs_code(grid.crs) is None or crs_code(crs) is None) and is_same_place(grid, crs)


def is_same_place(grid: Grid, crs: CRS) -> bool:
    """Return whether the pixels of a grid are at the same places if their coordinates are those of another CRS."""
    if is_same_crs(grid.crs, crs):
        return True
    height, width = grid.shape
    columns, rows = numpy.meshgrid(numpy.linspace(0, width, _POINTS_A_SIDE), numpy.linspace(0, height, _POINTS_A_SIDE))
    xs, ys = to_map(grid, columns.ravel(), rows.ravel())
    with raster_environment():
        other_xs, other_ys = project(crs, grid.crs, xs, ys)
    is_there = numpy.isfinite(other_xs) & numpy.isfinite(other_ys)
    off_x, off_y = (other_xs - xs)[is_there], (other_ys - ys)[is_there]
    turn = turn_of(grid.crs)
    if turn:
        off_x -= turn * numpy.rint(off_x / turn)
    t = ~grid.transform
    off = numpy.hypot(t.a * off_x + t.b * off_y, t.d * off_x + t.e * off_y)
    return bool((off < _NEAR).all())


@remembered
def _kept(crs: CRS) -> CRS | None:
    """Return the CRS that is read from a GeoTIFF that was written with one."""
    with raster_environment(), MemoryFile(ext=".tif") as file:
        profile = {"driver": "GTiff", "count": 1, "height": 1, "width": 1, "dtype": "uint8"}
        with file.open(**profile, crs=crs, transform=Affine(1, 0, 1, 0, -1, 1)):
            pass
        with file.open() as dataset:
            return None if dataset.crs is None else as_registered(dataset.crs)


@remembered
def as_registered(crs: CRS) -> CRS:
    """Return the CRS of a file as PROJ has it under its code, where that is the same but for the letters of its names.

    A GeoTIFF keeps M'poraloko (EPSG:4266) as M_poraloko. PROJ does not know this datum, nor how to shift it: pixels
    would be 100 m off. rasterio asks for WKT 1, in which EPSG:9311 is another projection.
    """
    found = _CODE.search(crs.to_wkt())
    if crs.to_epsg() is not None or found is None:
        return crs
    try:
        registered = CRS.from_epsg(int(found[1]))
    except CRSError:  # of a newer database
        return crs
    return registered if has_same_definition(registered, crs) else crs
