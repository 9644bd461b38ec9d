"""Builds small catalogs: products with bands, images with and without pixels.

A caller passes what its test is about; everything else has a plain default.
"""

from __future__ import annotations

from functools import partial
from typing import Any, TypeAlias

import numpy

from localcat import Band, Catalog, Image, MaskBand, Product, SpectralBand

META = {"geoTransform": [500_000, 60, 0, 4_000_000, 0, -60], "coordinateSystem": {"epsg": 32618}}  # UTM 18 N, 60 m
PIXELS = numpy.ma.masked_less(numpy.arange(2, 2 + 64 * 48, dtype="uint16").reshape(1, 64, 48), 146)  # 3 rows masked
AREA = {"type": "Polygon", "coordinates": [[[10, 0], [12, 0], [12, 3], [10, 0]]]}

NewBand: TypeAlias = partial[Band]
"""A band of a product that does not exist yet; `partial(ClassBand, name=...)` makes one of another kind."""


def spectral(name: str, **attributes: Any) -> NewBand:
    """Return a spectral band to make, from 0 to 10,000 unless given otherwise."""
    return partial(SpectralBand, name=name, **{"data_range": (0, 10_000), **attributes})


def alpha(name: str = "alpha", **attributes: Any) -> NewBand:
    """Return an alpha band to make."""
    return partial(MaskBand, name=name, is_alpha=True, **attributes)


def make_product(
    id: str,
    *bands: NewBand,
    catalog: Catalog | None = None,
    data_type: str = "UInt16",
    name: str | None = None,
    **attributes: Any,
) -> Product:
    """Save a product and its bands; a band without an index or a type of its own gets its position and `data_type`."""
    product = Product(id=id, name=name or id, catalog=catalog, **attributes)
    product.save()
    for index, band in enumerate(bands):
        band.func(product=product, **{"band_index": index, "data_type": data_type, **band.keywords}).save()
    return product


def new_image(product: Product, name: str = "x", **attributes: Any) -> Image:
    """Return an image that is not saved yet."""
    return Image(product=product, name=name, **{"acquired": "2020-01-01", **attributes})


def upload(
    product: Product,
    name: str = "x",
    array: Any = PIXELS,
    *,
    meta: dict[str, Any] = META,
    options: dict[str, Any] | None = None,
    **attributes: Any,
) -> Image:
    """Upload pixels as a new image; `options` go to the upload, all others to the image."""
    image = new_image(product, name, **attributes)
    image.upload_ndarray(array, raster_meta=meta, **(options or {})).raise_for_status()
    return image


def make_guide(catalog: Catalog | None = None) -> Product:
    """Save the product of the guide, with a spectral band ``blue`` and an alpha band."""
    bands = [spectral("blue", resolution="60m"), alpha(resolution="60m")]
    return make_product("guide", *bands, catalog=catalog, name="Guide")


def fill_guide(catalog: Catalog) -> Product:
    """Save the product of the guide and four images: a and b uploaded, far and nowhere without pixels."""
    product = make_guide(catalog)
    upload(product, "a", tags=["red", "green"])
    upload(product, "b")
    far = {"id": "acme:guide:far", "acquired": "2021-06-01", "geometry": AREA, "files": [{"href": "https://x.org/f"}]}
    catalog.add_images([far, {"id": "acme:guide:nowhere"}], progress=False)
    return product


# name: footprint, cloud_fraction
AROUND_A_SQUARE = {
    "inside": ((1, 1, 2, 2), 0.1),
    "edge": ((0, 0, 1, 1), 0.9),
    "touching": ((10, 0, 11, 1), 0.1),
    "partly": ((9, 9, 12, 12), None),
    "around": ((-5, -5, 15, 15), 0.5),
    "near": ((11, 4, 12, 5), 0.1),
    "far": ((170, 60, -170, 70), 0.1),
    "unset": (None, 0.1),
}


def add_images_around_a_square(catalog: Catalog) -> None:
    """Save the images of `AROUND_A_SQUARE`: inside, outside and across the edge of (0, 0, 10, 10)."""
    product = make_product("a", catalog=catalog)
    for name, (geometry, clouds) in AROUND_A_SQUARE.items():
        Image(product=product, name=name, geometry=geometry, cloud_fraction=clouds).save()
