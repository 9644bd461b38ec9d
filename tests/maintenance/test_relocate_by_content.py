"""Files that are indexed in place and gone, found again by what they hold, however they were moved."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZipFile

import numpy
import pytest

from localcat import Catalog, Image
from localcat.maintenance import relocate
from localcat.rasters.writing.write import write_cog
from tests.small_catalog import make_product, spectral
from tests.small_rasters import make_grid

NAMES = ("june.tif", unicodedata.normalize("NFC", "märz.tif"))


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """A catalog whose two images are files of the folder ``scenes``, indexed in place by their absolute paths."""
    (tmp_path / "scenes").mkdir()
    (tmp_path / "home").mkdir()
    with Catalog.create(tmp_path / "home" / "survey.gpkg", org="acme") as made:
        product = make_product("p", spectral("red"), catalog=made)
        for number, name in enumerate(NAMES, start=1):
            array = numpy.full((1, 64, 48), number, "uint16")
            write_cog(array, tmp_path / "scenes" / name, grid=make_grid(shape=(64, 48)))
            image = Image(product=product, name=f"i{number}", acquired="2020-01-01", catalog=made)
            image.upload(tmp_path / "scenes" / name, copy=False).raise_for_status()
        yield made


def values(catalog: Catalog) -> list[int]:
    return [int(image.ndarray("red").max()) for image in catalog.images.sort("name")]


def zipped(old: Path, new: Path) -> None:
    with ZipFile(new.parent / "scenes.zip", "w") as archive:
        for path in old.iterdir():
            archive.write(path, path.name)
    shutil.rmtree(old)
    with ZipFile(new.parent / "scenes.zip") as archive:
        archive.extractall(new)


def renamed(change: Callable[[str], str]) -> Callable[[Path, Path], None]:
    def move(old: Path, new: Path) -> None:
        new.mkdir(parents=True)
        for path in list(old.iterdir()):
            path.rename(new / change(path.name))

    return move


@pytest.mark.parametrize(
    "move",
    [
        lambda old, new: old.rename(new),
        renamed(lambda name: f"x-{name.encode().hex()}.tif"),
        renamed(str.upper),
        renamed(lambda name: unicodedata.normalize("NFD", name)),
        zipped,
        lambda old, new: (new.mkdir(), old.rename(new / "deep")),
    ],
    ids=["folder renamed", "files renamed", "other case", "other normal form", "zipped", "deeper"],
)
def test_moved_files_are_found_by_their_content(
    catalog: Catalog, tmp_path: Path, move: Callable[[Path, Path], None]
) -> None:
    assert values(catalog) == [1, 2]
    move(tmp_path / "scenes", tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "other.tif").write_bytes(b"something else")
    tried = catalog.relocate(None, tmp_path, dry_run=True)
    assert (len(tried.moved), tried.left) == (2, [])
    report = catalog.relocate(None, tmp_path)
    assert (len(report.moved), report.left) == (2, [])
    assert values(catalog) == [1, 2]
    assert catalog.verify("full").ok
    assert catalog.relocate(None, tmp_path).moved == []


def test_a_path_of_another_system_is_found(catalog: Catalog, tmp_path: Path) -> None:
    with catalog.writable_db() as db:
        db.execute("UPDATE image_file SET href = 'E:\\scenes\\' || replace(href, ?, '')", [f"{tmp_path / 'scenes'}/"])
    report = catalog.relocate(None, tmp_path / "scenes")
    assert sorted(Path(file.new).name for file in report.moved) == sorted(NAMES)
    assert values(catalog) == [1, 2]


def test_of_two_files_of_one_content_none_is_guessed(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    for name in ("a.tif", "b.tif"):
        shutil.copy(tmp_path / "scenes" / "june.tif", tmp_path / "new" / name)
    (tmp_path / "scenes" / "june.tif").unlink()
    report = catalog.relocate(None, tmp_path / "new")
    assert report.moved == []
    assert [file.problem for file in report.left] == ["2 files have its content: 'a.tif', 'b.tif'"]
    (tmp_path / "new" / "b.tif").rename(tmp_path / "new" / "JUNE.tif")
    assert [Path(file.new).name for file in catalog.relocate(None, tmp_path / "new").moved] == ["JUNE.tif"]


def test_what_is_not_there_is_told_and_only_files_of_its_size_are_read(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scenes" / "june.tif").write_bytes(b"")
    (tmp_path / "scenes" / "june.tif").rename(tmp_path / "scenes" / "other.tif")
    read: list[str] = []
    hashed = relocate._sha256
    monkeypatch.setattr(relocate, "_sha256", lambda path: read.append(path.name) or hashed(path))
    report = catalog.relocate(None, tmp_path)
    assert [file.problem for file in report.left] == ["no file there has its size and sha256"]
    assert "other.tif" not in read
