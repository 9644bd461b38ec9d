"""Reads on grids that are drawn, beside GDAL's own warps of the same, which are given the same scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from rasterio.vrt import WarpedVRT

from localcat.earth.contexts.grid import Grid
from localcat.rasters.files.resampling import READ_RESAMPLINGS, method_of
from localcat.rasters.reading.read import BandSource, read_bands
from localcat.rasters.warping.alignment import pixel_ratios
from tests.small_rasters import make_grid, noise, placed

NATIVE = make_grid((53, 71))
AREAS = {"average", "mode", "max", "min", "med", "q1", "q3"}
CODES = [32618, 32617, 3857, 4326, 5070]
NODATA = 5
TOP = {"uint8": 60, "int16": 3000, "float32": 60}


@dataclass(frozen=True)
class Drawn:
    """A grid by its pixels in those of the file: how large, where the first one begins, and how many."""

    code: int
    ratios: tuple[float, float]
    start: tuple[float, float]
    shape: tuple[int, int]
    is_upright: bool

    def grid(self) -> Grid:
        """Return the grid; in another CRS it begins at the same place, and its pixels are about as large."""
        t = NATIVE.transform
        columns, rows = self.start
        across, along = self.ratios
        lengths = {32618: 10.0, 32617: 10.0, 5070: 10.0, 3857: 14.2, 4326: 1.1e-4}[self.code]
        xs, ys = rasterio.warp.transform(NATIVE.crs, f"EPSG:{self.code}", [t.c + columns * t.a], [t.f + rows * t.e])
        sign = -1 if self.is_upright else 1
        y = ys[0] if self.is_upright else ys[0] - along * lengths * self.shape[0]
        transform = Affine(across * lengths, 0, xs[0], 0, sign * along * lengths, y)
        return Grid(rasterio.crs.CRS.from_epsg(self.code), transform, self.shape)


ratios = st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0]) | st.floats(0.2, 7).filter(lambda one: abs(one - round(one)) > 0.06)
starts = st.sampled_from([0.0, -4.0, 0.5]) | st.floats(-12, 40)
GRIDS = st.builds(
    Drawn,
    code=st.sampled_from(CODES),
    ratios=st.tuples(ratios, ratios),
    start=st.tuples(starts, starts),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    is_upright=st.booleans(),
)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Any:
    folder, found = tmp_path_factory.mktemp("files"), {}
    for dtype, high in TOP.items():
        for nodata in (None, NODATA):
            found[dtype, nodata] = folder / f"{dtype}-{nodata}.tif"
            profile = {"driver": "GTiff", "count": 1, "dtype": dtype, "nodata": nodata, **placed(NATIVE)}
            with rasterio.open(found[dtype, nodata], "w", **profile) as file:
                file.write(noise(NATIVE.shape, dtype, low=NODATA, high=high, seed=14), 1)
    return found


def told(grid: Grid) -> dict[str, str]:
    """Return the scale as GDAL takes it: never below one pixel, and whole where it nearly is."""
    found = [max(one, 1.0) for one in pixel_ratios(NATIVE, grid)]
    found = [round(one) if abs(one - round(one)) < 0.05 else round(one, 6) for one in found]
    return {name: repr(1 / one) for name, one in zip(("XSCALE", "YSCALE"), found, strict=True)}


@given(
    drawn=GRIDS,
    name=st.sampled_from(sorted(READ_RESAMPLINGS)),
    dtype=st.sampled_from(sorted(TOP)),
    nodata=st.sampled_from([None, NODATA]),
)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_read_on_any_grid_equals_that_of_gdal_that_is_told_its_scale(files, drawn, name, dtype, nodata) -> None:
    """Choice 26."""
    grid = drawn.grid()
    found = read_bands([BandSource(files[dtype, nodata], 1)], grid, resampling=name)
    with (
        rasterio.open(files[dtype, nodata]) as file,
        WarpedVRT(file, resampling=method_of(name), add_alpha=True, **placed(grid), **told(grid)) as view,
    ):
        expected, opacity = view.read(1), view.read(2)
    if name in AREAS:
        assert_array_equal(found.mask[0], opacity == 0)
    else:
        assert not (~found.mask[0] & (opacity == 0)).any()
    # A valid pixel that comes out as nodata is moved off it by one; the view, whose opacity tells, leaves it there.
    both = ~found.mask[0] & (opacity > 0) & (expected != nodata if nodata is not None else True)
    off = numpy.abs(found.data[0][both].astype("float64") - expected[both])
    # On another CRS GDAL puts straight lines in the place of bent ones, of other lengths than localcat's pieces have.
    is_same = grid.crs == NATIVE.crs
    most = (1e-3 if is_same else 1e-2) if dtype == "float32" else (0 if is_same else 1)
    assert off.max(initial=0) <= most
