"""Which file systems are known, and how they are told apart."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from localcat.disk import filesystem
from localcat.disk.filesystem import (
    FileSystem,
    file_system_of,
    is_unc,
    longest_mount,
    mounts_of_bsd,
    mounts_of_linux,
)
from tests.systems import linux

MOUNTINFO = r"""
25 30 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
26 25 0:43 / /home/mara/my\040share rw shared:2 master:1 - nfs4 server:/home rw,vers=4.2
27 25 8:17 / /media/STICK rw - vfat /dev/sdb1 rw
28 25 0:50 / /home/mara/cloud rw - fuse.sshfs mara@server: rw
29 25 0:51 / /home/mara/vault rw - fuse.gocryptfs /secret rw
a line that is none
""".splitlines()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/srv/survey.gpkg", "ext4"),
        ("/home/mara/my share/survey.gpkg", "nfs4"),
        ("/home/mara/my shared things/survey.gpkg", "ext4"),
        ("/media/STICK", "vfat"),
        ("/home/mara/cloud/a/b", "fuse.sshfs"),
    ],
)
def test_the_nearest_mount_above_counts(path: str, expected: str) -> None:
    mounts = [(point, name) for point, name, _ in mounts_of_linux(MOUNTINFO)]
    assert longest_mount(Path(path), mounts) == expected


def test_devices_are_numbered() -> None:
    assert [device for _, _, device in mounts_of_linux(MOUNTINFO)] == ["254:0", "0:43", "8:17", "0:50", "0:51"]


def test_the_mounts_of_macos() -> None:
    lines = [
        "/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)",
        "//mara@server/share on /Volumes/my share (smbfs, nodev, nosuid, mounted by mara)",
        "/dev/disk4s1 on /Volumes/STICK (msdos, local, nodev)",
    ]
    assert mounts_of_bsd(lines) == [("/", "apfs"), ("/Volumes/my share", "smbfs"), ("/Volumes/STICK", "msdos")]


@pytest.mark.parametrize(
    ("name", "network", "fat", "local"),
    [
        ("ext4", False, False, True),
        ("apfs", False, False, True),
        ("ntfs", False, False, True),
        ("nfs4", True, False, False),
        ("cifs", True, False, False),
        ("fuse.sshfs", True, False, False),
        ("fuse.gocryptfs", False, False, False),
        ("vfat", False, True, False),
        ("exfat", False, True, False),
        ("", False, False, False),
    ],
)
def test_kinds(name: str, network: bool, fat: bool, local: bool) -> None:
    found = FileSystem(name)
    assert (found.is_network, found.is_fat, found.is_local_disk) == (network, fat, local)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (r"\\server\share\survey.gpkg", True),
        ("//server/share/survey.gpkg", True),
        (r"\\?\UNC\server\share", True),
        (r"\\?\C:\survey.gpkg", False),
        (r"\\.\PhysicalDrive0", False),
        (r"C:\survey.gpkg", False),
        ("survey.gpkg", False),
    ],
)
def test_shares_of_windows(path: str, expected: bool) -> None:
    assert is_unc(path) is expected


def test_this_machines_folder_is_known(tmp_path: Path) -> None:
    found = file_system_of(tmp_path / "missing" / "survey.gpkg")
    assert found == file_system_of(tmp_path)
    assert found.name
    assert not found.is_read_only


@linux
def test_kernel_and_mounts_agree() -> None:
    found = file_system_of("/proc/self")
    assert (found.name, found.is_local_disk) == ("proc", False)
    assert file_system_of("/proc").is_read_only is bool(os.statvfs("/proc").f_flag & os.ST_RDONLY)


@linux
def test_on_macos_the_mounts_are_listed_once_for_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a program of its own, which every thread's connection would run."""
    listed: list[list[str]] = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[bytes]:
        listed.append(command)
        return subprocess.CompletedProcess(command, 0, b"/dev/disk3s1 on / (apfs, local)\n//x/\xff on /x (smbfs)\n")

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(filesystem, "_names", {})
    assert [file_system_of(tmp_path / name).name for name in ("a", "b", "c")] == ["apfs"] * 3
    assert listed == [["/sbin/mount"]]


@linux
def test_on_macos_a_list_that_does_not_come_leaves_the_name_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **options: object) -> None:
        raise subprocess.TimeoutExpired(command, 5)

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(filesystem, "_names", {})
    assert file_system_of(tmp_path).name == ""
