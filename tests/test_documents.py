"""The README and the docs tell the truth: their code runs, in order, in an empty folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import localcat

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(document: Path) -> list[str]:
    return BLOCK.findall(document.read_text(encoding="utf-8"))


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if blocks(path)], ids=lambda path: path.name)
def test_the_code_of_a_document_runs(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOCALCAT", str(tmp_path / "default.gpkg"))
    localcat.set_default_catalog(None)
    names: dict[str, object] = {"__name__": "document"}
    try:
        for number, code in enumerate(blocks(document), start=1):
            exec(compile(code, f"{document.name}, block {number}", "exec"), names)  # our own documents
    finally:
        localcat.set_default_catalog(None)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target


def test_the_readme_shows_what_the_quick_start_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks(ROOT / "README.md")[0], "README.md", "exec"), {})  # our own document
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"success acme-greenness/monday-[0-9a-f]{16}\.tif", lines[0])
    assert lines[1] == "acme:greenness:monday (1, 128, 150) 250"
    assert lines[-1] == " - Interval start: 2024-05-01 00:00:00+00:00]"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["survey.data", "survey.gpkg"]
