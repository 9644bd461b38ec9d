"""How a catalog is opened: from strangers, where nothing can be written, with a write-ahead log."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import shutil
import sqlite3
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest

from localcat import Catalog, Image, Product, SpectralBand
from localcat.disk import risks as places
from localcat.disk.filesystem import FileSystem
from localcat.disk.locks import Locks
from localcat.errors import (
    BadRequestError,
    CatalogError,
    CatalogLockedError,
    CatalogNotFoundError,
    CorruptCatalogError,
    FileSystemWarning,
    QueryError,
    QueryTimeoutError,
    ReadOnlyCatalogError,
    ReadOnlyCatalogWarning,
    StorageError,
    UnsafePathError,
    UntrustedCatalogError,
)
from localcat.models.attributes.values import File
from localcat.store.catalog_file import CatalogFile
from localcat.store.file import journal
from localcat.store.file.connection import OpenOptions
from localcat.store.file.database import Database
from tests.journals import leave_journal
from tests.other_process import Other, product_ids, save_product
from tests.systems import posix

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) AS s FROM n"
META = {"geoTransform": [500_000, 60, 0, 4_000_000, 0, -60], "coordinateSystem": {"epsg": 32618}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A catalog of one image with pixels, and one that refers to a file in place."""
    home = tmp_path / "home"
    home.mkdir()
    path = home / "survey.gpkg"
    with Catalog.create(path, org="acme") as catalog:
        product = Product(id="x", name="X", catalog=catalog)
        product.save()
        SpectralBand(name="red", product=product, data_type="UInt16", data_range=(0, 100), band_index=0).save()
        pixels = numpy.arange(64 * 48, dtype="uint16").reshape(1, 64, 48)
        image = Image(product=product, name="a", acquired="2020-02-29")
        image.upload_ndarray(pixels, raster_meta=META).raise_for_status()
        (home / "place").mkdir()
        shutil.copy(catalog.path_of(image.files[0]), home / "place" / "b.tif")
        other = Image(product=product, name="b", acquired="2020-02-29")
        other.upload(home / "place" / "b.tif", copy=False).raise_for_status()
    return path


def change(path: Path, statement: str, *parameters: object) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, parameters)


# From strangers


def test_a_sound_catalog_of_a_stranger_opens_and_is_read(path: Path) -> None:
    with Catalog.open(path, trusted=False) as catalog:
        assert catalog.images.ids() == ["acme:x:a", "acme:x:b"]
        for image in catalog.images:
            assert image.ndarray("red").shape == (1, 64, 48)
        Product(id="y", name="Y", catalog=catalog).save()
        assert catalog.products.count() == 2


def test_it_is_read_as_a_whole_first(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'image_file_by_href'").fetchone()
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 + 8 : (page - 1) * 4096 + 40] = b"\xff" * 32
    path.write_bytes(content)
    Catalog.open(path).close()
    with pytest.raises(CorruptCatalogError, match=r"catalog '.*survey\.gpkg' is damaged"):
        Catalog.open(path, trusted=False)


def test_a_row_that_refers_to_nothing_is_damage(path: Path) -> None:
    change(path, "UPDATE image SET product_id = 99")
    with pytest.raises(CorruptCatalogError, match="refers to a missing row of 'product'"):
        Catalog.open(path, trusted=False)


@pytest.mark.parametrize("kind", ["journal", "wal"])
def test_no_journal_of_a_stranger_is_played_back(path: Path, kind: str) -> None:
    leftover = path.with_name(f"survey.gpkg-{kind}")
    leftover.write_bytes(b"anything")
    with pytest.raises(UntrustedCatalogError, match="must have been closed cleanly"):
        Catalog.open(path, trusted=False)
    assert leftover.read_bytes() == b"anything"


def test_threads_of_ones_own_may_write_while_others_begin(path: Path) -> None:
    with Catalog.open(path, trusted=False) as catalog, catalog.transaction():
        Product(id="y", name="Y", catalog=catalog).save()
        assert path.with_name("survey.gpkg-journal").exists()
        counts: list[int] = []
        thread = threading.Thread(target=lambda: counts.append(catalog.products.count()))
        thread.start()
        thread.join()
    assert counts == [1]


FORMS = ["{outside}", "../{name}", "place/../../{name}", "linked/{name}", "link.tif", "./../{name}"]


@pytest.mark.parametrize("form", FORMS)
def test_files_in_place_are_read_below_the_roots_only(path: Path, tmp_path: Path, form: str) -> None:
    outside = tmp_path / "outside.tif"
    shutil.copy(path.parent / "place" / "b.tif", outside)
    (path.parent / "linked").symlink_to(tmp_path)
    (path.parent / "link.tif").symlink_to(outside)
    href = form.format(outside=outside, name=outside.name)
    change(path, "UPDATE image_file SET href = ? WHERE owned = 0", href)
    with Catalog.open(path, trusted=False) as catalog:
        image = Image.get("acme:x:b", catalog=catalog)
        with pytest.raises(UnsafePathError, match="outside of the folders"):
            image.ndarray("red")
        with pytest.raises(UnsafePathError, match=rf"{re.escape(href)}'.*allowed_roots"):
            catalog.path_of(image.files[0])
    with Catalog.open(path, trusted=False, allowed_roots=[tmp_path]) as catalog:
        assert Image.get("acme:x:b", catalog=catalog).ndarray("red").shape == (1, 64, 48)
    with (
        Catalog.open(path, trusted=False, allowed_roots=[]) as catalog,
        pytest.raises(UnsafePathError, match="allowed_roots"),
    ):
        Image.get("acme:x:b", catalog=catalog).ndarray("red")


def test_a_link_in_the_data_folder_is_refused(path: Path, tmp_path: Path) -> None:
    data = path.with_name("survey.data")
    moved = data.rename(tmp_path / "elsewhere")
    data.symlink_to(moved)
    with Catalog.open(path) as catalog:  # a user's own may lie on another disk
        assert Image.get("acme:x:a", catalog=catalog).ndarray("red").shape == (1, 64, 48)
    with Catalog.open(path, trusted=False) as catalog, pytest.raises(UnsafePathError, match="is a link"):
        Image.get("acme:x:a", catalog=catalog).ndarray("red")
    data.unlink()
    moved.rename(data)
    (file,) = data.rglob("*.tif")
    file.symlink_to(file.rename(tmp_path / "x.tif"))
    with Catalog.open(path) as catalog, pytest.raises(UnsafePathError, match="is a link"):
        Image.get("acme:x:a", catalog=catalog).ndarray("red")


def test_an_endless_query_is_stopped(path: Path) -> None:
    change(path, f"CREATE VIEW mine AS {ENDLESS}")
    for trusted in (True, False):
        with Catalog.open(path, trusted=trusted) as catalog:
            with pytest.raises(QueryTimeoutError, match="longer than its time limit"):
                catalog.sql("SELECT s FROM mine", timeout=0.2)
            assert catalog.sql("SELECT name FROM products", timeout=60) == [{"name": "X"}]
            assert catalog.images.count() == 2


def test_every_query_of_a_stranger_has_its_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(path, f"CREATE VIEW mine AS {ENDLESS}")
    monkeypatch.setattr("localcat.store.file.database.QUERY_SECONDS", 0.2)
    with Catalog.open(path, trusted=False) as catalog:
        with pytest.raises(TimeoutError, match="ask for less"):
            catalog.sql("SELECT s FROM mine")
        with pytest.raises(QueryTimeoutError, match="ask for less"), catalog.database.snapshot() as connection:
            connection.execute(ENDLESS).fetchall()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT length(zeroblob(900000000))",
        f"SELECT 'a' LIKE '{'%a' * 6000}'",
        "SELECT " + "NOT " * 1500 + "1",
        " UNION ALL ".join(["SELECT 1"] * 600),
        "SELECT load_extension('x')",
        "PRAGMA writable_schema = ON",
        "ATTACH ':memory:' AS other",
    ],
    ids=lambda query: query[:30],
)
def test_what_a_query_may_ask_is_bounded(path: Path, query: str) -> None:
    with Catalog.open(path, trusted=False) as catalog:
        with pytest.raises(QueryError, match="correct it, or ask for less"):
            catalog.sql(query)
        assert catalog.sql("SELECT 1 AS one") == [{"one": 1}]


def test_the_connection_stays_within_the_file(path: Path) -> None:
    with Catalog.open(path, trusted=False) as catalog:
        catalog.sql("SELECT 1")
        for statement in ("ATTACH ':memory:' AS other", "PRAGMA writable_schema = ON"):
            with pytest.raises(QueryError, match="not authorized"), catalog.database.read() as connection:
                connection.execute(statement)
        with catalog.database.read() as connection:
            assert connection.execute("PRAGMA temp_store").fetchone() == (2,)


def test_the_choices_travel_with_a_pickled_catalog(path: Path, tmp_path: Path) -> None:
    with Catalog.open(path, trusted=False, allowed_roots=[tmp_path], timeout=3) as catalog:
        again = pickle.loads(pickle.dumps(catalog))
        assert again.database.options == OpenOptions(trusted=False, allowed_roots=(tmp_path,), timeout=3)
        again.close()


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"journal": "truncate"}, "journal is 'delete' or 'wal', not 'truncate'"),
        ({"timeout": -1}, "timeout is a number of seconds"),
        ({"timeout": "long"}, "timeout is a number of seconds"),
        ({"allowed_roots": "/data"}, "allowed_roots are several folders"),
        ({"allowed_roots": 5}, "allowed_roots are several folders"),
    ],
)
def test_wrong_choices_are_refused(path: Path, choices: dict, message: str) -> None:
    with pytest.raises(BadRequestError, match=message):
        Catalog.open(path, **choices)


def test_the_time_to_wait_for_others_can_be_chosen(path: Path) -> None:
    with Catalog.open(path, timeout=0) as impatient, Catalog.open(path) as other, other.transaction():
        Product(id="y", name="Y", catalog=other).save()
        with pytest.raises(CatalogLockedError, match="in use by another program"):
            Product(id="z", name="Z", catalog=impatient).save()


# Where nothing can be written


@pytest.fixture
def _nothing_writable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system say that nothing may be written, as on read-only media; files are not protected by that."""
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)


@pytest.mark.usefixtures("_nothing_writable")
def test_a_catalog_on_read_only_media_opens_for_reading_with_one_warning(path: Path) -> None:
    before = sorted(item.name for item in path.parent.iterdir())
    with pytest.warns(ReadOnlyCatalogWarning, match="was opened for reading; copy it") as warned:
        catalog = Catalog.open(path)
    assert len(warned) == 1
    assert warned[0].filename == __file__
    with catalog:
        assert Image.get("acme:x:a", catalog=catalog).ndarray("red").shape == (1, 64, 48)
        product = Product.get("acme:x", catalog=catalog)
        product.name = "Y"
        with pytest.raises(ReadOnlyCatalogError, match="is where nothing can be written"):
            product.save()
        image = Image(product_id="acme:x", name="c", acquired="2020-02-29", catalog=catalog)
        with pytest.raises(ReadOnlyCatalogError, match="with its data folder"):
            image.upload_ndarray(numpy.ones((1, 64, 48), "uint16"), raster_meta=META)
        with pytest.raises(ReadOnlyCatalogError, match="with its data folder"), catalog.transaction():
            pass
        with pytest.raises(ReadOnlyCatalogError, match="with its data folder"):
            catalog.gc()
    assert sorted(item.name for item in path.parent.iterdir()) == before


@pytest.mark.usefixtures("_nothing_writable")
def test_who_asks_for_reading_only_is_not_warned(path: Path) -> None:
    with Catalog.open(path, read_only=True) as catalog:
        assert catalog.images.count() == 2


def test_a_catalog_that_was_not_closed_cleanly_says_so_where_it_can_only_be_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_journal(path, "DELETE")
    with pytest.raises(ReadOnlyCatalogError, match="not closed cleanly.*open it once without read_only=True"):
        Catalog.open(path, read_only=True)
    with monkeypatch.context() as patched, warnings.catch_warnings():
        patched.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
        warnings.simplefilter("ignore", ReadOnlyCatalogWarning)
        with pytest.raises(ReadOnlyCatalogError, match="not closed cleanly.*with 'survey.gpkg-journal' and its data"):
            Catalog.open(path)
    with Catalog.open(path) as catalog:
        assert catalog.sql("SELECT count(*) AS n FROM mine") == [{"n": 0}]
    with Catalog.open(path, read_only=True) as catalog:
        assert catalog.images.count() == 2


# Where less is promised


@pytest.mark.parametrize(
    ("name", "message"),
    [("nfs4", "network share .nfs4., whose locks may fail"), ("exfat", "exfat file system, which keeps no journal")],
)
def test_network_shares_and_fat_are_warned_of_once(
    path: Path, name: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "file_system_of", lambda path: FileSystem(name))
    with pytest.warns(FileSystemWarning, match=message) as warned:
        Catalog.open(path).close()
    Catalog.open(path).close()
    assert len(warned) == 1
    assert warned[0].filename == __file__


# With a write-ahead log


def with_wal(path: Path, **options: object) -> Catalog:
    """Open a catalog with a write-ahead log, whichever SQLite is at hand."""
    database = Database(path, options=OpenOptions(journal="wal", **options), backports={sqlite3.sqlite_version})
    catalog = Catalog(CatalogFile(database))
    assert catalog.namespace == "acme"
    return catalog


def mode_of(path: Path) -> str:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


@pytest.fixture
def beside(path: Path) -> Iterator[None]:
    """Nothing but what was there may lie beside the catalog afterwards."""
    before = sorted(item.name for item in path.parent.iterdir())
    yield
    assert sorted(item.name for item in path.parent.iterdir()) == before


@pytest.mark.usefixtures("beside")
def test_a_write_ahead_log_is_kept_while_the_catalog_is_open(path: Path) -> None:
    with with_wal(path) as catalog, Catalog.open(path) as reader:
        Product(id="y", name="Y", catalog=catalog).save()
        assert mode_of(path) == "wal"
        assert path.with_name("survey.gpkg-wal").stat().st_size > 0
        with catalog.database.read() as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (3,)
        with catalog.transaction():
            Product(id="z", name="Z", catalog=catalog).save()
            assert reader.products.ids() == ["acme:x", "acme:y"]
        assert reader.products.count() == 3
    assert not journal.is_wal(path)
    assert mode_of(path) == "delete"


@pytest.mark.usefixtures("beside")
def test_the_last_to_close_goes_back(path: Path) -> None:
    first, second = with_wal(path), with_wal(path)
    Product(id="y", name="Y", catalog=first).save()
    first.close()
    assert journal.is_wal(path)
    Product(id="z", name="Z", catalog=second).save()
    second.close()
    assert not journal.is_wal(path)
    with Catalog.open(path, read_only=True) as catalog:
        assert catalog.products.ids() == ["acme:x", "acme:y", "acme:z"]


@pytest.fixture
def other(path: Path) -> Iterator[Other]:
    other = Other(path)
    yield other
    if other.process.is_alive():
        other.end()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets nobody delete a log that is in use")
@pytest.mark.usefixtures("beside")
def test_nothing_is_written_to_a_log_that_another_process_took_away(path: Path, other: Other) -> None:
    """Closing any descriptor of the file drops SQLite's locks: another process then takes itself for the last one."""
    with with_wal(path) as catalog:
        Product(id="y", name="Y", catalog=catalog).save()
        other.do(save_product, "z")
        path.open("rb").close()
        other.end()
        assert not path.with_name("survey.gpkg-wal").exists()
        Product(id="after", name="After", catalog=catalog).save()
        third = Other(path)
        assert third.do(product_ids) == ["acme:after", "acme:x", "acme:y", "acme:z"]
        third.end()
        assert catalog.products.sort("id").ids() == ["acme:after", "acme:x", "acme:y", "acme:z"]
    assert not journal.is_wal(path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets nobody delete a log that is in use")
@pytest.mark.usefixtures("beside")
def test_a_log_that_goes_at_the_last_moment_ends_the_write(
    path: Path, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    with with_wal(path) as catalog:
        Product(id="y", name="Y", catalog=catalog).save()
        other.do(save_product, "z")
        path.open("rb").close()
        begin = Locks.begin

        def begin_late(locks: Locks, seconds: float) -> None:
            monkeypatch.undo()
            other.end()
            begin(locks, seconds)

        monkeypatch.setattr(Locks, "begin", begin_late)
        with pytest.raises(StorageError, match="took its write-ahead log away; nothing was kept, write it again"):
            Product(id="after", name="After", catalog=catalog).save()
        Product(id="after", name="After", catalog=catalog).save()
        assert catalog.products.sort("id").ids() == ["acme:after", "acme:x", "acme:y", "acme:z"]


@pytest.mark.skipif(sys.platform == "win32", reason="SQLite's locks belong to the open file there")
@pytest.mark.skipif(sys.version_info < (3, 12), reason="sqlite3 cannot keep SQLite from deleting the log before 3.12")
@pytest.mark.usefixtures("beside")
def test_a_log_that_is_read_is_taken_away_by_nobody(path: Path, other: Other) -> None:
    with with_wal(path) as catalog:
        Product(id="y", name="Y", catalog=catalog).save()
        other.do(save_product, "z")
        with catalog.database.snapshot() as connection:
            assert connection.execute("SELECT count(*) FROM product").fetchone() == (3,)
            log = path.with_name("survey.gpkg-wal").stat().st_ino
            path.open("rb").close()  # the locks of SQLite are gone
            other.end()
            assert path.with_name("survey.gpkg-wal").stat().st_ino == log
            third = Other(path)
            third.do(save_product, "later")
            assert connection.execute("SELECT count(*) FROM product").fetchone() == (3,)
            third.end()
        assert product_ids(catalog) == ["acme:later", "acme:x", "acme:y", "acme:z"]
    assert not journal.is_wal(path)


@posix
def test_a_log_that_goes_right_before_a_read_ends_the_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, share = path.with_name("survey.gpkg-wal"), Locks.share
    with with_wal(path) as catalog:
        Product(id="y", name="Y", catalog=catalog).save()

        def share_late(locks: Locks, seconds: float) -> None:
            monkeypatch.undo()
            log.rename(path.with_name("away"))
            share(locks, seconds)

        monkeypatch.setattr(Locks, "share", share_late)
        with pytest.raises(StorageError, match="took its write-ahead log away; read it again"):
            catalog.products.count()
        path.with_name("away").rename(log)
        assert catalog.products.count() == 2


@pytest.mark.usefixtures("beside")
def test_a_log_that_is_begun_by_another_goes_with_the_last_to_close(path: Path) -> None:
    with Catalog.open(path) as early:
        assert early.products.count() == 1
        with with_wal(path) as catalog:
            Product(id="y", name="Y", catalog=catalog).save()
            assert early.products.count() == 2
        assert journal.is_wal(path)
        Product(id="z", name="Z", catalog=early).save()
    assert not journal.is_wal(path)


@pytest.mark.usefixtures("beside")
def test_threads_have_a_log_together(path: Path) -> None:
    with with_wal(path) as catalog:

        def work(number: int) -> None:
            for index in range(5):
                Product(id=f"t{number}-{index}", name="T", catalog=catalog).save()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert catalog.products.count() == 21
    assert not journal.is_wal(path)


@pytest.mark.usefixtures("beside")
def test_a_log_that_a_crash_left_is_taken_in_at_the_next_close(path: Path) -> None:
    leave_journal(path, "WAL")
    assert path.with_name("survey.gpkg-wal").exists()
    with Catalog.open(path) as catalog:
        assert catalog.sql("SELECT count(*) AS n FROM mine") == [{"n": 0}]
        Product(id="y", name="Y", catalog=catalog).save()
    assert not journal.is_wal(path)


@pytest.mark.parametrize(
    ("version", "system", "writable", "reason"),
    [
        ((99, 0, 0), "ext4", True, f"SQLite {sqlite3.sqlite_version} may corrupt it then, 99.0.0 is the first"),
        ((3, 37, 0), "nfs4", True, "its file system .nfs4. may not share memory"),
        ((3, 37, 0), "vfat", True, "its file system .vfat. may not share memory"),
        ((3, 37, 0), "", True, "its file system .unknown. may not share memory"),
        ((3, 37, 0), "ext4", False, "it can only be read"),
    ],
)
def test_a_log_is_refused_where_it_is_not_safe(
    path: Path, monkeypatch: pytest.MonkeyPatch, version: tuple, system: str, writable: bool, reason: str
) -> None:
    monkeypatch.setattr(journal, "FIRST_SAFE", version)
    monkeypatch.setattr(journal, "file_system_of", lambda path: FileSystem(system))
    with pytest.raises(BadRequestError, match=f"{reason}.*open it without journal='wal'"):
        journal.require_wal(path, is_writable=writable, backports=frozenset())
    if system == "ext4":
        journal.require_wal(path, is_writable=True, backports={sqlite3.sqlite_version})


def test_open_refuses_a_log_with_an_old_sqlite(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "FIRST_SAFE", (99, 0, 0))
    with pytest.raises(BadRequestError, match="cannot have a write-ahead log"):
        Catalog.open(path, journal="wal")
    assert not journal.is_wal(path)


# Names


@pytest.mark.parametrize("name", ["n" * 300, "ü" * 200, "a/" + "b" * 300])
def test_names_that_are_too_long(tmp_path: Path, name: str) -> None:
    with pytest.raises(CatalogNotFoundError, match=re.escape(name)):
        Catalog.open(tmp_path / name)
    with pytest.raises((BadRequestError, CatalogError), match=re.escape(name)):
        Catalog.create(tmp_path / name)
    with pytest.raises((BadRequestError, CatalogError), match=re.escape(name)):
        Catalog.open_or_create(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@posix
@pytest.mark.parametrize("stem", ["n" * 215, "ü" * 100, "%41?mode=memory&x#y", "a b'c\"d"])
def test_names_that_are_odd_but_fit(tmp_path: Path, stem: str) -> None:
    name = f"{stem}.gpkg"
    with Catalog.create(tmp_path / name, org="acme") as catalog:
        Product(id="x", name="X", catalog=catalog).save()
    with Catalog.open(tmp_path / name) as catalog:
        assert catalog.products.ids() == ["acme:x"]
    assert sorted(item.name for item in tmp_path.iterdir()) == [f"{stem}.data", name]


@pytest.mark.parametrize("path", ["", "a\x00b", "\ud800", 5, None, b"bytes.gpkg"])
def test_what_is_no_path_is_refused(path: object) -> None:
    for call in (Catalog.open, Catalog.create, Catalog.open_or_create):
        with pytest.raises(CatalogError, match="a catalog's path is a str or os.PathLike"):
            call(path)  # type: ignore[operator]


def test_a_place_where_nothing_can_be_made(tmp_path: Path) -> None:
    for call in (Catalog.create, Catalog.open_or_create):
        with pytest.raises(CatalogError, match="/proc/self/nowhere.*make it first"):
            call("/proc/self/nowhere/x.gpkg")


def test_files_keep_their_paths_in_a_trusted_catalog(path: Path) -> None:
    with Catalog.open(path) as catalog:
        assert catalog.path_of(File(href="place/b.tif")) == path.parent / "place" / "b.tif"
        with pytest.raises(UnsafePathError, match="/vsicurl/http://127.0.0.1/x.tif.*only local files"):
            catalog.path_of(File(href="/vsicurl/http://127.0.0.1/x.tif"))
