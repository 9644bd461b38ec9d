"""Tidying up a catalog file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from localcat.errors import BadRequestError
from localcat.expressions.conditions import plain_text
from localcat.expressions.nodes import Ref
from localcat.expressions.properties import Property
from localcat.maintenance.report import OptimizeReport
from localcat.store.damage.check import TEXT_TABLES
from localcat.store.damage.past import mend_stamps
from localcat.store.properties import MOST_KEYS, Path, choose

if TYPE_CHECKING:
    from localcat.store.catalog_file import CatalogFile

_EXTRA = Ref("extra_properties")
_ANALYSIS_LIMIT = 1000  # rows of an index that ANALYZE looks at, about


def optimize(
    catalog: CatalogFile, *, clusters: bool = False, rewrites_masks: bool = False, progress: bool | None = None
) -> OptimizeReport:
    """Put rows in order if asked to, merge text indexes, pack the space-time index, and give free pages back.

    The extent of the layer is renewed.

    Our searches are written so that they need no statistics. Where another program has gathered some they are renewed,
    since those of a small catalog mislead SQLite once it has grown; of our own none are made.
    """
    from localcat.store.rtree.extent import renew  # brings shapely
    from localcat.store.rtree.write import repack

    database = catalog.database
    if database.in_transaction:
        raise BadRequestError("the file cannot be tidied up inside a transaction; do it after the transaction")
    report = OptimizeReport()
    if rewrites_masks:
        from localcat.maintenance.rewriting import rewrite_masks  # brings rasterio

        rewrite_masks(catalog, report, progress=progress)
    if clusters:
        catalog.data_folder.require_space(2 * catalog.path.stat().st_size)  # for the journal, and the copy afterwards
    with database.write() as transaction:
        transaction.expect_much()
        connection = transaction.connection
        if clusters:
            from localcat.maintenance.clustering import put_in_order  # brings shapely

            report.moved = put_in_order(transaction, progress=progress)
        for text_table in TEXT_TABLES:
            connection.execute(f"INSERT INTO {text_table} ({text_table}) VALUES ('optimize')")  # noqa: S608  # constants
        repack(connection)
        renew(connection)
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'").fetchone() is not None:
            connection.execute(f"PRAGMA analysis_limit = {_ANALYSIS_LIMIT}")
            connection.execute("ANALYZE")
    with database.separate(alone=True) as connection:
        connection.execute("PRAGMA temp_store = DEFAULT")  # the copy is as large as the file: not into memory
        connection.execute("VACUUM")
    return report


def reindex(catalog: CatalogFile, *, properties: Iterable[Any] | None = None) -> None:
    """Build the indexes from the rows again; `Catalog.reindex` says which."""
    from localcat.store.damage.entries import rebuild  # brings shapely

    paths = None if properties is None else _paths(properties)
    with catalog.database.write() as transaction:
        transaction.expect_much()
        if paths is not None:
            choose(transaction.connection, paths)
        rebuild(transaction.connection)
        mend_stamps(transaction.connection)


def _paths(properties: Iterable[Any]) -> list[Path]:
    """Return the keys that were named, each once."""
    if isinstance(properties, str | bytes | Mapping | Property) or not isinstance(properties, Iterable):
        raise BadRequestError(f"properties are several keys of extra_properties, as in ['eo:snow'], not {properties!r}")
    paths = list(dict.fromkeys(map(_path, properties)))
    if len(paths) > MOST_KEYS:
        raise BadRequestError(f"at most {MOST_KEYS} keys have an index, not {len(paths):,}; choose those you search by")
    return paths


def _path(given: Any) -> Path:
    if isinstance(given, Property) and given.ref.attribute == "extra_properties" and given.ref.keys:
        return given.ref.keys
    keys = (given,) if isinstance(given, str) else given
    if isinstance(keys, list | tuple) and keys and all(isinstance(key, str) for key in keys):
        return tuple(plain_text(_EXTRA, key) for key in keys)
    raise BadRequestError(
        "an index is for a key of extra_properties, such as 'eo:snow', ('view', 'angle') or "
        f"p.extra_properties['view']['angle'], not for {given!r}"
    )
