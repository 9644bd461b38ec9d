"""Damages catalogs and rasters at random, and uses them: run as ``python -m tests.campaigns.corruption``.

A process of its own for each batch: one that crashes is counted by how it ends, and not survived by luck.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy

from localcat import (
    Catalog,
    CatalogError,
    Image,
    LocalcatError,
    MaskBand,
    Product,
    SpectralBand,
    StorageError,
)
from localcat import properties as p
from localcat.rasters.files.describe import describe
from localcat.rasters.files.validate import validate_cog
from localcat.rasters.reading.read import BandSource, read_bands, read_native
from localcat.rasters.writing.copying import check_pixels
from localcat.rasters.writing.options import CogOptions
from localcat.rasters.writing.write import write_cog
from tests.small_rasters import make_grid, noise

PAGE = 4096  # bytes of a page of SQLite
SECTOR = 512
META = {"geoTransform": [500_000, 60, 0, 4_000_000, 0, -60], "coordinateSystem": {"epsg": 32618}}
NAME = "survey.gpkg"
COMPRESSIONS = ("deflate", "zstd", "lzw", "none")


def make_catalog(folder: Path) -> None:
    """Write a catalog with something in each of its tables."""
    with Catalog.create(folder / NAME, org="acme") as catalog:
        for number in range(3):
            product = Product(
                id=f"p{number}", name=f"Product {number}", description="of words", tags=["a", "b"], catalog=catalog
            )
            product.extra_properties = {"key": 1.5, "text": "x"}
            product.save()
            SpectralBand(name="red", product=product, data_type="UInt16", data_range=(0, 9), band_index=0).save()
            MaskBand(name="alpha", product=product, data_type="UInt16", is_alpha=True, band_index=1).save()
        catalog.add_images(
            {
                "id": f"acme:p{number % 3}:i{number}",
                "acquired": f"2020-01-{number % 28 + 1:02d}",
                "geometry": (number, 0, number + 2, 2),
                "cloud_fraction": number / 90,
                "tags": ["x", f"t{number}"],
                "extra_properties": {"n": number},
                "files": [{"href": f"https://example.org/{number}.tif", "size_bytes": number}],
            }
            for number in range(80)
        )
        image = Image(product_id="acme:p0", name="pixels", acquired="2020-05-01", catalog=catalog)
        image.upload_ndarray(numpy.ones((2, 32, 24), "uint16"), raster_meta=META).raise_for_status()


def damaged(content: bytes, dice: random.Random, unit: int) -> bytes:
    """Return a copy with bytes changed, cut off, exchanged or zeroed."""
    bad = bytearray(content)
    kind = dice.choice(["flip", "flip", "few", "cut", "swap", "zero", "garbage", "head", "copy"])
    places = list(range(0, len(bad), unit))
    first, second = dice.choice(places), dice.choice(places)
    if kind == "flip":
        for _ in range(dice.randint(1, 20)):
            bad[dice.randrange(len(bad))] = dice.randrange(256)
    elif kind == "few":  # where something is: most of a catalog's pages are empty at their end
        full = [at for at in range(first, min(first + unit, len(bad))) if bad[at]]
        for at in dice.sample(full, min(len(full), dice.randint(1, 12))):
            bad[at] ^= 1 << dice.randrange(8)
    elif kind == "cut":
        del bad[dice.randrange(len(bad)) :]
    elif kind == "swap":
        bad[first : first + unit], bad[second : second + unit] = bad[second : second + unit], bad[first : first + unit]
    elif kind == "zero":
        at = dice.randrange(0, len(bad), SECTOR)
        bad[at : at + SECTOR] = bytes(len(bad[at : at + SECTOR]))
    elif kind == "garbage":
        at = dice.randrange(0, len(bad), SECTOR)
        bad[at : at + SECTOR] = dice.randbytes(len(bad[at : at + SECTOR]))
    elif kind == "head":
        for _ in range(dice.randint(1, 4)):
            bad[dice.randrange(min(200, len(bad)))] = dice.randrange(256)
    else:
        bad[first : first + unit] = bad[second : second + unit]
    return bytes(bad)


def uses_of(catalog: Catalog) -> Iterator[Callable[[], Any]]:
    """Yield what a program does with a catalog."""

    def add() -> None:
        Image(product_id="acme:p1", name="new", acquired="2021-01-01", geometry=(1, 2, 3, 4), catalog=catalog).save()

    def change() -> None:
        image = Image.get("acme:p0:i3", catalog=catalog)
        if image is not None:
            image.name, image.cloud_fraction, image.geometry = image.name, 0.5, (5, 5, 6, 6)
            image.tags = ["changed"]
            image.save()

    def remove() -> None:
        image = Image.get("acme:p1:i4", catalog=catalog)
        if image is not None:
            image.delete()

    def pixels() -> None:
        image = Image.get("acme:p0:pixels", catalog=catalog)
        if image is not None:
            image.ndarray("red")

    yield lambda: catalog.images.count()
    yield lambda: [repr(image) + str(image.serialize()) for image in catalog.images]
    yield lambda: [str(product.serialize()) + str(list(product.bands())) for product in catalog.products]
    yield lambda: [band.serialize() for band in catalog.bands]
    yield lambda: catalog.images.intersects((0, 0, 9, 9)).filter(p.acquired > "2020-01-05").sort("-acquired").ids()
    yield lambda: catalog.images.find_text("x").ids()
    yield lambda: catalog.images.filter((p.tags == "t5") | (p.extra_properties["n"] > 70)).collect()
    yield lambda: catalog.images.summary_interval(interval="month")
    yield lambda: catalog.images.nearest((3, 1), 2)
    yield lambda: str(catalog.images.filter(p.cloud_fraction < 0.1).explain())
    yield lambda: [str(upload.serialize()) for upload in catalog.image_uploads]
    yield lambda: catalog.sql("SELECT * FROM footprints")
    yield pixels
    yield lambda: catalog.gc(dry_run=True)
    yield lambda: str(catalog.verify("full", progress=False))
    yield add
    yield change
    yield remove
    yield lambda: Product(id="p9", name="New", catalog=catalog).save()


def use_catalog(path: Path, dice: random.Random) -> Iterator[Callable[[], Any]]:
    """Open a catalog and yield what to do with it; each may raise errors of localcat."""
    with Catalog.open(path, trusted=dice.random() < 0.5) as catalog:
        yield from uses_of(catalog)


def use_raster(path: Path) -> Iterator[Callable[[], Any]]:
    """Yield what is done with a raster file."""
    yield lambda: describe(path)
    yield lambda: check_pixels(path, max_bytes=2**28)
    yield lambda: read_bands([BandSource(path, 1)], make_grid((30, 40), resolution=21.0))
    yield lambda: validate_cog(path)


def make_rasters(folder: Path) -> None:
    """Write one GeoTIFF of each kind that localcat writes, each into a catalog of its own."""
    mask = noise((200, 300), low=0, high=2).astype(bool)
    for compress in COMPRESSIONS:
        options = CogOptions(blocksize=128, compress=compress)
        source = folder / f"{compress}.tif"
        write_cog(noise((2, 200, 300)), source, grid=make_grid((200, 300)), options=options, mask=mask)
        with Catalog.create(folder / f"{compress}.gpkg", org="acme") as catalog:
            product = Product(id="p", name="P", catalog=catalog)
            product.save()
            SpectralBand(name="red", product=product, data_type="UInt16", data_range=(0, 9), band_index=0).save()
            Image(product=product, name="i", acquired="2020-05-01").upload(source).raise_for_status()


def verdict(path: Path, catalog_path: Path, whole: Path) -> str:
    """Tell what reading a damaged file gives, and what verifying its catalog says.

    Returns
    -------
    str
        ``"refused"`` by both, or by verifying alone what still reads: ``"the same pixels"``, ``"wrong pixels"``; and
        ``"accepted"`` where verifying says nothing of a file that changed.
    """
    with Catalog.open(catalog_path) as catalog:
        is_accepted = catalog.verify("full", progress=False).ok
    if is_accepted and path.read_bytes() != whole.read_bytes():
        return "accepted"
    try:
        found, wanted = read_native(path, max_bytes=2**28), read_native(whole)
    except LocalcatError:
        return "refused"
    is_same = found.shape == wanted.shape and bool((found.filled(0) == wanted.filled(0)).all())
    return "the same pixels" if is_same else "wrong pixels"


def try_one(kind: str, base: Path, work: Path, seed: int) -> dict[str, Any]:
    """Damage one file and use it; return what came of it."""
    return (try_catalog if kind == "catalogs" else try_raster)(base, work, seed)


def try_catalog(base: Path, work: Path, seed: int) -> dict[str, Any]:
    dice = random.Random(seed)
    path = work / NAME
    for leftover in work.glob(f"{NAME}*"):
        leftover.unlink()
    path.write_bytes(damaged((base / NAME).read_bytes(), dice, PAGE))
    return {"seed": seed, **used(use_catalog(path, dice), path)}


def try_raster(base: Path, work: Path, seed: int) -> dict[str, Any]:
    dice = random.Random(seed)
    compress = COMPRESSIONS[seed % len(COMPRESSIONS)]
    whole = base / f"{compress}.tif"
    (path,) = (work / f"{compress}.data").rglob("*.tif")
    path.write_bytes(damaged(whole.read_bytes(), dice, SECTOR))
    found: list[str] = []
    told = used(chain(use_raster(path), [lambda: found.append(verdict(path, work / f"{compress}.gpkg", whole))]), path)
    return {"seed": seed, **told, "verdict": "".join(found)}


def used(uses: Iterator[Callable[[], Any]], path: Path) -> dict[str, Any]:
    """Do what is done with a file; return the errors, and the seconds of the clock and of the processor."""
    errors: list[str] = []
    foreign: list[str] = []
    slowest = 0.0
    started, worked = time.perf_counter(), time.process_time()
    try:
        for use in uses:
            begun = time.process_time()
            try:
                use()
            except LocalcatError as error:
                errors.append(type(error).__name__)
                if isinstance(error, CatalogError | StorageError) and path.stem not in str(error):
                    foreign.append(f"does not name the file: {type(error).__name__}: {error}")
            except Exception:  # noqa: BLE001  # whatever it is, the campaign counts it
                foreign.append(traceback.format_exc(limit=-6))
            slowest = max(slowest, time.process_time() - begun)
    except LocalcatError as error:
        errors.append(type(error).__name__)
    except Exception:  # noqa: BLE001
        foreign.append(traceback.format_exc(limit=-6))
    return {
        "errors": errors,
        "foreign": foreign,
        "seconds": time.perf_counter() - started,
        "work": time.process_time() - worked,
        "slowest": slowest,
    }


def main(kind: str, base: str, start: str, count: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / kind
        shutil.copytree(base, work)
        for seed in range(int(start), int(start) + int(count)):
            print(json.dumps({"begun": seed}), flush=True)
            print(json.dumps(try_one(kind, Path(base), work, seed)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
