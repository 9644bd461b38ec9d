"""Physical values by the scale and offset that each file states, for scenes of one product that differ in them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy
import pytest
import rasterio
import shapely

from localcat import Catalog, Image, ImageCollection, Product
from tests.small_catalog import make_product, new_image, spectral
from tests.small_rasters import make_tif

GROUND = shapely.box(-74.999, 36.115, -74.971, 36.14)  # most of the files
STATED = {"before": (2000, 0.0001, 0.0), "after": (3000, 0.0001, -0.1), "silent": (2000, 1.0, 0.0)}


def make_files(folder: Path) -> list[Path]:
    """Write three scenes of 20 %: two files state scale and offset, one leaves them to the band's ranges."""
    paths = []
    for name, (value, scale, offset) in STATED.items():
        paths.append(make_tif(folder / f"{name}.tif", value))
        with rasterio.open(paths[-1], "r+") as file:
            file.scales, file.offsets = [scale], [offset]
    return paths


def _uploaded(catalog: Catalog, product: Product, paths: list[Path]) -> None:
    for path in paths:
        new_image(product, path.stem).upload(path).raise_for_status()


def file_in_place(path: Path) -> dict[str, object]:
    content = path.read_bytes()
    return {"href": str(path), "size_bytes": len(content), "hash": hashlib.sha256(content).hexdigest()}


def _loaded(catalog: Catalog, product: Product, paths: list[Path]) -> None:
    grid = {"cs_code": "EPSG:32618", "geotrans": (500_000, 60, 0, 4_000_000, 0, -60), "x_pixels": 48, "y_pixels": 64}
    common = {"product_id": product.id, "acquired": "2020-01-01", "geometry": GROUND, **grid}
    records = [
        {**common, "name": path.stem, "storage_state": "available", "files": [file_in_place(path)]} for path in paths
    ]
    assert catalog.add_images(records).added == 3


def _ingested(catalog: Catalog, product: Product, paths: list[Path]) -> None:
    assert catalog.ingest(paths, product=product, progress=False).added == 3


def _copied(catalog: Catalog, product: Product, paths: list[Path]) -> None:
    assert catalog.ingest(paths, product=product, copy=True, progress=False).added == 3


WAYS = {"uploaded": _uploaded, "loaded in bulk": _loaded, "ingested in place": _ingested, "ingested": _copied}


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def scenes(catalog: Catalog, tmp_path: Path, request: pytest.FixtureRequest) -> ImageCollection:
    """The three scenes in one product, by each way in."""
    product = make_product("s2", spectral("b", nodata=0, physical_range=(0, 1)))
    request.param(catalog, product, make_files(tmp_path))
    images = [Image.get(f"{product.id}:{name}") for name in STATED]
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


def test_a_new_product_has_the_scale_of_its_first_scene_for_files_that_are_silent(
    catalog: Catalog, tmp_path: Path
) -> None:
    """Choice 30: "before" comes first."""
    assert catalog.ingest(make_files(tmp_path / "s3"), progress=False).added == 3
    found = {image.name: float(image.ndarray("b1", scaling="physical").mean()) for image in catalog.images}
    assert found == {name: pytest.approx(0.2) for name in STATED}
