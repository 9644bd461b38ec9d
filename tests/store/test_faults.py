"""What a transaction does when the disk fails in the middle of it."""

from __future__ import annotations

import pytest

from localcat import Catalog, Product, StorageError, StorageFullError


def product(catalog: Catalog, name: str, description: str = "") -> Product:
    return Product(id=name, name=name, description=description, catalog=catalog)


def fill_up(catalog: Catalog) -> None:
    """Allow the file no more pages than it has: the next one is refused as on a full disk."""
    with catalog.database.read() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")


def test_a_transaction_that_met_a_full_disk_keeps_nothing_of_what_follows(catalog: Catalog) -> None:
    product(catalog, "before").save()
    with pytest.raises(StorageError, match="the whole transaction was rolled back"), catalog.transaction():
        product(catalog, "first").save()
        fill_up(catalog)
        with pytest.raises(StorageFullError, match="the disk is full; free some space and try again"):
            product(catalog, "large", "x" * 80_000).save()
        product(catalog, "second").save()
    assert catalog.products.ids() == ["acme:before"]
