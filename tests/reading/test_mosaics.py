"""Mosaics and stacks, equal to what numpy makes of the arrays that were uploaded."""

from __future__ import annotations

import threading
import tracemalloc

import numpy
import pytest
from numpy.testing import assert_array_equal

from localcat import (
    BadRequestError,
    Catalog,
    CorruptImageError,
    FailedImagesWarning,
    ImageCollection,
)
from localcat.reading import layers as module
from tests.overlapping_images import (
    COLUMNS,
    ROWS,
    add,
    context,
    laid_over,
    noise,
    red_green_product,
    shifted,
)

__all__ = ["shifted"]  # a fixture


# Mosaics


def test_the_last_valid_pixel_wins(shifted) -> None:
    """3.7: the last image in the collection, where it is valid."""
    images, layers = shifted
    values, mask = laid_over(layers)
    found = images.mosaic("red green")
    assert found.dtype == numpy.uint16
    assert 0 < mask.sum() < mask.size
    assert_array_equal(found.mask, mask)
    assert_array_equal(found.filled(0), values)
    assert_array_equal(images[::-1].mosaic("red green").filled(0), laid_over(layers[::-1])[0])
    assert_array_equal(images.mosaic(["green"]).filled(0), values[1:])


def test_nodata_never_covers_what_is_valid_even_where_it_is_not_masked(shifted) -> None:
    """3.7, ours."""
    images, layers = shifted
    values, _ = laid_over(layers)
    found = images.mosaic("red green", mask_nodata=False)
    assert type(found) is numpy.ndarray
    assert_array_equal(found, values)


def test_an_image_that_fails_between_two_looks_at_it_leaves_nothing(shifted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nodata is not masked each image is laid twice, its valid pixels first."""
    images, layers = shifted
    looks: list[str] = []
    real = module.image_layer

    def failing(image, *rest):
        looks.append(image.name)
        if image.name == images[1].name and looks.count(image.name) == 2:
            raise CorruptImageError(f"{image.name} is damaged")
        return real(image, *rest)

    monkeypatch.setattr(module, "image_layer", failing)
    with pytest.warns(FailedImagesWarning, match="is damaged"):
        found = images.mosaic("red green", mask_nodata=False, on_error="skip")
    assert looks.count(images[1].name) == 2
    assert_array_equal(found, laid_over([layers[0], *layers[2:]])[0])


def test_alpha_is_transparent_in_a_mosaic(catalog: Catalog) -> None:
    """3.7, choice 21."""
    product = red_green_product(nodata=None, has_alpha=True)
    arrays = [noise(seed, bands=3, high=3) for seed in range(3)]
    images = ImageCollection([add(product, str(n), array) for n, array in enumerate(arrays)], geocontext=context())
    layers = [(array[:2], numpy.broadcast_to(array[2] != 0, (2, ROWS, COLUMNS))) for array in arrays]
    values, mask = laid_over(layers)
    found = images.mosaic("red green")
    assert_array_equal(found.mask, mask)
    assert_array_equal(found.filled(0), numpy.where(mask, 0, values))
    plain = images.mosaic("red green", mask_nodata=False, mask_alpha=False)
    assert type(plain) is numpy.ndarray
    assert_array_equal(plain, arrays[-1][:2])

    with_alpha = images.mosaic("red alpha")
    assert with_alpha.shape == (2, ROWS, COLUMNS)
    assert_array_equal(with_alpha.mask[1], with_alpha.data[1] == 0)
    assert_array_equal(with_alpha.mask, mask)


def test_with_alpha_unmasked_nodata_lies_beneath_valid_pixels_only(catalog: Catalog) -> None:
    """3.7, ours."""
    product = red_green_product(nodata=0, has_alpha=True)
    arrays = [noise(seed, bands=3, high=3) for seed in range(2)]
    images = ImageCollection([add(product, str(n), array) for n, array in enumerate(arrays)], geocontext=context())
    opaque = [numpy.broadcast_to(array[2] != 0, (2, ROWS, COLUMNS)) for array in arrays]
    masked = images.mosaic("red green")
    values, mask = laid_over([(array[:2], seen & (array[:2] != 0)) for array, seen in zip(arrays, opaque, strict=True)])
    assert_array_equal(masked.mask, mask)
    assert_array_equal(masked.filled(0), values)

    found = images.mosaic("red green", mask_nodata=False)
    assert_array_equal(found.mask, ~(opaque[0] | opaque[1]))
    assert_array_equal(found.filled(0), values)  # nodata is 0, too


def test_alpha_masks_only_if_all_products_have_it(catalog: Catalog) -> None:
    """3.7."""
    with_alpha, without = red_green_product("a", nodata=None, has_alpha=True), red_green_product("b", nodata=None)
    first = add(with_alpha, "x", numpy.concatenate((noise(1) + 1, numpy.zeros((1, ROWS, COLUMNS), "uint16"))))
    second = add(without, "y", noise(2) + 1)
    images = ImageCollection([second, first], geocontext=context())
    assert images[1:].mosaic("red").mask.all()
    assert_array_equal(images.mosaic("red"), noise(1)[:1] + 1)
    with pytest.raises(ValueError, match=r"no alpha band 'alpha' for product 'acme:b'.*'mask"):
        images.mosaic("red", mask_alpha=True)
    with pytest.raises(ValueError, match="band 'alpha' is not available in product 'acme:b'"):
        images.mosaic("red alpha")


def test_masked_arrays_without_nodata_come_back(catalog: Catalog) -> None:
    """3.9, choice 21: an internal mask is honoured beside alpha and nodata."""
    product = red_green_product(nodata=None)
    hole = numpy.zeros((2, ROWS, COLUMNS), dtype=bool)
    hole[:, 5:9, 3:20] = True
    top = add(product, "top", numpy.ma.MaskedArray(noise(1), mask=hole))
    below = add(product, "below", noise(2))
    found = ImageCollection([below, top], geocontext=context()).mosaic("red green")
    assert not found.mask.any()
    assert_array_equal(found, numpy.where(hole, noise(2), noise(1)))


def test_the_axis_of_bands_is_moved(shifted) -> None:
    """3.7: bands_axis=0 by default."""
    images, _ = shifted
    found = images.mosaic("red green")
    for axis, shape in ((0, (2, 40, 30)), (1, (40, 2, 30)), (2, (40, 30, 2)), (-1, (40, 30, 2)), (-2, (40, 2, 30))):
        moved = images.mosaic("red green", bands_axis=axis)
        assert moved.shape == shape
        assert_array_equal(numpy.moveaxis(moved.filled(0), axis, 0), found.filled(0))
    with pytest.raises(ValueError, match="bands_axis is one of -2, -1, 0, 1, 2, not 3"):
        images.mosaic("red", bands_axis=3)


def test_a_mosaic_stretches_its_own_range(shifted) -> None:
    """3.6, 3.7: auto scaling."""
    images, layers = shifted
    values, mask = laid_over(layers)
    found = images.mosaic("red green", scaling="auto")
    assert found.dtype == numpy.uint8
    assert_array_equal(found.filled(0), numpy.where(mask, 0, numpy.rint((values - 1.0) * 255 / 2)))


def test_a_mosaic_stops_reading_when_nothing_is_missing(catalog: Catalog) -> None:
    """3.7, ours: memory and time are bounded."""
    product = red_green_product(nodata=None)
    images = ImageCollection([add(product, "below", noise(1)), add(product, "top", noise(2))], geocontext=context())
    catalog.path_of(images[0].files[0]).unlink()
    assert_array_equal(images.mosaic("red"), noise(2)[:1])


def test_products_of_several_types_meet_in_one_that_holds_all(catalog: Catalog) -> None:
    """3.6, 3.7."""
    small, large = red_green_product("a", data_type="Byte"), red_green_product("b", data_type="Int16")
    first = add(small, "x", noise(1, dtype="uint8"))
    second = add(large, "y", -noise(2, dtype="int16"))
    images = ImageCollection([first, second], geocontext=context())
    found = images.mosaic("red")
    assert found.dtype == numpy.int16
    top, below = -noise(2, dtype="int16")[:1], noise(1)[:1].astype("int16")
    assert_array_equal(found.filled(0), numpy.where(top != 0, top, below))


def test_images_of_two_catalogs_are_read_together(catalog: Catalog) -> None:
    """3.7, ours."""
    ours = add(red_green_product(), "x", noise(1))
    with Catalog.temporary(org="acme") as other, other.as_default():
        theirs = add(red_green_product(), "x", noise(2))
        found = ImageCollection([ours, theirs], geocontext=context()).mosaic("red")
    assert_array_equal(found.filled(0), numpy.where(noise(2)[:1] != 0, noise(2)[:1], noise(1)[:1]))


# Stacks


def test_a_stack_has_the_images_in_their_order(shifted) -> None:
    """3.7: (image, band, y, x), whatever the number of threads."""
    images, layers = shifted
    for workers in (None, 1, 3):
        found = images.stack("red green", max_workers=workers)
        assert found.shape == (3, 2, ROWS, COLUMNS)
        for layer, (values, valid) in zip(found, layers, strict=True):
            assert_array_equal(layer.mask, ~valid)
            assert_array_equal(layer.filled(0), numpy.where(valid, values, 0))
    plain = images.stack("red green", mask_nodata=False)
    assert type(plain) is numpy.ndarray
    assert_array_equal(plain, numpy.stack([values for values, _ in layers]))


def test_flatten_lays_groups_over_each_other_sorted_by_key(catalog: Catalog) -> None:
    """3.7: groupby predicates; each group a mosaic."""
    product = red_green_product()
    days = ("2020-05-02", "2019-07-01", "2020-05-01", "2019-01-01")
    arrays = [noise(seed) for seed in range(4)]
    images = ImageCollection(
        [add(product, str(n), array, acquired=day) for n, (array, day) in enumerate(zip(arrays, days, strict=True))],
        geocontext=context(),
    )
    found = images.stack("red green", flatten="acquired.year")
    assert found.shape[0] == 2
    for layer, members in zip(found, ((1, 3), (0, 2)), strict=True):
        values, mask = laid_over([(arrays[member], arrays[member] != 0) for member in members])
        assert_array_equal(layer.mask, mask)
        assert_array_equal(layer.filled(0), values)
    for flatten, count in ((["acquired.year", "acquired.month"], 3), (("acquired.day",), 2), (lambda image: 1, 1)):
        assert images.stack("red", flatten=flatten).shape[0] == count
    assert_array_equal(images.stack("red", flatten=lambda image: 1)[0].filled(0), images.mosaic("red").filled(0))


def test_the_axis_of_bands_of_a_stack(shifted) -> None:
    """3.7: 0 and -4 are a NotImplementedError; -1 gives (image, y, x, band)."""
    images, _ = shifted
    found = images.stack("red green")
    for axis, shape in ((1, (3, 2, 40, 30)), (-3, (3, 2, 40, 30)), (2, (3, 40, 2, 30)), (-2, (3, 40, 2, 30)),
                        (3, (3, 40, 30, 2)), (-1, (3, 40, 30, 2))):  # fmt: skip
        moved = images.stack("red green", bands_axis=axis)
        assert moved.shape == shape
        assert_array_equal(numpy.moveaxis(moved.filled(0), axis, 1), found.filled(0))
    for axis in (0, -4):
        with pytest.raises(NotImplementedError, match="bands cannot be the first axis of a stack"):
            images.stack("red", bands_axis=axis)
    for axis in (4, 2.0):
        with pytest.raises(ValueError, match="bands_axis is one of -3, -2, -1, 1, 2, 3, not"):
            images.stack("red", bands_axis=axis)


def test_a_stack_tells_where_each_layer_is_from(shifted) -> None:
    """3.7: raster_info gives a list."""
    images, _ = shifted
    array, infos = images.stack("red green", raster_info=True)
    assert len(infos) == len(array) == 3
    assert [one["metadata"] for one in infos] == [{"id": f"acme:p:i{n}"} for n in range(3)]
    assert [one["geoTransform"] for one in infos] == [[500_000, 10, 0, 4_000_000, 0, -10]] * 3
    assert [band["name"] for band in infos[0]["bands"]] == ["red", "green"]
    assert [band["noDataValue"] for band in infos[0]["bands"]] == [0, 0]
    assert infos[0]["files"] == [images[0].files[0].href]
    _, (both,) = images[:2].stack("red", flatten="acquired.year", raster_info=True)
    assert both["metadata"] == {"ids": ["acme:p:i0", "acme:p:i1"]}


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_workers_are_counted(shifted, workers) -> None:
    """3.7: max_workers."""
    with pytest.raises(BadRequestError, match="max_workers is a whole number from 1"):
        shifted[0].stack("red", max_workers=workers)


def test_threads_end_with_the_stack(shifted) -> None:
    """3.7, ours."""
    before = threading.active_count()
    shifted[0].stack("red", max_workers=3)
    assert threading.active_count() == before


# Memory and threads


@pytest.mark.parametrize(
    ("read", "layers_at_once"),
    [
        (lambda images: images.mosaic("red"), 1 + 3),
        (lambda images: images.mosaic("red", scaling="display"), 1 + 4),
        (lambda images: images.stack("red", max_workers=1), 6 + 3),
    ],
)
def test_memory_holds_the_result_and_one_image(catalog: Catalog, read, layers_at_once) -> None:
    """3.7, ours: memory is bounded."""
    product = red_green_product()
    images = []
    for number in range(6):
        array = numpy.zeros((2, 700, 700), dtype="uint16")
        array[:, number * 50 : number * 50 + 60] = number + 1
        images.append(add(product, str(number), array))
    collection = ImageCollection(images, geocontext=context(rows=700, columns=700))
    read(collection)  # what is imported and cached once
    tracemalloc.start()
    read(collection)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < layers_at_once * 700 * 700 * 3  # bytes: pixels of two, and a mask of one


def test_one_worker_sees_what_the_callers_transaction_has_added(catalog: Catalog) -> None:
    """3.7, ours."""
    product = red_green_product()
    with catalog.transaction():
        images = ImageCollection([add(product, str(n), noise(n)) for n in range(2)], geocontext=context())
        assert_array_equal(images.stack("red", max_workers=1)[1].filled(0), noise(1)[:1])
        assert_array_equal(
            images.mosaic("red").filled(0), laid_over([(noise(n)[:1], noise(n)[:1] != 0) for n in (0, 1)])[0]
        )
