"""Positions along Hilbert's curve around the globe: places that are near each other have near positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS = 16  # as many as fit into 32 bits
CELLS = 7
"""The levels of the curve by which rows of images are stored: cells of 2.8° by 1.4°, inside which time decides."""


def positions(lon: NDArray[Any], lat: NDArray[Any], *, levels: int = LEVELS) -> NDArray[numpy.int64]:
    """Return the positions of places along the curve.

    Parameters
    ----------
    lon, lat : ndarray
        Degrees; longitudes beyond ±180° are those of the same place within.
    levels : int
        Of the curve: the globe has 2^levels by 2^levels cells, one a position.

    Returns
    -------
    ndarray of int64
        From 0; −1 where a place is NaN.

    Notes
    -----
    The conversion from (x, y) to a distance, level by level, of https://en.wikipedia.org/wiki/Hilbert_curve
    """
    is_known = numpy.isfinite(lon) & numpy.isfinite(lat)
    sides = 1 << levels
    x = _cells((numpy.where(is_known, lon, 0) + 180) % 360 / 360, sides)
    y = _cells((numpy.where(is_known, lat, 0) + 90) / 180, sides)
    found = numpy.zeros(len(x), dtype=numpy.int64)
    side = sides >> 1
    while side:
        right, upper = (x & side) > 0, (y & side) > 0
        found += side * side * ((3 * right) ^ upper)
        turned = ~upper & right
        x, y = numpy.where(turned, sides - 1 - x, x), numpy.where(turned, sides - 1 - y, y)
        x, y = numpy.where(upper, x, y), numpy.where(upper, y, x)
        side >>= 1
    return numpy.where(is_known, found, -1)


def _cells(fractions: NDArray[Any], sides: int) -> NDArray[numpy.int64]:
    return numpy.clip((fractions * sides).astype(numpy.int64), 0, sides - 1)
