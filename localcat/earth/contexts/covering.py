"""One grid around many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from localcat.earth.contexts.aoi import AOI
from localcat.earth.contexts.projection import crs_of, reproject_bounds
from localcat.earth.projecting import turn_of
from localcat.errors import BadRequestError


def covering(areas: Sequence[AOI], crs: str | None, resolution: float | None) -> AOI:
    """Return the context around others, not aligned: of one grid's parts it is a part, too.

    Parameters
    ----------
    areas : sequence of AOI
        Each with bounds.
    crs : str, optional
        Of the pixels.
    resolution : float, optional
        In units of `crs`; that of the finest area in this CRS when left out.

    Raises
    ------
    BadRequestError
        If there is no CRS or no resolution, or if an area cannot be brought into the CRS.
    """
    if crs is None:
        raise BadRequestError("the CRS of none of the images is known; pass crs, such as 'EPSG:32632'")
    target = crs_of(crs)
    if resolution is None:
        own = [area.grid().transform for area in areas if area.shape is not None and area.crs == crs]
        sizes = [min(abs(transform.a), abs(transform.e)) for transform in own]
        if not sizes:
            raise BadRequestError(f"the resolution of none of the images is known in {crs}; pass resolution")
        resolution = min(sizes)
    boxes = [
        reproject_bounds(area.bounds, crs_of(area.bounds_crs), target)
        for area in areas
        if area.bounds is not None and area.bounds_crs is not None
    ]
    west, east = _span([(box[0], box[2]) for box in boxes], turn_of(target))
    if target.is_geographic and east > turn_of(target) / 2 and east - west < turn_of(target):
        east -= turn_of(target)
    south, north = min(box[1] for box in boxes), max(box[3] for box in boxes)
    bounds = (west, south, east, north)
    return AOI(bounds=bounds, bounds_crs=crs, crs=crs, resolution=resolution, align_pixels=False)


def _span(intervals: Iterable[tuple[float, float]], turn: float) -> tuple[float, float]:
    """Return the shortest interval around others; on a circle it leaves out their widest gap."""
    found = sorted(intervals)
    west, east = found[0][0], max(right for _, right in found)
    if not turn or east - west <= turn / 2:
        return west, east
    on_circle = sorted((left % turn, left % turn + right - left, left) for left, right in found)
    reach = max(right for _, right, _ in on_circle) - turn
    gap, start, end = 0.0, west, west + turn
    for left, right, given in on_circle:
        if left - reach > gap:
            gap, start, end = left - reach, given, given + turn - (left - reach)
        reach = max(reach, right)
    return start, end
