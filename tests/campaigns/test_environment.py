"""Variables of GDAL and PROJ, set by whoever started the program, change neither files nor pixels."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaigns.environment import hostile
from tests.campaigns.report import Tally

REPOSITORY = Path(__file__).resolve().parents[2]


def run(folder: Path, variables: dict[str, str], *, before: tuple[str, ...] = ()) -> dict[str, str]:
    """Use localcat in an environment; return what it found."""
    folder.mkdir()
    done = subprocess.run(
        [*before, sys.executable, "-m", "tests.campaigns.environment", str(folder)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **variables},
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_a_hostile_environment_changes_nothing(tmp_path: Path) -> None:
    clean = run(tmp_path / "clean", {})
    assert clean["verified"] == "survey.gpkg (full): ok; 1 images, 1 files, 1 of them read as a whole"
    assert clean["beside"] == "['.gpkg', '.tif']"
    assert run(tmp_path / "hostile", hostile(tmp_path / "things")) == clean


@pytest.mark.campaign
def test_each_hostile_variable_changes_nothing_and_opens_no_socket(tmp_path: Path, tally: Tally) -> None:
    clean = run(tmp_path / "clean", {})
    things = tmp_path / "things"
    variables = hostile(things)
    changed, reached = {}, []
    for name, value in variables.items():
        calls = tmp_path / f"calls {name}"
        trace = ("strace", "-f", "-qq", "-o", str(calls), "-e", "trace=openat,socket,execve")
        found = run(tmp_path / name, {name: value}, before=trace)
        if found != clean:
            changed[name] = found
        reached += [
            line
            for line in calls.read_text(errors="replace").splitlines()
            if re.search(r"socket\(AF_INET|evil\.|execve\(.*gdal", line)
        ]
    tally.add("environment", "one variable each", variables=len(variables), changed=len(changed), reached=len(reached))
    assert (changed, reached) == ({}, [])
