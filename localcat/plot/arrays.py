"""Arrays as pictures, on the screen or in a file. Needs matplotlib: ``pip install '.[plot]'``."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from localcat.errors import BadRequestError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    MaskedArray = numpy.ma.MaskedArray[Any, Any]

_ROBUST = (2, 98)  # percentiles of the valid values that are shown as black and white
_COLORMAP = "magma"


def display(
    *arrays: Any,
    bands_axis: int = 0,
    title: str | Sequence[str] | None = None,
    size: float = 10,
    robust: bool = True,
    interpolation: str = "nearest",
    colormap: str | None = None,
    nrows: int | None = None,
    ncols: int | None = None,
) -> None:
    """Show arrays as pictures, masked pixels transparent.

    Parameters
    ----------
    *arrays : ndarray or masked array
        (row, column), or three-dimensional with 1 or 3 bands: grey or red, green, blue.
    bands_axis : int
        The axis of bands of three-dimensional arrays.
    title : str or sequence of str, optional
        Of the one array, or of each.
    size : float
        Width of one picture; inches.
    robust : bool
        Stretch from the 2nd to the 98th percentile of the valid values, rather than from the smallest to the largest.
    interpolation : str
        How matplotlib draws pixels that are larger than those of the screen.
    colormap : str, optional
        matplotlib's colour map for single bands; ``"magma"`` when left out.
    nrows, ncols : int, optional
        How pictures are arranged; below each other when left out.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    BadRequestError
        If an array has another shape, or titles or arrangement do not fit the number of arrays.
    """
    from matplotlib import pyplot  # an extra

    shape = _arrangement(len(arrays), nrows, ncols)
    figure = pyplot.figure(figsize=_inches(arrays, bands_axis, shape, size), layout="compressed")
    _draw(figure, arrays, bands_axis, title, shape, (robust, interpolation, colormap or _COLORMAP))
    pyplot.show()
    pyplot.close(figure)


def save_image(
    filename: str | os.PathLike[str],
    *arrays: Any,
    bands_axis: int = 0,
    title: str | Sequence[str] | None = None,
    size: float = 10,
    robust: bool = True,
    interpolation: str = "nearest",
    colormap: str | None = None,
    nrows: int | None = None,
    ncols: int | None = None,
    extension: str | None = None,
) -> None:
    """Write to a file what `display` shows.

    Parameters
    ----------
    filename : path
        Its suffix decides the format: png, jpg, pdf, svg, ….
    extension : str, optional
        The format, for a filename without suffix.
    """
    from matplotlib.figure import Figure  # an extra

    shape = _arrangement(len(arrays), nrows, ncols)
    figure = Figure(figsize=_inches(arrays, bands_axis, shape, size), layout="compressed")
    _draw(figure, arrays, bands_axis, title, shape, (robust, interpolation, colormap or _COLORMAP))
    name = os.fspath(filename)
    figure.savefig(name if extension is None else f"{name}.{extension.lstrip('.')}", bbox_inches="tight")


def _arrangement(count: int, nrows: int | None, ncols: int | None) -> tuple[int, int]:
    if not count:
        raise BadRequestError("there is nothing to show; pass at least one array")
    if nrows is None and ncols is None:
        return count, 1
    rows = math.ceil(count / ncols) if nrows is None and ncols else nrows or 0
    columns = math.ceil(count / rows) if ncols is None and rows else ncols or 0
    if rows * columns < count:
        raise BadRequestError(f"{rows} rows of {columns} pictures are too few for {count} arrays")
    return rows, columns


def _inches(arrays: Sequence[Any], bands_axis: int, shape: tuple[int, int], size: float) -> tuple[float, float]:
    height, width = _pixels(arrays[0], bands_axis).shape[:2]
    return shape[1] * size, shape[0] * size * height / width


def _draw(
    figure: Figure,
    arrays: Sequence[Any],
    bands_axis: int,
    title: str | Sequence[str] | None,
    shape: tuple[int, int],
    style: tuple[bool, str, str],
) -> None:
    titles = [title] if isinstance(title, str) else list(title or [""] * len(arrays))
    if len(titles) != len(arrays):
        raise BadRequestError(f"{len(titles)} titles do not fit {len(arrays)} arrays; pass one for each")
    robust, interpolation, colormap = style
    for position, (array, text) in enumerate(zip(arrays, titles, strict=True), start=1):
        axes = figure.add_subplot(*shape, position)
        picture = _stretched(_pixels(array, bands_axis), robust=robust)
        axes.imshow(picture, interpolation=interpolation, cmap=colormap, vmin=0, vmax=1)
        axes.set_title(text)
        axes.set_axis_off()


def _pixels(array: Any, bands_axis: int) -> MaskedArray:
    """Return an array as (row, column) or (row, column, 3), what is not a number masked."""
    pixels = numpy.ma.asarray(array)
    if pixels.dtype.kind not in "biuf":
        raise BadRequestError(f"only arrays of numbers are shown, not {array!r}")
    pixels = numpy.ma.masked_invalid(pixels, copy=False)
    if pixels.ndim == 3:
        pixels = numpy.ma.asarray(numpy.moveaxis(pixels, bands_axis, -1))
        if pixels.shape[-1] == 1:
            pixels = pixels[..., 0]
    if not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[-1] == 3)) or not pixels.size:
        raise BadRequestError(
            f"an array of shape {numpy.shape(array)} is not a picture; "
            "pass (row, column), or 1 or 3 bands along bands_axis"
        )
    return pixels


def _stretched(pixels: MaskedArray, *, robust: bool) -> Any:
    """Return what matplotlib draws: one band from 0 to 1, masked; or red, green, blue and opacity."""
    valid = pixels.compressed()
    low, high = (0.0, 1.0) if not valid.size else (float(valid.min()), float(valid.max()))
    if robust and valid.size:
        low, high = (float(bound) for bound in numpy.percentile(valid, _ROBUST))
    values: NDArray[Any] = numpy.clip((pixels.filled(0).astype(numpy.float64) - low) / ((high - low) or 1.0), 0, 1)
    mask = numpy.ma.getmaskarray(pixels)
    if pixels.ndim == 2:
        return numpy.ma.MaskedArray(values, mask=mask)
    return numpy.dstack((values, ~mask.any(axis=-1)))
