from __future__ import annotations

import numpy
import pytest
import shapely
import shapely.geometry
from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import transform

from localcat.earth.contexts.grid import Grid
from localcat.earth.geometry import area_km2, as_geometry
from localcat.errors import RasterError
from localcat.rasters.files.describe import band_info, describe, raster_info
from localcat.rasters.files.footprint import footprint
from localcat.rasters.writing.checks import BandLayer
from localcat.rasters.writing.options import CogOptions
from localcat.rasters.writing.write import write_cog
from tests.small_rasters import make_grid, make_tif_without_a_place, noise


def grid_of(crs, origin, resolution, shape) -> Grid:
    return Grid(CRS.from_string(crs), Affine(resolution, 0, origin[0], 0, -resolution, origin[1]), shape)


def test_a_description_says_what_was_written(tmp_path):
    path = tmp_path / "x.tif"
    grid = make_grid((140, 301))
    digest = write_cog(
        noise((2, *grid.shape)),
        path,
        grid=grid,
        bands=[BandLayer("red", nodata=0), BandLayer("nir", nodata=0, scale=2.0, unit="K")],
        options=CogOptions(blocksize=128, overviews=[2, 4]),
        tags={"image": "x"},
    )
    found = describe(path)
    assert found.driver == "GTiff"
    assert found.grid == grid
    assert found.shape == (140, 301)
    assert found.count == 2
    assert found.dtypes == ("uint16", "uint16")
    assert found.nodata == (0.0, 0.0)
    assert found.descriptions == ("red", "nir")
    assert found.overviews == (2, 4)
    assert found.blocksize == (128, 128)
    assert found.compression == "deflate"
    assert found.units == (None, "K")
    assert found.scales == (1.0, 2.0)
    assert found.alpha_index is None
    assert found.size_bytes == digest.size_bytes
    assert found.tags["image"] == "x"


def test_real_files(real_files):
    rgba = describe(real_files / "RGBA.uint16.tif")
    assert rgba.alpha_index == 4
    assert not rgba.has_internal_mask
    assert rgba.color_interpretations == ("blue", "green", "red", "alpha")
    masked = describe(real_files / "corrupt.tif")
    assert masked.has_internal_mask
    assert masked.overviews == (2, 4, 8, 16, 32, 64)
    assert describe(real_files / "all-nodata.tif").descriptions == ("blue", "green", "red", "nir")
    esri = describe(real_files / "test_esri_wkt.tif")
    assert esri.grid.crs.to_authority() == ("ESRI", "102039")
    world = describe(real_files / "world.byte.tif")
    assert footprint(world.grid).bounds == (-180.0, -75.0, 180.0, 75.0)


def test_a_file_without_a_place_has_no_grid(tmp_path):
    path = make_tif_without_a_place(tmp_path / "x.tif")
    found = describe(path)
    assert found.grid is None
    assert found.crs is None
    assert found.transform is None
    assert found.shape == (20, 30)


def test_the_info_of_an_array():
    grid = make_grid((48, 64))
    bands = [band_info(1, name="red", data_type="UInt16", color_interpretation="red", nodata=0)]
    info = raster_info(grid, bands=bands, files=["a.tif"], metadata={"id": "x"})
    assert info["geoTransform"] == [500_000.0, 10.0, 0.0, 5_000_000.0, 0.0, -10.0]
    assert info["coordinateSystem"]["epsg"] == 32618
    assert CRS.from_wkt(info["coordinateSystem"]["wkt"]) == grid.crs
    assert info["coordinateSystem"]["proj4"] == "+proj=utm +zone=18 +datum=WGS84 +units=m +no_defs"
    assert info["size"] == [64, 48]
    assert info["bands"][0]["type"] == "UInt16"
    assert info["bands"][0]["colorInterpretation"] == "Red"
    assert info["cornerCoordinates"] == {
        "upperLeft": [500_000.0, 5_000_000.0],
        "lowerLeft": [500_000.0, 4_999_520.0],
        "lowerRight": [500_640.0, 4_999_520.0],
        "upperRight": [500_640.0, 5_000_000.0],
        "center": [500_320.0, 4_999_760.0],
    }
    assert shapely.geometry.shape(info["wgs84Extent"]).equals(footprint(grid))
    assert info["driverShortName"] == "MEM"
    assert info["files"] == ["a.tif"]
    assert info["metadata"] == {"id": "x"}


@pytest.mark.parametrize(
    ("grid", "kind", "bounds"),
    [
        (grid_of("EPSG:4326", (-10, 50), 0.5, (20, 40)), "Polygon", (-10, 40, 10, 50)),
        (grid_of("EPSG:4326", (170, 10), 1.0, (20, 20)), "MultiPolygon", (-180, -10, 180, 10)),
        (grid_of("EPSG:4326", (0, 90), 1.0, (180, 360)), "Polygon", (-180, -90, 180, 90)),
        (grid_of("EPSG:4326", (-180.5, 90.5), 1.0, (181, 361)), "Polygon", (-180, -90, 180, 90)),
        (grid_of("EPSG:3413", (-2e6, 2e6), 10_000, (400, 400)), "Polygon", (-180, 64.312, 180, 90)),
        (grid_of("EPSG:3031", (-2e6, 2e6), 10_000, (400, 400)), "Polygon", (-180, -90, 180, -64.386)),
        (grid_of("EPSG:3413", (0, 1e6), 10_000, (100, 100)), "Polygon", (45, 76.999, 135, 90)),
        (grid_of("EPSG:32601", (2e5, 5e6), 1000, (200, 300)), "MultiPolygon", (-180, 43.293, 180, 45.153)),
    ],
)
def test_footprints(grid, kind, bounds):
    outline = footprint(grid)
    assert outline.geom_type == kind
    assert outline.is_valid
    assert outline.bounds == pytest.approx(bounds, abs=2e-3)
    again = as_geometry(outline)
    assert again.area == pytest.approx(outline.area)


@pytest.mark.parametrize("crs", ["EPSG:3413", "EPSG:3031", "EPSG:3995"])
def test_a_polar_raster_holds_its_pole(crs):
    pole = shapely.Point(0, -90 if crs == "EPSG:3031" else 90)
    outline = footprint(grid_of(crs, (-1.5e6, 2e6), 10_000, (350, 300)))
    assert outline.covers(pole)
    beside = footprint(grid_of(crs, (1e6, 3e6), 10_000, (100, 100)))
    assert not beside.covers(pole)
    assert area_km2(outline) == pytest.approx(3000 * 3500, rel=0.15)


@pytest.mark.parametrize("crs", ["EPSG:32618", "EPSG:3413", "EPSG:3857", "EPSG:3035", "EPSG:6933"])
def test_every_pixel_lies_in_the_footprint_and_its_neighbours_do_not(crs):
    if crs == "EPSG:3413":
        grid = grid_of(crs, (-2e6, 2e6), 10_000, (400, 400))
    else:
        grid = grid_of(crs, (4e5, 4e6), 1000, (500, 700))
    outline = footprint(grid)
    columns, rows = numpy.meshgrid(numpy.linspace(-40, grid.width + 40, 60), numpy.linspace(-40, grid.height + 40, 60))
    t = grid.transform
    lons, lats = transform(grid.crs, CRS.from_epsg(4326), (t.a * columns + t.c).ravel(), (t.e * rows + t.f).ravel())
    found = shapely.intersects_xy(outline, numpy.array(lons), numpy.array(lats)).reshape(columns.shape)
    depth = numpy.minimum.reduce([columns, rows, grid.width - columns, grid.height - rows])
    assert found[depth > 0.5].all()
    assert not found[depth < -0.5].any()


def test_a_geostationary_disc_is_cut_where_the_earth_ends():
    disc = grid_of("+proj=geos +h=35785831 +lon_0=0 +sweep=y", (-5_568_748, 5_568_748), 10_000, (1113, 1113))
    outline = footprint(disc)
    assert outline.is_valid
    assert outline.covers(shapely.Point(0, 0))
    assert max(abs(bound) for bound in outline.bounds) < 82


def test_a_grid_off_the_earth_is_refused():
    with pytest.raises(RasterError, match="check its CRS and transform"):
        footprint(grid_of("+proj=geos +h=35785831 +lon_0=0 +sweep=y", (7e6, 7e6), 1000, (10, 10)))
    with pytest.raises(RasterError, match="beyond the poles of EPSG:4326"):
        footprint(grid_of("EPSG:4326", (0, 120), 1, (10, 10)))
