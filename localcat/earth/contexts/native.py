"""The grid that an image's pixels already have, as a context."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from localcat.earth.contexts.aoi import AOI
from localcat.earth.contexts.extent import bounds_on_earth
from localcat.earth.contexts.projection import crs_of
from localcat.errors import BadRequestError, GeoContextWarning, warn_caller

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry


def native_context(
    who: str,
    geometry: BaseGeometry | None,
    crs: str | None,
    geotrans: Sequence[float] | None,
    shape: tuple[int, int] | None,
) -> AOI:
    """Return the context of a grid: with native CRS, bounds and shape, as far as they are known.

    Parameters
    ----------
    who : str
        Whose grid it is, in messages.
    geometry : shapely geometry, optional
        Footprint, EPSG:4326.
    crs : str, optional
        Code or text of the CRS.
    geotrans : sequence of 6 float, optional
        In GDAL's order.
    shape : (int, int), optional
        Rows and columns.

    Raises
    ------
    BadRequestError
        If the shape is not known and the pixels are not square.
    """
    if geotrans is None or crs is None:
        return AOI(geometry=geometry, crs=crs, bounds_crs=None if geometry is None else "EPSG:4326")
    x0, dx, x_skew, y0, y_skew, dy = geotrans
    if x_skew or y_skew:
        warn_caller(GeoContextWarning(f"the grid of {who} is rotated; its context is the upright box around it"))
    if shape is None:
        across, down = math.hypot(dx, y_skew), math.hypot(x_skew, dy)
        if not math.isclose(across, down, rel_tol=1e-9):
            raise BadRequestError(f"{who} has pixels that are not square, and no x_pixels and y_pixels")
        resolution = abs(dx) if not y_skew else across
        return AOI(geometry=geometry, crs=crs, resolution=resolution, bounds_crs=crs, align_pixels=False)
    height, width = shape
    corners = [(column, row) for column in (0, width) for row in (0, height)]
    xs = [x0 + dx * column + x_skew * row for column, row in corners]
    ys = [y0 + y_skew * column + dy * row for column, row in corners]
    return AOI(
        geometry=geometry,
        crs=crs,
        bounds=bounds_on_earth((min(xs), min(ys), max(xs), max(ys)), crs_of(crs), abs(dx)),
        bounds_crs=crs,
        shape=shape,
        align_pixels=False,
    )
