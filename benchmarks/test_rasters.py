"""Pixels in and out beside the bare rasterio calls for the same bytes, in the same run.

Every benchmark asserts first that both give the same answer.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy
import pytest
import rasterio
import rasterio.merge
import rasterio.shutil
from affine import Affine
from rasterio.io import MemoryFile
from rasterio.windows import Window

from benchmarks.conftest import IMAGES
from localcat import AOI, Catalog, Image, ImageCollection, Product, SpectralBand
from localcat import properties as p

SIDE = 4096 if IMAGES >= 100_000 else 1024  # pixels; a smoke run takes less
TILE = SIDE // 4
SIZE, LEFT, TOP = 10, 500_000, 4_000_000  # metres
CRS = "EPSG:32618"
STEP = TILE - 100  # pixels from one image of the mosaic to the next
COG = {"driver": "COG", "COMPRESS": "DEFLATE", "PREDICTOR": "YES", "BLOCKSIZE": "512", "BIGTIFF": "IF_SAFER"}


def terrain(side: int, seed: int = 0) -> numpy.ndarray:
    """Return two bands of uint16 that compress as satellite images do, about two to one."""
    rows, columns = numpy.mgrid[0:side, 0:side].astype("float32")
    smooth = 3000 + 1500 * numpy.sin(columns / 97) + 1200 * numpy.cos(rows / 131)
    noise = numpy.random.default_rng(seed).integers(0, 60, (side, side))
    return numpy.stack([(smooth + noise + 100 * band).astype("uint16") for band in range(2)])


def meta(column: int = 0, row: int = 0) -> dict:
    return {
        "geoTransform": [LEFT + column * SIZE, SIZE, 0, TOP - row * SIZE, 0, -SIZE],
        "coordinateSystem": {"epsg": 32618},
    }


def context(rows: int, columns: int, *, column: int = 0, row: int = 0, shape: tuple[int, int] | None = None) -> AOI:
    left, top = LEFT + column * SIZE, TOP - row * SIZE
    return AOI(
        crs=CRS,
        bounds=(left, top - rows * SIZE, left + columns * SIZE, top),
        bounds_crs=CRS,
        shape=shape or (rows, columns),
    )


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


def add_bands(product: Product) -> None:
    for index, name in enumerate("ab"):
        SpectralBand(name=name, product=product, data_type="UInt16", data_range=(0, 10_000), band_index=index).save()


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product in a catalog of its own, which writes through to the disk as any does."""
    path = tmp_path_factory.mktemp("rasters") / "rasters.gpkg"
    with Catalog.create(path, org="bench") as catalog, catalog.as_default():
        product = Product(id="pixels", name="Pixels")
        product.save()
        add_bands(product)
        yield product


_numbers = itertools.count()


def add(product: Product, array: numpy.ndarray, place: dict | None = None, **options) -> Image:
    image = Image(product=product, name=f"image{next(_numbers)}", acquired="2020-01-01")
    upload = image.upload_ndarray(array, raster_meta=place or meta(), **options)
    if options.get("wait", True):
        upload.raise_for_status()
    return image


def path_of(image: Image) -> Path:
    return image._catalog.path_of(image.files[0])


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


who = pytest.mark.parametrize("who", ["rasterio", "localcat"])


def timed(benchmark, group: str, function: Callable[[], object], rounds: int, *, warmup_rounds: int = 1) -> None:
    benchmark.group = group
    benchmark.pedantic(function, rounds=rounds, warmup_rounds=warmup_rounds)


@pytest.fixture(scope="module")
def bare(array: numpy.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bare") / "bare.tif"
    bare_cog(array, path)
    return path


@who
def test_upload_of_an_array(
    benchmark, product: Product, array: numpy.ndarray, large: Image, bare: Path, who: str
) -> None:
    with rasterio.open(bare) as written, rasterio.open(path_of(large)) as stored:
        assert written.overviews(1) == stored.overviews(1)
        assert (written.read() == stored.read()).all()
    upload = (lambda: add(product, array)) if who == "localcat" else (lambda: bare_cog(array, bare))
    timed(benchmark, f"upload of {SIDE} x {SIDE}", upload, 2, warmup_rounds=0)


@who
@pytest.mark.parametrize("window", ["full", "window", "small window"])
def test_read(benchmark, large: Image, who: str, window: str) -> None:
    width, height = {"full": (SIDE, SIDE), "window": (SIDE // 6, SIDE // 7), "small window": (256, 256)}[window]
    part = Window(0, 0, width, height) if window == "full" else Window(200, 300, width, height)
    place = context(part.height, part.width, column=part.col_off, row=part.row_off)

    def bare() -> numpy.ndarray:
        with rasterio.open(path_of(large)) as dataset:
            return dataset.read([1, 2], window=part)

    def ours() -> numpy.ndarray:
        return large.ndarray("a b", None if window == "full" else place)

    assert (bare() == ours()).all()
    timed(benchmark, f"read {window}", ours if who == "localcat" else bare, 10 if window == "full" else 50)


@pytest.mark.parametrize("overviews", [False, True], ids=["full resolution", "overviews"])
def test_decimated_read(benchmark, product: Product, array: numpy.ndarray, large: Image, overviews: bool) -> None:
    image = large if overviews else add(product, array, overviews=[])
    place = context(SIDE, SIDE, shape=(SIDE // 8, SIDE // 8))
    expected = array.reshape(2, SIDE // 8, 8, SIDE // 8, 8).mean(axis=(2, 4))
    found = image.ndarray("a b", place, resampler="average")
    assert numpy.abs(found.astype(float) - expected).max() <= (2 if overviews else 0.6)
    timed(benchmark, "read at an eighth", lambda: image.ndarray("a b", place, resampler="average"), 5)


@pytest.fixture(scope="module")
def scattered(product: Product, tiles: list[numpy.ndarray]) -> list[Image]:
    """16 images in four rows and columns, which overlap a little."""
    return [
        add(product, tiles[(number + number // 4) % 4], meta(number % 4 * STEP, number // 4 * STEP))
        for number in range(16)
    ]


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of rasterio.merge, about affine
@who
def test_mosaic_of_16_images(benchmark, scattered: list[Image], who: str) -> None:
    side = 3 * STEP + TILE
    collection = ImageCollection(scattered, geocontext=context(side, side))
    paths = [path_of(image) for image in reversed(scattered)]  # where it overlaps, rasterio's first one lies on top

    def bare() -> numpy.ndarray:
        return rasterio.merge.merge(paths)[0]

    def ours() -> numpy.ndarray:
        return collection.mosaic("a b")

    assert not ours().mask.any()
    assert (bare() == ours()).all()
    timed(benchmark, "mosaic of 16", ours if who == "localcat" else bare, 10)


@pytest.mark.parametrize("workers", [1, None], ids=["one thread", "threads"])
def test_stack_of_32_images(benchmark, pile: list[Image], tiles: list[numpy.ndarray], workers: int | None) -> None:
    collection = ImageCollection(pile, geocontext=context(TILE, TILE))
    stack = collection.stack("a b", max_workers=workers)
    assert all((stack[number] == tiles[number % 4]).all() for number in range(32))
    timed(benchmark, "stack of 32", lambda: collection.stack("a b", max_workers=workers), 5)


@pytest.mark.parametrize("wait", [True, False], ids=["synchronous", "background"])
def test_32_uploads(benchmark, product: Product, tiles: list[numpy.ndarray], wait: bool) -> None:
    def upload(number: int = 32) -> list[Image]:
        images = [add(product, tiles[number % 4], wait=wait) for number in range(number)]
        for image in images:
            image.image_uploads().first().wait_for_completion()
        return images

    for image, array in zip(upload(4), tiles, strict=True):
        assert (product.images().filter(p.id == image.id).first().ndarray("a b") == array).all()
    timed(benchmark, "32 uploads", upload, 1, warmup_rounds=0)


def test_point_series(benchmark, pile: list[Image]) -> None:
    images = ImageCollection(pile)
    west, south, east, north = images[0].geometry.bounds
    place = ((west + east) / 2, (south + north) / 2)
    assert len(images.point_series(*place, "a")) == len(pile)
    timed(benchmark, f"values of {len(pile)} images at a place", lambda: images.point_series(*place, "a"), 5)
