"""Places in, at the edge of and beyond the area of use of a CRS, and a small file there that is read in all ways."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from pathlib import Path

import numpy
import rasterio
import shapely
from affine import Affine
from pyproj.database import query_crs_info
from pyproj.enums import PJType
from rasterio.crs import CRS
from rasterio.errors import CRSError

from localcat.earth.contexts.grid import Grid
from localcat.earth.crs import WGS84
from localcat.earth.globe import RADIUS
from localcat.earth.projecting import has_same_datum, metres_of, project, project_directly
from localcat.rasters.files.footprint import footprint
from localcat.rasters.reading.point import read_points
from localcat.rasters.reading.read import BandSource, read_bands

SIZE = 60  # pixels a side, of 10 m
PIXEL = 10.0  # metres
WEB = CRS.from_epsg(3857)
_STEP = 1e-4  # degrees
_TORN = 1e-6  # degrees; where two operations meet, some places have no coordinates that lead back to them
_MOST_STRETCHED = 0.3  # part by which a CRS is stretched near a place; Web Mercator always is
_ANTIMERIDIAN = shapely.MultiLineString([[(lon, -90), (lon, 90)] for lon in (-180, 180)])  # where footprints are cut
HIGHEST = 84.0  # degrees; Web Mercator ends at 85

_AREAS = {
    int(info.code): info.area_of_use
    for info in query_crs_info("EPSG", [PJType.GEOGRAPHIC_2D_CRS, PJType.PROJECTED_CRS])
    if info.area_of_use is not None
}


def codes(every: int = 1, seed: int = 0) -> list[int]:
    """Return the EPSG codes of maps, or one of so many, by chance."""
    chosen = sorted(_AREAS)
    random.Random(seed).shuffle(chosen)
    return sorted(chosen[::every])


def area_of(code: int) -> tuple[float, float, float, float]:
    """Return west, south, east and north of the area where a CRS is meant to be used."""
    west, south, east, north = _AREAS[code].bounds
    return west, south, east, north


def places_of(code: int) -> list[tuple[float, float]]:
    """Return (longitude, latitude) of places inside, at and beyond the area of use of a CRS."""
    west, south, east, north = area_of(code)
    width, height = (east - west) % 360 or 360.0, north - south
    shares = {"middle": (0.5, 0.5), "corner": (0.1, 0.1), "edge": (0.9999, 0.9999), "beyond": (1.3, 1.3)}
    found = [((west + x * width + 180) % 360 - 180, south + y * height) for x, y in shares.values()]
    return [(lon, lat) for lon, lat in found if abs(lat) < HIGHEST]


def coordinates(code: int, place: tuple[float, float]) -> tuple[float, float]:
    """Return the coordinates of a place in a CRS; infinite where it has none, or is far from where the CRS is meant."""
    try:
        crs = CRS.from_epsg(code)
    except CRSError:  # pyproj has a newer database
        return math.inf, math.inf
    lon, lat = place
    lons, lats = [lon, lon + _STEP / math.cos(math.radians(lat)), lon], [lat, lat, lat + _STEP]
    xs, ys = project(WGS84, crs, lons, lats)
    if not numpy.isfinite([xs, ys]).all():
        return math.inf, math.inf
    back = numpy.array(project(crs, WGS84, xs, ys)) - (lons, lats)
    lengths = numpy.hypot(xs[1:] - xs[0], ys[1:] - ys[0]) * metres_of(crs) / (RADIUS * math.radians(_STEP))
    is_there = numpy.abs(back).max() < _TORN and abs(lengths[1] - 1) < _MOST_STRETCHED
    return (float(xs[0]), float(ys[0])) if is_there or crs == WEB else (math.inf, math.inf)


@dataclass(frozen=True)
class Somewhere:
    """A file around a place in a CRS, whose two bands hold the column and the row of each pixel."""

    code: int
    path: Path
    grid: Grid
    place: tuple[float, float]
    has_place: bool

    @classmethod
    def at(cls, folder: Path, code: int, place: tuple[float, float]) -> Somewhere:
        x, y = coordinates(code, place)
        if not math.isfinite(x):
            return cls(code, folder, Grid(WGS84, Affine.identity(), (1, 1)), place, has_place=False)
        crs = CRS.from_epsg(code)
        size = PIXEL / metres_of(crs)
        half = (SIZE / 2) * size
        grid = Grid(crs, Affine(size, 0, x - half, 0, -size, y + half), (SIZE, SIZE))
        path = folder / f"{code}.tif"
        rows, columns = numpy.indices(grid.shape, dtype="float32")
        profile = {"driver": "GTiff", "count": 2, "height": SIZE, "width": SIZE, "dtype": "float32"}
        with rasterio.open(path, "w", crs=crs, transform=grid.transform, **profile) as file:
            file.write(numpy.stack([columns, rows]) + 0.5)
        return cls(code, path, grid, place, has_place=True)

    def check(self, others: list[int]) -> None:
        """Check that the point, the footprint, and reads on other grids find the middle of the file at its place."""
        if not self.has_place:
            return
        sources, middle = [BandSource(self.path, 1), BandSource(self.path, 2)], SIZE / 2
        values = read_points(sources, *numpy.array([self.place]).T, data_type="Float64").ravel()
        assert numpy.abs(values - middle).max() <= 0.5 + 1e-3
        ground = footprint(self.grid)
        depth = shapely.difference(ground.boundary, _ANTIMERIDIAN).distance(shapely.Point(self.place))
        assert ground.intersects(shapely.Point(self.place))
        assert depth > 0.2 * (SIZE / 2) * PIXEL / 111_000
        for code in others:
            self.check_on(code)

    def check_from(self, other: int) -> None:
        """Check that a file in another CRS, at this place, is found there on pixels of this CRS."""
        opposite = Somewhere.at(self.path.parent, other, self.place)
        if self.has_place and opposite.has_place and other != self.code:
            opposite.check_on(self.code)

    def check_on(self, code: int) -> None:
        """Check that the middle of the file is found at its place on pixels of another CRS."""
        found = self.middle_on(code, [BandSource(self.path, 1), BandSource(self.path, 2)])
        assert found is None or numpy.abs(found - SIZE / 2).max() < 0.3, (code, found)

    def coordinates_on(self, code: int, crs: CRS) -> tuple[float, float]:
        """Return the coordinates of the middle of the file in another CRS.

        Of one datum they follow from its own, without an operation: outside of the area where a CRS is meant to be used
        PROJ has other operations to WGS 84 for it than for the next CRS of the same datum, and so another place.
        """
        if not has_same_datum(self.grid.crs, crs) or crs == WGS84:
            return coordinates(code, self.place)
        to_map = self.grid.transform
        x, y = to_map.c + to_map.a * SIZE / 2, to_map.f + to_map.e * SIZE / 2
        xs, ys = project_directly(self.grid.crs, crs, [x], [y])
        return float(xs[0]), float(ys[0])

    def middle_on(self, code: int, sources: list[BandSource]) -> numpy.ndarray | None:
        """Return the position in the file of its middle, read on pixels of another CRS; None where that has none."""
        crs = CRS.from_epsg(code)
        x, y = self.coordinates_on(code, crs)
        if not math.isfinite(x):
            return None
        step = PIXEL / 5 / metres_of(crs)
        grid = Grid(crs, Affine(step, 0, x - 5.5 * step, 0, -step, y + 5.5 * step), (11, 11))
        return read_bands(sources, grid, resampling="bilinear", dtype="float64")[:, 5, 5].filled(numpy.nan)
