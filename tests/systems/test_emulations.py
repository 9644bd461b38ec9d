"""The emulations refuse what the systems refuse; and what localcat says there. `.ci/run` runs them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from localcat import BadRequestError, Catalog, Product
from localcat.disk import system
from localcat.disk.data_folder import DataFolder
from localcat.maintenance.garbage import collect_garbage
from tests import systems
from tests.small_catalog import upload
from tests.systems import EMULATED

windows = pytest.mark.skipif(not systems.IS_WINDOWS, reason="asks Windows, or its emulation")
emulated_windows = pytest.mark.skipif(EMULATED != "windows", reason="asks the emulation of Windows")
emulated_macos = pytest.mark.skipif(not EMULATED.startswith("macos"), reason="asks the emulation of macOS")


@windows
@pytest.mark.parametrize("change", ["rename", "replace", "unlink", "rename the folder"])
def test_an_open_file_stays_where_it_is(tmp_path: Path, change: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "open"
    changes = {
        "rename": lambda: path.rename(folder / "new"),
        "replace": lambda: path.replace(folder / "new"),
        "unlink": path.unlink,
        "rename the folder": lambda: folder.rename(tmp_path / "new"),
    }
    with path.open("wb"), pytest.raises(PermissionError, match="WinError"):
        changes[change]()
    changes[change]()
    assert not path.exists()


@windows
def test_a_locked_file_is_read_and_written_by_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "locked"
    path.write_bytes(b"x")
    descriptor = os.open(path, os.O_RDWR)
    try:
        assert system.lock(descriptor, wait=False) is True
        with pytest.raises(PermissionError, match="locked|Permission denied"):  # noqa: SIM117  # opening or reading refuses it
            with path.open("rb") as file:
                file.read()
        other = os.open(path, os.O_RDWR)
        try:
            assert system.lock(other, wait=False) is False
        finally:
            os.close(other)
    finally:
        os.close(descriptor)
    assert path.read_bytes() == b"x"


@emulated_windows
@pytest.mark.parametrize("name", ["con", "NUL.tif", "a.", "a ", "a:b", "n" * 255])
def test_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match="WinError"):
        (tmp_path / name).mkdir()
    with pytest.raises(OSError, match="WinError"):
        (tmp_path / name).write_bytes(b"")


@emulated_windows
@pytest.mark.parametrize("name", ["fork", "register_at_fork", "O_NOFOLLOW", "statvfs"])
def test_functions_are_missing(name: str) -> None:
    assert not hasattr(system.os, name)


@windows
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("con.gpkg", "'con.gpkg' cannot be a file on Windows: it is reserved for a device; choose another name"),
        ("a?.gpkg", "'a.\\.gpkg' cannot be a file on Windows: it contains '.'; choose another name"),
        ("survey. ", "'survey. ' cannot be a file on Windows: it ends with a dot or a blank; choose another name"),
        ("n" * 200 + ".gpkg", "characters too long for a catalog on Windows; choose a shorter one"),
    ],
)
def test_a_catalog_gets_no_name_that_windows_cannot_have(kept: Catalog, tmp_path: Path, name: str, why: str) -> None:
    before = sorted(tmp_path.iterdir())
    deep = tmp_path / ("d" * (230 - len(str(tmp_path)) - len(name))) if name.startswith("n") else tmp_path
    for make in (Catalog.create, kept.backup):
        with pytest.raises(BadRequestError, match=why):
            make(deep / name)
    assert sorted(tmp_path.iterdir()) == before


@windows
def test_what_another_program_reads_is_deleted_by_a_later_gc(kept: Catalog) -> None:
    image = upload(Product.get("guide", catalog=kept), "read")
    path = kept.path_of(image.files[0])
    with path.open("rb"):
        image.delete()
        assert path.exists()
        assert collect_garbage(kept.file).kept == [image.files[0].href]
    assert kept.gc().removed == [image.files[0].href]
    assert not path.exists()
    assert kept.verify("full", progress=False).garbage == []


@emulated_macos
def test_a_plain_fsync_is_not_enough(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as file:
        if EMULATED == "macos":
            with pytest.raises(AssertionError, match="fsync stops at the drive's cache"):
                system.os.fsync(file.fileno())
        system.flush(file.fileno())
    DataFolder(tmp_path).sync(tmp_path / "x")


@emulated_macos
def test_sqlite_is_told_to_wait_for_the_drive(kept: Catalog) -> None:
    with kept.database.read() as connection:
        for name in ("fullfsync", "checkpoint_fullfsync"):
            assert connection.execute(f"PRAGMA {name}").fetchone() == (1,), name


@pytest.mark.skipif(bool(EMULATED), reason="asks the system as it is")
def test_without_an_emulation_localcat_sees_this_system() -> None:
    assert system.sys is sys
    assert system.os is os
