"""The story of docs/field-day.md is true: each command prints what the page shows."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.field_day import DOCUMENT, STEPS, live, prepare, steps_of

_CHANCE = (  # what another run, another moment or another GDAL prints otherwise
    (re.compile(r"(created|modified) +\S+ \S+"), r"\1 …"),
    (re.compile(r"\d+\.\d+ ms"), "… ms"),
    (re.compile(r"\d{1,3}(,\d{3})+|size_bytes \d+"), "…"),
    (re.compile(r"_SR_B\d"), "_SR_B…"),  # which file of a scene is named first
    (re.compile(r" {2,}|-{2,}"), "  "),  # the widths of columns follow their values
)


def without_chance(text: str) -> str:
    for pattern, words in _CHANCE:
        text = pattern.sub(words, text)
    return text


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("bash") is None, reason="its commands are those of Linux")
def test_the_day_goes_as_the_page_says(tmp_path: Path) -> None:
    pytest.importorskip("pyogrio", reason="the last steps open the catalog with OGR")
    shown = steps_of(DOCUMENT.read_text(encoding="utf-8"))
    assert [command for command, _ in shown] == [step.command for step in STEPS], "run python -m tests.field_day"
    environment = prepare(tmp_path)
    for step, (command, expected) in zip(STEPS, shown, strict=True):
        status, output = live(step, tmp_path, environment)
        assert (command, status) == (command, step.status), output
        assert (command, without_chance(output)) == (command, without_chance(expected))
        assert "Traceback" not in output
    catalogs = sorted(str(path.relative_to(tmp_path / "day")) for path in (tmp_path / "day").rglob("*.gpkg"))
    assert catalogs == ["stick/june.gpkg", "survey.gpkg"]
