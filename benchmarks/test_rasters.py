"""Pixels in and out beside the bare rasterio calls for the same bytes, in the same run.

Every benchmark asserts first that both give the same answer.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
import rasterio
import rasterio.merge
import rasterio.shutil
import rasterio.warp
from affine import Affine
from rasterio.io import MemoryFile
from rasterio.windows import Window

from benchmarks.pixels import CRS, SIDE, STEP, TILE, add, add_bands, context, meta, path_of, terrain
from localcat import Catalog, Image, ImageCollection, Product
from localcat import properties as p

COG = {"driver": "COG", "COMPRESS": "DEFLATE", "PREDICTOR": "YES", "BLOCKSIZE": "512", "BIGTIFF": "IF_SAFER"}


def bare_cog(array: numpy.ndarray, path: Path) -> str:
    """Write an array with the same driver and options, bring it onto the disk and return its sha256."""
    count, height, width = array.shape
    transform = Affine.from_gdal(*meta()["geoTransform"])
    with MemoryFile(ext=".tif") as memory:
        with memory.open(
            driver="GTiff",
            width=width,
            height=height,
            count=count,
            dtype=array.dtype,
            crs=CRS,
            transform=transform,
            tiled=True,
            blockxsize=512,
            blockysize=512,
            interleave="band",
        ) as dataset:
            dataset.write(array)
        options = {**COG, "OVERVIEWS": "AUTO", "OVERVIEW_RESAMPLING": "AVERAGE", "NUM_THREADS": str(os.cpu_count())}
        rasterio.shutil.copy(memory.name, path, **options)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    return digest


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product in a catalog of its own, which writes through to the disk as any does."""
    path = tmp_path_factory.mktemp("rasters") / "rasters.gpkg"
    with Catalog.create(path, org="bench") as catalog, catalog.as_default():
        product = Product(id="pixels", name="Pixels")
        product.save()
        add_bands(product)
        yield product


@pytest.fixture(scope="module")
def array() -> numpy.ndarray:
    return terrain(SIDE)


@pytest.fixture(scope="module")
def large(product: Product, array: numpy.ndarray) -> Image:
    return add(product, array)


@pytest.fixture(scope="module")
def tiles() -> list[numpy.ndarray]:
    return [terrain(TILE, seed=number) for number in range(4)]


@pytest.fixture(scope="module")
def pile(product: Product, tiles: list[numpy.ndarray]) -> list[Image]:
    """32 images of the same place."""
    return [add(product, tiles[number % 4]) for number in range(32)]


@pytest.fixture(scope="module")
def bare(array: numpy.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bare") / "bare.tif"
    bare_cog(array, path)
    return path


def test_upload_of_an_array(in_turns, product: Product, array: numpy.ndarray, large: Image, bare: Path) -> None:
    with rasterio.open(bare) as written, rasterio.open(path_of(large)) as stored:
        assert written.overviews(1) == stored.overviews(1)
        assert (written.read() == stored.read()).all()
    question = f"upload an array of {SIDE} × {SIDE} (floor: the same COG, fsync and sha256)"
    in_turns(question, lambda: add(product, array), lambda: bare_cog(array, bare), rounds=2)


@pytest.mark.parametrize("window", ["full", "window", "small window"])
def test_read(in_turns, large: Image, window: str) -> None:
    width, height = {"full": (SIDE, SIDE), "window": (SIDE // 6, SIDE // 7), "small window": (256, 256)}[window]
    part = Window(0, 0, width, height) if window == "full" else Window(200, 300, width, height)
    place = context(part.height, part.width, column=part.col_off, row=part.row_off)

    def bare() -> numpy.ndarray:
        with rasterio.open(path_of(large)) as dataset:
            return dataset.read([1, 2], window=part)

    def ours() -> numpy.ndarray:
        return large.ndarray("a b", None if window == "full" else place)

    assert (bare() == ours()).all()
    in_turns(f"read {height} × {width} of {SIDE} × {SIDE}", ours, bare)


def test_decimated_read(in_turns, product: Product, array: numpy.ndarray, large: Image) -> None:
    plain = add(product, array, overviews=[])
    place = context(SIDE, SIDE, shape=(SIDE // 8, SIDE // 8))
    expected = array.reshape(2, SIDE // 8, 8, SIDE // 8, 8).mean(axis=(2, 4))

    def read(image: Image) -> numpy.ndarray:
        return image.ndarray("a b", place, resampler="average")

    assert numpy.abs(read(large).astype(float) - expected).max() <= 2
    assert numpy.abs(read(plain).astype(float) - expected).max() <= 0.6
    question = "read at an eighth, averaged, by overviews (floor: localcat at full resolution)"
    in_turns(question, lambda: read(large), lambda: read(plain), rounds=5)


@pytest.fixture(scope="module")
def scattered(product: Product, tiles: list[numpy.ndarray]) -> list[Image]:
    """16 images in four rows and columns, which overlap a little."""
    return [
        add(product, tiles[(number + number // 4) % 4], meta(number % 4 * STEP, number // 4 * STEP))
        for number in range(16)
    ]


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of rasterio.merge, about affine
def test_mosaic_of_16_images(in_turns, scattered: list[Image]) -> None:
    side = 3 * STEP + TILE
    collection = ImageCollection(scattered, geocontext=context(side, side))
    paths = [path_of(image) for image in reversed(scattered)]  # where it overlaps, rasterio's first one lies on top

    def bare() -> numpy.ndarray:
        return rasterio.merge.merge(paths)[0]

    def ours() -> numpy.ndarray:
        return collection.mosaic("a b")

    assert not ours().mask.any()
    assert (bare() == ours()).all()
    in_turns(f"mosaic of 16 images of {TILE} × {TILE} (floor: rasterio.merge)", ours, bare, rounds=10)


def test_stack_of_32_images(in_turns, pile: list[Image], tiles: list[numpy.ndarray]) -> None:
    collection = ImageCollection(pile, geocontext=context(TILE, TILE))

    def stack(workers: int | None) -> numpy.ndarray:
        return collection.stack("a b", max_workers=workers)

    for workers in (1, None):
        assert all((layer == tiles[number % 4]).all() for number, layer in enumerate(stack(workers)))
    question = f"stack of 32 images of {TILE} × {TILE}, threads (floor: localcat with one)"
    in_turns(question, lambda: stack(None), lambda: stack(1), rounds=5)


@pytest.mark.parametrize("side", [TILE // 4, TILE // 2, TILE])
def test_32_uploads(in_turns, product: Product, side: int) -> None:
    """Up to 512 pixels a side, an array is one tile a band, which GDAL compresses with one thread."""
    arrays = [terrain(side, seed=number) for number in range(4)]

    def upload(number: int = 32, *, wait: bool) -> list[Image]:
        images = [add(product, arrays[number % 4], wait=wait) for number in range(number)]
        for image in images:
            image.image_uploads().first().wait_for_completion()
        return images

    for wait in (True, False):
        for image, array in zip(upload(4, wait=wait), arrays, strict=True):
            assert (product.images().filter(p.id == image.id).first().ndarray("a b") == array).all()
    question = f"32 uploads of {side} × {side} in the background (floor: localcat, one after the other)"
    in_turns(question, lambda: upload(wait=False), lambda: upload(wait=True), rounds=2 if side == TILE else 5)


def test_point_series(benchmark, pile: list[Image]) -> None:
    images = ImageCollection(pile)
    west, south, east, north = images[0].geometry.bounds
    place = ((west + east) / 2, (south + north) / 2)
    assert len(images.point_series(*place, "a")) == len(pile)
    benchmark.group = f"values of {len(pile)} images at a place"
    benchmark(images.point_series, *place, "a")


def test_200_points_in_200_images(in_turns, product: Product) -> None:
    side, count = 512, 200
    images = ImageCollection([add(product, terrain(side, seed=number)) for number in range(count)])
    paths = [path_of(image) for image in images]
    with rasterio.open(paths[0]) as file:
        crs, (west, south, east, north) = file.crs, file.bounds
    inside = numpy.random.default_rng(2).uniform((west, south), (east, north), (count, 2))
    places = numpy.column_stack(rasterio.warp.transform(crs, "EPSG:4326", *inside.T))

    def bare() -> numpy.ndarray:
        found = []
        for path in paths:
            with rasterio.open(path) as file:
                xs, ys = rasterio.warp.transform("EPSG:4326", file.crs, *places.T)
                found.append(list(file.sample(zip(xs, ys, strict=True), indexes=(1, 2))))
        return numpy.array(found).transpose(0, 2, 1)

    def ours() -> numpy.ndarray:
        return images.point_stack(places, "a b").values

    by_id = {str(image.id): position for position, image in enumerate(images)}
    order = [by_id[one] for one in images.point_stack(places, "a").image_ids]
    assert (ours() == bare()[order]).all()
    in_turns("200 points in 200 images of 512 × 512 (floor: a loop of rasterio's sample)", ours, bare, rounds=5)
