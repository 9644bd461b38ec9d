from __future__ import annotations

import math
import time
import warnings
from pathlib import Path

import numpy
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from localcat.earth.contexts import AOI, XYZTile
from localcat.earth.geometry import (
    as_footprints,
    as_geometry,
    convex_boxes,
    footprint_box,
    footprint_boxes,
    from_wkb,
    to_wkb,
)
from localcat.errors import CorruptCatalogError, GeometryWarning, InvalidGeometryError, LocalcatWarning
from tests.drawing import examples
from tests.earth.shapes import HEXAGON, SQUARE, SQUARE_JSON, Interface, read_across
from tests.random_catalogs import shapes


@pytest.mark.parametrize(
    "value",
    [
        SQUARE,
        SQUARE_JSON,
        {"type": "Feature", "geometry": SQUARE_JSON, "properties": None},
        Interface(SQUARE_JSON),
        Interface({"type": "Feature", "geometry": SQUARE_JSON, "properties": {}}),
        AOI(SQUARE),
        (10, 20, 12, 21),
        [10.0, 20.0, 12.0, 21.0],
        numpy.array([10.0, 20.0, 12.0, 21.0]),
        shapely.force_3d(SQUARE, 7),
        shapely.MultiPolygon([SQUARE]),
        shapely.MultiPolygon([SQUARE, shapely.Polygon()]),
        shapely.box(370, 20, 372, 21),
        shapely.box(-350, 20, -348, 21),
    ],
    ids=range(14),
)
def test_forms_of_a_square(value):
    found = as_geometry(value)
    assert found.geom_type == "Polygon"
    assert found.equals(SQUARE)
    assert not found.has_z


def test_a_usable_geometry_is_returned_as_it_is():
    for shape in (
        SQUARE,
        shapely.MultiPolygon([SQUARE, shapely.box(0, 0, 1, 1)]),
        shapely.LineString([(0, 0), (1, 1)]),
    ):
        assert as_geometry(shape) is shape


def test_a_tile_of_a_web_map_is_an_area():
    assert as_geometry(XYZTile(1, 0, 1)).bounds == pytest.approx((0, 0, 180, 85.0511), abs=1e-4)


def test_a_feature_collection_is_a_collection():
    features = [{"type": "Feature", "geometry": {"type": "Point", "coordinates": [x, 1]}} for x in (190, 2)]
    found = as_geometry({"type": "FeatureCollection", "features": features})
    assert found.wkt == "GEOMETRYCOLLECTION (POINT (-170 1), POINT (2 1))"


def test_what_is_cut_in_a_collection_is_laid_flat():
    line, point = shapely.LineString([(170, 0), (190, 10)]), shapely.Point(0, 0)
    found = as_geometry(shapely.GeometryCollection([point, line]))
    wanted = [point, shapely.LineString([(170, 0), (180, 5)]), shapely.LineString([(-180, 5), (-170, 10)])]
    assert list(found.geoms) == wanted
    assert as_geometry(found) == found


def test_collections_in_collections_are_laid_flat():
    deep = {"type": "Point", "coordinates": [1, 2]}
    for _ in range(5000):
        deep = {"type": "GeometryCollection", "geometries": [deep]}
    inner = shapely.GeometryCollection([shapely.Point(1, 2), shapely.GeometryCollection([SQUARE])])
    assert [part.geom_type for part in as_geometry(inner).geoms] == ["Point", "Polygon"]
    with pytest.raises(InvalidGeometryError, match="GeometryCollection"):
        as_geometry(deep)


# Across the antimeridian


EAST, WEST = shapely.box(170, -10, 180, 10), shapely.box(-180, -10, -170, 10)
RING = [(170, -10), (-170, -10), (-170, 10), (170, 10)]


@pytest.mark.parametrize(
    "value",
    [
        (170, -10, -170, 10),
        (170, -10, 190, 10),
        (-190, -10, -170, 10),
        shapely.box(170, -10, 190, 10),
        shapely.box(530, -10, 550, 10),
        shapely.MultiPolygon([EAST, WEST]),
        shapely.Polygon(
            [(170, -10), (180, -10), (-180, -10), (-170, -10), (-170, 10), (-180, 10), (180, 10), (170, 10)]
        ),
    ],
    ids=range(7),
)
def test_forms_of_a_box_across_the_antimeridian(value):
    found = as_geometry(value)
    assert found.geom_type == "MultiPolygon"
    assert found.equals(shapely.union_all([EAST, WEST]))
    assert footprint_box(found) == (170, 190, -10, 10)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ((-180, -90, 180, 90), shapely.box(-180, -90, 180, 90)),
        (shapely.box(-180, -90, 180, 90), shapely.box(-180, -90, 180, 90)),
        (shapely.box(-180, -60, 180, 60), shapely.box(-180, -60, 180, 60)),
        ((-100, -20, 100, 20), shapely.box(-100, -20, 100, 20)),  # a bounding box says which way around
        ((0, -10, 360, 10), shapely.box(-180, -10, 180, 10)),
        ((-10, 0, 710, 5), shapely.box(-180, 0, 180, 5)),
        (shapely.box(-180, -10, 180, 0).segmentize(90), shapely.box(-180, -10, 180, 0)),
    ],
)
def test_what_is_wider_than_half_the_globe(value, wanted):
    assert as_geometry(value).equals(wanted)


STAIRS = [(-170, -10), (160, -10), (160, 0), (20, 0), (20, 10), (-170, 10)]


@pytest.mark.parametrize("ring", [RING, STAIRS, STAIRS[::-1], [*shapely.box(-179, -60, 179, 60).exterior.coords]])
def test_a_ring_of_upright_edges_is_as_wide_as_it_is_written(ring):
    """3.5, choice 22."""
    drawn = shapely.Polygon(ring)
    assert as_geometry(drawn) is drawn
    assert as_geometry(shapely.geometry.mapping(drawn)).equals(drawn)
    assert footprint_box(drawn) == (drawn.bounds[0], drawn.bounds[2], drawn.bounds[1], drawn.bounds[3])
    beyond = as_geometry(shapely.affinity.translate(drawn, 100))
    assert beyond.area == pytest.approx(drawn.area)
    assert beyond.bounds[::2] == (-180, 180)


def test_a_hole_in_a_wide_rectangle_is_as_wide_as_it_is_written():
    found = as_geometry(shapely.box(-179, -60, 179, 60).difference(shapely.box(-178, -1, 178, 1)))
    assert found.area == 358 * 120 - 356 * 2


@pytest.mark.parametrize("ring", [HEXAGON, HEXAGON[::-1]])
def test_another_ring_with_a_long_edge_crosses_the_antimeridian_and_says_so(ring):
    """3.5, choice 22."""
    found = read_across(shapely.Polygon(ring))
    assert found.equals(as_geometry(shapely.Polygon([(x % 360, y) for x, y in ring])))
    assert footprint_box(found) == (168, 192, -10, 10)


@pytest.mark.parametrize("bbox", [(170, -10, -170, 10), [170, -10, 0, -170, 10, 100]])
@pytest.mark.parametrize("place", ["geometry", "feature", "collection"])
def test_a_bounding_box_across_the_antimeridian_decides_how_a_ring_is_read(bbox, place):
    """3.5, choice 22."""
    square = {"type": "Polygon", "coordinates": [[*RING, RING[0]]]}
    feature = {"type": "Feature", "geometry": square, "properties": {}}
    value = {
        "geometry": {**square, "bbox": bbox},
        "feature": {**feature, "bbox": bbox},
        "collection": {"type": "FeatureCollection", "features": [feature], "bbox": bbox},
    }[place]
    assert footprint_box(as_geometry(value)) == (170, 190, -10, 10)


def test_a_bounding_box_that_does_not_cross_changes_nothing():
    square = {"type": "Polygon", "coordinates": [[*RING, RING[0]]], "bbox": [-170, -10, 170, 10]}
    assert as_geometry(square).bounds == (-170, -10, 170, 10)
    hexagon = {"type": "Polygon", "coordinates": [[*HEXAGON, HEXAGON[0]]], "bbox": [-170, -10, 170, 10]}
    assert footprint_box(read_across(hexagon)) == (168, 192, -10, 10)


NORTH_CAP, SOUTH_CAP = shapely.box(-180, 80, 180, 90), shapely.box(-180, -90, 180, -70)


@pytest.mark.parametrize("turn", [0, 90, 360])
@pytest.mark.parametrize("is_reversed", [False, True])
def test_a_ring_around_a_pole_holds_it(turn, is_reversed):
    longitudes = [-135, -45, 45, 135]
    for latitude, cap in ((80, NORTH_CAP), (-70, SOUTH_CAP)):
        ring = [(longitude + turn, latitude) for longitude in longitudes]
        found = read_across(shapely.Polygon(ring[::-1] if is_reversed else ring))
        assert found.equals(cap)
        assert footprint_box(found) == (-180, 180, *((80, 90) if latitude > 0 else (-90, -70)))
        assert as_geometry(found).equals(found)


def test_a_ring_that_is_drawn_along_the_pole_holds_it():
    drawn = [(-180, -90), (-180, -60), (-60, -65), (60, -65), (180, -60), (180, -90)]
    assert as_geometry(shapely.Polygon(drawn)).equals(shapely.Polygon(drawn))


def test_a_band_around_a_pole_leaves_it_out():
    outer, inner = ([(longitude, latitude) for longitude in (-120, 0, 120)] for latitude in (60, 80))
    found = read_across(shapely.Polygon(outer, [inner]))
    assert found.equals(shapely.box(-180, 60, 180, 80))
    assert not found.covers(shapely.Point(0, 85))


@pytest.mark.parametrize("west", [165, 175, 185])
def test_holes_may_cross_too(west):
    hole = [(west, -1), (west + 5, -1), (west + 5, 1), (west, 1)]
    wrapped = [(x - 360 if x > 180 else x, y) for x, y in hole]
    wanted = as_geometry((160, -10, -160, 10)).difference(as_geometry(shapely.Polygon(hole)))
    for drawn in (hole, wrapped):
        found = read_across(shapely.Polygon([(160, -10), (-160, -10), (-160, 10), (160, 10)], [drawn]))
        assert found.equals(wanted)
        assert found.area == pytest.approx(40 * 20 - 5 * 2)


@pytest.mark.parametrize("over", [180.0000001, 180.00000000001, 180.5])
def test_a_slight_overshoot(over):
    for value in (shapely.box(179, 0, over, 1), shapely.box(-over, 0, -179, 1)):
        found = as_geometry(value)
        assert found.is_valid
        assert max(abs(found.bounds[0]), found.bounds[2]) == 180
        assert found.area == pytest.approx(over - 179, abs=1e-9)
        west, east, _, _ = footprint_box(found)
        assert east - west == pytest.approx(over - 179, abs=1e-9)


def test_rounding_beyond_a_pole_is_dropped():
    assert as_geometry(shapely.box(0, 80, 1, 90.0000000001)).bounds == (0, 80, 1, 90)


def test_coordinates_stay_as_they_were_written():
    found = as_geometry(shapely.box(179.9, 0.1, 180.7, 0.3))
    assert set(shapely.get_coordinates(found)[:, 0]) == {179.9, 180.0, -180.0, -179.3}
    assert as_geometry(shapely.Point(190.1, 5)).wkt == "POINT (-169.9 5)"


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ([(170, 0), (190, 10)], "MULTILINESTRING ((170 0, 180 5), (-180 5, -170 10))"),
        ([(180, -5), (180, 5)], "LINESTRING (180 -5, 180 5)"),
        ([(-180, 3), (180, 3)], "LINESTRING (-180 3, 180 3)"),
        ([(200, 1), (210, 1)], "LINESTRING (-160 1, -150 1)"),
    ],
)
def test_lines(line, wanted):
    assert as_geometry(shapely.LineString(line)).wkt == wanted


def test_a_long_edge_of_a_line_crosses_the_antimeridian_and_says_so():
    line = shapely.LineString([(170, 0), (-170, 10)])
    assert read_across(line).wkt == "MULTILINESTRING ((170 0, 180 5), (-180 5, -170 10))"


@given(shapes())
@settings(max_examples=examples(300))
def test_a_usable_geometry_stays_what_it_is(shape):
    assert shape.is_valid
    assert not shape.is_empty
    assert -180 <= shape.bounds[0] <= shape.bounds[2] <= 180
    assert as_geometry(shape).equals(shape)
    assert from_wkb([to_wkb(shape)])[0].equals_exact(shape)
    assert footprint_boxes(numpy.array([shape, SQUARE])).tolist() == [[*footprint_box(shape)], [10, 12, 20, 21]]


# Empty members, and heights

TRIANGLE_JSON = [[[0, 0], [1, 0], [0, 1], [0, 0]]]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"type": "MultiPolygon", "coordinates": [[], TRIANGLE_JSON]}, "Polygon"),
        ({"type": "MultiPolygon", "coordinates": [TRIANGLE_JSON, [[]]]}, "Polygon"),
        (
            {"type": "MultiPolygon", "coordinates": [TRIANGLE_JSON, [], [[[5, 5], [6, 5], [5, 6], [5, 5]]]]},
            "MultiPolygon",
        ),
        ({"type": "Polygon", "coordinates": [*TRIANGLE_JSON, []]}, "Polygon"),
        ({"type": "MultiLineString", "coordinates": [[], [[0, 0], [1, 1]]]}, "LineString"),
        ({"type": "MultiPoint", "coordinates": [[], [1, 2]]}, "MultiPoint"),
        (shapely.MultiPolygon([shapely.Polygon(), shapely.box(0, 0, 1, 1), shapely.box(5, 5, 6, 6)]), "MultiPolygon"),
        (shapely.from_wkt("MULTIPOINT (EMPTY, (1 2))"), "MultiPoint"),
        (
            {"type": "GeometryCollection", "geometries": [{"type": "Polygon", "coordinates": []}, SQUARE_JSON]},
            "GeometryCollection",
        ),
        (
            {
                "type": "FeatureCollection",
                "features": [{"type": "Feature", "geometry": g} for g in (None, SQUARE_JSON)],
            },
            "GeometryCollection",
        ),
    ],
)
def test_empty_members_are_left_out(value, wanted):
    """3.2, ours: RFC 7946, section 3.1, allows them."""
    assert as_geometry(value).geom_type == wanted
    for found in (as_geometry(value), as_footprints([value])[0]):
        assert not any(part.is_empty for part in getattr(found, "geoms", [found]))


@pytest.mark.parametrize("coordinates", [[], [[]], [[[]]]])
def test_a_multipolygon_of_nothing_is_empty(coordinates):
    with pytest.raises(InvalidGeometryError, match="is empty"):
        as_geometry({"type": "MultiPolygon", "coordinates": coordinates})


def test_a_bounding_box_of_six_numbers_loses_its_heights():
    """3.5, ours."""
    assert as_geometry((10, 20, -50, 12, 21, 800)).equals(SQUARE)
    assert footprint_box(as_geometry([170, -10, 0, -170, 10, 9])) == (170, 190, -10, 10)
    with pytest.raises(InvalidGeometryError, match="not a bounding box of four numbers"):
        as_geometry((0, 0, "low", 1, 1, 2))


# What cannot be used

CURVE = bytes.fromhex("010800000000000000")  # a circular string


class Failing:
    @property
    def __geo_interface__(self):
        return 1 / 0


TRIANGLE = [(0, 0), (1, 0), (0, 1)]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (shapely.Polygon(), "is empty"),
        (Failing(), r"__geo_interface__ of a Failing cannot be read \(ZeroDivisionError: division by zero\)"),
        (CURVE, "well-known binary .*Nonlinear geometry types are not currently supported"),
        (shapely.GeometryCollection(), "is empty"),
        (shapely.GeometryCollection([shapely.Polygon()]), "is empty"),
        ({"type": "GeometryCollection", "geometries": []}, "is empty"),
        (shapely.Point(math.nan, 0), "not finite|is empty"),
        (shapely.Point(math.inf, 0), "not finite"),
        ({"type": "LineString", "coordinates": [[0, 0], [math.nan, 1]]}, "not finite"),
        ((0, 0, math.nan, 1), "not finite"),
        ((0, 0, 1, math.inf), "not finite"),
        ((0, 5, 1, 4), r"has its south 5 above its north 4"),
        ((0, 0, "x", 1), "not a bounding box of four numbers"),
        (
            shapely.Point(10, 100),
            r"latitude 100 .*are the two swapped|are \(long",
        ),
        (shapely.box(48, 100, 50, 110), "latitude 110 .*are the two swapped"),
        (shapely.box(100, -95, 110, 0), r"latitude -95 .*\(longitude, latitude\)"),
        (shapely.Point(500_000, 0), r"longitude 500000 is many turns around the globe; pass degrees"),
        (shapely.box(500_000, 4_000_000, 500_060, 4_000_060), r"latitude 4.00006e\+06 is beyond"),
        (shapely.Polygon([(0, 0), (1, 1), (2, 2)]), "has no area"),
        (shapely.Polygon([(0, 0), (0, 1), (0, 2)]), "has no area"),
        (shapely.Polygon([(179, 0), (181, 0), (180, 0)]), "has no area"),
        (shapely.Polygon(TRIANGLE, [TRIANGLE]), "has no area"),
        (shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.Polygon([(5, 5), (6, 6), (7, 7)])]), "has no area"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}, "GeoJSON of type 'Polygon'"),
        ({"type": "Polygon", "coordinates": [[["a", 0], [1, 1], [0, 1]]]}, "GeoJSON of type 'Polygon'"),
        ({"type": "Polygon", "coordinates": 5}, "GeoJSON of type 'Polygon'"),
        ({"type": "Polygon"}, "GeoJSON of type 'Polygon'"),
        ({"type": "Circle", "coordinates": [0, 0]}, "GeoJSON of type 'Circle'"),
        ({"type": "Feature", "geometry": None}, "GeoJSON of type"),
        ({"type": "Feature"}, "GeoJSON of type 'Feature'"),
        ({"type": "FeatureCollection", "features": 1}, "GeoJSON of type 'FeatureCollection'"),
        ({}, "GeoJSON of type None"),
        ({"type": ["Point"], "coordinates": [0, 0]}, "GeoJSON of type"),
        ((1, 2, 3), "is not a geometry"),
        ("POINT (1 2)", "is not a geometry; pass GeoJSON"),
        (b"\x01\x02\x03\x04", "is not a geometry"),
        (None, "is not a geometry"),
        (5, "is not a geometry"),
        (Interface(5), "is not a geometry"),
        (numpy.array(5), "is not a geometry"),
    ],
)
def test_what_is_no_usable_geometry_is_refused(value, message):
    with pytest.raises(InvalidGeometryError, match=message):
        as_geometry(value)


@pytest.mark.parametrize(
    ("value", "area", "message"),
    [
        (shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)]), 2, "Self-intersection"),
        (shapely.Polygon([(178, 0), (182, 2), (182, 0), (178, 2)]), 4, "Self-intersection"),
        (shapely.MultiPolygon([shapely.box(0, 0, 2, 1), shapely.box(1, 0, 3, 1)]), 3, "its polygons overlap"),
        (shapely.LineString([(1, 1), (1, 1)]), 0, "a line without length was replaced by a point"),
    ],
)
def test_an_invalid_shape_is_repaired_and_says_so(value, area, message):
    with pytest.warns(GeometryWarning, match=message) as warned:
        found = as_geometry(value)
    assert found.is_valid
    assert found.area == pytest.approx(area)
    assert [Path(warning.filename).name for warning in warned] == ["test_geometry.py"]
    assert issubclass(GeometryWarning, LocalcatWarning)


def test_the_warning_points_at_the_program(catalog):
    with pytest.warns(GeometryWarning) as warned:
        catalog.images.intersects(shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)]))
    assert Path(warned[0].filename).name == "test_geometry.py"


coordinates = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([-180, 180, 179.9, -90, 90, 0, 1e308])
positions = st.lists(coordinates, min_size=2, max_size=2)
kinds = st.sampled_from(
    ["Point", "LineString", "Polygon", "MultiPolygon", "MultiPoint", "MultiLineString", "Feature", "?"]
)
nested = st.recursive(
    positions | st.none() | st.text(max_size=2), lambda inner: st.lists(inner, max_size=5), max_leaves=12
)


@given(kinds, nested | st.lists(st.lists(positions, min_size=3, max_size=6), min_size=1, max_size=2))
@settings(max_examples=examples(500))
def test_any_json_is_a_geometry_or_refused(kind, coordinates):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GeometryWarning)
        try:
            found = as_geometry({"type": kind, "coordinates": coordinates})
        except InvalidGeometryError:
            return
    assert found.is_valid
    assert not found.is_empty


near = st.floats(-540, 540) | st.sampled_from([-180.0, 180.0, 179.9, -179.9, 0.0, 360.0])
rings = st.lists(st.tuples(near, st.floats(-90, 90) | st.sampled_from([-90.0, 90.0, 0.0])), min_size=3, max_size=8)


@given(rings, st.lists(rings, max_size=2))
@settings(max_examples=examples(500))
def test_any_ring_is_a_geometry_or_refused(shell, holes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GeometryWarning)
        try:
            found = as_geometry(shapely.Polygon(shell, holes))
        except InvalidGeometryError:
            return
    assert found.is_valid
    assert found.area > 0
    assert found.bounds[0] >= -180
    assert found.bounds[2] <= 180


def test_a_million_vertices_take_seconds():
    angles = numpy.linspace(0, 2 * numpy.pi, 1_000_001)[:-1]
    circle = numpy.column_stack((175 + 10 * numpy.cos(angles), 10 * numpy.sin(angles)))
    started = time.perf_counter()
    found = as_geometry(shapely.Polygon(circle))
    assert time.perf_counter() - started < 20
    assert found.area == pytest.approx(math.pi * 100, rel=1e-6)
    assert footprint_box(found) == pytest.approx((165, 185, -10, 10))


def test_a_damaged_blob_is_named():
    with pytest.raises(CorruptCatalogError, match="a stored geometry is damaged"):
        from_wkb([b"\x01\x02"])


@pytest.mark.parametrize(
    ("value", "words"),
    [({"type": "Point", "coordinates": [0, 10**400]}, "'Point'"), ((0, 0, 1, 10**400), r"\(0, 0, 1, 100000")],
)
def test_numbers_beyond_every_float_are_refused(value: object, words: str) -> None:
    with pytest.raises(InvalidGeometryError, match=words):
        as_geometry(value)


@pytest.mark.filterwarnings("ignore::localcat.errors.GeometryWarning")
def test_an_overlay_that_comes_out_invalid_and_without_area_is_refused() -> None:
    shell = [(0, 0), (6.39679786853661e-80, 0), (-540, 87)]
    hole = [(0, 0), (0, -4), (180, 87), (8, 0)]
    with pytest.raises(InvalidGeometryError, match="the Polygon has no area"):
        as_geometry(shapely.Polygon(shell, [hole]))


@pytest.mark.parametrize(
    ("corners", "box"),
    [
        ([(1, 2), (5, 3), (4, 8), (0, 7)], (0, 5, 2, 8)),
        ([(0, 7), (4, 8), (5, 3), (1, 2)], (0, 5, 2, 8)),  # the other way around
        ([(-180, -90), (0, -90), (0, 90), (-180, 90)], (-180, 0, -90, 90)),
        ([(0, 0), (2, 2), (2, 0), (0, 2)], None),  # two of its edges cross
        ([(0, 0), (4, 0), (1, 1), (0, 4)], None),  # valid, and not convex
        ([(0, 0), (1, 0), (2, 0), (1, 1)], None),  # a corner that is none
        ([(0, 0), (0, 0), (2, 0), (1, 1)], None),
        ([(170, 0), (190, 0), (190, 5), (170, 5)], None),
        ([(-100, 0), (100, 0), (100, 5), (-100, 5)], None),
        ([(0, 85), (5, 85), (5, 95), (0, 95)], None),
    ],
)
def test_the_box_of_a_plain_quadrilateral_is_read_from_its_bytes(
    corners: list[tuple[float, float]], box: tuple[float, ...] | None
) -> None:
    shape = shapely.Polygon(corners)
    others = [None, shapely.to_wkb(shapely.Point(1, 2)), b"", shapely.to_wkb(shape, byte_order=0)]
    found = convex_boxes([*others, to_wkb(shape), to_wkb(shapely.Polygon(corners, [corners])), to_wkb(shape)[:-1]])
    assert numpy.isnan(found[[0, 1, 2, 3, 5, 6]]).all()
    assert numpy.isnan(found[4]).all() if box is None else found[4].tolist() == list(box)


def test_what_is_read_from_bytes_is_what_geos_says() -> None:
    chance = numpy.random.default_rng(3)
    corners = chance.uniform(-3, 3, (5000, 4, 2)).round(1) + chance.choice([0, 89, -178.0], (5000, 1, 2))
    shapes = shapely.polygons(corners)
    boxes = convex_boxes(shapely.to_wkb(shapes, byte_order=1).tolist())
    seen = numpy.isfinite(boxes[:, 0])
    assert 300 < seen.sum() < 1000
    assert as_footprints(shapes[seen].tolist()) == shapes[seen].tolist()
    assert (footprint_boxes(shapes[seen]) == boxes[seen]).all()
