"""The grid around all images of a collection."""

from __future__ import annotations

import numpy
import pytest

from localcat import BadRequestError, Catalog, Image, ImageCollection
from tests.small_catalog import make_product, new_image, spectral, upload


def tile(product, name: str, geotrans: list[float], epsg: int = 32618) -> Image:
    pixels = numpy.full((1, 20, 30), 7, "uint16")
    meta = {"geoTransform": geotrans, "coordinateSystem": {"epsg": epsg}}
    return upload(product, name, pixels, meta=meta)


def test_images_of_one_grid_are_covered_by_a_part_of_it(catalog: Catalog) -> None:
    product = make_product("a", spectral("b", resolution="30m"))
    images = ImageCollection(
        [
            tile(product, "west", [500_015, 30, 0, 4_000_005, 0, -30]),  # no multiples of 30
            tile(product, "east", [500_015 + 1500, 30, 0, 4_000_005 - 300, 0, -30]),
        ]
    )
    context = images.covering_geocontext()
    assert (context.bounds, context.crs) == ((500_015, 3_999_105, 502_415, 4_000_005), "EPSG:32618")
    assert (context.grid().shape, context.geometry) == ((30, 80), None)
    mosaic = images.mosaic("b", geocontext=context)
    assert (mosaic[0, :20, :30] == 7).all()
    assert mosaic.mask[0, 20:, :50].all()
    assert mosaic.count() == 2 * 20 * 30


def test_the_resolution_is_in_the_unit_of_the_crs(catalog: Catalog) -> None:
    product = make_product("a", spectral("b", resolution="30m"))
    images = ImageCollection([tile(product, "x", [500_000, 30, 0, 4_000_000, 0, -30])])
    assert images.covering_geocontext("EPSG:4326").resolution == pytest.approx(30 / 111_111)
    assert images.covering_geocontext("EPSG:4326", 0.001).resolution == 0.001
    west, south, east, north = images[0].geometry.bounds
    images = ImageCollection(images, geocontext=(west, south, east, north))
    assert images.mosaic("b", crs="EPSG:4326").shape[1:] == (21, 38)


@pytest.mark.parametrize(
    ("lefts", "bounds"),
    [
        ([10, 12], (10, -2, 15, 0)),
        ([175, -179], (175, -2, -176, 0)),
        ([-179, 170, 178.5], (170, -2, -176, 0)),
        ([-150, 0, 150], (0, -2, -147, 0)),
    ],
)
def test_images_beside_the_antimeridian_are_not_covered_the_long_way(
    catalog: Catalog, lefts: list[float], bounds: tuple[float, ...]
) -> None:
    product = make_product("a", spectral("b", resolution="0.1 degrees"))
    images = ImageCollection(
        [tile(product, f"i{at}", [left, 0.1, 0, 0, 0, -0.1], 4326) for at, left in enumerate(lefts)]
    )
    assert images.covering_geocontext().bounds == pytest.approx(bounds)


def test_what_is_not_known_is_told(catalog: Catalog) -> None:
    product = make_product("a", spectral("b"))
    with pytest.raises(BadRequestError, match="is empty: it was made without images"):
        ImageCollection([]).covering_geocontext()
    nowhere = new_image(product, "nowhere", storage_state="remote")
    nowhere.save()
    with pytest.raises(BadRequestError, match="none of the 1 images has a footprint; pass a geocontext"):
        ImageCollection([nowhere]).covering_geocontext()
    far = new_image(product, "far", geometry=(1, 2, 3, 4), storage_state="remote")
    far.save()
    with pytest.raises(BadRequestError, match="the CRS of none of the images is known; pass crs"):
        ImageCollection([far]).covering_geocontext()
    with pytest.raises(BadRequestError, match="the resolution of none of the images is known in EPSG:4326; pass res"):
        ImageCollection([far]).covering_geocontext("EPSG:4326")
    plain = tile(product, "x", [500_000, 20, 0, 4_000_000, 0, -25])
    assert ImageCollection([plain, nowhere]).covering_geocontext().resolution == 20
