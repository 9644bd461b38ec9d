"""The locks beside those of SQLite: who waits for whom, and what becomes of them when files or processes go."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcat.disk import locks as module
from localcat.disk.locks import Locks, why_none
from localcat.disk.ownership import LOCK_NAMES, holds_locks_alone, lock_folder_of
from localcat.errors import CatalogLockedError, StorageError
from tests.systems import posix

pytestmark = posix  # the locks of SQLite suffice on Windows

AT_ONCE = 0.0  # seconds to wait
PATIENCE = 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "survey.data"


@pytest.fixture
def one(folder: Path) -> Iterator[Locks]:
    yield from made(folder)


@pytest.fixture
def other(folder: Path) -> Iterator[Locks]:
    yield from made(folder)


def made(folder: Path) -> Iterator[Locks]:
    locks = Locks(folder.with_suffix(".gpkg"), folder)
    yield locks
    locks.close()


def may_write(locks: Locks) -> bool:
    try:
        locks.begin(AT_ONCE)
    except CatalogLockedError:
        return False
    locks.end()
    return True


def may_read(locks: Locks) -> bool:
    try:
        locks.share(AT_ONCE)
    except CatalogLockedError:
        return False
    locks.unshare()
    return True


def test_the_first_writer_makes_the_files(folder: Path, one: Locks, other: Locks) -> None:
    one.share(AT_ONCE)
    assert not folder.exists()
    assert not one.are_there
    one.begin(AT_ONCE)
    assert sorted(path.name for path in folder.iterdir()) == sorted(LOCK_NAMES)
    assert holds_locks_alone(folder)
    assert may_read(other)
    assert other.are_there


def test_one_writes_at_a_time_and_others_read_until_it_commits(one: Locks, other: Locks) -> None:
    one.begin(AT_ONCE)
    assert (may_write(other), may_read(other)) == (False, True)
    one.exclude(AT_ONCE)
    assert (may_write(other), may_read(other)) == (False, False)
    one.end()
    assert (may_write(other), may_read(other)) == (True, True)


def test_the_message_says_who_waited_how_long(one: Locks, other: Locks) -> None:
    one.begin(AT_ONCE)
    with pytest.raises(
        CatalogLockedError, match=r"survey\.gpkg' is in use by another program or thread for more than 0"
    ):
        other.begin(AT_ONCE)


def test_a_read_keeps_a_commit_waiting_and_no_other_read(one: Locks, other: Locks, folder: Path) -> None:
    one.begin(AT_ONCE)
    other.share(AT_ONCE)
    with pytest.raises(CatalogLockedError, match="is in use"):
        one.exclude(AT_ONCE)
    third = Locks(folder, folder)
    assert may_read(third)  # who waited in vain has left the gate
    third.close()
    other.unshare()
    one.exclude(AT_ONCE)
    assert not may_read(other)


def test_reads_that_begin_later_wait_behind_a_commit(one: Locks, other: Locks, folder: Path) -> None:
    one.begin(AT_ONCE)
    other.share(AT_ONCE)
    third, refused = Locks(folder, folder), threading.Event()

    def read_until_refused() -> None:
        while may_read(third):
            pass
        refused.set()

    committing = threading.Thread(target=one.exclude, args=(PATIENCE,))
    reading = threading.Thread(target=read_until_refused)
    committing.start()
    reading.start()
    assert refused.wait(PATIENCE)  # although the lock itself is shared with the read that is running
    assert committing.is_alive()
    other.unshare()
    committing.join(PATIENCE)
    reading.join(PATIENCE)
    assert one.is_alone
    third.close()


def test_steady_readers_do_not_keep_commits_out(folder: Path, one: Locks) -> None:
    one.begin(AT_ONCE)
    one.end()
    stop, counts = threading.Event(), [0, 0, 0]

    def read(number: int) -> None:
        locks = Locks(folder, folder)
        while not stop.is_set():
            with locks.shared(PATIENCE):
                counts[number] += 1
        locks.close()

    readers = [threading.Thread(target=read, args=(number,)) for number in range(len(counts))]
    for reader in readers:
        reader.start()
    for _ in range(50):
        with one.alone(PATIENCE):
            pass
    stop.set()
    for reader in readers:
        reader.join(PATIENCE)
    assert all(counts)


def test_closing_another_descriptor_of_the_files_changes_nothing(folder: Path, one: Locks, other: Locks) -> None:
    with one.alone(AT_ONCE):
        for name in LOCK_NAMES:
            os.close(os.open(folder / name, os.O_RDWR))
        assert (may_write(other), may_read(other)) == (False, False)


def test_a_read_goes_on_around_a_write_of_its_own(one: Locks, other: Locks) -> None:
    with one.alone(AT_ONCE):
        pass
    one.share(AT_ONCE)
    with one.alone(AT_ONCE):
        assert not may_read(other)
    assert may_read(other)
    other.begin(AT_ONCE)
    with pytest.raises(CatalogLockedError, match="is in use"):
        other.exclude(AT_ONCE)
    one.unshare()
    other.exclude(AT_ONCE)


def test_two_that_read_and_then_write_do_not_wait_for_each_other(one: Locks, other: Locks) -> None:
    with one.alone(AT_ONCE):
        pass
    one.share(AT_ONCE)
    other.share(AT_ONCE)
    one.begin(AT_ONCE)
    waiting = threading.Thread(target=other.begin, args=(PATIENCE,))
    waiting.start()
    one.exclude(PATIENCE)  # the other one has let go of its read, to wait
    one.end()
    waiting.join(PATIENCE)
    assert not may_write(one)
    one.unshare()
    other.end()
    other.unshare()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_takes_nothing_from_its_parent_and_keeps_nothing(one: Locks, other: Locks) -> None:
    one.begin(AT_ONCE)
    one.exclude(AT_ONCE)
    here, there = os.pipe()
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(there)
        one.end()
        one.close()
        os.write(told, b"1")
        os._exit(0 if os.read(here, 1) == b"" else 1)
    try:
        assert os.read(ready, 1) == b"1"
        assert (may_write(other), may_read(other)) == (False, False)
        one.close()  # as when the parent is killed: nothing unlocks, and the child is alive
        assert (may_write(other), may_read(other)) == (True, True)
    finally:
        os.close(there)
        assert os.waitpid(child, 0)[1] == 0
        for descriptor in (here, ready, told):
            os.close(descriptor)


@pytest.mark.parametrize("name", LOCK_NAMES)
def test_files_that_are_deleted_under_a_writer_are_made_again(
    folder: Path, one: Locks, other: Locks, name: str
) -> None:
    assert may_write(other)
    one.begin(AT_ONCE)
    (folder / name).unlink()
    one.exclude(AT_ONCE)
    other.look()
    assert (may_write(other), may_read(other)) == (False, False)
    one.end()
    assert may_write(other)


def test_a_commit_is_refused_when_another_one_took_new_files(folder: Path, one: Locks, other: Locks) -> None:
    one.begin(AT_ONCE)
    (folder / LOCK_NAMES[0]).unlink()
    other.begin(AT_ONCE)
    with pytest.raises(StorageError, match="were deleted while something was written, and another program writes now"):
        one.exclude(AT_ONCE)
    one.end()
    assert not may_write(one)


def test_a_writer_that_waits_for_files_that_go_takes_the_new_ones(folder: Path, one: Locks, other: Locks) -> None:
    one.begin(AT_ONCE)
    for name in LOCK_NAMES:
        (folder / name).unlink()
    other.begin(AT_ONCE)
    other.end()
    one.end()  # of the old files
    one.begin(AT_ONCE)
    assert not may_write(other)


@pytest.mark.parametrize("made_of", ["file", "folder", "pipe", "link"])
def test_what_is_no_file_of_locks_is_not_used(folder: Path, one: Locks, tmp_path: Path, made_of: str) -> None:
    folder.mkdir()
    path = folder / LOCK_NAMES[1]
    if made_of == "file":
        folder.rmdir()
        folder.write_bytes(b"")
    elif made_of == "folder":
        path.mkdir()
    elif made_of == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / "elsewhere")
    one.share(AT_ONCE)
    one.begin(AT_ONCE)
    assert not one.are_there
    assert not (tmp_path / "elsewhere").exists()
    assert why_none(folder) == (None if made_of == "file" else f"those in '{folder}' cannot be opened or made")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_such_locks_is_used_without(
    folder: Path, one: Locks, other: Locks, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    assert may_write(one)

    def refuses(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(module, "_flock", refuses)
        for locks in (one, other):
            with locks.shared(AT_ONCE):
                assert not locks.are_there
            with locks.alone(AT_ONCE):
                assert not locks.are_there
        assert why_none(folder) == f"the file system of '{folder}' knows none ({os.strerror(number)})"
    assert why_none(folder) is None
    with one.alone(AT_ONCE):  # looked for again
        assert not may_write(other)


def test_a_disk_that_fails_is_not_taken_for_one_without_locks(one: Locks, monkeypatch: pytest.MonkeyPatch) -> None:
    assert may_write(one)

    def refuses(descriptor: int, operation: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(module, "_flock", refuses)
    with pytest.raises(
        StorageError, match=r"its locks in '.*survey\.data' failed \(Input/output error\); check the disk"
    ):
        one.share(AT_ONCE)
    monkeypatch.undo()


def test_the_files_are_in_the_data_folder_whatever_its_name(tmp_path: Path) -> None:
    for name, folder in (("survey.gpkg", "survey.data"), ("survey.db", "survey.db.data")):
        assert lock_folder_of(tmp_path / name) == tmp_path / folder
    kept = tmp_path / "pixels"
    kept.mkdir()
    (kept / ".localcat.json").write_text('{"catalog": "one", "file": "survey.db"}')
    assert lock_folder_of(tmp_path / "survey.db") == kept
    assert lock_folder_of(tmp_path / "survey.gpkg") == tmp_path / "survey.data"
    (tmp_path / "old.data").mkdir()
    assert lock_folder_of(tmp_path / "old.db") == tmp_path / "old.data"
    (tmp_path / "old.gpkg").write_bytes(b"")
    assert lock_folder_of(tmp_path / "old.db") == tmp_path / "old.db.data"
