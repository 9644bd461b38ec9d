"""What a newcomer is told who writes something wrong: what it was, and what to write."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from localcat import Catalog, Image
from localcat.cli.output import print_json
from localcat.cli.words import in_words_of_the_shell
from tests.shell import complaint, run


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("cloud < 0.2", "Image has no attribute cloud; did you mean 'cloud_fraction' or 'alt_cloud_fraction'?"),
        ("p.cloud_fraction < 0.2", "Image has no attribute p; write cloud_fraction alone"),
        (
            "name = S2A",
            "Image has no attribute S2A; strings are in single quotes, as in name = 'x', and keys follow "
            "extra_properties and a dot",
        ),
        (
            "cloud_fraction == 0.2",
            "CQL2 text has '=' at character 16, where a property or a value should be; write = for equal",
        ),
        (
            "name LIKE S2%",
            "CQL2 text has 'S2' at character 10, where a pattern in single quotes, such as 'S2%', should be",
        ),
        (
            "geometry = 3",
            "geometry has no value to compare; ask S_INTERSECTS(geometry, …), or use --bbox or --intersects",
        ),
        (
            "acquired > 2024",
            "in a filter, acquired: 2024 is not a timestamp; write it in quotes, such as '2020-01-31' or "
            "'2020-01-31T10:00:00Z'",
        ),
        (
            "acquired LIKE '2024%'",
            "acquired is not text: LIKE does not apply to a timestamp; compare it with =",
        ),
        ("tags > 'x'", "tags is a list and has no order; compare with =, <> or IN"),
        (
            "extra_properties = 'x'",
            "Image attribute extra_properties is filtered by one of its keys: extra_properties.key",
        ),
    ],
)
@pytest.mark.parametrize("command", [["search"], ["ls", "images"]], ids=" ".join)
def test_a_condition_that_cannot_be_read(kept: Catalog, command: list[str], where: str, told: str) -> None:
    assert complaint(*command, "--where", where, catalog=kept) == told


@pytest.mark.parametrize(
    "period", ["06/2024", "2024-13", "yesterday", "06.05.2024", "2024-06-01..2024-07-01", "June", "2024/06/01"]
)
def test_a_period_that_cannot_be_read(kept: Catalog, period: str) -> None:
    assert complaint("search", "--datetime", period, catalog=kept) == (
        f"'{period}' is not a period; write for example 2024-06, 2024-06/2024-08 or ../2024"
    )


def test_an_id_that_no_image_has(kept: Catalog) -> None:
    for command in ("search", "read", "preview"):
        assert complaint(command, "guide", catalog=kept) == "'guide' is a product; --product guide takes its images"
        assert complaint(command, "guide:a", "guide:z", catalog=kept) == (
            "there is no image 'guide:z'; `localcat search` finds those that are"
        )


def test_an_area_that_is_none(kept: Catalog, tmp_path: Path) -> None:
    assert complaint("search", "--intersects", "16,47,17,48", catalog=kept, status=2).startswith(
        "'16,47,17,48' is a box; name it with --bbox"
    )
    assert complaint("search", "--intersects", tmp_path, catalog=kept) == (
        f"'{tmp_path}' is not a file of areas that can be read; write the area as GeoJSON"
    )
    inside = "SRID=3857;POINT (-8346868 4319612)"
    assert run("search", "--intersects", inside, "--ids", catalog=kept) == "acme:guide:a\nacme:guide:b\n"


def test_values_that_cannot_be_set(kept: Catalog) -> None:
    for word, told in {
        "cloud_fraction=20": "cloud_fraction is a fraction from 0 to 1, not '20'; 20 % is 0.2",
        "tags=a,b": 'tags is a list of texts, not \'a,b\'; it is written as JSON, such as ["a", "b"] or [0, 1]',
        "geometry=1,2": "'1,2' is not the well-known text of a geometry",
    }.items():
        assert complaint("set", "guide:a", word, catalog=kept).startswith(told)
    for words in (["cloud_fraction = 0.2"], ["cloud_fraction", "=", "0.2"], ["=0.2"]):
        assert complaint("set", "guide:a", *words, catalog=kept, status=2).startswith(
            "name what to set, without spaces around the =, such as cloud_fraction=0.2"
        )
    assert complaint("tag", "guide:a", "--add", " ", catalog=kept, status=2).startswith(
        "invalid value for '--add': a tag has at least one letter"
    )
    run("set", "guide:far", "geometry=POLYGON ((1 2, 3 2, 3 4, 1 2))", catalog=kept)
    assert Image.get("acme:guide:far", catalog=kept).geometry.bounds == (1, 2, 3, 4)


def test_a_catalog_is_a_file(tmp_path: Path) -> None:
    assert complaint("init", tmp_path) == (
        f"'{tmp_path}' is a folder; name a file in it, such as '{tmp_path / 'survey.gpkg'}'"
    )


def test_advice_is_translated_and_ids_and_paths_are_not() -> None:
    for text in (
        "'/data/catalog.info/a.tif'",
        "'/x/my copy=True/b.tif'",
        "acme:catalog.sql",
        "Catalog.opened.tif",
        r"C:\catalog.gc\a.tif",
    ):
        assert in_words_of_the_shell(text) == text
    assert in_words_of_the_shell("use Catalog.relocate if it was moved") == "use `localcat relocate` if it was moved"
    assert in_words_of_the_shell("see catalog.info().") == "see `localcat info`."
    long = "pass GeoJSON, a shapely geometry, an object with __geo_interface__, or bounds\nand more"
    assert in_words_of_the_shell(long) == "write GeoJSON or WKT\nand more"


def test_a_report_in_json_keeps_paths_and_translates_messages(capsys: pytest.CaptureFixture[str]) -> None:
    asked = "pass GeoJSON, a shapely geometry, an object with __geo_interface__, or bounds"
    scene = {"path": "/data/catalog.info/a.tif", "notes": [f"left out: {asked}", "é"], "error": "pass crs", "id": "a"}
    print_json({"scenes": [scene], "why_read_only": None})
    assert json.loads(capsys.readouterr().out) == {
        "scenes": [{**scene, "notes": ["left out: write GeoJSON or WKT", "é"], "error": "name --crs"}],
        "why_read_only": None,
    }


def test_an_area_may_be_in_a_file_whose_name_begins_as_well_known_text(kept: Catalog, tmp_path: Path) -> None:
    for name in ("polygons.geojson", "POINTS.geojson", "multi-area.json"):
        (tmp_path / name).write_text('{"type": "Polygon", "coordinates": [[[-9, -9], [99, -9], [99, 89], [-9, -9]]]}')
        everything = run("search", "--intersects", tmp_path / name, "--ids", catalog=kept)
        cwd = Path.cwd()
        try:
            os.chdir(tmp_path)
            assert run("search", "--intersects", name, "--ids", catalog=kept) == everything != ""
        finally:
            os.chdir(cwd)
    assert run("search", "--intersects", "point z (10 47 3)", "--ids", catalog=kept) is not None


@pytest.mark.parametrize(
    ("word", "told"),
    [("name.x=1", "name has no keys to set, since it is 'a'"), ("tags.x=1", "tags has no keys to set, since it is [")],
)
def test_a_key_of_what_has_none(kept: Catalog, word: str, told: str) -> None:
    assert complaint("set", "acme:guide:a", word, catalog=kept).startswith(told)


def test_a_key_of_what_was_emptied_before(kept: Catalog) -> None:
    run("set", "acme:guide:a", "extra_properties=null", "extra_properties.a=1", catalog=kept)
    assert Image.get("acme:guide:a", catalog=kept).extra_properties == {"a": 1}


def test_a_picture_replaces_no_file_of_the_catalog(kept: Catalog, tmp_path: Path) -> None:
    folder = Path(kept.file.data_folder.path)
    before = sorted(folder.rglob("*"))
    said = complaint("preview", "acme:guide:a", "-o", folder, catalog=kept)
    assert "is in the catalog's own data folder" in said
    assert sorted(folder.rglob("*")) == before
