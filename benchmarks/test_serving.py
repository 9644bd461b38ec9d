"""The server beside the library it asks, in one process: a page of Items, with the number that match.

The floor is the same question asked directly: ten Items and the count.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from localcat import Catalog, ImageSearch
from localcat import properties as p
from localcat.serve import app
from tests.asgi import Client

PERIOD = "2020-01-01T00:00:00Z/2021-01-01T00:00:00Z"
NEWEST = [{"field": "datetime", "direction": "desc"}]
CHANCE = random.Random(5)


def _box() -> list[float]:
    west, south = CHANCE.uniform(-170, 160), CHANCE.uniform(-60, 60)
    return [west, south, west + 2, south + 2]


def _in_a_box(images: ImageSearch) -> tuple[ImageSearch, dict[str, Any]]:
    box = _box()
    return images.intersects(tuple(box)), {"bbox": box}


def _of_a_product_in_a_year(images: ImageSearch) -> tuple[ImageSearch, dict[str, Any]]:
    box = _box()
    search = images.intersects(tuple(box)).filter(p.product_id == "bench:p00").during(PERIOD)
    return search, {"bbox": box, "collections": ["bench:p00"], "datetime": PERIOD}


def _newest_of_a_product(images: ImageSearch) -> tuple[ImageSearch, dict[str, Any]]:
    return images.filter(p.product_id == "bench:p00").sort("-acquired"), {
        "collections": ["bench:p00"],
        "sortby": NEWEST,
    }


def _clear(images: ImageSearch) -> tuple[ImageSearch, dict[str, Any]]:
    percent = CHANCE.randint(1, 20)
    clear = {"op": "<", "args": [{"property": "eo:cloud_cover"}, percent]}
    return images.filter(p.cloud_fraction < percent / 100), {"filter": clear}


QUESTIONS = {
    "in a box": _in_a_box,
    "of a product, in a box and a year": _of_a_product_in_a_year,
    "newest of a product": _newest_of_a_product,
    "by clouds": _clear,
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_first_page(in_turns: Callable[..., None], big: Catalog, question: str) -> None:
    client = Client(app(big))

    def directly(asked: tuple[ImageSearch, dict[str, Any]]) -> tuple[list[str], int]:
        search, _ = asked
        return [image.to_stac_item()["id"] for image in search.limit(10)], search.count()

    def served(asked: tuple[ImageSearch, dict[str, Any]]) -> tuple[list[str], int]:
        page = client.post("/search", asked[1]).json()
        return [item["id"] for item in page["features"]], page["numberMatched"]

    example = QUESTIONS[question](big.images)
    assert served(example) == directly(example)
    in_turns(f"page {question}", served, directly, prepare=lambda: QUESTIONS[question](big.images))


@pytest.mark.parametrize("question", ["newest of a product", "by clouds"])
def test_page_100(in_turns: Callable[..., None], big: Catalog, question: str) -> None:
    client = Client(app(big))
    search, body = QUESTIONS[question](big.images)
    body = {**body, "limit": 10}
    for _ in range(100):
        page = client.post("/search", body).json()
        following = [link["body"] for link in page["links"] if link["rel"] == "next"]
        if not following:  # a smoke run has few images, and ends with the page before
            break
        body = following[0]

    def directly() -> list[str]:
        return [image.to_stac_item()["id"] for image in search.limit(10)]

    def served() -> list[str]:
        return [item["id"] for item in client.post("/search", body).json()["features"]]

    assert 0 < len(served()) <= len(directly()) == 10
    in_turns(f"page 100 {question}, beside the first ten", served, directly)
