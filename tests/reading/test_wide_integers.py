"""Values that GDAL's warper does not tell apart: large integers and 64-bit floats, and those beside a large nodata."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from localcat import AOI, Catalog, Image
from localcat.rasters.warping import warp
from tests.small_catalog import META, alpha, make_product, spectral, upload

SHAPE = (48, 36)
RATIOS = (2, 3, 12)
FIRST = {"Int32": -(2**31), "UInt32": 2**32 - 10, "Float64": 16_777_216.0}
STEP = {"Int32": 1, "UInt32": 1, "Float64": 1e-6}
NODATA = {"Int32": -(2**31) + 4, "UInt32": 2**32 - 1, "Float64": -1.0}


def values_of(data_type: str) -> Any:
    found = numpy.random.default_rng(5).integers(0, 4, SHAPE) * STEP[data_type] + FIRST[data_type]
    return found.astype(data_type.lower())


def masked(data_type: str, marked_by: str, catalog: Catalog) -> tuple[Image, Any]:
    """Return an image, and its band as it should be read; a fifth of the pixels is invalid, and so is a corner."""
    values = values_of(data_type)
    invalid = numpy.random.default_rng(6).random(SHAPE) < 0.2
    invalid[:12, :12] = True
    bands = [spectral("b", nodata=NODATA[data_type] if marked_by == "nodata" else None)]
    array = numpy.ma.MaskedArray(values[None], invalid[None])
    if marked_by == "alpha":
        bands.append(alpha())
        array = numpy.stack([values, ~invalid]).astype(values.dtype)
    product = make_product("wide", *bands, catalog=catalog, data_type=data_type)
    return upload(product, "x", array, meta=META), numpy.ma.MaskedArray(values, invalid)


def blocks(array: Any, ratio: int) -> Any:
    """Return the pixels below each pixel of a coarser grid, along the last axis."""
    rows, columns = (side // ratio for side in array.shape)
    return array.reshape(rows, ratio, columns, ratio).swapaxes(1, 2).reshape(rows, columns, ratio * ratio)


def read(image: Image, ratio: int, resampler: str) -> Any:
    return image.ndarray("b", image.geocontext.assign(resolution=60 * ratio), resampler=resampler)[0]


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("marked_by", ["nodata", "mask", "alpha"])
@pytest.mark.parametrize("data_type", FIRST)
def test_the_most_frequent_value_is_one_of_those_that_numpy_counts(
    catalog: Catalog, data_type: str, marked_by: str, ratio: int
) -> None:
    image, expected = masked(data_type, marked_by, catalog)
    found, below = read(image, ratio, "mode"), blocks(expected, ratio)
    numpy.testing.assert_array_equal(found.mask, below.mask.all(axis=-1))
    for at in zip(*numpy.nonzero(~found.mask), strict=True):
        values, counts = numpy.unique(below[at].compressed(), return_counts=True)
        assert found.data[at] in values[counts == counts.max()]


def test_it_is_the_same_in_parts_and_by_either_way_to_count(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    image, _ = masked("UInt32", "mask", catalog)
    whole = [read(image, ratio, "mode") for ratio in RATIOS]
    monkeypatch.setattr(warp, "_MOST_RANKED", 500)
    monkeypatch.setattr(warp, "_MANY_BELOW", 1)
    for found, ratio in zip(whole, RATIOS, strict=True):
        in_parts = read(image, ratio, "mode")
        numpy.testing.assert_array_equal(in_parts.mask, found.mask)
        numpy.testing.assert_array_equal(in_parts.filled(0), found.filled(0))


def test_no_part_of_a_globe_is_missed_at_the_antimeridian(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    edge = 20_037_508.342789244
    globe = {"geoTransform": (-edge, edge / 90, 0, edge, 0, -edge / 90), "coordinateSystem": {"epsg": 3857}}
    product = make_product("globe", spectral("b"), catalog=catalog, data_type="UInt32")
    image = upload(product, "x", numpy.full((1, 180, 180), 2**32 - 1, "uint32"), meta=globe)
    monkeypatch.setattr(warp, "_MOST_RANKED", 500)
    found = image.ndarray("b", AOI(bounds=(170, -60, -170, 60), crs="EPSG:4326", resolution=5), resampler="mode")
    assert (found.shape, int(found.mask.sum())) == ((1, 24, 4), 0)


@pytest.mark.parametrize("resampler", ["near", "bilinear", "average", "max", "min", "med", "mode"])
@pytest.mark.parametrize(("data_type", "nodata"), [("UInt32", 2**32 - 1), ("Int32", -(2**31)), ("Int32", 9_999_999)])
def test_values_beside_a_large_nodata_are_valid_on_each_grid(
    catalog: Catalog, data_type: str, nodata: int, resampler: str
) -> None:
    beside = nodata + 1 if nodata < 0 else nodata - 1
    product = make_product("beside", spectral("b", nodata=nodata), catalog=catalog, data_type=data_type)
    values = numpy.full((1, *SHAPE), beside, data_type.lower())
    values[:, :12] = nodata
    image = upload(product, "x", values, meta=META)
    for ratio in (1, *RATIOS):
        found = read(image, ratio, resampler)
        hidden = numpy.zeros(found.shape, bool)
        hidden[: 12 // ratio] = True
        numpy.testing.assert_array_equal(found.mask, hidden)
        assert set(found.compressed().tolist()) == {beside}
    unmasked = image.ndarray("b", image.geocontext.assign(resolution=120), resampler=resampler, mask_nodata=False)
    assert set(numpy.unique(unmasked[0]).tolist()) == {beside, nodata}
