"""The CRS of columns of geometries, as GeoArrow and GeoParquet say it: PROJJSON, a code or WKT.

https://geoparquet.org/releases/v1.1.0/ and https://geoarrow.org/extension-types.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rasterio.crs import CRS

from localcat.earth.crs import WGS84, is_same_crs, parse_crs
from localcat.errors import InvalidCRSError


def other_crs(said: Any) -> CRS | None:
    """Return the CRS of a column of geometries; None for longitude and latitude, as footprints have them.

    Coordinates are in the order x, y, whatever the authority says.

    Parameters
    ----------
    said : mapping or str
        PROJJSON with an id, a code such as ``"EPSG:32618"``, or WKT.

    Raises
    ------
    InvalidCRSError
        If it is none of these, or is not known.
    """
    named = said.get("id") if isinstance(said, Mapping) else None
    if isinstance(named, Mapping):
        said = f"{named.get('authority')}:{named.get('code')}"
    if not isinstance(said, str):
        raise InvalidCRSError(f"the CRS of the geometries has no id: {str(said)[:200]}; write one with a code")
    crs = parse_crs(said)
    return None if is_same_crs(crs, WGS84) else crs
