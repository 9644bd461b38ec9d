"""What an opened file says of itself: it may say anything, and only this library's errors come of it."""

from __future__ import annotations

import pytest
from rasterio.io import DatasetReader

from localcat.errors import CorruptImageError, LocalcatError
from localcat.rasters.files.describe import describe
from localcat.rasters.reading.read import read_native
from localcat.rasters.writing.copying import as_cog, check_pixels
from tests.mutated_tiffs import mutated, write_kinds

MOST = 2**20  # bytes: a mutation may claim a raster of any size


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    return {path.stem: path for path in write_kinds(tmp_path_factory.mktemp("kinds"))}


@pytest.mark.parametrize("kind", ["palette", "jpeg", "alpha", "nodata", "floats", "scaled"])
def test_whatever_a_directory_says_is_read_or_refused_by_our_errors(kind, kinds, tmp_path):
    path, outcomes = tmp_path / "x.tif", set()
    calls = (
        lambda: describe(path, max_bytes=MOST),
        lambda: read_native(path, max_bytes=MOST),
        lambda: check_pixels(path, max_bytes=MOST),
        lambda: as_cog(path, tmp_path / "cog.tif", max_bytes=MOST),
    )
    for data in mutated(kinds[kind], 20, seed=5):
        path.write_bytes(data)
        for call in calls:
            try:
                call()
                outcomes.add("read")
            except LocalcatError:
                outcomes.add("refused")
    assert outcomes == {"read", "refused"}


@pytest.mark.parametrize(
    "attribute",
    ["dtypes", "nodatavals", "mask_flag_enums", "colorinterp", "scales", "offsets", "block_shapes", "units"],
)
@pytest.mark.parametrize("error", [AttributeError, ValueError, KeyError, TypeError])
def test_attributes_of_other_versions_of_rasterio_raise_our_error(attribute, error, kinds, monkeypatch):
    def fails(_):
        raise error("no such member")

    monkeypatch.setattr(DatasetReader, attribute, property(fails))
    with pytest.raises(
        CorruptImageError, match=rf"scaled\.tif says of itself .*{error.__name__}.*write the file again"
    ):
        describe(kinds["scaled"])


def test_a_compression_is_described_in_the_words_of_gdal_whatever_rasterio_makes_of_it(kinds, monkeypatch):
    monkeypatch.setattr(DatasetReader, "compression", property(lambda _: "YCbCr JPEG"))
    monkeypatch.setattr(DatasetReader, "interleaving", property(lambda _: "pixel"))
    assert describe(kinds["jpeg"]).compression == "ycbcr jpeg"
    assert describe(kinds["nodata"]).compression == "deflate"
    assert describe(kinds["floats"]).compression is None


def test_a_palette_without_colours_is_described_as_one_band_without_them(kinds, monkeypatch):
    def no_colours(*_):
        raise ValueError("NULL color table")

    monkeypatch.setattr(DatasetReader, "colormap", no_colours)
    found = describe(kinds["palette"])
    assert (found.color_interpretations, found.colormaps) == (("palette",), (None,))
