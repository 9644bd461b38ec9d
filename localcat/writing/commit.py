"""The commit of an upload: files are published, then rows inserted, in one transaction.

The order of the steps is what keeps the promise that a row's files exist, whole, whenever the power goes: write under a
temporary name, sync, rename, sync the folder, insert the row, commit. Nothing is unlinked before its commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from localcat.earth.contexts.grid import Grid
from localcat.earth.crs import crs_code, exact_wkt, parse_crs, remembered
from localcat.earth.geometry import area_km2
from localcat.errors import (
    BadRequestError,
    ClientError,
    CommitUnknownError,
    DuplicateError,
    LocalcatError,
    StorageError,
)
from localcat.forks import keep_in_children
from localcat.models.attributes.structured import ExtraProperties
from localcat.models.attributes.values import File
from localcat.models.enums import ImageUploadEventType as EventType
from localcat.models.enums import ImageUploadStatus, StorageState
from localcat.rasters.files.footprint import footprint
from localcat.rasters.writing.write import FileDigest
from localcat.store import rows

if TYPE_CHECKING:
    import sqlite3

    from rasterio.crs import CRS
    from shapely.geometry.base import BaseGeometry

    from localcat.disk.data_folder import DataFolder
    from localcat.models.image import Image
    from localcat.store.catalog_file import CatalogFile
    from localcat.store.file.transaction import Transaction
    from localcat.writing.log import UploadRecord

_FOUND = {True: "it is in the catalog", False: "it is not in the catalog", None: "it could not be looked up yet"}
_LINEAGE = "derived_from"  # the key of extra_properties that names the image whose pixels were taken


Ground: TypeAlias = "tuple[BaseGeometry, float]"
"""An outline in longitude and latitude, and its area in square kilometres."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is whole: under a temporary name and on the disk, or in place.

    Parameters
    ----------
    digest : FileDigest
        Its size and sha256, and the share of its pixels that are valid.
    grid : Grid
        The grid of its pixels.
    ground : (shapely geometry, float)
        What they cover, as `ground_of` returns it. Found before the commit, so that nobody waits for it.
    temporary : Path, optional
        Its temporary name in the data folder; None for one that is indexed in place.
    suffix : str
        Of its final name.
    in_place : str
        How its row names it, if it is indexed in place.
    """

    digest: FileDigest
    grid: Grid
    ground: Ground
    temporary: Path | None = None
    suffix: str = ""
    in_place: str = ""


Step: TypeAlias = Callable[[ExitStack], Written]
"""Brings one file onto the disk; what it makes on the way is removed when the stack is closed."""


@dataclass(frozen=True, slots=True)
class Task:
    """An upload whose arguments were found right."""

    catalog: CatalogFile
    image: Image
    steps: list[Step]
    overwrite: bool
    record: UploadRecord
    source: str | None = None  # the id of the image that the pixels were derived from, if known
    outlined: bool = True  # whether an image without a footprint gets the outline of its pixels

    def run(self) -> None:
        """Do it: bring the files onto the disk, and commit."""
        with ExitStack() as stack:
            self._commit([step(stack) for step in self.steps])

    def _commit(self, written: list[Written]) -> None:
        """Publish the files and insert the rows, in one transaction."""
        catalog, image = self.catalog, self.image
        before, events = dict(image._values), len(self.record.events)
        folder = catalog.data_folder
        files = self.files_of(written, folder)
        try:
            with catalog.database.write() as transaction:
                transaction.about = f"image '{image.id}': "
                self.insert(transaction, written, files, folder)
        except CommitUnknownError as error:
            is_committed = catalog.settle(self.is_committed, _owned(files))
            if not is_committed:
                self._forget(before, events)
            raise CommitUnknownError(f"{error}; {_FOUND[is_committed]}", committed=is_committed) from error

    def files_of(self, written: list[Written], folder: DataFolder) -> list[File]:
        """Return the files of the image, with their final names in the data folder."""
        return [_file(folder, self.image, one) for one in written]

    def insert(
        self,
        transaction: Transaction,
        written: list[Written],
        files: list[File],
        folder: DataFolder,
        unsynced: set[Path] | None = None,
    ) -> None:
        """Publish the files in the data folder and insert the rows, inside a transaction.

        Who inserts many passes `unsynced`, and makes the names in these folders last before the commit.
        """
        catalog, image, record = self.catalog, self.image, self.record
        ours = _owned(files)
        before, events = dict(image._values), len(record.events)
        transaction.on_rollback.append(lambda: self._forget(before, events))  # undone last of all
        replaced = _discard_old(transaction, image, self.overwrite)
        with _unpublished_on_error(folder, ours):
            for one, file in zip(written, files, strict=True):
                if one.temporary is not None:
                    folder.publish(one.temporary, str(file.href), unsynced=unsynced)
            _describe_image(image, written, files, outlined=self.outlined)
            _note_lineage(image, self.source)
            image.save()
            record.add(EventType.USAGE, f"{sum(one.digest.size_bytes for one in written):,} bytes stored")
            record.add(EventType.COMPLETE, f"image '{image.id}' is in the catalog")
            record.store(transaction, ImageUploadStatus.SUCCESS)
        transaction.on_rollback.append(lambda: _remove(folder, ours))
        transaction.on_commit.append(lambda: catalog.delete_files(replaced))

    def _forget(self, values: dict[str, Any], events: int) -> None:
        """Make the image and the record again what they were before the commit."""
        self.image._restore(None, values)
        self.record.forget_since(events)

    def is_committed(self, connection: sqlite3.Connection) -> bool:
        """Return whether its rows are in the catalog."""
        found = connection.execute("SELECT status FROM upload WHERE uid = ?", (self.record.uid,)).fetchone()
        return found is not None and found[0] == ImageUploadStatus.SUCCESS.value


@dataclass(frozen=True, slots=True)
class Arrival:
    """An upload whose files are on the disk.

    Parameters
    ----------
    task : Task
        The upload.
    written : list of Written
        Its files.
    lead_in : callable
        Saves what the image needs, in the same transaction, before it.
    follow_up : callable
        Writes what else belongs to the image, in the same transaction.
    """

    task: Task
    written: list[Written]
    lead_in: Callable[[Transaction], None]
    follow_up: Callable[[sqlite3.Connection], None]


def commit_together(catalog: CatalogFile, arrivals: Sequence[Arrival]) -> list[ClientError | None]:
    """Publish the files of several uploads and insert their rows, in one transaction.

    Returns
    -------
    list of ClientError or None
        Why an image could not be inserted, which does not keep the others out.

    Raises
    ------
    CommitUnknownError
        If whether they are in the catalog could not be found out, or it was found out that they are not.
    """
    failures: list[ClientError | None] = []
    folder = catalog.data_folder
    files = [arrival.task.files_of(arrival.written, folder) for arrival in arrivals]
    try:
        with catalog.database.write() as transaction:
            transaction.about = f"{len(arrivals)} images: "
            unsynced: set[Path] = set()
            for arrival, its_files in zip(arrivals, files, strict=True):
                failures.append(_inserted(catalog, arrival, its_files, folder, unsynced))
            folder.make_names_last(sorted(unsynced))
    except CommitUnknownError as error:
        inserted = [arrival for arrival, failure in zip(arrivals, failures, strict=True) if failure is None]
        if not inserted:
            return failures
        ours = [href for its_files in files for href in _owned(its_files)]
        is_committed = catalog.settle(inserted[0].task.is_committed, ours)
        if is_committed:
            return failures
        raise CommitUnknownError(f"{error}; {_FOUND[is_committed]}", committed=is_committed) from error
    return failures


def _inserted(
    catalog: CatalogFile, arrival: Arrival, files: list[File], folder: DataFolder, unsynced: set[Path]
) -> ClientError | None:
    """Insert one of several uploads; return why it could not be, unless that ends them all."""
    try:
        with unforeseen(f"image '{arrival.task.image.id}'"), catalog.database.write() as transaction:
            arrival.lead_in(transaction)
            arrival.task.insert(transaction, arrival.written, files, folder, unsynced)
            arrival.follow_up(transaction.connection)
    except StorageError:  # of the catalog or its folder: the next one fares no better
        raise
    except ClientError as error:
        return error
    return None


@contextmanager
def unforeseen(what: object) -> Iterator[None]:
    """Turn what nobody foresaw of one of many into our error, so that it ends none of the others.

    Raises
    ------
    BadRequestError
        With the class and the text of what was raised. Our own errors, and warnings, are left as they are.
    """
    try:
        yield
    except (LocalcatError, Warning):
        raise
    except Exception as error:  # libraries have classes of their own; a list of them would miss one
        raise BadRequestError(
            f"{what} cannot be taken in ({type(error).__name__}: {error}); leave it out, or write its files again"
        ) from error


def _owned(files: list[File]) -> list[str]:
    return [str(file.href) for file in files if file.owned]


def _file(folder: DataFolder, image: Image, written: Written) -> File:
    digest = written.digest
    href = written.in_place or folder.new_href(str(image.product_id), str(image.name), written.suffix)
    return File(href=href, size_bytes=digest.size_bytes, hash=digest.sha256, owned=not written.in_place)


def _discard_old(transaction: Transaction, image: Image, overwrite: bool) -> list[str]:
    """Delete the rows of an image that is replaced; return its files, to be unlinked after the commit."""
    found = rows.find(transaction.connection, "image", (), str(image.id))
    if found is None:
        return []
    if not overwrite:
        raise DuplicateError(f"image '{image.id}' was created meanwhile; use a new image id or overwrite=True")
    row_id = int(found[0] or 0)
    hrefs = rows.discard_files(transaction.connection, [row_id])
    rows.delete(transaction.connection, "image", [row_id], replaced=True)
    return hrefs


@contextmanager
def _unpublished_on_error(folder: DataFolder, hrefs: list[str]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        _remove(folder, hrefs)
        raise


def _remove(folder: DataFolder, hrefs: list[str]) -> None:
    for href in hrefs:
        folder.remove(href)


def _note_lineage(image: Image, source: str | None) -> None:
    """Note the image that the pixels came from, unless the user has, or there is no room for another entry."""
    properties = image.extra_properties or {}
    if source is not None and _LINEAGE not in properties and len(properties) < ExtraProperties.MOST:
        image.extra_properties = {**properties, _LINEAGE: source}


def _describe_image(image: Image, written: list[Written], files: list[File], *, outlined: bool) -> None:
    """Set the grid of the pixels, and fill in what else follows from them and the user left unset."""
    grid = written[0].grid
    image.geotrans = grid.geotransform
    image.x_pixels = grid.width
    image.y_pixels = grid.height
    _set_crs(image, grid.crs)
    facts: dict[str, Any] = {
        "bits_per_pixel": tuple(8 * one.digest.size_bytes / (one.grid.width * one.grid.height) for one in written),
        "fill_fraction": written[0].digest.fill_fraction,
    }
    if outlined:
        facts["geometry"], facts["area"] = written[0].ground
    for name, value in facts.items():
        if getattr(image, name) is None:
            setattr(image, name, value)
    image.files = files
    image.storage_state = StorageState.AVAILABLE
    image._uploaded = tuple(files)


def _set_crs(image: Image, crs: CRS) -> None:
    """Set the CRS that was written, in the user's own words where these mean it."""
    words = image.cs_code or image.projection
    if words is not None and parse_crs(words) == crs:
        return
    image.cs_code, image.projection = _words_of(crs)


@lru_cache(maxsize=256)
def ground_of(grid: Grid) -> Ground:
    """Return what a grid covers.

    The last ones are kept: the files of an image share their grid, and so do the images of a series.

    Raises
    ------
    RasterError
        If no part of the grid has a longitude and a latitude.
    """
    outline = footprint(grid)
    return outline, area_km2(outline)


@remembered
def _words_of(crs: CRS) -> tuple[str | None, str | None]:
    """Return the code of a CRS, or its WKT if it has none."""
    code = crs_code(crs)
    return code, None if code is not None else exact_wkt(crs)


keep_in_children(ground_of)
