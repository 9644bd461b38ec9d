"""Results that are read a few rows at a time: equal to those read at once, and all of one state of the catalog."""

from __future__ import annotations

import numpy
import pytest
from numpy.testing import assert_array_equal

from localcat import (
    AOI,
    Catalog,
    CorruptImageError,
    FailedImagesWarning,
    Image,
    ImageCollection,
    ImageDeletedError,
    ImageUploadOptions,
    Product,
)
from localcat.rasters.writing import strips
from localcat.reading import layers, plan
from tests.overlapping_images import X0, Y0, info, red_green_product
from tests.small_catalog import upload

SIDE = 300
TILES = ImageUploadOptions(blocksize=128, overviews=[2, 4])


@pytest.fixture
def product(catalog: Catalog) -> Product:
    return red_green_product()


def big(product: Product, name: str, seed: int, column: int = 0, row: int = 0, **options) -> Image:
    array = numpy.random.default_rng(seed).integers(0, 5000, (2, SIDE, SIDE)).astype("uint16")
    array[array < 1500] = 0
    return upload(product, name, array, meta=info(column, row), options={"upload_options": TILES, **options})


@pytest.fixture
def images(product: Product) -> ImageCollection:
    places = ((0, 0), (40, 60), (-70, -90))
    found = [big(product, f"i{number}", number, *place) for number, place in enumerate(places)]
    return ImageCollection(found, geocontext=found[0].geocontext.assign(geometry=None))


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch):
    """Return a function that makes strips of 64 rows."""

    def begin() -> None:
        monkeypatch.setattr(plan, "_STRIP_BYTES", 1)
        monkeypatch.setattr(strips, "BLOCK", 64)

    return begin


BOX = (X0 - 205, Y0 - 2800, X0 + 3395, Y0 + 100)  # between the pixels, and beyond all images
BESIDE = AOI(crs="EPSG:32618", bounds=BOX, bounds_crs="EPSG:32618", resolution=14, align_pixels=False)
ELSEWHERE = AOI(crs="EPSG:32617", bounds=BOX, bounds_crs="EPSG:32618", resolution=25)

READS = {
    "mosaic": lambda images: images.mosaic("red green"),
    "unmasked mosaic": lambda images: images.mosaic("red green", mask_nodata=False),
    "mosaic on another grid": lambda images: images.mosaic("red green", BESIDE),
    "interpolated mosaic": lambda images: images.mosaic("red green", BESIDE, resampler="bilinear"),
    "mosaic in another projection": lambda images: images.mosaic("red", ELSEWHERE),
    "interpolated in another projection": lambda images: images.mosaic("red", ELSEWHERE, resampler="bilinear"),
    "shrunk image": lambda images: images[1].ndarray("red", BESIDE.assign(resolution=33), resampler="cubic"),
    "coarse mosaic": lambda images: images.mosaic("red", BESIDE.assign(resolution=90)),
    "scaled mosaic": lambda images: images.mosaic("red green", scaling="display"),
    "stretched mosaic": lambda images: images.mosaic("red green", scaling="auto"),
    "image": lambda images: images[1].ndarray("green red", scaling="display"),
    "stretched image": lambda images: images[1].ndarray("green", scaling="auto"),
    "stack": lambda images: images.stack("red green", scaling="display"),
    "cutline": lambda images: images.mosaic("red", BESIDE.assign(geometry=images[2].geometry)),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_strips_make_up_the_whole(images, few_rows, read) -> None:
    whole = read(images)
    few_rows()
    found = read(images)
    assert type(found) is type(whole)
    assert (found.dtype, found.shape) == (whole.dtype, whole.shape)
    assert_array_equal(numpy.ma.getmaskarray(found), numpy.ma.getmaskarray(whole))
    assert_array_equal(numpy.ma.filled(found, 0), numpy.ma.filled(whole, 0))


def damaged(catalog: Catalog, image: Image) -> None:
    """Destroy the last tiles of the second band: its upper rows can still be read."""
    path = catalog.path_of(image.files[0])
    content = path.read_bytes()
    path.write_bytes(content[:-20_000] + bytes(20_000))


def test_an_image_that_fails_in_its_lower_rows_is_left_out_wholly(catalog: Catalog, images, few_rows) -> None:
    others = ImageCollection([images[0], images[1]], geocontext=images.geocontext).mosaic("green")
    damaged(catalog, images[2])
    few_rows()
    with pytest.raises(CorruptImageError, match="i2-.*restore it"):
        images.mosaic("green")
    with pytest.warns(FailedImagesWarning, match="acme:p:i2"):
        found = images.mosaic("green", on_error="skip")
    assert_array_equal(found.mask, others.mask)
    assert_array_equal(found.filled(0), others.filled(0))
    with pytest.warns(FailedImagesWarning):
        stack = images.stack("green", on_error="mask", max_workers=2)
    assert stack.mask[2].all()
    assert not stack.mask[:2].all()


@pytest.mark.parametrize("read", ["mosaic", "stack", "ndarray"])
def test_an_image_that_is_replaced_meanwhile_is_read_anew_in_all_rows(
    images, few_rows, monkeypatch: pytest.MonkeyPatch, read: str
) -> None:
    product, calls = images[0].product, []
    original = layers.image_layer

    def replacing(image: Image, part: plan.ReadPlan, out: object) -> object:
        if image.id == "acme:p:i0":
            calls.append(part)
            if len(calls) == 3:
                big(product, "i0", 77, overwrite=True)
        return original(image, part, out)

    for module in (layers, __import__("localcat.reading.arrays", fromlist=["arrays"])):
        monkeypatch.setattr(module, "image_layer", replacing)
    few_rows()
    only = images[:1]
    found = only[0].ndarray("red") if read == "ndarray" else getattr(only, read)("red")
    monkeypatch.undo()
    assert len(calls) > 5
    new = numpy.random.default_rng(77).integers(0, 5000, (2, SIDE, SIDE)).astype("uint16")
    expected = numpy.where(new[0] < 1500, 0, new[0])
    assert_array_equal(numpy.ma.filled(found, 0).reshape(SIDE, SIDE), expected)


def test_an_image_that_is_deleted_meanwhile_is_an_error(images, few_rows, monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls = layers.image_layer, []

    def deleting(image: Image, part: plan.ReadPlan, out: object) -> object:
        calls.append(part)
        if len(calls) == 6:
            Image.delete("acme:p:i2")
        return original(image, part, out)

    monkeypatch.setattr(layers, "image_layer", deleting)
    few_rows()
    with pytest.raises(ImageDeletedError, match="not in the catalog any more"):
        images.mosaic("red")
