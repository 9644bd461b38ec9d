"""The pictures of the documents are as the code beside them draws them: what is on them, not their pixels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="pictures need the extra plot")

from tests import pictures

_MOST_BYTES = 300_000  # of all pictures: who clones the repository gets each version of each of them


@pytest.mark.parametrize("page", pictures.PAGES, ids=lambda page: page.name)
def test_a_page_shows_what_its_code_draws(page: Path) -> None:
    figures = pictures.drawn_by(page)
    for name in pictures.shown_on(page):
        old = json.loads(pictures.content_of_file(pictures.FOLDER / name))
        assert json.loads(pictures.content(figures[name])) == old, f"{name}: run python -m tests.pictures"


def test_a_page_shows_pictures_with_words_for_those_who_do_not_see_them() -> None:
    for page in (*pictures.PAGES, *pictures.IN_A_BROWSER):
        assert pictures.shown_on(page), page.name
        assert all(len(text) > 20 for text in pictures.shown_on(page).values()), page.name


def test_all_pictures_are_shown_and_small() -> None:
    shown = {name for page in (*pictures.PAGES, *pictures.IN_A_BROWSER) for name in pictures.shown_on(page)}
    files = {path.name: path.stat().st_size for path in pictures.FOLDER.iterdir()}
    assert shown == set(files)
    assert sum(files.values()) < _MOST_BYTES


def test_no_other_page_shows_a_picture() -> None:
    """Pictures of pages that are not listed would never be drawn again."""
    pages = [
        path for path in (pictures.ROOT / "docs").glob("*.md") if path not in (*pictures.PAGES, *pictures.IN_A_BROWSER)
    ]
    assert [path.name for path in pages if pictures.shown_on(path)] == []


def test_the_content_of_a_picture_is_what_people_see_on_it() -> None:
    (axes,) = json.loads(pictures.content_of_file(pictures.FOLDER / "map.png"))
    assert (axes["title"], axes["labels"]) == ("nairobi-2020 · 2020-01-01", ["x, EPSG:4326", "y"])
    assert axes["legend"] == ["water", "forest", "cropland", "built-up", "bare"]
    assert axes["images"][0][:3] == [32, 48, 4]
    (axes, bar) = json.loads(pictures.content_of_file(pictures.FOLDER / "scenes.png"))
    assert (axes["title"], axes["footprints"], bar["labels"]) == ("90 images", [90], ["", "acquired"])
