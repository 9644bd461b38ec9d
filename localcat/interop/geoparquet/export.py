"""Images into GeoParquet files: one for all, or one for each product."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcat.disk.faults import write_errors
from localcat.disk.paths import absolute
from localcat.disk.staging import staged
from localcat.disk.system import flush_folder, rename, replace
from localcat.errors import BadRequestError, CatalogExistsError
from localcat.interop.chosen import chosen_images
from localcat.interop.geoparquet.file import NewFile
from localcat.interop.stac.tree import Names
from localcat.progress import shown
from localcat.store.rtree.order import by_place

if TYPE_CHECKING:
    from localcat.models.backend import Backend
    from localcat.search import ImageSearch


@dataclass(slots=True)
class GeoParquetExport:
    """What `Catalog.to_geoparquet` wrote.

    Parameters
    ----------
    paths : list of Path
        The files.
    items : int
        How many Items are in them.
    size_bytes : int
        How large they are.
    """

    paths: list[Path] = field(default_factory=list)
    items: int = 0
    size_bytes: int = 0

    def __repr__(self) -> str:
        files = f"'{self.paths[0]}'" if len(self.paths) == 1 else f"{len(self.paths):,} files"
        return f"GeoParquetExport: {self.items:,} items, {self.size_bytes:,} bytes in {files}"


def to_geoparquet(
    catalog: Backend,
    dest: str | os.PathLike[str],
    search: ImageSearch | None,
    *,
    partition_by: str | None,
    progress: bool | None,
) -> GeoParquetExport:
    """Write images as GeoParquet; see `Catalog.to_geoparquet`."""
    if partition_by not in (None, "product"):
        raise BadRequestError(f"partition_by is None or 'product', not {partition_by!r:.100}")
    target = absolute(dest)
    if partition_by is not None and os.path.lexists(target):
        raise CatalogExistsError(f"there is something at '{target}' already; choose a folder that does not exist")
    if partition_by is None and target.is_dir():
        raise BadRequestError(f"'{target}' is a folder; name a file in it, such as '{target.name}/items.parquet'")
    found = chosen_images(catalog, search)._row_ids()
    with catalog.database.read() as connection:
        products = by_place(connection, found)
    report = GeoParquetExport()
    with (
        staged(target) as room,
        write_errors(target),
        shown(list[Any](), "writing GeoParquet", "items", progress, total=len(found)) as bar,
    ):
        staging = room / target.name
        if partition_by is None:
            written = [(target, NewFile(catalog, staging, target.parent, bar).write(products))]
            replace(staging, target)
        else:
            staging.mkdir()
            names, written = Names(), []
            for product in products:
                name = f"{names.of(product[0])}.parquet"
                written.append((target / name, NewFile(catalog, staging / name, target, bar).write([product])))
            rename(staging, target)
        flush_folder(target.parent)
    for path, items in written:
        report.paths.append(path)
        report.items += items
        report.size_bytes += path.stat().st_size
    return report
