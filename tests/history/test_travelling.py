"""History and frozen questions through backup, merge, bundle, recover and migration, in both journals."""

from __future__ import annotations

import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from localcat import Catalog, FrozenChanges, Image
from localcat import properties as p
from localcat.store.catalog_file import CatalogFile
from localcat.store.file.connection import Journal, OpenOptions
from localcat.store.file.database import Database
from tests import schema_fixtures
from tests.small_catalog import PIXELS, make_product, new_image, spectral, upload

SINCE = FrozenChanges(
    added=("acme:p:e",),
    changed=("acme:p:b", "acme:p:d"),
    deleted=("acme:p:c",),
    other_pixels=("acme:p:d",),
)
HISTORY = [("changed", "acme:p:d"), ("deleted", "acme:p:c"), ("changed", "acme:p:b")]


def opened(path: Path, journal: Journal) -> Catalog:
    """Open a catalog with a log or without, whichever SQLite there is."""
    options = OpenOptions(journal=journal)
    return Catalog(CatalogFile(Database(path, options=options, backports={sqlite3.sqlite_version})))


@pytest.fixture(params=["delete", "wal"])
def catalog(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Catalog]:
    """A catalog with a question that was frozen before all kinds of changes, and one behind them."""
    Catalog.create(tmp_path / "survey.gpkg", org="acme").close()
    with opened(tmp_path / "survey.gpkg", request.param) as made:
        made.keep_history(files="30 days")
        product = make_product("p", spectral("red"), catalog=made)
        for name in "ad":
            upload(product, name)
        for name in "bc":
            new_image(product, name, cloud_fraction=0.1).save()
        made.images.freeze("before")
        new_image(product, "e").save()
        image = Image.get("acme:p:b", catalog=made)
        image.cloud_fraction = 0.9
        image.save()
        Image.delete("acme:p:c", catalog=made)
        upload(product, "d", PIXELS + numpy.uint16(1), options={"overwrite": True})
        made.images.freeze("behind")
        assert frozen(made) == {"before": SINCE, "behind": FrozenChanges()}
        assert history(made) == HISTORY
        yield made


def frozen(catalog: Catalog) -> dict[str, FrozenChanges]:
    return {name: one.changes() for name, one in catalog.frozen.items()}


def history(catalog: Catalog, **chosen: Any) -> list[tuple[str, str]]:
    return [(change.what, change.id) for change in catalog.history(**chosen)]


def test_a_backup_has_all_of_it_but_pixels_of_the_past(catalog: Catalog, tmp_path: Path) -> None:
    catalog.backup(tmp_path / "backup.gpkg", progress=False)
    with Catalog.open(tmp_path / "backup.gpkg") as backup:
        assert (frozen(backup), history(backup)) == ({"before": SINCE, "behind": FrozenChanges()}, HISTORY)
        backup.undo(backup.history(id="acme:p:c")[0])
        assert frozen(backup)["before"].deleted == ()
        assert backup.verify("full", progress=False).problems == []


def test_a_bundle_has_the_questions_whose_images_it_has(catalog: Catalog, tmp_path: Path) -> None:
    catalog.bundle(tmp_path / "part.zip", catalog.images.filter(p.name == "a"), progress=False)
    with Catalog.open(tmp_path / "part.zip") as part:
        assert (frozen(part), history(part)) == ({}, [])
    catalog.bundle(tmp_path / "kit.zip", progress=False)
    with Catalog.open(tmp_path / "kit.zip") as kit:
        assert (frozen(kit), history(kit)) == ({"before": SINCE, "behind": FrozenChanges()}, [])
        assert kit.verify("full", progress=False).problems == []
    with Catalog.unpack(tmp_path / "kit.zip", tmp_path / "kit", progress=False) as unpacked:
        assert (frozen(unpacked), history(unpacked)) == ({"before": SINCE, "behind": FrozenChanges()}, [])
        Image.delete("acme:p:a", catalog=unpacked)
        assert (frozen(unpacked)["behind"].deleted, history(unpacked)) == (("acme:p:a",), [("deleted", "acme:p:a")])


def test_a_merge_brings_questions_and_is_a_change_itself(catalog: Catalog, tmp_path: Path) -> None:
    catalog.backup(tmp_path / "other.gpkg", progress=False)
    with Catalog.open(tmp_path / "other.gpkg") as other:
        image = Image.get("acme:p:e", catalog=other)
        image.cloud_fraction = 0.5
        image.save()
        Image.delete("acme:p:a", catalog=other)
        other.images.freeze("elsewhere")
        catalog.merge(other, progress=False)
    assert frozen(catalog)["elsewhere"] == FrozenChanges()
    assert frozen(catalog)["behind"] == FrozenChanges(changed=("acme:p:e",), deleted=("acme:p:a",))
    assert sorted(history(catalog, limit=2)) == [("changed", "acme:p:e"), ("deleted", "acme:p:a")]
    assert history(catalog)[2:] == HISTORY
    catalog.undo(catalog.history()[0], together=True)
    assert frozen(catalog)["behind"] == FrozenChanges()
    assert Image.get("acme:p:a", catalog=catalog).ndarray("red").shape == (1, 64, 48)


def test_what_is_recovered_has_all_of_it(catalog: Catalog, tmp_path: Path) -> None:
    catalog.close()
    assert Catalog.recover(catalog.path, tmp_path / "saved.gpkg", progress=False).problems == []
    with Catalog.open(tmp_path / "saved.gpkg") as saved:
        assert (frozen(saved), history(saved)) == ({"before": SINCE, "behind": FrozenChanges()}, HISTORY)
        saved.undo(saved.history()[0])
        assert frozen(saved)["before"].other_pixels == ()
        assert saved.verify("full", progress=False).problems == []


@pytest.mark.parametrize("archive", schema_fixtures.archives(), ids=lambda archive: archive.stem)
def test_a_catalog_of_an_older_schema_has_them_from_its_migration_on(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path)
    with Catalog.open(tmp_path / schema_fixtures.NAME) as catalog:
        before = history(catalog)
        asked = catalog.images.freeze("new")
        image = Image.get(schema_fixtures.IDS[0], catalog=catalog)
        image.cloud_fraction = 0.77
        image.save()
        Image.delete(schema_fixtures.PIXELS, catalog=catalog)
        assert asked.changes() == FrozenChanges(changed=(schema_fixtures.IDS[0],), deleted=(schema_fixtures.PIXELS,))
        told = [("deleted", schema_fixtures.PIXELS), ("changed", schema_fixtures.IDS[0]), *before]
        assert history(catalog) == told
        catalog.undo(catalog.history()[1])
        assert asked.changes().changed == ()
        assert catalog.verify("full", progress=False).problems == []
    assert Catalog.recover(catalog.path, tmp_path / "saved.gpkg", progress=False).ok
    with Catalog.open(tmp_path / "saved.gpkg") as saved:
        assert history(saved)[1:] == told
        assert saved.frozen["new"].changes().deleted == (schema_fixtures.PIXELS,)


def test_what_a_merge_brought_is_recovered_as_such(catalog: Catalog, tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "other.gpkg", org="acme") as other:
        other.merge(catalog, progress=False)
        told = history(other)
    assert ("restored", "acme:p:red") in told
    assert Catalog.recover(tmp_path / "other.gpkg", tmp_path / "saved.gpkg", progress=False).problems == []
    with Catalog.open(tmp_path / "saved.gpkg") as saved:
        assert history(saved) == told
        assert saved.verify("full", progress=False).problems == []
