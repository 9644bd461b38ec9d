"""Uploads of masked arrays: into which nodata, alpha band or mask of the file their masks go, and back."""

from __future__ import annotations

import numpy
import pytest
import rasterio

from localcat import (
    Catalog,
    InvalidArrayError,
    MaskBand,
    Product,
    SpectralBand,
)
from tests.leftovers import check_nothing_left
from tests.small_catalog import new_image


def test_an_array_with_its_alpha_band_is_stored_as_it_is(catalog: Catalog, product: Product, meta) -> None:
    """3.9."""
    array = numpy.ones((2, 64, 48), "uint16")
    array[1, :5] = 0
    image = new_image(product)
    image.upload_ndarray(array, raster_meta=meta)
    assert image.ndarray("blue").mask.sum() == 5 * 48
    assert numpy.array_equal(image.ndarray("blue alpha", mask_alpha=False, mask_nodata=False), array)
    assert isinstance(list(product.bands())[1], MaskBand)


def test_the_mask_goes_to_nodata_where_the_band_has_one(catalog: Catalog, pixels, meta) -> None:
    """3.9, ours."""
    product = Product(id="nodata", name="X")
    product.save()
    SpectralBand(name="blue", product=product, data_type="UInt16", data_range=(0, 9999), nodata=7, band_index=0).save()
    image = new_image(product)
    image.upload_ndarray(pixels, raster_meta=meta)
    with rasterio.open(catalog.path_of(image.files[0])) as file:
        assert file.nodata == 7
        assert (file.read(1)[:3] == 7).all()
    assert numpy.array_equal(image.ndarray("blue").mask, pixels.mask)


def test_the_mask_becomes_an_internal_one_without_nodata_and_alpha(catalog: Catalog, pixels, meta) -> None:
    """3.9, ours."""
    product = Product(id="plain", name="X")
    product.save()
    SpectralBand(name="blue", product=product, data_type="UInt16", data_range=(0, 9999), band_index=0).save()
    image = new_image(product)
    image.upload_ndarray(pixels, raster_meta=meta)
    with rasterio.open(catalog.path_of(image.files[0])) as file:
        assert file.count == 1
        assert numpy.array_equal(file.dataset_mask() == 0, pixels.mask[0])
    found = image.ndarray("blue")
    assert numpy.array_equal(found.mask, pixels.mask)
    assert numpy.array_equal(found.filled(0), pixels.filled(0))


@pytest.mark.parametrize(
    ("data_type", "lowest", "highest", "nodata"),
    [
        ("Byte", 1, 255, 0),
        ("Byte", 0, 9, 255),
        ("Int16", -5, 0, 32767),
        ("Float32", -1, 1, -3.4028234663852886e38),
    ],
)
def test_masks_that_differ_are_told_by_a_value_that_no_valid_pixel_has(
    catalog: Catalog, meta, data_type: str, lowest: int, highest: int, nodata: float
) -> None:
    product = Product(id="two", name="X")
    product.save()
    for index in (0, 1):
        SpectralBand(
            name=f"b{index}", product=product, data_type=data_type, data_range=(0, 255), band_index=index
        ).save()
    dtype = {"Byte": "uint8", "Int16": "int16", "Float32": "float32"}[data_type]
    array = numpy.ma.MaskedArray(numpy.full((2, 64, 48), lowest, dtype), mask=False)
    array[1, 5] = highest
    array[0, 0, :3] = array[1, 0, 2:9] = numpy.ma.masked
    image = new_image(product)
    image.upload_ndarray(array, raster_meta=meta).raise_for_status()
    with rasterio.open(catalog.path_of(image.files[0])) as file:
        assert file.nodatavals == (nodata, nodata)
    found, info = image.ndarray("b0 b1", raster_info=True)
    assert numpy.array_equal(found.mask, array.mask)
    assert numpy.array_equal(found.filled(7), array.filled(7))
    again = new_image(product, "again")
    again.upload_ndarray(found, raster_meta=info).raise_for_status()
    assert numpy.array_equal(again.ndarray("b0 b1").mask, array.mask)
    assert catalog.verify("full").ok


def test_a_free_value_is_found_between_those_that_are_taken(catalog: Catalog, meta) -> None:
    product = Product(id="two", name="X")
    product.save()
    for index in (0, 1):
        SpectralBand(name=f"b{index}", product=product, data_type="Byte", data_range=(0, 255), band_index=index).save()
    array = numpy.ma.MaskedArray(numpy.zeros((2, 64, 48), "uint8"), mask=False)
    array[1, 3], array[0, 4], array[1, 5] = 255, 1, 2
    array[0, 0, 0] = numpy.ma.masked
    image = new_image(product)
    image.upload_ndarray(array, raster_meta=meta).raise_for_status()
    with rasterio.open(catalog.path_of(image.files[0])) as file:
        assert file.nodata == 3
    assert numpy.array_equal(image.ndarray("b0 b1").mask, array.mask)


def test_masks_that_differ_need_a_nodata_where_every_value_is_taken(catalog: Catalog, meta) -> None:
    product = Product(id="two", name="X")
    product.save()
    for index in (0, 1):
        SpectralBand(name=f"b{index}", product=product, data_type="Byte", data_range=(0, 255), band_index=index).save()
    array = numpy.ma.MaskedArray(numpy.arange(2 * 64 * 48).reshape(2, 64, 48).astype("uint8"), mask=False)
    array[0, 0, 0] = numpy.ma.masked
    upload = new_image(product).upload_ndarray(array, raster_meta=meta)
    with pytest.raises(InvalidArrayError, match="the bands have different masks but no nodata"):
        upload.raise_for_status()
    check_nothing_left(catalog)


@pytest.fixture
def mixed(catalog: Catalog) -> Product:
    """A product with a nodata of 7 in its first band, and none in the second."""
    product = Product(id="two", name="X")
    product.save()
    for index, nodata in enumerate((7, None)):
        SpectralBand(
            name=f"b{index}", product=product, data_type="Byte", data_range=(0, 255), nodata=nodata, band_index=index
        ).save()
    return product


@pytest.mark.parametrize(
    ("masked", "has_mask"),
    [
        ("nothing", False),
        ("where band 0 has its nodata", False),
        ("the same in both", True),
        ("less in the band without nodata", True),
    ],
)
def test_one_band_may_have_a_nodata_and_the_other_none(
    catalog: Catalog, mixed: Product, meta, masked: str, has_mask: bool
) -> None:
    """The first gets its nodata, the second an internal mask, if it needs one; and back again."""
    values = numpy.random.default_rng(3).integers(0, 20, (2, 64, 48)).astype("uint8")
    mask = numpy.zeros(values.shape, bool)
    if has_mask:
        mask[:, :9] = True
    if masked.startswith("less"):
        mask[0, 20:30] = True
    mask[0] |= values[0] == 7
    array = values if masked == "nothing" else numpy.ma.MaskedArray(values, mask=mask)
    image = new_image(mixed)
    image.upload_ndarray(array, raster_meta=meta).raise_for_status()
    found, info = image.ndarray("b0 b1", raster_info=True)
    assert numpy.array_equal(found.mask, mask)
    assert numpy.array_equal(found.data[~found.mask], values[~found.mask])
    with rasterio.open(catalog.path_of(image.files[0])) as file:
        assert (rasterio.enums.MaskFlags.per_dataset in file.mask_flag_enums[1]) is has_mask
    again = new_image(mixed, "again")
    again.upload_ndarray(found, raster_meta=info).raise_for_status()
    assert numpy.array_equal(again.ndarray("b0 b1").mask, found.mask)
    assert numpy.array_equal(again.ndarray("b0 b1").data[~found.mask], values[~found.mask])


def test_a_mask_that_a_file_would_spread_to_another_band_is_refused(catalog: Catalog, mixed: Product, meta) -> None:
    array = numpy.ma.MaskedArray(numpy.ones((2, 64, 48), "uint8"), mask=False)
    array[1, 0, 0] = numpy.ma.masked
    upload = new_image(mixed).upload_ndarray(array, raster_meta=meta)
    with pytest.raises(InvalidArrayError, match="hides pixels of band 1"):
        upload.raise_for_status()
    check_nothing_left(catalog)
