"""Known-bad variants of the protocol whose harm only a disk that writes in any order can show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.harness import Workshop
from tests.campaigns.recordings import killed_then, recorded, violations
from tests.campaigns.report import Tally
from tests.campaigns.tracing import calls

pytestmark = pytest.mark.campaign


@pytest.mark.parametrize(("variant", "scenario"), [("no_fsync", "upload"), ("synchronous_normal", "delete")])
def test_not_waiting_for_the_disk_is_caught(
    workshop: Workshop, tally: Tally, tmp_path: Path, variant: str, scenario: str
) -> None:
    recording = recorded(workshop, scenario, variant=variant)
    _, broken = violations(recording, scenario, tmp_path / "state", tally, most=1)
    tally.add("control", variant, caught=broken)
    assert broken == 1


def test_a_gc_that_does_not_commit_first_is_caught(workshop: Workshop, tally: Tally, tmp_path: Path) -> None:
    broken = 0
    for point in calls(workshop, "delete"):
        if point.name == "fdatasync" and not broken:
            recording = killed_then(workshop, "delete", point, "gc", "gc_without_commit")
            recording.forget_acks()
            _, broken = violations(recording, "delete", tmp_path / "state", tally, most=1)
    tally.add("control", "gc_without_commit", caught=broken)
    assert broken == 1
