"""From pixel values to what people see: ranges from black to white, colour tables, named colour maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localcat.models.band import Band

    MaskedArray = numpy.ma.MaskedArray[Any, Any]
    Range = tuple[float, float]

_PERCENTILES = (2, 98)  # of the valid values, shown as black and white
_RANGE = (0.0, 10_000.0)  # of a band that declares none and has one value only


def shown_range(layers: Sequence[MaskedArray], band: Band) -> Range:
    """Return the values of a band that are shown as black and white.

    Parameters
    ----------
    layers : sequence of masked array
        Pixels of the band, all together or a part of them.
    band : Band
        Its `display_range` is taken if it has one, else the 2nd and the 98th percentile of the valid pixels; and where
        these are one value, its `data_range`.
    """
    if band.display_range is not None:
        return band.display_range[0], band.display_range[1]
    valid = numpy.concatenate([layer.compressed() for layer in layers]) if layers else numpy.empty(0)
    valid = valid[numpy.isfinite(valid)]
    if valid.size:
        low, high = (float(bound) for bound in numpy.percentile(valid, _PERCENTILES))
        if low < high:
            return low, high
    low, high = band.data_range or _RANGE
    return low, high


def colored(pixels: MaskedArray, bands: Sequence[Band], ranges: Sequence[Range]) -> NDArray[numpy.uint8]:
    """Return one or three bands as colours, shape (4, row, column): red, green, blue, opacity.

    A pixel is transparent only where the colour table of its band makes it so; masks are left to the caller.
    """
    if len(bands) == 1:
        table = color_table(bands[0])
        if table is not None:
            return numpy.moveaxis(_looked_up(pixels[0], table), -1, 0)
    shades = [_shade(layer, limits) for layer, limits in zip(pixels, ranges, strict=True)]
    named = named_colors(bands[0]) if len(bands) == 1 else None
    if named is not None:
        return numpy.moveaxis(named[shades[0]], -1, 0)
    return numpy.stack([*(shades * 3)[:3], numpy.full(shades[0].shape, 255, dtype=numpy.uint8)])


def color_table(band: Band) -> NDArray[numpy.uint8] | None:
    """Return the colours (RGBA) of a band by pixel value, if it declares them."""
    return numpy.array(band.colors, dtype=numpy.uint8) if band.colors else None


def is_grey(bands: Sequence[Band]) -> bool:
    """Return whether bands are shown without colour: a single one that has neither table nor colour map."""
    return len(bands) == 1 and color_table(bands[0]) is None and named_colors(bands[0]) is None


def _shade(layer: MaskedArray, limits: Range) -> NDArray[numpy.uint8]:
    """Return 0 to 255 for a range of values."""
    low, high = limits
    values = numpy.nan_to_num(numpy.ma.getdata(layer).astype(numpy.float64), nan=low, posinf=high, neginf=low)
    position = (values - low) / (high - low) if high != low else numpy.where(values > low, 1.0, 0.0)
    shade: NDArray[numpy.uint8] = numpy.rint(position.clip(0, 1) * 255).astype(numpy.uint8)
    return shade


def _looked_up(layer: MaskedArray, table: NDArray[numpy.uint8]) -> NDArray[numpy.uint8]:
    """Return the colour of each pixel; transparent where its value has none."""
    values = numpy.ma.getdata(layer).astype(numpy.float64)
    is_known = (values >= 0) & (values < len(table))
    colors: NDArray[numpy.uint8] = table[numpy.where(is_known, values, 0).astype(numpy.intp)]
    colors[~is_known] = 0
    return colors


def named_colors(band: Band) -> NDArray[numpy.uint8] | None:
    """Return the 256 colours (RGBA) of a band's named colour map, None where matplotlib is missing or lacks it."""
    name = getattr(band, "colormap_name", None)
    if name is None:
        return None
    try:
        from matplotlib import colormaps  # an extra
    except ImportError:
        return None
    if name not in colormaps:
        return None
    colors: NDArray[numpy.uint8] = colormaps[name](numpy.arange(256) / 255, bytes=True)
    return colors
