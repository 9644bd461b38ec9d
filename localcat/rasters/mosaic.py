"""One array from many: the last image wins where its pixel is valid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy

from localcat.errors import BadRequestError, GridMismatchError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    MaskedArray: TypeAlias = numpy.ma.MaskedArray[Any, Any]
    Place: TypeAlias = tuple[slice, slice]  # rows and columns
    Layer: TypeAlias = Callable[[NDArray[numpy.bool_]], tuple[Place, MaskedArray] | None]


def mosaic(layers: Sequence[Layer], shape: tuple[int, int, int], dtype: DTypeLike) -> MaskedArray:
    """Lay arrays over each other: each pixel comes from the last layer in which it is valid.

    Parameters
    ----------
    layers : sequence of functions
        Each is told which pixels are missing still, and returns rows, columns and a new masked array that lies there,
        of the same dtype; or None, if it holds none of them. They are called from the last one on, one result is held
        at a time, and none is called any more once every pixel is found.
    shape : tuple of int
        (band, row, column) of the result.
    dtype : dtype
        Of the result.

    Returns
    -------
    masked array
        Masked where no layer is valid. Below its mask lie the values of the last layer, if it lies everywhere.

    Raises
    ------
    BadRequestError
        If there are no layers.
    GridMismatchError
        If a layer does not have the shape of its place.
    """
    if not layers:
        raise BadRequestError("a mosaic needs at least one layer")
    values: NDArray[Any] | None = None
    missing: NDArray[numpy.bool_] = numpy.broadcast_to(numpy.True_, shape)
    for layer in reversed(layers):
        if values is not None and not missing.any():
            break
        found = layer(missing)
        if found is None:
            continue
        (rows, columns), below = found
        if below.shape != missing[:, rows, columns].shape:
            raise GridMismatchError(f"a layer of shape {below.shape} does not fit its place in one of shape {shape}")
        data, mask = numpy.ma.getdata(below), numpy.ma.getmaskarray(below)
        del found, below
        if values is None and data.shape == shape:  # the first one that is read becomes the result
            values, missing = data, mask
            continue
        if values is None:
            values, missing = numpy.zeros(shape, dtype=dtype), numpy.ones(shape, dtype=bool)
        free = missing[:, rows, columns]
        taken = numpy.greater(free, mask)  # missing, and not masked
        if taken.all():
            values[:, rows, columns] = data
        else:
            numpy.copyto(values[:, rows, columns], data, where=taken)
        free &= mask
        del data, mask, taken, free  # before the next one is read
    if values is None:
        values, missing = numpy.zeros(shape, dtype=dtype), numpy.ones(shape, dtype=bool)
    return numpy.ma.MaskedArray(values, mask=missing)
