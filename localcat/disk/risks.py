"""Kinds of file system on which a catalog is at risk; a warning is given once a process, since it mostly works."""

from __future__ import annotations

from pathlib import Path

from localcat.disk.filesystem import FileSystem, file_system_of
from localcat.errors import FileSystemWarning, warn_caller

_told: set[Path] = set()


def warn_of_risks(path: Path) -> None:
    """Warn, once in a process, of a catalog on a network share or a FAT."""
    if path in _told:
        return
    message = risk_of(file_system_of(path))
    if message is not None:
        _told.add(path)
        warn_caller(FileSystemWarning(f"catalog '{path}' {message}"))


def risk_of(system: FileSystem) -> str | None:
    """Return what may happen to a catalog on a file system, and what to do; None for nothing special."""
    if system.is_network:
        return (
            f"lies on a network share ({system.name}), whose locks may fail among machines; let one machine at a time "
            "write to it, or keep it on a local disk"
        )
    if system.is_fat:
        return (
            f"lies on a {system.name} file system, which keeps no journal; eject the disk before it is removed, or "
            "keep the catalog elsewhere"
        )
    return None
