"""Pixels of a file on a grid that is not its own, resampled by GDAL."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from os import fspath
from typing import TYPE_CHECKING, Any

import numpy
from affine import Affine
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.warp import reproject
from rasterio.windows import Window

from localcat.earth.crs import exact_wkt
from localcat.rasters.files.describe import native_grid
from localcat.rasters.files.dtypes import equals_nodata, saturated
from localcat.rasters.files.opening import open_raster
from localcat.rasters.files.overviews import AREA_RESAMPLINGS
from localcat.rasters.files.sources import Request, fill_of, is_marked, markers_of, nodata_of
from localcat.rasters.warping.alignment import in_pixels_of, native_window, overlap, pixel_ratios
from localcat.rasters.warping.datums import SAME_OPERATION, on_datum_of
from localcat.rasters.warping.pieces import pieces_of, relative, shared
from localcat.rasters.warping.views import View, shift_of
from localcat.rasters.warping.vrt import Opacity
from localcat.rasters.warping.wraparound import is_continued, shown_around

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray
    from rasterio.crs import CRS
    from rasterio.io import DatasetReader

    from localcat.earth.contexts.grid import Grid
    from localcat.rasters.warping.pieces import Region
    from localcat.rasters.warping.vrt import Raster, Span

_CODES = (ColorInterp.alpha, ColorInterp.palette)
_FINEST = 1e-3  # pixels of a file in one of a grid; a finer one has none that ends where a pixel of the file does
_COUNTED_BY_RANK = ("int32", "uint32", "float64")  # their values are not all floats of 32 bits
_MOST_RANKED = 2**21  # pixels of a file
_MANY_BELOW = 1000  # pixels of a file below one of the result
_TOUCH = 1e-6  # pixels of a file
_NEARLY_WHOLE = 0.05  # pixels; GDAL takes ratios this near to a whole number for it


def warp(
    raster: Raster,
    grid: Grid,
    region: Region,
    request: Request,
    values: NDArray[Any],
    mask: NDArray[numpy.bool_],
) -> None:
    """Resample pixels onto rows and columns of a grid.

    A pixel of an area resampling is there where any valid pixel lies below it, one of another where its nearest is.
    """
    for at in request.positions:
        values[at], mask[at] = fill_of(raster.dataset, request.sources[at], values.dtype), True
    extent = overlap(raster.grid, grid)
    if extent is None:
        return
    inside = grid.part(*extent)
    ratios = pixel_ratios(raster.grid, inside)
    kernel = _kernel_options(ratios)
    is_interpolated = any(_method(raster.dataset, request, at) is not Resampling.nearest for at in request.positions)
    layouts: Sequence[tuple[Grid, Sequence[Span] | None]] = shown_around(
        raster.grid, grid, used=inside, ratio=ratios[0] if is_interpolated else None
    )
    options = {}
    if grid.crs == raster.grid.crs or not is_continued(raster.grid.crs):
        # else GDAL moves what lies half a turn from the middle of a wide file
        options["INSERT_CENTER_LONG"] = "NO"
    if len(layouts) > 1:  # else GDAL may miss the first pixels that are in one of them
        options["SAMPLE_STEPS"] = "ALL"
    is_exact = request.method in AREA_RESAMPLINGS or not is_interpolated  # which of two pixels at a boundary counts
    if is_exact and not layouts and grid.crs == raster.grid.crs and min(ratios) > _FINEST:
        native, grid = in_pixels_of(raster.grid, grid)
        layouts = [(native, [(0, 0, native.width)])]
    opacities = _opacities(raster, request, with_declared=is_interpolated)
    with ExitStack() as stack:
        views = [
            View(raster, shown, spans, request, opacities, stack) for shown, spans in layouts or [(raster.grid, None)]
        ]
        for piece in pieces_of(grid.shape, extent, region, len(request.positions)):
            found = shared(piece, region)
            rows, columns = relative(found, region)
            for view in views:
                part = grid.part(*piece)
                warped = _Warped(view, part, on_datum_of(view.grid.crs, part), request, kernel, options)
                warped.put(relative(found, piece), values[:, rows, columns], mask[:, rows, columns])


def _method(dataset: DatasetReader, request: Request, at: int) -> Resampling:
    """Return how a band is resampled: codes are never mixed, and opacity is there where any of it is."""
    source = request.sources[at]
    if source is request.alpha:
        return Resampling.max if request.method in AREA_RESAMPLINGS else Resampling.nearest
    is_code = source.is_categorical or dataset.colorinterp[source.index - 1] in _CODES
    return Resampling.nearest if is_code and request.method is not Resampling.mode else request.method


def _opacities(raster: Raster, request: Request, *, with_declared: bool) -> list[Opacity]:
    """Return what hides pixels of all bands: the file's own mask and alpha bands, and a declared alpha band."""
    path, level = raster.dataset.name, raster.level
    is_masked, alphas = request.hidden_by(raster.dataset)
    found = [Opacity(path, "mask,1", level)] if is_masked else []
    found += [Opacity(path, str(number), level) for number in alphas]
    declared = _declared_opacity(raster, request) if with_declared else None
    return found if declared is None or declared in found else [*found, declared]


def _declared_opacity(raster: Raster, request: Request) -> Opacity | None:
    """Return the alpha band that is declared for a file, which may be in another file on the same grid."""
    alpha = request.alpha
    if alpha is None:
        return None
    if fspath(alpha.path) == fspath(request.path):
        return Opacity(raster.dataset.name, str(alpha.index), raster.level)
    with open_raster(alpha.path, max_bytes=None) as beside:
        if raster.level is not None and raster.level >= len(beside.overviews(1)):
            return None
    with open_raster(alpha.path, overview_level=raster.level, max_bytes=None) as beside:
        found, (height, width) = native_grid(beside), raster.grid.shape
        is_there = found is not None and native_window(raster.grid, found) == Window(0, 0, width, height)
        return Opacity(beside.name, str(alpha.index), raster.level) if is_there else None


@dataclass(frozen=True, slots=True)
class _Warped:
    """Bands of a file on a piece of a grid."""

    view: View
    grid: Grid
    seen: Grid  # the same pixels, for GDAL's warper
    request: Request
    kernel: dict[str, str]
    options: dict[str, str]

    def put(self, region: Region, values: NDArray[Any], mask: NDArray[numpy.bool_]) -> None:
        """Put the pixels of some rows and columns into the result, where it has no valid pixel yet."""
        dataset, request = self.view.raster.dataset, self.request
        groups: dict[tuple[str, str, Resampling, bool], list[int]] = {}
        for at in request.positions:
            source = request.sources[at]
            markers, method = markers_of(dataset, source), _method(dataset, request, at)
            key = (repr(markers), dataset.dtypes[source.index - 1], method, source is request.alpha)
            groups.setdefault(key, []).append(at)
        outside = None
        for (_, _, method, _), members in groups.items():
            if method in AREA_RESAMPLINGS:
                self._put_areas(members, method, region, values, mask)
            else:
                outside = self._outside()[region] if outside is None else outside
                self._put_points(members, method, outside, region, values, mask)

    def _put_points(
        self,
        members: list[int],
        method: Resampling,
        outside: NDArray[numpy.bool_],
        region: Region,
        values: NDArray[Any],
        mask: NDArray[numpy.bool_],
    ) -> None:
        """Put bands each of whose pixels is there exactly when its nearest neighbour is."""
        dataset, request = self.view.raster.dataset, self.request
        source = request.sources[members[0]]
        markers, nodata, shift = markers_of(dataset, source), nodata_of(dataset, source), shift_of(dataset, source)
        dtype = "float64" if shift else dataset.dtypes[source.index - 1]
        if method is not Resampling.nearest:
            nearest = pixels = self._resampled(self.view.counting(members), members, method, dtype)
            if shift:
                nearest = pixels = numpy.floor(pixels + 0.5)  # as GDAL rounds
        if method is Resampling.nearest or markers:  # else nothing is to be told from the nearest pixel but `outside`
            marker = None if nodata is None else nodata - shift
            nearest = self._onto(
                self.view.raw(members),
                len(members),
                dtype,
                src_nodata=marker,
                dst_nodata=marker,
                UNIFIED_SRC_NODATA="NO",
            )
            if shift:
                nearest += shift
        if method is Resampling.nearest:
            pixels = nearest
        for at, whole, codes in zip(members, pixels, nearest, strict=True):
            band, missing = whole[region], is_marked(codes[region], markers)
            if nearest is not pixels and markers:
                band = numpy.where(missing | equals_nodata(band, markers[0]), codes[region], band)
            numpy.copyto(values[at], saturated(band, values.dtype), where=mask[at] & ~outside)
            mask[at] &= outside | missing if request.mask_nodata else outside

    def _put_areas(
        self,
        members: list[int],
        method: Resampling,
        region: Region,
        values: NDArray[Any],
        mask: NDArray[numpy.bool_],
    ) -> None:
        """Put bands each of whose pixels is there when any valid pixel lies below it."""
        dataset, request = self.view.raster.dataset, self.request
        is_alpha = request.sources[members[0]] is request.alpha
        shown = self.view.raw(members) if is_alpha else self.view.counting(members)
        # As NaN in 64 bits what is missing cannot be taken for a value, nor a value for it.
        dtype = dataset.dtypes[request.sources[members[0]].index - 1]
        if method is Resampling.mode and dtype in _COUNTED_BY_RANK:
            pixels = self._most_frequent(members)
        else:
            pixels = self._resampled(shown, members, method, "float64", missing=math.nan)
        present = None if request.mask_nodata else self._average(self.view.presence())[region] > 0
        beside = self._beside()
        if present is not None and beside is not None:
            present &= ~beside[region]
        for at, whole in zip(members, pixels, strict=True):
            source = request.sources[at]
            found = whole[region]
            is_missing = numpy.isnan(found) if beside is None else numpy.isnan(found) | beside[region]
            if not dataset.dtypes[source.index - 1].startswith("float"):
                found = numpy.floor(found + 0.5)  # as GDAL rounds
            numpy.copyto(values[at], saturated(found, values.dtype), where=mask[at] & ~is_missing)
            if present is not None:
                nodata = fill_of(dataset, source, values.dtype)
                numpy.copyto(values[at], nodata, where=mask[at] & is_missing & present, casting="unsafe")
                is_missing &= ~present
            mask[at] &= is_missing

    def _beside(self) -> NDArray[numpy.bool_] | None:
        """Return which pixels only touch the file: GDAL counts its edge for them. None where none does for sure."""
        pixel, native = self.seen.transform, self.view.grid.transform
        if self.seen.crs != self.view.grid.crs or pixel.b or pixel.d or native.b or native.d:
            return None
        (height, width), (rows, columns) = self.seen.shape, self.view.grid.shape
        ys = (pixel.f - native.f + pixel.e * numpy.arange(height + 1)) / native.e
        xs = (pixel.c - native.c + pixel.a * numpy.arange(width + 1)) / native.a
        return _is_outside(ys, rows)[:, numpy.newaxis] | _is_outside(xs, columns)

    def _most_frequent(self, members: list[int]) -> NDArray[Any]:
        """Return the most frequent values below pixels, NaN where there are none.

        GDAL counts floats of 32 bits, among which large integers are not told apart; it counts their ranks instead.
        Where more than `_MOST_RANKED` pixels lie below a single one, or below a grid in another CRS, of which GDAL may
        miss a narrow part at the antimeridian, it counts the values themselves.
        """
        extent = overlap(self.seen, self.view.grid)
        window = None if extent is None else Window.from_slices(*extent)
        if window is not None and window.width * window.height <= _MOST_RANKED:
            return numpy.concatenate([self._frequent_in(window, at) for at in members])
        axis = 0 if self.grid.height >= self.grid.width else 1
        half = self.grid.shape[axis] // 2
        if window is None or half == 0 or self.seen.crs != self.view.grid.crs:
            return self._resampled(self.view.counting(members), members, Resampling.mode, "float64", missing=math.nan)
        parts = [self._part(axis, slice(0, half)), self._part(axis, slice(half, None))]
        return numpy.concatenate([part._most_frequent(members) for part in parts], axis=1 + axis)

    def _part(self, axis: int, some: slice) -> _Warped:
        part = (some, slice(None)) if axis == 0 else (slice(None), some)
        return replace(self, grid=self.grid.part(*part), seen=self.seen.part(*part))

    def _frequent_in(self, window: Window, at: int) -> NDArray[Any]:
        """Return the most frequent value of a band below each pixel, shape (1, row, column); all are in a window."""
        file, source, shown = self.view.raster.dataset, self.request.sources[at], self.view.counting([at])
        shift, (index,) = shift_of(file, source), shown.bidx
        pixels = shown.ds.read(index, window=window)
        markers = [marker - shift for marker in markers_of(file, source)[:1]]
        is_valid = (shown.ds.read_masks(index, window=window) > 0) & ~is_marked(pixels, markers)
        values, found = numpy.unique(pixels[is_valid], return_inverse=True)
        # GDAL has a table to count whole numbers of 8 and 16 bits, which takes long where few pixels are counted.
        is_dense = pixels.size > _MANY_BELOW * self.grid.height * self.grid.width
        ranks = numpy.zeros((1, *pixels.shape), numpy.min_scalar_type(values.size) if is_dense else numpy.float32)
        ranks[0, is_valid] = found + 1  # 0 is nodata
        native = self.view.grid
        text = exact_wkt(native.crs)
        options = {} if text == native.crs.to_wkt() else {"SRC_SRS": text}
        most = self._onto(
            ranks,
            1,
            "float64",
            src_crs=native.crs,
            src_transform=native.part(*window.toslices()).transform,
            resampling=Resampling.mode,
            src_nodata=0,
            dst_nodata=math.nan,
            **options,
            **self.kernel,
        )
        is_there = ~numpy.isnan(most)
        most[is_there] = values[most[is_there].astype(numpy.intp) - 1] + shift
        return most

    def _outside(self) -> NDArray[numpy.bool_]:
        """Return which pixels have their nearest pixel outside the file, or hidden in all bands.

        Where every band has a nodata that is masked anyway, nothing needs to be said: warping puts it outside.
        """
        request = self.request
        has_nodata = all(
            nodata_of(self.view.raster.dataset, request.sources[at]) is not None for at in request.positions
        )
        if request.mask_nodata and has_nodata and not self.view.opacities:
            return numpy.zeros(self.grid.shape, dtype=bool)
        covered = self._onto(self.view.presence(), 1, numpy.uint8)
        outside: NDArray[numpy.bool_] = covered[0] == 0
        return outside

    def _average(self, band: Any) -> NDArray[Any]:
        average: NDArray[Any] = self._onto(band, 1, numpy.float64, resampling=Resampling.average, **self.kernel)[0]
        return average

    def _resampled(
        self, shown: Any, members: list[int], method: Resampling, dtype: DTypeLike, *, missing: float | None = None
    ) -> NDArray[Any]:
        """Return what a resampling makes of pixels that count; `missing` where there are none, else their marker."""
        markers = markers_of(self.view.raster.dataset, self.request.sources[members[0]])
        shift = shift_of(self.view.raster.dataset, self.request.sources[members[0]])
        marker = markers[0] - shift if markers else None
        pixels = self._onto(
            shown,
            len(members),
            dtype,
            resampling=method,
            src_nodata=marker,
            dst_nodata=marker if missing is None else missing,
            UNIFIED_SRC_NODATA="NO",  # rasterio's default would let a band's nodata bleed where another band is valid
            **self.kernel,
        )
        return pixels + shift if shift else pixels

    def _onto(self, source: Any, count: int, dtype: DTypeLike, **options: Any) -> NDArray[Any]:
        """Return what GDAL's warper makes of a source, by nearest if no resampling is named; (band, row, column)."""
        margin, transform = _with_margin(self.seen.transform)
        pixels = numpy.zeros((count, self.grid.height, self.grid.width + margin), dtype=dtype)
        options = {**SAME_OPERATION, **_words_for(self.seen.crs), **self.options, **options}
        for is_last in (False, False, True):
            try:
                reproject(source, pixels, dst_crs=self.seen.crs, dst_transform=transform, **options)
                break
            except NotGeoreferencedWarning:  # where warnings are errors: another thread put its filters back meanwhile
                if is_last:
                    raise
        return pixels[..., margin:]


def _is_outside(edges: NDArray[Any], length: int) -> NDArray[numpy.bool_]:
    """Return which of the pixels between some edges have nothing of those from 0 to a length."""
    outside: NDArray[numpy.bool_] = numpy.maximum(edges[:-1], edges[1:]) < _TOUCH
    outside |= numpy.minimum(edges[:-1], edges[1:]) > length - _TOUCH
    return outside


def _words_for(crs: CRS) -> dict[str, str]:
    """Return the CRS of an array as an option of GDAL's warper, where the WKT 1 that rasterio uses is too little."""
    text = exact_wkt(crs)
    return {} if text == crs.to_wkt() else {"DST_SRS": text}


def _with_margin(transform: Affine) -> tuple[int, Affine]:
    """Return how many columns an array needs on its left so that GDAL's warper takes its transform, and that transform.

    If pixels are one unit wide and begin at the origin, the warper takes the array for one without a transform.
    """
    t = transform
    if (t.a, t.b, t.c, t.d, abs(t.e), t.f) != (1, 0, 0, 0, 1, 0):
        return 0, t
    return 1, Affine(t.a, t.b, t.c - t.a, t.d, t.e, t.f)


def _kernel_options(ratios: tuple[float, float]) -> dict[str, str]:
    """Return how much wider than a native pixel a kernel is along both axes, as options of GDAL's warper.

    Left to itself GDAL guesses it from the window of each call, so that the parts of a grid would not match.
    """
    if not all(map(math.isfinite, ratios)):
        return {}
    options = {}
    for name, found in zip(("XSCALE", "YSCALE"), ratios, strict=True):
        ratio = round(max(found, 1.0), 6)
        nearest = round(ratio)
        options[name] = repr(1 / (nearest if abs(ratio - nearest) < _NEARLY_WHOLE else ratio))
    return options
