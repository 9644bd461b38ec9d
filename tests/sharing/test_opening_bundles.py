"""Archives read where they are: as the catalog that they came from, without a file that stays behind."""

from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy
import pytest

from localcat import AOI, Catalog, Image
from localcat import properties as p
from localcat.errors import (
    BadRequestError,
    CatalogClosedError,
    CatalogNotFoundError,
    LocalcatError,
    ReadOnlyCatalogError,
    StorageError,
    StorageFullError,
    UnsafePathError,
)
from localcat.testing import earth
from tests.forged import left_by_bundles
from tests.small_catalog import PIXELS, make_product, new_image, spectral, upload
from tests.systems import linux, posix

BOX = AOI(bounds=(500_120, 3_996_400, 501_920, 3_999_400), bounds_crs="EPSG:32618", crs="EPSG:32618", resolution=60)


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no other test's archives be in the folder for temporary files, nor in that of child processes."""
    folder = str(tmp_path_factory.mktemp("temporary"))
    monkeypatch.setattr(tempfile, "tempdir", folder)
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, folder)


@pytest.fixture
def survey(tmp_path: Path) -> Iterator[Catalog]:
    """A catalog of four images, one of them remote, which is open and not the one of its archive ``kit/kit.zip``."""
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as made:
        product = make_product("guide", spectral("red"), spectral("nir", file_index=1, band_index=0), catalog=made)
        for day, cloud in ((1, 0.1), (2, 0.9), (3, 0.5)):
            both = [PIXELS, PIXELS + numpy.uint16(day)]
            upload(product, f"day-{day}", both, acquired=f"2020-01-0{day}", cloud_fraction=cloud, tags=["june"])
        new_image(
            product, "far", acquired="2019-01-01", storage_state="remote", files=[{"href": "s3://a/b.tif"}]
        ).save()
        (tmp_path / "kit").mkdir()
        made.bundle(tmp_path / "kit" / "kit.zip", progress=False)
        yield made


@pytest.fixture
def kit(survey: Catalog, tmp_path: Path) -> Iterator[Catalog]:
    """The archive, opened where it is."""
    with Catalog.open(tmp_path / "kit" / "kit.zip") as opened:
        yield opened


def pixels_of(catalog: Catalog, name: str, *context: Any) -> Any:
    image = catalog.images.filter(p.name == name).first()
    assert image is not None
    return image.ndarray(["red", "nir"], *context)


def same(one: Any, other: Any) -> bool:
    masks = numpy.array_equal(numpy.ma.getmaskarray(one), numpy.ma.getmaskarray(other))
    return masks and numpy.array_equal(one.filled(0), other.filled(0))


def test_an_archive_answers_as_the_catalog_it_came_from(survey: Catalog, kit: Catalog) -> None:
    assert kit.path.name == "kit.zip"
    for condition in (p.cloud_fraction < 0.6, p.tags == "june", p.storage_state == "remote", p.acquired > "2020-01-01"):
        found = [search.filter(condition).sort("-acquired").ids() for search in (survey.images, kit.images)]
        assert found[0] == found[1] != []
    assert kit.images.intersects(BOX.geometry or survey.images.first().geometry).count() == 3
    assert [image.files for image in kit.images.filter(p.name == "far")] == [
        image.files for image in survey.images.filter(p.name == "far")
    ]
    for name in ("day-1", "day-2", "day-3"):
        assert same(pixels_of(survey, name), pixels_of(kit, name))
        assert same(pixels_of(survey, name, BOX), pixels_of(kit, name, BOX))
        warped = AOI(survey.images.first().geometry, resolution=0.001, crs="EPSG:4326")
        assert same(pixels_of(survey, name, warped), pixels_of(kit, name, warped))
    here = [catalog.images.filter(p.storage_state == "available").collect() for catalog in (survey, kit)]
    assert same(*(images.mosaic("nir", BOX) for images in here))


QUESTIONS: dict[str, Callable[[Catalog], Any]] = {
    "ids": lambda catalog: catalog.images.sort("id").ids(),
    "count": lambda catalog: catalog.images.filter(p.cloud_fraction < 0.3).count(),
    "newest": lambda catalog: catalog.images.sort("-acquired").limit(7).ids(),
    "text": lambda catalog: catalog.images.find_text("alps").sort("id").ids(),
    "area": lambda catalog: catalog.images.intersects((177, -20, -177, -15)).sort("id").ids(),
    "nearest": lambda catalog: [image.id for image in catalog.images.nearest((12.5, 41.9), 3)],
    "months": lambda catalog: [
        (one.interval_start, one.count) for one in catalog.images.summary_interval(interval="month")
    ],
    "summary": lambda catalog: (lambda found: (found.count, found.bytes > 0, found.products))(catalog.images.summary()),
    "gaps": lambda catalog: str(catalog.images.intersects((7, 44, 13, 47)).gaps("month")),
    "coverage": lambda catalog: numpy.asarray(catalog.images.coverage(30.0).counts).tolist(),
    "why nothing": lambda catalog: str(catalog.images.filter(p.cloud_fraction > 2).explain()).partition("\n")[2],
    "bands": lambda catalog: [band.serialize() for band in catalog.bands.sort("id")],
    "products": lambda catalog: [(one.id, one.tags) for one in catalog.products.sort("id")],
    "geojson": lambda catalog: [one["geometry"] for one in catalog.images.sort("id").to_geojson()["features"]],
}


def test_every_kind_of_question_has_the_answer_of_the_source(tmp_path: Path) -> None:
    with earth() as source:
        source.bundle(tmp_path / "earth.zip", progress=False)
        with Catalog.open(tmp_path / "earth.zip", read_only=True) as kit:
            assert {name: ask(kit) for name, ask in QUESTIONS.items()} == {
                name: ask(source) for name, ask in QUESTIONS.items()
            }
            for image in kit.images.filter(p.storage_state == "available"):
                names = sorted(str(band.name) for band in image.product.bands() if band.name != "alpha")
                there = Image.get(image.id, catalog=source)
                assert same(image.ndarray(names), there.ndarray(names)), image.id
            assert kit.verify("full").ok


def test_a_clipped_archive_has_the_pixels_of_its_area(survey: Catalog, tmp_path: Path) -> None:
    area = (-75.0, 36.12, -74.98, 36.13)
    survey.bundle(tmp_path / "clipped.zip", clip=area, resolution=120, progress=False)
    with Catalog.open(tmp_path / "clipped.zip") as clipped, Catalog.unpack(tmp_path / "clipped.zip") as unpacked:
        assert clipped.images.ids() == unpacked.images.ids()
        assert same(pixels_of(clipped, "day-2"), pixels_of(unpacked, "day-2"))


@posix
def test_it_is_read_from_a_folder_that_is_only_read(survey: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "kit"
    (folder / "kit.zip").rename(folder / "Üb er,1_2.zip")
    (folder / "Üb er,1_2.zip").chmod(0o400)
    folder.chmod(0o500)
    try:
        with Catalog.open(folder / "Üb er,1_2.zip", read_only=True) as kit:
            assert same(pixels_of(survey, "day-3"), pixels_of(kit, "day-3"))
            assert kit.verify("full").ok
        assert [path.name for path in folder.iterdir()] == ["Üb er,1_2.zip"]
    finally:
        folder.chmod(0o700)


def test_it_says_what_it_is(kit: Catalog) -> None:
    info = kit.info()
    assert (info.images, info.size_bytes, info.data_folder) == (4, kit.path.stat().st_size, kit.path)
    assert "is a bundle, which is only read; unpack it with" in str(info.why_read_only)
    report = kit.verify("full")
    assert (report.ok, report.files_checked, report.files_hashed, report.garbage) == (True, 6, 6, [])


@pytest.mark.parametrize(
    "change",
    [
        lambda kit: kit.images.first().delete(),
        lambda kit: make_product("new", catalog=kit),
        lambda kit: upload(kit.products.first(), "new", [PIXELS, PIXELS]),
        lambda kit: kit.add_images([{"name": "n", "product_id": "acme:guide", "acquired": "2020-01-01"}]),
        lambda kit: kit.gc(),
        lambda kit: kit.optimize(),
        lambda kit: kit.reindex(),
        lambda kit: kit.transaction().__enter__(),
        lambda kit: kit.writable_db().__enter__(),
    ],
    ids=["delete", "save", "upload", "add_images", "gc", "optimize", "reindex", "transaction", "writable_db"],
)
def test_what_changes_it_is_refused_with_the_way_out(kit: Catalog, change: Callable[[Catalog], Any]) -> None:
    before = kit.path.read_bytes()
    with pytest.raises(
        (ReadOnlyCatalogError, UnsafePathError), match=r"kit.zip' is a bundle, .*; unpack it with Catalog.unpack"
    ):
        change(kit)
    assert kit.path.read_bytes() == before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda kit, folder: kit.path_of(kit.images.first().files[0]),
            "its file 'acme-guide/.*tif' has no path of its own",
        ),
        (lambda kit, folder: kit.data_folder, "it has no data folder"),
        (lambda kit, folder: kit.backup(folder / "b.gpkg"), "it has no data folder"),
        (lambda kit, folder: kit.to_gti("acme:guide", folder), "an index names files"),
        (lambda kit, folder: kit.to_stac(folder / "stac"), "Items cannot link to files in it, which copy=True copies"),
    ],
    ids=["path_of", "data_folder", "backup", "to_gti", "to_stac"],
)
def test_what_needs_paths_is_refused_with_the_way_out(
    kit: Catalog, tmp_path: Path, call: Callable[[Catalog, Path], Any], message: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UnsafePathError, match=rf"kit.zip' is a bundle, and {message}; unpack it with Catalog.unpack"):
        call(kit, tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_pixels_leave_it_by_every_other_way(survey: Catalog, kit: Catalog, tmp_path: Path) -> None:
    image = kit.images.filter(p.name == "day-1").first()
    assert image is not None
    whole = image.download(["red"], dest=tmp_path / "whole.tif")
    assert Path(whole).stat().st_size > 0
    assert image.preview().startswith(b"\x89PNG")
    assert image.point(-74.99, 36.13, "red").values == (1312,)  # row 27, column 14: 2 + 27 * 48 + 14
    exported = kit.to_stac(tmp_path / "stac", copy=True, progress=False)
    assert exported.files == 6
    kit.bundle(tmp_path / "again.zip", kit.images.filter(p.name == "day-1"), clip=BOX, progress=False)
    with Catalog.open(tmp_path / "again.zip") as again:
        (first,) = again.images
        assert numpy.array_equal(first.ndarray("red")[0], PIXELS[0][10:60, 2:32])
    with Catalog.create(tmp_path / "mine.gpkg", org="acme") as mine:
        assert mine.merge(kit.path, progress=False).added.get("image", None) in (4, None)
        assert same(pixels_of(mine, "day-2"), pixels_of(survey, "day-2"))
        assert mine.verify("full").ok


def test_nothing_is_left_when_it_is_closed(survey: Catalog, tmp_path: Path) -> None:
    before = left_by_bundles()
    kit = Catalog.open(tmp_path / "kit" / "kit.zip")
    assert len(left_by_bundles() - before) == 1
    kit.images.count()
    kit.close()
    kit.close()
    assert left_by_bundles() == before
    with pytest.raises(CatalogClosedError, match="is closed; open it again"):
        kit.images.count()
    forgotten = Catalog.open(tmp_path / "kit" / "kit.zip")
    del forgotten
    assert left_by_bundles() == before
    assert [path.name for path in (tmp_path / "kit").iterdir()] == ["kit.zip"]


@linux
def test_what_a_killed_process_leaves_is_removed_by_the_next_one(survey: Catalog, tmp_path: Path) -> None:
    before = left_by_bundles()
    code = "import os, sys; from localcat import Catalog; kit = Catalog.open(sys.argv[1]); os.kill(os.getpid(), 9)"
    path = tmp_path / "kit" / "kit.zip"
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert len(left_by_bundles() - before) == 1
    with Catalog.open(path):
        assert len(left_by_bundles() - before) == 1  # its own
    assert left_by_bundles() == before


def test_an_archive_that_is_replaced_is_not_read_on(survey: Catalog, kit: Catalog, tmp_path: Path) -> None:
    image = kit.images.filter(p.name == "day-1").first()
    assert image is not None
    image.ndarray("red")
    survey.bundle(tmp_path / "other.zip", survey.images.limit(2), progress=False)
    kit.path.write_bytes((tmp_path / "other.zip").read_bytes())
    with pytest.raises(CatalogNotFoundError, match="was changed, moved or deleted while it was open; open it again"):
        image.ndarray("red")


@posix  # Windows deletes no file that is in use
def test_rows_that_were_tidied_away_are_told_and_come_back(kit: Catalog) -> None:
    """Some systems delete what is old in the folder for temporary files."""
    (room,) = left_by_bundles()
    assert kit.images.count() == 4
    (Path(tempfile.gettempdir()) / room / "kit.gpkg").unlink()
    told: list[str] = []

    def ask() -> None:
        try:
            kit.images.count()
        except CatalogNotFoundError as error:
            told.append(str(error))

    asking = threading.Thread(target=ask)  # which needs a connection of its own
    asking.start()
    asking.join()
    assert [text.partition("kit.gpkg', which ")[2] for text in told] == ["was deleted; open it again"]
    with Catalog.open(kit.path) as again:
        assert again.images.count() == 4


def test_without_a_folder_for_temporary_files_it_says_so(
    survey: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    for call in (
        lambda: Catalog.open(tmp_path / "kit" / "kit.zip"),
        Catalog.temporary,
        survey.file.copied_aside,
        earth,
    ):
        with pytest.raises(StorageError, match=r"no folder for temporary files: .*'/tmp'.*set TMPDIR to one"):
            call()


def test_a_full_folder_for_temporary_files_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**given: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    for call in (Catalog.temporary, earth):
        with pytest.raises(StorageFullError, match="no room to write .*free some space"):
            call()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")  # of which rasterio loses track
def test_threads_read_it_together(survey: Catalog, kit: Catalog) -> None:
    expected = pixels_of(survey, "day-2", BOX)
    found: list[bool] = []

    def read() -> None:
        found.extend(same(pixels_of(kit, "day-2", BOX), expected) for _ in range(5))

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 30


def _sum_of(catalog: Catalog, name: str) -> int:
    return int(pixels_of(catalog, name).sum())


def test_other_processes_open_it_by_its_path(survey: Catalog, kit: Catalog) -> None:
    copy = pickle.loads(pickle.dumps(kit))
    assert copy == kit
    copy.close()
    assert kit.images.count() == 4
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        sums = list(pool.map(_sum_of, [kit] * 3, ["day-1", "day-2", "day-3"]))
    assert sums == [int(pixels_of(survey, f"day-{day}").sum()) for day in (1, 2, 3)]


@posix
def test_a_forked_child_leaves_it_to_its_parent(survey: Catalog, kit: Catalog) -> None:
    child = os.fork()
    if child == 0:  # pragma: no cover
        status = 1
        try:
            kit.images.count()
            pixels_of(kit, "day-1")
            kit.close()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert same(pixels_of(kit, "day-1"), pixels_of(survey, "day-1"))


def test_the_choices_of_open_hold(survey: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "kit" / "kit.zip"
    with Catalog.open(path, trusted=False, journal="wal", timeout=2.0) as kit:
        assert same(pixels_of(kit, "day-1"), pixels_of(survey, "day-1"))
    with pytest.raises((BadRequestError, LocalcatError), match="spatialite|SpatiaLite"):
        Catalog.open(path, spatialite=True)


def test_a_catalog_by_another_suffix_is_read_too(survey: Catalog, tmp_path: Path) -> None:
    path = (tmp_path / "kit" / "kit.zip").rename(tmp_path / "kit" / "kit.localcat")
    with Catalog.open(path) as kit:
        assert isinstance(kit.images.first(), Image)
