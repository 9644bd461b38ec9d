"""Uploads: what gets in, what is refused, and that nothing is left of what was refused."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy
import pytest
import rasterio

from localcat import (
    BadRequestError,
    Catalog,
    ConflictError,
    CorruptImageError,
    DeletedObjectError,
    Image,
    ImageUpload,
    InvalidArrayError,
    InvalidCRSError,
    Product,
    RasterError,
    SpectralBand,
)
from localcat import properties as p
from localcat.disk.data_folder import DataFolder
from tests.leftovers import check_nothing_left
from tests.real_data import REAL_DATA, needs_real_data
from tests.small_catalog import new_image

# Arguments


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (numpy.zeros(5, "uint16"), "neither .row, column. nor .band, row, column."),
        (numpy.zeros((1, 1, 8, 8), "uint16"), "neither .row, column. nor .band, row, column."),
        (numpy.zeros((0, 8, 8), "uint16"), "pass at least|no pixels|empty|at least one"),
        (numpy.zeros((1, 64, 48), "int64"), "int64"),
        (numpy.zeros((1, 64, 48), "complex64"), "complex64"),
        (numpy.zeros((1, 64, 48), bool), "bool"),
        (
            numpy.zeros((1, 64, 48), "float64"),
            "stores uint16 but the array is float64; cast it with array.astype.'uint16'",
        ),
        (numpy.zeros((3, 64, 48), "uint16"), "declares 2 bands .blue, alpha. and the array has 3"),
    ],
)
def test_an_array_that_does_not_fit_is_refused(catalog: Catalog, product: Product, meta, array, message: str) -> None:
    """3.9: rank, dtype and bands; a ValueError at once."""
    image = new_image(product)
    with pytest.raises(InvalidArrayError, match=message):
        image.upload_ndarray(array, raster_meta=meta)
    assert image.state == "unsaved"
    check_nothing_left(catalog)


@pytest.mark.parametrize(
    ("array", "words"),
    [("x", "not str"), (None, "not NoneType"), ([], "empty"), ([[1, 2], [3, 4]], "not list"), ({"a": 1}, "not dict")],
)
def test_what_is_no_array_is_refused(catalog: Catalog, product: Product, meta, array: object, words: str) -> None:
    """3.9."""
    with pytest.raises(BadRequestError, match=words):
        new_image(product).upload_ndarray(array, raster_meta=meta)
    check_nothing_left(catalog)


def test_georeferencing_is_required(catalog: Catalog, product: Product, pixels, meta) -> None:
    """3.9: from the image or raster_meta, else a ValueError."""
    with pytest.raises(BadRequestError, match="has no georeferencing: set geotrans"):
        new_image(product).upload_ndarray(pixels)
    with pytest.raises(BadRequestError, match="has no CRS: set cs_code"):
        new_image(product, geotrans=meta["geoTransform"]).upload_ndarray(pixels)
    with pytest.raises(BadRequestError, match="pixels without extent"):
        new_image(product, geotrans=(0, 0, 0, 0, 0, 0), cs_code="EPSG:4326").upload_ndarray(pixels)
    with pytest.raises(InvalidCRSError, match="unknown coordinate reference system 'EPSG:999999'"):
        new_image(product, geotrans=meta["geoTransform"], cs_code="EPSG:999999").upload_ndarray(pixels)
    with pytest.raises(InvalidCRSError, match="is not a coordinate reference system"):
        new_image(product, geotrans=meta["geoTransform"], projection="/etc/passwd").upload_ndarray(pixels)
    check_nothing_left(catalog)


def test_checks_come_in_the_originals_order(catalog: Catalog, product: Product, pixels, meta) -> None:
    """3.9."""
    with pytest.raises(BadRequestError, match="id field required"):
        Image(name="x").upload_ndarray(pixels, raster_meta=meta)
    with pytest.raises(BadRequestError, match="acquired field required"):
        Image(product=product, name="x").upload_ndarray(pixels, raster_meta=meta)
    image = new_image(product)
    assert image.upload_ndarray(pixels, raster_meta=meta).status == "success"
    with pytest.raises(BadRequestError, match="has been saved. Please use an unsaved image"):
        image.upload_ndarray(pixels, raster_meta=meta)
    with pytest.raises(ConflictError, match="use a new image id or overwrite=True"):
        new_image(product).upload_ndarray(pixels, raster_meta=meta)
    product.name = "changed"
    with pytest.raises(BadRequestError, match="product 'acme:guide' has unsaved changes"):
        new_image(product, "y").upload_ndarray(pixels, raster_meta=meta)
    image.delete()
    with pytest.raises(DeletedObjectError, match="acme:guide:x"):
        image.upload_ndarray(pixels, raster_meta=meta)
    check_nothing_left(catalog)


def test_a_product_without_bands_takes_no_pixels(catalog: Catalog, pixels, meta) -> None:
    """3.9, ours."""
    product = Product(id="empty", name="Empty")
    product.save()
    with pytest.raises(BadRequestError, match="has no bands; declare what its files hold first"):
        new_image(product).upload_ndarray(pixels, raster_meta=meta)


@pytest.mark.parametrize(
    ("overviews", "words"),
    [
        ([0], "from 2, not 0"),
        ([1], "from 2, not 1"),
        ([2, 2], r"\[2, 2\]"),
        (["a"], "from 2, not 'a'"),
        ("24", r"\[2, 4\], not '24'"),
        ([2.5], "from 2, not 2.5"),
        (list(range(2, 20)), "at most 16 .*not 18"),
    ],
)
def test_overviews_that_make_no_sense_are_refused(
    catalog: Catalog, product: Product, pixels, meta, overviews, words: str
) -> None:
    """3.9: at most 16."""
    with pytest.raises(BadRequestError, match=words):
        new_image(product).upload_ndarray(pixels, raster_meta=meta, overviews=overviews)
    check_nothing_left(catalog)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "pass at least one file"),
        (5, "files .*, not 5"),
        (None, "files .*, not None"),
        ([5], "a file .*, not 5"),
        ({"a": 1}, "files .*, not {'a': 1}"),
        (b"x", "files .*, not b'x'"),
        ("x\0.tif", r"a file .*, not 'x\\x00\.tif'"),
    ],
)
def test_what_is_no_file_is_refused(catalog: Catalog, product: Product, files: object, words: str) -> None:
    """3.9."""
    with pytest.raises(BadRequestError, match=words):
        new_image(product).upload(files)
    check_nothing_left(catalog)


# Processing


def failing(image: Image, path: Path, error: type[Exception], message: str) -> ImageUpload:
    upload = image.upload(path)
    assert upload.status == "failure"
    assert image.state == "unsaved"
    assert [event.event_type for event in upload.events][-1] == "complete"
    assert upload.events[-1].severity == "ERROR"
    with pytest.raises(error, match=message):
        upload.raise_for_status()
    return upload


@needs_real_data
def test_a_damaged_file_fails_and_leaves_nothing(catalog: Catalog) -> None:
    """3.9, choice 18."""
    product = Product(id="rgb", name="RGB")
    product.save()
    SpectralBand(name="red", product=product, data_type="Byte", data_range=(0, 255), band_index=0).save()
    path = REAL_DATA / "rasters" / "corrupt.tif"
    failing(new_image(product), path, CorruptImageError, "corrupt.tif cannot be read as a raster")
    check_nothing_left(catalog)


def test_files_that_are_no_rasters_fail_and_leave_nothing(catalog: Catalog, product: Product, tmp_path: Path) -> None:
    """3.9, choice 18: GeoTIFF or JPEG 2000."""
    text = tmp_path / "text.tif"
    text.write_text("no raster at all " * 100)
    failing(new_image(product), text, RasterError, "text.tif")
    check_nothing_left(catalog)
    assert catalog.image_uploads.filter(p.status == "failure").count() == 1


def test_a_file_that_does_not_fit_the_product_fails(catalog: Catalog, product: Product, tmp_path: Path) -> None:
    """3.9, ours: type and number of bands."""

    def raster(name: str, count: int, dtype: str, **georeferencing: object) -> Path:
        path = tmp_path / name
        with rasterio.open(
            path, "w", driver="GTiff", width=8, height=9, count=count, dtype=dtype, **georeferencing
        ) as file:
            file.write(numpy.ones((count, 9, 8), dtype.replace("_int16", "64")))
        return path

    place = {"crs": "EPSG:32618", "transform": rasterio.Affine(60, 0, 500_000, 0, -60, 4_000_000)}
    failing(new_image(product), raster("one.tif", 1, "uint16", **place), RasterError, "has 1 bands and band 'alpha'")
    failing(
        new_image(product), raster("float.tif", 2, "float32", **place), RasterError, "stores uint16 but .* has float32"
    )
    transform = {"transform": place["transform"]}
    failing(new_image(product), raster("complex.tif", 2, "complex_int16", **place), RasterError, "store each part")
    failing(new_image(product), raster("nowhere.tif", 2, "uint16", **transform), RasterError, "has no georeferencing")
    check_nothing_left(catalog)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_fails_and_leaves_nothing(catalog: Catalog, product: Product, pixels, meta) -> None:
    """3.9, choice 18."""
    upload = new_image(product).upload_ndarray(pixels, raster_meta=meta)
    assert upload.status == "failure"
    with pytest.raises(OSError, match="no room"):
        upload.raise_for_status()
    check_nothing_left(catalog)


@pytest.mark.parametrize("step", ["rename", "fsync", "link"])
def test_an_error_of_the_system_while_publishing_leaves_nothing(
    catalog: Catalog, product: Product, pixels, meta, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """3.9: neither row nor file."""

    def broken(*arguments: object, **options: object) -> None:
        raise OSError(errno.EIO, "input/output error")

    durable = Catalog.create(catalog.path.with_name("durable.gpkg"), org="acme")
    target = Product(id="x", name="X", catalog=durable)
    target.save()
    SpectralBand(name="blue", product=target, data_type="UInt16", data_range=(0, 10000), band_index=0).save()
    with monkeypatch.context() as patch:
        if step == "rename":
            patch.setattr(Path, "rename", broken)
        elif step == "fsync":
            patch.setattr(os, "fsync", broken)
        else:
            patch.setattr(DataFolder, "publish", broken)
        with pytest.raises(OSError, match="input/output error"):
            new_image(target).upload_ndarray(pixels, raster_meta=meta).raise_for_status()
    check_nothing_left(durable)
    assert new_image(target).upload_ndarray(pixels, raster_meta=meta).status == "success"
    durable.close()
