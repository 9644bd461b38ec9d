"""Other engines beside our own searches; both give the same answer first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from localcat import Catalog
from localcat.errors import MissingLibraryError

BOXES = {"a city": (10.0, 45.0, 10.5, 45.5), "five degrees": (10.0, 45.0, 15.0, 50.0)}
_BY_INDEX = """
    SELECT image_id, acquired, cloud_fraction, geometry FROM footprints
    WHERE rowid IN (
        SELECT id FROM rtree_footprints_geometry
        WHERE maxx >= :west AND minx <= :east AND maxy >= :south AND miny <= :north
    ) AND {exactly}
    ORDER BY image_id
"""
OWN = _BY_INDEX.format(exactly="lc_intersects(geometry, :area)")
SPATIALITE = _BY_INDEX.format(
    exactly="ST_Intersects(geometry, (SELECT BuildMbr(:west, :south, :east, :north, 4326))) = 1"
)


@pytest.fixture(scope="module")
def with_spatialite(big: Catalog) -> Iterator[Catalog]:
    try:
        catalog = Catalog.open(big.path, spatialite=True)
    except MissingLibraryError as error:
        pytest.skip(str(error))
    with catalog:
        yield catalog


def values_of(box: tuple[float, float, float, float]) -> dict[str, Any]:
    west, south, east, north = box
    ring = f"POLYGON (({west} {south}, {east} {south}, {east} {north}, {west} {north}, {west} {south}))"
    return {"west": west, "south": south, "east": east, "north": north, "area": ring}


def rows_of_a_search(catalog: Catalog, box: tuple[float, float, float, float]) -> list[tuple[Any, ...]]:
    found = catalog.images.intersects(box)
    return [(image.id, image.acquired, image.cloud_fraction, image.geometry) for image in found]


@pytest.mark.parametrize("name", BOXES)
def test_sql_with_the_index(in_turns: Callable[..., None], big: Catalog, name: str) -> None:
    box = BOXES[name]
    values = values_of(box)
    assert [row["image_id"] for row in big.sql(OWN, values)] == big.images.intersects(box).ids()
    in_turns(
        f"sql with the index and lc_intersects, {name} (floor: search)",
        lambda: big.sql(OWN, values),
        lambda: rows_of_a_search(big, box),
    )


@pytest.mark.parametrize("name", BOXES)
def test_spatialite_with_the_index(
    in_turns: Callable[..., None], big: Catalog, with_spatialite: Catalog, name: str
) -> None:
    box = BOXES[name]
    values = values_of(box)
    assert [row["image_id"] for row in with_spatialite.sql(SPATIALITE, values)] == big.images.intersects(box).ids()
    in_turns(
        f"sql with the index and SpatiaLite, {name} (floor: search)",
        lambda: with_spatialite.sql(SPATIALITE, values),
        lambda: rows_of_a_search(big, box),
    )
