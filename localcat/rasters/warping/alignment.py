"""Two grids compared: where the pixels of one are in the other, and how many of them are in one pixel."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy
from affine import Affine
from rasterio.crs import CRS
from rasterio.windows import Window

from localcat.earth.contexts.grid import Grid
from localcat.earth.projecting import FARTHEST, project, turn_of
from localcat.rasters.files.footprint import to_map
from localcat.rasters.warping.longitudes import on_each_turn

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.io import DatasetReader

_ALIGNED = 1e-3  # pixels; how exactly two grids must meet to count as one
_MESH = 9  # points a side, where a grid is compared with a file
_ANY_MAP = CRS.from_epsg(32631)
_ASIDE = 1  # to GDAL a grid of pixels at the origin has no place
_DECIMALS, _NOISE = 6, 1e-7  # pixels
_NARROW = 8  # pixels; the narrowest overview that is used


def native_window(native: Grid, grid: Grid) -> Window | None:
    """Return the window of a native grid that another grid is, None where their pixels do not coincide.

    The window may reach beyond the native grid on any side.
    """
    height, width = grid.shape
    corners = _native_corners(native, grid)
    if corners is None:
        return None
    left, top = map(round, corners[0])
    return Window(left, top, width, height) if _is_at(corners, left, top, width, height) else None


def is_in_blocks(native: Grid, grid: Grid) -> bool:
    """Return whether each pixel of a grid is a block of whole native pixels, or would be if the native grid went on."""
    corners = _native_corners(native, grid)
    if corners is None:
        return False
    (left, top), (right, bottom) = corners[0], corners[-1]
    across, down = round((right - left) / grid.width), round((bottom - top) / grid.height)
    sides = across * grid.width, down * grid.height
    return across != 0 != down and _is_at(corners, round(left), round(top), *sides)


def _native_corners(native: Grid, grid: Grid) -> list[tuple[float, float]] | None:
    """Return the corners of a grid as positions on a native one: top and bottom left, top and bottom right.

    None where these have another CRS.
    """
    if grid.crs != native.crs:
        return None
    height, width = grid.shape
    inverse = ~native.transform
    corners = [(column, row) for column in (0, width) for row in (0, height)]
    found = [_moved(inverse, *_moved(grid.transform, *corner)) for corner in corners]
    return found if all(math.isfinite(coordinate) for point in found for coordinate in point) else None


def _is_at(corners: list[tuple[float, float]], left: int, top: int, width: int, height: int) -> bool:
    expected = [(column, row) for column in (left, left + width) for row in (top, top + height)]
    return all(
        abs(x - column) < _ALIGNED and abs(y - row) < _ALIGNED
        for (x, y), (column, row) in zip(corners, expected, strict=True)
    )


def _moved(transform: Affine, x: float, y: float) -> tuple[float, float]:
    t = transform
    return t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f


def overlap(native: Grid, grid: Grid) -> tuple[slice, slice] | None:
    """Return rows and columns of a grid outside which a file has no pixel; None where it has none at all.

    Costs one projection of a few points, and may be a little too large where the pixels do not coincide.
    """
    if not all(abs(bound) < FARTHEST for bound in native.bounds):
        return None
    found = []
    for columns, part in on_each_turn(native, grid):
        window = native_window(part, native)
        window = window_under(part, native) if window is None else _clipped(window, part)
        if window is not None:
            rows, within = window.toslices()
            found.append((rows, within.start + columns.start, within.stop + columns.start))
    if not found:
        return None
    top, bottom = min(rows.start for rows, *_ in found), max(rows.stop for rows, *_ in found)
    return slice(top, bottom), slice(min(left for _, left, _ in found), max(right for *_, right in found))


def window_under(native: Grid, grid: Grid) -> Window | None:
    """Return the part of a file under a grid; None if they do not meet."""
    columns, rows = _native_pixels(native, grid, *_mesh(grid, _MESH))
    half_turn = turn_of(native.crs) / math.hypot(native.transform.a, native.transform.d) / 2
    steps = numpy.hypot(*(numpy.diff(found.reshape(_MESH, _MESH)) for found in (columns, rows)))
    is_torn = half_turn > 0 and bool((steps > half_turn).any())  # by the edge of the map
    if is_torn or not (numpy.isfinite(columns).all() and numpy.isfinite(rows).all()):
        return Window(0, 0, native.width, native.height)
    margin = 2 + 0.05 * max(numpy.ptp(columns), numpy.ptp(rows))  # the outline may bend outwards between the points
    left, right = max(int(columns.min() - margin), 0), min(int(columns.max() + margin), native.width)
    top, bottom = max(int(rows.min() - margin), 0), min(int(rows.max() + margin), native.height)
    return Window(left, top, right - left, bottom - top) if left < right and top < bottom else None


def _clipped(window: Window, grid: Grid) -> Window | None:
    """Return the part of a window that is on a grid; None if they do not meet."""
    left, right = max(window.col_off, 0), min(window.col_off + window.width, grid.width)
    top, bottom = max(window.row_off, 0), min(window.row_off + window.height, grid.height)
    return Window(left, top, right - left, bottom - top) if left < right and top < bottom else None


def _mesh(grid: Grid, points: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return columns and rows of a mesh of pixel positions over a grid."""
    meshes = numpy.meshgrid(numpy.linspace(0, grid.width, points), numpy.linspace(0, grid.height, points))
    return meshes[0].ravel(), meshes[1].ravel()


def columns_under(native: Grid, grid: Grid) -> NDArray[Any]:
    """Return the native columns at points all over a grid; not finite where there is none."""
    return _native_pixels(native, grid, *_mesh(grid, _MESH))[0]


def _native_pixels(
    native: Grid, grid: Grid, columns: NDArray[Any], rows: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the pixel positions of a grid as those of a native grid; not finite where they have none."""
    xs, ys = project(grid.crs, native.crs, *to_map(grid, columns, rows))
    turn = turn_of(native.crs) if native.crs != grid.crs else 0.0
    if turn:  # a projected x lies on the turn around 0, the file's perhaps on another
        west, _, east, _ = native.bounds
        with numpy.errstate(invalid="ignore"):
            xs = xs - turn * numpy.round((xs - (west + east) / 2) / turn)
    inverse = ~native.transform
    with numpy.errstate(invalid="ignore"):
        return inverse.a * xs + inverse.b * ys + inverse.c, inverse.d * xs + inverse.e * ys + inverse.f


def in_pixels_of(native: Grid, grid: Grid) -> tuple[Grid, Grid]:
    """Return a native grid and another one of its CRS, both in native pixels instead of units of the CRS.

    Far from the origin of a CRS, its coordinates are too coarse for GDAL, which would count neighbours that a pixel
    only touches.
    """
    n, g, inverse = native.transform, grid.transform, ~native.transform
    a, d = (_without_noise(term, grid.width) for term in _turned(inverse, g.a, g.d))
    b, e = (_without_noise(term, grid.height) for term in _turned(inverse, g.b, g.e))
    c, f = (_without_noise(term, 1) for term in _turned(inverse, g.c - n.c, g.f - n.f))
    return (
        Grid(_ANY_MAP, Affine(1, 0, _ASIDE, 0, -1, 0), native.shape),
        Grid(_ANY_MAP, Affine(a, b, c + _ASIDE, -d, -e, -f), grid.shape),
    )


def _turned(transform: Affine, x: float, y: float) -> tuple[float, float]:
    return transform.a * x + transform.b * y, transform.d * x + transform.e * y


def _without_noise(number: float, times: int) -> float:
    """Return a position in pixels, or a step that is taken so many times, without what coordinates cannot tell."""
    near = round(number, _DECIMALS)
    return near if abs(number - near) * times < _NOISE else number


def fine_overviews(dataset: DatasetReader, native: Grid, grid: Grid) -> list[tuple[int, float]]:
    """Return the overviews that are at least as fine as a grid, the coarsest first.

    Each with the number of its pixels along a side of a grid's pixel, where that is smallest.
    """
    factors = dataset.overviews(1)
    if not factors:
        return []
    ratio = _coarseness(native, grid)
    # GDAL derives the factors from the widths alone, so those of very narrow overviews say nothing.
    known = enumerate(factors)
    fine = [(level, factor) for level, factor in known if 1 < factor <= ratio and factor * _NARROW <= native.width]
    return [(level, ratio / factor) for level, factor in reversed(fine)]


def _coarseness(native: Grid, grid: Grid) -> float:
    """Return how many native pixels a side of a grid's pixel covers, at the point where it covers fewest."""
    right, down = (numpy.hypot(*step) for step in _steps(native, grid))
    sides = numpy.concatenate((right, down))
    sides = sides[numpy.isfinite(sides)]
    return float(sides.min()) * (1 + _ALIGNED) if len(sides) else 1.0


def _steps(native: Grid, grid: Grid) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the native columns and rows by which one leaves a pixel of a grid, to the right and down.

    Each of shape (2, point), at points all over the grid; not finite where these have no native position.
    """
    columns, rows = _mesh(grid, _MESH)
    step = min(*grid.shape, 16) / 2
    here = numpy.array(_native_pixels(native, grid, columns, rows))
    with numpy.errstate(invalid="ignore"):
        right = (numpy.array(_native_pixels(native, grid, columns + step, rows)) - here) / step
        down = (numpy.array(_native_pixels(native, grid, columns, rows + step)) - here) / step
    return right, down


def pixel_ratios(native: Grid, grid: Grid) -> tuple[float, float]:
    """Return how many native columns and rows there are in one pixel of a grid; not finite where it is unknown."""
    right, down = _steps(native, grid)
    found = []
    for across, along in zip(right, down, strict=True):
        sides = numpy.hypot(across, along)
        sides = sides[numpy.isfinite(sides)]
        found.append(float(numpy.median(sides)) if len(sides) else math.nan)
    return found[0], found[1]
