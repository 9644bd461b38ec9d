"""Boxes, overlaps, areas and coverage of geometries."""

from __future__ import annotations

import math
import random

import numpy
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.affinity import translate

from localcat.earth.geometry import (
    area_km2,
    as_footprints,
    as_geometry,
    coverage,
    footprint_box,
    intersecting,
    poles_of,
    search_boxes,
)
from localcat.errors import InvalidGeometryError
from tests.drawing import examples
from tests.earth.shapes import SQUARE
from tests.random_catalogs import SPECIAL_SHAPES, shapes

# Boxes and overlaps


def overlap(one, other):
    return one[0] <= other[1] and other[0] <= one[1] and one[2] <= other[3] and other[2] <= one[3]


def test_the_boxes_of_special_shapes():
    boxes = [footprint_box(as_geometry(shape)) for shape in SPECIAL_SHAPES[:5]]
    assert boxes == [
        (-180, 180, -90, 90),
        (170, 190, -10, 10),
        (175, 185, 75, 90),
        (-180, -175, -10, 10),
        (175, 180, -10, 10),
    ]
    assert search_boxes(SQUARE) == [(10, 12, 20, 21), (370, 372, 20, 21)]
    assert search_boxes(as_geometry((170, 0, -170, 1))) == [(170, 190, 0, 1), (530, 550, 0, 1), (-190, -170, 0, 1)]


@given(shapes(), shapes())
@settings(max_examples=examples(1000))
def test_no_overlap_is_missed(footprint, area):
    meets = any(shapely.intersects(translate(footprint, turn), area) for turn in (-360, 0, 360))
    meets = meets or bool(set(poles_of(footprint)) & set(poles_of(area)))
    if meets:
        assert any(overlap(footprint_box(footprint), box) for box in search_boxes(area))
    assert intersecting(area, numpy.array([footprint, None])).tolist() == [meets, False]


@given(shapes(), st.sampled_from(SPECIAL_SHAPES))
@settings(max_examples=examples(200))
def test_many_footprints_are_read_as_one_is(shape, special):
    values = [shape, None, special, shapely.Point(), shapely.force_3d(shape, 1), "no geometry"]
    one, none, other, *errors = as_footprints(values)
    assert none is None
    assert one.equals(shape)
    assert other.equals(as_geometry(special))
    assert errors[1].equals(shape)
    assert [type(errors[index]) for index in (0, 2)] == [InvalidGeometryError] * 2


# Measures


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ((-180, -90, 180, 90), 510_065_882.0),  # 4 π R², R = 6371.0088 km
        ((-180, 0, 180, 90), 255_032_941.0),
        ((0, 0, 1, 1), 12_363.7),  # R² · 1° · sin 1°
        ((0, 60, 1, 61), 6_088.42),  # R² · 1° · (sin 61° − sin 60°)
        ((179.5, 0, -179.5, 1), 12_363.7),
        (shapely.Polygon([(-120, 80), (0, 80), (120, 80), (240, 80)]), 3_874_514.0),  # 2 π R² (1 − sin 80°)
        (shapely.GeometryCollection([shapely.box(0, 0, 1, 1), shapely.box(0, 0, 1, 1), shapely.Point(5, 5)]), 12_363.7),
        (shapely.Point(0, 0), 0.0),
        (shapely.LineString([(0, 0), (5, 5)]), 0.0),
    ],
)
def test_areas_on_the_sphere(value, wanted):
    assert area_km2(as_geometry(value)) == pytest.approx(wanted, rel=1e-4)


def test_areas_follow_the_formula_of_a_cell():
    rng = random.Random(5)
    for _ in range(200):
        west, south = rng.uniform(-170, 160), rng.uniform(-85, 75)
        width, height = rng.uniform(0.01, 10), rng.uniform(0.01, 10)
        bands = math.sin(math.radians(south + height)) - math.sin(math.radians(south))
        wanted = 6371.0088**2 * math.radians(width) * bands
        assert area_km2(shapely.box(west, south, west + width, south + height)) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(
    ("footprint", "area", "wanted"),
    [
        ((0, 0, 1, 1), (0, 0, 2, 1), 0.5),
        ((0, 0, 2, 1), (0, 0, 1, 1), 1.0),
        ((0, 0, 1, 1), (5, 5, 6, 6), 0.0),
        ((170, 0, -170, 1), (175, 0, -175, 1), 1.0),
        ((170, 0, 180, 1), (170, 0, -170, 1), 0.5),
        ((0, 0, 1, 1), shapely.Point(0.5, 0.5), 1.0),
        ((0, 0, 1, 1), shapely.Point(2, 2), 0.0),
        ((0, 0, 1, 1), shapely.LineString([(0, 0), (1, 1)]), 1.0),
        ((0, 0, 1, 1), shapely.LineString([(0, 0), (2, 2)]), 0.0),
        ((0, 0, 1, 1), shapely.GeometryCollection([shapely.box(0, 0, 2, 1), shapely.Point(9, 9)]), 0.5),
        (shapely.GeometryCollection([shapely.box(0, 0, 1, 1), shapely.Point(9, 9)]), (0, 0, 1, 1), 1.0),
        (shapely.Point(0, 0), (0, 0, 1, 1), 0.0),
    ],
)
def test_coverage(footprint, area, wanted):
    assert coverage(as_geometry(footprint), as_geometry(area)) == pytest.approx(wanted)
