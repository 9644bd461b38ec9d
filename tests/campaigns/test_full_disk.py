"""Disks that are full after so many bytes: what is acknowledged then is whole, to the last pixel."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
import rasterio

from tests import checker
from tests.campaigns.harness import Outcome, Workshop
from tests.campaigns.report import Tally
from tests.survey import noise

WAYS = ["without_space_check", "on_a_full_disk"]  # in memory, and through scratch files
SCENARIO = "upload of noise"
CATALOG_BYTES = 400_000  # more than the catalog file and its journal: below, it is they that do not fit


def judged(workshop: Workshop, outcome: Outcome) -> list[str]:
    """Return what is wrong with how an upload ended, its pixels included."""
    found = workshop.problems(SCENARIO, outcome)
    if outcome.status != 0 or not outcome.is_alive:
        found.append(f"the process ended with {outcome.status}: {outcome.errors}")
    if len(outcome.errors) + outcome.acks != 1:
        found.append(f"{outcome.acks} acknowledged, {outcome.errors}")
    for path in checker.data_folder(workshop.catalog).rglob("c-*.tif"):
        with rasterio.open(path) as file:
            if not numpy.array_equal(file.read(1), noise()):
                found.append("other pixels than were given")
    return found


def told(outcome: Outcome) -> str:
    return outcome.errors[0].split()[0] if outcome.errors else "success"


def sweep(workshop: Workshop, way: str, limits: list[int]) -> tuple[Counter[str], list[str]]:
    """Upload with each limit on the length of files; return how it ended, and what was wrong."""
    ends: Counter[str] = Counter()
    found = []
    for limit in limits:
        outcome = workshop.run(SCENARIO, variant=way, file_limit=limit)
        ends[told(outcome)] += 1
        classes = {"success", "StorageFullError"}
        if way == "on_a_full_disk" or limit < CATALOG_BYTES:  # GDAL and SQLite do not tell which error they met
            classes |= {"StorageError", "CommitUnknownError"}
        if told(outcome) not in classes:
            found.append(f"{limit}: {outcome.errors}")
        found += [f"{limit}: {problem}" for problem in judged(workshop, outcome)]
    return ends, found


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_does_not_fit_is_never_acknowledged(workshop: Workshop, way: str) -> None:
    ends, found = sweep(workshop, way, [20_000, 300_000, 700_000, 4_000_000])
    assert not found, found
    assert ends["success"] == 1
    assert ends["StorageFullError"] >= 1 or way == "on_a_full_disk"


@pytest.mark.campaign
@pytest.mark.parametrize("way", WAYS)
def test_no_file_that_does_not_fit_is_ever_acknowledged(workshop: Workshop, tally: Tally, way: str) -> None:
    most = 3_000_000 if way == "without_space_check" else 9_000_000  # scratch files are not compressed
    limits = [*range(20_000, most, most // 75)]  # what a child reports has to fit, too
    ends, found = sweep(workshop, way, limits)
    tally.note(found, way)
    tally.add("file size limit", way, sizes=len(limits), bad=len(found), ended=dict(ends))
    assert not found, found


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A RAM disk of its own size; root alone may mount one."""
    folder = tmp_path_factory.mktemp("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.campaign
@pytest.mark.parametrize("way", WAYS)
def test_no_disk_that_is_full_is_ever_acknowledged(
    workshop: Workshop, small_disk: Path, tally: Tally, way: str
) -> None:
    ends: Counter[str] = Counter()
    found: list[str] = []
    there = Workshop(small_disk, workshop.server)
    there.report = small_disk.with_name(f"{small_disk.name}-report")  # what is told needs no room on it
    sizes = range(0, 4800, 80)
    for kilobytes in sizes:
        there.reset(SCENARIO)
        disk = os.statvfs(small_disk)
        used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize // 1024
        _resize(small_disk, used + 4 + kilobytes)
        there.server.send(there.request(SCENARIO, variant=way))
        outcome = there.outcome(there.server.answer())
        _resize(small_disk, 64 * 1024)
        ends[told(outcome)] += 1
        wrong = judged(there, outcome)
        if told(outcome) not in ("success", "StorageFullError", "CommitUnknownError"):
            wrong.append(str(outcome.errors))
        found += [f"{kilobytes} kB: {problem}" for problem in wrong]
    tally.note(found, way)
    tally.add("RAM disk", way, sizes=len(sizes), bad=len(found), ended=dict(ends))
    assert not found, found


def _resize(folder: Path, kilobytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", folder], check=True)
