"""What a map of very many images is drawn from: boxes, cells, footprints, and counts by product."""

from __future__ import annotations

import random
from collections import Counter

import numpy
import pytest
import shapely

from localcat import Catalog, Image
from localcat import properties as p
from localcat.search.overview import boxes_of, count_by_product, footprints_of
from tests.small_catalog import add_images_around_a_square, make_product

WORLD = (-180, -90, 180, 90)


@pytest.fixture
def scattered(catalog: Catalog) -> Catalog:
    """600 footprints of two products, 30 of them across the antimeridian, so that the index has several nodes."""
    dice = random.Random(11)
    for name in ("a", "b"):
        make_product(name, catalog=catalog)
    records = []
    for number in range(600):
        west, south = (dice.uniform(179, 180) if number % 20 == 0 else dice.uniform(-180, 178)), dice.uniform(-80, 78)
        east = west + 1.5
        box = (west, south, east - 360 if east > 180 else east, south + 1)
        records.append({"product_id": f"acme:{'ab'[number % 3 == 0]}", "name": f"i{number:03}", "geometry": box})
    catalog.add_images(records, progress=False)
    return catalog


def middles(catalog: Catalog, zoom: int) -> Counter[tuple[int, int]]:
    """Return how many boxes have their middle in each tile, one by one."""
    found: Counter[tuple[int, int]] = Counter()
    with catalog.database.read() as connection:
        rows = connection.execute("SELECT min_lon, max_lon, min_lat, max_lat FROM image_index").fetchall()
    for west, east, south, north in rows:
        lon, lat = ((west + east) / 2 + 180) % 360 - 180, numpy.radians((south + north) / 2)
        down = (1 - numpy.log(numpy.tan(lat) + 1 / numpy.cos(lat)) / numpy.pi) / 2
        found[int((lon + 180) / 360 * 2**zoom), int(down * 2**zoom)] += 1
    return found


def test_cells_count_each_image_once(scattered: Catalog) -> None:
    cells = boxes_of(scattered.images).cells(4)
    counted = dict(
        zip(zip(cells.columns.tolist(), cells.rows.tolist(), strict=True), cells.counts.tolist(), strict=True)
    )
    assert counted == middles(scattered, 4)
    assert sum(counted.values()) == 600


def test_boxes_are_those_of_what_is_found(catalog: Catalog) -> None:
    add_images_around_a_square(catalog)
    assert len(boxes_of(catalog.images)) == 7  # all but the one without a footprint
    assert len(boxes_of(catalog.images.filter(p.cloud_fraction == 0.1).limit(2))) == 4
    assert len(boxes_of(catalog.images.intersects((0, 0, 10, 10)))) == 5
    assert len(boxes_of(catalog.images.find_text("partly"))) == 1
    assert len(boxes_of(catalog.images.filter(p.name == "unset"))) == 0


def test_boxes_in_a_view(catalog: Catalog) -> None:
    add_images_around_a_square(catalog)
    boxes = boxes_of(catalog.images)
    assert len(boxes.meeting((11.5, 4.5, 30, 30))) == 3  # near, partly, around
    assert len(boxes.meeting((175, 60, -175, 61))) == 1  # far, which is across the antimeridian
    assert len(boxes.meeting((-175, 60, -172, 61))) == 1
    assert len(boxes.meeting((100, -90, 160, 90))) == 0


def test_the_extent_is_around_all(catalog: Catalog) -> None:
    add_images_around_a_square(catalog)
    assert boxes_of(catalog.images.filter(p.name.any_of(["inside", "near"]))).extent() == (1, 1, 12, 5)
    assert boxes_of(catalog.images.filter(p.name == "far")).extent() == (170, 60, 190, 70)
    assert boxes_of(catalog.images.filter(p.name == "unset")).extent() is None


def test_footprints_come_largest_first_with_their_products(scattered: Catalog) -> None:
    make_product("huge", catalog=scattered)
    Image(product_id="acme:huge", name="x", geometry=(-170, -80, 170, 80), catalog=scattered).save()
    found = footprints_of(scattered.images, WORLD)
    assert found.product_ids == ["acme:a", "acme:b", "acme:huge"]
    assert shapely.bounds(found.shapes[0]).tolist() == [-170, -80, 170, 80]
    assert numpy.bincount(found.products).tolist() == [400, 200, 1]
    seen = footprints_of(scattered.images.filter(p.product_id == "acme:b"), (-20, -20, 20, 20))
    assert len(seen.shapes) == scattered.images.filter(p.product_id == "acme:b").intersects((-20, -20, 20, 20)).count()
    assert seen.product_ids == ["acme:b"]


def test_nothing_found_is_nothing_to_draw(catalog: Catalog) -> None:
    found = footprints_of(catalog.images, WORLD)
    assert (len(found.shapes), found.product_ids) == (0, [])
    cells = boxes_of(catalog.images).cells(3)
    assert (cells.columns.tolist(), cells.rows.tolist(), cells.counts.tolist()) == ([], [], [])


def test_outlines_begin_where_they_can_be_told_apart(scattered: Catalog) -> None:
    boxes = boxes_of(scattered.images)
    assert boxes.outline_zoom(600, 64) == 0
    assert max(middles(scattered, 2).values()) > 40 >= max(middles(scattered, 3).values())
    assert boxes.outline_zoom(40, 64) == 3
    # Of 1.5° half is 64 pixels long from zoom 6 on: 256 · 2⁶ · 1.5 / 360 = 68.
    assert boxes.outline_zoom(1, 64) == 6


def test_images_are_counted_by_product(catalog: Catalog) -> None:
    add_images_around_a_square(catalog)
    make_product("empty", catalog=catalog)
    assert count_by_product(catalog.images.limit(1)) == {"acme:a": 8}
    assert count_by_product(catalog.images.intersects((0, 0, 10, 10))) == {"acme:a": 5}
    assert count_by_product(catalog.images.filter(p.name == "none")) == {}


def test_an_area_at_the_pole_counts_in_the_outermost_row(catalog: Catalog) -> None:
    product = make_product("a", catalog=catalog)
    Image(product=product, name="north", geometry=(0, 88, 10, 90)).save()
    Image(product=product, name="south", geometry=(0, -90, 10, -88)).save()
    cells = boxes_of(catalog.images).cells(3)
    assert sorted(zip(cells.columns.tolist(), cells.rows.tolist(), strict=True)) == [(4, 0), (4, 7)]
