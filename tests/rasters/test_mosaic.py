from __future__ import annotations

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcat.errors import BadRequestError, GridMismatchError
from localcat.rasters.mosaic import mosaic


def masked(values, mask):
    return numpy.ma.MaskedArray(numpy.array(values), mask=numpy.array(mask, dtype=bool))


def test_the_last_valid_pixel_wins():
    below = masked([[1, 1, 1]], [[0, 0, 1]])
    above = masked([[2, 2, 2]], [[1, 0, 1]])
    result = mosaic([below, above])
    assert result.tolist() == [[1, 2, None]]


def test_layers_that_cannot_be_seen_are_not_read():
    def unread():
        raise AssertionError("a hidden layer was read")

    result = mosaic([unread, lambda: masked([[3]], [[0]])])
    assert result.tolist() == [[3]]


def test_layers_stay_unchanged():
    layer = masked([[1, 2]], [[0, 1]])
    result = mosaic([masked([[7, 8]], [[0, 0]]), layer])
    result[:] = 0
    assert layer.tolist() == [[1, None]]


@settings(derandomize=True, deadline=None, max_examples=100)
@given(count=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_agrees_with_painting_one_over_the_other(count, seed):
    random = numpy.random.default_rng(seed)
    layers = [masked(random.integers(0, 9, (2, 3, 4)), random.random((2, 3, 4)) < 0.6) for _ in range(count)]
    values, mask = layers[0].data.copy(), layers[0].mask.copy()
    for layer in layers[1:]:
        values = numpy.where(layer.mask, values, layer.data)
        mask &= layer.mask
    result = mosaic([lambda layer=layer: layer for layer in layers])
    assert (result.mask == mask).all()
    assert (result.data[~mask] == values[~mask]).all()


def test_nothing_and_unequal_shapes_are_refused():
    with pytest.raises(BadRequestError):
        mosaic([])
    with pytest.raises(GridMismatchError):
        mosaic([masked([[1]], [[0]]), masked([[1, 2]], [[1, 1]])])
