"""3.9, ours: reads on another CRS, `point()`, footprints and bounds are at one place, whatever the datums are."""

from __future__ import annotations

import math

import pyproj.exceptions
import pytest
from rasterio.crs import CRS

from localcat.earth.crs import WGS84
from localcat.earth.projecting import project
from localcat.rasters.files.describe import describe
from tests.places_of_crs import Somewhere, codes, coordinates, places_of

PECULIAR = [2065, 20790, 21896, 27391, 27563, 4805, 4806, 4807, 4813, 4818, 2100, 3332, 3402]
"""Not from Greenwich; or PROJ takes other operations on the way back, or beyond the area of use."""

OF_ONE_DATUM = [4403, 4410, 26721]
"""At the edge of their areas of use PROJ has them elsewhere than the longitudes and latitudes of the same datum."""

OF_EACH_METHOD = [
    *(2000, 2046, 2056, 2062, 2065, 2066, 2138, 2172, 2963, 2964, 3000, 3031, 3035, 3078, 3139, 3295, 3388, 3408, 3409),
    *(3410, 3857, 3993, 4087, 5041, 5221, 5224, 5225, 5472, 5513, 5514, 5515, 5516, 6201, 6244, 6933, 8441, 8857, 9311),
    *(9549, 9895, 10622, 27200, 27701, 31300),
]
"""Of each way in which PROJ's registered maps are projected, and more where WKT 1 or the way back is not enough."""

OTHERS = [3857, 4326, 32633, 23031, 4807]


@pytest.mark.parametrize("code", PECULIAR)
def test_where_operations_differ(tmp_path, code):
    for place in places_of(code):
        Somewhere.at(tmp_path, code, place).check(OTHERS)


@pytest.mark.parametrize("code", OF_ONE_DATUM)
def test_coordinates_of_one_datum_stay_the_same_where_their_places_differ(tmp_path, code):
    for place in places_of(code):
        Somewhere.at(tmp_path, code, place).check([4267, *OTHERS])


@pytest.mark.parametrize("code", OF_EACH_METHOD)
def test_reads_from_and_onto_a_map_of_each_method(tmp_path, code):
    """WKT 1 has one name for two methods (EPSG:9311). Krovak's map (EPSG:5514) leads back on one ellipsoid only."""
    somewhere = Somewhere.at(tmp_path, code, places_of(code)[0])
    somewhere.check([4326, code])
    somewhere.check_from(4326)
    somewhere.check_from(3857)


@pytest.mark.parametrize("code", [10178, 4267, 4326])
def test_a_file_on_both_sides_of_the_edge_of_a_map_is_found(tmp_path, code):
    """Half a turn from the middle of a UTM zone its map is torn on the equator: northings jump by 40,000 km."""
    assert [round(one) for one in coordinates(20256, (0.0, 0.0))] == [-2623117, 29996001]
    Somewhere.at(tmp_path, code, (0.0, 0.0)).check([20256, 32756])


def test_a_datum_whose_name_a_file_cannot_keep_is_shifted_as_registered(tmp_path):
    """Gabon: a GeoTIFF has M_poraloko in the place of M'poraloko, which PROJ knows no operation for."""
    for place in places_of(4266):
        Somewhere.at(tmp_path, 4266, place).check(OTHERS)
    described = describe(tmp_path / "4266.tif")
    assert described.grid is not None
    assert described.grid.crs == CRS.from_epsg(4266)
    ((lon,), (lat,)) = project(described.grid.crs, WGS84, [10.0], [-1.0])
    assert (round((lon - 10) * 111_000), round((lat + 1) * 111_000)) == (-116, 52)  # metres, as pyproj has it


def test_of_one_datum_there_are_two_places_outside_the_area_of_use():
    blm, nad27 = CRS.from_epsg(4403), CRS.from_epsg(4267)
    x, y = coordinates(4403, (-161.990601, 74.287523))
    ((lon,), (lat,)) = project(blm, WGS84, [x], [y])
    ((other_lon,), (other_lat,)) = project(nad27, WGS84, *project(blm, nad27, [x], [y]))
    assert (round(lon, 6), round(lat, 6)) == (-161.990601, 74.287523)
    assert abs(other_lon - lon) > 0.001 or abs(other_lat - lat) > 0.001


@pytest.mark.parametrize("code", codes(every=1200, seed=14))
def test_a_share_of_all_codes(tmp_path, code):
    for place in places_of(code):
        Somewhere.at(tmp_path, code, place).check(OTHERS)


def test_a_place_is_where_pyproj_has_it():
    """An independent way: the operation that PROJ itself takes for each point, in the other package's copy of it."""
    far = []
    for code in codes(every=600, seed=3):
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
