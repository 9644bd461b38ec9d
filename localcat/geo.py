"""The geo contexts under their short name: ``from localcat.geo import AOI``."""

from __future__ import annotations

from localcat.geocontext import AOI, DLTile, GeoContext, XYZTile

__all__ = ["AOI", "DLTile", "GeoContext", "XYZTile"]
