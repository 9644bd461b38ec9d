"""Physical values by the scale and offset that each file states, for scenes of one product that differ in them."""

from __future__ import annotations

import numpy
import pytest
import rasterio

from localcat import Catalog, Image, ImageCollection
from tests.small_catalog import make_product, new_image, spectral
from tests.small_rasters import make_tif

STATED = {"before": (2000, 0.0001, 0.0), "after": (3000, 0.0001, -0.1), "silent": (2000, 1.0, 0.0)}


@pytest.fixture
def scenes(catalog: Catalog, tmp_path) -> ImageCollection:
    """Three scenes of 20 %: two files state scale and offset, one leaves them to the band's ranges."""
    product = make_product("s2", spectral("b", nodata=0, physical_range=(0, 1)))
    images = []
    for name, (value, scale, offset) in STATED.items():
        path = make_tif(tmp_path / f"{name}.tif", value)
        with rasterio.open(path, "r+") as file:
            file.scales, file.offsets = [scale], [offset]
        image = new_image(product, name)
        image.upload(path).raise_for_status()
        images.append(image)
    return ImageCollection(images, geocontext=images[0].geocontext)


def test_each_image_is_scaled_as_its_file_says(scenes: ImageCollection) -> None:
    """Choice 30."""
    for image in scenes:
        found = image.ndarray("b", scaling="physical")
        assert found.dtype == "float64"
        assert numpy.allclose(found, 0.2, rtol=0, atol=1e-12)
        raw = image.ndarray("b")
        assert (raw == STATED[image.name][0]).all()


def test_stacks_mosaics_and_points_are_scaled_alike(scenes: ImageCollection) -> None:
    """Choice 30."""
    stack = scenes.stack("b", scaling="physical")
    assert stack.shape[0] == 3
    assert numpy.allclose(stack, 0.2, rtol=0, atol=1e-12)
    for images in (scenes, scenes[::-1]):
        assert numpy.allclose(images.mosaic("b", scaling="physical"), 0.2, rtol=0, atol=1e-12)
    lon, lat = scenes[0].geometry.centroid.coords[0]
    for image in scenes:
        assert image.point(lon, lat, scaling="physical")["b"] == pytest.approx(0.2)
    series = scenes.point_series(lon, lat, scaling="physical")
    assert numpy.allclose(series.values, 0.2)


@pytest.mark.parametrize(("data_type", "dtype"), [(None, "float64"), ("Float32", "float32"), ("Byte", "uint8")])
def test_downloads_are_scaled_in_their_data_type(scenes: ImageCollection, tmp_path, data_type, dtype) -> None:
    """Choice 30."""
    with rasterio.open(
        scenes[1].download("b", dest=tmp_path / "x.tif", scaling="physical", data_type=data_type)
    ) as file:
        assert file.dtypes == (dtype,)
        assert numpy.allclose(file.read(), 0 if dtype == "uint8" else 0.2)


def test_numbers_that_the_caller_names_are_taken_as_they_are(scenes: ImageCollection) -> None:
    """Choice 30: the file's scale is meant by the mode alone."""
    after: Image = scenes[1]
    found = after.ndarray("b", scaling=[(0, 10_000, 0.0, 1.0)])
    assert numpy.allclose(found, 0.3)
    assert after.scaling_parameters("b", scaling="physical") == ([(0, 10_000, 0.0, 1.0)], "Float64")
