"""What merges do with what one side deleted, and which changes are conflicts."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from localcat import Band, Catalog, Image, Product
from localcat import properties as p
from localcat.sharing.merge import MergeConflict
from tests.damage import file_of, raw
from tests.small_catalog import META, PIXELS, upload


def set_clouds(catalog: Catalog, name: str, value: float) -> None:
    image = Image.get(f"acme:guide:{name}", catalog=catalog)
    image.cloud_fraction = value
    image.save()


def test_a_change_on_one_side_is_taken_and_is_no_conflict(ours: Catalog, theirs: Catalog) -> None:
    for policy in ("ours", "theirs", "newer"):
        set_clouds(theirs, "a", {"ours": 0.1, "theirs": 0.2, "newer": 0.3}[policy])
        report = ours.merge(theirs, policy=policy)
        assert (report.replaced, report.conflicts, report.files) == ({"image": 1}, [], 0)
    set_clouds(ours, "a", 0.9)
    report = ours.merge(theirs, policy="theirs")
    assert (report.replaced, report.kept, report.conflicts) == ({}, {"image": 1}, [])
    assert theirs.merge(ours, policy="theirs").replaced == {"image": 1}
    assert Image.get("acme:guide:a", catalog=theirs).cloud_fraction == 0.9


def test_a_deletion_is_taken_and_stays(ours: Catalog, theirs: Catalog) -> None:
    path = file_of(ours, "a")
    Image.delete("acme:guide:a", catalog=theirs)
    dry = ours.merge(theirs, dry_run=True)
    assert (dry.deleted, Image.exists("acme:guide:a", catalog=ours)) == ({"image": 1}, True)
    report = ours.merge(theirs)
    assert (report.deleted, report.conflicts) == ({"image": 1}, [])
    assert str(report) == ("deleted: 1 image; unchanged: 1 product, 2 bands, 3 images; copied: 0 files, 0 bytes")
    assert (ours.images.ids(), path.exists()) == (theirs.images.ids(), False)
    assert ours.verify("full").ok
    assert theirs.merge(ours).added == {}
    before = ours.path.read_bytes()
    assert ours.merge(theirs).deleted == {}
    assert ours.path.read_bytes() == before


def test_what_was_deleted_here_does_not_come_back_from_a_backup(ours: Catalog, theirs: Catalog) -> None:
    Image.delete("acme:guide:a", catalog=ours)
    report = ours.merge(theirs)
    assert (report.added, report.left_out, report.conflicts) == ({}, {"image": 1}, [])
    report = ours.merge(theirs, deletions=False)
    assert (report.added, report.conflicts) == (
        {"image": 1},
        [MergeConflict("image", "acme:guide:a", "theirs", "deleted here")],
    )
    assert numpy.ma.allequal(Image.get("acme:guide:a", catalog=ours).ndarray("blue"), PIXELS)
    assert ours.merge(theirs).deleted == {}  # that it came back is a change of ours


def test_nothing_is_deleted_without_deletions(ours: Catalog, theirs: Catalog) -> None:
    Image.delete("acme:guide:a", catalog=theirs)
    report = ours.merge(theirs, deletions=False)
    assert (report.deleted, report.kept) == ({}, {"image": 1})
    assert ours.merge(theirs).deleted == {}
    assert theirs.merge(ours).added == {"image": 1}


@pytest.mark.parametrize(
    ("policy", "is_later", "taken"),
    [("newer", True, "ours"), ("newer", False, "theirs"), ("ours", False, "ours"), ("theirs", True, "theirs")],
)
def test_what_was_changed_here_and_deleted_there_is_a_conflict(
    ours: Catalog, theirs: Catalog, policy: str, is_later: bool, taken: str
) -> None:
    if is_later:
        Image.delete("acme:guide:a", catalog=theirs)
    set_clouds(ours, "a", 0.5)
    if not is_later:
        Image.delete("acme:guide:a", catalog=theirs)
    report = ours.merge(theirs, policy=policy)
    assert report.conflicts == [MergeConflict("image", "acme:guide:a", taken, "deleted there")]
    assert str(report.conflicts[0]) == f"image acme:guide:a was deleted there; taken: {taken}"
    assert Image.exists("acme:guide:a", catalog=ours) == (taken == "ours")
    again = theirs.merge(ours)
    assert again.conflicts == []  # it was decided, and they hear of it
    assert theirs.images.ids() == ours.images.ids()
    assert not ours.diff(theirs)


@pytest.mark.parametrize("policy", ["newer", "ours", "theirs"])
def test_what_was_deleted_here_and_changed_there_is_a_conflict(ours: Catalog, theirs: Catalog, policy: str) -> None:
    Image.delete("acme:guide:a", catalog=ours)
    set_clouds(theirs, "a", 0.5)
    report = ours.merge(theirs, policy=policy)
    taken = "ours" if policy == "ours" else "theirs"
    assert report.conflicts == [MergeConflict("image", "acme:guide:a", taken, "deleted here")]
    assert Image.exists("acme:guide:a", catalog=ours) == (taken == "theirs")
    assert theirs.merge(ours).conflicts == []
    assert not ours.diff(theirs)


def test_a_conflict_that_was_decided_by_hand_is_a_change_for_others(
    ours: Catalog, theirs: Catalog, tmp_path: Path
) -> None:
    theirs.backup(tmp_path / "third.gpkg", progress=False)
    with Catalog.open(tmp_path / "third.gpkg") as third:
        set_clouds(ours, "a", 0.1)
        set_clouds(theirs, "a", 0.2)  # the newer one
        third.merge(theirs)
        assert ours.merge(theirs, policy="ours").conflicts == [MergeConflict("image", "acme:guide:a", "ours")]
        assert ours.merge(theirs, policy="ours").conflicts == []
        for other in (third, theirs):
            report = other.merge(ours)
            assert (report.replaced, report.conflicts) == ({"image": 1}, [])
            assert Image.get("acme:guide:a", catalog=other).cloud_fraction == 0.1


def test_deletions_travel_by_a_third_laptop(ours: Catalog, theirs: Catalog, tmp_path: Path) -> None:
    theirs.backup(tmp_path / "third.gpkg", progress=False)
    with Catalog.open(tmp_path / "third.gpkg") as third:
        set_clouds(ours, "a", 0.1)
        Image.delete("acme:guide:a", catalog=theirs)
        assert third.merge(theirs).deleted == {"image": 1}
        report = ours.merge(third)  # which says when it was deleted: after the change
        assert report.conflicts == [MergeConflict("image", "acme:guide:a", "theirs", "deleted there")]
        assert ours.merge(theirs).conflicts == []


def test_a_deletion_is_known_without_its_mark(ours: Catalog, theirs: Catalog) -> None:
    Image.delete("acme:guide:a", catalog=theirs)
    raw(theirs, "DELETE FROM tombstone")
    report = ours.merge(theirs)
    assert (report.deleted, report.conflicts) == ({"image": 1}, [])
    assert theirs.merge(ours).added == {}


def test_a_band_is_deleted_and_the_resolutions_of_its_product_follow(ours: Catalog, theirs: Catalog) -> None:
    band = Band.get("acme:guide:alpha", catalog=ours)
    band.resolution = "10m"
    band.save()
    theirs.merge(ours)
    Band.delete("acme:guide:alpha", catalog=theirs)
    assert ours.merge(theirs).deleted == {"band": 1}
    assert Product.get("acme:guide", catalog=ours).resolution_min.value == 60


def test_a_product_is_deleted_with_all_it_has(ours: Catalog, theirs: Catalog) -> None:
    product = Product.get("acme:guide", catalog=theirs)
    product.delete_related_objects()
    product.delete()
    report = ours.merge(theirs)
    assert (report.deleted, report.conflicts) == ({"product": 1, "band": 2, "image": 4}, [])
    assert (ours.products.count(), ours.bands.count(), ours.images.count()) == (0, 0, 0)
    assert ours.verify("full").ok
    assert ours.gc().removed == []


@pytest.mark.parametrize("policy", ["newer", "ours", "theirs"])
def test_an_image_that_is_new_here_keeps_its_product(ours: Catalog, theirs: Catalog, policy: str) -> None:
    """No write is lost: the product that was deleted there stays with its bands, whatever the policy."""
    upload(Product.get("acme:guide", catalog=ours), "new")
    product = Product.get("acme:guide", catalog=theirs)
    product.delete_related_objects()
    product.delete()
    report = ours.merge(theirs, policy=policy)
    assert report.conflicts == [MergeConflict("product", "acme:guide", "ours", "deleted there")]
    assert (report.deleted, report.kept) == ({"image": 4}, {"product": 1, "band": 2})
    assert ours.images.ids() == ["acme:guide:new"]
    assert numpy.ma.allequal(Image.get("acme:guide:new", catalog=ours).ndarray("blue"), PIXELS)
    assert theirs.merge(ours).added == {"product": 1, "band": 2, "image": 1}
    assert not theirs.diff(ours)
    assert ours.merge(theirs).conflicts == []


def test_an_image_that_is_new_there_brings_its_product_back(ours: Catalog, theirs: Catalog) -> None:
    upload(Product.get("acme:guide", catalog=theirs), "new")
    product = Product.get("acme:guide", catalog=ours)
    product.delete_related_objects()
    product.delete()
    report = ours.merge(theirs)
    assert report.conflicts == [MergeConflict("product", "acme:guide", "theirs", "deleted here")]
    assert (report.added, report.left_out) == ({"product": 1, "band": 2, "image": 1}, {"image": 4})
    assert numpy.ma.allequal(Image.get("acme:guide:new", catalog=ours).ndarray("blue"), PIXELS)
    assert ours.verify("full").ok
    assert theirs.merge(ours).deleted == {"image": 4}
    assert not theirs.diff(ours)


def test_two_that_make_the_same_change_do_not_differ(ours: Catalog, theirs: Catalog, tmp_path: Path) -> None:
    set_clouds(ours, "a", 0.5)
    set_clouds(theirs, "a", 0.5)
    for one, other in ((ours, theirs), (theirs, ours)):
        report = one.merge(other)
        assert (report.unchanged["image"], report.conflicts) == (4, [])
    mine, other = (Image.get("acme:guide:a", catalog=catalog) for catalog in (ours, theirs))
    assert mine.modified == other.modified


def test_replaced_pixels_travel_and_those_that_are_here_are_kept(ours: Catalog, theirs: Catalog) -> None:
    product = Product.get("acme:guide", catalog=theirs)
    image = Image(product=product, name="a", acquired="2020-01-01", catalog=theirs)
    image.upload_ndarray(PIXELS + numpy.uint16(1), raster_meta=META, overwrite=True).raise_for_status()
    set_clouds(theirs, "b", 0.5)
    old, kept = file_of(ours, "a"), file_of(ours, "b")
    report = ours.merge(theirs)
    assert (report.replaced, report.files, report.conflicts) == ({"image": 2}, 1, [])
    assert (old.exists(), kept.exists(), file_of(ours, "b")) == (False, True, kept)
    assert numpy.ma.allequal(Image.get("acme:guide:a", catalog=ours).ndarray("blue"), PIXELS + numpy.uint16(1))
    assert ours.verify("full").ok


def test_rows_from_before_there_were_stamps_are_compared_by_what_they_hold(ours: Catalog, theirs: Catalog) -> None:
    for catalog in (ours, theirs):
        raw(catalog, *(f"UPDATE {kind} SET replica = NULL, counter = NULL" for kind in ("product", "band", "image")))
        raw(catalog, "DELETE FROM replica")
    raw(theirs, "UPDATE image SET cloud_fraction = 0.5, modified = modified + 1 WHERE name = 'a'")
    raw(ours, "DELETE FROM image_file WHERE image_id IN (SELECT id FROM image WHERE name = 'far')")
    raw(ours, "DELETE FROM image WHERE name = 'far'")
    report = ours.merge(theirs)
    assert report.conflicts == [MergeConflict("image", "acme:guide:a", "theirs")]
    assert report.added == {"image": 1}  # nobody knows that it was here
    assert not ours.diff(theirs)
    assert ours.merge(theirs).conflicts == []


def test_a_bundle_does_not_delete_what_it_lacks(ours: Catalog, tmp_path: Path) -> None:
    ours.bundle(tmp_path / "kit.zip", ours.images.filter(p.name == "a"), progress=False)
    with Catalog.unpack(tmp_path / "kit.zip", tmp_path / "trip") as kit:
        set_clouds(kit, "a", 0.25)
        report = ours.merge(kit)
        assert (report.deleted, report.replaced, report.files) == ({}, {"image": 1}, 0)
        assert Image.get("acme:guide:a", catalog=ours).cloud_fraction == 0.25
        set_clouds(ours, "b", 0.75)
        assert kit.merge(ours).added == {"image": 3}
        assert not kit.diff(ours)


def test_a_bundle_of_cut_files_brings_all_home_but_its_pixels(ours: Catalog, tmp_path: Path) -> None:
    ours.bundle(tmp_path / "kit.zip", ours.images.filter(p.name == "a"), resolution="240m", progress=False)
    with Catalog.unpack(tmp_path / "kit.zip", tmp_path / "trip") as kit:
        before = Image.get("acme:guide:a", catalog=ours)
        assert Image.get("acme:guide:a", catalog=kit).files[0].hash != before.files[0].hash
        report = ours.merge(kit)
        assert (report.replaced, report.conflicts, report.files) == ({}, [], 0)
        set_clouds(kit, "a", 0.25)
        report = ours.merge(kit, policy="theirs")
        assert (report.replaced, report.files) == ({"image": 1}, 0)
        after = Image.get("acme:guide:a", catalog=ours)
        assert (after.cloud_fraction, after.files, after.geotrans) == (0.25, before.files, before.geotrans)
        assert numpy.ma.allequal(after.ndarray("blue"), PIXELS)
        assert Band.get("acme:guide:blue", catalog=ours).resolution.value == 60
        assert ours.verify("full").ok


def test_frozen_questions_come_along_and_one_of_ours_stays(ours: Catalog, theirs: Catalog) -> None:
    theirs.images.filter(p.name == "a").freeze("paper")
    theirs.images.filter(p.name == "a").freeze("both")
    ours.images.filter(p.name == "b").freeze("both")
    dry = ours.merge(theirs, dry_run=True)
    assert (dry.frozen, list(ours.frozen)) == (["paper"], ["both"])
    report = ours.merge(theirs)
    assert (report.frozen, report.conflicts) == (["paper"], [MergeConflict("frozen", "both", "ours")])
    assert str(report) == ("unchanged: 1 product, 2 bands, 4 images; frozen questions: paper; copied: 0 files, 0 bytes")
    assert ours.frozen["paper"].ids() == ["acme:guide:a"]
    assert ours.frozen["both"].ids() == ["acme:guide:b"]
    assert ours.merge(theirs).frozen == []


def test_the_history_has_what_a_merge_changed_and_deleted(ours: Catalog, theirs: Catalog) -> None:
    set_clouds(theirs, "b", 0.5)
    Image.delete("acme:guide:far", catalog=theirs)
    ours.merge(theirs)
    found = {(change.what, change.id) for change in ours.history()}
    assert {("changed", "acme:guide:b"), ("deleted", "acme:guide:far")} <= found
