"""gc removes what was deleted, sets aside what nothing refers to, and touches nothing else."""

from __future__ import annotations

import shutil
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy
import pytest

from localcat import Catalog, Image, Product
from localcat.disk.data_folder import TEMPORARY_PREFIX, DataFolder
from localcat.errors import BadRequestError, ReadOnlyCatalogError, UnsafePathError
from localcat.maintenance import garbage
from tests.small_catalog import upload
from tests.systems import posix


@pytest.fixture
def image(catalog: Catalog, product: Product, pixels, meta) -> Image:
    image = Image(product=product, name="x", acquired="2020-01-01")
    image.upload_ndarray(pixels, raster_meta=meta)
    return image


def orphan(catalog: Catalog, name: str) -> Path:
    path = catalog.data_folder.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"12345")
    return path


def aside(catalog: Catalog) -> dict[str, bytes]:
    """Return what is set aside, by date and path."""
    folder = catalog.data_folder.path / ".orphans"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def test_gc_removes_files_without_a_row_and_keeps_the_others(catalog: Catalog, image: Image, pixels) -> None:
    hrefs = ["acme-guide/old-0123456789abcdef.tif", "gone/y-0.tif"]
    left = [orphan(catalog, href) for href in hrefs]
    seen = catalog.gc(dry_run=True)
    assert (seen.removed, seen.set_aside, seen.size_bytes) == ([], hrefs, 0)
    assert all(path.exists() for path in left)
    report = catalog.gc()
    assert (report.removed, report.set_aside, report.kept, report.size_bytes) == ([], hrefs, [], 0)
    assert not any(path.exists() for path in left)
    assert aside(catalog) == {f"{today()}/{href}": b"12345" for href in hrefs}
    report = catalog.gc(keep="0 days")
    assert (report.removed, report.set_aside, report.kept, report.size_bytes) == (hrefs, [], [], 10)
    assert aside(catalog) == {}
    assert not left[1].parent.exists()
    assert numpy.array_equal(image.ndarray("blue").filled(0), pixels.filled(0))
    assert catalog.gc().removed == []
    assert catalog.sql("SELECT count(*) AS n FROM trash")[0]["n"] == 0


def test_gc_takes_up_what_could_not_be_unlinked(
    catalog: Catalog, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = catalog.path_of(image.files[0])
    with monkeypatch.context() as patch:
        patch.setattr(DataFolder, "remove", lambda self, href: False)
        image.delete()
        assert catalog.gc().kept == [path.relative_to(catalog.data_folder.path).as_posix()]
    assert path.exists()
    assert len(catalog.gc().removed) == 1
    assert not path.exists()
    assert catalog.sql("SELECT count(*) AS n FROM trash")[0]["n"] == 0


def test_gc_keeps_temporary_files_that_are_alive(catalog: Catalog, image: Image) -> None:
    folder = catalog.data_folder
    dead = orphan(catalog, ".tmp-0123.tif")
    with folder.temporary(".tif") as alive:
        sibling = alive.with_name(f"{alive.name}.4567.tif")
        sibling.write_bytes(b"scratch")
        assert catalog.gc().removed == [dead.name]
        assert alive.exists()
        assert sibling.exists()
    assert catalog.gc().removed == [sibling.name]


def test_gc_beside_uploads_takes_nothing_live(catalog: Catalog, product: Product, pixels, meta) -> None:
    done = threading.Event()
    statuses: list[str | None] = []

    def upload(number: int) -> None:
        for index in range(6):
            image = Image(product=product, name=f"i{number}-{index}", acquired="2020-01-01", catalog=catalog)
            statuses.append(image.upload_ndarray(pixels, raster_meta=meta).status)

    def collect() -> None:
        while not done.is_set():
            catalog.gc()

    collector = threading.Thread(target=collect)
    uploaders = [threading.Thread(target=upload, args=(number,)) for number in range(3)]
    for thread in (collector, *uploaders):
        thread.start()
    for thread in uploaders:
        thread.join()
    done.set()
    collector.join()
    assert statuses == ["success"] * 18
    for image in catalog.images:
        assert numpy.array_equal(image.ndarray("blue").filled(0), pixels.filled(0))


def test_gc_in_a_transaction_is_refused(catalog: Catalog, image: Image) -> None:
    """A file unlinked there would be missing after a rollback."""
    with pytest.raises(RuntimeError, match="no"), catalog.transaction():
        image.delete()
        for dry_run in (False, True):
            with pytest.raises(BadRequestError, match="gc unlinks only what is committed"):
                catalog.gc(dry_run=dry_run)
        raise RuntimeError("no")
    assert catalog.verify("full").ok
    assert Image.get(image.id).ndarray("blue").any()


@posix
def test_gc_follows_no_link_in_the_place_of_the_data_folder(tmp_path: Path) -> None:
    """A stranger's archive may hold one that leads to somebody's own files."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("years of work")
    path = tmp_path / "sent.gpkg"
    with Catalog.create(path) as sent:
        Product(id="x", name="X", catalog=sent).save()
    shutil.rmtree(tmp_path / "sent.data")
    (tmp_path / "sent.data").symlink_to(home)
    for trusted in (True, False):
        with Catalog.open(path, trusted=trusted) as catalog:
            for dry_run in (False, True):
                with pytest.raises(UnsafePathError, match=r"sent\.data' is a link"):
                    catalog.gc(dry_run=dry_run)
            report = catalog.verify()
            assert [problem.path for problem in report.garbage] == ([] if not trusted else ["thesis.txt"])
    assert (home / "thesis.txt").read_text() == "years of work"


@posix
def test_an_untrusted_catalog_deletes_nothing_behind_a_link(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("years of work")
    path = tmp_path / "sent.gpkg"
    with Catalog.create(path, org="x") as sent:
        Product(id="p", name="P", catalog=sent).save()
        Image(id="x:p:a", catalog=sent).save()
        with sent.database.write() as transaction:
            transaction.connection.execute(
                "INSERT INTO image_file (image_id, position, owned, href, size_bytes, hash) "
                "VALUES (1, 0, 1, 'thesis.txt', 13, 'x')"
            )
    shutil.rmtree(tmp_path / "sent.data")
    (tmp_path / "sent.data").symlink_to(home)
    with Catalog.open(path, trusted=False) as catalog:
        Image.get("x:p:a", catalog=catalog).delete()
        assert catalog.images.count() == 0
    assert (home / "thesis.txt").exists()


def test_a_dry_run_needs_no_writing(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "a.gpkg") as catalog:
        (tmp_path / "a.data" / "x").mkdir(parents=True)
        (tmp_path / "a.data" / "x" / "lost.tif").write_bytes(b"1")
        catalog.close()
    with Catalog.open(tmp_path / "a.gpkg", read_only=True) as catalog:
        report = catalog.gc(dry_run=True)
        assert (report.removed, report.set_aside) == ([], ["x/lost.tif"])
        with pytest.raises(ReadOnlyCatalogError, match=r"a\.gpkg.*read_only=True"):
            catalog.gc()


def set_aside(catalog: Catalog, day: str, href: str, content: bytes = b"12345") -> Path:
    path = catalog.data_folder.path / ".orphans" / day / href
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def days_ago(days: int) -> str:
    return (datetime.now(UTC).date() - timedelta(days=days)).isoformat()


def test_what_is_set_aside_is_unlinked_after_thirty_days(catalog: Catalog, image: Image) -> None:
    set_aside(catalog, "2020-01-01", "a/old.tif")
    set_aside(catalog, days_ago(31), "a/month.tif")
    young = set_aside(catalog, days_ago(28), "a/young.tif")
    stray = set_aside(catalog, "not-a-date", "a/mine.tif")
    seen = catalog.gc(dry_run=True)
    assert (seen.removed, seen.size_bytes) == (["a/old.tif", "a/month.tif"], 10)
    assert len(aside(catalog)) == 4
    report = catalog.gc()
    assert (report.removed, report.set_aside, report.kept, report.size_bytes) == (seen.removed, [], [], 10)
    assert young.exists()
    assert stray.exists()
    assert sorted(aside(catalog)) == [f"{days_ago(28)}/a/young.tif", "not-a-date/a/mine.tif"]
    assert catalog.gc(keep="20 days").removed == ["a/young.tif"]
    assert catalog.verify("full", progress=False).problems == []


def test_how_long_files_stay_aside_can_be_a_timedelta(catalog: Catalog, image: Image) -> None:
    set_aside(catalog, days_ago(5), "a/x.tif")
    assert catalog.gc(keep=timedelta(days=9)).removed == []
    assert catalog.gc(keep=timedelta(days=3)).removed == ["a/x.tif"]


@pytest.mark.parametrize("keep", ["", "soon", "-1 days", "1.5 days", "30", 30, None])
def test_how_long_is_a_number_of_days(catalog: Catalog, keep: object) -> None:
    with pytest.raises(BadRequestError, match="keep is a number of days such as '30 days' or '0 days', or a timedelta"):
        catalog.gc(keep=keep)


def test_a_clock_that_is_ahead_unlinks_nothing_early(
    catalog: Catalog, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest change in the catalog has to be later too."""
    set_aside(catalog, days_ago(3), "a/x.tif")

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime(2999, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(garbage, "datetime", Later)
    assert catalog.gc().removed == []
    assert list(aside(catalog)) == [f"{days_ago(3)}/a/x.tif"]
    assert catalog.gc(keep="0 days").removed == ["a/x.tif"]


def test_a_clock_that_is_behind_gives_no_earlier_date(
    catalog: Catalog, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    orphan(catalog, "a/x.tif")

    class Earlier(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime(1999, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(garbage, "datetime", Earlier)
    assert catalog.gc().set_aside == ["a/x.tif"]
    assert list(aside(catalog)) == [f"{today()}/a/x.tif"]


def test_restore_brings_all_back(catalog: Catalog, image: Image) -> None:
    first, second = orphan(catalog, "acme-guide/one.tif"), orphan(catalog, "two.tif")
    catalog.gc()
    third = orphan(catalog, "three.tif")
    assert catalog.gc(restore=True, dry_run=True).restored == ["two.tif", "acme-guide/one.tif"]
    report = catalog.gc(restore=True)
    assert (report.restored, report.set_aside, report.removed) == (["two.tif", "acme-guide/one.tif"], [], [])
    assert [path.read_bytes() for path in (first, second, third)] == [b"12345"] * 3
    assert not (catalog.data_folder.path / ".orphans").exists()


def test_restore_takes_no_path_that_is_taken(catalog: Catalog, image: Image) -> None:
    set_aside(catalog, days_ago(2), "x.tif", b"older")
    set_aside(catalog, days_ago(1), "x.tif", b"newer")
    path = orphan(catalog, "y.tif")
    set_aside(catalog, days_ago(1), "y.tif", b"other")
    assert catalog.gc(restore=True).restored == ["x.tif"]
    assert (catalog.data_folder.path / "x.tif").read_bytes() == b"newer"
    assert path.read_bytes() == b"12345"
    assert aside(catalog) == {f"{days_ago(2)}/x.tif": b"older", f"{days_ago(1)}/y.tif": b"other"}


def test_two_files_of_one_path_are_both_kept(catalog: Catalog, image: Image) -> None:
    orphan(catalog, "x.tif")
    catalog.gc()
    second = orphan(catalog, "x.tif")
    second.write_bytes(b"another")
    report = catalog.gc()
    assert (report.set_aside, report.kept, second.exists()) == (["x.tif"], [], False)
    assert aside(catalog) == {f"{today()}/x.tif": b"12345", f"{days_ago(-1)}/x.tif": b"another"}
    assert catalog.gc(restore=True).restored == ["x.tif"]
    assert second.read_bytes() == b"another"


def test_a_file_that_a_power_cut_left_under_both_names_is_set_aside(catalog: Catalog, image: Image) -> None:
    """A disk without a journal may keep the old name of a renamed file."""
    path = orphan(catalog, "x.tif")
    catalog.gc()
    path.hardlink_to(catalog.data_folder.path / ".orphans" / today() / "x.tif")
    assert (catalog.gc().kept, path.exists()) == ([], False)
    assert catalog.gc(keep="0 days").kept == []
    assert aside(catalog) == {}


def test_an_older_state_that_is_collected_costs_no_pixels(kept: Catalog, tmp_path: Path) -> None:
    """The newer state is put back after that: its files are found where they are, and brought back."""
    older, newer = tmp_path / "older", tmp_path / "newer"
    shutil.copy(kept.path, older)
    later = upload(Product.get("acme:guide", catalog=kept), "later")
    href = (later.files or [])[0].href
    kept.close()
    shutil.copy(kept.path, newer)
    shutil.copy(older, kept.path)
    with Catalog.open(kept.path) as catalog:
        assert catalog.gc().set_aside == [href]
    shutil.copy(newer, kept.path)
    (tmp_path / "kept.data" / ".orphans" / today()).rename(tmp_path / "kept.data" / ".orphans" / "2020-01-01")
    path = tmp_path / "kept.data" / href
    with Catalog.open(kept.path, read_only=True) as catalog:
        assert catalog.verify("full", progress=False).problems == []
        assert catalog.verify("full", progress=False).garbage == []
        assert Image.get(later.id, catalog=catalog).ndarray("blue").any()
        assert not path.exists()  # read where it is
    with Catalog.open(kept.path) as catalog:
        seen = catalog.gc(dry_run=True)
        assert (seen.restored, seen.removed) == ([href], [])
        report = catalog.gc()
        assert (report.restored, report.removed) == ([href], [])  # though its date is long past
        assert path.is_file()
        assert catalog.verify("full", progress=False).problems == []


def test_a_read_brings_its_file_back(catalog: Catalog, image: Image, pixels) -> None:
    path = catalog.path_of(image.files[0])
    href = path.relative_to(catalog.data_folder.path).as_posix()
    assert catalog.data_folder.set_aside(href, date(2020, 1, 1))
    assert catalog.verify("full", progress=False).ok
    assert not path.exists()  # verify changes nothing
    assert numpy.array_equal(image.ndarray("blue").filled(0), pixels.filled(0))
    assert path.is_file()
    assert aside(catalog) == {}


def test_a_backup_holds_files_that_were_set_aside(kept: Catalog, tmp_path: Path) -> None:
    path = kept.path_of(Image.get("acme:guide:a", catalog=kept).files[0])
    kept.data_folder.set_aside(path.relative_to(kept.data_folder.path).as_posix(), date(2020, 1, 1))
    kept.backup(tmp_path / "copy.gpkg", progress=False)
    with Catalog.open(tmp_path / "copy.gpkg") as copy:
        assert copy.verify("full", progress=False).problems == []
    assert not (tmp_path / "copy.data" / ".orphans").exists()


def test_verify_reports_what_is_set_aside(catalog: Catalog, image: Image) -> None:
    set_aside(catalog, "2020-01-01", "a/x.tif")
    report = catalog.verify(progress=False)
    assert report.ok
    assert [str(problem) for problem in report.garbage] == [
        "orphan '.orphans/2020-01-01/a/x.tif': found set aside; Catalog.gc(restore=True) brings it back; "
        "Catalog.gc() unlinks it 30 days after that date"
    ]


def test_no_link_below_the_folder_of_orphans_is_followed(catalog: Catalog, image: Image, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    folder = catalog.data_folder.path / ".orphans"
    folder.mkdir()
    (folder / "2020-01-01").symlink_to(tmp_path)
    (folder / today()).symlink_to(tmp_path)
    left = orphan(catalog, "x.tif")
    report = catalog.gc(keep="0 days")
    assert (report.removed, report.set_aside, report.kept) == ([], [], ["x.tif"])
    assert left.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_link_named_like_a_temporary_file_is_never_opened(kept: Catalog, tmp_path: Path) -> None:
    """A stranger's catalog may hold one that leads to a file of the user's."""
    outside = tmp_path / "outside"
    outside.write_text("precious")
    link = kept.data_folder.path / f"{TEMPORARY_PREFIX}x.tif"
    link.symlink_to(outside)
    opened: list[str] = []

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and TEMPORARY_PREFIX in str(arguments[0]):
            opened.append(str(arguments[0]))

    sys.addaudithook(watch)
    assert kept.verify("files").ok
    kept.gc()
    assert (opened, outside.read_text(), link.is_symlink()) == ([], "precious", True)
