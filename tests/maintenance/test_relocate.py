"""Files in place that were moved are found again below their new folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcat import BadRequestError, Catalog, Image
from tests.damage import file_of


def test_relocate_finds_files_that_were_moved(kept: Catalog, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "sub").mkdir(parents=True)
    content = file_of(kept, "a").read_bytes()
    for name in ("x", "sub/y", "gone", "changed"):
        (old / f"{name}.tif").write_bytes(content)
        image = Image(product_id="acme:guide", name=name.replace("/", "-"), acquired="2020-01-01", catalog=kept)
        image.upload(old / f"{name}.tif", copy=False).raise_for_status()
    old.rename(new)
    (new / "gone.tif").unlink()
    (new / "changed.tif").write_bytes(content[:-1])
    held = Image.get("acme:guide:x", catalog=kept)
    seen = kept.relocate(old, new, dry_run=True)
    assert [(file.image_id, file.old, file.new) for file in seen.moved] == [
        ("acme:guide:sub-y", "old/sub/y.tif", "new/sub/y.tif"),
        ("acme:guide:x", "old/x.tif", "new/x.tif"),
    ]
    assert [(file.image_id, file.problem) for file in seen.left] == [
        ("acme:guide:changed", f"{len(content) - 1:,} bytes in place of {len(content):,}"),
        ("acme:guide:gone", "there is no such file"),
    ]
    assert len(kept.verify(progress=False).problems) == 4
    report = kept.relocate(old, new)
    assert report == seen
    assert str(report).splitlines()[0] == "2 files found at the new place, 2 not"
    assert sorted(problem.object_id for problem in kept.verify("full", progress=False).problems) == [
        "acme:guide:changed",
        "acme:guide:gone",
    ]
    held.reload()
    assert held.ndarray("blue").shape == (1, 64, 48)
    assert kept.relocate(old, new).moved == []
    with pytest.raises(BadRequestError, match="there is no folder"):
        kept.relocate(old, tmp_path / "none")


def test_the_past_reads_files_where_they_are_now(kept: Catalog, tmp_path: Path) -> None:
    """A move that is undone has the old path again."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    (old / "x.tif").write_bytes(file_of(kept, "a").read_bytes())
    image = Image(product_id="acme:guide", name="x", acquired="2020-01-01", catalog=kept)
    image.upload(old / "x.tif", copy=False).raise_for_status()
    first = image.modified
    image.tags = ["field"]
    image.save()
    old.rename(new)
    kept.relocate(old, new)
    for moment, tags in ((first, None), (kept.history(id=image.id)[1].at, ["field"])):
        with kept.at(moment) as then:
            found = Image.get(image.id, catalog=then)
            assert (found.tags, [file.href for file in found.files]) == (tags, ["new/x.tif"])
            assert found.ndarray("blue").shape == (1, 64, 48)
    kept.undo(kept.history(id=image.id)[0])
    assert [file.href for file in Image.get(image.id, catalog=kept).files] == ["old/x.tif"]


@pytest.mark.parametrize("old", ["../old", "./../other/../old"])
def test_the_old_folder_may_be_relative(
    kept: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "old" / "x.tif").write_bytes(file_of(kept, "a").read_bytes())
    image = Image(product_id="acme:guide", name="x", acquired="2020-01-01", catalog=kept)
    image.upload(tmp_path / "old" / "x.tif", copy=False).raise_for_status()
    (tmp_path / "old").rename(tmp_path / "new")
    monkeypatch.chdir(tmp_path / "home")
    assert [file.new for file in kept.relocate(old, "../new").moved] == ["new/x.tif"]


def test_relocate_takes_folders_by_name(kept: Catalog, tmp_path: Path) -> None:
    for old, new in ((b"far", tmp_path), (tmp_path, None), (None, None), (tmp_path, 3), ("", tmp_path)):
        with pytest.raises(BadRequestError, match="a folder is named by text"):
            kept.relocate(old, new)  # type: ignore[arg-type]


def test_relocate_understands_paths_of_another_system(kept: Catalog, tmp_path: Path) -> None:
    (tmp_path / "scenes").mkdir()
    (tmp_path / "scenes" / "x.tif").write_bytes(b"12345")
    hrefs = [r"E:\Satellite\scenes\x.tif", "https://x.org/E:/Satellite/scenes/x.tif", r"E:\Satellite\scenes2\x.tif"]
    files = [{"href": href, "size_bytes": 5, "hash": "0" * 64} for href in hrefs]
    record = {"id": "acme:guide:w", "storage_state": "available", "files": files}
    kept.add_images([record], progress=False)
    report = kept.relocate("e:/satellite/scenes", tmp_path / "scenes")
    assert [(file.old, file.new) for file in report.moved] == [(files[0]["href"], "scenes/x.tif")]
    assert report.left == []
    hrefs = [file.href for file in Image.get("acme:guide:w", catalog=kept).files]
    assert hrefs == ["scenes/x.tif", files[1]["href"], files[2]["href"]]


def test_a_relocation_is_a_change_that_can_be_undone(kept: Catalog, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    (old / "x.tif").write_bytes(file_of(kept, "a").read_bytes())
    image = Image(product_id="acme:guide", name="x", acquired="2020-01-01", catalog=kept)
    image.upload(old / "x.tif", copy=False).raise_for_status()
    old.rename(new)
    kept.relocate(old, new, dry_run=True)
    assert image.history() == []
    kept.relocate(old, new)
    (change,) = image.history()
    assert change.before is not None
    assert (change.what, change.before["files"][0]["href"]) == ("changed", "old/x.tif")
    image.reload()
    assert image.files[0].href == "new/x.tif"
    new.rename(old)
    kept.undo(change)
    image.reload()
    assert (image.files[0].href, image.ndarray("blue").shape) == ("old/x.tif", (1, 64, 48))
    assert kept.verify("full", progress=False).ok
    assert [one.what for one in image.history()] == ["changed", "changed"]
