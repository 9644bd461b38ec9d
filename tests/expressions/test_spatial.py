"""Spatial predicates and distances, against what shapely and spherical trigonometry say by themselves."""

from __future__ import annotations

import math

import numpy
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shapely.affinity import translate

from localcat.earth import sphere
from localcat.earth.geometry import RADIUS, as_geometry, footprint_box, poles_of
from localcat.earth.wkt import as_area, as_geojson, as_text
from localcat.errors import InvalidGeometryError
from localcat.expressions.conditions import spatial
from localcat.expressions.nodes import Ref, Relation, Spatial
from localcat.expressions.spatial import boxes_of
from localcat.expressions.spatial import test_of as make_test
from tests.drawing import examples
from tests.random_catalogs import shapes

FOOTPRINT = Ref("geometry")
DEGREE = math.pi / 180 * RADIUS  # metres


def holds(relation: str, footprint: object, area: object, metres: float | None = None) -> bool:
    condition = spatial(FOOTPRINT, Relation(relation), area, metres)
    return bool(make_test(condition)(numpy.array([as_geometry(footprint), None], dtype=object))[0])


PLANAR = {
    Relation.INTERSECTS: shapely.intersects,
    Relation.WITHIN: shapely.within,
    Relation.CONTAINS: shapely.contains,
    Relation.COVERED_BY: shapely.covered_by,
}


def on_some_map(relation: Relation, one: shapely.Geometry, other: shapely.Geometry) -> bool:
    """Tell whether a relation holds on a map that is cut elsewhere: a cut only ever hides that shapes touch."""
    for turn in (0.0, 90.0, 180.0):
        turned = [as_geometry(translate(shape, turn)) if turn else shape for shape in (one, other)]
        if PLANAR[relation](*turned):
            return True
    return False


def is_cut_twice(shape: shapely.Geometry) -> bool:
    return shape.bounds[2] - shape.bounds[0] >= 180 and footprint_box(shape)[1] <= 180


@given(shapes(), shapes(), st.sampled_from(sorted(PLANAR)))
@settings(max_examples=examples(1500))
def test_relations_are_those_of_simple_features_on_a_map_without_a_seam(footprint, area, relation):
    both_at_pole = set(poles_of(footprint)) & set(poles_of(area))  # which all maps show as a line
    if is_cut_twice(footprint) or is_cut_twice(area) or both_at_pole:  # of whole turns every map cuts something
        wanted = PLANAR[relation](footprint, area)
        if wanted:
            assert holds(relation, footprint, area)
        return
    assert holds(relation, footprint, area) == on_some_map(relation, footprint, area)
    if relation is Relation.INTERSECTS:
        assert holds("disjoint", footprint, area) != holds(relation, footprint, area)


SQUARE = (0, 0, 10, 10)
ACROSS = (170, -10, -170, 10)


@pytest.mark.parametrize(
    ("relation", "footprint", "area", "wanted"),
    [
        ("within", (1, 1, 2, 2), SQUARE, True),
        ("within", (0, 0, 10, 10), SQUARE, True),
        ("within", (9, 9, 11, 11), SQUARE, False),
        ("within", shapely.Point(0, 5), SQUARE, False),  # on the boundary alone
        ("covered_by", shapely.Point(0, 5), SQUARE, True),
        ("contains", SQUARE, (1, 1, 2, 2), True),
        ("contains", (1, 1, 2, 2), SQUARE, False),
        ("disjoint", (20, 20, 30, 30), SQUARE, True),
        ("disjoint", (10, 10, 30, 30), SQUARE, False),  # a corner in common
        # Across the antimeridian, where -180° and 180° are one line in the middle of the shape.
        ("within", shapely.Point(180, 0), ACROSS, True),
        ("within", shapely.Point(-180, 0), ACROSS, True),
        ("contains", ACROSS, shapely.Point(180, 0), True),
        ("contains", ACROSS, shapely.LineString([(-180, -1), (-180, 1)]), True),
        ("contains", ACROSS, (175, -5, -175, 5), True),
        ("within", (175, -5, -175, 5), ACROSS, True),
        ("within", shapely.Point(-180, 0), (170, -10, 180, 10), False),  # on its eastern edge
        ("covered_by", shapely.Point(-180, 0), (170, -10, 180, 10), True),
        ("covered_by", shapely.MultiPoint([(-180, 0), (175, 0)]), (170, -10, 180, 10), True),
        ("contains", (170, -10, 180, 10), shapely.Point(-180, 0), False),
        ("disjoint", (170, -10, 180, 10), (-180, -10, -170, 10), False),
        ("contains", (-180, -90, 180, 90), shapely.Point(180, 0), True),
        # Collections count as the union of their parts.
        (
            "within",
            (-1, 0, 1, 1),
            shapely.GeometryCollection([shapely.box(-2, 0, 0, 1), shapely.box(0, 0, 2, 1)]),
            True,
        ),
        ("contains", shapely.GeometryCollection([shapely.Point(5, 5), shapely.box(-2, 0, 0, 1)]), (-1, 0, 0, 1), True),
    ],
)
def test_relations_by_example(relation, footprint, area, wanted):
    assert holds(relation, footprint, area) is wanted


@given(shapes())
def test_text_and_geojson_read_back_unchanged(shape):
    assert as_area(as_text(shape)) == shape
    assert as_area(as_geojson(shape)) == shape


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "^''"),
        ("here", "^'here'"),
        ("POINT (1", r"^'POINT \(1'"),
        ("POINT EMPTY", "pass one with coordinates"),
        ("POINT (0 91)", "latitude 91"),
        ("POLYGON" + "(" * 10_000, "more than 50 levels"),
    ],
)
def test_text_that_is_no_geometry_is_refused(text, words):
    with pytest.raises(InvalidGeometryError, match=words):
        as_area(text)


# Distances


def haversine(one: tuple[float, float], other: tuple[float, float]) -> float:
    (lon1, lat1), (lon2, lat2) = (map(math.radians, place) for place in (one, other))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * RADIUS * math.asin(min(1.0, math.sqrt(half)))


def brute_force(one: shapely.Geometry, other: shapely.Geometry, count: int = 400) -> float:
    """Return the least distance between places along two shapes; too long by what lies between the places."""
    unit = []
    for shape in (one, other):
        lonlat = numpy.radians(shapely.get_coordinates(shapely.segmentize(shape, max(shape.length / count, 1e-9))))
        around = numpy.cos(lonlat[:, 1])
        unit.append(
            numpy.column_stack(
                (around * numpy.cos(lonlat[:, 0]), around * numpy.sin(lonlat[:, 0]), numpy.sin(lonlat[:, 1]))
            )
        )
    cosine = numpy.clip((unit[0] @ unit[1].T).max(), -1, 1)
    return float(RADIUS * math.acos(cosine))


def distance(one: object, other: object) -> float:
    return float(sphere.distances(as_geometry(other), numpy.array([as_geometry(one)], dtype=object))[0])


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ((0, 0, 10, 10), shapely.Point(5, 5), 0.0),
        ((0, 0, 10, 10), shapely.Point(5, 11), DEGREE),
        ((0, 0, 10, 10), shapely.Point(11, 0), DEGREE),
        ((0, 0, 10, 10), shapely.Point(12, 12), haversine((10, 10), (12, 12))),
        ((170, 0, 179, 1), shapely.Point(-179, 0.5), 2 * DEGREE * math.cos(math.radians(0.5))),
        (shapely.Point(0, 80), shapely.Point(180, 80), 20 * DEGREE),  # over the pole
        (shapely.Point(10, 90), shapely.Point(-120, 90), 0.0),
        (shapely.Point(0, 0), shapely.Point(180, 0), sphere.FARTHEST),
        (shapely.Polygon([(-120, 80), (0, 80), (120, 80), (240, 80)]), shapely.Point(10, 89), 0.0),  # around the pole
        # An edge along the parallel of 60° bends towards the pole; the nearest place is not one of its ends.
        (shapely.LineString([(-30, 60), (30, 60)]), shapely.Point(0, 70), 10 * DEGREE),
    ],
)
def test_distances_by_example(one, other, wanted):
    assert distance(one, other) == pytest.approx(wanted, rel=1e-5, abs=1e-6)
    assert distance(other, one) == pytest.approx(wanted, rel=1e-5, abs=1.0)


@given(shapes(), shapes())
@settings(max_examples=examples(150))
def test_distances_agree_with_brute_force(one, other):
    found = distance(one, other)
    wanted = brute_force(one, other)
    if found == 0:
        assert shapely.intersects(one, other) or wanted < 1.0 or holds("intersects", one, other)
        return
    between = (one.length + other.length) / 400 * DEGREE  # steps of the brute force
    assert wanted - between - 1.5 <= found <= wanted + 1.5


@given(shapes(), shapes(), st.sampled_from([0.0, 1.0, 1e3, 1e5, DEGREE, 10 * DEGREE, 5e6, 2e7]))
@settings(max_examples=examples(300))
@example(shapely.box(0, 0, 10, 10), shapely.Point(11, 5), DEGREE)
@example(shapely.Point(0, 80), shapely.Point(180, 80), 20 * DEGREE + 1)
def test_within_distance_agrees_with_the_distance(footprint, area, metres):
    metric = distance(footprint, area)
    if abs(metric - metres) > 2.0 or metric == metres == 0:
        assert holds("within_distance", footprint, area, metres) == (metric <= metres)


@given(shapes(), shapes(), st.sampled_from(list(Relation)), st.sampled_from([0.0, 1e3, DEGREE, 5e6, 1e9]))
@settings(max_examples=examples(1000))
def test_boxes_leave_out_nothing(footprint, area, relation, metres):
    condition = Spatial(FOOTPRINT, relation, area, metres if relation is Relation.WITHIN_DISTANCE else None)
    boxes = boxes_of(condition)
    if boxes is None or not make_test(condition)(numpy.array([footprint], dtype=object))[0]:
        return
    west, east, south, north = numpy.nextafter(footprint_box(footprint), [-1e3, 1e3, -1e3, 1e3])
    assert any(w <= east and west <= e and s <= north and south <= n for w, e, s, n in boxes)


def test_nothing_is_near_or_far_from_an_unset_footprint():
    unset = numpy.array([None], dtype=object)
    for relation in Relation:
        condition = spatial(FOOTPRINT, relation, SQUARE, 2e7 if relation is Relation.WITHIN_DISTANCE else None)
        assert not make_test(condition)(unset).any()
    assert sphere.distances(as_geometry(SQUARE), unset).tolist() == [math.inf]
