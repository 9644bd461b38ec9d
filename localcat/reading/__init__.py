"""Reading images onto grids: from what their products declare to arrays and files."""

from __future__ import annotations

from localcat.reading.arrays import read_image, read_mosaic, read_stack
from localcat.reading.files import download_image, download_images, download_mosaic
from localcat.reading.plan import scaling_of
from localcat.reading.points import point_series, point_stack, point_values
from localcat.reading.preview import preview_array, preview_png, thumbnail_png

__all__ = [
    "download_image",
    "download_images",
    "download_mosaic",
    "point_series",
    "point_stack",
    "point_values",
    "preview_array",
    "preview_png",
    "read_image",
    "read_mosaic",
    "read_stack",
    "scaling_of",
    "thumbnail_png",
]
