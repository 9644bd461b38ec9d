"""What the files of an image say about its bands: what their numbers mean, and how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import fspath
from typing import TYPE_CHECKING

from localcat.rasters.files.describe import RasterDescription, describe
from localcat.rasters.files.opening import open_raster

if TYPE_CHECKING:
    from localcat.rasters.files.sources import BandSource
    from localcat.rasters.reading.scaling import Scale


@dataclass(frozen=True, slots=True)
class StatedBand:
    """What a file says about one of its bands.

    Parameters
    ----------
    nodata : float or None
        The value that marks invalid pixels.
    scale, offset : float
        Physical value = pixel × scale + offset; 1 and 0 where nothing is said.
    unit : str or None
        Of the physical value.
    color : str
        What the band shows in a picture, in GDAL's word.
    colormap : dict or None
        RGBA by pixel value.
    """

    nodata: float | None = None
    scale: float = 1.0
    offset: float = 0.0
    unit: str | None = None
    color: str = "undefined"
    colormap: dict[int, tuple[int, int, int, int]] | None = None

    @property
    def physical(self) -> tuple[float, float] | None:
        """Scale and offset; None where the file does not say them."""
        return None if (self.scale, self.offset) == (1.0, 0.0) else (self.scale, self.offset)

    def without_scale(self) -> StatedBand:
        """Return the same without scale and offset."""
        return replace(self, scale=1.0, offset=0.0)


def stated_bands(sources: Sequence[BandSource]) -> list[StatedBand]:
    """Return what files say about bands, in their order; each file is opened once.

    Raises
    ------
    RasterError
        If a file cannot be read, or lacks a band.
    """
    files: dict[str, RasterDescription] = {}
    found = []
    for source in sources:
        path, at = fspath(source.path), source.index - 1
        if path not in files:
            files[path] = describe(source.path, max_bytes=None)
        file = files[path]
        if at >= file.count:  # reading it says so
            found.append(StatedBand())
            continue
        found.append(
            StatedBand(
                nodata=file.nodata[at],
                scale=file.scales[at],
                offset=file.offsets[at],
                unit=file.units[at] or None,
                color=file.color_interpretations[at],
                colormap=file.colormaps[at],
            )
        )
    return found


def have_overviews(sources: Sequence[BandSource]) -> bool:
    """Return whether any file of some bands has overviews."""
    for source in sources:
        with open_raster(source.path, max_bytes=None) as dataset:
            if dataset.overviews(1):
                return True
    return False


def scales_by_file(
    scales: Sequence[Scale] | None, is_physical: Sequence[bool], sources: Sequence[BandSource]
) -> list[Scale] | None:
    """Return the scales of one image: those of its files, where they state one and the physical value is wanted.

    Parameters
    ----------
    scales : sequence of Scale or None
        As the bands declare them.
    is_physical : sequence of bool
        Of which bands the physical value is wanted.
    sources : sequence of BandSource
        Where the bands are.
    """
    declared: list[Scale] = [None] * len(is_physical) if scales is None else list(scales)
    if not any(is_physical):
        return None if scales is None else declared
    stated = stated_bands(sources[: len(is_physical)])
    return [
        band.physical or scale if is_wanted else scale
        for band, scale, is_wanted in zip(stated, declared, is_physical, strict=True)
    ]
