"""Images of few different numbers that overlap on one grid, and what numpy makes of them."""

from __future__ import annotations

import numpy
import pytest

from localcat import AOI, Catalog, Image, ImageCollection, Product
from tests.small_catalog import alpha, make_product, spectral, upload

ROWS, COLUMNS = 40, 30
CRS = 32618
X0, Y0, SIZE = 500_000, 4_000_000, 10


def red_green_product(
    id: str = "p", *, nodata: float | None = 0, data_type: str = "UInt16", has_alpha: bool = False
) -> Product:
    """Save a product with bands ``red`` and ``green``, and perhaps an alpha band."""
    colours = [
        spectral(name, display_range=(0, 4000), nodata=nodata, resolution=f"{SIZE}m") for name in ("red", "green")
    ]
    return make_product(id, *colours, *([alpha()] if has_alpha else []), data_type=data_type)


def info(column: int = 0, row: int = 0) -> dict:
    """Return georeferencing that begins some pixels beside that of the others."""
    return {
        "geoTransform": [X0 + column * SIZE, SIZE, 0, Y0 - row * SIZE, 0, -SIZE],
        "coordinateSystem": {"epsg": CRS},
    }


def noise(seed: int, *, bands: int = 2, high: int = 4, dtype: str = "uint16") -> numpy.ndarray:
    """Return few different numbers, of which many are 0."""
    return numpy.random.default_rng(seed).integers(0, high, (bands, ROWS, COLUMNS)).astype(dtype)


def add(product: Product, name: str, array: numpy.ndarray, column: int = 0, row: int = 0, **attributes) -> Image:
    """Upload pixels that begin some pixels beside those of the others."""
    return upload(product, name, array, meta=info(column, row), **attributes)


def context(column: int = 0, row: int = 0, rows: int = ROWS, columns: int = COLUMNS) -> AOI:
    """Return a context on the same grid as the images."""
    left, top = X0 + column * SIZE, Y0 - row * SIZE
    bounds = (left, top - rows * SIZE, left + columns * SIZE, top)
    return AOI(crs=f"EPSG:{CRS}", bounds=bounds, bounds_crs=f"EPSG:{CRS}", shape=(rows, columns))


def placed(array: numpy.ndarray, column: int, row: int, fill: float = 0) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return an array moved onto the grid of `context()`, and where it lies there."""
    canvas = numpy.full((len(array), 3 * ROWS, 3 * COLUMNS), fill, dtype=array.dtype)
    inside = numpy.zeros(canvas.shape, dtype=bool)
    rows, columns = slice(ROWS + row, 2 * ROWS + row), slice(COLUMNS + column, 2 * COLUMNS + column)
    canvas[:, rows, columns], inside[:, rows, columns] = array, True
    window = (slice(None), slice(ROWS, 2 * ROWS), slice(COLUMNS, 2 * COLUMNS))
    return canvas[window], inside[window]


def laid_over(layers: list[tuple[numpy.ndarray, numpy.ndarray]]) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return values and mask of a mosaic: pixel by pixel the last valid one."""
    values, mask = numpy.zeros_like(layers[0][0]), numpy.ones(layers[0][0].shape, dtype=bool)
    for array, valid in layers:
        values[valid] = array[valid]
        mask &= ~valid
    return values, mask


@pytest.fixture
def shifted(catalog: Catalog) -> tuple[ImageCollection, list[tuple[numpy.ndarray, numpy.ndarray]]]:
    """Three images that partly overlap, and their (values, validity) on the grid of `context()`."""
    product = red_green_product()
    places = ((0, 0), (7, -5), (-11, 13))
    arrays = [noise(seed) for seed in range(3)]
    images = [add(product, f"i{n}", array, *place) for n, (array, place) in enumerate(zip(arrays, places, strict=True))]
    layers = [placed(array, *place) for array, place in zip(arrays, places, strict=True)]
    collection = ImageCollection(images, geocontext=context())
    return collection, [(values, inside & (values != 0)) for values, inside in layers]
