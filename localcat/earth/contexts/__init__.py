"""Where to put pixels: an area of interest, a tile, a grid."""

from __future__ import annotations

from localcat.earth.contexts.aoi import AOI
from localcat.earth.contexts.base import UNSET, Bounds, GeoContext, Unset
from localcat.earth.contexts.dltile import DLTile
from localcat.earth.contexts.grid import Grid
from localcat.earth.contexts.xyztile import XYZTile

__all__ = ["AOI", "UNSET", "Bounds", "DLTile", "GeoContext", "Grid", "Unset", "XYZTile"]
