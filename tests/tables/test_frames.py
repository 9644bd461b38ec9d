"""Searches and collections as data frames of pandas and geopandas."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcat import Catalog
from localcat.errors import BadRequestError, CatalogClosedError
from tests.small_catalog import add_images_around_a_square, fill_guide

geopandas = pytest.importorskip("geopandas")


def test_geodataframe_has_footprints_and_a_crs(catalog: Catalog) -> None:
    add_images_around_a_square(catalog)
    frame = catalog.images.sort("name").to_geodataframe(["name", "geometry", "cloud_fraction"])
    assert frame.crs == "OGC:CRS84"
    assert list(frame["name"]) == ["around", "edge", "far", "inside", "near", "partly", "touching", "unset"]
    assert frame.geometry[3].bounds == (1, 1, 2, 2)
    assert frame.geometry[7] is None
    assert frame.geometry[2].geom_type == "MultiPolygon"  # across the antimeridian
    assert frame["cloud_fraction"].isna().tolist() == [False, False, False, False, False, True, False, False]
    of_collection = catalog.images.sort("name").collect().to_geodataframe(["name", "geometry", "cloud_fraction"])
    assert of_collection.equals(frame)


def test_pandas_keeps_times_in_utc(catalog: Catalog) -> None:
    fill_guide(catalog)
    frame = catalog.images.sort("name").to_pandas(["name", "acquired", "storage_state"])
    assert str(frame.dtypes["acquired"]) == "datetime64[us, UTC]"
    assert frame["acquired"].dt.year.tolist()[:3] == [2020, 2020, 2021]
    assert frame["storage_state"].tolist() == ["available", "available", "remote", "remote"]


def test_what_has_no_footprint_is_no_geodataframe(catalog: Catalog) -> None:
    fill_guide(catalog)
    with pytest.raises(BadRequestError, match=r"needs the column 'geometry' of Product; use to_pandas\(\)"):
        catalog.products.to_geodataframe()
    with pytest.raises(BadRequestError, match="needs the column 'geometry' of Image"):
        catalog.images.to_geodataframe(["name"])


@pytest.mark.parametrize("kind", ["to_geodataframe", "to_pandas"])
def test_a_frame_of_a_closed_catalog_raises_our_error(tmp_path: Path, kind: str) -> None:
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        fill_guide(catalog)
        search = catalog.images.sort("name")
    with pytest.raises(CatalogClosedError, match="is closed; open it again"):
        getattr(search, kind)()
