"""Images in pgstac: what is written, what pypgstac loads, and that it finds what localcat finds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcat import Catalog, Image
from localcat import properties as p
from localcat.errors import BadRequestError, CatalogExistsError, MissingLibraryError, StorageError
from localcat.interop import pgstac
from tests import postgres
from tests.markdown import blocks
from tests.random_searches import PRODUCTS, fill, searches
from tests.small_catalog import AREA, make_product, spectral, upload

needs_postgres = pytest.mark.skipif(bool(postgres.why_not()), reason=postgres.why_not())
COUNT = 400
ENGINES = Path(__file__).resolve().parents[2] / "docs" / "engines.md"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    with Catalog.create(tmp_path_factory.mktemp("pgstac") / "many.gpkg", org="acme") as catalog:
        fill(catalog, COUNT)
        yield catalog


@pytest.fixture(scope="module")
def database() -> Iterator[Any]:
    """A database with pgstac's tables."""
    from pypgstac.db import PgstacDB
    from pypgstac.migrate import Migrate

    with postgres.server() as address, PgstacDB(dsn=address) as found:
        Migrate(found).run_migration()
        found.query("SET timezone = 'UTC'")
        yield found


@pytest.fixture(scope="module")
def loaded(database: Any, many: Catalog) -> Any:
    report = many.to_pgstac(database.dsn, progress=False)
    assert (report.path, report.products, report.items, report.without_footprint) == (None, 3, COUNT, 0)
    return database


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def ids_in(database: Any, query: dict[str, Any]) -> list[str]:
    asked = {"limit": 1000, "fields": {"include": ["id", "collection"]}, **query}
    found = database.search(asked)
    features = (json.loads(found) if isinstance(found, str) else found)["features"]
    return sorted(f"{item['collection']}:{item['id']}" for item in features)


def test_the_files_have_collections_items_and_types(catalog: Catalog, tmp_path: Path) -> None:
    product = make_product("s2", spectral("red", nodata=0))
    upload(product, "a", cloud_fraction=0.07, fill_fraction=0.5, tags=["x"], view_angle=3.0)
    make_product("empty")
    Image(product=product, name="nowhere", acquired="2024-01-01").save()
    report = catalog.to_pgstac(tmp_path / "out", progress=False)
    assert repr(report) == (
        f"PgstacExport: 2 products, 1 items in '{tmp_path / 'out'}', 1 images without a footprint left out"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    (item,) = lines_of(tmp_path / "out" / "items.ndjson")
    assert (item["id"], item["collection"]) == ("a", "acme:s2")
    properties = item["properties"]
    assert {name: properties[name] for name in ("eo:cloud_cover", "fill_fraction", "view_angle", "tags")} == {
        "eo:cloud_cover": 7.0,
        "fill_fraction": 0.5,
        "view_angle": 3.0,
        "tags": ["x"],
    }
    collections = lines_of(tmp_path / "out" / "collections.ndjson")
    assert [one["id"] for one in collections] == ["acme:s2", "acme:empty"]
    assert collections[0]["extent"]["temporal"] == {"interval": [["2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"]]}
    types = json.loads((tmp_path / "out" / "queryables.json").read_text(encoding="utf-8"))["properties"]
    assert (types["fill_fraction"]["type"], types["published"]["format"]) == ("number", "date-time")


def test_a_search_chooses_the_images(many: Catalog, tmp_path: Path) -> None:
    chosen = many.images.filter(p.product_id == PRODUCTS[0]).limit(5)
    report = many.to_pgstac(tmp_path / "out", search=chosen, progress=False)
    assert (report.products, report.items) == (1, 5)
    items = lines_of(tmp_path / "out" / "items.ndjson")
    assert [f"{item['collection']}:{item['id']}" for item in items] == chosen.ids()


def test_nothing_is_overwritten_and_nothing_is_left_half(
    many: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(CatalogExistsError, match="'.*taken' already; choose a folder that does not exist"):
        many.to_pgstac(tmp_path / "taken", progress=False)

    def fail(*arguments: Any) -> None:
        raise OSError("the disk failed")

    monkeypatch.setattr(pgstac, "queryables", fail)
    with pytest.raises(OSError, match="the disk failed"):
        many.to_pgstac(tmp_path / "out", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@needs_postgres
def test_random_searches_find_the_same_in_pgstac(loaded: Any, many: Catalog) -> None:
    found = 0
    for search in searches(many, 240):
        question = search.to_cql2_json()
        expected = sorted(search.ids())
        assert ids_in(loaded, {"filter-lang": "cql2-json", "filter": question}) == expected, question
        found += 0 < len(expected) < COUNT
    assert found > 120


@needs_postgres
def test_the_commands_of_the_document_load_the_files(database: Any, catalog: Catalog, tmp_path: Path) -> None:
    product = make_product("files")
    Image(product=product, name="dated", acquired="2024-01-01", geometry=AREA).save()
    Image(product=product, name="undated", geometry=AREA).save()
    catalog.to_pgstac(tmp_path / "pgstac", progress=False)
    (commands,) = blocks(ENGINES, "shell")
    assert len(commands.splitlines()) == 4
    for command in commands.splitlines():
        program, *words = command.split()
        assert program == "pypgstac"
        subprocess.run(
            [sys.executable, "-m", "pypgstac.pypgstac", *words, "--dsn", database.dsn], cwd=tmp_path, check=True
        )
    asked = {"collections": ["acme:files"]}
    assert ids_in(database, asked) == ["acme:files:dated", "acme:files:undated"]
    assert ids_in(database, {**asked, "datetime": "2024-01-01T00:00:00Z/2024-01-02T00:00:00Z"}) == [
        "acme:files:dated",
        "acme:files:undated",  # which may be of any time
    ]


@needs_postgres
def test_loading_again_replaces(database: Any, catalog: Catalog) -> None:
    product = make_product("again")
    image = Image(product=product, name="a", acquired="2024-01-01", geometry=AREA, cloud_fraction=0.1)
    image.save()
    for clouds in (10, 30):
        image.cloud_fraction = clouds / 100
        image.save()
        catalog.to_pgstac(database.dsn, progress=False)
        question = {"op": "=", "args": [{"property": "eo:cloud_cover"}, clouds]}
        both = {"op": "and", "args": [question, {"op": "=", "args": [{"property": "collection"}, "acme:again"]}]}
        assert ids_in(database, {"filter-lang": "cql2-json", "filter": both}) == ["acme:again:a"]


@needs_postgres
def test_what_postgres_refuses(catalog: Catalog) -> None:
    with pytest.raises(StorageError, match="PostgreSQL did not take the images .*; check its address"):
        catalog.to_pgstac("postgresql:///nothing?host=/nowhere&connect_timeout=1", progress=False)
    with (
        postgres.server() as address,
        pytest.raises(BadRequestError, match=r"the database has no pgstac, and pypgstac .* run 'pypgstac migrate'"),
    ):
        catalog.to_pgstac(address, progress=False)


def test_a_missing_library_is_named(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingLibraryError, match=r"pypgstac is not installed.*pip install '\.\[pgstac\]'"):
        catalog.to_pgstac("postgresql:///x", progress=False)
