"""A product of 100,000 images is deleted while another process reads and writes: how long it waits, at the longest."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcat import Product
from tests.campaigns.report import Tally
from tests.campaigns.waiting import beside, with_large_product

IMAGES = 100_000
LONGEST_WAIT = 1.0  # seconds


@pytest.mark.campaign
def test_nobody_waits_long_while_a_large_product_is_deleted(tmp_path: Path, tally: Tally) -> None:
    with with_large_product(tmp_path / "survey.gpkg", IMAGES) as catalog:
        with beside(catalog) as waits:
            status = Product.get("acme:large", catalog=catalog).delete_related_objects()
        assert status is not None
        assert (status.objects_deleted, catalog.images.count()) == (IMAGES, 0)
        assert catalog.verify("full", progress=False).problems == []
    seconds = f"longest write {waits.write:.2f} s, longest read {waits.read:.2f} s"
    tally.add(
        "deletion",
        f"{IMAGES:,} images in {status.duration_in_seconds:.1f} s",
        rounds_of_another_process=waits.rounds,
        waits=seconds,
    )
    assert waits.rounds > 10
    assert max(waits.write, waits.read) < LONGEST_WAIT
