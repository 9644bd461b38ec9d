"""Processes that change, read, copy and clean one catalog, while they are killed and the pair is renamed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from localcat import Catalog
from tests import checker
from tests.campaigns import soak
from tests.campaigns.report import Tally
from tests.campaigns.soak import Model

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system kills otherwise")

PROCESSES = 3
MINUTES = float(os.environ.get("LOCALCAT_SOAK_MINUTES", "8"))
ROOT = Path(__file__).resolve().parents[2]

COPIER = """
import shutil, sys, time
from pathlib import Path
while True:
    for path in Path(sys.argv[1]).glob("*.gpkg"):
        try:
            shutil.copyfile(path, sys.argv[2])
        except FileNotFoundError:  # renamed
            pass
    time.sleep(0.05)
"""


class Soak:
    """The catalog, its processes, and what came of them."""

    def __init__(self, folder: Path, seed: int) -> None:
        (folder / "place").mkdir()
        self.folder, self.random, self.stop = folder, random.Random(seed), folder / "stop"
        self.path = folder / "place" / "survey.gpkg"
        soak.make(self.path)
        self.workers: dict[int, subprocess.Popen[bytes]] = {}
        self.kills = self.renames = self.starts = 0
        self.problems: list[str] = []
        self.versions: dict[str, int] = {}

    def start(self, number: int) -> None:
        self.starts += 1
        seed = f"{self.random.random()}"
        command = [sys.executable, "-m", "tests.campaigns.soak", str(self.path), str(number), seed, str(self.stop)]
        with (self.folder / f"errors-{number}").open("ab") as errors:
            self.workers[number] = subprocess.Popen(command, cwd=ROOT, stderr=errors)

    def kill(self, number: int) -> None:
        worker = self.workers.pop(number)
        if worker.poll() is not None:
            errors = (self.folder / f"errors-{number}").read_text(encoding="utf-8")
            self.problems.append(f"process {number} ended by itself with {worker.returncode}: {errors[-500:]}")
        worker.kill()
        worker.wait()
        self.kills += 1

    def rename(self) -> None:
        """Rename the pair while no process has it open, and look at it first."""
        for number in list(self.workers):
            self.kill(number)
        self.check(f"before rename {self.renames}")
        new = self.path.with_name(f"survey{self.renames}.gpkg")
        self.path.with_suffix(".data").rename(new.with_suffix(".data"))
        self.path.rename(new)
        for suffix in ("-journal",):  # it belongs to the file, and has its name
            journal = self.path.with_name(self.path.name + suffix)
            if journal.exists():
                journal.rename(new.with_name(new.name + suffix))
        self.path = new
        self.renames += 1

    def models(self) -> dict[int, Model]:
        logs = {number: self.folder / f"log-{number}" for number in range(PROCESSES)}
        texts = {number: log.read_text(encoding="utf-8") for number, log in logs.items() if log.exists()}
        return {number: Model.of(text.splitlines()) for number, text in texts.items()}

    def check(self, when: str) -> None:
        """Compare the catalog with the models while nobody works on it."""
        with Catalog.open(self.path) as catalog:
            for number, model in self.models().items():
                there = soak.versions_of(catalog, number)
                self.problems += [f"{when}: {problem}" for problem in model.problems(there)]
        self.problems += [f"{when}: {problem}" for problem in checker.look(self.path).problems]

    def compare_pixels(self) -> int:
        """Compare the pixels of all images; return of how many."""
        compared = 0
        with Catalog.open(self.path) as catalog:
            for image in catalog.images:
                version = int(str(image.provider_id))
                if version:
                    soak.require_pixels(image, version)
                    compared += 1
        return compared


def run(folder: Path, tally: Tally, seconds: float, seed: int) -> Soak:
    found = Soak(folder, seed)
    copier = subprocess.Popen([sys.executable, "-c", COPIER, str(found.path.parent), str(folder / "copied")])
    try:
        end = time.monotonic() + seconds
        rename_at = time.monotonic() + seconds / 4
        while time.monotonic() < end:
            for number in range(PROCESSES):
                if number not in found.workers:
                    found.start(number)
            time.sleep(found.random.uniform(0.2, 1.0) * min(8.0, seconds / 4))
            if time.monotonic() > rename_at:
                found.rename()
                rename_at += max(30.0, seconds / 4)
            else:
                found.kill(found.random.randrange(PROCESSES))
        found.stop.touch()
        for number, worker in found.workers.items():
            if worker.wait(120) != 0:
                errors = (folder / f"errors-{number}").read_text(encoding="utf-8")
                found.problems.append(f"process {number} ended with {worker.returncode}: {errors[-500:]}")
    finally:
        copier.kill()
        copier.wait()
        for worker in found.workers.values():
            worker.kill()
            worker.wait()
    found.check("at the end")
    pixels = found.compare_pixels()
    with Catalog.open(found.path) as catalog:
        catalog.gc(keep="0 days")
        found.problems += [str(problem) for problem in catalog.verify("full", progress=False).problems]
    found.check("after the last gc")
    assert found.compare_pixels() == pixels
    models = found.models().values()
    found.problems += [error for model in models for error in model.errors]
    counts: Counter[str] = Counter()
    for model in models:
        counts.update(model.looks)
    tally.add(
        "soak",
        f"{PROCESSES} processes, {seconds:.0f} s",
        acknowledged=sum(model.acknowledged for model in models),
        kills=found.kills,
        renames=found.renames,
        images_compared=pixels,
        problems=len(found.problems),
        **dict(sorted(counts.items())),
    )
    return found


def test_some_seconds_of_everything_at_once_lose_nothing(tmp_path: Path) -> None:
    found = run(tmp_path, Tally(lambda line: None), 10.0, seed=1)
    assert found.problems == []
    assert found.kills >= 1
    assert found.renames >= 1
    shutil.rmtree(found.path.parent)


@pytest.mark.campaign
def test_minutes_of_everything_at_once_lose_nothing(tmp_path: Path, tally: Tally) -> None:
    found = run(tmp_path, tally, 60 * MINUTES, seed=2)
    assert found.problems == []
