"""Periods as people and STAC write them."""

from __future__ import annotations

import pytest

from localcat import Catalog
from localcat.errors import BadRequestError
from localcat.search.periods import Period
from localcat.timestamps import iso_text
from tests.small_catalog import make_product, new_image


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024", "2024-01-01T00:00:00+00:00", "2024-12-31T23:59:59.999999+00:00"),
        ("2024-02", "2024-02-01T00:00:00+00:00", "2024-02-29T23:59:59.999999+00:00"),
        ("2024-W23", "2024-06-03T00:00:00+00:00", "2024-06-09T23:59:59.999999+00:00"),
        ("2024-06-05", "2024-06-05T00:00:00+00:00", "2024-06-05T23:59:59.999999+00:00"),
        ("20240605", "2024-06-05T00:00:00+00:00", "2024-06-05T23:59:59.999999+00:00"),
        ("2024-06-05T10:30:00+02:00", "2024-06-05T08:30:00+00:00", "2024-06-05T08:30:00+00:00"),
        ("2024-06/2024-08", "2024-06-01T00:00:00+00:00", "2024-08-31T23:59:59.999999+00:00"),
        (" 2023-12-31 / 2024 ", "2023-12-31T00:00:00+00:00", "2024-12-31T23:59:59.999999+00:00"),
        ("../2024-06", None, "2024-06-30T23:59:59.999999+00:00"),
        ("2024-06-05T00:00:00Z/..", "2024-06-05T00:00:00+00:00", None),
        ("/2024", None, "2024-12-31T23:59:59.999999+00:00"),
        ("../..", None, None),
        ("9999", "9999-01-01T00:00:00+00:00", "9999-12-31T23:59:59.999999+00:00"),
    ],
)
def test_a_period_runs_from_the_begin_of_its_first_part_to_the_end_of_its_last(text, first, last):
    period = Period.of(text)
    ends = [None if end is None else iso_text(end) for end in (period.first, period.last)]
    assert ends == [first, last]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2024-08/2024-06", "ends before it begins; exchange its ends"),
        ("2024/2025/2026", "is not a period; write for example 2024-06, 2024-06/2024-08"),
        ("", "is not a period"),
        ("June", "is not a period; write for example 2024-06"),
        (2024, "a period is a string such as '2024-06'"),
    ],
)
def test_what_is_no_period_is_refused(text, reason):
    with pytest.raises(BadRequestError, match=reason):
        Period.of(text)


def test_images_of_a_period(catalog: Catalog):
    product = make_product("p")
    for day in ("2024-05-31", "2024-06-01", "2024-06-30T23:59:59.999999", "2024-07-01"):
        new_image(product, f"d{day[:10]}", acquired=day).save()
    found = catalog.images.during("2024-06")
    assert [image.name for image in found] == ["d2024-06-01", "d2024-06-30"]
    assert found.during("2024-06-02/..").ids() == ["acme:p:d2024-06-30"]
    assert catalog.images.during("2024-06", "created").count() == 0
    with pytest.raises(BadRequestError, match="field is one of 'acquired', 'created'"):
        catalog.images.during("2024", "name")
