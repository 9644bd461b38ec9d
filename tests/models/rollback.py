"""What several tests of models use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from localcat import Catalog


class RollbackError(Exception):
    """Raised to make a transaction fail."""


@contextmanager
def rolled_back(catalog: Catalog) -> Iterator[None]:
    """Run a block in a transaction, and let that fail at its end."""
    with suppress(RollbackError), catalog.transaction():
        yield
        raise RollbackError
