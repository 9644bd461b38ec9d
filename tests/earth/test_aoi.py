from __future__ import annotations

import copy
import json
import math
import pickle
import re
import warnings

import numpy
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.warp import transform
from shapely.geometry import Point, box, mapping, shape

from localcat.earth.contexts import AOI, UNSET, Grid
from localcat.errors import BadRequestError, GeoContextWarning, InvalidCRSError, InvalidGeometryError
from tests.drawing import examples

UTM_TILE = (499980.0, 4490220.0, 609780.0, 4600020.0)  # a Sentinel-2 tile of 10980 x 10980 pixels of 10 m
NEW_YORK = box(-74.2, 40.6, -73.8, 41.0)
LON_0_360 = "+proj=longlat +datum=WGS84 +lon_wrap=180"

PARTS = {
    "geometry": (0, 0, 1, 1),
    "resolution": 10,
    "crs": "EPSG:32631",
    "align_pixels": False,
    "bounds": (0, 0, 1, 1),
    "bounds_crs": "EPSG:4326",
    "all_touched": True,
}


def native_context() -> AOI:
    return AOI(
        geometry=NEW_YORK,
        crs="EPSG:32618",
        bounds=UTM_TILE,
        bounds_crs="EPSG:32618",
        shape=(10980, 10980),
        align_pixels=False,
    )


class TestParts:
    def test_nothing_is_set_by_default(self) -> None:
        empty = AOI()
        assert (empty.geometry, empty.resolution, empty.crs, empty.bounds, empty.shape) == (None,) * 5
        assert empty.bounds_crs == "EPSG:4326"
        assert empty.align_pixels is False
        assert empty.all_touched is False
        assert empty.cutline is None

    def test_bounds_come_from_the_geometry(self) -> None:
        assert AOI(NEW_YORK).bounds == (-74.2, 40.6, -73.8, 41.0)
        assert AOI(NEW_YORK, bounds_crs=None).bounds_crs == "EPSG:4326"
        assert AOI(NEW_YORK, bounds_crs="EPSG:32618").bounds_crs == "EPSG:4326"
        assert AOI(NEW_YORK, bounds="update").bounds == (-74.2, 40.6, -73.8, 41.0)

    def test_the_geometry_may_be_anything_that_describes_one(self) -> None:
        expected = AOI(NEW_YORK)
        assert AOI(mapping(NEW_YORK)) == expected
        assert AOI({"type": "Feature", "properties": {}, "geometry": mapping(NEW_YORK)}) == expected
        assert AOI(expected) == expected
        assert AOI((-74.2, 40.6, -73.8, 41.0)) == expected
        assert expected.cutline == expected.geometry == NEW_YORK

    def test_pixels_are_aligned_exactly_when_there_is_a_resolution(self) -> None:
        assert AOI(resolution=10).align_pixels is True
        assert AOI(shape=(3, 4)).align_pixels is False
        assert AOI(resolution=10, align_pixels=False).align_pixels is False
        assert AOI(shape=(3, 4)).assign(resolution=10).align_pixels is True
        assert AOI(resolution=10).assign(resolution=None).align_pixels is False

    def test_a_crs_may_be_a_text_a_number_or_an_object(self) -> None:
        assert AOI(crs=32618).crs == "EPSG:32618"
        assert AOI(crs=CRS.from_epsg(32618), bounds_crs=CRS.from_epsg(3857)).bounds_crs == "EPSG:3857"
        assert AOI(crs=CRS.from_epsg(32618)).crs == "EPSG:32618"
        assert AOI(crs="+proj=sinu +R=6371007.181").crs == "+proj=sinu +R=6371007.181"
        assert AOI(crs=CRS.from_proj4("+proj=sinu +R=6371007.181")).assign(resolution=500).crs is not None
        with pytest.raises(InvalidCRSError, match="EPSG:999999"):
            AOI(crs="EPSG:999999")
        with pytest.raises(InvalidCRSError, match="'/etc/passwd'"):
            AOI(bounds_crs="/etc/passwd")

    @pytest.mark.parametrize("resolution", ["10", True, (10, 10), 10j])
    def test_a_resolution_is_a_number(self, resolution: object) -> None:
        with pytest.raises(TypeError, match="resolution"):
            AOI(resolution=resolution)  # type: ignore[arg-type]

    @pytest.mark.parametrize("resolution", [0, -10, math.nan, math.inf])
    def test_a_resolution_is_positive_and_finite(self, resolution: float) -> None:
        with pytest.raises(BadRequestError, match="positive"):
            AOI(resolution=resolution)

    def test_numbers_of_numpy_are_numbers(self) -> None:
        assert AOI(resolution=numpy.int16(30), shape=None).resolution == 30
        assert AOI(resolution=numpy.float32(0.5)).resolution == 0.5
        assert AOI(shape=numpy.array([3, 4])).shape == (3, 4)
        assert AOI(bounds=numpy.array([1, 2, 3, 4])).assign(bounds=numpy.array([1, 2, 3, 5])).bounds == (1, 2, 3, 5)

    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            (7, "7"),
            ((1, 2, 3), "(1, 2, 3)"),
            ((1.5, 2), "1.5"),
            ("ab", "'ab'"),
            ((True, 2), "True"),
            ([None, 2], "None"),
        ],
    )
    def test_a_shape_is_two_whole_numbers(self, value: object, shown: str) -> None:
        with pytest.raises(TypeError, match=f"not {re.escape(shown)}"):
            AOI(shape=value)  # type: ignore[arg-type]

    def test_a_shape_is_positive(self) -> None:
        with pytest.raises(BadRequestError, match="columns of a shape is at least 1, not 0"):
            AOI(shape=(3, 0))

    @pytest.mark.parametrize("value", [7, (1, 2, 3), ("1", 2, 3, 4), "abcd", (True, 0, 1, 1), "unchanged"])
    def test_bounds_are_four_numbers(self, value: object) -> None:
        with pytest.raises(TypeError, match="bounds are four numbers"):
            AOI(bounds=value)  # type: ignore[arg-type]

    def test_bounds_are_finite(self) -> None:
        with pytest.raises(BadRequestError, match="finite"):
            AOI(bounds=(0, 0, math.nan, 1))

    def test_both_resolution_and_shape_are_refused(self) -> None:
        with pytest.raises(ValueError, match="Cannot set both resolution and shape"):
            AOI(resolution=10, shape=(3, 4))
        with pytest.raises(BadRequestError, match="Cannot set both resolution and shape"):
            AOI(resolution=10).assign(shape=(3, 4))
        assert AOI(resolution=10).assign(shape=(3, 4), resolution=None).shape == (3, 4)

    def test_a_broken_geometry_is_refused(self) -> None:
        with pytest.raises(InvalidGeometryError, match="pass one with coordinates"):
            AOI(Point())


class TestBounds:
    @pytest.mark.parametrize(
        "bounds", [(-181, 0, 0, 1), (0, 0, 181, 1), (170, 0, 190, 1), (0, -91, 1, 0), (0, 0, 1, 91)]
    )
    def test_degrees_lie_on_earth(self, bounds: tuple[float, ...]) -> None:
        with pytest.raises(BadRequestError, match="beyond"):
            AOI(bounds=bounds)

    def test_degrees_may_be_half_a_pixel_beyond(self) -> None:
        grid = AOI(bounds=(-180.25, -90.25, 179.75, 90.25), crs="EPSG:4326", shape=(361, 720)).grid()
        assert grid.geotransform == (-180.25, 0.5, 0.0, 90.25, 0.0, -0.5)
        assert AOI(bounds=(-180.25, -90, 0, 0), crs="EPSG:4326", resolution=0.5).resolution == 0.5
        with pytest.raises(BadRequestError, match=r"longitude -180\.3 .* beyond -180…180°"):
            AOI(bounds=(-180.3, -90, 0, 0), crs="EPSG:4326", resolution=0.5)
        with pytest.raises(BadRequestError, match=r"-180\.25"):
            AOI(bounds=(-180.25, -90, 0, 0), crs="EPSG:32601", resolution=30)

    def test_lon_wrap_moves_the_limits(self) -> None:
        context = AOI(bounds=(0, -90, 360, 90), bounds_crs=LON_0_360, crs=LON_0_360, shape=(180, 360))
        assert context.grid().geotransform == (0.0, 1.0, 0.0, 90.0, 0.0, -1.0)
        assert shape(context.__geo_interface__).equals(box(-180, -90, 180, 90))
        with pytest.raises(BadRequestError, match="beyond 0…360°"):
            AOI(bounds=(-10, 0, 10, 10), bounds_crs=LON_0_360)
        with pytest.raises(BadRequestError, match="lon_wrap=500"):
            AOI(bounds=(0, 0, 10, 10), bounds_crs="+proj=longlat +datum=WGS84 +lon_wrap=500")

    def test_min_lies_below_max(self) -> None:
        with pytest.raises(BadRequestError, match="min_y above max_y"):
            AOI(bounds=(0, 10, 10, 0))
        with pytest.raises(BadRequestError, match="min_x right of max_x"):
            AOI(bounds=(700000, 0, 300000, 10), bounds_crs="EPSG:32618")

    def test_degrees_in_a_projected_crs_warn(self) -> None:
        with pytest.warns(GeoContextWarning, match="look like degrees") as caught:
            AOI(bounds=(-74.2, 40.6, -73.8, 41.0), bounds_crs="EPSG:32618")
        assert caught[0].filename == __file__

    def test_geometry_and_bounds_intersect(self) -> None:
        with pytest.raises(BadRequestError, match="does not intersect the bounds"):
            AOI(NEW_YORK, bounds=(10, 10, 20, 20))
        with pytest.raises(BadRequestError, match="bounds='update'"):
            AOI(NEW_YORK).assign(geometry=box(10, 10, 20, 20))
        assert AOI(NEW_YORK, bounds=(-74, 40, -73, 41)).bounds == (-74, 40, -73, 41)

    def test_bounds_narrower_than_a_pixel_are_refused(self) -> None:
        narrow = (500000, 0, 500020, 1000)
        with pytest.raises(BadRequestError, match="smaller than one pixel of 30"):
            AOI(bounds=narrow, bounds_crs="EPSG:32618", crs="EPSG:32618", resolution=30)
        touched = AOI(bounds=narrow, bounds_crs="EPSG:32618", crs="EPSG:32618", resolution=30, all_touched=True)
        assert touched.grid().geotransform == (499980.0, 30.0, 0.0, 1020.0, 0.0, -30.0)
        assert touched.grid().shape == (34, 2)
        assert AOI(bounds=(0, 0, 0.3, 0.3), crs="EPSG:4326", resolution=0.3).grid().shape == (1, 1)

    def test_a_point_has_one_pixel(self) -> None:
        context = AOI(Point(-74.0, 40.7), crs="EPSG:32618", resolution=10)
        assert context.bounds == (-74.0, 40.7, -74.0, 40.7)
        assert context.grid().shape == (1, 1)
        assert AOI(Point(0.25, 0.25), crs="EPSG:4326", resolution=1, all_touched=True).grid().bounds == (0, 0, 1, 1)
        with pytest.raises(BadRequestError, match="no extent"):
            AOI(Point(-74.0, 40.7), crs="EPSG:4326", shape=(2, 2)).grid()


class TestAssign:
    def test_what_is_not_named_stays(self) -> None:
        before = native_context()
        shown = repr(before)
        after = before.assign(all_touched=True)
        assert after.all_touched is True
        assert (after.geometry, after.bounds, after.shape) == (before.geometry, before.bounds, before.shape)
        assert repr(before) == shown
        assert before.assign() == before
        assert before.assign(geometry=UNSET) == before

    @pytest.mark.parametrize("name", list(PARTS))
    def test_unchanged_leaves_a_part_as_it_is(self, name: str) -> None:
        """Choice 34: as the original's word for it."""
        before = AOI(**PARTS)
        assert before.assign(**{name: "unchanged"}) == before

    def test_a_shape_stays_beside_an_unchanged_resolution(self) -> None:
        assert native_context().assign(resolution="unchanged").shape == native_context().shape
        assert native_context().assign(crs="unchanged", resolution=60).shape is None

    def test_the_raster_params_are_the_parts_that_are_set(self) -> None:
        """Choice 34: under the names of the original's raster service."""
        assert AOI(**PARTS).raster_params == {
            "resolution": 10.0,
            "srs": "EPSG:32631",
            "bounds": (0, 0, 1, 1),
            "bounds_srs": "EPSG:4326",
            "cutline": {"type": "Polygon", "coordinates": (((1, 0), (1, 1), (0, 1), (0, 0), (1, 0)),)},
            "align_pixels": False,
            "cutline_all_touched": True,
        }
        assert AOI(shape=(3, 4)).raster_params == {
            "bounds_srs": "EPSG:4326",
            "dimensions": (4, 3),
            "align_pixels": False,
        }

    def test_a_resolution_takes_the_place_of_the_shape(self) -> None:
        coarse = native_context().assign(resolution=60)
        assert coarse.shape is None
        assert coarse.align_pixels is False
        assert coarse.grid().geotransform == (499980.0, 60.0, 0.0, 4600020.0, 0.0, -60.0)
        assert coarse.grid().shape == (1830, 1830)

    def test_a_resolution_that_does_not_divide_adds_a_row_and_a_column(self) -> None:
        grid = native_context().assign(resolution=7000).grid()
        assert grid.geotransform == (499980.0, 7000.0, 0.0, 4600020.0, 0.0, -7000.0)
        assert grid.shape == (16, 16)

    def test_update_takes_the_bounds_of_the_geometry(self) -> None:
        context = native_context().assign(bounds="update")
        assert context.bounds == (-74.2, 40.6, -73.8, 41.0)
        assert context.bounds_crs == "EPSG:4326"
        assert native_context().assign(bounds="update", bounds_crs="EPSG:4326") == context
        assert native_context().assign(bounds=None) == context

    def test_update_with_another_crs_or_without_a_geometry_is_refused(self) -> None:
        with pytest.raises(BadRequestError, match="not in bounds_crs='EPSG:32618'"):
            native_context().assign(bounds="update", bounds_crs="EPSG:32618")
        with pytest.raises(BadRequestError, match="not in bounds_crs='EPSG:32618'"):
            AOI(NEW_YORK, bounds="update", bounds_crs="EPSG:32618")
        with pytest.raises(BadRequestError, match="there is none"):
            AOI(bounds="update")

    def test_the_geometry_can_be_dropped_and_changed(self) -> None:
        assert native_context().assign(geometry=None).geometry is None
        assert native_context().assign(geometry=None).bounds == UTM_TILE
        moved = AOI(NEW_YORK).assign(geometry=box(10, 10, 20, 20), bounds="update")
        assert moved.bounds == (10, 10, 20, 20)

    def test_an_empty_context_takes_bounds_from_its_first_geometry(self) -> None:
        empty = AOI(bounds_crs=None)
        assert empty.bounds_crs is None
        assert empty.assign(resolution=10).bounds_crs is None
        assert empty.assign(geometry=NEW_YORK).bounds == (-74.2, 40.6, -73.8, 41.0)
        assert empty.assign(geometry=NEW_YORK).bounds_crs == "EPSG:4326"


class TestGrid:
    def test_a_shape_gives_back_the_transform_of_the_image(self) -> None:
        grid = native_context().grid()
        assert isinstance(grid, Grid)
        assert grid.crs == CRS.from_epsg(32618)
        assert grid.geotransform == (499980.0, 10.0, 0.0, 4600020.0, 0.0, -10.0)
        assert grid.shape == (10980, 10980)
        assert grid.bounds == UTM_TILE

    @pytest.mark.parametrize(
        ("geotransform", "size"),
        [
            ((683840.0, 30.0, 0.0, 4977120.0, 0.0, -30.0), (2080, 2080)),
            ((256785.0, 30.0, 0.0, 4582215.0, 0.0, -30.0), (7871, 7741)),  # Landsat 8, odd multiples of 15
            ((512345.1, 0.3, 0.0, 4512345.7, 0.0, -0.3), (1001, 733)),  # aerial
            ((331231.25, 3.125, 0.0, -4210000.5, 0.0, -3.125), (977, 1201)),
            ((-74.0001388888889, 1 / 3600, 0.0, 41.0001388888889, 0.0, -1 / 3600), (3601, 3601)),  # SRTM, 1"
            ((-180.0, 0.00025, 0.0, 80.0, 0.0, -0.00025), (40000, 40000)),
        ],
    )
    def test_native_transforms_come_back_to_the_last_bit(
        self, geotransform: tuple[float, ...], size: tuple[int, int]
    ) -> None:
        native = Grid(CRS.from_epsg(32618), Affine.from_gdal(*geotransform), size)
        crs = "EPSG:4326" if abs(geotransform[0]) <= 180 else "EPSG:32618"
        grid = AOI(bounds=native.bounds, bounds_crs=crs, crs=crs, shape=size, align_pixels=False).grid()
        assert grid.geotransform == geotransform
        assert grid.shape == size

    @pytest.mark.parametrize("align", [True, False])
    @pytest.mark.parametrize("resolution", [5e-324, 1e-300, 1e-16])
    def test_pixels_finer_than_coordinates_are_refused(self, resolution: float, align: bool) -> None:
        aoi = AOI(bounds=(9, 46, 10, 47), crs="EPSG:4326", resolution=resolution, align_pixels=align)
        with pytest.raises(BadRequestError, match="cannot be told apart; choose a coarser resolution"):
            aoi.grid()

    def test_aligned_edges_are_multiples_of_the_resolution(self) -> None:
        context = AOI(bounds=(500005, 1, 500095, 89), bounds_crs="EPSG:32618", crs="EPSG:32618", resolution=20)
        assert context.grid().geotransform == (500000.0, 20.0, 0.0, 100.0, 0.0, -20.0)
        assert context.grid().shape == (5, 5)
        loose = context.assign(align_pixels=False).grid()
        assert loose.geotransform == (500005.0, 20.0, 0.0, 89.0, 0.0, -20.0)
        assert loose.shape == (4, 5)  # 88 by 90 m: the nearest numbers, GDAL rounds 4.5 up

    def test_noise_does_not_cost_a_row_or_a_column(self) -> None:
        bounds = (0.1, 0.1, 0.1 + 0.1 + 0.1, 0.7)
        assert AOI(bounds=bounds, crs="EPSG:4326", resolution=0.1).grid().shape == (6, 2)
        assert AOI(bounds=bounds, crs="EPSG:4326", resolution=0.1, align_pixels=False).grid().shape == (6, 2)

    def test_bounds_in_degrees_are_seen_from_the_crs_with_their_curved_edges(self) -> None:
        grid = AOI(bounds=(-78, 40, -72, 41), crs="EPSG:32618", resolution=1000).grid()
        # 40° north lies at 4427757 m on the central meridian, where its curve is lowest; at 4432069 m on the corners.
        assert grid.bounds == (243000.0, 4427000.0, 757000.0, 4544000.0)

    @pytest.mark.parametrize(
        ("parts", "missing"),
        [
            ({}, "no bounds, no crs, no resolution or shape"),
            ({"bounds": (0, 0, 1, 1)}, "no crs, no resolution or shape"),
            ({"bounds": (0, 0, 1, 1), "bounds_crs": None, "crs": "EPSG:4326", "shape": (1, 1)}, "no bounds_crs"),
            ({"bounds": (0, 0, 1, 1), "crs": "EPSG:4326"}, "no resolution or shape"),
            ({"crs": "EPSG:4326", "shape": (1, 1)}, "no bounds"),
        ],
    )
    def test_an_incomplete_context_names_what_is_missing(self, parts: dict[str, object], missing: str) -> None:
        with pytest.raises(BadRequestError, match=f"this AOI has {missing};"):
            AOI(**parts).grid()  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("width", "height", "shape"),
        [(235.44, 239.4, (239, 235)), (235.5, 0.3, (1, 236)), (2.5, 3.4999, (3, 3)), (10.0000001, 9.9999999, (10, 10))],
    )
    def test_without_alignment_there_are_the_nearest_whole_pixels(
        self, width: float, height: float, shape: tuple[int, int]
    ) -> None:
        """3.8, choice 29."""
        west, south, crs = 258_292.5, 4_503_907.5, "EPSG:32615"
        bounds = (west, south, west + 1000 * width, south + 1000 * height)
        context = AOI(bounds=bounds, bounds_crs=crs, crs=crs, resolution=1000, align_pixels=False, all_touched=True)
        assert context.grid().shape == shape
        assert context.grid().geotransform == (bounds[0], 1000, 0, bounds[3], 0, -1000)

    def test_bounds_in_grads_are_bounds(self) -> None:
        """3.8, ours."""
        context = AOI(bounds=(-200, -100, 200, 100), bounds_crs="EPSG:4807", crs="EPSG:4807", shape=(10, 20))
        assert context.grid().resolution == (20, 20)
        with pytest.raises(BadRequestError, match="beyond ±90°"):
            context.assign(bounds=(0, 0, 10, 106))

    def test_bounds_beyond_the_projection_are_refused(self) -> None:
        with pytest.raises(BadRequestError, match="EPSG:32631"):
            AOI(bounds=(60, 0, 120, 10), crs="EPSG:32631", resolution=1000).grid()
        with pytest.raises(BadRequestError, match="EPSG:5703 is neither geographic nor projected"):
            AOI(bounds=(0, 0, 1, 1), crs="EPSG:5703", resolution=1, align_pixels=False).grid()
        disk = "+proj=geos +h=35785831 +lon_0=0 +ellps=WGS84 +units=m"
        full = AOI(bounds=(-5.5e6, -5.5e6, 5.5e6, 5.5e6), bounds_crs=disk, crs=disk, shape=(100, 100))
        assert full.grid().geotransform == (-5.5e6, 1.1e5, 0.0, 5.5e6, 0.0, -1.1e5)
        with pytest.raises(BadRequestError, match="EPSG:4326"):
            full.assign(crs="EPSG:4326").grid()
        west, south, east, north = shape(full.__geo_interface__).bounds  # the Earth as it is seen from there
        assert (west, south, east, north) == pytest.approx((-81.30, -81.33, 81.30, 81.33), abs=0.05)

    def test_a_box_around_the_pole_reaches_all_four_axes(self) -> None:
        grid = AOI(bounds=(-180, -90, 180, -60), crs="EPSG:3031", resolution=10_000).grid()
        assert grid.bounds == (-3340000.0, -3340000.0, 3340000.0, 3340000.0)


class TestAntimeridian:
    def test_bounds_of_a_geometry_that_crosses(self) -> None:
        context = AOI(shapely.MultiPolygon([box(177, -19, 180, -16), box(-180, -19, -178, -16)]))
        assert context.bounds == (177.0, -19.0, -178.0, -16.0)

    def test_a_geographic_grid_continues_beyond_180(self) -> None:
        grid = AOI(bounds=(177, -19, -178, -16), crs="EPSG:4326", resolution=0.5).grid()
        assert grid.geotransform == (177.0, 0.5, 0.0, -16.0, 0.0, -0.5)
        assert grid.shape == (6, 10)

    def test_a_utm_grid_crosses_without_a_seam(self) -> None:
        grid = AOI(bounds=(179, -1, -179, 1), crs="EPSG:32660", resolution=1000).grid()
        assert grid.bounds == (722000.0, -111000.0, 946000.0, 111000.0)

    def test_web_mercator_continues_beyond_the_edge_of_the_map(self) -> None:
        grid = AOI(bounds=(179, -1, -179, 1), crs="EPSG:3857", resolution=1000).grid()
        assert grid.bounds == (19926000.0, -112000.0, 20149000.0, 112000.0)

    def test_a_map_that_is_interrupted_there_is_taken_whole(self) -> None:
        grid = AOI(bounds=(179, -1, -179, 1), crs="+proj=sinu +R=6371007.181", resolution=100_000).grid()
        assert grid.shape == (4, 402)  # 2 pi * 6371007.181 m, aligned

    def test_the_area_is_split(self) -> None:
        area = shape(AOI(bounds=(179, -1, -179, 1)).__geo_interface__)
        assert area.equals(shapely.MultiPolygon([box(179, -1, 180, 1), box(-180, -1, -179, 1)]))
        zone_60 = AOI(bounds=(800_000, 0, 900_000, 100_000), bounds_crs="EPSG:32660")
        assert shape(zone_60.__geo_interface__).bounds == pytest.approx((-180, 0, 180, 0.9047), abs=1e-3)
        assert shape(zone_60.__geo_interface__).area == pytest.approx(0.8106, abs=1e-4)

    def test_geometry_on_either_side_intersects(self) -> None:
        for lon in (179.5, -179.5):
            assert AOI(Point(lon, 0), bounds=(179, -1, -179, 1)).geometry == Point(lon, 0)
        with pytest.raises(BadRequestError, match="does not intersect"):
            AOI(Point(0, 0), bounds=(179, -1, -179, 1))


class TestValue:
    def test_equal_parts_make_equal_contexts(self) -> None:
        assert native_context() == native_context()
        assert hash(native_context()) == hash(native_context())
        assert native_context() != native_context().assign(resolution=60)
        assert native_context() != "an AOI"
        assert len({AOI(resolution=10), AOI(resolution=10.0), AOI(resolution=10, align_pixels=True)}) == 1

    def test_copies_and_pickles_are_equal(self) -> None:
        context = native_context()
        assert pickle.loads(pickle.dumps(context)) == context
        assert copy.copy(context) == context
        assert copy.deepcopy(context).assign(resolution=60) == context.assign(resolution=60)

    def test_a_pickle_does_not_warn_again(self) -> None:
        with pytest.warns(GeoContextWarning):
            context = AOI(bounds=(0, 0, 1, 1), bounds_crs="EPSG:3857")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert pickle.loads(pickle.dumps(context)) == context

    def test_nothing_can_be_set(self) -> None:
        context = native_context()
        with pytest.raises(AttributeError, match="never changes"):
            context.resolution = 10  # type: ignore[misc]
        with pytest.raises(AttributeError, match="never changes"):
            context.colour = "red"  # type: ignore[attr-defined]
        with pytest.raises(AttributeError, match="never changes"):
            del context._shape
        assert context == native_context()

    def test_the_repr_has_one_field_a_line(self) -> None:
        assert repr(AOI((0, 0, 1, 1), resolution=10, crs="EPSG:32631")).splitlines() == [
            "AOI(",
            "    geometry=POLYGON ((1 0, 1 1, 0 1, 0 0, 1 0)),",
            "    resolution=10.0,",
            "    crs='EPSG:32631',",
            "    align_pixels=True,",
            "    bounds=(0.0, 0.0, 1.0, 1.0),",
            "    bounds_crs='EPSG:4326',",
            "    shape=None,",
            "    all_touched=False,",
            ")",
        ]

    def test_the_interface_is_the_geometry_then_the_bounds(self) -> None:
        assert shape(AOI(NEW_YORK).__geo_interface__) == NEW_YORK
        assert shape(AOI(bounds=(0, 0, 1, 2)).__geo_interface__).equals(box(0, 0, 1, 2))
        from_utm = shape(native_context().assign(geometry=None).__geo_interface__)
        assert from_utm.bounds == pytest.approx((-75.00024, 40.55547, -73.68378, 41.55184), abs=1e-4)
        json.dumps(AOI(bounds=(0, 0, 1, 2)).__geo_interface__)
        with pytest.raises(RuntimeError, match="no geometry and no bounds"):
            _ = AOI().__geo_interface__

    def test_the_interface_of_other_geographic_crs(self) -> None:
        nad83 = shape(AOI(bounds=(-75, 40, -74, 41), bounds_crs="EPSG:4269").__geo_interface__)
        assert nad83.bounds == pytest.approx((-75, 40, -74, 41), abs=1e-4)
        line = shape(AOI(bounds=(300_000, 0, 300_000, 1000), bounds_crs="EPSG:32631").__geo_interface__)
        assert line.geom_type == "LineString"
        dot = shape(AOI(bounds=(300_000, 500, 300_000, 500), bounds_crs="EPSG:32631").__geo_interface__)
        assert dot.geom_type == "Point"


boxes = st.tuples(st.floats(-84, -70), st.floats(-79, 79), st.floats(0.01, 6), st.floats(0.01, 4)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)  # around UTM zone 18


@settings(derandomize=True, deadline=None, max_examples=examples(60))
@given(bounds=boxes, resolution=st.sampled_from([10, 30, 99.5, 1000]), align=st.booleans())
def test_the_grid_covers_the_bounds(bounds: tuple[float, float, float, float], resolution: float, align: bool) -> None:
    grid = AOI(bounds=bounds, crs="EPSG:32618", resolution=resolution, align_pixels=align).grid()
    lons, lats = numpy.meshgrid(numpy.linspace(bounds[0], bounds[2], 9), numpy.linspace(bounds[1], bounds[3], 9))
    xs, ys = map(numpy.array, transform("EPSG:4326", "EPSG:32618", lons.ravel(), lats.ravel()))
    slack = 20 if min(lats[0, 0], -lats[-1, 0]) < -70 else 5  # metres; between two points of a densified edge
    assert grid.bounds[0] - slack <= xs.min()
    assert grid.bounds[3] + slack >= ys.max()
    slack += 0 if align else resolution / 2  # which the nearest whole number of pixels may lack
    assert grid.bounds[2] + slack >= xs.max()
    assert grid.bounds[1] - slack <= ys.min()
    assert grid.resolution == (resolution, resolution)


@settings(derandomize=True, deadline=None)
@given(
    west=st.floats(-1e6, 1e6),
    south=st.floats(-1e7, 1e7),
    width=st.floats(200, 1e5),
    height=st.floats(200, 1e5),
    resolution=st.sampled_from([0.1, 1, 3.125, 10, 30, 100 / 3]),
)
def test_aligned_grids_are_tight_and_multiples(
    west: float, south: float, width: float, height: float, resolution: float
) -> None:
    bounds = (west, south, west + width, south + height)
    grid = AOI(bounds=bounds, bounds_crs="EPSG:32618", crs="EPSG:32618", resolution=resolution).grid()
    min_x, min_y, max_x, max_y = grid.bounds
    for edge in (min_x, max_y):
        assert edge == round(edge / resolution) * resolution
    noise = 1e-5 * resolution + 1e-8
    assert -noise <= west - min_x < resolution + noise
    assert -noise <= south - min_y < resolution + noise
    assert -noise <= max_x - bounds[2] < resolution + noise
    assert -noise <= max_y - bounds[3] < resolution + noise


@settings(derandomize=True, deadline=None)
@given(
    origin=st.tuples(st.integers(10_000, 100_000), st.integers(-600_000, 600_000)),
    step=st.sampled_from([0.5, 1.5, 3.0, 10.0, 15.0, 30.0, 60.0]),
    size=st.tuples(st.integers(1, 12_000), st.integers(1, 12_000)),
)
def test_utm_images_keep_their_transform(origin: tuple[int, int], step: float, size: tuple[int, int]) -> None:
    native = Affine(step, 0.0, origin[0] * 15.0, 0.0, -step, origin[1] * 15.0)
    bounds = Grid(CRS.from_epsg(32618), native, size).bounds
    grid = AOI(bounds=bounds, bounds_crs="EPSG:32618", crs="EPSG:32618", shape=size, align_pixels=False).grid()
    assert grid.transform == native
    assert grid.shape == size


@settings(derandomize=True, deadline=None)
@given(
    changes=st.fixed_dictionaries(
        {},
        optional={
            "geometry": st.sampled_from([None, NEW_YORK, Point(-74, 40.8)]),
            "resolution": st.sampled_from([10, 60.0]),
            "crs": st.sampled_from([None, "EPSG:4326", "EPSG:32618"]),
            "align_pixels": st.sampled_from([None, True, False]),
            "all_touched": st.booleans(),
        },
    )
)
def test_assign_leaves_the_original_untouched(changes: dict[str, object]) -> None:
    context = native_context()
    changed = context.assign(**changes)  # type: ignore[arg-type]
    assert context == native_context()
    for name, value in changes.items():
        if name != "align_pixels":
            assert getattr(changed, name) == value
    assert pickle.loads(pickle.dumps(changed)) == changed
