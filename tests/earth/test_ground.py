"""3.9, ours: a footprint is the ground that a grid covers, on any map, at the poles and all around the Earth."""

from __future__ import annotations

import math
import time

import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

from localcat.earth.contexts.grid import Grid
from localcat.earth.crs import parse_crs
from localcat.earth.ground import ground_of
from localcat.errors import InvalidGeometryError, RasterError
from localcat.rasters.files.footprint import footprint
from tests.drawing import examples
from tests.map_grids import GRIDS, LARGER_THAN_THE_MAP, Places, X, Y, grid_between

WORLD = shapely.box(-180, -90, 180, 90)
MARS = "+proj=eqc +R=3396190"
MARS_WKT = (
    'PROJCS["Mars",GEOGCS["Mars",DATUM["Mars",SPHEROID["Mars",3396190,0]],PRIMEM["Zero",0],'
    'UNIT["degree",0.0174532925199433]],PROJECTION["Equirectangular"],PARAMETER["central_meridian",180],UNIT["metre",1]]'
)


@pytest.mark.parametrize("name", GRIDS)
def test_the_ground_of_a_grid_on_the_map(name):
    grid = GRIDS[name]
    found = footprint(grid)
    assert found.is_valid
    assert shapely.box(*found.bounds).within(WORLD)
    missed, added = Places.of(grid).wrong_by(found)
    assert missed < 0.01
    assert added < 0.01


@pytest.mark.parametrize("name", LARGER_THAN_THE_MAP)
def test_the_ground_of_a_grid_with_pixels_beyond_the_map(name):
    grid = LARGER_THAN_THE_MAP[name]
    found = footprint(grid)
    assert found.is_valid
    missed, added = Places.of(grid).wrong_by(found)
    assert missed < 0.1
    assert added < 0.1


@pytest.mark.parametrize(
    "grid",
    [
        *(
            grid_between(crs, west, -90, west + 360, 90, size=360)
            for crs in ("EPSG:4326", "EPSG:4258", "EPSG:4269", "EPSG:4979", "OGC:CRS84", "+proj=longlat +R=6371229")
            for west in (-180, 0, -180.5, 20)
        ),
        grid_between("EPSG:4322", -180, -90, 180, 90),  # WGS 72 counts its longitudes from 15 m further west
        grid_between("EPSG:4087", -X, -Y, X, Y),
        grid_between("+proj=eqc +lon_0=77 +datum=WGS84", -X, -Y, X, Y),
        grid_between("EPSG:4326", -180, -90.5, 180, 90.5, size=181),
        Grid(CRS.from_epsg(4326), Affine(1 / 3, 0, -180, 0, -1 / 3, 90), (540, 1080)),
    ],
    ids=lambda grid: f"{grid.crs.to_string()[:40]} from {grid.bounds[0]:g}",
)
def test_a_grid_of_the_globe_has_the_globe_as_its_footprint(grid):
    found = footprint(grid)
    assert found.area == pytest.approx(360 * 180, abs=1e-6)
    assert found.bounds == (-180, -90, 180, 90)


def test_a_rectangle_in_degrees_keeps_its_four_corners():
    found = footprint(grid_between("EPSG:4326", 10, 40, 12, 41))
    assert found.normalize() == shapely.box(10, 40, 12, 41).normalize()


def test_what_is_beyond_a_pole_is_cut_off():
    assert footprint(grid_between("EPSG:4258", 10, 70.5, 20, 90.5)).bounds == pytest.approx((10, 70.5, 20, 90))
    assert footprint(grid_between("EPSG:4087", 0, Y - 5e5, 1e6, Y + 5e4)).bounds[3] == 90


def test_a_corner_at_the_pole_has_every_longitude():
    found = footprint(grid_between("EPSG:3413", 0, 0, 1e6, 1e6))
    assert found.bounds == pytest.approx((45, 77.3, 135, 90), abs=0.6)
    assert shapely.intersects_xy(found, [46, 90, 134], [89.9, 89.9, 89.9]).all()


@pytest.mark.parametrize(
    ("crs", "box", "message"),
    [
        (MARS, (0, 0, 1e5, 1e5), "not of the Earth, by the size of its ellipsoid"),
        (MARS_WKT, (0, 0, 1e5, 1e5), "not of the Earth"),
        ("+proj=longlat +R=1737400", (0, 0, 1, 1), "not of the Earth"),
        ("EPSG:4978", (0, 0, 1, 1), "EPSG:4978 is neither geographic nor projected"),
        ("EPSG:4326", (0, 0, 400, 1), "400° wide, wider than the globe"),
        ("EPSG:3857", (0, 0, 5e7, 1), "wider than the globe"),
        ("EPSG:4258", (0, 91, 1, 92), "beyond the poles of EPSG:4258"),
        ("EPSG:32632", (1e9, 0, 1.1e9, 1), "no part of the area has a longitude and a latitude in EPSG:32632"),
        ("EPSG:3052", (0, 0, 1000, 1000), "no part of the area"),  # PROJ cannot go back from it
    ],
)
def test_what_has_no_ground_is_refused_at_once(crs, box, message):
    crs = parse_crs(crs)
    start = time.perf_counter()
    with pytest.raises(InvalidGeometryError, match=message):
        ground_of(shapely.box(*box), crs)
    with pytest.raises(RasterError, match=f"check its CRS and transform: .*{message}"):
        footprint(grid_between(crs, *box))
    assert time.perf_counter() - start < 5  # seconds; it took a minute, one for each point of a mesh


def test_lines_points_and_collections_are_brought_too():
    points = shapely.transform(shapely.MultiPoint([(179, 10), (-179, 10)]), lambda lonlat: lonlat * X / 180)
    found = ground_of(points, CRS.from_epsg(4087))
    assert [part.coords[0] for part in found.geoms] == [pytest.approx((-179, 10)), pytest.approx((179, 10))]
    line = ground_of(shapely.LineString([(X - 1e5, 0), (X + 1e5, 1e5)]), CRS.from_epsg(3857))
    assert line.geom_type == "MultiLineString"
    assert line.bounds[::2] == (-180, 180)
    pair = shapely.GeometryCollection([shapely.Point(5e5, 0), shapely.box(5e5, 0, 6e5, 1e5)])
    both = ground_of(pair, CRS.from_epsg(32631))
    assert [part.geom_type for part in both.geoms] == ["Point", "Polygon"]
    with pytest.raises(InvalidGeometryError, match="a part of the shape lies outside the area where EPSG:32631"):
        ground_of(shapely.LineString([(5e5, 0), (1e9, 0)]), CRS.from_epsg(32631))


def test_a_hole_stays_a_hole():
    area = shapely.box(-2e6, -2e6, 2e6, 2e6).difference(shapely.box(-1e6, -1e6, 1e6, 1e6))
    found = ground_of(area, CRS.from_epsg(3413))
    assert not shapely.intersects_xy(found, 0, 90)
    assert shapely.intersects_xy(found, [0, 90, 180, -90], [76] * 4).all()


@given(
    st.integers(1, 60),
    st.booleans(),
    st.floats(-180_000, 1_180_000),
    st.floats(-9e6, 9e6),
    st.floats(10, 300_000),
    st.floats(0, 90),
)
@settings(max_examples=examples(60), deadline=None)
def test_the_middle_and_the_corners_of_any_tile_of_utm_are_in_its_footprint(zone, is_south, x, y, size, angle):
    crs = CRS.from_epsg((32700 if is_south else 32600) + zone)
    along, across = size * math.cos(math.radians(angle)), size * math.sin(math.radians(angle))
    grid = Grid(crs, Affine(along, across, x, across, -along, y + (1e7 if is_south else 0)), (1, 1))
    found = footprint(grid)
    west, south, east, north = grid.bounds
    middle = ground_of(shapely.Point((west + east) / 2, (south + north) / 2), crs)
    assert found.is_valid
    assert found.intersects(middle)
    for corner in grid.corners:
        assert found.distance(ground_of(shapely.Point(corner), crs)) < 1e-3
