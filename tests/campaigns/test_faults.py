"""System calls that fail: the disk is full, or reports an error, once or from then on."""

from __future__ import annotations

from collections import Counter

import pytest

from tests import checker
from tests.campaigns.harness import Outcome, Workshop
from tests.campaigns.report import Tally
from tests.campaigns.scenarios import SCENARIOS
from tests.campaigns.tracing import Call, calls, parse, run_traced, some
from tests.survey import NAME

pytestmark = pytest.mark.campaign

OPERATIONS = ["upload", "upload of two files", "replace", "delete", "bulk load", "choice of properties", "gc"]
MORE = ["bundle", "unpack", "merge with deletions", "freeze", "change", "delete, undo"]
SYNCS = {"fsync", "fdatasync"}
WRITES = {"write", "pwrite64", "ftruncate", "rename", "link", "mkdir"}
READS = {"read", "pread64"}
CLASSES = {"ENOSPC": {"StorageFullError", "CommitUnknownError"}, "EIO": {"StorageError", "CommitUnknownError"}}


def fails_when_full(call: Call) -> bool:
    return call.name in WRITES | SYNCS or (call.name == "openat" and "O_CREAT" in call.text)


def fails_when_broken(call: Call) -> bool:
    return fails_when_full(call) or call.name in READS | {"unlink", "openat"}


def classes_for(error: str, call: Call, *, lasting: bool) -> set[str]:
    """Return the errors in which a fault may end."""
    if ".tif" in call.text and call.name in {"read", "openat"} and not lasting:  # GDAL does not tell either, once
        return {*CLASSES[error], "CorruptImageError"}
    is_catalog = any(part in call.text for part in (".gpkg", "/.localcat-"))  # also one that is being made
    if is_catalog and call.name in READS:  # SQLite cannot tell a disk that does not read from a damaged file
        return {*CLASSES[error], "CorruptCatalogError", *(["UnsupportedCatalogError"] if "/.kit." in call.text else [])}
    if NAME in call.text and call.name == "openat" and "O_CREAT" not in call.text:  # it tries again, to read only
        return {*CLASSES[error], "ReadOnlyCatalogError"}
    if NAME in call.text and call.name in SYNCS | {"openat"}:  # it hides which error it met; a full disk is looked up
        return {*CLASSES[error], "StorageError"}
    return CLASSES[error]


def is_passed_over(call: Call) -> bool:
    """Return whether SQLite passes over a failure: of the folder's sync when a journal has been made."""
    return call.name == "fdatasync" and f"/{NAME}" not in call.text


def judged(workshop: Workshop, scenario: str, outcome: Outcome, classes: set[str]) -> list[str]:
    """Return what is wrong with how a fault ended."""
    history = SCENARIOS[scenario].history
    seen = checker.look(workshop.catalog)
    found = workshop.problems(scenario, outcome)
    if outcome.status != 0:
        found.append(f"the process ended with {outcome.status}")
    for error in outcome.errors:
        if error.split()[0] not in classes:
            found.append(error)
        if "committed=True" in error and seen.versions != history[-1]:
            found.append(f"not there: {error}")
        if "committed=False" in error and seen.versions != history[0]:
            found.append(f"there: {error}")
    return found


def campaign(workshop: Workshop, tally: Tally, scenario: str, error: str) -> None:
    """Let each call that can fail so do it, once and from then on."""
    can_fail = fails_when_full if error == "ENOSPC" else fails_when_broken
    points = some([point for point in calls(workshop, scenario) if can_fail(point)])
    before = checker.look(workshop.base(scenario) / NAME).garbage
    told: Counter[str] = Counter()
    lost = litter = 0
    for point in points:
        for lasting in (False, True):
            outcome = run_traced(workshop, scenario, point.injected(f"error={error}", lasting=lasting))
            told.update(line.split()[0] for line in outcome.errors)
            seen = checker.look(workshop.catalog)  # what a commit of unknown outcome replaced waits in the trash
            is_clean = seen.garbage <= before | seen.trash
            found = judged(workshop, scenario, outcome, classes_for(error, point, lasting=lasting))
            if not lasting and point.name in WRITES | SYNCS and not is_clean:
                litter += 1
                found.append("files were left")
            # While nothing at all can be written, a journal cannot be rolled back either: not even reading goes on.
            if point.name in WRITES | SYNCS and not outcome.is_alive and not (lasting and NAME in point.text):
                found.append(f"reads do not go on: {outcome.errors}")
            if point.name in SYNCS and not is_passed_over(point) and scenario == "upload" and outcome.acks:
                found.append("acknowledged after a failed sync")
            lost += bool(found)
            tally.note(found, f"{error}{'+' if lasting else ''} {point.name} {point.number} {point.text[:150]}")
    tally.add(error, scenario, points=2 * len(points), kept=2 * len(points) - lost, left=litter, told=dict(told))
    assert lost == 0


@pytest.mark.parametrize("scenario", [*OPERATIONS, *MORE])
def test_a_full_disk_leaves_nothing_half_done(workshop: Workshop, tally: Tally, scenario: str) -> None:
    campaign(workshop, tally, scenario, "ENOSPC")


@pytest.mark.parametrize("scenario", [*OPERATIONS, *MORE])
def test_an_error_of_the_disk_leaves_nothing_half_done(workshop: Workshop, tally: Tally, scenario: str) -> None:
    campaign(workshop, tally, scenario, "EIO")


@pytest.mark.parametrize("scenario", ["upload", "replace"])
def test_a_kill_after_a_failed_commit_keeps_the_promise(workshop: Workshop, tally: Tally, scenario: str) -> None:
    """The resolve step of a COMMIT of unknown outcome is stopped in its turn."""
    runs = lost = 0
    output = workshop.folder.with_name("trace")
    for point in calls(workshop, scenario):
        if point.name not in SYNCS | {"unlink"}:
            continue
        fault = point.injected("error=EIO")
        outcome = run_traced(workshop, scenario, ["-y", *fault], output=output)
        if not outcome.errors:
            continue
        after = parse(output)
        start = next(at for at, call in enumerate(after) if (call.name, call.number) == (point.name, point.number))
        behind = [
            later
            for later in after[start + 1 :]
            if later.name != point.name and fails_when_broken(later) and str(workshop.folder) in later.text
        ]
        for later in some(behind):
            outcome = run_traced(workshop, scenario, [*fault, *later.injected("signal=KILL")])
            found = workshop.problems(scenario, outcome)
            runs += 1
            lost += bool(found)
            tally.note(found, f"{point.name} {point.number}, then {later.name} {later.number}")
    tally.add("EIO, then kill", scenario, points=runs, survived=runs - lost)
    assert lost == 0
