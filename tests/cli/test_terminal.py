"""The command in a terminal: it fits, asks, draws its progress, and can be stopped."""

from __future__ import annotations

import re
import signal
import sys
import unicodedata
from pathlib import Path

import pytest

from localcat import Catalog, Image
from tests.damage import file_of
from tests.shell import program
from tests.small_catalog import make_product, new_image, spectral
from tests.terminal import CTRL_C, shown, terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")

_STYLE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """A folder with a catalog whose ids and names do not fit 80 columns."""
    with Catalog.create(tmp_path / "wide.gpkg", org="acme") as catalog:
        product = make_product("surface-reflectance-of-the-northern-provinces", spectral("red"), catalog=catalog)
        product.name = "Surface reflectance of the northern provinces, 地表反射率, collection 2, level 2"
        product.save()
        for number in range(3):
            image = new_image(product, f"LC08_L2SP_19402{number}_20240506_20240515_02_T1", cloud_fraction=1 / 3)
            image.extra_properties = {"note": "a longer remark than a line of a terminal of eighty columns can hold"}
            image.save()
    return tmp_path


def width(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in _STYLE.sub("", line))


COMMANDS = [
    ["ls"],
    ["ls", "bands"],
    ["ls", "images"],
    ["search"],
    ["search", "-c", "id,acquired,cloud_fraction,storage_state,created,modified,name,extra_properties"],
    ["summary"],
    ["summary", "--interval", "month"],
    ["explain", "--bbox", "10.123456,20.123456,30.123456,40.5", "--where", "name LIKE 'S2%' OR cloud_fraction < 0.25"],
    ["show", "surface-reflectance-of-the-northern-provinces"],
    ["show", "surface-reflectance-of-the-northern-provinces:LC08_L2SP_194020_20240506_20240515_02_T1"],
    ["sql", "SELECT * FROM footprints"],
    ["recipes"],
    ["--help"],
    ["search", "--help"],
    ["ingest", "--help"],
    ["read", "--help"],
]


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_output_fits_the_terminal(wide: Path, words: list[str], columns: int) -> None:
    status, output = shown(*words, cwd=wide, columns=columns)
    assert status == 0
    lines = output.splitlines()
    assert lines
    fixed = ("Image acme:", "  localcat ")  # an id that is copied, and an example that is typed, are whole
    assert [line for line in lines if width(line) > columns and not _STYLE.sub("", line).startswith(fixed)] == []


def test_both_ends_of_an_id_are_kept_where_it_is_cut(wide: Path) -> None:
    _, output = shown("search", cwd=wide)
    assert _STYLE.sub("", output).splitlines()[:3] == [
        "id                                     acquired    cloud_fraction  storage_state",
        "-------------------------------------  ----------  --------------  -------------",
        "acme:surface-refle…506_20240515_02_T1  2020-01-01        0.333333  remote",
    ]


def test_headings_are_bold_on_a_terminal_alone(wide: Path) -> None:
    assert "\x1b[1m" in shown("search", cwd=wide)[1]
    assert "\x1b" not in shown("search", cwd=wide, NO_COLOR="1")[1]
    assert b"\x1b" not in program("search", cwd=wide).stdout
    assert "\x1b[31m" in shown("shw", cwd=wide)[1]
    assert "\x1b" not in shown("shw", cwd=wide, NO_COLOR="1")[1]


@pytest.mark.parametrize("form", ["--table", "--csv", "--tsv", "--json", "--nl"])
def test_a_strangers_text_moves_no_cursor_and_is_whole_in_a_pipe(kept: Catalog, tmp_path: Path, form: str) -> None:
    words = ["sql", "SELECT 'x' || char(27) || '[2J' || char(155) || char(10) || 'y' AS text", form]
    output = _STYLE.sub("", shown(*words, cwd=tmp_path, NO_COLOR="1")[1])
    assert [c for c in output if not c.isprintable() and c != "\n"] == []
    assert len(output.splitlines()) == (3 if form == "--table" else 2 if form in ("--csv", "--tsv") else 1)
    if form in ("--csv", "--tsv"):
        assert b"x\x1b[2J\xc2\x9b\ny" in program(*words, cwd=tmp_path).stdout


def test_delete_asks(kept: Catalog, tmp_path: Path) -> None:
    with terminal("delete", "guide:far", cwd=tmp_path) as asked:
        asked.wait_for("Delete 'acme:guide:far'? [y/N]: ")
        asked.type("n\n")
        status, output = asked.end()
    assert (status, _STYLE.sub("", output).splitlines()[-1]) == (1, "localcat: nothing was deleted")
    with terminal("delete", "guide:far", cwd=tmp_path) as asked:
        asked.wait_for("[y/N]: ")
        asked.type("y\n")
        assert asked.end()[0] == 0
    assert not Image.exists("acme:guide:far", catalog=kept)


def test_nothing_found_is_told_on_a_terminal(kept: Catalog, tmp_path: Path) -> None:
    assert shown("search", "--datetime", "1999", cwd=tmp_path) == (
        0,
        "nothing is found; `localcat explain` with the same options tells why\n",
    )
    silent = program("search", "--datetime", "1999", cwd=tmp_path)
    assert (silent.stdout, silent.stderr) == (b"", b"")


@pytest.mark.parametrize("by", ["Ctrl-C", "kill -9"])
def test_an_ingest_that_is_stopped_leaves_a_sound_catalog_and_goes_on(kept: Catalog, tmp_path: Path, by: str) -> None:
    content = file_of(kept, "a").read_bytes()
    (tmp_path / "scenes").mkdir()
    for number in range(200):
        (tmp_path / "scenes" / f"flight_20240506_{number:04}.tif").write_bytes(content)
    with terminal("ingest", "scenes", "--copy", cwd=tmp_path) as running:
        running.wait_for("%|")
        if by == "Ctrl-C":
            running.type(CTRL_C)
        else:
            running.process.kill()
        status, output = running.end()
    assert status == (130 if by == "Ctrl-C" else -signal.SIGKILL)
    assert ("localcat: interrupted; what was finished before is kept" in _STYLE.sub("", output)) == (by == "Ctrl-C")
    assert "Traceback" not in output
    assert program("verify", "--level", "full", cwd=tmp_path).returncode == 0
    again = program("ingest", "scenes", "--copy", cwd=tmp_path)
    assert (again.returncode, again.stderr) == (0, b""), "nothing is drawn into a pipe"
    assert kept.images.during("2024").count() == 200
