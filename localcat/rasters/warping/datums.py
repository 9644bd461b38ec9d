"""Grids on the datum of a file, so that GDAL's warper finds pixels at their places without changing datums itself.

The warper lets PROJ choose an operation for the area of the file, which it computes wrongly where longitudes are not
counted from Greenwich, and which it chooses anew for each pair of CRSs: pixels were then up to a kilometre away from
their footprint.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import WktVersion
from rasterio.errors import CRSError

from localcat.earth.contexts.grid import Grid
from localcat.earth.projecting import has_same_datum, metres_of, project, project_directly, turn_of
from localcat.forks import keep_in_children
from localcat.rasters.files.footprint import to_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Axis: TypeAlias = NDArray[Any]

SAME_OPERATION: Final = {"AREA_OF_INTEREST": "0,0,0,0"}
"""Options of GDAL's warper with which it chooses an operation, if one is left to choose, as for single points.

An area of zeros is none. Web Mercator needs it: GDAL takes it for a map of WGS 84, whatever datum it is given.
"""

_MESH = 9  # points a side
_NEAR = 0.02  # pixels; by so much a grid may bend on the way to another datum
_DEGREES = 360  # around the Earth
_TORN = 100_000.0  # metres; no two datums are so far apart; the two sides of the edge of a map are further

_DATUM = re.compile(r"(DYNAMIC|DATUM|ENSEMBLE)\[")
_NAME = re.compile(r'(?<=CRS)\["(?:[^"]|"")*",')  # GDAL would know some by it, and forget the datum
_MARKS = re.compile(r'"(?:[^"]|"")*"|[\[\]]')
_FALSE_EASTING = re.compile(r'(?<=PARAMETER\["False easting",)0(?=,)')
_ID = re.compile(r',\s*ID\["[^"]*",[^\]]*\]')


def on_datum_of(crs: CRS, grid: Grid) -> Grid:
    """Return a grid with the pixels of another one, and with a CRS of the datum of a file.

    Its projection is the grid's own. On another datum coordinates grow or shrink a little, and evenly over a piece of a
    grid, so that an affine fit loses nearly nothing. Where it does, as between a sphere and an ellipsoid over a
    thousand kilometres, the grid keeps its datum, and the fit makes up for the difference between the operations.

    Parameters
    ----------
    crs : rasterio.crs.CRS
        Of the file.
    grid : Grid
        A piece of the grid that is wanted.
    """
    if has_same_datum(crs, grid.crs):
        return grid
    columns, rows = (
        mesh.ravel()
        for mesh in numpy.meshgrid(numpy.linspace(0, grid.width, _MESH), numpy.linspace(0, grid.height, _MESH))
    )
    native = project(grid.crs, crs, *to_map(grid, columns, rows))
    best, least = grid, numpy.inf
    for seen_in in (_with_datum_of(crs, grid.crs), grid.crs):
        fitted, bend = _fitted(Grid(seen_in, grid.transform, grid.shape), columns, rows, crs, native)
        if bend < least:
            best, least = fitted, bend
        if least < _NEAR:
            break
    return best


def _fitted(
    grid: Grid, columns: NDArray[Any], rows: NDArray[Any], crs: CRS, native: tuple[NDArray[Any], NDArray[Any]]
) -> tuple[Grid, float]:
    """Return a grid moved so that its pixels are at coordinates of another CRS, and by how many pixels they miss them.

    Infinite, if there are not enough of them.
    """
    off = _between(to_map(grid, columns, rows), project_directly(crs, grid.crs, *native), grid.crs)
    with numpy.errstate(invalid="ignore"):
        known = (numpy.abs(off) * metres_of(grid.crs) < _TORN).all(axis=1)
    if known.sum() < 3:
        return grid, numpy.inf
    factors = numpy.column_stack((columns, rows, numpy.ones(len(columns))))[known]
    shift, *_ = numpy.linalg.lstsq(factors, off[known], rcond=None)
    bend = numpy.abs(factors @ shift - off[known]).max(axis=0) / grid.resolution
    (a, d), (b, e), (c, f) = shift.tolist()
    t = grid.transform
    fitted = Grid(grid.crs, Affine(t.a + a, t.b + b, t.c + c, t.d + d, t.e + e, t.f + f), grid.shape)
    # The warper goes the other way. PROJ does not find back from all maps: from Krovak's on Bessel's ellipsoid only.
    seen = to_map(fitted, columns[known], rows[known])
    missed = _between(seen, project_directly(crs, grid.crs, *project_directly(grid.crs, crs, *seen)), grid.crs)
    missed = missed[numpy.isfinite(missed).all(axis=1)]
    return fitted, float(max(bend.max(), (numpy.abs(missed) / grid.resolution).max(initial=0)))


def _between(first: tuple[Axis, Axis], second: tuple[Axis, Axis], crs: CRS) -> NDArray[Any]:
    """Return the way from some points to others, shape (point, 2), on the shorter side around the Earth."""
    turn = turn_of(crs)
    with numpy.errstate(invalid="ignore"):
        off = numpy.column_stack((second[0] - first[0], second[1] - first[1]))
        if turn:
            off[:, 0] -= turn * numpy.rint(off[:, 0] / turn)
    return off


@lru_cache(maxsize=256)
def _with_datum_of(other: CRS, crs: CRS) -> CRS:
    """Return a CRS with the datum of another one and its own meridian and projection; itself, if there is none.

    From longitudes of WGS 84 to Web Mercator GDAL has a short way, which takes them for degrees. If they are in another
    unit, such as grads, the map begins a nanometre further east, so that GDAL does not know it.
    """
    try:
        own, theirs = (one.to_wkt(version=WktVersion.WKT2_2019) for one in (crs, other))
        (start, stop), (first, last) = _datum_in(own), _datum_in(theirs)
        text = _NAME.sub('["shown on another datum",', own[:start]) + theirs[first:last] + own[stop:]
        if other.is_geographic and turn_of(other) != _DEGREES:
            text = _FALSE_EASTING.sub("1e-9", text)
        return CRS.from_wkt(_ID.sub("", text))
    except (CRSError, ValueError):
        return crs


def _datum_in(text: str) -> tuple[int, int]:
    """Return where the datum of a CRS begins and ends in its WKT 2; ValueError if it has none."""
    found = _DATUM.search(text)
    while found is not None:
        depth = 1
        for mark in _MARKS.finditer(text, found.end()):
            depth += {"[": 1, "]": -1}.get(mark[0], 0)
            if depth == 0:
                break
        else:
            break
        if found[1] != "DYNAMIC":
            begin = text.rfind("DYNAMIC[", 0, found.start())
            return (found.start() if begin < 0 else begin), mark.end()
        found = _DATUM.search(text, mark.end())
    raise ValueError("no datum")


keep_in_children(_with_datum_of)  # with the CRSs that it remembers
