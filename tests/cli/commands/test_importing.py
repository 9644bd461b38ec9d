"""The commands that take in other catalogs."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import Result

from localcat import Catalog
from tests.interop.original_documents import IMAGE, PRODUCT, RED, plain
from tests.shell import complaint, invoke, run


def test_stac_comes_in_as_it_went_out(kept: Catalog, tmp_path: Path) -> None:
    run("export", "stac", "--copy", "-o", tmp_path / "stac", catalog=kept)
    with Catalog.create(tmp_path / "other.gpkg", org="acme") as other:
        said = "StacReport: 4 added, 0 replaced, 0 skipped, 0 failed, 1 products made\n"
        assert run("import", "stac", tmp_path / "stac", "--dry-run", catalog=other) == said
        assert (other.images.count(), other.products.count(), other.bands.count()) == (0, 0, 0)
        assert list((tmp_path / "other.data").rglob("*.tif")) == []
        assert run("import", "stac", tmp_path / "stac", "--copy", catalog=other) == said
        assert other.images.ids() == kept.images.ids()
        assert other.verify("full").ok
        taken = complaint("import", "stac", tmp_path / "stac", catalog=other)
        assert taken.startswith("image 'acme:guide:")
        assert taken.endswith("already exists; nothing was added. Pass --on-conflict skip or replace")
        again = run("import", "stac", tmp_path / "stac", "--on-conflict", "skip", "--json", catalog=other)
        assert json.loads(again) == {
            "products": [],
            "added": 0,
            "replaced": 0,
            "skipped": 4,
            "failed": [],
            "notes": [],
        }


def test_geoparquet_comes_in_as_it_went_out(kept: Catalog, tmp_path: Path) -> None:
    run("export", "geoparquet", "-o", tmp_path / "all.parquet", catalog=kept)
    run("export", "geoparquet", "--partition-by", "product", "-o", tmp_path / "parts", catalog=kept)
    for source in ("all.parquet", "parts"):
        with Catalog.create(tmp_path / f"{source}.gpkg", org="acme") as other:
            words = ("import", "geoparquet", tmp_path / source, "--within", tmp_path)
            assert run(*words, "--dry-run", catalog=other).startswith("StacReport: 4 added")
            assert other.products.count() == 0
            assert run(*words, catalog=other).startswith("StacReport: 4 added")
            assert other.images.ids() == kept.images.ids()


def test_items_come_through_a_pipe(kept: Catalog, tmp_path: Path) -> None:
    items = kept.images.to_item_collection()
    with Catalog.create(tmp_path / "other.gpkg", org="acme") as other:
        ndjson = "\n".join(map(json.dumps, items["features"][2:]))
        assert run("import", "stac", "-", catalog=other, pipe=ndjson).startswith("StacReport: 2 added")
        assert other.images.ids() == ["acme:guide:far", "acme:guide:nowhere"]
        assert run("import", "stac", "-", "--product", "all", catalog=other, pipe=json.dumps(items)).startswith(
            "StacReport: 4 added"
        )


def test_refused_items_are_told_and_the_status_is_1(kept: Catalog, tmp_path: Path) -> None:
    good = kept.images.to_item_collection()["features"][3]
    with Catalog.create(tmp_path / "other.gpkg", org="acme") as other:
        done = invoke("import", "stac", "-", catalog=other, pipe=json.dumps([good, {"type": "Feature", "id": 5}]))
        assert done.exit_code == 1
        assert done.stdout.splitlines() == [
            "StacReport: 1 added, 0 replaced, 0 skipped, 1 failed, 1 products made",
            "  entry 1: entry 1 has no id, or one that is not text: 5",
        ]
        assert done.stderr == "localcat: 1 of what was found could not be taken in\n"


def test_metadata_of_the_original_comes_home(tmp_path: Path) -> None:
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "products.json").write_text(json.dumps(PRODUCT), encoding="utf-8")
    (tmp_path / "metadata" / "images.ndjson").write_text(json.dumps(plain(IMAGE)), encoding="utf-8")
    with Catalog.create(tmp_path / "home.gpkg", org="acme") as home:
        expected = (
            "OriginalReport: 1 products, 0 bands, 1 images added, 0 replaced, 0 skipped, 0 failed\n"
            "  kept in extra_properties['original:attributes']: product.core_version (1), image.quality_score (1)\n"
        )
        assert run("import", "original", tmp_path / "metadata", "--dry-run", catalog=home) == expected
        assert home.products.count() == 0
        assert run("import", "original", tmp_path / "metadata", catalog=home) == expected
        assert home.images.ids() == ["descarteslabs:landsat:8:v1:LC08_1"]
        told = run("import", "original", "-", "--json", catalog=home, pipe=json.dumps([PRODUCT, RED]))
        assert json.loads(told)["bands"] == 1
        refused = complaint_of(invoke("import", "original", "-", catalog=home, pipe='{"id": 5}'))
        assert refused == "1 of what was found could not be taken in"


def complaint_of(done: Result) -> str:
    assert done.exit_code == 1
    return done.stderr.removeprefix("localcat: ").rstrip()


def test_an_index_is_a_catalog_of_its_own_beside_the_items(kept: Catalog, tmp_path: Path) -> None:
    parquet, stac, other = tmp_path / "all.parquet", tmp_path / "stac", tmp_path / "other.gpkg"
    run("export", "geoparquet", "-o", parquet, catalog=kept)
    run("export", "stac", "-o", stac, catalog=kept)
    for words, made in (
        ((parquet,), tmp_path / "all.gpkg"),
        ((parquet, "-o", other), other),
        ((stac,), tmp_path / "stac.gpkg"),
    ):
        said = run("index", *words, "--within", tmp_path).splitlines()
        assert said[0] == f"made {made}"
        assert said[1].startswith("StacReport: 4 added, 0 replaced, 0 skipped, 0 failed")
        with Catalog.open(made) as index:
            assert index.images.ids() == kept.images.ids()
    assert "all.gpkg' already" in complaint("index", parquet)


def test_an_index_of_nothing_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "empty.ndjson").touch()
    assert "there are no Items in" in complaint("index", tmp_path / "empty.ndjson")
    assert [path.name for path in tmp_path.iterdir()] == ["empty.ndjson"]
