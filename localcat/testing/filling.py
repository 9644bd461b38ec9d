"""The tiny Earth in a catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from localcat.earth.contexts.grid import Grid
from localcat.earth.crs import parse_crs
from localcat.models.band import Band
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.rasters.files.dtypes import numpy_dtype
from localcat.rasters.files.footprint import footprint
from localcat.testing.making import make_raster, pattern
from localcat.testing.planet import IMAGES, PRODUCTS, ImageOf, ProductOf

if TYPE_CHECKING:
    from localcat.catalog import Catalog

    MaskedArray = numpy.ma.MaskedArray[Any, Any]

MASKED_ROWS = 3  # at the top of an image that has invalid pixels
REMOTE = "https://example.org/tiny"
_FILE_NODATA = 65535
_STEPS = {"optical": 50, "radar": -0.25, "temperature": 50}  # of the values of `pattern`


def fill(catalog: Catalog) -> None:
    """Save all products, bands and images in an empty catalog."""
    products = {made.id: _make_product(catalog, made) for made in PRODUCTS}
    for seed, planned in enumerate(IMAGES):
        product, bands = products[planned.product]
        _make_image(catalog, product, bands, planned, seed)


def _make_product(catalog: Catalog, planned: ProductOf) -> tuple[Product, list[Band]]:
    product = Product(id=planned.id, catalog=catalog, **planned.attributes)
    product.save()
    bands = [make(product=product) for make in planned.bands]
    for band in bands:
        band.save()
    product.reload()
    return product, bands


def _make_image(catalog: Catalog, product: Product, bands: list[Band], planned: ImageOf, seed: int) -> None:
    image = Image(product=product, name=planned.name, acquired=planned.acquired, **planned.attributes)
    if planned.kept == "remote":
        _make_remote(image, planned)
        return
    arrays = _arrays(planned, bands, seed)
    crs, transform = planned.place.crs, planned.place.transform
    if planned.kept == "in place":
        folder = catalog.path.parent / "scenes"
        nodata = _FILE_NODATA if planned.masked == "nodata of the file" else None
        files = [
            make_raster(folder / f"{planned.name}-{at}.tif", array, crs=crs, transform=transform, nodata=nodata)
            for at, array in enumerate(arrays)
        ]
        image.upload(files, copy=False).raise_for_status()
    else:
        image.cs_code, image.geotrans = crs, transform
        image.upload_ndarray(arrays, overviews=[]).raise_for_status()
    if planned.kept == "without time":
        image.acquired = None
    elif planned.kept == "without footprint":
        image.geometry = None
    image.save()


def _make_remote(image: Image, planned: ImageOf) -> None:
    grid = Grid(parse_crs(planned.place.crs), planned.place.transform, planned.place.shape)
    image.cs_code, image.geotrans = planned.place.crs, grid.transform
    image.y_pixels, image.x_pixels = grid.shape
    image.geometry = footprint(grid)
    image.files = [{"href": f"{REMOTE}/{planned.name}.tif", "size_bytes": 9216}]
    image.storage_state = "remote"
    image.save()


def _arrays(planned: ImageOf, bands: list[Band], seed: int) -> list[MaskedArray]:
    """Return the pixels of an image, an array a file."""
    files = 1 + max(band.file_position for band in bands)
    return [_array(planned, [band for band in bands if band.file_position == at], seed + at) for at in range(files)]


def _array(planned: ImageOf, bands: list[Band], seed: int) -> MaskedArray:
    dtype = numpy_dtype(str(bands[0].data_type))
    values = pattern((len(bands), *planned.place.shape), "int32", seed=seed)
    if planned.product == "landcover":
        values = 1 + values // 7 % 5
    pixels = (values * _STEPS.get(planned.product, 1)).astype(dtype)
    for layer, band in zip(pixels, bands, strict=True):
        if band.is_mask:
            layer[...] = 1 if band.is_opacity else values[0] % 2
    return _masked(pixels, bands, planned)


def _masked(pixels: Any, bands: list[Band], planned: ImageOf) -> MaskedArray:
    """Mark the first rows as invalid, in the way that is planned."""
    top = numpy.s_[:MASKED_ROWS]
    mask = numpy.zeros(pixels.shape, dtype=bool)
    match planned.masked:
        case "nodata":
            for layer, band in zip(pixels, bands, strict=True):
                if band.nodata is not None:
                    layer[top] = band.nodata
        case "nodata of one band":
            pixels[0, top] = bands[0].nodata
        case "nodata of the file":
            for layer, band in zip(pixels, bands, strict=True):
                if not band.is_mask:
                    layer[top] = _FILE_NODATA
        case "alpha":
            pixels[-1, top] = 0
        case "alpha everywhere":
            pixels[-1] = 0
        case "NaN":
            pixels[:, top] = numpy.nan
        case "NaN of one band" if bands[0].name == "vv":
            pixels[:, top] = numpy.nan
        case "internal mask":
            mask[:, top] = True
    return numpy.ma.MaskedArray(pixels, mask=mask)
