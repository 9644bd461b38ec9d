"""Reading a file without SQLite where SQLite has it open: nothing of it is closed while that may matter."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from localcat import Catalog
from localcat.disk.peeking import copy, opens_with_sqlite, peek
from localcat.store.file import journal
from tests.small_catalog import make_product
from tests.systems import posix

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="locks belong to the open file there")
WRITES = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('CREATE TABLE other (id)')"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "some.db").write_bytes(bytes(range(256)) * 100)
    return tmp_path / "some.db"


def open_descriptors(path: Path) -> int:
    folder = Path("/proc/self/fd")
    return sum(os.path.realpath(one) == str(path.resolve()) for one in folder.iterdir())


def test_the_content_is_read_from_any_position(path: Path) -> None:
    for _ in range(2):
        with peek(path) as file:
            assert file.read(4) == b"\x00\x01\x02\x03"
            file.seek(-2, os.SEEK_END)
            assert file.read() == b"\xfe\xff"
            file.seek(256 * 50 + 5)
            assert (file.read(1), file.tell()) == (b"\x05", 256 * 50 + 6)
        opens_with_sqlite(path)
    copy(path, path.with_name("copy"))
    assert path.with_name("copy").read_bytes() == path.read_bytes()


def test_two_look_at_once(path: Path) -> None:
    opens_with_sqlite(path)
    with peek(path) as one, peek(path) as other:
        one.seek(100)
        assert (other.read(1), one.read(1)) == (b"\x00", b"\x64")


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"), peek(tmp_path / "nowhere"):
        pass
    opens_with_sqlite(tmp_path / "nowhere")


@needs_posix
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not list open files")
@posix
def test_one_descriptor_is_kept_of_a_file_that_sqlite_had_open_and_none_of_others(path: Path) -> None:
    with peek(path):
        pass
    assert open_descriptors(path) == 0
    opens_with_sqlite(path)
    for _ in range(3):
        with peek(path):
            pass
    assert open_descriptors(path) == 1


@needs_posix
@posix
def test_the_locks_of_sqlite_outlast_a_look(tmp_path: Path) -> None:
    path = tmp_path / "survey.gpkg"
    with Catalog.create(path, org="acme") as catalog:
        make_product("first", catalog=catalog)
    connection = sqlite3.connect(path, isolation_level=None)
    opens_with_sqlite(path)
    connection.execute("BEGIN IMMEDIATE")
    assert not journal.is_wal(path)
    copy(path, tmp_path / "copy")
    assert "database is locked" in written_by_another(path)
    path.open("rb").close()  # what is not to be done
    assert written_by_another(path) == ""
    connection.close()


def written_by_another(path: Path) -> str:
    return subprocess.run([sys.executable, "-c", WRITES, path], capture_output=True, text=True, check=False).stderr
