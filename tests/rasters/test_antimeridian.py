"""Longitudes go around the Earth: pixels are found where they are, however a file and a grid count their degrees."""

from __future__ import annotations

import numpy
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from rasterio.crs import CRS
from rasterio.warp import transform

from localcat import AOI, Catalog, DLTile, Image, ImageCollection, Product, SpectralBand, XYZTile
from localcat.earth.contexts.grid import Grid
from localcat.rasters.reading.read import BandSource, read_bands
from localcat.rasters.writing.checks import BandLayer
from localcat.rasters.writing.options import CogOptions
from localcat.rasters.writing.write import write_cog

WORLD = numpy.random.default_rng(8).integers(1, 60_000, (60, 360)).astype("uint16")  # 30° N to 30° S, from 0° on, 1°
WGS84 = CRS.from_epsg(4326)
GLOBES = [(-180, 360), (0, 360), (-90, 360), (-180, 361), (-180, 364), (20, 350)]
CROSSINGS = [(170, 20), (-190, 30), (175, 5), (-180, 7), (178, 1), (340, 40)]


def degrees(west: float, columns: int, *, south: float = -30, rows: int = 60, size: float = 1.0) -> Grid:
    return Grid(WGS84, Affine(size, 0, west, 0, -size, south + rows * size), (rows, columns))


def seen(grid: Grid, west: int, width: int) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Return values, validity, and how near to an edge of a cell each pixel of a grid is that looks at a file."""
    columns, rows = numpy.meshgrid(numpy.arange(grid.width) + 0.5, numpy.arange(grid.height) + 0.5)
    t = grid.transform
    xs, ys = t.a * columns + t.c, t.e * rows + t.f
    lons, lats = transform(grid.crs, WGS84, xs.ravel(), ys.ravel())
    lons, lats = numpy.array(lons).reshape(grid.shape), numpy.array(lats).reshape(grid.shape)
    beyond = (lons - west) % 360
    valid = (beyond < width) & (abs(lats) < 30)
    row = numpy.floor(30 - lats).astype(int).clip(0, 59)
    values = WORLD[row, numpy.floor(lons).astype(int) % 360]
    nearness = numpy.minimum(abs(lons - numpy.rint(lons)), abs(lats - numpy.rint(lats)))
    return values, valid, nearness


def cells(west: int, width: int) -> numpy.ndarray:
    return WORLD[:, numpy.arange(west, west + width) % 360]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("globe")
    paths = {}
    for west, width in (*GLOBES, *CROSSINGS):
        paths[west, width] = folder / f"{west}-{width}.tif"
        options = CogOptions(blocksize=128, overviews=())
        write_cog(cells(west, width), paths[west, width], grid=degrees(west, width), options=options)
    return paths


TARGETS = {
    "degrees across": degrees(169.37, 53, south=-25.41, rows=103, size=0.43),
    "degrees below -180": degrees(-200.63, 53, south=-25.41, rows=103, size=0.43),
    "all degrees from 0": degrees(0.37, 350, south=-25.41, rows=50),
    "all degrees from -180": degrees(-179.63, 359, south=-25.41, rows=50),
    "NAD83": Grid(CRS.from_epsg(4269), degrees(169.37, 53, south=-25.41, size=0.43).transform, (103, 53)),
    "UTM 1": AOI(bounds=(177, -7, -178, 9), crs="EPSG:32601", resolution=27_000).grid(),
    "UTM 60": AOI(bounds=(178, -7, -177, 9), crs="EPSG:32660", resolution=27_000).grid(),
    "Web Mercator beyond its edge": AOI(bounds=(171, -20, -170, 25), crs="EPSG:3857", resolution=43_000).grid(),
    "a web map tile at the edge": XYZTile(31, 15, 5).grid(),
    "the whole web map": XYZTile(0, 0, 0).grid(),
    "around the pole": Grid(CRS.from_epsg(3413), Affine(9e4, 0, -9e6, 0, -9e4, 9e6), (200, 200)),
    "a tile": DLTile.from_latlon(3.3, 179.99, 20_000, 64, 0).grid(),
}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("source", [*GLOBES, *CROSSINGS], ids=str)
def test_pixels_are_where_they_are(files, source, target):
    found = read_bands([BandSource(files[source], 1)], target)[0]
    values, valid, nearness = seen(target, *source)
    # GDAL projects with an error of up to an eighth of a pixel of the file; in degrees nothing is projected.
    is_clear = nearness > (1e-6 if target.crs == WGS84 else 0.125)
    assert is_clear.mean() > 0.3
    assert_array_equal(numpy.ma.getmaskarray(found)[is_clear], ~valid[is_clear])
    both = is_clear & valid
    assert_array_equal(found.data[both], values[both])


@given(
    west=st.integers(-360, 360),
    width=st.integers(1, 361),
    left=st.integers(-400, 400),
    columns=st.integers(1, 400),
    has_nodata=st.booleans(),
)
def test_whole_degrees_are_copied_bit_for_bit(tmp_path_factory, west, width, left, columns, has_nodata):
    path = tmp_path_factory.mktemp("copy") / "x.tif"
    nodata = float(WORLD[3, 77]) if has_nodata else None
    options = CogOptions(blocksize=128, overviews=())
    write_cog(cells(west, width), path, grid=degrees(west, width), bands=[BandLayer(nodata=nodata)], options=options)
    found = read_bands([BandSource(path, 1)], degrees(left, columns))[0]
    expected = cells(left, columns)
    outside = numpy.broadcast_to((numpy.arange(left, left + columns) - west) % 360 >= width, expected.shape)
    assert_array_equal(found.mask, outside | (expected == nodata))
    assert_array_equal(found.data[~outside], expected[~outside])
    assert (found.data[outside] == (nodata or 0)).all()


def test_overviews_serve_both_sides(tmp_path):
    fine = numpy.repeat(numpy.repeat(cells(170, 20), 8, axis=0), 8, axis=1)
    path = tmp_path / "fine.tif"
    grid = degrees(170, 160, rows=480, size=0.125)
    write_cog(fine, path, grid=grid, options=CogOptions(blocksize=128, overviews=(2, 4, 8)))
    assert_array_equal(read_bands([BandSource(path, 1)], degrees(-190, 20))[0], cells(170, 20))
    below = read_bands([BandSource(path, 1)], degrees(-180, 20))[0]
    assert_array_equal(below.data[:, :10], cells(180, 10))
    assert below.mask[:, 10:].all()


def test_a_web_map_beyond_its_edge_is_found_on_both_sides(tmp_path):
    """Such a grid is what a context across the antimeridian has in Web Mercator, and so what a read there stores."""
    grid = AOI(bounds=(179, -1, -179, 1), crs="EPSG:3857", resolution=4000).grid()
    array = numpy.arange(1, 1 + grid.height * grid.width, dtype="uint16").reshape(grid.shape)
    path = tmp_path / "web.tif"
    write_cog(array, path, grid=grid, options=CogOptions(overviews=()))
    turn = 2 * numpy.pi * 6_378_137
    t = grid.transform
    west = Grid(grid.crs, Affine(t.a, 0, t.c - turn, 0, t.e, t.f), grid.shape)
    assert_array_equal(read_bands([BandSource(path, 1)], west)[0], array)
    assert not read_bands([BandSource(path, 1)], west)[0].mask.any()


@pytest.mark.parametrize(
    "grid",
    [
        degrees(170, 20, rows=20, south=-10),
        degrees(-190, 20, rows=20, south=-10),
        TARGETS["UTM 1"],
        TARGETS["Web Mercator beyond its edge"],
    ],
    ids=["170…190", "-190…-170", "UTM", "Web Mercator"],
)
def test_a_cutline_holds_on_both_sides(files, grid):
    area = shapely.MultiPolygon([shapely.box(176, -5, 180, 5), shapely.box(-180, -5, -177, 5)])
    found = read_bands([BandSource(files[-180, 360], 1)], grid, cutline=area)[0]
    whole = read_bands([BandSource(files[-180, 360], 1)], grid)[0]
    columns, rows = numpy.meshgrid(numpy.arange(grid.width) + 0.5, numpy.arange(grid.height) + 0.5)
    t = grid.transform
    lons, lats = transform(grid.crs, WGS84, (t.a * columns + t.c).ravel(), (t.e * rows + t.f).ravel())
    lons, lats = numpy.array(lons).reshape(grid.shape) % 360, numpy.array(lats).reshape(grid.shape)
    inside = (lons > 176) & (lons < 183) & (abs(lats) < 5)
    assert inside.any()
    assert_array_equal(found.mask, ~inside)
    assert_array_equal(found.data[inside], whole.data[inside])


@pytest.fixture
def crossing(catalog: Catalog) -> list[Image]:
    """Images on either side of 180°, one across it, and a globe that begins at 0°."""
    product = Product(id="globe", name="Globe")
    product.save()
    SpectralBand(
        name="v", product=product, data_type="UInt16", data_range=(0, 60_000), band_index=0, resolution="1 degrees"
    ).save()
    images = []
    for west, width in ((0, 360), (172, 8), (-180, 9), (176, 13)):
        image = Image(product=product, name=f"at{west % 360}", acquired=f"2020-01-{len(images) + 1:02}")
        meta = {"geoTransform": list(degrees(west, width).geotransform), "coordinateSystem": {"epsg": 4326}}
        image.upload_ndarray(cells(west, width) // (len(images) + 1), raster_meta=meta).raise_for_status()
        images.append(image)
    return images


def test_an_image_has_a_context_wherever_its_degrees_lie(crossing) -> None:
    contexts = [image.geocontext for image in crossing]
    assert [context.bounds for context in contexts] == [
        (0, -30, 360, 30), (172, -30, 180, 30), (-180, -30, -171, 30), (176, -30, -171, 30),
    ]  # fmt: skip
    for number, (image, context) in enumerate(zip(crossing, contexts, strict=True), start=1):
        own = image.ndarray("v")
        assert_array_equal(image.ndarray("v", context), own)
        assert context.grid().geotransform == image.geotrans
        assert own.shape == (1, 60, image.x_pixels)
        assert not own.mask.any()
        halved = image.ndarray("v", resolution=0.5)
        assert_array_equal(halved, own.repeat(2, axis=1).repeat(2, axis=2))
        assert image.coverage(context) == pytest.approx(1)
        assert number * own.max() <= 60_000


def test_mosaics_and_stacks_reach_across(crossing) -> None:
    place = AOI(bounds=(170, -30, -168, 30), crs="EPSG:4326", resolution=1)
    images = ImageCollection(crossing, geocontext=place)
    world = cells(170, 22)
    layers = [world, world // 2, world // 3, world // 4]
    inside = [slice(0, 22), slice(2, 10), slice(10, 19), slice(6, 19)]
    expected, covered = numpy.zeros_like(world), numpy.zeros((4, 1, *world.shape), dtype=bool)
    for at, (layer, columns) in enumerate(zip(layers, inside, strict=True)):
        expected[:, columns], covered[at, :, :, columns] = layer[:, columns], True
    mosaic = images.mosaic("v")
    assert not mosaic.mask.any()
    assert_array_equal(mosaic[0], expected)
    stack = images.stack("v", max_workers=2)
    assert_array_equal(stack.mask, ~covered)
    for at in range(4):
        assert_array_equal(stack[at, 0][covered[at, 0]], layers[at][covered[at, 0]])
    beyond = images.mosaic("v", AOI(bounds=(0, -30, 360, 30), crs="EPSG:4326", resolution=1))
    assert_array_equal(beyond[0][:, 170:192], expected)
    assert not beyond.mask.any()


def test_an_area_of_interest_across_cuts_where_it_should(crossing) -> None:
    area = shapely.MultiPolygon([shapely.box(174, -10, 180, 10), shapely.box(-180, -10, -175, 10)])
    found = ImageCollection(crossing[:1], geocontext=area).mosaic("v")
    assert found.shape == (1, 20, 11)
    assert not found.mask.any()
    assert_array_equal(found[0], cells(174, 11)[20:40])
    in_utm = ImageCollection(crossing[:1]).mosaic("v", AOI(area, crs="EPSG:32601", resolution=50_000))
    assert 0.8 < 1 - in_utm.mask.mean() < 1


def test_a_file_wider_than_the_earth_is_read_as_it_is(tmp_path):
    array = numpy.arange(60 * 361, dtype="uint16").reshape(60, 361)
    path = tmp_path / "x.tif"
    wide = degrees(-0.5, 361)
    write_cog(array, path, grid=wide)
    assert_array_equal(read_bands([BandSource(path, 1)], wide)[0], array)
    assert_array_equal(read_bands([BandSource(path, 1)], degrees(300.5, 100))[0][:, 60:], array[:, 1:41])
