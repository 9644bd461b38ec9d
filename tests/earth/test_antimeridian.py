"""Rings across the antimeridian and around the poles, beside the package `antimeridian`.

It has the same conventions as ours, but for four, which the calls below switch off or leave out:

- It bends edges along great circles. RFC 7946 and ours have straight lines in longitude and latitude.
- Which pole a ring holds follows from its direction. Ours takes that of its hemisphere, since satellite footprints come
  in both directions; only a ring on both sides of the equator is read by its direction (RFC 7946, section 3.1.6).
- It splits rectangles with an edge of more than 180 degrees. Ours are as wide as they are written (choice 22).
- It does not read a hole across the antimeridian whose shell is on one side; such a hole is not drawn here.
"""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

import antimeridian
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from localcat.earth.geometry import as_geometry, footprint_box
from localcat.errors import GeometryWarning
from tests.drawing import examples

ROUNDING = 1e-7  # degrees; to which the package rounds the latitudes where it cuts
Ring = list[tuple[float, float]]

degrees = st.integers(0, 359)
shares = st.sampled_from([0.4, 0.55, 0.7, 0.85, 1.0])


def ring_around(place: tuple[float, float], width: float, height: float, corners: dict[int, float]) -> Ring:
    """Return a ring whose corners are in directions from a place, at shares of the way to an ellipse."""
    lon, lat = place
    points = ((math.radians(at), share) for at, share in sorted(corners.items()))
    return [(lon + width * share * math.cos(at), lat + height * share * math.sin(at)) for at, share in points]


def turned(ring: Ring) -> Ring:
    return [((lon + 180) % 360 - 180, lat) for lon, lat in ring]


def ours(polygon: shapely.Polygon) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GeometryWarning)
        return as_geometry(polygon)


def assert_same(found: Any, wanted: Any) -> None:
    assert found.is_valid
    assert found.symmetric_difference(shapely.make_valid(wanted)).area <= ROUNDING * found.length


@settings(max_examples=examples(150))
@given(
    place=st.tuples(st.floats(150, 210), st.floats(-70, 70)),
    size=st.tuples(st.floats(2, 85), st.floats(2, 18)),
    corners=st.dictionaries(degrees, shares, min_size=4, max_size=9),
    is_reversed=st.booleans(),
)
def test_rings_across_the_antimeridian(place: Any, size: Any, corners: dict[int, float], is_reversed: bool) -> None:
    """Choice 14."""
    ring = ring_around(place, *size, corners)
    flat = shapely.Polygon(ring)
    steps = [abs(one[0] - other[0]) for one, other in itertools.pairwise([*ring, ring[0]])]
    assume(flat.is_valid and flat.area > 0.1 and max(steps) < 179)
    drawn = shapely.Polygon(turned(ring[::-1] if is_reversed else ring))
    wanted = antimeridian.fix_polygon(drawn, great_circle=False, fix_winding=True)
    found = ours(drawn)
    assert_same(found, wanted)
    assert found.area == pytest.approx(flat.area)
    west, south, east, north = flat.bounds
    turns = 360 if west > 180 else 0
    assert footprint_box(found) == pytest.approx((west - turns, east - turns, south, north), abs=ROUNDING)


@settings(max_examples=examples(100))
@given(
    longitudes=st.sets(degrees, min_size=4, max_size=12),
    latitudes=st.lists(st.floats(50, 88), min_size=12, max_size=12),
    start=st.floats(-180, 180),
    is_north=st.booleans(),
    is_reversed=st.booleans(),
)
def test_rings_around_a_pole(
    longitudes: set[int], latitudes: list[float], start: float, is_north: bool, is_reversed: bool
) -> None:
    """Choice 14."""
    around = sorted(longitudes)
    assume(max(other - one for one, other in itertools.pairwise([*around, around[0] + 360])) < 179)
    sign = 1 if is_north else -1
    ring = turned([(start + lon, sign * lat) for lon, lat in zip(around, latitudes, strict=False)])
    drawn = shapely.Polygon(ring[::-1] if is_reversed else ring)
    pole = {"force_north_pole": True} if is_north else {"force_south_pole": True}
    found = ours(drawn)
    assert_same(found, antimeridian.fix_polygon(drawn, great_circle=False, fix_winding=True, **pole))
    assert found.covers(shapely.Point(0, 90 * sign))


@settings(max_examples=examples(100))
@given(
    middle=st.tuples(st.floats(160, 200), st.floats(-60, 60)),
    corners=st.dictionaries(degrees, shares, min_size=4, max_size=9),
    shift=st.floats(-1, 1),
)
def test_holes_across_the_antimeridian(middle: Any, corners: dict[int, float], shift: float) -> None:
    lon, lat = middle
    hole = ring_around((lon + shift, lat), 4, 4, corners)
    flat = shapely.Polygon(hole)
    shell = [(lon - 25, lat - 9), (lon + 25, lat - 8), (lon + 24, lat + 9), (lon - 24, lat + 8)]
    assume(flat.is_valid and flat.area > 0.1)
    assume((lon - 25 < 180 < lon + 25) and not (lon + shift - 4 < 180 < lon + shift + 4))
    drawn = shapely.Polygon(turned(shell), [turned(hole)])
    found = ours(drawn)
    assert_same(found, antimeridian.fix_polygon(drawn, great_circle=False, fix_winding=True))
    assert found.area == pytest.approx(shapely.Polygon(shell, [hole]).area)
