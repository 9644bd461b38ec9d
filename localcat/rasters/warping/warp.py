"""Pixels of a file on a grid that is not its own, resampled by GDAL."""

from __future__ import annotations

import math
from dataclasses import dataclass
from os import fspath
from typing import TYPE_CHECKING, Any

import numpy
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp, Resampling
from rasterio.warp import reproject
from rasterio.windows import Window

from localcat.rasters.files.describe import native_grid
from localcat.rasters.files.dtypes import equals_nodata, saturated
from localcat.rasters.files.footprint import to_map
from localcat.rasters.files.opening import open_raster
from localcat.rasters.files.sources import Request, fill_of, has_internal_mask, nodata_of
from localcat.rasters.warping.alignment import native_window, overlap, pixel_ratios, window_under
from localcat.rasters.warping.datums import SAME_OPERATION, on_datum_of
from localcat.rasters.warping.pieces import pieces_of, relative, shared
from localcat.rasters.warping.vrt import Opacity
from localcat.rasters.warping.wraparound import shown_around

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray
    from rasterio.io import DatasetReader

    from localcat.earth.contexts.grid import Grid
    from localcat.rasters.warping.pieces import Region
    from localcat.rasters.warping.vrt import Raster

_CODES = (ColorInterp.alpha, ColorInterp.palette)
_NEARLY_WHOLE = 0.05  # pixels; GDAL takes ratios this near to a whole number for it


def warp(
    raster: Raster,
    grid: Grid,
    region: Region,
    request: Request,
    values: NDArray[Any],
    mask: NDArray[numpy.bool_],
) -> None:
    """Resample pixels onto rows and columns of a grid, with masks from the nearest pixel."""
    for at in request.positions:
        values[at], mask[at] = fill_of(raster.dataset, request.sources[at], values.dtype), True
    extent = overlap(raster.grid, grid)
    if extent is None:
        return
    inside = grid.part(*extent)
    ratios = pixel_ratios(raster.grid, inside)
    kernel = _kernel_options(ratios)
    is_interpolated = any(_method(raster.dataset, request, at) is not Resampling.nearest for at in request.positions)
    used = inside if is_interpolated else None
    opacity = _opacity(raster, request) if is_interpolated else None
    indexes = request.indexes
    with shown_around(raster, grid, used=used, ratio=ratios[0], indexes=indexes, opacity=opacity) as rasters:
        options = {}
        if grid.crs == raster.grid.crs:  # else GDAL moves what lies half a turn from the middle of a wide file
            options["INSERT_CENTER_LONG"] = "NO"
        if len(rasters) > 1:  # else GDAL may miss the first pixels that are in one of them
            options["SAMPLE_STEPS"] = "ALL"
        for piece in pieces_of(grid.shape, extent, region, len(request.positions)):
            found = shared(piece, region)
            rows, columns = relative(found, region)
            for shown in rasters:
                part = grid.part(*piece)
                warped = _Warped(shown, part, on_datum_of(shown.grid.crs, part), request, kernel, options)
                warped.put(relative(found, piece), values[:, rows, columns], mask[:, rows, columns])


def _method(dataset: DatasetReader, request: Request, at: int) -> Resampling:
    """Return how a band is resampled: codes are never mixed."""
    source = request.sources[at]
    is_code = source.is_categorical or dataset.colorinterp[source.index - 1] in _CODES
    return Resampling.nearest if is_code else request.method


def _opacity(raster: Raster, request: Request) -> Opacity | None:
    """Return the alpha band of a file, which may be in another file on the same grid."""
    alpha = request.alpha
    if alpha is None:
        return None
    if fspath(alpha.path) == fspath(request.sources[request.positions[0]].path):
        return Opacity(raster.dataset.name, alpha.index, raster.level)
    with open_raster(alpha.path, max_bytes=None) as beside:
        if raster.level is not None and raster.level >= len(beside.overviews(1)):
            return None
    with open_raster(alpha.path, overview_level=raster.level, max_bytes=None) as beside:
        found, (height, width) = native_grid(beside), raster.grid.shape
        is_there = found is not None and native_window(raster.grid, found) == Window(0, 0, width, height)
        return Opacity(beside.name, alpha.index, raster.level) if is_there else None


@dataclass(frozen=True, slots=True)
class _Warped:
    """Bands of a file on a piece of a grid."""

    raster: Raster
    grid: Grid
    seen: Grid  # the same pixels, for GDAL's warper
    request: Request
    kernel: dict[str, str]
    options: dict[str, str]

    def put(self, region: Region, values: NDArray[Any], mask: NDArray[numpy.bool_]) -> None:
        """Put the pixels of some rows and columns into the result, where it has no valid pixel yet."""
        dataset, request = self.raster.dataset, self.request
        outside = self._outside()[region]
        groups: dict[tuple[str, Resampling], list[int]] = {}
        for at in request.positions:
            nodata = nodata_of(dataset, request.sources[at])
            groups.setdefault((repr(nodata), _method(dataset, request, at)), []).append(at)
        for (_, method), members in groups.items():
            indexes = [request.sources[at].index for at in members]
            nodata = nodata_of(dataset, request.sources[members[0]])
            if method is Resampling.nearest:
                nearest = pixels = self._resampled(indexes, method, nodata)
            else:
                pixels = self._resampled(indexes, method, nodata, **self.kernel)
                nearest = pixels if nodata is None else self._resampled(indexes, Resampling.nearest, nodata)
            for at, whole, codes in zip(members, pixels, nearest, strict=True):
                band = whole[region]
                missing = equals_nodata(codes[region], nodata)
                if nodata is not None and nearest is not pixels:
                    # A pixel is there exactly when its nearest neighbour is.
                    band = numpy.where(missing | equals_nodata(band, nodata), codes[region], band)
                is_free = mask[at] & ~outside
                numpy.copyto(values[at], saturated(band, values.dtype), where=is_free)
                mask[at] &= outside | missing if request.mask_nodata else outside

    def _outside(self) -> NDArray[numpy.bool_]:
        """Return which pixels have their nearest pixel outside the file, or under its internal mask.

        Where every band has a nodata that is masked anyway, nothing needs to be said: warping puts it outside.
        """
        dataset, request = self.raster.dataset, self.request
        if all(nodata is None for nodata in dataset.nodatavals):
            band = rasterio.band(dataset, 1)
            transparent: NDArray[numpy.bool_] = self._onto(band, 2, dataset.dtypes[0], dst_alpha=2)[1] == 0
            return transparent
        has_nodata = all(nodata_of(dataset, request.sources[at]) is not None for at in request.positions)
        if request.mask_nodata and has_nodata and not has_internal_mask(dataset):
            return numpy.zeros(self.grid.shape, dtype=bool)
        # GDAL would count nodata as outside; only an array of its own tells the two apart.
        native = self.raster.grid
        window = window_under(native, self.grid)
        if window is None:
            return numpy.ones(self.grid.shape, dtype=bool)
        if has_internal_mask(dataset):
            source = dataset.read_masks(1, window=window)
        else:
            source = numpy.full((window.height, window.width), 255, dtype=numpy.uint8)
        x, y = to_map(native, numpy.array([window.col_off]), numpy.array([window.row_off]))
        t = native.transform
        margin, transform = _with_margin(Affine(t.a, t.b, float(x[0]), t.d, t.e, float(y[0])))
        padded = numpy.pad(source, ((0, 0), (margin, 0)))
        covered = self._onto(padded, 1, numpy.uint8, src_crs=native.crs, src_transform=transform)
        outside: NDArray[numpy.bool_] = covered[0] == 0
        return outside

    def _resampled(self, indexes: list[int], method: Resampling, nodata: float | None, **options: Any) -> NDArray[Any]:
        return self._onto(
            rasterio.band(self.raster.dataset, indexes),
            len(indexes),
            self.raster.dataset.dtypes[indexes[0] - 1],
            resampling=method,
            src_nodata=nodata,
            dst_nodata=nodata,
            UNIFIED_SRC_NODATA="NO",  # rasterio's default would let a band's nodata bleed where another band is valid
            **options,
        )

    def _onto(self, source: Any, count: int, dtype: DTypeLike, **options: Any) -> NDArray[Any]:
        """Return what GDAL's warper makes of a source, by nearest if no resampling is named; (band, row, column)."""
        margin, transform = _with_margin(self.seen.transform)
        pixels = numpy.zeros((count, self.grid.height, self.grid.width + margin), dtype=dtype)
        options = {**SAME_OPERATION, **self.options, **options}
        reproject(source, pixels, dst_crs=self.seen.crs, dst_transform=transform, **options)
        return pixels[..., margin:]


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
