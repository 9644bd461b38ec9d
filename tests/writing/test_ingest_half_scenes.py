"""Scenes of which a part is not what it should be: half downloads, foreign names, dates that are none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from localcat import BadRequestError, Catalog, Image
from localcat.writing.ingest.sources.recipe import parse_recipe
from tests.scene_folders import OLI_L2, landsat_oli_l2, mtl, odl, sentinel2_l2a, sentinel2_metadata, tiny
from tests.small_catalog import make_product, spectral

L2SP = "LC08_L2SP_008059_20191201_20200825_02_T1"
S2 = "S2B_MSIL2A_20220413T150759_N0400_R025_T33XWJ_20220414T082126"


@pytest.mark.parametrize("ending", ["", ".part", ".crdownload"])
def test_a_scene_with_a_file_that_is_still_downloaded_waits_for_it(
    catalog: Catalog, tmp_path: Path, ending: str
) -> None:
    """Else the product, and the image for ever, would lack its band."""
    landsat_oli_l2(tmp_path)
    red = tmp_path / f"{L2SP}_SR_B4.TIF"
    whole = red.read_bytes()
    red.unlink()
    half = red.with_name(red.name + ending)
    half.write_bytes(whole[:100] if ending else b"")
    (item,) = catalog.ingest(tmp_path, progress=False).failed
    assert str(item.error) == (
        f"the scene is incomplete: '{half.name}' has no bytes, or is a download that has not ended; complete or remove "
        "it, and ingest again"
    )
    assert (catalog.products.count(), catalog.images.count()) == (0, 0)
    half.unlink()
    red.write_bytes(whole)
    (item,) = catalog.ingest(tmp_path, progress=False).items
    assert (item.outcome, item.bands["red"]) == ("added", (red.name, 0))


def test_what_no_band_needs_may_be_half(catalog: Catalog, tmp_path: Path) -> None:
    safe = sentinel2_l2a(tmp_path, S2, suffix=".tif")
    for layer in ("TCI_10m", "B02_60m"):
        (path,) = safe.rglob(f"*_{layer}.tif")
        path.write_bytes(b"")
    landsat_oli_l2(tmp_path)
    (tmp_path / f"{L2SP}_SR_B4.TIF.part").write_bytes(b"of an earlier try")
    assert catalog.ingest(tmp_path, progress=False).added == 2


def empty(folder: Path, layer: str) -> Path:
    path = folder / f"{L2SP}_{layer}.TIF"
    path.write_bytes(b"")
    return path


@pytest.mark.parametrize("is_given", [True, False])
def test_what_no_band_of_the_product_needs_may_be_half(catalog: Catalog, tmp_path: Path, is_given: bool) -> None:
    """The bands of the product count, given or found by its id, and not those that the recipe knows."""
    landsat_oli_l2(tmp_path)
    product = make_product("landsat-8-9-c2-l2sp", spectral("red"), data_type="UInt16")
    empty(tmp_path, "SR_B5")
    (item,) = catalog.ingest(tmp_path, product=product if is_given else None, progress=False).items
    assert (item.outcome, item.bands) == ("added", {"red": (f"{L2SP}_SR_B4.TIF", 0)})


def test_a_product_waits_for_the_half_files_of_its_bands(catalog: Catalog, tmp_path: Path) -> None:
    landsat_oli_l2(tmp_path)
    product = make_product("own", spectral("red"), spectral("ndvi", band_index=0, file_index=1), data_type="UInt16")
    index, red = empty(tmp_path, "NDVI"), empty(tmp_path, "SR_B4")
    (item,) = catalog.ingest(tmp_path, product=product, progress=False).failed
    assert f"the scene is incomplete: '{red.name}', '{index.name}' has no bytes" in str(item.error)
    tiny(index, value=9)
    tiny(red)
    (item,) = catalog.ingest(tmp_path, product=product, progress=False).items
    assert item.bands == {"red": (red.name, 0), "ndvi": (index.name, 0)}


def test_half_files_of_one_file_scenes_are_passed_over(catalog: Catalog, tmp_path: Path) -> None:
    tiny(tmp_path / "in" / "a.tif")
    for name in ("a.tif.part", "b.tif.part"):
        (tmp_path / "in" / name).write_bytes(b"x")
    (tmp_path / "in" / "b.tif").write_bytes(b"")
    report = catalog.ingest(tmp_path / "in", progress=False)
    assert [(item.name, item.outcome) for item in report.items] == [("a", "added")]
    assert [(one.path.name, one.reason) for one in report.passed_over] == [
        ("a.tif.part", "partial"),
        ("b.tif", "empty"),
        ("b.tif.part", "partial"),
    ]


def test_a_date_of_the_pattern_that_is_none_is_not_replaced_by_another_one(catalog: Catalog, tmp_path: Path) -> None:
    """Choice 33: the date of the processing, in the same name, is not that of the capture."""
    for layer in OLI_L2:
        tiny(tmp_path / f"LC08_L2SP_008059_20191399_20200825_02_T1_{layer}.TIF")
    (item,) = catalog.ingest(tmp_path, progress=False).items
    assert (item.outcome, item.acquired, item.acquired_from) == ("added", None, None)
    assert "'20191399' (pattern of recipe landsat-c2-l2-oli) is no time" in item.notes
    assert Image.get(item.image_id).acquired is None


def test_metadata_of_another_scene_are_not_used(catalog: Catalog, tmp_path: Path) -> None:
    landsat_oli_l2(tmp_path)
    other = "LC08_L2SP_100100_20150101_20200825_02_T1"
    groups = mtl(other, "10:00:00Z", 5.0, "LANDSAT_8", "LEVEL2_PROCESSING_RECORD")
    (tmp_path / f"{L2SP}_MTL.txt").write_text(odl(groups))
    (item,) = catalog.ingest(tmp_path, progress=False).items
    assert (item.acquired.isoformat(), item.acquired_from) == (
        "2019-12-01T00:00:00+00:00",
        "pattern of recipe landsat-c2-l2-oli",
    )
    assert item.notes[0] == f"'{L2SP}_MTL.txt' is of another scene, '{other}', and was not used"
    assert Image.get(item.image_id).cloud_fraction is None
    landsat_oli_l2(tmp_path, form="json")  # its own, beside it, counts
    (item,) = catalog.ingest(tmp_path, recipe="landsat-c2-l2-oli", dry_run=True, progress=False).items
    assert item.outcome == "skipped"


OTHER_S2 = "S2A_MSIL2A_20200101T075319_N0213_R135_T36MTV_20200101T095219"


def test_sentinel_2_metadata_of_another_scene_are_not_used(catalog: Catalog, tmp_path: Path) -> None:
    safe = sentinel2_l2a(tmp_path, S2, suffix=".tif")
    metadata, _ = sentinel2_metadata(OTHER_S2, "L2A", "02.13", "2020-01-01T07:53:19.024Z", 10.0)
    (safe / "MTD_MSIL2A.xml").write_text(metadata)
    (item,) = catalog.ingest(tmp_path, progress=False).items
    assert item.notes[0] == f"'MTD_MSIL2A.xml' is of another scene, '{OTHER_S2}.SAFE', and was not used"
    image = Image.get(item.image_id)
    assert (image.acquired.isoformat(), image.cloud_fraction) == ("2022-04-13T15:07:59+00:00", None)


def test_metadata_beside_the_files_of_several_scenes_are_of_one_of_them(catalog: Catalog, tmp_path: Path) -> None:
    for name in (S2, OTHER_S2):
        _, _, date, _, _, tile, _ = name.split("_")
        for layer in ("B02_10m", "B03_10m", "B04_10m", "B08_10m"):
            tiny(tmp_path / f"{tile}_{date}_{layer}.tif")
    metadata, _ = sentinel2_metadata(OTHER_S2, "L2A", "02.13", "2020-01-01T07:53:19.024Z", 10.0)
    (tmp_path / "MTD_MSIL2A.xml").write_text(metadata)
    catalog.ingest(tmp_path, progress=False)
    assert {image.name: image.cloud_fraction for image in catalog.images} == {
        "T33XWJ_20220413T150759_L2A": None,
        "T36MTV_20200101T075319_L2A": 0.1,
    }


def test_planetscope_metadata_of_another_scene_are_not_used(catalog: Catalog, tmp_path: Path) -> None:
    tiny(tmp_path / "20210508_101112_23_2413_3B_AnalyticMS_SR.tif", count=4)
    path = tmp_path / "20210508_101112_23_2413_metadata.json"
    path.write_text('{"id": "20190101_000000_00_1000", "properties": {"acquired": "2019-01-01T00:00:00Z"}}')
    (item,) = catalog.ingest(tmp_path, progress=False).items
    assert item.acquired.isoformat() == "2021-05-08T10:11:12+00:00"
    assert item.notes[0] == f"'{path.name}' is of another scene, '20190101_000000_00_1000', and was not used"


def test_a_sidecar_that_names_its_scene_needs_that_group() -> None:
    text = (
        "title = 'x'\n[[product]]\nfile = '(?P<name>\\w+)\\.tif'\nid = 'x'\nimage = '{name}'\n"
        "[sidecars]\nlog = { path = '{name}.json', scene = 'id' }\n"
    )
    with pytest.raises(BadRequestError, match=r"sidecars\.log: scene needs a group \(\?P<scene>…\) in the pattern"):
        parse_recipe(text, "mine")


def test_metadata_are_found_whatever_the_case_of_their_names(catalog: Catalog, tmp_path: Path) -> None:
    landsat_oli_l2(tmp_path)
    for path in list(tmp_path.glob("LC08*")):
        path.rename(path.with_name(path.name.lower()))
    report = catalog.ingest(tmp_path, progress=False)
    assert report.items[0].acquired_from == f"sidecar {L2SP.lower()}_mtl.txt"
    assert [one.path.name for one in report.passed_over] == [f"{L2SP.lower()}_ang.txt"]


def test_a_name_as_long_as_the_system_allows_comes_in(catalog: Catalog, tmp_path: Path) -> None:
    name = "x" * 242 + "_20200101"
    tiny(tmp_path / "in" / f"{name}.tif")
    tiny(tmp_path / "in" / "short.tif")
    report = catalog.ingest(tmp_path / "in", copy=True, progress=False)
    assert {item.name: item.outcome for item in report.items} == {name: "added", "short": "added"}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_not_text_is_refused_as_such(catalog: Catalog, tmp_path: Path) -> None:
    tiny(tmp_path / "in" / "a.tif")
    (tmp_path / "in" / "a.tif").rename(os.fsdecode(os.fsencode(tmp_path / "in") + b"/bad\xff.tif"))
    tiny(tmp_path / "in" / "b.tif")
    report = catalog.ingest(tmp_path / "in", progress=False)
    assert [item.outcome for item in report.items] == ["added", "failed"]
    assert str(report.failed[0].error).endswith(".tif' has a name that is not text in UTF-8; rename the file")
