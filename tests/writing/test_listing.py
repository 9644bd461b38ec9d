"""What is found in folders and lists: links, hidden, empty, partial, foreign and broken files; none is fatal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from localcat import Catalog, Image
from tests.small_catalog import make_product, spectral
from tests.small_rasters import make_tif


def reasons(report) -> dict[str, str]:
    return {one.path.name: one.reason for one in report.passed_over}


def test_what_is_no_image_is_named_with_the_reason(catalog: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    make_tif(folder / "good.tif")
    make_tif(folder / ".hidden.tif")
    make_tif(folder / ".cache" / "inside.tif")
    make_tif(folder / "__MACOSX" / "a.tif")
    (folder / "empty.tif").touch()
    (folder / "half.tif.part").write_bytes(b"II*\0")
    (folder / "more.tif.crdownload").write_bytes(b"II*\0")
    (folder / "model.nc").write_bytes(b"CDF\1")
    (folder / "readme.txt").write_text("hello")
    cut = make_tif(folder / "cut.tif")
    cut.write_bytes(cut.read_bytes()[:-3000])
    report = catalog.ingest(folder, progress=False)
    assert reasons(report) == {
        ".hidden.tif": "hidden",
        ".cache": "hidden",
        "__MACOSX": "hidden",
        "empty.tif": "empty",
        "half.tif.part": "partial",
        "more.tif.crdownload": "partial",
        "model.nc": "foreign",
        "readme.txt": "foreign",
    }
    details = {one.path.name: one.detail for one in report.passed_over}
    assert details["model.nc"] == "not a GeoTIFF or JPEG 2000 by its name; convert it to GeoTIFF to take it in"
    assert [(item.name, item.outcome) for item in report.items] == [("cut", "failed"), ("good", "added")]
    assert str(report).splitlines()[-1].startswith("  passed over, ")


def test_a_file_that_is_named_is_judged_by_its_content(catalog: Catalog, tmp_path: Path) -> None:
    path = make_tif(tmp_path / "a.tif").rename(tmp_path / "scene.dat")
    assert catalog.ingest(path, progress=False).added == 1
    (tmp_path / "b.xyz").write_text("1 2 3")
    (item,) = catalog.ingest([tmp_path / "b.xyz"], progress=False).failed
    assert "b.xyz is neither a GeoTIFF nor a JPEG 2000 file" in str(item.error)


@pytest.mark.parametrize("how", [{}, {"copy": True}])
def test_links_are_followed_and_said(catalog: Catalog, tmp_path: Path, how: dict[str, bool]) -> None:
    store, folder = make_tif(tmp_path / "store" / "5f3a9c.tif"), tmp_path / "in"
    folder.mkdir()
    (folder / "scene_20200101.tif").symlink_to(store)
    (folder / "other").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    make_tif(tmp_path / "elsewhere" / "b_20200102.tif", 6)
    report = catalog.ingest(folder, progress=False, **how)
    assert [(item.name, item.outcome) for item in report.items] == [
        ("b_20200102", "added"),
        ("scene_20200101", "added"),
    ]
    assert f"scene_20200101.tif is a link to '{store}'" in report.items[1].notes
    assert Image.get(report.items[1].image_id).ndarray("b1")[0, 0, 0] == 5
    assert catalog.ingest(folder, progress=False, **how).skipped == 2


def test_links_are_passed_over_if_that_is_asked_for(catalog: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    make_tif(folder / "plain.tif")
    (folder / "link.tif").symlink_to(folder / "plain.tif")
    (folder / "folder").symlink_to(tmp_path, target_is_directory=True)
    report = catalog.ingest(folder, follow_links=False, progress=False)
    assert reasons(report) == {"link.tif": "link", "folder": "link"}
    assert [item.name for item in report.items] == ["plain"]
    assert reasons(catalog.ingest([folder / "link.tif"], follow_links=False, progress=False)) == {"link.tif": "link"}


def test_a_file_is_taken_once_however_many_paths_it_has(catalog: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    make_tif(folder / "a.tif")
    (folder / "b.tif").symlink_to(folder / "a.tif")
    (folder / "round").symlink_to(folder, target_is_directory=True)
    (folder / "broken.tif").symlink_to(tmp_path / "nothing.tif")
    (folder / "self.tif").symlink_to(folder / "self.tif")
    report = catalog.ingest([folder, folder / "a.tif"], progress=False)
    assert [item.name for item in report.items] == ["a"]
    assert reasons(report) == {
        "b.tif": "repeated",
        "round": "repeated",
        "broken.tif": "broken link",
        "self.tif": "broken link",
        "a.tif": "repeated",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="names there are not bytes, and files are readable to their owner")
def test_odd_names_and_files_are_reported(catalog: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    make_tif(folder / "käse und brot (1).tif")
    make_tif(folder / "a\nb.tif", 6)
    source = make_tif(folder / "x.tif", 7)
    source.rename(os.fsdecode(bytes(folder) + b"/caf\xe9.tif"))  # a name in Latin-1
    os.mkfifo(folder / "pipe.tif")
    report = catalog.ingest(folder, progress=False)
    outcomes = {item.name: item.outcome for item in report.items}
    assert outcomes == {"a_b": "added", "k_se_und_brot_1_": "added", "caf_": "failed"}
    assert reasons(report) == {"pipe.tif": "foreign"}
    assert "\n" not in str(report.items[0])
    assert "caf" in str(report.to_dict())
    assert str(report)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_what_cannot_be_read_is_reported(catalog: Catalog, tmp_path: Path) -> None:
    make_tif(tmp_path / "in" / "a.tif")
    (tmp_path / "in" / "closed").mkdir(mode=0)
    report = catalog.ingest(tmp_path / "in", progress=False)
    assert (report.added, reasons(report)) == (1, {"closed": "unreadable"})


def test_a_file_that_changes_meanwhile_fails(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    product = make_product("plain", spectral("blue"))
    path = make_tif(tmp_path / "a.tif")
    from localcat.writing.ingest import planning

    planned = planning.require_bands

    def changed(*arguments: object) -> None:
        planned(*arguments)
        make_tif(path, 9)
        os.utime(path, (1, 1))

    monkeypatch.setattr(planning, "require_bands", changed)
    (item,) = catalog.ingest(path, product=product, progress=False).failed
    assert "changed while it was ingested; ingest it again once it is complete" in str(item.error)
    assert catalog.images.count() == 0
