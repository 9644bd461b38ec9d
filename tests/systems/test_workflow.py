"""The workflow for three systems, as far as it can be checked without running it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "tests.yml"


def checked(file: Path) -> subprocess.CompletedProcess[str]:
    """Check a workflow by the schema that the checker has inside."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(file)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8")


def test_the_workflow_follows_the_schema_of_workflows() -> None:
    found = checked(WORKFLOW)
    assert (found.returncode, found.stdout.strip()) == (0, "ok -- validation done"), found.stdout


@pytest.mark.parametrize(
    ("right", "wrong"), [("timeout-minutes: 60", "timeout-minuts: 60"), ("    runs-on:", "    runs-of:")]
)
def test_a_wrong_key_would_be_noticed(tmp_path: Path, right: str, wrong: str) -> None:
    text = WORKFLOW.read_text(encoding="utf-8")
    assert right in text
    (tmp_path / "tests.yml").write_text(text.replace(right, wrong), encoding="utf-8")
    assert checked(tmp_path / "tests.yml").returncode == 1


def test_what_its_steps_call_is_installed_by_its_first_one() -> None:
    """The steps call programs; those that are not Python's come with the extra `test`."""
    text = WORKFLOW.read_text(encoding="utf-8")
    commands = [part.strip() for line in re.findall(r"run: (.*)", text) for part in line.split("&&")]
    assert commands[0] == "python -m pip install '.[test]'"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    packages = {re.match(r"[a-z0-9-]+", one)[0] for one in project["optional-dependencies"]["test"]}
    called = {command.split()[0] for command in commands[1:]}
    assert called == {"ruff", "mypy", "localcat", "pytest"}
    assert called <= {*packages, *project["scripts"]}
    assert "pytest-xdist" in packages  # for -n
