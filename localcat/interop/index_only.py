"""A catalog over Items that others keep: metadata alone, with the pixels where they are."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcat.disk.faults import listing_errors
from localcat.disk.ownership import data_path
from localcat.disk.paths import absolute
from localcat.errors import BadRequestError
from localcat.interop.geoparquet import SUFFIXES
from localcat.interop.stac.importing import ImportOptions, from_stac

if TYPE_CHECKING:
    from localcat.interop.stac.report import StacReport
    from localcat.models.backend import Backend


def path_beside(source: Any) -> Path:
    """Return where the index of a source is, unless it is said: beside it, with the same name."""
    if not isinstance(source, str | os.PathLike):
        raise BadRequestError(f"the index of {source!r:.100} needs a place; pass dest=")
    path = absolute(source)
    return path.with_suffix(".gpkg") if path.suffix and not path.is_dir() else path.with_name(f"{path.name}.gpkg")


def fill(catalog: Backend, source: Any, *, within: Path | None, progress: bool | None) -> StacReport:
    """Take the Items of a source into a new catalog, which is removed if that fails."""
    options = ImportOptions(within=within, progress=progress)
    try:
        return _take(catalog, source, options)
    except BaseException:
        catalog.file.close()
        catalog.file.path.unlink(missing_ok=True)
        shutil.rmtree(data_path(catalog.file.path), ignore_errors=True)
        raise


def _take(catalog: Backend, source: Any, options: ImportOptions) -> StacReport:
    if _is_parquet(source):
        from localcat.interop.geoparquet.from_files import from_geoparquet  # brings pyarrow

        report = from_geoparquet(catalog, source, options)
    else:
        report = from_stac(catalog, source, options)
    if not (report.added or report.failed):
        raise BadRequestError(f"there are no Items in {str(source)!r:.200}; name a file or folder that has some")
    return report


def _is_parquet(source: Any) -> bool:
    """Return whether a source is a GeoParquet file, or a folder that has such files and no STAC."""
    if not isinstance(source, str | os.PathLike):
        return False
    path = Path(source)
    if not path.is_dir():
        return path.suffix.lower() in SUFFIXES
    with listing_errors(path):
        return not any(path.rglob("*.json")) and any(one.suffix.lower() in SUFFIXES for one in path.rglob("*"))
