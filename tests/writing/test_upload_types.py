"""What fits the bands it is uploaded to: lossless casts are made, other values are refused; files beside a file."""

from __future__ import annotations

from functools import partial

import numpy
import pytest
import rasterio

from localcat import Catalog, InvalidArrayError, MaskBand, RasterError, RasterWarning
from tests.leftovers import check_nothing_left
from tests.small_catalog import alpha, make_product, new_image, spectral, upload
from tests.small_rasters import make_tif

LOWEST = -3.4028235e38  # of float32, with the digits that most programs print


@pytest.mark.parametrize(
    ("dtype", "data_type"),
    [
        ("uint8", "UInt16"),
        ("uint8", "Int16"),
        ("uint16", "Int32"),
        ("uint16", "Float32"),
        ("int32", "Float64"),
        ("uint32", "Float64"),
        ("float32", "Float64"),
    ],
)
def test_arrays_and_files_of_a_narrower_type_are_taken_in(catalog: Catalog, dtype, data_type, tmp_path) -> None:
    """Choice 25."""
    product = make_product("wide", spectral("b"), data_type=data_type)
    array = numpy.arange(64 * 48).reshape(1, 64, 48) % 251
    image = upload(product, "array", array.astype(dtype))
    found = image.ndarray("b")
    assert found.dtype.name == data_type.lower()
    assert numpy.array_equal(found, array)
    copied = new_image(product, "file")
    copied.upload(make_tif(tmp_path / "x.tif", 7, dtype)).raise_for_status()
    assert (copied.ndarray("b") == 7).all()
    assert catalog.verify("full", progress=False).ok


@pytest.mark.parametrize(
    ("dtype", "data_type"),
    [
        ("uint16", "Byte"),
        ("uint16", "Int16"),
        ("int16", "UInt16"),
        ("int32", "Float32"),
        ("float32", "UInt16"),
        ("float64", "Float32"),
    ],
)
def test_types_that_would_lose_something_are_refused(catalog: Catalog, dtype, data_type, tmp_path) -> None:
    """Choice 25."""
    product = make_product("narrow", spectral("b"), data_type=data_type)
    with pytest.raises(InvalidArrayError, match=f"band 'b' .* but the array is {dtype}; cast it"):
        upload(product, "array", numpy.ones((1, 64, 48), dtype))
    copied = new_image(product, "file")
    with pytest.raises(RasterError, match=f"band 'b' stores .* has {dtype}"):
        copied.upload(make_tif(tmp_path / "x.tif", 1, dtype)).raise_for_status()
    check_nothing_left(catalog)


def test_an_array_whose_bands_are_of_several_types_is_stored_in_its_own(catalog: Catalog) -> None:
    """Choice 25."""
    product = make_product("several", spectral("b"), spectral("c", data_type="Float32"), data_type="UInt16")
    image = upload(product, "x", numpy.full((2, 64, 48), 9, "uint16"))
    with rasterio.open(catalog.path_of(image.files[0])) as file:
        assert file.dtypes == ("uint16", "uint16")
    assert image.ndarray("c").dtype == "float32"
    assert (image.ndarray("b c") == 9).all()


@pytest.mark.parametrize("is_alpha", [False, True])
@pytest.mark.parametrize(("value", "dtype"), [(256, "uint16"), (-1, "int16"), (0.5, "float32"), (numpy.nan, "float32")])
@pytest.mark.parametrize("cog", [False, True])
def test_values_beyond_the_type_of_a_mask_band_are_refused(
    catalog: Catalog, is_alpha, value, dtype, cog, tmp_path
) -> None:
    """Choice 25: they would be clipped when they are read."""
    band = partial(MaskBand, name="qa", is_alpha=is_alpha, data_type="Byte")
    product = make_product("qa", band)
    array = numpy.ones((1, 64, 48), dtype)
    array[0, 5, 7] = value
    with pytest.raises(InvalidArrayError, match=f"stores Byte but the array holds {value:g} there; declare the band"):
        upload(product, "array", array)
    path = make_tif(tmp_path / "x.tif", 1, dtype)
    with rasterio.open(path, "r+") as file:
        file.write(array)
    copied = new_image(product, "file")
    with pytest.raises(
        InvalidArrayError, match=f"holds {value:g}, and its band 'qa' stores uint8; declare the band as"
    ):
        copied.upload(path, cog=cog).raise_for_status()
    check_nothing_left(catalog)


def test_a_mask_band_takes_a_wider_type_whose_values_it_holds(catalog: Catalog) -> None:
    """Choice 25: all bands of an array share its type."""
    product = make_product("guide", spectral("b"), alpha(data_type="Byte"))
    array = numpy.ones((2, 64, 48), "uint16")
    array[1, :4] = 0
    image = upload(product, "x", array)
    assert image.ndarray("b").mask.sum() == 4 * 48
    assert catalog.verify("full", progress=False).ok


def test_the_lowest_float32_is_a_nodata_as_programs_print_it(catalog: Catalog) -> None:
    """Choice 25."""
    product = make_product("dem", spectral("b", nodata=LOWEST), data_type="Float32")
    array = numpy.ones((1, 64, 48), "float32")
    array[0, :3] = numpy.finfo("float32").min
    image = upload(product, "x", array)
    with rasterio.open(catalog.path_of(image.files[0])) as file:
        assert file.nodata == numpy.finfo("float32").min
    assert image.ndarray("b").mask.sum() == 3 * 48
    coarse = image.geocontext.assign(resolution=120)
    assert image.ndarray("b", coarse, resampler="cubic").mask.sum() == 1 * 24


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("suffix", [".msk", ".aux.xml", ".ovr"])
def test_sidecars_are_named_in_a_warning_and_in_an_event(catalog: Catalog, copy, suffix, tmp_path) -> None:
    """Choice 25."""
    product = make_product("plain", spectral("b"))
    path = make_tif(tmp_path / "x.tif")
    path.with_name(f"x.tif{suffix}").write_bytes(b"anything")
    with pytest.warns(RasterWarning, match=rf"x\.tif{suffix}, which is not read.*gdal_translate"):
        upload = new_image(product).upload(path, copy=copy)
    assert upload.status == "success"
    assert [event.message for event in upload.events if event.severity == "WARNING"] == [
        f"beside '{path}' there is x.tif{suffix}, which is not read: what it says of masks, nodata and overviews does "
        "not count; write that into the file itself, for example with gdal_translate"
    ]
