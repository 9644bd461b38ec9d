"""Small grids and arrays with unequal sides, and the folder of real files."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
from affine import Affine
from rasterio.crs import CRS

from localcat.earth.contexts.grid import Grid

REAL_FILES = Path(__file__).parents[3] / "shared" / "data" / "rasters"


def make_grid(shape=(48, 64), *, crs="EPSG:32618", origin=(500_000.0, 5_000_000.0), resolution=10.0) -> Grid:
    """Return a north-up grid."""
    return Grid(CRS.from_string(crs), Affine(resolution, 0, origin[0], 0, -resolution, origin[1]), shape)


def shifted(grid: Grid, columns: float, rows: float, *, scale: float = 1.0, shape=None) -> Grid:
    """Return a grid moved by pixels, its pixels `scale` times as large."""
    t = grid.transform
    transform = Affine(t.a * scale, 0, t.c + columns * t.a, 0, t.e * scale, t.f + rows * t.e)
    return Grid(grid.crs, transform, shape or grid.shape)


def noise(shape, dtype="uint16", *, low=1, high=120, seed=0):
    """Return an array of whole numbers, the same for the same seed."""
    return numpy.random.default_rng(seed).integers(low, high, shape).astype(dtype)


@pytest.fixture(scope="session")
def real_files() -> Path:
    if not REAL_FILES.is_dir():
        pytest.skip(f"the real files are not there: {REAL_FILES}")
    return REAL_FILES
