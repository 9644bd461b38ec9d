"""Searches over HTTP find what the library finds, in its order, and page by page."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import shapely

from localcat import Catalog, Image
from localcat import properties as p
from localcat.serve import app
from tests import random_searches
from tests.asgi import Client

NAMES = {"acquired": "datetime", "cloud_fraction": "eo:cloud_cover", "satellite_id": "platform", "name": "id"}
SORTS = ("acquired", "cloud_fraction", "satellite_id", "name", "view_angle", "published", "product_id", "provider_id")


@pytest.fixture(scope="module")
def filled() -> Iterator[Catalog]:
    with Catalog.temporary(org="acme") as catalog:
        random_searches.fill(catalog, 120)
        yield catalog


def pages(client: Client, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Ask by POST, and follow the links."""
    while True:
        answer = client.post("/search", body)
        assert answer.status == 200, answer.body
        page = answer.json()
        yield page
        following = [link for link in page["links"] if link["rel"] == "next"]
        if not following:
            return
        body = following[0]["body"]


def pages_by_get(client: Client, url: str, **query: Any) -> Iterator[dict[str, Any]]:
    """Ask by GET, and follow the links."""
    page = client.document(url, **query)
    yield page
    while following := [link["href"] for link in page["links"] if link["rel"] == "next"]:
        page = client.document(following[0])
        yield page


def ids_of(found: Iterator[dict[str, Any]]) -> list[str]:
    return [f"{item['collection']}:{item['id']}" for page in found for item in page["features"]]


def test_220_random_searches_find_what_the_library_finds(filled: Catalog) -> None:
    client, chance = Client(app(filled)), random.Random(20)
    some = 0
    for number, search in enumerate(random_searches.searches(filled, 220)):
        names = chance.sample(SORTS, chance.randint(0, 3))
        sorting = [chance.choice(("", "-")) + name for name in names]
        expected = (search.sort(*sorting) if sorting else search).ids()
        said = [
            f"{'-' if one.startswith('-') else '+'}{NAMES.get(one.lstrip('-'), one.lstrip('-'))}" for one in sorting
        ]
        limit = max(1, len(expected) // chance.choice((1, 2, 3)))
        if number % 2:
            by = [{"field": f"properties.{one[1:]}", "direction": "desc" if one[0] == "-" else "asc"} for one in said]
            asked = {"filter": search.to_cql2_json(), "filter-lang": "cql2-json", "sortby": by, "limit": limit}
            found = list(pages(client, {**asked, "fields": {"include": ["id"]}}))
        else:
            asked = {"filter": search.to_cql2_text(), "sortby": ",".join(said), "limit": limit, "fields": "id"}
            found = list(pages_by_get(client, "/search", **asked))
        assert ids_of(iter(found)) == expected, search
        assert {page["numberMatched"] for page in found} == {len(expected)}
        some += bool(expected)
    assert some > 130


def test_100_random_boxes_periods_and_ids_find_what_the_library_finds(filled: Catalog) -> None:
    client, chance = Client(app(filled)), random.Random(21)
    every = filled.images.ids()
    for area in random_searches.areas(100):
        search, body = filled.images, {"limit": 1000, "fields": {"include": ["id"]}}
        if isinstance(area, tuple):
            west, south, east, north = area
            body["bbox"] = [west, south, -100, east, north, 9000] if chance.random() < 0.3 else list(area)
        else:
            body["intersects"] = shapely.geometry.mapping(area)
        search = search.intersects(area)
        if chance.random() < 0.5:
            first = datetime(2023, chance.randint(1, 12), chance.randint(1, 28), 12, 30, 15, 250_000, tzinfo=UTC)
            ends = chance.choice((("..", first), (first, ".."), (first, first.replace(year=2024)), ("", first)))
            body["datetime"] = "/".join(one if isinstance(one, str) else one.isoformat() for one in ends)
            start, end = ends
            search = search if isinstance(start, str) else search.filter(p.acquired >= start)
            search = search if isinstance(end, str) else search.filter(p.acquired <= end)
        if chance.random() < 0.3:
            wanted = chance.sample(random_searches.PRODUCTS, 2)
            body["collections"], search = wanted, search.filter(p.product_id.any_of(wanted))
        if chance.random() < 0.2:
            wanted = [one if chance.random() < 0.5 else one.rpartition(":")[2] for one in chance.sample(every, 60)]
            body["ids"] = wanted
            names = [one for one in wanted if ":" not in one]
            search = search.filter(p.id.any_of(wanted) | p.name.any_of(names))
        assert ids_of(pages(client, body)) == search.ids(), body


@pytest.mark.parametrize("sortby", ["", "-datetime", "+eo:cloud_cover", "platform,-datetime", "-localcat:id"])
def test_no_page_repeats_or_skips_an_image_while_the_catalog_changes(sortby: str) -> None:
    with Catalog.temporary(org="acme") as catalog:
        random_searches.fill(catalog, 60)
        stay = [uid for number, uid in enumerate(catalog.images.ids()) if number % 3]
        client, chance, seen = Client(app(catalog)), random.Random(22), []
        for page in pages_by_get(client, "/search", limit=5, sortby=sortby, fields="id"):
            seen += ids_of(iter([page]))
            for uid in chance.sample([uid for uid in catalog.images.ids() if uid not in stay], 1) or ():
                Image.get(uid, catalog=catalog).delete()
            name = f"new_{chance.random()}"
            Image(
                product_id="acme:s2", name=name, acquired="2023-06-01", catalog=catalog, storage_state="remote"
            ).save()
            if len(seen) > 200:
                break
        assert len(seen) == len(set(seen))
        assert set(stay) <= set(seen)


def test_a_filter_and_a_sort_also_narrow_the_items_of_a_collection(filled: Catalog) -> None:
    client = Client(app(filled))
    asked = {"filter": "eo:cloud_cover < 50 AND platform IS NOT NULL", "sortby": "-datetime", "limit": 1000}
    found = ids_of(iter([client.document("/collections/acme:s2/items", **asked)]))
    search = filled.images.filter(p.product_id == "acme:s2").filter(p.cloud_fraction < 0.5)
    assert found == search.filter(p.satellite_id.isnotnull).sort("-acquired").ids() != []


def test_fields_choose_the_parts_of_items(filled: Catalog) -> None:
    client = Client(app(filled))
    always = {"type", "stac_version", "id", "collection"}

    def parts(**query: str) -> dict[str, Any]:
        return client.document("/search", limit=1, **query)["features"][0]

    whole = parts()
    assert parts(fields="-geometry,-links").keys() == whole.keys() - {"geometry", "links"}
    assert parts(fields="geometry").keys() == always | {"geometry"}
    assert parts(fields="properties.datetime")["properties"].keys() == {"datetime"}
    assert parts(fields="properties,-properties.datetime")["properties"].keys() == whole["properties"].keys() - {
        "datetime"
    }
    assert parts(fields="bbox,-bbox").keys() == always | {"bbox"}
    assert parts(fields="-properties,properties.datetime")["properties"].keys() == {"datetime"}
    fewest = always | {"geometry", "bbox", "links", "assets", "properties"}
    empty = client.post("/search", {"limit": 1, "fields": {"include": [], "exclude": ["bbox"]}}).json()
    assert empty["features"][0].keys() == fewest - {"bbox"}
    assert empty["features"][0]["properties"].keys() == {"datetime"}
    by_plural = client.post("/search", {"limit": 1, "fields": {"includes": ["bbox"], "excludes": []}}).json()
    assert by_plural["features"][0].keys() == always | {"bbox"}


def test_queryables_are_attributes_and_the_keys_that_were_seen(catalog: Catalog) -> None:
    random_searches.fill(catalog, 1)
    extra = {"eo:snow_cover": 3.5, "orbit": {"number": 7}, "quality": "good", "eo:other": None}
    for name, more in (("x", extra), ("y", {"quality": 7})):
        image = Image(product_id="acme:l9", name=name, acquired="2024-01-01", extra_properties=more, catalog=catalog)
        image.storage_state = "remote"
        image.save()
    client = Client(app(catalog))
    answer = client.get("/collections/acme:l9/queryables")
    assert answer.headers["content-type"] == "application/schema+json"
    said = answer.json()["properties"]
    assert said["datetime"] == {"title": "acquired", "type": "string", "format": "date-time"}
    assert said["eo:cloud_cover"]["maximum"] == 100
    assert said["eo:snow_cover"] == {"type": "number"}
    assert said["extra_properties.orbit"] == {"type": "object"}
    assert said["extra_properties.quality"] == {"type": ["number", "string"]}
    for name in said:
        told = f"{name} IS NULL" if ":" in name or name.replace("_", "").replace(".", "").isalnum() else None
        if told is not None and name != "geometry":
            assert client.get("/search", filter=told).status == 200, name


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"bbox": [0, 0, 1, 1], "intersects": {"type": "Point", "coordinates": [0, 0]}}, "a search has a bbox or"),
        ({"bbox": [0, 10, 1, 0]}, ""),
        ({"bbox": [0, 0, 1, float("1e400")]}, "the body of the request is not JSON"),
        ({"intersects": {"type": "Circle", "coordinates": [0, 0]}}, ""),
        ({"ids": "x"}, "ids is a list of at most 10,000 strings"),
        ({"collections": [1]}, "collections is a list of at most 10,000 strings"),
        ({"limit": True}, "limit is a whole number"),
        ({"limit": 2.5}, "limit is a whole number"),
        ({"sortby": [{"field": "datetime", "direction": "up"}]}, "the direction of a sort is asc or desc"),
        ({"sortby": ["nothing"]}, "Image has no attribute nothing"),
        ({"sortby": ["tags"]}, "Items cannot be sorted by 'tags'"),
        ({"filter": {"op": "sleep", "args": [1]}}, "the CQL2 operator or function 'sleep' is not known"),
        ({"filter": 5}, "a filter is CQL2 text or an object of CQL2 JSON, not 5"),
        ({"filter": "x = 1", "filter-lang": "sql"}, "filter-lang is cql2-text or cql2-json"),
        ({"filter": "x = 1", "filter-crs": "EPSG:3857"}, "filter-crs is http://www.opengis.net"),
        ({"fields": "id"}, "fields names at most 200 parts"),
        ({"fields": None}, "fields is an object with include and exclude, not null"),
        ({"datetime": "../.."}, "datetime '../..' is no time"),
        ({"datetime": "2024-01-01T00:00:00"}, "datetime has '2024-01-01T00:00:00'"),
        ({"datetime": "2024-13-01T00:00:00Z"}, ""),
        ({"token": 5}, "a token is a string, not 5"),
        ({"query": {}}, "there is no parameter 'query' here"),
    ],
)
def test_a_wrong_search_is_refused_in_words(filled: Catalog, body: dict[str, Any], told: str) -> None:
    answer = Client(app(filled)).post("/search", body)
    assert answer.status == 400, answer.body
    assert answer.json()["description"].startswith(told)
