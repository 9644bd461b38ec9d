"""docs/attributes.md is what the declarations say."""

from __future__ import annotations

from tests.reference import DOCUMENT, render


def test_the_table_of_attributes_is_fresh() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render(), "write it anew with: python -m tests.reference"
