"""Random images, and random searches for them: what another engine is asked, too."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import shapely

from localcat import Catalog, ImageSearch
from localcat import properties as p
from tests.small_catalog import make_product

FIRST = datetime(2023, 1, 1, tzinfo=UTC)
DAYS = 730
SATELLITES = ("Landsat-8", "Landsat-9", "Sentinel-2A", "sentinel-2b")
PRODUCTS = ("acme:s2", "acme:l8", "acme:l9")


def fill(catalog: Catalog, count: int, *, seed: int = 17) -> None:
    """Add three products and so many images, each with a time and a footprint; some are unset in all else."""
    chance = random.Random(seed)
    for product in PRODUCTS:
        make_product(product, catalog=catalog)
    assert not catalog.add_images(_records(chance, count), progress=False).failed


def _records(chance: random.Random, count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {
            "product_id": chance.choice(PRODUCTS),
            "name": f"{chance.choice('abAB')}_{number:04}",
            "acquired": FIRST + timedelta(microseconds=chance.randrange(DAYS * 86_400_000_000)),
            "geometry": footprint(chance),
            "cloud_fraction": chance.choice((None, 0.07, 0.5, round(chance.random(), 3))),
            "fill_fraction": chance.choice((None, round(chance.random(), 2))),
            "view_angle": chance.choice((None, round(chance.uniform(0, 40), 1))),
            "satellite_id": chance.choice((None, *SATELLITES)),
            "provider_id": chance.choice((None, "100%", "a_b", "Ä")),
            "tags": chance.choice((None, [], ["x"], ["y", "x"], ["z"])),
            "published": chance.choice((None, FIRST + timedelta(days=chance.randrange(DAYS)))),
        }


def footprint(chance: random.Random) -> Any:
    """Return a leaning quadrangle, or each tenth time a box across the antimeridian."""
    lat = chance.uniform(-75, 75)
    if chance.random() < 0.1:
        return (chance.uniform(170, 179), lat, chance.uniform(-179, -170), lat + 3)
    lon, lean = chance.uniform(-175, 165), chance.uniform(-1, 1)
    return shapely.Polygon([(lon, lat), (lon + 8, lat + lean), (lon + 9, lat + 5 + lean), (lon + 1, lat + 5)])


def searches(catalog: Catalog, count: int, *, seed: int = 18) -> Iterator[ImageSearch]:
    """Yield searches of up to four conditions, some negated or joined by OR, half of them with an area or a period."""
    chance = random.Random(seed)
    for _ in range(count):
        search = catalog.images
        for _ in range(chance.randint(0, 2)):
            condition = _condition(chance)
            if chance.random() < 0.2:
                condition = ~condition
            if chance.random() < 0.3:
                condition = condition | _condition(chance)
            search = search.filter(condition)
        if chance.random() < 0.5:
            search = search.intersects(_area(chance))
        if chance.random() < 0.3:
            first = FIRST + timedelta(days=chance.randrange(DAYS))
            search = search.during(f"{first:%Y-%m-%d}/{first + timedelta(days=120):%Y-%m-%d}")
        yield search


def areas(count: int, *, seed: int = 19) -> Iterator[Any]:
    """Yield boxes, some across the antimeridian, triangles and points."""
    chance = random.Random(seed)
    for _ in range(count):
        yield _area(chance)


def _condition(chance: random.Random) -> Any:
    fraction = chance.choice((0.07, 0.5, round(chance.random(), 2)))
    time = FIRST + timedelta(days=chance.randrange(DAYS), seconds=chance.randrange(86_400))
    return chance.choice(
        (
            lambda: p.cloud_fraction < fraction,
            lambda: p.cloud_fraction >= fraction,
            lambda: p.cloud_fraction == 0.07,
            lambda: p.cloud_fraction.isnull,
            lambda: p.cloud_fraction.isnotnull,
            lambda: p.fill_fraction > fraction,
            lambda: p.fill_fraction.isnull,
            lambda: p.view_angle <= 40 * fraction,
            lambda: p.acquired >= time,
            lambda: p.acquired < time,
            lambda: p.published > time,
            lambda: p.product_id == chance.choice(PRODUCTS),
            lambda: p.product_id != chance.choice(PRODUCTS),
            lambda: p.product_id.any_of(chance.sample(PRODUCTS, 2)),
            lambda: p.satellite_id == chance.choice(SATELLITES),
            lambda: p.satellite_id != chance.choice(SATELLITES),
            lambda: p.satellite_id.any_of(chance.sample(SATELLITES, 2)),
            lambda: p.satellite_id.prefix("Landsat"),
            lambda: p.satellite_id.ilike("SENTINEL%"),
            lambda: p.tags == "x",
            lambda: p.tags != "x",
            lambda: p.tags.any_of(["y", "z"]),
            lambda: p.tags.isnull,
            lambda: p.name.like(chance.choice(("a\\_%", "%7", "B__1%"))),
            lambda: p.provider_id.like(chance.choice(("%\\%", "a\\_b", "a_b", "Ä"))),
        )
    )()


def _area(chance: random.Random) -> Any:
    lon, lat = chance.uniform(-180, 150), chance.uniform(-90, 60)
    return chance.choice(
        (
            (lon, lat, lon + 30, lat + 30),
            (170 - chance.random(), lat, -170 + chance.random(), lat + 30),
            shapely.Polygon([(lon, lat), (lon + 29, lat + 5), (lon + 11, lat + 30)]),
            shapely.Point(lon + 15, lat + 15),
        )
    )
