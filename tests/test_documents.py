"""The README and the docs tell the truth: their code runs, in order, in an empty folder."""

from __future__ import annotations

import enum
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import localcat
from tests import commands, examples, house
from tests.markdown import blocks, printed_blocks, run

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PACKAGE = Path(localcat.__file__).parent


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if blocks(path)], ids=lambda path: path.name)
def test_the_code_of_a_document_runs_and_prints_what_is_shown(document: Path, tmp_path: Path) -> None:
    printed = run(document, tmp_path)
    for number, shown in printed_blocks(document):
        assert without_chance(printed[number]) == without_chance(shown), f"{document.name}, block {number + 1}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target


def test_the_quick_start_can_be_run_twice(tmp_path: Path) -> None:
    (number, shown), *_ = printed_blocks(ROOT / "README.md")
    assert number == 0
    for _ in range(2):
        assert without_chance(run(ROOT / "README.md", tmp_path, only=1)[0]) == without_chance(shown)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["survey.data", "survey.gpkg"]
        assert len(list(tmp_path.rglob("*.tif"))) == 1


def without_chance(output: str) -> str:
    """Return an output without a file's random digits, and without its size, which depends on the version of GDAL."""
    return re.sub(r"(?<=monday-)[0-9a-f]{16}|(?<=bytes: )[\d,]+", "…", output)


def test_the_modules_that_the_documents_name_are_there() -> None:
    """Paths such as ``store/rows.py`` in the text of the documents for contributors."""
    for document in (ROOT / "CONTRIBUTING.md", ROOT / "docs" / "architecture.md"):
        pattern = r"`(?:localcat/)?((?!localcat/)[a-z_]+(?:/[a-z_]+)*(?:\.py|/))`"
        named = re.findall(pattern, document.read_text(encoding="utf-8"))
        inside = [name for name in named if not name.startswith(("tests/", "schema/", "docs/", "benchmarks/", "dist/"))]
        assert len(inside) > 5, "the documents name modules"
        assert [name for name in inside if not (PACKAGE / name).exists()] == [], document.name


def test_the_tests_that_the_documents_name_are_there() -> None:
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        named = set(re.findall(r"\btests/(?:\w+/)*(?:\w+\.py)?", text))
        named |= {f"{name.replace('.', '/')}.py" for name in re.findall(r"python -m (tests\.\w+)", text)}
        assert [name for name in sorted(named) if not (ROOT / name).exists()] == [], document.name


def test_every_public_name_is_in_the_reference() -> None:
    named: list[str] = []
    for page in sorted((ROOT / "docs" / "reference").glob("*.rst")):
        named += re.findall(r"^\.\. auto\w+:: localcat\.(\w+)$", page.read_text(encoding="utf-8"), re.M)
    assert sorted(named) == localcat.__all__


@pytest.mark.parametrize("module", ["exceptions", "geo", "scenes", "serve", "testing", "utils"])
def test_every_name_of_the_other_public_modules_is_in_the_reference(module: str) -> None:
    page = (ROOT / "docs" / "reference" / "modules.rst").read_text(encoding="utf-8")
    page += (ROOT / "docs" / "reference" / "errors.rst").read_text(encoding="utf-8")
    words = set(re.findall(r"\w+", page))
    assert [name for name in importlib.import_module(f"localcat.{module}").__all__ if name not in words] == []


def test_the_reference_shows_the_values_of_each_named_choice() -> None:
    page = (ROOT / "docs" / "reference" / "choices.rst").read_text(encoding="utf-8")
    shown = re.findall(r"^\.\. autoclass:: localcat\.(\w+)\n   :undoc-members:$", page, re.M)
    public = {name: getattr(localcat, name) for name in localcat.__all__}
    enums = [name for name, one in public.items() if isinstance(one, type) and issubclass(one, enum.Enum)]
    assert sorted(shown) == sorted(enums)


def test_every_public_method_has_words_for_the_reference() -> None:
    """The reference is made of docstrings; a member without one is not on it."""
    silent = []
    for name in localcat.__all__:
        owner = getattr(localcat, name)
        for member, value in vars(owner).items() if isinstance(owner, type) else ():
            is_shown = isinstance(value, property | classmethod | staticmethod) or inspect.isfunction(value)
            if is_shown and not member.startswith("_") and not inspect.getdoc(getattr(owner, member)):
                silent.append(f"{name}.{member}")
    assert silent == []


def test_every_command_and_option_is_in_the_documents() -> None:
    page = commands.DOCUMENT.read_text(encoding="utf-8")
    for words, command in commands.every_command():
        start = page.index(f"\n### localcat {words}\n")
        part = page[start : page.index("\n```\n", start)]
        for option in (word for param in command.params for word in (*param.opts, *param.secondary_opts)):
            if option.startswith("-"):
                assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", part), f"localcat {words} {option}"


def test_every_page_is_in_the_index_of_the_site() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in (*(ROOT / "docs").glob("*.md"), *(ROOT / "docs").glob("*/*.rst")):
        name = page.relative_to(ROOT / "docs").with_suffix("").as_posix()
        assert name == "index" or f"\n{name}\n" in index, name


def test_the_floors_of_the_architecture_are_those_of_the_house() -> None:
    picture = blocks(ROOT / "docs" / "architecture.md", "text")[0]
    drawn = {
        int(height): set(rooms.split(", ")) for height, rooms in re.findall(r"^ *(\d+)  (\w+(?:, \w+)*)", picture, re.M)
    }
    assert drawn == dict(enumerate(house.FLOORS))


def test_the_page_of_programs_shows_them_and_what_they_print() -> None:
    assert {f"{name}.py" for name in examples.ORDER} == {path.name for path in examples.FOLDER.glob("*.py")}
    assert examples.DOCUMENT.read_text(encoding="utf-8") == examples.render(), "run python -m tests.examples"


def test_the_tests_among_the_programs_pass(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    done = subprocess.run(
        [*command, str(examples.FOLDER / "test_with_fixtures.py")], cwd=tmp_path, capture_output=True, text=True
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr
