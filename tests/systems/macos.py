"""macOS as far as localcat can see it: a fsync that stops at the drive's cache, and mounts that a program lists."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.systems import Altered, see

FULL_FSYNC = 51  # F_FULLFSYNC
MISSING = frozenset({"fdatasync", "posix_fadvise", "posix_fallocate", "sched_getaffinity", "O_DIRECT", "sendfile"})


def put_in_place(*, has_full_fsync: bool) -> None:
    """Put macOS in place; without `has_full_fsync` as it is on a share and on some FUSE file systems."""

    def control(descriptor: int, command: int, *more: Any) -> Any:
        if command != FULL_FSYNC:
            return fcntl.fcntl(descriptor, command, *more)
        if not has_full_fsync:
            raise OSError(errno.ENOTSUP, "Operation not supported")
        os.fsync(descriptor)
        return 0

    def fsync(descriptor: int) -> None:
        assert not has_full_fsync, "fsync stops at the drive's cache; F_FULLFSYNC reaches the drive"
        os.fsync(descriptor)

    see(
        {
            "sys": Altered(sys, platform="darwin"),
            "os": Altered(os, missing=MISSING, fsync=fsync),
            "fcntl": Altered(fcntl, fcntl=control, F_FULLFSYNC=FULL_FSYNC),
            "subprocess": Altered(subprocess, run=_run),
        }
    )


def _run(command: list[str], **options: Any) -> subprocess.CompletedProcess[Any]:
    if command != ["/sbin/mount"]:
        return subprocess.run(command, **options)
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    found = (re.match(r"\S+ \S+ \S+ \S+ (\S+) .* - (\S+) (\S+)", line) for line in mounts)
    lines = "".join(f"{match[3]} on {match[1]} ({match[2]}, local)\n" for match in found if match is not None)
    return subprocess.CompletedProcess(command, 0, lines.encode())
