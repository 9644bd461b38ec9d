"""The crash matrix in pure Python: a process that ends, or is interrupted, at each step of the write protocol."""

from __future__ import annotations

import pytest

from tests.campaigns.child import CRASHED
from tests.campaigns.harness import Workshop
from tests.campaigns.scenarios import SCENARIOS

# Between them these take every step of all scenarios; the campaigns run the others as well.
SHARE = ["upload, replace, delete", "upload of two files", "bulk load", "gc"]
PROTOCOL = [
    "temporary file locked",
    "file written",
    "file synced",
    "transaction begun",
    "file renamed",
    "folder synced",
    "commit due",
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


@pytest.mark.parametrize("scenario", SHARE)
def test_an_interrupt_at_any_step_keeps_the_promise(workshop: Workshop, scenario: str) -> None:
    for at, step in enumerate(workshop.run(scenario).steps):
        outcome = workshop.run(scenario, interrupt_at=at)
        assert (outcome.status, outcome.is_alive) == (0, True)
        assert workshop.problems(scenario, outcome) == [], step
