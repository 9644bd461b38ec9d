"""Files that cover all longitudes have no seam, and those beyond the edge of the map are found, on every grid."""

from __future__ import annotations

import math
from pathlib import Path

import numpy
import pytest
import rasterio
from affine import Affine
from numpy.testing import assert_allclose, assert_array_equal
from rasterio.crs import CRS
from rasterio.warp import transform

from localcat import AOI, XYZTile
from localcat.earth.contexts.grid import Grid
from localcat.earth.projecting import metres_of, project, turn_of
from localcat.errors import RasterError
from localcat.rasters.files.footprint import footprint
from localcat.rasters.reading.read import BandSource, read_bands
from localcat.rasters.writing.checks import BandLayer
from localcat.rasters.writing.options import CogOptions
from localcat.rasters.writing.write import write_cog

WGS84, WEB = CRS.from_epsg(4326), CRS.from_epsg(3857)
ROWS, COLUMNS = 60, 360
WORLD = (numpy.random.default_rng(1).random((2, ROWS, COLUMNS)) * 100 + 1).astype("float32")  # 30° N to 30° S
EDGE = 20_037_508.342789244  # metres; x at 180° in Web Mercator
WEB_STEP = 2 * EDGE / COLUMNS
SMOOTH = ["bilinear", "cubic", "lanczos", "average"]


def degrees(west: float, columns: int, *, south: float = -30, rows: int = ROWS, size: float = 1.0) -> Grid:
    return Grid(WGS84, Affine(size, 0, west, 0, -size, south + rows * size), (rows, columns))


def web(column: float, columns: int) -> Grid:
    """Return a grid in Web Mercator that begins so many pixels east of the map's edge."""
    return Grid(WEB, Affine(WEB_STEP, 0, column * WEB_STEP - EDGE, 0, -WEB_STEP, 30 * WEB_STEP), (ROWS, columns))


def written(path: Path, array: numpy.ndarray, grid: Grid, **settings) -> Path:
    write_cog(array, path, grid=grid, options=CogOptions(blocksize=128, overviews=(2, 4)), **settings)
    return path


def both(path: Path, *indexes: int) -> list[BandSource]:
    return [BandSource(path, index) for index in indexes or (1, 2)]


def kinds() -> dict[str, tuple[numpy.ndarray, dict]]:
    """Return arrays, and how they are written, of each way to say what is invalid."""
    hidden = numpy.random.default_rng(2).random((ROWS, COLUMNS)) < 0.2
    holes = numpy.where(hidden, numpy.float32(0), WORLD)
    opaque = numpy.stack([WORLD[0], numpy.random.default_rng(3).integers(0, 256, hidden.shape).astype("float32")])
    return {
        "plain": (WORLD, {}),
        "nodata": (holes, {"bands": [BandLayer(nodata=0)] * 2}),
        "nodata that is not a number": (
            numpy.where(hidden, numpy.float32("nan"), WORLD),
            {"bands": [BandLayer(nodata=float("nan"))] * 2},
        ),
        "mask": (WORLD, {"mask": hidden}),
        "alpha": (opaque, {"bands": [BandLayer(), BandLayer(is_alpha=True)]}),
    }


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Return for each kind two files of the same world: one begins at -180°, the other at 0°."""
    folder = tmp_path_factory.mktemp("around")
    found = {}
    for at, (kind, (array, how)) in enumerate(kinds().items()):
        rolled = {**how, **({"mask": numpy.roll(how["mask"], 180, axis=-1)} if "mask" in how else {})}
        found[kind] = (
            written(folder / f"{at}-180.tif", array, degrees(-180, COLUMNS), **how),
            written(folder / f"{at}-0.tif", numpy.roll(array, 180, axis=-1), degrees(0, COLUMNS), **rolled),
        )
    return found


ACROSS_180 = {
    "degrees": degrees(169.37, 53, south=-22, rows=100, size=0.43),
    "degrees below -180": degrees(-190.63, 53, south=-22, rows=100, size=0.43),
    "coarse degrees": degrees(150.3, 20, south=-22, rows=15, size=3.1),
    "fine degrees": degrees(179.3, 70, south=-20, rows=90, size=0.021),
    "NAD83": Grid(CRS.from_epsg(4269), degrees(169.37, 53, south=-22, size=0.43).transform, (100, 53)),
    "UTM 1": AOI(bounds=(177, -7, -178, 9), crs="EPSG:32601", resolution=27_000).grid(),
    "Web Mercator": AOI(bounds=(171, -20, -170, 25), crs="EPSG:3857", resolution=43_000).grid(),
    "coarse Web Mercator": AOI(bounds=(161, -20, -150, 25), crs="EPSG:3857", resolution=430_000).grid(),
}  # fmt: skip


def moved(grid: Grid, by: float) -> Grid:
    t = grid.transform
    return Grid(grid.crs, Affine(t.a, t.b, t.c + by, t.d, t.e, t.f), grid.shape)


def assert_same(found: numpy.ma.MaskedArray, expected: numpy.ma.MaskedArray) -> None:
    """Sums of several pixels are rounded otherwise where the columns count otherwise."""
    assert_array_equal(found.mask, expected.mask)
    assert_allclose(found.filled(0), expected.filled(0), rtol=1e-5)


@pytest.mark.parametrize("name", ["bilinear", "cubic", "average"])
@pytest.mark.parametrize("target", ACROSS_180.values(), ids=ACROSS_180)
@pytest.mark.parametrize("kind", kinds())
def test_a_globe_has_no_seam_at_180_degrees(pairs, kind, target, name):
    """The oracle is the same globe cut elsewhere: at 0°."""
    seamed, oracle = (read_bands(both(path), target, resampling=name) for path in pairs[kind])
    assert oracle.count() > 100
    assert_same(seamed, oracle)


ACROSS_0 = {
    "degrees": degrees(-10.63, 53, south=-22, rows=100, size=0.43),
    "UTM 31": AOI(bounds=(-3, -7, 3, 9), crs="EPSG:32631", resolution=27_000).grid(),
}


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("target", ACROSS_0.values(), ids=ACROSS_0)
def test_nor_at_0_degrees_where_a_globe_begins_there(pairs, target, name):
    oracle, seamed = (read_bands(both(path), target, resampling=name) for path in pairs["plain"])
    assert not oracle.mask.any()
    assert_same(seamed, oracle)


@pytest.mark.parametrize("name", SMOOTH)
def test_far_from_its_edges_a_globe_is_read_as_it_was(pairs, name, tmp_path):
    part = written(tmp_path / "part.tif", WORLD[:, :, 200:300], degrees(20, 100))
    for target in (degrees(40.3, 90, south=-20, rows=70, size=0.4), XYZTile(20, 15, 5).grid()):
        expected = read_bands(both(part), target, resampling=name)
        assert_same(read_bands(both(pairs["plain"][0]), target, resampling=name), expected)
        assert not expected.mask.all()


@pytest.mark.parametrize("name", SMOOTH)
def test_a_globe_in_web_mercator_has_no_seam(tmp_path, name):
    whole = written(tmp_path / "whole.tif", WORLD, web(0, COLUMNS))
    rolled = written(tmp_path / "rolled.tif", numpy.roll(WORLD, 180, axis=-1), web(180, COLUMNS))
    across = Grid(WEB, Affine(43_000, 0, EDGE - 7e5, 0, -43_000, 2e6), (70, 40))
    oracle = read_bands(both(rolled), across, resampling=name)
    assert not oracle.mask.any()
    for target in (across, moved(across, -2 * EDGE)):
        assert_same(read_bands(both(whole), target, resampling=name), oracle)


def places(grid: Grid) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return x and y in Web Mercator of the centres of a grid's pixels."""
    columns, rows = numpy.meshgrid(numpy.arange(grid.width) + 0.5, numpy.arange(grid.height) + 0.5)
    t = grid.transform
    xs, ys = transform(grid.crs, WEB, (t.a * columns + t.c).ravel(), (t.e * rows + t.f).ravel())
    return numpy.reshape(xs, grid.shape), numpy.reshape(ys, grid.shape)


ELSEWHERE = {
    "UTM 1": AOI(bounds=(177, -7, -178, 9), crs="EPSG:32601", resolution=27_000).grid(),
    "UTM 60": AOI(bounds=(176, -7, -177, 9), crs="EPSG:32660", resolution=27_000).grid(),
    "degrees": degrees(160.3, 90, south=-19.7, rows=90, size=0.44),
    "degrees below -180": degrees(-199.7, 90, south=-19.7, rows=90, size=0.44),
    "degrees of the globe": degrees(-180, 720, south=-19.7, rows=80, size=0.5),
    "around the pole": Grid(CRS.from_epsg(3413), Affine(9e4, 0, -9e6, 0, -9e4, 9e6), (200, 200)),
}


@pytest.mark.parametrize(
    "how", [{}, {"bands": [BandLayer(nodata=0)] * 2}, {"mask": WORLD[0, :, 340:] < 30}], ids=["plain", "nodata", "mask"]
)
@pytest.mark.parametrize("target", ELSEWHERE.values(), ids=ELSEWHERE)
@pytest.mark.parametrize(("first", "columns"), [(350, 20), (-8, 20), (350.4, 20), (355, 4), (180, COLUMNS)])
def test_web_mercator_beyond_the_edge_of_its_map_is_found_from_every_crs(tmp_path, first, columns, target, how):
    array = WORLD[:, :, :columns] if columns < COLUMNS else WORLD
    how = (
        {**how, "mask": how["mask"]}
        if "mask" in how and columns == 20
        else {name: how[name] for name in how if name != "mask"}
    )
    grid = web(first, columns)
    path = written(tmp_path / "web.tif", array, grid, **how)
    found = read_bands(both(path), target)
    xs, ys = places(target)
    across = (xs - grid.transform.c) / WEB_STEP % COLUMNS
    down = 30 - ys / WEB_STEP
    valid = (across < columns) & (down >= 0) & (down < ROWS)
    column, row = across.astype(int).clip(0, columns - 1), numpy.floor(down).astype(int).clip(0, ROWS - 1)
    if "mask" in how:
        valid &= ~how["mask"][row, column]
    # GDAL projects with an error of up to an eighth of a pixel.
    is_clear = (abs(across - numpy.rint(across)) > 0.13) & (abs(down - numpy.rint(down)) > 0.13)
    assert (valid & is_clear).sum() > 100
    assert_array_equal(found.mask[:, is_clear], numpy.stack([~valid, ~valid])[:, is_clear])
    seen = valid & is_clear
    assert_array_equal(found.data[:, seen], array[:, row[seen], column[seen]])
    smooth = read_bands(both(path), target, resampling="bilinear")
    assert_array_equal(smooth.mask, found.mask)
    assert numpy.ptp(smooth.compressed()) < 101


ELSEWHERE_TORN = {  # maps: x at their western edge, and the longitude there
    "EPSG:3832": (-EDGE, -30.0),  # Mercator around 150 degrees
    "EPSG:3994": (-15_144_333.320525, -80.0),  # Mercator around 100 degrees, true at 41 degrees south
    "EPSG:5641": (-15_025_383.673601, 137.0),  # Mercator around Brazil, with a false easting
    "+proj=eqc +lon_0=180": (-EDGE, 0.0),
    "+proj=cea +lon_0=150": (-EDGE, -30.0),
}


@pytest.mark.parametrize("crs", ELSEWHERE_TORN)
@pytest.mark.parametrize("side", [-1, 1], ids=["west", "east"])
def test_maps_that_are_torn_elsewhere_go_on_beyond_their_edge(tmp_path, crs, side):
    edge, lon = ELSEWHERE_TORN[crs]
    crs = CRS.from_user_input(crs)
    turn = turn_of(crs)
    step = turn / 400
    middle = edge + (turn if side > 0 else 0)  # the edge runs through the middle of the file
    _, ys = project(WGS84, crs, [lon + 10.0] * 2, [20.0, 0.0])
    rows = int((ys[0] - ys[1]) / step)
    grid = Grid(crs, Affine(step, 0, middle - 20 * step, 0, -step, ys[1] + rows * step), (rows, 40))
    columns = numpy.broadcast_to(numpy.arange(40, dtype="float32") + 0.5, (1, rows, 40))
    path = written(tmp_path / "torn.tif", columns.copy(), grid)
    for column in (1.5, 18.5, 19.5, 20.5, 21.5, 38.5):
        lons, lats = project(crs, WGS84, [middle + (column - 20) * step], [ys[1] + (rows // 2 + 0.5) * step])
        place = (lons[0] + 180) % 360 - 180
        assert_allclose((place - lon - (column - 20) * 0.9 + 180) % 360 - 180, 0, atol=1e-3)
        for target in (WGS84, WEB, CRS.from_epsg(6933)):
            xs, targets = project(WGS84, target, [place], lats)
            size = 0.05 if target.is_geographic else 5_000.0
            around = Grid(target, Affine(size, 0, xs[0] - 2.5 * size, 0, -size, targets[0] + 2.5 * size), (5, 5))
            found = read_bands([BandSource(path, 1)], around)
            assert found[0, 2, 2] == column, target


@pytest.mark.parametrize("code", [4807, 4811, 4816], ids=["NTF (Paris)", "Voirol 1875 (Paris)", "Carthage (Paris)"])
@pytest.mark.parametrize(("west", "step", "columns"), [(180, 1, 40), (-220, 1, 40), (350, 1, 40), (0, 4, 100)])
def test_grads_go_on_beyond_the_edge_of_their_map(tmp_path, code, west, step, columns):
    """200 grads east of Paris they begin again at -200. GDAL goes on with degrees alone, and took these for some."""
    crs = CRS.from_epsg(code)
    grid = Grid(crs, Affine(step, 0, west, 0, -step, 60), (20 // step, columns))
    numbers = numpy.broadcast_to(numpy.arange(columns, dtype="float32") + 0.5, (1, *grid.shape))
    path = written(tmp_path / "grads.tif", numbers.copy(), grid)
    for column in (1.5, columns / 2 - 0.4, columns / 2 + 0.4, columns - 1.5):
        x, y = west + column * step, 52.0
        lons, lats = project(crs, WGS84, [x], [y])
        around_180 = CRS.from_epsg(32601) if abs(lons[0]) > 160 else WEB
        for target in (crs, WGS84, WEB, CRS.from_epsg(4267), CRS.from_epsg(6933), around_180):
            xs, ys = ([x], [y]) if target == crs else project(WGS84, target, lons, lats)
            size = 1_000.0 if target.is_projected else 0.01
            around = Grid(target, Affine(size, 0, xs[0] - 2.5 * size, 0, -size, ys[0] + 2.5 * size), (5, 5))
            found = read_bands([BandSource(path, 1)], around, resampling="bilinear")
            assert found[0, 2, 2] == pytest.approx(column, abs=0.02), target


@pytest.mark.parametrize("unit", ["grad", "radian", "arc-second", "microradian"])
@pytest.mark.parametrize("target", [3857, 4326, 32632, 4807])
def test_wgs_84_in_other_units_than_degrees_is_read(tmp_path, unit, target):
    """From WGS 84 to Web Mercator GDAL has a short way that takes all units for degrees: the file was masked there."""
    size = {"grad": math.pi / 200, "radian": 1.0, "arc-second": math.pi / 648_000, "microradian": 1e-6}[unit]
    datum = 'DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0]'
    crs = CRS.from_wkt(f'GEOGCS["WGS 84 in another unit",{datum},UNIT["{unit}",{size!r}]]')
    degree = math.pi / 180 / size
    grid = Grid(crs, Affine(degree / 100, 0, 10 * degree, 0, -degree / 100, 50.1 * degree), (10, 10))
    path = written(tmp_path / "unit.tif", numpy.indices((10, 10), dtype="float32") + 0.5, grid)
    there = CRS.from_epsg(target)
    (x,), (y,) = project(WGS84, there, [10.055], [50.055])
    step = 100 / metres_of(there)
    around = Grid(there, Affine(step, 0, x - 2.5 * step, 0, -step, y + 2.5 * step), (5, 5))
    found = read_bands(both(path), around, resampling="bilinear")
    assert found[:, 2, 2].filled(numpy.nan) == pytest.approx([4.5, 5.5], abs=0.01)


@pytest.mark.parametrize("target", ["EPSG:32601", "EPSG:32660", "EPSG:3832", "+proj=eqc +lon_0=180 +datum=WGS84"])
@pytest.mark.parametrize("native", [degrees(-180, COLUMNS), web(0, COLUMNS)], ids=["degrees", "Web Mercator"])
def test_a_pixel_exactly_on_the_edge_of_the_map_is_the_first_column(tmp_path, native, target):
    """To GDAL the eastern edge of a file is outside of it, and it does not look at the western one again."""
    numbers = numpy.broadcast_to(numpy.arange(COLUMNS, dtype="float32"), (1, *native.shape)).copy()
    path = written(tmp_path / "world.tif", numbers, native)
    crs = CRS.from_string(target)
    ((x,), (y,)) = project(WGS84, crs, [180.0], [10.0])
    around = Grid(crs, Affine(10_000, 0, x - 25_000, 0, -10_000, y + 25_000), (5, 5))
    found = read_bands(both(path, 1), around)[0, 2].filled(-1).tolist()
    assert found in ([359, 359, 0, 0, 0], [359, 359, 359, 0, 0])  # the edge is of both


@pytest.mark.parametrize("name", ["nearest", "bilinear"])
@pytest.mark.parametrize(
    ("lon", "own", "elsewhere"), [(-180.2, 0, 360), (-179.8, 0, 0), (179.8, 360, 360), (180.2, 360, 0)]
)
def test_of_a_file_wider_than_the_earth_its_own_columns_count(tmp_path, name, lon, own, elsewhere):
    """Half a pixel more on both sides: the first and the last column are of the same places, and differ here.

    On a grid of the file's CRS a pixel is found where the file says; from another one, between -180° and 180°.
    """
    array = numpy.concatenate((WORLD[:1], WORLD[:1, :, :1] + 1000), axis=2)
    path = written(tmp_path / "wide.tif", array, degrees(-180.5, COLUMNS + 1))
    step = EDGE / 180
    there = Grid(WEB, Affine(0.1 * step, 0, (lon - 0.05) * step, 0, -step, 20 * step), (40, 1))
    for target, column in ((degrees(lon - 0.05, 1, size=0.1, rows=10 * ROWS), own), (there, elsewhere)):
        found = read_bands(both(path, 1), target, resampling=name)[0, :, 0]
        assert not found.mask.any()
        assert ((found > 500) == (column == 360)).all()  # what is interpolated is mostly of the nearest pixel


@pytest.mark.parametrize("name", ["bilinear", "average"])
def test_overviews_have_no_seam_either(tmp_path, name):
    fine = WORLD.repeat(8, axis=1).repeat(8, axis=2)
    paths = []
    for at, west in enumerate((-180, 0)):
        array = numpy.roll(fine, at * 180 * 8, axis=2)
        paths.append(written(tmp_path / f"{west} & <é>.tif", array, degrees(west, 2880, rows=480, size=0.125)))
    target = degrees(169.3, 50, south=-20, rows=80, size=0.6)
    seamed, oracle = (read_bands(both(path), target, resampling=name) for path in paths)
    assert_same(seamed, oracle)
    assert not oracle.mask.any()
    whole = numpy.ma.getdata(oracle)
    for rows in (slice(0, 33), slice(33, 80)):
        part = read_bands(both(paths[0]), target, resampling=name, region=(rows, slice(10, 40)))
        assert_allclose(part.data, whole[:, rows, 10:40], rtol=1e-5)


def test_jpeg_2000_has_no_seam_either(tmp_path):
    paths = []
    for west in (-180, 0):
        array = numpy.roll(WORLD[0].astype("uint16"), 0 if west else 180, axis=1)
        grid = degrees(west, COLUMNS)
        profile = {"driver": "JP2OpenJPEG", "width": COLUMNS, "height": ROWS, "count": 1, "dtype": "uint16"}
        paths.append(tmp_path / f"{west}.jp2")
        with rasterio.open(
            paths[-1], "w", **profile, crs=WGS84, transform=grid.transform, quality=100, reversible=True
        ) as file:
            file.write(array, 1)
    target = degrees(169.37, 53, south=-22, rows=100, size=0.43)
    seamed, oracle = (read_bands(both(path, 1), target, resampling="cubic") for path in paths)
    assert_array_equal(seamed, oracle)
    assert not oracle.mask.any()


@pytest.mark.parametrize("size", [1e-320, 1e-9, 1e9, 1e15, 1e290])
@pytest.mark.parametrize("crs", [WGS84, WEB], ids=["degrees", "Web Mercator"])
def test_files_with_absurd_pixels_are_read_at_once(tmp_path, crs, size):
    """PROJ does not end with places that far away."""
    path = written(tmp_path / "x.tif", WORLD, Grid(crs, Affine(size, 0, 1e8, 0, -1, 30), (ROWS, COLUMNS)))
    for target in (degrees(0, 20), web(0, 20)):
        assert read_bands(both(path), target, resampling="bilinear").mask.all()


@pytest.mark.parametrize("size", [1e15, 1e290])
@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:32632", "EPSG:4269"])
def test_they_have_no_footprint(crs, size):
    with pytest.raises(RasterError, match="check its CRS and transform"):
        footprint(Grid(CRS.from_string(crs), Affine(size, 0, 1e8, 0, -1, 30), (ROWS, COLUMNS)))
