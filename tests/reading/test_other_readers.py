"""What other programs see as valid in the files of uploads: the same pixels as localcat does, whatever marks them."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import odc.stac
import pystac
import pytest
import rasterio
import rioxarray
import shapely
from affine import Affine
from numpy.testing import assert_array_equal
from rasterio.enums import ColorInterp
from rasterio.env import Env
from rasterio.merge import merge
from rasterio.vrt import WarpedVRT
from rio_tiler.io import Reader

from localcat import Catalog, Image
from tests.small_catalog import alpha, make_product, new_image, spectral, upload

pytestmark = pytest.mark.filterwarnings("ignore")  # of other libraries

ROWS, COLUMNS = 64, 96
META = {"geoTransform": [600_000, 10, 0, 5_300_000, 0, -10], "coordinateSystem": {"epsg": 32632}}
VALID = numpy.zeros((ROWS, COLUMNS), dtype=bool)
VALID[:, 24:] = True
VALID[20:40, 40:70] = False
HALF = 127  # opacity is of 255 or of the largest value of the pixels' type
TYPES = {"Byte": "uint8", "UInt16": "uint16", "Int16": "int16", "Float32": "float32"}
KINDS = [
    (data_type, kind)
    for data_type in TYPES
    for kind in ("alpha", "nodata", "internal mask", "NaN", "NaN beside nodata", "alpha and nodata")
    if data_type == "Float32" or "NaN" not in kind
]


def product_of(kind: str, data_type: str, count: int) -> Any:
    bands = [spectral(f"b{at}", nodata=9 if "nodata" in kind else None) for at in range(count)]
    return make_product("p", *bands, *([alpha()] if "alpha" in kind else []), data_type=data_type)


def pixels_of(kind: str, data_type: str, count: int) -> Any:
    """Return an array in which exactly the pixels of `VALID` are."""
    pixels = numpy.full((count, ROWS, COLUMNS), 50, TYPES[data_type])
    half = ~VALID & (numpy.arange(COLUMNS) % 2 == 0)
    if kind == "alpha":
        pixels = numpy.concatenate((pixels, VALID[numpy.newaxis].astype(pixels.dtype)))
    elif kind == "alpha and nodata":
        pixels[:, half] = 9
        pixels = numpy.concatenate((pixels, (VALID | half)[numpy.newaxis].astype(pixels.dtype)))
    elif kind == "internal mask":
        pixels = numpy.ma.MaskedArray(pixels, mask=numpy.broadcast_to(~VALID, pixels.shape))
    else:
        pixels[:, ~VALID] = 9 if kind == "nodata" else numpy.nan
        if kind == "NaN beside nodata":
            pixels[:, half] = 9
    return pixels


def dataset_mask(path: Path, count: int) -> Any:
    with rasterio.open(path) as file:
        return file.dataset_mask() == 255


def warped(path: Path, count: int) -> Any:
    with rasterio.open(path) as file, WarpedVRT(file, crs=file.crs, add_alpha=not has_alpha(file)) as view:
        return view.read(view.count) > HALF


def has_alpha(file: Any) -> bool:
    return ColorInterp.alpha in file.colorinterp


def merged(path: Path, count: int) -> Any:
    with rasterio.open(path) as file:
        found = merge([file], masked=True)[0][:count]
    return (~numpy.ma.getmaskarray(found) & numpy.isfinite(found.data)).any(axis=0)


def tiled(path: Path, count: int) -> Any:
    with Reader(str(path)) as reader:
        found = reader.read(indexes=tuple(range(1, count + 1)))
    return found.mask.reshape(-1, ROWS, COLUMNS).max(axis=0) > HALF


def as_xarray(path: Path, count: int) -> Any:
    return numpy.isfinite(rioxarray.open_rasterio(path, masked=True).values[:count]).any(axis=0)


def tile_index(path: Path, count: int) -> Any:
    """Return what GDAL sees through an index of tiles, of which the file is the only one."""
    west, north = META["geoTransform"][0], META["geoTransform"][3]
    outline = shapely.box(west, north - 10 * ROWS, west + 10 * COLUMNS, north)
    tile = {"type": "Feature", "properties": {"location": str(path)}, "geometry": shapely.geometry.mapping(outline)}
    system = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32632"}}
    index = path.with_suffix(".geojson")
    index.write_text(json.dumps({"type": "FeatureCollection", "crs": system, "features": [tile]}))
    with rasterio.open(f"GTI:{index}", RESX=10, RESY=10) as file:
        return file.dataset_mask() == 255


READERS: dict[str, Callable[[Path, int], Any]] = {
    "rasterio": dataset_mask,
    "WarpedVRT": warped,
    "rasterio.merge": merged,
    "rio-tiler": tiled,
    "rioxarray": as_xarray,
}
with Env() as environment:
    if "GTI" in environment.drivers():
        READERS["GDAL's tile index"] = tile_index


def check(catalog: Catalog, image: Image, count: int, folder: Path) -> None:
    ours = ~numpy.ma.getmaskarray(image.ndarray([f"b{at}" for at in range(count)]))
    assert_array_equal(ours, numpy.broadcast_to(VALID, ours.shape))
    path = folder / "x.tif"  # where an index may be beside it
    path.write_bytes(catalog.path_of(image.files[0]).read_bytes())
    found = {name: reader(path, count) for name, reader in READERS.items()}
    assert {name: int((mask != VALID).sum()) for name, mask in found.items()} == dict.fromkeys(READERS, 0)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize(("data_type", "kind"), KINDS)
def test_all_readers_see_the_same_pixels_as_valid(catalog: Catalog, tmp_path, data_type, kind, count) -> None:
    """Choice 25; 3.9."""
    image = upload(product_of(kind, data_type, count), "x", pixels_of(kind, data_type, count), meta=META)
    check(catalog, image, count, tmp_path)


@pytest.mark.parametrize("data_type", ["Byte", "UInt16"])
def test_all_readers_see_the_same_pixels_of_an_image_of_several_nodata_values(catalog: Catalog, tmp_path, data_type):
    """Choice 25: no nodata of GDAL's says that of band 0 and that of band 1; a pixel is valid where any band is."""
    product = make_product("p", spectral("b0", nodata=9), spectral("b1", nodata=7), data_type=data_type)
    pixels = numpy.full((2, ROWS, COLUMNS), 50, TYPES[data_type])
    pixels[0, ~VALID], pixels[1, ~VALID] = 9, 7
    check(catalog, upload(product, "x", pixels, meta=META), 2, tmp_path)


@pytest.mark.parametrize("nodata", [None, 9])
def test_files_that_are_rewritten_say_the_same_to_all(catalog: Catalog, tmp_path, nodata) -> None:
    """Choice 25: an alpha band of 0 and 1 with the colour alpha is as good as transparent to most programs."""
    path = tmp_path / "source.tif"
    pixels = pixels_of("alpha" if nodata is None else "alpha and nodata", "UInt16", 1)
    grid = {"crs": "EPSG:32632", "transform": Affine.from_gdal(*META["geoTransform"]), "nodata": nodata}
    with rasterio.open(
        path, "w", driver="GTiff", count=2, dtype="uint16", height=ROWS, width=COLUMNS, ALPHA="YES", **grid
    ) as file:
        file.colorinterp = [ColorInterp.gray, ColorInterp.alpha]
        file.write(pixels)
    image = new_image(make_product("p", spectral("b0", nodata=nodata)))
    image.upload(path, cog=True).raise_for_status()
    check(catalog, image, 1, tmp_path)


@pytest.mark.parametrize("data_type", ["Byte", "UInt16"])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_an_opacity_that_gdal_makes_no_mask_of_is_told_by_one(catalog: Catalog, tmp_path, count, data_type) -> None:
    """Choice 25: GDAL takes an alpha band for the mask of the others in files of two bands and of four."""
    dtype = TYPES[data_type]
    pixels = pixels_of("alpha", data_type, count)
    pixels[-1] *= numpy.iinfo(dtype).max
    grid = {"crs": "EPSG:32632", "transform": Affine.from_gdal(*META["geoTransform"])}
    size = {"count": count + 1, "dtype": dtype, "height": ROWS, "width": COLUMNS}
    path = tmp_path / "source.tif"
    with rasterio.open(path, "w", driver="GTiff", photometric="minisblack", **size, **grid) as file:
        file.colorinterp = [*[ColorInterp.gray] * count, ColorInterp.alpha]
        file.write(pixels)
    product = make_product("p", *(spectral(f"b{at}") for at in range(count)), data_type=data_type)
    image = new_image(product)
    image.upload(path, cog=True).raise_for_status()
    check(catalog, image, count, tmp_path)
    with rasterio.open(catalog.path_of(image.files[0])) as file:
        assert has_alpha(file) == (count in (1, 3))
        assert_array_equal(file.read(), pixels)


@pytest.mark.parametrize("kind", ["nodata", "NaN"])
def test_who_looks_at_nodata_alone_finds_it_where_there_is_nothing_else(catalog: Catalog, kind) -> None:
    """3.9: odc-stac knows neither masks nor alpha; the alpha band is a band of its own to it."""
    image = upload(product_of(kind, "Float32", 1), "x", pixels_of(kind, "Float32", 1), meta=META)
    item = pystac.Item("x", shapely.geometry.mapping(image.geometry), list(image.geometry.bounds), TIME, {})
    item.add_asset("b0", pystac.Asset(str(catalog.path_of(image.files[0])), media_type="image/tiff", roles=["data"]))
    found = odc.stac.load([item], crs="EPSG:32632", resolution=10, stac_cfg=BANDS)["b0"].values[0]
    assert_array_equal(numpy.isfinite(found) & (found != 9), VALID)


TIME = datetime.datetime(2020, 1, 1)
BANDS = {"*": {"assets": {"*": {"data_type": "float32"}}}}


@pytest.mark.parametrize("overviews", [[2, 4]])
@pytest.mark.parametrize("kind", ["alpha", "nodata", "internal mask", "alpha and nodata"])
def test_overviews_are_valid_wherever_a_pixel_below_is(catalog: Catalog, kind, overviews) -> None:
    """Choice 26."""
    image = upload(
        product_of(kind, "UInt16", 1), "x", pixels_of(kind, "UInt16", 1), meta=META, options={"overviews": overviews}
    )
    for level, factor in enumerate(overviews):
        with rasterio.open(catalog.path_of(image.files[0]), overview_level=level) as file:
            below = VALID.reshape(ROWS // factor, factor, COLUMNS // factor, factor).any(axis=(1, 3))
            assert_array_equal(file.dataset_mask() == 255, below)
            assert (file.read(1)[below] == 50).all()
