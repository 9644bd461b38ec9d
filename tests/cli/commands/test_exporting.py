"""The commands that write the formats of other programs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow
import pytest
import shapely

from localcat import Catalog
from tests.shell import complaint, invoke, run


def test_stac_is_written_of_what_is_chosen(kept: Catalog, tmp_path: Path) -> None:
    told = run("export", "stac", "--datetime", "2020", "--copy", "-o", tmp_path / "stac", catalog=kept)
    assert told.startswith("StacExport: 1 products, 2 items, 2 files copied (")
    written = sorted(path.relative_to(tmp_path / "stac").as_posix() for path in (tmp_path / "stac").rglob("*.json"))
    assert written == [
        "acme_guide/a/a.json",
        "acme_guide/b/b.json",
        "acme_guide/collection.json",
        "catalog.json",
    ]
    assert complaint("export", "stac", "-o", tmp_path / "stac", catalog=kept).startswith("there is something at '")
    assert complaint("export", "stac", "--datetime", "1999", "-o", tmp_path / "none", catalog=kept) == (
        "no image fits; `localcat explain` with the same options tells why"
    )
    assert not (tmp_path / "none").exists()


def test_geojson_goes_to_a_file_or_a_pipe(kept: Catalog, tmp_path: Path) -> None:
    words = ("export", "geojson", "--sort", "-id", "--limit", 2, "-c", "name,acquired")
    run(*words, "-o", tmp_path / "two.json", catalog=kept)
    written = json.loads((tmp_path / "two.json").read_bytes())
    assert [feature["id"] for feature in written["features"]] == ["acme:guide:nowhere", "acme:guide:far"]
    assert written["features"][1]["properties"] == {"name": "far", "acquired": "2021-06-01T00:00:00+00:00"}
    assert json.loads(run(*words, "-o", "-", catalog=kept)) == written
    lines = run(*words, "--lines", "-o", "-", catalog=kept).splitlines()
    assert [json.loads(line) for line in lines] == written["features"]


def test_csv_has_a_line_for_each_image(kept: Catalog) -> None:
    text = run("export", "csv", "far", "guide:far", "-c", "id,geometry,tags", "-o", "-", catalog=kept, status=1)
    assert text == ""
    text = run("export", "csv", "guide:far", "guide:a", "-c", "id,geometry,tags", "-o", "-", catalog=kept)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["id"], row["tags"]) for row in rows] == [("acme:guide:a", '["red", "green"]'), ("acme:guide:far", "")]
    assert shapely.from_wkt(rows[1]["geometry"]).bounds == (10, 0, 12, 3)


def test_arrow_is_what_a_search_gives(kept: Catalog, tmp_path: Path) -> None:
    told = run("export", "arrow", "-c", "id,acquired", "-o", tmp_path / "all.feather", catalog=kept)
    assert told.startswith("FileExport: 4 images, ")
    expected = kept.images.to_arrow(["id", "acquired"]).read_all()
    with pyarrow.ipc.open_file(tmp_path / "all.feather") as file:
        assert file.read_all().equals(expected)
    piped = invoke("export", "arrow", "--stream", "-c", "id,acquired", "-o", "-", catalog=kept).stdout_bytes
    assert pyarrow.ipc.open_stream(piped).read_all().equals(expected)


def test_tile_indexes_are_named(kept: Catalog, tmp_path: Path) -> None:
    assert run("export", "gti", "--product", "guide", "--datetime", "2020", catalog=kept) == (
        f"{tmp_path / 'kept.acme-guide.gti.gpkg'}\n"
    )
    assert run("export", "gti", "-o", tmp_path / "new", catalog=kept) == (
        f"{tmp_path / 'new' / 'kept.acme-guide.gti.gpkg'}\n"
    )
    failed = invoke("export", "gti", "--product", "guide", "--datetime", "2021", catalog=kept)
    assert (failed.exit_code, failed.stdout) == (1, "")
    assert failed.stderr.splitlines()[-1] == "localcat: no tile index was written"
    assert complaint("export", "gti", "--product", "gide", catalog=kept).startswith("there is no product 'gide'")


def test_no_folder_is_made_for_what_is_not_written(kept: Catalog, tmp_path: Path) -> None:
    invoke("export", "gti", "--datetime", "2021", "-o", tmp_path / "new", catalog=kept)
    invoke("export", "gti", "--product", "gide", "-o", tmp_path / "new", catalog=kept)
    run("bundle", "-o", tmp_path / "kit.zip", catalog=kept)
    told = complaint("export", "gti", "-o", tmp_path / "new", catalog=tmp_path / "kit.zip")
    assert told.endswith("is a bundle, and an index names files; unpack it with `localcat unpack`")
    assert not (tmp_path / "new").exists()


def test_a_project_of_qgis_and_a_page_are_written(kept: Catalog, tmp_path: Path) -> None:
    assert run("export", "qgis", "-o", tmp_path / "kept.qgs", catalog=kept) == f"{tmp_path / 'kept.qgs'}\n"
    assert "./kept.acme-guide.vrt" in (tmp_path / "kept.qgs").read_text()
    words = ("export", "html", "--where", "name = 'a'", "--thumbnails", "0")
    assert run(*words, "-o", tmp_path / "a.html", catalog=kept) == f"{tmp_path / 'a.html'}\n"
    assert "<title>1 images</title>" in (tmp_path / "a.html").read_text()
    told = complaint("export", "qgis", "-o", tmp_path / "kept.qgz", catalog=kept)
    assert told == f"a project of QGIS is a file such as 'survey.qgs', not '{tmp_path / 'kept.qgz'}'"


def test_files_for_pgstac_are_written(kept: Catalog, tmp_path: Path) -> None:
    told = run("export", "pgstac", "-o", tmp_path / "stac", catalog=kept)
    assert told == (
        f"PgstacExport: 1 products, 3 items in '{tmp_path / 'stac'}', 1 images without a footprint left out\n"
    )
    assert len((tmp_path / "stac" / "items.ndjson").read_bytes().splitlines()) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("csv", "-c", "clouds", "-o", "-"), "Image has no attribute 'clouds' for a column; did you mean 'cloud_"),
        (("geojson", "-o", "."), "is a folder; name a file in it"),
        (("arrow", "-c", "id,id", "-o", "x.arrow"), "column 'id' is named twice; leave one out"),
    ],
)
def test_what_cannot_be_written_is_refused(
    kept: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert message in complaint("export", *words, catalog=kept)
    assert sorted(tmp_path.iterdir()) == before


def test_a_format_is_named(kept: Catalog) -> None:
    assert invoke("export", catalog=kept).exit_code == 2
    assert "there is no command 'pdf'" in complaint("export", "pdf", catalog=kept, status=2)
    assert "missing option" in complaint("export", "csv", catalog=kept, status=2)
