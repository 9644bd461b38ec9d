"""Rows whose georeferencing or ranges another program has spoiled: an error names the object, and files still count."""

from __future__ import annotations

import re

import numpy
import pytest

from localcat import (
    BadRequestError,
    Catalog,
    CorruptCatalogError,
    FailedImagesWarning,
    Image,
    ImageCollection,
    RasterError,
)
from tests.damage import raw
from tests.overlapping_images import add, noise, red_green_product

NO_AREA = ["[500000,10,0,4000000,0,0]", "[500000,0,0,4000000,0,0]"]


@pytest.fixture
def image(catalog: Catalog) -> Image:
    return add(red_green_product(), "one", noise(1, high=9) + numpy.uint16(1))  # none of which is nodata


def again(image: Image) -> Image:
    found = Image.get(str(image.id))
    assert found is not None
    return found


@pytest.mark.parametrize("geotrans", NO_AREA)
def test_a_geotrans_without_area_is_refused_by_name(catalog: Catalog, image: Image, geotrans: str) -> None:
    raw(catalog, f"UPDATE image SET geotrans = '{geotrans}'")
    spoiled = again(image)
    message = re.escape("of image 'acme:p:one' gives its pixels no area")
    with pytest.raises(RasterError, match=message):
        spoiled.ndarray("red")
    with pytest.raises(RasterError, match=message):
        spoiled.preview(32)
    with pytest.raises(RasterError, match=message):
        ImageCollection([spoiled]).mosaic("red", image.geocontext)
    assert spoiled.geocontext.geometry is not None
    with pytest.raises(BadRequestError, match=r"500000\.0, 4000000\.0"):
        spoiled.geocontext.assign(geometry=None).grid()


@pytest.mark.parametrize("geotrans", [*NO_AREA, "[1,0,0,1,0,0]", "[500000,10,20,4000000,5,10]"])
def test_a_point_is_found_by_the_file_where_the_row_has_no_area(catalog: Catalog, image: Image, geotrans: str) -> None:
    middle = image.geometry.centroid
    expected = image.point(middle.x, middle.y).values
    assert None not in expected
    raw(catalog, f"UPDATE image SET geotrans = '{geotrans}'")
    assert again(image).point(middle.x, middle.y).values == expected
    series = ImageCollection([again(image)]).point_series(middle.x, middle.y)
    assert series.values.tolist() == [list(expected)]


def test_a_mosaic_may_leave_out_an_image_without_area(catalog: Catalog, image: Image) -> None:
    other = add(image.product, "two", noise(2, high=9))
    raw(catalog, "UPDATE image SET geotrans = '[1,0,0,1,0,0]' WHERE name = 'one'")
    context = other.geocontext
    with pytest.warns(FailedImagesWarning, match="acme:p:one"):
        found = ImageCollection([other, again(image)]).mosaic("red", context, on_error="skip")
    expected = other.ndarray("red", context)
    assert (found.mask == expected.mask).all()
    assert (found.filled(0) == expected.filled(0)).all()


@pytest.mark.parametrize("name", ["data_range", "display_range"])
def test_a_range_of_one_number_is_refused_by_name(catalog: Catalog, image: Image, name: str) -> None:
    raw(catalog, f"UPDATE band SET {name} = '[1]' WHERE name = 'red'")
    middle = image.geometry.centroid
    message = f"{name} of SpectralBand 'acme:p:red' is damaged"
    for read in (
        lambda: again(image).ndarray("red"),
        lambda: again(image).preview(32),
        lambda: again(image).point(middle.x, middle.y, "red"),
        lambda: ImageCollection([again(image)]).point_series(middle.x, middle.y, "red"),
    ):
        with pytest.raises(CorruptCatalogError, match=message):
            read()
