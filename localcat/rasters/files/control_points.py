"""Ground control points: how files without a grid, such as radar images, say where they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rasterio.crs import CRS
    from rasterio.io import DatasetReader

LEAST_POINTS = 3  # that place a plane


@dataclass(frozen=True, slots=True)
class ControlPoints:
    """Pixels whose place is known.

    Parameters
    ----------
    crs : rasterio.crs.CRS
        Of the places.
    points : tuple of (float, float, float, float)
        (column, row, x, y); columns and rows count from the outer corner of the first pixel.
    """

    crs: CRS
    points: tuple[tuple[float, float, float, float], ...]


def control_points_of(dataset: DatasetReader) -> ControlPoints | None:
    """Return the control points of an open raster; None if it has too few, or none that mean anything."""
    given, crs = dataset.gcps
    if crs is None:
        return None
    points = [(point.col, point.row, point.x, point.y) for point in given]
    points = [point for point in dict.fromkeys(points) if all(map(math.isfinite, point))]
    return ControlPoints(crs, tuple(points)) if len(points) >= LEAST_POINTS else None
