"""Arrays and images of the benchmarks of pixels."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy

from benchmarks.conftest import IMAGES
from localcat import AOI, Image, Product, SpectralBand

SIDE = 4096 if IMAGES >= 100_000 else 1024  # pixels; a smoke run takes less
TILE = SIDE // 4
SIZE, LEFT, TOP = 10, 500_000, 4_000_000  # metres
CRS = "EPSG:32618"
STEP = TILE - 100  # pixels from one image of the mosaic to the next

_numbers = itertools.count()


def terrain(side: int, seed: int = 0) -> numpy.ndarray:
    """Return two bands of uint16 that compress as satellite images do, about two to one."""
    rows, columns = numpy.mgrid[0:side, 0:side].astype("float32")
    smooth = 3000 + 1500 * numpy.sin(columns / 97) + 1200 * numpy.cos(rows / 131)
    noise = numpy.random.default_rng(seed).integers(0, 60, (side, side))
    return numpy.stack([(smooth + noise + 100 * band).astype("uint16") for band in range(2)])


def meta(column: int = 0, row: int = 0) -> dict[str, Any]:
    return {
        "geoTransform": [LEFT + column * SIZE, SIZE, 0, TOP - row * SIZE, 0, -SIZE],
        "coordinateSystem": {"epsg": 32618},
    }


def context(rows: int, columns: int, *, column: int = 0, row: int = 0, shape: tuple[int, int] | None = None) -> AOI:
    left, top = LEFT + column * SIZE, TOP - row * SIZE
    return AOI(
        crs=CRS,
        bounds=(left, top - rows * SIZE, left + columns * SIZE, top),
        bounds_crs=CRS,
        shape=shape or (rows, columns),
    )


def add_bands(product: Product, nodata: float | None = None) -> None:
    for index, name in enumerate("ab"):
        SpectralBand(
            name=name, product=product, data_type="UInt16", data_range=(0, 10_000), nodata=nodata, band_index=index
        ).save()


def add(product: Product, array: numpy.ndarray, place: dict[str, Any] | None = None, **options: Any) -> Image:
    image = Image(product=product, name=f"image{next(_numbers)}", acquired="2020-01-01")
    upload = image.upload_ndarray(array, raster_meta=place or meta(), **options)
    if options.get("wait", True):
        upload.raise_for_status()
    return image


def path_of(image: Image) -> Path:
    return image._catalog.path_of(image.files[0])
