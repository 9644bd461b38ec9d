from __future__ import annotations

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcat.errors import BadRequestError, GridMismatchError
from localcat.rasters.mosaic import mosaic

SHAPE = (2, 3, 4)


def masked(values, mask):
    return numpy.ma.MaskedArray(numpy.array(values), mask=numpy.array(mask, dtype=bool))


def whole(array):
    """Return a layer that lies everywhere."""
    return lambda missing: ((slice(None), slice(None)), array)


def test_the_last_valid_pixel_wins():
    below = masked([[[1, 1, 1]]], [[[0, 0, 1]]])
    above = masked([[[2, 2, 2]]], [[[1, 0, 1]]])
    result = mosaic([whole(below), whole(above)], (1, 1, 3), int)
    assert result.tolist() == [[[1, 2, None]]]


def test_layers_that_cannot_be_seen_are_not_read():
    def unread(missing):
        raise AssertionError("a hidden layer was read")

    result = mosaic([unread, whole(masked([[[3]]], [[[0]]]))], (1, 1, 1), int)
    assert result.tolist() == [[[3]]]


def test_layers_are_told_what_is_missing_and_may_hold_none_of_it():
    told = []

    def below(missing):
        told.append(missing.tolist())

    above = masked([[[3]]], [[[0]]])
    result = mosaic([below, lambda _: ((slice(0, 1), slice(1, 2)), above)], (1, 1, 2), int)
    assert result.tolist() == [[[None, 3]]]
    assert told == [[[[True, False]]]]
    assert mosaic([lambda _: None], (1, 1, 1), int).tolist() == [[[None]]]


@settings(derandomize=True, deadline=None, max_examples=100)
@given(count=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_agrees_with_painting_one_over_the_other(count, seed):
    random = numpy.random.default_rng(seed)
    values, mask, layers = numpy.zeros(SHAPE, int), numpy.ones(SHAPE, bool), []
    for _ in range(count):
        rows, columns = (slice(*sorted(random.choice(size + 1, 2, replace=False).tolist())) for size in SHAPE[1:])
        shape = values[:, rows, columns].shape
        layer = masked(random.integers(0, 9, shape), random.random(shape) < 0.6)
        layers.append(lambda missing, placed=((rows, columns), layer): placed)
        values[:, rows, columns] = numpy.where(layer.mask, values[:, rows, columns], layer.data)
        mask[:, rows, columns] &= layer.mask
    result = mosaic(layers, SHAPE, int)
    assert (result.mask == mask).all()
    assert (result.data[~mask] == values[~mask]).all()


def test_nothing_and_unequal_shapes_are_refused():
    with pytest.raises(BadRequestError):
        mosaic([], (1, 1, 1), int)
    with pytest.raises(GridMismatchError):
        mosaic([whole(masked([[[1, 2]]], [[[0, 0]]]))], (1, 1, 1), int)
