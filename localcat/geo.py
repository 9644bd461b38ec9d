"""The geo contexts under their short name: ``from localcat.geo import AOI``."""

from __future__ import annotations

from localcat.earth.contexts import AOI, DLTile, GeoContext, XYZTile

__all__ = ["AOI", "DLTile", "GeoContext", "XYZTile"]
