from __future__ import annotations

import copy
import math
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.warp import transform_bounds
from shapely.geometry import box, shape

from localcat.earth.contexts import XYZTile
from localcat.errors import BadRequestError

HALF_WORLD = 20037508.342789244  # metres; pi * 6378137


def test_the_whole_world() -> None:
    tile = XYZTile(0, 0, 0)
    assert tile.bounds == (-HALF_WORLD, -HALF_WORLD, HALF_WORLD, HALF_WORLD)
    assert tile.resolution == 156543.03392804097
    assert tile.geometry.bounds == pytest.approx((-180, -85.0511287798066, 180, 85.0511287798066))


def test_a_tile_of_a_city() -> None:
    tile = XYZTile(301, 384, 10)  # New York
    assert tile.crs == tile.bounds_crs == "EPSG:3857"
    assert tile.resolution == 152.8740565703525
    assert tile.bounds == pytest.approx((-8257645.04, 4970241.33, -8218509.28, 5009377.09), abs=0.01)
    assert tile.geometry.bounds == pytest.approx((-74.1796875, 40.7139558, -73.828125, 40.9798981), abs=1e-7)
    assert shape(tile.__geo_interface__) == tile.geometry


def test_the_grid() -> None:
    tile = XYZTile(301, 384, 10)
    grid = tile.grid()
    assert grid.crs == CRS.from_epsg(3857)
    assert grid.geotransform == (tile.bounds[0], tile.resolution, 0.0, tile.bounds[3], 0.0, -tile.resolution)
    assert grid.shape == tile.shape == (256, 256)
    assert grid.bounds == pytest.approx(tile.bounds)
    assert (tile.align_pixels, tile.all_touched, tile.cutline) == (False, False, None)


def test_family() -> None:
    tile = XYZTile(301, 384, 10)
    assert tile.parent() == XYZTile(150, 192, 9)
    assert tile.children() == [
        XYZTile(602, 768, 11),
        XYZTile(603, 768, 11),
        XYZTile(602, 769, 11),
        XYZTile(603, 769, 11),
    ]
    with pytest.raises(BadRequestError, match="no parent"):
        XYZTile(0, 0, 0).parent()
    with pytest.raises(BadRequestError, match="at most 30"):
        XYZTile(0, 0, 30).children()


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((0, 0, -1), "zoom level .*, not -1"),
        ((0, 0, 31), "zoom level .*, not 31"),
        ((-1, 0, 1), "^x .*, not -1"),
        ((2, 0, 1), "^x .*, not 2"),
        ((0, 2, 1), "^y .*, not 2"),
    ],
)
def test_no_such_tile(parts: tuple[int, int, int], words: str) -> None:
    with pytest.raises(BadRequestError, match=words):
        XYZTile(*parts)


@pytest.mark.parametrize("parts", [(0.0, 0, 1), ("0", 0, 1), (True, 0, 1), (0, 0, None)])
def test_parts_are_whole_numbers(parts: tuple[int, int, int]) -> None:
    with pytest.raises(TypeError, match="whole number"):
        XYZTile(*parts)


def test_tiles_are_values() -> None:
    tile = XYZTile(301, 384, 10)
    assert tile == XYZTile(x=301, y=384, z=10)
    assert pickle.loads(pickle.dumps(tile)) == tile
    assert len({tile, XYZTile(301, 384, 10), tile.parent()}) == 2
    assert repr(XYZTile(0, 0, 0)).splitlines() == [
        "XYZTile(",
        "    x=0,",
        "    y=0,",
        "    z=0,",
        "    bounds=(-20037508.342789244, -20037508.342789244, 20037508.342789244, 20037508.342789244),",
        "    crs='EPSG:3857',",
        "    bounds_crs='EPSG:3857',",
        "    resolution=156543.03392804097,",
        "    tilesize=256,",
        "    all_touched=False,",
        ")",
    ]
    with pytest.raises(AttributeError, match="never changes"):
        tile.x = 3  # type: ignore[misc]


def test_what_the_original_knows_of_a_tile() -> None:
    """Choice 34."""
    tile = XYZTile(1, 1, 2, all_touched=True)
    half = 20037508.342789244
    assert tile.tilesize == 256
    assert tile.geotrans == (-half / 2, tile.resolution, 0, half / 2, 0, -tile.resolution)
    assert tile.raster_params == {
        "resolution": half / 512,
        "srs": "EPSG:3857",
        "bounds": (-half / 2, 0, 0, half / 2),
        "bounds_srs": "EPSG:3857",
        "align_pixels": False,
        "cutline_all_touched": True,
    }


def test_all_touched_is_kept() -> None:
    """Choice 34."""
    tile = XYZTile(1, 1, 2, all_touched=True)
    assert [one.all_touched for one in (tile, tile.parent(), *tile.children(), copy.copy(tile))] == [True] * 7
    assert XYZTile(1, 1, 2).all_touched is False
    assert XYZTile(1, 1, 2) != tile


@settings(derandomize=True, deadline=None)
@given(data=st.data(), z=st.integers(1, 29))
def test_children_fill_their_parent(data: st.DataObject, z: int) -> None:
    tile = XYZTile(data.draw(st.integers(0, 2**z - 1)), data.draw(st.integers(0, 2**z - 1)), z)
    children = tile.children()
    assert {child.parent() for child in children} == {tile}
    assert children[0].bounds[0] == tile.bounds[0]
    assert children[0].bounds[3] == tile.bounds[3]
    assert children[3].bounds[1:3] == tile.bounds[1:3]
    assert children[0].resolution == tile.resolution / 2
    assert tile.resolution == pytest.approx(2 * math.pi * 6378137 / 2**z / 256)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(data=st.data(), z=st.integers(2, 18))
def test_geometry_and_bounds_are_the_same_area(data: st.DataObject, z: int) -> None:
    tile = XYZTile(data.draw(st.integers(0, 2**z - 1)), data.draw(st.integers(0, 2**z - 1)), z)
    projected = transform_bounds("EPSG:4326", "EPSG:3857", *tile.geometry.bounds)
    assert projected == pytest.approx(tile.bounds, abs=1e-3)
    assert tile.geometry.equals(box(*tile.geometry.bounds))
