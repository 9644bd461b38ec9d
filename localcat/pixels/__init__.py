"""Reading images onto grids: from what their products declare to arrays and files."""

from __future__ import annotations

from localcat.pixels.files import download_image, download_images, download_mosaic
from localcat.pixels.plan import scaling_of
from localcat.pixels.reading import read_image, read_mosaic, read_stack

__all__ = [
    "download_image",
    "download_images",
    "download_mosaic",
    "read_image",
    "read_mosaic",
    "read_stack",
    "scaling_of",
]
