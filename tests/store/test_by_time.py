"""The first and the last in time, where a place has many images."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from localcat import Catalog, Product
from localcat import properties as p
from localcat.store.query import by_time

AREA = (-10.0, -10.0, 10.0, 10.0)


@pytest.fixture(scope="module")
def crowded() -> Iterator[Catalog]:
    """1,500 images in one place, one a day from 2015 on, of which every hundredth has no time."""
    with Catalog.temporary(org="") as catalog:
        Product(id="a", name="A", catalog=catalog).save()
        Product(id="b", name="B", catalog=catalog).save()
        catalog.add_images(
            {
                "product_id": "ab"[number % 2],
                "name": f"i{number:04}",
                "geometry": (0, 0, 1, 1),
                "acquired": None if number % 100 == 0 else f"20{15 + number // 365}-01-01",
                "cloud_fraction": number % 10 / 10,
            }
            for number in range(1500)
        )
        yield catalog


def oracle(catalog: Catalog, *, newest: bool, least_clouds: float = 0) -> list[str]:
    images = [image for image in catalog.images if image.cloud_fraction >= least_clouds]
    known = [image for image in images if image.acquired is not None]
    known.sort(key=lambda image: image.id)
    known.sort(key=lambda image: image.acquired, reverse=newest)
    return [image.id for image in [*known, *(image for image in images if image.acquired is None)]]


@pytest.mark.parametrize("limit", [1, 10, 1485, 1490, 1500, 2000])
@pytest.mark.parametrize("newest", [False, True])
def test_windows_of_time_find_what_sorting_all_finds(crowded: Catalog, limit: int, newest: bool) -> None:
    search = crowded.images.intersects(AREA).sort("-acquired" if newest else "acquired")
    question = search._question()
    with crowded.database.read() as connection:
        assert next(by_time.windows(question, connection)) is not question
    assert search.limit(limit).ids() == oracle(crowded, newest=newest)[:limit]
    few = search.filter(p.cloud_fraction >= 0.9)
    assert few.limit(limit).ids() == oracle(crowded, newest=newest, least_clouds=0.9)[:limit]


@pytest.mark.parametrize("limit", [1, 3, 5])
def test_a_place_of_which_the_last_days_are_crowded_alone(limit: int) -> None:
    """What the first window holds is no more than a guess of what there is."""
    with Catalog.temporary(org="") as catalog:
        Product(id="a", name="A", catalog=catalog).save()
        days = [*range(300), *range(4000, 4003)]  # 300 of the last year but three, and three ten years earlier
        catalog.add_images(
            {
                "product_id": "a",
                "name": f"i{day:04}",
                "geometry": (0, 0, 1, 1),
                "acquired": datetime(2024, 6, 1, tzinfo=UTC) - timedelta(days=day / 10 if day < 300 else day),
                "cloud_fraction": float(day >= 4000),
            }
            for day in days
        )
        search = catalog.images.intersects(AREA).filter(p.cloud_fraction == 1).sort("-acquired")
        assert search.limit(limit).ids() == ["a:i4000", "a:i4001", "a:i4002"][:limit]
        assert search.sort("acquired").limit(limit).ids() == ["a:i4002", "a:i4001", "a:i4000"][:limit]


def test_windows_are_explained(crowded: Catalog) -> None:
    words = "looks in ever longer windows of time, until enough is found"
    search = crowded.images.intersects(AREA).sort("-acquired").limit(3)
    assert words in search.explain().plan
    assert words not in search.limit(None).explain().plan
    assert words not in crowded.images.intersects((0, 0, 0.1, 0.1)).sort("-acquired").limit(3).explain().plan


def test_windows_stay_within_the_time_that_is_asked_for(crowded: Catalog) -> None:
    search = crowded.images.intersects(AREA).sort("-acquired").limit(3)
    assert search.filter(p.acquired < "2017-01-01").ids() == ["a:i0366", "a:i0368", "a:i0370"]
    assert search.filter(p.acquired.isnull).ids() == ["a:i0000", "a:i0100", "a:i0200"]
    assert search.filter(p.acquired > "2030-01-01").ids() == []
    assert search.filter(p.acquired.year == 2016).limit(1000).count() == 361


@pytest.mark.parametrize("newest", [False, True])
def test_the_first_of_each_product_make_the_first_of_all(crowded: Catalog, newest: bool) -> None:
    search = crowded.images.sort("-acquired" if newest else "acquired")
    assert search.limit(20).ids() == oracle(crowded, newest=newest)[:20]
    assert (
        search.filter(p.cloud_fraction >= 0.9).limit(999).ids()
        == oracle(crowded, newest=newest, least_clouds=0.9)[:999]
    )
    of_b = search.filter(p.product_id.prefix("b") & (p.acquired.year >= 2016)).limit(1000).ids()
    assert of_b == [uid for uid in oracle(crowded, newest=newest) if uid >= "b:i0365" and not uid.endswith("00")]


def test_months_of_all_products_are_those_of_each(crowded: Catalog) -> None:
    months = crowded.images.summary_interval(interval="month")
    assert [(month.interval_start.year, month.count) for month in months] == [
        (2015, 361),
        (2016, 361),
        (2017, 362),
        (2018, 361),
        (2019, 40),
    ]


def test_an_empty_catalog_has_no_first() -> None:
    with Catalog.temporary() as catalog:
        assert catalog.images.sort("-acquired").limit(1).ids() == []
        assert catalog.images.filter(p.acquired > "2020-01-01").count() == 0
        assert catalog.images.summary_interval(interval="month") == []
