"""Points of one coordinate reference system in another: the one way in which localcat changes datums.

Between two datums PROJ knows several operations, each for a part of the Earth, and takes for each point the best of
those that are meant for it. The place of a point is the longitude and latitude (EPSG:4326) that it gives. On the way
back from there, or on the way between two other CRSs, PROJ may take another operation, which leads up to a kilometre
away. So the way back is searched for here, and coordinates always go through their place: footprints, points, bounds
and pixels are then where each other are.

Between CRSs of one datum no operation is needed, and none is taken. At the edge of the area where a CRS is meant to be
used, and beyond, PROJ may have another place for it than for the next CRS of the same datum, up to some hundred metres
away (EPSG:4403 and EPSG:4267 in the Arctic): pixels on a grid of the same datum then follow its numbers, and not the
places.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

import numpy
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from rasterio.warp import transform

from localcat.earth.crs import WGS84, quiet, remembered
from localcat.earth.globe import RADIUS
from localcat.earth.offline import proj_offline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FARTHEST: Final = 1e12
"""Places up to this distance from a CRS's origin, in its units, are projected; PROJ does not end for farther ones."""

# rasterio lets some errors of GDAL through under their private names, "point outside of projection domain" among them.
FAILURES: Final = (CRSError, RasterioError, CPLE_BaseError)

_AXIS = re.compile(
    r'(?:SPHEROID|ELLIPSOID)\["(?:[^"]|"")*",([-+.\deE]+)(?:,[-+.\deE]+,LENGTHUNIT\["[^"]*",([-+.\deE]+))?'
)
_BASE = re.compile(r'(GEOGCS|BASEGEOGCRS|GEOGCRS)\["(?:[^"]|"")*",')
_BESIDE = re.compile(r',AXIS\["[^"]*",\w+\]|,AUTHORITY\["[^"]*","[^"]*"\]')  # WKT 1 has them in some places only
_FIRST = 7.3  # degrees of longitude; no map is torn here or a quarter of a turn from here
_MARKS = re.compile(r'"(?:[^"]|"")*"|[\[\]]')
_EXACT = 1e-8  # degrees; 1 mm
_MOST_OFF = 0.05  # degrees; two operations between the same datums are not further apart, formulas beyond the map are
_MOST_TRIES = 4
_HIGHEST = 89.5  # degrees of latitude; longitudes mean little above
_EQUATOR = 6_378_137.0  # metres; radius of WGS 84
_OTHER_BODY = 0.005  # part by which two radii differ on two planets; PROJ draws the line there, too


def project(
    source: CRS, target: CRS, xs: Sequence[float] | NDArray[Any], ys: Sequence[float] | NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the coordinates of points in another CRS, two arrays of one dimension; infinite where they have none."""
    if target == WGS84 or has_same_datum(source, target):
        return project_directly(source, target, xs, ys)
    return _from_places(target, *project_directly(source, WGS84, xs, ys))


def _from_places(
    target: CRS, lons: Sequence[float] | NDArray[Any], lats: Sequence[float] | NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the coordinates in a CRS whose places are these: what PROJ gives, moved by as much as it misses them."""
    places = numpy.stack((numpy.ravel(lons), numpy.ravel(lats))).astype(float)
    aimed = places.copy()
    found = numpy.stack(project_directly(WGS84, target, *aimed))
    for _ in range(_MOST_TRIES):
        with numpy.errstate(invalid="ignore"):
            off = places - project_directly(target, WGS84, *found)
            off[0] = (off[0] + 180) % 360 - 180
            size = numpy.abs(off).max(axis=0)
            missed = (size > _EXACT) & (size < _MOST_OFF) & (numpy.abs(places[1]) < _HIGHEST)
        if not missed.any():
            break
        aimed[:, missed] += off[:, missed]
        found[:, missed] = project_directly(WGS84, target, *aimed[:, missed])
    return found[0], found[1]


def project_directly(
    source: CRS, target: CRS, xs: Sequence[float] | NDArray[Any], ys: Sequence[float] | NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return what `project` returns, by the operation that PROJ chooses between the two, as GDAL does."""
    xs, ys = numpy.ravel(xs).astype(float), numpy.ravel(ys).astype(float)
    found = numpy.full((2, len(xs)), numpy.inf)
    with numpy.errstate(invalid="ignore"):
        is_near = (numpy.abs(xs) < FARTHEST) & (numpy.abs(ys) < FARTHEST)
    if is_near.any() and is_on_earth(source) == is_on_earth(target):
        with proj_offline(), quiet():  # one environment, and not one for each try below
            found[:, is_near] = _projected(source, target, xs[is_near], ys[is_near])
    return found[0], found[1]


def _projected(source: CRS, target: CRS, xs: NDArray[Any], ys: NDArray[Any]) -> NDArray[Any]:
    try:
        return numpy.array(transform(source, target, xs, ys), dtype=float)
    except FAILURES:
        # One point out of reach fails them all: halve until it stands alone.
        if len(xs) == 1:
            return numpy.full((2, 1), numpy.inf)
        half = len(xs) // 2
        return numpy.hstack(
            (_projected(source, target, xs[:half], ys[:half]), _projected(source, target, xs[half:], ys[half:]))
        )


def has_same_datum(one: CRS, other: CRS) -> bool:
    """Return whether the longitudes and latitudes of two CRSs mean the same, so that no operation is to be chosen."""
    return _base_of(one) == _base_of(other) or one == other


def has_same_definition(one: CRS, other: CRS) -> bool:
    """Return whether two CRSs have the same names, in the letters of WKT 1, and the same numbers."""
    return _BESIDE.sub("", one.to_wkt()) == _BESIDE.sub("", other.to_wkt())


@remembered
def _base_of(crs: CRS) -> str:
    """Return the datum, the meridian and the unit of a CRS's longitudes and latitudes, as a part of its WKT."""
    text = _BESIDE.sub("", crs.to_wkt())
    found = _BASE.search(text)
    if found is None:
        return text
    depth = 1
    for mark in _MARKS.finditer(text, found.end()):
        depth += {"[": 1, "]": -1}.get(mark[0], 0)
        if depth == 0:
            return text[found.end() : mark.start()]
    return text


@remembered
def is_on_earth(crs: CRS) -> bool:
    """Return whether a CRS is of the Earth, by the size of its ellipsoid; one without an ellipsoid may be."""
    found = _AXIS.search(crs.to_wkt())
    if found is None:
        return True
    return abs(float(found[1]) * float(found[2] or 1) / _EQUATOR - 1) < _OTHER_BODY


@remembered
def turn_of(crs: CRS) -> float:
    """Return by how much x grows on a way around the Earth, in units of a CRS; 0 where x cannot be continued.

    It can in longitudes, and in cylindrical projections like Web Mercator, whose x grows alike at all latitudes and
    jumps back by the width of the map at one meridian, wherever that is.
    """
    if crs.is_geographic:
        return round(2 * math.pi / float(crs.units_factor[1]), 6)
    if not crs.is_projected:
        return 0.0
    lons = [_FIRST + 90.0 * quarter for quarter in (-2, -1, 0, 1, -2)]
    xs, _ = project(WGS84, crs, lons * 3, [0.0] * 5 + [30.0] * 5 + [60.0] * 5)
    if not numpy.isfinite(xs).all():
        return 0.0
    steps = numpy.sort(numpy.diff(xs.reshape(3, 5)))  # three quarters of a turn, and before them the way back
    quarter = float(steps[0, 1])
    is_cylindrical = numpy.allclose(steps, [[-3 * quarter, quarter, quarter, quarter]], rtol=1e-9, atol=1e-3)
    return 4 * quarter if is_cylindrical and quarter > 1 else 0.0


def metres_of(crs: CRS) -> float:
    """Return how long a unit of the coordinates of a CRS is, of degrees and the like on the equator."""
    return float(crs.linear_units_factor[1]) if crs.is_projected else RADIUS * float(crs.units_factor[1])
