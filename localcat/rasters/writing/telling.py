"""How a file tells which of its pixels are invalid, so that every program that reads it sees the same.

A nodata alone is told as GDAL's nodata. All else (an alpha band, nodata that differ between bands, NaN beside a nodata,
the mask of an array) goes into an internal mask: a pixel is invalid there where no measured band is valid, or where it
is transparent. Such a file has neither a nodata nor a band of the colour alpha, since programs that find both a mask
and one of these disagree, and many take 1 of 65,535 for transparent. Where the mask only repeats nodata and alpha
bands, a tag says so, and localcat reads those. An alpha band of another program, with more than 0 and 1, stays one
where GDAL makes the mask of the file of it: behind one or three bands.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy

from localcat.rasters.files.dtypes import as_stored, equals_nodata
from localcat.rasters.files.sources import mask_tag
from localcat.rasters.writing.strips import row_strips, strips_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localcat.rasters.writing.checks import BandLayer
    from localcat.rasters.writing.strips import PixelSource


_TABLE_BYTES = 2  # of a pixel; for these a table holds every value


@dataclass(frozen=True, slots=True)
class Telling:
    """What a file says of validity.

    Parameters
    ----------
    bands : tuple of BandLayer
    nodata : float or None
        GDAL's nodata of all bands.
    is_masked : bool
        Whether the file has an internal mask.
    keeps_alpha : bool
        Whether an alpha band keeps its colour, and tells by itself.
    tags : dict of str to str
        The tag of a mask that repeats nodata and alpha bands.
    """

    bands: tuple[BandLayer, ...]
    nodata: float | None
    is_masked: bool = False
    keeps_alpha: bool = False
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def hides(self) -> bool:
        """Whether pixels are invalid that GDAL's nodata does not mark."""
        return self.is_masked or self.keeps_alpha

    def invalid(self, pixels: NDArray[Any], internal: NDArray[numpy.bool_] | None, at: int) -> NDArray[numpy.bool_]:
        """Return where one band is invalid: by its nodata, NaN, an alpha band, or a mask of all bands."""
        return self._marked(pixels, at) | self._hidden(pixels, internal)

    def everywhere(self, pixels: NDArray[Any], internal: NDArray[numpy.bool_] | None) -> NDArray[numpy.bool_]:
        """Return where no measured band is valid: what the internal mask holds; pixels are (band, row, column)."""
        marked = [self._marked(pixels, at) for at in _measured(self.bands)]
        hidden = self._hidden(pixels, internal)
        return hidden | numpy.logical_and.reduce(marked) if marked else hidden

    def _marked(self, pixels: NDArray[Any], at: int) -> NDArray[numpy.bool_]:
        found = equals_nodata(pixels[at], self.bands[at].nodata)
        return found | numpy.isnan(pixels[at]) if pixels.dtype.kind == "f" else found

    def _hidden(self, pixels: NDArray[Any], internal: NDArray[numpy.bool_] | None) -> NDArray[numpy.bool_]:
        hidden = numpy.zeros(pixels.shape[1:], dtype=bool) if internal is None else internal.copy()
        for at, band in enumerate(self.bands):
            if band.is_alpha:
                hidden |= pixels[at] == 0
        return hidden


def telling_of(source: PixelSource, bands: Sequence[BandLayer]) -> Telling:
    """Return how a file of some pixels tells which of them are invalid."""
    told = tuple(bands)
    if source.has_internal_mask:
        return Telling(told, None, is_masked=True)
    measured = [bands[at].nodata for at in _measured(bands)]
    alphas = [at for at, band in enumerate(bands) if band.is_alpha]
    is_shared = len({repr(nodata) for nodata in measured}) == 1 and len(measured) == len(bands)
    is_real = source.dtype.kind == "f"
    if is_shared and not (is_real and _is_number(measured[0]) and _holds_nan(source)):
        nodata = math.nan if is_real and measured[0] is None else measured[0]
        return Telling(told, None if nodata is None else as_stored(nodata, source.dtype))
    always_valid = not is_real and None in measured
    if not alphas and always_valid:  # some band is, and with it each pixel
        return Telling(told, None)
    if all(nodata is None for nodata in measured) and _are_of_others(source, bands, alphas):
        return Telling(told, None, keeps_alpha=True)
    repeated = [None if band.is_alpha or band.is_mask else band.nodata for band in bands]
    return Telling(told, None, is_masked=True, tags=mask_tag(repeated, [at + 1 for at in alphas]))


def free_value(
    layers: Sequence[NDArray[Any]], masks: Sequence[NDArray[numpy.bool_]], first: Sequence[float] = ()
) -> float | None:
    """Return a value that no valid pixel has; None if there is none, or with more than 16 bits none is found easily.

    Parameters
    ----------
    layers : sequence of ndarray, shape (row, column)
        Of one dtype.
    masks : sequence of ndarray of bool
        True = invalid, for each layer.
    first : sequence of float
        Values to try before all others; the dtype can hold them.
    """

    def valid() -> Iterator[NDArray[Any]]:
        for layer, hidden in zip(layers, masks, strict=True):
            for rows in row_strips(layer.shape, layer.itemsize):
                yield layer[rows][~hidden[rows]]

    dtype = layers[0].dtype
    easy: list[float]
    if dtype.kind == "f":
        reals = numpy.finfo(dtype)
        easy = [float(reals.min), float(reals.max), math.nan]
    else:
        whole = numpy.iinfo(dtype)
        easy = [0, whole.max, whole.min]
    for value in (*first, *easy):
        if not any(equals_nodata(pixels, value).any() for pixels in valid()):
            return value
    if dtype.itemsize > _TABLE_BYTES:
        return None
    code = f"uint{8 * dtype.itemsize}"
    is_taken = numpy.zeros(256**dtype.itemsize, dtype=bool)
    for pixels in valid():
        is_taken[pixels.view(code)] = True
    free = numpy.flatnonzero(~is_taken)[:1].astype(code).view(dtype).tolist()
    return free[0] if free else None


def _are_of_others(source: PixelSource, bands: Sequence[BandLayer], alphas: Sequence[int]) -> bool:
    """Return whether an alpha band of its own file, with more than localcat's 0 and 1, is GDAL's mask of the others."""
    is_mask = len(bands) in (2, 4) and list(alphas) == [len(bands) - 1]
    is_usual = is_mask and source.dtype.name in ("uint8", "uint16") and bands[-1].color == "alpha"
    return is_usual and any((pixels[alphas] > 1).any() for _, pixels, _ in strips_of(source))


def _measured(bands: Sequence[BandLayer]) -> list[int]:
    """Return the positions of the bands whose pixels are what an image shows; of all but opacity if there are none."""
    shown = [at for at, band in enumerate(bands) if not band.is_alpha]
    return [at for at in shown if not bands[at].is_mask] or shown


def _is_number(nodata: float | None) -> bool:
    return nodata is not None and not math.isnan(nodata)


def _holds_nan(source: PixelSource) -> bool:
    return any(numpy.isnan(pixels).any() for _, pixels, _ in strips_of(source))
