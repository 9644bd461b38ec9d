"""A process that is killed, or interrupted by Ctrl-C, at each of its system calls."""

from __future__ import annotations

import signal

import pytest

from tests.campaigns.harness import Workshop
from tests.campaigns.report import Tally
from tests.campaigns.tracing import calls, run_traced, some, steady

pytestmark = pytest.mark.campaign

OPERATIONS = ["upload, replace, delete", "upload of two files", "bulk load", "gc"]
CHOSEN = ["choice of properties", "load of chosen properties"]
KITS = ["bundle", "unpack"]
LARGE = "load of 20,000"
MORE = [
    "upload of two arrays",
    "merge",
    "merge with deletions",
    "merge of a kit",
    "change",
    "reindex",
    "optimize",
    "relocate",
    "rewriting of masks",
    "freeze",
    "bundle in place",
    "backup",
    "recover",
    "migration",
    *CHOSEN,
]
MORE += ["delete, undo", "deletion in portions, undo", "replace, undo", *KITS, LARGE, "order of place"]
MOST = 300  # points of a load of 20,000, which is slow, and whose calls are much alike


@pytest.mark.parametrize("scenario", [*OPERATIONS, *MORE])
def test_a_kill_at_any_system_call_keeps_the_promise(workshop: Workshop, tally: Tally, scenario: str) -> None:
    kill(workshop, tally, scenario)


@pytest.mark.parametrize("scenario", [*OPERATIONS, *MORE])
def test_a_kill_at_any_system_call_keeps_the_promise_with_a_log(
    with_log: Workshop, tally: Tally, scenario: str
) -> None:
    kill(with_log, tally, scenario)


def kill(workshop: Workshop, tally: Tally, scenario: str) -> None:
    lost = unreached = 0
    points = steady(calls(workshop, scenario))
    points = some(points[:: max(1, len(points) // MOST)] if scenario == LARGE else points)
    for point in points:
        outcome = run_traced(workshop, scenario, point.injected("signal=KILL"))
        unreached += outcome.status != -signal.SIGKILL
        found = workshop.problems(scenario, outcome)
        lost += bool(found)
        tally.note(found, f"{point.name} {point.number} {point.text[:200]}")
    tally.add(
        f"kill, {workshop.journal}", scenario, points=len(points), survived=len(points) - lost, unreached=unreached
    )
    assert (lost, unreached) == (0, 0)


@pytest.mark.parametrize("scenario", [*OPERATIONS, *(one for one in MORE if one != LARGE)])
def test_ctrl_c_at_any_system_call_keeps_the_promise(workshop: Workshop, tally: Tally, scenario: str) -> None:
    lost = interrupted = 0
    points = some(calls(workshop, scenario))
    for point in points:
        outcome = run_traced(workshop, scenario, point.injected("signal=INT"), goes_on=True)
        interrupted += any("KeyboardInterrupt" in error for error in outcome.errors)
        found = workshop.problems(scenario, outcome)
        went_on = outcome.went_on or any("has no bands" in error for error in outcome.errors)  # they were being deleted
        if outcome.status != 0 or not went_on or not (outcome.errors or outcome.acks):
            found.append(f"the process ended with {outcome.status}: {outcome.errors}")
        lost += bool(found)
        tally.note(found, f"{point.name} {point.number} {point.text[:200]} {outcome.lines}")
    tally.add("Ctrl-C", scenario, points=len(points), survived=len(points) - lost, interrupted=interrupted)
    assert (lost, interrupted > 0.9 * len(points)) == (0, True)
