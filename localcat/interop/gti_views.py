"""Virtual files of GDAL that show an image as a tile of an index: its bands in their order, upright, on the grid.

https://gdal.org/en/stable/drivers/raster/vrt.html
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from affine import Affine

from localcat.disk.paths import href_between
from localcat.earth.contexts.grid import Grid
from localcat.rasters.files.describe import describe
from localcat.rasters.warping.vrt import virtual_head

if TYPE_CHECKING:
    from localcat.models.band import Band

_MASK = "Byte"
_OPAQUE = "<LUT>0:0,1:255</LUT>"  # an alpha band of ours holds 0 and 1


@dataclass(frozen=True, slots=True)
class Tile:
    """An image as a rectangle of a mosaic.

    Parameters
    ----------
    image_id : str
        Which image.
    acquired : str, optional
        When, as ISO 8601.
    rank : int
        Its place in the order; a later one is on top.
    grid : Grid
        Of its pixels, whose rows and columns are parallel to the axes.
    sources : tuple of Path
        Its files, by position.
    turns : int
        How many times its grid was moved around the Earth.
    """

    image_id: str
    acquired: str | None
    rank: int
    grid: Grid
    sources: tuple[Path, ...]
    turns: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    """A band of a virtual file: where its pixels are from, and the value that marks those without data."""

    data_type: str
    source: str
    nodata: float | None = None


def write_views(tile: Tile, target: Grid | None, bands: Sequence[Band], folder: Path, final: Path, name: str) -> str:
    """Write the virtual files of a tile; return the name of the one that shows it.

    Parameters
    ----------
    tile : Tile
        The image.
    target : Grid or None
        Where its pixels are to be, each the nearest one of the image; None for its own grid.
    bands : sequence of Band
        What the tile shows, in this order.
    folder, final : Path
        Where the files are written, and where they will be.
    name : str
        The beginning of their names.
    """
    files = {position: describe(tile.sources[position]) for position in {band.file_position for band in bands}}
    height, width = max((one.shape for one in files.values()), key=math.prod)
    t, (rows, columns) = tile.grid.transform, tile.grid.shape
    transform = Affine(t.a * columns / width, 0.0, t.c, 0.0, t.e * rows / height, t.f)
    grid = Grid(tile.grid.crs, transform, (height, width))

    def source(position: int, band: str) -> str:
        place = href_between(tile.sources[position], final)
        return _source(place, band, files[position].shape, grid.shape)

    parts = [
        _Part(str(band.data_type), source(band.file_position, str(band.position + 1)), band.nodata) for band in bands
    ]
    mask = None
    for position, one in sorted(files.items()):
        opacity = one.alpha_index or next(
            (band.position + 1 for band in bands if band.file_position == position and band.is_opacity),
            None,
        )
        if one.has_internal_mask:
            mask = _Part(_MASK, source(position, "mask,1"))
        elif opacity is not None:
            text = source(position, str(opacity)).replace("SimpleSource>", "ComplexSource>")
            mask = _Part(_MASK, text.replace("</ComplexSource>", f"{_OPAQUE}</ComplexSource>"))
        if mask is not None:
            break

    def written(suffix: str, text: str) -> str:
        (folder / f"{name}{suffix}.vrt").write_text(text, encoding="utf-8")
        return f"{name}{suffix}.vrt"

    if target is None:
        return written("", _view(grid, parts, mask))
    # GDAL's warper knows no mask beside the bands but an alpha band, which it takes for one in files of few bands only.
    # So the mask goes through it as a band.
    own = written(".own", _view(grid, parts if mask is None else [*parts, mask], None))
    if mask is None:
        return written("", _warped(own, grid, target, parts))
    warped = written(".warped", _warped(own, grid, target, [*parts, mask]))
    shown = [
        replace(part, source=_source(warped, str(number), target.shape, target.shape))
        for number, part in enumerate([*parts, mask], start=1)
    ]
    return written("", _view(target, shown[:-1], shown[-1]))


def _source(place: str, band: str, shape: tuple[int, int], into: tuple[int, int]) -> str:
    rectangles = "".join(
        f'<{name} xOff="0" yOff="0" xSize="{columns}" ySize="{rows}"/>'
        for name, (rows, columns) in (("SrcRect", shape), ("DstRect", into))
    )
    return (
        f'<SimpleSource><SourceFilename relativeToVRT="1">{escape(place)}</SourceFilename>'
        f"<SourceBand>{band}</SourceBand>{rectangles}</SimpleSource>"
    )


def _view(grid: Grid, parts: Sequence[_Part], mask: _Part | None) -> str:
    """Return a file of bands that are in others."""
    bands = [
        f'<VRTRasterBand dataType="{part.data_type}" band="{number}">{_nodata(part)}{part.source}</VRTRasterBand>'
        for number, part in enumerate(parts, start=1)
    ]
    if mask is not None:
        bands.append(f'<MaskBand><VRTRasterBand dataType="{_MASK}">{mask.source}</VRTRasterBand></MaskBand>')
    return "".join([virtual_head(grid), *bands, "</VRTDataset>"])


def _nodata(part: _Part) -> str:
    return "" if part.nodata is None else f"<NoDataValue>{part.nodata!r}</NoDataValue>"


def _warped(own: str, grid: Grid, target: Grid, parts: Sequence[_Part]) -> str:
    """Return a file that shows another one on a grid of the same CRS, by the nearest pixel."""
    bands, mappings = [], []
    for number, part in enumerate(parts, start=1):
        bands.append(
            f'<VRTRasterBand dataType="{part.data_type}" band="{number}" subClass="VRTWarpedRasterBand">'
            f"{_nodata(part)}</VRTRasterBand>"
        )
        values = (
            ""
            if part.nodata is None
            else "".join(
                f"<{end}NoDataReal>{part.nodata!r}</{end}NoDataReal><{end}NoDataImag>0</{end}NoDataImag>"
                for end in ("Src", "Dst")
            )
        )
        mappings.append(f'<BandMapping src="{number}" dst="{number}">{values}</BandMapping>')
    transforms = "".join(
        f"<{name}>{', '.join(repr(float(one)) for one in numbers)}</{name}>"
        for name, numbers in (
            ("SrcGeoTransform", grid.geotransform),
            ("SrcInvGeoTransform", (~grid.transform).to_gdal()),
            ("DstGeoTransform", target.geotransform),
            ("DstInvGeoTransform", (~target.transform).to_gdal()),
        )
    )
    head = virtual_head(target).replace("<VRTDataset ", '<VRTDataset subClass="VRTWarpedDataset" ', 1)
    return (
        f"{head}{''.join(bands)}<BlockXSize>512</BlockXSize><BlockYSize>512</BlockYSize><GDALWarpOptions>"
        "<ResampleAlg>NearestNeighbour</ResampleAlg>"
        '<Option name="UNIFIED_SRC_NODATA">NO</Option><Option name="INIT_DEST">NO_DATA</Option>'
        f'<SourceDataset relativeToVRT="1">{escape(own)}</SourceDataset>'
        f"<Transformer><GenImgProjTransformer>{transforms}</GenImgProjTransformer></Transformer>"
        f"<BandList>{''.join(mappings)}</BandList></GDALWarpOptions></VRTDataset>"
    )
