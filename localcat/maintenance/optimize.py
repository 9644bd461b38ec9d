"""Tidying up a catalog file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcat.errors import BadRequestError
from localcat.maintenance.report import OptimizeReport
from localcat.store.damage.check import TEXT_TABLES

if TYPE_CHECKING:
    from localcat.store.catalog_file import CatalogFile

_ANALYSIS_LIMIT = 1000  # rows of an index that ANALYZE looks at, about


def optimize(catalog: CatalogFile, *, rewrites_masks: bool = False, progress: bool | None = None) -> OptimizeReport:
    """Merge text indexes, renew the layer's extent and give free pages back, as `Catalog.optimize` says.

    Our searches are written so that they need no statistics. Where another program has gathered some they are renewed,
    since those of a small catalog mislead SQLite once it has grown; of our own none are made.
    """
    from localcat.store.rtree.extent import renew  # brings shapely

    database = catalog.database
    if database.in_transaction:
        raise BadRequestError("the file cannot be tidied up inside a transaction; do it after the transaction")
    report = OptimizeReport()
    if rewrites_masks:
        from localcat.maintenance.rewriting import rewrite_masks  # brings rasterio

        rewrite_masks(catalog, report, progress=progress)
    with database.write() as transaction:
        transaction.expect_much()
        connection = transaction.connection
        for text_table in TEXT_TABLES:
            connection.execute(f"INSERT INTO {text_table} ({text_table}) VALUES ('optimize')")  # noqa: S608  # constants
        renew(connection)
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'").fetchone() is not None:
            connection.execute(f"PRAGMA analysis_limit = {_ANALYSIS_LIMIT}")
            connection.execute("ANALYZE")
    with database.separate(alone=True) as connection:
        connection.execute("PRAGMA temp_store = DEFAULT")  # the copy is as large as the file: not into memory
        connection.execute("VACUUM")
    return report


def reindex(catalog: CatalogFile) -> None:
    """Build the indexes from the rows again; `Catalog.reindex` says which."""
    from localcat.store.damage.entries import rebuild  # brings shapely

    with catalog.database.write() as transaction:
        transaction.expect_much()
        rebuild(transaction.connection)
