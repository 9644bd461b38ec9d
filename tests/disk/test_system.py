"""Services of the system that other systems and disks do not have, or have differently."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from localcat import Catalog, Product
from localcat.disk import data_folder, names, system
from localcat.disk.data_folder import TEMPORARY_PREFIX, DataFolder
from localcat.disk.ownership import Marker, home_of
from localcat.errors import CatalogExistsError, StorageError, UnsafePathError
from tests.small_catalog import upload
from tests.systems import linux, posix

HOUR = 3600  # seconds
FULL_FSYNC = 51


def failing(number: int) -> Callable[..., None]:
    def call(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the disk by a process that has the F_FULLFSYNC of macOS, which works."""
    fcntl = pytest.importorskip("fcntl")
    found: list[str] = []
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", FULL_FSYNC, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", lambda descriptor, command: found.append(f"fcntl {command}"))
    monkeypatch.setattr(os, "fsync", lambda descriptor: found.append("fsync"))
    return found


@linux
def test_on_macos_the_drive_is_waited_for(asked: list[str]) -> None:
    system.flush(0)
    assert asked == [f"fcntl {FULL_FSYNC}"]


@linux
@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.ENOTTY, errno.EINVAL])
def test_a_share_that_refuses_this_gets_a_plain_fsync(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(system.fcntl, "fcntl", failing(number))
    system.flush(0)
    assert asked == ["fsync"]


@linux
def test_a_disk_that_failed_is_not_asked_again(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system.fcntl, "fcntl", failing(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        system.flush(0)
    assert asked == []


@posix
def test_folders_that_cannot_be_flushed_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "flush", failing(errno.EINVAL))
    system.flush_folder(tmp_path)
    monkeypatch.setattr(system, "flush", failing(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        system.flush_folder(tmp_path)


@posix
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_without_locks_uploads_work_and_gc_judges_by_age(
    kept: Catalog, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A day, but never a time to come."""
    monkeypatch.setattr(system.fcntl, "flock", failing(number))
    upload(Product.get("guide", catalog=kept), "new")
    folder = kept.data_folder.path
    now = Path(kept.path).stat().st_mtime
    for name, age in (("young", 23 * HOUR), ("old", 25 * HOUR), ("future", -1000 * HOUR)):
        path = folder / f"{TEMPORARY_PREFIX}{name}.tif"
        path.write_bytes(b"")
        os.utime(path, (now - age, now - age))
    assert kept.gc().removed == [".tmp-old.tif"]


def test_a_temporary_file_is_not_the_locked_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows nobody could write to a locked file, nor give an open one its name."""
    locked: list[Path] = []
    lock = data_folder.lock

    def noted(descriptor: int, *, wait: bool) -> bool | None:
        locked.extend(path for path in tmp_path.iterdir() if os.path.samestat(path.stat(), os.fstat(descriptor)))
        return lock(descriptor, wait=wait)

    monkeypatch.setattr(data_folder, "lock", noted)
    with DataFolder(tmp_path, durable=False).temporary(".tif") as path:
        assert [one.name for one in locked] == [path.name.removesuffix(".tif")]
        assert sorted(tmp_path.iterdir()) == [*locked, path]
        assert DataFolder(tmp_path).abandoned() == []
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_dead_upload_is_removed_last(kept: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gc that is killed in between leaves nothing that looks alive, nor a sibling of nobody."""
    folder = kept.data_folder.path
    dead = [f"{TEMPORARY_PREFIX}0123", f"{TEMPORARY_PREFIX}0123.tif", f"{TEMPORARY_PREFIX}0123.tif.45.tif"]
    for name in dead:
        (folder / name).touch()
    unlinked: list[str] = []
    unlink = Path.unlink

    def noted(path: Path, missing_ok: bool = False) -> None:
        unlinked.append(path.name)
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", noted)
    assert kept.gc().removed == dead
    assert [name for name in unlinked if name in dead] == dead[::-1]


@pytest.mark.parametrize("links", ["refused", "missing"])
def test_a_new_name_is_given_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: str) -> None:
    if links == "refused":
        monkeypatch.setattr(os, "link", failing(errno.ENOTSUP))
    else:
        monkeypatch.delattr(os, "link")
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("new", encoding="utf-8")
    system.name_new(source, target)
    assert [(path.name, path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()] == [("target", "new")]
    source.write_text("newer", encoding="utf-8")
    with pytest.raises(FileExistsError, match="exists"):
        system.name_new(source, target)
    assert target.read_text(encoding="utf-8") == "new"


def test_windows_is_asked_again_while_a_scanner_has_a_new_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").touch()
    pauses: list[float] = []
    rename = Path.rename

    def refused_twice(path: Path, target: Path) -> Path:
        if len(pauses) < 2:
            raise PermissionError(errno.EACCES, "used by another process")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused_twice)
    monkeypatch.setattr(system, "time", SimpleNamespace(sleep=pauses.append))
    monkeypatch.setattr(system, "IS_WINDOWS", False)
    with pytest.raises(PermissionError, match="used by another process"):
        system.rename(tmp_path / "a", tmp_path / "b")  # other systems do not refuse it
    monkeypatch.setattr(system, "IS_WINDOWS", True)
    system.rename(tmp_path / "a", tmp_path / "b")
    assert pauses == [0.01, 0.02]
    assert (tmp_path / "b").exists()


def without_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give all files the number 0, as some shares of Windows do."""
    real = os.stat

    def numberless(path: Any, **options: Any) -> os.stat_result:
        found = real(path, **options)
        values = [0 if at == 1 else value for at, value in enumerate(found)]
        return os.stat_result(values, {name: getattr(found, name) for name in dir(found) if name.endswith("_ns")})

    monkeypatch.setattr(os, "stat", numberless)


def test_files_without_numbers_are_not_taken_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.touch()
    second.touch()
    assert system.same_file(first, first)
    without_numbers(monkeypatch)
    assert not system.same_file(first, second)
    assert not system.same_file(first, tmp_path / "missing")


def test_a_backup_whose_name_is_taken_meanwhile_removes_nothing_where_files_have_no_numbers(
    kept: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "copy.gpkg"

    def taken(source: Path, _: Path) -> None:
        target.write_text("somebody's", encoding="utf-8")
        raise FileExistsError(errno.EEXIST, "File exists")

    without_numbers(monkeypatch)
    monkeypatch.setattr("localcat.store.file.creating.name_new", taken)
    with pytest.raises(CatalogExistsError, match="already exists"):
        kept.backup(target, progress=False)
    assert target.read_text(encoding="utf-8") == "somebody's"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("con", "con_"),
        ("NUL", "nul_"),
        ("com1", "com1_"),
        ("LPT¹", "lpt1_"),
        ("aux.x", "aux_.x"),
        ("con_", "con_"),
        ("con-x", "con-x"),
        ("console", "console"),
        ("com10", "com10"),
        ("a. ", "a"),
        ("a" * 59 + ".b", "a" * 59),
        ("...", "x"),
        ("Żółw 5", "zow-5"),
    ],
)
def test_generated_names_can_be_had_on_every_system(text: str, expected: str) -> None:
    assert names.slug(text) == expected


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("con", "it is reserved for a device"),
        ("Com1.tif", "it is reserved for a device"),
        ("CONOUT$", "it is reserved for a device"),
        ("aux .tif", "it is reserved for a device"),
        ("a.", "it ends with a dot or a blank"),
        ("a ", "it ends with a dot or a blank"),
        ("a:b", "it contains ':'"),
        ("a\tb", r"it contains '\t'"),
        ("a.tif", None),
        (".localcat.json", None),
    ],
)
def test_names_that_windows_cannot_have(name: str, why: str | None) -> None:
    assert names.why_unusable(name) == why


def test_names_are_cut_to_what_windows_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "IS_WINDOWS", True)
    monkeypatch.setattr(data_folder, "IS_WINDOWS", True)
    folder = DataFolder(Path("/" + "d" * 149))
    href = folder.new_href("p" * 80, "n" * 80, ".tif")
    assert [len(part) for part in href.split("/")] == [32, 32 + 1 + 16 + 4]
    assert len(f"{folder.path}/.orphans/2026-01-31/{href}") == 257  # a reserved name has a character more
    assert len(DataFolder(Path("/short")).new_href("p" * 80, "n" * 80, ".tif")) == 60 + 1 + 60 + 1 + 16 + 4
    with pytest.raises(StorageError, match="more than 259 characters, which Windows does not open; move the catalog"):
        DataFolder(Path("/" + "d" * 210)).new_href("p" * 80, "n" * 80, ".tif")


def test_a_catalog_opened_in_another_case_keeps_its_folder(tmp_path: Path) -> None:
    """As macOS and Windows do; here two names of one file stand for it."""
    (tmp_path / "survey.gpkg").touch()
    (tmp_path / "Survey.gpkg").hardlink_to(tmp_path / "survey.gpkg")
    (tmp_path / "copy.gpkg").hardlink_to(tmp_path / "survey.gpkg")
    (tmp_path / "survey.data").mkdir()
    DataFolder(tmp_path / "survey.data", marker=Marker("uuid", "survey.gpkg")).make()
    assert home_of(tmp_path / "Survey.gpkg", "uuid").owner is None
    assert home_of(tmp_path / "copy.gpkg", "uuid").owner == tmp_path / "survey.gpkg"


def test_accents_are_written_in_two_ways(tmp_path: Path) -> None:
    composed, decomposed = "\u00e9t\u00e9.gpkg", "e\u0301te\u0301.gpkg"
    (tmp_path / composed).touch()
    assert not names.same_name(tmp_path, composed, decomposed)  # two files, as on Linux
    (tmp_path / decomposed).unlink(missing_ok=True)
    (tmp_path / decomposed).hardlink_to(tmp_path / composed)
    assert names.same_name(tmp_path, composed, decomposed)


def test_a_folder_is_known_by_another_name_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    assert names.is_inside(tmp_path / "folder" / "sub" / "missing", tmp_path / "folder")
    assert not names.is_inside(tmp_path / "folder2", tmp_path / "folder")


def test_a_device_name_is_refused_in_rows_on_windows(kept: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_folder, "IS_WINDOWS", True)
    with pytest.raises(UnsafePathError, match="'guide/nul.tif' cannot be a file on Windows: it is reserved"):
        kept.data_folder.resolve("guide/nul.tif")


def test_products_named_like_devices_are_stored(kept: Catalog) -> None:
    for name in ("con", "aux"):
        Product(id=name, name=name, catalog=kept).save()
    assert kept.data_folder.new_href("con", "nul", ".tif").startswith("con_/nul_-")
