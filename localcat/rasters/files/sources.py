"""The bands to read, and which of their pixels are invalid: what their files and their declarations say together."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Final

import numpy
from rasterio.enums import ColorInterp, MaskFlags, Resampling

from localcat.rasters.files.dtypes import as_stored, equals_nodata, is_representable

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.io import DatasetReader
    from rasterio.windows import Window

MASK_TAG: Final = "LOCALCAT_MASK"
"""The tag of a file whose internal mask repeats, for other programs, what its nodata and its alpha bands say.

Such a file has no nodata of GDAL's. Its value is two words: ``nodata:`` with the nodata of each band or ``none``, and
``alpha:`` with GDAL's numbers of the alpha bands; joined by commas.
"""


@dataclass(frozen=True, slots=True)
class BandSource:
    """One band of one file.

    Parameters
    ----------
    path : str or path
        A GeoTIFF or JPEG 2000 file, or the `Member` of an archive.
    index : int
        GDAL's number of the band, counted from 1.
    nodata : float, optional
        A value that marks invalid pixels, beside the file's own.
    is_categorical : bool
        Whether values are codes (classes, masks, opacity): these are never averaged.
    is_mask : bool
        Whether values only say which pixels are masked: the file's own nodata is not meant for them.
    """

    path: str | PathLike[str]
    index: int
    nodata: float | None = None
    is_categorical: bool = False
    is_mask: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What one call of `localcat.rasters.reading.read.read_bands` asks of one file."""

    sources: Sequence[BandSource]
    positions: Sequence[int]  # of the file's own among all sources
    method: Resampling
    mask_nodata: bool
    threads: int = 1
    alpha: BandSource | None = None  # pixels where it is 0 lend nothing to their neighbours
    mask_alpha: bool = True  # whether the internal mask and the alpha of the file's own count
    declared: Collection[tuple[str, int]] = ()  # path and number of alpha bands: `alpha` alone says whether they count

    @property
    def path(self) -> str | PathLike[str]:
        """The file."""
        return self.sources[self.positions[0]].path

    @property
    def indexes(self) -> list[int]:
        """GDAL's numbers of the bands to read."""
        return [self.sources[at].index for at in self.positions]

    def hidden_by(self, dataset: DatasetReader) -> tuple[bool, Sequence[int]]:
        """Return what hides pixels of all bands: whether the internal mask does, and GDAL's numbers of alpha bands."""
        if not self.mask_alpha:
            return False, []
        path = fspath(self.path)
        alphas = [number for number in own_alphas(dataset) if (path, number) not in self.declared]
        return has_own_mask(dataset), alphas


def has_internal_mask(dataset: DatasetReader) -> bool:
    """Return whether a file holds a mask for all its bands, apart from nodata and alpha."""
    flags = dataset.mask_flag_enums[0]
    return MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags


def has_own_mask(dataset: DatasetReader) -> bool:
    """Return whether a file holds an internal mask that says more than its nodata and its alpha bands do."""
    return has_internal_mask(dataset) and _repeated(dataset) is None


def own_alphas(dataset: DatasetReader) -> tuple[int, ...]:
    """Return GDAL's numbers of the bands that are opacity: by their colour interpretation, or by the file's tag."""
    repeated = _repeated(dataset)
    if repeated is not None:
        return repeated[1]
    return tuple(number for number, color in enumerate(dataset.colorinterp, start=1) if color is ColorInterp.alpha)


def own_nodata(dataset: DatasetReader) -> tuple[float | None, ...]:
    """Return the nodata of each band as the file says."""
    repeated = _repeated(dataset)
    return tuple(dataset.nodatavals) if repeated is None else repeated[0]


def mask_tag(nodata: Sequence[float | None], alphas: Sequence[int]) -> dict[str, str]:
    """Return the tag of a file whose internal mask repeats nodata of its bands, and alpha bands by GDAL's numbers."""
    values = ",".join("none" if value is None else repr(value) for value in nodata)
    return {MASK_TAG: f"nodata:{values} alpha:{','.join(map(str, alphas))}"}


def _repeated(dataset: DatasetReader) -> tuple[tuple[float | None, ...], tuple[int, ...]] | None:
    """Return the nodata and the alpha bands that an internal mask repeats; None where no tag says so."""
    text = dataset.tags().get(MASK_TAG)
    if text is None or not has_internal_mask(dataset):
        return None
    try:
        nodata, alphas = (word.partition(":")[2] for word in text.split())
        values = tuple(None if value == "none" else float(value) for value in nodata.split(","))
        numbers = tuple(int(number) for number in alphas.split(",") if number)
    except ValueError:  # not as localcat writes it
        return None
    is_ours = len(values) == dataset.count and all(1 <= number <= dataset.count for number in numbers)
    return (values, numbers) if is_ours else None


def hidden_pixels(dataset: DatasetReader, window: Window | None, request: Request) -> NDArray[numpy.bool_] | None:
    """Return the pixels that the internal mask or an alpha band of the file hides in all bands; None without these."""
    is_masked, alphas = request.hidden_by(dataset)
    found: list[NDArray[numpy.bool_]] = [dataset.read(number, window=window) == 0 for number in alphas]
    if is_masked:
        found.append(dataset.read_masks(1, window=window) == 0)
    return numpy.logical_or.reduce(found) if found else None


def internal_mask(dataset: DatasetReader, window: Window | None) -> NDArray[numpy.bool_] | None:
    """Return the pixels that the internal mask alone marks as invalid; None if the file has no such mask."""
    if not has_own_mask(dataset):
        return None
    invalid: NDArray[numpy.bool_] = dataset.read_masks(1, window=window) == 0
    return invalid


def markers_of(dataset: DatasetReader, source: BandSource) -> list[float]:
    """Return all values that mark invalid pixels of a band: its declared nodata, the file's own, and NaN in floats."""
    is_real = dataset.dtypes[source.index - 1].startswith("float")
    found = {repr(value): value for value in (*_stated(dataset, source), *([math.nan] if is_real else []))}
    return list(found.values())


def _stated(dataset: DatasetReader, source: BandSource) -> list[float]:
    """Return the declared nodata of a band and the file's own, where these are and its dtype can hold them."""
    dtype = dataset.dtypes[source.index - 1]
    is_opacity = source.index in own_alphas(dataset)
    own = None if source.is_mask or is_opacity else own_nodata(dataset)[source.index - 1]
    stated = (source.nodata, own)
    return [as_stored(value, dtype) for value in stated if value is not None and is_representable(value, dtype)]


def is_marked(
    array: NDArray[Any], markers: Sequence[float], *, out: NDArray[numpy.bool_] | None = None
) -> NDArray[numpy.bool_]:
    """Return which pixels equal one of some values, NaN included.

    Parameters
    ----------
    out : ndarray of bool, optional
        Is filled and returned instead of a new array.
    """
    found = equals_nodata(array, markers[0] if markers else None, out=out)
    for marker in markers[1:]:
        found |= equals_nodata(array, marker)
    return found


def nodata_of(dataset: DatasetReader, source: BandSource) -> float | None:
    """Return the nodata of a band: the declared one, else the file's own; None without one that its dtype can hold."""
    return next(iter(_stated(dataset, source)), None)


def fill_of(dataset: DatasetReader, source: BandSource, dtype: numpy.dtype[Any]) -> float:
    """Return the value where a band has no pixel: its nodata if the result can hold it, else 0."""
    nodata = nodata_of(dataset, source)
    return nodata if nodata is not None and is_representable(nodata, dtype) else 0
