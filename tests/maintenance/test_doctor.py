"""The doctor names what is wrong with a place, and what to do; it changes nothing."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from localcat import Catalog
from localcat.disk.filesystem import FileSystem
from localcat.disk.ownership import LOCK_NAMES
from localcat.maintenance import doctor
from localcat.maintenance.doctor import DoctorReport, Finding, Status, examine
from localcat.store.file.schema import migrations


def about(report: DoctorReport, name: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.name == name]


def test_a_good_place_is_well(kept: Catalog, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    report = examine(kept.path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert report.ok
    machine = ["Python", "SQLite", "write-ahead log", "GDAL", "GeoTIFF", "JPEG 2000", "PROJ", "GEOS", "SpatiaLite"]
    place = ["file system", "permissions", "room", "catalog", "journal mode", "uploads", "locks"]
    assert [finding.name for finding in report.findings] == [*machine, *place]
    assert about(report, "catalog")[0].value == f"4 images, schema version {len(migrations())}"
    assert about(report, "journal mode")[0].value == "a rollback journal"
    assert [finding.name for finding in examine().findings] == machine


def test_each_finding_is_one_line(kept: Catalog) -> None:
    lines = str(examine(kept.path)).splitlines()
    assert lines[1] == f"ok      SQLite: {sqlite3.sqlite_version}, with R-tree, FTS5 and JSON"
    assert str(Finding("disk", "can only be read", Status.WARNING, "copy it")) == (
        "warning disk: can only be read; copy it"
    )


@pytest.mark.parametrize(
    ("system", "finding"),
    [
        (FileSystem("nfs4"), ("file system", Status.WARNING, "let one machine at a time write to it")),
        (FileSystem("vfat"), ("file system", Status.WARNING, "eject the disk before it is removed")),
        (FileSystem("ext4", is_read_only=True), ("disk", Status.WARNING, "copy file and data folder elsewhere")),
        (FileSystem(""), ("file system", Status.OK, "")),
    ],
)
def test_what_the_file_system_means(
    kept: Catalog, monkeypatch: pytest.MonkeyPatch, system: FileSystem, finding: tuple[str, Status, str]
) -> None:
    monkeypatch.setattr(doctor, "file_system_of", lambda path: system)
    name, status, advice = finding
    (found,) = about(examine(kept.path), name)
    assert (found.status, advice in found.advice) == (status, True)


def test_locks_that_cannot_be_had_are_told(kept: Catalog) -> None:
    (found,) = about(examine(kept.path), "locks")
    assert (found.status, found.value) == (Status.OK, "hold, also when another library closes the file")
    lock = kept.data_folder.path / LOCK_NAMES[0]
    lock.unlink()
    lock.mkdir()
    (found,) = about(examine(kept.path), "locks")
    assert found.status is Status.WARNING
    assert found.value == f"those of SQLite alone: those in '{kept.data_folder.path}' cannot be opened or made"
    assert found.advice.startswith("do not open the catalog file with GDAL")


def test_little_room_is_told(kept: Catalog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=12_345_678))
    (found,) = about(examine(kept.path), "room")
    assert (found.status, found.value) == (Status.WARNING, "12,345,678 bytes free")


def test_no_catalog_there_and_no_folder(tmp_path: Path) -> None:
    (found,) = about(examine(tmp_path / "new.gpkg"), "catalog")
    assert (found.status, found.advice) == (Status.WARNING, "Catalog.create makes one")
    (found,) = about(examine(tmp_path / "no" / "new.gpkg"), "folder")
    assert (found.status, found.advice) == (Status.ERROR, "make it, or mount its disk")
    assert about(examine(tmp_path), "catalog")[0].status is Status.ERROR


def test_a_damaged_catalog_is_an_error(kept: Catalog) -> None:
    kept.close()
    kept.path.write_bytes(bytes(4096) + kept.path.read_bytes()[4096:])
    report = examine(kept.path)
    assert not report.ok
    assert "`localcat recover` saves what can be read" in about(report, "catalog")[0].advice


def test_a_write_ahead_log_and_leftovers_are_told(kept: Catalog) -> None:
    kept.close()
    connection = sqlite3.connect(kept.path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("DELETE FROM trash")
    connection.execute("INSERT INTO trash VALUES ('x')")
    report = examine(kept.path)
    assert about(report, "journal mode")[0].value == "a write-ahead log"
    (found,) = about(report, "unfinished")
    assert found.value == "'kept.gpkg-wal' is beside the catalog"
    connection.close()


def test_what_others_left_is_told(kept: Catalog) -> None:
    folder = kept.path.parent
    names = {
        ".localcat-0123456789abcdef0123456789abcdef.tmp": "a program that was killed left it",
        ".kept.gpkg.0123456789abcdef0123456789abcdef.tmp": "a program that was killed left it",
        "kept.gpkg.schema-1.backup": "delete it if all is well",
        "kept (1).gpkg": "synchronises folders",
        "kept.sync-conflict-20260101-120000.gpkg": "synchronises folders",
    }
    others = ["other (1).gpkg", ".other.gpkg.0123456789abcdef0123456789abcdef.tmp", "kept.txt"]
    for name in (*names, *others):
        (folder / name).write_bytes(b"x")
    (kept.data_folder.path / ".DS_Store").write_bytes(b"x")
    report = examine(kept.path)
    found = {finding.value.strip("'"): finding.advice for finding in about(report, "beside it")}
    assert found.keys() == names.keys()
    assert all(advice in found[name] for name, advice in names.items())
    assert about(report, "data folder")[0].value == "1 files of other programs, as '.DS_Store'"
    assert report.ok


def test_a_data_folder_that_is_a_link_is_told(kept: Catalog, tmp_path: Path) -> None:
    folder = kept.data_folder.path
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    (found,) = about(examine(kept.path), "data folder")
    assert (found.status, found.value) == (Status.WARNING, f"is a link to '{tmp_path / 'elsewhere'}'")
