"""Recordings of what operations change on the disk, and the crash states of one that break the promise."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from tests.campaigns.harness import Workshop, judge
from tests.campaigns.reorder import OPTIONS, Recording
from tests.campaigns.report import Tally
from tests.campaigns.scenarios import LEFT, SCENARIOS
from tests.campaigns.tracing import Call, run_here, run_traced
from tests.survey import NAME

RANDOMLY = 2  # writes that are lost alone, and random parts, at each point


def recorded(workshop: Workshop, scenario: str, **request: object) -> Recording:
    """Run a scenario whole and return its changes."""
    trace = workshop.folder.with_name("changes")
    recording = Recording(workshop.folder, workshop.base(scenario))
    assert run_traced(workshop, scenario, OPTIONS, output=trace, **request).status == 0
    recording.add(trace)
    return recording


def violations(
    recording: Recording, scenario: str, target: Path, tally: Tally, *, most: int = 0, every: int = 1
) -> tuple[int, int]:
    """Check crash states, each content once; return how many there were, and how many broke the promise.

    With `most`, stop after so many that did: a control needs no more. With `every`, look at one in so many.
    """
    seen: set[tuple[str, int]] = set()
    broken = 0
    for applied, torn, acks in islice(recording.states(RANDOMLY), 0, None, every):
        digest = recording.materialize(target, applied, torn)
        if (digest, acks) in seen:
            continue
        seen.add((digest, acks))
        found = judge(target / NAME, SCENARIOS[scenario], acks)
        # Nothing waits for the file that says whose a hidden folder is, and without it nobody may take the folder away.
        found = [problem for problem in found if not problem.startswith(LEFT)]
        broken += bool(found)
        if most:
            if broken == most:
                break
        else:
            tally.note(found, f"changes {applied}, {torn}, acks {acks}")
    return len(seen), broken


def killed_then(workshop: Workshop, scenario: str, point: Call, follower: str, variant: str = "") -> Recording:
    """Kill a scenario at a system call, let another process act on what it left, and return the changes of both."""
    first, second = workshop.folder.with_name("first"), workshop.folder.with_name("second")
    recording = Recording(workshop.folder, workshop.base(scenario))
    kill = point.injected("signal=KILL")
    assert run_traced(workshop, scenario, [*OPTIONS, *kill], output=first).status < 0
    recording.add(first)
    workshop.report.unlink()
    assert run_here(workshop, follower, OPTIONS, output=second, variant=variant).status == 0
    recording.add(second)
    return recording
