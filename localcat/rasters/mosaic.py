"""One array from many: the last image wins where its pixel is valid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy

from localcat.errors import BadRequestError, GridMismatchError

if TYPE_CHECKING:
    MaskedArray: TypeAlias = numpy.ma.MaskedArray[Any, Any]
    Layer: TypeAlias = MaskedArray | Callable[[], MaskedArray]


def mosaic(layers: Sequence[Layer]) -> MaskedArray:
    """Lay arrays over each other: each pixel comes from the last layer in which it is valid.

    Parameters
    ----------
    layers : sequence of masked array, or of functions that read one
        All of one shape and dtype. Functions are called from the last one on, one result is held at a time, and none
        is called any more once every pixel is found.

    Returns
    -------
    masked array
        A new array; masked where no layer is valid. Below its mask lie the values of the last layer.

    Raises
    ------
    BadRequestError
        If there are no layers.
    GridMismatchError
        If two layers differ in shape.
    """
    if not layers:
        raise BadRequestError("a mosaic needs at least one layer")
    top = _read(layers[-1])
    is_ours = callable(layers[-1])  # then it can be written into
    values = numpy.array(numpy.ma.getdata(top), copy=None if is_ours else True)
    missing = numpy.array(numpy.ma.getmaskarray(top), copy=None if is_ours else True)
    del top
    for layer in reversed(layers[:-1]):
        if not missing.any():
            break
        below = _read(layer)
        if below.shape != values.shape:
            raise GridMismatchError(f"a layer of shape {below.shape} does not fit onto one of shape {values.shape}")
        taken = missing & ~numpy.ma.getmaskarray(below)
        numpy.copyto(values, numpy.ma.getdata(below), where=taken)
        missing &= ~taken
        del below  # before the next one is read
    return numpy.ma.MaskedArray(values, mask=missing)


def _read(layer: Layer) -> MaskedArray:
    return layer() if callable(layer) else layer
