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

_DELETIONS = 1010  # one for each turn, and some before


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


def deletions(path: Path) -> Iterator[str]:
    """Delete an image at each step, and give its id."""
    with Catalog.create(path, org="bench") as catalog:
        product = Product(id="x", name="X", catalog=catalog)
        product.save()
        with catalog.transaction():
            for number in range(_DELETIONS):
                given = {"acquired": "2024-01-01", "geometry": (1, 2, 3, 4), "cloud_fraction": 0.5}
                Image(product=product, name=f"i{number}", catalog=catalog, **given).save()
        for image in catalog.images.collect():
            image.delete()
            yield image.id


def test_deletion_beside_one_without_history(in_turns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The floor counts no transactions, keeps nothing of what the image was, and writes no tombstone."""
    ours, forgetful = deletions(tmp_path / "ours.gpkg"), deletions(tmp_path / "forgetful.gpkg")
    writing, own, bury = states._write, stamps.own, stamps.put_tombstone
    next(forgetful)  # with all of it
    next(ours)

    def keeping(
        write: Callable[..., None], stamp: Callable[..., stamps.Stamp], put: Callable[..., None], step: Iterator[str]
    ) -> str:
        states._write, stamps.own, stamps.put_tombstone = write, stamp, put
        return next(step)

    with monkeypatch.context() as patch:
        patch.setattr(states, "_write", writing)
        patch.setattr(stamps, "own", own)
        patch.setattr(stamps, "put_tombstone", bury)
        in_turns(
            "delete one image",
            lambda: keeping(writing, own, bury, ours),
            lambda: keeping(lambda *given: None, lambda connection: stamps.Stamp(1, 1), lambda *given: None, forgetful),
            rounds=1000,
        )
    ours.close()
    forgetful.close()
    with Catalog.open(tmp_path / "forgetful.gpkg") as catalog:
        assert [(change.what, change.id) for change in catalog.history()] == [("deleted", "bench:x:i0")]
        left = catalog.images.count()
    with Catalog.open(tmp_path / "ours.gpkg") as catalog:
        history = catalog.history()
        assert len(history) + catalog.images.count() == _DELETIONS
        assert abs(catalog.images.count() - left) <= 1  # as many turns of either


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
