"""The commands that search, and the options that choose images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from localcat import Catalog, Image
from tests.shell import complaint, invoke, run

HERE = "-75,36.11,-74.96,36.15"


def ids(catalog: Catalog, *words: object, pipe: str | None = None) -> list[str]:
    return [
        uid.removeprefix("acme:guide:") for uid in run("search", *words, "--ids", catalog=catalog, pipe=pipe).split()
    ]


def test_a_search_prints_a_table(kept: Catalog) -> None:
    assert run("search", catalog=kept) == (
        "id                  acquired    cloud_fraction  storage_state\n"
        "------------------  ----------  --------------  -------------\n"
        "acme:guide:a        2020-01-01                  available\n"
        "acme:guide:b        2020-01-01                  available\n"
        "acme:guide:far      2021-06-01                  remote\n"
        "acme:guide:nowhere                              remote\n"
    )


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], ["a", "b", "far", "nowhere"]),
        (["--product", "guide", "--limit", 2], ["a", "b"]),
        (["--datetime", "2020"], ["a", "b"]),
        (["--datetime", "2021-01/2021-06"], ["far"]),
        (["--datetime", "../2021-05"], ["a", "b"]),
        (["--where", "acquired > '2020-06-01' AND storage_state = 'remote'"], ["far"]),
        (["--where", "acquired IS NULL"], ["nowhere"]),
        (["--bbox", HERE], ["a", "b"]),
        (["--bbox", "10 0 12 3"], ["far"]),
        (["--intersects", "POINT (11.9 0.1)"], ["far"]),
        (["--intersects", '{"type": "Point", "coordinates": [11.9, 0.1]}'], ["far"]),
        (["--intersects", "POLYGON ((0 0, 180 0, 180 80, 0 80, 0 0))", "--bbox", HERE], []),
        (["--text", "green"], ["a"]),
        (["--sort", "-acquired", "--sort", "name"], ["far", "a", "b", "nowhere"]),
        (["--sort", "-acquired,-name", "--limit", 2], ["far", "b"]),
        (["guide:b", "acme:guide:a"], ["b", "a"]),
        (["guide:b", "guide:a", "guide:b", "--sort", "name"], ["a", "b"]),
        (["guide:far", "guide:a", "--datetime", "2020"], ["a"]),
    ],
)
def test_options_choose_images(kept: Catalog, words: list[object], found: list[str]) -> None:
    assert ids(kept, *words) == found


def test_an_area_comes_from_a_file_or_a_pipe(kept: Catalog, tmp_path: Path) -> None:
    (tmp_path / "area.geojson").write_text(json.dumps({"type": "Point", "coordinates": [11.9, 0.1]}))
    assert ids(kept, "--intersects", tmp_path / "area.geojson") == ["far"]
    assert ids(kept, "--intersects", "-", pipe="POINT (11.9 0.1)\n") == ["far"]
    assert "cannot be read" in complaint("search", "--intersects", "none.geojson", catalog=kept)


@pytest.mark.parametrize(
    "pipe",
    [
        "acme:guide:far\nacme:guide:a\n",
        "guide:far\r\n\r\nguide:a",
        '["acme:guide:far", "acme:guide:a"]',
        '[{"id": "acme:guide:far", "name": "far"},\n {"id": "acme:guide:a"}]',
        '{"id": "acme:guide:far"}\n{"id": "acme:guide:a"}\n',
        '{"type": "FeatureCollection", "features": [{"id": "acme:guide:far"}, {"id": "acme:guide:a"}]}',
        "name,id\nfar,acme:guide:far\na,acme:guide:a\n",
        "name\tid\nfar\tacme:guide:far\na\tacme:guide:a\n",
        "id\nacme:guide:far\nacme:guide:a\n",
        "\ufeffacme:guide:far\nacme:guide:a\n",
    ],
)
def test_ids_come_through_a_pipe_in_every_form_that_a_command_prints(kept: Catalog, pipe: str) -> None:
    assert ids(kept, "-", pipe=pipe) == ["far", "a"]


@pytest.mark.parametrize("form", ["--ids", "--json", "--ndjson", "--csv", "--tsv", "--geojson"])
def test_what_a_command_prints_another_one_reads(kept: Catalog, form: str) -> None:
    assert ids(kept, "-", pipe=run("search", "--sort", "-acquired", form, catalog=kept)) == ["far", "a", "b", "nowhere"]


def test_an_empty_pipe_is_no_image_and_not_all(kept: Catalog) -> None:
    assert ids(kept, "-", pipe="") == []
    assert ids(kept, "-", "--product", "guide", pipe="\n") == []
    assert run("delete", "-", "--yes", catalog=kept, pipe="") == "deleted: 0 images\n"
    assert run("set", "-", "cloud_fraction=1", catalog=kept, pipe="").endswith(" of 0 images\n")
    assert kept.images.count() == 4


def test_mistakes_are_told_with_the_way_out(kept: Catalog) -> None:
    assert complaint("search", "--product", "gide", catalog=kept) == "there is no product 'gide'; did you mean 'guide'?"
    assert complaint("search", "--bbox", "1,2,3", catalog=kept, status=2).startswith(
        "invalid value for '--bbox': '1,2,3' is not west,south,east,north in degrees, such as 10,47,11,48"
    )
    assert complaint("search", "--datetime", "2024-13", catalog=kept).startswith("'2024-13'")
    assert "did you mean 'cloud_fraction'" in complaint("search", "--where", "cloud_fractoin < 1", catalog=kept)
    assert "guide:zzz" in complaint("search", "guide:zzz", catalog=kept)
    assert "both come through the pipe" in complaint("search", "-", "--intersects", "-", catalog=kept, status=2)
    assert complaint("search", "-", catalog=kept, pipe='[{"name": "a"}]') == (
        "what comes through the pipe has no 'id': {'name': 'a'}"
    )


def test_a_summary_counts_by_product_or_by_time(kept: Catalog) -> None:
    size = sum(image.files[0].size_bytes for image in kept.images.during("2020"))
    assert run("summary", "--csv", catalog=kept) == f"product,images,bytes\nacme:guide,4,{size}\n"
    assert run("summary", "--interval", "year", "--csv", catalog=kept) == (
        f"year,images,bytes\n2020-01-01T00:00:00+00:00,2,{size}\n2021-01-01T00:00:00+00:00,1,0\n"
    )
    months = run("summary", "--interval", "month", "--include-empty", "--nl", catalog=kept).splitlines()
    assert len(months) == 18
    assert run("summary", "--datetime", "2021", "--csv", catalog=kept) == "product,images,bytes\nacme:guide,1,0\n"
    assert run("summary", "--datetime", "1999", catalog=kept) == ""


def test_explain_tells_what_was_missed(kept: Catalog) -> None:
    told = run("explain", "--product", "guide", "--datetime", "2022", catalog=kept)
    assert told.startswith("Image search: 0 found in ")
    assert "acme:guide:far, acquired 2021-06-01 00:00:00, 214 days, 0:00:00 before the range" in told


def test_explain_shows_conditions_as_filters_of_the_shell(kept: Catalog) -> None:
    words = ["explain", "--datetime", "2020", "--where", "cloud_fraction < 0.2 AND NOT tags = 'bad'"]
    assert run(*words, catalog=kept).splitlines()[1:6] == [
        "  4  every image",
        "  3  acquired >= '2020-01-01'  (1 lost because a value is unset)",
        "  2  acquired <= '2020-12-31T23:59:59.999999Z'",
        "  0  cloud_fraction < 0.2  (2 lost because a value is unset)",
        "  0  NOT (tags = 'bad')",
    ]
    told = run("explain", "--where", "product_id = 'guide'", catalog=kept)
    assert "\nperhaps you mean:\n  product_id = 'acme:guide': ids begin with the catalog's namespace" in told
    told = run("explain", "--where", "product_id = 'nothing-like-it'", catalog=kept)
    assert "there is no product 'nothing-like-it'; `localcat ls` lists those there are" in told


def test_the_namespace_can_be_left_out_of_ids_and_products(kept: Catalog) -> None:
    """A search by `product_id` matches ids as given; a user of the shell does not type the namespace."""
    assert ids(kept, "--product", "guide") == ids(kept, "--product", "acme:guide") != []
    assert ids(kept, "guide:a") == ["a"]


def test_the_files_of_images_are_printed_for_other_programs(kept: Catalog) -> None:
    paths = [Path(line) for line in run("search", "--datetime", "2020", "--files", catalog=kept).splitlines()]
    assert paths == [kept.path_of(image.files[0]) for image in kept.images.during("2020")]
    assert all(path.exists() for path in paths)
    assert "has no pixels in this catalog" in complaint("search", "guide:far", "--files", catalog=kept)


def test_thousands_of_ids_come_through_a_pipe(kept: Catalog) -> None:
    records = ({"product_id": "acme:guide", "name": f"n{number:05}"} for number in range(20_000))
    kept.add_images(records, progress=False)
    every = run("search", "--ids", catalog=kept)
    assert invoke("search", "-", "--ids", catalog=kept, pipe=every).stdout == every
    assert Image.exists("acme:guide:n19999", catalog=kept)


def test_a_question_is_frozen_and_compared(kept: Catalog) -> None:
    assert run("freeze", "paper", "--where", "name IN ('a', 'b')", catalog=kept) == "frozen: 'paper', 2 images\n"
    assert "a question is frozen as 'paper' already" in complaint("freeze", "paper", catalog=kept)
    assert run("frozen", "--csv", catalog=kept).splitlines()[1].startswith("paper,")
    assert run("frozen", "paper", "--ids", catalog=kept).split() == ["acme:guide:a", "acme:guide:b"]
    assert "acme:" not in run("frozen", "paper", "--changes", catalog=kept)
    run("delete", "guide:b", "--yes", catalog=kept)
    found = invoke("frozen", "paper", "--changes", "--csv", catalog=kept)
    assert (found.exit_code, found.stdout.splitlines()[1]) == (3, "deleted,acme:guide:b")
    assert run("frozen", "paper", "--delete", catalog=kept) == "forgotten: 'paper'\n"
    assert "no question is frozen as 'paper'; there are: none" in complaint("frozen", "paper", catalog=kept)
    assert "name the question" in complaint("frozen", "--changes", catalog=kept, status=2)
