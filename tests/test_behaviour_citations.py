"""Every rule that a test cites by number is in docs/behaviour.md, or in the scorecard of docs/reliability.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEHAVIOUR = (ROOT / "docs" / "behaviour.md").read_text(encoding="utf-8")
SECTIONS = set(re.findall(r"^## (3\.\d+) ", BEHAVIOUR, re.MULTILINE))
CHOICES = set(re.findall(r"^(\d+)\. \*\*", BEHAVIOUR, re.MULTILINE))
FIGURES = set(re.findall(r"^\| (\d+) \|", (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8"), re.MULTILINE))

NUMBERS = r"(\d+(?:(?:, | and | to )\d+)*)"
OPENS_WITH_A_SECTION = re.compile(r"(?:Behaviour, )?(3\.\d+(?:(?:, | and | to )3\.\d+)*)(?![.\d])")
NAMES_A_SECTION = re.compile(
    r"sections? (3\.\d+(?:(?:, | and )3\.\d+)*)[^()]* of the behaviour|\(sections (3\.[^)]*)\)"
)


def docstrings() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(ROOT)}: {getattr(node, 'name', 'module')}", ast.get_docstring(node) or ""


def citations() -> Iterator[tuple[str, str, str]]:
    """Yield where a rule is cited, of which list it is, and its number."""
    for where, text in docstrings():
        opening = OPENS_WITH_A_SECTION.match(text)
        named = [opening[1]] if opening else []
        named += [found[1] or found[2] for found in NAMES_A_SECTION.finditer(text)]
        for numbers in named:
            yield from ((where, "section", number) for number in re.findall(r"3\.\d+", numbers))
        for kind, word in (("choice", "[Cc]hoices?"), ("figure", "Reliability, figures?")):
            for found in re.finditer(rf"\b{word} {NUMBERS}", text):
                yield from ((where, kind, number) for number in re.findall(r"\d+", found[1]))


def test_every_citation_of_a_test_is_found_in_the_documents() -> None:
    known = {"section": SECTIONS, "choice": CHOICES, "figure": FIGURES}
    found = list(citations())
    assert len(found) > 400, "the tests cite their rules"
    assert [citation for citation in found if citation[2] not in known[citation[1]]] == []


def test_sections_are_numbered_without_a_gap_and_choices_in_rising_order() -> None:
    assert sorted(SECTIONS, key=lambda name: int(name[2:])) == [f"3.{n}" for n in range(1, len(SECTIONS) + 1)]
    numbers = [int(number) for number in re.findall(r"^(\d+)\. \*\*", BEHAVIOUR, re.MULTILINE)]
    assert numbers == sorted(set(numbers))
