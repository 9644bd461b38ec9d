"""The crash matrix in pure Python: a process that ends, or is interrupted, at each step of the write protocol."""

from __future__ import annotations

import pytest

from tests.campaigns.child import CRASHED
from tests.campaigns.harness import Workshop
from tests.campaigns.scenarios import SCENARIOS

# Between them these take every step of all scenarios; the campaigns run the others as well.
SHARE = [
    "delete, undo",
    "replace, undo",
    "upload of two files",
    "replace",
    "delete",
    "bulk load",
    "ingest",
    "choice of properties",
    "gc",
    "merge",
    "merge with deletions",
    "change",
    "migration",
    "rewriting of masks",
]
PROTOCOL = [
    "temporary file locked",
    "file written",
    "file synced",
    "transaction begun",
    "file renamed",
    "folder synced",
    "commit due",
    "readers kept out",
    "committed",
]


def test_an_upload_takes_the_steps_of_the_protocol_in_order(workshop: Workshop) -> None:
    outcome = workshop.run("upload")
    assert (outcome.status, outcome.acks, outcome.errors) == (0, 1, [])
    assert outcome.steps == PROTOCOL
    assert workshop.run("replace").steps == [*PROTOCOL, "file unlinked", *PROTOCOL[3:4], *PROTOCOL[6:]]


@pytest.mark.parametrize("scenario", SHARE)
def test_a_crash_at_any_step_keeps_the_promise(workshop: Workshop, scenario: str) -> None:
    clean = workshop.run(scenario)
    assert (clean.status, clean.errors) == (0, [])
    assert clean.acks == len(SCENARIOS[scenario].history) - 1
    assert workshop.problems(scenario, clean) == []
    for at in range(len(clean.steps)):
        outcome = workshop.run(scenario, crash_at=at)
        assert outcome.status == CRASHED
        assert workshop.problems(scenario, outcome) == [], clean.steps[at]


@pytest.mark.parametrize("scenario", ["upload of two files"])
def test_garbage_collected_at_any_step_is_never_a_live_file(workshop: Workshop, scenario: str) -> None:
    for at, step in enumerate(workshop.run(scenario).steps):
        outcome = workshop.run(scenario, collect_at=at)
        assert (outcome.status, outcome.errors) == (0, [])
        assert "collecting failed" not in outcome.lines
        assert workshop.problems(scenario, outcome) == [], step


@pytest.mark.parametrize("scenario", ["upload", "replace", "delete", "bulk load"])
def test_a_commit_that_failed_and_reached_the_disk_keeps_the_promise(workshop: Workshop, scenario: str) -> None:
    clean = workshop.run(scenario).steps
    outcome = workshop.run(scenario, fail_at=clean.index("committed"))
    assert (outcome.status, outcome.is_alive, len(outcome.errors)) == (0, True, 1)
    assert outcome.errors[0].startswith("CommitUnknownError")
    assert workshop.problems(scenario, outcome) == []


# Known-bad variants of the protocol: that they are found shows that these tests can find anything. The others need
# crash states of a disk that writes in any order: test_controls.py.


def caught(workshop: Workshop, scenario: str, **request: object) -> bool:
    outcome = workshop.run(scenario, **request)
    assert outcome.status in (0, CRASHED)
    return workshop.problems(scenario, outcome) != []


def test_a_row_before_its_file_is_caught(workshop: Workshop) -> None:
    steps = workshop.run("upload", variant="row_first").steps
    assert caught(workshop, "upload", variant="row_first", crash_at=steps.index("committed"))


def test_unlinking_before_the_commit_is_caught(workshop: Workshop) -> None:
    for scenario in ("delete", "replace"):
        steps = workshop.run(scenario, variant="unlink_first").steps
        assert caught(workshop, scenario, variant="unlink_first", crash_at=steps.index("commit due"))


def test_collecting_garbage_without_the_lock_is_caught(workshop: Workshop) -> None:
    at = workshop.run("upload").steps.index("folder synced")
    assert caught(workshop, "upload", variant="naive_gc", collect_at=at)


def test_unlinking_after_a_failed_commit_is_caught(workshop: Workshop) -> None:
    at = workshop.run("upload").steps.index("committed")
    assert caught(workshop, "upload", variant="unlink_after_failed_commit", fail_at=at)


@pytest.mark.parametrize("scenario", ["upload of two files", "replace", "bulk load"])
def test_an_interrupt_at_any_step_keeps_the_promise(workshop: Workshop, scenario: str) -> None:
    for at, step in enumerate(workshop.run(scenario).steps):
        outcome = workshop.run(scenario, interrupt_at=at)
        assert (outcome.status, outcome.is_alive) == (0, True)
        assert workshop.problems(scenario, outcome) == [], step
