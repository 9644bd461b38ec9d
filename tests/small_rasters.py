"""Small grids, arrays and files; unequal sides catch swapped axes."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

from localcat.earth.contexts.grid import Grid


def make_grid(shape=(48, 64), *, crs="EPSG:32618", origin=(500_000.0, 5_000_000.0), resolution=10.0) -> Grid:
    """Return a north-up grid."""
    return Grid(CRS.from_string(crs), Affine(resolution, 0, origin[0], 0, -resolution, origin[1]), shape)


def shifted(grid: Grid, columns: float, rows: float, *, scale: float = 1.0, shape=None) -> Grid:
    """Return a grid moved by pixels, its pixels `scale` times as large."""
    t = grid.transform
    transform = Affine(t.a * scale, 0, t.c + columns * t.a, 0, t.e * scale, t.f + rows * t.e)
    return Grid(grid.crs, transform, shape or grid.shape)


def placed(grid: Grid) -> dict[str, object]:
    """Return what rasterio takes to put a file, or a warped view of one, on a grid."""
    return {"crs": grid.crs, "transform": grid.transform, "height": grid.height, "width": grid.width}


def noise(shape, dtype="uint16", *, low=1, high=120, seed=0):
    """Return an array of whole numbers, the same for the same seed."""
    return numpy.random.default_rng(seed).integers(low, high, shape).astype(dtype)


def make_tif(
    path: Path, value: int = 5, dtype: str = "uint16", count: int = 1, *, tags: dict[str, str] | None = None
) -> Path:
    """Write a GeoTIFF of 64 rows and 48 columns of 60 m in UTM zone 18 N, all of one value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    grid = {"crs": "EPSG:32618", "transform": Affine(60, 0, 500_000, 0, -60, 4_000_000)}
    with rasterio.open(path, "w", driver="GTiff", width=48, height=64, count=count, dtype=dtype, **grid) as file:
        file.write(numpy.full((count, 64, 48), value, dtype))
        file.update_tags(**(tags or {}))
    return path


def make_tif_without_a_place(path: Path) -> Path:
    """Write a GeoTIFF of one band and 20 rows of 30 bytes, all 1, without CRS and transform."""
    with (
        pytest.warns(rasterio.errors.NotGeoreferencedWarning),
        rasterio.open(path, "w", driver="GTiff", width=30, height=20, count=1, dtype="uint8") as dataset,
    ):
        dataset.write(numpy.ones((1, 20, 30), "uint8"))
    return path


def sparse_tiff(path: Path, *, width, height, tile, bands=1) -> Path:
    """Write a BigTIFF of a few hundred bytes whose tiles were never written."""
    count = -(-width // tile) * -(-height // tile)
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, 8),
        (262, 3, 1, 1),
        (277, 3, 1, bands),
        (322, 4, 1, tile),
        (323, 4, 1, tile),
        (324, 16, count, 4096),
        (325, 16, count, 4096),
    ]
    directory = struct.pack("<Q", len(entries)) + b"".join(struct.pack("<HHQQ", *entry) for entry in entries)
    with path.open("wb") as file:
        file.write(b"II+\0" + struct.pack("<HHQ", 8, 0, 16) + directory + struct.pack("<Q", 0))
        file.truncate(4096 + 8 * count)
    return path
