"""The tiny Earth once a process, and as many copies of it as there are tests."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from localcat.catalog import Catalog
from localcat.disk.faults import new_temporary_folder, temporary_folder, write_errors
from localcat.disk.system import IS_WINDOWS
from localcat.errors import BadRequestError, CatalogExistsError, require
from localcat.store.catalog_file import CatalogFile
from localcat.store.file.database import Database

FORMATS = ("stac", "geoparquet", "gti")
# Linux keeps this folder in memory: fifty files take a millisecond there, and on a busy disk a hundred.
_MEMORY, _DISK = "/dev/shm", "/tmp"  # noqa: S108  # `new_temporary_folder` makes a folder in it that nobody else may enter
_LEAST_FREE = 2**30  # bytes; a container often has 64 MB there, which a test that uploads much would fill

_lock = threading.Lock()
_made: tuple[str, dict[str, bytes]] | None = None  # the name of the catalog file, and the content of all files


def earth() -> Catalog:
    """Return a catalog of its own with the tiny Earth, which is deleted when it is closed.

    It has 4 products with all five types of band, and 40 images; docs/testing.md lists them. The first call in a
    process makes them, which takes a second or two, and later ones write a few small files: in memory where Linux has
    a gigabyte for that and ``TMPDIR`` names no folder, else in the folder for temporary files. All is the same each
    time, but for the time at which it was made, the uuid, and the random part of the names of files.

    Returns
    -------
    Catalog
        Open for reading and writing. It is a context manager; ``with earth() as catalog, catalog.as_default():`` makes
        it the default catalog, too.

    Raises
    ------
    StorageError
        If the folder for temporary files cannot be written.

    Examples
    --------
    >>> from localcat.testing import earth
    >>> with earth() as catalog:
    ...     catalog.images.count()
    40
    """
    name, files = _template()
    folder = new_temporary_folder(_memory())
    try:
        _write(folder, files)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Catalog(CatalogFile(Database(folder / name, durable=False), is_temporary=True))


def write_earth(folder: str | os.PathLike[str], *, formats: Iterable[str] = FORMATS) -> Path:
    """Write the tiny Earth to the disk, as a catalog and in the formats of other programs.

    Parameters
    ----------
    folder : path
        Where; it is made, or must be empty. ``catalog.gpkg`` is the catalog, with its pixels in ``catalog.data`` and
        ``scenes``.
    formats : iterable of str
        ``"stac"`` writes a static STAC catalog with pixels of its own to ``stac``. ``"geoparquet"`` writes
        ``images.parquet``, and ``"gti"`` the tile indexes of all products, beside the catalog, whose pixels they name.
        All when left out.

    Returns
    -------
    Path
        The catalog file.

    Raises
    ------
    BadRequestError
        If a format is not known. Nothing is written.
    CatalogExistsError
        If there is something in the folder.
    MissingLibraryError
        If pyarrow is not installed, which GeoParquet needs. Nothing is written.
    StorageError
        If it cannot be written there.
    """
    chosen = (formats,) if isinstance(formats, str) else tuple(formats)
    for one in chosen:
        if one not in FORMATS:
            raise BadRequestError(f"{one!r} is not a format of the tiny Earth; choose among {', '.join(FORMATS)}")
    if "geoparquet" in chosen:
        require("pyarrow", "arrow", "for GeoParquet")
    target = Path(os.path.abspath(folder))  # noqa: PTH100  # links stay as they are written
    if target.is_dir() and any(target.iterdir()):
        raise CatalogExistsError(f"there is something in '{target}' already; name an empty folder, or a new one")
    name, files = _template()
    _write(target, files)
    with Catalog.open(target / name) as catalog:
        if "stac" in chosen:
            catalog.to_stac(target / "stac", copy=True, progress=False)
        if "geoparquet" in chosen:
            catalog.to_geoparquet(target / "images.parquet", progress=False)
        if "gti" in chosen:
            for product in catalog.products:
                catalog.to_gti(str(product.id), progress=False)
    return target / name


def _memory() -> str | None:
    """Return a folder in memory with room; None if there is none, or if somebody chose where temporary files go."""
    if IS_WINDOWS or str(temporary_folder()) != _DISK or not os.access(_MEMORY, os.W_OK | os.X_OK):
        return None
    state = os.statvfs(_MEMORY)
    return _MEMORY if state.f_bavail * state.f_frsize >= _LEAST_FREE else None


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder, which is made if need be."""
    with write_errors(folder):
        for parent in sorted({os.path.dirname(path) for path in files}):  # noqa: PTH120  # pathlib takes twice as long
            os.makedirs(f"{folder}/{parent}", exist_ok=True)  # noqa: PTH103
        for path, content in files.items():
            with open(f"{folder}/{path}", "xb") as file:  # noqa: PTH123
                file.write(content)


def _template() -> tuple[str, dict[str, bytes]]:
    """Return the files of the tiny Earth; some hundred kilobytes, which are written faster than copied."""
    global _made
    with _lock:
        if _made is None:
            from localcat.testing.filling import fill
            from localcat.testing.planet import ORG

            with Catalog.temporary(org=ORG, user=ORG) as catalog:
                fill(catalog)
                catalog.optimize(progress=False)
                folder = catalog.path.parent
                paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
                _made = catalog.path.name, {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        return _made
