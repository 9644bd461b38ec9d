"""What a download keeps of a read: masks of each band, nodata, scale, offset, unit and colours; and what is outside."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pytest
import rasterio
import shapely
from affine import Affine
from numpy.testing import assert_array_equal
from rasterio.enums import ColorInterp

from localcat import AOI, BadRequestError, Catalog, ClassBand, ImageCollection, RasterWarning
from localcat.rasters.files.dtypes import numpy_dtype
from localcat.rasters.files.opening import quiet_georeferencing
from tests.small_catalog import alpha, make_product, new_image, spectral, upload

ROWS, COLUMNS = 32, 48
GRID = {"crs": "EPSG:32618", "transform": Affine(60, 0, 500_000, 0, -60, 4_000_000), "height": ROWS, "width": COLUMNS}
WHOLE = (500_000, 4_000_000 - 60 * ROWS, 500_000 + 60 * COLUMNS, 4_000_000)


def geotiff(path: Path, pixels: Any, *, mask: Any = None, **options: Any) -> Path:
    settings = {name: options.pop(name) for name in ("scales", "offsets", "units", "colorinterp") if name in options}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", driver="GTiff", count=len(pixels), dtype=pixels.dtype, **GRID, **options) as file,
    ):
        for name, value in settings.items():
            setattr(file, name, value)
        file.write(pixels)
        if mask is not None:
            file.write_mask(~mask)
    return path


def noise(count: int, dtype: str = "uint16", *, high: int = 4) -> Any:
    return numpy.random.default_rng(1).integers(0, high, (count, ROWS, COLUMNS)).astype(dtype)


def image_of(catalog: Catalog, path: Path, *bands: Any, data_type: str = "UInt16", name: str = "x"):
    image = new_image(make_product(f"p{name}", *bands, data_type=data_type), name)
    image.upload(path).raise_for_status()
    return image


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_the_nodata_of_a_file_stays_that_of_each_band(catalog: Catalog, tmp_path, dtype) -> None:
    """Choice 27: the bands declare none."""
    pixels = noise(3, dtype)
    path = geotiff(tmp_path / "x.tif", pixels, nodata=2)
    names = {"uint8": "Byte", "uint16": "UInt16", "int16": "Int16", "float32": "Float32"}
    image = image_of(catalog, path, *(spectral(f"b{at}") for at in range(3)), data_type=names[dtype])
    with rasterio.open(image.download("b2 b0", dest=tmp_path / "out.tif")) as file:
        assert file.nodata == 2
        assert_array_equal(file.read(), pixels[[2, 0]])
        assert_array_equal(file.read_masks() > 0, pixels[[2, 0]] != 2)


def test_an_internal_mask_stays_one(catalog: Catalog, tmp_path) -> None:
    """Choice 27."""
    hole = noise(1)[0] == 1
    image = image_of(catalog, geotiff(tmp_path / "x.tif", noise(2), mask=hole), spectral("b0"), spectral("b1"))
    with rasterio.open(image.download("b0 b1", dest=tmp_path / "out.tif")) as file:
        assert file.nodata is None
        assert_array_equal(file.dataset_mask() > 0, ~hole)
        assert_array_equal(file.read(), noise(2))


@pytest.mark.parametrize("data_type", ["Byte", "UInt16", "Int16", "Int32", "Float32"])
def test_an_average_that_equals_nodata_stays_valid(catalog: Catalog, tmp_path, data_type) -> None:
    """Choice 27: the mean of 4 and 6 is 5, which is the nodata of the band."""
    pixels = numpy.full((1, ROWS, COLUMNS), 4, numpy_dtype(data_type))
    pixels[0, :, 1::2] = 6
    pixels[0, :8] = 5
    image = image_of(catalog, geotiff(tmp_path / "x.tif", pixels), spectral("b", nodata=5), data_type=data_type)
    read = image.ndarray("b", resolution=120, resampler="average")
    assert_array_equal(read.data, 5)
    assert_array_equal(read.mask[0].all(axis=1), [True] * 4 + [False] * 12)
    path = image.download("b", resolution=120, resampler="average", dest=tmp_path / "out.tif")
    with rasterio.open(path) as file:
        assert_array_equal(file.dataset_mask() > 0, ~read.mask[0])
        assert_array_equal(file.read(1)[4:], 5)


def test_values_that_are_clipped_to_nodata_stay_valid(catalog: Catalog, tmp_path) -> None:
    """Choice 27: of 255, 254 and 300 as bytes, with 255 for nodata, the last is there."""
    pixels = numpy.full((1, ROWS, COLUMNS), 254, "uint16")
    pixels[0, 0, :2] = 255, 300
    image = image_of(catalog, geotiff(tmp_path / "x.tif", pixels), spectral("b", nodata=255))
    with rasterio.open(image.download("b", data_type="Byte", dest=tmp_path / "out.tif")) as file:
        assert_array_equal(file.dataset_mask()[0, :3] > 0, [False, True, True])
        assert_array_equal(file.read(1)[0, 1:3], [255, 254])


def test_masks_that_differ_need_a_value_that_is_free(catalog: Catalog, tmp_path) -> None:
    """Choice 27: there is none among 256 that are all used; a wider type has one."""
    pixels = numpy.stack([numpy.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) % 256] * 2).astype("uint8")
    bands = [spectral("b0", nodata=3), spectral("b1")]
    image = image_of(catalog, geotiff(tmp_path / "x.tif", pixels), *bands, data_type="Byte")
    with pytest.raises(BadRequestError, match="masks of the 2 bands differ, and uint8 has no value left .* data_type"):
        image.download("b0 b1", dest=tmp_path / "out.tif")
    with rasterio.open(image.download("b0 b1", dest=tmp_path / "out.tif", data_type="UInt16")) as file:
        assert file.nodata == 65_535
        assert_array_equal(file.read_masks(1) > 0, pixels[0] != 3)
        assert (file.read_masks(2) > 0).all()


def test_scale_offset_unit_and_colours_are_those_of_the_file(catalog: Catalog, tmp_path) -> None:
    """Choice 27."""
    said = {"scales": (0.5, 2), "offsets": (-1, 3), "units": ("K", "m")}
    colors = [ColorInterp.red, ColorInterp.green]
    path = geotiff(tmp_path / "x.tif", noise(2), colorinterp=colors, photometric="minisblack", **said)
    image = image_of(catalog, path, spectral("b0"), spectral("b1"))
    with rasterio.open(image.download("b1 b0", dest=tmp_path / "out.tif")) as file:
        assert (file.scales, file.offsets, file.units) == ((2, 0.5), (3, -1), ("m", "K"))
        assert file.colorinterp == (ColorInterp.green, ColorInterp.red)
    with rasterio.open(image.download("b1", dest=tmp_path / "p.tif", scaling="physical")) as file:
        assert (file.scales, file.offsets) == ((1,), (0,))  # the numbers are the physical ones already
        assert_array_equal(file.read(1), noise(2)[1] * 2.0 + 3)


def test_a_palette_of_the_file_is_kept(catalog: Catalog, tmp_path) -> None:
    """Choice 27."""
    path = geotiff(tmp_path / "x.tif", noise(1, "uint8"), photometric="palette")
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {value: (value, 0, 99, 255) for value in range(256)})
    image = image_of(catalog, path, partial(ClassBand, name="c", data_range=(0, 3)), data_type="Byte")
    with rasterio.open(image.download("c", dest=tmp_path / "out.tif")) as file:
        assert file.colormap(1)[3] == (3, 0, 99, 255)


def test_a_mosaic_of_images_whose_scales_differ_states_none(catalog: Catalog, tmp_path) -> None:
    """Choice 27, 30."""
    product = make_product("p", spectral("b", nodata=0))
    images = []
    for name, offset in (("before", 0), ("after", -0.1)):
        image = new_image(product, name)
        image.upload(geotiff(tmp_path / f"{name}.tif", noise(1), scales=(0.5,), offsets=(offset,))).raise_for_status()
        images.append(image)
    both = ImageCollection(images, geocontext=images[0].geocontext)
    with pytest.warns(RasterWarning, match="differ in scale and offset of band 'b'.*scaling='physical'"):
        path = both.download_mosaic("b", dest=tmp_path / "out.tif")
    with rasterio.open(path) as file:
        assert (file.scales, file.offsets) == ((1,), (0,))


# Outside of a geometry


def half() -> AOI:
    """The grid of the image, with its western half as the geometry."""
    west, south, east, north = WHOLE
    outline = shapely.box(west, south, (west + east) / 2, north)
    whole = AOI(bounds=WHOLE, bounds_crs="EPSG:32618", crs="EPSG:32618", resolution=60, align_pixels=False)
    lonlat = rasterio.warp.transform_geom("EPSG:32618", "EPSG:4326", shapely.geometry.mapping(outline))
    return whole.assign(geometry=lonlat)


INSIDE = numpy.zeros((ROWS, COLUMNS), dtype=bool)
INSIDE[:, : COLUMNS // 2] = True


@pytest.mark.parametrize(("nodata", "outside"), [(None, 0), (7, 7)])
def test_pixels_outside_of_a_geometry_hold_nodata_or_0(catalog: Catalog, tmp_path, nodata, outside) -> None:
    """Choice 27: in the data, unmasked, scaled, in mosaics and in downloads."""
    bands = [spectral("b", nodata=nodata, display_range=(0, 9)), alpha()]
    array = numpy.concatenate((noise(1) + 1, numpy.ones((1, ROWS, COLUMNS), "uint16")))
    meta = {"geoTransform": GRID["transform"].to_gdal(), "coordinateSystem": {"epsg": 32618}}
    product = make_product("p", *bands)
    image = upload(product, "x", array, meta=meta)
    other = upload(product, "y", array, meta=meta)
    collection = ImageCollection([image, other], geocontext=half())
    for found in (
        image.ndarray("b alpha", half()),
        image.ndarray("b alpha", half(), mask_nodata=False, mask_alpha=False),
        collection.mosaic("b alpha"),
        collection.mosaic("b alpha", mask_nodata=False, mask_alpha=False),
        collection.stack("b alpha")[1],
    ):
        values = numpy.ma.getdata(found)
        assert set(values[0][~INSIDE]) == {outside}
        assert set(values[1][~INSIDE]) == {0}
        assert_array_equal(values[0][INSIDE], array[0][INSIDE])
    masked = image.ndarray("b alpha", half())
    assert_array_equal(masked.mask[1], ~INSIDE)
    scaled = image.ndarray("b", half(), scaling="display")
    assert set(numpy.ma.getdata(scaled)[0][~INSIDE]) == {0}
    for bands_of_file in ("b", "b alpha"):
        with rasterio.open(image.download(bands_of_file, half(), dest=tmp_path / "out.tif")) as file:
            assert set(file.read(1)[~INSIDE]) == {outside}
            assert_array_equal(file.dataset_mask() > 0, INSIDE)
    path = image.download("b", half(), dest=tmp_path / "out.png", scaling="display")
    with quiet_georeferencing(), rasterio.open(path) as file:
        assert_array_equal(file.read(2) > 0, INSIDE)
        assert not file.read(1)[~INSIDE].any()
