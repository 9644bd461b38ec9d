"""Files whose masks other programs misread: `verify` names them, `optimize(rewrite_masks=True)` writes them again."""

from __future__ import annotations

import rasterio
from numpy.testing import assert_array_equal
from rasterio.enums import ColorInterp

from localcat import Catalog, Image
from tests.damage import raw
from tests.older_files import VALID, upload_as_before
from tests.past_moments import past_moment


def masks_named(catalog: Catalog) -> list[str | None]:
    return [problem.object_id for problem in catalog.verify("full", progress=False).of_kind("masks")]


def test_verify_names_a_file_that_is_as_good_as_transparent_to_others(kept: Catalog) -> None:
    """3.9."""
    image = upload_as_before(kept)
    assert masks_named(kept) == [image.id]
    problem = next(p for p in kept.verify("full", progress=False).problems if p.kind == "masks")
    assert str(problem).endswith("; Catalog.optimize(rewrite_masks=True) writes it again")


def test_a_file_that_is_written_again_has_the_same_pixels_and_other_programs_see_them(kept: Catalog) -> None:
    """3.9."""
    image = upload_as_before(kept)
    before, old = image.ndarray("b alpha"), kept.path_of(image.files[0])
    changed = Image.get(image.id, catalog=kept).modified
    report = kept.optimize(rewrite_masks=True, progress=False)
    assert [(file.image_id, file.old) for file in report.rewritten] == [(image.id, image.files[0].href)]
    assert report.left == []
    assert str(report) == "1 files written again, 0 left as they are"
    present = Image.get(image.id, catalog=kept)
    new = kept.path_of(present.files[0])
    assert present.files[0].href == report.rewritten[0].new
    assert (present.modified > changed, old.exists(), new.stat().st_size) == (True, False, present.files[0].size_bytes)
    with rasterio.open(new) as file:
        assert_array_equal(file.read(1)[VALID], before.data[0][VALID])
        assert ColorInterp.alpha not in file.colorinterp
        assert_array_equal(file.dataset_mask() == 255, ~before.mask[0])
        assert file.overviews(1) == [2]
    after = image.ndarray("b alpha")  # by an object that knows the old file
    assert_array_equal(after.mask, before.mask)
    assert_array_equal(after.data, before.data)
    assert kept.verify("full", progress=False).problems == []
    assert kept.optimize(rewrite_masks=True, progress=False).rewritten == []


def test_files_are_written_again_only_if_asked_for(kept: Catalog) -> None:
    """3.9."""
    image = upload_as_before(kept)
    report = kept.optimize()
    assert (report.rewritten, report.left) == ([], [])
    assert masks_named(kept) == [image.id]


def test_a_damaged_file_is_left_and_named(kept: Catalog) -> None:
    """3.9."""
    image = upload_as_before(kept)
    path = kept.path_of(image.files[0])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    report = kept.optimize(rewrite_masks=True, progress=False)
    assert report.rewritten == []
    assert [(file.image_id, file.new) for file in report.left] == [(image.id, image.files[0].href)]
    assert report.left[0].problem
    assert path.exists()


def test_a_file_with_other_pixels_than_were_uploaded_stays_one_that_verify_names(kept: Catalog) -> None:
    """Written again, it would get a sha256 of its own, and nothing would tell any more that its pixels changed."""
    image = upload_as_before(kept)
    path = kept.path_of(image.files[0])
    with rasterio.open(path, "r+") as file:
        file.write(file.read(1) + 1, 1)
    content = path.read_bytes()
    raw(kept, f"UPDATE image_file SET size_bytes = {len(content)}")
    report = kept.optimize(rewrite_masks=True, progress=False)
    assert report.rewritten == []
    assert [(file.image_id, file.problem) for file in report.left] == [
        (image.id, f"'{path}' has another content than was uploaded; restore it from a backup")
    ]
    assert path.read_bytes() == content
    assert len(kept.verify("full", progress=False).of_kind("wrong content")) == 1


def test_what_was_before_has_its_pixels_from_the_file_that_was_written_again(kept: Catalog) -> None:
    image = upload_as_before(kept)
    pixels, moment = image.ndarray("b alpha"), past_moment()
    image.cloud_fraction = 0.5
    image.save()
    new = kept.optimize(rewrite_masks=True, progress=False).rewritten[0].new
    rewriting, change = image.history()
    for one in (rewriting, change):
        assert one.before is not None
        assert [file["href"] for file in one.before["files"]] == [new]
    with kept.at(moment) as past:
        assert_array_equal(Image.get(image.id, catalog=past).ndarray("b alpha"), pixels)
    kept.undo(rewriting)
    kept.undo(kept.history()[0])  # the undoing
    image.reload()
    assert (image.files[0].href, image.cloud_fraction) == (new, 0.5)
    assert kept.verify("full", progress=False).ok


def test_a_damaged_state_does_not_keep_a_file_from_being_written_again(kept: Catalog) -> None:
    image = upload_as_before(kept)
    image.cloud_fraction = 0.5
    image.save()
    raw(kept, f"UPDATE history SET state = '{{ {image.files[0].href}'")
    assert len(kept.optimize(rewrite_masks=True, progress=False).rewritten) == 1
