"""Recipes as files: what is read, and what is wrong with one is told by its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcat import BadRequestError, NotFoundError
from localcat.writing.ingest.sources.library import load_recipe, recipes
from localcat.writing.ingest.sources.recipe import Value, filled, parse_recipe

PRODUCT = "[[product]]\nfile = '(?P<scene>.+)_(?P<layer>\\w+)\\.tif'\nid = 'x'\nimage = '{scene}'\n"
BAND = "[[band]]\nname = 'red'\n"


def test_a_recipe_is_found_by_its_name_or_read_from_a_file(tmp_path: Path) -> None:
    assert load_recipe("generic").name == "generic"
    path = tmp_path / "My Recipe.TOML"
    path.write_text(f"title = 'Mine'\n{PRODUCT}{BAND}", encoding="utf-8")
    recipe = load_recipe(path)
    assert (recipe.name, recipe.title, recipe.bands) == ("My Recipe", "Mine", ["red"])
    assert recipe.patterns == ["(?P<scene>.+)_(?P<layer>\\w+)\\.tif"]
    assert recipe.to_dict()["product"][0]["id"] == "x"
    assert load_recipe(recipe) is recipe


def test_every_built_in_recipe_says_what_it_is() -> None:
    for recipe in recipes():
        assert recipe.to_dict()["name"] == recipe.name
        assert parse_recipe(recipe.text, recipe.name).products == recipe.products


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = ", "recipe 'bad' is not TOML"),
        ("title = 'x'", r"the file: has at least one \[\[product\]\]"),
        (f"{PRODUCT}", "the file: title is a text, not None"),
        (f"title = 'x'\ncolour = 1\n{PRODUCT}", "the file: does not know 'colour'; it has attributes, band"),
        (f"title = 'x'\n{PRODUCT.replace('.+', '(')}", r"\[\[product\]\] 1: file is not a regular expression"),
        (f"title = 'x'\n{PRODUCT.replace('{scene}', '{name}')}", "{name} names neither a group of the pattern nor a"),
        (f"title = 'x'\n{PRODUCT}period = '2 weeks'\n", "period is a text such as '16 days'"),
        (f"title = 'x'\n{PRODUCT}bands = ['nir']\n{BAND}", r"there is no \[\[band\]\] 'nir'"),
        (f"title = 'x'\n{PRODUCT}alike = 'yes'\n", "alike is true or false, not 'yes'"),
        (f"title = 'x'\n{PRODUCT}groups = {{ a = {{ offset = 1 }} }}\n", "no .* has the group 'a'"),
        (f"title = 'x'\n{PRODUCT}{BAND}{BAND}", r"\[\[band\]\] 2: there is another band 'red'"),
        (
            f"title = 'x'\n{PRODUCT}{BAND}{BAND.replace('red', 'nir')}",
            r"\[\[product\]\] 1: bands 'red' and 'nir' are both number 0 of one file; give each an index",
        ),
        (f"title = 'x'\n{PRODUCT}{BAND}type = 'colour'\n", "type is one of spectral, microwave, mask, class, generic"),
        (f"title = 'x'\n{PRODUCT}{BAND}index = -1\n", "index is a whole number from 0, not -1"),
        (
            f"title = 'x'\n{PRODUCT}{BAND}wavelength_nm_center = 660\n",
            "a band of type generic has no 'wavelength_nm_ce",
        ),
        (f"title = 'x'\n{PRODUCT}{BAND}data_type = 'uint16'\n", r"\[\[band\]\] 1: data_type"),
        (f"title = 'x'\n{PRODUCT}{BAND}scale = 2\n", "scale and offset need a data_range"),
        (f"title = 'x'\n{PRODUCT}{BAND}classes = {{ tree = 'x' }}\n", "the keys are pixel values from 0 to 65535"),
        (f"title = 'x'\n{PRODUCT}[attributes]\ncloud = '1'\n", "Image has no attribute 'cloud' that a recipe can set"),
        (f"title = 'x'\n{PRODUCT}[attributes]\ncloud_fraction = 1\n", "is a text or a list of texts, not 1"),
        (
            f"title = 'x'\n{PRODUCT}[attributes]\ncloud_fraction = {{ value = '1', valid = 1 }}\n",
            "valid is two numbers, the smaller first, not 1",
        ),
        (f"title = 'x'\nband = 5\n{PRODUCT}", r"is several tables, written \[\[band\]\]"),
        (f"title = 'x'\nattributes = 5\n{PRODUCT}", "attributes: is a table, not 5"),
        (f"title = 'x'\nsidecars = {{ a = 5 }}\n{PRODUCT}", "is a text or a list of texts, not 5"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(BadRequestError, match=message):
        parse_recipe(text, "bad")


def test_files_that_are_no_recipes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no recipe file '.*none.toml'; check the path"):
        load_recipe(tmp_path / "none.toml")
    with pytest.raises(NotFoundError, match="there is no recipe 'sentinel'.*; the built-in ones are class-maps, "):
        load_recipe("sentinel")
    (tmp_path / "latin.toml").write_bytes(b"title = '\xe9'")
    with pytest.raises(BadRequestError, match="is not UTF-8 text"):
        load_recipe(tmp_path / "latin.toml")


def test_templates_need_all_their_values() -> None:
    assert filled("{a}-{b:c.d}", {"a": "1", "b:c.d": "2"}) == "1-2"
    assert filled("{a}-{b}", {"a": "1", "b": None}) is None
    assert filled("plain", {}) == "plain"
    percent = Value(("{x}",), scale=0.01, valid=(0, 1))
    assert [percent.number(text) for text in ("50", "-1", "101", "much")] == [0.5, None, None, None]
