"""What the history costs a change, and for how long others wait while a large product is deleted."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.conftest import IMAGES
from localcat import Catalog, Image, Product
from localcat.store import stamps, states
from tests.campaigns.waiting import beside, with_large_product


def changes(path: Path) -> Iterator[int]:
    """Change an image at each step, and give the number of changes."""
    with Catalog.create(path, org="bench") as catalog:
        product = Product(id="x", name="X", catalog=catalog)
        product.save()
        image = Image(product=product, name="i", acquired="2024-01-01", geometry=(1, 2, 3, 4), catalog=catalog)
        image.save()
        for number in itertools.count(1):
            image.cloud_fraction = number % 1000 / 1000
            image.save()
            yield number


def test_change_beside_one_without_history(in_turns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The floor neither counts its transactions nor keeps what the image was."""
    ours, forgetful = changes(tmp_path / "ours.gpkg"), changes(tmp_path / "forgetful.gpkg")
    keep_one, own = states.keep_one, stamps.own
    next(forgetful)  # with all of it

    def keeping(keep: Callable[..., None], stamp: Callable[..., stamps.Stamp], step: Iterator[int]) -> int:
        states.keep_one, stamps.own = keep, stamp  # cheaper than a context, whose time would be taken too
        return next(step)

    with monkeypatch.context() as patch:
        patch.setattr(states, "keep_one", keep_one)
        patch.setattr(stamps, "own", own)
        in_turns(
            "change one image",
            lambda: keeping(keep_one, own, ours),
            lambda: keeping(lambda *given: None, lambda connection: stamps.Stamp(1, 1), forgetful),
            rounds=1000,
        )
    ours.close()
    forgetful.close()
    with Catalog.open(tmp_path / "ours.gpkg") as catalog:
        assert {(change.what, change.id) for change in catalog.history()} == {("changed", "bench:x:i")}
    with Catalog.open(tmp_path / "forgetful.gpkg") as catalog:
        assert len(catalog.history()) == 1  # the step before


def test_others_beside_the_deletion_of_a_product(noted: Callable[[str, float], None], tmp_path: Path) -> None:
    with with_large_product(tmp_path / "survey.gpkg", IMAGES) as catalog:
        with beside(catalog) as waits:
            status = Product.get("acme:large", catalog=catalog).delete_related_objects()
        assert (status.objects_deleted, catalog.images.count()) == (IMAGES, 0)
    assert waits.rounds > 0
    noted(f"deletion of a product of {IMAGES:,} images, s", status.duration_in_seconds)
    noted(
        "longest wait of another process for a save meanwhile, % of it", 100 * waits.write / status.duration_in_seconds
    )
    noted("for a read", 100 * waits.read / status.duration_in_seconds)
