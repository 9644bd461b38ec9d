"""Archives as nobody writes them with localcat, and what opening them leaves."""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

Members = dict[str, bytes]


def members_of(path: Path) -> Members:
    """Return the content of an archive, by name."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def listed(members: Members) -> Members:
    """Return members with a manifest that names them all, as whoever forges an archive would."""
    manifest = json.loads(members["manifest.json"])
    manifest["members"] = {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in members.items()
        if name != "manifest.json"
    }
    return {**members, "manifest.json": json.dumps(manifest).encode()}


def written(path: Path, members: Members, **options: Any) -> Path:
    """Write an archive as any program would."""
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, options.get("compression", zipfile.ZIP_STORED))
    return path


def left_by_bundles() -> set[str]:
    """Return the temporary folders in which rows of archives are read that are open now."""
    return {path.name for path in Path(tempfile.gettempdir()).glob(".localcat-bundle.*.tmp")}
