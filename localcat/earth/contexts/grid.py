"""A pixel grid: the position of every pixel of an array on the Earth."""

from __future__ import annotations

from dataclasses import dataclass

from affine import Affine
from rasterio.crs import CRS


@dataclass(frozen=True, slots=True)
class Grid:
    """A pixel grid: CRS, transform and shape.

    Parameters
    ----------
    crs : rasterio.crs.CRS
        Coordinate reference system of the grid's coordinates.
    transform : affine.Affine
        From (column, row), counted from the outer corner of the first pixel, to CRS coordinates.
    shape : tuple of int
        (height, width) in pixels.
    """

    crs: CRS
    transform: Affine
    shape: tuple[int, int]

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return self.shape[0]

    @property
    def width(self) -> int:
        """Columns of pixels."""
        return self.shape[1]

    def part(self, rows: slice, columns: slice = slice(None)) -> Grid:
        """Return the grid of some of the rows and columns."""
        top, bottom, _ = rows.indices(self.height)
        left, right, _ = columns.indices(self.width)
        if (top, bottom, left, right) == (0, self.height, 0, self.width):
            return self
        t = self.transform
        x, y = t.c + t.a * left + t.b * top, t.f + t.d * left + t.e * top
        return Grid(self.crs, Affine(t.a, t.b, x, t.d, t.e, y), (bottom - top, right - left))

    @property
    def geotransform(self) -> tuple[float, float, float, float, float, float]:
        """The six numbers of the transform in GDAL's order: (x0, dx/col, dx/row, y0, dy/col, dy/row)."""
        t = self.transform
        return t.c, t.a, t.b, t.f, t.d, t.e

    @property
    def corners(self) -> tuple[tuple[float, float], ...]:
        """The outer corners (x, y) in CRS coordinates: first pixel's, then along the first row and around."""
        height, width = self.shape
        t = self.transform  # multiplied out: affine 2 knows only `*` for this, affine 3 deprecates it
        return tuple(
            (t.a * column + t.b * row + t.c, t.d * column + t.e * row + t.f)
            for column, row in ((0, 0), (width, 0), (width, height), (0, height))
        )

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(min_x, min_y, max_x, max_y) of the corners, in CRS coordinates."""
        xs, ys = zip(*self.corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    @property
    def resolution(self) -> tuple[float, float]:
        """(x, y) size of a pixel in CRS units, both positive."""
        t = self.transform
        return (t.a**2 + t.d**2) ** 0.5, (t.b**2 + t.e**2) ** 0.5
