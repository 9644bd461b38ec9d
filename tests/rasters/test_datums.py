"""3.9, ours: reads on another CRS, `point()`, footprints and bounds are at one place, whatever the datums are."""

from __future__ import annotations

import math

import pyproj.exceptions
import pytest

from tests.places_of_crs import Somewhere, codes, coordinates, places_of

PECULIAR = [2065, 20790, 21896, 27391, 27563, 4805, 4806, 4807, 4813, 4818, 2100, 3332, 3402]
"""Not from Greenwich; or PROJ takes other operations on the way back, or beyond the area of use."""

OTHERS = [3857, 4326, 32633, 23031, 4807]


@pytest.mark.parametrize("code", PECULIAR)
def test_where_operations_differ(tmp_path, code):
    for place in places_of(code):
        Somewhere.at(tmp_path, code, place).check(OTHERS)


@pytest.mark.parametrize("code", codes(every=400, seed=14))
def test_a_share_of_all_codes(tmp_path, code):
    for place in places_of(code):
        Somewhere.at(tmp_path, code, place).check(OTHERS)


def test_a_place_is_where_pyproj_has_it():
    """An independent way: the operation that PROJ itself takes for each point, in the other package's copy of it."""
    far = []
    for code in codes(every=200, seed=3):
        try:
            to_place = pyproj.Transformer.from_crs(code, 4326, always_xy=True)
        except pyproj.exceptions.ProjError:  # it has the CRS, and no way from there
            continue
        for place in places_of(code):
            x, y = coordinates(code, place)
            if math.isfinite(x):
                off = math.dist(to_place.transform(x, y), place) * 111_000
                far += [(code, place, off)] if off > 0.5 else []
    assert far == []
