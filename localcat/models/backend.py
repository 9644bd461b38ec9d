"""What catalog objects ask of their catalog, and the catalog they get when they are given none.

Models stand below the catalog and do not import it: a catalog hands itself to its objects, and the package gives this
module how to find the default one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from localcat.errors import BadRequestError, CatalogError

if TYPE_CHECKING:
    import os
    from datetime import datetime
    from pathlib import Path

    import numpy
    import xarray
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from localcat.models.band import Band
    from localcat.models.image import Image
    from localcat.models.object import CatalogObjectBase
    from localcat.models.pictures import Picture
    from localcat.models.points import PointSeries, PointStack, PointValues
    from localcat.models.requests import DownloadRequest, ReadRequest, UploadRequest
    from localcat.models.upload import ImageUpload
    from localcat.search import ImageSearch, Search
    from localcat.store.catalog_file import CatalogFile
    from localcat.store.file.database import Database

    T = TypeVar("T", bound=CatalogObjectBase)


class Backend(Protocol):
    """A catalog, as its objects see it."""

    @property
    def file(self) -> CatalogFile:
        """Its file and data folder."""

    @property
    def database(self) -> Database:
        """The file's connections and transactions."""

    @property
    def namespace(self) -> str:
        """The prefix of new product ids; empty for none."""

    @property
    def org(self) -> str:
        """The organisation of the catalog; empty for none."""

    @property
    def user(self) -> str:
        """Who created the catalog."""

    def history(self, *, id: str, kind: str) -> list[Any]:
        """Return the changes of an object, the last one first."""

    def search(self, kind: type[T]) -> Search[T]:
        """Return a search for all objects of a class."""

    @property
    def bands(self) -> Search[Band]:
        """A search for all bands."""

    @property
    def images(self) -> ImageSearch:
        """A search for all images."""

    @property
    def image_uploads(self) -> Search[ImageUpload]:
        """A search for all uploads."""

    @property
    def uploader(self) -> Uploader:
        """What takes pixels in."""

    @property
    def pixels(self) -> PixelReader:
        """What reads pixels: the functions of `localcat.reading`."""

    @property
    def pictures(self) -> Pictures:
        """What draws: the functions of `localcat.plot`."""

    @property
    def formats(self) -> Formats:
        """What writes other formats: the functions of `localcat.interop`."""


class Formats(Protocol):
    """Writes objects in other formats; the module `localcat.interop` is one, whose functions say more."""

    def stac_item(self, image: Image) -> dict[str, Any]:
        """Return an image as a STAC Item."""

    def item_collection(self, images: Iterable[Image]) -> dict[str, Any]:
        """Return images as a STAC ItemCollection."""

    def to_dataarray(
        self, images: Sequence[Image], request: ReadRequest, *, fill_value: float | str | None, chunks: Any
    ) -> xarray.DataArray:
        """Return images as a DataArray of xarray."""


class Pictures(Protocol):
    """Draws; the module `localcat.plot` is one, whose functions say more."""

    def of_image(self, image: Image, bands: str | Sequence[str] | None) -> Picture:
        """Return a picture of an image with axes."""

    def of_images(self, images: Sequence[Image], bands: str | Sequence[str] | None, columns: int) -> Picture:
        """Return pictures of images side by side."""

    def write_page(
        self, images: Sequence[Image], path: str | os.PathLike[str], *, title: str, total: int, thumbnails: int
    ) -> Path:
        """Write an HTML file with a map and a list of images."""

    def of_footprints(self, shapes: Sequence[Any], values: Sequence[Any], label: str, title: str) -> Picture:
        """Return footprints on a map."""

    def of_coverage(self, counts: NDArray[Any], bounds: tuple[float, float, float, float], title: str) -> Picture:
        """Return counts of cells on a map."""

    def land_within(self, bounds: tuple[float, float, float, float], tolerance: float) -> BaseGeometry:
        """Return the land in a box of degrees, simplified."""

    def of_periods(self, starts: Sequence[datetime], counts: Sequence[int], interval: str) -> Picture:
        """Return counts as bars."""

    def of_gaps(
        self,
        starts: Sequence[datetime],
        ends: Sequence[datetime],
        fractions: Sequence[float],
        least: float,
        title: str,
    ) -> Picture:
        """Return covered fractions as a strip."""


class Uploader(Protocol):
    """Takes pixels into a catalog; `localcat.writing.uploader.Uploader` is the one."""

    def upload(self, image: Image, request: UploadRequest) -> ImageUpload:
        """Bring files or arrays into the catalog as the pixels of a new image."""

    def wait(self, uid: str, seconds: float | None) -> None:
        """Wait a while for an upload to end: for so long at most, or until it is worth looking again."""

    def cancel(self, uid: str) -> bool:
        """Cancel an upload that has not begun; return whether it had not."""

    def end_abandoned(self, uid: str | None = None) -> None:
        """Turn uploads whose process is gone into failures: one of them, or all."""


class PixelReader(Protocol):
    """Reads pixels of images; the module `localcat.reading` is one, whose functions say more."""

    def read_image(self, image: Image, request: ReadRequest) -> Any:
        """Read bands of an image onto a grid."""

    def read_mosaic(self, images: Sequence[Image], request: ReadRequest) -> Any:
        """Read bands of images onto one grid, the last one on top."""

    def read_stack(self, groups: Sequence[Sequence[Image]], request: ReadRequest) -> Any:
        """Read a mosaic of each group of images, as layers of one array."""

    def preview_png(self, image: Image, size: int, bands: str | Sequence[str] | None) -> bytes:
        """Return a small picture of an image as PNG."""

    def thumbnail_png(self, image: Image) -> bytes | None:
        """Return a very small picture of an image as PNG; None if it would take long, or there is none."""

    def preview_array(self, image: Image, size: int, bands: str | Sequence[str] | None) -> NDArray[numpy.uint8]:
        """Return a small picture of an image as an array."""

    def point_values(self, image: Image, lon: float, lat: float, request: ReadRequest) -> PointValues:
        """Return the values of an image at a place."""

    def point_series(self, images: Sequence[Image], lon: float, lat: float, request: ReadRequest) -> PointSeries:
        """Return the values of images at a place."""

    def point_stack(self, images: Sequence[Image], places: Any, request: ReadRequest) -> PointStack:
        """Return the values of images at many places."""

    def scaling_of(self, images: Sequence[Image], request: ReadRequest) -> tuple[list[Any] | None, str]:
        """Return how bands of images would be scaled, and their data type."""

    def download_image(self, image: Image, request: DownloadRequest) -> str:
        """Write bands of an image to a file."""

    def download_images(self, images: Sequence[Image], request: DownloadRequest) -> list[str]:
        """Write bands of each image to a file."""

    def download_mosaic(self, images: Sequence[Image], request: DownloadRequest) -> str:
        """Write a mosaic of images to a file."""


def bands_of(catalog: Backend, product_id: str) -> Search[Band]:
    """Return a search for the bands of a product, in their order."""
    from localcat.expressions.properties import properties as p  # importing localcat itself does not need them

    return catalog.bands.filter(p.product_id == product_id).sort("sort_order", "name")


_lock = threading.Lock()
_open_default: Callable[[], Backend] | None = None
_open: Callable[..., Backend] | None = None
_chosen: list[Backend] = []  # the last one counts; `as_default` puts one on top for a while


def set_default_opener(opener: Callable[[], Backend]) -> None:
    """Tell how the user's default catalog is opened when it is first needed."""
    global _open_default
    _open_default = opener


def set_opener(opener: Callable[..., Backend]) -> None:
    """Tell how a catalog is opened by its path, for those below the facade that are given no more."""
    global _open
    _open = opener


def open_catalog(path: Any, **options: Any) -> Backend:
    """Open the catalog at a path, as `Catalog.open` does."""
    if _open is None:
        raise CatalogError("nothing opens catalogs; import localcat")
    return _open(path, **options)


def default_catalog() -> Backend:
    """Return the catalog that objects and searches use when they are given none."""
    with _lock:
        if not _chosen:
            if _open_default is None:
                raise CatalogError("there is no default catalog; pass catalog=, or import localcat")
            _chosen.append(_open_default())
        return _chosen[-1]


def chosen_catalog(given: Backend | None) -> Backend:
    """Return the catalog that a call was given, or the default one.

    Raises
    ------
    BadRequestError
        If it was given something else, such as a path.
    """
    if given is None:
        return default_catalog()
    if not hasattr(given, "database"):
        raise BadRequestError(f"catalog is a Catalog, such as Catalog.open(path) returns, not {given!r}")
    return given


def set_default_catalog(catalog: Backend | None) -> None:
    """Make a catalog the default of the process; None goes back to the user's own."""
    chosen = [] if catalog is None else [chosen_catalog(catalog)]
    with _lock:
        _chosen[:] = chosen


@contextmanager
def temporary_default(catalog: Backend) -> Iterator[None]:
    """Make a catalog the default of the process, in all its threads, while the block runs."""
    with _lock:
        _chosen.append(catalog)
    try:
        yield
    finally:
        with _lock:
            for position in range(len(_chosen) - 1, -1, -1):
                if _chosen[position] is catalog:
                    del _chosen[position]
                    break
