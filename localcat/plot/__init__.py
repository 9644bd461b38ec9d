"""Pictures of arrays, images, footprints and time series. They need matplotlib: the extra ``plot``."""

from __future__ import annotations

from localcat.plot.arrays import display, save_image
from localcat.plot.explore import write_page
from localcat.plot.images import of_image, of_images
from localcat.plot.land import land_within
from localcat.plot.maps import of_coverage, of_footprints
from localcat.plot.times import of_gaps, of_periods

__all__ = [
    "display",
    "land_within",
    "of_coverage",
    "of_footprints",
    "of_gaps",
    "of_image",
    "of_images",
    "of_periods",
    "save_image",
    "write_page",
]
