"""Small things that would grow large are refused, with little memory and no crash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MEGABYTES = 300
SECONDS = 20  # of the processor: many times what is needed, and far below what something quadratic takes
HARMLESS = ("extra_properties of", "cs_code of")  # large, but nothing that grows: they are read as they are

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and measures memory as Linux does")


def test_bombs_are_refused_with_little_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaigns.bombs", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) > 45
    assert [one for one in found if one["outcome"].startswith("foreign")] == []
    assert [one for one in found if one["outcome"] == "done" and not one["name"].startswith(HARMLESS)] == []
    assert [one for one in found if one["taken"] > MEGABYTES] == []
    assert [one for one in found if one["seconds"] > SECONDS] == []
    slowest, most = max(found, key=lambda one: one["seconds"]), max(one["taken"] for one in found)
    print(f"\nbombs: {len(found)} tried, {most} MB, slowest {slowest['seconds']:.2f} s ({slowest['name']})")
