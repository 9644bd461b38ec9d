"""Whose a data folder is: owners write, copies read, strangers are refused."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy
import pytest

from localcat import Catalog, Image, Product
from localcat.disk.data_folder import DataFolder
from localcat.disk.ownership import Home, Marker, data_path, home_of, read_marker
from localcat.errors import (
    BadRequestError,
    CatalogExistsError,
    ReadOnlyCatalogError,
    ReadOnlyCatalogWarning,
    StorageFullError,
    UnsafePathError,
)
from localcat.store.damage.problem_kinds import ProblemKind as Kind
from tests.leftovers import names_in
from tests.small_catalog import PIXELS, fill_guide, upload

MARKER = ".localcat.json"


def uuid_of(catalog: Catalog) -> str:
    return catalog.database.settings()["uuid"]


def check_pixels(catalog: Catalog, name: str = "a") -> None:
    image = Image.get(f"acme:guide:{name}", catalog=catalog)
    assert numpy.array_equal(image.ndarray("blue").filled(0)[0], PIXELS[0].filled(0))


def marked(folder: Path, catalog: str, file: str) -> Path:
    folder.mkdir()
    (folder / MARKER).write_text(json.dumps({"catalog": catalog, "file": file}))
    return folder


@pytest.mark.parametrize(
    ("file", "folder"),
    [
        ("survey.gpkg", "survey.data"),
        ("survey.db", "survey.db.data"),
        ("survey.bak", "survey.bak.data"),
        ("survey", "survey.data"),
        ("survey.GPKG", "survey.GPKG.data"),
        ("survey.data", "survey.data.data"),
        ("a.b.gpkg", "a.b.data"),
    ],
)
def test_the_folder_of_a_new_catalog_has_its_name(file: str, folder: str) -> None:
    assert data_path(Path("/x", file)) == Path("/x", folder)


def test_the_first_pixels_write_the_marker(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        assert not (tmp_path / "survey.data").exists()
        fill_guide(catalog)
        entries = json.loads((tmp_path / "survey.data" / MARKER).read_text())
        assert entries == {"catalog": uuid_of(catalog), "file": "survey.gpkg"}
    assert names_in(tmp_path / "survey.data") == [MARKER, "acme-guide"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 4096,
        b'{"catalog": "x"}',
        b'{"catalog": 1' + b" " * 5000,
        *(b'{"catalog": "x", "file": "%s"}' % name for name in (b"", b".", b"../x.gpkg", b"/etc/x", b"a/b")),
    ],
)
def test_a_marker_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MARKER).write_bytes(content)
    assert read_marker(tmp_path) is None


def test_a_marker_that_is_no_plain_file_is_not_opened(tmp_path: Path) -> None:
    """A stranger's archive may hold a link that leads to somebody's own files."""
    home = tmp_path / "home"
    marked(home, "one", "a.gpkg")
    (tmp_path / "sent").mkdir()
    (tmp_path / "sent" / MARKER).symlink_to(home / MARKER)
    assert read_marker(home) == Marker("one", "a.gpkg")
    assert read_marker(tmp_path / "sent") is None


def test_no_marker_and_no_folder(tmp_path: Path) -> None:
    assert read_marker(tmp_path) is None
    assert read_marker(tmp_path / "none") is None


def test_a_copy_of_the_file_reads_and_changes_nothing(kept: Catalog, tmp_path: Path) -> None:
    copy = tmp_path / "kept.bak"
    shutil.copy(kept.path, copy)
    with pytest.warns(ReadOnlyCatalogWarning) as caught:
        borrower = Catalog.open(copy)
    why = str(caught[0].message)
    assert why == (
        f"catalog '{copy}' is a copy of 'kept.gpkg', to which the pixels in '{tmp_path / 'kept.data'}' belong: it "
        "can only be read, and what the other deletes is gone here too; Catalog.backup of the other one makes an "
        "independent pair"
    )
    with borrower:
        check_pixels(borrower)
        assert borrower.verify("full", progress=False).problems == []
        for change in (
            lambda: Image.get("acme:guide:a", catalog=borrower).delete(),
            lambda: Image.get("acme:guide:nowhere", catalog=borrower).delete(),
            lambda: upload(Product.get("acme:guide", catalog=borrower), "new"),
            borrower.gc,
        ):
            with pytest.raises(ReadOnlyCatalogError, match=re.escape(why)):
                change()
    check_pixels(kept)
    assert kept.gc().set_aside == []
    assert read_marker(tmp_path / "kept.data") == Marker(uuid_of(kept), "kept.gpkg")


def test_a_copy_does_not_count_the_owners_files_as_orphans(kept: Catalog, tmp_path: Path) -> None:
    shutil.copy(kept.path, tmp_path / "kept.bak")
    upload(Product.get("acme:guide", catalog=kept), "later")
    with pytest.warns(ReadOnlyCatalogWarning):
        borrower = Catalog.open(tmp_path / "kept.bak")
    with borrower:
        report = borrower.verify(progress=False)
    assert (report.problems, report.garbage) == ([], [])


def test_a_copy_that_is_opened_for_reading_needs_no_warning(kept: Catalog, tmp_path: Path) -> None:
    shutil.copy(kept.path, tmp_path / "kept.bak")
    with Catalog.open(tmp_path / "kept.bak", read_only=True) as borrower:
        check_pixels(borrower)


def test_a_copy_without_pixels_begins_a_folder_of_its_own(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        Product(id="p", name="P", catalog=catalog).save()
    shutil.copy(tmp_path / "survey.gpkg", tmp_path / "survey.bak")
    with Catalog.open(tmp_path / "survey.gpkg") as catalog:
        fill_guide(catalog)
    with Catalog.open(tmp_path / "survey.bak") as copy:
        assert copy.data_folder.path == tmp_path / "survey.bak.data"
        fill_guide(copy)
        check_pixels(copy)
    assert read_marker(tmp_path / "survey.bak.data").file == "survey.bak"
    assert read_marker(tmp_path / "survey.data").file == "survey.gpkg"


def test_a_file_that_becomes_a_copy_under_an_open_handle_refuses_the_next_write(tmp_path: Path) -> None:
    """It had no pixels and was written to: what forbids writing is found in the transaction, which keeps nothing."""
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        Product(id="p", name="P", catalog=catalog).save()
    shutil.copy(tmp_path / "survey.gpkg", tmp_path / "survey.bak")
    with Catalog.open(tmp_path / "survey.bak") as copy, Catalog.open(tmp_path / "survey.gpkg") as owner:
        fill_guide(owner)
        Product(id="q", name="Q", catalog=copy).save()
        with closing(sqlite3.connect(owner.path)) as source, closing(sqlite3.connect(copy.path)) as target:
            source.backup(target)
        for name in ("r", "s"):
            with pytest.raises(ReadOnlyCatalogError, match=r"survey\.bak' is a copy of 'survey\.gpkg'"):
                Product(id=name, name=name, catalog=copy).save()
        assert [found.id for found in copy.products.sort("id")] == ["acme:guide", "acme:p"]
        with Catalog.open(tmp_path / "survey.bak", read_only=True) as other:
            check_pixels(other)
        check_pixels(owner)


def test_records_alone_are_saved_without_a_look_at_other_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hundreds of catalogs in one folder do not make each save of records slower."""
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        Product(id="p", name="P", catalog=catalog).save()
        with monkeypatch.context() as patch:
            patch.setattr("os.scandir", lambda folder: pytest.fail(f"{folder} was listed"))
            Product(id="q", name="Q", catalog=catalog).save()
        assert [found.id for found in catalog.products.sort("id")] == ["acme:p", "acme:q"]


def test_a_pair_that_was_copied_together_is_independent(kept: Catalog, tmp_path: Path) -> None:
    shutil.copy(kept.path, tmp_path / "second.gpkg")
    shutil.copytree(tmp_path / "kept.data", tmp_path / "second.data")
    with Catalog.open(tmp_path / "second.gpkg") as second:
        Image.get("acme:guide:a", catalog=second).delete()
        upload(Product.get("acme:guide", catalog=second), "c")
        assert read_marker(tmp_path / "second.data") == Marker(uuid_of(kept), "second.gpkg")
    check_pixels(kept)
    assert kept.verify("full", progress=False).problems == []


def test_a_pair_that_was_renamed_together_is_adopted_by_its_first_write(kept: Catalog, tmp_path: Path) -> None:
    kept.close()
    kept.path.rename(tmp_path / "new.gpkg")
    (tmp_path / "kept.data").rename(tmp_path / "new.data")
    with Catalog.open(tmp_path / "new.gpkg") as renamed:
        check_pixels(renamed)
        assert read_marker(tmp_path / "new.data").file == "kept.gpkg"
        upload(Product.get("acme:guide", catalog=renamed), "c")
        assert read_marker(tmp_path / "new.data") == Marker(uuid_of(renamed), "new.gpkg")
        assert renamed.verify("full", progress=False).problems == []


def test_a_file_that_was_renamed_alone_is_read_only_and_says_what_to_do(kept: Catalog, tmp_path: Path) -> None:
    kept.close()
    kept.path.rename(tmp_path / "new.gpkg")
    with pytest.warns(ReadOnlyCatalogWarning) as caught:
        renamed = Catalog.open(tmp_path / "new.gpkg")
    assert str(caught[0].message) == (
        f"catalog '{tmp_path / 'new.gpkg'}' was renamed without its data folder '{tmp_path / 'kept.data'}' and can "
        "only be read; rename the folder to 'new.data', or the file back to 'kept.gpkg'"
    )
    with renamed:
        check_pixels(renamed)
        with pytest.raises(ReadOnlyCatalogError, match=r"new\.gpkg' was renamed without its data folder"):
            Image.get("acme:guide:a", catalog=renamed).delete()
        (problem,) = renamed.verify("full", progress=False).problems
        assert (problem.kind, problem.path, problem.expected) == (Kind.DATA_FOLDER, "kept.data", "'new.data'")
        assert str(problem) == (
            "data folder 'kept.data': expected 'new.data'; rename the folder so, or the catalog file back"
        )
    (tmp_path / "kept.data").rename(tmp_path / "new.data")
    with Catalog.open(tmp_path / "new.gpkg") as whole:
        Image.get("acme:guide:a", catalog=whole).delete()
        assert whole.verify("full", progress=False).problems == []


def test_a_folder_that_was_renamed_alone_is_still_its_owners(kept: Catalog, tmp_path: Path) -> None:
    kept.close()
    (tmp_path / "kept.data").rename(tmp_path / "pixels")
    with Catalog.open(tmp_path / "kept.gpkg") as catalog:
        assert catalog.data_folder.path == tmp_path / "pixels"
        check_pixels(catalog)
        upload(Product.get("acme:guide", catalog=catalog), "c")
        check_pixels(catalog, "c")
        assert catalog.verify("full", progress=False).problems == []
    assert not (tmp_path / "kept.data").exists()


def test_the_folder_of_another_catalog_is_refused(kept: Catalog, tmp_path: Path) -> None:
    kept.close()
    shutil.rmtree(tmp_path / "kept.data")
    (marked(tmp_path / "kept.data", "another", "kept.gpkg") / "mine.tif").write_bytes(b"1")
    with Catalog.open(tmp_path / "kept.gpkg") as catalog:
        for use in (
            lambda: Image.get("acme:guide:a", catalog=catalog).ndarray("blue"),
            lambda: upload(Product.get("acme:guide", catalog=catalog), "c"),
            catalog.gc,
        ):
            with pytest.raises(UnsafePathError, match=r"kept\.data' belongs to another catalog than '.*; move one of"):
                use()
        Image.get("acme:guide:a", catalog=catalog).delete()  # its row goes, and nothing in the folder
    assert names_in(tmp_path / "kept.data") == [MARKER, "mine.tif"]


def test_a_folder_of_an_older_version_is_adopted(kept: Catalog, tmp_path: Path) -> None:
    (tmp_path / "kept.data" / MARKER).unlink()
    check_pixels(kept)
    assert read_marker(tmp_path / "kept.data") is None
    upload(Product.get("acme:guide", catalog=kept), "c")
    assert read_marker(tmp_path / "kept.data") == Marker(uuid_of(kept), "kept.gpkg")


def test_a_folder_of_an_older_version_with_another_suffix_keeps_its_name(kept: Catalog, tmp_path: Path) -> None:
    (tmp_path / "kept.data" / MARKER).unlink()
    kept.close()
    kept.path.rename(tmp_path / "kept.db")
    with Catalog.open(tmp_path / "kept.db") as catalog:
        assert catalog.data_folder.path == tmp_path / "kept.data"
        upload(Product.get("acme:guide", catalog=catalog), "c")
        assert catalog.verify("full", progress=False).problems == []
    assert read_marker(tmp_path / "kept.data").file == "kept.db"


def test_a_folder_without_a_marker_goes_to_the_geopackage_of_its_stem(kept: Catalog, tmp_path: Path) -> None:
    (tmp_path / "kept.data" / MARKER).unlink()
    shutil.copy(kept.path, tmp_path / "kept.db")
    with pytest.warns(ReadOnlyCatalogWarning, match=r"is a copy of 'kept\.gpkg'"):
        Catalog.open(tmp_path / "kept.db").close()
    upload(Product.get("acme:guide", catalog=kept), "c")


def test_two_suffixes_of_one_stem_share_no_folder(tmp_path: Path) -> None:
    for name in ("survey.gpkg", "survey.db"):
        with Catalog.create(tmp_path / name, org="acme") as catalog:
            fill_guide(catalog)
    for name, folder in (("survey.gpkg", "survey.data"), ("survey.db", "survey.db.data")):
        with Catalog.open(tmp_path / name) as catalog:
            assert catalog.data_folder.path == tmp_path / folder
            assert catalog.gc().set_aside == []
            assert catalog.verify("full", progress=False).problems == []


def test_of_several_folders_the_one_with_the_files_name_wins(tmp_path: Path) -> None:
    file = tmp_path / "b.gpkg"
    marked(tmp_path / "a.data", "one", "a.gpkg")
    assert home_of(file, "one") == Home(tmp_path / "a.data", owner=tmp_path / "a.gpkg")
    marked(tmp_path / "elsewhere", "one", "b.gpkg")
    assert home_of(file, "one") == Home(tmp_path / "elsewhere")
    marked(tmp_path / "b.data", "one", "b.gpkg")
    assert home_of(file, "one") == Home(tmp_path / "b.data")
    assert home_of(file, "two") == Home(tmp_path / "b.data", is_foreign=True)
    assert home_of(tmp_path / "c.gpkg", "two") == Home(tmp_path / "c.data")


def test_a_new_catalog_takes_no_folder_that_is_there(kept: Catalog, tmp_path: Path) -> None:
    kept.close()
    kept.path.rename(tmp_path / "away.gpkg")
    with pytest.raises(CatalogExistsError, match=r"kept\.data' already exists and would become the data folder"):
        Catalog.create(tmp_path / "kept.gpkg")


def test_no_catalog_is_made_inside_a_data_folder(kept: Catalog, tmp_path: Path) -> None:
    inside = tmp_path / "kept.data" / "acme-guide" / "inner.gpkg"
    with pytest.raises(BadRequestError) as raised:
        Catalog.create(inside)
    assert str(raised.value) == (
        f"'{tmp_path / 'kept.data'}' is the data folder of another catalog; choose another folder for '{inside}'"
    )
    assert not inside.exists()


def test_a_catalog_that_was_put_into_a_data_folder_stays_whole(kept: Catalog, tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "inner.gpkg", org="acme") as inner:
        fill_guide(inner)
    for name in ("inner.gpkg", "inner.data"):
        (tmp_path / name).rename(tmp_path / "kept.data" / name)
    assert kept.verify(progress=False).garbage == []
    report = kept.gc(keep="0 days")
    assert (report.removed, report.set_aside, report.kept) == ([], [], [])
    with Catalog.open(tmp_path / "kept.data" / "inner.gpkg") as inner:
        assert inner.verify("full", progress=False).problems == []


def test_a_backup_is_a_pair_of_its_own_with_the_same_uuid(kept: Catalog, tmp_path: Path) -> None:
    kept.backup(tmp_path / "copy.gpkg", progress=False)
    assert read_marker(tmp_path / "copy.data") == Marker(uuid_of(kept), "copy.gpkg")
    with Catalog.open(tmp_path / "copy.gpkg") as copy:
        Image.get("acme:guide:a", catalog=copy).delete()
    check_pixels(kept)


def test_a_marker_that_the_disk_refuses_fails_the_write_and_leaves_nothing(
    kept: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept.data" / MARKER).unlink()

    def full(self: Path, target: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(StorageFullError, match="no room to write .*kept.data.*; free some space"):
            DataFolder(tmp_path / "kept.data", marker=Marker("one", "kept.gpkg")).make()
        with pytest.raises(StorageFullError, match="no room to write .*kept.data.*; free some space"):
            upload(Product.get("acme:guide", catalog=kept), "c")
        check_pixels(kept)
    assert names_in(tmp_path / "kept.data") == ["acme-guide"]
    check_pixels(kept)


def test_a_gc_takes_no_marker_that_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, replace, removed = DataFolder(tmp_path / "a.data", marker=Marker("one", "a.gpkg")), Path.replace, []

    def beside_a_gc(self: Path, target: Path) -> Path:
        removed.extend(DataFolder(tmp_path / "a.data").remove_abandoned())
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", beside_a_gc)
    folder.make()
    assert removed == []
    assert read_marker(tmp_path / "a.data") == Marker("one", "a.gpkg")
    assert [path.name for path in (tmp_path / "a.data").iterdir()] == [MARKER]


def test_what_a_killed_process_left_of_a_marker_goes_with_the_next_gc(kept: Catalog, tmp_path: Path) -> None:
    (tmp_path / "kept.data" / ".tmp-0123.json").write_bytes(b"{")
    report = kept.gc()
    assert (report.removed, report.set_aside) == ([".tmp-0123.json"], [])
    assert names_in(tmp_path / "kept.data") == [MARKER, "acme-guide"]


def test_the_default_catalog_is_no_way_around(kept: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that is opened as the default catalog unlinks nothing of the owner's either."""
    copy = kept.path.with_suffix(".bak")
    shutil.copy(kept.path, copy)
    monkeypatch.setenv("LOCALCAT", str(copy))
    files = sorted(kept.data_folder.hrefs())
    with Catalog.default() as default:
        with pytest.raises(ReadOnlyCatalogError, match=r"kept\.bak' is a copy of 'kept\.gpkg'"):
            Image.delete("acme:guide:a", catalog=default)
        with pytest.raises(ReadOnlyCatalogError, match=r"kept\.bak' is a copy of 'kept\.gpkg'"):
            default.gc()
    assert sorted(kept.data_folder.hrefs()) == files


def test_a_handle_writes_again_when_its_folder_is_renamed_too(kept: Catalog) -> None:
    kept.close()
    renamed = kept.path.rename(kept.path.with_name("new.gpkg"))
    with pytest.warns(ReadOnlyCatalogWarning, match="was renamed without its data folder"):
        made = Catalog.open(renamed)
    with pytest.raises(ReadOnlyCatalogError, match=r"rename the folder to 'new\.data'"):
        Image.delete("acme:guide:a", catalog=made)
    renamed.with_name("kept.data").rename(renamed.with_name("new.data"))
    assert Image.delete("acme:guide:a", catalog=made)
    made.close()


def backed_up(kept: Catalog, path: Path) -> None:
    kept.backup(path)


def recovered(kept: Catalog, path: Path) -> None:
    Catalog.recover(kept.path, path)


@pytest.mark.parametrize("make", [backed_up, recovered])
def test_no_catalog_is_made_inside_the_folder_of_another(
    kept: Catalog, tmp_path: Path, make: Callable[[Catalog, Path], None]
) -> None:
    with Catalog.create(tmp_path / "other.gpkg") as other:
        other.data_folder.make()
        inside = other.data_folder.path / "b.gpkg"
        with pytest.raises(BadRequestError, match=r"other\.data' is the data folder of another catalog"):
            make(kept, inside)
        assert not inside.exists()
