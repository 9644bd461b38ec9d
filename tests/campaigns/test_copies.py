"""Folders copied by other programs while a catalog is being changed: what comes of it, and what `verify` says of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from localcat import Catalog
from tests import checker
from tests.campaigns.harness import Workshop
from tests.campaigns.report import Tally
from tests.campaigns.tracing import calls, run_traced
from tests.survey import NAME

pytestmark = pytest.mark.campaign

SCENARIO = "upload, replace, delete"
CHANGES = {"write", "pwrite64", "rename", "unlink", "ftruncate", "fdatasync"}
MOST = 100


def copy_file(source: Path, target: Path) -> None:
    """Copy a catalog file with its journal, if it has one."""
    for path in source.glob(f"{NAME}*"):
        shutil.copy2(path, target / path.name)


def copy_data(source: Path, target: Path) -> None:
    shutil.copytree(checker.data_folder(source / NAME), checker.data_folder(target / NAME))


def judged(path: Path) -> tuple[bool, int]:
    """Return whether a copy keeps I1, and how many files it lacks; `verify` has to say so, neither more nor less."""
    problems = checker.look(path).problems
    missing = [problem for problem in problems if "has a row and cannot be read" in problem]
    with Catalog.open(path) as catalog:
        assert catalog.verify("full", progress=False).ok == (not problems)
    return problems == missing, len(missing)


def test_a_copy_made_at_any_moment_is_whole_or_says_what_it_lacks(
    workshop: Workshop, tally: Tally, tmp_path: Path
) -> None:
    points = [point for point in calls(workshop, SCENARIO) if point.name in CHANGES]
    points = points[:: max(1, len(points) // MOST)]
    later = tmp_path / "later"
    assert workshop.run(SCENARIO).acks == 3
    shutil.copytree(workshop.folder, later)
    broken = at_once_lacking = file_first_lacking = data_first_lacking = 0
    for point in points:
        run_traced(workshop, SCENARIO, point.injected("signal=KILL"))
        for name, file_from, data_from in (
            ("at once", workshop.folder, workshop.folder),
            ("file first", workshop.folder, later),
            ("data first", later, workshop.folder),
        ):
            copy = tmp_path / "copy"
            shutil.rmtree(copy, ignore_errors=True)
            copy.mkdir()
            copy_file(file_from, copy)
            copy_data(data_from, copy)
            is_whole, missing = judged(copy / NAME)
            broken += not is_whole
            at_once_lacking += missing if name == "at once" else 0
            file_first_lacking += missing if name == "file first" else 0
            data_first_lacking += missing if name == "data first" else 0
    tally.add(
        "copies",
        f"{len(points)} moments x 3",
        broken=broken,
        lacking_at_once=at_once_lacking,
        lacking_file_first=file_first_lacking,
        lacking_data_first=data_first_lacking,
    )
    assert (broken, at_once_lacking) == (0, 0)
