"""A user's program, which the strict type checker accepts; `tests/models/test_typing.py` runs it."""

from __future__ import annotations

from datetime import datetime
from typing import assert_type

from shapely.geometry.base import BaseGeometry

from localcat import (
    Band,
    Catalog,
    File,
    Image,
    ImageSearch,
    ImageUpload,
    MaskBand,
    Product,
    Resolution,
    Search,
    SpectralBand,
)
from localcat import properties as p


def of_a_product(product: Product) -> None:
    assert_type(product.id, str | None)
    assert_type(product.name, str | None)
    assert_type(product.created, datetime | None)
    assert_type(product.is_core, bool | None)
    assert_type(product.tags, list[str] | None)
    assert_type(product.extra_properties, dict[str, str | int | float] | None)
    assert_type(product.resolution_min, Resolution | None)
    assert_type(product.revisit_period_minutes_min, float | None)
    assert_type(product.get_band("blue"), Band | None)
    assert_type(product.get_image("scene"), Image | None)
    assert_type(product.bands(), Search[Band])
    assert_type(product.images(), ImageSearch)
    product.start_datetime = "2012-01-01"
    product.tags = ["a"]
    product.delete()
    del product.description


def of_classes() -> None:
    assert_type(Product.search(), Search[Product])
    assert_type(SpectralBand.search(), Search[SpectralBand])
    assert_type(Image.search(), ImageSearch)
    assert_type(Product.get("x"), Product | None)
    assert_type(Band.get("x:y"), Band | None)
    assert_type(MaskBand.get_many(["x:y"], ignore_missing=True), list[MaskBand])
    assert_type(Image.get_or_create("x:y"), Image)
    assert_type(Product.exists("x"), bool)
    assert_type(Product.delete("x"), bool)


def of_an_image(image: Image) -> None:
    assert_type(image.acquired, datetime | None)
    assert_type(image.cloud_fraction, float | None)
    assert_type(image.x_pixels, int | None)
    assert_type(image.geotrans, tuple[float, ...] | None)
    assert_type(image.files, list[File] | None)
    assert_type(image.geometry, BaseGeometry | None)
    assert_type(image.product, Product | None)
    assert_type(image.upload("scene.tif"), ImageUpload)
    assert_type(image.coverage({"type": "Point", "coordinates": [0, 0]}), float)
    for found in Image.search().filter(p.cloud_fraction < 0.2).sort("acquired").limit(3):
        assert_type(found, Image)


def of_a_band(product: Product) -> None:
    band = SpectralBand(name="blue", product=product)
    assert_type(band.data_range, tuple[float, ...] | None)
    assert_type(band.resolution, Resolution | None)
    band.resolution = Resolution(60, "meters")
    band.wavelength_nm_min = 452
    assert_type(MaskBand(id="x:y").is_alpha, bool | None)


def main() -> None:
    with Catalog.temporary(org="acme") as catalog, catalog.as_default():
        product = Product(id="x", name="X")
        product.save()
        assert_type(catalog.images, ImageSearch)
        of_a_product(product)
        of_classes()


if __name__ == "__main__":
    main()
