from __future__ import annotations

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcat.errors import GridMismatchError
from localcat.rasters.reading.mosaic import Canvas, masked_zeros
from tests.drawing import examples

SHAPE = (2, 3, 4)


def masked(values, mask):
    return numpy.ma.MaskedArray(numpy.array(values), mask=numpy.array(mask, dtype=bool))


def reading(array):
    """Return a function that reads an array, into the place it is given, if it is given one."""

    def read(out):
        if out is None:
            return array
        out[...] = array
        return out

    return read


def lay(canvas, array, place=(slice(0, 1), slice(0, 3))):
    canvas.lay(place, reading(array))


def test_the_last_valid_pixel_wins():
    pixels = masked_zeros((1, 1, 3), int)
    canvas = Canvas(pixels)
    lay(canvas, masked([[[2, 2, 2]]], [[[1, 0, 1]]]))
    lay(canvas, masked([[[1, 1, 1]]], [[[0, 0, 1]]]))
    assert pixels.tolist() == [[[1, 2, None]]]
    assert not canvas.is_full
    lay(canvas, masked([[[3, 3, 3]]], [[[0, 0, 0]]]))
    assert pixels.tolist() == [[[1, 2, 3]]]
    assert canvas.is_full


def test_only_the_rows_and_columns_that_miss_a_pixel_are_asked_for():
    canvas = Canvas(masked_zeros((2, 4, 5), int))
    everywhere = slice(0, 4), slice(0, 5)
    assert canvas.missing_within(everywhere) == everywhere
    lay(canvas, masked(numpy.ones((2, 4, 2)), numpy.zeros((2, 4, 2))), (slice(0, 4), slice(0, 2)))
    assert canvas.missing_within(everywhere) == (slice(0, 4), slice(2, 5))
    assert canvas.missing_within((slice(1, 3), slice(0, 3))) == (slice(1, 3), slice(2, 3))
    assert canvas.missing_within((slice(1, 3), slice(0, 2))) is None
    mask = numpy.zeros((2, 4, 3))
    mask[1, 2, 1] = True
    lay(canvas, masked(numpy.ones((2, 4, 3)), mask), (slice(0, 4), slice(2, 5)))
    assert canvas.missing_within(everywhere) == (slice(2, 3), slice(3, 4))


def test_nothing_is_kept_of_an_image_that_fails_half_way():
    pixels = masked_zeros((1, 1, 3), int)

    def fail(out):
        out[...] = 7
        raise OSError

    with pytest.raises(OSError):
        Canvas(pixels).lay((slice(0, 1), slice(1, 3)), fail)
    assert pixels.tolist() == [[[None, None, None]]]
    assert pixels.data.tolist() == [[[0, 0, 0]]]


@settings(derandomize=True, deadline=None, max_examples=examples(100))
@given(count=st.integers(1, 5), seed=st.integers(0, 2**32 - 1), trimmed=st.booleans())
def test_agrees_with_painting_one_over_the_other(count, seed, trimmed):
    random = numpy.random.default_rng(seed)
    values, mask, layers = numpy.zeros(SHAPE, int), numpy.ones(SHAPE, bool), []
    for _ in range(count):
        rows, columns = (slice(*sorted(random.choice(size + 1, 2, replace=False).tolist())) for size in SHAPE[1:])
        shape = values[:, rows, columns].shape
        layer = masked(random.integers(0, 9, shape), random.random(shape) < random.choice([0, 0.6]))
        layers.append((rows, columns, layer))
        values[:, rows, columns] = numpy.where(layer.mask, values[:, rows, columns], layer.data)
        mask[:, rows, columns] &= layer.mask
    pixels = masked_zeros(SHAPE, int)
    canvas = Canvas(pixels)
    for rows, columns, layer in reversed(layers):
        place = canvas.missing_within((rows, columns)) if trimmed else (rows, columns)
        if place is not None:
            whole = masked_zeros(SHAPE, int)
            whole[:, rows, columns] = layer
            lay(canvas, whole[:, *place], place)
    assert (pixels.mask == mask).all()
    assert (pixels.data[~mask] == values[~mask]).all()
    assert canvas.is_full == (not mask.any())


def test_pixels_of_another_shape_than_their_place_are_refused():
    canvas = Canvas(masked_zeros((1, 1, 2), int))
    lay(canvas, masked([[[1]]], [[[0]]]), (slice(0, 1), slice(0, 1)))
    with pytest.raises(GridMismatchError, match=r"\(1, 1, 3\).*\(1, 1, 2\)"):
        lay(canvas, masked([[[1, 2, 3]]], [[[0, 0, 0]]]), (slice(0, 1), slice(0, 2)))
