"""What waiting for the disk costs: a commit beside one with a log, an upload beside one that waits for nothing."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy
import pytest

from localcat import Catalog, Image, Product, SpectralBand
from localcat.store.catalog_file import CatalogFile
from localcat.store.file.connection import Journal, OpenOptions
from localcat.store.file.database import Database

META = {"geoTransform": [500_000, 10, 0, 4_000_000, 0, -10], "coordinateSystem": {"epsg": 32618}}
PIXELS = numpy.random.default_rng(3).integers(0, 4096, (725, 725), "uint16")  # 1 MB, of which 3/4 remain


def commits(path: Path, *pragmas: str) -> Iterator[int]:
    """Commit a row at each step, in a catalog of its own, and give the number of rows."""
    Catalog.create(path, org="bench").close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        for number in range(1_000_000):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO trash VALUES (?)", (f"x{number}",))
            connection.execute("COMMIT")
            yield number + 1


def test_commit_of_one_row_beside_a_log(in_turns, tmp_path: Path) -> None:
    ours = commits(tmp_path / "ours.gpkg", "synchronous = EXTRA")
    log = commits(tmp_path / "log.gpkg", "journal_mode = WAL", "synchronous = FULL")
    in_turns("commit one row", lambda: next(ours), lambda: next(log), rounds=1000)
    rows = next(ours)
    assert rows == next(log)
    for name in ("ours", "log"):
        with closing(sqlite3.connect(tmp_path / f"{name}.gpkg")) as connection:
            assert connection.execute("SELECT count(*) FROM trash").fetchone() == (rows,)


def saves(path: Path, journal: Journal) -> Iterator[int]:
    """Save a changed image at each step, and give the number that it holds."""
    Catalog.create(path, org="bench").close()
    options = OpenOptions(journal=journal)
    with Catalog(CatalogFile(Database(path, options=options, backports={sqlite3.sqlite_version}))) as catalog:
        product = Product(id="x", name="X", catalog=catalog)
        product.save()
        image = Image(product=product, name="i", acquired="2024-01-01", catalog=catalog)
        for number in range(1_000_000):
            image.provider_id = str(number)
            image.save()
            yield number


def test_save_of_one_image_beside_a_log(in_turns, tmp_path: Path) -> None:
    """What a program sees of it: finding the row, checking and writing it, and the commit."""
    ours, log = saves(tmp_path / "ours.gpkg", "delete"), saves(tmp_path / "log.gpkg", "wal")
    in_turns("save one image", lambda: next(ours), lambda: next(log), rounds=500)
    number = next(ours)
    assert number == next(log)
    for name in ("ours", "log"):
        with Catalog.open(tmp_path / f"{name}.gpkg") as catalog:
            assert [image.provider_id for image in catalog.images] == [str(number)]


def uploads(path: Path, *, durable: bool) -> Iterator[int]:
    """Upload an array at each step, and give the number of images."""
    Catalog.create(path, org="bench").close()
    with Catalog(CatalogFile(Database(path, durable=durable))) as catalog:
        product = Product(id="x", name="X", catalog=catalog)
        product.save()
        SpectralBand(name="b", product=product, data_type="UInt16", data_range=(0, 4095), band_index=0).save()
        for number in range(1_000_000):
            image = Image(product=product, name=f"i{number}", acquired="2024-01-01", catalog=catalog)
            image.upload_ndarray(PIXELS, raster_meta=META).raise_for_status()
            yield catalog.images.count()


def test_upload_of_a_megabyte_beside_one_that_waits_for_nothing(in_turns, tmp_path: Path) -> None:
    ours, hasty = uploads(tmp_path / "ours.gpkg", durable=True), uploads(tmp_path / "hasty.gpkg", durable=False)
    in_turns("upload 1 MB", lambda: next(ours), lambda: next(hasty), rounds=60)
    assert next(ours) == next(hasty)


def beside_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Catalog, Catalog]:
    """Return two catalogs with a product of one band and 1,000 images; the second one has no locks but SQLite's."""
    made = []
    for name in ("with", "without"):
        catalog = Catalog.create(path / f"{name}.gpkg", org="bench")
        product = Product(id="x", name="X", catalog=catalog)
        product.save()
        SpectralBand(name="b", product=product, data_type="UInt16", data_range=(0, 4095), band_index=0).save()
        catalog.add_images({"id": f"bench:x:{number}"} for number in range(1000))
        made.append(catalog)
    with monkeypatch.context() as patch:
        patch.setattr("localcat.disk.locks._ARE_NEEDED", False)  # as on Windows
        made[1].close()
        made[1] = Catalog.open(path / "without.gpkg")
        assert made[1].images.count() == 1000  # the connection of this thread
    made[0].products.count()
    locks = [catalog.database._session().locks for catalog in made]
    assert [one.are_there for one in locks] == [True, False]
    return made[0], made[1]


def read_all(catalog: Catalog) -> int:
    return sum(Image.get(f"bench:x:{number}", catalog=catalog) is not None for number in range(1000))


def test_1000_reads_by_id_beside_none_with_locks(in_turns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, none = beside_none(tmp_path, monkeypatch)
    assert (read_all(ours), read_all(none)) == (1000, 1000)
    in_turns("read 1,000 images by id", lambda: read_all(ours), lambda: read_all(none), rounds=100)


def save_another(catalog: Catalog, numbers: Iterator[int]) -> None:
    Image(id=f"bench:x:new{next(numbers)}", acquired="2024-01-01", catalog=catalog).save()


def test_save_of_one_image_beside_none_with_locks(in_turns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, none = beside_none(tmp_path, monkeypatch)
    numbers = itertools.count()
    in_turns("save one new image", lambda: save_another(ours, numbers), lambda: save_another(none, numbers), rounds=500)
    assert ours.images.count() == none.images.count()


def upload_another(catalog: Catalog, numbers: Iterator[int]) -> None:
    image = Image(id=f"bench:x:new{next(numbers)}", acquired="2024-01-01", catalog=catalog)
    image.upload_ndarray(PIXELS[:64, :64], raster_meta=META).raise_for_status()


def test_upload_of_64_pixels_beside_none_with_locks(in_turns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, none = beside_none(tmp_path, monkeypatch)
    numbers = itertools.count()
    in_turns("upload 64 x 64", lambda: upload_another(ours, numbers), lambda: upload_another(none, numbers), rounds=200)
    assert ours.images.count() == none.images.count()
