"""The kind of file system of a path: some cannot be trusted with locks or with the order of writes."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcat.errors import BadRequestError

_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|afpfs|afs|9p|ncpfs|ceph|glusterfs|lustre|gpfs|beegfs|orangefs|pvfs2|davfs|webdav|vboxsf|"
    r"vmhgfs|prl_fs|fuse\.(sshfs|rclone|s3fs|glusterfs|ceph|davfs2|gcsfuse|vmhgfs-fuse|cvmfs2)"
)
_FAT = re.compile(r"vfat|msdos|fat(12|16|32)?|exfat")
_LOCAL = re.compile(r"ext[234]|xfs|btrfs|bcachefs|f2fs|jfs|reiserfs|zfs|tmpfs|ramfs|overlay|apfs|hfs|ntfs3?|refs|ufs")
_names: dict[int, str] = {}  # of the file systems that were asked for, by device
_ESCAPED = re.compile(r"\\([0-7]{3})")  # how mountinfo writes a space, a tab, a newline and a backslash


@dataclass(frozen=True, slots=True)
class FileSystem:
    """The file system below a path.

    Parameters
    ----------
    name : str
        What the system calls it, in lower case: ``ext4``, ``nfs4``, ``vfat``; empty if it is not known.
    is_read_only : bool
        Whether it is mounted for reading only.
    """

    name: str
    is_read_only: bool = False

    @property
    def is_network(self) -> bool:
        """Whether another machine holds the files, so that locks may not hold among machines."""
        return _NETWORK.fullmatch(self.name) is not None

    @property
    def is_fat(self) -> bool:
        """Whether it is a FAT or exFAT, which have no journal: an unclean removal may damage any file on it."""
        return _FAT.fullmatch(self.name) is not None

    @property
    def is_local_disk(self) -> bool:
        """Whether it is known to be a disk of this machine whose locks and shared memory can be trusted."""
        return _LOCAL.fullmatch(self.name) is not None


def file_system_of(path: str | os.PathLike[str]) -> FileSystem:
    """Return the file system of a path, which need not exist yet.

    Parameters
    ----------
    path : path
        A file or a folder; where it is missing, the nearest folder above it counts.

    Returns
    -------
    FileSystem
        With an empty name if the system does not report one.
    """
    found = Path(path).absolute()
    while not found.exists() and found != found.parent:
        found = found.parent
    try:
        found = found.resolve()
        return FileSystem(_name_of(found), _is_read_only(found))
    except OSError:
        return FileSystem("")


def exists(path: str | os.PathLike[str]) -> bool:
    """Return whether there is something at a path; `Path.exists` raises where a name is too long."""
    return os.path.exists(path)  # noqa: PTH110  # pathlib raises where a name is too long


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Return whether there is a folder at a path; `Path.is_dir` raises where a name is too long."""
    return os.path.isdir(path)  # noqa: PTH112  # pathlib raises where a name is too long


def is_file(path: str | os.PathLike[str]) -> bool:
    """Return whether there is a file at a path, or a link to one; `Path.is_file` raises where a name is too long."""
    return os.path.isfile(path)  # noqa: PTH113  # pathlib raises where a name is too long


def is_link(path: str | os.PathLike[str]) -> bool:
    """Return whether there is a symbolic link at a path; `Path.is_symlink` raises where a name is too long."""
    return os.path.islink(path)  # noqa: PTH114  # pathlib raises where a name is too long


def is_plain_file(path: str | os.PathLike[str]) -> bool:
    """Return whether there is a file at a path that can be opened without care: not a link, a pipe or a device."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return False


if sys.platform == "win32":
    import ctypes

    _REMOTE_DRIVE = 4
    _READ_ONLY_VOLUME = 0x0008_0000

    def _volume(path: Path) -> tuple[str, int]:
        kernel = ctypes.windll.kernel32
        name, flags = ctypes.create_unicode_buffer(64), ctypes.c_ulong()
        root = f"{path.drive}\\"
        if not kernel.GetVolumeInformationW(root, None, 0, None, None, ctypes.byref(flags), name, len(name)):
            return "", 0
        return name.value.lower(), flags.value

    def _name_of(path: Path) -> str:
        if is_unc(str(path)) or ctypes.windll.kernel32.GetDriveTypeW(f"{path.drive}\\") == _REMOTE_DRIVE:
            return "smb"
        return _volume(path)[0]

    def _is_read_only(path: Path) -> bool:
        return bool(_volume(path)[1] & _READ_ONLY_VOLUME)

else:

    def _name_of(path: Path) -> str:
        device = path.stat().st_dev
        if sys.platform == "darwin":
            if device not in _names:  # else a program would be run for each thread's connection
                _names[device] = longest_mount(path, mounts_of_bsd(_mounts_listed()))
            return _names[device]
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        mounts = list(mounts_of_linux(lines))
        number = f"{os.major(device)}:{os.minor(device)}"
        same_device = [(point, name) for point, name, its_device in mounts if its_device == number]
        # The device decides where it can: a mount point may be hidden by another mount on top of it. Btrfs numbers the
        # files of a subvolume otherwise than its mount.
        return longest_mount(path, same_device or [(point, name) for point, name, _ in mounts])

    def _mounts_listed() -> list[str]:
        import subprocess  # takes a while to import, and other systems do not need it

        command = ["/sbin/mount"]  # in full, so that PATH names no other program
        try:
            done = subprocess.run(command, capture_output=True, check=True, timeout=5)  # noqa: S603  # a constant
        except subprocess.SubprocessError as error:
            raise OSError(f"{command[0]} does not list the mounted disks: {error}") from error
        return os.fsdecode(done.stdout).splitlines()  # a volume's name may be no UTF-8

    def _is_read_only(path: Path) -> bool:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def is_unc(path: str) -> bool:
    r"""Return whether a Windows path names a share: ``\\server\share``; a device path, as ``\\?\C:\``, does not."""
    plain = path.replace("/", "\\")
    return plain.upper().startswith("\\\\?\\UNC\\") or (
        plain.startswith("\\\\") and not plain.startswith(("\\\\?\\", "\\\\.\\"))
    )


def mounts_of_linux(lines: Iterable[str]) -> Iterable[tuple[str, str, str]]:
    """Yield (mount point, file system, device as ``major:minor``) of the lines of ``/proc/self/mountinfo``."""
    for line in lines:
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if separator and len(fields) >= 5:
            point = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[4])
            yield point, after.split(" ")[0].lower(), fields[2]


def mounts_of_bsd(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Return (mount point, file system) of the lines that the command ``mount`` prints on macOS."""
    found = (re.fullmatch(r".+? on (.+) \(([^,)]+)[^()]*\)", line) for line in lines)
    return [(match[1], match[2].lower()) for match in found if match is not None]


def longest_mount(path: Path, mounts: Iterable[tuple[str, str]]) -> str:
    """Return the file system of the mount point that is nearest above a path; empty if none is."""
    above = [(len(point), name) for point, name in mounts if path.is_relative_to(point)]
    return max(above, key=lambda found: found[0])[1] if above else ""


_UNITS: Final = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SIZE: Final = re.compile(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([kmgt]i?)?b?\s*", re.IGNORECASE)


def bytes_of(given: object, name: str) -> int:
    """Return a number of bytes, given as one or as text such as ``"2 GB"``.

    Raises
    ------
    BadRequestError
        If it is neither; it calls the argument by its name.
    """
    match = _SIZE.fullmatch(given) if isinstance(given, str) else None
    if match is not None:
        return round(float(match[1]) * _UNITS[(match[2] or "").lower()])
    if isinstance(given, bool) or not isinstance(given, int) or given <= 0:
        raise BadRequestError(f"{name} is a number of bytes, or text such as '2 GB' or '700 MiB', not {given!r:.100}")
    return given
