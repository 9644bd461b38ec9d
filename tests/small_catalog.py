"""Builds small catalogs: products with bands, images with and without pixels."""

from __future__ import annotations

from localcat import Catalog, Image, Product

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
    product = Product(id="a", name="A", catalog=catalog)
    product.save()
    for name, (geometry, clouds) in AROUND_A_SQUARE.items():
        Image(product=product, name=name, geometry=geometry, cloud_fraction=clouds, catalog=catalog).save()
