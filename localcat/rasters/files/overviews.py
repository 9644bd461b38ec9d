"""How the overviews of a file were made, where it says so: only then do they stand for the pixels below them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from rasterio.enums import Resampling

from localcat.rasters.files.sources import has_internal_mask, markers_of, own_alphas

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

    from localcat.rasters.files.sources import BandSource

OVERVIEWS_TAG: Final = "LOCALCAT_OVERVIEWS"
"""The tag of a file in which localcat says how the overviews of each band were made, as words in the bands' order.

``average`` also promises that a pixel is valid in an overview wherever one below it is.
"""

AREA_RESAMPLINGS: Final = frozenset(
    Resampling[name] for name in ("average", "mode", "max", "min", "med", "q1", "q3", "rms", "sum")
)
"""The ways to resample that look at all pixels below one."""


def serves(dataset: DatasetReader, method: Resampling, indexes: Iterable[int]) -> bool:
    """Return whether the overviews of some bands may stand for the full resolution.

    An average of averages is one, and keeps what is valid. Other ways to look at an area need all of its pixels: the
    largest mean is not the largest value. Where a single pixel counts, any overview will do.
    """
    if method not in AREA_RESAMPLINGS:
        return True
    made = dataset.tags().get(OVERVIEWS_TAG, "").split()
    used = {*indexes, *own_alphas(dataset)}
    return method is Resampling.average and all(made[index - 1 : index] == ["average"] for index in used)


def may_hide(dataset: DatasetReader, sources: Iterable[BandSource]) -> bool:
    """Return whether a file may mark pixels of some bands as invalid: by nodata, NaN, an internal mask, or opacity."""
    is_hidden = has_internal_mask(dataset) or bool(own_alphas(dataset))
    return is_hidden or any(markers_of(dataset, source) for source in sources)
