"""How many images cover each cell of a grid, and when an area was not covered: from footprints and times alone."""

from __future__ import annotations

import bisect
import itertools
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy
import shapely

from localcat.earth.geometry import area_km2, fills_its_box
from localcat.errors import BadRequestError, TooLargeError
from localcat.expressions.numbers import number
from localcat.models.html import listing
from localcat.models.pictures import Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from localcat.models.backend import Backend

Bounds = tuple[float, float, float, float]

_MOST_CELLS = 50_000_000
_LEAST_CELL = 1e-7  # degrees: a centimetre
_WORLD = (-180.0, -90.0, 180.0, 90.0)
_INSIDE = 1e-9  # degrees by which a cell is smaller than its box, so that a footprint beside it does not touch it
_MOST_SHOWN = 20  # periods in a repr


@dataclass(frozen=True, eq=False, repr=False)
class Coverage:
    """How many images cover each cell of a grid in longitude and latitude.

    Attributes
    ----------
    counts : ndarray of int32, shape (row, column)
        Images whose footprint shares more than an edge with the cell. The first row is in the north.
    bounds : tuple of float
        West, south, east and north edge of the grid; degrees.
    resolution : float
        Side of a cell; degrees.
    """

    counts: NDArray[numpy.int32]
    bounds: Bounds
    resolution: float
    _catalog: Backend

    def to_geotiff(self, path: str | os.PathLike[str]) -> Path:
        """Write the counts as a Cloud-Optimized GeoTIFF in EPSG:4326; an existing file is replaced.

        Raises
        ------
        StorageError
            If it cannot be written there.
        """
        from affine import Affine  # searches do not need these

        from localcat.disk.paths import absolute
        from localcat.earth.contexts.grid import Grid
        from localcat.earth.crs import parse_crs
        from localcat.rasters.writing.checks import BandLayer
        from localcat.rasters.writing.write import write_cog

        transform = Affine(self.resolution, 0.0, self.bounds[0], 0.0, -self.resolution, self.bounds[3])
        rows, columns = self.counts.shape
        file = absolute(path)
        write_cog(
            self.counts,
            file,
            grid=Grid(parse_crs("EPSG:4326"), transform, (rows, columns)),
            bands=[BandLayer(description="images")],
        )
        return file

    def plot(self) -> Picture:
        """Return a map of the counts over the outline of the land; cells without an image are left free.

        Raises
        ------
        MissingLibraryError
            If matplotlib is not installed.
        """
        most = int(self.counts.max(initial=0))
        title = f"images in cells of {self.resolution:g}°, at most {most:,}"
        return self._catalog.pictures.of_coverage(self.counts, self.bounds, title)

    def __repr__(self) -> str:
        rows, columns = self.counts.shape
        covered = int(numpy.count_nonzero(self.counts))
        return (
            f"<Coverage: {rows} × {columns} cells of {self.resolution:g}°, {covered:,} of {self.counts.size:,} with "
            f"images, at most {int(self.counts.max(initial=0)):,}>"
        )


@dataclass(frozen=True, slots=True)
class CoveredPeriod:
    """What was covered of an area in a period.

    Parameters
    ----------
    start, end : datetime
        Its first moment, and the first one after it; aware UTC.
    count : int
        Images of the period that meet the area.
    coverage : float
        The fraction of the area that their footprints cover together, 0 to 1, measured on the sphere.
    missing : shapely geometry
        The part of the area that none covers, in longitude and latitude; may be empty.
    """

    start: datetime
    end: datetime
    count: int
    coverage: float
    missing: BaseGeometry = field(repr=False)


@dataclass(frozen=True, eq=False, repr=False)
class GapReport(Sequence[CoveredPeriod]):
    """The periods in which too little of an area was covered: a sequence of them.

    Attributes
    ----------
    periods : list of CoveredPeriod
        All periods, in order; those with too little are the sequence.
    min_coverage : float
        The fraction that is enough.
    """

    periods: list[CoveredPeriod]
    min_coverage: float
    _catalog: Backend

    @cached_property
    def _gaps(self) -> list[CoveredPeriod]:
        return [one for one in self.periods if one.coverage < self.min_coverage]

    def __len__(self) -> int:
        return len(self._gaps)

    def __getitem__(self, position: Any) -> Any:
        return self._gaps[position]

    def plot(self) -> Picture:
        """Return a strip of all periods: how much of the area each covers, and which are too little.

        Raises
        ------
        MissingLibraryError
            If matplotlib is not installed.
        """
        periods = self.periods
        return self._catalog.pictures.of_gaps(
            [one.start for one in periods],
            [one.end for one in periods],
            [one.coverage for one in periods],
            self.min_coverage,
            self._head(),
        )

    def _head(self) -> str:
        return f"{len(self):,} of {len(self.periods):,} periods have less than {self.min_coverage:.0%} of the area"

    def _rows(self) -> Iterable[tuple[str, str, str, str]]:
        for one in self._gaps:
            yield f"{one.start:%Y-%m-%d %H:%M}", f"{one.end:%Y-%m-%d %H:%M}", f"{one.count:,}", f"{one.coverage:.0%}"

    def __repr__(self) -> str:
        rows = [f"  {start} to {end}: {count} images, {share}" for start, end, count, share in self._rows()]
        more = [f"  … and {len(rows) - _MOST_SHOWN:,} more"] if len(rows) > _MOST_SHOWN else []
        return "\n".join([self._head(), *rows[:_MOST_SHOWN], *more])

    def _repr_html_(self) -> str:
        return listing(self._head(), ("start", "end", "images", "covered"), self._rows(), len(self))


def grid_bounds(bounds: Any, resolution: Any, footprints: NDArray[Any]) -> Bounds:
    """Return the box of a grid of whole cells; that of the footprints where none is asked for.

    Raises
    ------
    BadRequestError
        If the resolution or the bounds are none.
    TooLargeError
        If there would be too many cells.
    """
    size = number(resolution)
    if size is None or not _LEAST_CELL <= size <= 90:
        raise BadRequestError(f"resolution is degrees a cell, from {_LEAST_CELL:.7f} to 90, not {resolution!r}")
    if bounds is None:
        boxes = shapely.bounds(footprints).reshape(-1, 4)
        west, south, east, north = (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)) if len(boxes) else _WORLD
    else:
        west, south, east, north = _checked(bounds)
    west, south = math.floor(west / size + _INSIDE) * size, math.floor(south / size + _INSIDE) * size
    columns, rows = (max(1, math.ceil(side / size - _INSIDE)) for side in (east - west, north - south))
    if columns * rows > _MOST_CELLS:
        raise TooLargeError(
            f"{rows:,} × {columns:,} cells of {size:g}° are more than {_MOST_CELLS:,}; choose a coarser resolution, or "
            "pass bounds"
        )
    return west, south, west + columns * size, south + rows * size


def fine_resolution(footprints: NDArray[Any]) -> float:
    """Return a round side of cells of which some 100 to 250 go along the longer side of the box of footprints."""
    boxes = shapely.bounds(footprints).reshape(-1, 4)
    if not len(boxes):
        return 1.0
    sides = boxes[:, 2:].max(axis=0) - boxes[:, :2].min(axis=0)
    least = max(float(sides.max()) / 250, 1e-5)
    unit = 10.0 ** math.floor(math.log10(least))
    return next(number * unit for number in (1, 2, 5, 10) if number * unit >= least)


def _checked(bounds: Any) -> Bounds:
    try:
        west, south, east, north = (float(edge) for edge in bounds)
    except (TypeError, ValueError):
        raise BadRequestError(f"bounds are (west, south, east, north) in degrees, not {bounds!r}") from None
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise BadRequestError(
            f"bounds are (west, south, east, north) in degrees with west < east and south < north, not {bounds!r}; ask "
            "for the two sides of the antimeridian one by one"
        )
    return west, south, east, north


def count_cells(footprints: NDArray[Any], bounds: Bounds, resolution: float) -> NDArray[numpy.int32]:
    """Return how many footprints cover each cell of a grid, the first row in the north."""
    west, south, east, north = bounds
    columns, rows = round((east - west) / resolution), round((north - south) / resolution)
    counts = numpy.zeros((rows, columns), dtype=numpy.int32)  # from the south, until the end
    counted = numpy.zeros(counts.shape, dtype=bool)  # cells of the footprint at hand; one of several parts counts once
    for footprint in footprints:
        parts = shapely.get_parts(footprint)
        regions = []
        for part in parts:
            region, hits = _hits(part, (west, south), resolution, counts.shape)
            if len(parts) > 1 and hits.size:
                hits &= ~counted[region]
                counted[region] |= hits
                regions.append(region)
            counts[region] += hits
        for region in regions:
            counted[region] = False
    return counts[::-1].copy()


def _span(low: float, high: float, count: int) -> tuple[slice, bool]:
    """Return the cells of an axis that a length shares more than an end with, and whether it lies in one alone.

    What has no length lies in one cell: the next one where it is between two, the last one at the end of the axis.
    """
    first, behind = math.floor(low + _INSIDE), math.ceil(high - _INSIDE)
    if behind <= first:
        first -= first == count
        behind = first + 1
    return slice(min(max(first, 0), count), min(max(behind, 0), count)), behind - first == 1


def _hits(
    part: BaseGeometry, origin: tuple[float, float], size: float, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], NDArray[numpy.bool_]]:
    """Return the rows, from the south, and columns of a grid around a geometry, and which of these cells it covers."""
    west, south, east, north = part.bounds
    rows, is_one_row = _span((south - origin[1]) / size, (north - origin[1]) / size, shape[0])
    columns, is_one_column = _span((west - origin[0]) / size, (east - origin[0]) / size, shape[1])
    covered = numpy.ones((rows.stop - rows.start, columns.stop - columns.start), dtype=bool)
    if is_one_row or is_one_column or not covered.size or fills_its_box(part):  # it is one piece without a gap
        return (rows, columns), covered
    x, y = numpy.meshgrid(
        origin[0] + size * numpy.arange(columns.start, columns.stop),
        origin[1] + size * numpy.arange(rows.start, rows.stop),
    )
    shapely.prepare(part)
    inner = _INSIDE * size
    hits: NDArray[numpy.bool_] = shapely.intersects(
        part, shapely.box(x + inner, y + inner, x + size - inner, y + size - inner)
    )
    return (rows, columns), hits


def periods_of(
    rows: Sequence[tuple[datetime, BaseGeometry]], area: BaseGeometry, borders: Sequence[datetime]
) -> list[CoveredPeriod]:
    """Return what footprints with their times cover of an area, from each border to the next one.

    Raises
    ------
    BadRequestError
        If the area has no extent.
    """
    whole = area_km2(area)
    if not whole > 0:
        raise BadRequestError(f"the area is a {area.geom_type.lower()} without extent; pass one with an inside")
    shapes: list[list[BaseGeometry]] = [[] for _ in borders[1:]]
    for acquired, shape in rows:
        position = bisect.bisect_right(borders, acquired) - 1
        if 0 <= position < len(shapes):
            shapes[position].append(shape)
    periods = []
    for (begin, end), group in zip(itertools.pairwise(borders), shapes, strict=True):
        missing = shapely.difference(area, shapely.union_all(group)) if group else area
        share = min(max(1 - area_km2(missing) / whole, 0.0), 1.0)
        periods.append(CoveredPeriod(begin, end, len(group), share, missing))
    return periods
