"""Real files through the catalog: uploaded or refused with a reason, and read as rasterio reads them."""

from __future__ import annotations

import numpy
import pytest
import rasterio
from numpy.testing import assert_array_equal
from rasterio.enums import ColorInterp, Resampling
from rasterio.vrt import WarpedVRT

from localcat import AOI, Catalog, Image, ImageCollection, UploadOptionWarning, XYZTile
from localcat.earth.crs import parse_crs
from tests.real_data import RASTERS, needs_real_data, uploaded
from tests.small_rasters import placed

pytestmark = needs_real_data
FILES = sorted(path.name for path in RASTERS.glob("*.tif"))


@pytest.mark.parametrize("copy", [True, False], ids=["copied", "in place"])
@pytest.mark.parametrize("name", FILES)
def test_every_file_is_taken_or_refused_with_a_reason(catalog: Catalog, name: str, copy: bool) -> None:
    image, upload = uploaded(name, copy=copy)
    if name == "corrupt.tif":
        assert upload.status == "failure"
        assert "cannot be read as a raster: TIFFFillTile" in upload.events[-1].message
        assert Image.get(image.id) is None
        return
    upload.raise_for_status()
    with rasterio.open(RASTERS / name) as dataset:
        colors = [index for index, color in enumerate(dataset.colorinterp) if color is not ColorInterp.alpha]
        expected = dataset.read([index + 1 for index in colors], masked=True)
        crs, transform, shape = dataset.crs, dataset.transform, dataset.shape
    found = image.ndarray([f"b{index}" for index in colors])
    assert found.dtype == expected.dtype
    assert_array_equal(numpy.ma.getmaskarray(found), numpy.ma.getmaskarray(expected))
    assert_array_equal(found.data, expected.data)
    assert image.geotrans == pytest.approx(transform.to_gdal(), abs=0)
    assert (image.y_pixels, image.x_pixels) == shape
    assert parse_crs(image.cs_code or image.projection) == crs
    valid = ~numpy.ma.getmaskarray(expected).any(axis=0)
    assert image.fill_fraction == valid.mean()
    assert image.geometry.is_valid
    assert image.preview(64).startswith(b"\x89PNG")


def test_mosaics_of_overlapping_files_in_both_orders(catalog: Catalog) -> None:
    red, upload = uploaded("red.tif")
    upload.raise_for_status()
    green, upload = uploaded("green.tif", product=red.product)
    upload.raise_for_status()
    arrays = {}
    for name in ("red", "green"):
        with rasterio.open(RASTERS / f"{name}.tif") as dataset:
            arrays[name] = dataset.read(masked=True)
    for images, names in (((red, green), ("red", "green")), ((green, red), ("green", "red"))):
        below, above = (arrays[name] for name in names)
        hidden = numpy.ma.getmaskarray(above)
        mosaic = ImageCollection(images, geocontext=red.geocontext.assign(geometry=None)).mosaic("b0 b1 b2")
        assert_array_equal(mosaic.filled(9), numpy.ma.where(hidden, below, above).filled(9))
        assert_array_equal(mosaic.mask, hidden & numpy.ma.getmaskarray(below))


def test_a_file_reprojected_to_a_web_map_tile(catalog: Catalog) -> None:
    image, upload = uploaded("RGB.byte.tif")
    upload.raise_for_status()
    tile = XYZTile(18, 27, 6)
    grid = tile.grid()
    found = image.ndarray("b0 b1 b2", tile)
    with (
        rasterio.open(RASTERS / "RGB.byte.tif") as dataset,
        WarpedVRT(dataset, resampling=Resampling.nearest, **placed(grid)) as warped,
    ):
        expected = warped.read(masked=True)
    assert 0 < expected.mask.mean() < 1
    assert_array_equal(found.mask, expected.mask)
    # GDAL projects with an error of up to an eighth of a pixel, and not in the same rows: neighbours may be taken.
    assert (found.filled(0) != expected.filled(0)).mean() < 1e-4


def test_a_projection_without_an_epsg_code_survives(catalog: Catalog, tmp_path) -> None:
    image, upload = uploaded("test_esri_wkt.tif")
    upload.raise_for_status()
    with rasterio.open(RASTERS / "test_esri_wkt.tif") as dataset:
        crs, pixels = dataset.crs, dataset.read()
    assert parse_crs(image.cs_code or image.projection) == crs
    array, info = image.ndarray("b0", raster_info=True)
    copy = Image(product=image.product, name="copy", acquired="2020-01-01")
    with pytest.warns(UploadOptionWarning, match="band axis"):  # of 2 × 2 pixels one band is many
        copy.upload_ndarray(array, raster_meta=info).raise_for_status()
    again = Image.get(copy.id)
    assert parse_crs(again.cs_code or again.projection) == crs
    assert again.geotrans == image.geotrans
    assert_array_equal(again.ndarray("b0").data, pixels)
    with rasterio.open(again.download("b0", dest=tmp_path / "x.tif")) as dataset:
        assert dataset.crs == crs


def test_the_world_is_read_across_the_antimeridian(catalog: Catalog) -> None:
    image, upload = uploaded("world.byte.tif")
    upload.raise_for_status()
    with rasterio.open(RASTERS / "world.byte.tif") as dataset:
        world = dataset.read()
    place = AOI(bounds=(170, -20, -160, 10), crs="EPSG:4326", resolution=0.125)
    columns = numpy.arange((170 + 180) * 8, (200 + 180) * 8) % 2880
    assert_array_equal(image.ndarray("b0", place), world[:, 65 * 8 : 95 * 8, columns])
