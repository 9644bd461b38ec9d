"""The command line: the demo, and errors in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from localcat import Catalog, Image, __version__
from localcat.cli import cli, main
from localcat.cli.shared import DAMAGED
from tests.damage import file_of, raw
from tests.real_data import REAL_DATA, needs_real_data


def run(*arguments: object, status: int = 0) -> str:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result.output


def run_failing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run the command as the shell does; return its one line of error."""
    with pytest.raises(SystemExit) as ended, monkeypatch.context() as patch:
        patch.setattr("sys.argv", ["localcat", *map(str, arguments)])
        main()
    assert ended.value.code == 1
    message = capsys.readouterr().err
    assert message.startswith("localcat: ")
    return message


def test_the_demo_tells_the_flow_and_leaves_nothing() -> None:
    output = run("demo")
    assert "1. A catalog: demo.gpkg, pixels in demo.data/" in output
    assert "a COG with overviews [2, 4]" in output
    assert "7. Read again, it has the same pixels and mask: True" in output
    assert "8. Searching by place and time finds 2: demo:example-product:scene2, demo:example-scenes:scene1" in output
    assert "which scene2 does not set: demo:example-scenes:scene1" in output
    assert " - Interval start: 2018-10-01 00:00:00+00:00" in output


def test_the_demo_keeps_its_catalog_where_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = run("demo", "--keep", tmp_path / "here")
    assert "The catalog stays in" in output
    with Catalog.open(tmp_path / "here" / "demo.gpkg") as catalog:
        assert catalog.images.count() == 2
        assert {str(image.storage_state) for image in catalog.images} == {"available"}
    before = sorted(path.name for path in tmp_path.rglob("*"))
    run_failing(monkeypatch, capsys, "demo", "--keep", tmp_path / "here")
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


@needs_real_data
@pytest.mark.parametrize("name", ["RGB.byte.tif", "shade.tif", "alpha.tif"])
def test_the_demo_takes_a_raster_of_the_users(name: str) -> None:
    output = run("demo", "--raster", REAL_DATA / "rasters" / name)
    assert "7. Read again, it has the same pixels and mask: True" in output


def test_version() -> None:
    assert run("--version") == f"localcat, version {__version__}\n"


def test_verify_reindex_and_gc_tell_what_they_find(kept: Catalog) -> None:
    path = kept.path
    assert run("verify", path, "--level", "full") == (
        "kept.gpkg (full): ok; 4 images, 2 files, 2 of them read as a whole\n"
    )
    raw(kept, "DELETE FROM image_index")
    (kept.data_folder.path / "stray.tif").write_bytes(b"123")
    stray = "  orphan 'stray.tif': found 3 bytes; Catalog.gc() sets it aside, or removes it if it was deleted"
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


def test_verify_reports_on_a_file_that_cannot_be_opened(
    kept: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.close()
    kept.path.write_bytes(bytes(4096) + kept.path.read_bytes()[4096:])
    assert "kept.gpkg (files): damaged;" in run("verify", kept.path, status=DAMAGED)
    assert "there is no catalog at" in run_failing(monkeypatch, capsys, "verify", tmp_path / "none.gpkg")


def test_merge_tells_what_it_took(
    kept: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Catalog.create(tmp_path / "new.gpkg", org="acme") as new:
        planned = run("merge", new.path, kept.path, "--dry-run")
        assert planned.startswith("added: 1 product, 2 bands, 4 images; copied: 2 files, ")
        assert new.images.count() == 0
        assert run("merge", new.path, kept.path) == planned
        assert new.images.count() == 4
        with kept.as_default():
            image = Image.get("acme:guide:a")
            image.cloud_fraction = 0.5
            image.save()
        told = run("merge", new.path, kept.path, "--policy", "ours")
        assert told.splitlines()[0] == "image acme:guide:a differs; taken: ours"
    assert "there is no catalog" in run_failing(monkeypatch, capsys, "merge", kept.path, tmp_path / "none.gpkg")


def test_backup_tells_how_much_it_copied(
    kept: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("backup", kept.path, tmp_path / "copy.gpkg").startswith("copy.gpkg: 4 images, 2 files, ")
    assert "already exists" in run_failing(monkeypatch, capsys, "backup", kept.path, tmp_path / "copy.gpkg")


def test_recover_tells_what_is_lost(
    kept: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("recover", kept.path, tmp_path / "one.gpkg") == (
        "one.gpkg: saved 1 products, 2 bands, 4 images, 2 files, 2 uploads; 0 problems\n"
    )
    file_of(kept, "a").unlink()
    output = run("recover", kept.path, tmp_path / "two.gpkg", status=DAMAGED).splitlines()
    assert output[0] == "two.gpkg: saved 1 products, 2 bands, 4 images, 1 files, 2 uploads; 1 problems"
    assert output[1].startswith("  missing file 'acme:guide:a', 'acme-guide/a-")
    assert "already exists" in run_failing(monkeypatch, capsys, "recover", kept.path, tmp_path / "two.gpkg")


def test_doctor_looks_at_the_machine_and_at_a_catalog(
    kept: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "ok      catalog: 4 images, schema version 1\n" in run("doctor", kept.path)
    assert "error   folder: " in run("doctor", tmp_path / "none" / "x.gpkg", status=DAMAGED)
    monkeypatch.setenv("LOCALCAT", str(tmp_path / "unmade.gpkg"))
    assert "GEOS" in run("doctor")
    assert not (tmp_path / "unmade.gpkg").exists()
