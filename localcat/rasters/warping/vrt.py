"""Virtual datasets: text in which GDAL reads pixels of other files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import fspath
from typing import TYPE_CHECKING, TypeAlias
from xml.sax.saxutils import escape

import rasterio
from rasterio.enums import ColorInterp

from localcat.rasters.files.dtypes import data_type_name
from localcat.rasters.files.sources import has_internal_mask

if TYPE_CHECKING:
    from os import PathLike

    from rasterio.io import DatasetReader

    from localcat.earth.contexts.grid import Grid

Span: TypeAlias = "tuple[int, int, int]"
"""Columns of a file in a virtual one: the first in the file, the first in the virtual one, and how many."""

_CODES = {ColorInterp.alpha: "Alpha", ColorInterp.palette: "Palette"}
_STRETCH = 1e6  # of opacity, when it becomes a mask of bytes: no fraction above 0 is rounded to it


@dataclass(frozen=True, slots=True)
class Raster:
    """An open file at one of its resolutions, or a virtual one made of it."""

    dataset: DatasetReader
    grid: Grid  # of its pixels
    level: int | None = None  # the overview that is open; None for the full resolution


@dataclass(frozen=True, slots=True)
class Opacity:
    """A band on the grid of a raster, of the same file or another one, that is 0 where the raster is transparent."""

    path: str | PathLike[str]
    index: int
    level: int | None = None


@contextmanager
def in_columns(
    raster: Raster, grid: Grid, spans: Sequence[Span], indexes: Sequence[int], opacity: Opacity | None = None
) -> Iterator[Raster]:
    """Yield a virtual raster that holds columns of another one, with its nodata and its mask.

    Parameters
    ----------
    raster : Raster
    grid : Grid
        Of the virtual raster; of the same height.
    spans : sequence of Span
        Which of its columns are which of the raster's.
    indexes : sequence of int
        GDAL's numbers of the bands that are to be read; the others exist, and hold zeros.
    opacity : Opacity, optional
        What stands for a mask where the raster has none.
    """
    dataset = raster.dataset

    def sources(band: str, path: str | PathLike[str] = dataset.name, level: int | None = raster.level) -> str:
        rects = [((first, 0, count, grid.height), (at, 0, count, grid.height)) for first, at, count in spans]
        return "".join(simple_source(path, band, *pair, overview_level=level) for pair in rects)

    parts = [virtual_head(grid)]
    for index in dataset.indexes:
        is_read = index in indexes
        name = data_type_name(dataset.dtypes[index - 1]) if is_read else "Byte"
        nodata = dataset.nodatavals[index - 1]
        parts.append(f'<VRTRasterBand dataType="{name}" band="{index}">')
        if nodata is not None:
            parts.append(f"<NoDataValue>{nodata!r}</NoDataValue>")
        parts.append(f"<ColorInterp>{_CODES.get(dataset.colorinterp[index - 1], 'Undefined')}</ColorInterp>")
        parts.append((sources(str(index)) if is_read else "") + "</VRTRasterBand>")
    mask = ""
    if has_internal_mask(dataset):
        mask = sources("mask,1")
    elif opacity is not None:
        mask = sources(str(opacity.index), opacity.path, opacity.level).replace("SimpleSource", "ComplexSource")
        mask = mask.replace("</ComplexSource>", f"<ScaleRatio>{_STRETCH}</ScaleRatio></ComplexSource>")
    if mask:
        parts.append(f'<MaskBand><VRTRasterBand dataType="Byte">{mask}</VRTRasterBand></MaskBand>')
    with rasterio.open("".join([*parts, "</VRTDataset>"]), driver="VRT", sharing=False) as virtual:
        yield Raster(virtual, grid)


def virtual_head(grid: Grid) -> str:
    """Return the beginning of a virtual dataset, up to where its georeferencing ends."""
    transform = ", ".join(repr(float(number)) for number in grid.geotransform)
    return (
        f'<VRTDataset rasterXSize="{grid.width}" rasterYSize="{grid.height}">'
        f"<SRS>{escape(grid.crs.to_wkt())}</SRS><GeoTransform>{transform}</GeoTransform>"
    )


def simple_source(
    path: str | PathLike[str],
    band: str,
    source: tuple[int, int, int, int],
    target: tuple[int, int, int, int],
    *,
    overview_level: int | None = None,
) -> str:
    """Return the part of a virtual band that copies a rectangle of pixels.

    Parameters
    ----------
    path : str or path
        The file to read.
    band : str
        GDAL's number of the band, or ``"mask,1"``.
    source, target : tuple of int
        (column, row, columns, rows) in the file and in the virtual band.
    overview_level : int, optional
        Read this overview instead of the full resolution.
    """
    rects = "".join(
        f'<{name} xOff="{column}" yOff="{row}" xSize="{columns}" ySize="{rows}"/>'
        for name, (column, row, columns, rows) in (("SrcRect", source), ("DstRect", target))
    )
    level = "" if overview_level is None else f'<OOI key="OVERVIEW_LEVEL">{overview_level}</OOI>'
    return (
        f'<SimpleSource><SourceFilename relativeToVRT="0">{escape(fspath(path))}</SourceFilename>'
        f"<OpenOptions>{level}</OpenOptions><SourceBand>{band}</SourceBand>{rects}</SimpleSource>"
    )
