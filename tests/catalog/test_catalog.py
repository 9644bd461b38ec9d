"""The catalog as a file: created, opened, shared, refused."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import localcat
from localcat import (
    BadRequestError,
    Catalog,
    CatalogExistsError,
    CatalogNotFoundError,
    CorruptCatalogError,
    LocalcatError,
    Product,
    QueryError,
    ReadOnlyCatalogError,
    UnsupportedCatalogError,
)
from tests.small_catalog import make_product


def test_create_makes_one_file_and_open_finds_it(tmp_path: Path) -> None:
    path = tmp_path / "survey.gpkg"
    with Catalog.create(path, org="acme") as catalog:
        assert [item.name for item in tmp_path.iterdir()] == ["survey.gpkg"]
        make_product("x", catalog=catalog)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["survey.data", "survey.gpkg"]
    with Catalog.open(path) as catalog:
        assert catalog.products.ids() == ["acme:x"]
        assert (catalog.namespace, catalog.org) == ("acme", "acme")


def test_create_refuses_what_exists_and_leaves_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "survey.gpkg"
    path.write_bytes(b"precious")
    with pytest.raises(CatalogExistsError, match="already exists; open it with Catalog.open"):
        Catalog.create(path)
    assert path.read_bytes() == b"precious"
    (tmp_path / "other.data").mkdir()
    with pytest.raises(CatalogExistsError, match="would become the data folder"):
        Catalog.create(tmp_path / "other.gpkg")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["other.data", "survey.gpkg"]


def test_create_refuses_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(CatalogNotFoundError, match="does not exist; make it first"):
        Catalog.create(tmp_path / "nowhere" / "survey.gpkg")


def test_open_refuses_a_missing_file_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(CatalogNotFoundError, match=r"none\.gpkg'; Catalog\.create"):
        Catalog.open(tmp_path / "none.gpkg")
    with pytest.raises(FileNotFoundError, match=r"none\.gpkg"):
        Catalog.open(tmp_path / "none.gpkg")
    with pytest.raises(CatalogNotFoundError, match="is not a file"):
        Catalog.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


def foreign_files(folder: Path) -> dict[str, Path]:
    files = {name: folder / name for name in ("text", "empty", "sqlite", "geopackage", "newer", "version")}
    files["text"].write_text("this is not a database, it is a letter to a friend. " * 50)
    files["empty"].write_bytes(b"")
    with contextlib.closing(sqlite3.connect(files["sqlite"])) as connection, connection:
        connection.execute("CREATE TABLE meta (key, value)")
    with contextlib.closing(sqlite3.connect(files["geopackage"])) as connection, connection:
        connection.execute("PRAGMA application_id = 1196444487")
        connection.execute("CREATE TABLE gpkg_contents (table_name TEXT)")
    for name, version in (("newer", "9999"), ("version", "many")):
        Catalog.create(files[name].with_suffix(".gpkg")).close()
        files[name] = files[name].with_suffix(".gpkg")
        with contextlib.closing(sqlite3.connect(files[name])) as connection, connection:
            connection.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", (version,))
    return files


@pytest.mark.parametrize("name", ["text", "empty", "sqlite", "geopackage", "newer", "version"])
def test_open_refuses_a_foreign_file_and_does_not_touch_it(tmp_path: Path, name: str) -> None:
    path = foreign_files(tmp_path)[name]
    before = hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns
    with pytest.raises(UnsupportedCatalogError, match="install a newer localcat" if name == "newer" else str(path)):
        Catalog.open(path)
    assert (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) == before


def test_a_truncated_catalog_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "survey.gpkg"
    with Catalog.create(path) as catalog:
        make_product("x", catalog=catalog)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises((CorruptCatalogError, UnsupportedCatalogError), match=r"survey\.gpkg"):
        Catalog.open(path).products.ids()


def test_open_or_create_does_either(tmp_path: Path) -> None:
    path = tmp_path / "survey.gpkg"
    with Catalog.open_or_create(path, org="acme") as catalog:
        make_product("x", catalog=catalog)
    with Catalog.open_or_create(path, org="other") as catalog:
        assert catalog.products.ids() == ["acme:x"]


def test_a_temporary_catalog_is_gone_when_closed() -> None:
    with Catalog.temporary() as catalog:
        make_product("x", catalog=catalog)
        folder = catalog.path.parent
        assert folder.exists()
    assert not folder.exists()
    with pytest.raises(LocalcatError, match="is closed; open it again"):
        catalog.products.count()


@pytest.mark.parametrize(("org", "expected"), [("acme", "acme:x"), ("", "x")])
def test_the_namespace_is_the_org(org: str, expected: str) -> None:
    """Choice 7."""
    with Catalog.temporary(org=org) as catalog:
        assert make_product("x", catalog=catalog).id == expected


def test_the_namespace_is_the_user_without_an_org() -> None:
    """Choice 7."""
    with Catalog.temporary(user="mara") as catalog:
        assert make_product("x", catalog=catalog).id == "mara:x"


@pytest.mark.parametrize("org", ["a:b", 5])
def test_an_org_that_is_no_prefix_is_refused(tmp_path: Path, org: object) -> None:
    with pytest.raises(BadRequestError, match="org is text without a colon"):
        Catalog.create(tmp_path / "x.gpkg", org=org)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_read_only_refuses_to_write(tmp_path: Path) -> None:
    path = tmp_path / "survey.gpkg"
    Catalog.create(path, org="acme").close()
    with Catalog.open(path, read_only=True) as catalog:
        assert catalog.products.count() == 0
        with pytest.raises(ReadOnlyCatalogError, match="open for reading only; open it without read_only=True"):
            make_product("x", catalog=catalog)
        with pytest.raises(OSError, match="reading only"):
            make_product("x", catalog=catalog)


def test_a_duplicate_product_is_refused(catalog: Catalog) -> None:
    """3.2: ConflictError and BadRequestError."""
    make_product("x", catalog=catalog)
    with pytest.raises(localcat.ConflictError, match="Product 'acme:x' already exists"):
        make_product("x", catalog=catalog)
    with pytest.raises(BadRequestError, match="acme:x"):
        make_product("x", catalog=catalog)
    assert catalog.products.count() == 1


# The default catalog


def test_as_default_nests_and_ends() -> None:
    """3.11: every call takes client= or catalog=."""
    with Catalog.temporary(org="a") as first, Catalog.temporary(org="b") as second, first.as_default():
        with second.as_default():
            Product(id="x", name="X").save()
        assert (Product.search().count(), second.products.count()) == (0, 1)
        assert localcat.CatalogClient.get_default_client() is first
        assert Product.search(catalog=second).ids() == ["b:x"]
        assert Product.search(client=second).ids() == ["b:x"]


def test_the_originals_client_names_the_default_catalog() -> None:
    """3.11, choice 9."""
    with Catalog.temporary(org="a") as catalog:
        localcat.CatalogClient.set_default_client(catalog)
        try:
            assert localcat.default_catalog() is localcat.CatalogClient.get_default_client() is catalog
            Product(id="x", name="X").save()
            assert catalog.products.ids() == ["a:x"]
        finally:
            localcat.set_default_catalog(None)


def test_a_program_that_closes_nothing_ends_quietly(tmp_path: Path) -> None:
    """3.11: a default catalog lives to the end of the process."""
    code = (
        "import localcat\n"
        "localcat.set_default_catalog(localcat.Catalog.temporary(org='a'))\n"
        "localcat.Product(id='x', name='X').save()\n"
        f"held = localcat.Catalog.create({str(tmp_path / 'held.gpkg')!r})\n"
        "print(localcat.Product.search().ids(), held.products.count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("['a:x'] 0\n", "")


# Transactions, threads, processes


def test_a_transaction_is_all_or_nothing(catalog: Catalog) -> None:
    product = Product(id="x", name="X")
    with pytest.raises(RuntimeError), catalog.transaction():
        product.save()
        assert catalog.products.count() == 1
        raise RuntimeError
    assert catalog.products.count() == 0
    assert product.state == "unsaved"
    product.save()
    assert catalog.products.ids() == ["acme:x"]


def test_a_nested_transaction_rolls_back_alone(catalog: Catalog) -> None:
    with catalog.transaction():
        make_product("outer", catalog=catalog)
        with pytest.raises(RuntimeError), catalog.transaction():
            make_product("inner", catalog=catalog)
            raise RuntimeError
    assert catalog.products.ids() == ["acme:outer"]


def test_threads_share_a_catalog(tmp_path: Path) -> None:
    errors: list[BaseException] = []
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:

        def work(number: int) -> None:
            try:
                for index in range(10):
                    make_product(f"p{number}-{index}", catalog=catalog)
                    assert catalog.products.count() > 0
            except BaseException as error:  # noqa: BLE001  # whatever it is, the test shows it
                errors.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert catalog.products.count() == 80


def write_some(path: str, number: int, count: int) -> None:
    with Catalog.open_or_create(path, org="acme") as catalog:
        for index in range(count):
            make_product(f"p{number}-{index}", catalog=catalog)


def test_processes_share_a_catalog_that_they_create_at_once(tmp_path: Path) -> None:
    path = tmp_path / "survey.gpkg"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write_some, args=(str(path), number, 20)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    with Catalog.open(path) as catalog:
        assert catalog.products.count() == 80
    assert sorted(item.name for item in tmp_path.iterdir()) == ["survey.data", "survey.gpkg"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_opens_its_own_connection(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        make_product("parent", catalog=catalog)
        child = os.fork()
        if child == 0:
            try:
                make_product("child", catalog=catalog)
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert catalog.products.ids() == ["acme:child", "acme:parent"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_does_not_delete_its_parents_temporary_catalog() -> None:
    with Catalog.temporary() as catalog:
        child = os.fork()
        if child == 0:
            catalog.close()
            os._exit(0)
        os.waitpid(child, 0)
        assert catalog.path.exists()


def test_a_catalog_and_its_objects_pickle(tmp_path: Path) -> None:
    """3.2: with the path, not a connection."""
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        product = make_product("x", catalog=catalog)
        product.description = "changed"
        again = pickle.loads(pickle.dumps(product))
        assert (again.id, again.description, again.state) == ("acme:x", "changed", "modified")
        again.save()
        product.description = None
        product.reload()
        assert product.description == "changed"
        assert pickle.loads(pickle.dumps(catalog)) == catalog


# Tinkering


def test_sql_reads_the_documented_views_and_changes_nothing(catalog: Catalog) -> None:
    make_product("x", catalog=catalog)
    assert catalog.sql("SELECT product_id, name FROM products WHERE name = ?", ["x"]) == [
        {"product_id": "acme:x", "name": "x"}
    ]
    for statement in ("DELETE FROM product", "DROP TABLE product", "PRAGMA user_version = 1", "ATTACH ':memory:' AS m"):
        with pytest.raises(QueryError, match="not authorized"):
            catalog.sql(statement)
    with pytest.raises(QueryError, match="no such column"):
        catalog.sql("SELECT missing FROM products")
    assert catalog.products.count() == 1
    make_product("y", catalog=catalog)


def test_db_is_a_sqlite_utils_database(catalog: Catalog) -> None:
    make_product("x", catalog=catalog)
    database = catalog.db
    assert [row["uid"] for row in database["product"].rows] == ["acme:x"]
    with catalog.writable_db() as writable:
        writable["note"].insert({"text": "mine"})
    assert list(database["note"].rows) == [{"text": "mine"}]
    database.conn.close()
