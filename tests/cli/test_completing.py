"""Completion of commands, options, ids, products and bands."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from localcat import Catalog
from tests.shell import complaint, program, run


def completed(words: str, folder: Path) -> list[str]:
    """Return what is proposed for the last of the words."""
    asked = {"_LOCALCAT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = program(cwd=folder, **asked)
    assert done.stderr == b""
    return [line.partition(",")[2] for line in done.stdout.decode().splitlines() if line]


@pytest.mark.parametrize(
    ("words", "proposed"),
    [
        ("localcat se", ["serve", "search", "set"]),
        ("localcat search --prod", ["--product"]),
        ("localcat search --product acme:", ["acme:guide"]),
        ("localcat show acme:guide:", ["acme:guide:alpha", "acme:guide:blue", "acme:guide:a", "acme:guide:b"]),
        ("localcat read acme:guide:f", ["acme:guide:far"]),
        ("localcat read guide:f", ["guide:far"]),
        ("localcat search --product gui", ["guide"]),
        ("localcat read acme:guide:a --bands b", ["blue"]),
        ("localcat read acme:guide:a --bands blue,a", ["blue,alpha"]),
        ("localcat summary --interval m", ["month", "minute"]),
    ],
)
def test_what_is_begun_is_completed_from_the_catalog(
    kept: Catalog, tmp_path: Path, words: str, proposed: list[str]
) -> None:
    assert completed(words, tmp_path)[: len(proposed)] == proposed


@pytest.mark.parametrize(
    "words",
    [
        "ingest sc",
        "ingest x --recipe sc",
        "upload sc",
        "relocate sc",
        "search --intersects sc",
        "read -o sc",
        "init sc",
    ],
)
def test_files_are_left_to_the_shell(kept: Catalog, tmp_path: Path, words: str) -> None:
    asked = {"_LOCALCAT_COMPLETE": "bash_complete", "COMP_WORDS": f"localcat {words}"}
    done = program(cwd=tmp_path, COMP_CWORD=str(words.count(" ") + 1), **asked)
    assert done.stdout.decode().splitlines() == ["file,sc"]


def test_the_catalog_that_was_typed_is_asked(kept: Catalog, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    assert completed("localcat show --catalog ../kept.gpkg acme:g", tmp_path / "below")[0] == "acme:guide"
    assert completed("localcat --catalog ../kept.gpkg show acme:g", tmp_path / "below")[0] == "acme:guide"


def test_without_a_catalog_nothing_is_proposed_and_nothing_said(tmp_path: Path) -> None:
    assert completed("localcat show a", tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_asks_the_command(shell: str) -> None:
    assert f"_LOCALCAT_COMPLETE={shell}_complete" in run("completion", shell)


def test_other_shells_are_refused() -> None:
    assert complaint("completion", "powershell", status=2).startswith("invalid value for '{bash|zsh|fish}'")


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_ids_with_their_colons(kept: Catalog, tmp_path: Path) -> None:
    (tmp_path / "localcat").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m localcat "$@"\n')
    (tmp_path / "localcat").chmod(0o755)
    (tmp_path / "script").write_text(run("completion", "bash"))
    lines = (
        "source ./script",
        'case "$COMP_WORDBREAKS" in *:*) echo broken;; esac',
        "COMP_WORDS=(localcat show acme:guide:f); COMP_CWORD=2",
        "_localcat_completion ./localcat",
        'echo "${COMPREPLY[@]}"',
    )
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        cwd=tmp_path,
        capture_output=True,
        check=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "LOCALCAT": ""},
    )
    assert done.stdout == "acme:guide:far\n"
