"""Geometries that name their CRS are brought to longitude and latitude."""

from __future__ import annotations

import math

import pytest
import shapely
from rasterio.crs import CRS

from localcat.earth.contexts import AOI
from localcat.earth.geometry import (
    as_footprints,
    as_geometry,
    footprint_box,
)
from localcat.earth.wkt import as_area
from localcat.errors import InvalidGeometryError
from tests.earth.shapes import HEXAGON, SQUARE, SQUARE_JSON, Interface, read_across

METRES = shapely.box(1_000_000, 2_000_000, 1_100_000, 2_100_000)  # Web Mercator
DEGREES = (
    *(math.degrees(1_000_000 / 6_378_137), math.degrees(math.atan(math.sinh(2_000_000 / 6_378_137)))),
    *(math.degrees(1_100_000 / 6_378_137), math.degrees(math.atan(math.sinh(2_100_000 / 6_378_137)))),
)


class WithCrs(Interface):
    def __init__(self, interface, crs, **others):
        super().__init__(interface)
        self.crs = crs
        vars(self).update(others)


class Series:
    """What names its CRS as geopandas does."""

    def to_wkt(self):
        return CRS.from_epsg(3857).to_wkt()


def named(name):
    return {**shapely.geometry.mapping(METRES), "crs": {"type": "name", "properties": {"name": name}}}


@pytest.mark.parametrize(
    "value",
    [
        shapely.set_srid(METRES, 3857),
        shapely.to_wkb(shapely.set_srid(METRES, 3857), include_srid=True),
        shapely.set_srid(shapely.MultiPolygon([METRES]), 3857),
        named("urn:ogc:def:crs:EPSG::3857"),
        named("urn:ogc:def:crs:EPSG:9.9:3857"),
        named("http://www.opengis.net/def/crs/EPSG/0/3857"),
        named("EPSG:3857"),
        {**shapely.geometry.mapping(METRES), "crs": {"type": "EPSG", "properties": {"code": 3857}}},
        {"type": "Feature", "geometry": named("EPSG:3857"), "properties": {}},
        {"type": "Feature", "geometry": shapely.geometry.mapping(METRES), "crs": named("EPSG:3857")["crs"]},
        WithCrs(METRES.__geo_interface__, Series()),
        WithCrs(METRES.__geo_interface__, "EPSG:3857"),
        WithCrs(METRES.__geo_interface__, 3857),
    ],
    ids=range(13),
)
def test_a_crs_that_a_geometry_names_is_heeded(value):
    """3.2, choice 22."""
    found = as_geometry(value)
    assert found.geom_type == "Polygon"
    assert found.bounds == pytest.approx(DEGREES)
    assert as_footprints([value])[0].equals(found)


def test_well_known_text_with_an_srid():
    """3.2, choice 22."""
    assert as_area(f"SRID=3857;{METRES.wkt}").bounds == pytest.approx(DEGREES)
    assert as_area("SRID=4326; POINT (3 4)").coords[0] == (3, 4)


def test_a_frame_of_many_geometries_is_brought_as_a_whole():
    geopandas = pytest.importorskip("geopandas", reason="geopandas is optional")
    series = geopandas.GeoSeries([METRES, shapely.Point(0, 0)], crs=3857)
    for value in (series, geopandas.GeoDataFrame(geometry=series)):
        found = as_geometry(value)
        assert [part.geom_type for part in found.geoms] == ["Polygon", "Point"]
        assert found.geoms[0].bounds == pytest.approx(DEGREES)


@pytest.mark.parametrize("name", ["urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:EPSG::4326", "EPSG:4326"])
def test_longitude_and_latitude_stay_what_they_are(name):
    square = {**SQUARE_JSON, "crs": {"type": "name", "properties": {"name": name}}}
    assert as_geometry(square).equals(SQUARE)
    assert as_geometry({**SQUARE_JSON, "crs": None}).equals(SQUARE)
    assert as_geometry(shapely.set_srid(SQUARE, 4326)).equals(SQUARE)


def test_the_crs_of_a_geo_context_is_that_of_its_pixels():
    assert as_geometry(AOI(SQUARE, crs="EPSG:32631", resolution=10)).equals(SQUARE)


def test_degrees_of_another_datum_are_brought_as_those_of_its_own_globe():
    """3.2, choice 22: a rectangle is as wide as it is written, and other long edges cross the antimeridian."""
    wide = as_geometry(shapely.set_srid(shapely.box(-170, 0, 170, 10), 4269))
    assert wide.bounds == pytest.approx((-170, 0, 170, 10))
    assert footprint_box(read_across(shapely.set_srid(shapely.Polygon(HEXAGON), 4269))) == pytest.approx(
        (168, 192, -10, 10)
    )
    grads = as_geometry(shapely.set_srid(shapely.box(0, 50, 10, 60), 4807))  # 10 grads are 9°, from Paris
    assert grads.bounds == pytest.approx((2.3372, 45, 11.3372, 54), abs=1e-3)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (shapely.set_srid(METRES, 999999), "the SRID is not usable: unknown coordinate reference system 'EPSG:999999'"),
        (named("EPSG:999999"), "the crs of the GeoJSON is not usable"),
        (named("/vsicurl/http://example.com/a.wkt"), "the crs of the GeoJSON is not usable"),
        ({**SQUARE_JSON, "crs": {"type": "link", "properties": {"href": "x"}}}, "which names none; pass EPSG:4326"),
        ({**SQUARE_JSON, "crs": 5}, "the crs of the GeoJSON is 5, which names none"),
        (WithCrs(SQUARE_JSON, "nonsense"), "the crs of the WithCrs is not usable"),
        (WithCrs(SQUARE_JSON, {"proj": "utm"}), "the crs of the WithCrs is not usable"),
        (
            {"type": "GeometryCollection", "geometries": [named("EPSG:3857"), SQUARE_JSON]},
            "the members of the GeoJSON have several CRSs",
        ),
        (shapely.set_srid(shapely.box(0, 0, 1, 1), 4978), "neither geographic nor projected"),
    ],
)
def test_a_crs_that_is_not_known_is_refused(value, message):
    with pytest.raises(InvalidGeometryError, match=message):
        as_geometry(value)
