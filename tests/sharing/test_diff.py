"""Comparing two catalogs: what is added, changed and deleted, by attribute and by the content of files."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcat import BadRequestError, Band, Catalog, CorruptCatalogError, Image, Product
from localcat.sharing import comparing
from localcat.sharing.diff import Difference
from tests.damage import file_of, raw
from tests.small_catalog import META, PIXELS, make_guide

EVERYTHING = {"product": 1, "band": 2, "image": 4}


def test_a_backup_does_not_differ(ours: Catalog, theirs: Catalog) -> None:
    report = ours.diff(theirs.path)
    assert not report
    assert (report.alike, report.differences) == (EVERYTHING, [])
    assert str(report) == "stick.gpkg: alike: 1 product, 2 bands, 4 images"


def test_two_empty_catalogs_do_not_differ(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "a.gpkg") as one, Catalog.create(tmp_path / "b.gpkg") as other:
        assert str(one.diff(other)) == "b.gpkg: both are empty"


def test_each_difference_is_told_with_both_values(ours: Catalog, theirs: Catalog) -> None:
    with theirs.as_default():
        Image.delete("acme:guide:nowhere")
        Product(id="new", name="New").save()
        image = Image.get("acme:guide:far")
        image.cloud_fraction, image.tags = 0.25, ["sea"]
        image.save()
        band = Band.get("acme:guide:blue")
        band.data_range = (0, 5000)
        band.save()
    report = ours.diff(theirs)
    assert report
    assert report.differences == [
        Difference("added", "product", "acme:new"),
        Difference("changed", "band", "acme:guide:blue", "data_range", [0, 10000], [0, 5000]),
        Difference("changed", "image", "acme:guide:far", "tags", None, ["sea"]),
        Difference("changed", "image", "acme:guide:far", "cloud_fraction", None, 0.25),
        Difference("deleted", "image", "acme:guide:nowhere", reason="deleted there"),
    ]
    assert (report.added, report.changed, report.deleted) == (
        ["acme:new"],
        ["acme:guide:blue", "acme:guide:far"],
        ["acme:guide:nowhere"],
    )
    assert report.alike == {"product": 1, "band": 1, "image": 2}
    assert str(report).splitlines() == [
        "stick.gpkg: alike: 1 product, 1 band, 2 images; added: 1 product; changed: 1 band, 1 image; deleted: 1 image",
        "  added product acme:new",
        "  changed band acme:guide:blue: data_range is [0.0, 10000.0] here, [0.0, 5000.0] there",
        '  changed image acme:guide:far: tags is unset here, ["sea"] there',
        "  changed image acme:guide:far: cloud_fraction is unset here, 0.25 there",
        "  deleted image acme:guide:nowhere: it was deleted there",
    ]
    assert report.rows()[3] == {
        "change": "changed",
        "kind": "image",
        "id": "acme:guide:far",
        "attribute": "cloud_fraction",
        "ours": None,
        "theirs": 0.25,
        "reason": None,
    }
    assert report.to_dict()["alike"] == {"product": 1, "band": 1, "image": 2}
    assert report._repr_html_().startswith("<pre>stick.gpkg: alike")


def test_the_other_way_round_added_and_deleted_change_places(ours: Catalog, theirs: Catalog) -> None:
    Image.delete("acme:guide:a", catalog=theirs)
    Product(id="new", name="New", catalog=theirs).save()
    assert (theirs.diff(ours).added, theirs.diff(ours).deleted) == (["acme:guide:a"], ["acme:new"])
    assert theirs.diff(ours).differences == [
        Difference("deleted", "product", "acme:new"),  # which never was there
        Difference("added", "image", "acme:guide:a", reason="deleted here"),
    ]


def test_replaced_pixels_are_told_by_their_hash(ours: Catalog, theirs: Catalog) -> None:
    old = Image.get("acme:guide:a", catalog=ours).files[0]
    product = Product.get("acme:guide", catalog=theirs)
    image = Image(product=product, name="a", acquired="2020-01-01", tags=["red", "green"], catalog=theirs)
    image.upload_ndarray(PIXELS + numpy.uint16(1), raster_meta=META, overwrite=True).raise_for_status()
    new = image.files[0]
    assert [one for one in ours.diff(theirs).differences if one.attribute == "files"] == [
        Difference(
            "changed",
            "image",
            "acme:guide:a",
            "files",
            [{"size_bytes": old.size_bytes, "hash": old.hash}],
            [{"size_bytes": new.size_bytes, "hash": new.hash}],
        )
    ]


def test_the_same_pixels_under_another_name_are_alike(ours: Catalog, theirs: Catalog) -> None:
    image = Image.get("acme:guide:a", catalog=theirs)
    name = image.files[0].href
    path = theirs.path_of(image.files[0])
    path.rename(path.with_name(f"x{path.name}"))
    folder, _, last = name.rpartition("/")
    raw(theirs, f"UPDATE image_file SET href = '{folder}/x{last}' WHERE href = '{name}'")
    assert not ours.diff(theirs)


def test_a_file_in_place_is_what_it_holds_not_where_it_is(ours: Catalog, tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "a.gpkg", org="") as one, Catalog.create(tmp_path / "b.gpkg", org="") as other:
        for at, catalog in enumerate((one, other)):
            folder = tmp_path / f"scans{at}"
            folder.mkdir()
            (folder / "x.tif").write_bytes(file_of(ours, "a").read_bytes())
            image = Image(product=make_guide(catalog), name="x", acquired="2024-01-01")
            image.upload(folder / "x.tif", copy=False).raise_for_status()
        assert not one.diff(other)
        raw(other, "UPDATE image_file SET hash = NULL")
        (changed,) = one.diff(other).differences
        assert (changed.attribute, changed.ours[0]["href"], changed.theirs[0]["hash"]) == (
            "files",
            "scans0/x.tif",
            None,
        )


def test_when_it_was_saved_and_how_it_is_written_does_not_count(ours: Catalog, theirs: Catalog) -> None:
    raw(
        theirs,
        "UPDATE image SET created = 1, modified = 2",
        """UPDATE image SET tags = '["red" , "green"]' WHERE name = 'a'""",
        "UPDATE product SET resolution_min = NULL",
    )
    assert not ours.diff(theirs)


def test_what_cannot_be_compared_is_refused(ours: Catalog, theirs: Catalog) -> None:
    with pytest.raises(BadRequestError, match=r"survey\.gpkg' cannot be compared with itself; name another catalog"):
        ours.diff(ours.path)
    with ours.transaction(), pytest.raises(BadRequestError, match="call it outside of any transaction"):
        ours.diff(theirs)
    raw(theirs, "UPDATE image SET geotrans = '[1,2' WHERE name = 'a'")
    with pytest.raises(CorruptCatalogError, match=r"image 'acme:guide:a' of '.*stick\.gpkg' is damaged: its geotrans"):
        ours.diff(theirs)


def test_long_values_and_many_differences_are_shortened_in_print(ours: Catalog, theirs: Catalog) -> None:
    theirs.add_images([{"id": f"acme:guide:n{at:02}"} for at in range(30)], progress=False)
    image = Image.get("acme:guide:a", catalog=theirs)
    image.extra_properties = {"note": "x" * 500}
    image.save()
    lines = str(ours.diff(theirs)).splitlines()
    assert (len(lines), lines[-1]) == (22, "  … and 11 more")
    assert max(map(len, lines)) < 150


@given(
    st.dictionaries(st.integers(0, 40), st.integers(0, 2)),
    st.dictionaries(st.integers(0, 40), st.integers(0, 2)),
)
@settings(max_examples=30, deadline=None)
def test_a_difference_agrees_with_that_of_dictionaries(mine, other) -> None:
    with pytest.MonkeyPatch.context() as patch, Catalog.temporary(org="") as ours, Catalog.temporary(org="") as theirs:
        patch.setattr(comparing, "CHUNK", 7)
        for catalog, state in ((ours, mine), (theirs, other)):
            Product(id="x", name="X", catalog=catalog).save()
            records = [{"id": f"x:{name}", "cloud_fraction": value / 10} for name, value in state.items()]
            catalog.add_images(records, progress=False)
        report = ours.diff(theirs)
        ids = sorted(f"x:{name}" for name in {*mine, *other})
        told = {one.id: (one.change, one.ours, one.theirs) for one in report.differences}
        assert list(told) == [uid for uid in ids if uid in told]
        assert told == {
            f"x:{name}": (
                ("added", None, None)
                if name not in mine
                else ("deleted", None, None)
                if name not in other
                else ("changed", mine[name] / 10, other[name] / 10)
            )
            for name in {*mine, *other}
            if mine.get(name) != other.get(name)
        }
