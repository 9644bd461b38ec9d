"""What GDAL cannot parse is told by an error, not printed beside it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import rasterio.warp
from rasterio.crs import CRS

from localcat.earth.crs import exact_wkt, parse_crs, remembered

_PARSE = """
import sys
from localcat.earth.crs import parse_crs
from localcat.errors import InvalidCRSError
try:
    parse_crs(sys.argv[1])
except InvalidCRSError as error:
    print("unknown" in str(error))
"""


@pytest.mark.parametrize("words", ["EPSG:99999999", "PROJCS[bad", 'GEOGCS["x"]', "+proj=nonsense"])
def test_an_unknown_crs_prints_nothing(words: str, capfd: pytest.CaptureFixture[str]) -> None:
    # A process of its own: here, the last environment of rasterio may keep GDAL quiet by accident.
    subprocess.run([sys.executable, "-c", _PARSE, words], check=True)
    assert capfd.readouterr() == ("True\n", "")


_WRITE = """
import sys
import numpy
from localcat import Catalog, Image, Product, SpectralBand

with Catalog.temporary(org="acme") as catalog:
    product = Product(id="quiet", name="Quiet", catalog=catalog)
    product.save()
    SpectralBand(name="band", product=product, data_type="Byte", data_range=(0, 255), band_index=0).save()
    image = Image(product=product, name="x", acquired="2024-05-06", projection=sys.argv[1])
    image.geotrans = (400, 0.5, 0, 5000, 0, -0.5)
    image.upload_ndarray(numpy.ones((64, 48), dtype="uint8")).raise_for_status()
    image.ndarray("band", raster_info=True)
    print(catalog.verify("full").ok)
"""
_SPHERE = (
    'PROJCS["Google Maps Global Mercator",GEOGCS["unnamed ellipse",DATUM["unknown",SPHEROID["unnamed",6378137,0],'
    'EXTENSION["PROJ4_GRIDS","@null"]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],'
    'PROJECTION["Mercator_1SP"],PARAMETER["central_meridian",0],PARAMETER["scale_factor",1],'
    'PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["Meter",1]]'
)


@pytest.mark.parametrize("words", ["+proj=utm +zone=32 +datum=WGS84 +units=km", _SPHERE])
def test_pixels_in_an_unusual_crs_print_nothing(words: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The second one is kept as EPSG:900913, and means the same places."""
    subprocess.run([sys.executable, "-c", _WRITE, words], check=True)
    assert capfd.readouterr() == ("True\n", "")


@pytest.mark.parametrize("code", [3857, 4326, 32632, 5514])
def test_exact_wkt_is_of_version_1_where_that_is_enough(code: int) -> None:
    text = exact_wkt(CRS.from_epsg(code))
    assert text.startswith(("PROJCS[", "GEOGCS["))
    assert parse_crs(text) == CRS.from_epsg(code)


@pytest.mark.parametrize("code", [9311, 3295, 6201, 5224])
def test_exact_wkt_is_of_version_2_where_version_1_says_another_projection_or_none(code: int) -> None:
    text = exact_wkt(CRS.from_epsg(code))
    assert text.startswith("PROJCRS[")
    assert parse_crs(text) == CRS.from_epsg(code)


@pytest.mark.parametrize("name", ["hatano", "wag4", "geos +h=35785831"])
def test_exact_wkt_says_by_proj4_text_what_neither_version_has_a_name_for(name: str) -> None:
    crs = CRS.from_user_input(f"+proj={name} +datum=WGS84")
    text = exact_wkt(crs)
    assert text.startswith("PROJCS[")
    (lon,), (lat,) = rasterio.warp.transform(crs, "EPSG:4326", [1e5], [2e5])
    (same_lon,), (same_lat,) = rasterio.warp.transform(parse_crs(text), "EPSG:4326", [1e5], [2e5])
    assert (same_lon, same_lat) == pytest.approx((lon, lat), abs=1e-9)


def test_what_is_remembered_of_a_crs_is_told_of_the_same_crs_only() -> None:
    """EPSG:9311 and its own WKT 1 are two projections with one text."""
    asked = []

    @remembered
    def name_of(crs: CRS) -> str:
        asked.append(crs)
        return f"{len(asked)}"

    exact = CRS.from_epsg(9311)
    as_read = CRS.from_wkt(exact.to_wkt())
    assert (exact.to_wkt() == as_read.to_wkt(), exact == as_read) == (True, False)
    assert [name_of(exact), name_of(as_read), name_of(CRS.from_epsg(9311)), name_of(CRS.from_epsg(32618))] == list(
        "1213"
    )
    assert asked == [exact, as_read, CRS.from_epsg(32618)]
