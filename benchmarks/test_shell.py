"""What it costs to start the command, beside a program of click that does nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BARE = """
import click

@click.group()
@click.version_option("1", prog_name="bare")
def cli():
    pass

@cli.command()
def nothing():
    pass

cli()
"""


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_starting_the_command(in_turns, tmp_path: Path, option: str) -> None:
    """The floor is click itself: at most half as much again, or 120 ms."""
    (tmp_path / "bare.py").write_text(BARE)

    def ours() -> None:
        done = subprocess.run([sys.executable, "-m", "localcat", option], capture_output=True, check=True, text=True)
        assert "localcat" in done.stdout

    def bare() -> None:
        done = subprocess.run(
            [sys.executable, tmp_path / "bare.py", option], capture_output=True, check=True, text=True
        )
        assert "bare" in done.stdout

    in_turns(f"localcat {option} (floor: bare click)", ours, bare, rounds=15)


def test_a_search_from_the_shell(in_turns, big) -> None:
    """The floor imports what a search in a program imports, and asks the same."""
    code = (
        "import sys, localcat\n"
        "with localcat.Catalog.open(sys.argv[1]) as catalog:\n"
        "    print(*catalog.images.during('2024-06').limit(10).ids(), sep='\\n')"
    )

    def asked(*words: object) -> str:
        return subprocess.run([sys.executable, *map(str, words)], capture_output=True, check=True, text=True).stdout

    def ours() -> str:
        return asked("-m", "localcat", "-C", big.path, "search", "--datetime", "2024-06", "--limit", 10, "--ids")

    def floor() -> str:
        return asked("-c", code, big.path)

    assert ours() == floor()
    in_turns("localcat search (floor: the same in Python)", ours, floor, rounds=9)
