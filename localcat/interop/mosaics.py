"""Mosaics as virtual files of GDAL: text that names the files of images, which every program with GDAL opens as one.

Tile indexes (`localcat.interop.gti`) do the same for any number of images, and need GDAL 3.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from localcat.disk.paths import href_between
from localcat.rasters.warping.vrt import virtual_head

if TYPE_CHECKING:
    from pathlib import Path

    from localcat.earth.contexts.grid import Grid
    from localcat.interop.gti import Index
    from localcat.interop.gti_views import Tile
    from localcat.models.band import Band


def mosaic(index: Index, bands: Sequence[Band], folder: Path) -> str:
    """Return the text of a virtual file that shows the tiles of an index, the later ones on top.

    Parameters
    ----------
    index : Index
        Tiles of one CRS; they keep their own pixels, and a coarser one shows each of its pixels several times.
    bands : sequence of Band
        Of the product, in the order in which they are shown.
    folder : Path
        Where the file will be; it names the others relative to that.
    """
    grid, tiles = index.settled()
    parts = [virtual_head(grid)]
    for position, band in enumerate(bands):
        nodata = "" if band.nodata is None else f"<NoDataValue>{band.nodata!r}</NoDataValue>"
        parts.append(f'<VRTRasterBand dataType="{band.data_type}" band="{position + 1}">')
        parts.append(f"<Description>{escape(str(band.name))}</Description>{nodata}")
        parts += (_source(grid, tile, position, folder, of_mask=False) for tile in tiles)
        parts.append("</VRTRasterBand>")
    if any(band.nodata is None for band in bands):
        parts.append('<MaskBand><VRTRasterBand dataType="Byte">')
        parts += (_source(grid, tile, 0, folder, of_mask=True) for tile in tiles)
        parts.append("</VRTRasterBand></MaskBand>")
    parts.append("</VRTDataset>\n")
    return "".join(parts)


def _source(grid: Grid, tile: Tile, position: int, folder: Path, *, of_mask: bool) -> str:
    """Return what a tile adds to a band, or to the mask; what its file hides leaves the pixels below as they are."""
    band, t = tile.content.bands[position], grid.transform  # whose rows and columns are parallel to the axes
    file = tile.content.files[band.file]
    height, width = file.shape
    west, south, east, north = tile.grid.bounds
    left, top, right, bottom = (west - t.c) / t.a, (north - t.f) / t.e, (east - t.c) / t.a, (south - t.f) / t.e
    number, skipped = ("mask,1", "<NODATA>0</NODATA>") if of_mask else (band.index, "<UseMaskBand>true</UseMaskBand>")
    return (
        f'<ComplexSource><SourceFilename relativeToVRT="1">{escape(href_between(file.path, folder))}</SourceFilename>'
        f'<SourceBand>{number}</SourceBand><SrcRect xOff="0" yOff="0" xSize="{width}" ySize="{height}"/>'
        f'<DstRect xOff="{left!r}" yOff="{top!r}" xSize="{right - left!r}" ySize="{bottom - top!r}"/>'
        f"{skipped}</ComplexSource>"
    )
