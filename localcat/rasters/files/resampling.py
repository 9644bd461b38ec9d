"""The ways to resample, by name; loads no rasterio, so that declarations can use the names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rasterio.enums import Resampling

_RASTERIO_NAMES = {"near": "nearest", "cubicspline": "cubic_spline"}  # where rasterio has another name

READ_RESAMPLINGS: Final = (
    "nearest",
    "near",
    "bilinear",
    "cubic",
    "cubicspline",
    "cubic_spline",
    "lanczos",
    "average",
    "mode",
    "max",
    "min",
    "med",
    "q1",
    "q3",
)
"""The ways to resample a read; two of them have two names."""

OVERVIEW_RESAMPLINGS: Final = (
    "nearest",
    "average",
    "gauss",
    "cubic",
    "cubicspline",
    "lanczos",
    "mode",
    "average_mp",
    "average_magphase",
)
"""The ways to compute overviews."""

COMPLEX_RESAMPLINGS: Final = ("average_mp", "average_magphase")
"""Those of `OVERVIEW_RESAMPLINGS` that are for complex numbers, which no band holds; ``average`` stands in for them."""


def method_of(name: str) -> Resampling:
    """Return rasterio's member for a name in `READ_RESAMPLINGS` or `OVERVIEW_RESAMPLINGS`."""
    from rasterio.enums import Resampling  # slow to load, and only needed where pixels are resampled

    return Resampling["average" if name in COMPLEX_RESAMPLINGS else _RASTERIO_NAMES.get(name, name)]
