"""What GDAL's warper is shown of a file: its pixels as they are, those that count, and where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import rasterio
from rasterio.enums import MaskFlags

from localcat.rasters.files.dtypes import data_type_name
from localcat.rasters.files.sources import BandSource, Request, markers_of
from localcat.rasters.warping.vrt import Opacity, Raster, Span, simple_source, virtual_head

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

    from localcat.earth.contexts.grid import Grid

_STRETCH = 1e6  # of opacity, when it becomes a mask of bytes: no fraction above 0 is rounded to it
_MOST_TOLD_APART = 2**20  # from about twice as much on GDAL's warper takes an integer beside nodata for nodata


def shift_of(dataset: DatasetReader, source: BandSource) -> float:
    """Return what views take off the pixels of a band: its nodata where GDAL's warper would not tell it from others.

    GDAL compares with a tolerance of about one in two million, and nodata that is 0 exactly.
    """
    markers = markers_of(dataset, source)
    is_wide = dataset.dtypes[source.index - 1] in ("int32", "uint32")
    return markers[0] if is_wide and markers and abs(markers[0]) > _MOST_TOLD_APART else 0.0


@dataclass(slots=True)
class View:
    """Columns of a file in some order, on a grid of their own.

    Parameters
    ----------
    raster : Raster
        The file at one of its resolutions.
    grid : Grid
        Of the view; of the same height.
    spans : sequence of Span or None
        Which of its columns are which of the file's; None for the file as it is.
    request : Request
        Which bands are read; they are numbered in its order.
    opacities : sequence of Opacity
        What hides pixels of all bands.
    stack : ExitStack
        Closes what is opened.
    """

    raster: Raster
    grid: Grid
    spans: Sequence[Span] | None
    request: Request
    opacities: Sequence[Opacity]
    stack: ExitStack
    _raw: DatasetReader | None = None
    _counting: DatasetReader | None = None
    _presence: DatasetReader | None = None

    def raw(self, positions: Sequence[int]) -> Any:
        """Return bands, by their positions among all sources, with all their pixels, less what `shift_of` says."""
        dataset, request, shifts = self.raster.dataset, self.request, self._shifts
        if self._is_hidden_by_gdal and not any(shifts):  # what GDAL leaves out of its own accord is masked anyway
            return rasterio.band(dataset, [request.sources[at].index for at in positions])
        if self._raw is None:
            bands = [self._band(index, [], "", shift) for index, shift in zip(request.indexes, shifts, strict=True)]
            self._raw = self._opened(bands, "")
        return rasterio.band(self._raw, self._numbers(positions))

    def counting(self, positions: Sequence[int]) -> Any:
        """Return bands whose invalid pixels GDAL leaves out of what it computes; each with one nodata at most.

        They are less by what `shift_of` says, and so is that nodata.
        """
        dataset, request, shifts = self.raster.dataset, self.request, self._shifts
        markers = [markers_of(dataset, request.sources[at]) for at in request.positions]
        has_one = all(len(found) <= (not self.opacities) for found in markers)
        if has_one and self._is_hidden_by_gdal and not any(shifts):
            return rasterio.band(dataset, [request.sources[at].index for at in positions])
        if self._counting is None:
            mask = self._mask()
            parts = zip(request.indexes, markers, shifts, strict=True)
            bands = [self._band(index, found, mask, shift) for index, found, shift in parts]
            self._counting = self._opened(bands, mask)
        return rasterio.band(self._counting, self._numbers(positions))

    def presence(self) -> Any:
        """Return a band that is 255 everywhere, with the file's outline and what hides pixels of all bands."""
        if self._presence is None:
            band = "<NoDataValue>255</NoDataValue><HideNoDataValue>1</HideNoDataValue>"
            self._presence = self._opened([("Byte", band)], self._mask())
        return rasterio.band(self._presence, [1])

    @property
    def _shifts(self) -> list[float]:
        return [shift_of(self.raster.dataset, self.request.sources[at]) for at in self.request.positions]

    @property
    def _is_hidden_by_gdal(self) -> bool:
        """Whether GDAL itself leaves out just the pixels of the file that are hidden in all bands."""
        is_masked = MaskFlags.per_dataset in self.raster.dataset.mask_flag_enums[0]
        is_known = all(opacity.band == "mask,1" for opacity in self.opacities)
        return self.spans is None and is_known and bool(self.opacities) == is_masked

    def _numbers(self, positions: Sequence[int]) -> list[int]:
        return [list(self.request.positions).index(at) + 1 for at in positions]

    def _band(self, index: int, markers: Sequence[float], mask: str, shift: float) -> tuple[str, str]:
        """Return the data type and the content of a virtual band, in which one nodata stands for all that is invalid.

        Without any marker it is left to the mask of the whole.
        """
        data_type, path = data_type_name(self.raster.dataset.dtypes[index - 1]), self.raster.dataset.name
        data_type = "Float64" if shift else data_type
        level = self.raster.level
        nodata = f"<NoDataValue>{markers[0] - shift!r}</NoDataValue>" if markers else ""
        for other in markers[2:]:  # one after the other, each in a virtual dataset of its own
            whole = _painted(path, str(index), [(0, 0, self.raster.grid.width)], self.raster.grid, level, other)
            path, index, level = _dataset(self.raster.grid, [(data_type, nodata + whole)], ""), 1, None
        other_marker = markers[1] if len(markers) > 1 else None
        content = nodata + _painted(path, str(index), self._columns(), self.grid, level, other_marker, shift=shift)
        if markers and mask:  # GDAL's warper looks at no mask where there is a nodata: hidden pixels become nodata
            inner = _dataset(self.grid, [(data_type, content)], mask)
            columns = [(0, 0, self.grid.width)]
            content = nodata + _painted(inner, "1", columns, self.grid, None, None, uses_mask=True)
        return data_type, content

    def _mask(self) -> str:
        """Return the mask of a virtual dataset: what hides pixels of all bands; empty for nothing."""
        if not self.opacities:
            return ""
        first, *others = self.opacities
        source = _stretched(first, self._columns(), self.grid)
        for other in others:  # valid where both are: painted only where the mask of what is painted is
            inner = _dataset(self.grid, [("Byte", source)], _mask(_stretched(other, self._columns(), self.grid)))
            source = _painted(inner, "1", [(0, 0, self.grid.width)], self.grid, None, None, uses_mask=True)
        return _mask(source)

    def _columns(self) -> Sequence[Span]:
        return [(0, 0, self.raster.grid.width)] if self.spans is None else self.spans

    def _opened(self, bands: Sequence[tuple[str, str]], mask: str) -> DatasetReader:
        text = _dataset(self.grid, bands, mask)
        return self.stack.enter_context(rasterio.open(text, driver="VRT", sharing=False))


def _dataset(grid: Grid, bands: Sequence[tuple[str, str]], mask: str) -> str:
    inside = "".join(
        f'<VRTRasterBand dataType="{data_type}" band="{number}">{content}</VRTRasterBand>'
        for number, (data_type, content) in enumerate(bands, start=1)
    )
    return f"{virtual_head(grid)}{inside}{mask}</VRTDataset>"


def _mask(source: str) -> str:
    return f'<MaskBand><VRTRasterBand dataType="Byte">{source}</VRTRasterBand></MaskBand>' if source else ""


def _painted(
    path: Any,
    band: str,
    spans: Sequence[Span],
    grid: Grid,
    level: int | None,
    marker: float | None,
    *,
    uses_mask: bool = False,
    shift: float = 0.0,
) -> str:
    """Return the sources of a virtual band: columns of another one, less a shift, without pixels that hold a marker."""
    rects = [((first, 0, count, grid.height), (at, 0, count, grid.height)) for first, at, count in spans]
    text = "".join(simple_source(path, band, *pair, overview_level=level) for pair in rects)
    extra = f"<NODATA>{marker!r}</NODATA>" if marker is not None else ""
    extra += "<UseMaskBand>true</UseMaskBand>" if uses_mask else ""
    extra += f"<ScaleOffset>{-shift!r}</ScaleOffset><ScaleRatio>1</ScaleRatio>" if shift else ""
    return _complex(text, extra) if extra else text


def _stretched(opacity: Opacity, spans: Sequence[Span], grid: Grid) -> str:
    text = _painted(opacity.path, opacity.band, spans, grid, opacity.level, None)
    return text if opacity.band == "mask,1" else _complex(text, f"<ScaleRatio>{_STRETCH}</ScaleRatio>")


def _complex(text: str, extra: str) -> str:
    text = text.replace("<SimpleSource>", "<ComplexSource>")
    return text.replace("</SimpleSource>", f"{extra}</ComplexSource>")
