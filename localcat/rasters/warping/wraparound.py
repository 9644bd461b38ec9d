"""Files that go around the Earth, or beyond the edge of the map, shown so that GDAL finds all of their pixels.

GDAL's warper reads nothing beyond the edges of a file, though a pixel at 180° has neighbours at -180°. And from another
CRS it comes to an x on the map's own turn, though the file may count on beyond it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy
from affine import Affine

from localcat.earth.contexts.grid import Grid
from localcat.earth.crs import WGS84, remembered
from localcat.earth.projecting import project, turn_of
from localcat.rasters.warping.alignment import columns_under
from localcat.rasters.warping.longitudes import moved
from localcat.rasters.warping.vrt import Span

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.crs import CRS

_SEAMLESS = 0.1  # pixels; how exactly the two edges of a file that goes around the Earth must meet
_REACH = 4  # pixels of the coarser grid; a kernel reaches 3 to either side, and the position of a pixel is a little off
_NEAREST = 1  # pixel; to GDAL a place exactly on the eastern edge of a file is outside of it
_DEGREES = 360  # around the Earth
_MOST_TURNS = 2  # how wide a file may be that is shown once for each turn
_ANYWHERE = 7.3  # degrees of longitude; no map has its edge there
_PLACES, _LOOKS = 100, 6  # at which an edge is looked for, and how often; the last ones are less than 1 mm apart
_BEYOND = 1e-3  # pixels; what reaches less far beyond the edge of the map does not


def shown_around(grid: Grid, target: Grid, *, used: Grid, ratio: float | None) -> list[tuple[Grid, list[Span]]]:
    """Return what to warp instead of a file: each entry shows the pixels that those before it have not.

    Parameters
    ----------
    grid : Grid
        Of the file.
    target : Grid
        Onto which pixels are warped. If its CRS is the file's own, it is on the file's own turn.
    used : Grid
        The part of the target where the file has pixels.
    ratio : float or None
        Columns of the file in one pixel of the target; not finite where it is unknown, None if neighbours do not count.

    Returns
    -------
    list of (Grid, list of Span)
        Grids, and which columns of the file they hold; empty for the file as it is.
    """
    if ratio is None:
        if grid.crs == target.crs:  # then it is on the file's own turn
            return []
        return _layouts(grid, target, used, _NEAREST)
    reach = math.ceil(_REACH * max(ratio, 1.0)) + 1 if math.isfinite(ratio) else _REACH
    return _layouts(grid, target, used, reach)


def is_continued(crs: CRS) -> bool:
    """Return whether GDAL itself counts x on beyond the edge of a map: longitudes, which it takes for degrees."""
    return crs.is_geographic and turn_of(crs) == _DEGREES


def _layouts(grid: Grid, target: Grid, used: Grid, reach: int) -> list[tuple[Grid, list[Span]]]:
    """Return the grids of what is shown instead of a file, and which of its columns they hold; none for the file."""
    turn, count = turn_of(grid.crs), _columns_of_turn(grid)
    meets, middle = False, None
    if count is not None:
        reach = min(reach, count)
        arc = _arc(columns_under(grid, used), count)
        meets = arc is None or arc[0] < reach or arc[1] > count - reach
        middle = None if arc is None else round(sum(arc) / 2)
    if grid.crs == target.crs:
        return [_around(grid, count, -reach, grid.width + reach)] if count is not None and meets else []
    edge = _edge_of_map(grid.crs)
    if edge is None:
        return []
    west, _, east, _ = grid.bounds
    step = abs(grid.transform.a)
    is_beyond = west < edge - _BEYOND * step or east > edge + turn + _BEYOND * step
    sticks_out = is_beyond and not is_continued(grid.crs)
    if meets and count == grid.width and middle is not None and is_continued(grid.crs):
        start = middle - count // 2
        return [_around(grid, count, start, start + count)]
    if count is not None and (meets or sticks_out or grid.width > count):
        least, most = edge, edge + turn
        if turn_of(target.crs) == turn:  # then GDAL may leave degrees as they are
            least = max(min(least, target.bounds[0]), edge - turn)
            most = min(max(most, target.bounds[2]), edge + 2 * turn)
        start, stop = math.floor((least - west) / step) - reach, math.ceil((most - west) / step) + reach
        return [_around(grid, count, start, stop)]
    if not sticks_out or east - west > _MOST_TURNS * turn:
        return []
    first, last = math.floor((west - edge) / turn), math.ceil((east - edge) / turn) - 1
    return [(moved(grid, -turn * number), [(0, 0, grid.width)]) for number in range(first, last + 1)]


def _arc(columns: NDArray[Any], count: int) -> tuple[float, float] | None:
    """Return from which column to which some columns reach around the Earth; None if they take half of it or more.

    The first column is on the turn of the file; the arc may end beyond it.
    """
    if not numpy.isfinite(columns).all():
        return None
    sorted_columns = numpy.sort(columns % count)
    gaps = numpy.diff(sorted_columns, append=sorted_columns[0] + count)
    widest = int(gaps.argmax())
    length = count - float(gaps[widest])
    if length >= count / 2:
        return None
    first = float(sorted_columns[(widest + 1) % len(sorted_columns)])
    margin = 2 + 0.05 * length  # what lies between them may bend outwards
    return first - margin, first + length + margin


def _around(grid: Grid, count: int, start: int, stop: int) -> tuple[Grid, list[Span]]:
    """Return the columns of a grid from one to another, where a number of columns makes a turn around the Earth.

    Columns that the grid has itself are its own; the others are taken from a turn or more away.
    """
    spans = []
    at = start
    while at < stop:
        if 0 <= at < grid.width:
            first, length = at, grid.width - at
        else:
            first = at % count
            length = min(count - first, -at if at < 0 else stop)
        length = min(length, stop - at)
        spans.append((first, at - start, length))
        at += length
    t = grid.transform
    return Grid(grid.crs, Affine(t.a, 0, t.c + t.a * start, 0, t.e, t.f), (grid.height, stop - start)), spans


def _columns_of_turn(grid: Grid) -> int | None:
    """Return how many columns make a turn around the Earth; None where a grid covers less, or its edges do not meet."""
    turn, t = turn_of(grid.crs), grid.transform
    if not turn or t.b or t.d or not 0 < turn <= t.a * (grid.width + 0.5):
        return None
    count = round(turn / t.a)
    return count if 0 < count <= grid.width and abs(count * t.a - turn) < _SEAMLESS * t.a else None


@remembered
def _edge_of_map(crs: CRS) -> float | None:
    """Return the x at the western edge of a map that goes around the Earth; None if it does not.

    It is where x jumps back: at the antimeridian, or at the meridian opposite to that in the middle of the map.
    """
    turn = turn_of(crs)
    if not turn:
        return None
    sides = _around_edge(crs, 179.999, -179.999)
    if abs(sides[0] - sides[1] - turn) > 1e-4 * turn:  # its edge is elsewhere
        east, span = _ANYWHERE, 360.0
        for _ in range(_LOOKS):
            lons = numpy.linspace(east, east + span, _PLACES)
            at = int(numpy.diff(project(WGS84, crs, lons, numpy.zeros(_PLACES))[0]).argmin())
            east, span = float(lons[at]), span / (_PLACES - 1)
        sides = _around_edge(crs, east, east + span)
    return (sides[0] + sides[1] - turn) / 2


def _around_edge(crs: CRS, east: float, west: float) -> tuple[float, float]:
    """Return the x of two longitudes on the equator."""
    xs, _ = project(WGS84, crs, numpy.array([east, west]), numpy.zeros(2))
    return float(xs[0]), float(xs[1])
