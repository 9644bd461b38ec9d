"""gc removes what nothing refers to, and nothing else."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy
import pytest

from localcat import Catalog, Image, Product
from localcat.rasters.layout import DataFolder


@pytest.fixture
def image(catalog: Catalog, product: Product, pixels, meta) -> Image:
    image = Image(product=product, name="x", acquired="2020-01-01")
    image.upload_ndarray(pixels, raster_meta=meta)
    return image


def orphan(catalog: Catalog, name: str) -> Path:
    path = catalog.data_path(catalog.path) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"12345")
    return path


def test_gc_removes_files_without_a_row_and_keeps_the_others(catalog: Catalog, image: Image, pixels) -> None:
    left = [orphan(catalog, "acme-guide/old-0123456789abcdef.tif"), orphan(catalog, "gone/y-0.tif")]
    seen = catalog.gc(dry_run=True)
    assert seen.removed == ["acme-guide/old-0123456789abcdef.tif", "gone/y-0.tif"]
    assert all(path.exists() for path in left)
    report = catalog.gc()
    assert (report.removed, report.kept, report.size_bytes) == (seen.removed, [], 10)
    assert not any(path.exists() for path in left)
    assert not left[1].parent.exists()
    assert numpy.array_equal(image.ndarray("blue").filled(0), pixels.filled(0))
    assert catalog.gc().removed == []
    assert catalog.sql("SELECT count(*) AS n FROM trash")[0]["n"] == 0


def test_gc_takes_up_what_could_not_be_unlinked(
    catalog: Catalog, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = catalog.path_of(image.files[0])
    with monkeypatch.context() as patch:
        patch.setattr(DataFolder, "remove", lambda self, href: False)
        image.delete()
        assert catalog.gc().kept == [path.relative_to(catalog.data_path(catalog.path)).as_posix()]
    assert path.exists()
    assert len(catalog.gc().removed) == 1
    assert not path.exists()
    assert catalog.sql("SELECT count(*) AS n FROM trash")[0]["n"] == 0


def test_gc_keeps_temporary_files_that_are_alive(catalog: Catalog, image: Image) -> None:
    folder = catalog.data_folder
    dead = orphan(catalog, ".tmp-0123.tif")
    with folder.temporary(".tif") as alive:
        sibling = alive.with_name(f"{alive.name}.4567.tif")
        sibling.write_bytes(b"scratch")
        assert catalog.gc().removed == [dead.name]
        assert alive.exists()
        assert sibling.exists()
    assert catalog.gc().removed == [sibling.name]


def test_gc_beside_uploads_takes_nothing_live(catalog: Catalog, product: Product, pixels, meta) -> None:
    done = threading.Event()
    statuses: list[str | None] = []

    def upload(number: int) -> None:
        for index in range(6):
            image = Image(product=product, name=f"i{number}-{index}", acquired="2020-01-01", catalog=catalog)
            statuses.append(image.upload_ndarray(pixels, raster_meta=meta).status)

    def collect() -> None:
        while not done.is_set():
            catalog.gc()

    collector = threading.Thread(target=collect)
    uploaders = [threading.Thread(target=upload, args=(number,)) for number in range(3)]
    for thread in (collector, *uploaders):
        thread.start()
    for thread in uploaders:
        thread.join()
    done.set()
    collector.join()
    assert statuses == ["success"] * 18
    for image in catalog.images:
        assert numpy.array_equal(image.ndarray("blue").filled(0), pixels.filled(0))
