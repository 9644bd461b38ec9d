"""Transparent pixels lend nothing to their neighbours, wherever the alpha band lies; all others count alike."""

from __future__ import annotations

import numpy
import pytest
from numpy.testing import assert_array_equal

from localcat import AOI, Catalog, Image
from tests.overlapping_images import X0, Y0, info
from tests.small_catalog import alpha, make_product, new_image, spectral, upload

SHAPE = (60, 90)
RANDOM = numpy.random.default_rng(4)
PIXELS = RANDOM.integers(20_000, 30_000, SHAPE).astype("uint16")  # no kernel comes near 0
HIDDEN = RANDOM.random(SHAPE) < 0.2
HIDDEN[10:40, 20:60] = True  # more than any pixel of a coarse grid holds
BOX = (X0 - 25, Y0 - 575, X0 + 875, Y0 + 20)
CONTEXTS = {
    "fine": AOI(crs="EPSG:32618", bounds=BOX, bounds_crs="EPSG:32618", resolution=4, align_pixels=False),
    "coarse": AOI(crs="EPSG:32618", bounds=BOX, bounds_crs="EPSG:32618", resolution=47, align_pixels=False),
    "another projection": AOI(crs="EPSG:32617", bounds=BOX, bounds_crs="EPSG:32618", resolution=9),
}


def image_of(name: str, arrays: list[numpy.ndarray], mask: dict | None, *, overviews=(), **band) -> Image:
    bands = [spectral("v", data_range=(0, 60_000), band_index=0, file_index=0, **band)]
    if mask is not None:
        bands.append(alpha(data_type="Byte" if arrays[-1].dtype == "uint8" else "UInt16", **mask))
    return upload(make_product(name, *bands), "x", arrays, meta=info(), options={"overviews": overviews})


def of_files(catalog: Catalog, images: list[Image]) -> Image:
    """Return an image of the files of two others, the second of which is its alpha band."""
    product = make_product("both", spectral("v", file_index=0), alpha(band_index=0, file_index=1))
    image = new_image(product)
    image.upload([catalog.path_of(each.files[0]) for each in images]).raise_for_status()
    return image


@pytest.mark.parametrize("opaque", [255, 128, 1, "various"])
@pytest.mark.parametrize("name", ["bilinear", "average"])
@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)
def test_transparent_pixels_lend_nothing_and_all_others_count_alike(catalog: Catalog, context, name, opaque) -> None:
    """The oracle has nodata where the others have alpha 0."""
    oracle = image_of("oracle", [numpy.where(HIDDEN, 0, PIXELS).astype("uint16")], None, nodata=0)
    expected = oracle.ndarray("v", context, resampler=name)
    levels = RANDOM.integers(1, 256, SHAPE) if opaque == "various" else numpy.full(SHAPE, opaque)
    alpha = numpy.where(HIDDEN, 0, levels)
    together = image_of("together", [numpy.stack([PIXELS, alpha]).astype("uint16")], {"band_index": 1, "file_index": 0})
    apart = image_of("apart", [PIXELS, alpha.astype("uint8")], {"band_index": 0, "file_index": 1})
    for image in (together, apart):
        found = image.ndarray("v", context, resampler=name)
        assert_array_equal(found.mask, expected.mask)
        assert_array_equal(found.filled(0), expected.filled(0))
        with_alpha = image.ndarray("v alpha", context, resampler=name)
        assert_array_equal(with_alpha[0].filled(0), expected[0].filled(0))
        assert_array_equal(with_alpha.mask, numpy.broadcast_to(expected.mask, with_alpha.shape))
        unmasked = image.ndarray("v", context, resampler=name, mask_nodata=False)
        assert_array_equal(unmasked.filled(0), expected.filled(0))
    assert 0.1 < expected.mask.mean() < 0.5


def test_pixels_under_alpha_stay_for_who_does_not_mask_by_it(catalog: Catalog) -> None:
    plain = image_of("plain", [PIXELS], None)
    alpha = numpy.where(HIDDEN, 0, 255)
    apart = image_of("apart", [PIXELS, alpha.astype("uint8")], {"band_index": 0, "file_index": 1})
    for context in CONTEXTS.values():
        expected = plain.ndarray("v", context, resampler="bilinear")
        found = apart.ndarray("v", context, resampler="bilinear", mask_alpha=False)
        assert_array_equal(found.mask, expected.mask)
        assert_array_equal(found.filled(0), expected.filled(0))


def test_an_alpha_band_on_another_grid_only_masks(catalog: Catalog) -> None:
    coarse, fine = image_of("coarse", [PIXELS], None), image_of("fine", [PIXELS.repeat(2, 0).repeat(2, 1)], None)
    image = of_files(catalog, [coarse, fine])
    found = image.ndarray("v", CONTEXTS["fine"], resampler="bilinear")
    expected = coarse.ndarray("v", CONTEXTS["fine"], resampler="bilinear")
    assert_array_equal(found.filled(0)[~found.mask], expected.filled(0)[~found.mask])
    assert (~found.mask).sum() > 0


@pytest.mark.parametrize("overviews", [[[2], [2]], [[2], []]], ids=["both", "one"])
def test_overviews_of_an_alpha_band_are_used_with_those_of_its_pixels(catalog: Catalog, overviews) -> None:
    """Where only the pixels have overviews, the alpha band masks what was interpolated without it."""
    hole = numpy.zeros(SHAPE, dtype=bool)
    hole[20:40, 30:60] = True
    pixels = numpy.where(hole, 60_000, 1000).astype("uint16")
    arrays = [pixels, numpy.where(hole, 0, 7).astype("uint16")]
    images = [image_of(f"file{at}", [arrays[at]], None, overviews=overviews[at]) for at in range(2)]
    image = of_files(catalog, images)
    found = image.ndarray("v", CONTEXTS["coarse"], resampler="bilinear")
    assert 0 < found.mask.mean() < 0.5
    if overviews[1]:
        assert set(found.compressed()) == {1000}


@pytest.mark.parametrize("resampler", ["nearest", "average"])
def test_an_average_asks_how_the_overviews_of_an_alpha_band_were_made(catalog: Catalog, resampler) -> None:
    """Choice 26: each pixel has columns that are there, and a nearest overview of the alpha band has none."""
    opacity = numpy.zeros((56, 88), dtype="uint16")
    opacity[:, 3::4] = 7
    pixels = numpy.where(opacity == 0, 60_000, 1000).astype("uint16")
    files = [
        upload(make_product(name, spectral("v")), "x", array, meta=info(), options={"overviews": [4], **options})
        for name, array, options in (
            ("pixels", pixels, {"overview_resampler": "average"}),
            ("opacity", opacity, {"overview_resampler": resampler}),
        )
    ]
    image = of_files(catalog, files)
    place = image.geocontext.assign(geometry=None, resolution=80, align_pixels=False)
    found = image.ndarray("v", place, resampler="average")
    assert found.shape == (1, 7, 11)
    assert not found.mask.any()
