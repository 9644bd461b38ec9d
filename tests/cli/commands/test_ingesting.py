"""The commands that take in folders of scenes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from localcat import Catalog
from tests.damage import file_of
from tests.scene_folders import sentinel1_grd
from tests.shell import complaint, invoke, run


@pytest.fixture
def scenes(kept: Catalog, tmp_path: Path) -> Path:
    """A folder with two rasters of one kind, and a text."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    content = file_of(kept, "a").read_bytes()
    for name in ("flight_20240506.tif", "flight_20240507.tif"):
        (folder / name).write_bytes(content)
    (folder / "notes.txt").write_text("north of the river")
    return folder


def test_a_folder_is_taken_in_and_again_only_what_is_new(kept: Catalog, scenes: Path) -> None:
    planned = json.loads(run("ingest", scenes, "--dry-run", "--json", catalog=kept))
    assert (planned["dry_run"], planned["added"]) == (True, 2)
    assert kept.images.count() == 4
    told = run("ingest", scenes, catalog=kept).splitlines()
    assert told[0] == "IngestReport: 2 added, 0 skipped, 0 failed; 1 files passed over"
    assert kept.images.during("2024-05-06/2024-05-07").count() == 2
    assert run("ingest", scenes, catalog=kept).startswith("IngestReport: 0 added, 2 skipped, 0 failed")


def test_files_are_named_through_a_pipe(kept: Catalog, scenes: Path) -> None:
    told = run("ingest", "-", "--verbose", catalog=kept, pipe=f"{scenes / 'flight_20240506.tif'}\n")
    assert "flight_20240506  2024-05-06 00:00:00" in told
    assert told.endswith("IngestReport: 1 added, 0 skipped, 0 failed\n")


def test_an_existing_product_takes_them_under_its_short_name(kept: Catalog, scenes: Path) -> None:
    run("ingest", scenes, "--product", "guide", "--copy", catalog=kept)
    assert kept.images.during("2024").ids() == ["acme:guide:flight_20240506", "acme:guide:flight_20240507"]


def test_a_scene_that_is_refused_stops_no_other_one(kept: Catalog, scenes: Path) -> None:
    whole = (scenes / "flight_20240506.tif").read_bytes()
    (scenes / "flight_20240508.tif").write_bytes(whole[: len(whole) // 2])
    ended = invoke("ingest", scenes, "--json", catalog=kept)
    report = json.loads(ended.stdout)
    assert (ended.exit_code, report["added"], report["failed"]) == (1, 2, 1)
    assert ended.stderr == "localcat: 1 of 3 scenes were refused\n"


def test_mistakes_are_told(kept: Catalog, scenes: Path) -> None:
    assert "none" in complaint("ingest", scenes / "none", catalog=kept)
    assert complaint("ingest", scenes, "--product", "gide", catalog=kept) == (
        "there is no product 'gide'; did you mean 'guide'?"
    )
    assert "there is no recipe 'nothing'" in complaint("ingest", scenes, "--recipe", "nothing", catalog=kept)


def test_recipes_are_listed_shown_and_tried(scenes: Path, tmp_path: Path) -> None:
    assert run("recipes").startswith("name ")
    names = [json.loads(line)["name"] for line in run("recipes", "--nl").splitlines()]
    assert {"generic", "landsat-c2-l2-oli", "sentinel-2-l2a"} <= set(names)
    mine = tmp_path / "mine.toml"
    mine.write_text(run("recipes", "show", "generic"))
    told = run("recipes", "test", mine, scenes, "--verbose")
    assert told.endswith("IngestReport (dry run): 2 added, 0 skipped, 0 failed; 1 files passed over\n")
    assert json.loads(run("recipes", "test", "generic", scenes, "--json"))["added"] == 2


def test_radar_images_without_a_grid_are_told_the_option_for_one(kept: Catalog, tmp_path: Path) -> None:
    sentinel1_grd(tmp_path / "radar")
    refused = invoke("ingest", tmp_path / "radar", "--verbose", catalog=kept)
    assert refused.exit_code == 1
    assert (
        "has ground control points and no grid; ingest it with --cog, which brings its pixels onto a grid"
        in " ".join(refused.output.split())
    )
    assert run("ingest", tmp_path / "radar", "--cog", catalog=kept).startswith("IngestReport: 1 added, 0 skipped")
