from __future__ import annotations

import pytest
import rasterio
import rasterio.shutil
from rasterio.enums import Resampling

from localcat.errors import CorruptImageError
from localcat.rasters.files.validate import validate_cog
from localcat.rasters.writing.options import CogOptions
from localcat.rasters.writing.write import write_cog
from tests.small_rasters import make_grid, noise, placed

GRID = make_grid((300, 420))


@pytest.fixture
def cog(tmp_path):
    path = tmp_path / "x.tif"
    write_cog(noise((2, *GRID.shape)), path, grid=GRID, options=CogOptions(blocksize=128, overviews=[2, 4]))
    return path


def test_a_written_file_is_in_order(cog):
    report = validate_cog(cog)
    assert report.is_valid
    assert report.has_ghost_area
    assert report.overviews == (210, 105)


def test_an_edited_file_lost_its_layout(cog):
    with rasterio.open(cog, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
        dataset.write(noise((2, *GRID.shape), seed=5))
    assert "the file was edited after it was written, and lost its layout" in validate_cog(cog).problems


def test_overviews_added_later_are_out_of_place(tmp_path):
    path = tmp_path / "x.tif"
    tiles = {"tiled": True, "blockxsize": 128, "blockysize": 128}
    with rasterio.open(path, "w", driver="GTiff", count=1, dtype="uint16", **placed(GRID), **tiles) as dataset:
        dataset.write(noise((1, *GRID.shape)))
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2, 4], Resampling.average)
    report = validate_cog(path)
    assert not report.has_ghost_area
    assert "pixels lie before the last directory" in report.problems
    assert "the tiles of a coarser overview lie after those of a finer image" in report.problems


def test_what_is_no_tiff_is_corrupt(tmp_path):
    path = tmp_path / "x.tif"
    path.write_bytes(b"no tiff at all, only text")
    with pytest.raises(CorruptImageError, match=r"x\.tif"):
        validate_cog(path)


def test_real_files(real_files):
    assert validate_cog(real_files / "RGB.byte.tif").problems
    assert validate_cog(real_files / "corrupt.tif").overviews[0] == 512
