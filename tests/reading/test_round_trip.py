"""Arrays through the catalog and back: bit for bit, and laid over each other as numpy would."""

from __future__ import annotations

import warnings

import numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from rio_cogeo.cogeo import cog_info, cog_validate

from localcat import Catalog, Image, ImageCollection, Product, SpectralBand
from localcat.rasters.files.dtypes import DATA_TYPES
from tests.overlapping_images import COLUMNS, ROWS, add, context, info, noise, placed, red_green_product

ORDERS = {
    "C": lambda array: array.copy(),
    "Fortran": numpy.asfortranarray,
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "every second column": lambda array: numpy.repeat(array, 2, axis=-1)[..., ::2],
    "bands last, moved": lambda array: numpy.moveaxis(numpy.moveaxis(array, 0, -1).copy(), -1, 0),
}


@st.composite
def uploads(draw):
    """Draw the data type, nodata, and for one to three files: bands, an array in some order, and perhaps a mask."""
    data_type = draw(st.sampled_from(list(DATA_TYPES)))
    nodata = draw(st.sampled_from([None, 0]))
    height, width = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    random = numpy.random.default_rng(draw(st.integers(0, 999)))
    files = []
    for _ in range(draw(st.integers(1, 3))):
        shape = (draw(st.integers(1, 3)), height, width)
        plain = random.integers(1, 120, shape).astype(DATA_TYPES[data_type])
        array = ORDERS[draw(st.sampled_from(list(ORDERS)))](plain)
        mask = None
        if draw(st.booleans()):
            mask = random.random(draw(st.sampled_from([shape, (1, height, width)]))) < 0.3
            array = numpy.ma.MaskedArray(array, mask=numpy.broadcast_to(mask, shape))
        files.append((plain, array, mask))
    overviews = draw(st.sampled_from([None, [], [2], [2, 4], [3]]))
    coarsest = max(overviews or [0])
    return data_type, nodata, files, overviews if coarsest <= min(height, width) else []


@settings(max_examples=25)
@given(drawn=uploads())
def test_what_is_uploaded_is_what_is_read(drawn) -> None:
    data_type, nodata, files, overviews = drawn
    with Catalog.temporary(org="acme") as catalog, catalog.as_default():
        product = Product(id="p", name="P")
        product.save()
        names = []
        for place, (plain, _, _) in enumerate(files):
            for index in range(len(plain)):
                names.append(f"f{place}b{index}")
                SpectralBand(
                    name=names[-1],
                    product=product,
                    data_type=data_type,
                    data_range=(0, 255),
                    band_index=index,
                    file_index=place,
                    nodata=nodata,
                ).save()
        image = Image(product=product, name="x", acquired="2020-01-01")
        arrays = [array for _, array, _ in files]
        before = [array.copy() for array in arrays]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "an array of shape")  # of few pixels, bands are many
            image.upload_ndarray(arrays, raster_meta=info(), overviews=overviews).raise_for_status()
        for array, copy in zip(arrays, before, strict=True):
            assert_array_equal(numpy.ma.getdata(array), numpy.ma.getdata(copy))
        found = image.ndarray(names)
        values = numpy.concatenate([plain for plain, *_ in files])
        masks = [numpy.broadcast_to(False if mask is None else mask, plain.shape) for plain, _, mask in files]
        mask = numpy.concatenate(masks)
        assert found.dtype == DATA_TYPES[data_type]
        assert_array_equal(found.mask, mask)
        assert found.data[~mask].tobytes() == values[~mask].tobytes()
        for file in image.files:
            path = catalog.path_of(file)
            assert cog_validate(path, quiet=True) == (True, [], [])
            if overviews is not None:
                made = [level.Decimation for level in cog_info(path).IFD[1:]]
                assert len(made) == len(overviews)


@settings(max_examples=15)
@given(data=st.data(), has_alpha=st.booleans(), mask_nodata=st.booleans(), seed=st.integers(0, 99))
def test_mosaics_and_stacks_are_what_numpy_says(data, has_alpha: bool, mask_nodata: bool, seed: int) -> None:
    offsets = data.draw(
        st.lists(st.tuples(st.integers(-COLUMNS, COLUMNS), st.integers(-ROWS, ROWS)), min_size=1, max_size=4)
    )
    with Catalog.temporary(org="acme") as catalog, catalog.as_default():
        product = red_green_product(nodata=0, has_alpha=has_alpha)
        images, layers = [], []
        for number, (column, row) in enumerate(offsets):
            array = noise(seed + number, bands=2 + has_alpha, high=3)
            images.append(add(product, f"i{number}", array, column, row))
            values, inside = placed(array, column, row)
            opaque = values[2] != 0 if has_alpha else True
            layers.append((values[:2], inside[:2] & opaque, inside[:2] & opaque & (values[:2] != 0)))
        collection = ImageCollection(images, geocontext=context())
        masked = has_alpha or mask_nodata
        stack = collection.stack("red green", mask_nodata=mask_nodata)
        for found, (values, opaque, valid) in zip(stack, layers, strict=True):
            shown = valid if mask_nodata else opaque
            if masked:
                assert_array_equal(found.mask, ~shown)
            assert_array_equal(numpy.ma.getdata(found)[shown], values[shown])
        expected, covered = numpy.zeros((2, ROWS, COLUMNS), "uint16"), numpy.zeros((2, ROWS, COLUMNS), bool)
        for values, opaque, valid in layers:
            expected[valid] = values[valid]
            covered |= valid if mask_nodata else opaque
        mosaic = collection.mosaic("red green", mask_nodata=mask_nodata)
        assert numpy.ma.isMaskedArray(mosaic) == masked
        if masked:
            assert_array_equal(mosaic.mask, ~covered)
        assert_array_equal(numpy.ma.filled(mosaic, 0), expected)
