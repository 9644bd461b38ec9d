"""Reading onto grids, what is refused, and images that change while they are read."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from numpy.testing import assert_array_equal
from rasterio.errors import NotGeoreferencedWarning
from rasterio.warp import reproject

from localcat import (
    BadRequestError,
    Catalog,
    CorruptImageError,
    DLTile,
    FailedImagesWarning,
    Image,
    ImageCollection,
    ImageDeletedError,
    ProcessingLevelWarning,
    Product,
    RasterError,
    TooLargeError,
    UnsavedObjectError,
    XYZTile,
)
from localcat.rasters.warping import warp
from tests.overlapping_images import (
    ROWS,
    SIZE,
    add,
    context,
    info,
    laid_over,
    noise,
    red_green_product,
    shifted,
)

__all__ = ["shifted"]  # a fixture


# Grids


def test_raster_info_leads_back_to_the_same_grid(shifted, catalog: Catalog) -> None:
    """3.6, 3.9: what raster_info gives, upload_ndarray takes."""
    images, _ = shifted
    place = context(column=3, row=4, rows=20, columns=17)
    array, meta = images.mosaic("red green", place, raster_info=True)
    assert meta["size"] == [17, 20]
    copy = Image(product=images[0].product, name="copy", acquired="2021-01-01")
    copy.upload_ndarray(array, raster_meta=meta).raise_for_status()
    assert copy.geotrans == (500_030, 10, 0, 3_999_960, 0, -10)
    assert (copy.cs_code, copy.x_pixels, copy.y_pixels) == ("EPSG:32618", 17, 20)
    again = copy.ndarray("red green")
    assert_array_equal(again.mask, array.mask)
    assert_array_equal(again.filled(0), array.filled(0))
    assert copy.geocontext.grid() == place.grid()


def test_a_cutline_masks_what_lies_outside(shifted) -> None:
    """3.6: the geometry of the context."""
    images, _ = shifted
    whole = images.mosaic("red green")
    lonlat = images[0].geometry.bounds
    west = (lonlat[0], lonlat[1], (lonlat[0] + lonlat[2]) / 2, lonlat[3])
    found = images.mosaic("red green", context().assign(geometry=west))
    assert found.mask[:, :, 16:].all()
    assert_array_equal(found.mask[:, :, :14], whole.mask[:, :, :14])
    assert_array_equal(found.filled(0)[:, :, :14], whole.filled(0)[:, :, :14])


def test_changes_of_the_context(shifted) -> None:
    """3.6, 3.7: crs and resolution go to geocontext.assign; tiles refuse them."""
    images, _ = shifted
    assert images.mosaic("red", resolution=20).shape == (1, 20, 15)
    assert images.stack("red", resolution=20).shape == (3, 1, 20, 15)
    assert images.mosaic("red", crs="EPSG:32617", resolution=20).shape[0] == 1
    for tile in (DLTile.from_latlon(36.1, -75, 10, 32, 0), XYZTile(4, 5, 4)):
        with pytest.raises(ValueError, match=f"{type(tile).__name__} .*modifying crs or res"):
            images.mosaic("red", tile, resolution=20)


def test_filters_of_warnings_that_another_thread_puts_back_do_not_end_a_read(
    shifted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """rasterio changes the filters of the process while it warps; here another thread puts its own back."""
    images, _ = shifted
    whole = images.mosaic("red", crs="EPSG:32617", resolution=20)
    tries = []

    def disturbed(*args: Any, **options: Any) -> Any:
        tries.append(None)
        if len(tries) == 1:
            raise NotGeoreferencedWarning("Dataset has no geotransform")
        return reproject(*args, **options)

    monkeypatch.setattr(warp, "reproject", disturbed)
    assert_array_equal(images.mosaic("red", crs="EPSG:32617", resolution=20), whole)
    assert len(tries) > 1


def test_pixels_are_read_through_a_dltile(catalog: Catalog) -> None:
    """3.6, 3.8."""
    product = red_green_product()
    tile = DLTile.from_latlon(36.14, -75.0, SIZE, 32, 4)
    grid = tile.grid()
    array = numpy.arange(1, 1 + 2 * 40 * 40, dtype="uint16").reshape(2, 40, 40)
    image = Image(product=product, name="t", acquired="2020-01-01")
    meta = {"geoTransform": list(grid.geotransform), "coordinateSystem": {"epsg": grid.crs.to_epsg()}}
    image.upload_ndarray(array, raster_meta=meta).raise_for_status()
    assert tile.shape == (40, 40)
    assert_array_equal(image.ndarray("red green", tile), array)
    unpadded = tile.assign(pad=0)
    images = ImageCollection([image], geocontext=unpadded)
    assert_array_equal(images.mosaic("red green"), array[:, 4:-4, 4:-4])
    assert_array_equal(images.stack("red green", tile)[0], array)


def test_pixels_are_read_through_a_web_map_tile(catalog: Catalog) -> None:
    """3.6, 3.8."""
    product = red_green_product()
    tile = XYZTile(1193, 1608, 12)
    grid = tile.grid()
    array = numpy.random.default_rng(3).integers(1, 9, (2, 256, 256)).astype("uint16")
    image = Image(product=product, name="t", acquired="2020-01-01")
    meta = {"geoTransform": list(grid.geotransform), "coordinateSystem": {"epsg": 3857}}
    image.upload_ndarray(array, raster_meta=meta).raise_for_status()
    images = ImageCollection([image], geocontext=tile)
    assert_array_equal(images.mosaic("red green"), array)
    half = images.mosaic("red", tile.parent())
    assert half.shape == (1, 256, 256)
    assert half.mask.sum() == 256 * 256 - 128 * 128


# What is refused


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"bands": "blue"}, BadRequestError, "Invalid bands: band 'blue' is not available in product 'acme:p'; it"),
        ({"bands": ""}, BadRequestError, "bands names no band"),
        ({"bands": []}, BadRequestError, "bands names no band"),
        ({"bands": 5}, TypeError, "bands is a string or a list of strings, not 5"),
        ({"bands": ["red", 5]}, TypeError, "bands is a string or a list of strings"),
        ({"mask_alpha": 1.5}, BadRequestError, "mask_alpha is True, False, None or the name of a band, not 1.5"),
        ({"mask_alpha": "cloud"}, BadRequestError, "no alpha band 'cloud' for product 'acme:p'"),
        ({"resampler": "best"}, BadRequestError, "resampler is one of 'near', 'bilinear'"),
        ({"scaling": "bright"}, BadRequestError, "'bright' is not a scaling mode"),
        ({"scaling": ["raw", "raw"]}, BadRequestError, "scaling lists 2 values for 1 bands"),
        ({"data_type": "Int64"}, BadRequestError, "'Int64' is not a data type"),
        ({"on_error": "ignore"}, BadRequestError, "on_error is one of 'raise', 'mask', 'skip', not 'ignore'"),
        ({"geocontext": 5}, ValueError, "is not a geometry"),
        ({"max_bytes": 1000}, TooLargeError, "1 bands of 40 × 30 pixels take 3,600 bytes and 1,000 are allowed"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(shifted, options, error, message) -> None:
    """3.6, 3.7."""
    images, _ = shifted
    for call in (images.mosaic, images.stack):
        if call == images.stack and "max_bytes" in options:
            message = "3 layers of 1 bands of 40 × 30 pixels take 10,800 bytes"
        with pytest.raises(error, match=message):
            call(**{"bands": "red", **options})


def test_alpha_comes_last(catalog: Catalog) -> None:
    """3.6."""
    image = add(red_green_product(has_alpha=True), "x", noise(1, bands=3))
    with pytest.raises(ValueError, match="Alpha must be the last band"):
        image.ndarray("alpha red")


def test_a_large_result_is_refused_before_anything_is_read(shifted, catalog: Catalog) -> None:
    """3.7, ours."""
    images, _ = shifted
    catalog.path_of(images[0].files[0]).unlink()
    with pytest.raises(TooLargeError, match="choose a coarser resolution .*or pass max_bytes"):
        images.mosaic("red", resolution=0.001)
    with pytest.raises(TooLargeError, match="pass max_bytes"):
        images[0].ndarray("red", context(), resolution=0.001)


def test_processing_levels_are_not_computed(shifted, recwarn: pytest.WarningsRecorder) -> None:
    """3.4: stored; one that is absent is not an error for default, toa and surface."""
    images, layers = shifted
    for level in ("default", "toa", "surface"):
        assert_array_equal(images[0].ndarray("red", processing_level=level).filled(0), layers[0][0][:1])
    assert not recwarn
    with pytest.raises(BadRequestError, match="there is no processing level 'best'"):
        images.stack("red", processing_level="best")
    red = images[0].product.get_band("red")
    red.processing_levels = {"surface": [{"function": "fun", "parameter": "par"}], "best": "surface"}
    red.save()
    for read in (images[0].ndarray, images.mosaic, images.stack, images.scaling_parameters):
        with pytest.warns(ProcessingLevelWarning, match="band 'acme:p:red' .*level 'best'") as w:
            read("red", processing_level="best")
        assert w[0].filename == __file__


# Images that change meanwhile


def test_a_replaced_image_gives_its_new_pixels(shifted) -> None:
    """Choice 19."""
    images, _ = shifted
    new = noise(9)
    replacement = Image(product=images[0].product, name="i2", acquired="2020-01-01")
    replacement.upload_ndarray(new, raster_meta=info(), overwrite=True).raise_for_status()
    assert_array_equal(images[2].ndarray("red green").filled(0), new)
    assert_array_equal(images.stack("red green")[2].filled(0), new)
    assert images[2].ndarray("red", context(columns=5)).shape == (1, ROWS, 5)


def test_a_deleted_image_is_an_error_and_never_its_old_pixels(shifted) -> None:
    """Choice 19."""
    images, _ = shifted
    Image.delete(images[1].id)
    message = "image 'acme:p:i1' is not in the catalog any more; nothing was read"
    with pytest.raises(ImageDeletedError, match=message):
        images[1].ndarray("red")
    with pytest.raises(ImageDeletedError, match=message):
        images.stack("red")
    with pytest.raises(ImageDeletedError, match=message):
        images.mosaic("red")


def test_an_image_is_not_taken_for_another_whose_id_has_the_namespace(catalog: Catalog) -> None:
    """Choices 7 and 19."""
    product = Product(id="acme:x:acme", name="x")
    product.save()
    outer = Image(id="acme:acme:i", catalog=catalog, acquired="2020-01-01")
    assert outer.product_id == "acme:acme"
    with pytest.raises(UnsavedObjectError, match="image 'acme:acme:i' was never saved; upload its pixels first"):
        outer.ndarray("red")


def test_an_image_without_pixels_here_says_so(catalog: Catalog) -> None:
    """3.6: a remote image cannot be rastered."""
    image = Image(
        product=red_green_product(), name="far", acquired="2020-01-01", files=[{"href": "https://example.org/a.tif"}]
    )
    image.save()
    with pytest.raises(RasterError, match="'acme:p:far' .*storage_state 'remote'"):
        image.ndarray("red", context())


def test_a_missing_or_damaged_file_is_an_error(shifted, catalog: Catalog) -> None:
    """Choice 19."""
    images, _ = shifted
    path = catalog.path_of(images[0].files[0])
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with pytest.raises(CorruptImageError, match=f"{len(whole) - 10:,} bytes .*{len(whole):,}; restore"):
        images[0].ndarray("red")
    path.unlink()
    with pytest.raises(ImageDeletedError, match="is not there; bring it back"):
        images[0].ndarray("red")


def test_images_that_fail_can_be_masked(shifted, catalog: Catalog) -> None:
    """3.7, ours: on_error."""
    images, layers = shifted
    catalog.path_of(images[1].files[0]).unlink()
    with pytest.warns(FailedImagesWarning, match="1 images could not be read:\n  acme:p:i1: ") as warned:
        found = images.stack("red green", on_error="mask")
    assert found.shape[0] == 3
    assert found[1].mask.all()
    assert_array_equal(found[2].mask, ~layers[2][1])
    ((failed, reason),) = warned[0].message.failures
    assert failed == "acme:p:i1"
    assert isinstance(reason, ImageDeletedError)
    assert warned[0].filename == __file__
    with pytest.warns(FailedImagesWarning):
        assert isinstance(images.stack("red", mask_nodata=False, on_error="mask"), numpy.ma.MaskedArray)


def test_images_that_fail_can_be_skipped(shifted, catalog: Catalog) -> None:
    """3.7, ours: on_error."""
    images, layers = shifted
    catalog.path_of(images[1].files[0]).unlink()
    with pytest.warns(FailedImagesWarning):
        found, infos = images.stack("red green", on_error="skip", raster_info=True)
    assert found.shape[0] == 2
    assert_array_equal(found[1].mask, ~layers[2][1])
    assert [one["metadata"]["id"] for one in infos] == ["acme:p:i0", "acme:p:i2"]
    for on_error in ("skip", "mask"):
        with pytest.warns(FailedImagesWarning, match="acme:p:i1") as warned:
            mosaic = images.mosaic("red green", on_error=on_error)
        assert warned[0].filename == __file__
        assert_array_equal(mosaic.filled(0), laid_over([layers[0], layers[2]])[0])
    with pytest.warns(FailedImagesWarning):
        flat = images.stack("red green", on_error="skip", flatten="acquired.year")
    assert_array_equal(flat[0].filled(0), laid_over([layers[0], layers[2]])[0])


def test_if_all_images_fail_the_first_error_is_raised(shifted, catalog: Catalog) -> None:
    """3.7, ours: on_error."""
    images, _ = shifted
    for image in images:
        catalog.path_of(image.files[0]).unlink()
    for on_error in ("raise", "mask", "skip"):
        with pytest.raises(ImageDeletedError, match=r"i\d-.*bring it back"):
            images.stack("red", on_error=on_error)
        with pytest.raises(ImageDeletedError, match=r"i\d-.*bring it back"):
            images.mosaic("red", on_error=on_error)


# Progress


def test_progress_is_shown_only_when_asked_for(shifted, capfd: pytest.CaptureFixture[str]) -> None:
    """3.6, 3.7: progress."""
    images, _ = shifted
    images.mosaic("red")
    images.stack("red", progress=False)
    assert capfd.readouterr() == ("", "")
    images.mosaic("red", progress=True)
    assert "mosaic" in capfd.readouterr().err
    images.stack("red", progress=True)
    assert "stack" in capfd.readouterr().err
