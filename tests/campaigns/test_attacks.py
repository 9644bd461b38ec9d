"""Hostile paths in all ways that one comes in: our error, no file outside opened, no socket."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.campaigns import attacks
from tests.campaigns.tracing import EVERY

REPOSITORY = Path(__file__).resolve().parents[2]
STRACE = shutil.which("strace")


def run(folder: Path, *, step: int, before: tuple[str, ...] = ()) -> list[dict]:
    """Try every form, or one in so many, in a process of its own; return how each attempt ended."""
    attacks.prepare(folder)
    done = subprocess.run(
        [*before, sys.executable, "-m", "tests.campaigns.attacks", str(folder), "0", str(step)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder / "home" / "deep",
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "LOGNAME": "visitor"},  # else a list of users is asked for it
        timeout=3000,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def judge(found: list[dict], folder: Path) -> None:
    """All attempts were refused but those that only look into the trash; nothing outside was touched."""
    assert [one for one in found if one["outcome"].startswith("foreign")] == []
    assert [one for one in found if one["seen"]] == []
    assert [one for one in found if one["outcome"] == "done" and one["way"] != "the trash"] == []
    for secret in ("outside/secret.tif", "home/secret.tif", "secret.tif"):
        assert (folder / secret).exists()


def test_there_are_enough_forms(tmp_path: Path) -> None:
    assert len(attacks.forms(tmp_path)) > 400


def test_hostile_paths_are_refused(tmp_path: Path) -> None:
    found = run(tmp_path, step=59)
    judge(found, tmp_path)
    assert {one["way"] for one in found} == {way for way, _ in attacks.attempts(tmp_path, "http://127.0.0.1/x")}


@pytest.mark.campaign
@pytest.mark.skipif(STRACE is None, reason="there is no strace here")
def test_all_hostile_paths_under_strace(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    watched = "trace=connect,socket,sendto,open,openat,unlink,unlinkat,rename,execve"
    assert STRACE is not None
    found = run(tmp_path, step=EVERY, before=(STRACE, "-f", "-qq", "-s", "4096", "-o", str(log), "-e", watched))
    judge(found, tmp_path)
    calls = log.read_text(errors="replace").splitlines()
    sockets = [call for call in calls if re.search(r"\b(connect|socket|sendto)\(", call)]
    assert sockets == []
    reached = [call for call in calls if re.search(r"\b(open|openat|unlink).*\bsecret\b", call)]
    # Opened by name, and found to be something else or nothing at all, is all right within the catalog's own folder.
    outside = [call for call in reached if " = -1 " not in call]
    assert outside == []
    outcomes = Counter(one["outcome"].split(":")[0] for one in found)
    count = len({one["form"] for one in found})
    print(f"\nhostile paths: {count} forms, {len(found)} attempts, 0 sockets, 0 files outside; {dict(outcomes)}")
