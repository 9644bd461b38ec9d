"""A pair that was carried elsewhere, with files in place below the catalog's folder and beside it."""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest

from localcat import Catalog, Image, ImageDeletedError, ReadOnlyCatalogError, ReadOnlyCatalogWarning
from localcat.disk.names import folded
from tests.small_catalog import PIXELS, make_product, spectral, upload


def name(text: str) -> str:
    return unicodedata.normalize("NFC", text)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a catalog of three images; it is where no absolute path of its rows leads."""
    made = tmp_path_factory.mktemp("moves") / "made"
    (made / "tour" / name("hügel")).mkdir(parents=True)
    (made / "beside").mkdir()
    with Catalog.create(made / "tour" / name("märz.gpkg"), org="acme") as catalog:
        product = make_product("p", spectral("red"), catalog=catalog)
        stored = catalog.path_of(upload(product, "1").files[0])
        for number, place in (("2", name("tour/hügel/föhn.tif")), ("3", name("beside/föhn.tif"))):
            # Other bytes after the last tile tell the files apart.
            (made / place).write_bytes(stored.read_bytes() + number.encode())
            image = Image(product=product, name=number, acquired="2020-01-01", catalog=catalog)
            image.upload(made / place, copy=False).raise_for_status()
    return made.rename(made.with_name("packed"))


def whole(root: Path) -> Path:
    return root


def folder_renamed(root: Path) -> Path:
    (root / "tour").rename(root / "tour 2")
    return root


def pair_renamed(root: Path) -> Path:
    (root / "tour" / name("märz.gpkg")).rename(root / "tour" / "a.gpkg")
    (root / "tour" / name("märz.data")).rename(root / "tour" / "a.data")
    return root


def zipped(root: Path) -> Path:
    shutil.make_archive(str(root.parent / "packed"), "zip", root)
    shutil.rmtree(root)
    shutil.unpack_archive(root.parent / "packed.zip", root.parent / "unpacked")
    return root.parent / "unpacked"


def written(change: Callable[[str], str]) -> Callable[[Path], Path]:
    def move(root: Path) -> Path:
        for path in sorted(root.rglob("*"), reverse=True):
            if path.parent.name != "acme-p" and path.name != "acme-p" and not path.name.startswith("."):
                path.rename(path.with_name("between"))
                path.with_name("between").rename(path.with_name(change(path.name)))
        return root

    return move


def written_inside(root: Path) -> Path:
    """The data folder's own files and folders, in capitals."""
    (product,) = root.glob("tour/*.data/acme-p")
    for path in (*product.iterdir(), product):
        path.rename(path.with_name("between"))
        path.with_name("between").rename(path.with_name(path.name.upper()))
    return root


def other_drive(root: Path) -> Path:
    with Catalog.open(root / "tour" / name("märz.gpkg")) as catalog, catalog.writable_db() as db:
        db.execute("UPDATE image_file SET href = ? WHERE href LIKE '%beside%'", [name("E:\\beside\\föhn.tif")])
    return root


MOVES = {
    "moved": whole,
    "folder renamed": folder_renamed,
    "pair renamed": pair_renamed,
    "zipped": zipped,
    "other drive": other_drive,
    "other case": written(str.upper),
    "other case inside": written_inside,
    "other normal form": written(lambda text: unicodedata.normalize("NFD", text)),
}


@pytest.fixture(params=MOVES)
def moved(request: pytest.FixtureRequest, packed: Path, tmp_path: Path) -> Path:
    """The catalog file after a move."""
    root = MOVES[request.param](shutil.copytree(packed, tmp_path / "here"))
    (path,) = (path for path in root.glob("*/*") if path.suffix.lower() == ".gpkg")
    return path


def is_read(catalog: Catalog, image: str) -> bool:
    return numpy.array_equal(Image.get(f"acme:p:{image}", catalog=catalog).ndarray("red"), PIXELS)


def test_it_is_read_and_changed_after_the_move(moved: Path) -> None:
    with Catalog.open(moved) as catalog:
        assert is_read(catalog, "1")
        assert is_read(catalog, "2")
        with pytest.raises(ImageDeletedError, match=r"in place, is not there; .* with Catalog\.relocate"):
            is_read(catalog, "3")
        report = catalog.relocate(None, moved.parents[1])
        assert "acme:p:3" in [file.image_id for file in report.moved]
        assert report.left == []
        assert is_read(catalog, "3")
        upload(catalog.products.first(), "4")
        assert catalog.verify("full", progress=False).ok
    assert sum(folded(path.suffix) == ".data" for path in moved.parent.iterdir()) == 1


def test_it_is_read_where_nothing_can_be_written(moved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    before = sorted(moved.parents[1].rglob("*"))
    with pytest.warns(ReadOnlyCatalogWarning, match="was opened for reading"):
        catalog = Catalog.open(moved)
    with catalog:
        assert is_read(catalog, "1")
        assert is_read(catalog, "2")
        found = catalog.relocate(None, moved.parents[1], dry_run=True)
        assert "acme:p:3" in [file.image_id for file in found.moved]
        with pytest.raises(ReadOnlyCatalogError, match="copy it"):
            catalog.relocate(None, moved.parents[1])
    assert sorted(moved.parents[1].rglob("*")) == before


def test_a_backup_has_the_files_whose_originals_are_gone(packed: Path, tmp_path: Path) -> None:
    """From a copy of its data folder, so that the backup stays a pair of its own."""
    shutil.copytree(packed, tmp_path / "here")
    home = tmp_path / "here" / "tour"
    with Catalog.open(home / name("märz.gpkg")) as catalog:
        catalog.relocate(None, tmp_path / "here")
        catalog.backup(tmp_path / "monday.gpkg", copy_in_place=True, progress=False)
        shutil.rmtree(tmp_path / "here" / "beside")
        shutil.rmtree(home / name("hügel"))
        shutil.copytree(tmp_path / "monday.data", tmp_path / "scenes")
        report = catalog.relocate(None, tmp_path / "scenes")
        assert [file.image_id for file in report.moved] == ["acme:p:3", "acme:p:2"]
        assert is_read(catalog, "2")
        assert is_read(catalog, "3")
        assert catalog.verify("full", progress=False).ok


def test_gc_sets_no_file_aside_that_a_row_names_but_for_its_capitals(packed: Path, tmp_path: Path) -> None:
    home = written_inside(shutil.copytree(packed, tmp_path / "here")) / "tour"
    with Catalog.open(home / name("märz.gpkg")) as catalog:
        upload(catalog.products.first(), "4")  # makes another folder 'acme-p', unless the system takes both for one
        stranger = catalog.data_folder.path / "stranger.tif"
        stranger.write_bytes(b"none of ours")
        report = catalog.gc()
        assert (report.set_aside, report.removed, report.restored) == (["stranger.tif"], [], [])
        assert is_read(catalog, "1")
        assert is_read(catalog, "4")
        catalog.backup(tmp_path / "monday.gpkg", progress=False)
    with Catalog.open(tmp_path / "monday.gpkg") as backup:
        assert is_read(backup, "1")


def test_of_two_files_that_differ_in_capitals_alone_none_is_taken(packed: Path, tmp_path: Path) -> None:
    home = shutil.copytree(packed, tmp_path / "here") / "tour"
    with Catalog.open(home / name("märz.gpkg")) as catalog:
        stored = catalog.path_of(Image.get("acme:p:1", catalog=catalog).files[0])
        copies = [stored.with_name(stored.name.upper()), stored.with_suffix(".Tif")]
        if copies[0].exists():
            pytest.skip("this file system ignores case")
        for copy in copies:
            shutil.copy(stored, copy)
        stored.unlink()
        with pytest.raises(ImageDeletedError, match="is not there"):
            is_read(catalog, "1")
        assert catalog.gc().set_aside == []
        copies[0].unlink()
        assert is_read(catalog, "1")


def test_what_was_deleted_before_a_move_is_undone_with_its_file(packed: Path, tmp_path: Path) -> None:
    home = shutil.copytree(packed, tmp_path / "here") / "tour"
    with Catalog.open(home / name("märz.gpkg")) as catalog:
        catalog.keep_history(files="30 days")
        Image.get("acme:p:1", catalog=catalog).delete()
    written_inside(tmp_path / "here")
    with Catalog.open(home / name("märz.gpkg")) as catalog:
        (change,) = catalog.history(id="acme:p:1")
        catalog.undo(change)
        assert is_read(catalog, "1")


def test_what_is_deleted_after_a_move_goes_with_its_file(packed: Path, tmp_path: Path) -> None:
    home = written_inside(shutil.copytree(packed, tmp_path / "here")) / "tour"
    with Catalog.open(home / name("märz.gpkg")) as catalog:
        upload(catalog.products.first(), "4")
        kept, gone = (catalog.path_of(Image.get(f"acme:p:{one}", catalog=catalog).files[0]) for one in "41")
        Image.get("acme:p:1", catalog=catalog).delete()
        assert (gone.exists(), kept.exists(), catalog.gc().set_aside) == (False, True, [])
