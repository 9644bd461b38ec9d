"""Pixels beside the libraries that one would use instead, on the same sixteen files, in turns; by the clock.

odc-stac loads stacks from our Items, rasterio merges mosaics, rio-tiler reads tiles and points, rio-cogeo writes COGs,
and a loop of rasterio's `sample` follows a place through the files. They are of the extra [test]. All but the warped
stack and the tile, where two resamplings are no fault of either, have to give the same pixels first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import rasterio
import rasterio.merge
import rasterio.warp
from affine import Affine
from rasterio.io import MemoryFile

from benchmarks.pixels import CRS, SIDE, STEP, TILE, add, add_bands, context, meta, path_of, terrain
from localcat import AOI, Catalog, ImageCollection, Product, XYZTile

pytestmark = pytest.mark.filterwarnings(  # of peers; the last one when two threads warp at once
    "ignore::DeprecationWarning",
    "ignore::PendingDeprecationWarning",
    "ignore::rasterio.errors.NotGeoreferencedWarning",
)

BANDS = ["a", "b"]
ROUNDS = 15
ZONE = "EPSG:32617"  # beside that of the files
ZOOM = 13


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Sixteen images in four rows and columns, which overlap a little, with a few columns of nodata each."""
    path = tmp_path_factory.mktemp("peers") / "peers.gpkg"
    side = 3 * STEP + TILE
    with Catalog.create(path, org="bench") as catalog, catalog.as_default():
        product = Product(id="pixels", name="Pixels")
        product.save()
        add_bands(product, nodata=0)
        images = []
        for number in range(16):
            array = terrain(TILE, seed=number)
            array[:, : TILE // 25 + number] = 0
            images.append(add(product, array, meta(number % 4 * STEP, number // 4 * STEP)))
        west, south, east, north = images[5].geometry.bounds
        yield SimpleNamespace(
            product=product,
            images=ImageCollection(images, geocontext=context(side, side)),
            paths=[str(path_of(image)) for image in images],
            items=[image.to_stac_item() for image in images],
            bounds=context(side, side).bounds,
            place=((west + east) / 2, (south + north) / 2),
        )


def loaded(files: SimpleNamespace, crs: str, resampling: str, shape: tuple[int, int], transform: Affine) -> Any:
    """Return the stack as odc-stac loads it, computed by as many threads as there are processors."""
    stac = pytest.importorskip("odc.stac", reason="comes with the extra [test]")
    geo = pytest.importorskip("odc.geo.geobox", reason="comes with the extra [test]")
    pystac = pytest.importorskip("pystac", reason="comes with the extra [test]")
    items = [pystac.Item.from_dict(item) for item in files.items]
    box = geo.GeoBox(shape, transform, crs)
    return lambda: stac.load(items, bands=BANDS, geobox=box, resampling=resampling, groupby="id", pool=2)


def grid_of(images: ImageCollection, place: AOI) -> tuple[tuple[int, int], Affine]:
    array, said = images[0].ndarray("a", place, raster_info=True)
    return array.shape[1:], Affine.from_gdal(*said["geoTransform"])


def test_stack_on_the_grid_of_the_files(in_turns, files: SimpleNamespace) -> None:
    place = files.images.geocontext
    peer = loaded(files, CRS, "nearest", *grid_of(files.images, place))

    def ours() -> numpy.ma.MaskedArray:
        return files.images.stack("a b")

    theirs = peer()
    by_id = [str(image.id) for image in files.images]
    assert len(theirs["a"]) == len(by_id) == len(ours())
    assert sum(int(layer.filled(0).sum()) for layer in ours()[:, 0]) == int(theirs["a"].values.astype("int64").sum())
    in_turns(f"stack of 16 × 2 × {TILE}², native grid (floor: odc-stac)", ours, peer, rounds=ROUNDS)


def test_stack_in_another_zone(in_turns, files: SimpleNamespace) -> None:
    place = AOI(bounds=files.bounds, bounds_crs=CRS, crs=ZONE, resolution=30.0, align_pixels=False)
    images = ImageCollection(list(files.images), geocontext=place)
    peer = loaded(files, ZONE, "bilinear", *grid_of(images, place))

    def ours() -> numpy.ma.MaskedArray:
        return images.stack("a b", resampler="bilinear")

    ours_filled, theirs = ours()[:, 0].filled(0), peer()["a"].values
    assert ours_filled.shape == theirs.shape
    question = "stack of the same in another zone at 30 m, bilinear (floor: odc-stac)"
    in_turns(question, ours, peer, rounds=ROUNDS)


def test_mosaic(in_turns, files: SimpleNamespace) -> None:
    paths = files.paths[::-1]  # where it overlaps, rasterio's first one lies on top

    def peer() -> numpy.ndarray:
        return rasterio.merge.merge(paths, bounds=files.bounds)[0]

    def ours() -> numpy.ma.MaskedArray:
        return files.images.mosaic("a b")

    assert (ours().filled(0) == peer()).all()
    in_turns(f"mosaic of 16 × 2 × {TILE}² (floor: rasterio.merge)", ours, peer, rounds=ROUNDS)


def test_tile(in_turns, files: SimpleNamespace) -> None:
    reader = pytest.importorskip("rio_tiler.io", reason="comes with the extra [test]").Reader
    lon, lat = files.place
    count = 2**ZOOM
    column = int((lon + 180) / 360 * count)
    row = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * count)
    tile, image = XYZTile(column, row, ZOOM), files.images[5]

    def peer() -> Any:
        with reader(files.paths[5]) as file:
            return file.tile(column, row, ZOOM, indexes=(1, 2), tilesize=256)

    def ours() -> numpy.ma.MaskedArray:
        return image.ndarray("a b", tile, resampler="near")

    assert ours().shape == peer().array.shape
    in_turns("XYZ tile of 256, 2 bands (floor: rio-tiler)", ours, peer, rounds=4 * ROUNDS)


def test_point(in_turns, files: SimpleNamespace) -> None:
    reader = pytest.importorskip("rio_tiler.io", reason="comes with the extra [test]").Reader
    image = files.images[5]

    def peer() -> Any:
        with reader(files.paths[5]) as file:
            return file.point(*files.place, indexes=(1, 2))

    assert image.point(*files.place).values == tuple(peer().array.tolist())
    in_turns(
        "values at a point, 2 bands (floor: rio-tiler)", lambda: image.point(*files.place), peer, rounds=4 * ROUNDS
    )


def test_a_place_in_all_images(in_turns, files: SimpleNamespace) -> None:
    def peer() -> list[Any]:
        found = []
        for path in files.paths:
            with rasterio.open(path) as file:
                (x,), (y,) = rasterio.warp.transform("EPSG:4326", file.crs, *([one] for one in files.place))
                found.append(next(file.sample([(x, y)])))
        return found

    def ours() -> Any:
        return files.images.point_series(*files.place, BANDS)

    inside = [values.tolist() for values in peer() if values.any()]
    assert sorted(ours().values.tolist()) == sorted(inside)
    in_turns("values at a place in 16 files (floor: a loop of rasterio's sample)", ours, peer, rounds=2 * ROUNDS)


def test_write(in_turns, files: SimpleNamespace, tmp_path: Path) -> None:
    cogeo = pytest.importorskip("rio_cogeo", reason="comes with the extra [test]")
    array, paths = terrain(SIDE // 2), (tmp_path / f"{number}.tif" for number in range(1000))
    profile = {**cogeo.cog_profiles.get("deflate"), "NUM_THREADS": "ALL_CPUS", "PREDICTOR": 2}
    transform = Affine.from_gdal(*meta()["geoTransform"])
    bands, height, width = array.shape

    def peer() -> None:
        shape = {"count": bands, "height": height, "width": width, "dtype": array.dtype, "nodata": 0}
        with MemoryFile() as memory:
            with memory.open(driver="GTiff", crs=CRS, transform=transform, **shape) as file:
                file.write(array)
            cogeo.cog_translate(memory, str(next(paths)), profile, quiet=True, in_memory=True)

    def ours() -> None:
        add(files.product, array)

    in_turns(f"write a COG of 2 × {SIDE // 2}² (floor: rio-cogeo)", ours, peer, rounds=ROUNDS)
