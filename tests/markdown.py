"""Reads the documents as tests need them."""

from __future__ import annotations

import re
from pathlib import Path


def blocks(document: Path, language: str = "python") -> list[str]:
    """Return the code of a document that is marked with a language, block by block."""
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
