"""Tile indexes of images that say in different ways which pixels are valid: GDAL masks what a mosaic of ours masks."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pytest
import rasterio
from numpy.testing import assert_array_equal
from rasterio.enums import ColorInterp

from localcat import AOI, Catalog, GenericBand, ImageDeletedError, Product, RasterWarning
from localcat import properties as p
from tests.small_catalog import alpha, make_product, new_image, spectral

with rasterio.Env() as environment:
    pytestmark = pytest.mark.skipif("GTI" not in environment.drivers(), reason="GDAL before 3.9 has no tile indexes")

CORNERS = [(500_000, 4_000_000), (501_200, 3_998_800), (500_600, 4_000_600)]  # of images that overlap
SHAPE = (64, 48)
BESIDE = (500_610, 4_000_590)  # a corner that is beside the pixels of the others
KINDS = ("none", "nodata 0", "nodata 7", "mask", "alpha", "mask and nodata 7")

generic = partial(partial, GenericBand, data_range=(0, 100))


def write(path: Path, array: Any, kind: str, corner: tuple[int, int], seed: int) -> Path:
    """Write pixels as a file of others, whose nodata, internal mask or alpha band says which are valid."""
    random = numpy.random.default_rng(seed)
    profile: dict[str, Any] = {"driver": "GTiff", "dtype": array.dtype, "height": SHAPE[0], "width": SHAPE[1]}
    profile |= {"crs": "EPSG:32618", "transform": rasterio.Affine(60, 0, corner[0], 0, -60, corner[1])}
    if "nodata" in kind:
        profile["nodata"] = int(kind[-1])
    if kind == "alpha":
        opacity = (random.random((1, *SHAPE)) < 0.7).astype(array.dtype)
        array = numpy.concatenate([array, opacity])
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", count=len(array), **profile) as file,
    ):
        file.write(array)
        if kind == "alpha":
            file.colorinterp = [*[ColorInterp.undefined] * (len(array) - 1), ColorInterp.alpha]
        if "mask" in kind:
            file.write_mask(random.random(SHAPE) < 0.7)
    return path


def pixels(dtype: str, seed: int, count: int = 2) -> Any:
    """Return (band, row, column) with values of the whole range, many that some files have as nodata, and NaN."""
    random = numpy.random.default_rng(seed)
    shape = (count, *SHAPE)
    if numpy.dtype(dtype).kind == "f":
        array = random.normal(0, 1000, shape).astype(dtype)
        array[random.random(shape) < 0.1] = math.nan
    else:
        limits = numpy.iinfo(dtype)
        array = random.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
    for value in (0, 7):
        array[random.random(shape) < 0.1] = value
    return array


def add(product: Product, name: str, *files: Path) -> None:
    new_image(product, name, acquired=f"2020-01-0{name[-1]}").upload(list(files), copy=False).raise_for_status()


def check(catalog: Catalog, bands: list[str], types: list[str]) -> list[float | None]:
    """Compare each band of the index of product a with our mosaic; return the nodata of the index."""
    (path,) = catalog.to_gti("a", progress=False)
    with rasterio.open(path) as index:
        assert list(index.dtypes) == types
        seen = [index.read(number, masked=True) for number in index.indexes]
        area = AOI(
            bounds=index.bounds, bounds_crs=index.crs, crs=index.crs, resolution=index.res[0], align_pixels=False
        )
        nodata = list(index.nodatavals)
    for name, found in zip(bands, seen, strict=True):
        ours = catalog.images.sort("acquired").collect().mosaic(name, area)[0]
        assert_array_equal(numpy.ma.getmaskarray(found), numpy.ma.getmaskarray(ours), name)
        assert_array_equal(found.filled(0), ours.filled(0), name)
        assert 0 < numpy.ma.getmaskarray(ours).mean() < 1
    return nodata


@pytest.mark.parametrize(
    ("kinds", "type", "nodata"),
    [
        (("none", "none", "none"), "uint16", None),
        (("nodata 0", "nodata 0", "nodata 0"), "uint16", 0),
        (("mask", "mask", "mask"), "uint16", None),
        (("mask", "none", "alpha"), "uint16", None),
        (("none", "nodata 7", "none"), "int32", -(2**31)),  # no value marks the invalid pixels of all three
        (("nodata 0", "nodata 7", "nodata 0"), "int32", -(2**31)),
        (("mask and nodata 7", "alpha", "nodata 0"), "int32", -(2**31)),
        (("mask and nodata 7", "nodata 7", "nodata 7"), "uint16", 7),
    ],
)
def test_images_that_differ_in_what_makes_pixels_invalid(
    catalog: Catalog, tmp_path: Path, kinds: tuple[str, ...], type: str, nodata: float | None
) -> None:
    """Before, the mask was that of the files, or the nodata that of the bands, whatever the other files said."""
    product = make_product("a", spectral("red"), spectral("nir"), catalog=catalog)
    for day, (kind, corner) in enumerate(zip(kinds, CORNERS, strict=True), start=1):
        add(product, f"s{day}", write(tmp_path / f"{day}.tif", pixels("uint16", day), kind, corner, day))
    assert check(catalog, ["red", "nir"], [type, type]) == [nodata, nodata]


@pytest.mark.parametrize(
    ("data_type", "wider", "nodata"),
    [
        ("Byte", "int16", -(2.0**15)),
        ("Int16", "int32", -(2.0**31)),
        ("UInt32", "float64", math.nan),
        ("Int32", "float64", math.nan),
        ("Float32", "float32", math.nan),
        ("Float64", "float64", math.nan),
    ],
)
def test_bands_without_nodata_beside_one_that_has_it(
    catalog: Catalog, tmp_path: Path, data_type: str, wider: str, nodata: float
) -> None:
    """Before, GDAL masked what the mosaic of ours has of them."""
    product = make_product(
        "a", generic(name="odd", nodata=7), generic(name="even"), catalog=catalog, data_type=data_type
    )
    dtype = numpy.dtype(data_type.lower() if data_type != "Byte" else "uint8")
    for day, (kind, corner) in enumerate(zip(("none", "mask", "alpha"), CORNERS, strict=True), start=1):
        add(product, f"s{day}", write(tmp_path / f"{day}.tif", pixels(dtype.name, day), kind, corner, day))
    assert_array_equal(check(catalog, ["odd", "even"], [dtype.name, wider]), [7, nodata])


@pytest.mark.parametrize("seed", range(6))
def test_any_mixture_is_seen_as_the_mosaic_has_it(catalog: Catalog, tmp_path: Path, seed: int) -> None:
    """Bands of several types in files of their own; one image is beside the pixels of the others."""
    random = numpy.random.default_rng(seed)
    types = random.choice(["Byte", "Int16", "Int32", "Float32"], 3).tolist()
    nodata = [None if value < 0 else value for value in random.choice([-1, -1, 0, 7], 3).tolist()]
    bands = [
        generic(name=f"b{number}", data_type=data_type, nodata=value, file_index=number, band_index=0)
        for number, (data_type, value) in enumerate(zip(types, nodata, strict=True))
    ]
    product = make_product("a", *bands, catalog=catalog)
    for day, corner in enumerate([*CORNERS[:2], BESIDE], start=1):
        files = []
        for number, data_type in enumerate(types):
            dtype = "uint8" if data_type == "Byte" else data_type.lower()
            path, kind = tmp_path / f"{day}-{number}.tif", random.choice(KINDS)
            files.append(write(path, pixels(dtype, 10 * day + number, count=1), kind, corner, day))
        add(product, f"s{day}", *files)
    (path,) = catalog.to_gti("a", progress=False)
    with rasterio.open(path) as index:
        stored = list(index.dtypes)
    check(catalog, [band.keywords["name"] for band in bands], stored)


def test_an_alpha_band_of_another_type_than_the_others(catalog: Catalog, tmp_path: Path) -> None:
    """Before, GDAL cut the values of all bands of a virtual file to those of the last one's type."""
    product = make_product("a", spectral("red"), spectral("nir"), alpha(data_type="Byte"), catalog=catalog)
    for day, corner in enumerate([*CORNERS[:2], BESIDE], start=1):
        array = numpy.concatenate([pixels("uint16", day), pixels("uint16", 9 + day, count=1) % 2])
        add(product, f"s{day}", write(tmp_path / f"{day}.tif", array, "none", corner, day))
    assert check(catalog, ["red", "nir", "alpha"], ["uint16", "uint16", "uint8"]) == [None, None, None]


def test_a_mask_beside_a_file_does_not_count_in_its_mosaic(catalog: Catalog, tmp_path: Path) -> None:
    """Choice 25. Before, GDAL read the sidecar of a file that was listed as it is."""
    product = make_product("a", spectral("red"), catalog=catalog)
    paths = [
        write(tmp_path / f"{day}.tif", pixels("uint16", day, count=1), "none", corner, day)
        for day, corner in enumerate(CORNERS, start=1)
    ]
    write(tmp_path / "2.tif.msk", numpy.zeros((1, *SHAPE), "uint8"), "none", CORNERS[1], 2)
    add(product, "s1", paths[0])
    with pytest.warns(RasterWarning, match=r"2\.tif\.msk, which is not read"):
        add(product, "s2", paths[1])
    add(product, "s3", paths[2])
    assert check(catalog, ["red"], ["uint16"]) == [None]


def test_a_file_that_is_away_is_named(catalog: Catalog, tmp_path: Path) -> None:
    """Before, the index had it, and GDAL failed where it was to be read."""
    product = make_product("a", spectral("red"), catalog=catalog)
    path = write(tmp_path / "1.tif", pixels("uint16", 1, count=1), "none", CORNERS[0], 1)
    add(product, "s1", path)
    path.unlink()
    with pytest.raises(ImageDeletedError, match=r"1\.tif"):
        catalog.to_gti("a", tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []
    assert catalog.images.filter(p.name == "s1").count() == 1
