"""What goes wrong is told so that it helps: which file or value, what is the matter, and what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy
import pytest
import rasterio

from localcat import (
    AOI,
    Catalog,
    CatalogExistsError,
    CatalogLockedError,
    CatalogNotFoundError,
    ClientError,
    CommitUnknownError,
    CorruptCatalogError,
    CorruptImageError,
    Image,
    ImageDeletedError,
    InvalidArrayError,
    InvalidCRSError,
    InvalidGeometryError,
    Product,
    ReadOnlyCatalogError,
    StorageError,
    StorageFullError,
    TooLargeError,
    UnsafePathError,
    UnsupportedCatalogError,
    UntrustedCatalogError,
)
from localcat.store import database
from tests.campaigns.scenarios import META, NAME, build, pixels


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A catalog file with images, closed."""
    build(tmp_path)
    return tmp_path / NAME


def changed(path: Path, *statements: str) -> Path:
    """Change a catalog file behind localcat's back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    return path


def save(path: Path, **options: object) -> None:
    with Catalog.open(path, **options) as catalog:
        Product(id="new", name="New", catalog=catalog).save()


def first_file(path: Path) -> Path:
    return next(path.with_suffix(".data").rglob("a-*.tif"))


def read(path: Path) -> None:
    with Catalog.open(path) as catalog:
        Image.get("acme:one:a", catalog=catalog).ndarray("b0")


def full(path: Path) -> None:
    with Catalog.open(path) as catalog:
        with catalog.database.read() as connection:
            connection.execute("PRAGMA max_page_count = 1")
        for number in range(100):
            Product(id=f"p{number}", name="x" * 2000, catalog=catalog).save()


def full_before_an_upload(path: Path) -> None:
    with Catalog.open(path) as catalog:
        catalog.data_folder.require_space(2**60)


def locked(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        save(path, timeout=0)


def fail(step: str) -> None:
    """Report an error of the disk at a commit that reached it."""
    if step == "committed":
        raise sqlite3.OperationalError("disk I/O error")


def failing_commit(path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch, Catalog.open(path) as catalog:
        image = Image(id="acme:one:new", catalog=catalog, acquired="2020-01-01")
        patch.setattr(database, "reached", fail)
        image.upload_ndarray(pixels(1), raster_meta=META)


def failing_save(path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch, Catalog.open(path) as catalog:
        patch.setattr(database, "reached", fail)
        Product(id="new", name="New", catalog=catalog).save()


def unlistable(path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch, Catalog.open(path) as catalog:

        def broken(*given: object) -> None:
            raise OSError(5, "Input/output error")

        patch.setattr(Path, "rglob", broken)
        catalog.gc()


def missing_file(path: Path) -> None:
    first_file(path).unlink()
    read(path)


def garbled_file(path: Path) -> None:
    file = first_file(path)
    file.write_bytes(file.read_bytes()[:600])
    read(path)


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:-4096] = bytes(len(content) - 8192)
    path.write_bytes(content)
    save(path)


def newer(path: Path) -> None:
    save(changed(path, "UPDATE meta SET value = '999' WHERE key = 'schema_version'"))


def foreign(path: Path) -> None:
    other = path.with_name("other.gpkg")
    save(changed(other, "CREATE TABLE t (x)"))


def text_file(path: Path) -> None:
    other = path.with_name("text.gpkg")
    other.write_text("no catalog " * 100)
    save(other)


def hostile(path: Path) -> None:
    save(changed(path, "CREATE TRIGGER t AFTER INSERT ON product BEGIN DELETE FROM image; END"))


def outside(path: Path) -> None:
    changed(path, "UPDATE image_file SET href = '../../etc/passwd' WHERE position = 0")
    read(path)


def bomb(path: Path) -> None:
    source = path.with_name("bomb.tif")
    profile = {"width": 300_000, "height": 300_000, "count": 1, "dtype": "uint16", "crs": "EPSG:32618"}
    transform = rasterio.Affine(60, 0, 500_000, 0, -60, 4_000_000)
    with rasterio.open(source, "w", driver="GTiff", transform=transform, sparse_ok=True, bigtiff="yes", **profile):
        pass
    with Catalog.open(path) as catalog:
        Image(id="acme:one:bomb", catalog=catalog, acquired="2020-01-01").upload(source).raise_for_status()


def array(path: Path) -> None:
    with Catalog.open(path) as catalog:
        image = Image(id="acme:one:array", catalog=catalog, acquired="2020-01-01")
        image.upload_ndarray(numpy.zeros((64, 48), "float64"), raster_meta=META)


FAULTS: list[tuple[Callable[[Path], object], type[ClientError], str]] = [
    (full, StorageFullError, NAME),
    (full_before_an_upload, StorageFullError, "survey.data"),
    (locked, CatalogLockedError, NAME),
    (failing_commit, CommitUnknownError, "acme:one:new"),
    (failing_save, CommitUnknownError, "Product 'acme:new'"),
    (unlistable, StorageError, "survey.data"),
    (missing_file, ImageDeletedError, "acme-one/a-"),
    (garbled_file, CorruptImageError, "acme-one/a-"),
    (damaged, CorruptCatalogError, NAME),
    (newer, UnsupportedCatalogError, NAME),
    (foreign, UnsupportedCatalogError, "other.gpkg"),
    (text_file, UnsupportedCatalogError, "text.gpkg"),
    (hostile, UntrustedCatalogError, NAME),
    (outside, UnsafePathError, "../../etc/passwd"),
    (bomb, TooLargeError, "bomb.tif"),
    (array, InvalidArrayError, "'b0'"),
    (lambda path: save(path, read_only=True), ReadOnlyCatalogError, NAME),
    (lambda path: Catalog.open(path.with_name("none.gpkg")), CatalogNotFoundError, "none.gpkg"),
    (Catalog.create, CatalogExistsError, NAME),
    (lambda path: AOI(crs="/vsicurl/http://example.org/x"), InvalidCRSError, "/vsicurl/http://example.org/x"),
    (lambda path: AOI(geometry="POLYGON ((0 0, 1"), InvalidGeometryError, "POLYGON ((0 0, 1"),
]


@pytest.mark.parametrize(("fault", "kind", "name"), FAULTS, ids=lambda value: getattr(value, "__name__", None))
def test_an_error_names_the_thing_the_cause_and_the_next_step(
    path: Path, fault: Callable[[Path], object], kind: type[ClientError], name: str
) -> None:
    with pytest.raises(kind) as raised:
        fault(path)
    message = str(raised.value)
    assert name in message
    assert ";" in message or " Pass " in message, "what to do follows the cause"
    assert not message.endswith(".")
    assert "\n" not in message
