"""Metadata beside scenes are part of them: no report names them as passed over, whatever became of the scene."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from localcat import Catalog
from localcat.writing.ingest import facts
from localcat.writing.ingest.outcome import IngestReport
from tests.scene_folders import landsat_l1, landsat_oli_l2, sentinel2_l2a, tiny

L2SP = "LC08_L2SP_008059_20191201_20200825_02_T1"
S2 = "S2B_MSIL2A_20220413T150759_N0400_R025_T33XWJ_20220414T082126"


def passed_over(report: IngestReport) -> list[str]:
    return [one.path.name for one in report.passed_over if one.reason != "unused"]


def test_a_second_call_passes_over_what_the_first_one_did(catalog: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    landsat_oli_l2(folder)
    sentinel2_l2a(folder, S2)
    expected = [f"{L2SP}_ANG.txt", "manifest.safe"]
    reports = [catalog.ingest(folder, dry_run=True, progress=False)]
    reports += [catalog.ingest(folder, progress=False) for _ in range(2)]
    assert [(report.added, report.skipped) for report in reports] == [(2, 0), (2, 0), (0, 2)]
    assert [passed_over(report) for report in reports] == [expected] * 3
    unused = [{one.path.name: one.detail for one in report.passed_over if one.reason == "unused"} for report in reports]
    assert (len(unused[0]), unused[1:]) == (20, [unused[0]] * 2)  # what is there in a finer resolution, and pictures


def test_all_forms_of_the_metadata_belong_to_the_scene(catalog: Catalog, tmp_path: Path) -> None:
    for form in ("txt", "json", "xml"):
        landsat_oli_l2(tmp_path, form=form)
    assert passed_over(catalog.ingest(tmp_path, progress=False)) == [f"{L2SP}_ANG.txt"]


def test_a_scene_that_fails_keeps_its_metadata(catalog: Catalog, tmp_path: Path) -> None:
    scene = "LC08_L1TP_193027_20200714_20200912_02_T1"
    landsat_l1(tmp_path, scene, ["B2", "B3"], "uint16")
    for path in tmp_path.glob("*.TIF"):
        path.write_bytes(b"II*\0 damaged")
    report = catalog.ingest(tmp_path, progress=False)
    assert (len(report.failed), passed_over(report)) == (1, [])


def test_items_beside_skipped_scenes_are_known_as_such(catalog: Catalog, tmp_path: Path) -> None:
    tiny(tmp_path / "a.tif")
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "a",
        "geometry": None,
        "properties": {"datetime": "2020-01-01T10:00:00Z"},
        "links": [],
        "assets": {"data": {"href": "https://example.org/a.tif?token=1"}},
    }
    (tmp_path / "a.json").write_text(json.dumps(item))
    (tmp_path / "other.json").write_text("{}")
    for counts in ((1, 0), (0, 1)):
        report = catalog.ingest(tmp_path, progress=False)
        assert (report.added, report.skipped) == counts
        assert passed_over(report) == ["other.json"]


def test_nothing_is_read_that_no_file_asks_for(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Items beside scenes are read where there is a JSON file, metadata looked for where there is a file at all."""
    tiny(tmp_path / "in" / "items" / "a.tif")
    (tmp_path / "in" / "items" / "other.json").write_text("{}")
    sentinel2_l2a(tmp_path / "in" / "whole", S2)
    manifest = tmp_path / "in" / "whole" / f"{S2}.SAFE" / "manifest.safe"
    for path in (*manifest.parent.rglob("*.xml"), manifest):
        path.unlink()
    catalog.ingest(tmp_path / "in", progress=False)
    asked = list[str]()
    looked = facts._matching

    def read(items: facts.Items, folder: Path, reader: object) -> dict[str, object]:
        asked.append(folder.name)
        return {}

    def matching(base: Path, pattern: str, folders: object) -> list[Path]:
        asked.append(pattern)
        return looked(base, pattern, folders)  # type: ignore[arg-type]

    monkeypatch.setattr(facts.Items, "_read", read)
    monkeypatch.setattr(facts, "_matching", matching)
    assert passed_over(catalog.ingest(tmp_path / "in", progress=False)) == ["other.json"]
    assert asked == ["items"]
    manifest.write_text("<xfdu/>")
    assert passed_over(catalog.ingest(tmp_path / "in", progress=False)) == ["other.json", "manifest.safe"]
    assert sorted(asked[1:]) == [f"{S2}.SAFE/MTD_MSIL2A.xml", "items"]
