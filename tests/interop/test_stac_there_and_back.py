"""Any catalog through STAC and back: valid, and the same JSON and objects."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from localcat import Band, Catalog, Image, Product
from tests.interop.random_catalogs import ODD_IDS, fill, products
from tests.interop.some_items import item_of
from tests.small_catalog import make_product, spectral
from tests.stac_schemas import problems

pytestmark = pytest.mark.filterwarnings("ignore::localcat.errors.GeometryWarning")


def tree(folder: Path) -> dict[str, Any]:
    """Return the documents of a static catalog by path, but for the name of the catalog."""
    found = {path.relative_to(folder).as_posix(): json.loads(path.read_bytes()) for path in folder.rglob("*.json")}
    for name in ("id", "description"):
        found["catalog.json"].pop(name)
    return found


def said(catalog: Catalog) -> list[dict[str, Any]]:
    """Return what all objects say, without when they were saved."""
    found = []
    for kind in (Product, Band, Image):
        for one in catalog.search(kind).sort("id"):
            attributes = {"id": one.id, **one.serialize()}
            for name in ("created", "modified", "owners"):
                attributes.pop(name, None)
            extra = attributes.get("extra_properties", {})
            if kind is Image:  # an Item's own times are extra properties
                extra = {name: value for name, value in extra.items() if name not in ("created", "updated")}
            attributes["extra_properties"] = extra
            found.append(attributes)
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(drawn=products())
def test_a_catalog_comes_back_as_it_was(drawn: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as name, Catalog.temporary(org="acme") as catalog:
        folder = Path(name)
        fill(catalog, drawn)
        catalog.to_stac(folder / "out", progress=False)
        found = {path: problems(document) for path, document in tree(folder / "out").items() if path != "catalog.json"}
        assert not any(found.values()), found
        with Catalog.temporary(org="acme") as other:
            report = other.from_stac(folder / "out", progress=False)
            notes = [note for note in report.notes if "kept as a property" not in note]  # extra ones may have any name
            assert (report.failed, notes) == ([], [])
            other.to_stac(folder / "again", progress=False)
            assert said(other) == said(catalog)
        assert tree(folder / "again") == tree(folder / "out")


@pytest.mark.parametrize(
    "attributes",
    [
        {"x_pixels": 5},
        {"y_pixels": 5},
        {"acquired_end": "2020-01-01"},
        {"acquired": "0001-01-01"},
        {"files": [{"provider_href": "a/relative/name", "provider_id": "x"}]},
        {"files": [{"href": "https://x.org/a", "provider_href": "https://y.org/a", "hash": "md5 or other"}]},
        {"files": [{"href": f"https://x.org/{number}"} for number in range(3)]},  # more than there are bands
        {"extra_properties": {"title": [], "gsd": "ten", "bands": 5, "providers": {}, "license": None}},
        {"extra_properties": {"bands": [{}], "data_type": "byte", "license": "no rights"}},
        {"extra_properties": {"providers": [{}], "statistics": {"valid_percent": 101}}},
        {"extra_properties": {"providers": [{"name": "x", "roles": ["a"]}], "statistics": {"count": -1}}},
        {"extra_properties": {"providers": [{"name": "x", "url": 1}], "statistics": {"mean": "high"}}},
        {"extra_properties": {"stac:item": {"a": 1}, "datetime": 1, "localcat:x": None}},
    ],
)
def test_what_once_was_lost_comes_back(attributes: dict[str, Any]) -> None:
    with Catalog.temporary(org="acme") as catalog, Catalog.temporary(org="acme") as other:
        product = make_product("a", spectral("red"), catalog=catalog)
        image = Image(product=product, name="x", **attributes)
        image.save()
        item = image.to_stac_item()
        assert problems(item) == []
        make_product("a", spectral("red"), catalog=other)
        assert other.from_stac(item, progress=False).failed == []
        assert said(other)[-1] == said(catalog)[-1]
        assert other.images.first().to_stac_item() == item


def test_ids_of_all_kinds_are_files_of_all_systems(tmp_path: Path) -> None:
    """Names differ not in case alone, and none is reserved, too long or a step up."""
    items = [item_of(uid) for uid in [*ODD_IDS, "y" * 5000, "b", "B", "b-2", "b_2", "a%2Fb"]]
    with Catalog.temporary(org="acme") as catalog:
        assert catalog.from_stac(items, progress=False).failed == []
        catalog.to_stac(tmp_path / "out", progress=False)
        names = [path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.json")]
        assert len({name.lower() for name in names}) == len(names) == len(items) + 2
        for part in {part for name in names for part in Path(name).parts}:
            stem = part.removesuffix(".json")
            assert stem.isascii()
            assert stem.lower() not in ("con", "nul", "..", "")
            assert len(part) < 120
            assert not part.endswith((".", " "))
            assert not set(part) & set('/\\:*?"<>|')
        with Catalog.temporary(org="acme") as other:
            assert other.from_stac(tmp_path / "out", progress=False).failed == []
            found = {item["id"]: item for item in other.images.to_item_collection()["features"]}
        assert sorted(found) == sorted(item["id"] for item in items)


def test_bands_with_a_gap_before_them_in_their_file_keep_what_is_said_of_them(tmp_path: Path) -> None:
    """An asset lists the bands that there are: the third and fourth of the file are its first two."""
    with Catalog.temporary(org="acme") as catalog, Catalog.temporary(org="acme") as other:
        common = {"data_type": "Byte", "data_range": (0, 255)}
        scaled = spectral("scaled", band_index=3, physical_range=(0.0, 1.0), **common)
        product = make_product("p", spectral("plain", band_index=2, **common), scaled, catalog=catalog)
        files = [{"provider_href": "https://provider.example/a.tif"}]
        Image(product_id=product.id, name="a", files=files, storage_state="remote", catalog=catalog).save()
        catalog.to_stac(tmp_path / "out", progress=False)
        report = other.from_stac(tmp_path / "out", progress=False)
        assert (report.added, report.failed, report.notes) == (1, [], [])
        ranges = {band.name: (band.band_index, band.physical_range) for band in other.search(Band)}
        assert ranges == {"plain": (2, None), "scaled": (3, (0.0, 1.0))}
