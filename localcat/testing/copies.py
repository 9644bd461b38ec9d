"""The tiny Earth once a process, and as many copies of it as there are tests."""

from __future__ import annotations

import threading

from localcat.catalog import Catalog
from localcat.store.catalog_file import CatalogFile

_lock = threading.Lock()
_made: tuple[str, dict[str, bytes]] | None = None  # the name of the catalog file, and the content of all files


def earth() -> Catalog:
    """Return a catalog of its own with the tiny Earth, which is deleted when it is closed.

    It has 4 products with all five types of band, and 40 images; docs/testing.md lists them. The first call in a
    process makes them, which takes a second or two, and later ones write a few small files. All is the same each time,
    but for the time at which it was made, the uuid, and the random part of the names of files.

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
    return Catalog(CatalogFile.temporary_of(*_template()))


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
