"""The scratch dataset that GDAL's COG driver copies: pixels, masks, settings and exactly the overviews asked for.

GDAL computes all overviews of a dataset in one way and knows one nodata for all of them. Bands that need different
ways therefore lie in datasets of their own, which one virtual dataset (of our own making) joins; it shows their
overviews as its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from xml.sax.saxutils import escape, quoteattr

import numpy
import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rasterio.windows import Window

from localcat.errors import StorageFullError
from localcat.rasters.files.dtypes import as_stored, data_type_name
from localcat.rasters.files.environment import overviews_compressed
from localcat.rasters.files.opening import quiet_georeferencing
from localcat.rasters.files.overviews import OVERVIEWS_TAG
from localcat.rasters.files.resampling import method_of
from localcat.rasters.files.sources import MASK_TAG
from localcat.rasters.warping.vrt import simple_source, virtual_head
from localcat.rasters.writing.averages import around, build_averages
from localcat.rasters.writing.checks import BandLayer
from localcat.rasters.writing.strips import PixelSource, strips_of
from localcat.rasters.writing.telling import Telling

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.io import DatasetReader

    from localcat.earth.contexts.grid import Grid

_NO_ROOM = 4 * 2**20  # bytes; a write that failed with less than this free failed because the disk was full
_COLORS = ("gray", "red", "green", "blue")


@dataclass(frozen=True, slots=True)
class Layout:
    """What a scratch dataset holds beside pixels.

    Parameters
    ----------
    grid : Grid
    telling : Telling
        How the file tells which pixels are invalid.
    factors : tuple of int
        Decimation factors of the overviews, ascending.
    resampling : str, optional
        How overviews are computed; None to choose by kind of band.
    blocksize : int
        Edge of a tile in pixels.
    tags : dict of str to str
        Metadata of the file.
    """

    grid: Grid
    telling: Telling
    factors: tuple[int, ...]
    resampling: str | None
    blocksize: int
    tags: dict[str, str]

    @property
    def bands(self) -> tuple[BandLayer, ...]:
        """What is stored about each band."""
        return self.telling.bands

    @property
    def keeps_valid(self) -> bool:
        """Whether a pixel of an overview is valid where any below it is: if all bands but alpha are averaged."""
        shown = [at for at, band in enumerate(self.bands) if not band.is_alpha]
        return all(self.method(at) is Resampling.average for at in shown)

    def method(self, at: int) -> Resampling:
        """Return how overviews of one band are computed: codes are never averaged, and of opacity what is not 0 is."""
        band = self.bands[at]
        if band.is_alpha:
            return Resampling.average if self.keeps_valid else Resampling.nearest
        if band.is_categorical or band.colormap is not None:
            return Resampling.mode if self.resampling == "mode" else Resampling.nearest
        return method_of(self.resampling or "average")

    @property
    def all_tags(self) -> dict[str, str]:
        """The metadata of the file, with what it says about its masks and its overviews."""
        kept = {key: value for key, value in self.tags.items() if key not in (MASK_TAG, OVERVIEWS_TAG)}
        is_kept = self.keeps_valid or not self.telling.is_masked
        methods = [self.method(at) for at in range(len(self.bands))]
        words = [method.name if is_kept or method is not Resampling.average else "masked" for method in methods]
        return kept | self.telling.tags | {OVERVIEWS_TAG: " ".join(words)}


@dataclass(slots=True)
class _Group:
    """Bands whose overviews are computed together, or the internal mask, as a band of its own."""

    method: Resampling
    members: list[int]  # positions of the bands; empty for the internal mask
    nodata: float | None = None
    invalid_in: int | None = None  # the band whose invalid pixels are masked; None for no mask of a band
    holds_mask: bool = False  # whether the internal mask is that of its file
    name: str = ""

    @property
    def is_mask(self) -> bool:
        """Whether its band is the internal mask: 255 where pixels are valid."""
        return not self.members


@contextmanager
def assemble(source: PixelSource, layout: Layout, *, beside: Path | None) -> Iterator[DatasetReader]:
    """Yield an open dataset with everything a Cloud-Optimized GeoTIFF is to hold.

    Parameters
    ----------
    source : PixelSource
    layout : Layout
    beside : path, optional
        Scratch files are put beside this file and begin with its name; None keeps them in memory.
    """
    groups = _groups(source, layout)
    with ExitStack() as stack:
        for group in groups:
            group.name = stack.enter_context(_scratch(beside))
            _fill(group, source, layout)
            if beside is not None:
                _check_length(group, source, layout)
        single = len(groups) == 1 and (groups[0].invalid_in is None or groups[0].holds_mask)
        text = groups[0].name if single else _virtual(groups, source, layout, stack)
        yield stack.enter_context(rasterio.open(text, driver="GTiff" if single else "VRT", sharing=False))


def _groups(source: PixelSource, layout: Layout) -> list[_Group]:
    everything, telling = list(range(source.shape[0])), layout.telling
    groups: dict[tuple[object, ...], _Group] = {}
    for at in everything:
        method = layout.method(at) if layout.factors else Resampling.nearest
        key: tuple[object, ...] = (method,)
        new = _Group(method, [], telling.nodata, holds_mask=telling.is_masked)
        if method is not Resampling.nearest and telling.hides:
            # GDAL would average nodata, and the values of transparent pixels; a mask on the scratch dataset keeps both
            # out.
            nodata = layout.bands[at].nodata
            is_alike = nodata is None and not layout.bands[at].is_alpha and source.dtype.kind != "f"
            kept = None if nodata is None else as_stored(nodata, source.dtype)
            holds_mask = is_alike and telling.is_masked
            key, new = (method, None if is_alike else at), _Group(method, [], kept, at, holds_mask)
        groups.setdefault(key, new).members.append(at)
    if not telling.is_masked or (len(groups) == 1 and next(iter(groups.values())).holds_mask):
        return list(groups.values())
    for group in groups.values():
        group.holds_mask = False
    # 0 is its nodata, so that an average is 255 where any pixel below is valid.
    how = Resampling.average if layout.keeps_valid else Resampling.nearest
    return [*groups.values(), _Group(how, [], nodata=0)]


@contextmanager
def scratch_path(beside: Path) -> Iterator[Path]:
    """Yield the path of a file that does not exist yet beside another, and remove it with all that GDAL put next to it.

    Raises
    ------
    StorageFullError
        Instead of what GDAL reports, if there is hardly any room left while the scratch file still exists.
    """
    path = beside.with_name(f"{beside.name}.{uuid4().hex}.tif")
    try:
        yield path
    except (RasterioError, CPLE_BaseError, SystemError) as error:
        free = shutil.disk_usage(beside.parent).free
        if free < _NO_ROOM:
            raise StorageFullError(
                f"no room to write {beside}: {free} bytes are free; make some and try again"
            ) from error
        raise
    finally:
        for left in beside.parent.glob(f"{path.name}*"):
            left.unlink(missing_ok=True)


def scratch_bytes(count: int, itemsize: int, layout: Layout) -> int:
    """Return the least number of bytes that bands and their overviews take without compression."""
    height, width = layout.grid.shape
    levels = sum(-(-height // factor) * -(-width // factor) for factor in (1, *layout.factors))
    return levels * count * itemsize


@contextmanager
def _scratch(beside: Path | None) -> Iterator[str]:
    """Yield the name of a file that does not exist yet, in memory or beside another, and remove it afterwards."""
    if beside is None:
        with MemoryFile(ext=".tif") as file:
            yield file.name
    else:
        with scratch_path(beside) as path:
            yield str(path)


def _fill(group: _Group, source: PixelSource, layout: Layout) -> None:
    """Write the bands of one group and their overviews."""
    grid, telling = layout.grid, layout.telling
    is_flipped_identity = tuple(grid.transform)[:6] == (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
    with ExitStack() as stack:
        if is_flipped_identity:  # a valid transform, though rasterio warns that some formats lose it
            stack.enter_context(quiet_georeferencing())
        dataset = rasterio.open(
            group.name,
            "w",
            driver="GTiff",
            height=grid.height,
            width=grid.width,
            count=max(len(group.members), 1),
            dtype="uint8" if group.is_mask else source.dtype.name,
            crs=grid.crs,
            transform=grid.transform,
            nodata=group.nodata,
            tiled=True,
            blockxsize=layout.blocksize,
            blockysize=layout.blocksize,
            interleave="band",
            photometric="MINISBLACK",
            bigtiff="IF_SAFER",
            sharing=False,
        )
    with dataset:
        if not group.is_mask:
            _describe(dataset, group.members, layout)
        is_averaged = bool(layout.factors and group.members) and group.method is Resampling.average
        is_below = is_above = False
        for rows, pixels, internal in strips_of(source):
            window = Window(0, rows.start, grid.width, rows.stop - rows.start)
            for number, at in enumerate(group.members, start=1):
                dataset.write(pixels[at], number, window=window)
                if is_averaged and not (is_below and is_above):
                    below, above = around(pixels[at], group.nodata)
                    is_below, is_above = is_below or below, is_above or above
            if group.is_mask:
                dataset.write(_opaque(telling.everywhere(pixels, internal)), 1, window=window)
            if group.holds_mask:
                dataset.write_mask(_opaque(telling.everywhere(pixels, internal)), window=window)
            elif group.invalid_in is not None:
                dataset.write_mask(_opaque(telling.invalid(pixels, internal, group.invalid_in)), window=window)
        may_be_lost = is_below and is_above
        if layout.factors and not may_be_lost:
            with overviews_compressed("NONE"):
                dataset.build_overviews(list(layout.factors), group.method)
    if may_be_lost and group.nodata is not None:
        with overviews_compressed("NONE"):
            build_averages(group.name, layout.factors, group.nodata)


def _opaque(invalid: NDArray[numpy.bool_]) -> NDArray[numpy.uint8]:
    """Return GDAL's mask: 255 where pixels are valid."""
    return numpy.where(invalid, 0, 255).astype(numpy.uint8)


def _describe(dataset: Any, members: list[int], layout: Layout) -> None:
    """Set what is stored about bands beside their pixels."""
    dataset.colorinterp = [_color(layout, at) for at in members]
    for number, at in enumerate(members, start=1):
        band = layout.bands[at]
        if band.description is not None:
            dataset.set_band_description(number, band.description)
        if band.unit is not None:
            dataset.set_band_unit(number, band.unit)
        if band.colormap is not None and len(layout.bands) == 1:
            dataset.write_colormap(number, band.colormap)
    dataset.scales = [layout.bands[at].scale for at in members]
    dataset.offsets = [layout.bands[at].offset for at in members]
    if layout.all_tags:
        dataset.update_tags(**layout.all_tags)


def _check_length(group: _Group, source: PixelSource, layout: Layout) -> None:
    """Check that a scratch file is as long as its pixels: GDAL does not report what a full disk refused last."""
    least = scratch_bytes(len(group.members), source.dtype.itemsize, layout) if group.members else 0
    length = Path(group.name).stat().st_size
    if length < least:
        raise StorageFullError(
            f"the scratch file {group.name} has {length} bytes instead of {least} or more; free some space"
        )


def _color(layout: Layout, at: int) -> ColorInterp:
    band = layout.bands[at]
    if band.is_alpha:
        return ColorInterp.alpha if layout.telling.keeps_alpha else ColorInterp.undefined
    if band.color in _COLORS:
        return ColorInterp[band.color]
    return ColorInterp.gray if at == 0 else ColorInterp.undefined


def _color_table(colormap: Mapping[int, tuple[int, int, int, int]]) -> str:
    """Return the colours of pixel values as a virtual dataset has them: from 0 on, without gaps."""
    colors = [colormap.get(value, (0, 0, 0, 0)) for value in range(max(colormap, default=-1) + 1)]
    entries = (f'<Entry c1="{red}" c2="{green}" c3="{blue}" c4="{alpha}"/>' for red, green, blue, alpha in colors)
    return f"<ColorTable>{''.join(entries)}</ColorTable>"


def _virtual(groups: list[_Group], source: PixelSource, layout: Layout, stack: ExitStack) -> str:
    """Return the text of a virtual dataset that joins the bands in their order; its overviews end with the stack."""
    where = {at: (group, number) for group in groups for number, at in enumerate(group.members, start=1)}
    # Overviews that GDAL makes up for a virtual dataset are rounded down in size, and miss a row where it is odd.
    texts = [_level(groups, where, source, layout, level) for level in range(len(layout.factors))]
    levels = [stack.enter_context(MemoryFile(text.encode(), ext=".vrt")).name for text in texts]
    parts = [virtual_head(layout.grid)]
    items = "".join(f"<MDI key={quoteattr(key)}>{escape(value)}</MDI>" for key, value in layout.all_tags.items())
    parts.append(f"<Metadata>{items}</Metadata>")
    rect = (0, 0, layout.grid.width, layout.grid.height)
    for at, band in enumerate(layout.bands):
        group, number = where[at]
        parts.append(f'<VRTRasterBand dataType="{data_type_name(source.dtype)}" band="{at + 1}">')
        if band.description is not None:
            parts.append(f"<Description>{escape(band.description)}</Description>")
        if band.unit is not None:
            parts.append(f"<UnitType>{escape(band.unit)}</UnitType>")
        parts.append(f"<Offset>{float(band.offset)!r}</Offset><Scale>{float(band.scale)!r}</Scale>")
        parts.append(_nodata(layout))
        if band.colormap is not None and len(layout.bands) == 1:
            parts.append(f"<ColorInterp>Palette</ColorInterp>{_color_table(band.colormap)}")
        else:
            parts.append(f"<ColorInterp>{_color(layout, at).name.capitalize()}</ColorInterp>")
        parts += [_overview(name, at + 1) for name in levels]
        parts.append(simple_source(group.name, str(number), rect, rect) + "</VRTRasterBand>")
    parts.append(_mask_band(groups, rect, None))
    return "".join([*parts, "</VRTDataset>"])


def _level(
    groups: list[_Group],
    where: Mapping[int, tuple[_Group, int]],
    source: PixelSource,
    layout: Layout,
    level: int,
) -> str:
    """Return the text of a virtual dataset that joins an overview of the groups' bands."""
    factor = layout.factors[level]
    height, width = (-(-side // factor) for side in layout.grid.shape)
    rect = (0, 0, width, height)
    parts = [f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">']
    for at in range(len(layout.bands)):
        group, number = where[at]
        parts.append(f'<VRTRasterBand dataType="{data_type_name(source.dtype)}" band="{at + 1}">{_nodata(layout)}')
        parts.append(simple_source(group.name, str(number), rect, rect, overview_level=level) + "</VRTRasterBand>")
    parts.append(_mask_band(groups, rect, level))
    return "".join([*parts, "</VRTDataset>"])


def _nodata(layout: Layout) -> str:
    nodata = layout.telling.nodata
    return "" if nodata is None else f"<NoDataValue>{nodata!r}</NoDataValue>"


def _overview(name: str, number: int) -> str:
    """Return the part of a virtual band that says which band of another dataset is its overview."""
    file = f'<SourceFilename relativeToVRT="0">{escape(name)}</SourceFilename>'
    return f"<Overview>{file}<SourceBand>{number}</SourceBand></Overview>"


def _mask_band(groups: list[_Group], rect: tuple[int, int, int, int], level: int | None) -> str:
    found = "".join(simple_source(one.name, "1", rect, rect, overview_level=level) for one in groups if one.is_mask)
    return f'<MaskBand><VRTRasterBand dataType="Byte">{found}</VRTRasterBand></MaskBand>' if found else ""
