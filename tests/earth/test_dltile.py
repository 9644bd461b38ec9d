from __future__ import annotations

import pickle
import warnings

import numpy
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from shapely.geometry import LineString, Point, Polygon, box, shape

from localcat.earth.contexts import AOI, DLTile, dltile
from localcat.earth.contexts.utm import to_utm
from localcat.errors import BadRequestError, GeoContextWarning, InvalidGeometryError
from tests.drawing import examples

WISCONSIN = DLTile.from_key("2048:16:30.0:15:3:80")
SAN_FRANCISCO = Polygon(
    [
        (-122.51140471760839, 37.77130087547876),
        (-122.45475646845254, 37.77475476721895),
        (-122.45303985468301, 37.76657207194229),
        (-122.51057242081689, 37.763446782666094),
    ]
)


class TestKey:
    def test_the_key_says_everything(self) -> None:
        tile = WISCONSIN
        assert (tile.tilesize, tile.pad, tile.resolution, tile.zone, tile.ti, tile.tj) == (2048, 16, 30.0, 15, 3, 80)
        assert tile.key == "2048:16:30.0:15:3:80"
        assert DLTile(2048, 16, resolution=30, zone=15, ti=3, tj=80) == tile

    def test_a_whole_resolution_is_written_as_a_float(self) -> None:
        assert DLTile.from_key("2048:16:30:15:3:80").key == "2048:16:30.0:15:3:80"
        assert DLTile.from_key("10:0:0.25:15:3:80").key == "10:0:0.25:15:3:80"

    @pytest.mark.parametrize(
        ("key", "words"),
        [
            ("", "^'' "),
            ("2048:16:30.0:15:3", "^'2048:16:30.0:15:3' "),
            ("2048:16:30.0:15:3:80:1", "^'2048:16:30.0:15:3:80:1' "),
            ("2048:16:30.0:15:3:80 ", "^'2048:16:30.0:15:3:80 ' "),
            ("a:16:30.0:15:3:80", "^'a:16:30.0:15:3:80' "),
            ("2048:-1:30.0:15:3:80", "^'2048:-1:30.0:15:3:80' "),
            ("2048:16:inf:15:3:80", "^'2048:16:inf:15:3:80' "),
            ("2048:16:nan:15:3:80", "^'2048:16:nan:15:3:80' "),
            ("2048:16:-30.0:15:3:80", "^'2048:16:-30.0:15:3:80' "),
            ("0:16:30.0:15:3:80", "tilesize is at least 1, not 0"),
            ("2048:16:0.0:15:3:80", "positive and finite, not 0.0"),
            ("2048:16:30.0:0:3:80", "zone is at least 1, not 0"),
            ("2048:16:30.0:61:3:80", "zone is at most 60, not 61"),
            (None, "^'None' "),
            (7, "^'7' "),
        ],
    )
    def test_what_is_no_key_is_refused(self, key: str, words: str) -> None:
        with pytest.raises(BadRequestError, match=words):
            DLTile.from_key(key)

    def test_parts_have_types(self) -> None:
        with pytest.raises(TypeError, match="tilesize is a whole number"):
            DLTile(20.5, 0, resolution=10, zone=1, ti=0, tj=0)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="resolution"):
            DLTile(20, 0, resolution="10", zone=1, ti=0, tj=0)  # type: ignore[arg-type]

    def test_no_tile_lies_beyond_a_pole(self) -> None:
        with pytest.raises(BadRequestError, match="beyond the pole"):
            DLTile.from_key("1000:0:1000.0:15:0:10")
        with pytest.raises(BadRequestError, match="beyond the pole"):
            DLTile.from_key("1000:0:1000.0:15:0:-11")
        assert DLTile.from_key("1000:0:1000.0:15:0:9").tj == 9


class TestFromLatlon:
    def test_the_known_tile(self) -> None:
        assert DLTile.from_latlon(30.0131, 31.2089, 10, 2, 49).key == "2:49:10.0:36:-8637:166079"

    def test_southern_northings_are_negative(self) -> None:
        tile = DLTile.from_latlon(-33.86, 151.21, 10.0, 1024, 0)
        assert tile.crs == "EPSG:32656"
        assert tile.key == "1024:0:10.0:56:-17:-367"
        assert tile.bounds == (325920.0, -3758080.0, 336160.0, -3747840.0)

    @pytest.mark.parametrize(
        ("lon", "zone"),
        [(-180, 1), (-174, 2), (-0.001, 30), (0, 31), (179.999, 60), (180, 60), (181, 1), (-181, 60), (367, 32)],
    )
    def test_zones_begin_in_the_west(self, lon: float, zone: int) -> None:
        assert DLTile.from_latlon(0, lon, 10, 1000, 0).zone == zone

    @pytest.mark.parametrize(("lat", "lon"), [(91, 0), (-90.1, 0), (float("nan"), 0), (0, float("inf"))])
    def test_what_is_no_point_is_refused(self, lat: float, lon: float) -> None:
        with pytest.raises(BadRequestError, match="not a point on Earth"):
            DLTile.from_latlon(lat, lon, 10, 1000, 0)


class TestPlace:
    def test_the_known_bounds(self) -> None:
        assert WISCONSIN.bounds == (683840.0, 4914720.0, 746240.0, 4977120.0)
        assert WISCONSIN.assign(pad=0).bounds == (684320.0, 4915200.0, 745760.0, 4976640.0)
        assert WISCONSIN.bounds_crs == WISCONSIN.crs == "EPSG:32615"
        assert WISCONSIN.geotrans == (683840.0, 30.0, 0.0, 4977120.0, 0.0, -30.0)

    def test_the_grid_has_the_pads(self) -> None:
        grid = WISCONSIN.grid()
        assert grid.crs == CRS.from_epsg(32615)
        assert grid.geotransform == (683840.0, 30.0, 0.0, 4977120.0, 0.0, -30.0)
        assert grid.shape == WISCONSIN.shape == (2080, 2080)
        assert WISCONSIN.tile_extent == 2080

    def test_neighbours_share_their_edges_to_the_last_bit(self) -> None:
        one, east, north = (DLTile.from_key(f"333:0:0.1:15:{i}:{j}") for i, j in ((7, 11), (8, 11), (7, 12)))
        assert one.bounds[2] == east.bounds[0]
        assert one.bounds[3] == north.bounds[1]

    def test_tiles_are_neither_aligned_nor_cut(self) -> None:
        assert WISCONSIN.align_pixels is False
        assert WISCONSIN.all_touched is False
        assert WISCONSIN.cutline is None

    def test_the_crs_as_text(self) -> None:
        assert CRS.from_wkt(WISCONSIN.wkt) == CRS.from_epsg(32615)
        assert "+proj=utm" in WISCONSIN.proj4
        assert "+zone=15" in WISCONSIN.proj4

    def test_the_geometry_is_the_padded_tile_in_degrees(self) -> None:
        small = DLTile.from_latlon(30.0131, 31.2089, 10, 2, 49)
        assert small.geometry.geom_type == "Polygon"
        assert len(small.geometry.exterior.coords) == 5  # type: ignore[attr-defined]
        assert small.geometry.bounds == pytest.approx((31.203728, 30.008541, 31.214255, 30.017702), abs=1e-6)
        assert shape(small.__geo_interface__) == small.geometry
        assert WISCONSIN.geometry.contains(WISCONSIN.assign(pad=0).geometry)

    def test_the_geometry_is_split_at_the_antimeridian(self) -> None:
        tile = DLTile.from_latlon(10, 179.99, 10, 2048, 0)
        assert tile.key == "2048:0:10.0:60:16:54"
        assert tile.geometry.geom_type == "MultiPolygon"
        assert tile.geometry.area < 0.05

    def test_a_tile_beyond_the_projection_has_no_geometry(self) -> None:
        with pytest.raises(BadRequestError, match="EPSG:32636"):
            _ = DLTile.from_key("2048:0:1000.0:36:100:0").geometry


class TestRowsAndColumns:
    def test_known_pixels(self) -> None:
        tile = WISCONSIN.assign(pad=0)
        assert tile.rowcol_to_latlon(56, 1111) == pytest.approx((44.894653, -90.243342), abs=5e-7)
        assert tile.latlon_to_rowcol(44.8, -90.2) == (403, 1237)

    def test_rows_and_columns_count_the_pad(self) -> None:
        assert WISCONSIN.latlon_to_rowcol(44.8, -90.2) == (403 + 16, 1237 + 16)

    def test_many_at_once(self) -> None:
        tile = WISCONSIN.assign(pad=0)
        lats, lons = tile.rowcol_to_latlon([56, 57], [1111, 1112])
        assert lats[0] == pytest.approx(44.894653, abs=5e-7)
        assert lons[0] == pytest.approx(-90.243342, abs=5e-7)
        rows, cols = tile.latlon_to_rowcol(lats, lons)
        assert rows.tolist() == [56, 57]
        assert cols.tolist() == [1111, 1112]

    def test_numbers_do_not_mix_with_sequences(self) -> None:
        with pytest.raises(BadRequestError, match="row and col"):
            WISCONSIN.rowcol_to_latlon([1, 2], [1, 2, 3])
        with pytest.raises(BadRequestError, match="lat and lon"):
            WISCONSIN.latlon_to_rowcol(44.8, [-90.2])  # type: ignore[call-overload]

    def test_impossible_points_are_refused(self) -> None:
        with pytest.raises(BadRequestError, match="latitude comes first"):
            WISCONSIN.latlon_to_rowcol(-93.0, 44.8)
        with pytest.raises(BadRequestError, match="EPSG:32615"):
            WISCONSIN.latlon_to_rowcol(0.0, 4.0)  # 97° from the central meridian


class TestFromShape:
    def test_the_known_number_of_tiles(self) -> None:
        tiles = DLTile.from_shape(SAN_FRANCISCO, 1.0, 500, 0)
        assert len(tiles) == 31
        assert {tile.zone for tile in tiles} == {10}
        assert tiles[0].key == "500:0:1.0:10:86:8359"
        assert DLTile.from_shape(SAN_FRANCISCO, 1.0, 500, 0, keys_only=True) == [tile.key for tile in tiles]
        assert list(DLTile.iter_from_shape(SAN_FRANCISCO, 1.0, 500, 0)) == tiles
        assert list(DLTile.iter_from_shape(SAN_FRANCISCO, 1.0, 500, 0, keys_only=True)) == [t.key for t in tiles]

    def test_the_pad_plays_no_part_in_the_choice(self) -> None:
        padded = DLTile.from_shape(SAN_FRANCISCO, 1.0, 500, 100)
        assert [tile.assign(pad=0) for tile in padded] == DLTile.from_shape(SAN_FRANCISCO, 1.0, 500, 0)

    def test_anything_that_describes_a_geometry_will_do(self) -> None:
        assert len(DLTile.from_shape(AOI(SAN_FRANCISCO), 1.0, 500, 0)) == 31
        assert len(DLTile.from_shape(shapely.geometry.mapping(SAN_FRANCISCO), 1.0, 500, 0)) == 31
        with pytest.raises(InvalidGeometryError, match="'San Francisco'"):
            DLTile.from_shape("San Francisco", 1.0, 500, 0)

    def test_wrong_arguments_are_found_by_the_call(self) -> None:
        with pytest.raises(BadRequestError, match="tilesize"):
            DLTile.iter_from_shape(SAN_FRANCISCO, 1.0, 0, 0)

    def test_a_shape_that_fills_a_zone_has_no_tiles_of_its_neighbours(self) -> None:
        keys = DLTile.from_shape((-120, 30, -114, 32), 100, 1000, 0, keys_only=True)
        assert {key.split(":")[3] for key in keys} == {"11"}
        assert len(keys) == len(set(keys)) == 18  # 572 km at 30° and 560 km at 32° on 6 columns; 222 km on 3 rows

    def test_each_side_of_a_zone_edge_gets_its_own_tiles(self) -> None:
        area = box(-114.01, 35.0, -113.99, 35.02)  # about 1.8 km by 2.2 km; its middle is the edge of zones 11 and 12
        tiles = DLTile.from_shape(area, 10, 20, 0)
        for tile in tiles:
            west, east = {11: (-120, -114), 12: (-114, -108)}[tile.zone]
            part = tile.geometry.intersection(box(west, -90, east, 90))
            assert part.intersects(area)
        assert len([tile for tile in tiles if tile.zone == 11]) == 60
        assert len([tile for tile in tiles if tile.zone == 12]) == 60

    def test_a_point_has_the_tile_that_from_latlon_finds(self) -> None:
        for lon, lat in ((-114, 35), (180, 1), (-180, 1), (3, 0), (0, 0)):
            assert DLTile.from_shape(Point(lon, lat), 10, 1000, 2) == [DLTile.from_latlon(lat, lon, 10, 1000, 2)]

    def test_a_line_along_a_zone_edge_belongs_to_the_eastern_zone(self) -> None:
        keys = DLTile.from_shape(LineString([(-114, 35), (-114, 35.1)]), 10, 1000, 0, keys_only=True)
        assert keys == ["1000:0:10.0:12:-28:387", "1000:0:10.0:12:-28:388"]

    def test_a_shape_across_the_antimeridian_has_tiles_on_both_sides(self) -> None:
        keys = DLTile.from_shape((179.9, -17, -179.9, -16.9), 10, 1000, 0, keys_only=True)
        assert {key.split(":")[3] for key in keys} == {"1", "60"}
        assert len(keys) == len(set(keys))

    def test_mixed_collections(self) -> None:
        mixed = shapely.GeometryCollection(
            [Point(-113, 30), LineString([(-114, 30), (-114, 30.01)]), box(-113.05, 29.99, -112.95, 30.0001)]
        )
        keys = DLTile.from_shape(mixed, 10, 2048, 0, keys_only=True)
        assert keys == ["2048:0:10.0:12:-15:162", "2048:0:10.0:12:-10:162"]

    def test_the_whole_earth(self) -> None:
        keys = DLTile.from_shape((-180, -90, 180, 90), 1000, 1000, 0, keys_only=True)
        assert {int(key.split(":")[3]) for key in keys} == set(range(1, 61))
        assert len(set(keys)) == len(keys) == 60 * 20 * 2

    def test_many_tiles_warn(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert dltile.MANY_TILES == 50_000
        monkeypatch.setattr(dltile, "MANY_TILES", 30)
        with pytest.warns(GeoContextWarning, match="more than 30 tiles") as caught:
            assert len(DLTile.from_shape(SAN_FRANCISCO, 1.0, 500, 0)) == 31
        assert caught[0].filename == __file__
        monkeypatch.setattr(dltile, "MANY_TILES", 31)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert len(DLTile.from_shape(SAN_FRANCISCO, 1.0, 500, 0)) == 31
            monkeypatch.setattr(dltile, "MANY_TILES", 30)
            assert len(list(DLTile.iter_from_shape(SAN_FRANCISCO, 1.0, 500, 0))) == 31


class TestSubtile:
    def test_subtiles_fill_the_tile(self) -> None:
        parts = WISCONSIN.subtile(4, pad=0)
        assert [part.key for part in parts[:2]] == ["512:0:30.0:15:12:320", "512:0:30.0:15:12:321"]
        assert len(parts) == 16
        corners = numpy.array([part.bounds for part in parts])
        assert (*corners[:, :2].min(axis=0), *corners[:, 2:].max(axis=0)) == WISCONSIN.assign(pad=0).bounds

    def test_the_pad_stays_unless_another_is_given(self) -> None:
        assert WISCONSIN.subtile(2)[0].pad == 16
        assert WISCONSIN.subtile(2, pad=3, keys_only=True)[3] == "1024:3:30.0:15:7:161"

    def test_another_resolution_keeps_the_place(self) -> None:
        fine = WISCONSIN.subtile(2, resolution=10, pad=0)[0]
        assert fine.key == "3072:0:10.0:15:6:160"
        assert fine.bounds == WISCONSIN.subtile(2, pad=0)[0].bounds

    def test_one_is_the_tile_itself(self) -> None:
        assert WISCONSIN.subtile(1) == [WISCONSIN]

    def test_what_does_not_divide_is_refused(self) -> None:
        with pytest.raises(BadRequestError, match="3 x 3"):
            WISCONSIN.subtile(3)
        with pytest.raises(BadRequestError, match="whole number of pixels of 70 metres"):
            WISCONSIN.subtile(2, resolution=70)
        with pytest.raises(BadRequestError, match="subdivide is at least 1"):
            WISCONSIN.subtile(0)
        with pytest.raises(TypeError, match="subdivide is a whole number, not 2.0"):
            WISCONSIN.subtile(2.0)  # type: ignore[call-overload]


class TestValue:
    def test_equality_hash_and_pickle(self) -> None:
        again = DLTile.from_key(WISCONSIN.key)
        assert again == WISCONSIN
        assert len({again, WISCONSIN, WISCONSIN.assign(pad=0)}) == 2
        assert pickle.loads(pickle.dumps(WISCONSIN)) == WISCONSIN
        assert AOI() != WISCONSIN

    def test_assign_leaves_the_original_untouched(self) -> None:
        assert WISCONSIN.assign(pad=2).key == "2048:2:30.0:15:3:80"
        assert WISCONSIN.assign() == WISCONSIN
        assert WISCONSIN.key == "2048:16:30.0:15:3:80"
        with pytest.raises(BadRequestError, match="pad is at least 0"):
            WISCONSIN.assign(pad=-1)
        with pytest.raises(AttributeError, match="never changes"):
            WISCONSIN.pad = 3  # type: ignore[misc]

    def test_the_repr_says_which_tile_it_is_and_where(self) -> None:
        assert repr(WISCONSIN).splitlines() == [
            "DLTile(",
            "    key='2048:16:30.0:15:3:80',",
            "    resolution=30.0,",
            "    tilesize=2048,",
            "    pad=16,",
            "    crs='EPSG:32615',",
            "    bounds=(683840.0, 4914720.0, 746240.0, 4977120.0),",
            "    bounds_crs='EPSG:32615',",
            "    zone=15,",
            "    ti=3,",
            "    tj=80,",
            "    all_touched=False,",
            ")",
        ]

    def test_unchanged_is_what_it_says(self) -> None:
        assert WISCONSIN.assign(pad="unchanged") == WISCONSIN
        with pytest.raises(TypeError, match="pad is a whole number, not 'changed'"):
            WISCONSIN.assign(pad="changed")  # type: ignore[arg-type]

    def test_keywords_are_those_of_the_original(self) -> None:
        """Choice 34."""
        assert DLTile.from_key(dltile_key=WISCONSIN.key) == WISCONSIN
        assert len(WISCONSIN.subtile(subdivide=2)) == 4


class TestAllTouched:
    """Choice 34."""

    def test_every_way_to_a_tile_takes_it_and_every_way_from_a_tile_keeps_it(self) -> None:
        tile = DLTile.from_latlon(38, -107, 20.0, 64, 0, all_touched=True)
        area = tile.geometry.buffer(-0.001)
        made = [
            tile,
            DLTile.from_key(tile.key, all_touched=True),
            DLTile(64, 0, resolution=20, zone=tile.zone, ti=tile.ti, tj=tile.tj, all_touched=True),
            *DLTile.from_shape(area, 20, 64, 0, all_touched=True),
            *DLTile.iter_from_shape(area, 20, 64, 0, all_touched=True),
        ]
        assert made == [tile] * 5
        kept = [tile.assign(pad=2), *tile.subtile(2), pickle.loads(pickle.dumps(tile))]
        assert [one.all_touched for one in kept] == [True] * 6

    def test_without_it_is_off_and_another_value(self) -> None:
        tile = DLTile.from_latlon(38, -107, 20.0, 64, 0)
        assert tile.all_touched is False
        assert tile != DLTile.from_key(tile.key, all_touched=True)
        assert DLTile.from_key(tile.key) == tile

    def test_it_is_among_the_raster_params(self) -> None:
        params = {"dltile": "2048:16:30.0:15:3:80", "align_pixels": False}
        assert WISCONSIN.raster_params == params
        touched = DLTile.from_key(WISCONSIN.key, all_touched=True)
        assert touched.raster_params == {**params, "cutline_all_touched": True}


lats = st.floats(-84, 84)
lons = st.floats(-180, 180)
resolutions = st.sampled_from([0.3, 1, 10, 30, 250.5])


@settings(derandomize=True, deadline=None)
@given(
    tilesize=st.integers(1, 4096),
    pad=st.integers(0, 64),
    resolution=st.floats(0.01, 1000),
    zone=st.integers(1, 60),
    ti=st.integers(-500, 500),
)
def test_keys_come_back(tilesize: int, pad: int, resolution: float, zone: int, ti: int) -> None:
    tile = DLTile(tilesize, pad, resolution=resolution, zone=zone, ti=ti, tj=-1)
    assert DLTile.from_key(tile.key) == tile
    assert DLTile.from_key(tile.key).key == tile.key


@settings(derandomize=True, deadline=None, max_examples=examples(60))
@given(lat=lats, lon=lons, resolution=resolutions, tilesize=st.integers(1, 2048), pad=st.integers(0, 9))
def test_a_tile_holds_the_point_it_was_made_for(
    lat: float, lon: float, resolution: float, tilesize: int, pad: int
) -> None:
    tile = DLTile.from_latlon(lat, lon, resolution, tilesize, pad)
    row, col = tile.latlon_to_rowcol(lat, lon)
    # One pixel of leave: the point may lie on an edge, up to rounding.
    assert pad - 1 <= row <= pad + tilesize
    assert pad - 1 <= col <= pad + tilesize
    x, y = to_utm([lon], [lat], tile.zone)[0]
    min_x, min_y, max_x, max_y = tile.assign(pad=0).bounds
    assert min_x - 1e-6 <= x <= max_x + 1e-6
    assert min_y - 1e-6 <= y <= max_y + 1e-6


@settings(derandomize=True, deadline=None, max_examples=examples(60))
@given(lat=lats, lon=lons, resolution=resolutions, pixel=st.tuples(st.integers(0, 299), st.integers(0, 299)))
def test_pixels_come_back(lat: float, lon: float, resolution: float, pixel: tuple[int, int]) -> None:
    tile = DLTile.from_latlon(lat, lon, resolution, 256, 22)
    assert tile.latlon_to_rowcol(*tile.rowcol_to_latlon(*pixel)) == pixel


@settings(derandomize=True, deadline=None, max_examples=examples(40))
@given(lat=st.floats(-75, 75), lon=st.floats(-179, 178), width=st.floats(0.01, 1), height=st.floats(0.01, 1))
def test_every_point_of_a_shape_is_in_one_of_its_tiles(lat: float, lon: float, width: float, height: float) -> None:
    tiles = DLTile.from_shape((lon, lat, lon + width, lat + height), 30, 1000, 0, keys_only=True)
    assert len(tiles) == len(set(tiles))
    for i in (0.001, 0.5, 0.999):
        for j in (0.001, 0.5, 0.999):
            assert DLTile.from_latlon(lat + i * height, lon + j * width, 30, 1000, 0).key in tiles
