"""Folders of GeoTIFFs as images: names, times, what is skipped, what fails."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
import rasterio

from localcat import BadRequestError, Catalog, Image, NotFoundError, Product, ReadOnlyCatalogError, SpectralBand
from tests.small_catalog import make_product, spectral
from tests.small_rasters import make_tif

PLACE = {"crs": "EPSG:32618", "transform": rasterio.Affine(60, 0, 500_000, 0, -60, 4_000_000)}
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


@pytest.mark.parametrize("copy", [True, False])
def test_a_folder_is_taken_in(catalog: Catalog, plain: Product, folder: Path, copy: bool) -> None:
    report = catalog.ingest(folder, product=plain, copy=copy, progress=False)
    outcomes = [(item.path.relative_to(folder).as_posix(), item.outcome, item.image_id) for item in report.items]
    assert outcomes == [
        ("a/c.TIFF", "added", "acme:plain:c"),
        ("b.tif", "added", "acme:plain:b"),
        ("text.tif", "failed", None),
        ("wrong.tif", "failed", None),
    ]
    assert (report.added, report.skipped) == (2, 0)
    assert repr(report) == "IngestReport: 2 added, 0 skipped, 2 failed"
    text, wrong = report.failed
    assert "text.tif" in str(text.error)
    assert "band 'blue' stores uint16 but" in str(wrong.error)
    assert catalog.images.sort("name").ids() == ["acme:plain:b", "acme:plain:c"]
    assert Image.get("plain:c").ndarray("blue")[0, 1, 1] == 2
    assert [file.owned for image in catalog.images for file in image.files] == [copy, copy]
    assert len(list(catalog.data_folder.hrefs())) == 2 * copy


def test_what_is_there_already_is_skipped(catalog: Catalog, plain: Product, folder: Path) -> None:
    catalog.ingest(folder, product="plain", progress=False)
    dated_tif(folder / "copy of b.tif", 1)
    dated_tif(folder / "new.tif", 9)
    report = catalog.ingest([folder, folder / "b.tif"], product="acme:plain", progress=False)
    assert [(item.path.name, item.outcome, item.image_id) for item in report.items] == [
        ("c.TIFF", "skipped", "acme:plain:c"),
        ("b.tif", "skipped", "acme:plain:b"),
        ("copy of b.tif", "skipped", "acme:plain:b"),
        ("new.tif", "added", "acme:plain:new"),
        ("text.tif", "failed", None),
        ("wrong.tif", "failed", None),
    ]


def test_names_are_made_valid_and_unique(catalog: Catalog, plain: Product, tmp_path: Path) -> None:
    paths = [dated_tif(tmp_path / str(number) / "käse 1.tif", number) for number in range(3)]
    report = catalog.ingest(paths, product=plain, progress=False)
    name = Image.make_valid_name("käse 1")
    expected = [f"acme:plain:{name}", f"acme:plain:{name}-2", f"acme:plain:{name}-3"]
    assert [item.image_id for item in report.items] == expected


@pytest.mark.parametrize(
    ("name", "tags", "acquired"),
    [
        ("a", {"TIFFTAG_DATETIME": "2019:05:06 07:08:09"}, (2019, 5, 6, 7, 8, 9)),
        (
            "a",
            {"ACQUISITIONDATETIME": "2018-01-02T03:04:05Z", "TIFFTAG_DATETIME": "2019:05:06 07:08:09"},
            (2018, 1, 2, 3, 4, 5),
        ),
        ("S2A_MSIL2A_20170101T182742_N0204", {}, (2017, 1, 1, 18, 27, 42)),
        ("LC08_L1TP_037033_20170102_20180304_01", {}, (2017, 1, 2)),
        ("scene-2016-12-31", {}, (2016, 12, 31)),
        ("scene_2016_12_31_b4", {}, (2016, 12, 31)),
        ("20161231", {"TIFFTAG_DATETIME": "0000:00:00 00:00:00"}, (2016, 12, 31)),
        ("20169931", {}, (2017, 7, 14, 2, 40)),
        ("120161231", {}, (2017, 7, 14, 2, 40)),
        ("plain", {}, (2017, 7, 14, 2, 40)),
    ],
)
def test_times_come_from_tags_then_names_then_the_file(
    catalog: Catalog, plain: Product, tmp_path: Path, name: str, tags: dict[str, str], acquired: tuple[int, ...]
) -> None:
    path = dated_tif(tmp_path / f"{name}.tif", **tags)
    (item,) = catalog.ingest(path, product=plain, progress=False).items
    assert item.error is None
    assert Image.get(item.image_id).acquired == datetime(*acquired, tzinfo=UTC)


def test_ctrl_c_keeps_what_was_added(
    catalog: Catalog, plain: Product, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = Image.upload

    def interrupted(image: Image, path: Path, **options: bool) -> object:
        if path.name == "b.tif":
            raise KeyboardInterrupt
        return upload(image, path, **options)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Image, "upload", interrupted)
        catalog.ingest(folder, product=plain, progress=False)
    assert catalog.images.ids() == ["acme:plain:c"]
    assert len(list(catalog.data_folder.hrefs())) == 1
    report = catalog.ingest(folder, product=plain, progress=False)
    assert (report.added, report.skipped, len(report.failed)) == (1, 1, 2)


def test_the_data_folder_itself_is_left_out(tmp_path: Path) -> None:
    dated_tif(tmp_path / "a.tif")
    with Catalog.create(tmp_path / "c.gpkg", org="acme") as catalog, catalog.as_default():
        product = Product(id="plain", name="Plain")
        product.save()
        SpectralBand(name="blue", product=product, data_type="UInt16", data_range=(0, 10000), band_index=0).save()
        assert catalog.ingest(tmp_path, product=product, progress=False).added == 1
        report = catalog.ingest(tmp_path, product=product, progress=False)
        assert [(item.path.name, item.outcome) for item in report.items] == [("a.tif", "skipped")]
    with (
        Catalog.open(tmp_path / "c.gpkg", read_only=True) as catalog,
        pytest.raises(ReadOnlyCatalogError, match="open for reading only"),
    ):
        catalog.ingest(tmp_path, product="plain", progress=False)


def test_arguments_are_checked_first(catalog: Catalog, plain: Product, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no product 'nothing'"):
        catalog.ingest(tmp_path, product="nothing")
    with pytest.raises(BadRequestError, match="there is no file or folder '.*missing'"):
        catalog.ingest(tmp_path / "missing", product=plain)
    for wrong in (5, {"a": 1}, b"x", [5]):
        with pytest.raises(BadRequestError, match="a folder, a file or a list of them"):
            catalog.ingest(wrong, product=plain)
    empty = Product(id="empty", name="Empty")
    empty.save()
    with pytest.raises(BadRequestError, match="has no bands"):
        catalog.ingest(tmp_path, product=empty)
