"""What a test waits for: a catalog of its own with the tiny Earth."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from localcat import Catalog
from localcat.testing import earth


def test_a_copy_of_the_earth(in_turns) -> None:
    """The floor copies the same folder, and opens nothing."""
    with earth() as template:
        source = template.path.parent

        def ours() -> Catalog:
            made.append(earth())
            assert made[-1].images.count() == 40
            return made[-1]

        def bare() -> Path:
            folder = Path(tempfile.mkdtemp(prefix="bench-"))
            copies.append(shutil.copytree(source, folder, dirs_exist_ok=True))
            return copies[-1]

        def tidy() -> None:
            while made:
                made.pop().close()
            while copies:
                shutil.rmtree(copies.pop())

        made: list[Catalog] = []
        copies: list[Path] = []
        ours()
        assert len([*bare().rglob("*.tif")]) == len([*source.rglob("*.tif")]) == 45
        tidy()
        in_turns(
            "a fresh copy of the tiny Earth (floor: copy the folder)",
            lambda *_: ours(),
            lambda *_: bare(),
            prepare=tidy,
        )
        tidy()
