"""The power goes, and the disk has written in any order what it was not told to wait for."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.campaigns.harness import Workshop
from tests.campaigns.recordings import killed_then, recorded, violations
from tests.campaigns.report import Tally
from tests.campaigns.tracing import EVERY, calls

pytestmark = pytest.mark.campaign

OPERATIONS = ["upload, replace, delete", "upload of two files", "bulk load", "load of chosen properties", "gc"]
MORE = ["merge with deletions", "delete, undo", "bundle", "unpack"]


@pytest.mark.parametrize("scenario", [*OPERATIONS, *MORE])
def test_writes_in_any_order_keep_the_promise(workshop: Workshop, tally: Tally, tmp_path: Path, scenario: str) -> None:
    reorder(workshop, tally, tmp_path, scenario)


@pytest.mark.parametrize("scenario", OPERATIONS)
def test_writes_in_any_order_keep_the_promise_with_a_log(
    with_log: Workshop, tally: Tally, tmp_path: Path, scenario: str
) -> None:
    reorder(with_log, tally, tmp_path, scenario)


def test_pages_that_go_early_keep_the_promise(workshop: Workshop, tally: Tally, tmp_path: Path) -> None:
    reorder(workshop, tally, tmp_path, "bulk load", variant="pages_go_early")


def reorder(workshop: Workshop, tally: Tally, tmp_path: Path, scenario: str, variant: str = "") -> None:
    recording = recorded(workshop, scenario, variant=variant)
    states, broken = violations(recording, scenario, tmp_path / "state", tally, every=EVERY)
    tally.add(
        f"reordered, {workshop.journal}",
        variant or scenario,
        changes=len(recording.changes),
        states=states,
        violations=broken,
    )
    assert broken == 0


def test_a_kill_and_a_gc_behind_it_keep_the_promise(workshop: Workshop, tally: Tally, tmp_path: Path) -> None:
    """What a killed process saw committed need not be on the disk yet when gc unlinks by it."""
    total = lost = 0
    changes = [call for call in calls(workshop, "delete") if call.name in ("pwrite64", "fdatasync", "unlink")]
    for before, point in pairwise(changes):
        if "unlink" in (before.name, point.name):  # around the moments at which a journal goes, and a file
            recording = killed_then(workshop, "delete", point, "gc")
            recording.forget_acks()
            states, broken = violations(recording, "delete", tmp_path / "state", tally, every=EVERY)
            total, lost = total + states, lost + broken
    tally.add("reordered", "delete killed, then gc", states=total, violations=lost)
    assert lost == 0


def test_a_kill_and_an_upload_behind_it_keep_the_promise(workshop: Workshop, tally: Tally, tmp_path: Path) -> None:
    """A folder that a killed process made need not be on the disk yet when another one puts a file into it."""
    scenario = "upload of two arrays"
    point = [call for call in calls(workshop, scenario) if call.name == "fsync"][2]  # behind those of the two files
    assert point.text.split(">")[0].endswith("acme-two")
    recording = killed_then(workshop, scenario, point, scenario)
    states, broken = violations(recording, scenario, tmp_path / "state", tally, every=EVERY)
    tally.add("reordered", "upload killed, then upload", states=states, violations=broken)
    assert broken == 0
