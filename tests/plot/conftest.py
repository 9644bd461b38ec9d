"""The tiny Earth, to be looked at only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcat import Catalog
from localcat.testing import earth

pytest.importorskip("matplotlib", reason="pictures need the extra plot")


@pytest.fixture(scope="package")
def planet() -> Iterator[Catalog]:
    with earth() as catalog:
        yield catalog
