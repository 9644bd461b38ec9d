"""Writes localcat/__init__.pyi from the table of public names: ``python -m tests.stub``."""

from __future__ import annotations

from pathlib import Path

import localcat
from localcat._exports import NAMES, SUBMODULES

STUB = Path(localcat.__file__).with_name("__init__.pyi")


def render() -> str:
    """Return the stub: an explicit re-export of each public name."""
    lines = ["# Written by `python -m tests.stub` from _exports.py; do not edit.", ""]
    lines += [f"from localcat import {name} as {name}" for name in SUBMODULES]
    for module, names in sorted(NAMES.items()):
        lines += [f"from localcat.{module} import {name} as {name}" for name in sorted(names)]
    return "\n".join([*lines, "", "__version__: str", ""])


if __name__ == "__main__":
    STUB.write_text(render(), encoding="utf-8", newline="\n")
