"""Catalogs over Items that others keep."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from localcat import Catalog
from localcat import properties as p
from localcat.errors import BadRequestError, CatalogExistsError
from tests.interop.some_items import scene
from tests.small_catalog import fill_guide


@pytest.mark.parametrize("kind", ["items.parquet", "tree", "items.ndjson"])
def test_pixels_are_read_where_they_are(catalog: Catalog, tmp_path: Path, kind: str) -> None:
    fill_guide(catalog)
    here = catalog.images.filter(p.storage_state == "available")
    source = tmp_path / kind
    if kind == "items.parquet":
        pytest.importorskip("pyarrow")
        catalog.to_geoparquet(source)
    elif kind == "tree":
        catalog.to_stac(source)
    else:
        source.write_text("".join(f"{json.dumps(image.to_stac_item())}\n" for image in catalog.images))
    made, report = Catalog.index(source, within="/")
    with made:
        assert (made.path, report.failed) == (tmp_path / Path(kind).with_suffix(".gpkg"), [])
        assert made.images.count() == catalog.images.count()
        for image in here:
            (there,) = made.images.filter(p.name == image.name)
            assert not any(file.owned for file in there.files)
            bands = [str(band.name) for band in there.product.bands()]
            assert (there.ndarray(bands) == image.ndarray([str(band.name) for band in image.product.bands()])).all()
        assert made.verify("quick").ok


def test_remote_files_stay_remote(tmp_path: Path) -> None:
    made, report = Catalog.index([scene()], tmp_path / "x.gpkg")
    with made:
        (image,) = made.images
        assert (report.added, image.storage_state, image.product_id) == (1, "remote", "sensor-l2")


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "items.parquet").write_bytes(b"PAR1")
    (tmp_path / "items.json").write_text("[]")
    before = sorted(tmp_path.iterdir())
    for name in ("items.parquet", "items.json", "missing.ndjson"):
        with pytest.raises(BadRequestError, match="cannot be read as Parquet|is not a STAC object|there is no file"):
            Catalog.index(tmp_path / name)
    with pytest.raises(BadRequestError, match=r"needs a place; pass dest="):
        Catalog.index([scene()])
    assert sorted(tmp_path.iterdir()) == before


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    Catalog.create(tmp_path / "items.gpkg").close()
    (tmp_path / "items.json").write_text(json.dumps(scene()))
    with pytest.raises(CatalogExistsError, match=r"items.gpkg' already exists"):
        Catalog.index(tmp_path / "items.json")
