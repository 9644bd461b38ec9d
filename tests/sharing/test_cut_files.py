"""Images whose files a bundle cut, on their way through third catalogs: whole pixels are not lost for them."""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from localcat import Catalog, Image, timestamps
from localcat import properties as p
from localcat.sharing.deciding import Policy
from localcat.sharing.merge import MergeConflict
from tests.small_catalog import PIXELS, new_image, upload

A = "acme:guide:a"
CUTS: dict[str, dict[str, Any]] = {
    "clip": {"clip": (-74.999, 36.12, -74.99, 36.13)},
    "bands": {"bands": ["blue"]},
    "resolution": {"resolution": "120m"},
}


def shape(catalog: Catalog) -> tuple[int, ...]:
    return Image.get(A, catalog=catalog).ndarray("blue").shape[1:]


def tag(catalog: Catalog, *tags: str) -> None:
    image = Image.get(A, catalog=catalog)
    image.tags = tags
    image.save()


@pytest.fixture(params=CUTS)
def third(ours: Catalog, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Catalog]:
    """A catalog that took in a bundle with a part of the image."""
    ours.bundle(tmp_path / "cut.zip", ours.images.filter(p.name == "a"), progress=False, **CUTS[request.param])
    with Catalog.create(tmp_path / "third.gpkg", org="acme") as made:
        made.merge(tmp_path / "cut.zip", progress=False)
        assert shape(made) != PIXELS.shape[1:] or request.param == "bands"
        yield made


def meet(ours: Catalog, third: Catalog) -> None:
    """Let both take in each other: they agree, and have the whole pixels."""
    third.merge(ours, progress=False)
    ours.merge(third, progress=False)
    for catalog in (ours, third):
        numpy.testing.assert_array_equal(Image.get(A, catalog=catalog).ndarray("blue")[0], PIXELS[0])
        assert catalog.verify("full", progress=False).ok
    assert not ours.diff(third)
    again = ours.merge(third, progress=False)
    assert (again.replaced, again.conflicts) == ({}, [])


def test_what_nobody_changed_is_no_conflict_and_stays_whole(ours: Catalog, third: Catalog) -> None:
    report = ours.merge(third, progress=False)
    assert [one for one in report.conflicts if one.kind == "image"] == []
    assert (report.kept["image"], report.files, shape(ours)) == (1, 0, PIXELS.shape[1:])
    meet(ours, third)


@pytest.mark.parametrize("policy", ["newer", "theirs"])
def test_what_was_changed_there_comes_without_its_pixels(ours: Catalog, third: Catalog, policy: Policy) -> None:
    tag(third, "field")
    report = ours.merge(third, policy=policy, progress=False)
    assert MergeConflict("image", A, "theirs") in report.conflicts
    assert (Image.get(A, catalog=ours).tags, shape(ours), report.files) == (["field"], PIXELS.shape[1:], 0)
    meet(ours, third)
    assert Image.get(A, catalog=third).tags == ["field"]


@pytest.mark.parametrize("policy", ["newer", "ours"])
def test_whole_pixels_come_and_what_was_changed_here_stays(ours: Catalog, third: Catalog, policy: Policy) -> None:
    tag(third, "field")
    report = third.merge(ours, policy=policy, progress=False)
    assert MergeConflict("image", A, "ours") in report.conflicts
    assert (Image.get(A, catalog=third).tags, shape(third)) == (["field"], PIXELS.shape[1:])
    meet(ours, third)
    assert Image.get(A, catalog=ours).tags == ["field"]


def test_cut_files_are_known_as_such_in_a_bundle_of_a_third_catalog(
    ours: Catalog, third: Catalog, tmp_path: Path
) -> None:
    third.bundle(tmp_path / "again.zip", progress=False)
    with Catalog.create(tmp_path / "fourth.gpkg", org="acme") as fourth:
        fourth.merge(tmp_path / "again.zip", progress=False)
        tag(fourth, "field")
        fourth.backup(tmp_path / "fifth.gpkg", progress=False)
    with Catalog.unpack(tmp_path / "again.zip", progress=False) as kit:
        assert ours.merge(kit, progress=False).files == 0
    with Catalog.open(tmp_path / "fifth.gpkg") as fifth:
        assert ours.merge(fifth, policy="theirs", progress=False).files == 0
        assert (Image.get(A, catalog=ours).tags, shape(ours)) == (["field"], PIXELS.shape[1:])
        meet(ours, fifth)


def test_of_products_and_bands_that_a_cut_changed_the_originals_count(ours: Catalog, third: Catalog) -> None:
    before = {one.id: one.serialize() for one in [*ours.products, *ours.bands]}
    merged = ours.merge(third, progress=False)
    assert {one.taken for one in merged.conflicts} <= {"ours"}
    assert {one.id: one.serialize() for one in [*ours.products, *ours.bands]} == before
    third.merge(ours, progress=False)
    assert not ours.diff(third)


def test_whole_pixels_come_though_the_change_came_home_before(ours: Catalog, tmp_path: Path) -> None:
    """The third catalog took in the cut bundle when it was changed already, and so did the first."""
    ours.bundle(tmp_path / "cut.zip", ours.images.filter(p.name == "a"), bands=["blue"], progress=False)
    with (
        Catalog.unpack(tmp_path / "cut.zip", progress=False) as kit,
        Catalog.create(tmp_path / "third.gpkg", org="acme") as third,
    ):
        tag(kit, "field")
        third.merge(kit, progress=False)
        assert ours.merge(kit, progress=False).conflicts == [MergeConflict("image", A, "theirs")]
        assert (Image.get(A, catalog=ours).tags, shape(ours)) == (["field"], PIXELS.shape[1:])
        meet(ours, third)
        assert Image.get(A, catalog=third).tags == ["field"]


def test_another_image_that_was_made_in_a_cut_bundle_is_not_mixed_with_the_one_here(
    ours: Catalog, tmp_path: Path
) -> None:
    before = Image.get("acme:guide:b", catalog=ours).serialize()
    ours.bundle(tmp_path / "cut.zip", ours.images.filter(p.name == "a"), resolution="120m", progress=False)
    with Catalog.unpack(tmp_path / "cut.zip", progress=False) as kit:
        new_image(kit.products.first(), "b", tags=["field"]).save()  # without pixels
        upload(kit.products.first(), "a", PIXELS + numpy.uint16(1), options={"overwrite": True})
        report = ours.merge(kit, progress=False)
    assert report.conflicts[-2:] == [
        MergeConflict("image", A, "theirs"),
        MergeConflict("image", "acme:guide:b", "ours"),
    ]
    assert Image.get("acme:guide:b", catalog=ours).serialize() == before
    assert Image.get(A, catalog=ours).ndarray("blue")[0, 60, 0] == PIXELS[0, 60, 0] + 1
    assert ours.verify("full", progress=False).ok


def test_a_later_change_in_a_cut_bundle_counts_though_the_clock_there_is_behind(
    ours: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours.bundle(tmp_path / "cut.zip", ours.images.filter(p.name == "a"), bands=["blue"], progress=False)
    at_home = timestamps.now_microseconds()
    with Catalog.unpack(tmp_path / "cut.zip", progress=False) as kit:
        for step, word in enumerate(["first", "second"]):
            there = types.SimpleNamespace(time_ns=lambda: (at_home + step) * 1000)  # noqa: B023
            with monkeypatch.context() as patch:
                patch.setattr(timestamps, "time", there)
                tag(kit, word)
            assert ours.merge(kit, progress=False).conflicts == [MergeConflict("image", A, "theirs")]
            assert Image.get(A, catalog=ours).tags == [word]
