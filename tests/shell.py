"""Runs the command as tests ask it: through click's runner, and as a program of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from localcat.cli import cli


def invoke(*words: object, catalog: Any = None, pipe: str | None = None) -> Result:
    """Run the command on a catalog, or on the one that it finds by itself."""
    named = [] if catalog is None else ["--catalog", str(getattr(catalog, "path", catalog))]
    return CliRunner().invoke(cli, [*named, *map(str, words)], input=pipe, catch_exceptions=False)


def run(*words: object, catalog: Any = None, pipe: str | None = None, status: int = 0) -> str:
    """Run the command; return what it prints on its output."""
    result = invoke(*words, catalog=catalog, pipe=pipe)
    assert result.exit_code == status, result.output
    return result.stdout


def complaint(*words: object, catalog: Any = None, pipe: str | None = None, status: int = 1) -> str:
    """Run the command, which fails; return what it complains of, in its one line."""
    result = invoke(*words, catalog=catalog, pipe=pipe)
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("localcat: ")
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr.removeprefix("localcat: ").rstrip("\n")


def program(*words: object, cwd: Path, pipe: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``python -m localcat`` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "localcat", *map(str, words)],
        input=pipe,
        capture_output=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1]), "LOCALCAT": "", **environment},
    )
