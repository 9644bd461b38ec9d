"""Virtual datasets: text in which GDAL reads pixels of other files."""

from __future__ import annotations

from dataclasses import dataclass
from os import fspath
from typing import TYPE_CHECKING, TypeAlias
from xml.sax.saxutils import escape

from localcat.earth.crs import exact_wkt

if TYPE_CHECKING:
    from os import PathLike

    from rasterio.io import DatasetReader

    from localcat.earth.contexts.grid import Grid

Span: TypeAlias = "tuple[int, int, int]"
"""Columns of a file in a virtual one: the first in the file, the first in the virtual one, and how many."""


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
    band: str  # GDAL's number, or "mask,1" for the file's internal mask
    level: int | None = None


def virtual_head(grid: Grid) -> str:
    """Return the beginning of a virtual dataset, up to where its georeferencing ends."""
    transform = ", ".join(repr(float(number)) for number in grid.geotransform)
    return (
        f'<VRTDataset rasterXSize="{grid.width}" rasterYSize="{grid.height}">'
        f"<SRS>{escape(exact_wkt(grid.crs))}</SRS><GeoTransform>{transform}</GeoTransform>"
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
