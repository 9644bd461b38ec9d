"""Older catalog files: brought to the present schema once, whole or not at all, behind a backup."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import shutil
import signal
import sqlite3
import zipfile
from pathlib import Path

import pytest

from localcat import (
    Catalog,
    CatalogError,
    CorruptCatalogError,
    Image,
    LocalcatError,
    Product,
    ReadOnlyCatalogError,
    StorageError,
    UnsupportedCatalogError,
    UntrustedCatalogError,
)
from localcat.store.catalog_file import CatalogFile
from localcat.store.damage.problem_kinds import ProblemKind
from localcat.store.file import schema
from localcat.store.file.connection import OpenOptions, connect
from localcat.store.file.database import Database
from localcat.store.file.migrate import backup_path
from localcat.store.file.trust import check_schema
from tests import schema_fixtures
from tests.systems import IS_WINDOWS

SECOND = """-- Notes on images, and an index of their words.
CREATE TABLE image_note (
    image_id  INTEGER PRIMARY KEY REFERENCES image (id) ON DELETE CASCADE,
    note      TEXT NOT NULL
) STRICT;
CREATE VIRTUAL TABLE image_note_text USING fts5 (note, content = 'image_note', content_rowid = 'image_id');
INSERT INTO image_note SELECT id, 'migrated ' || name FROM image;
INSERT INTO image_note_text (image_note_text) VALUES ('rebuild');
"""


def versions_with(folder: Path, *scripts: str) -> schema.Migrations:
    """Return the published schema versions with further ones behind them."""
    folder.mkdir()
    for file in schema.schema_folder().glob("*.sql"):
        shutil.copy(file, folder)
    for number, script in enumerate(scripts, len(schema.migrations()) + 1):
        (folder / f"{number:04d}_more.sql").write_text(script)
    return schema.read_migrations(folder)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A catalog of the latest published version."""
    path = tmp_path / "survey.gpkg"
    with Catalog.create(path, org="acme") as catalog:
        product = Product(id="x", name="X", catalog=catalog)
        product.save()
        for name in ("a", "b"):
            Image(product=product, name=name, acquired="2020-02-29", geometry=(1, 2, 3, 4)).save()
    return path


@pytest.fixture
def newer(tmp_path: Path) -> schema.Migrations:
    return versions_with(tmp_path / "schema", SECOND)


OLD = len(schema.migrations())


def content(path: Path) -> tuple[list[str], str]:
    return sorted(item.name for item in path.parent.iterdir()), hashlib.sha256(path.read_bytes()).hexdigest()


def version_of(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()[0])


def test_an_older_file_is_migrated_behind_a_backup(path: Path, newer: schema.Migrations) -> None:
    before = path.read_bytes()
    with contextlib.closing(Database(path, versions=newer)) as database:
        assert database.settings()["schema_version"] == str(OLD + 1)
        with database.read() as connection:
            assert connection.execute("SELECT note FROM image_note ORDER BY 1").fetchall() == [
                ("migrated a",),
                ("migrated b",),
            ]
            found = connection.execute("SELECT rowid FROM image_note_text WHERE image_note_text MATCH 'migrated b'")
            assert found.fetchall() == [(2,)]
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            check_schema(connection, path, newer)
    backup = backup_path(path, OLD)
    assert backup.name == f"survey.gpkg.schema-{OLD}.backup"
    assert version_of(backup) == OLD
    shutil.copy(backup, restored := path.with_name("restored.gpkg"))
    with Catalog.open(restored) as catalog:
        assert catalog.images.ids() == ["acme:x:a", "acme:x:b"]
    assert len(restored.read_bytes()) == len(before)


def test_it_happens_once(path: Path, newer: schema.Migrations) -> None:
    Database(path, versions=newer).settings()
    before = content(path)
    with contextlib.closing(Database(path, versions=newer)) as database:
        database.settings()
    assert content(path) == before


def test_the_objects_work_after_it(path: Path, newer: schema.Migrations) -> None:
    with Catalog(CatalogFile(Database(path, versions=newer))) as catalog:
        Image(product=Product.get("x", catalog=catalog), name="c").save()
        assert catalog.images.ids() == ["acme:x:a", "acme:x:b", "acme:x:c"]
        Image.get("acme:x:a", catalog=catalog).delete()
        assert catalog.sql("SELECT image_id FROM image_note") == [{"image_id": 2}]


def test_several_versions_at_once_with_a_new_catalog_alike(path: Path, tmp_path: Path) -> None:
    versions = versions_with(
        tmp_path / "schema", SECOND, "ALTER TABLE image_note ADD COLUMN author TEXT;", "DROP INDEX image_by_time;"
    )
    fresh = tmp_path / "fresh.gpkg"
    Database(fresh, settings={}, versions=versions).create()
    for file in (path, fresh):
        with contextlib.closing(Database(file, versions=versions)) as database:
            assert database.settings()["schema_version"] == str(OLD + 3)
    assert [item.name for item in tmp_path.glob("*.backup")] == [f"survey.gpkg.schema-{OLD}.backup"]


def test_a_newer_file_is_refused_untouched(path: Path, newer: schema.Migrations) -> None:
    Database(path, versions=newer).settings()
    before = content(path)
    with pytest.raises(UnsupportedCatalogError, match=f"has schema version {OLD + 1} and this localcat knows {OLD}"):
        Catalog.open(path)
    assert content(path) == before


def test_reading_only_changes_nothing(path: Path, newer: schema.Migrations) -> None:
    before = content(path)
    with pytest.raises(ReadOnlyCatalogError, match=f"schema version {OLD} and must be brought to {OLD + 1} once"):
        Database(path, options=OpenOptions(read_only=True), versions=newer).settings()
    assert content(path) == before


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        ("CREATE TABLE image (x);", LocalcatError, "already exists"),
        ("DELETE FROM product;", CorruptCatalogError, "refers to a missing row of 'product'; nothing was changed"),
        ("UPDATE meta SET key = 'other';", CatalogError, "survey.gpkg"),
    ],
)
def test_a_migration_that_fails_changes_nothing(
    path: Path, tmp_path: Path, script: str, error: type[Exception], message: str
) -> None:
    versions = versions_with(tmp_path / "schema", SECOND + script)
    before = path.read_bytes()
    with pytest.raises(error, match=message):
        Database(path, versions=versions).settings()
    assert path.read_bytes() == before
    with Catalog.open(path) as catalog:
        assert catalog.images.count() == 2


def test_a_hostile_file_is_not_migrated(path: Path, newer: schema.Migrations) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TRIGGER evil AFTER UPDATE ON meta BEGIN DELETE FROM image; END")
    before = content(path)
    with pytest.raises(UntrustedCatalogError, match="'evil' sits on 'meta'"):
        Database(path, versions=newer).settings()
    assert content(path) == before


def test_without_a_backup_nothing_is_changed(path: Path, newer: schema.Migrations) -> None:
    backup_path(path, OLD).mkdir()
    before = path.read_bytes()
    with pytest.raises(StorageError, match=r"the backup '.*schema-\d\.backup', without which"):
        Database(path, versions=newer).settings()
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*.tmp"))


def open_with(path: str, folder: str, results: multiprocessing.SimpleQueue[str]) -> None:
    with contextlib.closing(Database(Path(path), versions=schema.read_migrations(Path(folder)))) as database:
        results.put(database.settings()["schema_version"])


def test_of_several_processes_one_migrates(path: Path, newer: schema.Migrations, tmp_path: Path) -> None:
    # A second INSERT of the same notes would fail, and so would their processes.
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.SimpleQueue[str] = context.SimpleQueue()
    arguments = (str(path), str(tmp_path / "schema"), results)
    processes = [context.Process(target=open_with, args=arguments) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert [results.get() for _ in processes] == [str(OLD + 1)] * 4
    assert sorted(item.name for item in tmp_path.iterdir()) == [
        "schema",
        *([] if IS_WINDOWS else ["survey.data"]),  # for the locks
        "survey.gpkg",
        f"survey.gpkg.schema-{OLD}.backup",
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_killed_at_any_statement_it_is_the_old_catalog_or_the_new_one(
    path: Path, newer: schema.Migrations, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = path.read_bytes()
    outcomes = []
    for step in range(60):
        for item in path.parent.glob("survey.gpkg*"):
            item.unlink()
        path.write_bytes(original)
        child = os.fork()
        if child == 0:
            left = [step]

            def count_down(statement: str, left: list[int] = left) -> None:
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left[0] -= 1

            def traced(*arguments: object, **options: object) -> sqlite3.Connection:
                connection = connect(*arguments, **options)  # type: ignore[arg-type]
                connection.set_trace_callback(count_down)
                return connection

            monkeypatch.setattr("localcat.store.file.database.connect", traced)
            database = Database(path, versions=newer)
            database.settings()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        outcomes.append(version_of(path))
        with contextlib.closing(Database(path, versions=newer)) as database, database.read() as connection:
            assert connection.execute("SELECT count(*) FROM image_note").fetchone() == (2,)
        assert version_of(backup_path(path, OLD)) == OLD
        assert not list(path.parent.glob("*.tmp"))
        if not os.WIFSIGNALED(status):
            break
    assert not os.WIFSIGNALED(status), "all steps were reached"
    assert set(outcomes) == {OLD, OLD + 1}
    assert step > 15


def test_each_published_version_has_its_catalog() -> None:
    names = [archive.name for archive in schema_fixtures.archives()]
    assert names == [f"schema-{number + 1}.zip" for number in range(OLD)]


@pytest.mark.parametrize("archive", schema_fixtures.archives(), ids=lambda archive: archive.stem)
@pytest.mark.parametrize("more", [(), (SECOND,)], ids=["present", "next"])
def test_a_catalog_of_each_published_version_opens_migrates_and_verifies(
    tmp_path: Path, archive: Path, more: tuple[str, ...]
) -> None:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path)
    path = tmp_path / schema_fixtures.NAME
    versions = versions_with(tmp_path / "schema", *more)
    with Catalog(CatalogFile(Database(path, versions=versions))) as catalog:
        assert catalog.images.ids() == [*schema_fixtures.IDS[::2], schema_fixtures.PIXELS, *schema_fixtures.IDS[1::2]]
        assert Image.get(schema_fixtures.PIXELS, catalog=catalog).ndarray("red").sum() == 7 * 32 * 24
        assert [image.extra_properties["n"] for image in catalog.images.find_text("t3")] == [3]
        assert catalog.database.settings()["schema_version"] == str(OLD + len(more))
        Image(product_id="acme:p1", name="new", catalog=catalog).save()
        report = catalog.verify(level="full")
        assert {problem.kind for problem in report.problems} <= {ProblemKind.MASKS}  # of files from before their rule
        catalog.optimize(rewrite_masks=True)
        report = catalog.verify(level="full")
        assert report.ok, report.problems
        assert Image.get(schema_fixtures.PIXELS, catalog=catalog).ndarray("red").sum() == 7 * 32 * 24
    old = int(archive.stem.removeprefix("schema-"))
    assert backup_path(path, old).exists() is (old < OLD + len(more))


def test_rows_from_before_there_were_stamps_are_recovered(tmp_path: Path) -> None:
    """They are shorter in the file than those that were written since, until they are changed."""
    with zipfile.ZipFile(schema_fixtures.FOLDER / "schema-4.zip") as packed:
        packed.extractall(tmp_path)
    path = tmp_path / schema_fixtures.NAME
    with Catalog.open(path) as catalog:
        Image(product_id="acme:p1", name="new", catalog=catalog).save()
        there = catalog.images.ids()
    report = Catalog.recover(path, tmp_path / "saved.gpkg")
    with Catalog.open(tmp_path / "saved.gpkg") as saved:
        assert (report.images, saved.images.ids()) == (8, there)
