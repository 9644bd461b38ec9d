"""What tests of writing share: a disk on which there is no room."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcat import StorageFullError
from localcat.disk.data_folder import DataFolder


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each file that is to be published fail for want of room."""

    def full(self: DataFolder, path: Path) -> None:
        raise StorageFullError(f"no room to write {path.suffix}")

    monkeypatch.setattr(DataFolder, "sync", full)
