"""How what is found is read: few in one go, many in chunks, and all alike."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from localcat import Catalog, Image, Product
from localcat import properties as p
from localcat.search import ImageSearch
from localcat.store.rows import HYDRATION_CHUNK

COUNT = 1200  # more than are read at once
OF_A = p.product_id == "a"


@pytest.fixture(scope="module")
def images() -> Iterator[ImageSearch]:
    """So many images of a product in a row of seconds, the last one first, and one of another product."""
    with Catalog.temporary(org="") as catalog:
        Product(id="a", name="A", catalog=catalog).save()
        Product(id="b", name="B", catalog=catalog).save()
        catalog.add_images(
            {
                "id": f"a:i{number:04}",
                "acquired": f"2020-01-01T00:{(COUNT - number) // 60:02}:{(COUNT - number) % 60:02}",
                "cloud_fraction": number % 10 / 10,
                "geometry": (0.0, 0.0, 1.0, 1.0 + number % 2),
            }
            for number in range(COUNT)
        )
        catalog.add_images([{"id": "b:x", "acquired": "2020-01-01T00:01:00", "geometry": (0.0, 0.0, 1.0, 1.0)}])
        yield catalog.images


def ids(*numbers: int) -> list[str]:
    return [f"a:i{number:04}" for number in numbers]


def statements(search: ImageSearch) -> list[str]:
    """Return the statements that read columns of images while a search is read."""
    seen: list[str] = []
    with search._catalog.database.read() as connection:
        connection.set_trace_callback(seen.append)
        list(search)
        connection.set_trace_callback(None)
    return [one for one in seen if "image.geometry" in one]


@pytest.mark.parametrize("area", [None, (0.0, 0.0, 0.5, 0.5)])
def test_many_and_few_are_found_alike(images: ImageSearch, area: object) -> None:
    search = images if area is None else images.intersects(area)
    whole_day = search.filter(OF_A & (p.acquired >= "2020-01-01") & (p.acquired < "2020-01-02"))
    assert [image.id for image in whole_day] == ids(*range(COUNT))
    assert [image.id for image in whole_day.limit(1100)] == ids(*range(1100))
    minute = whole_day.filter(p.acquired < "2020-01-01T00:01")
    assert [image.id for image in minute] == ids(*range(COUNT - 59, COUNT))
    assert [image.id for image in minute.sort("acquired").limit(3)] == ids(COUNT - 1, COUNT - 2, COUNT - 3)
    assert [(image.geometry.bounds, image.acquired.second) for image in minute.limit(2)] == [
        ((0.0, 0.0, 1.0, 2.0), 59),
        ((0.0, 0.0, 1.0, 1.0), 58),
    ]


def test_few_of_a_time_are_read_in_one_go(images: ImageSearch) -> None:
    times = (p.acquired >= "2020-01-01") & (p.acquired < "2020-01-01T00:10")
    (one,) = statements(images.filter(OF_A & times))
    assert "json_each" not in one
    assert len(statements(images.filter(OF_A & (p.acquired >= "2020-01-01")))) == 1 + COUNT // HYDRATION_CHUNK
    assert len(statements(images.limit(5))) == 1


def test_the_footprints_of_an_area_are_read_once(images: ImageSearch) -> None:
    assert len(statements(images.intersects((0.0, 0.0, 0.5, 0.5)).limit(50))) == 1


def test_what_was_left_is_read_before_others_are_kept_out() -> None:
    with Catalog.temporary(org="") as catalog:
        Product(id="a", name="A", catalog=catalog).save()
        catalog.add_images({"id": f"a:i{number}", "satellite_id": "one"} for number in range(250))
        found = list(catalog.images)
        seen: list[str] = []
        with catalog.database.read() as connection:
            connection.set_trace_callback(seen.append)
        with catalog.transaction():
            begun = next(index for index, one in enumerate(seen) if one.startswith("BEGIN IMMEDIATE"))
            assert sum("image.satellite_id" in one for one in seen[:begun]) == 3
            assert [one for one in seen[begun:] if "image.satellite_id" in one] == []
            catalog.images.filter(p.name == "i7").first().delete()
        connection.set_trace_callback(None)
        assert {image.satellite_id for image in found} == {"one"}


def test_threads_may_read_one_image() -> None:
    with Catalog.temporary(org="") as catalog, ThreadPoolExecutor(4) as pool:
        Product(id="a", name="A", catalog=catalog).save()
        catalog.add_images({"id": f"a:i{number}", "extra_properties": {"n": number}} for number in range(3))
        for _ in range(50):
            image = next(iter(catalog.images.sort("name").limit(3)))
            start = Barrier(4)

            def read(image: Image = image, start: Barrier = start) -> object:
                start.wait()
                return image.satellite_id, image.extra_properties

            assert [one.result() for one in [pool.submit(read) for _ in range(4)]] == [(None, {"n": 0})] * 4
