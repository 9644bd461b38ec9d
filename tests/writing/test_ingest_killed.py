"""An ingest that is killed, and called again: nothing that was committed is lost, and the rest follows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from localcat import Catalog
from tests.scene_folders import tiny

SCENES = 6
CHILD = """
import os, sys
from localcat import Catalog
from localcat.writing.ingest import taking

folder, step, count, copy = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "copy"
taking._BATCH_SCENES, taking._BATCH_SECONDS = 2, 1e9
left = [count]

def kill_at(event, arguments):
    if event == "localcat.step" and arguments[0] == step:
        left[0] -= 1
        if left[0] == 0:
            os._exit(9)  # as SIGKILL does: nothing is cleaned up

sys.addaudithook(kill_at)
Catalog.open(folder + "/survey.gpkg").ingest(folder + "/in", copy=copy, workers=1, progress=False)
"""


@pytest.mark.parametrize(
    ("how", "step", "count", "kept"),
    [
        ("copy", "file synced", 2, 0),
        ("copy", "file renamed", 3, 2),
        ("copy", "folder synced", 2, 2),
        ("copy", "commit due", 3, 4),
        ("copy", "batch committed", 2, 4),
        ("in place", "commit due", 2, 2),
        ("in place", "batch committed", 1, 2),
    ],
)
def test_it_goes_on_where_it_was_killed(tmp_path: Path, how: str, step: str, count: int, kept: int) -> None:
    for number in range(SCENES):
        tiny(tmp_path / "in" / f"a_2020010{number + 1}.tif", value=number)
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        report = catalog.ingest(tmp_path / "in", dry_run=True, progress=False)
        assert report.added == SCENES
    child = subprocess.run([sys.executable, "-c", CHILD, str(tmp_path), step, str(count), how], check=False)
    assert child.returncode == 9
    with Catalog.open(tmp_path / "survey.gpkg") as catalog:
        assert (catalog.images.count(), catalog.products.count(), catalog.bands.count()) == (kept, *[bool(kept)] * 2)
        assert catalog.verify("full").ok
        report = catalog.ingest(tmp_path / "in", copy=how == "copy", progress=False)
        assert (report.added, report.skipped, report.failed) == (SCENES - kept, kept, [])
        catalog.gc(keep="0 days")  # what was published and not committed is set aside, and gone then
        assert catalog.verify("full").ok
        assert catalog.verify("full").garbage == []
        values = [int(image.ndarray("b1")[0, 0, 0]) for image in catalog.images.sort("name")]
        assert values == list(range(SCENES))
        assert len(list(catalog.data_folder.hrefs())) == (SCENES if how == "copy" else 0)


STEPS = """
import sys
from localcat import Catalog
from localcat.writing.ingest import taking

taking._BATCH_SECONDS = 1e6  # however busy the machine is
steps = []
sys.addaudithook(lambda event, arguments: event == "localcat.step" and steps.append(arguments[0]))
Catalog.open(sys.argv[1] + "/survey.gpkg").ingest(sys.argv[1] + "/in", copy=True, workers=1, progress=False)
told = ("file synced", "file renamed", "folder synced", "commit due", "committed")
print(*(step for step in steps if step in told), sep=", ")
"""


def test_all_files_and_their_folder_are_on_the_disk_before_the_commit(tmp_path: Path) -> None:
    """One wait for the folder serves all files of a batch."""
    for number in range(3):
        tiny(tmp_path / "in" / f"a_{number}.tif")
    Catalog.create(tmp_path / "survey.gpkg", org="acme").close()
    command = [sys.executable, "-c", STEPS, str(tmp_path)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert told.strip().split(", ") == [
        *["file synced"] * 3,
        *["file renamed"] * 3,
        "folder synced",
        "commit due",
        "committed",
    ]
