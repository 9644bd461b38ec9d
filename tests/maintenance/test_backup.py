"""A backup is a pair that belongs together, made while others write, or nothing."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pytest

from localcat import (
    BadRequestError,
    Catalog,
    CatalogExistsError,
    CatalogNotFoundError,
    ConflictError,
    CorruptImageError,
    Image,
    Product,
    StorageError,
    StorageFullError,
)
from localcat.disk.data_folder import TEMPORARY_PREFIX, DataFolder
from localcat.disk.ownership import LOCK_NAMES
from localcat.maintenance import backup as module
from localcat.store.file import creating
from tests.damage import file_of, flip, raw
from tests.leftovers import is_pixels
from tests.small_catalog import PIXELS, upload
from tests.systems import posix


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_backup_is_the_same_catalog(kept: Catalog, tmp_path: Path) -> None:
    (tmp_path / "copies").mkdir()
    report = kept.backup(tmp_path / "copies" / "monday.gpkg", progress=False)
    files = [name for name in names(kept.data_folder.path) if name not in LOCK_NAMES]
    assert names(tmp_path / "copies") == ["monday.data", *(f"monday.data/{name}" for name in files), "monday.gpkg"]
    size = sum(path.stat().st_size for path in (tmp_path / "copies").rglob("*") if is_pixels(path))
    assert (report.images, report.files, report.size_bytes) == (4, 2, size)
    assert str(report) == f"monday.gpkg: 4 images, 2 files, {size:,} bytes"
    shutil.rmtree(kept.data_folder.path)
    with Catalog.open(report.path) as copy:
        assert copy.verify("full", progress=False).problems == []
        assert copy.images.ids() == kept.images.ids()
        assert (copy.org, copy.database.settings()) == ("acme", kept.database.settings())
        image = Image.get("acme:guide:a", catalog=copy)
        assert numpy.array_equal(image.ndarray("blue").filled(0)[0], PIXELS[0].filled(0))
        assert image.tags == ["red", "green"]
        upload(Product.get("acme:guide", catalog=copy), "new")
    assert kept.images.count() == 4


def test_a_catalog_without_files_has_no_data_folder(tmp_path: Path) -> None:
    with Catalog.temporary(org="acme") as catalog:
        catalog.backup(tmp_path / "empty.gpkg", progress=False)
    assert names(tmp_path) == ["empty.gpkg"]


def test_a_catalog_that_was_never_written_has_no_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALCAT", str(tmp_path / "none.gpkg"))
    with Catalog.default() as catalog, pytest.raises(CatalogNotFoundError, match="save an object first"):
        catalog.backup(tmp_path / "copy.gpkg", progress=False)
    assert names(tmp_path) == []


def test_a_reader_can_make_a_backup(kept: Catalog, tmp_path: Path) -> None:
    with Catalog.open(kept.path, read_only=True) as reader:
        reader.backup(tmp_path / "copy.gpkg", progress=False)
    with Catalog.open(tmp_path / "copy.gpkg") as copy:
        assert copy.verify("full", progress=False).problems == []


def test_a_catalog_with_a_write_ahead_log_is_copied_without(kept: Catalog, tmp_path: Path) -> None:
    raw(kept, "PRAGMA journal_mode = WAL")
    with Catalog.open(kept.path) as catalog:
        upload(Product.get("acme:guide", catalog=catalog), "late")
        catalog.backup(tmp_path / "copy.gpkg", progress=False)
    assert (tmp_path / "copy.gpkg").read_bytes()[18:20] == b"\x01\x01"
    with Catalog.open(tmp_path / "copy.gpkg") as copy:
        assert copy.images.count() == 5
        assert copy.verify("full", progress=False).problems == []


def test_a_stranger_s_catalog_is_verified_and_copied(kept: Catalog, tmp_path: Path) -> None:
    with Catalog.open(kept.path, trusted=False) as stranger:
        assert stranger.verify("full", progress=False).problems == []
        stranger.backup(tmp_path / "copy.gpkg", progress=False)
    with Catalog.open(tmp_path / "copy.gpkg", trusted=False) as copy:
        assert copy.verify("full", progress=False).problems == []


def test_what_is_there_is_not_touched(kept: Catalog, tmp_path: Path) -> None:
    (tmp_path / "taken.gpkg").write_bytes(b"mine")
    (tmp_path / "other.data").mkdir()
    before = names(tmp_path)
    for dest, error, words in (
        ("taken.gpkg", CatalogExistsError, "taken.gpkg' .*choose another name"),
        ("other.gpkg", CatalogExistsError, "other.data' .*choose another name"),
        ("kept.gpkg", CatalogExistsError, "kept.gpkg' .*choose another name"),
        ("nowhere/a.gpkg", CatalogNotFoundError, "nowhere' .*make it first"),
        ("kept.data/a.gpkg", BadRequestError, "kept.data' .*choose another"),
    ):
        with pytest.raises(error, match=words):
            kept.backup(tmp_path / dest, progress=False)
    with pytest.raises(BadRequestError, match="outside of the transaction"), kept.transaction():
        kept.backup(tmp_path / "b.gpkg", progress=False)
    assert names(tmp_path) == before
    assert (tmp_path / "taken.gpkg").read_bytes() == b"mine"


def test_a_name_that_ends_in_data_has_a_data_folder_of_its_own(kept: Catalog, tmp_path: Path) -> None:
    kept.backup(tmp_path / "a.data", progress=False)
    assert (tmp_path / "a.data").is_file()
    assert (tmp_path / "a.data.data").is_dir()
    with Catalog.open(tmp_path / "a.data") as copy:
        assert copy.verify("full", progress=False).problems == []


def test_a_default_catalog_that_was_never_written_is_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALCAT", str(tmp_path / "never.gpkg"))
    with Catalog.default() as catalog, pytest.raises(CatalogNotFoundError, match="never.gpkg' yet; save an object"):
        catalog.backup(tmp_path / "copy.gpkg", progress=False)
    assert names(tmp_path) == []


@pytest.mark.parametrize("fault", ["missing", "changed", "interrupted", "full"])
def test_what_fails_leaves_nothing(kept: Catalog, tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file_of(kept, "b")
    expected: type[BaseException] = CorruptImageError
    if fault == "missing":
        path.unlink()
    elif fault == "changed":
        flip(path, path.stat().st_size // 2)
    elif fault == "interrupted":
        expected, copied = KeyboardInterrupt, []

        def interrupted(*args: object) -> tuple[int, str]:
            if copied:
                raise KeyboardInterrupt
            copied.append(args)
            return copy(*args)

        copy = module.copy_checked
        monkeypatch.setattr(module, "copy_checked", interrupted)
    else:
        expected = StorageFullError
        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=1000))
    before = names(tmp_path)
    with pytest.raises(expected) as caught:
        kept.backup(tmp_path / "copy.gpkg", progress=False)
    assert names(tmp_path) == before
    if expected is CorruptImageError:
        assert "of image 'acme:guide:b' is" in str(caught.value)


def delete_what_was_just_listed(kept: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an image come before each listing of the rows and go right behind it, as by another program."""
    product = Product.get("acme:guide", catalog=kept)
    rows = module._copy_rows

    def hurried(catalog: Catalog, file: Path) -> None:
        if kept.database.in_transaction:  # another program could not write now
            return rows(catalog, file)
        image = upload(product, "short-lived")
        rows(catalog, file)
        return image.delete()

    monkeypatch.setattr(module, "_copy_rows", hurried)


def test_files_that_go_before_they_are_copied(kept: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    delete_what_was_just_listed(kept, monkeypatch)
    assert kept.backup(tmp_path / "copy.gpkg", progress=False).files == 2
    with Catalog.open(tmp_path / "copy.gpkg") as copy:
        assert copy.verify("full", progress=False).problems == []
        assert copy.images.count() == 4
    assert sorted(copy.data_folder.hrefs()) == sorted(kept.data_folder.hrefs())


def test_a_file_that_goes_when_it_is_about_to_be_copied(
    kept: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_checked = module.copy_checked

    def copy_late(source: Path, folder: DataFolder, href: str) -> tuple[int, str]:
        monkeypatch.undo()
        with Catalog.open(kept.path) as other:
            for image in other.images:
                if image.files and image.files[0].href == href:
                    image.delete()
        return copy_checked(source, folder, href)

    monkeypatch.setattr(module, "copy_checked", copy_late)
    report = kept.backup(tmp_path / "copy.gpkg", progress=False)
    assert report.images == kept.images.count() == 3
    with Catalog.open(tmp_path / "copy.gpkg") as copy:
        assert copy.verify("full", progress=False).problems == []


def test_a_reader_cannot_stop_others_from_deleting(
    kept: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete_what_was_just_listed(kept, monkeypatch)
    before = names(tmp_path)
    with (
        Catalog.open(kept.path, read_only=True) as reader,
        pytest.raises(ConflictError, match="were deleted while their files were copied, 3 times"),
    ):
        reader.backup(tmp_path / "copy.gpkg", progress=False)
    assert names(tmp_path) == before


def test_nothing_of_deleted_rows_is_in_the_copy(kept: Catalog, tmp_path: Path) -> None:
    secrets = [b"topsecretname", b"classifiedtag", b"confidentialtext"]
    kept.add_images(
        [{"id": f"acme:guide:topsecretname{n}", "tags": ["classifiedtag"], "provider_id": "confidentialtext" * 9}
         for n in range(300)],
        progress=False,
    )  # fmt: skip
    connection = sqlite3.connect(kept.path, isolation_level=None)
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(
        "INSERT INTO image_text (image_text, rowid, name, tags) "
        "SELECT 'delete', id, name, tags FROM image WHERE name LIKE 'topsecret%'"
    )
    connection.execute("DELETE FROM image WHERE name LIKE 'topsecret%'")
    connection.close()
    assert all(secret in kept.path.read_bytes() for secret in secrets)
    kept.backup(tmp_path / "copy.gpkg", progress=False)
    assert not any(secret in (tmp_path / "copy.gpkg").read_bytes() for secret in secrets)
    with Catalog.open(tmp_path / "copy.gpkg") as copy:
        assert copy.verify("full", progress=False).problems == []


def test_files_in_place_are_found_from_the_new_place(kept: Catalog, tmp_path: Path) -> None:
    (tmp_path / "scenes").mkdir()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    shutil.copy(file_of(kept, "a"), tmp_path / "scenes" / "x.tif")
    image = Image(product_id="acme:guide", name="x", acquired="2020-01-01", catalog=kept)
    image.upload(tmp_path / "scenes" / "x.tif", copy=False).raise_for_status()
    assert image.files[0].href == "scenes/x.tif"
    kept.backup(tmp_path / "deep" / "er" / "copy.gpkg", progress=False)
    kept.backup(tmp_path / "beside.gpkg", progress=False)
    for path, href in (("deep/er/copy.gpkg", str(tmp_path / "scenes" / "x.tif")), ("beside.gpkg", "scenes/x.tif")):
        with Catalog.open(tmp_path / path) as copy:
            (file,) = Image.get("acme:guide:x", catalog=copy).files
            assert file.href == href
            assert copy.verify("full", progress=False).problems == []


@pytest.fixture
def with_scenes(kept: Catalog, tmp_path: Path) -> Catalog:
    """Two images in one file that is indexed in place, and a third in one of its own; a remote image, too."""
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    for name, source in (("x", "a"), ("y", "b")):
        shutil.copy(file_of(kept, source), scenes / f"{name}.tif")
    for name, file in (("x", "x"), ("same", "x"), ("y", "y")):
        image = Image(product_id="acme:guide", name=name, acquired="2020-01-01", catalog=kept)
        image.upload(scenes / f"{file}.tif", copy=False).raise_for_status()
    return kept


def test_the_report_names_what_was_left_out(with_scenes: Catalog, tmp_path: Path) -> None:
    report = with_scenes.backup(tmp_path / "copy.gpkg", progress=False)
    scenes = [tmp_path / "scenes" / name for name in ("x.tif", "y.tif")]
    size = sum(path.stat().st_size for path in scenes)
    assert (report.files, report.left_out, report.left_out_bytes) == (2, tuple(map(str, scenes)), size)
    assert str(report).endswith(f"; left out: 2 files indexed in place, with {size:,} bytes")


def test_files_in_place_are_taken_along(with_scenes: Catalog, tmp_path: Path) -> None:
    """Each image has a file of its own then, which is deleted with it."""
    before = {image.id: image.ndarray("blue") for image in with_scenes.images if image.files and image.name != "far"}
    (tmp_path / "away").mkdir()
    report = with_scenes.backup(tmp_path / "away" / "copy.gpkg", copy_in_place=True, progress=False)
    size = sum(path.stat().st_size for path in (tmp_path / "away").rglob("*") if is_pixels(path))
    assert (report.files, report.left_out, report.left_out_bytes, report.size_bytes) == (5, (), 0, size)
    assert "left out" not in str(report)
    shutil.rmtree(tmp_path / "scenes")
    with Catalog.open(report.path) as copy:
        for image_id, pixels in before.items():
            image = Image.get(image_id, catalog=copy)
            assert [file.owned for file in image.files] == [True]
            numpy.testing.assert_array_equal(image.ndarray("blue").filled(0), pixels.filled(0))
        with copy.database.read() as connection:
            sizes = "SELECT sum(size_bytes), (SELECT sum(size_bytes) FROM image_file) FROM image"
            assert len(set(connection.execute(sizes).fetchone())) == 1
        Image.delete("acme:guide:x", catalog=copy)
        assert Image.get("acme:guide:same", catalog=copy).ndarray("blue").shape == (1, 64, 48)
        assert (copy.verify("full", progress=False).problems, copy.gc().removed) == ([], [])


def test_a_copy_of_files_in_place_can_be_merged(with_scenes: Catalog, tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    copy = with_scenes.backup(tmp_path / "away" / "copy.gpkg", copy_in_place=True, progress=False).path
    shutil.rmtree(tmp_path / "scenes")
    with Catalog.create(tmp_path / "other.gpkg", org="acme") as other:
        assert other.merge(copy, progress=False).added == {"product": 1, "band": 2, "image": 7}
        assert other.verify("full", progress=False).problems == []
        assert Image.get("acme:guide:y", catalog=other).ndarray("blue").shape == (1, 64, 48)
    report = with_scenes.merge(copy, policy="theirs", progress=False)
    assert (report.conflicts, report.unchanged) == ([], {"product": 1, "band": 2, "image": 7})  # since the backup


@pytest.mark.parametrize(("change", "why"), [("missing", "is missing"), ("other", "is not what was indexed")])
def test_a_file_in_place_that_cannot_be_taken_along_makes_no_backup(
    with_scenes: Catalog, tmp_path: Path, change: str, why: str
) -> None:
    path = tmp_path / "scenes" / "y.tif"
    if change == "missing":
        path.unlink()
    else:
        flip(path, 100)
    before = names(tmp_path)
    with pytest.raises(CorruptImageError, match=f"y.tif' of image 'acme:guide:y', which is indexed in place, {why}"):
        with_scenes.backup(tmp_path / "copy.gpkg", copy_in_place=True, progress=False)
    assert names(tmp_path) == before
    with_scenes.backup(tmp_path / "copy.gpkg", progress=False)


def test_a_file_in_place_that_is_given_up_meanwhile_is_not_taken_along(
    with_scenes: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_in_place = module._copy_in_place

    def deleting(*arguments: object) -> object:
        if Image.exists("acme:guide:y", catalog=with_scenes):
            (tmp_path / "scenes" / "y.tif").unlink()
            Image.delete("acme:guide:y", catalog=with_scenes)
        return copy_in_place(*arguments)

    monkeypatch.setattr(module, "_copy_in_place", deleting)
    report = with_scenes.backup(tmp_path / "copy.gpkg", copy_in_place=True, progress=False)
    with Catalog.open(report.path) as copy:
        assert "acme:guide:y" not in copy.images.ids()
        assert (copy.verify("full", progress=False).problems, copy.gc().set_aside) == ([], [])


WRITER = """
import sys
from pathlib import Path
from localcat import Catalog, Image, Product
from tests.leftovers import is_pixels
from tests.small_catalog import upload

path, who, stop = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
with Catalog.open(path) as catalog:
    product = Product.get("acme:guide", catalog=catalog)
    number = 0
    while not stop.exists():
        upload(product, f"{who}{number}")
        print(f"acme:guide:{who}{number}", flush=True)
        if number % 3 == 2:
            Image.delete(f"acme:guide:{who}{number - 1}", catalog=catalog)
        number += 1
"""


def test_a_backup_beside_two_writers_has_all_that_was_acknowledged_before(kept: Catalog, tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    logs = [tmp_path / "p.log", tmp_path / "q.log"]
    root = Path(__file__).resolve().parents[2]
    writers = []
    try:
        for log in logs:
            command = [sys.executable, "-c", WRITER, str(kept.path), log.stem, str(stop)]
            with log.open("wb") as output:
                writers.append(subprocess.Popen(command, cwd=root, stdout=output))
        for number in range(2):
            seen = {log: len(log.read_text().split()) for log in logs}
            while not all(len(log.read_text().split()) >= seen[log] + 3 for log in logs):
                assert all(writer.poll() is None for writer in writers)
                time.sleep(0.01)
            acknowledged = {name for log in logs for name in log.read_text().split()[:-3]}
            kept.backup(tmp_path / f"copy{number}.gpkg", progress=False)
            with Catalog.open(tmp_path / f"copy{number}.gpkg") as copy:
                report = copy.verify("full", progress=False)
                assert report.problems == []
                there = set(copy.images.ids())
            kept_names = {name for name in acknowledged if int(name.rpartition(":")[2][1:]) % 3 != 1}
            assert kept_names <= there
            assert report.files_hashed == len(there) - 2
    finally:
        stop.touch()
        codes = [writer.wait(60) for writer in writers]
    assert codes == [0, 0]
    assert kept.verify("full", progress=False).problems == []


CRASHES = """
import errno, os, sys
from pathlib import Path
from localcat import Catalog
from localcat.maintenance import backup, recover

def copy(source, dest, how):
    if how == "recover":
        Catalog.recover(source, dest, progress=False)
    else:
        with Catalog.open(source) as catalog:
            catalog.backup(dest, progress=False)

source, how, end = Path(sys.argv[1]), *sys.argv[2:]
at, crashed = 0, 9
while crashed == 9:
    dest = source.with_name(f"{how}{at}.gpkg")
    child = os.fork()
    if child == 0:
        steps = []
        def listen(event, args):
            if event == "localcat.step":
                steps.append(args)
                if len(steps) == at + 1:
                    if end == "crash":
                        os._exit(9)
                    raise KeyboardInterrupt if end == "interrupt" else OSError(errno.EIO, "the disk failed")
        sys.addaudithook(listen)
        try:
            copy(source, dest, how)
        except BaseException:
            os._exit(9)
        os._exit(0)
    crashed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    state = "none"
    if dest.exists():
        with Catalog.open(dest) as made:
            state = str(made.verify("full", progress=False).problems)
    elif end != "crash" and list(dest.parent.glob(f"*{dest.stem}*")):
        state = "parts"
    print(crashed, state)
    at += 1
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nothing can be forked here")
@pytest.mark.parametrize("end", ["crash", "interrupt", "fault"])
@pytest.mark.parametrize("how", ["backup", "recover"])
def test_an_end_at_any_step_leaves_a_whole_copy_or_none(kept: Catalog, how: str, end: str) -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", CRASHES, str(kept.path), how, end]
    output = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(output) > 6
    assert set(output[:-1]) <= ({"9 none", "9 []"} if end == "crash" else {"9 none"})
    assert output[0] == "9 none"
    assert output[-1] == "0 []"
    assert kept.verify("full", progress=False).problems == []


@pytest.mark.parametrize("fault", ["sync", "sync where there are no hard links", "name where there are none"])
def test_a_copy_that_fails_at_its_last_step_is_removed(
    kept: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def failing(*names: object) -> None:
        raise OSError(errno.EIO, "the disk failed")

    if "where" in fault:
        monkeypatch.setattr(os, "link", failing)
    if "sync" in fault:
        monkeypatch.setattr(creating, "flush_folder", failing)
    else:
        monkeypatch.setattr(Path, "replace", failing)
    before = names(tmp_path)
    with pytest.raises(StorageError, match="the disk failed"):
        kept.backup(tmp_path / "copy.gpkg", progress=False)
    monkeypatch.undo()
    assert names(tmp_path) == before
    kept.backup(tmp_path / "copy.gpkg", progress=False)


def test_the_digest_of_a_copy_is_that_of_its_bytes(kept: Catalog, tmp_path: Path) -> None:
    source = file_of(kept, "a")
    size, digest = module.copy_checked(source, DataFolder(tmp_path / "to"), "p/x.tif")
    content = (tmp_path / "to" / "p" / "x.tif").read_bytes()
    assert (size, digest) == (len(content), hashlib.sha256(source.read_bytes()).hexdigest())


@pytest.mark.parametrize(
    ("raised", "expected"), [(StorageFullError("no room"), StorageFullError), (KeyboardInterrupt(), KeyboardInterrupt)]
)
def test_a_disk_that_fails_while_tidying_up_does_not_hide_what_was_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: BaseException, expected: type[BaseException]
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(expected), module.staged(tmp_path / "x.gpkg") as staging:
        (staging / "inner").mkdir()
        monkeypatch.setattr(os, "close", fail)
        raise raised
    monkeypatch.undo()


def test_what_a_disk_that_fails_kept_is_removed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by one of the same process."""
    target = tmp_path / "x.gpkg"
    with module.staged(target) as staging:
        (staging / "inner").mkdir()
        (staging / "inner" / "x.tif").write_bytes(b"x")
        monkeypatch.setattr(shutil, "rmtree", lambda *given, **options: None)
    monkeypatch.undo()
    assert (staging / "inner" / "x.tif").exists()
    with module.staged(target) as other:
        assert list(tmp_path.iterdir()) == [other]
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_backup_left_is_removed_by_the_next(kept: Catalog, tmp_path: Path) -> None:
    """Only if its process is gone, and only what is named as the folder of such a backup."""
    dest = tmp_path / "backups"
    dead, alive, other = (dest / f".b.gpkg.{part}.tmp" for part in (32 * "a", 32 * "b", "notes"))
    for folder in (dead, alive, other):
        (folder / "b.data" / "acme-guide").mkdir(parents=True)
        (folder / f"{TEMPORARY_PREFIX}{32 * '0'}").touch()
    claim = DataFolder(alive).claim()
    (alive / f"{TEMPORARY_PREFIX}{32 * '0'}").unlink()
    kept.backup(dest / "b.gpkg")
    assert sorted(path.name for path in dest.iterdir()) == [alive.name, other.name, "b.data", "b.gpkg"]
    claim.release()


def test_what_a_power_cut_left_without_its_claim_is_removed_by_the_next(kept: Catalog, tmp_path: Path) -> None:
    """Only what is named as the folder of the same archive: whose the others are, nothing says."""
    names = (f".k.zip.{32 * 'a'}.tmp", f".l.zip.{32 * 'a'}.tmp", ".k.zip.tmp")
    left, other, users = (tmp_path / name for name in names)
    for folder in (left, other, users):
        (folder / "kit").mkdir(parents=True)
        (folder / "kit" / "k.gpkg").write_bytes(b"half of it")
    kept.bundle(tmp_path / "k.zip", progress=False)
    assert not left.exists()
    assert other.exists()
    assert users.exists()


@posix
def test_what_another_user_left_is_not_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who owns it could put a link to other folders in its place meanwhile."""
    left = tmp_path / f".x.gpkg.{32 * 'a'}.tmp"
    left.mkdir()
    (left / f"{TEMPORARY_PREFIX}{32 * '0'}").touch()
    (left / "x.tif").touch()
    monkeypatch.setattr(os, "geteuid", lambda: left.stat().st_uid + 1)
    with module.staged(tmp_path / "x.gpkg"):
        pass
    assert (left / "x.tif").exists()
    monkeypatch.undo()
    with module.staged(tmp_path / "x.gpkg"):
        assert not left.exists()


def test_a_folder_that_cannot_be_looked_into_is_an_error_of_ours(
    kept: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's answer is given by the test, since root may look anywhere."""
    real, source = Path.is_file, file_of(kept, "a")

    def refused(path: Path) -> bool:
        if path == source:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path)

    monkeypatch.setattr(Path, "is_file", refused)
    with pytest.raises(StorageError, match="cannot be read: .*Permission denied"):
        kept.backup(tmp_path / "b.gpkg")
    assert not list(tmp_path.glob("*b.*"))
