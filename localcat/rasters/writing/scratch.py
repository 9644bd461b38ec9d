"""The scratch dataset that GDAL's COG driver copies: pixels, masks, settings and exactly the overviews asked for.

GDAL computes all overviews of a dataset in one way and knows one nodata for all of them. Bands that need different
ways therefore lie in datasets of their own, which one virtual dataset (of our own making) joins; it shows their
overviews as its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
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
from localcat.rasters.files.resampling import method_of
from localcat.rasters.warping.vrt import simple_source, virtual_head
from localcat.rasters.writing.checks import BandLayer, invalid_pixels, shared_nodata
from localcat.rasters.writing.strips import PixelSource, strips_of

if TYPE_CHECKING:
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
    bands : tuple of BandLayer
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
    bands: tuple[BandLayer, ...]
    factors: tuple[int, ...]
    resampling: str | None
    blocksize: int
    tags: dict[str, str]

    def method(self, at: int) -> Resampling:
        """Return how overviews of one band are computed: codes and opacity are never averaged."""
        band = self.bands[at]
        if band.is_alpha or band.is_categorical or band.colormap is not None:
            return Resampling.mode if self.resampling == "mode" and not band.is_alpha else Resampling.nearest
        return method_of(self.resampling or "average")


@dataclass(slots=True)
class _Group:
    """Bands whose overviews are computed together."""

    method: Resampling
    members: list[int]
    nodata: float | None
    is_masked: bool
    invalid_in: int | None = None  # the band whose invalid pixels are masked; None for the internal mask
    name: str = ""


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
        single = len(groups) == 1 and groups[0].invalid_in is None
        text = groups[0].name if single else _virtual(groups, source, layout)
        yield stack.enter_context(rasterio.open(text, driver="GTiff" if single else "VRT", sharing=False))


def _groups(source: PixelSource, layout: Layout) -> list[_Group]:
    everything, is_masked = list(range(source.shape[0])), source.has_internal_mask
    if not layout.factors:
        return [_Group(Resampling.nearest, everything, shared_nodata(layout.bands), is_masked)]
    has_alpha = any(band.is_alpha for band in layout.bands)
    is_mixed = is_masked and len({band.nodata is None for band in layout.bands if not band.is_alpha}) > 1
    groups: dict[tuple[object, ...], _Group] = {}
    for at in everything:
        method, nodata = layout.method(at), layout.bands[at].nodata
        key: tuple[object, ...]
        if method is Resampling.nearest:
            key, new = (method,), _Group(method, [], shared_nodata(layout.bands), is_masked)
        elif has_alpha or is_mixed:
            # GDAL would average the values of transparent pixels, and nodata where there is an internal mask; a mask
            # on the scratch dataset keeps both out.
            key = (method, at if nodata is not None else None)
            new = _Group(method, [], nodata, True, invalid_in=at)
        else:
            key, new = (method, repr(nodata)), _Group(method, [], nodata, is_masked)
        groups.setdefault(key, new).members.append(at)
    return list(groups.values())


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
    grid, members = layout.grid, group.members
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
            count=len(members),
            dtype=source.dtype.name,
            crs=grid.crs,
            transform=grid.transform,
            nodata=None if group.nodata is None else as_stored(group.nodata, source.dtype),
            tiled=True,
            blockxsize=layout.blocksize,
            blockysize=layout.blocksize,
            interleave="band",
            photometric="MINISBLACK",
            bigtiff="IF_SAFER",
            sharing=False,
        )
    with dataset:
        dataset.colorinterp = [_color(layout.bands[at], at) for at in members]
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
        if layout.tags:
            dataset.update_tags(**layout.tags)
        for rows, pixels, internal in strips_of(source):
            window = Window(0, rows.start, grid.width, rows.stop - rows.start)
            for number, at in enumerate(members, start=1):
                dataset.write(pixels[at], number, window=window)
            if group.is_masked:
                hidden = group.invalid_in
                is_hidden = internal if hidden is None else invalid_pixels(pixels, layout.bands, internal, hidden)
                dataset.write_mask(numpy.where(numpy.asarray(is_hidden), 0, 255).astype(numpy.uint8), window=window)
        if layout.factors:
            with overviews_compressed("NONE"):
                dataset.build_overviews(list(layout.factors), group.method)


def _check_length(group: _Group, source: PixelSource, layout: Layout) -> None:
    """Check that a scratch file is as long as its pixels: GDAL does not report what a full disk refused last."""
    least = scratch_bytes(len(group.members), source.dtype.itemsize, layout)
    length = Path(group.name).stat().st_size
    if length < least:
        raise StorageFullError(
            f"the scratch file {group.name} has {length} bytes instead of {least} or more; free some space"
        )


def _color(band: BandLayer, at: int) -> ColorInterp:
    if band.is_alpha:
        return ColorInterp.alpha
    if band.color in _COLORS:
        return ColorInterp[band.color]
    return ColorInterp.gray if at == 0 else ColorInterp.undefined


def _virtual(groups: list[_Group], source: PixelSource, layout: Layout) -> str:
    """Return the text of a virtual dataset that joins the groups' bands in their order."""
    grid = layout.grid
    where = {at: (group, number) for group in groups for number, at in enumerate(group.members, start=1)}
    nodata = shared_nodata(layout.bands)
    rect = (0, 0, grid.width, grid.height)

    def part(group: _Group, band: str) -> str:
        return simple_source(group.name, band, rect, rect)

    parts = [virtual_head(grid)]
    items = "".join(f"<MDI key={quoteattr(key)}>{escape(value)}</MDI>" for key, value in layout.tags.items())
    parts.append(f"<Metadata>{items}</Metadata>")
    # GDAL shows the sources' overviews by itself only where they are larger than 128 pixels; listed ones always.
    parts.append(f"<OverviewList>{' '.join(str(factor) for factor in layout.factors)}</OverviewList>")
    for at, band in enumerate(layout.bands):
        group, number = where[at]
        parts.append(f'<VRTRasterBand dataType="{data_type_name(source.dtype)}" band="{at + 1}">')
        if band.description is not None:
            parts.append(f"<Description>{escape(band.description)}</Description>")
        if band.unit is not None:
            parts.append(f"<UnitType>{escape(band.unit)}</UnitType>")
        parts.append(f"<Offset>{float(band.offset)!r}</Offset><Scale>{float(band.scale)!r}</Scale>")
        if nodata is not None:
            parts.append(f"<NoDataValue>{as_stored(nodata, source.dtype)!r}</NoDataValue>")
        parts.append(f"<ColorInterp>{_color(band, at).name.capitalize()}</ColorInterp>")
        parts.append(part(group, str(number)) + "</VRTRasterBand>")
    if source.has_internal_mask:
        # The nearest pixel's mask where there is one: it is right for codes, and for means as well. Else that of bands
        # without nodata, to which no nodata was added.
        nearest = [group for group in groups if group.method is Resampling.nearest]
        plain = [group for group in groups if layout.bands[group.members[0]].nodata is None]
        group = (nearest or plain or groups)[0]
        parts.append(f'<MaskBand><VRTRasterBand dataType="Byte">{part(group, "mask,1")}</VRTRasterBand></MaskBand>')
    return "".join([*parts, "</VRTDataset>"])
