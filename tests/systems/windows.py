"""Windows as far as localcat can see it: mandatory locks, share modes, names, and functions that are not there.

The functions of `os` that files go through are altered for the whole process, since `pathlib` and `shutil` call them,
too; what the system is called, and which functions it lacks, only localcat sees.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import io
import os
import re
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from tests.systems import Altered, see

MISSING = frozenset(
    (
        "chown",
        "fchmod",
        "fchown",
        "fork",
        "forkpty",
        "fdatasync",
        "getegid",
        "geteuid",
        "getgid",
        "getuid",
        "killpg",
        "lchown",
        "major",
        "minor",
        "mkfifo",
        "mknod",
        "posix_fadvise",
        "posix_fallocate",
        "pread",
        "pwrite",
        "register_at_fork",
        "sched_getaffinity",
        "setsid",
        "statvfs",
        "sync",
        "uname",
        "wait",
        "O_CLOEXEC",
        "O_DIRECT",
        "O_DIRECTORY",
        "O_NOFOLLOW",
        "O_NONBLOCK",
        "O_SYNC",
        "ST_RDONLY",
    )
)
LONGEST_PATH = 259  # characters
RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT") for number in range(10))}
FORBIDDEN = re.compile(r'[\x00-\x1f:*?"<>|]')
UNLOCK, LOCK, TRY = 0, 1, 2  # of msvcrt.locking
REMOTE_DRIVE, FIXED_DRIVE = 4, 3


def put_in_place() -> None:
    """Put Windows in place."""
    msvcrt = ModuleType("msvcrt")
    msvcrt.__dict__.update(LK_UNLCK=UNLOCK, LK_LOCK=LOCK, LK_NBLCK=TRY, locking=_locking)
    kernel = SimpleNamespace(GetVolumeInformationW=_volume, GetDriveTypeW=lambda root: FIXED_DRIVE)
    see(
        {
            "sys": Altered(sys, platform="win32"),
            "os": Altered(os, missing=MISSING, name="nt"),
            "ctypes": Altered(ctypes, windll=SimpleNamespace(kernel32=kernel)),
            "msvcrt": msvcrt,
            "fcntl": None,
            "pwd": None,
            "resource": None,
        }
    )
    shutil._use_fd_functions = False  # so that it goes through the functions below
    for alter in (_mind_open_files, _mind_locks, _mind_names):
        alter()


def _volume(root: str, *more: Any) -> int:
    *_, flags, name, _ = more
    flags._obj.value, name.value = 0, "NTFS"
    return 1


def _refusal(number: int, code: int, text: str, path: object) -> OSError:
    kind = {errno.EACCES: PermissionError, errno.EEXIST: FileExistsError, errno.ENOENT: FileNotFoundError}
    return kind.get(number, OSError)(number, f"[WinError {code}] {text}", os.fspath(path))


# Share modes: Python, SQLite and GDAL open files so that nobody can rename or unlink them meanwhile


def _mind_open_files() -> None:
    rename, replace, unlink, rmdir, fsync = os.rename, os.replace, os.unlink, os.rmdir, os.fsync

    def renamed(source: Any, target: Any, **options: Any) -> None:
        _require_closed(source)
        if os.path.lexists(target):
            raise _refusal(errno.EEXIST, 183, "Cannot create a file when that file already exists", target)
        rename(source, target, **options)

    def replaced(source: Any, target: Any, **options: Any) -> None:
        _require_closed(source)
        _require_closed(target)
        _require_writable(target)
        replace(source, target, **options)

    def unlinked(path: Any, **options: Any) -> None:
        if options.get("dir_fd") is None:
            _require_closed(path)
            _require_writable(path)
        unlink(path, **options)

    def folder_removed(path: Any, **options: Any) -> None:
        if options.get("dir_fd") is None:
            _require_closed(path)
        rmdir(path, **options)

    def flushed(descriptor: int) -> None:
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")  # also what is opened for reading only
        fsync(descriptor)

    os.rename, os.replace, os.unlink, os.remove, os.rmdir = renamed, replaced, unlinked, unlinked, folder_removed
    os.fsync = flushed


def _require_closed(path: Any) -> None:
    real = os.path.realpath(os.path.dirname(os.fspath(path))) + "/" + os.path.basename(os.fspath(path))
    for entry in os.listdir("/proc/self/fd"):
        try:
            opened = os.readlink(f"/proc/self/fd/{entry}")
        except OSError:
            continue
        if opened == real or opened.startswith(f"{real}/"):
            raise _refusal(errno.EACCES, 32, "The process cannot access the file: it is in use", path)


def _require_writable(path: Any) -> None:
    """Refuse to remove a file that has the attribute "read only"."""
    try:
        found = os.lstat(path)
    except OSError:
        return
    if stat.S_ISREG(found.st_mode) and not found.st_mode & stat.S_IWUSR:
        raise _refusal(errno.EACCES, 5, "Access is denied", path)


# Locks: what one handle has locked, no other one reads or writes

_held: dict[int, tuple[int, int, int]] = {}  # device, number and time of change of a locked file, by descriptor


def _locking(descriptor: int, kind: int, count: int) -> None:
    if kind == UNLOCK:
        _release(descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        return
    if descriptor in _held:
        raise OSError(errno.EACCES, "Permission denied")  # locks do not nest
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (fcntl.LOCK_NB if kind == TRY else 0))
    except BlockingIOError:
        raise OSError(errno.EACCES, "Permission denied") from None
    found = os.fstat(descriptor)
    _held[descriptor] = found.st_dev, found.st_ino, found.st_mtime_ns


def _release(descriptor: int) -> None:
    if descriptor in _held:
        changed = os.fstat(descriptor).st_mtime_ns != _held.pop(descriptor)[2]
        assert not changed, "a locked file was written by another handle, which Windows does not allow"


def _mind_locks() -> None:
    close, read, write, opened = os.close, os.read, os.write, io.open

    def closing(descriptor: int) -> None:
        _release(descriptor)
        close(descriptor)

    def reading(descriptor: int, count: int) -> bytes:
        _require_unlocked(os.fstat(descriptor), descriptor)
        return read(descriptor, count)

    def writing(descriptor: int, data: Any) -> int:
        _require_unlocked(os.fstat(descriptor), descriptor)
        return write(descriptor, data)

    def opening(file: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(file, str | bytes | os.PathLike) and os.path.exists(file):
            _require_unlocked(os.stat(file), None)
        return opened(file, *arguments, **options)

    import builtins

    os.close, os.read, os.write, io.open, builtins.open = closing, reading, writing, opening, opening


def _require_unlocked(found: os.stat_result, by: int | None) -> None:
    for descriptor, (device, number, _) in list(_held.items()):
        if (device, number) == (found.st_dev, found.st_ino) and descriptor != by:
            raise PermissionError(errno.EACCES, "[WinError 33] another process has locked a portion of the file")


# Names


def _mind_names() -> None:
    os_open, mkdir, rename, replace, link, opened = os.open, os.mkdir, os.rename, os.replace, os.link, io.open

    def opening(path: Any, flags: int, *more: Any, **options: Any) -> int:
        if options.get("dir_fd") is None:
            if os.path.isdir(path):
                raise _refusal(errno.EACCES, 5, "Access is denied", path)
            _require_name(path)
        return os_open(path, flags, *more, **options)

    def made(path: Any, *more: Any, **options: Any) -> None:
        _require_name(path)
        mkdir(path, *more, **options)

    def to_target(call: Callable[..., None]) -> Callable[..., None]:
        def named(source: Any, target: Any, **options: Any) -> None:
            _require_name(target)
            call(source, target, **options)

        return named

    def file_opened(file: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(file, str | os.PathLike) and not str(file).startswith(("/proc/", "/sys/", "/dev/")):
            _require_name(file)
        return opened(file, *arguments, **options)

    import builtins

    os.open, os.mkdir, io.open, builtins.open = opening, made, file_opened, file_opened
    os.rename, os.replace, os.link = to_target(rename), to_target(replace), to_target(link)


def _require_name(path: Any) -> None:
    text = os.path.abspath(os.fsdecode(path))
    name = Path(text).name
    if name.partition(".")[0].rstrip().upper() in RESERVED or name.endswith((".", " ")) or FORBIDDEN.search(name):
        raise _refusal(errno.EINVAL, 123, "The filename, directory name, or volume label syntax is incorrect", text)
    if len(text) > LONGEST_PATH:
        raise _refusal(errno.ENOENT, 206, "The filename or extension is too long", text)
