"""Grids of the whole world, or at the edges of it, on maps of all kinds, and what they cover by another way."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy
import shapely
from affine import Affine
from rasterio.crs import CRS

from localcat.earth.contexts.grid import Grid
from localcat.earth.crs import WGS84, parse_crs
from localcat.earth.projecting import project, turn_of

R = 6_371_007.181  # metres; of the sphere of MODIS
TILE = math.pi * R / 18  # metres; a side of its tiles
X, Y = 20_037_508.342789244, 10_018_754.171394622  # metres; half of the equator, and of a meridian as it is drawn


def grid_between(crs: str | CRS, west: float, south: float, east: float, north: float, size: int = 100) -> Grid:
    """Return an upright grid of so many rows and columns."""
    transform = Affine((east - west) / size, 0, west, 0, -(north - south) / size, north)
    return Grid(parse_crs(crs) if isinstance(crs, str) else crs, transform, (size, size))


GRIDS = {
    "degrees from 0 to 360": grid_between("EPSG:4326", 0, -90, 360, 90),
    "degrees beyond the pole": grid_between("EPSG:4326", 10, 70.5, 20, 90.5),
    "NAD27 across the antimeridian and the pole": grid_between("EPSG:4267", 100, 40, 260, 91),
    "grads from Paris": grid_between("EPSG:4807", -200, -100, 200, 100),
    "grads from Paris, half a pixel off": grid_between("EPSG:4807", -200.5, -100.5, 199.5, 100.5),
    "degrees from Ferro": grid_between("EPSG:4818", -180, -90, 180, 90),
    "degrees around 180": grid_between("+proj=longlat +lon_wrap=180 +datum=WGS84", 0, -90, 360, 90),
    "degrees of a turned globe": grid_between(
        "+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39.25 +lon_0=18 +datum=WGS84", -20, -20, 20, 20
    ),
    "Web Mercator": grid_between("EPSG:3857", -X, -X, X, X),
    "Web Mercator from 0 to 360": grid_between("EPSG:3857", 0, -X, 2 * X, X),
    "Mercator around 150° E": grid_between("EPSG:3832", -X, -2e7, X, 2e7),
    "Plate Carree beyond the poles": grid_between("EPSG:4087", -X, -Y - 1e5, X, Y + 1e5),
    "Plate Carree around 180°": grid_between("+proj=eqc +lon_0=180 +datum=WGS84", -X, -Y, X, Y),
    "EASE-Grid": grid_between("EPSG:6933", -17367530.45, -7314540.83, 17367530.45, 7314540.83),
    "Antarctica": grid_between("EPSG:3031", -4e6, -4e6, 4e6, 4e6),
    "a quadrant of Antarctica": grid_between("EPSG:3031", 0, 0, 4e6, 4e6),
    "the Arctic": grid_between("EPSG:3413", -3850000, -5350000, 3750000, 5850000),
    "the Arctic, nearly all of the globe": grid_between("EPSG:6931", -9e6, -9e6, 9e6, 9e6),
    "the pole in a UTM zone": grid_between("EPSG:32632", 0, 9e6, 1e6, 1.1e7),
    "Krovak": grid_between("EPSG:5514", -9e5, -1.3e6, -4e5, -9e5),
    "a tile of MODIS": grid_between(f"+proj=sinu +R={R}", 15 * TILE, -2 * TILE, 16 * TILE, -TILE),
}
"""Grids of which every point is on the map."""

LARGER_THAN_THE_MAP = {
    "sinusoidal": grid_between(f"+proj=sinu +R={R}", -18 * TILE, -9 * TILE, 18 * TILE, 9 * TILE),
    "a tile of MODIS at the antimeridian": grid_between(f"+proj=sinu +R={R}", 17 * TILE, 0, 18 * TILE, TILE),
    "a tile of MODIS at the pole": grid_between(f"+proj=sinu +R={R}", -TILE, 8 * TILE, 0, 9 * TILE),
    "Mollweide": grid_between("+proj=moll +datum=WGS84", -18040096, -9020048, 18040096, 9020048),
    "Goode": grid_between("+proj=igh +datum=WGS84", -20037508, -8683259, 20037508, 8683259),
    "Lambert's azimuthal map of the world": grid_between(
        "+proj=laea +lat_0=52 +lon_0=10 +datum=WGS84", -12.8e6, -12.8e6, 12.8e6, 12.8e6
    ),
    "a full disk": grid_between("+proj=geos +h=35785831 +lon_0=0 +sweep=y +datum=WGS84", -5.5e6, -5.5e6, 5.5e6, 5.5e6),
    "a full disk across the antimeridian": grid_between(
        "+proj=geos +h=35785863 +lon_0=140.7 +sweep=y +datum=WGS84", -5.5e6, -5.5e6, 5.5e6, 5.5e6
    ),
    "a polyconic map of a half of the world": grid_between("+proj=poly +datum=WGS84", -1.2e7, -9e6, 1.2e7, 9e6),
    "Bonne": grid_between("+proj=bonne +lat_1=45 +datum=WGS84", -1.6e7, -1.6e7, 1.6e7, 1e7),
    "a hemisphere from above": grid_between("+proj=ortho +lat_0=40 +datum=WGS84", -6.3e6, -6.3e6, 6.3e6, 6.3e6),
    "America, and a gap in its cone": grid_between("EPSG:5070", -8e6, -4e6, 8e6, 9e6),
}
"""Grids with pixels beyond the edge of the map."""


@dataclass(frozen=True)
class Places:
    """Places all over the globe, and which of them a grid holds, by their coordinates on its map."""

    lons: numpy.ndarray
    lats: numpy.ndarray
    are_held: numpy.ndarray

    @classmethod
    def of(cls, grid: Grid, count: int = 3000) -> Places:
        rng = numpy.random.default_rng(7)
        lons, lats = rng.uniform(-180, 180, count), numpy.degrees(numpy.arcsin(rng.uniform(-1, 1, count)))
        xs, ys = project(WGS84, grid.crs, lons, lats)
        _, back = project(grid.crs, WGS84, xs, ys)  # some formulas give a point on the map for places that have none
        west, south, east, north = grid.bounds
        turn = turn_of(grid.crs)
        with numpy.errstate(invalid="ignore"):
            xs = west + (xs - west) % turn if turn else xs
            held = (
                numpy.isfinite(xs)
                & (numpy.abs(back - lats) < 0.1)
                & (west <= xs)
                & (xs <= east)
                & (south <= ys)
                & (ys <= north)
            )
        return cls(lons, lats, held)

    def wrong_by(self, ground: shapely.Geometry) -> tuple[float, float]:
        """Return how far places that the grid holds are outside, and others inside, of a geometry: degrees.

        On the ground: near a pole a degree of longitude is nearly nothing.
        """
        points = shapely.points(self.lons, self.lats)
        way = shapely.get_coordinates(shapely.shortest_line(shapely.boundary(ground), points)).reshape(-1, 2, 2)
        x, y = (way[:, 1] - way[:, 0]).T
        found, depth = shapely.intersects(ground, points), numpy.hypot(x * numpy.cos(numpy.radians(self.lats)), y)
        missed, added = self.are_held & ~found, found & ~self.are_held
        return float(depth[missed].max(initial=0)), float(depth[added].max(initial=0))
