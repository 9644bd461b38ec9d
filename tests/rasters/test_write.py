from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rio_cogeo.cogeo import cog_validate

from localcat.earth.contexts.grid import Grid
from localcat.errors import (
    BadRequestError,
    GridMismatchError,
    InvalidArrayError,
    RasterWarning,
    StorageError,
    StorageFullError,
)
from localcat.rasters.files.describe import describe
from localcat.rasters.files.dtypes import DATA_TYPES
from localcat.rasters.files.opening import open_raster
from localcat.rasters.files.validate import validate_cog
from localcat.rasters.reading.read import read_native
from localcat.rasters.writing import scratch, write
from localcat.rasters.writing.checks import BandLayer, check_array
from localcat.rasters.writing.options import CogOptions
from localcat.rasters.writing.write import write_cog
from tests.drawing import examples
from tests.small_rasters import make_grid, noise

LARGE = CogOptions(small_bytes=0, blocksize=128)
SMALL = CogOptions(blocksize=128)
SHAPE = (140, 301)


@pytest.fixture
def target(tmp_path):
    """A file as the caller of `write_cog` made it: empty, and alone in its folder."""
    path = tmp_path / ".tmp-0123.tif"
    path.touch()
    return path


def is_cog(path):
    """Return whether rio-cogeo, which knows nothing of this library, accepts a file."""
    is_valid, errors, _ = cog_validate(path, quiet=True)
    return is_valid and not errors


def overview(path, level):
    """Return the pixels and the mask (True = invalid) of one overview."""
    with open_raster(path, overview_level=level) as dataset:
        return dataset.read(), dataset.read_masks() == 0


@pytest.mark.parametrize("options", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("dtype", list(DATA_TYPES.values()))
def test_pixels_come_back_bit_for_bit(target, dtype, options):
    array = noise((3, *SHAPE), dtype)
    if array.dtype.kind == "f":
        array[0, 0, :5] = [numpy.nan, numpy.inf, -numpy.inf, -0.0, numpy.finfo(dtype).tiny]
    digest = write_cog(array, target, grid=make_grid(SHAPE), options=options)
    result = read_native(target)
    assert result.data.dtype == dtype
    assert result.data.tobytes() == array.tobytes()
    assert (result.mask == (array != array)).all()  # NaN
    assert digest.size_bytes == target.stat().st_size
    assert digest.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    assert describe(target).grid == make_grid(SHAPE)
    assert is_cog(target)
    assert validate_cog(target).problems == ()


@settings(derandomize=True, deadline=None, max_examples=examples(80))
@given(
    dtype=st.sampled_from(list(DATA_TYPES.values())),
    shape=st.one_of(
        st.tuples(st.integers(1, 150), st.integers(1, 150)),
        st.tuples(st.integers(1, 4), st.integers(1, 150), st.integers(1, 150)),
    ),
    order=st.sampled_from(["C", "F", "big-endian", "strided", "read-only"]),
    masking=st.sampled_from([None, "mask", "nodata", "masked array"]),
    is_large=st.booleans(),
    seed=st.integers(0, 99),
)
def test_round_trip_of_every_kind_of_array(tmp_path_factory, dtype, shape, order, masking, is_large, seed):
    random = numpy.random.default_rng(seed)
    plain = random.integers(1, 120, shape).astype(dtype)
    array = {
        "C": lambda: plain.copy(),
        "F": lambda: numpy.asfortranarray(plain),
        "big-endian": lambda: plain.astype(plain.dtype.newbyteorder(">")),
        "strided": lambda: numpy.repeat(plain, 2, axis=-1)[..., ::2],
        "read-only": lambda: plain.copy(),
    }[order]()
    array.flags.writeable = order != "read-only"
    before = array.copy()
    mask = None if masking is None else random.random(shape[-2:]) < 0.3
    count = shape[0] if len(shape) == 3 else 1
    given_array = numpy.ma.MaskedArray(array, numpy.broadcast_to(mask, shape)) if masking == "masked array" else array
    path = tmp_path_factory.mktemp("round") / "x.tif"
    write_cog(
        given_array,
        path,
        grid=make_grid(shape[-2:]),
        bands=[BandLayer(nodata=0 if masking == "nodata" else None)] * count,
        mask=None if masking == "masked array" else mask,
        options=LARGE if is_large else SMALL,
    )
    result = read_native(path)
    expected = numpy.zeros(shape[-2:], bool) if mask is None else mask
    assert (result.mask == expected).all()
    valid = numpy.broadcast_to(~expected, result.shape)
    assert (result.data[valid] == plain.reshape(result.shape)[valid]).all()
    assert (array == before).all()
    assert is_cog(path)
    assert [each.name for each in path.parent.iterdir()] == ["x.tif"]


@pytest.mark.parametrize("options", [SMALL, LARGE], ids=["small", "large"])
def test_an_existing_file_keeps_its_inode_and_nothing_is_left_beside_it(target, options):
    target.write_bytes(b"longer than nothing " * 10_000)
    inode = target.stat().st_ino
    write_cog(noise((2, *SHAPE)), target, grid=make_grid(SHAPE), options=options)
    assert target.stat().st_ino == inode
    assert list(target.parent.iterdir()) == [target]
    assert is_cog(target)


@pytest.mark.parametrize(
    ("shape", "edge"), [((9, 16), 128), ((100, 301), 304), ((512, 300), 512), ((70, 513), 512), ((1, 2000), 512)]
)
@pytest.mark.parametrize("is_large", [False, True])
def test_tiles_are_no_larger_than_the_raster(target, shape, edge, is_large):
    array = noise((1, *shape))
    write_cog(array, target, grid=make_grid(shape), options=CogOptions(small_bytes=0 if is_large else 2**20))
    assert describe(target).blocksize == (edge, edge)
    assert (read_native(target) == array).all()
    assert is_cog(target)


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ((2, 4), (2, 4)),
        ((), ()),
        ((4, 2), (2, 4)),
        ((3, 7), (3, 7)),
        (None, (2, 4)),
        ((2, 4, 8, 16, 32, 64), (2, 4, 8, 16, 32, 64)),
    ],
)
@pytest.mark.parametrize("is_large", [False, True])
def test_exactly_the_overviews_asked_for(target, factors, expected, is_large):
    options = CogOptions(blocksize=128, overviews=factors, small_bytes=0 if is_large else 2**20)
    shape = (200, 320)
    write_cog(noise((2, *shape)), target, grid=make_grid(shape), options=options)
    assert describe(target).overviews == expected
    assert validate_cog(target).overviews == tuple(-(-shape[1] // factor) for factor in expected)
    assert is_cog(target)


@pytest.mark.parametrize("name", ["nearest", "average", "gauss", "cubic", "cubicspline", "lanczos", "mode"])
def test_every_overview_resampling(target, name):
    options = CogOptions(blocksize=128, overviews=[2], overview_resampling=name)
    array = noise((1, 64, 96), "int16")
    write_cog(array, target, grid=make_grid((64, 96)), options=options)
    pixels, _ = overview(target, 0)
    assert pixels.shape == (1, 32, 48)
    if name == "nearest":
        assert (pixels == array[:, ::2, ::2]).all()
    if name == "average":
        means = array.reshape(1, 32, 2, 48, 2).mean(axis=(2, 4))
        assert numpy.abs(pixels - means).max() <= 0.5


@pytest.mark.parametrize("name", ["average_mp", "average_magphase"])
def test_resampling_for_complex_numbers_averages_and_warns(target, name):
    array = noise((1, 64, 96))
    options = CogOptions(blocksize=128, overviews=[2], overview_resampling=name)
    with pytest.warns(RasterWarning, match=name):
        write_cog(array, target, grid=make_grid((64, 96)), options=options)
    means = array.reshape(1, 32, 2, 48, 2).mean(axis=(2, 4))
    assert numpy.abs(overview(target, 0)[0] - means).max() <= 0.5


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("kind", ["nodata", "mask", "alpha", "nodata and alpha", "two nodata"])
def test_invalid_pixels_do_not_bleed_into_overviews(target, kind, is_large):
    array = numpy.full((3, 64, 96), 100, "uint16")
    hole = numpy.zeros((64, 96), bool)
    hole[10:31, 5:40] = True
    array[:, hole] = 9000
    array[2] = numpy.where(hole, 0, 65535)
    bands = {
        "nodata": [BandLayer(nodata=9000)] * 3,
        "mask": [BandLayer()] * 3,
        "alpha": [BandLayer(), BandLayer(), BandLayer(is_alpha=True)],
        "nodata and alpha": [BandLayer(nodata=9000), BandLayer(nodata=9000), BandLayer(is_alpha=True)],
        "two nodata": [BandLayer(nodata=9000), BandLayer(nodata=0), BandLayer(is_alpha=True)],
    }[kind]
    write_cog(
        array,
        target,
        grid=make_grid((64, 96)),
        bands=bands,
        mask=hole if kind in ("mask", "two nodata") else None,
        options=CogOptions(blocksize=128, overviews=[2, 4], small_bytes=0 if is_large else 2**20),
    )
    assert is_cog(target)
    assert describe(target).has_internal_mask == (kind == "mask")
    for level, factor in enumerate((2, 4)):
        pixels, invalid = overview(target, level)
        whole = hole.reshape(64 // factor, factor, 96 // factor, factor).all((1, 3))  # no valid pixel below
        if kind == "alpha" or kind.startswith("two"):
            invalid = pixels[2] == 0
        assert (numpy.broadcast_to(invalid, pixels.shape)[0] == whole).all()
        assert (pixels[0][~whole] == 100).all()


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("has_alpha", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "int32"])
def test_an_average_that_is_rounded_to_nodata_stays_valid(target, dtype, has_alpha, is_large):
    """Choice 26: of four pixels 2 above, 1 below, 1 below and 1 above nodata the average is a quarter above it."""
    nodata, shape = 5, (45, 71)
    array = numpy.full((1, *shape), nodata, dtype)
    array[0, :32:2, :64:2], array[0, 1:32:2, :64:2] = nodata + 2, nodata - 1
    array[0, :32:2, 1:64:2], array[0, 1:32:2, 1:64:2] = nodata - 1, nodata + 1
    array[0, :, 32:48] = nodata
    bands = [BandLayer(nodata=nodata)]
    if has_alpha:
        array, bands = numpy.concatenate((array, numpy.ones_like(array))), [*bands, BandLayer(is_alpha=True)]
    options = CogOptions(blocksize=128, overviews=[2, 4, 8], small_bytes=0 if is_large else 2**20)
    write_cog(array, target, grid=make_grid(shape), bands=bands, options=options)
    assert is_cog(target)
    for level, factor in enumerate((2, 4, 8)):
        pixels = overview(target, level)[0][0]
        assert pixels.shape == (-(-shape[0] // factor), -(-shape[1] // factor))
        assert (pixels[: 28 // factor, : 24 // factor] == nodata + 1).all()
        assert (pixels[40 // factor :] == nodata).all()
        assert (pixels[:, 40 // factor : 46 // factor] == nodata).all()


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("kind", ["alpha", "two nodata", "codes"])
@pytest.mark.parametrize("shape", [(45, 71), (333, 201)])
def test_overviews_of_odd_sizes_leave_out_no_row(target, shape, kind, is_large):
    """The bands differ in how overviews are made; these have half as many rows and columns, rounded up."""
    rows, columns = numpy.indices(shape, dtype="uint16") * 8 + 1
    array = numpy.stack((rows, columns, numpy.ones(shape, "uint16")))
    last = {
        "alpha": BandLayer(is_alpha=True),
        "two nodata": BandLayer(nodata=9),
        "codes": BandLayer(is_categorical=True),
    }
    options = CogOptions(blocksize=128, overviews=[2, 4], small_bytes=0 if is_large else 2**20)
    bands = [BandLayer(nodata=0), BandLayer(nodata=0), last[kind]]
    write_cog(array, target, grid=make_grid(shape), bands=bands, options=options)
    assert is_cog(target)
    for level, factor in enumerate((2, 4)):
        pixels = overview(target, level)[0].astype(int)
        assert pixels.shape == (3, -(-shape[0] // factor), -(-shape[1] // factor))
        for band, axis in ((0, 0), (1, 1)):
            steps = numpy.diff(pixels[band], axis=axis)
            assert steps.min() > 0
            assert steps.max() <= 8 * factor
        assert (pixels[2] == 1).all()


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("kind", ["alpha", "mask"])
def test_nodata_of_one_band_is_told_from_what_all_bands_hide(target, kind, is_large):
    """A hole of the first band's nodata, and one of all bands: its overviews average neither, and keep both."""
    array = numpy.full((3, 64, 96), 100, "uint16")
    mask = numpy.zeros(array.shape, bool)
    mask[0, 16:32, ::2] = mask[0, 32:48] = mask[:, :16] = True
    if kind == "alpha":
        array[0][mask[0]], array[2] = 7, 1 - mask[1]
    write_cog(
        array,
        target,
        grid=make_grid((64, 96)),
        bands=[BandLayer(nodata=7), BandLayer(), BandLayer(is_alpha=kind == "alpha")],
        mask=mask if kind == "mask" else None,
        options=CogOptions(blocksize=128, overviews=[2], small_bytes=0 if is_large else 2**20),
    )
    assert is_cog(target)
    pixels, hidden = overview(target, 0)
    if kind == "alpha":
        hidden = numpy.broadcast_to(pixels[2] == 0, pixels.shape)
    assert (hidden == mask[1, ::2, ::2]).all()
    assert numpy.unique(pixels[:2, 8:16]).tolist() == numpy.unique(pixels[:2, 24:]).tolist() == [100]
    assert (pixels[0, 16:24] == 7).all()
    assert (pixels[1, 16:24] == 100).all()


def test_codes_and_opacity_are_never_averaged(target):
    array = noise((3, 64, 96), "uint8", low=0, high=5)
    array[2] = numpy.where(array[2] > 2, 255, 0)
    bands = [BandLayer("ndvi"), BandLayer("classes", is_categorical=True), BandLayer("alpha", is_alpha=True)]
    options = CogOptions(blocksize=128, overviews=[2], overview_resampling="average")
    write_cog(array, target, grid=make_grid((64, 96)), bands=bands, options=options)
    pixels, _ = overview(target, 0)
    assert (pixels[1:] == array[1:, ::2, ::2]).all()
    assert not (pixels[0] == array[0, ::2, ::2]).all()


def test_settings_of_bands_and_tags_are_kept(target):
    bands = [
        BandLayer("red <&> é", nodata=0, scale=0.0001, offset=-0.1, unit="1"),
        BandLayer("classes", nodata=0, is_categorical=True),
        BandLayer("alpha", is_alpha=True),
    ]
    tags = {"TIFFTAG_DATETIME": "2020:01:02 03:04:05", "image": 'acme:"x" & <y>'}
    write_cog(noise((3, *SHAPE)), target, grid=make_grid(SHAPE), bands=bands, tags=tags, options=SMALL)
    description = describe(target)
    assert description.descriptions == ("red <&> é", "classes", "alpha")
    assert description.scales == (0.0001, 1.0, 1.0)
    assert description.offsets == (-0.1, 0.0, 0.0)
    assert description.units[0] == "1"
    assert description.nodata[:2] == (0.0, 0.0)
    assert description.alpha_index == 3
    assert tags.items() <= description.tags.items()
    assert is_cog(target)


def test_a_colormap_is_kept_for_one_band_and_dropped_with_a_warning_for_more(target):
    colors = {1: (10, 20, 30, 255), 2: (40, 50, 60, 255)}
    layer = BandLayer("classes", colormap=colors)
    write_cog(noise(SHAPE, "uint8"), target, grid=make_grid(SHAPE), bands=[layer])
    assert colors.items() <= describe(target).colormaps[0].items()
    with pytest.warns(RasterWarning, match="colormap"):
        write_cog(noise((2, *SHAPE), "uint8"), target, grid=make_grid(SHAPE), bands=[layer, layer])
    with pytest.raises(InvalidArrayError, match="colormap"):
        write_cog(noise(SHAPE, "float32"), target, grid=make_grid(SHAPE), bands=[layer])


@pytest.mark.parametrize("compress", ["DEFLATE", "ZSTD", "LZW", "NONE"])
def test_compressions(target, compress):
    array = noise((2, *SHAPE), "float32")
    write_cog(array, target, grid=make_grid(SHAPE), options=CogOptions(compress=compress, bigtiff="YES"))
    assert target.read_bytes()[:4] == b"II+\x00"
    assert describe(target).compression == (None if compress == "NONE" else compress.lower())
    assert (read_native(target).data == array).all()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"compress": "JPEG"}, "compress .*'ZSTD'.*, not 'JPEG'"),
        ({"level": 13}, "DEFLATE .*1 to 12, not 13"),
        ({"compress": "LZW", "level": 3}, "LZW .*left out, not 3"),
        ({"blocksize": 64}, "a multiple of 16 from 128 .*not 64"),
        ({"bigtiff": "MAYBE"}, "bigtiff .*'YES'.*, not 'MAYBE'"),
        ({"overviews": [1]}, "from 2, not 1"),
        ({"overviews": [2.5]}, "from 2, not 2.5"),
        ({"overviews": list(range(2, 30))}, "at most 16 .*, not 28"),
        ({"overview_resampling": "bilinear"}, "overview_resampling .*'average'.*, not 'bilinear'"),
    ],
)
def test_wrong_options_are_refused(wrong, words):
    with pytest.raises(BadRequestError, match=words):
        CogOptions(**wrong)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (numpy.zeros((2, 3), "int8"), "int16"),
        (numpy.zeros((2, 3), "int64"), "int32"),
        (numpy.zeros((2, 3), "uint64"), "uint32"),
        (numpy.zeros((2, 3), "bool"), "uint8"),
        (numpy.zeros((2, 3), "float16"), "float32"),
        (numpy.zeros((2, 3), "complex64"), "one band for each part"),
        (numpy.zeros((2, 3), "object"), "cast it to one of"),
        (numpy.zeros((2, 3), "datetime64[s]"), "cast it to one of"),
        (numpy.zeros(3, "uint8"), "shape"),
        (numpy.zeros((1, 1, 2, 3), "uint8"), "shape"),
        (numpy.uint8(3), "not uint8"),
        (numpy.zeros((0, 3), "uint8"), "no pixels"),
        (numpy.zeros((2, 0, 3), "uint8"), "no pixels"),
        ([[1, 2]], "list"),
    ],
)
def test_arrays_that_cannot_be_stored(array, words):
    with pytest.raises(InvalidArrayError, match=words):
        check_array(array)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"grid": make_grid((101, 75))}, GridMismatchError, r"101 and 75; pass an array of shape \(band, 101, 75\)"),
        ({"bands": [BandLayer()] * 3}, InvalidArrayError, "2 bands, but 3"),
        ({"bands": [BandLayer(nodata=-1), BandLayer()]}, InvalidArrayError, "-1 of band 1 .*choose a value"),
        ({"bands": [BandLayer(nodata=float("nan")), BandLayer()]}, InvalidArrayError, "nan of band 1 .*choose a value"),
        ({"bands": ["red", "green"]}, BadRequestError, "BandLayer"),
        ({"mask": numpy.zeros((3, 3), bool)}, GridMismatchError, r"\(3, 3\)"),
        ({"grid": Grid(CRS.from_epsg(32618), Affine.identity(), SHAPE)}, GridMismatchError, "identity .*flip the rows"),
        (
            {"grid": Grid(CRS.from_epsg(32618), Affine(0, 0, 0, 0, 0, 0), SHAPE)},
            GridMismatchError,
            "pixels need a size",
        ),
        ({"mask": noise((2, *SHAPE), low=0, high=2).astype(bool)}, InvalidArrayError, "give the bands a nodata"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(target, change, error, words):
    with pytest.raises(error, match=words):
        write_cog(noise((2, *SHAPE)), target, **{"grid": make_grid(SHAPE), **change})
    assert target.read_bytes() == b""


def test_masks_of_bands_with_nodata_may_differ(target):
    array = noise((2, *SHAPE))
    mask = noise((2, *SHAPE), low=0, high=2, seed=3).astype(bool)
    write_cog(array, target, grid=make_grid(SHAPE), bands=[BandLayer(nodata=0)] * 2, mask=mask)
    assert (read_native(target).mask == mask).all()


def test_a_transform_that_flips_identity_is_kept_without_a_warning(target):
    grid = Grid(CRS.from_epsg(32618), Affine(1, 0, 0, 0, -1, 0), SHAPE)
    write_cog(noise(SHAPE), target, grid=grid)
    assert describe(target).grid == grid


def test_rotated_grids_and_projections_without_a_code_are_kept(target):
    crs = CRS.from_proj4("+proj=laea +lat_0=52 +lon_0=10 +ellps=GRS80 +units=m")
    grid = Grid(crs, Affine(10, 2, 4_000_000, 3, -11, 3_000_000), SHAPE)
    write_cog(noise(SHAPE), target, grid=grid)
    found = describe(target).grid
    assert found.transform.almost_equals(grid.transform)
    assert found.crs.to_dict()["proj"] == "laea"


def test_a_full_disk_is_reported_and_leaves_no_scratch_files(target, monkeypatch):
    def cut(source, path, telling):
        path.write_bytes(path.read_bytes()[:-2000])
        return compare(source, path, telling)

    compare = write._compare
    monkeypatch.setattr(write, "_compare", cut)
    with pytest.raises(StorageError, match="read back"):
        write_cog(noise((2, *SHAPE)), target, grid=make_grid(SHAPE), options=LARGE)
    assert list(target.parent.iterdir()) == [target]


def test_a_scratch_file_that_was_cut_off_is_noticed(target, monkeypatch):
    def fill(group, pixels, layout):
        original(group, pixels, layout)
        os.truncate(group.name, 1000)

    original = scratch._fill
    monkeypatch.setattr(scratch, "_fill", fill)
    with pytest.raises(StorageError, match="1000 bytes"):
        write_cog(noise((2, *SHAPE)), target, grid=make_grid(SHAPE), options=LARGE)
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no RLIMIT_FSIZE")
def test_no_limit_on_the_size_of_files_goes_unnoticed(tmp_path):
    """A child process writes under ever larger limits; each write either fails or is whole."""
    code = """
import pathlib, resource, signal, sys
from localcat.errors import StorageError
from localcat.rasters.writing.copying import check_pixels
from localcat.rasters.reading.read import read_native
from localcat.rasters.writing.options import CogOptions
from localcat.rasters.writing.write import write_cog
from tests.small_rasters import make_grid, noise
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
target, unlimited = pathlib.Path(sys.argv[1]), resource.RLIM_INFINITY
array, failures, written = noise((2, 200, 300), high=60000), 0, 0
for small_bytes in (0, 2**20):
    for limit in range(0, 900_000, 30_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited))
        try:
            write_cog(array, target, grid=make_grid((200, 300)), options=CogOptions(small_bytes=small_bytes))
            written += 1
            check_pixels(target)
            assert (read_native(target).data == array).all()
        except StorageError:
            failures += 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))
        assert list(target.parent.iterdir()) in ([target], []), list(target.parent.iterdir())
print(failures, written)
"""
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x.tif")], cwd=root, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    failures, written = map(int, run.stdout.split())
    assert failures > 10
    assert written > 10


def test_a_full_disk_is_told_before_anything_is_written(target, monkeypatch):
    monkeypatch.setattr(write.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(StorageFullError, match="1000 are free"):
        write_cog(noise((2, *SHAPE)), target, grid=make_grid(SHAPE), options=LARGE)
    assert target.read_bytes() == b""


def test_a_folder_that_is_not_there_is_a_storage_error(tmp_path):
    for options in (SMALL, LARGE):
        with pytest.raises(StorageError, match="nowhere"):
            write_cog(noise(SHAPE), tmp_path / "nowhere" / "x.tif", grid=make_grid(SHAPE), options=options)
