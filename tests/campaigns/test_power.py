"""The power goes on a real file system: ext4 on a loop device, which forgets what was not synced. Needs root."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.campaigns.harness import Server, Workshop
from tests.campaigns.report import Tally
from tests.campaigns.tracing import calls, run_here, some

pytestmark = pytest.mark.campaign

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
WITHOUT_LOG = 2  # what the file system's own journal holds in memory is lost as well
CHANGES = {"write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "openat", "mkdir", "ftruncate"}
MOST = 130  # points of each scenario


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[None]:
    """Mount a file system that writes nothing by itself for a quarter of an hour."""
    subprocess.run(["mount", "-o", "loop,commit=900", image, folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)
        # The device goes a moment later; mounted again before that, it would still be shut down.
        while subprocess.run(["losetup", "-j", image], check=True, stdout=subprocess.PIPE).stdout:
            time.sleep(0.01)


def ext4(place: Path) -> tuple[Path, Path]:
    """Make a file system in a file; return the file, and the folder to mount it on."""
    image, folder = place / "disk.img", place / "disk"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(48 * 2**20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    return image, folder


def cut_power(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", WITHOUT_LOG))
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("scenario", ["upload, replace, delete", "bulk load"])
def test_a_power_cut_keeps_the_promise(
    server: Server, tally: Tally, tmp_path: Path, scenario: str, journal: str
) -> None:
    image, folder = ext4(tmp_path)
    there = Workshop(folder, server, journal)
    there.bases, there.report = tmp_path / "bases", tmp_path / "report"
    with mounted(image, folder):
        points = [point for point in calls(there, scenario, output=tmp_path / "trace") if point.name in CHANGES]
    points = some(points[:: max(1, len(points) // MOST)])
    lost = 0
    for point in points:
        with mounted(image, folder):
            there.reset(scenario)
            subprocess.run(["sync", "-f", folder], check=True)
            outcome = run_here(there, scenario, point.injected("signal=KILL"))
            cut_power(folder)
        with mounted(image, folder):
            found = there.problems(scenario, outcome)
        lost += bool(found)
        tally.note(found, f"{point.name} {point.number} {point.text[:150]}")
    tally.add(f"power cut, ext4, {journal}", scenario, points=len(points), survived=len(points) - lost)
    assert lost == 0


def test_not_waiting_for_the_disk_is_caught(server: Server, tally: Tally, tmp_path: Path) -> None:
    image, folder = ext4(tmp_path)
    there = Workshop(folder, server)
    there.bases, there.report = tmp_path / "bases", tmp_path / "report"
    with mounted(image, folder):
        there.reset("upload")
        subprocess.run(["sync", "-f", folder], check=True)
        outcome = run_here(there, "upload", [], variant="nothing_synced")
        cut_power(folder)
    with mounted(image, folder):
        found = there.problems("upload", outcome)
    tally.add("control", "power cut, nothing_synced", caught=bool(found))
    assert found
