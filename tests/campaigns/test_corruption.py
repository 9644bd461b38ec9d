"""Damaged catalogs and rasters: never a crash, never an error that is not localcat's, never a wait without end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.campaigns import corruption
from tests.campaigns.tracing import EVERY

REPOSITORY = Path(__file__).resolve().parents[2]
BATCH = 250  # files a process; one that crashes ends its batch
HANG = 5.0  # seconds

MAKERS = {"catalogs": corruption.make_catalog, "rasters": corruption.make_rasters}


@dataclass
class Tally:
    """What became of many damaged files."""

    tried: int = 0
    refused: int = 0  # files at which at least one error of localcat's was raised
    crashes: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    slowest: float = 0.0  # seconds of processor time for one use of a file
    busiest: float = 0.0  # seconds of processor time for all uses of a file
    longest: float = 0.0  # the same by the clock
    errors: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)  # of `corruption.verdict`, for rasters

    def __str__(self) -> str:
        return (
            f"{self.tried} tried, {self.refused} refused, {len(self.crashes)} crashes, "
            f"{len(self.foreign)} foreign errors; slowest use {self.slowest:.2f} s, busiest file "
            f"{self.busiest:.2f} s of the processor, longest {self.longest:.2f} s by the clock; "
            f"{dict(self.errors.most_common())}; {dict(self.verdicts.most_common())}"
        )


def campaign(kind: str, folder: Path, first: int, count: int) -> Tally:
    """Damage and use so many files, with seeds from the first on."""
    base = folder / kind
    base.mkdir()
    MAKERS[kind](base)
    tally = Tally()
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(REPOSITORY)}
    for start in range(first, first + count, BATCH):
        size = min(BATCH, first + count - start)
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "tests.campaigns.corruption", kind, str(base), str(start), str(size)],
            capture_output=True,
            text=True,
            check=False,
            cwd=REPOSITORY,
            env=environment,
            timeout=BATCH * HANG,
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode != 0:
            tally.crashes.append(f"status {done.returncode} at {lines[-1] if lines else start}: {done.stderr[-500:]}")
        for line in lines:
            if "begun" not in line:
                tally.tried += 1
                tally.refused += bool(line["errors"])
                tally.foreign += [f"seed {line['seed']}: {text}" for text in line["foreign"]]
                tally.errors.update(line["errors"])
                tally.slowest = max(tally.slowest, line["slowest"])
                tally.busiest = max(tally.busiest, line["work"])
                tally.longest = max(tally.longest, line["seconds"])
                tally.verdicts.update([line["verdict"]] if "verdict" in line else [])
    return tally


def judge(tally: Tally, count: int) -> None:
    assert tally.crashes == []
    assert tally.foreign == []
    assert tally.tried == count
    assert tally.refused > count / 4
    assert tally.longest < HANG, "a file that takes longer hangs"


def test_damaged_catalogs(tmp_path: Path) -> None:
    judge(campaign("catalogs", tmp_path, 0, 60), 60)


def test_damaged_rasters(tmp_path: Path) -> None:
    judge_rasters(campaign("rasters", tmp_path, 0, 50), 50)


def judge_rasters(tally: Tally, count: int) -> None:
    judge(tally, count)
    assert tally.verdicts["accepted"] == 0
    assert tally.verdicts["wrong pixels"] > 0, "nothing that verifying alone finds was tried"
    assert tally.verdicts.total() == count


@pytest.mark.campaign
def test_ten_thousand_damaged_catalogs(tmp_path: Path) -> None:
    count = 10_000 // EVERY
    tally = campaign("catalogs", tmp_path, 1_000, count)
    print(f"\ndamaged catalogs: {tally}")
    judge(tally, count)


@pytest.mark.campaign
def test_six_thousand_damaged_rasters(tmp_path: Path) -> None:
    count = 6_000 // EVERY
    tally = campaign("rasters", tmp_path, 1_000, count)
    print(f"\ndamaged rasters: {tally}")
    judge_rasters(tally, count)
    assert tally.busiest <= 0.5
