"""A catalog to ask about places."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcat import Catalog
from localcat.search import ImageSearch
from tests.small_catalog import add_images_around_a_square


@pytest.fixture(scope="module")
def images() -> Iterator[ImageSearch]:
    """All images of `tests.small_catalog.AROUND_A_SQUARE`."""
    with Catalog.temporary(org="") as catalog:
        add_images_around_a_square(catalog)
        yield catalog.images
