"""Exports that are stopped at each of their steps on the disk: nothing half is left, and the older file stays."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import rasterio

from localcat import Catalog
from localcat.errors import StorageFullError
from tests.interrupted import killed_at, steps_of, stopped_at
from tests.small_catalog import fill_guide, make_product, spectral, upload

Export = Callable[[Catalog, Path], Any]


def to_gti(product: str) -> Export:
    return lambda catalog, folder: catalog.to_gti(product, folder, progress=False)


def to_file(name: str) -> Export:
    return lambda catalog, folder: catalog.to_file(folder / name, progress=False)


EXPORTS: dict[str, Export] = {
    "stac": lambda catalog, folder: catalog.to_stac(folder / "stac", copy=True, progress=False),
    "pgstac": lambda catalog, folder: catalog.to_pgstac(folder / "pgstac", progress=False),
    "geojson": to_file("all.geojson"),
    "csv": to_file("all.csv"),
    "arrow": to_file("all.arrow"),
    "gti": to_gti("guide"),
    "gti of several files": to_gti("parts"),
}
REPLACED = [name for name in EXPORTS if name not in ("stac", "pgstac")]


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """A product in one file an image, and one in two."""
    with Catalog.create(tmp_path_factory.mktemp("survey") / "survey.gpkg", org="acme") as catalog:
        fill_guide(catalog)
        parts = make_product("parts", spectral("red"), spectral("nir", file_index=1, band_index=0), catalog=catalog)
        for name in "ab":
            upload(parts, name, [numpy.full((1, 64, 48), value, dtype="uint16") for value in (1, 2)])
        yield catalog


def whole(folder: Path) -> dict[str, Any]:
    """Return what other programs see in a folder; the hidden folder of a writer that was killed is not for them."""
    seen: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.startswith(".") or path.is_dir() or path.suffix == ".vrt":
            continue
        if name.endswith(".gti.gpkg"):
            with rasterio.open(path) as mosaic:
                seen[name] = int(mosaic.read().sum())
        else:
            seen[name] = path.stat().st_size
    return seen


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "Ctrl-C"])
def test_an_export_that_fails_leaves_nothing(survey: Catalog, tmp_path: Path, name: str, error: BaseException) -> None:
    for step in range(1, steps_of(lambda: EXPORTS[name](survey, made(tmp_path / "all")), tmp_path) + 1):
        folder = made(tmp_path / str(step))
        try:
            stopped_at(step, lambda folder=folder: EXPORTS[name](survey, folder), tmp_path, error)
        except (StorageFullError, KeyboardInterrupt):
            assert list(folder.rglob("*")) == [] or whole(folder) == whole(tmp_path / "all"), step
        else:  # the step was one that may fail: what was old could not be removed
            assert whole(folder) == whole(tmp_path / "all"), step


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", REPLACED)
def test_an_export_that_fails_keeps_the_older_one(survey: Catalog, tmp_path: Path, name: str) -> None:
    old = made(tmp_path / "old")
    EXPORTS[name](survey, old)
    before = whole(old)
    steps = steps_of(lambda: EXPORTS[name](survey, old), tmp_path)
    assert steps > 2
    for step in range(1, steps + 1):
        with contextlib.suppress(KeyboardInterrupt):
            stopped_at(step, lambda: EXPORTS[name](survey, old), tmp_path, KeyboardInterrupt())
        assert whole(old) == before, step
    EXPORTS[name](survey, old)
    assert hidden(old) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are killed as forked children")
@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_that_is_killed_leaves_nothing_that_others_see(survey: Catalog, tmp_path: Path, name: str) -> None:
    steps = steps_of(lambda: EXPORTS[name](survey, made(tmp_path / "all")), tmp_path)
    expected = whole(tmp_path / "all")
    folder = made(tmp_path / "killed")
    for step in range(1, steps + 1):
        if killed_at(step, lambda: EXPORTS[name](survey, folder), tmp_path) != 9:
            continue
        seen = whole(folder)
        assert seen in ({}, expected), step
        if seen and name not in REPLACED:
            shutil.rmtree(folder / name)
    if name not in REPLACED and (folder / name).exists():
        shutil.rmtree(folder / name)
    EXPORTS[name](survey, folder)
    assert whole(folder) == expected
    assert hidden(folder) == []  # what the killed ones left is gone
