"""Bars: they say how many there are, and ask for it only where they are seen."""

from __future__ import annotations

import pytest

from localcat import Catalog
from localcat.progress import shown
from tests.small_catalog import fill_guide


def test_a_bar_that_is_not_shown_asks_for_no_total() -> None:
    asked: list[int] = []

    def total() -> int:
        asked.append(1)
        return 3

    for progress in (False, None):  # the tests have no terminal
        assert list(shown([1, 2, 3], "counting", "numbers", progress, total=total)) == [1, 2, 3]
    assert asked == []


def test_a_bar_counts_to_what_comes_out(catalog: Catalog, capsys: pytest.CaptureFixture[str]) -> None:
    fill_guide(catalog)
    search = catalog.images.limit(3)
    assert (search.count(), search.number_found(), catalog.images.limit(9).number_found()) == (4, 3, 4)
    assert len(list(shown(search, "looking", "images", True, total=search.number_found))) == 3
    assert "100%" in capsys.readouterr().err
