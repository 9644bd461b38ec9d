"""Universal Transverse Mercator as tiles use it: 60 zones of 6 degrees, northern in both hemispheres.

South of the equator northings are negative, so a tile grid continues across it without a seam. The exceptions of
Norway and Svalbard are not made.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rasterio.crs import CRS

from localcat.earth.contexts.projection import crs_of, reproject_points
from localcat.earth.crs import WGS84

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ZONES = 60
ZONE_WIDTH = 6  # degrees of longitude
FALSE_EASTING = 500_000  # metres; the easting of a zone's central meridian
NORTHING_OF_POLE = 9_997_964.95  # metres; 0.9996 of the meridian from the equator to the pole, WGS 84


def zone_of(lon: float) -> int:
    """Return the zone, 1 to 60, of a longitude within ±180°; a zone has its western edge, the last one both."""
    return min(math.floor((lon + 180) / ZONE_WIDTH) + 1, ZONES)


def zone_edges(zone: int) -> tuple[float, float]:
    """Return the longitudes (west, east) of a zone in degrees."""
    west = (zone - 1) * ZONE_WIDTH - 180
    return float(west), float(west + ZONE_WIDTH)


def zone_code(zone: int) -> str:
    """Return the code of a zone's CRS, WGS 84 / UTM zone north."""
    return f"EPSG:{32600 + zone}"


def zone_crs(zone: int) -> CRS:
    """Return the CRS of a zone, WGS 84 / UTM zone north."""
    return crs_of(zone_code(zone))


def to_utm(lons: Sequence[float] | NDArray[Any], lats: Sequence[float] | NDArray[Any], zone: int) -> NDArray[Any]:
    """Return (easting, northing) in metres, shape (points, 2), of longitudes and latitudes in degrees."""
    return reproject_points(lons, lats, WGS84, zone_crs(zone))


def to_lonlat(xs: Sequence[float] | NDArray[Any], ys: Sequence[float] | NDArray[Any], zone: int) -> NDArray[Any]:
    """Return (longitude, latitude) in degrees, shape (points, 2), of eastings and northings in metres."""
    return reproject_points(xs, ys, zone_crs(zone), WGS84)
