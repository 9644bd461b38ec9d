"""What the header of a file says that products and bands are made of, and the values that describe its pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from localcat.errors import CorruptImageError, RasterError
from localcat.rasters.files.describe import RasterDescription, describe
from localcat.rasters.files.dtypes import data_type_name
from localcat.rasters.files.opening import open_raster
from localcat.rasters.warping.straight import straight_of
from localcat.writing.ingest.content.labels import Codes, codes_of

_SAMPLE_SIDE = 256  # pixels; a reduced copy of a band, of which its range is taken
_ODD = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)  # what libraries raise at odd headers
_COLORS = {"red": "red", "green": "green", "blue": "blue", "alpha": "alpha"}
_WHOLE_RANGES = {"Byte": (0, 255), "UInt16": (0, 65535), "Int16": (-32768, 32767)}


@dataclass(frozen=True, slots=True)
class LayerHeader:
    """One band of a file.

    Parameters
    ----------
    name : str
        What it is called, or its colour, or ``b1`` for the first.
    data_type : str
        Such as ``"UInt16"``.
    nodata : float, optional
        Its own.
    is_alpha : bool
        Whether it holds opacity.
    unit : str, optional
        Of its physical values.
    scale, offset : float
        From stored to physical values.
    codes : Codes, optional
        Colours and labels, of a class map.
    """

    name: str
    data_type: str
    nodata: float | None
    is_alpha: bool
    unit: str | None
    scale: float
    offset: float
    codes: Codes | None


@dataclass(frozen=True, slots=True)
class FileHeader:
    """A file, as far as ingest has to know it.

    Parameters
    ----------
    layers : tuple of LayerHeader
        Its bands.
    tags : dict of str
        Its metadata, by names in upper case.
    resolution : tuple of float and str, optional
        The size of a pixel and its unit, ``"meters"`` or ``"degrees"``; of the grid that control points lead to,
        if it has these.
    description : RasterDescription
        All that the header says.
    """

    layers: tuple[LayerHeader, ...]
    tags: dict[str, str]
    resolution: tuple[float, str] | None
    description: RasterDescription

    @property
    def likeness(self) -> tuple[object, ...]:
        """What files of one product have in common: names, types and codes of their bands."""
        return tuple((layer.name, layer.data_type, layer.is_alpha, layer.unit, layer.codes) for layer in self.layers)


def read_header(path: Path) -> FileHeader:
    """Read the header of a GeoTIFF or JPEG 2000 file.

    Raises
    ------
    RasterError
        One of its subclasses, if the file is damaged, too large or has no georeferencing.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:  # neither GDAL nor the catalog can write it down
        raise RasterError(f"'{path}' has a name that is not text in UTF-8; rename the file") from error
    with odd_headers(path):
        found = describe(path)
        names = _names(found)
        layers = tuple(
            LayerHeader(
                name,
                data_type_name(found.dtypes[at]),
                found.nodata[at],
                found.alpha_index == at + 1,
                found.units[at] or None,
                found.scales[at],
                found.offsets[at],
                codes_of(path, at + 1, found.colormaps[at], found.tags) if found.count == 1 else None,
            )
            for at, name in enumerate(names)
        )
        return FileHeader(layers, {key.upper(): text for key, text in found.tags.items()}, _resolution(found), found)


@contextmanager
def odd_headers(path: Path) -> Iterator[None]:
    """Turn what libraries raise at a header that they cannot make sense of into our error."""
    try:
        yield
    except CorruptImageError:
        raise
    except _ODD as error:
        if type(error).__module__.startswith("localcat"):
            raise
        raise CorruptImageError(
            f"'{path}' has a header that cannot be read ({type(error).__name__}: {error}); write the file again"
        ) from error


def _names(found: RasterDescription) -> list[str]:
    """Return a name for each band: its description, its colour, or its number; all different."""
    names: list[str] = []
    for at in range(found.count):
        color = _COLORS.get(found.color_interpretations[at])
        given = found.descriptions[at] or color or f"b{at + 1}"
        names.append(given if given not in names else f"b{at + 1}")
    return names


def _resolution(found: RasterDescription) -> tuple[float, str] | None:
    grid = found.grid
    if grid is None and found.control_points is not None:
        with suppress(RasterError):  # who brings the file onto that grid will see it, too
            grid = straight_of(found.control_points, found.shape).grid
    if grid is None:
        return None
    size = max(grid.resolution)
    if grid.crs.is_geographic:
        return round(size, 12), "degrees"
    try:
        _, factor = grid.crs.linear_units_factor
    except _ODD:
        return None
    return round(size * factor, 6), "meters"


def ranges(path: Path, index: int, layer: LayerHeader) -> tuple[tuple[float, float], tuple[float, float] | None]:
    """Return the data range and the display range of a band, from its type and a reduced copy of a file.

    Returns
    -------
    tuple of float
        All values of a type of up to 16 bits; else the smallest and the largest valid value of the copy.
    tuple of float or None
        From the 2nd to the 98th percentile of the valid values; None if there are none.
    """
    with odd_headers(path), open_raster(path) as dataset:
        shape = tuple(min(side, _SAMPLE_SIDE) for side in dataset.shape)
        sample = dataset.read(index + 1, out_shape=shape, masked=True)
    valid = sample.compressed()
    valid = valid[numpy.isfinite(valid)]
    if not valid.size:
        return _WHOLE_RANGES.get(layer.data_type, (0, 1)), None
    low, high = (float(value) for value in numpy.percentile(valid, (2, 98)))
    whole = _WHOLE_RANGES.get(layer.data_type, (float(valid.min()), float(valid.max())))
    return whole, (_tidy(low), _tidy(high)) if high > low else None


def _tidy(value: Any) -> float:
    """Return a number with six digits."""
    number = float(value)
    return 0.0 if number == 0 else round(number, 5 - math.floor(math.log10(abs(number))))
