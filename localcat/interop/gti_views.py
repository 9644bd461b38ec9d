"""Virtual files of GDAL that show an image as a tile of an index: its bands in their order, upright, on the grid.

https://gdal.org/en/stable/drivers/raster/vrt.html
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.sax.saxutils import escape

from affine import Affine

from localcat.disk.paths import href_between
from localcat.earth.contexts.grid import Grid
from localcat.interop.gti_validity import INTERNAL_MASK, Content, Validity, others
from localcat.rasters.warping.vrt import virtual_head

_MASK = "Byte"
_STRETCH = 1e6  # of opacity, when it becomes a mask of bytes: no fraction above 0 is rounded to it


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
    content : Content
        Its files and bands.
    turns : int
        How many times its grid was moved around the Earth.
    """

    image_id: str
    acquired: str | None
    rank: int
    grid: Grid
    content: Content
    turns: int = 0


@dataclass(frozen=True, slots=True)
class _Source:
    """A band of another file, of which a virtual band is painted; its path is relative to the virtual file."""

    place: str
    band: str
    shape: tuple[int, int]
    without: float | None = None  # the value of pixels that are not painted
    uses_mask: bool = False  # whether pixels are not painted that the other file's mask hides
    stretch: float | None = None

    def xml(self, into: tuple[int, int], *, is_apart: bool = False) -> str:
        """Return it as a part of a virtual band of a shape; `is_apart` if GDAL may not read other bands with it."""
        rectangles = "".join(
            f'<{name} xOff="0" yOff="0" xSize="{columns}" ySize="{rows}"/>'
            for name, (rows, columns) in (("SrcRect", self.shape), ("DstRect", into))
        )
        extra = "" if self.stretch is None else f"<ScaleRatio>{self.stretch}</ScaleRatio>"
        extra += "" if self.without is None else f"<NODATA>{self.without!r}</NODATA>"
        extra += "<UseMaskBand>true</UseMaskBand>" if self.uses_mask else ""
        kind = "ComplexSource" if extra or is_apart else "SimpleSource"
        return (
            f'<{kind}><SourceFilename relativeToVRT="1">{escape(self.place)}</SourceFilename>'
            f"<SourceBand>{self.band}</SourceBand>{rectangles}{extra}</{kind}>"
        )


@dataclass(frozen=True, slots=True)
class _Part:
    """A band of a virtual file: what it is painted of, and the value where nothing is."""

    data_type: str
    source: _Source
    nodata: float | None = None


@dataclass(slots=True)
class _Layers:
    """Virtual files of one grid, each painted of those before.

    Parameters
    ----------
    folder : Path
        Where they are written.
    name : str
        The beginning of their names.
    grid : Grid
    parts : list of _Part
        What the next one shows.
    """

    folder: Path
    name: str
    grid: Grid
    parts: list[_Part]
    count: int = 0

    def write(self, text: str) -> str:
        """Write one, and return its name."""
        name = f"{self.name}{f'-{self.count}' if self.count else ''}.vrt"
        self.count += 1
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def paint(self, mask: _Source | None = None, bands: Sequence[int] | None = None) -> str:
        """Write the parts, or some of them, with a mask; they are of that file from then on. Return its name."""
        chosen = range(len(self.parts)) if bands is None else bands
        name = self.write(_view(self.grid, [self.parts[at] for at in chosen], mask))
        for number, at in enumerate(chosen, start=1):
            source = _Source(name, str(number), self.grid.shape, uses_mask=mask is not None)
            self.parts[at] = replace(self.parts[at], source=source)
        return name


def write_views(tile: Tile, target: Grid | None, validity: Validity, folder: Path, final: Path, name: str) -> str:
    """Write the virtual files of a tile; return the name of the one that shows it.

    Parameters
    ----------
    tile : Tile
        The image.
    target : Grid or None
        Where its pixels are to be, each the nearest one of the image; None for its own grid.
    validity : Validity
        How it says which pixels are valid.
    folder, final : Path
        Where the files are written, and where they will be.
    name : str
        The beginning of their names.
    """
    content = tile.content
    height, width = max((one.shape for one in content.files), key=math.prod)
    t, (rows, columns) = tile.grid.transform, tile.grid.shape
    transform = Affine(t.a * columns / width, 0.0, t.c, 0.0, t.e * rows / height, t.f)
    grid = Grid(tile.grid.crs, transform, (height, width))

    def source(file: int, band: str) -> _Source:
        found = content.files[file]
        stretch = None if band == INTERNAL_MASK else _STRETCH
        return _Source(href_between(found.path, final), band, found.shape, stretch=stretch)

    nodata = validity.nodata or [None] * len(content.bands)
    parts = [
        _Part(data_type, replace(source(band.file, str(band.index)), stretch=None), value)
        for band, data_type, value in zip(content.bands, validity.data_types, nodata, strict=True)
    ]
    layers = _Layers(folder, name, grid, parts)
    if validity.nodata is None:
        return _by_mask(layers, source(0, content.hidden_by[0]) if content.hidden_by else None, target)
    _mark(layers, [others(band.markers, value) for band, value in zip(content.bands, validity.nodata, strict=True)])
    for position, file in enumerate(content.files):
        bands = [at for at, band in enumerate(content.bands) if band.file == position]
        for band in file.hidden_by:
            layers.paint(source(position, band), bands)
    if content.alpha is not None:
        layers.paint(replace(layers.parts[content.alpha].source, stretch=_STRETCH))
    if target is None:
        return layers.paint()
    return layers.write(_warped(layers.paint(), grid, target, parts))


def _by_mask(layers: _Layers, mask: _Source | None, target: Grid | None) -> str:
    """Write the files of a tile with one mask for all bands, if any; return the name of the last one."""
    if target is None:
        return layers.paint(mask)
    # GDAL's warper knows no mask beside the bands but an alpha band, which it takes for one in files of few bands only.
    # So the mask goes through it as a band.
    if mask is not None:
        layers.parts.append(_Part(_MASK, mask))
    own = layers.paint()
    warped = layers.write(_warped(own, layers.grid, target, layers.parts))
    if mask is None:
        return warped
    shown = [
        replace(part, source=_Source(warped, str(number), target.shape))
        for number, part in enumerate(layers.parts, start=1)
    ]
    return layers.write(_view(target, shown[:-1], shown[-1].source))


def _mark(layers: _Layers, markers: Sequence[Sequence[float]]) -> None:
    """Let no pixel be painted that has one of some values; each file leaves out one value of each band."""
    for number in range(max(map(len, markers))):
        if number:
            layers.paint()
        for at, values in enumerate(markers):
            if number < len(values):
                part = layers.parts[at]
                layers.parts[at] = replace(part, source=replace(part.source, without=values[number]))


def _view(grid: Grid, parts: Sequence[_Part], mask: _Source | None) -> str:
    """Return a file of bands that are in others."""
    is_mixed = len({part.data_type for part in parts}) > 1  # read together, all would get the type of the last one
    bands = [
        f'<VRTRasterBand dataType="{part.data_type}" band="{number}">{_nodata(part)}'
        f"{part.source.xml(grid.shape, is_apart=is_mixed)}</VRTRasterBand>"
        for number, part in enumerate(parts, start=1)
    ]
    if mask is not None:
        inside = mask.xml(grid.shape)
        bands.append(f'<MaskBand><VRTRasterBand dataType="{_MASK}">{inside}</VRTRasterBand></MaskBand>')
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
