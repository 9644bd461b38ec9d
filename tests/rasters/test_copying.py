from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate

from localcat.errors import BadRequestError, CorruptImageError, ImageDeletedError
from localcat.rasters.files.describe import describe
from localcat.rasters.files.validate import validate_cog
from localcat.rasters.reading.read import read_native
from localcat.rasters.writing.checks import BandLayer
from localcat.rasters.writing.copying import as_cog, check_pixels, copy_raster
from localcat.rasters.writing.options import CogOptions
from localcat.rasters.writing.write import write_cog
from tests.small_rasters import make_grid, make_tif_without_a_place, noise, placed

GRID = make_grid((140, 301))


def test_a_copy_has_the_same_bytes(tmp_path):
    source, target = tmp_path / "x.tif", tmp_path / ".tmp-1.tif"
    written = write_cog(noise((2, *GRID.shape)), source, grid=GRID, options=CogOptions(blocksize=128))
    target.write_bytes(b"x" * 1_000_000)
    inode = target.stat().st_ino
    assert copy_raster(source, target) == replace(written, fill_fraction=1.0)
    assert target.read_bytes() == source.read_bytes()
    assert target.stat().st_ino == inode
    assert hashlib.sha256(target.read_bytes()).hexdigest() == written.sha256


def test_damage_is_found_wherever_it_is(tmp_path):
    path = tmp_path / "x.tif"
    array = noise((1, *GRID.shape))
    write_cog(array, path, grid=GRID, options=CogOptions(blocksize=128), mask=array[0] > 60)
    check_pixels(path)
    content = path.read_bytes()
    for at in range(2596, len(content) - 400, 1499):
        path.write_bytes(content[:at] + b"\xff" * 40 + content[at + 40 :])
        with pytest.raises(CorruptImageError, match=r"x\.tif .*restore it"):
            copy_raster(path, tmp_path / "copy.tif")
    path.write_bytes(content[:-100])
    with pytest.raises(CorruptImageError, match=r"x\.tif .*restore it"):
        copy_raster(path, tmp_path / "copy.tif")


def test_a_missing_source_is_told(tmp_path):
    with pytest.raises(ImageDeletedError, match=r"x\.tif .*bring it back"):
        copy_raster(tmp_path / "x.tif", tmp_path / "y.tif")


def test_a_nodata_that_no_pixel_can_be_hides_none_of_a_cog(tmp_path):
    """GDAL would write 1, which pixels are."""
    source, target = tmp_path / "x.tif", tmp_path / "y.tif"
    with rasterio.open(source, "w", driver="GTiff", count=1, dtype="uint8", nodata=1.5, **placed(GRID)) as dataset:
        dataset.write(noise((1, *GRID.shape), "uint8", high=4))
    assert describe(source).nodata == (1.5,)
    as_cog(source, target)
    assert describe(target).nodata == (None,)
    as_cog(source, target, declared={1: BandLayer("b", nodata=3)})
    assert describe(target).nodata == (3,)


def test_a_striped_file_becomes_a_cog_with_everything_it_had(tmp_path):
    source, target = tmp_path / "x.tif", tmp_path / "y.tif"
    with rasterio.open(
        source, "w", driver="GTiff", count=3, dtype="uint8", nodata=7, photometric="RGB", **placed(GRID)
    ) as dataset:
        dataset.write(noise((3, *GRID.shape), "uint8"))
        dataset.set_band_description(2, "green band")
        dataset.update_tags(image="x")
    assert validate_cog(source).problems == ("an image in the file is cut into strips, not into tiles",)
    as_cog(source, target, options=CogOptions(blocksize=128, overviews=[2]))
    before, after = describe(source), describe(target)
    assert after.overviews == (2,)
    assert (read_native(target).data == read_native(source).data).all()
    for name in ("grid", "nodata", "descriptions", "color_interpretations", "dtypes", "scales"):
        assert getattr(after, name) == getattr(before, name), name
    assert after.tags["image"] == "x"
    assert cog_validate(target, quiet=True)[:2] == (True, [])


@pytest.mark.parametrize("kind", ["mask", "alpha", "colormap"])
def test_masks_and_colors_survive_a_rewrite(tmp_path, kind):
    array = noise((1 if kind == "colormap" else 2, *GRID.shape), "uint8")
    bands = {
        "mask": [BandLayer()] * 2,
        "alpha": [BandLayer(), BandLayer(is_alpha=True)],
        "colormap": [BandLayer(colormap={3: (1, 2, 3, 255)})],
    }[kind]
    mask = array[0] > 60 if kind == "mask" else None
    source, target = tmp_path / "x.tif", tmp_path / "y.tif"
    write_cog(array, source, grid=GRID, bands=bands, mask=mask)
    as_cog(source, target)
    assert (read_native(target).mask == read_native(source).mask).all()
    assert (read_native(target).data == array).all()
    before, after = describe(source), describe(target)
    assert after.color_interpretations == before.color_interpretations
    assert after.has_internal_mask == (kind == "mask")
    assert after.colormaps == before.colormaps


def test_a_jpeg_2000_file_is_copied_and_rewritten(tmp_path):
    source = tmp_path / "x.jp2"
    array = noise((2, *GRID.shape))
    lossless = {"quality": 100, "reversible": True}
    with rasterio.open(
        source, "w", driver="JP2OpenJPEG", count=2, dtype="uint16", **placed(GRID), **lossless
    ) as dataset:
        dataset.write(array)
    source.with_name("x.jp2.aux.xml").unlink(missing_ok=True)
    assert describe(source).driver == "JP2OpenJPEG"
    assert describe(source).grid == GRID
    copy_raster(source, tmp_path / "copy.jp2")
    assert (read_native(tmp_path / "copy.jp2").data == array).all()
    as_cog(source, tmp_path / "y.tif")
    assert (read_native(tmp_path / "y.tif").data == array).all()
    assert describe(tmp_path / "y.tif").driver == "GTiff"


def test_a_file_without_a_place_cannot_become_a_cog(tmp_path):
    path = make_tif_without_a_place(tmp_path / "x.tif")
    with pytest.raises(BadRequestError, match="transform"):
        as_cog(path, tmp_path / "y.tif")


def test_real_files(real_files, tmp_path):
    with pytest.raises(CorruptImageError, match="TIFFFillTile"):
        copy_raster(real_files / "corrupt.tif", tmp_path / "x.tif")
    copy_raster(real_files / "alpha.tif", tmp_path / "x.tif")
    for name in ("RGB.byte.tif", "RGBA.uint16.tif", "all-nodata.tif", "float_raster_with_nodata.tif", "shade.tif"):
        target = tmp_path / name
        as_cog(real_files / name, target)
        assert cog_validate(target, quiet=True)[:2] == (True, [])
        assert validate_cog(target).is_valid
        before, after = read_native(real_files / name), read_native(target)
        assert before.data.tobytes() == after.data.tobytes()
        assert (before.mask == after.mask).all()
