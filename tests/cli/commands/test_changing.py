"""The commands that change and delete."""

from __future__ import annotations

import json

import pytest

from localcat import Band, Catalog, Image, Product
from tests.damage import file_of
from tests.shell import complaint, run


def test_set_reads_values_as_the_attributes_do(kept: Catalog) -> None:
    words = ["cloud_fraction=0.25", "acquired=2020-02-03", 'tags=["x", "y"]', "extra_properties.crew=north"]
    assert run("set", "guide:a", *words, "extra_properties.runs=3", catalog=kept) == (
        "set: cloud_fraction, acquired, tags, extra_properties.crew, extra_properties.runs of 'acme:guide:a'\n"
    )
    image = Image.get("acme:guide:a", catalog=kept)
    assert (image.cloud_fraction, image.acquired.isoformat()) == (0.25, "2020-02-03T00:00:00+00:00")
    assert (list(image.tags), dict(image.extra_properties)) == (["x", "y"], {"crew": "north", "runs": 3})
    run("set", "guide:a", "cloud_fraction=null", "extra_properties.runs=null", catalog=kept)
    image.reload()
    assert (image.cloud_fraction, dict(image.extra_properties)) == (None, {"crew": "north"})


def test_set_changes_products_and_bands_too(kept: Catalog) -> None:
    run("set", "guide", "guide:blue", "description=of the guide", catalog=kept)
    assert Product.get("guide", catalog=kept).description == "of the guide"
    assert Band.get("guide:blue", catalog=kept).description == "of the guide"


def test_set_is_all_or_nothing(kept: Catalog) -> None:
    assert "x_pixels is a whole number" in complaint("set", "guide:a", "name=a", "x_pixels=many", catalog=kept)
    told = complaint("set", "guide:far", "guide", "storage_state=remote", catalog=kept)
    assert told.startswith("Product has no attribute storage_state")
    told = complaint("set", "--product", "guide", "storage_state=available", catalog=kept)
    assert "needs files with href, size_bytes and hash" in told
    assert [image.storage_state for image in kept.images] == ["available", "available", "remote", "remote"]
    assert run("set", "--product", "guide", "cloud_fraction=1", "--dry-run", catalog=kept) == (
        "to set: cloud_fraction of 4 images\n"
    )
    assert {image.cloud_fraction for image in kept.images} == {None}


def test_set_needs_to_know_which_and_what(kept: Catalog) -> None:
    told = "name the images, by ids or by --product, --where, …; --all takes all of the catalog"
    assert complaint("set", "cloud_fraction=1", catalog=kept, status=2).startswith(told)
    assert run("set", "cloud_fraction=1", "--all", catalog=kept) == "set: cloud_fraction of 4 images\n"
    assert complaint("set", "guide:a", catalog=kept, status=2).startswith(
        "name what to set, without spaces around the =, such as cloud_fraction=0.2"
    )
    assert "begins as JSON and is not" in complaint("set", "guide:a", "tags=[x", catalog=kept, status=2)


def test_tag_adds_and_removes(kept: Catalog) -> None:
    assert run("tag", "--datetime", "2020", "--add", "old", "--remove", "red", catalog=kept) == "tagged: 2 images\n"
    assert [list(image.tags or []) for image in kept.images] == [["green", "old"], ["old"], [], []]
    run("tag", "guide", "--add", "old", catalog=kept)
    assert list(Product.get("guide", catalog=kept).tags) == ["old"]
    assert run("search", "--text", "old", "--sort", "id", "--ids", catalog=kept) == "acme:guide:a\nacme:guide:b\n"
    assert complaint("tag", "guide:a", catalog=kept, status=2).startswith("name a tag, with --add or --remove")


def test_delete_asks_before_and_takes_the_files_along(kept: Catalog) -> None:
    path = file_of(kept, "a")
    assert complaint("delete", "guide:a", catalog=kept, status=2).startswith(
        "'acme:guide:a' would be deleted; say so with --yes"
    )
    assert run("delete", "--datetime", "2020", "--dry-run", catalog=kept) == "acme:guide:a\nacme:guide:b\n"
    assert path.exists()
    assert run("delete", "guide:a", "--yes", catalog=kept) == "deleted: 'acme:guide:a'\n"
    assert not path.exists()
    assert kept.images.count() == 3


def test_a_product_is_deleted_with_what_belongs_to_it_only_if_asked(kept: Catalog) -> None:
    told = complaint("delete", "guide", "--yes", catalog=kept)
    assert told == "product 'acme:guide' still has 2 bands and 4 images; use `localcat delete --related` first"
    assert run("delete", "guide", "--related", "--yes", catalog=kept) == "deleted: 'acme:guide'\n"
    assert (kept.products.count(), kept.bands.count(), kept.images.count()) == (0, 0, 0)


@pytest.mark.parametrize("command", ["delete", "read", "tag", "preview"])
def test_nothing_takes_all_images_by_accident(kept: Catalog, command: str) -> None:
    more = {"tag": ["--add", "x"], "delete": ["--yes"]}.get(command, [])
    told = complaint(command, *more, catalog=kept, status=2)
    assert told.startswith("name the images, by ids or by --product")


def test_history_shows_changes_and_undo_takes_them_back(kept: Catalog) -> None:
    run("set", "guide:far", "cloud_fraction=0.25", catalog=kept)
    run("delete", "guide:nowhere", "--yes", catalog=kept)
    shown = json.loads(run("history", "--json", catalog=kept))
    assert [(one["number"], one["what"], one["kind"], one["id"]) for one in shown] == [
        (2, "deleted", "image", "acme:guide:nowhere"),
        (1, "changed", "image", "acme:guide:far"),
    ]
    assert (shown[0]["before"]["name"], shown[1]["before"].get("cloud_fraction")) == ("nowhere", None)
    assert run("history", "acme:guide:far", "--ids", catalog=kept) == "acme:guide:far\n"
    assert run("history", "--limit", "1", "--kind", "image", "--csv", "-c", "number", "-c", "id", catalog=kept) == (
        "number,id\n2,acme:guide:nowhere\n"
    )
    told = run("undo", "2", catalog=kept)
    assert (told.startswith("undone: 2  "), " image    acme:guide:nowhere" in told) == (True, True)
    assert Image.get("acme:guide:nowhere", catalog=kept) is not None
    run("undo", "1", "--together", catalog=kept)
    assert Image.get("acme:guide:far", catalog=kept).cloud_fraction is None
    assert "cannot be undone: it was changed again since, by change 4" in complaint("undo", "1", catalog=kept)
    assert complaint("undo", "77", catalog=kept).startswith(
        "there is no change 77 in the history; `localcat history` lists what is kept"
    )


def test_how_long_the_past_is_kept_is_set_and_shown(kept: Catalog) -> None:
    assert run("keep-history", catalog=kept) == "changes 365 days, 67,108,864 bytes at most; files 0 days\n"
    run("keep-history", "2 years", "--files", "30 days", catalog=kept)
    assert json.loads(run("keep-history", "--max-bytes", "1 MB", "--json", catalog=kept)) == {
        "changes": 730,
        "max_bytes": 1_000_000,
        "files": 30,
    }
    run("delete", "guide:a", "--yes", catalog=kept)
    run("undo", "1", catalog=kept)
    assert Image.get("acme:guide:a", catalog=kept).ndarray("blue").shape == (1, 64, 48)
    assert run("forget-history", "2020-01-01", catalog=kept) == "forgotten: 0 changes\n"
    assert complaint("forget-history", "2999-01-01", catalog=kept).startswith("2999-01-01T00:00:00+00:00 is still to")
