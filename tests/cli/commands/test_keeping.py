"""The commands that keep a catalog in order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from localcat import Catalog
from localcat.cli.door import DAMAGED
from tests.damage import file_of, raw
from tests.shell import complaint, run


def test_reindex_chooses_the_keys_that_have_an_index(kept: Catalog) -> None:
    assert run("reindex", kept.path, "--property", "eo:snow", "--property", '["view", "angle"]')
    assert kept.info().indexed_properties == (("eo:snow",), ("view", "angle"))
    assert "\nindexed   eo:snow, view > angle\n" in run("info", catalog=kept.path)
    run("reindex", kept.path)
    assert len(kept.info().indexed_properties) == 2
    run("reindex", kept.path, "--no-properties")
    assert kept.info().indexed_properties == ()


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--property", "[1"], 2, "'[1' is not a JSON list of keys"),
        (["--property", "[1]"], 1, "an index is for a key of extra_properties"),
        (["--property", "a", "--no-properties"], 2, "--no-properties takes no --property beside it"),
    ],
)
def test_reindex_refuses_other_keys(kept: Catalog, options: list[str], status: int, message: str) -> None:
    assert message in complaint("reindex", kept.path, *options, status=status)


def test_verify_reindex_and_gc_tell_what_they_find(kept: Catalog) -> None:
    path = kept.path
    assert run("verify", path, "--level", "full") == (
        "kept.gpkg (full): ok; 4 images, 2 files, 2 of them read as a whole\n"
    )
    raw(kept, "DELETE FROM image_index")
    (kept.data_folder.path / "stray.tif").write_bytes(b"123")
    stray = "  orphan 'stray.tif': found 3 bytes; `localcat gc` sets it aside, or removes it if it was deleted"
    report = run("verify", path, status=DAMAGED).splitlines()
    assert report[0] == (
        "kept.gpkg (files): damaged; 4 images, 2 files, 0 of them read as a whole; 3 space-time index, 1 orphan"
    )
    assert report[-1] == stray
    assert run("reindex", path) == "kept.gpkg: the indexes are rebuilt\n"
    assert run("verify", path).splitlines()[1:] == [stray]
    assert run("gc", path, "--dry-run") == "to remove: 0, with 0 bytes\nto set aside: stray.tif\n"
    assert run("gc", path) == "removed: 0, with 0 bytes\nset aside: stray.tif\n"
    assert run("gc", path, "--restore") == "removed: 0, with 0 bytes\nbrought back: stray.tif\n"
    assert run("gc", path, "--keep", "0 days") == "stray.tif\nremoved: 1, with 3 bytes\n"
    file_of(kept, "a").unlink()
    assert "missing file 'acme:guide:a'" in run("verify", path, status=DAMAGED)
    report = json.loads(run("verify", path, "--json", status=DAMAGED))
    assert (report["ok"], report["images"]) == (False, 4)
    assert [(one["kind"], one["object_id"]) for one in report["problems"]] == [("missing file", "acme:guide:a")]


def test_verify_reports_on_a_file_that_cannot_be_opened(kept: Catalog, tmp_path: Path) -> None:
    kept.close()
    kept.path.write_bytes(bytes(4096) + kept.path.read_bytes()[4096:])
    assert "kept.gpkg (files): damaged;" in run("verify", kept.path, status=DAMAGED)
    assert "there is no catalog at" in complaint("verify", tmp_path / "none.gpkg")


def test_backup_tells_how_much_it_copied(kept: Catalog, tmp_path: Path) -> None:
    assert run("backup", kept.path, tmp_path / "copy.gpkg").startswith("copy.gpkg: 4 images, 2 files, ")
    assert "already exists" in complaint("backup", kept.path, tmp_path / "copy.gpkg")


def test_recover_tells_what_is_lost(kept: Catalog, tmp_path: Path) -> None:
    assert run("recover", kept.path, tmp_path / "one.gpkg") == (
        "one.gpkg: saved 1 products, 2 bands, 4 images, 2 files, 2 uploads; 0 problems\n"
    )
    file_of(kept, "a").unlink()
    output = run("recover", kept.path, tmp_path / "two.gpkg", status=DAMAGED).splitlines()
    assert output[0] == "two.gpkg: saved 1 products, 2 bands, 4 images, 1 files, 2 uploads; 1 problems"
    assert output[1].startswith("  missing file 'acme:guide:a', 'acme-guide/a-")
    assert "already exists" in complaint("recover", kept.path, tmp_path / "two.gpkg")


def test_relocate_says_that_no_file_is_in_the_old_folder(kept: Catalog, tmp_path: Path) -> None:
    assert complaint("relocate", "/no/such/scenes", tmp_path, catalog=kept) == (
        "no file that is indexed in place is in '/no/such/scenes'; `localcat search --files` says where they are"
    )


def test_doctor_looks_at_the_machine_and_at_a_catalog(
    kept: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "ok      catalog: 4 images, schema version " in run("doctor", kept.path)
    assert "error   folder: " in run("doctor", tmp_path / "none" / "x.gpkg", status=DAMAGED)
    monkeypatch.setenv("LOCALCAT", str(tmp_path / "unmade.gpkg"))
    assert "GEOS" in run("doctor")
    assert not (tmp_path / "unmade.gpkg").exists()
