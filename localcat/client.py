"""The default catalog, under localcat's own names and under those of the original's client."""

from __future__ import annotations

from typing import cast

from localcat.catalog import Catalog
from localcat.models import backend


def default_catalog() -> Catalog:
    """Return the catalog that objects and searches use when they are given none.

    It is the one of the innermost ``with catalog.as_default():``, else the one given to `set_default_catalog`, else the
    user's own: at ``$LOCALCAT``, or in the user's data folder.
    """
    return cast("Catalog", backend.default_catalog())


def set_default_catalog(catalog: Catalog | None) -> None:
    """Make a catalog the default of the process; None goes back to the user's own."""
    backend.set_default_catalog(catalog)


class CatalogClient:
    """The original's handle on its server; here only a way to name the default catalog."""

    @staticmethod
    def get_default_client() -> Catalog:
        """Return the default catalog."""
        return default_catalog()

    @staticmethod
    def set_default_client(client: Catalog) -> None:
        """Make a catalog the default of the process."""
        set_default_catalog(client)
