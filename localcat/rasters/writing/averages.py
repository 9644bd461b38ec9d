"""Averages in overviews that are rounded to nodata, and would be lost.

GDAL puts the value beside in the place of an average that equals nodata. In bytes and integers of 16 bits without a
sign it rounds before it compares, in other integers afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy
import rasterio
from rasterio.enums import Resampling
from rasterio.windows import Window

from localcat.rasters.files.dtypes import equals_nodata
from localcat.rasters.writing.strips import row_strips

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from rasterio.io import DatasetReader, DatasetWriter

_STRIP_BYTES = 2**22  # of an overview; the pixels below are many times as many, and counted in 64 bits
_COUNT_BYTES = 8
_ROUNDED_FIRST = ("uint8", "uint16")


def around(pixels: NDArray[Any], nodata: float | None) -> tuple[bool, bool]:
    """Return whether pixels are below nodata, and above it, where GDAL may lose an average of both."""
    if nodata is None or pixels.dtype.kind not in "iu" or pixels.dtype.name in _ROUNDED_FIRST:
        return False, False
    return bool((pixels < nodata).any()), bool((pixels > nodata).any())


def build_averages(path: str, factors: Sequence[int], nodata: float) -> None:
    """Build overviews that are averages, one after the other; a valid pixel that would be nodata is the value beside.

    Parameters
    ----------
    path : str
        A file whose bands have integers and this nodata, and no overviews yet.
    factors : sequence of int
        Decimation factors, ascending.
    nodata : float
    """
    for level, factor in enumerate(factors):
        with rasterio.open(path, "r+", sharing=False) as dataset:
            dataset.build_overviews([factor], Resampling.average)
        with (
            rasterio.open(path, sharing=False) as dataset,
            rasterio.open(path, "r+", overview_level=level, sharing=False) as overview,
        ):
            for number in dataset.indexes:
                _mend(dataset, overview, number, nodata)


def _mend(dataset: DatasetReader, overview: DatasetWriter, number: int, nodata: float) -> None:
    beside = nodata + 1 if nodata < numpy.iinfo(overview.dtypes[number - 1]).max else nodata - 1
    share = dataset.height * dataset.width // (overview.height * overview.width) + 1
    for rows in row_strips(overview.shape, _COUNT_BYTES * share, most_bytes=_STRIP_BYTES):
        window = Window(0, rows.start, overview.width, rows.stop - rows.start)
        pixels = overview.read(number, window=window)
        is_lost = equals_nodata(pixels, nodata)
        if not is_lost.any():
            continue
        tops, bottoms = _under(rows.start, rows.stop, dataset.height, overview.height)
        below = Window(0, tops[0], dataset.width, bottoms[-1] - tops[0])
        valid = dataset.read_masks(number, window=below) > 0
        columns = _under(0, overview.width, dataset.width, overview.width)
        is_lost &= _any_under(valid, (tops - tops[0], bottoms - tops[0]), columns)
        if is_lost.any():
            pixels[is_lost] = beside
            overview.write(pixels, number, window=window)


def _under(start: int, stop: int, below: int, above: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return where the pixels under some rows or columns of an overview begin and end."""
    numbers = numpy.arange(start, stop, dtype=numpy.int64)
    return numbers * below // above, -(-(numbers + 1) * below // above)


def _any_under(
    valid: NDArray[numpy.bool_],
    rows: tuple[NDArray[Any], NDArray[Any]],
    columns: tuple[NDArray[Any], NDArray[Any]],
) -> NDArray[numpy.bool_]:
    """Return for each pixel of an overview whether any below it is valid."""
    down = numpy.zeros((valid.shape[0] + 1, valid.shape[1]), dtype=numpy.int64)
    numpy.cumsum(valid, axis=0, out=down[1:])
    counts = down[rows[1]] - down[rows[0]]
    across = numpy.zeros((len(counts), valid.shape[1] + 1), dtype=numpy.int64)
    numpy.cumsum(counts, axis=1, out=across[:, 1:])
    found: NDArray[numpy.bool_] = across[:, columns[1]] > across[:, columns[0]]
    return found
