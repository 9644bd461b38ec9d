"""What the shell prints where the output takes not every letter, as a pipe on Windows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from localcat import Catalog, Product

SHELL = [sys.executable, "-c", "from localcat.cli import main; main()"]


def run(folder: Path, encoding: str, *arguments: str) -> tuple[int, str, str]:
    """Return status, output and errors of a command whose output has an encoding."""
    done = subprocess.run(
        [*SHELL, *arguments],
        capture_output=True,
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
    )
    return done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding)


@pytest.mark.parametrize("encoding", ["cp1252", "cp1251"])
def test_letters_that_the_output_lacks_are_replaced(tmp_path: Path, encoding: str) -> None:
    with Catalog.create(tmp_path / "żółw.gpkg", org="acme") as catalog:
        Product(id="x", name="x", catalog=catalog).save()
    shown = {"cp1252": "?ó?w.gpkg", "cp1251": "???w.gpkg"}[encoding]
    status, output, errors = run(tmp_path, encoding, "verify", "żółw.gpkg")
    assert (status, output.splitlines(), errors) == (
        0,
        [f"{shown} (files): ok; 0 images, 0 files, 0 of them read as a whole"],
        "",
    )
    status, output, errors = run(tmp_path, encoding, "gc", "żółty.gpkg")
    assert (status, output) == (1, "")
    assert errors.startswith("localcat: there is no catalog at ")
    status, output, errors = run(tmp_path, encoding, "żółw")  # a message of the shell itself
    assert (status, output) == (2, "")
    assert errors.startswith("localcat: there is no command ")


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes are Linux' own")
def test_a_name_that_is_no_text_is_shown_escaped(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.gpkg")
    Catalog.create(tmp_path / name).close()
    status, output, errors = run(tmp_path, "utf-8", "reindex", name)
    assert (status, output, errors) == (0, "caf\\udce9.gpkg: the indexes are rebuilt\n", "")
