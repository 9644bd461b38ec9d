"""Settings that a catalog was made with, where the file has lost them or holds something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcat import Catalog, CorruptCatalogError, Product
from tests.damage import raw


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Catalog.create(tmp_path / "survey.gpkg", org="acme").close()
    return tmp_path / "survey.gpkg"


def test_a_setting_that_is_lost_is_named(path: Path) -> None:
    with Catalog.open(path) as catalog:
        raw(catalog, "DELETE FROM meta WHERE key = 'org'")
    with Catalog.open(path) as catalog:
        with pytest.raises(CorruptCatalogError, match=r"survey\.gpkg' has lost its setting 'org'; restore it"):
            Product(id="p", name="P", catalog=catalog).save()
        assert catalog.products.count() == 0


def test_the_figures_of_a_catalog_name_a_time_that_is_none(path: Path) -> None:
    with Catalog.open(path) as catalog:
        raw(catalog, "UPDATE meta SET value = 'x' WHERE key = 'created'")
    message = r"survey\.gpkg' does not say when it was created \('x' is not a timestamp.*restore it"
    with Catalog.open(path) as catalog, pytest.raises(CorruptCatalogError, match=message):
        catalog.info()
