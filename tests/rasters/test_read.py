from __future__ import annotations

import numpy
import pytest
import rasterio
import rasterio.warp
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from localcat.earth.contexts.grid import Grid
from localcat.errors import BadRequestError, CorruptImageError, TooLargeError
from localcat.rasters.files.footprint import footprint
from localcat.rasters.files.opening import open_raster
from localcat.rasters.files.resampling import READ_RESAMPLINGS
from localcat.rasters.reading.read import BandSource, native_window, read_bands, read_native
from localcat.rasters.warping import pieces, warp
from localcat.rasters.writing.checks import BandLayer
from localcat.rasters.writing.options import CogOptions
from localcat.rasters.writing.write import write_cog
from tests.drawing import examples
from tests.small_rasters import make_grid, make_tif_without_a_place, noise, placed, shifted

SHAPE = (140, 301)
GRID = make_grid(SHAPE)
SCALED = shifted(GRID, -3.3, -4.7, scale=1.9, shape=(70, 150))
BEYOND = shifted(GRID, -3.3, 4.7, scale=1.9, shape=(80, 150))
ZONE = Grid(CRS.from_epsg(32617), Affine(14, 0, 971_700, 0, -14, 5_017_700), (99, 210))
FINE_ZONE = Grid(CRS.from_epsg(32617), Affine(5.6, 0, 971_500, 0, -5.6, 5_017_800), (130, 240))
WEB = Grid(CRS.from_epsg(3857), Affine(14, 0, -8_349_100, 0, -14, 5_645_900), (150, 310))


def sources(path, *indexes, **settings):
    return [BandSource(path, index, **settings) for index in indexes]


def written(path, array, *, grid=GRID, overviews=(), **settings):
    write_cog(array, path, grid=grid, options=CogOptions(overviews=overviews, blocksize=128), **settings)
    return path


@pytest.fixture
def plain(tmp_path):
    """Two bands without anything masked."""
    return written(tmp_path / "plain.tif", noise((2, *SHAPE)))


def test_the_native_grid_is_an_exact_copy(plain):
    result = read_bands(sources(plain, 2, 1, 2), GRID)
    array = noise((2, *SHAPE))
    assert (result.data == array[[1, 0, 1]]).all()
    assert result.dtype == "uint16"
    assert result.mask.shape == result.shape
    assert not result.mask.any()
    assert (read_native(plain, [2]).data == array[[1]]).all()


@pytest.mark.parametrize(
    ("columns", "rows", "shape"),
    [(0, 0, SHAPE), (7, 13, (20, 30)), (-9, -5, SHAPE), (290, 130, (50, 60)), (-5, -6, (500, 600))],
)
def test_an_aligned_window_is_an_exact_copy_and_masked_outside(plain, columns, rows, shape):
    array = noise((2, *SHAPE))
    result = read_bands(sources(plain, 1, 2), shifted(GRID, columns, rows, shape=shape))
    expected = numpy.ma.masked_all((2, *shape), dtype="uint16")
    for row in range(shape[0]):
        for column in (c for c in range(shape[1]) if 0 <= row + rows < SHAPE[0] and 0 <= c + columns < SHAPE[1]):
            expected[:, row, column] = array[:, row + rows, column + columns]
    assert (result.mask == expected.mask).all()
    assert (result.data[~result.mask] == expected.data[~result.mask]).all()
    assert (result.data[result.mask] == 0).all()


def test_a_grid_beside_the_file_is_all_masked(plain):
    for grid in (shifted(GRID, 1000, 0), shifted(GRID, 1000.4, 0.3), shifted(GRID, 9000, 9000, scale=1.7)):
        assert read_bands(sources(plain, 1), grid).mask.all()


@pytest.mark.parametrize("kind", ["nodata", "mask"])
def test_masks_of_the_native_grid(tmp_path, kind):
    hole = noise(SHAPE, low=0, high=2).astype(bool)
    array = noise((2, *SHAPE))
    path = written(tmp_path / "x.tif", array, mask=hole, bands=[BandLayer(nodata=0 if kind == "nodata" else None)] * 2)
    result = read_bands(sources(path, 1, 2), GRID)
    assert (result.mask == hole).all()
    assert (result.data[:, ~hole] == array[:, ~hole]).all()
    bare = read_bands(sources(path, 1, 2), GRID, mask_nodata=False)
    assert bare.mask.any() == (kind == "mask")


def test_nodata_of_the_caller_wins_and_needs_to_fit(plain):
    array = noise((2, *SHAPE))
    assert (read_bands(sources(plain, 1, nodata=7), GRID).mask == (array[:1] == 7)).all()
    assert not read_bands(sources(plain, 1, nodata=-1), GRID).mask.any()
    assert not read_bands(sources(plain, 1, nodata=7.5), shifted(GRID, 0.5, 0.5)).mask[:, :-1, :-1].any()


def test_nan_is_invalid_whether_it_is_declared_or_not(tmp_path):
    """Choice 25."""
    array = noise(SHAPE, "float32")
    array[3, 5] = numpy.nan
    path = written(tmp_path / "x.tif", array)
    assert numpy.argwhere(read_bands(sources(path, 1), GRID).mask[0]).tolist() == [[3, 5]]
    assert not read_bands(sources(path, 1), GRID, mask_nodata=False).mask.any()
    assert read_bands(sources(path, 1, nodata=float("nan")), GRID).mask.sum() == 1


@pytest.mark.parametrize(
    "name", ["nearest", "bilinear", "cubic", "cubicspline", "lanczos", "average", "mode", "max", "med"]
)
@pytest.mark.parametrize("grid", [WEB, SCALED, BEYOND], ids=["web", "scaled", "beyond"])
def test_a_warp_equals_that_of_bare_rasterio(plain, name, grid):
    result = read_bands(sources(plain, 1, 2), grid, resampling=name)
    resampling = Resampling[name.replace("cubicspline", "cubic_spline")]
    # GDAL narrows its kernel where a grid goes on below the file; told how many pixels there are in one, it does not.
    told = {"XSCALE": str(1 / 1.9), "YSCALE": str(1 / 1.9)} if grid is BEYOND else {}
    with (
        rasterio.open(plain) as dataset,
        WarpedVRT(dataset, resampling=resampling, add_alpha=True, **placed(grid), **told) as warped,
    ):
        values, opacity = warped.read([1, 2]), warped.read(3)
    both = ~result.mask & (opacity > 0)
    assert (result.data[both] == values[both]).all()
    if name in ("average", "mode", "max", "med"):  # any pixel below one makes it valid
        assert (result.mask == (opacity == 0)).all()
        return
    # The others also fill pixels whose own centre lies outside; masks follow the nearest pixel.
    assert not (~result.mask & (opacity == 0)).any()
    assert (result.mask[0] == read_bands(sources(plain, 1), grid).mask[0]).all()
    assert 0 < result.mask.mean() < 0.5


@pytest.mark.parametrize("name", sorted(READ_RESAMPLINGS))
@pytest.mark.parametrize(
    "grid",
    [BEYOND, shifted(GRID, -3.3, 4.7, scale=0.7), ZONE, FINE_ZONE],
    ids=["shrunk", "grown", "shrunk to another zone", "grown to another zone"],
)
def test_parts_hold_the_same_pixels_as_the_whole(plain, name, grid):
    whole = read_bands(sources(plain, 1, 2), grid, resampling=name)
    assert whole.count() > 10_000
    for start in range(0, grid.height, 33):
        rows = slice(start, min(start + 33, grid.height))
        part = read_bands(sources(plain, 1, 2), grid, region=(rows, slice(0, grid.width)), resampling=name)
        assert (part.mask == whole.mask[:, rows]).all()
        assert (part.data == whole.data[:, rows]).all()


@pytest.fixture(scope="module")
def varied(tmp_path_factory):
    """A file of each way to say what is invalid."""
    folder = tmp_path_factory.mktemp("varied")
    hidden = noise(SHAPE, high=10, seed=5) < 3
    return {
        "plain": written(folder / "plain.tif", noise((2, *SHAPE))),
        "nodata": written(folder / "nodata.tif", noise((2, *SHAPE), high=9), bands=[BandLayer(nodata=5)] * 2),
        "mask": written(folder / "mask.tif", numpy.ma.MaskedArray(noise((2, *SHAPE)), mask=[hidden, hidden])),
        "overviews": written(folder / "overviews.tif", noise((2, *SHAPE)), overviews=(2,)),
    }


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    kind=st.sampled_from(["plain", "nodata", "mask", "overviews"]),
    name=st.sampled_from(["nearest", "bilinear", "cubic", "average"]),
    grid=st.sampled_from([BEYOND, ZONE, FINE_ZONE, WEB, shifted(GRID, -9, 8, scale=2.5, shape=(70, 130))]),
    mask_nodata=st.booleans(),
)
def test_any_part_holds_the_pixels_of_the_whole_however_it_is_cut(
    monkeypatch, varied, data, kind, name, grid, mask_nodata
):
    """Here GDAL is asked for pieces of 64 columns and at least 32 rows."""
    monkeypatch.setattr(pieces, "BLOCK", 32)
    monkeypatch.setattr(pieces, "MOST_COLUMNS", 64)
    monkeypatch.setattr(pieces, "MOST_SAMPLES", data.draw(st.sampled_from([1, 2**14])))
    asked = {"resampling": name, "mask_nodata": mask_nodata}
    whole = read_bands(sources(varied[kind], 1, 2), grid, **asked)
    assert whole.count() > 1000
    top, left = (data.draw(st.integers(0, length - 1)) for length in grid.shape)
    rows = slice(top, data.draw(st.integers(top + 1, grid.height)))
    columns = slice(left, data.draw(st.integers(left + 1, grid.width)))
    part = read_bands(sources(varied[kind], 1, 2), grid, region=(rows, columns), **asked)
    assert (part.mask == whole.mask[:, rows, columns]).all()
    assert (part.data == whole.data[:, rows, columns]).all()


@pytest.mark.parametrize("name", sorted(READ_RESAMPLINGS))
def test_a_small_read_holds_the_same_pixels_as_a_large_one(plain, name):
    whole = read_bands(sources(plain, 1), BEYOND, resampling=name)
    small = read_bands(sources(plain, 1), BEYOND.part(slice(60, 80), slice(0, 30)), resampling=name)
    assert 100 < small.count() < small.size
    assert (small.mask == whole.mask[:, 60:80, :30]).all()
    assert (small.data == whole.data[:, 60:80, :30]).all()


def test_nodata_pixels_that_are_not_masked_are_told_from_the_outside(tmp_path):
    array = noise((1, *SHAPE), low=0, high=2)
    path = written(tmp_path / "x.tif", array, bands=[BandLayer(nodata=0)])
    result = read_bands(sources(path, 1), WEB, mask_nodata=False)
    whole = read_bands(sources(written(tmp_path / "y.tif", array), 1), WEB)
    assert (result.mask == whole.mask).all()
    assert (result.data == whole.data).all()


def test_a_file_with_nodata_and_an_internal_mask_honours_both(tmp_path):
    hole = numpy.zeros(SHAPE, bool)
    hole[40:80, 100:200] = True
    array = noise((1, *SHAPE))
    path = tmp_path / "x.tif"
    with (
        rasterio.open(path, "w", driver="GTiff", count=1, dtype="uint16", nodata=5, **placed(GRID)) as dataset,
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
    ):
        dataset.write(array)
        dataset.write_mask(~hole)
    assert (read_bands(sources(path, 1), GRID).mask == (hole | (array == 5))).all()
    near = read_bands(sources(path, 1), shifted(GRID, 0.2, 0.2))
    assert (near.mask[0, :-1, :-1] == (hole | (array[0] == 5))[:-1, :-1]).all()


@pytest.mark.parametrize("kind", ["nodata", "mask", "alpha"])
@pytest.mark.parametrize("name", ["nearest", "bilinear", "cubic", "lanczos", "average"])
def test_masked_pixels_lend_nothing_to_their_neighbours(tmp_path, kind, name):
    hole = numpy.zeros(SHAPE, bool)
    hole[40:80, 100:200] = True
    array = numpy.full((2, *SHAPE), 1000, "uint16")
    array[:, hole] = 60000
    array[1] = numpy.where(hole, 0, 65535) if kind == "alpha" else 1000
    bands = {
        "nodata": [BandLayer(nodata=60000)] * 2,
        "mask": [BandLayer()] * 2,
        "alpha": [BandLayer(), BandLayer(is_alpha=True)],
    }[kind]
    path = written(tmp_path / "x.tif", array, bands=bands, mask=hole if kind == "mask" else None)
    for grid in (shifted(GRID, 0.5, 0.5), shifted(GRID, 10.2, 4.4, scale=2.3, shape=(50, 110)), WEB):
        alpha = 1 if kind == "alpha" else None
        result = read_bands(sources(path, 1, 2), grid, resampling=name, alpha=alpha)
        mask = result.mask[0] | (result.data[1] == 0) if kind == "alpha" else result.mask[0]
        assert (result.data[0][~mask] == 1000).all()
        if name == "average":  # one valid pixel below is enough
            valid = written(tmp_path / "valid.tif", numpy.where(hole, 0, 1)[None].astype("uint8"))
            expected = read_bands(sources(valid, 1), grid, resampling="max", mask_nodata=False).filled(0)[0] == 0
        else:
            nearest = read_bands(sources(path, 1, 2), grid)
            expected = nearest.mask[0] | (nearest.data[1] == 0) if kind == "alpha" else nearest.mask[0]
        assert (mask == expected).all()
        assert 0.05 < mask.mean() < 0.6


def test_a_band_stays_valid_where_another_has_nodata(tmp_path):
    array = numpy.full((2, *SHAPE), 1000, "uint16")
    array[0, 40:80, 100:200] = 0
    path = written(tmp_path / "x.tif", array, bands=[BandLayer(nodata=0)] * 2)
    result = read_bands(sources(path, 1, 2), shifted(GRID, 0.5, 0.5, shape=(139, 300)), resampling="cubic")
    assert result.mask[0].sum() == 4000
    assert not result.mask[1].any()
    assert (result.data[0][~result.mask[0]] == 1000).all()


def test_codes_are_never_interpolated(tmp_path):
    array = noise((2, *SHAPE), "uint8", low=1, high=4) * 50
    path = written(tmp_path / "x.tif", array)
    grid = shifted(GRID, 0.4, 0.4)
    first, second = read_bands(
        [BandSource(path, 1), BandSource(path, 2, is_categorical=True)], grid, resampling="bilinear"
    )
    assert set(numpy.unique(second.compressed())) <= {50, 100, 150}
    assert not set(numpy.unique(first.compressed())) <= {50, 100, 150}


def test_what_lies_under_transparent_pixels_stays_for_who_does_not_ask_for_opacity(tmp_path):
    array = noise((2, *SHAPE), "uint8")
    array[1] = 0
    path = written(tmp_path / "x.tif", array, bands=[BandLayer(), BandLayer(is_alpha=True)])
    result = read_bands(sources(path, 1), shifted(GRID, 0.4, 0.4), mask_alpha=False)
    assert not result.mask[:, 1:-1, 1:-1].any()
    assert (result.data[:, 1:-1, 1:-1] > 0).all()
    assert read_bands(sources(path, 1), shifted(GRID, 0.4, 0.4)).mask.all()


def test_overviews_serve_coarser_grids(tmp_path):
    array = noise((1, 256, 384))
    grid = make_grid((256, 384))
    path = written(tmp_path / "x.tif", array, grid=grid, overviews=(2, 4))
    with open_raster(path, overview_level=1) as dataset:
        quarter = dataset.read()
    result = read_bands(sources(path, 1), shifted(grid, 0, 0, scale=4, shape=(64, 96)))
    assert (result.data == quarter).all()
    assert not result.mask.any()
    inner = read_bands(sources(path, 1), shifted(grid, 8, 16, scale=4, shape=(20, 30)))
    assert (inner.data == quarter[:, 4:24, 2:32]).all()
    # 6 times coarser: the quarter is the coarsest overview that is fine enough.
    coarse = read_bands(sources(path, 1), shifted(grid, 0, 0, scale=6, shape=(40, 60)), resampling="nearest")
    assert set(numpy.unique(coarse.data)) <= set(numpy.unique(quarter))


@pytest.mark.parametrize("scale", [2, 5, 12])
@pytest.mark.parametrize(
    ("crs", "origin", "resolution"),
    [
        ("EPSG:4326", (-75.013, 36.1), 1e-4),
        ("EPSG:4326", (170.01, -36.1), 2.5e-5),
        ("EPSG:32618", (500_003.15, 4_123_456.35), 0.05),
        ("EPSG:32733", (500_000.0, 9_990_000.0), 10.0),
        ("EPSG:3857", (-8_350_001.234, 4_320_000.7), 0.29858214173896974),
    ],
)
def test_a_pixel_is_the_block_below_it_and_no_neighbour_however_far_the_origin_is(
    tmp_path, crs, origin, resolution, scale
):
    """Choice 26. Coordinates this large are not exact to what GDAL takes for nothing, 1e-10 of a pixel."""
    grid = make_grid((20 * scale + 30, 17 * scale + 40), crs=crs, origin=origin, resolution=resolution)
    array = noise((1, *grid.shape), "int32", high=30_000, seed=scale)
    array[numpy.random.default_rng(scale).random(array.shape) < 0.8] = 0
    path = written(tmp_path / "x.tif", array, grid=grid, bands=[BandLayer(nodata=0)])
    part = array[0, 13 : 13 + 20 * scale, 7 : 7 + 17 * scale]
    blocks = numpy.ma.masked_equal(part, 0).reshape(20, scale, 17, scale)
    wanted = shifted(grid, 7, 13, scale=scale, shape=(20, 17))
    for name, expected in (("max", blocks.max(axis=(1, 3))), ("min", blocks.min(axis=(1, 3)))):
        found = read_bands(sources(path, 1), wanted, resampling=name)[0]
        assert (found.filled(0) == expected.filled(0)).all()
        assert (found.mask == numpy.ma.getmaskarray(expected)).all()
    mean = read_bands(sources(path, 1), wanted, resampling="average")[0]
    assert numpy.abs(mean.filled(0) - blocks.mean(axis=(1, 3)).filled(0)).max() <= 0.5
    nearest = read_bands(sources(path, 1), wanted)[0]
    assert (nearest.data == part[scale // 2 :: scale, scale // 2 :: scale]).all()


@pytest.mark.parametrize("name", ["nearest", "average", "mode", "max", "min", "med", "q1", "q3"])
@pytest.mark.parametrize("south_up", [False, True])
def test_a_pixel_that_only_touches_a_file_is_outside(tmp_path, name, south_up):
    """It is masked whatever masks count, and holds nodata."""
    grid = make_grid((40, 60), resolution=-10.0 if south_up else 10.0)
    path = written(tmp_path / "x.tif", noise((1, *grid.shape)), grid=grid, bands=[BandLayer(nodata=200)])
    inside = numpy.zeros((16, 20), dtype=bool)
    inside[3:13, 2:17] = True
    for masks in (True, False):
        wanted = shifted(grid, -8, -12, scale=4, shape=(16, 20))
        found = read_bands(sources(path, 1), wanted, resampling=name, mask_nodata=masks, mask_alpha=masks)[0]
        assert (found.mask == ~inside).all()
        assert (found.data[~inside] == 200).all()


def test_bands_of_several_files_and_types(tmp_path):
    first = written(tmp_path / "a.tif", noise((1, *SHAPE), "uint16"))
    second = written(tmp_path / "b.tif", noise((1, 70, 150), "int16", seed=1), grid=make_grid((70, 150), resolution=20))
    result = read_bands([BandSource(second, 1), BandSource(first, 1)], GRID)
    assert result.dtype == "int32"
    assert (result.data[1] == noise(SHAPE, "uint16")).all()
    assert (result.data[0, :140, :300] == noise((70, 150), "int16", seed=1).repeat(2, 0).repeat(2, 1)).all()
    assert result.mask[0, :, 300].all()


def test_the_dtype_of_the_caller_clips(tmp_path):
    path = written(tmp_path / "x.tif", numpy.array([[1, 300, 70]], "uint16"), grid=make_grid((1, 3)))
    assert read_bands(sources(path, 1), make_grid((1, 3)), dtype="uint8").data.tolist() == [[[1, 255, 70]]]
    assert read_bands(sources(path, 1), make_grid((1, 3)), dtype="float32").dtype == "float32"


def test_a_cutline_masks_what_lies_outside(plain):
    whole = footprint(GRID)
    half = shapely.box(whole.bounds[0], whole.bounds[1], whole.centroid.x, whole.bounds[3])
    result = read_bands(sources(plain, 1), GRID, cutline=half)
    assert not result.mask[0, :, :149].any()
    assert result.mask[0, :, 152:].all()
    point = whole.centroid
    assert (~read_bands(sources(plain, 1), GRID, cutline=point).mask).sum() == 1
    assert (~read_bands(sources(plain, 1), GRID, cutline=point, all_touched=True).mask).sum() == 1


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"resampling": "nicest"}, BadRequestError, "'nicest' .*choose one of"),
        ({"sources": []}, BadRequestError, "pass at least one"),
        ({"index": 3}, BadRequestError, "bands 1 to 2, not 3"),
        ({"index": 0}, BadRequestError, "bands 1 to 2, not 0"),
        ({"grid": make_grid((0, 5))}, BadRequestError, r"\(0, 5\)"),
        ({"max_bytes": 1000}, TooLargeError, "at most 1000 .*choose a coarser resolution"),
        ({"grid": make_grid((10_000_000, 10_000_000))}, TooLargeError, "10000000 × 10000000 .*choose a coarser"),
        ({"dtype": "int64"}, ValueError, "int64 .*use one of"),
    ],
)
def test_wrong_requests_are_refused(plain, change, error, words):
    bands = change.pop("sources", sources(plain, change.pop("index", 1)))
    with pytest.raises(error, match=words):
        read_bands(bands, change.pop("grid", GRID), **change)


def test_a_file_without_georeferencing_is_read_natively_only(tmp_path):
    path = make_tif_without_a_place(tmp_path / "x.tif")
    assert (read_native(path).data == numpy.ones((1, 20, 30), "uint8")).all()
    with pytest.raises(BadRequestError, match="transform"):
        read_bands(sources(path, 1), GRID)


def test_windows_of_native_grids():
    assert native_window(GRID, shifted(GRID, 3, -4, shape=(5, 6))).flatten() == (3, -4, 6, 5)
    assert native_window(GRID, shifted(GRID, 3.2, 0)) is None
    assert native_window(GRID, shifted(GRID, 0, 0, scale=2)) is None
    assert native_window(GRID, WEB) is None
    turned = Grid(GRID.crs, Affine(0, 10, 500_000, 10, 0, 5_000_000), GRID.shape)
    assert native_window(GRID, turned) is None
    assert native_window(turned, turned).flatten() == (0, 0, 301, 140)


def test_real_files(real_files):
    with rasterio.open(real_files / "RGB.byte.tif") as dataset:
        grid = Grid(dataset.crs, dataset.transform, dataset.shape)
        expected = dataset.read(masked=True)
    result = read_bands(sources(real_files / "RGB.byte.tif", 1, 2, 3), grid)
    assert (result.data == expected.data).all()
    assert (result.mask == expected.mask).all()
    assert read_native(real_files / "all-nodata.tif").mask.all()
    assert read_native(real_files / "alpha.tif").shape == (4, 1223, 1223)
    world = read_bands(
        sources(real_files / "world.byte.tif", 1),
        make_grid((50, 60), crs="EPSG:3031", origin=(-3e6, 3e6), resolution=1e5),
    )
    assert not world.mask[:, :5].any()
    with pytest.raises(CorruptImageError, match="TIFFFillTile"):
        read_native(real_files / "corrupt.tif")


@pytest.mark.parametrize("mask_nodata", [True, False])
@pytest.mark.parametrize("nodata", [None, 0])
@pytest.mark.parametrize("size", [0.5, 1])  # of the file's pixels; of the grid's, the other one
@pytest.mark.parametrize("up", [1, -1])
def test_pixels_of_one_unit_from_the_origin_on_are_a_place_too(tmp_path, nodata, size, up, mask_nodata):
    native = Grid(CRS.from_epsg(4326), Affine(size, 0, 0, 0, -size, 16 if up > 0 else 0), (int(16 / size),) * 2)
    array = numpy.random.default_rng(1).integers(1, 99, (1, *native.shape)).astype("uint8")
    path = written(tmp_path / "x.tif", array, grid=native, bands=[BandLayer(nodata=nodata)])
    other = 1.5 - size
    wanted = Grid(native.crs, Affine(other, 0, 0, 0, up * other, 0), (int(16 / other),) * 2)
    found = read_bands(sources(path, 1), wanted, mask_nodata=mask_nodata)
    assert not found.mask.any()
    shape = (wanted.height, 2, wanted.width, 2)
    rows = array[0] if up < 0 else array[0, ::-1]
    if size == 0.5:  # GDAL takes one of the four pixels around a centre
        assert (rows.reshape(shape) == found.data[0][:, None, :, None]).any(axis=(1, 3)).all()
    else:
        assert (found.data[0] == rows.repeat(2, axis=0).repeat(2, axis=1)).all()


def test_bands_without_nodata_are_not_warped_by_nearest_as_well(plain, monkeypatch):
    warped = []

    def reproject(source, pixels, **options):
        warped.append((len(pixels), options.get("resampling", Resampling.nearest).name))
        return rasterio.warp.reproject(source, pixels, **options)

    monkeypatch.setattr(warp, "reproject", reproject)
    result = read_bands(sources(plain, 1, 2), ZONE, resampling="bilinear")
    assert warped == [(1, "nearest"), (2, "bilinear")]  # first where the file is
    marked = read_bands(sources(plain, 1, 2, nodata=65_535), ZONE, resampling="bilinear")
    assert warped[2:] == [(2, "bilinear"), (2, "nearest")]
    assert (result.mask == marked.mask).all()
    assert 0 < result.mask.mean() < 1
    assert (result.filled(0) == marked.filled(0)).all()
