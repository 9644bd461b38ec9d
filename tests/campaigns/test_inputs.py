"""Any value in any place that takes a user's: an error of localcat, and nothing half-written."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.campaigns.report import Tally
from tests.campaigns.tracing import EVERY

REPOSITORY = Path(__file__).resolve().parents[2]


def campaign(folder: Path, first: int, count: int) -> Counter[str]:
    """Give so many values, and return how often each outcome came."""
    command = [sys.executable, "-m", "tests.campaigns.inputs", str(folder), str(first), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"after {lines[-1:]}: {done.stderr[-2000:]}"
    tried = [line for line in lines if "way" in line]
    assert [line for line in tried if line["foreign"]] == []
    assert len(tried) == count
    assert lines[-1] == {"verified": True}
    return Counter(line["outcome"] for line in tried)


def test_any_value_is_taken_or_refused(tmp_path: Path) -> None:
    outcomes = campaign(tmp_path, 0, 800)
    assert outcomes["taken"] > 20
    assert len(outcomes) > 6


@pytest.mark.campaign
def test_many_values_are_taken_or_refused(tmp_path: Path, tally: Tally) -> None:
    outcomes = campaign(tmp_path, 1_000, 20_000 // EVERY)
    tally.add("inputs", "values in every place", tried=outcomes.total(), **dict(outcomes.most_common()))
