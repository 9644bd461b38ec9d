"""What a GeoTIFF keeps of a CRS, and which CRSs mean the same places."""

from __future__ import annotations

import pytest
from affine import Affine
from rasterio.crs import CRS

from localcat.earth.contexts.grid import Grid
from localcat.earth.crs import parse_crs
from localcat.errors import GridMismatchError
from localcat.rasters.files.georeferencing import agrees, check_crs_is_kept, is_same_place

METRES = Affine(10, 0, 500_000, 0, -10, 5_000_000)
DEGREES = Affine(0.01, 0, 7, 0, -0.01, 47)
LONLAT = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],'
    'UNIT["degree",0.0174532925199433],AXIS["Longitude",EAST],AXIS["Latitude",NORTH]]'
)
ATLAS = CRS.from_epsg(9311).to_wkt(version="WKT2_2019").replace(',ID["EPSG",9311]', "")
SPHERE = "+proj=merc +R=6378137 +nadgrids=@null +units=m"


def grid(words: str, transform: Affine) -> Grid:
    return Grid(parse_crs(words), transform, (48, 64))


@pytest.mark.parametrize(
    ("words", "transform"),
    [
        ("EPSG:32632", METRES),
        ("EPSG:8857", METRES),
        ("EPSG:3295", METRES),  # these three by their codes alone
        ("EPSG:6201", METRES),
        ("EPSG:9311", METRES),
        ("ESRI:54009", METRES),
        ("OGC:CRS84", DEGREES),
        ("EPSG:9707", DEGREES),
        ("IGNF:RGF93G", DEGREES),
        (LONLAT, DEGREES),
        (SPHERE, METRES),
        ("+proj=geos +h=35785831 +lon_0=0 +sweep=y +ellps=WGS84", METRES),
        ("+proj=geos +h=35785831 +lon_0=0 +sweep=y +ellps=WGS84", Affine(5e5, 0, -1.6e7, 0, -5e5, 1.2e7)),  # its disc
        ("+proj=longlat +datum=WGS84 +lon_wrap=180", Affine(1, 0, 150, 0, -1, 47)),  # on beyond 180°
        ("+proj=utm +zone=32 +datum=WGS84 +over", METRES),
        ("+proj=utm +zone=32 +ellps=intl +towgs84=-87,-98,-121", METRES),
    ],
)
def test_a_crs_that_a_geotiff_keeps(words: str, transform: Affine) -> None:
    check_crs_is_kept(grid(words, transform))


@pytest.mark.parametrize(
    ("words", "transform", "expected"),
    [
        (
            "+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39.25 +lon_0=18",
            DEGREES,
            "a GeoTIFF cannot keep the CRS '+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39.25 +lon_0=18 "
            "+datum=WGS84 +no_defs'; bring the pixels to another one, such as UTM",
        ),
        (
            "+proj=hatano +datum=WGS84",
            METRES,
            "a GeoTIFF cannot keep the CRS '+proj=hatano +datum=WGS84 +units=m +no_defs'; "
            "bring the pixels to another one, such as UTM",
        ),
        (
            "+proj=longlat +datum=WGS84 +lon_0=180",
            DEGREES,
            "a GeoTIFF cannot keep the CRS '+proj=longlat +datum=WGS84 +lon_0=180'; it would be read as 'EPSG:4326'; "
            "bring the pixels to another one, such as UTM",
        ),
    ],
)
def test_a_crs_that_a_geotiff_loses(words: str, transform: Affine, expected: str) -> None:
    with pytest.raises(GridMismatchError) as raised:
        check_crs_is_kept(grid(words, transform))
    assert str(raised.value) == expected


def test_a_projection_without_a_code_that_a_geotiff_takes_for_another_is_refused() -> None:
    """On an ellipsoid drawn as a sphere, as EPSG:9311 is; read back, its places would be 20 km away."""
    with pytest.raises(GridMismatchError, match=r"a GeoTIFF cannot keep the CRS '.*bring the pixels to another one"):
        check_crs_is_kept(grid(ATLAS.replace('origin",-100,', 'origin",-90,'), METRES))


@pytest.mark.parametrize(
    ("one", "other", "transform", "expected"),
    [
        ("EPSG:4326", LONLAT, DEGREES, True),
        ("EPSG:900913", SPHERE, METRES, True),
        ("EPSG:3857", SPHERE, METRES, True),
        ("EPSG:32632", "+proj=utm +zone=32 +datum=WGS84", METRES, True),
        ("EPSG:32632", "+proj=utm +zone=33 +datum=WGS84", METRES, False),
        ("EPSG:3857", "+proj=merc +datum=WGS84", METRES, False),  # kilometres off, for the ellipsoid
        ("EPSG:9311", ATLAS, METRES, True),
        ("EPSG:9311", CRS.from_epsg(9311).to_wkt(version="WKT1_GDAL"), METRES, False),  # the same for PROJ.4 text
    ],
)
def test_the_same_places(one: str, other: str, transform: Affine, expected: bool) -> None:
    assert agrees(grid(one, transform), parse_crs(other)) is expected


def test_two_codes_of_one_place_are_two_crs() -> None:
    """The two differ by less than a metre, and by what was said."""
    german = parse_crs("EPSG:25832")
    assert is_same_place(grid("EPSG:32632", METRES), german)
    assert not agrees(grid("EPSG:32632", METRES), german)
