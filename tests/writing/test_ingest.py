"""Folders of files as images: what is found, names, times, what is skipped, replaced, vanished, and what fails."""

from __future__ import annotations

import os
import struct
from datetime import UTC, datetime
from pathlib import Path

import numpy
import pytest
import rasterio

from localcat import BadRequestError, Catalog, Image, NotFoundError, Product, ReadOnlyCatalogError
from localcat.writing import commit
from tests.small_catalog import make_product, spectral
from tests.small_rasters import make_tif

MTIME = 1_500_000_000  # 2017-07-14T02:40:00Z


def dated_tif(path: Path, value: int = 5, dtype: str = "uint16", **tags: str) -> Path:
    make_tif(path, value, dtype, tags=tags)
    os.utime(path, (MTIME, MTIME))
    return path


@pytest.fixture
def plain(catalog: Catalog) -> Product:
    return make_product("plain", spectral("blue"), name="Plain")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    dated_tif(tmp_path / "in" / "b.tif", 1)
    dated_tif(tmp_path / "in" / "a" / "c.TIFF", 2)
    dated_tif(tmp_path / "in" / "wrong.tif", 3, dtype="float32")
    (tmp_path / "in" / "notes.txt").write_text("not a raster")
    (tmp_path / "in" / "text.tif").write_text("no raster either")
    return tmp_path / "in"


def outcomes(report) -> list[tuple[str, str, str | None]]:
    return [(item.path.name, item.outcome, item.image_id) for item in report.items]


@pytest.mark.parametrize("how", [{}, {"copy": True}, {"cog": True}, {"workers": 1}])
def test_a_folder_is_taken_in(catalog: Catalog, plain: Product, folder: Path, how: dict[str, bool]) -> None:
    report = catalog.ingest(folder, product=plain, progress=False, **how)
    assert outcomes(report) == [
        ("c.TIFF", "added", "acme:plain:c"),
        ("b.tif", "added", "acme:plain:b"),
        ("text.tif", "failed", None),
        ("wrong.tif", "failed", None),
    ]
    assert (report.added, report.skipped) == (2, 0)
    assert repr(report) == "IngestReport: 2 added, 0 skipped, 2 failed; 1 files passed over"
    text, wrong = report.failed
    assert "text.tif" in str(text.error)
    assert "band 'blue' stores uint16 but" in str(wrong.error)
    assert [(one.path.name, one.reason) for one in report.passed_over] == [("notes.txt", "foreign")]
    assert catalog.images.sort("name").ids() == ["acme:plain:b", "acme:plain:c"]
    assert Image.get("plain:c").ndarray("blue")[0, 1, 1] == 2
    copied = bool({"copy", "cog"} & how.keys())
    assert [file.owned for image in catalog.images for file in image.files] == [copied, copied]
    assert len(list(catalog.data_folder.hrefs())) == 2 * copied


@pytest.mark.parametrize("how", [{}, {"copy": True}, {"cog": True}])
def test_what_is_unchanged_is_skipped_without_being_read(
    catalog: Catalog, plain: Product, folder: Path, how: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.ingest([folder / "b.tif", folder / "a"], product="plain", progress=False, **how)
    with monkeypatch.context() as patch:
        patch.setattr("localcat.writing.ingest.known.hash_stream", None)
        patch.setattr("localcat.writing.ingest.planning.read_header", None)
        report = catalog.ingest([folder / "b.tif", folder / "a"], product="acme:plain", progress=False, **how)
    assert outcomes(report) == [("b.tif", "skipped", "acme:plain:b"), ("c.TIFF", "skipped", "acme:plain:c")]


def test_a_file_with_a_new_time_and_the_same_content_is_skipped(
    catalog: Catalog, plain: Product, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "b.tif"
    catalog.ingest(path, product=plain, progress=False)
    os.utime(path, (MTIME + 5, MTIME + 5))
    assert outcomes(catalog.ingest(path, product=plain, progress=False)) == [("b.tif", "skipped", "acme:plain:b")]
    monkeypatch.setattr("localcat.writing.ingest.known.hash_stream", None)  # the new time is known now
    assert catalog.ingest(path, product=plain, progress=False).skipped == 1


@pytest.mark.parametrize("how", [{}, {"copy": True}, {"cog": True}])
def test_a_changed_file_replaces_its_image_and_keeps_what_its_owner_wrote(
    catalog: Catalog, plain: Product, folder: Path, how: dict[str, bool]
) -> None:
    path = folder / "b.tif"
    catalog.ingest(path, product=plain, progress=False, **how)
    image = Image.get("plain:b")
    image.tags, image.extra_properties = ["mine"], {**image.extra_properties, "note": "keep"}
    image.save()
    make_tif(path, 7)
    os.utime(path, (MTIME, MTIME))
    dated_tif(path, 7, acquisition="later")
    report = catalog.ingest(path, product=plain, progress=False, **how)
    assert outcomes(report) == [("b.tif", "replaced", "acme:plain:b")]
    assert report.replaced == 1
    image = Image.get("plain:b")
    assert image.ndarray("blue")[0, 0, 0] == 7
    assert image.tags == ["mine"]
    assert image.extra_properties == {"note": "keep", "ingest_recipe": "generic"}
    assert len(list(catalog.data_folder.hrefs())) == bool(how)
    assert catalog.verify("full").problems == []


def test_files_that_are_gone_are_told_and_their_images_stay(catalog: Catalog, plain: Product, folder: Path) -> None:
    dated_tif(folder / "wrong.tif")
    (folder / "text.tif").unlink()
    catalog.ingest(folder, product=plain, progress=False)
    (folder / "b.tif").unlink()
    report = catalog.ingest(folder, product=plain, progress=False)
    assert outcomes(report) == [
        ("c.TIFF", "skipped", "acme:plain:c"),
        ("wrong.tif", "skipped", "acme:plain:wrong"),
        ("b.tif", "vanished", "acme:plain:b"),
    ]
    assert "relocate" in report.vanished[0].notes[0]
    assert catalog.images.count() == 3
    assert catalog.ingest(folder / "a", product=plain, progress=False).vanished == []


def test_a_moved_folder_is_known_again_once_it_was_relocated(catalog: Catalog, plain: Product, folder: Path) -> None:
    catalog.ingest(folder / "a", product=plain, progress=False)
    (folder / "a").rename(folder / "moved")
    catalog.relocate(folder / "a", folder / "moved")
    assert outcomes(catalog.ingest(folder / "moved", product=plain, progress=False)) == [
        ("c.TIFF", "skipped", "acme:plain:c")
    ]


def test_names_are_made_valid_and_unique(catalog: Catalog, plain: Product, tmp_path: Path) -> None:
    paths = [dated_tif(tmp_path / str(number) / "käse 1.tif", number) for number in range(3)]
    report = catalog.ingest(paths, product=plain, progress=False)
    name = Image.make_valid_name("käse 1")
    expected = [f"acme:plain:{name}", f"acme:plain:{name}-2", f"acme:plain:{name}-3"]
    assert [item.image_id for item in report.items] == expected
    assert report.items[1].notes[-1] == f"the name '{name}' was taken by another scene"
    assert catalog.ingest(paths, product=plain, progress=False).skipped == 3


@pytest.mark.parametrize(
    ("on_conflict", "outcome", "value"), [("rename", "added", 1), ("skip", "skipped", 1), ("replace", "replaced", 2)]
)
def test_another_scene_of_a_taken_name(
    catalog: Catalog, plain: Product, tmp_path: Path, on_conflict: str, outcome: str, value: int
) -> None:
    catalog.ingest(dated_tif(tmp_path / "1" / "a.tif", 1), product=plain, progress=False)
    second = dated_tif(tmp_path / "2" / "a.tif", 2)
    (item,) = catalog.ingest(second, product=plain, on_conflict=on_conflict, progress=False).items
    assert item.outcome == outcome
    assert Image.get("plain:a").ndarray("blue")[0, 0, 0] == value
    assert catalog.images.count() == 1 + (on_conflict == "rename")


@pytest.mark.parametrize("at_once", [True, False])
def test_a_scene_is_the_same_only_if_name_time_and_content_are(
    catalog: Catalog, plain: Product, tmp_path: Path, at_once: bool
) -> None:
    """Choice 33: three masks that are zero on three days are three images; a copy in another folder is not a fourth."""
    days = [dated_tif(tmp_path / "1" / f"mask_2021010{day}.tif", 0) for day in (1, 2, 3)]
    copy = dated_tif(tmp_path / "2" / "mask_20210102.tif", 0)
    if at_once:
        report = catalog.ingest([*days, copy], product=plain, progress=False)
    else:
        catalog.ingest(days, product=plain, progress=False)
        report = catalog.ingest([*days, copy], product=plain, progress=False)
    assert [item.outcome for item in report.items] == ["added" if at_once else "skipped"] * 3 + ["skipped"]
    assert report.items[-1].notes == ("the same scene is in the catalog already, by another path",)
    assert sorted(image.acquired.day for image in catalog.images) == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "tags", "acquired", "origin"),
    [
        ("a", {"TIFFTAG_DATETIME": "2019:05:06 07:08:09"}, (2019, 5, 6, 7, 8, 9), "tag TIFFTAG_DATETIME"),
        (
            "a",
            {"ACQUISITIONDATETIME": "2018-01-02T03:04:05Z", "TIFFTAG_DATETIME": "2019:05:06 07:08:09"},
            (2018, 1, 2, 3, 4, 5),
            "tag ACQUISITIONDATETIME",
        ),
        (
            "tile_20170101T182742_N0204",
            {"TIFFTAG_DATETIME": "2019:05:06 07:08:09"},
            (2017, 1, 1, 18, 27, 42),
            "name tile_20170101T182742_N0204",
        ),
        ("scene-2016-12-31", {}, (2016, 12, 31), "name scene-2016-12-31"),
        ("20161231", {"TIFFTAG_DATETIME": "0000:00:00 00:00:00"}, (2016, 12, 31), "name 20161231"),
        ("20169931", {}, None, None),
        ("120161231", {}, None, None),
        ("plain", {}, None, None),
    ],
)
def test_times_come_from_tags_of_the_capture_then_names_then_other_tags(
    catalog: Catalog,
    plain: Product,
    tmp_path: Path,
    name: str,
    tags: dict[str, str],
    acquired: tuple[int, ...] | None,
    origin: str | None,
) -> None:
    """Choice 33: what was not found stays unset, and where a time came from is kept."""
    path = dated_tif(tmp_path / f"{name}.tif", **tags)
    (item,) = catalog.ingest(path, product=plain, progress=False).items
    expected = None if acquired is None else datetime(*acquired, tzinfo=UTC)
    image = Image.get(item.image_id)
    assert (item.error, item.acquired, item.acquired_from) == (None, expected, origin)
    assert (image.acquired, image.extra_properties.get("acquired_from")) == (expected, origin)
    assert ("no time was found; acquired stays unset" in item.notes) is (acquired is None)


def test_the_time_of_the_last_change_counts_only_if_it_is_asked_for(
    catalog: Catalog, plain: Product, tmp_path: Path
) -> None:
    """Choice 33."""
    paths = [dated_tif(tmp_path / "a.tif"), dated_tif(tmp_path / "b_20200101.tif")]
    report = catalog.ingest(paths, product=plain, date_from="mtime", progress=False)
    assert [(item.acquired, item.acquired_from) for item in report.items] == [
        (datetime(2017, 7, 14, 2, 40, tzinfo=UTC), "mtime"),
        (datetime(2020, 1, 1, tzinfo=UTC), "name b_20200101"),
    ]


def test_ctrl_c_keeps_what_was_committed(
    catalog: Catalog, plain: Product, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = commit.Task.insert

    def interrupted(task: commit.Task, *arguments: object) -> None:
        if task.image.name == "b":
            raise KeyboardInterrupt
        insert(task, *arguments)

    monkeypatch.setattr("localcat.writing.ingest.taking._BATCH_SCENES", 1)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(commit.Task, "insert", interrupted)
        catalog.ingest(folder, product=plain, copy=True, progress=False)
    assert catalog.images.ids() == ["acme:plain:c"]
    assert [path.name for path in catalog.data_folder.path.rglob("*.tif")] == [
        Path(file.href).name for image in catalog.images for file in image.files
    ]
    report = catalog.ingest(folder, product=plain, copy=True, progress=False)
    assert (report.added, report.skipped, len(report.failed)) == (1, 1, 2)


def test_one_odd_file_does_not_end_the_others(catalog: Catalog, plain: Product, tmp_path: Path) -> None:
    """Whatever the libraries make of a header, it is an item of the report."""
    for day in "123":
        dated_tif(tmp_path / f"a_2020010{day}.tif")
    path = tmp_path / "a_20200102.tif"
    data = bytearray(path.read_bytes())
    (start,) = struct.unpack_from("<I", data, 4)
    for at in range(start + 2, start + 2 + 12 * struct.unpack_from("<H", data, start)[0], 12):
        if struct.unpack_from("<H", data, at)[0] == 259:  # the compression
            struct.pack_into("<H", data, at + 8, 32809)
    path.write_bytes(data)
    report = catalog.ingest(tmp_path, product=plain, progress=False)
    assert [item.outcome for item in report.items] == ["added", "failed", "added"]
    assert "a_20200102.tif" in str(report.failed[0].error)


def test_jpeg_2000_is_taken_in(catalog: Catalog, tmp_path: Path) -> None:
    grid = {"crs": "EPSG:32618", "transform": rasterio.Affine(60, 0, 500_000, 0, -60, 4_000_000)}
    options = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}
    with rasterio.open(
        tmp_path / "a_20200714.jp2", "w", width=48, height=64, count=1, dtype="uint16", **grid, **options
    ) as file:
        file.write(numpy.full((1, 64, 48), 9, "uint16"))
    report = catalog.ingest(tmp_path, progress=False)
    assert [(item.outcome, item.acquired.date().isoformat()) for item in report.items] == [("added", "2020-07-14")]
    assert Image.get(report.items[0].image_id).ndarray("b1")[0, 0, 0] == 9


def test_the_data_folder_itself_is_left_out(tmp_path: Path) -> None:
    dated_tif(tmp_path / "a.tif")
    with Catalog.create(tmp_path / "c.gpkg", org="acme") as catalog, catalog.as_default():
        product = make_product("plain", spectral("blue"))
        assert catalog.ingest(tmp_path, product=product, copy=True, progress=False).added == 1
        report = catalog.ingest(tmp_path, product=product, progress=False)
        assert outcomes(report) == [("a.tif", "skipped", "acme:plain:a")]
        assert [one.reason for one in report.passed_over if one.path == tmp_path / "c.data"] == ["own"]
    with Catalog.open(tmp_path / "c.gpkg", read_only=True) as catalog:
        with pytest.raises(ReadOnlyCatalogError, match="open for reading only"):
            catalog.ingest(tmp_path, product="plain", progress=False)
        assert catalog.ingest(tmp_path, product="plain", dry_run=True, progress=False).skipped == 1


def test_arguments_are_checked_first(catalog: Catalog, plain: Product, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no product 'nothing'"):
        catalog.ingest(tmp_path, product="nothing")
    with pytest.raises(BadRequestError, match="there is no file or folder '.*missing'"):
        catalog.ingest(tmp_path / "missing", product=plain)
    with pytest.raises(BadRequestError, match="there is no file or folder '.*nnn'"):
        catalog.ingest(tmp_path / ("n" * 300), product=plain)
    for wrong in (5, {"a": 1}, b"x", [5]):
        with pytest.raises(BadRequestError, match="a folder, a file or a list of them"):
            catalog.ingest(wrong, product=plain)
    for how, message in (
        ({"date_from": "moon"}, "date_from is None or 'mtime', not 'moon'"),
        ({"workers": 0}, "workers is a whole number from 1, not 0"),
        ({"on_conflict": "maybe"}, "on_conflict is 'rename', 'skip' or 'replace', not 'maybe'"),
        ({"recipe": 5}, "a recipe is a name or the path of a .toml file, not 5"),
    ):
        with pytest.raises(BadRequestError, match=message):
            catalog.ingest(tmp_path, **how)
    with pytest.raises(NotFoundError, match="there is no recipe 'genric'; did you mean 'generic'"):
        catalog.ingest(tmp_path, recipe="genric")
    empty = Product(id="empty", name="Empty")
    empty.save()
    with pytest.raises(BadRequestError, match="has no bands"):
        catalog.ingest(tmp_path, product=empty)


def test_a_dry_run_shows_everything_and_changes_nothing(catalog: Catalog, tmp_path: Path) -> None:
    dated_tif(tmp_path / "in" / "a_20200101.tif")
    dated_tif(tmp_path / "in" / "b_20200102.tif")
    dated_tif(tmp_path / "in" / "dem.tif", dtype="float32")
    plan = catalog.ingest(tmp_path / "in", dry_run=True, progress=False)
    assert (catalog.products.count(), catalog.bands.count(), catalog.images.count()) == (0, 0, 0)
    done = catalog.ingest(tmp_path / "in", progress=False)
    assert [product.to_dict() for product in plan.products] == [product.to_dict() for product in done.products]
    assert [item.to_dict() for item in plan.items] == [item.to_dict() for item in done.items]
    assert (plan.dry_run, done.dry_run) == (True, False)
    assert [(product.id, dict(product.bands)) for product in done.products] == [
        ("acme:in", {"b1": "generic UInt16"}),
        ("acme:in-1-float32", {"b1": "generic Float32"}),
    ]
