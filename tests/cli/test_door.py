"""How a command is found, and how an error leaves: one line, a status, and nothing of Python."""

from __future__ import annotations

import ast
import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from localcat import Catalog, __version__
from localcat.cli import cli
from localcat.cli.words import in_words_of_the_shell
from tests import house
from tests.commands import DOCUMENT, every_command, render
from tests.shell import complaint, invoke, program, run


def test_version_and_help() -> None:
    assert run("--version") == f"localcat, version {__version__}\n"
    told = run("--help")
    assert "Searching:\n" in told
    assert "  search          Find images by product, time, place, attributes.\n" in told
    assert run("search", "-h") == run("search", "--help")


def test_help_imports_no_command_and_nothing_heavy() -> None:
    code = (
        "import sys; from localcat.cli import cli; cli.main(['--help'], standalone_mode=False)\n"
        "print([name for name in sys.modules if name.startswith('localcat.cli.')], file=sys.stderr)\n"
        "heavy = ('numpy', 'shapely', 'rasterio', 'sqlite3', 'sqlite_utils', 'tqdm', 'tabulate', 'localcat.catalog')\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stderr == "['localcat.cli.door']\n[]\n"


@pytest.mark.parametrize(
    ("words", "command"), every_command(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_has_a_help_with_examples_that_can_be_typed(words: str, command: click.Command) -> None:
    assert command.help
    if isinstance(command, click.Group):
        return
    assert command.examples
    for example in command.examples:
        typed = itertools.takewhile(lambda word: word not in (">", ">>"), shlex.split(example))
        for is_pipe, part in itertools.groupby(typed, lambda word: word == "|"):
            if is_pipe:
                continue
            words = list(part)
            if words[0] == "tar":  # another program reads the pipe
                continue
            name, *rest = (word for word in words if word != "localcat")
            found = cli.get_command(click.Context(cli), name)
            assert found is not None, example
            if "-" not in rest and not isinstance(found, click.Group):  # a pipe has to be there
                found.make_context(name, list(rest), resilient_parsing=True)


def test_the_page_of_the_commands_is_that_of_the_code() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render(), "run python -m tests.commands"


def test_every_option_says_what_it_does() -> None:
    for words, command in every_command():
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.help or isinstance(parameter.type, click.Choice), f"{words} {parameter.name}"


def test_the_shell_uses_no_private_name_of_anybody() -> None:
    """What it lacks is added to the library, where a program finds it too."""
    for module in (module for module in house.files() if house.room_of(module) == "cli"):
        for node in ast.walk(house.tree_of(module)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
            if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self"):
                names.append(node.attr)
            assert [name for name in names if name.startswith("_") and not name.startswith("__")] == [], module


def test_unknown_words_end_with_status_2_and_the_nearest(kept: Catalog) -> None:
    assert complaint("serch", status=2) == "there is no command 'serch'; did you mean 'search'?; see 'localcat --help'"
    assert complaint("ls", "--prodct", "x", status=2) == (
        "there is no option --prodct; did you mean --product?; see 'localcat ls --help'"
    )
    assert invoke().exit_code == 2
    assert invoke().stderr.startswith("Usage: localcat")


def test_the_catalog_is_named_anywhere_in_the_words(kept: Catalog) -> None:
    shown = run("info", "--json", catalog=kept)
    assert run("info", "--json", "--catalog", kept.path) == shown
    assert run("info", "-C", kept.path, "--json") == shown


def test_the_catalog_is_that_of_the_variable_or_of_the_folder(
    kept: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOCALCAT", "")
    assert run("search", "--ids", "--limit", 1) == "acme:guide:a\n"
    (tmp_path / "other.gpkg").write_bytes(b"another program's")
    assert run("search", "--ids", "--limit", 1) == "acme:guide:a\n"
    Catalog.create(tmp_path / "second.gpkg").close()
    assert complaint("ls") == (
        "there are 2 catalogs here: 'kept.gpkg', 'second.gpkg'; choose one with --catalog, or with $LOCALCAT for all "
        "commands"
    )
    monkeypatch.setenv("LOCALCAT", str(tmp_path / "second.gpkg"))
    assert run("search", "--ids") == ""
    assert run("search", "--ids", "--limit", 1, catalog=kept) == "acme:guide:a\n"


def test_looking_and_keeping_make_no_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behaviour, choice 32."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOCALCAT", "")
    monkeypatch.delenv("LOCALCAT_NO_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    for words in (["ls"], ["info"], ["verify"], ["gc"], ["reindex"], ["search"], ["optimize"], ["set", "x", "a=b"]):
        assert complaint(*words) == (
            "there is no catalog in this folder; name one with --catalog, or make one: localcat init survey.gpkg"
        )
    assert list(tmp_path.iterdir()) == []
    assert complaint("ls", "--catalog", "none.gpkg") == (
        f"there is no catalog at '{tmp_path / 'none.gpkg'}'; `localcat init` makes one"
    )


def test_debug_shows_the_traceback(kept: Catalog) -> None:
    shown = invoke("show", "nothing", "--debug", catalog=kept)
    assert shown.exit_code == 1
    assert shown.stderr.startswith("Traceback (most recent call last):\n")
    assert shown.stderr.endswith(
        "localcat: there is no product, image, band or upload 'nothing'; `localcat ls` lists them\n"
    )


def test_a_fault_of_ours_is_one_line_too(kept: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Catalog) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(Catalog, "info", broken)
    assert complaint("info", catalog=kept) == (
        "a fault of localcat itself, ZeroDivisionError: division by zero; run it again with --debug, and report what "
        "it prints"
    )


def test_ctrl_c_ends_with_status_130(kept: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: Catalog) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Catalog, "info", interrupted)
    ended = invoke("info", catalog=kept)
    assert ended.exit_code == 130
    assert ended.stderr == (
        "\nlocalcat: interrupted; what was finished before is kept, and nothing is left half done\n"
    )


def test_messages_advise_commands() -> None:
    said = in_words_of_the_shell("there is no catalog at 'x'; Catalog.create makes one")
    assert said == "there is no catalog at 'x'; `localcat init` makes one"
    assert in_words_of_the_shell("orphan; Catalog.gc() sets it aside") == "orphan; `localcat gc` sets it aside"
    assert in_words_of_the_shell("or overwrite it with save(force=True)") == "or overwrite it with --force"
    assert in_words_of_the_shell("a smaller area, or pass max_bytes") == "a smaller area"
    assert in_words_of_the_shell("pass data_type, or name a scaling mode") == "name --data-type, or name a scaling mode"
    assert in_words_of_the_shell("as a percentage, write '20' / 100") == "20 % is 0.2"


def test_every_verb_that_a_message_advises_has_its_command() -> None:
    """What the library says of the facade in a message is said by the shell as a command."""
    advised = set()
    for module in house.files():
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(house.tree_of(module))
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(house.tree_of(module)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                advised |= {(module, text) for text in re.findall(r"\bCatalog\.\w+(?:\([^)]*\))?", node.value)}
    left = sorted((module, text) for module, text in advised if "Catalog." in in_words_of_the_shell(text))
    assert left == []


def test_a_reader_that_has_seen_enough_is_no_fault(kept: Catalog) -> None:
    query = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 100000) SELECT id FROM n"
    words = ["--catalog", str(kept.path), "sql", query, "--csv", "--no-headers"]
    with subprocess.Popen(
        [sys.executable, "-m", "localcat", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stderr is not None
        assert writer.stdout.readline() == b"1\n"
        writer.stdout.close()
        assert writer.stderr.read() == b""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows' shells close no descriptors")
@pytest.mark.parametrize(("words", "status"), [("search", 0), ("search -", 0), ("nope", 2), ("--help", 0)])
def test_a_closed_input_or_output_is_an_empty_one(kept: Catalog, words: str, status: int) -> None:
    line = f"{sys.executable} -m localcat {words} <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", line], cwd=kept.path.parent, check=False).returncode == status


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux' own")
@pytest.mark.parametrize("words", ["--help", "--version", "search", "search --json", "show guide", "completion bash"])
def test_a_full_disk_behind_the_output_is_told_in_one_line(kept: Catalog, words: str) -> None:
    line = f"{sys.executable} -m localcat {words} > /dev/full"
    done = subprocess.run(["sh", "-c", line], cwd=kept.path.parent, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "localcat: No space left on device\n")


def test_what_is_wrong_with_the_words_is_one_line_that_names_the_command(kept: Catalog) -> None:
    assert complaint("ls", "--limit", status=2) == "option '--limit' requires an argument; see 'localcat ls --help'"
    assert complaint("completion", status=2) == (
        "missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish; see 'localcat completion --help'"
    )
    assert complaint("recipes", "shw", status=2) == (
        "there is no command 'shw'; did you mean 'show'?; see 'localcat recipes --help'"
    )
    assert complaint("set", "guide", "name=", catalog=kept) == (
        "Validation error: Missing data for required field: name"
    )


def test_warnings_are_one_line(kept: Catalog, tmp_path: Path) -> None:
    kept.close()
    (tmp_path / "copy.gpkg").write_bytes(kept.path.read_bytes())
    done = program("info", "--catalog", "copy.gpkg", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.decode().startswith("localcat: warning: catalog '")
    assert done.stderr.count(b"\n") == 1
    assert b"`localcat backup` of the other one makes an independent pair" in done.stderr
