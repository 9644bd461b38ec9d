"""Files and paths that a stranger made."""

from __future__ import annotations

import resource
import shutil
import socket
import struct
import subprocess
import sys
import threading
import warnings

import numpy
import pytest
import rasterio
from rasterio.env import get_gdal_config
from rasterio.errors import RasterioError

from localcat.errors import CorruptImageError, ImageDeletedError, LocalcatError, TooLargeError, UnsafePathError
from localcat.rasters.files.describe import describe
from localcat.rasters.files.environment import raster_environment, read_errors, write_errors
from localcat.rasters.files.opening import open_raster
from localcat.rasters.files.validate import validate_cog
from localcat.rasters.reading.read import BandSource, read_bands, read_native
from localcat.rasters.writing.copying import check_pixels, copy_raster
from localcat.rasters.writing.options import CogOptions
from localcat.rasters.writing.write import write_cog
from tests.small_rasters import make_grid, noise, placed, shifted, sparse_tiff

GRID = make_grid()


@pytest.fixture
def cog(tmp_path):
    path = tmp_path / "x.tif"
    write_cog(noise((2, *GRID.shape)), path, grid=GRID)
    return path


@pytest.mark.parametrize(
    "path",
    [
        "/vsicurl/http://127.0.0.1:9/x.tif",
        "/vsizip/x.zip/x.tif",
        "/vsimem/x.tif",
        "/vsis3/bucket/x.tif",
        "http://127.0.0.1:9/x.tif",
        "https://127.0.0.1:9/x.tif",
        "s3://bucket/x.tif",
        "zip://x.zip!x.tif",
        "file:///etc/passwd",
        "<VRTDataset rasterXSize='1' rasterYSize='1'></VRTDataset>",
        "x\x00.tif",
    ],
)
def test_paths_that_are_no_plain_files_are_refused_without_a_socket(path, monkeypatch):
    def connect(*_):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", connect)
    for read in (describe, read_native, lambda p: read_bands([BandSource(p, 1)], GRID)):
        with pytest.raises(UnsafePathError, match="pass the path of a local"):
            read(path)


@pytest.mark.parametrize(
    "path", ["GTIFF_DIR:1:x.tif", "NETCDF:x.nc:v", "MEM:::DATAPOINTER=1", "nowhere.tif", "OVR:x.tif"]
)
def test_names_with_a_meaning_to_gdal_are_only_names(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImageDeletedError, match=f"{path} .*bring it back"):
        describe(path)


def test_links_and_folders_are_refused(cog, tmp_path):
    link = tmp_path / "link.tif"
    link.symlink_to(cog)
    with pytest.raises(UnsafePathError, match="symbolic link"):
        describe(link)
    with pytest.raises(UnsafePathError, match="no regular file"):
        describe(tmp_path)


def test_a_virtual_raster_disguised_as_a_tiff_is_refused(cog, tmp_path):
    disguised = tmp_path / "y.tif"
    rasterio.shutil.copy(cog, disguised, driver="VRT")
    assert disguised.read_bytes().startswith(b"<VRT")
    for read in (describe, read_native, lambda p: copy_raster(p, tmp_path / "z.tif")):
        with pytest.raises(CorruptImageError, match="neither"):
            read(disguised)


def test_other_formats_are_refused(tmp_path):
    for number, content in enumerate((b"", b"\x89PNG\r\n\x1a\n" + b"\0" * 64, b"II*\0", b"MM\0*\0\0\0\x08", b"GIF89a")):
        path = tmp_path / f"{number}.tif"
        path.write_bytes(content)
        with pytest.raises(CorruptImageError, match=rf"{number}\.tif .*(convert|restore) it"):
            describe(path)


def test_sidecars_are_not_looked_at(cog, tmp_path):
    place = placed(shifted(GRID, 0, 0, shape=(24, 32)))
    with rasterio.open(tmp_path / "other.tif", "w", driver="GTiff", count=2, dtype="uint16", **place) as other:
        other.write(numpy.full((2, 24, 32), 9999, "uint16"))
    shutil.copy(tmp_path / "other.tif", tmp_path / "x.tif.ovr")
    shutil.copy(tmp_path / "other.tif", tmp_path / "x.tif.msk")
    (tmp_path / "x.tif.aux.xml").write_text(
        "<PAMDataset><Metadata><MDI key='evil'>yes</MDI></Metadata>"
        "<PAMRasterBand band='1'><NoDataValue>5</NoDataValue></PAMRasterBand></PAMDataset>"
    )
    (tmp_path / "x.tfw").write_text("1\n0\n0\n-1\n0\n0\n")
    description = describe(cog)
    assert description.overviews == ()
    assert description.nodata == (None, None)
    assert not description.has_internal_mask
    assert "evil" not in description.tags
    assert description.grid == GRID
    coarse = make_grid((24, 32), resolution=20)
    assert read_bands([BandSource(cog, 1)], coarse).max() < 9999


def test_reading_leaves_no_file_behind(cog):
    describe(cog)
    read_native(cog)
    read_bands([BandSource(cog, 1)], make_grid((20, 20), resolution=33), resampling="cubic")
    assert list(cog.parent.iterdir()) == [cog]


def test_bombs_are_refused_before_memory_is_taken(tmp_path):
    huge = sparse_tiff(tmp_path / "huge.tif", width=200_000, height=200_000, tile=4096)
    block = sparse_tiff(tmp_path / "block.tif", width=60_000, height=60_000, tile=60_000 // 16 * 16)
    assert huge.stat().st_size < 100_000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TooLargeError, match="200000"):
        describe(huge)
    with pytest.raises(TooLargeError, match="blocks"):
        describe(block)
    with pytest.raises(TooLargeError, match="200000 × 200000"):
        copy_raster(huge, tmp_path / "copy.tif")
    with pytest.raises(TooLargeError, match="200000 × 200000"):
        read_native(huge)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 100_000  # kilobytes


def test_a_chain_of_directories_without_end_is_noticed(cog):
    content = bytearray(cog.read_bytes())
    assert content[:4] == b"II*\0"
    first = struct.unpack("<I", content[4:8])[0]
    count = struct.unpack("<H", content[first : first + 2])[0]
    content[first + 2 + 12 * count : first + 6 + 12 * count] = struct.pack("<I", first)
    cog.write_bytes(content)
    with pytest.raises(CorruptImageError, match="does not end"):
        validate_cog(cog)


# GDAL's message may quote bytes of the file; rasterio 1.5 stumbles over those that are no UTF-8 while it logs them.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_mutilated_files_raise_only_our_errors(cog, tmp_path):
    """A fixed-seed sample; the long campaign runs with more."""
    write_cog(
        noise((2, 200, 300)),
        cog,
        grid=make_grid((200, 300)),
        options=CogOptions(blocksize=128),
        mask=noise((200, 300), low=0, high=2).astype(bool),
    )
    content = cog.read_bytes()
    random = numpy.random.default_rng(7)
    path = tmp_path / "bad.tif"
    messages = []
    for _ in range(250):
        bad = bytearray(content)
        kind = random.integers(3)
        if kind == 0:
            bad = bad[: random.integers(len(bad))]
        else:
            reach = 600 if kind == 1 else len(bad)
            for at in random.integers(0, reach, random.integers(1, 20)):
                bad[at] = random.integers(256)
        path.write_bytes(bad)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                describe(path)
                check_pixels(path, max_bytes=2**28)
                read_native(path, max_bytes=2**28)
                read_bands([BandSource(path, 1)], make_grid((30, 40), resolution=21.0))
            except LocalcatError as error:
                messages.append(str(error))
    assert len(messages) > 60
    assert [message for message in messages if "bad.tif" not in message] == []


def test_a_file_that_is_gone_while_gdal_reads_it_is_not_called_damaged(tmp_path):
    """As where the disk fails: GDAL's error is the same as for a damaged file."""
    path = tmp_path / "x.tif"
    write_cog(numpy.ones((1, 64, 64), "uint8"), path, grid=make_grid((64, 64)))
    path.write_bytes(path.read_bytes()[:-30])
    with open_raster(path) as dataset, pytest.raises(RasterioError):
        dataset.read()
    with pytest.raises(CorruptImageError, match=r"x\.tif .*restore it"), open_raster(path) as dataset:
        dataset.read()
    with pytest.raises(ImageDeletedError, match=r"x\.tif is not there"), open_raster(path) as dataset:
        path.unlink()
        dataset.read()


def test_errors_of_the_system_become_ours(tmp_path):
    with pytest.raises(TooLargeError, match="memory"), read_errors("x.tif"):
        raise MemoryError
    with pytest.raises(CorruptImageError, match=r"x\.tif"), read_errors("x.tif"):
        raise SystemError("returned NULL")
    with pytest.raises(LocalcatError, match="free some space"), write_errors("x.tif"):
        raise OSError(28, "No space left on device")
    with pytest.raises(LocalcatError, match="read-only"), write_errors("x.tif"):
        raise OSError(30, "Read-only file system")
    with pytest.raises(KeyError), write_errors("x.tif"):
        raise KeyError("a fault of ours stays one")


def test_no_global_state_changes(cog):
    filters = list(warnings.filters)
    describe(cog)
    write_cog(noise(GRID.shape), cog, grid=GRID, options=CogOptions(small_bytes=0))
    read_native(cog)
    assert warnings.filters == filters
    with rasterio.Env():
        assert get_gdal_config("GDAL_PAM_ENABLED") is None
        assert get_gdal_config("GDAL_DISABLE_READDIR_ON_OPEN") is None


def test_foreign_settings_do_not_reach_our_reads(cog):
    with rasterio.Env(GDAL_PAM_ENABLED="YES", GDAL_DISABLE_READDIR_ON_OPEN="FALSE"):
        with raster_environment():
            assert get_gdal_config("GDAL_PAM_ENABLED", normalize=False) == "NO"
        with open_raster(cog):
            assert get_gdal_config("GDAL_DISABLE_READDIR_ON_OPEN") == "EMPTY_DIR"
        assert get_gdal_config("GDAL_PAM_ENABLED", normalize=False) == "YES"


def test_threads_read_at_the_same_time(cog):
    expected = read_native(cog).data
    failures = []

    def work():
        for _ in range(10):
            try:
                if not (read_bands([BandSource(cog, 1), BandSource(cog, 2)], GRID).data == expected).all():
                    failures.append("other pixels")
            except LocalcatError as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_the_environment_of_the_process_cannot_open_a_side_door(cog):
    (cog.parent / "x.tif.aux.xml").write_text("<PAMDataset><Metadata><MDI key='evil'>yes</MDI></Metadata></PAMDataset>")
    code = (
        "import sys; from localcat.rasters.files.describe import describe\n"
        "assert 'evil' not in describe(sys.argv[1]).tags"
    )
    environment = {
        "GDAL_PAM_ENABLED": "YES",
        "GDAL_DISABLE_READDIR_ON_OPEN": "FALSE",
        "GDAL_VRT_ENABLE_PYTHON": "YES",
        "GDAL_DRIVER_PATH": str(cog.parent),
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "PYTHONPATH": ":".join(sys.path),
        "PATH": "/usr/bin",
    }
    subprocess.run([sys.executable, "-c", code, str(cog)], env=environment, check=True, timeout=60)
