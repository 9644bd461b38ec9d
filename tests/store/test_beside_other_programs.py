"""A catalog that others use at the same time: what is committed stays, whoever opens and closes the file meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy
import pyogrio
import pytest

from localcat import Catalog, CatalogLockedError, ClientError, Image, StorageError
from localcat.disk.ownership import LOCK_NAMES
from tests.other_process import Other, begin, begin_reading, commit, product_ids, save_product
from tests.small_catalog import make_product, new_image

needs_locks = pytest.mark.skipif(sys.platform == "win32", reason="SQLite's own locks suffice there")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        make_product("first", catalog=catalog)
    return tmp_path / "survey.gpkg"


@pytest.fixture
def mine(path: Path) -> Iterator[Catalog]:
    with Catalog.open(path) as catalog:
        yield catalog


@pytest.fixture
def impatient(path: Path) -> Iterator[Other]:
    other = Other(path, timeout=0.05)
    yield other
    other.end()


def save_products_of_4_mb(catalog: Catalog, name: str) -> None:
    for number in range(50):
        make_product(f"{name}-{number}", catalog=catalog, description="word " * 16_000)


def open_and_close(path: Path) -> None:
    path.open("rb").close()


def copy(path: Path) -> None:
    shutil.copyfile(path, path.with_name("copy"))


def recover(path: Path) -> None:
    with suppress(ClientError):
        Catalog.recover(path, path.with_name("saved.gpkg"), progress=False)


def read_with_gdal(path: Path) -> None:
    pyogrio.read_info(path, layer="footprints")


def read_with_sqlite(path: Path) -> None:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    connection.execute("SELECT count(*) FROM product").fetchone()
    connection.close()


def verify(path: Path) -> None:
    with Catalog.open(path, read_only=True) as catalog:
        catalog.verify("quick", progress=False)


CLOSING = (open_and_close, copy, recover, read_with_gdal, verify)


# Whoever closes the file


@pytest.mark.parametrize(
    ("close", "much"),
    # What was changed so far is in the file where it is much, and nobody else reads it until it is committed.
    [*((one, False) for one in CLOSING), *((one, True) for one in (open_and_close, copy, recover))],
)
def test_closing_the_file_lets_no_other_writer_in(
    mine: Catalog, path: Path, impatient: Other, close: Callable[[Path], None], much: bool
) -> None:
    with mine.database.write() as transaction:
        if much:
            transaction.expect_much()
        save_product(mine, "mine")
        close(path)
        assert impatient.do(save_product, "other") == "CatalogLockedError"
        save_product(mine, "mine-too")
    assert impatient.do(save_product, "other") is None
    assert product_ids(mine) == ["acme:first", "acme:mine", "acme:mine-too", "acme:other"]
    assert mine.verify("full", progress=False).ok


@pytest.mark.parametrize("close", [*CLOSING, read_with_sqlite])
def test_closing_the_file_lets_nobody_commit_under_a_read(
    mine: Catalog, path: Path, impatient: Other, close: Callable[[Path], None]
) -> None:
    with mine.database.snapshot() as connection:
        assert connection.execute("SELECT count(*) FROM product").fetchone() == (1,)
        close(path)
        assert impatient.do(save_product, "other") == "CatalogLockedError"
        assert connection.execute("SELECT count(*) FROM product").fetchone() == (1,)
    assert impatient.do(save_product, "other") is None
    assert product_ids(mine) == ["acme:first", "acme:other"]


def save_steadily(catalog: Catalog, name: str, count: int) -> list[str]:
    """Save products, while a thread opens and closes the file."""
    stop = threading.Event()

    def disturb() -> None:
        while not stop.is_set():
            open_and_close(catalog.path)

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        for number in range(count):
            save_product(catalog, f"{name}-{number}")
    finally:
        stop.set()
        thread.join()
    return [f"acme:{name}-{number}" for number in range(count)]


def count_steadily(catalog: Catalog, until: int) -> int:
    """Count products until there are so many; return how often that was."""
    times, seen = 0, 0
    while seen < until:
        found = catalog.products.count()
        assert found >= seen
        seen, times = found, times + 1
    return times


def test_processes_that_write_and_close_the_file_lose_nothing(mine: Catalog, path: Path) -> None:
    others = [Other(path) for _ in range(3)]
    saved: dict[str, list[str]] = {}
    calls = [("a", save_steadily, ("a", 25)), ("b", save_steadily, ("b", 25)), ("r", count_steadily, (51,))]
    threads = [
        threading.Thread(target=lambda other=other, call=call: saved.update({call[0]: other.do(call[1], *call[2])}))
        for other, call in zip(others, calls, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in others:
        other.end()
    assert saved["r"] > 0
    assert product_ids(mine) == sorted(["acme:first", *saved["a"], *saved["b"]])
    assert mine.verify("full", progress=False).ok


# Who waits


def test_others_read_until_a_transaction_is_committed(mine: Catalog, impatient: Other) -> None:
    with mine.transaction():
        save_product(mine, "mine")
        assert impatient.do(product_ids) == ["acme:first"]
    assert impatient.do(product_ids) == ["acme:first", "acme:mine"]


def test_others_wait_for_one_that_loads_much_and_are_told_so(mine: Catalog, impatient: Other, path: Path) -> None:
    with mine.database.write() as transaction:
        transaction.expect_much()
        save_product(mine, "mine")
        assert impatient.do(product_ids) == "CatalogLockedError"
        with pytest.raises(CatalogLockedError, match=r"survey\.gpkg' is in use by another program or thread for more"):
            Catalog.open(path, timeout=0.05)
        assert product_ids(mine) == ["acme:first", "acme:mine"]
    assert impatient.do(product_ids) == ["acme:first", "acme:mine"]


def test_a_transaction_that_grows_keeps_its_memory_bounded_and_readers_out(
    mine: Catalog, impatient: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("localcat.store.file.transaction._MANY_CHANGES", 50)
    with mine.transaction():
        save_product(mine, "one")
        assert impatient.do(product_ids) == ["acme:first"]
        for number in range(50):
            save_product(mine, f"p{number}")
        assert impatient.do(product_ids) == "CatalogLockedError"
    assert len(impatient.do(product_ids)) == 52


def test_the_pages_of_a_large_transaction_go_into_the_file_before_its_end(mine: Catalog, path: Path) -> None:
    mine.database._session().connection.execute("PRAGMA cache_size = 20")  # pages of 4096 bytes
    size = path.stat().st_size
    with mine.database.write() as transaction:
        save_products_of_4_mb(mine, "kept")
        assert path.stat().st_size == size
        transaction.expect_much()
        save_products_of_4_mb(mine, "spilled")
        assert path.stat().st_size > size + 5_000_000
    size = path.stat().st_size
    with mine.database.write():
        save_products_of_4_mb(mine, "again-kept")
        assert path.stat().st_size == size


def test_a_commit_waits_for_a_read_of_another_process(mine: Catalog, path: Path) -> None:
    other = Other(path)
    assert other.do(begin_reading) == 1
    with Catalog.open(path, timeout=0.05) as hasty, pytest.raises(CatalogLockedError, match="is in use"):
        save_product(hasty, "hasty")
    other.do(commit)
    save_product(mine, "mine")
    assert other.do(product_ids) == ["acme:first", "acme:mine"]
    other.end()


def test_an_iteration_that_stopped_half_way_keeps_nobody_out(mine: Catalog, impatient: Other) -> None:
    save_product(mine, "second")
    searches = [iter(mine.products), iter(mine.products.sort("name").limit(2))]
    assert [str(next(search).id) for search in searches] == ["acme:first", "acme:first"]
    assert impatient.do(save_product, "other") is None
    assert [str(found.id) for found in searches[0]] == ["acme:second"]


def test_a_thread_reads_and_copies_inside_its_own_transaction(mine: Catalog) -> None:
    with mine.transaction():
        save_product(mine, "mine")
        assert product_ids(mine) == ["acme:first", "acme:mine"]
        assert mine.verify("quick", progress=False).ok
        with mine.database.separate() as connection:
            assert connection.execute("SELECT count(*) FROM product").fetchone() == (1,)
        with mine.database.snapshot(), mine.transaction():
            save_product(mine, "more")
    assert product_ids(mine) == ["acme:first", "acme:mine", "acme:more"]


def test_ctrl_c_ends_the_waiting(mine: Catalog, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Other(path)
    assert other.do(begin, "other") is None
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("localcat.disk.locks.time.sleep", lambda seconds: os.kill(os.getpid(), signal.SIGINT))
        save_product(mine, "mine")
    other.do(commit)
    save_product(mine, "mine")
    assert product_ids(mine) == ["acme:first", "acme:mine", "acme:other"]
    other.end()


# What becomes of the locks


def test_the_locks_of_a_killed_writer_are_free_at_once(mine: Catalog, path: Path) -> None:
    for much in (False, True):
        other = Other(path)
        assert other.do(begin, "other") is None
        other.kill()
        with Catalog.open(path, timeout=0.05) as hasty:
            save_product(hasty, f"after-{much}")
    assert product_ids(mine) == ["acme:after-False", "acme:after-True", "acme:first"]
    assert mine.verify("full", progress=False).ok


@needs_locks
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_forked_inside_a_transaction_leaves_it_locked(mine: Catalog, impatient: Other) -> None:
    ready, told = os.pipe()
    wait, go = os.pipe()
    with mine.transaction():
        save_product(mine, "mine")
        child = os.fork()
        if child == 0:
            os.close(go)
            os.write(told, b"1")
            os._exit(0 if os.read(wait, 1) == b"" else 1)
        assert os.read(ready, 1) == b"1"
        assert impatient.do(save_product, "other") == "CatalogLockedError"
    assert impatient.do(save_product, "other") is None  # although the child is alive
    os.close(go)
    assert os.waitpid(child, 0)[1] == 0
    for descriptor in (ready, told, wait):
        os.close(descriptor)


@needs_locks
def test_locks_that_are_deleted_are_made_again(mine: Catalog, path: Path, impatient: Other) -> None:
    with mine.transaction():
        save_product(mine, "mine")
        shutil.rmtree(path.with_suffix(".data"))
    assert sorted(one.name for one in path.with_suffix(".data").iterdir()) == sorted(LOCK_NAMES)
    assert impatient.do(save_product, "other") is None
    assert product_ids(mine) == ["acme:first", "acme:mine", "acme:other"]


@needs_locks
def test_a_transaction_whose_locks_another_one_replaced_is_rolled_back(mine: Catalog, path: Path) -> None:
    from localcat.disk.locks import Locks

    locks = Locks(path, path.with_suffix(".data"))
    with pytest.raises(StorageError, match="nothing was kept, write it again"), mine.transaction():
        save_product(mine, "mine")
        (path.with_suffix(".data") / LOCK_NAMES[0]).unlink()
        locks.begin(0.0)
    locks.end()
    locks.close()
    save_product(mine, "again")
    assert product_ids(mine) == ["acme:again", "acme:first"]


def test_without_a_folder_for_locks_a_catalog_works_as_before(mine: Catalog, path: Path) -> None:
    shutil.rmtree(path.with_suffix(".data"))
    path.with_suffix(".data").write_bytes(b"something else")
    with Catalog.open(path) as catalog:
        save_product(catalog, "mine")
        assert product_ids(catalog) == ["acme:first", "acme:mine"]


def test_a_reader_makes_no_locks_and_finds_those_that_are_made(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localcat.disk.locks._GATE_SECONDS", 0.0)
    folder = path.with_suffix(".data")
    shutil.rmtree(folder)
    with Catalog.open(path, read_only=True) as reader, Catalog.open(path) as writer:
        assert product_ids(reader) == ["acme:first"]
        assert not folder.exists()
        save_product(writer, "mine")
        assert product_ids(reader) == ["acme:first", "acme:mine"]
        assert reader.database._session().locks.are_there is (sys.platform != "win32")


def test_the_locks_are_no_garbage_and_are_not_copied(mine: Catalog, tmp_path: Path) -> None:
    product = make_product("pixels", catalog=mine)
    new_image(product, "a").save()
    assert mine.gc().set_aside == []
    assert mine.verify("full", progress=False).garbage == []
    assert not any(name in LOCK_NAMES for name in mine.data_folder.hrefs())
    mine.backup(tmp_path / "copy.gpkg", progress=False)
    assert not (tmp_path / "copy.data").exists()


def test_a_copy_that_borrows_a_folder_takes_no_locks(mine: Catalog, path: Path, tmp_path: Path) -> None:
    shutil.copy(path, tmp_path / "survey.bak")
    with Catalog.open(tmp_path / "survey.bak", read_only=True) as copied, mine.database.write() as transaction:
        transaction.expect_much()
        assert product_ids(copied) == ["acme:first"]
    assert not (tmp_path / "survey.bak.data").exists()


def test_a_catalog_is_made_beside_a_folder_of_locks_alone(path: Path) -> None:
    path.unlink()
    with Catalog.create(path, org="acme") as catalog:
        save_product(catalog, "new")
        assert product_ids(catalog) == ["acme:new"]
        assert Image.search(catalog=catalog).count() == 0
        assert numpy.size(catalog.images.collect()) == 0
