"""What type checkers make of a user's program."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from localcat.models.attributes.scalars import Attribute
from localcat.models.state import Record
from tests import signatures

ROOT = Path(__file__).resolve().parents[2]
HERE = Path("tests") / "models"
EXAMPLE, RIGHT, WRONG = (HERE / f"typing_{name}.py" for name in ("example", "right", "wrong"))
MARK = "  # wrong"


def run(*command: str) -> str:
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def found_by_mypy(*programs: Path) -> dict[tuple[str, int], str]:
    """Return what the strict checks find, by file and line."""
    pytest.importorskip("mypy", reason="the type checker belongs to the test extra")
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", *map(str, programs)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert "checked" in told, told
    found = re.findall(r"^(\S+):(\d+): error: (.*)$", told, flags=re.MULTILINE)
    return {(Path(path).name, int(line)): text for path, line, text in found}


def found_by_pyright(*programs: Path) -> dict[tuple[str, int], str]:
    """Return the errors that pyright finds, by file and line; basedpyright is pyright with its own node."""
    pytest.importorskip("basedpyright", reason="the type checker belongs to the test extra")
    command = [sys.executable, "-m", "basedpyright", "--level", "error", "--outputjson", *map(str, programs)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert told.lstrip().startswith("{"), told
    report = json.loads(told)
    assert report["summary"]["filesAnalyzed"] == len(programs)
    return {
        (Path(one["file"]).name, one["range"]["start"]["line"] + 1): one["message"]
        for one in report["generalDiagnostics"]
    }


CHECKERS = [found_by_mypy, found_by_pyright]


def lines_of(program: Path) -> list[str]:
    return (ROOT / program).read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("check", CHECKERS)
def test_type_checkers_find_each_wrong_line_and_no_right_one(check) -> None:
    """Choice 35: names and types of attributes, in constructors and assignments; arguments and results of calls."""
    marked = {(WRONG.name, at) for at, line in enumerate(lines_of(WRONG), 1) if line.endswith(MARK)}
    assert len(marked) >= 60
    assert sum(bool(line.strip()) for program in (EXAMPLE, RIGHT) for line in lines_of(program)) >= 200
    found = check(EXAMPLE, RIGHT, WRONG)
    assert {where: text for where, text in found.items() if where not in marked} == {}
    assert sorted(marked - found.keys()) == []


@pytest.mark.parametrize("program", [EXAMPLE, RIGHT], ids=lambda program: program.stem)
def test_the_right_programs_run(program: Path) -> None:
    assert run("-W", "error", str(program)) == ""


def test_the_signatures_are_those_of_the_attributes() -> None:
    """Choice 35: what constructors take by name is written from the declarations."""
    assert signatures.MODULE.read_text(encoding="utf-8") == signatures.render(), "run python -m tests.signatures"


def classes(base: type) -> list[type]:
    return [kind for sub in base.__subclasses__() for kind in (sub, *classes(sub))]


def test_read_only_attributes_are_annotated_so() -> None:
    """A type checker learns from the annotation that nothing can be assigned."""
    for kind in {Record, *classes(Record)}:
        if kind.__module__.startswith("localcat."):
            for name, attribute in list(vars(kind).items()):
                if isinstance(attribute, Attribute):
                    annotated = str(kind.__annotations__.get(name, "")).startswith("Attribute[")
                    assert annotated == attribute.readonly, f"{kind.__name__}.{name}"
