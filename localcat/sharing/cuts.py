"""Which part of each file of an image goes along: the rows and columns on the ground of an area, and every how many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import shapely

from localcat.earth.projecting import metres_of
from localcat.errors import RasterError
from localcat.rasters.files.describe import RasterDescription, describe
from localcat.rasters.files.dtypes import numpy_dtype
from localcat.rasters.reading.cutline import area_on
from localcat.rasters.writing.cutting import Part

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from localcat.disk.archive import Location
    from localcat.earth.contexts.grid import Grid
    from localcat.models.band import Band

_SLACK = 1e-6  # of a pixel, by which an area may lie beyond an edge: rounding of its CRS


@dataclass(frozen=True, slots=True)
class Wish:
    """How files are made smaller.

    Parameters
    ----------
    area : shapely geometry, optional
        In longitude and latitude; the pixels of the box around it, on each file's own grid, are kept.
    bands : tuple of str, optional
        Names of the bands that are kept.
    metres : float, optional
        The size of a pixel that is fine enough.
    """

    area: BaseGeometry | None = None
    bands: tuple[str, ...] | None = None
    metres: float | None = None

    @property
    def changes_files(self) -> bool:
        """Whether files are written anew; else they are copied."""
        return self != Wish()

    def keeps(self, band: Band) -> bool:
        """Return whether a band goes along."""
        return self.bands is None or str(band.name) in self.bands


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the bands of a product are in files that are cut: (file, position) by name, and the bands of each file."""

    places: dict[str, tuple[int, int]]
    files: tuple[tuple[int, tuple[Band, ...]], ...]  # (file of before, its bands in their order)

    @classmethod
    def of(cls, bands: Sequence[Band], wish: Wish) -> Layout:
        """Return the layout of the bands of a product that are kept, without gaps."""
        by_file: dict[int, list[Band]] = {}
        for band in sorted(bands, key=lambda band: (band.file_position, band.position)):
            if wish.keeps(band):
                by_file.setdefault(band.file_position, []).append(band)
        places = {
            str(band.name): (file, at) for file, kept in enumerate(by_file.values()) for at, band in enumerate(kept)
        }
        return cls(places, tuple((file, tuple(kept)) for file, kept in by_file.items()))


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of a file that goes along.

    Parameters
    ----------
    path : Path or Member
        The file.
    part : Part
        Its rows and columns.
    grid : Grid
        Of the part.
    bands : tuple of Band
        Those of it that are kept.
    estimate : int
        How many bytes it takes, about: as many a pixel as the file. `localcat.sharing.trial` knows it better.
    work_bytes : int
        Of the pixels of the file that are read for it.
    """

    path: Location
    part: Part
    grid: Grid
    bands: tuple[Band, ...]
    estimate: int
    work_bytes: int

    def piece(self, row: int, column: int, height: int, width: int) -> Cut:
        """Return the part of it that begins at a pixel and has so many rows and columns, or ends where it ends."""
        step = self.part.step
        rows, columns = (
            slice(along.start + first * step, min(along.start + (first + length) * step, along.stop))
            for along, first, length in ((self.part.rows, row, height), (self.part.columns, column, width))
        )
        part = Part(rows, columns, step)
        grid = self.grid.part(slice(row, row + height), slice(column, column + width))
        share = math.prod(grid.shape) / math.prod(self.grid.shape)
        return replace(
            self, part=part, grid=grid, estimate=round(self.estimate * share), work_bytes=round(self.work_bytes * share)
        )


def cuts_of(paths: Sequence[Location], layout: Layout, wish: Wish) -> list[Cut] | None:
    """Return the parts of the files of an image that go along; None if it has no pixel in the area.

    Raises
    ------
    RasterError
        If a band is in a file that the image does not have, or a file has no grid.
    """
    cuts = []
    for position, bands in layout.files:
        if position >= len(paths):
            raise RasterError(f"band '{bands[0].name}' is in file {position}, and there are {len(paths)} files")
        path = paths[position]
        found = describe(path, max_bytes=None)
        if found.grid is None:
            raise RasterError(f"'{path}' has no grid of its own and cannot be cut; take it along whole")
        window = _window(found.grid, wish.area)
        if window is None:
            return None
        part = Part(*window, step=_step(found.grid, wish.metres))
        estimate, work = _bytes(found, part, len(bands)), _work(found, part, len(bands))
        cuts.append(Cut(path, part, part.grid_in(found.grid), bands, estimate, work))
    return cuts


def _window(grid: Grid, area: BaseGeometry | None) -> tuple[slice, slice] | None:
    """Return the rows and columns of the box around an area; None if there are none."""
    if area is None:
        return slice(0, grid.height), slice(0, grid.width)
    on_grid = area_on(area, grid)
    if on_grid.is_empty:
        return None
    inverse = ~grid.transform
    west, north, east, south = shapely.affinity.affine_transform(
        on_grid, (inverse.a, inverse.b, inverse.d, inverse.e, inverse.c, inverse.f)
    ).bounds
    rows, columns = _between(north, south, grid.height), _between(west, east, grid.width)
    return None if rows is None or columns is None else (rows, columns)


def _between(low: float, high: float, length: int) -> slice | None:
    first, stop = max(math.floor(low + _SLACK), 0), min(math.ceil(high - _SLACK), length)
    if low == high and first == stop:  # a point or a line on the edge between two pixels
        stop += 1
    return slice(first, min(stop, length)) if first < min(stop, length) else None


def _step(grid: Grid, metres: float | None) -> int:
    """Return of how many pixels along each axis one is kept, so that they are about as large as asked."""
    if metres is None:
        return 1
    finest = min(grid.resolution) * metres_of(grid.crs)
    return max(1, min(round(metres / finest), *grid.shape))


def _bytes(found: RasterDescription, part: Part, bands: int) -> int:
    (height, width), (rows, columns) = found.shape, part.shape
    return round(found.size_bytes * (rows * columns * bands) / (height * width * found.count))


def _work(found: RasterDescription, part: Part, bands: int) -> int:
    rows, columns = (len(range(along.start, along.stop)) for along in (part.rows, part.columns))
    return rows * columns * bands * numpy_dtype(found.data_type).itemsize
