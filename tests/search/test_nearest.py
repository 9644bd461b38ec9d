"""The nearest images of a search, against every distance looked at."""

from __future__ import annotations

import numpy
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from localcat import Catalog, Image
from localcat import properties as p
from localcat.earth import sphere
from localcat.errors import BadRequestError
from tests.drawing import examples
from tests.random_catalogs import fill, records_with_places, shapes


def nearest(search, point, k) -> list[str]:
    return [image.name for image in search.nearest(point, k)]


def test_nearest_first_and_ties_by_id(images):
    assert nearest(images, (1.5, 1.5), 2) == ["around", "inside"]  # both cover the point
    assert nearest(images, (1.5, 1.5), 3) == ["around", "inside", "edge"]
    assert nearest(images, (12.5, 4.5), 9) == ["around", "near", "touching", "partly", "inside", "edge", "far"]
    assert nearest(images, (16, 4.5), 2) == ["around", "near"]
    assert nearest(images, shapely.Point(-179, 72), 1) == ["far"]
    assert nearest(images, {"type": "Point", "coordinates": [12.5, 4.5]}, 2) == ["around", "near"]
    assert nearest(images, "POINT (12.5 4.5)", 2) == ["around", "near"]
    assert nearest(images, (100, -60, 101, -59), 1) == ["around"]


def test_nearest_honours_filters_and_places_but_neither_order_nor_limit(images):
    clear = images.filter(p.cloud_fraction < 0.2).sort("-name").limit(1)
    assert nearest(clear, (1.5, 1.5), 3) == ["inside", "touching", "near"]
    assert nearest(images.disjoint((0, 0, 10, 10)), (1.5, 1.5), 3) == ["near", "far"]
    assert nearest(images.find_text("near"), (170, 60), 1) == ["near"]
    assert nearest(images.filter(p.name == "none"), (0, 0), 1) == []
    assert nearest(images.filter(p.geometry.isnull), (0, 0), 1) == []
    assert len(images.nearest((0, 0))) == 1


@pytest.mark.parametrize("k", [0, -1, 1.0, True, "2", None])
def test_how_many_is_a_whole_number_from_one(images, k):
    with pytest.raises(BadRequestError, match="k is a whole number from 1"):
        images.nearest((0, 0), k)


@pytest.mark.parametrize(
    ("point", "words"),
    [
        (None, "'None'"),
        ((1,), r"\(1,\)"),
        ((1, 2, 3), r"\(1, 2, 3\)"),
        ("here", "'here'"),
        ((0, 91), "latitude 91"),
        (("a", "b"), "'a'"),
        (5, "'5'"),
    ],
)
def test_what_is_no_place_is_refused(images, point, words):
    with pytest.raises(BadRequestError, match=words):
        images.nearest(point, 1)


@given(records_with_places(), shapes(), st.integers(1, 5), st.booleans())
@settings(max_examples=examples(40))
def test_nearest_agrees_with_every_distance(found, place, k, is_filtered):
    condition = p.cloud_fraction < 0.2 if is_filtered else p.id.isnotnull
    with Catalog.temporary(org="") as catalog:
        fill(catalog, found)
        near = catalog.images.filter(condition).nearest(place, k)
    candidates = [
        one
        for one in found
        if one.kind is Image
        and one.geometry is not None
        and (not is_filtered or (one.values.get("cloud_fraction") or 1.0) < 0.2)
    ]
    metres = sphere.distances(place, numpy.array([one.geometry for one in candidates] + [None], dtype=object)[:-1])
    wanted = sorted(zip(metres.round(3).tolist(), (one.id for one in candidates), strict=True))[:k]
    assert [image.id for image in near] == [uid for _, uid in wanted]
