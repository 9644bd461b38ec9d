"""The commands that show what a catalog holds, and the forms of their output."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from localcat import Catalog, Image
from localcat.errors import MissingLibraryError
from localcat.store.asking import spatialite
from tests.shell import complaint, run


def test_info_gives_the_figures(kept: Catalog) -> None:
    shown = run("info", catalog=kept).splitlines()
    assert shown[0].startswith(f"catalog   {kept.path} (")
    assert shown[3] == "products  1, with 2 bands"
    assert shown[4].startswith("images    4, acquired 2020-01-01 to 2021-06-01; ")
    figures = json.loads(run("info", "--json", catalog=kept))
    assert (figures["namespace"], figures["images"], figures["last_acquired"]) == (
        "acme",
        4,
        "2021-06-01T00:00:00+00:00",
    )


def test_info_of_an_empty_catalog_and_of_a_copy(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "new.gpkg", org="") as new:
        assert "images    0, none with a time; 0 bytes in their files" in run("info", catalog=new)
        assert "namespace (none)" in run("info", catalog=new)


def test_ls_lists_products_with_their_figures(kept: Catalog) -> None:
    assert run("ls", catalog=kept) == (
        "id          name   bands  images  first       last\n"
        "----------  -----  -----  ------  ----------  ----------\n"
        "acme:guide  Guide      2       4  2020-01-01  2021-06-01\n"
    )
    assert run("ls", "--ids", catalog=kept) == "acme:guide\n"
    assert json.loads(run("ls", "--json", catalog=kept))[0]["name"] == "Guide"


def test_ls_lists_bands_images_and_uploads(kept: Catalog) -> None:
    assert run("ls", "bands", "--product", "guide", catalog=kept).splitlines()[2:] == [
        "acme:guide:blue   spectral  UInt16     60 meters           [0, 10000]",
        "acme:guide:alpha  mask      UInt16     60 meters           [0, 1]",
    ]
    assert run("ls", "images", "--sort", "-acquired", "--limit", 1, "--ids", catalog=kept) == "acme:guide:far\n"
    assert run("ls", "bands", "--where", "type = 'mask'", "--ids", catalog=kept) == "acme:guide:alpha\n"
    assert run("ls", "images", "--text", "green", "--ids", catalog=kept) == "acme:guide:a\n"
    statuses = run("ls", "uploads", "-c", "status", "-c", "image_id", "--csv", "--sort", "image_id", catalog=kept)
    assert statuses == "status,image_id\nsuccess,acme:guide:a\nsuccess,acme:guide:b\n"


def test_show_knows_ids_of_every_kind_with_and_without_namespace(kept: Catalog) -> None:
    assert run("show", "guide", catalog=kept).startswith("Product acme:guide\n")
    assert run("show", "acme:guide:blue", catalog=kept).startswith("SpectralBand acme:guide:blue\n")
    shown = run("show", "guide:a", catalog=kept)
    assert shown.startswith("Image acme:guide:a\n")
    assert "  tags            red, green\n" in shown
    assert "  geometry        Polygon in -75,36.1101,-74.968,36.1447\n" in shown
    upload = run("ls", "uploads", "--ids", "--limit", 1, catalog=kept).strip()
    assert run("show", upload, catalog=kept).startswith(f"ImageUpload {upload}\n")
    both = json.loads(run("show", "-", "--json", catalog=kept, pipe="acme:guide:a\nacme:guide\n"))
    assert [one["id"] for one in both] == ["acme:guide:a", "acme:guide"]
    assert complaint("show", "guide:z", catalog=kept) == (
        "there is no product, image, band or upload 'guide:z'; `localcat ls` lists them"
    )


def test_show_takes_columns_and_a_file(kept: Catalog, tmp_path: Path) -> None:
    assert run("show", "guide:a", "guide", "-c", "name,tags", catalog=kept) == (
        "Image acme:guide:a\n  tags  red, green\n  name  a\n\nProduct acme:guide\n  name  Guide\n"
    )
    assert run("show", "guide:a", "-c", "acquired", "-o", tmp_path / "a.txt", catalog=kept) == ""
    assert (tmp_path / "a.txt").read_text() == "Image acme:guide:a\n  acquired  2020-01-01\n"
    assert "did you mean 'name'?" in complaint("show", "guide:a", "-c", "nam", catalog=kept)
    assert complaint("show", "guide", "-o", tmp_path / "a.csv", catalog=kept, status=2).startswith(
        f"'{tmp_path / 'a.csv'}' names no format; end it with .json, .ndjson, .jsonl, or choose one of --json, --ndjson"
    )


def test_show_prints_nothing_of_a_catalog_raw(kept: Catalog) -> None:
    image = Image.get("acme:guide:a", catalog=kept)
    image.extra_properties = {"note\x1b[2J": "line\nbreak\x07"}
    image.save()
    for words in (["show", "guide:a"], ["search", "-c", "id,extra_properties"]):
        shown = run(*words, catalog=kept)
        assert "\x1b" not in shown
        assert "\x07" not in shown
        assert "line\\nbreak" in shown


def test_sql_answers_a_select_and_changes_nothing(kept: Catalog) -> None:
    query = "SELECT name, size_bytes > 0 AS has_pixels FROM footprints WHERE name < :last ORDER BY name"
    assert run("sql", query, "-p", "last", "c", "--csv", catalog=kept) == "name,has_pixels\na,1\nb,1\n"
    assert run("sql", "-", "-p", "last", "b", "--nl", catalog=kept, pipe=query) == '{"name": "a", "has_pixels": 1}\n'
    assert "not authorized" in complaint("sql", "DELETE FROM image", catalog=kept)
    assert kept.images.count() == 4
    assert run("sql", "SELECT 1 WHERE 0", "--json", catalog=kept) == "[]\n"
    assert run("sql", "SELECT 9e999 AS huge", "--nl", catalog=kept) == '{"huge": null}\n'
    assert run("sql", "SELECT x'0102' AS b", "--nl", catalog=kept) == ('{"b": {"$base64": true, "encoded": "AQI="}}\n')


QUERY = (
    "SELECT 1 AS number, 'a,b \"c\"' AS text, NULL AS missing, 0.5 AS part, x'ff' AS bytes UNION ALL "
    "SELECT 2, 'ü\tż', 'x', 1e300, x''"
)


@pytest.mark.parametrize("words", [["--nl"], ["--json"], ["--csv"], ["--csv", "--no-headers"], ["--tsv"]])
def test_the_words_of_sqlite_utils_give_what_they_give_there(kept: Catalog, words: list[str]) -> None:
    from sqlite_utils.cli import cli as sqlite_utils  # slow

    query = QUERY if words[0] in ("--nl", "--json") else QUERY.replace(", x'ff' AS bytes", "").replace(", x''", "")
    theirs = CliRunner().invoke(
        sqlite_utils, ["query", str(kept.path), query, *(word for word in words if word != "--json")]
    )
    assert theirs.exit_code == 0, theirs.output
    ours = run("sql", query, *words, catalog=kept)
    if words[0] in ("--nl", "--json"):
        assert ours == theirs.stdout
    else:
        assert ours.splitlines() == theirs.stdout.splitlines()


def test_other_layouts_are_those_of_tabulate(kept: Catalog) -> None:
    assert run("ls", "--fmt", "github", "-c", "id", "-c", "images", catalog=kept).splitlines()[0].startswith("| id ")
    told = complaint("ls", "--fmt", "gitlab", catalog=kept, status=2)
    assert told.startswith("invalid value for '--fmt': 'gitlab' is not one of ")


def test_output_goes_to_a_file_whose_suffix_is_the_format(kept: Catalog, tmp_path: Path) -> None:
    for name, begin in {
        "a.csv": "id,acquired,",
        "a.tsv": "id\tacquired\t",
        "a.json": '[{"id": "acme:guide:a"',
        "a.ndjson": '{"id": "acme:guide:a"',
        "a.geojson": '{"type": "FeatureCollection"',
        "a.txt": "id ",
    }.items():
        assert run("search", "-o", tmp_path / name, catalog=kept) == ""
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(begin)
    found = json.loads((tmp_path / "a.geojson").read_text())
    assert [feature["id"] for feature in found["features"]] == kept.images.ids()
    assert found == json.loads(json.dumps(kept.images.to_geojson()))
    assert kept.images.to_geojson() == kept.images.collect().to_geojson()
    assert found["features"][3]["geometry"] is None
    missing = tmp_path / "no" / "a.csv"
    assert complaint("search", "-o", missing, catalog=kept) == f"'{missing}': No such file or directory"


@pytest.mark.parametrize("name", ["kept.gpkg", "kept.db", "a.parquet", "a.xlsx"])
def test_a_name_that_is_no_text_file_is_refused_and_left_alone(kept: Catalog, tmp_path: Path, name: str) -> None:
    """A catalog was lost to `ls -o survey.gpkg`."""
    path = tmp_path / name
    if name == "kept.db":
        path.write_bytes(kept.path.read_bytes())
    before = path.read_bytes() if path.exists() else None
    assert " names no format; end it with .json, " in complaint("search", "-o", path, catalog=kept, status=2)
    if before is not None:
        told = complaint("search", "--csv", "-o", path, catalog=kept)
        assert told == f"'{path}' is not a text file and is not replaced; choose another name"
        assert path.read_bytes() == before


def test_columns_are_attributes_and_keys_of_extra_properties(kept: Catalog) -> None:
    image = Image.get("acme:guide:b", catalog=kept)
    image.extra_properties = {"crew": "north", "runs": 3}
    image.save()
    words = ["search", "-c", "id,extra_properties.crew", "-c", "tags", "--csv"]
    rows = list(csv.reader(io.StringIO(run(*words, catalog=kept))))
    assert rows[:3] == [
        ["id", "extra_properties.crew", "tags"],
        ["acme:guide:a", "", '["red", "green"]'],
        ["acme:guide:b", "north", ""],
    ]
    assert complaint("search", "-c", "clouds", catalog=kept).startswith("Image has no attribute clouds")
    assert complaint("ls", "--geojson", catalog=kept, status=2).startswith("only images can be written as GeoJSON")


def test_sql_with_spatialite_or_what_is_missing(kept: Catalog) -> None:
    words = ("sql", "--spatialite", "SELECT ST_Area(BuildMbr(0, 0, 2, 2)) AS area", "--csv")
    why = ""
    try:
        spatialite.find()
    except MissingLibraryError as error:
        why = str(error).replace("spatialite=True", "--spatialite")
    if why:
        assert complaint(*words, catalog=kept) == why
    else:
        assert run(*words, catalog=kept) == "area\n4.0\n"
