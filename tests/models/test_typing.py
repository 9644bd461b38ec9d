"""What a type checker makes of a user's program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "tests" / "models" / "typing_example.py"


def run(*command: str) -> str:
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_strict_type_checker_accepts_a_users_program() -> None:
    """Attributes have their types: `Image.acquired` is a datetime or None, `Product.search()` a `Search[Product]`."""
    pytest.importorskip("mypy", reason="the type checker belongs to the test extra")
    assert "Success: no issues found" in run("-m", "mypy", "--strict", str(EXAMPLE))


def test_that_program_runs() -> None:
    assert run("-W", "error", str(EXAMPLE)) == ""
