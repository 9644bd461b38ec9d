"""Rasters and images for tests: every pixel is known."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import rasterio
from affine import Affine

from localcat import (
    BadRequestError,
    Catalog,
    DuplicateError,
    InvalidArrayError,
    InvalidCRSError,
    Product,
    SpectralBand,
    StorageError,
)
from localcat.testing import make_image, make_raster, pattern


def test_a_pattern_tells_band_row_and_column() -> None:
    assert pattern((2, 3, 4)).tolist() == [
        [[1, 2, 3, 4], [6, 7, 8, 9], [11, 12, 13, 14]],
        [[32, 33, 34, 35], [37, 38, 39, 40], [42, 43, 44, 45]],
    ]
    assert pattern((3, 4), "float32", seed=98).tolist() == [[99, 100, 1, 2], [4, 5, 6, 7], [9, 10, 11, 12]]
    assert pattern().shape == (1, 48, 64)
    assert (pattern().dtype, int(pattern().min()), int(pattern().max())) == ("uint16", 1, 100)


@pytest.mark.parametrize("shape", [(3,), (0, 4, 4), (1, 2, 3, 4), (2, -1)])
def test_a_shape_that_is_none_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArrayError, match=r"a shape is \(band, row, column\) or \(row, column\)"):
        pattern(shape)


def test_a_type_that_no_catalog_holds_is_refused() -> None:
    with pytest.raises(InvalidArrayError, match="pixels of dtype complex64 cannot be stored"):
        pattern((2, 2), "complex64")


def test_a_raster_is_as_it_was_asked_for(tmp_path: Path) -> None:
    colors = {1: (255, 0, 0, 255)}
    turned = Affine(8, 6, 100, 6, -8, 200)
    path = make_raster(
        tmp_path / "deep" / "map.tif",
        pattern((5, 7), "uint8"),
        crs="EPSG:3857",
        transform=turned,
        nodata=0,
        names=["class"],
        colors=colors,
        tags={"made": "here"},
    )
    with rasterio.open(path) as dataset:
        assert dataset.read(1).tolist() == pattern((5, 7), "uint8").tolist()
        assert (dataset.crs.to_epsg(), dataset.transform, dataset.nodata) == (3857, turned, 0)
        assert (dataset.descriptions, dataset.colormap(1)[1]) == (("class",), (255, 0, 0, 255))
        assert dataset.tags()["made"] == "here"


def test_a_raster_without_a_place_says_none(tmp_path: Path) -> None:
    path = make_raster(tmp_path / "x.tif", crs=None, transform=None)
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning, match="no geotransform"), rasterio.open(path) as dataset:
        assert (dataset.crs, dataset.transform) == (None, Affine.identity())


@pytest.mark.parametrize("nodata", [0, None])
def test_masked_pixels_are_masked_in_the_file(tmp_path: Path, nodata: int | None) -> None:
    array = numpy.ma.masked_less(pattern((2, 4, 5)), 4)
    with rasterio.open(make_raster(tmp_path / "x.tif", array, nodata=nodata)) as dataset:
        read = dataset.read(masked=True)
    assert numpy.ma.getmaskarray(read[0]).tolist() == array.mask[0].tolist()
    assert bool(numpy.ma.getmaskarray(read[1]).any()) == (nodata is None), "an internal mask is one for all bands"


WRONG_RASTERS = {
    "rank": ({"array": numpy.zeros(3)}, InvalidArrayError, r"shape \(3,\) is neither"),
    "type": ({"array": numpy.zeros((2, 2), "int64")}, InvalidArrayError, "dtype int64 cannot be stored"),
    "no pixels": ({"array": numpy.zeros((0, 2), "uint8")}, InvalidArrayError, "holds no pixels"),
    "nodata": ({"nodata": -1}, BadRequestError, "nodata -1 is not a value of uint16; choose another, or None"),
    "CRS": ({"crs": "EPSG:1"}, InvalidCRSError, "EPSG:1"),
    "transform": ({"transform": (1, 0, 0, 0, -1, 0)}, BadRequestError, r"is an affine.Affine, not \(1, 0, 0"),
    "names": ({"names": ["a", "b"]}, InvalidArrayError, "2 names do not fit an array of 1 bands"),
    "colors": ({"array": pattern((2, 2, 2)), "colors": {}}, InvalidArrayError, "not 2 of uint16"),
}


@pytest.mark.parametrize(("options", "error", "message"), WRONG_RASTERS.values(), ids=WRONG_RASTERS)
def test_a_wrong_raster_is_refused_and_leaves_no_file(tmp_path: Path, options, error, message: str) -> None:
    with pytest.raises(error, match=message):
        make_raster(tmp_path / "deep" / "x.tif", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_raster_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"):
        make_raster(tmp_path / "file" / "x.tif")


def test_an_image_makes_what_is_missing(catalog: Catalog) -> None:
    image = make_image(bands=["red", "nir"], cloud_fraction=0.25, tags=["mine"])
    assert (image.id, image.cloud_fraction, image.tags) == ("acme:sample:image-1", 0.25, ["mine"])
    assert str(image.acquired) == "2024-06-01 10:00:00+00:00"
    assert image.ndarray("nir")[0, 2, 3] == 1 + 31 + 5 * 2 + 3
    assert [band.id for band in catalog.bands] == ["acme:sample:nir", "acme:sample:red"]
    assert make_image().id == "acme:sample:image-2"
    assert make_image("own").id == "acme:sample:own"
    assert catalog.products.count() == 1


def test_an_image_fits_the_product_that_is_there(catalog: Catalog) -> None:
    product = Product(id="heights", name="Heights")
    product.save()
    SpectralBand(name="dsm", product=product, data_type="Float32", data_range=(0, 100), band_index=0).save()
    product.reload()
    for given in (product, "heights", "acme:heights"):
        pixels = make_image(product=given).ndarray("dsm")
        assert (pixels.dtype, pixels[0, 1, 0]) == ("float32", 6)
    assert [one.name for one in catalog.images] == ["image-1", "image-2", "image-3"]


def test_a_free_name_is_found_among_taken_ones(catalog: Catalog) -> None:
    make_image("image-2")
    assert make_image().name == "image-3"


def test_masked_pixels_stay_masked(catalog: Catalog) -> None:
    image = make_image("m", numpy.ma.masked_less(pattern(), 4))
    assert int(image.ndarray("red").mask.sum()) == int((pattern() < 4).sum())


def test_the_place_is_what_was_asked_for(catalog: Catalog) -> None:
    transform = Affine(0.5, 0, 10, 0, -0.5, 50)
    image = make_image("m", crs="EPSG:4326", transform=transform)
    assert (image.cs_code, image.geotrans) == ("EPSG:4326", (10, 0.5, 0, 50, 0, -0.5))
    assert image.geometry.bounds == (10, 26, 42, 50)


def test_another_catalog_may_be_named(catalog: Catalog) -> None:
    with Catalog.temporary(org="other") as other:
        assert make_image(catalog=other).id == "other:sample:image-1"
    assert catalog.products.count() == 0


WRONG_IMAGES = {
    "bands": ({"bands": ["red", "nir"], "array": pattern((3, 20, 20))}, BadRequestError, "2 names of bands do not fit"),
    "array": ({"array": numpy.zeros(3)}, InvalidArrayError, r"shape \(3,\) is neither"),
    "CRS": ({"crs": "EPSG:1"}, InvalidCRSError, "EPSG:1"),
    "attribute": ({"cloud_fraction": 30}, BadRequestError, "cloud_fraction"),
    "name": ({"name": "a b"}, BadRequestError, "'a b'"),
}


@pytest.mark.parametrize(("options", "error", "message"), WRONG_IMAGES.values(), ids=WRONG_IMAGES)
def test_a_wrong_image_leaves_no_row_and_no_file(catalog: Catalog, options, error, message: str) -> None:
    with pytest.raises(error, match=message):
        make_image(**options)
    assert [catalog.products.count(), catalog.bands.count(), catalog.images.count()] == [0, 0, 0]
    assert list(catalog.data_folder.path.rglob("*.tif")) == []


def test_a_name_that_is_taken_is_refused(catalog: Catalog) -> None:
    make_image("one")
    with pytest.raises(DuplicateError, match="image 'acme:sample:one' already exists"):
        make_image("one")
