"""The bands to read, and how their files mark invalid pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy
from rasterio.enums import MaskFlags, Resampling

from localcat.rasters.files.dtypes import as_stored, is_representable

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.io import DatasetReader
    from rasterio.windows import Window


@dataclass(frozen=True, slots=True)
class BandSource:
    """One band of one file.

    Parameters
    ----------
    path : str or path
        A GeoTIFF or JPEG 2000 file.
    index : int
        GDAL's number of the band, counted from 1.
    nodata : float, optional
        The value that marks invalid pixels; None for the file's own.
    is_categorical : bool
        Whether values are codes (classes, masks, opacity): these are always resampled by nearest.
    """

    path: str | PathLike[str]
    index: int
    nodata: float | None = None
    is_categorical: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What one call of `localcat.rasters.reading.read.read_bands` asks of one file."""

    sources: Sequence[BandSource]
    positions: Sequence[int]  # of the file's own among all sources
    method: Resampling
    mask_nodata: bool
    threads: int = 1
    alpha: BandSource | None = None  # pixels where it is 0 lend nothing to their neighbours

    @property
    def indexes(self) -> list[int]:
        """GDAL's numbers of the bands to read."""
        return [self.sources[at].index for at in self.positions]


def has_internal_mask(dataset: DatasetReader) -> bool:
    """Return whether a file holds a mask for all its bands, apart from nodata and alpha."""
    flags = dataset.mask_flag_enums[0]
    return MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags


def internal_mask(dataset: DatasetReader, window: Window | None) -> NDArray[numpy.bool_] | None:
    """Return the pixels that the internal mask marks as invalid; None if the file has no such mask."""
    if not has_internal_mask(dataset):
        return None
    invalid: NDArray[numpy.bool_] = dataset.read_masks(1, window=window) == 0
    return invalid


def nodata_of(dataset: DatasetReader, source: BandSource) -> float | None:
    """Return the nodata of a band if its dtype can hold that value at all."""
    nodata = dataset.nodatavals[source.index - 1] if source.nodata is None else source.nodata
    dtype = dataset.dtypes[source.index - 1]
    return as_stored(nodata, dtype) if nodata is not None and is_representable(nodata, dtype) else None


def fill_of(dataset: DatasetReader, source: BandSource, dtype: numpy.dtype[Any]) -> float:
    """Return the value where a band has no pixel: its nodata if the result can hold it, else 0."""
    nodata = nodata_of(dataset, source)
    return nodata if nodata is not None and is_representable(nodata, dtype) else 0
