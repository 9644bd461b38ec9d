"""Small pictures: which bands, which colours, what is transparent, decoded again by GDAL."""

from __future__ import annotations

import builtins
import sys
from functools import partial

import numpy
import pytest
import rasterio
from numpy.testing import assert_array_equal
from rasterio.enums import Resampling
from rasterio.io import MemoryFile

from localcat import (
    BadRequestError,
    Catalog,
    ClassBand,
    GenericBand,
    Image,
    Product,
    RasterError,
    UnsavedObjectError,
)
from tests.overlapping_images import add, noise, red_green_product
from tests.small_catalog import NewBand, alpha, make_product, new_image, spectral
from tests.small_rasters import make_tif


def decoded(png: bytes) -> numpy.ndarray:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    with MemoryFile(png) as file, pytest.warns(UserWarning, match="no geotransform"), file.open() as dataset:
        return numpy.moveaxis(dataset.read(), 0, -1)


def product_of(*bands: NewBand, shown: list[str] | None = None) -> Product:
    return make_product("p", *bands, data_type="Byte", default_display_bands=shown)


def grey(name: str, **attributes) -> NewBand:
    return spectral(name, **{"data_range": (0, 255), **attributes})


def test_default_bands_in_their_ranges(catalog: Catalog) -> None:
    bands = [spectral(name, data_range=(0, 200), display_range=(50, 150)) for name in ("a", "b", "c", "d")]
    product = product_of(*bands, shown=["d", "b", "a"])
    array = numpy.random.default_rng(1).integers(0, 200, (4, 40, 30)).astype("uint8")
    picture = add(product, "i", array).preview_array()
    assert (picture.shape, picture.dtype) == ((40, 30, 4), numpy.uint8)
    expected = numpy.rint((array.astype(float) - 50).clip(0, 100) / 100 * 255)
    assert_array_equal(picture[..., :3], numpy.moveaxis(expected[[3, 1, 0]], 0, -1))
    assert (picture[..., 3] == 255).all()


def test_bands_without_a_display_range_are_stretched_from_the_2nd_to_the_98th_percentile(catalog: Catalog) -> None:
    array = numpy.arange(1000, 2200, dtype="uint16").reshape(1, 40, 30)
    array[0, 0, 0] = 65_535  # one bright pixel does not make all others dark
    image = add(make_product("p", spectral("a", data_range=(0, 65_535), nodata=0)), "i", array)
    low, high = numpy.percentile(array, (2, 98))
    expected = numpy.rint(((array[0].astype(float) - low) / (high - low)).clip(0, 1) * 255)
    assert_array_equal(image.preview_array()[..., 0], expected)
    assert expected[20, 0] == 127


def test_invalid_pixels_do_not_count_for_the_stretch(catalog: Catalog) -> None:
    product = make_product("p", spectral("a", nodata=0), alpha(band_index=1), default_display_bands=["a"])
    array = numpy.stack([numpy.arange(1000, 2200).reshape(40, 30), numpy.ones((40, 30))]).astype("uint16")
    whole = add(product, "whole", array).preview_array()
    array[0, :20], array[1, 20:30] = 0, 0
    part = add(product, "part", array).preview_array()
    assert not part[:30].any()
    assert part[30:, :, 0].min() == 0 < whole[30:, :, 0].min()


def test_one_value_alone_is_shown_within_the_data_range(catalog: Catalog) -> None:
    product = make_product("p", spectral("a", data_range=(0, 200)))
    assert (add(product, "i", numpy.full((1, 40, 30), 100, "uint16")).preview_array()[..., 0] == 128).all()


def test_pictures_of_all_sizes_have_the_same_range(catalog: Catalog) -> None:
    noise_of = numpy.random.default_rng(3).integers(1, 1001, (1, 200, 160)).astype("uint16")
    noise_of[0, :100] += 1000
    image = add(make_product("p", spectral("a")), "i", noise_of)
    large, small = image.preview_array()[..., 0], image.preview_array(20)[..., 0]
    assert abs(float(large[:90].mean()) - float(small[:9].mean())) < 3


def test_a_preview_is_that_picture_as_png(catalog: Catalog) -> None:
    image = add(red_green_product(), "i", noise(3))
    assert_array_equal(decoded(image.preview()), image.preview_array())
    assert_array_equal(decoded(image.preview(20, bands="green")), image.preview_array(20, bands=["green"]))


def test_without_default_bands_colours_are_shown_or_else_the_first_band(catalog: Catalog) -> None:
    array = numpy.arange(1, 5, dtype="uint8").repeat(1200).reshape(4, 40, 30)
    names = ("blue", "nir", "green", "red")
    product = product_of(*(grey(name) for name in names))
    assert add(product, "i", array).preview_array()[0, 0].tolist() == [4, 3, 1, 255]
    product = red_green_product("other")
    assert add(product, "i", noise(2, high=2) + 2000).preview_array()[0, 0].tolist() == [128, 128, 128, 255]


def test_nodata_and_alpha_are_transparent(catalog: Catalog) -> None:
    product = product_of(grey("a", nodata=7), alpha("cover"), shown=["a", "cover"])
    array = numpy.full((2, 40, 30), 100, "uint8")
    array[0, :5], array[1, :, :3] = 7, 0
    picture = add(product, "i", array).preview_array()
    opaque = numpy.ones((40, 30), bool)
    opaque[:5] = opaque[:, :3] = False
    assert_array_equal(picture[..., 3], numpy.where(opaque, 255, 0))
    assert_array_equal(picture[opaque][:, :3], 100)
    assert not picture[~opaque].any()


def test_classes_have_their_colours(catalog: Catalog) -> None:
    colors = [(0, 0, 0, 0), (255, 0, 0, 255), (0, 128, 0, 200)]
    product = product_of(partial(ClassBand, name="kind", data_range=(0, 2), colormap=colors), shown=["kind"])
    array = numpy.random.default_rng(5).integers(0, 4, (1, 40, 30)).astype("uint8")
    picture = add(product, "i", array).preview_array()
    table = numpy.array([*colors, (0, 0, 0, 0)], "uint8")  # a value without a colour is transparent
    assert_array_equal(picture, table[array[0]])


def test_classes_are_never_mixed(catalog: Catalog) -> None:
    colors = [(0, 0, 0, 255), (255, 255, 255, 255)]
    product = product_of(partial(ClassBand, name="kind", data_range=(0, 1), colormap=colors))
    array = numpy.random.default_rng(5).integers(0, 2, (1, 160, 120)).astype("uint8")
    picture = add(product, "i", array).preview_array(40)
    assert picture.shape == (40, 30, 4)
    assert set(numpy.unique(picture[..., 0]).tolist()) == {0, 255}


def test_a_named_colour_map_needs_matplotlib_and_is_grey_without(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib import colormaps

    band = partial(GenericBand, name="heat", data_range=(0, 255), display_range=(0, 255), colormap_name="viridis")
    array = numpy.arange(1200, dtype="uint16").reshape(1, 40, 30) % 256
    image = add(product_of(band), "i", array.astype("uint8"))
    colors = colormaps["viridis"](numpy.arange(256) / 255, bytes=True)
    assert_array_equal(image.preview_array(), colors[array[0]])

    def without(name, *rest, **options):
        if name == "matplotlib":
            raise ImportError(name)
        return plain_import(name, *rest, **options)

    plain_import = builtins.__import__
    monkeypatch.delitem(sys.modules, "matplotlib")
    monkeypatch.setattr(builtins, "__import__", without)
    assert_array_equal(image.preview_array()[..., :3], array[0][..., numpy.newaxis].repeat(3, axis=-1))


def test_a_larger_image_is_averaged_and_a_smaller_one_stays(catalog: Catalog) -> None:
    product = product_of(grey("a", display_range=(0, 255)))
    array = numpy.random.default_rng(2).integers(0, 256, (1, 160, 120)).astype("uint8")
    image = add(product, "i", array)
    assert image.preview_array().shape == (160, 120, 4)
    small = image.preview_array(40)
    assert small.shape == (40, 30, 4)
    means = array[0].reshape(40, 4, 30, 4).mean(axis=(1, 3))
    assert numpy.abs(small[..., 0] - means).max() <= 1
    assert image.preview_array(1).shape == (1, 1, 4)


def test_an_overview_serves_a_preview(catalog: Catalog) -> None:
    """The full resolution is not even readable any more."""
    product = product_of(grey("a"))
    array = numpy.random.default_rng(2).integers(0, 256, (1, 1500, 1100)).astype("uint8")
    image = add(product, "i", array)
    before = image.preview_array(300)
    path = catalog.path_of(image.files[0])
    content = bytearray(path.read_bytes())
    content[-600_000:] = bytes(600_000)  # overviews come first
    path.write_bytes(bytes(content))
    assert_array_equal(image.preview_array(300), before)
    with pytest.raises(RasterError, match="i-.*restore it"):
        image.ndarray("a")


def test_an_overview_of_another_program_serves_a_preview(catalog: Catalog, tmp_path) -> None:
    """Choice 26: nobody knows how it was made, so means would need all pixels; a picture does not."""
    path = make_tif(tmp_path / "x.tif", 9, "uint8")
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4], Resampling.nearest)
        file.write(numpy.zeros((1, 64, 48), "uint8"))  # the overviews stay as they are
    image = new_image(product_of(grey("a")))
    image.upload(path, copy=False).raise_for_status()
    assert set(image.preview_array(16)[..., 0].ravel()) == {9}


@pytest.mark.parametrize("size", [0, -1, 2.5, "x", None, True, 10**6])
def test_a_size_is_a_number_of_pixels(catalog: Catalog, size) -> None:
    with pytest.raises(BadRequestError, match="size of a preview"):
        add(red_green_product(), "i", noise(1)).preview(size)


def test_what_cannot_be_shown_is_refused(catalog: Catalog) -> None:
    product = red_green_product()
    image = add(product, "i", noise(1))
    with pytest.raises(BadRequestError, match="1 or 3 bands.*, not red, green"):
        image.preview(bands="red green")
    with pytest.raises(BadRequestError, match="band 'blue' is not available"):
        image.preview(bands="blue")
    with pytest.raises(UnsavedObjectError, match="acme:p:new"):
        Image(product=product, name="new").preview()
    remote = Image(product=product, name="far", acquired="2020-01-01", storage_state="remote")
    remote.files = [{"provider_href": "s3://far/away"}]
    remote.save()
    with pytest.raises(RasterError, match="has no pixels in this catalog"):
        remote.preview()
