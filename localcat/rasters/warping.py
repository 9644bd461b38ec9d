"""Pixels of a file on a grid that is not its own: which overview to take, and how to resample it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp, Resampling
from rasterio.warp import reproject
from rasterio.windows import Window

from localcat.geocontext.projection import turn_of
from localcat.rasters.dtypes import equals_nodata, saturated
from localcat.rasters.footprint import project, to_map
from localcat.rasters.pieces import pieces_of, relative, shared
from localcat.rasters.sources import Request, fill_of, has_internal_mask, nodata_of
from localcat.rasters.turns import on_each_turn

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray
    from rasterio.io import DatasetReader

    from localcat.geocontext.grid import Grid
    from localcat.rasters.pieces import Place

_ALIGNED = 1e-3  # pixels; how exactly two grids must meet to count as one
_MESH = 9  # points a side, where a grid is compared with a file
_NARROW = 8  # pixels; the narrowest overview that is used
_CODES = (ColorInterp.alpha, ColorInterp.palette)
_NEARLY_WHOLE = 0.05  # pixels; GDAL takes ratios this near to a whole number for it


def native_window(native: Grid, grid: Grid) -> Window | None:
    """Return the window of a native grid that another grid is, None where their pixels do not coincide.

    The window may reach beyond the native grid on any side.
    """
    if grid.crs != native.crs:
        return None
    height, width = grid.shape
    inverse = ~native.transform
    corners = [(column, row) for column in (0, width) for row in (0, height)]
    found = [_moved(inverse, *_moved(grid.transform, *corner)) for corner in corners]
    left, top = round(found[0][0]), round(found[0][1])
    error = max(
        max(abs(x - column - left), abs(y - row - top)) for (x, y), (column, row) in zip(found, corners, strict=True)
    )
    return Window(left, top, width, height) if error < _ALIGNED else None


def _moved(transform: Affine, x: float, y: float) -> tuple[float, float]:
    t = transform
    return t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f


def warp(
    dataset: DatasetReader,
    native: Grid,
    grid: Grid,
    place: Place,
    request: Request,
    values: NDArray[Any],
    mask: NDArray[numpy.bool_],
) -> None:
    """Resample pixels onto rows and columns of a grid, with masks from the nearest pixel."""
    for at in request.positions:
        values[at], mask[at] = fill_of(dataset, request.sources[at], values.dtype), True
    extent = overlap(native, grid)
    if extent is None:
        return
    kernel = _kernel_options(native, grid.part(*extent))
    for piece in pieces_of(grid.shape, extent, place, len(request.positions)):
        found = shared(piece, place)
        rows, columns = relative(found, place)
        warped = _Warped(dataset, native, grid.part(*piece), request, kernel)
        warped.put(relative(found, piece), values[:, rows, columns], mask[:, rows, columns])


@dataclass(frozen=True, slots=True)
class _Warped:
    """Bands of a file on a piece of a grid."""

    dataset: DatasetReader
    native: Grid
    grid: Grid
    request: Request
    kernel: dict[str, str]

    def put(self, place: Place, values: NDArray[Any], mask: NDArray[numpy.bool_]) -> None:
        """Put the pixels of some rows and columns into their places in the result."""
        dataset, request = self.dataset, self.request
        outside = _outside(dataset, self.native, self.grid, request)[place]
        # Opacity weighs its neighbours only for a caller who reads it too: others want the pixels under it as they are.
        opacity = next((i for i in request.indexes if dataset.colorinterp[i - 1] is ColorInterp.alpha), 0)
        groups: dict[tuple[str, Resampling], list[int]] = {}
        for at in request.positions:
            source = request.sources[at]
            is_code = source.is_categorical or dataset.colorinterp[source.index - 1] in _CODES
            method = Resampling.nearest if is_code else request.method
            groups.setdefault((repr(nodata_of(dataset, source)), method), []).append(at)
        for (_, method), members in groups.items():
            indexes = [request.sources[at].index for at in members]
            nodata = nodata_of(dataset, request.sources[members[0]])
            alpha = 0 if method is Resampling.nearest else opacity
            options = {} if method is Resampling.nearest else self.kernel
            pixels = _reprojected(dataset, indexes, self.grid, method, nodata, alpha, **options)
            nearest = pixels
            if nodata is not None and method is not Resampling.nearest:
                nearest = _reprojected(dataset, indexes, self.grid, Resampling.nearest, nodata)
            for at, whole, codes in zip(members, pixels, nearest, strict=True):
                band = whole[place]
                missing = equals_nodata(codes[place], nodata)
                if nodata is not None and codes is not whole:
                    # A pixel is there exactly when its nearest neighbour is.
                    band = numpy.where(missing | equals_nodata(band, nodata), codes[place], band)
                values[at] = saturated(band, values.dtype)
                values[at][outside] = fill_of(dataset, request.sources[at], values.dtype)
                mask[at] = outside | missing if request.mask_nodata else outside


def _reprojected(
    dataset: DatasetReader,
    indexes: list[int],
    grid: Grid,
    method: Resampling,
    nodata: float | None,
    alpha: int = 0,
    **options: str,
) -> NDArray[Any]:
    dtype = dataset.dtypes[indexes[0] - 1]
    return _onto(
        rasterio.band(dataset, indexes),
        grid,
        len(indexes),
        dtype,
        resampling=method,
        src_nodata=nodata,
        dst_nodata=nodata,
        src_alpha=alpha,
        UNIFIED_SRC_NODATA="NO",  # rasterio's default would let a band's nodata bleed where another band is valid
        **options,
    )


def _onto(source: Any, grid: Grid, count: int, dtype: DTypeLike, **options: Any) -> NDArray[Any]:
    """Return what GDAL's warper makes of a source on a grid, shape (band, row, column)."""
    margin, transform = _with_margin(grid.transform)
    pixels = numpy.zeros((count, grid.height, grid.width + margin), dtype=dtype)
    reproject(source, pixels, dst_crs=grid.crs, dst_transform=transform, **options)
    return pixels[..., margin:]


def _with_margin(transform: Affine) -> tuple[int, Affine]:
    """Return how many columns an array needs on its left so that GDAL's warper knows where it lies, and its transform.

    The warper takes pixels of one unit that begin at the origin for an array that lies nowhere.
    """
    t = transform
    if (t.a, t.b, t.c, t.d, abs(t.e), t.f) != (1, 0, 0, 0, 1, 0):
        return 0, t
    return 1, Affine(t.a, t.b, t.c - t.a, t.d, t.e, t.f)


def _kernel_options(native: Grid, grid: Grid) -> dict[str, str]:
    """Return how much wider than a native pixel a kernel is along both axes, as options of GDAL's warper.

    Left to itself GDAL guesses it from the window of each call, so that the parts of a grid would not match.
    """
    right, down = _steps(native, grid)
    options = {}
    for name, across, along in zip(("XSCALE", "YSCALE"), right, down, strict=True):
        sides = numpy.hypot(across, along)
        sides = sides[numpy.isfinite(sides)]
        if not len(sides):
            return {}
        ratio = round(max(float(numpy.median(sides)), 1.0), 6)
        nearest = round(ratio)
        options[name] = repr(1 / (nearest if abs(ratio - nearest) < _NEARLY_WHOLE else ratio))
    return options


def _outside(dataset: DatasetReader, native: Grid, grid: Grid, request: Request) -> NDArray[numpy.bool_]:
    """Return which pixels of a grid have their nearest pixel outside the file, or under its internal mask.

    Where every band has a nodata that is masked anyway, nothing needs to be said: warping puts it outside.
    """
    if all(nodata is None for nodata in dataset.nodatavals):
        options = {"resampling": Resampling.nearest, "dst_alpha": 2}
        transparent: NDArray[numpy.bool_] = (
            _onto(rasterio.band(dataset, 1), grid, 2, dataset.dtypes[0], **options)[1] == 0
        )
        return transparent
    has_nodata = all(nodata_of(dataset, request.sources[at]) is not None for at in request.positions)
    is_masked = request.mask_nodata and has_nodata
    if is_masked and not has_internal_mask(dataset):
        return numpy.zeros(grid.shape, dtype=bool)
    # GDAL would count nodata as outside; only an array of its own tells the two apart.
    window = _window_under(native, grid)
    if window is None:
        return numpy.ones(grid.shape, dtype=bool)
    if has_internal_mask(dataset):
        source = dataset.read_masks(1, window=window)
    else:
        source = numpy.full((window.height, window.width), 255, dtype=numpy.uint8)
    x, y = to_map(native, numpy.array([window.col_off]), numpy.array([window.row_off]))
    t = native.transform
    margin, transform = _with_margin(Affine(t.a, t.b, float(x[0]), t.d, t.e, float(y[0])))
    covered = _onto(
        numpy.pad(source, ((0, 0), (margin, 0))),
        grid,
        1,
        numpy.uint8,
        src_crs=native.crs,
        src_transform=transform,
        resampling=Resampling.nearest,
    )
    outside: NDArray[numpy.bool_] = covered[0] == 0
    return outside


def overlap(native: Grid, grid: Grid) -> tuple[slice, slice] | None:
    """Return rows and columns of a grid outside which a file has no pixel; None where it has none at all.

    Costs one projection of a few points, and may be a little too large where the pixels do not coincide.
    """
    found = []
    for columns, part in on_each_turn(native, grid):
        window = native_window(part, native)
        window = _window_under(part, native) if window is None else _clipped(window, part)
        if window is not None:
            rows, within = window.toslices()
            found.append((rows, within.start + columns.start, within.stop + columns.start))
    if not found:
        return None
    top, bottom = min(rows.start for rows, *_ in found), max(rows.stop for rows, *_ in found)
    return slice(top, bottom), slice(min(left for _, left, _ in found), max(right for *_, right in found))


def _window_under(native: Grid, grid: Grid) -> Window | None:
    """Return the part of a file that lies under a grid, None when there is none."""
    columns, rows = _native_pixels(native, grid, *_mesh(grid, _MESH))
    half_turn = turn_of(native.crs) / native.resolution[0] / 2
    steps = numpy.hypot(*(numpy.diff(found.reshape(_MESH, _MESH)) for found in (columns, rows)))
    is_torn = half_turn > 0 and bool((steps > half_turn).any())  # by the edge of the map
    if is_torn or not (numpy.isfinite(columns).all() and numpy.isfinite(rows).all()):
        return Window(0, 0, native.width, native.height)
    margin = 2 + 0.05 * max(numpy.ptp(columns), numpy.ptp(rows))  # what lies between the points may bend outwards
    left, right = max(int(columns.min() - margin), 0), min(int(columns.max() + margin), native.width)
    top, bottom = max(int(rows.min() - margin), 0), min(int(rows.max() + margin), native.height)
    return Window(left, top, right - left, bottom - top) if left < right and top < bottom else None


def _clipped(window: Window, grid: Grid) -> Window | None:
    """Return the part of a window that lies on a grid, None when there is none."""
    left, right = max(window.col_off, 0), min(window.col_off + window.width, grid.width)
    top, bottom = max(window.row_off, 0), min(window.row_off + window.height, grid.height)
    return Window(left, top, right - left, bottom - top) if left < right and top < bottom else None


def _mesh(grid: Grid, points: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return columns and rows of a mesh of pixel positions over a grid."""
    meshes = numpy.meshgrid(numpy.linspace(0, grid.width, points), numpy.linspace(0, grid.height, points))
    return meshes[0].ravel(), meshes[1].ravel()


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


def overview_level(dataset: DatasetReader, native: Grid, grid: Grid) -> int | None:
    """Return the coarsest overview that is at least as fine as a grid, None for the full resolution."""
    factors = dataset.overviews(1)
    if not factors:
        return None
    ratio = _coarseness(native, grid)
    # GDAL derives the factors from the widths alone, so those of very narrow overviews say nothing.
    known = enumerate(factors)
    fine = [level for level, factor in known if 1 < factor <= ratio and factor * _NARROW <= native.width]
    return fine[-1] if fine else None


def _coarseness(native: Grid, grid: Grid) -> float:
    """Return how many native pixels a side of a grid's pixel covers, at the place where it covers fewest."""
    right, down = (numpy.hypot(*step) for step in _steps(native, grid))
    sides = numpy.concatenate((right, down))
    sides = sides[numpy.isfinite(sides)]
    return float(sides.min()) * (1 + _ALIGNED) if len(sides) else 1.0


def _steps(native: Grid, grid: Grid) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the native columns and rows by which one leaves a pixel of a grid, to the right and down.

    Each of shape (2, place), at places all over the grid; not finite where these have no native position.
    """
    columns, rows = _mesh(grid, _MESH)
    step = min(*grid.shape, 16) / 2
    here = numpy.array(_native_pixels(native, grid, columns, rows))
    with numpy.errstate(invalid="ignore"):
        right = (numpy.array(_native_pixels(native, grid, columns + step, rows)) - here) / step
        down = (numpy.array(_native_pixels(native, grid, columns, rows + step)) - here) / step
    return right, down
