"""How many functions of Python a search runs: each runs once, so that their number is what a small search costs."""

from __future__ import annotations

from typing import Any

import pytest

from localcat import Catalog, Image, Product
from localcat import properties as p
from tests.calls import calls_of

PLACE = (14.8, 37.6, 15.2, 37.9)


@pytest.fixture
def catalog():
    with Catalog.temporary(org="acme") as catalog:
        product = Product(id="s2", name="S2", catalog=catalog)
        product.save()
        for day in (1, 2):
            Image(
                id=f"{product.id}:etna-{day}",
                product=product,
                acquired=f"2024-06-0{day}T10:00:00Z",
                cloud_fraction=0.1 * day,
                geometry={
                    "type": "Polygon",
                    "coordinates": [[(14.9, 37.6), (15.1, 37.6), (15.1, 37.8), (14.9, 37.8), (14.9, 37.6)]],
                },
                storage_state="remote",
                catalog=catalog,
            ).save()
        yield catalog


def asked(catalog: Catalog, start: str, end: str):
    search = catalog.images.filter(p.product_id == "acme:s2").filter((p.acquired >= start) & (p.acquired < end))
    return search.intersects(PLACE)


def test_a_search_of_a_product_a_place_and_a_time_runs_few_functions(catalog: Catalog) -> None:
    for _ in range(2):  # the first one fills what is kept for all searches of its shape
        found = asked(catalog, "2024-06-01", "2024-06-02").ids()
    assert found == ["acme:s2:etna-1"]
    assert calls_of(lambda: asked(catalog, "2024-06-02", "2024-06-03").ids()) <= 165


def test_reading_two_images_that_were_found_runs_few_functions(catalog: Catalog) -> None:
    def read() -> list[tuple[Any, ...]]:
        search = asked(catalog, "2024-06-01", "2024-06-03")
        return [(image.id, image.acquired, image.cloud_fraction, image.geometry) for image in search]

    assert [(row[0], row[2]) for row in read()] == [("acme:s2:etna-1", 0.1), ("acme:s2:etna-2", 0.2)]
    assert calls_of(read) <= 195
