"""Reads the documents as tests need them, and runs their code."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from unittest import mock

import localcat


def blocks(document: Path, language: str = "python") -> list[str]:
    """Return the code of a document that is marked with a language, block by block."""
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def printed_blocks(document: Path) -> list[tuple[int, str]]:
    """Return what a document says that its code prints: the number of the block of code, from 0, and the text."""
    pattern = r"^```python\n.*?^```(?:\n\nIt prints:\n\n```text\n(.*?)^```)?"
    found = re.findall(pattern, document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [(number, text) for number, text in enumerate(found) if text]


def run(document: Path, folder: Path, *, only: int | None = None) -> list[str]:
    """Run the code of a document in a folder, with a default catalog there; return what each block prints."""
    names: dict[str, object] = {"__name__": "document"}
    printed = []
    default = str(folder / "default.gpkg")
    with mock.patch.dict("os.environ", LOCALCAT=default), contextlib.chdir(folder), contextlib.ExitStack() as stack:
        localcat.set_default_catalog(None)
        stack.callback(localcat.set_default_catalog, None)
        for number, code in enumerate(blocks(document)[:only], start=1):
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile(code, f"{document.name}, block {number}", "exec"), names)  # our own documents
            printed.append(output.getvalue())
    return printed
