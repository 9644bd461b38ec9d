"""Folders that the disk does not list while something is made or looked at: an error of ours, and nothing half."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localcat import Catalog, LocalcatError
from localcat.maintenance.doctor import examine
from tests.small_catalog import fill_guide

CALLS: dict[str, Callable[[Catalog, Path], object]] = {
    "bundle": lambda catalog, home: catalog.bundle(home / "out.zip", progress=False),
    "unpack": lambda catalog, home: Catalog.unpack(home / "kit.zip", home / "out", progress=False).close(),
    "opening a bundle": lambda catalog, home: Catalog.open(home / "kit.zip").close(),
    "backup": lambda catalog, home: catalog.backup(home / "out.gpkg", progress=False),
    "recover": lambda catalog, home: Catalog.recover(catalog.path, home / "out.gpkg", progress=False),
    "to_gti": lambda catalog, home: catalog.to_gti("guide", home, progress=False),
    "to_stac": lambda catalog, home: catalog.to_stac(home / "out", progress=False),
    "from_stac": lambda catalog, home: catalog.from_stac(home / "items"),
    "from_geoparquet": lambda catalog, home: catalog.from_geoparquet(home / "tables", on_conflict="skip"),
    "verify": lambda catalog, home: catalog.verify("full", progress=False),
    "gc": lambda catalog, home: catalog.gc(),
    "doctor": lambda catalog, home: examine(catalog.path),
}


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    home = tmp_path_factory.mktemp("guide")
    with Catalog.create(home / "survey.gpkg", org="acme") as catalog:
        fill_guide(catalog)
        catalog.bundle(home / "kit.zip", progress=False)
        (home / "tables").mkdir()
        catalog.to_geoparquet(home / "tables" / "a.parquet")
        (home / "items").mkdir()
        (home / "items" / "a.json").write_text("{}", encoding="utf-8")
        yield catalog


@pytest.mark.parametrize("name", CALLS)
def test_a_folder_that_cannot_be_listed_is_an_error_of_ours(
    guide: Catalog, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    home = guide.path.parent
    for failing in range(1, 7):
        listed = 0

        def listing(real: Callable[..., Any], failing: int = failing) -> Callable[..., Any]:
            def call(*given: Any) -> Any:
                nonlocal listed
                listed += 1
                if listed == failing:
                    raise OSError(errno.EIO, os.strerror(errno.EIO), *map(str, given))
                return real(*given)

            return call

        with monkeypatch.context() as patch:
            patch.setattr(os, "scandir", listing(os.scandir))
            patch.setattr(os, "listdir", listing(os.listdir))
            try:
                CALLS[name](guide, home)
            except LocalcatError:
                assert list(home.glob("out*")) == []
        for path in [*home.glob("out*"), *home.glob("*.gti.gpkg")]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if listed < failing:
            break
    assert guide.verify("full", progress=False).ok
