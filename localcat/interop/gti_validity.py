"""Which pixels of the tiles of an index are valid, and how the index says so: by one mask, or by a value in each band.

A tile index of GDAL has one mask for all bands, or a nodata value for each. A mosaic of ours looks for valid pixels
band by band: nodata of a file or a band, NaN, an internal mask and an alpha band each make pixels invalid.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rasterio.enums import MaskFlags, Resampling

from localcat.disk.filesystem import exists
from localcat.rasters.files.dtypes import data_type_name, is_representable, numpy_dtype
from localcat.rasters.files.opening import open_raster
from localcat.rasters.files.sources import (
    BandSource,
    Request,
    has_internal_mask,
    has_own_mask,
    markers_of,
    own_alphas,
    own_nodata,
)
from localcat.rasters.reading.read import check_indexes

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

    from localcat.models.band import Band

INTERNAL_MASK: Final = "mask,1"
"""GDAL's name of the internal mask of a file, as a band."""

_WIDER: Final = {
    "Byte": ("Int16", -(2.0**15)),
    "UInt16": ("Int32", -(2.0**31)),
    "Int16": ("Int32", -(2.0**31)),
    "UInt32": ("Float64", math.nan),
    "Int32": ("Float64", math.nan),
}
"""For each type without NaN: one that holds all its values, and a value that is none of them."""

_OTHERWISE: Final = "otherwise"  # what GDAL hides, where that is no one mask of ours


@dataclass(frozen=True, slots=True)
class TileFile:
    """What a file of a tile holds.

    Parameters
    ----------
    path : Path
        Where it is.
    shape : tuple of int
        (height, width) in pixels.
    data_types : tuple of str
        Of all its bands.
    nodata : tuple of float or None
        Of all its bands, as GDAL sees it.
    hidden_by : tuple of str
        What makes pixels of all its bands invalid: `INTERNAL_MASK`, and GDAL's numbers of alpha bands.
    seen_by_gdal : tuple of str
        What hides pixels of all its bands for GDAL, in the same words.
    """

    path: Path
    shape: tuple[int, int]
    data_types: tuple[str, ...]
    nodata: tuple[float | None, ...]
    hidden_by: tuple[str, ...]
    seen_by_gdal: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TileBand:
    """A band of a tile.

    Parameters
    ----------
    file : int
        In which of its files it is.
    index : int
        GDAL's number of the band, counted from 1.
    markers : tuple of float
        The values that mark invalid pixels.
    """

    file: int
    index: int
    markers: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """The files of a tile, and its bands in their order.

    Parameters
    ----------
    files : tuple of TileFile
    bands : tuple of TileBand
    alpha : int or None
        Which of the bands, by position, is 0 where the pixels of all are invalid.
    """

    files: tuple[TileFile, ...]
    bands: tuple[TileBand, ...]
    alpha: int | None

    def data_type_of(self, position: int) -> str:
        """Return the type in which a band is stored."""
        band = self.bands[position]
        return self.files[band.file].data_types[band.index - 1]

    @property
    def hidden_by(self) -> tuple[str, ...] | None:
        """What makes pixels of all bands invalid, in the words of the only file; None if a band has some of its own."""
        if any(band.markers for band in self.bands):
            return None
        if len(self.files) == 1:
            alpha = () if self.alpha is None else (str(self.bands[self.alpha].index),)
            return (*self.files[0].hidden_by, *alpha)
        return None if self.alpha is not None or any(one.hidden_by for one in self.files) else ()


def content_of(sources: Sequence[BandSource], alpha: int | None, declared: Sequence[tuple[str, int]]) -> Content:
    """Return what the files of an image say about its bands; each is opened once.

    Parameters
    ----------
    sources : sequence of BandSource
        The bands.
    alpha : int or None
        The position of the alpha band.
    declared : sequence of (str, int)
        Path and number of bands that are known to be opacity: the product says whether they count, not their files.

    Raises
    ------
    RasterError
        If a file cannot be read, or lacks a band.
    """
    files: list[TileFile] = []
    bands: dict[int, TileBand] = {}
    positions_in: dict[str, list[int]] = {}
    for position, source in enumerate(sources):
        positions_in.setdefault(fspath(source.path), []).append(position)
    for path, positions in positions_in.items():
        request = Request(sources, positions, Resampling.nearest, mask_nodata=True, declared=declared)
        with open_raster(path, max_bytes=None) as dataset:
            check_indexes(dataset, request.indexes)
            for at in positions:
                bands[at] = TileBand(len(files), sources[at].index, tuple(markers_of(dataset, sources[at])))
            files.append(_file(path, dataset, request))
    return Content(tuple(files), tuple(bands[at] for at in range(len(sources))), alpha)


def _file(path: str, dataset: DatasetReader, request: Request) -> TileFile:
    is_masked, alphas = request.hidden_by(dataset)
    if any(exists(f"{path}{suffix}") for suffix in (".msk", ".aux.xml")):  # other programs look at them
        seen: tuple[str, ...] = (_OTHERWISE,)
    elif has_own_mask(dataset):
        seen = (INTERNAL_MASK,)
    elif has_internal_mask(dataset) and all(value is None for value in own_nodata(dataset)):
        seen = tuple(map(str, own_alphas(dataset)))
    else:
        seen = (_OTHERWISE,) if MaskFlags.per_dataset in dataset.mask_flag_enums[0] else ()
    return TileFile(
        path=Path(path),
        shape=dataset.shape,
        data_types=tuple(data_type_name(dtype) for dtype in dataset.dtypes),
        nodata=tuple(dataset.nodatavals),
        hidden_by=(*([INTERNAL_MASK] if is_masked else []), *map(str, alphas)),
        seen_by_gdal=seen,
    )


@dataclass(frozen=True, slots=True)
class Validity:
    """How an index says which pixels are valid.

    Parameters
    ----------
    data_types : tuple of str
        Of its bands.
    nodata : tuple of float, or None
        The value of each band that stands for all its invalid pixels; None for one mask.
    """

    data_types: tuple[str, ...]
    nodata: tuple[float, ...] | None

    def is_shown_by_itself(self, content: Content) -> bool:
        """Return whether GDAL sees the bands of a tile, and which of their pixels are valid, without a virtual file."""
        if len(content.files) > 1 or [band.index for band in content.bands] != [*range(1, len(content.bands) + 1)]:
            return False
        file = content.files[0]
        if file.data_types != self.data_types:
            return False
        if self.nodata is None:
            return file.seen_by_gdal == content.hidden_by and all(value is None for value in file.nodata)
        return not (file.seen_by_gdal or file.hidden_by or content.alpha is not None) and all(
            own is not None and _is_same(own, nodata) and not others(band.markers, nodata)
            for own, nodata, band in zip(file.nodata, self.nodata, content.bands, strict=True)
        )


def validity_of(bands: Sequence[Band], contents: Sequence[Content]) -> Validity:
    """Return how an index of tiles says which of their pixels are valid.

    One mask does where all bands of each tile are valid in the same pixels. Elsewhere each band has a value for the
    others: one that marks them in all tiles, or, if there is none, one that only a wider type has.
    """
    data_types = tuple(str(band.data_type) for band in bands)
    hidden_by = {content.hidden_by for content in contents}
    if all(hidden is not None and len(hidden) <= 1 for hidden in hidden_by):
        return Validity(data_types, None)
    chosen = [_value_of(position, data_type, contents) for position, data_type in enumerate(data_types)]
    return Validity(tuple(data_type for data_type, _ in chosen), tuple(nodata for _, nodata in chosen))


def _value_of(position: int, data_type: str, contents: Sequence[Content]) -> tuple[str, float]:
    """Return the type of a band of an index, and the value that stands for all its invalid pixels."""
    if any(content.alpha == position for content in contents):
        return data_type, 0.0
    kinds = dict.fromkeys((content.bands[position].markers, content.data_type_of(position)) for content in contents)
    for value in dict.fromkeys(value for markers, _ in kinds for value in markers):
        if is_representable(value, numpy_dtype(data_type)) and all(
            len(others(markers, value)) < len(markers) or not is_representable(value, numpy_dtype(stored))
            for markers, stored in kinds
        ):
            return data_type, value
    return _WIDER.get(data_type, (data_type, math.nan))


def others(markers: Iterable[float], nodata: float) -> list[float]:
    """Return the markers of a band but for one."""
    return [value for value in markers if not _is_same(value, nodata)]


def _is_same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))
