"""One handle on a catalog, used by several threads, tasks and processes at once, and a file that changes under it."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from localcat import (
    Catalog,
    CatalogClosedError,
    CatalogExistsError,
    CatalogLockedError,
    CatalogNotFoundError,
    ConflictError,
    DefaultCatalogWarning,
    Image,
    Product,
    StorageError,
)
from localcat.disk import locks
from localcat.store.catalog_file import CatalogFile
from localcat.store.file import database
from tests.small_catalog import make_product, new_image
from tests.systems import posix

PATIENCE = 20.0  # seconds; a test that waits so long has failed


def product(catalog: Catalog, id: str) -> None:
    Product(id=id, name=id, catalog=catalog).save()


def ids(catalog: Catalog) -> list[str]:
    return [str(found.id) for found in catalog.products.sort("id")]


class Inside:
    """A thread that is inside a block of the catalog's until it is told to leave."""

    def __init__(self, catalog: Catalog, leave: Callable[[Catalog], None] = lambda catalog: None) -> None:
        self.entered, self.may_leave = threading.Event(), threading.Event()
        self.errors: list[Exception] = []
        self._thread = threading.Thread(target=self._run, args=(catalog, leave))
        self._thread.start()
        assert self.entered.wait(PATIENCE)

    def _run(self, catalog: Catalog, leave: Callable[[Catalog], None]) -> None:
        try:
            with catalog.transaction():
                product(catalog, "inside")
                self.entered.set()
                assert self.may_leave.wait(PATIENCE)
                leave(catalog)
        except Exception as error:  # noqa: BLE001  # whatever it is, the test looks at it
            self.errors.append(error)

    def end(self) -> None:
        self.may_leave.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


# Reading


@posix
def test_ctrl_c_at_the_end_of_a_read_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flock, given_back = locks._flock, []

    def interrupted(descriptor: int, operation: int) -> None:
        flock(descriptor, operation)
        if operation == locks._FREE and not given_back:
            given_back.append(descriptor)
            raise KeyboardInterrupt

    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        product(catalog, "p")
        assert ids(catalog) == ["acme:p"]  # and the gate is passed
        with monkeypatch.context() as patch:
            patch.setattr(locks, "_flock", interrupted)
            with pytest.raises(KeyboardInterrupt, match=r"^$"):
                Product.get("acme:p", catalog=catalog)
        session = catalog.database._session()
        assert (session.depth, len(given_back)) == (0, 1)
        with catalog.database.read():  # and the next read keeps others from committing again
            assert session.locks._is_shared


# Closing


def test_close_waits_for_the_calls_of_other_threads(tmp_path: Path) -> None:
    made = Catalog.create(tmp_path / "a.gpkg", org="acme")
    other = Inside(made)
    closing = threading.Thread(target=made.close)
    closing.start()
    with pytest.raises(CatalogClosedError, match=r"a\.gpkg' is closed; open it again"):
        while True:  # until the closing thread has begun
            made.products.count()
    assert closing.is_alive()  # it waits for the other thread
    other.end()
    closing.join(PATIENCE)
    assert (closing.is_alive(), [type(error) for error in other.errors]) == (False, [])
    with Catalog.open(tmp_path / "a.gpkg") as again:
        assert ids(again) == ["acme:inside"]


def test_a_call_that_outlasts_close_ends_as_it_would_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_CLOSING_SECONDS", 0.01)
    made = Catalog.create(tmp_path / "a.gpkg", org="acme")
    other = Inside(made)
    made.close()
    other.end()
    assert other.errors == []
    with Catalog.open(tmp_path / "a.gpkg") as again:
        assert ids(again) == ["acme:inside"]


def test_a_new_call_inside_a_block_that_outlasts_close_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_CLOSING_SECONDS", 0.01)
    made = Catalog.create(tmp_path / "a.gpkg", org="acme")
    other = Inside(made, leave=lambda catalog: product(catalog, "late"))
    made.close()
    other.end()
    assert [type(error) for error in other.errors] == [CatalogClosedError]
    with Catalog.open(tmp_path / "a.gpkg") as again:
        assert ids(again) == []


def test_many_threads_are_told_that_it_is_closed(tmp_path: Path) -> None:
    made = Catalog.create(tmp_path / "a.gpkg", org="acme")
    ended: list[Exception] = []

    def use(number: int) -> None:
        try:
            for count in range(100_000):
                made.products.count() if number % 2 else product(made, f"p{number}-{count}")
        except Exception as error:  # noqa: BLE001  # whatever it is, the test looks at it
            ended.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while made.products.count() < 4:
        pass
    made.close()
    for thread in threads:
        thread.join(PATIENCE)
    assert [type(error) for error in ended] == [CatalogClosedError] * 4


# Tasks, threads and processes


@pytest.mark.parametrize("act", [lambda catalog: product(catalog, "b"), lambda catalog: catalog.products.count()])
def test_a_transaction_belongs_to_its_task(catalog: Catalog, act: Callable[[Catalog], object]) -> None:
    async def failing() -> None:
        with catalog.transaction():
            product(catalog, "a")
            await asyncio.sleep(0)
            raise ValueError("this task fails")

    async def other() -> None:
        act(catalog)

    async def both() -> list[object]:
        return await asyncio.gather(failing(), other(), return_exceptions=True)

    first, second = asyncio.run(both())
    assert (type(first), type(second)) == (ValueError, ConflictError)
    assert "another task of this thread is inside a transaction of catalog" in str(second)
    assert ids(catalog) == []


def test_one_task_may_write_inside_its_own_transaction(catalog: Catalog) -> None:
    async def whole() -> None:
        with catalog.transaction():
            product(catalog, "a")
            await asyncio.sleep(0)
            product(catalog, "b")

    asyncio.run(whole())
    assert len(ids(catalog)) == 2


def test_the_timeout_bounds_the_wait_for_another_thread(tmp_path: Path) -> None:
    Catalog.create(tmp_path / "a.gpkg", org="acme").close()
    with Catalog.open(tmp_path / "a.gpkg", timeout=0.05) as made:
        other = Inside(made)
        with pytest.raises(CatalogLockedError, match="in use by another thread for more than 0.05 seconds"):
            product(made, "x")
        other.end()
        product(made, "x")
        assert ids(made) == ["acme:inside", "acme:x"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("fails", [True, False])
def test_a_child_forked_inside_a_transaction_ends_nothing(tmp_path: Path, fails: bool) -> None:
    made = Catalog.create(tmp_path / "a.gpkg", org="acme")
    inside = make_product("p", catalog=made)
    child = -1
    try:
        with made.transaction():
            new_image(inside, "mine").save()
            child = os.fork()
            if child == 0 and fails:
                raise RuntimeError("the child fails")  # noqa: TRY301  # the way out of the block is the test
            if child > 0:
                assert os.waitpid(child, 0)[1] == 0
    except RuntimeError:
        pass
    finally:
        if child == 0:
            os._exit(0)
    assert Image.exists("acme:p:mine", catalog=made)
    made.close()
    with Catalog.open(tmp_path / "a.gpkg") as again:
        assert (again.images.count(), again.verify("quick").ok) == (1, True)


# A file that changes under the handle


@posix
def test_a_file_that_vanished_is_not_made_again(tmp_path: Path) -> None:
    made = Catalog.create(tmp_path / "a.gpkg", org="acme")
    product(made, "one")
    (tmp_path / "a.gpkg").rename(tmp_path / "elsewhere")
    for act in (lambda: product(made, "two"), made.products.count, lambda: made.backup(tmp_path / "b.gpkg"), made.gc):
        with pytest.raises(CatalogNotFoundError, match=r"a\.gpkg'"):
            act()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.data", "elsewhere"]
    (tmp_path / "elsewhere").rename(tmp_path / "a.gpkg")
    product(made, "two")
    assert ids(made) == ["acme:one", "acme:two"]


@posix
@pytest.mark.parametrize("reads_first", [True, False])
def test_another_file_put_in_its_place_is_the_catalog_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads_first: bool
) -> None:
    """Without a look at the file, the handle would write into one that has no name any more."""
    monkeypatch.setattr(database, "_LOOK_SECONDS", 0.0 if reads_first else 1e9)  # writes look in any case
    path = tmp_path / "a.gpkg"
    made = Catalog.create(path, org="acme")
    shutil.copy(path, tmp_path / "older")
    product(made, "one")
    (tmp_path / "older").replace(path)
    if reads_first:
        assert ids(made) == []
    product(made, "two")
    made.close()
    with Catalog.open(path) as again:
        assert ids(again) == ["acme:two"]


@posix
@pytest.mark.parametrize("change", ["replaced", "moved", "deleted"])
def test_a_transaction_whose_file_goes_is_not_acknowledged(tmp_path: Path, change: str) -> None:
    path, other = tmp_path / "survey.gpkg", tmp_path / "other"
    with Catalog.create(path, org="acme") as catalog:
        product(catalog, "before")
        shutil.copyfile(path, other)
        with (
            pytest.raises(StorageError, match="moved, deleted or replaced by another file.*write it again"),
            catalog.transaction(),
        ):
            product(catalog, "lost")
            if change == "replaced":
                other.replace(path)
            elif change == "moved":
                path.rename(tmp_path / "moved.gpkg")
            else:
                path.unlink()
        if change == "replaced":
            product(catalog, "after")
            assert ids(catalog) == ["acme:after", "acme:before"]
        elif change == "moved":
            (tmp_path / "moved.gpkg").rename(path)
            product(catalog, "after")
            assert ids(catalog) == ["acme:after", "acme:before"]
        else:
            with pytest.raises(CatalogNotFoundError, match="moved, renamed or deleted"):
                product(catalog, "after")


def test_no_empty_catalog_beside_a_full_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALCAT", str(tmp_path / "a.gpkg"))
    (tmp_path / "a.data" / "acme-p").mkdir(parents=True)
    default = Catalog.default()
    with pytest.raises(CatalogNotFoundError, match=r"no catalog at .*a\.gpkg', but its data folder .*a\.data' is full"):
        product(default, "one")
    assert [path.name for path in tmp_path.iterdir()] == ["a.data"]
    shutil.rmtree(tmp_path / "a.data" / "acme-p")
    with pytest.warns(DefaultCatalogWarning, match=r"makes one at '.*a\.gpkg'"):
        product(default, "one")
    assert ids(default)[0].endswith(":one")


def test_a_handle_writes_again_when_its_disk_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Catalog.create(tmp_path / "a.gpkg", org="acme").close()
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
        with pytest.warns(UserWarning, match="nothing can be written"):
            made = Catalog.open(tmp_path / "a.gpkg")
        with pytest.raises(OSError, match="nothing can be written"):
            product(made, "one")
    product(made, "one")  # on the connection that was opened for reading
    assert ids(made) == ["acme:one"]
    made.close()


def test_a_link_is_the_file_that_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    Catalog.create(tmp_path / "store" / "a.gpkg", org="acme").close()
    (tmp_path / "link.gpkg").symlink_to(tmp_path / "store" / "a.gpkg")
    with Catalog.open(tmp_path / "link.gpkg") as made:
        assert made.path == tmp_path / "store" / "a.gpkg"
        assert made.data_folder.path == tmp_path / "store" / "a.data"


# Opening or making


def test_a_catalog_that_appears_between_looking_and_making_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, looks = CatalogFile.open.__func__, []

    def too_early(cls: type[CatalogFile], path: Path, options: object) -> CatalogFile:
        looks.append(path)
        if len(looks) == 1:
            Catalog.create(path, org="theirs").close()
            raise CatalogNotFoundError("it was not there yet")
        return real(cls, path, options)

    monkeypatch.setattr(CatalogFile, "open", classmethod(too_early))
    with Catalog.open_or_create(tmp_path / "a.gpkg", org="ours") as made:
        assert made.org == "theirs"


def test_what_is_no_catalog_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "folder.gpkg").mkdir()
    with pytest.raises(CatalogNotFoundError, match=r"folder\.gpkg' is not a file"):
        Catalog.open_or_create(tmp_path / "folder.gpkg")
    (tmp_path / "b.data").mkdir()
    with pytest.raises(CatalogExistsError, match=r"b\.data' already exists and would become the data folder"):
        Catalog.open_or_create(tmp_path / "b.gpkg")
