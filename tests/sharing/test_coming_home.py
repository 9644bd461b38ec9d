"""Bundles that were unpacked, changed elsewhere, and are merged into the catalog that they came from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localcat import Catalog, Image
from localcat import properties as p
from localcat.sharing.merge import MergeConflict
from tests.shell import invoke, run
from tests.small_catalog import PIXELS, upload

A, B, FAR = "acme:guide:a", "acme:guide:b", "acme:guide:far"


@pytest.fixture
def archive(ours: Catalog, tmp_path: Path) -> Path:
    """All images but one, as they are."""
    return ours.bundle(tmp_path / "kit.zip", ours.images.filter(p.name != "nowhere"), progress=False).path


@pytest.fixture
def kit(archive: Path) -> Iterator[Catalog]:
    """Those, unpacked."""
    with Catalog.unpack(archive, progress=False) as opened:
        yield opened


def tag(catalog: Catalog, uid: str, *tags: str) -> None:
    image = Image.get(uid, catalog=catalog)
    image.tags = tags
    image.save()


def test_what_changed_on_one_side_only_is_no_conflict(ours: Catalog, kit: Catalog) -> None:
    tag(kit, A, "field")
    tag(ours, B, "home")
    upload(kit.products.first(), "new", PIXELS)
    report = ours.merge(kit, progress=False)
    assert (report.conflicts, report.deleted) == ([], {})
    assert (report.added, report.replaced, report.kept) == ({"image": 1}, {"image": 1}, {"image": 1})
    tags = {image.id: image.tags for image in ours.images}
    assert (tags[A], tags[B]) == (["field"], ["home"])
    assert ours.images.count() == 5  # also the one that never was in the kit
    again = ours.merge(kit, progress=False)
    assert (again.added, again.replaced, again.conflicts) == ({}, {}, [])


def test_what_changed_on_both_sides_is_a_conflict(ours: Catalog, kit: Catalog) -> None:
    tag(ours, A, "home")
    tag(kit, A, "field")
    report = ours.merge(kit, progress=False)
    assert report.conflicts == [MergeConflict("image", A, "theirs")]
    assert Image.get(A, catalog=ours).tags == ["field"]


def test_what_was_deleted_at_home_does_not_come_back(ours: Catalog, kit: Catalog) -> None:
    Image.delete(FAR, catalog=ours)
    report = ours.merge(kit, progress=False)
    assert (report.added, report.left_out, report.conflicts) == ({}, {"image": 1}, [])
    assert Image.get(FAR, catalog=ours) is None


def test_an_image_made_on_both_sides_under_one_name_is_a_conflict(ours: Catalog, kit: Catalog) -> None:
    """It has the id of one that did not come along, and so nothing is known of that."""
    upload(kit.products.first(), "nowhere", PIXELS, tags=["field"])
    report = ours.merge(kit, progress=False)
    assert [(one.id, one.reason) for one in report.conflicts] == [("acme:guide:nowhere", "changed on both sides")]


def test_home_comes_into_the_kit_as_well(ours: Catalog, kit: Catalog) -> None:
    tag(ours, A, "home")
    tag(kit, B, "field")
    assert kit.merge(ours, progress=False).conflicts == []
    assert ours.merge(kit, progress=False).conflicts == []
    assert not ours.diff(kit)


def test_two_kits_of_one_catalog_meet_in_it(ours: Catalog, archive: Path, tmp_path: Path) -> None:
    with Catalog.unpack(archive, tmp_path / "anna") as anna, Catalog.unpack(archive, tmp_path / "ben") as ben:
        tag(anna, A, "anna")
        tag(ben, B, "ben")
        assert [ours.merge(one, progress=False).conflicts for one in (anna, ben)] == [[], []]
        assert [anna.merge(ours, progress=False).conflicts, ben.merge(ours, progress=False).conflicts] == [[], []]
        assert not anna.diff(ben)
        assert not ours.diff(anna)


def test_a_cut_kit_changes_no_pixels_and_lacks_nothing(ours: Catalog, tmp_path: Path) -> None:
    report = ours.bundle(tmp_path / "cut.zip", ours.images.filter(p.name == "a"), bands=["blue"], progress=False)
    before = Image.get(A, catalog=ours).files
    with Catalog.unpack(report.path, progress=False) as cut:
        tag(cut, A, "field")
        merged = ours.merge(cut, progress=False)
    assert (merged.deleted, merged.files) == ({}, 0)
    image = Image.get(A, catalog=ours)
    assert (image.tags, image.files, ours.images.count()) == (["field"], before, 4)


def test_a_kit_of_a_cut_kit_is_cut_as_well(ours: Catalog, tmp_path: Path) -> None:
    ours.bundle(tmp_path / "cut.zip", ours.images.filter(p.name == "a"), bands=["blue"], progress=False)
    before = Image.get(A, catalog=ours).files
    with Catalog.unpack(tmp_path / "cut.zip", progress=False) as cut:
        cut.bundle(tmp_path / "again.zip", progress=False)
    with Catalog.unpack(tmp_path / "again.zip", progress=False) as again:
        tag(again, A, "field")
        assert ours.merge(again, policy="theirs", progress=False).files == 0
    image = Image.get(A, catalog=ours)
    assert (image.tags, image.files) == (["field"], before)


def test_a_kit_of_a_kit_comes_home_as_well(ours: Catalog, kit: Catalog, tmp_path: Path) -> None:
    kit.bundle(tmp_path / "again.zip", progress=False)
    with Catalog.unpack(tmp_path / "again.zip", progress=False) as again:
        tag(again, A, "field")
        assert ours.merge(again, progress=False).conflicts == []
    assert Image.get(A, catalog=ours).tags == ["field"]


def test_an_archive_is_the_other_side_where_it_is(ours: Catalog, archive: Path, tmp_path: Path) -> None:
    tag(ours, A, "home")
    for other in (archive, str(archive)):
        report = ours.diff(other)
        assert (report.changed, report.added, report.deleted) == ([A], [], ["acme:guide:nowhere"])
    Image.delete(B, catalog=ours)
    assert ours.merge(str(archive), progress=False).added == {}  # it was deleted here
    assert ours.merge(str(archive), deletions=False, progress=False).added == {"image": 1}  # and comes back
    assert ours.verify("full").ok
    with Catalog.open(archive) as opened:
        assert ours.diff(opened).changed == [A]


def test_the_shell_takes_an_archive_as_the_other_side(ours: Catalog, archive: Path) -> None:
    tag(ours, A, "home")
    done = invoke("diff", archive, catalog=ours)
    assert (done.exit_code, A in done.stdout) == (3, True)
    assert run("merge", ours.path, archive).startswith("kept: 1 image")


def test_a_third_catalog_takes_it_and_agrees_with_home(ours: Catalog, archive: Path, tmp_path: Path) -> None:
    """Of the writers at home it knows nothing: what it lacks was not deleted there."""
    with Catalog.create(tmp_path / "third.gpkg", org="acme") as third:
        assert third.merge(archive, progress=False).added == {"product": 1, "band": 2, "image": 3}
        before = third.path.read_bytes()
        assert third.merge(archive, progress=False).added == {}
        assert third.path.read_bytes() == before
        assert third.verify("quick").ok
        report = ours.merge(third, progress=False)
        assert (report.deleted, report.added, report.conflicts) == ({}, {}, [])
        assert third.merge(ours, progress=False).added == {"image": 1}
        assert not third.diff(ours)
