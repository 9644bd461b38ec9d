"""Footprints on the maps of all EPSG codes: they hold what their grids hold, and no more."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy
import shapely
from affine import Affine
from hypothesis import assume, given
from hypothesis import strategies as st
from rasterio.crs import CRS

from localcat.earth.contexts.grid import Grid
from localcat.earth.crs import WGS84
from localcat.earth.projecting import metres_of, project
from localcat.rasters.files.footprint import footprint, to_map
from tests.places_of_crs import HIGHEST, area_of, codes, coordinates

WORLD = shapely.box(-180, -90, 180, 90)
ROWS, COLUMNS = 30, 50
_RETURN = 1e-6  # degrees; a place that comes back from further away is not on the map


@dataclass(frozen=True)
class Spot:
    """A grid of so many metres a side, in, at the edge of or beyond the area where a CRS is meant to be used."""

    code: int
    share: tuple[float, float]  # of the area of use, from its south-western corner; beyond it above 1
    side: float  # metres
    angle: float  # degrees by which the grid is turned

    @property
    def place(self) -> tuple[float, float]:
        west, south, east, north = area_of(self.code)
        lon = west + self.share[0] * ((east - west) % 360 or 360)
        return (lon + 180) % 360 - 180, south + self.share[1] * (north - south)

    def grid(self) -> Grid | None:
        """Return the grid around the place; None where the CRS has no coordinates for it."""
        if abs(self.place[1]) > HIGHEST:
            return None
        x, y = coordinates(self.code, self.place)
        if not math.isfinite(x):
            return None
        crs = CRS.from_epsg(self.code)
        size = self.side / COLUMNS / metres_of(crs)
        along, across = size * math.cos(math.radians(self.angle)), size * math.sin(math.radians(self.angle))
        west = x - (along * COLUMNS + across * ROWS) / 2
        north = y - (across * COLUMNS - along * ROWS) / 2
        return Grid(crs, Affine(along, across, west, across, -along, north), (ROWS, COLUMNS))


def places_at(grid: Grid, columns: numpy.ndarray, rows: numpy.ndarray) -> numpy.ndarray:
    """Return longitudes and latitudes of positions in pixels, without those that are not on the map."""
    xs, ys = to_map(grid, columns, rows)
    lonlats = numpy.array(project(grid.crs, WGS84, xs, ys))
    again = numpy.array(project(WGS84, grid.crs, *lonlats))
    back = numpy.array(project(grid.crs, WGS84, *again))
    with numpy.errstate(invalid="ignore"):
        return lonlats[:, numpy.abs(back - lonlats).max(axis=0) < _RETURN].T


SPOTS = st.builds(
    Spot,
    code=st.sampled_from(codes()),
    share=st.tuples(*[st.sampled_from([0.0, 0.5, 1.0]) | st.floats(-0.3, 1.3)] * 2),
    side=st.floats(1, 5.5).map(lambda power: 10**power),
    angle=st.just(0.0) | st.floats(0, 90),
)


@given(spot=SPOTS)
def test_the_footprint_of_a_grid_on_any_map_holds_its_pixels_and_no_others(spot: Spot) -> None:
    grid = spot.grid()
    assume(grid is not None)
    found = footprint(grid)
    assert found.is_valid
    assert found.within(WORLD)
    rng = numpy.random.default_rng(14)
    inside = rng.uniform(0, 1, (2, 60)) * [[COLUMNS], [ROWS]]
    angle = rng.uniform(0, 2 * math.pi, 60)
    reach = rng.uniform(0.75, 0.9, 60) * math.hypot(COLUMNS, ROWS)  # the corners are at half of it
    outside = numpy.array([COLUMNS / 2 + reach * numpy.cos(angle), ROWS / 2 + reach * numpy.sin(angle)])
    near = 1e-3 * spot.side / 111_000  # degrees
    held = shapely.points(places_at(grid, *inside))
    assert len(held) > 0
    assert shapely.distance(found, held).max() < near
    others = shapely.points(places_at(grid, *outside))
    assert not shapely.intersects(found, others).any()
