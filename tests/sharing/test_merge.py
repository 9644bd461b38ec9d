"""Taking another catalog in: what is taken, whose, and that it is all or nothing."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcat import Band, Catalog, Image, Product
from localcat import properties as p
from localcat.errors import (
    BadRequestError,
    CommitUnknownError,
    ConflictError,
    CorruptCatalogError,
    CorruptImageError,
    ReadOnlyCatalogError,
    UnsafePathError,
)
from localcat.sharing import merge as merging
from localcat.store.file.transaction import Session
from tests.damage import file_of, flip, raw
from tests.drawing import examples
from tests.leftovers import files_in, is_pixels
from tests.small_catalog import AREA, META, PIXELS, fill_guide

EVERYTHING = {"product": 1, "band": 2, "image": 4}


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[Catalog]:
    (tmp_path / "theirs").mkdir()
    with Catalog.create(tmp_path / "theirs" / "stick.gpkg", org="acme") as made:
        fill_guide(made)
        yield made


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as made:
        yield made


def told(catalog: Catalog) -> dict[str, Any]:
    """Return all that a catalog says, but how its own files are named."""
    things = {}
    for search in (catalog.products, catalog.bands, catalog.images):
        for thing in search:
            said = thing.serialize()
            for file in said.get("files", []):
                if file["owned"]:
                    file["href"] = hashlib.sha256((catalog.data_folder.path / file["href"]).read_bytes()).hexdigest()
            things[thing.id] = said
    return things


def on_disk(catalog: Catalog) -> dict[str, str]:
    files = [catalog.path, *(path for path in catalog.data_folder.path.rglob("*") if is_pixels(path))]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_all_of_another_catalog_is_taken_in(ours: Catalog, theirs: Catalog) -> None:
    report = ours.merge(theirs.path)
    assert (report.added, report.replaced, report.kept, report.unchanged) == (EVERYTHING, {}, {}, {})
    assert (report.conflicts, report.files) == ([], 2)
    assert str(report) == f"added: 1 product, 2 bands, 4 images; copied: 2 files, {report.size_bytes:,} bytes"
    assert told(ours) == told(theirs)
    assert ours.verify("full").ok
    assert ours.images.intersects(AREA).ids() == ["acme:guide:far"]
    assert ours.images.find_text("green").ids() == ["acme:guide:a"]
    assert ours.images.filter(p.tags == "red").ids() == ["acme:guide:a"]
    assert ours.images.summary().bytes == theirs.images.summary().bytes
    image, other = (Image.get("acme:guide:a", catalog=one) for one in (ours, theirs))
    assert (image.created, image.modified) == (other.created, other.modified)
    assert numpy.ma.allequal(image.ndarray("blue"), PIXELS)
    assert ours.gc().removed == []


def test_what_is_alike_is_not_copied_again(ours: Catalog, theirs: Catalog) -> None:
    ours.merge(theirs)
    before = on_disk(ours)
    again = ours.merge(theirs)
    assert (again.added, again.unchanged, again.files) == ({}, EVERYTHING, 0)
    assert {path: digest for path, digest in on_disk(ours).items() if path.endswith(".tif")} == {
        path: digest for path, digest in before.items() if path.endswith(".tif")
    }


def test_a_dry_run_changes_nothing(ours: Catalog, theirs: Catalog) -> None:
    before = on_disk(ours)
    report = ours.merge(theirs, dry_run=True)
    assert (report.added, report.files) == (EVERYTHING, 2)
    assert on_disk(ours) == before
    assert not ours.data_folder.path.exists()


@pytest.mark.parametrize(
    ("policy", "image_taken", "product_taken"),
    [("newer", "theirs", "ours"), ("ours", "ours", "ours"), ("theirs", "theirs", "theirs")],
)
def test_of_two_that_differ_the_policy_chooses(
    ours: Catalog, theirs: Catalog, policy: str, image_taken: str, product_taken: str
) -> None:
    ours.merge(theirs)
    image = Image.get("acme:guide:a", catalog=ours)
    image.cloud_fraction = 0.1
    image.save()
    product = Product.get("acme:guide", catalog=theirs)
    product.description = "theirs"
    product.save()
    product = Product.get("acme:guide", catalog=ours)
    product.description = "ours"
    product.save()  # the later one
    old = file_of(ours, "a")
    replaced = Image(product=Product.get("acme:guide", catalog=theirs), name="a", acquired="2020-02-02", catalog=theirs)
    replaced.upload_ndarray(PIXELS + numpy.uint16(1), raster_meta=META, overwrite=True).raise_for_status()

    report = ours.merge(theirs, policy=policy)
    assert [(one.kind, one.id, one.taken) for one in report.conflicts] == [
        ("product", "acme:guide", product_taken),
        ("image", "acme:guide:a", image_taken),
    ]
    assert Product.get("acme:guide", catalog=ours).description == product_taken
    image = Image.get("acme:guide:a", catalog=ours)
    assert numpy.ma.allequal(image.ndarray("blue"), PIXELS + numpy.uint16(image_taken == "theirs"))
    assert (old == file_of(ours, "a"), old.exists()) == ((image_taken == "ours"),) * 2
    assert report.files == (image_taken == "theirs")
    assert ours.verify("full").ok
    assert ours.gc().removed == []


def test_bands_are_merged_and_the_resolutions_of_their_product_follow(ours: Catalog, theirs: Catalog) -> None:
    ours.merge(theirs)
    band = Band.get("acme:guide:blue", catalog=theirs)
    band.resolution = "30m"
    band.save()
    assert ours.merge(theirs).replaced == {"band": 1}
    assert Band.get("acme:guide:blue", catalog=ours).resolution.value == 30
    assert Product.get("acme:guide", catalog=ours).resolution_min.value == 30


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("UPDATE band SET band_index = 1 - band_index", "alpha"),
        ("UPDATE band SET file_index = 1 WHERE name = 'blue'", "blue"),
        ("UPDATE band SET data_type = 'Int16' WHERE name = 'blue'", "blue"),
        ("UPDATE band SET name = 'nir', uid = 'acme:guide:nir' WHERE name = 'blue'", "nir"),
    ],
)
@pytest.mark.parametrize("policy", ["newer", "ours", "theirs"])
def test_bands_that_lie_elsewhere_keep_all_out(
    ours: Catalog, theirs: Catalog, statement: str, name: str, policy: str
) -> None:
    """Else images with pixels would be read with another band's."""
    ours.merge(theirs)
    raw(theirs, statement)
    before = told(ours)
    with pytest.raises(ConflictError, match=f"band '{name}' of product 'acme:guide'"):
        ours.merge(theirs, policy=policy)
    assert told(ours) == before


def test_pixels_are_not_given_up_for_a_newer_record_without(ours: Catalog, theirs: Catalog) -> None:
    ours.merge(theirs)
    records = [{"id": f"acme:guide:{name}", "cloud_fraction": 0.5} for name in ("a", "b", "far")]
    theirs.add_images(records, on_conflict="replace", progress=False)
    report = ours.merge(theirs, dry_run=True)
    assert [(one.id, one.taken) for one in report.conflicts] == [("acme:guide:a", "ours"), ("acme:guide:b", "ours")]
    assert report.replaced == {"image": 1}
    assert ours.merge(theirs, policy="theirs", dry_run=True).replaced == {"image": 3}
    ours.merge(theirs)
    assert numpy.ma.allequal(Image.get("acme:guide:a", catalog=ours).ndarray("blue"), PIXELS)
    assert theirs.merge(ours).replaced == {"image": 2}  # which have their pixels again
    assert numpy.ma.allequal(Image.get("acme:guide:a", catalog=theirs).ndarray("blue"), PIXELS)
    assert not theirs.diff(ours)


def test_pixels_are_given_up_if_that_is_the_policy(ours: Catalog, theirs: Catalog) -> None:
    ours.merge(theirs)
    theirs.add_images([{"id": "acme:guide:a"}], on_conflict="replace", progress=False)
    path = file_of(ours, "a")
    assert ours.merge(theirs, policy="theirs").replaced == {"image": 1}
    assert (Image.get("acme:guide:a", catalog=ours).storage_state, path.exists()) == ("remote", False)


def test_an_object_read_before_a_merge_notices_it(ours: Catalog, theirs: Catalog) -> None:
    ours.merge(theirs)
    stale = Image.get("acme:guide:b", catalog=ours)
    changed = Image.get("acme:guide:b", catalog=theirs)
    changed.cloud_fraction = 0.5
    changed.save()
    ours.merge(theirs)
    stale.cloud_fraction = 0.7
    with pytest.raises(ConflictError, match="cloud_fraction of Image 'acme:guide:b' was changed meanwhile"):
        stale.save()


def test_a_change_during_a_merge_is_noticed(ours: Catalog, theirs: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    for changed in (ours, theirs):
        ours.merge(theirs)
        for catalog, value in ((ours, 0.1), (theirs, 0.2 if changed is ours else 0.3)):
            image = Image.get("acme:guide:b", catalog=catalog)
            image.cloud_fraction = value
            image.save()

        def copy(*arguments: Any, changed: Catalog = changed) -> dict[str, Path]:
            image = Image.get("acme:guide:b", catalog=changed)
            image.cloud_fraction = 0.9
            image.save()
            return {}

        with monkeypatch.context() as patch:
            patch.setattr(merging, "copied", copy)
            with pytest.raises(ConflictError, match="'acme:guide:b' .*merge again"):
                ours.merge(theirs, policy="theirs")
        assert Image.get("acme:guide:b", catalog=ours).cloud_fraction == (0.9 if changed is ours else 0.1)
        assert ours.merge(theirs, policy="theirs").replaced == {"image": 1}


@pytest.mark.parametrize("reached_the_disk", [True, False])
@pytest.mark.parametrize("has_files", [True, False])
def test_a_commit_of_unknown_outcome_keeps_rows_and_files_together(
    ours: Catalog, theirs: Catalog, monkeypatch: pytest.MonkeyPatch, reached_the_disk: bool, has_files: bool
) -> None:
    if not has_files:
        for name in "ab":
            Image.delete(f"acme:guide:{name}", catalog=theirs)

    def failing_commit(self: Session) -> None:
        self.connection.execute("COMMIT" if reached_the_disk else "ROLLBACK")
        monkeypatch.undo()
        raise CommitUnknownError("the disk did not answer")

    monkeypatch.setattr(Session, "_commit", failing_commit)
    with pytest.raises(CommitUnknownError, match=r"merging '.*stick\.gpkg': the disk did not answer") as raised:
        ours.merge(theirs)
    assert raised.value.committed is reached_the_disk
    assert told(ours) == (told(theirs) if reached_the_disk else {})
    assert ours.verify("full").ok
    assert ours.gc().removed == []


@pytest.mark.parametrize(
    "href",
    ["https://x.org/a.tif", "s3://x/a.tif", "a.tif", "../a.tif", "/data/a.tif", "C:\\a.tif", "\\\\host\\share\\a.tif"],
)
def test_the_href_of_a_remote_image_is_text(ours: Catalog, theirs: Catalog, tmp_path: Path, href: str) -> None:
    theirs.add_images([{"id": "acme:guide:remote", "files": [{"href": href}]}], progress=False)
    ours.merge(theirs.path)
    assert [file.href for file in Image.get("acme:guide:remote", catalog=ours).files] == [href]
    assert ours.merge(theirs.path).unchanged["image"] == 5
    ours.backup(tmp_path / "theirs" / "copy.gpkg", progress=False)
    with Catalog.open(tmp_path / "theirs" / "copy.gpkg") as copy:
        assert [file.href for file in Image.get("acme:guide:remote", catalog=copy).files] == [href]


def test_what_save_refuses_is_not_merged(ours: Catalog, theirs: Catalog) -> None:
    raw(theirs, "UPDATE image SET storage_state = 'available' WHERE name = 'far'")
    with pytest.raises(
        CorruptCatalogError, match="image 'acme:guide:far' .* is damaged: .*'available' and needs files"
    ):
        ours.merge(theirs)
    raw(
        theirs,
        "UPDATE image SET storage_state = 'remote' WHERE name = 'far'",
        "UPDATE image SET acquired_end = acquired - 1 WHERE name = 'far'",
    )
    with pytest.raises(CorruptCatalogError, match="is damaged: acquired_end of Image is not below acquired"):
        ours.merge(theirs)
    assert told(ours) == {}


@pytest.mark.parametrize("damage", ["missing", "flipped", "short"])
def test_a_damaged_file_keeps_all_out(ours: Catalog, theirs: Catalog, damage: str) -> None:
    path = file_of(theirs, "b")
    if damage == "missing":
        path.unlink()
    elif damage == "flipped":
        flip(path, 500)
    else:
        path.write_bytes(path.read_bytes()[:-1])
    before = on_disk(ours)
    state = "is missing" if damage == "missing" else "is not what was written"
    with pytest.raises(CorruptImageError, match=rf"{state}, and nothing was merged"):
        ours.merge(theirs)
    assert told(ours) == {}
    assert on_disk(ours) == before
    assert not list(ours.data_folder.path.rglob("*.tif*"))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE image SET cloud_fraction = 'much' WHERE name = 'b'",
        "UPDATE image SET geometry = x'00' WHERE name = 'far'",
        "UPDATE image SET geotrans = '[1,2]' WHERE name = 'a'",
        "UPDATE image SET name = 'c' WHERE name = 'b'",
        "UPDATE band SET data_range = '[9,1]' WHERE name = 'blue'",
        "UPDATE product SET tags = '[5]'",
    ],
)
def test_damaged_values_keep_all_out(ours: Catalog, theirs: Catalog, statement: str) -> None:
    raw(theirs, statement)
    with pytest.raises(CorruptCatalogError, match="is damaged: .*; nothing was changed here, mend or delete it there"):
        ours.merge(theirs)
    assert told(ours) == {}


def test_files_in_place_stay_where_they_are(tmp_path: Path, ours: Catalog, theirs: Catalog) -> None:
    raster = theirs.path.parent / "scans" / "x.tif"
    raster.parent.mkdir()
    raster.write_bytes(file_of(theirs, "a").read_bytes())
    product = Product.get("acme:guide", catalog=theirs)
    Image(product=product, name="x", acquired="2020-01-01").upload(raster, copy=False).raise_for_status()
    assert ours.merge(theirs.path).files == 2
    image = Image.get("acme:guide:x", catalog=ours)
    assert image.files[0].href == "theirs/scans/x.tif"
    assert numpy.ma.allequal(image.ndarray("blue"), PIXELS)
    assert ours.merge(theirs.path).unchanged == {**EVERYTHING, "image": 5}


def test_a_stranger_names_no_files_outside_its_folder(tmp_path: Path, ours: Catalog, theirs: Catalog) -> None:
    secret = tmp_path / "secret.tif"
    secret.write_bytes(file_of(theirs, "a").read_bytes())
    product = Product.get("acme:guide", catalog=theirs)
    Image(product=product, name="x", acquired="2020-01-01").upload(secret, copy=False).raise_for_status()
    with pytest.raises(UnsafePathError, match="name its folder in allowed_roots"):
        ours.merge(theirs.path)
    assert told(ours) == {}
    with Catalog.open(theirs.path, trusted=False, allowed_roots=[tmp_path]) as allowed:
        assert ours.merge(allowed).added == {**EVERYTHING, "image": 5}


def test_a_file_in_place_that_both_have_stays_where_it_is_here(tmp_path: Path, theirs: Catalog) -> None:
    """A copy of the catalog comes home, changed; where its files are on that machine is of no concern."""
    scan = theirs.path.parent / "scans" / "x.tif"
    scan.parent.mkdir()
    scan.write_bytes(file_of(theirs, "a").read_bytes())
    product = Product.get("acme:guide", catalog=theirs)
    Image(product=product, name="x", acquired="2020-01-01").upload(scan, copy=False).raise_for_status()
    (tmp_path / "stick").mkdir()
    theirs.backup(tmp_path / "stick" / "anna.gpkg", progress=False)
    with Catalog.open(tmp_path / "stick" / "anna.gpkg") as annas:
        image = Image.get("acme:guide:x", catalog=annas)
        image.cloud_fraction = 0.3
        image.save()
    assert theirs.merge(tmp_path / "stick" / "anna.gpkg").replaced == {"image": 1}
    image = Image.get("acme:guide:x", catalog=theirs)
    assert (image.cloud_fraction, image.files[0].href) == (0.3, "scans/x.tif")


def test_ids_of_other_namespaces_stay(ours: Catalog, tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "foreign.gpkg", org="else") as foreign:
        Product(id="x", name="X", catalog=foreign).save()
        raw(
            foreign,
            "INSERT INTO image (uid, product_id, name, created, modified) VALUES ('else:x:a:b', 1, 'a:b', 1, 1)",
        )
        ours.merge(foreign)
    assert ours.products.ids() == ["else:x"]
    assert [(image.id, image.product_id) for image in ours.images] == [("else:x:a:b", "else:x")]


def test_what_cannot_be_merged_is_refused(ours: Catalog, theirs: Catalog, tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match="cannot be merged into itself"):
        ours.merge(ours.path)
    with pytest.raises(BadRequestError, match="policy is 'newer', 'ours' or 'theirs', not 'mine'"):
        ours.merge(theirs, policy="mine")
    with ours.transaction(), pytest.raises(BadRequestError, match="a merge is a transaction of its own"):
        ours.merge(theirs)
    with theirs.transaction(), pytest.raises(BadRequestError, match="a merge is a transaction of its own"):
        ours.merge(theirs)
    with Catalog.open(ours.path, read_only=True) as read_only:
        with pytest.raises(ReadOnlyCatalogError, match=r"survey\.gpkg.*read_only=True"):
            read_only.merge(theirs)
        assert read_only.merge(theirs, dry_run=True).added == EVERYTHING
    assert files_in(ours) == []
    assert told(ours) == {}


names = st.sampled_from(["a", "b", "c", "d"])
states = st.dictionaries(names, st.tuples(st.integers(0, 2), st.integers(1, 3)), max_size=4)  # value, modified


@given(states, states, st.sampled_from(["newer", "ours", "theirs"]))
@settings(max_examples=examples(40), deadline=None)
def test_merging_agrees_with_merging_dictionaries(mine, other, policy) -> None:
    with Catalog.temporary(org="") as ours, Catalog.temporary(org="") as theirs:
        for catalog, state in ((ours, mine), (theirs, other)):
            Product(id="x", name="X", catalog=catalog).save()
            for name, (value, modified) in state.items():
                Image(id=f"x:{name}", cloud_fraction=value / 10, catalog=catalog).save()
                raw(catalog, f"UPDATE image SET modified = {modified} WHERE name = '{name}'")
        report = ours.merge(theirs, policy=policy)
        wanted = {
            name: (
                {other[name][0]}
                if name not in mine
                else {mine[name][0]}
                if name not in other or policy == "ours"
                else {other[name][0]}
                if policy == "theirs"
                else {value for value, at in (mine[name], other[name]) if at == max(mine[name][1], other[name][1])}
            )
            for name in {*mine, *other}
        }  # of one time, either: their random names decide
        found = {image.name: image.cloud_fraction for image in ours.images}
        assert found.keys() == wanted.keys()
        assert all(found[name] in {value / 10 for value in values} for name, values in wanted.items())
        theirs.merge(ours)
        assert {image.name: image.cloud_fraction for image in theirs.images} == found
        assert report.added.get("image", 0) == len({*other} - {*mine})
        assert ours.verify("quick").ok


def test_a_copy_that_cannot_be_unlinked_is_no_reason_to_fail(
    ours: Catalog, theirs: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The merge is committed by then."""
    unlink = Path.unlink

    def broken(path: Path, missing_ok: bool = False) -> None:
        if ".tif." in path.name:
            raise OSError(errno.EIO, "Input/output error", str(path))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", broken)
    ours.merge(theirs, progress=False)
    monkeypatch.undo()
    assert set(theirs.images.ids()) <= set(ours.images.ids())
