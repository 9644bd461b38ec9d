"""gc removes what nothing refers to, and nothing else."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy
import pytest

from localcat import Catalog, Image, Product
from localcat.disk.data_folder import DataFolder
from localcat.errors import BadRequestError, ReadOnlyCatalogError, UnsafePathError


@pytest.fixture
def image(catalog: Catalog, product: Product, pixels, meta) -> Image:
    image = Image(product=product, name="x", acquired="2020-01-01")
    image.upload_ndarray(pixels, raster_meta=meta)
    return image


def orphan(catalog: Catalog, name: str) -> Path:
    path = catalog.data_folder.path / name
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
        assert catalog.gc().kept == [path.relative_to(catalog.data_folder.path).as_posix()]
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


def test_gc_in_a_transaction_is_refused(catalog: Catalog, image: Image) -> None:
    """A file unlinked there would be missing after a rollback."""
    with pytest.raises(RuntimeError, match="no"), catalog.transaction():
        image.delete()
        for dry_run in (False, True):
            with pytest.raises(BadRequestError, match="gc unlinks only what is committed"):
                catalog.gc(dry_run=dry_run)
        raise RuntimeError("no")
    assert catalog.verify("full").ok
    assert Image.get(image.id).ndarray("blue").any()


def test_gc_follows_no_link_in_the_place_of_the_data_folder(tmp_path: Path) -> None:
    """A stranger's archive may hold one that leads to somebody's own files."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("years of work")
    path = tmp_path / "sent.gpkg"
    with Catalog.create(path) as sent:
        Product(id="x", name="X", catalog=sent).save()
    (tmp_path / "sent.data").symlink_to(home)
    for trusted in (True, False):
        with Catalog.open(path, trusted=trusted) as catalog:
            for dry_run in (False, True):
                with pytest.raises(UnsafePathError, match=r"sent\.data' is a link"):
                    catalog.gc(dry_run=dry_run)
            report = catalog.verify()
            assert [problem.path for problem in report.garbage] == ([] if not trusted else ["thesis.txt"])
    assert (home / "thesis.txt").read_text() == "years of work"


def test_an_untrusted_catalog_deletes_nothing_behind_a_link(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("years of work")
    path = tmp_path / "sent.gpkg"
    with Catalog.create(path, org="x") as sent:
        Product(id="p", name="P", catalog=sent).save()
        Image(id="x:p:a", catalog=sent).save()
        with sent.database.write() as transaction:
            transaction.connection.execute(
                "INSERT INTO image_file (image_id, position, owned, href, size_bytes, hash) "
                "VALUES (1, 0, 1, 'thesis.txt', 13, 'x')"
            )
    (tmp_path / "sent.data").symlink_to(home)
    with Catalog.open(path, trusted=False) as catalog:
        Image.get("x:p:a", catalog=catalog).delete()
        assert catalog.images.count() == 0
    assert (home / "thesis.txt").exists()


def test_a_dry_run_needs_no_writing(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "a.gpkg") as catalog:
        (tmp_path / "a.data" / "x").mkdir(parents=True)
        (tmp_path / "a.data" / "x" / "lost.tif").write_bytes(b"1")
        catalog.close()
    with Catalog.open(tmp_path / "a.gpkg", read_only=True) as catalog:
        assert catalog.gc(dry_run=True).removed == ["x/lost.tif"]
        with pytest.raises(ReadOnlyCatalogError, match=r"a\.gpkg.*read_only=True"):
            catalog.gc()
