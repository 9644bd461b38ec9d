"""A pole is one place, at all longitudes: 3.5, ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import shapely

from localcat import Catalog
from localcat import properties as p
from tests.small_catalog import make_product


@pytest.fixture(scope="module", params=[1, -1], ids=["north", "south"])
def sign(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def box(west: float, low: float, east: float, high: float, sign: int) -> shapely.Polygon:
    """Return a box of so many degrees towards the pole of a sign."""
    return shapely.box(west, min(low * sign, high * sign), east, max(low * sign, high * sign))


@pytest.fixture(scope="module")
def catalog(sign: int) -> Iterator[Catalog]:
    with Catalog.temporary(org="") as catalog:
        make_product("x", name="X", catalog=catalog)
        shapes = {
            "pole": shapely.Point(0, 90 * sign),
            "same": shapely.Point(-120, 90 * sign),
            "tile": box(170, 80, 175, 90, sign),
            "line": shapely.LineString([(33, 70 * sign), (33, 90 * sign)]),
            "cap": box(-180, 85, 180, 90, sign),
            "near": box(90, 88, 91, 89, sign),
        }
        catalog.add_images({"product_id": "x", "name": name, "geometry": shape} for name, shape in shapes.items())
        yield catalog


def names(search: object) -> set[str]:
    return {uid.split(":")[1] for uid in search.ids()}  # type: ignore[attr-defined]


TOUCHING = {"pole", "same", "tile", "line", "cap"}


def test_all_that_touch_it_meet_there(catalog: Catalog, sign: int) -> None:
    for area in (shapely.Point(90, 90 * sign), shapely.Point(-45, 90 * sign), box(60, 70, 65, 90, sign)):
        found = catalog.images.intersects(area)
        assert names(found) == TOUCHING
        assert found.count() == len(TOUCHING)
        assert names(catalog.images.disjoint(area)) == {"near"}
        assert names(catalog.images.filter(p.geometry.intersects(area))) == TOUCHING
    in_memory = catalog.images.collect().intersecting(shapely.Point(90, 90 * sign))
    assert {image.name for image in in_memory} == TOUCHING


@pytest.mark.parametrize(("west", "east"), [(160, 176), (160, -175)], ids=["one part", "across the antimeridian"])
def test_what_lies_beside_it_and_at_it_counts_once(catalog: Catalog, sign: int, west: int, east: int) -> None:
    area = (west, min(70 * sign, 90 * sign), east, max(70 * sign, 90 * sign))
    for search, found in (
        (catalog.images.intersects(area), TOUCHING),
        (catalog.images.covered_by(area), {"pole", "same", "tile"}),
    ):
        assert names(search) == found
        assert search.count() == search.summary().count == len(found)


def test_it_is_in_what_touches_it(catalog: Catalog, sign: int) -> None:
    assert names(catalog.images.covered_by(box(85, 80, 95, 90, sign))) == {"pole", "same", "near"}
    assert names(catalog.images.within(shapely.Point(12, 90 * sign))) == {"pole", "same"}
    assert names(catalog.images.contains(shapely.Point(12, 90 * sign))) == {"pole", "same"}


def test_it_is_at_no_distance_from_itself(catalog: Catalog, sign: int) -> None:
    assert names(catalog.images.within_distance(shapely.Point(90, 90 * sign), 1)) == TOUCHING


def test_a_place_beside_it_is_another_one(catalog: Catalog, sign: int) -> None:
    assert names(catalog.images.intersects(shapely.Point(0, 89.9 * sign))) == {"cap"}
