"""How the files of an image are written: what its bands, its options and its time say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from localcat.errors import LocalcatWarning, UploadOptionWarning, warn_caller
from localcat.models.band import Band
from localcat.models.enums import ImageUploadEventSeverity as Severity
from localcat.models.enums import ImageUploadEventType as EventType
from localcat.rasters.files.dtypes import numpy_dtype
from localcat.rasters.writing.checks import BandLayer, shared_nodata
from localcat.rasters.writing.options import CogOptions
from localcat.timestamps import iso_text, to_microseconds

if TYPE_CHECKING:
    from localcat.models.image import Image
    from localcat.models.requests import ImageUploadOptions
    from localcat.writing.log import UploadRecord

_COLORS = ("red", "green", "blue")


def layers_of(declared: list[Band], shown: Sequence[str]) -> list[BandLayer]:
    """Return what is stored about the bands of a file, given the names of the product's display bands."""
    if len(shown) >= len(_COLORS):
        colors = dict(zip(shown, _COLORS, strict=False))
    else:
        colors = {str(band.name): str(band.name).lower() for band in declared}
    layers = {band.position: layer_of(band, colors.get(str(band.name))) for band in reversed(declared)}
    other = BandLayer(nodata=shared_nodata(list(layers.values())))  # of pixels that no band is declared for
    return [layers.get(at, other) for at in range(declared[-1].position + 1)]


def layer_of(band: Band, color: str | None = None) -> BandLayer:
    """Return what a file stores about a band, which shows a color in a picture."""
    colors = band.colors if band.holds_codes else None
    scale, offset = _scale(band)
    return BandLayer(
        description=band.name,
        nodata=band.nodata,
        is_alpha=band.is_opacity,
        is_categorical=band.holds_codes,
        is_mask=band.is_mask,
        color=color if color in _COLORS else None,
        colormap=None if colors is None else dict(enumerate(colors)),
        scale=scale,
        offset=offset,
        unit=getattr(band, "physical_range_unit", None),
        dtype=None if band.data_type is None else numpy_dtype(band.data_type).name,
    )


def _scale(band: Band) -> tuple[float, float]:
    """Return scale and offset that take `data_range` to `physical_range`."""
    physical = getattr(band, "physical_range", None)
    if band.data_range is None or physical is None:
        return 1.0, 0.0
    (low, high), (bottom, top) = band.data_range, physical
    if low == high:
        return 1.0, 0.0
    scale = (top - bottom) / (high - low)
    return scale, bottom - low * scale


def warn_of(warning: LocalcatWarning, record: UploadRecord) -> None:
    """Warn the caller of an upload, and keep the warning in its events; in those alone if the upload is quiet."""
    record.add(EventType.LOG, str(warning), Severity.WARNING)
    if not record.is_quiet:
        warn_caller(warning)


def cog_options(options: ImageUploadOptions, bands: list[Band], threads: int, record: UploadRecord) -> CogOptions:
    """Return how files are written; warns of what would mix the values of class bands."""
    resampler = options.overview_resampler
    if resampler not in (None, "nearest", "mode") and any(band.holds_codes and not band.is_mask for band in bands):
        text = f"overviews by {resampler!r} mix the values of class bands; 'mode' or 'nearest' keep them"
        warn_of(UploadOptionWarning(text), record)
    wanted = {name: getattr(options, name) for name in ("compress", "level", "blocksize", "bigtiff")}
    return CogOptions(
        **{name: value for name, value in wanted.items() if value is not None},
        overviews=None if options.overviews is None else tuple(options.overviews),
        overview_resampling=resampler,
        threads=threads,
    )


def tags_of(image: Image) -> dict[str, str]:
    """Return what a file says about its image: when it was acquired, if known, as TIFF 6.0 writes times, and its id."""
    tags = {"LOCALCAT_IMAGE_ID": str(image.id)}
    if image.acquired is not None:
        acquired = iso_text(to_microseconds(image.acquired))[:19].replace("-", ":").replace("T", " ")
        tags["TIFFTAG_DATETIME"] = acquired
    return tags
