"""A small catalog with what other programs need beside it, and all of that as an archive."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from localcat.disk.archive import archive_bytes, write_archive
from localcat.disk.faults import write_errors
from localcat.disk.ownership import data_path
from localcat.errors import BadRequestError
from localcat.interop.gti import to_gti
from localcat.interop.qgis import to_qgis
from localcat.sharing.kit import Chosen, Kit, products_of
from localcat.store.catalog_file import CatalogFile

if TYPE_CHECKING:
    from localcat.models.backend import Backend
    from localcat.sharing.cuts import Wish
    from localcat.sharing.kit import Layouts

Facade: TypeAlias = "Callable[[CatalogFile], Backend]"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an archive is made of, whichever images come to be in it.

    Parameters
    ----------
    catalog : Backend
        Whose images these are.
    wish : Wish
        What is done to their files.
    layouts : Layouts
        Where the bands are then.
    name : str
        Of the catalog file in the archive.
    about : dict
        What the manifest says of where it came from.
    facade : callable
        Makes a catalog of a catalog file.
    """

    catalog: Backend
    wish: Wish
    layouts: Layouts
    name: str
    about: dict[str, Any]
    facade: Facade

    @contextmanager
    def kit(self, folder: Path, products: Sequence[str]) -> Iterator[Kit]:
        """Give a small catalog of some products in a new folder, and close it after the block."""
        with write_errors(folder):
            folder.mkdir()
        kit = Kit(self.catalog, folder / self.name, self.wish)
        try:
            for product_id in products:
                kit.add_product(product_id, self.layouts.bands(product_id), self.layouts.of(product_id))
            yield kit
        finally:
            kit.file.close()

    def complete(self, kit: Kit, images: Sequence[Chosen]) -> None:
        """Write all that belongs to the images in it: frozen questions, tile indexes, and a project of QGIS."""
        kit.add_frozen()
        view, folder = self.facade(kit.file), kit.file.path.parent
        for path in folder.iterdir():  # which tells of images that were taken out again
            if path not in (kit.file.path, data_path(kit.file.path)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for product_id in products_of(one for one in images if one.has_pixels):
            with suppress(BadRequestError):  # no bands, or no image on a grid that is not turned
                to_gti(view, product_id, folder, search=None, progress=False)
        to_qgis(view, kit.file.path.with_suffix(".qgs"), progress=False)

    def size_of(self, kit: Kit) -> int:
        """Return how many bytes the archive would have."""
        return archive_bytes(kit.file.path.parent, self.name, self.about)

    def pack(self, kit: Kit, archive: Path, progress: bool | None) -> int:
        """Write the archive; return how many bytes it has."""
        return write_archive(kit.file.path.parent, archive, self.name, self.about, progress)
