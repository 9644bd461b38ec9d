"""The programs of docs/examples/ and the page about them, which ``python -m tests.examples`` writes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "examples"
DOCUMENT = ROOT / "docs" / "examples.md"
ORDER = ("guide", "composite", "ndvi_series", "change", "class_areas", "gaps", "derived", "test_with_fixtures")
HEAD = """\
# Short programs

Each runs as it is, without a network, and prints what is shown below it. Most of them make their images with
[`localcat.testing`](testing.md). The files are in `docs/examples/`.
"""


def run(name: str) -> str:
    """Return what a program prints in an empty folder; a warning ends it."""
    program = FOLDER / f"{name}.py"
    command = [sys.executable, "-W", "error", str(program)]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{name}: {done.stderr}"
    return done.stdout


def render() -> str:
    """Return the page: of each program its first line as the text, its code, and what it prints."""
    parts = [HEAD]
    for name in ORDER:
        _, about, code = (FOLDER / f"{name}.py").read_text(encoding="utf-8").split('"""', 2)
        parts.append(f"## {name}.py\n\n{about}\n\n```python\n{code.strip()}\n```\n")
        output = run(name)
        if output:
            parts.append(f"```text\n{output.strip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
