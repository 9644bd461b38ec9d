"""What ``dry_run`` of the imports reports where nothing can be changed: the same as where everything can."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localcat import Catalog
from localcat.errors import CatalogError, ReadOnlyCatalogWarning
from tests.interop.original_documents import CLOUDS, IMAGE, PRODUCT, RED
from tests.small_catalog import make_product, spectral, upload

Take = Callable[[Catalog], Any]

STATES = ("missing", "read only", "in a folder that cannot be written to", "a copy without its pixels")


@pytest.fixture
def items(tmp_path: Path) -> Path:
    """Return a file of one Item whose product no catalog has."""
    with Catalog.create(tmp_path / "source.gpkg", org="") as source:
        upload(make_product("scenes", spectral("red"), catalog=source), "one")
        source.to_geoparquet(tmp_path / "items.parquet", progress=False)
        (tmp_path / "items.json").write_text(json.dumps(source.images.to_item_collection()), encoding="utf-8")
    return tmp_path / "items.parquet"


@pytest.fixture(params=["from_original", "from_stac", "from_geoparquet"])
def take(request: pytest.FixtureRequest, items: Path) -> Take:
    """Return one import that only reports."""

    def rehearse(catalog: Catalog) -> Any:
        match request.param:
            case "from_original":
                return catalog.from_original([PRODUCT, RED, CLOUDS, IMAGE], dry_run=True, progress=False)
            case "from_stac":
                return catalog.from_stac(items.with_suffix(".json"), dry_run=True, progress=False)
            case _:
                return catalog.from_geoparquet(items, dry_run=True, progress=False)

    return rehearse


@pytest.fixture(params=STATES)
def unchangeable(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalog]:
    """Return a catalog that is not there yet, or can only be read."""
    folder = tmp_path / "here"
    folder.mkdir()
    file = folder / "survey.gpkg"
    if request.param == "missing":
        monkeypatch.setenv("LOCALCAT", str(file))
        with Catalog.default() as catalog:
            yield catalog
        assert list(folder.iterdir()) == []
        return
    with Catalog.create(file, org="acme") as made:
        upload(make_product("other", spectral("red"), catalog=made), "first")
    if request.param == "read only":
        with Catalog.open(file, read_only=True) as catalog:
            yield catalog
        return
    if request.param.startswith("in a folder"):
        really = os.access
        shut = {str(folder), str(file)}
        monkeypatch.setattr(os, "access", lambda path, mode: really(path, mode) and str(path) not in shut)
        with pytest.warns(ReadOnlyCatalogWarning, match="can be written"), Catalog.open(file) as catalog:
            yield catalog
        return
    shutil.copy(file, folder / "copy.gpkg")
    with pytest.warns(ReadOnlyCatalogWarning, match="is a copy of"):
        catalog = Catalog.open(folder / "copy.gpkg")
    with catalog:
        yield catalog


def test_a_rehearsal_reports_where_nothing_can_be_changed(
    take: Take, unchangeable: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    before = unchangeable.images.ids()
    report = take(unchangeable)
    assert (len(report.failed), report.images if hasattr(report, "images") else report.added) == (0, 1)
    assert unchangeable.images.ids() == before
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_rehearsal_of_what_is_there_reports_it_as_there(items: Path, tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "survey.gpkg", org="") as catalog:
        catalog.from_geoparquet(items, progress=False)
    with Catalog.open(tmp_path / "survey.gpkg", read_only=True) as catalog:
        report = catalog.from_geoparquet(items, on_conflict="skip", dry_run=True, progress=False)
        assert (report.added, report.skipped) == (0, 1)


def test_a_rehearsal_leaves_the_users_own_catalog_to_the_user(items: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCALCAT", raising=False)
    monkeypatch.setenv("LOCALCAT_NO_HOME", "1")
    with Catalog.default() as catalog, pytest.raises(CatalogError, match="tests do not touch: ask for the fixture"):
        catalog.from_geoparquet(items, dry_run=True, progress=False)
