"""Where to put pixels: an area of interest, a tile, a grid."""

from __future__ import annotations

from localcat.geocontext.aoi import AOI
from localcat.geocontext.base import UNSET, Bounds, GeoContext, GeoContextWarning
from localcat.geocontext.grid import Grid

__all__ = ["AOI", "UNSET", "Bounds", "GeoContext", "GeoContextWarning", "Grid"]
