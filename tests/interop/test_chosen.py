"""Which images the exports write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from localcat import Catalog
from localcat.errors import BadRequestError
from tests.small_catalog import fill_guide

Export = Callable[[Catalog, Path, Any], Any]

EXPORTS: dict[str, Export] = {
    "stac": lambda catalog, folder, search: catalog.to_stac(folder / "stac", search=search, progress=False),
    "pgstac": lambda catalog, folder, search: catalog.to_pgstac(folder / "pgstac", search=search, progress=False),
    "geoparquet": lambda catalog, folder, search: catalog.to_geoparquet(
        folder / "all.parquet", search=search, progress=False
    ),
    "csv": lambda catalog, folder, search: catalog.to_file(folder / "all.csv", search=search, progress=False),
    "gti": lambda catalog, folder, search: catalog.to_gti("guide", folder, search=search, progress=False),
}
WRONG: dict[str, Callable[[Catalog], Any]] = {
    "Search": lambda catalog: catalog.products,
    "ImageCollection": lambda catalog: catalog.images.limit(0).collect(),
    "list": lambda catalog: [],
    "str": lambda catalog: "cloud_fraction < 0.2",
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("export", EXPORTS)
def test_only_a_search_for_images_is_taken(catalog: Catalog, tmp_path: Path, export: str, wrong: str) -> None:
    fill_guide(catalog)
    (folder := tmp_path / "written").mkdir()
    with pytest.raises(BadRequestError, match=f"search is a search for images, .* of the class {wrong}$"):
        EXPORTS[export](catalog, folder, WRONG[wrong](catalog))
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("export", EXPORTS)
def test_a_search_of_another_catalog_is_refused(catalog: Catalog, tmp_path: Path, export: str) -> None:
    fill_guide(catalog)
    (folder := tmp_path / "written").mkdir()
    with Catalog.temporary() as other, pytest.raises(BadRequestError, match="the search asks catalog '.*', not '.*'"):
        EXPORTS[export](catalog, folder, other.images)
    assert list(folder.iterdir()) == []
