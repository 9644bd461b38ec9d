"""The STAC API: landing page, Collections, Items and searches."""

from __future__ import annotations

import pytest

from localcat import Catalog
from localcat.serve import app
from tests.asgi import LOCAL, Client


@pytest.fixture
def client(tiny: Catalog) -> Client:
    return Client(app(tiny))


def ids_of(page: dict) -> list[str]:
    return [f"{item['collection']}:{item['id']}" for item in page["features"]]


def test_the_landing_page_leads_to_everything(client: Client) -> None:
    landing = client.document("/")
    assert (landing["type"], landing["stac_version"]) == ("Catalog", "1.1.0")
    links = {(link["rel"], link.get("method", "GET")): link["href"] for link in landing["links"]}
    assert links["search", "POST"] == links["search", "GET"] == f"http://{LOCAL}/search"
    assert links["data", "GET"] == f"http://{LOCAL}/collections"
    assert client.document("/conformance")["conformsTo"] == landing["conformsTo"]
    children = [link["href"] for link in landing["links"] if link["rel"] == "child"]
    assert [client.document(href)["id"] for href in children] == [
        "tiny:landcover",
        "tiny:optical",
        "tiny:radar",
        "tiny:temperature",
    ]


def test_a_collection_says_where_and_when_its_images_are(client: Client) -> None:
    (box,) = client.document("/collections/tiny:radar")["extent"]["spatial"]["bbox"]
    assert box == pytest.approx([14.90375, 37.674, 15.09625, 47.85334], abs=1e-4)
    collection = client.document("/collections/tiny:optical")
    assert collection["extent"]["spatial"]["bbox"] == [[-180, -90, 180, 90]]
    assert collection["extent"]["temporal"]["interval"] == [["2022-12-31T23:59:59.999999Z", "2024-02-29T12:00:00Z"]]


def test_pages_give_every_image_once_and_in_order(client: Client, tiny: Catalog) -> None:
    found, url = [], "/search?limit=7"
    while url:
        page = client.document(url)
        assert page["numberMatched"] == 40
        assert page["numberReturned"] == len(page["features"])
        found += ids_of(page)
        url = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert found == tiny.images.ids()


def test_an_item_is_that_of_the_library_with_addresses_of_the_service(client: Client, tiny: Catalog) -> None:
    image = next(image for image in tiny.images if image.product_id == "tiny:optical" and image.files)
    item = client.document(f"/collections/tiny:optical/items/{image.name}")
    expected = image.to_stac_item()
    assert {**item, "links": None, "assets": None} == {**expected, "links": None, "assets": None}
    assert {link["rel"]: link["href"] for link in item["links"]} == {
        "self": f"http://{LOCAL}/collections/tiny:optical/items/{image.name}",
        "root": f"http://{LOCAL}/",
        "parent": f"http://{LOCAL}/collections/tiny:optical",
        "collection": f"http://{LOCAL}/collections/tiny:optical",
    }
    assert item["assets"].keys() == expected["assets"].keys()


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/nothing", 404, "there is nothing at '/nothing'"),
        ("/collections/none", 404, f"there is no collection 'none'; http://{LOCAL}/collections lists them"),
        ("/collections/tiny:radar/items/none", 404, "there is no item 'none' in collection 'tiny:radar'"),
        ("/search?limit=0", 400, "limit is a whole number from 1 to 1,000,000,000, not '0'"),
        ("/search?bbox=1,2,3", 400, "a bbox has 4 numbers, or 6 with heights, not ['1', '2', '3']"),
        ("/search?datetime=2024", 400, "datetime has '2024', which is no time of RFC 3339"),
        ("/search?colour=red", 400, "there is no parameter 'colour' here; it knows ids, collections"),
        ("/search?token=AAAA", 400, "the token 'AAAA' is not one of this search"),
    ],
)
def test_what_cannot_be_answered_says_why(client: Client, path: str, status: int, told: str) -> None:
    answer = client.get(path)
    assert answer.status == status
    assert answer.json()["description"].startswith(told)


def test_get_and_post_ask_alike(client: Client) -> None:
    area = {"type": "Polygon", "coordinates": [[[14, 37], [16, 37], [16, 39], [14, 39], [14, 37]]]}
    by_post = client.post("/search", {"bbox": [14, 37, 16, 39], "collections": ["tiny:radar"], "limit": 100}).json()
    by_get = client.document("/search?bbox=14,37,16,39&collections=tiny:radar&limit=100")
    by_place = client.post("/search", {"intersects": area, "collections": ["tiny:radar"], "limit": 100}).json()
    assert ids_of(by_post) == ids_of(by_get) == ids_of(by_place) != []
