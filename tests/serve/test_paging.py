"""Pages: quick wherever they begin, and with counts that are true."""

from __future__ import annotations

from localcat import Catalog, Image
from localcat import properties as p
from localcat.serve import app
from localcat.serve.stac.paging import Order
from tests import random_searches
from tests.asgi import Client


def test_what_is_behind_an_image_is_ranges_of_an_index(catalog: Catalog) -> None:
    """With OR in the condition all of a product would be sorted for each page."""
    random_searches.fill(catalog, 30)
    order = Order(["-acquired"])
    search = catalog.images.filter(p.product_id == "acme:s2")
    third = list(order.after(search, None, 3))[-1]
    behind = list(order.after(search, order.token_of(third), 1000))
    assert [image.id for image in behind] == search.sort("-acquired").ids()[3:]


def test_a_count_is_that_of_the_catalog_as_it_is_now(catalog: Catalog) -> None:
    random_searches.fill(catalog, 20)
    client = Client(app(catalog))
    assert [client.document("/search", limit=1)["numberMatched"] for _ in range(2)] == [20, 20]
    assert client.document("/collections/acme:s2/items", limit=1)["numberMatched"] < 20
    next(iter(catalog.images)).delete()
    assert client.document("/search", limit=1)["numberMatched"] == 19
    Image(product_id="acme:s2", name="new", acquired="2024-01-01", storage_state="remote", catalog=catalog).save()
    assert client.document("/search", limit=1)["numberMatched"] == 20


def test_a_page_ends_where_its_items_are_large(catalog: Catalog) -> None:
    """The next one begins behind the last image that was sent, and nothing is lost."""
    random_searches.fill(catalog, 0)
    for number in range(12):
        more = {"large": "x" * 800_000}
        image = Image(product_id="acme:s2", name=f"x{number:02}", acquired="2024-01-01", catalog=catalog)
        image.storage_state, image.extra_properties = "remote", more
        image.save()
    client, found, url = Client(app(catalog)), [], "/search?limit=100"
    while url:
        page = client.document(url)
        assert 1 <= page["numberReturned"] < 7
        found += [item["id"] for item in page["features"]]
        url = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert found == [f"x{number:02}" for number in range(12)]
