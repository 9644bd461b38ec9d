"""Where to put pixels: an area of interest, a tile, a grid."""

from __future__ import annotations

from localcat.geocontext.aoi import AOI
from localcat.geocontext.base import UNSET, Bounds, GeoContext, GeoContextWarning, Unset
from localcat.geocontext.dltile import DLTile
from localcat.geocontext.grid import Grid
from localcat.geocontext.xyztile import XYZTile

__all__ = ["AOI", "UNSET", "Bounds", "DLTile", "GeoContext", "GeoContextWarning", "Grid", "Unset", "XYZTile"]
