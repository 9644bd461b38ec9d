"""Ingest of many small files, beside a bare loop that opens each file with rasterio, hashes it, and copies it."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
from pathlib import Path

import numpy
import pytest
import rasterio
from affine import Affine

from benchmarks.conftest import IMAGES
from localcat import Catalog

FILES = min(200, IMAGES // 100)  # a smoke run takes fewer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of GeoTIFFs of 64 × 48 pixels, each of another day and on a grid of its own."""
    folder = tmp_path_factory.mktemp("small")
    for number in range(FILES):
        grid = {"crs": "EPSG:32618", "transform": Affine(60, 0, 300_000 + 3_000 * number, 0, -60, 4_000_000)}
        path = folder / f"scene_{2020 + number // 360}{number // 30 % 12 + 1:02d}{number % 28 + 1:02d}_{number}.tif"
        with rasterio.open(path, "w", driver="GTiff", width=48, height=64, count=1, dtype="uint16", **grid) as file:
            file.write(numpy.full((1, 64, 48), number, "uint16"))
    return folder


def opened_and_hashed(folder: Path, copies: Path | None = None) -> int:
    """Do the least that can be done with each file of a folder; return how many there were."""
    count = 0
    for path in sorted(folder.iterdir()):
        with rasterio.open(path) as file:
            assert file.read(1).size == 64 * 48
        assert len(hashlib.sha256(path.read_bytes()).hexdigest()) == 64
        if copies is not None:
            with Path(shutil.copyfile(path, copies / path.name)).open("rb+") as file:
                os.fsync(file.fileno())
        count += 1
    return count


@pytest.mark.parametrize("copy", [False, True], ids=["in place", "copied"])
@pytest.mark.parametrize("workers", [1, None])
def test_ingest_small_files(in_turns, folder: Path, tmp_path: Path, workers: int | None, copy: bool) -> None:
    numbers = itertools.count()

    def empty() -> Catalog:
        return Catalog.create(tmp_path / f"{next(numbers)}.gpkg", org="acme")

    def ours(catalog: Catalog) -> None:
        report = catalog.ingest(folder, copy=copy, workers=workers, progress=False)
        assert (report.added, len(report.failed)) == (FILES, 0)

    def floor(catalog: Catalog) -> None:
        copies = tmp_path / "copies" if copy else None
        if copies is not None:
            copies.mkdir(exist_ok=True)
        assert opened_and_hashed(folder, copies) == FILES

    threads, how = "one thread" if workers == 1 else "threads", "copied" if copy else "in place"
    in_turns(f"ingest {FILES} small files {how}, {threads}", ours, floor, prepare=empty)


def test_ingest_unchanged_files_again(in_turns, folder: Path, tmp_path: Path) -> None:
    catalog = Catalog.create(tmp_path / "kept.gpkg", org="acme")
    catalog.ingest(folder, progress=False)

    def ours() -> None:
        assert catalog.ingest(folder, progress=False).skipped == FILES

    in_turns(f"ingest {FILES} unchanged files again", ours, lambda: opened_and_hashed(folder))
