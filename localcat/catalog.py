"""The catalog: one file and one folder, opened, searched, changed, kept in order and closed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeVar

from localcat.errors import require
from localcat.expressions.properties import Property
from localcat.expressions.properties import properties as p
from localcat.models import backend
from localcat.models.band import Band
from localcat.models.image import Image
from localcat.models.object import CatalogObjectBase
from localcat.models.product import Product
from localcat.models.upload import UNFINISHED, ImageUpload
from localcat.search import ImageSearch, Search
from localcat.store.catalog_file import CatalogFile, settings_of
from localcat.store.file.answering import Params
from localcat.store.file.connection import Journal, OpenOptions
from localcat.store.file.database import Database
from localcat.writing.uploader import Uploader

if TYPE_CHECKING:
    import sqlite_utils

    from localcat.disk.data_folder import DataFolder
    from localcat.history.changes import Change
    from localcat.history.keeping import HistoryLimits
    from localcat.interop.geoparquet.export import GeoParquetExport
    from localcat.interop.original.outcome import OriginalReport
    from localcat.interop.pgstac import PgstacExport
    from localcat.interop.single_file import FileExport
    from localcat.interop.stac.report import StacExport, StacReport
    from localcat.maintenance.info import CatalogInfo
    from localcat.maintenance.report import (
        BackupReport,
        GcReport,
        OptimizeReport,
        RecoverReport,
        RelocateReport,
        VerifyReport,
    )
    from localcat.models.attributes.given import ArrowTable, Entries, Moment
    from localcat.models.attributes.values import File
    from localcat.models.backend import Formats, Pictures, PixelReader
    from localcat.search.frozen import FrozenQuestions
    from localcat.sharing.bundle import BundleReport
    from localcat.sharing.deciding import Policy
    from localcat.sharing.diff import DiffReport
    from localcat.sharing.merge import MergeReport
    from localcat.writing.bulk.report import AddReport
    from localcat.writing.ingest.outcome import IngestReport
    from localcat.writing.ingest.sources.recipe import Recipe

T = TypeVar("T", bound=CatalogObjectBase)


class Catalog:
    """A catalog: one SQLite file, which is also a GeoPackage, and a folder of pixels beside it.

    Made by `create`, `open`, `open_or_create` and `temporary`. Several threads may use it, and several processes at
    once if each opens it. Pickled, it travels as its path.

    Attributes
    ----------
    file : CatalogFile
        The file and the data folder, which the verbs work on.
    uploader : Uploader
        Takes pixels in.

    Examples
    --------
    >>> import localcat
    >>> with localcat.Catalog.temporary(org="acme") as catalog:
    ...     catalog.images.count()
    0
    """

    def __init__(self, file: CatalogFile) -> None:
        self.file = file
        self.uploader = Uploader(file)

    # Opening and closing

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, org: str | None = None, user: str | None = None) -> Self:
        """Make a new, empty catalog.

        Parameters
        ----------
        path : path
            Where; ``.gpkg`` is the suffix by which other programs know it. The pixels go to ``<stem>.data``.
        org : str, optional
            Put before the ids of new products; the user when left out, and ``""`` for no prefix.
        user : str, optional
            Who creates it; the login name when left out.

        Raises
        ------
        CatalogExistsError, StorageError
            If there is something at the path; or if it cannot be written there.
        """
        return cls(CatalogFile.create(path, settings_of(org, user)))

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        read_only: bool = False,
        trusted: bool = True,
        allowed_roots: Iterable[str | os.PathLike[str]] | None = None,
        journal: Journal = "delete",
        timeout: float | None = None,
        spatialite: bool = False,
        keep_history: str | None = None,
    ) -> Self:
        """Open a catalog; one of an older schema is migrated, with a copy kept as ``survey.gpkg.schema-1.backup``.

        Parameters
        ----------
        path : path
            The catalog file; or an archive that `bundle` wrote, which is only read, where it is: its rows in a copy
            in the system's temporary folder that `close` removes, its pixels in the archive.
        read_only : bool
            Refuse every change. So does a catalog on a read-only disk, and a copy of the file that reads the pixels of
            the original; each gives a `ReadOnlyCatalogWarning`.
        trusted : bool
            Pass False for a catalog from a stranger. It is refused if any part is damaged, a query is stopped after
            30 seconds, and files indexed in place are read only below `allowed_roots`.
        allowed_roots : several paths, optional
            Folders for such files; by default the catalog's own folder.
        journal : str
            ``"wal"`` keeps a write-ahead log until the catalog is closed: readers do not wait for writers. It needs
            SQLite 3.51.3 and a local disk.
        timeout : float, optional
            How many seconds to wait for other programs; by default 60, and 10 with `read_only`.
        spatialite : bool
            Give `sql` the functions of SpatiaLite, such as ``ST_Area``; the catalog is then only read. It needs
            mod_spatialite on the machine, and the extra ``[spatialite]`` if Python's own sqlite3 loads no extensions.
        keep_history : str, optional
            How long the files of images stay in the data folder that are changed or deleted through this object, such
            as ``"30 days"``, so that `undo` and `at` have their pixels; by default as `Catalog.keep_history` says.

        Raises
        ------
        CatalogNotFoundError, UnsupportedCatalogError
            If there is no file; or if it is not a catalog, or one of a newer localcat, or an archive that is not as
            `bundle` writes it. It is not touched.
        UntrustedCatalogError
            If its schema differs from what localcat makes, or a journal is beside a catalog that is not trusted.
        CorruptCatalogError, ReadOnlyCatalogError
            If it is damaged; or if it has to be mended or migrated first, and nothing can be written.
        BadRequestError
            If ``journal="wal"`` is not safe here; it says why. If `spatialite` is asked for what is not trusted.
        MissingLibraryError
            If `spatialite` is asked for, and not there; it says what to install.
        """
        options = OpenOptions.of(read_only, trusted, allowed_roots, journal, timeout, spatialite, keep_history)
        return cls(CatalogFile.open(path, options))

    @classmethod
    def open_or_create(cls, path: str | os.PathLike[str], *, org: str | None = None, user: str | None = None) -> Self:
        """Open a catalog, or make it if there is none; several programs may do so at once."""
        return cls(CatalogFile.open_or_create(path, settings_of(org, user)))

    @classmethod
    def index(
        cls,
        source: Any,
        dest: str | os.PathLike[str] | None = None,
        *,
        within: str | os.PathLike[str] | None = None,
        progress: bool | None = None,
    ) -> tuple[Self, StacReport]:
        """Make a catalog over STAC Items that others keep, to search them; their pixels stay where they are.

        Files that are here are read where they are, others stay remote. Nothing is left if it fails.

        Parameters
        ----------
        source : path, or what `from_stac` takes
            A GeoParquet file or a folder of them, a static catalog, an ItemCollection, or lines of Items.
        dest : path, optional
            The new catalog file; beside the source when left out: ``items.gpkg`` for ``items.parquet``.
        within : path, optional
            Where files may lie that Items name; below the folder of the source when left out.
        progress : bool, optional
            Show a bar; None where the error output is a terminal.

        Returns
        -------
        (Catalog, StacReport)
            The catalog, open, and what became of the Items.

        Raises
        ------
        CatalogExistsError
            If there is something at `dest`.
        BadRequestError, MissingLibraryError
            If the source has no Items; or if it is GeoParquet, and pyarrow is not installed.
        """
        from localcat.interop.index_only import fill, path_beside  # brings shapely

        catalog = cls.create(path_beside(source) if dest is None else dest, org="")
        root = None if within is None else Path(within)
        return catalog, fill(catalog, source, within=root, progress=progress)

    @classmethod
    def temporary(cls, *, org: str | None = None, user: str | None = None) -> Self:
        """Make a catalog that is deleted when it is closed; it waits for no disk, and is ready in milliseconds."""
        return cls(CatalogFile.temporary(settings_of(org, user)))

    @classmethod
    def default(cls) -> Self:
        """Open the user's own catalog: at ``$LOCALCAT``, else in the user's data folder.

        Nothing is written before the first change; until then it is empty.

        In tests, where the plugin of `localcat.testing` forbids the one in the user's data folder, its first use raises
        a `CatalogError`.
        """
        return cls(CatalogFile.default(settings_of(None, None)))

    def close(self) -> None:
        """Wait for running uploads, cancel queued ones, and close the file; a temporary catalog is deleted."""
        self.uploader.close()
        self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def as_default(self) -> AbstractContextManager[None]:
        """Make this the default catalog, in all threads, for a with block."""
        return backend.temporary_default(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, self.file.reopening()

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Catalog) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"<Catalog '{self.path}'>"

    @property
    def database(self) -> Database:
        """The connections and transactions of the file."""
        return self.file.database

    @property
    def path(self) -> Path:
        """The catalog file."""
        return self.file.path

    @property
    def data_folder(self) -> DataFolder:
        """The folder of the pixels."""
        return self.file.data_folder

    @property
    def namespace(self) -> str:
        """What is put before the ids of new products; empty for nothing."""
        return self.file.setting("namespace")

    @property
    def org(self) -> str:
        """The organisation it was created for; empty for none."""
        return self.file.setting("org")

    @property
    def user(self) -> str:
        """Who created it."""
        return self.file.user

    def path_of(self, file: File) -> Path:
        """Return the absolute path of a file of an image; `UnsafePathError` if it is not here or not allowed."""
        return self.file.path_of(file)

    def info(self) -> CatalogInfo:
        """Return what the catalog is and how much it holds, in a few figures; printed, some lines."""
        from localcat.maintenance.info import info_of  # not needed before

        return info_of(self.file)

    # Searching and reading

    def search(self, kind: type[T]) -> Search[T]:
        """Return a search for all objects of a class in this catalog."""
        if issubclass(kind, Image):
            return ImageSearch(kind, self)  # type: ignore[return-value]  # a Search[Image], where T is Image
        return Search(kind, self)

    @property
    def products(self) -> Search[Product]:
        """A search for all products."""
        return self.search(Product)

    @property
    def bands(self) -> Search[Band]:
        """A search for all bands."""
        return Search(Band, self)

    @property
    def images(self) -> ImageSearch:
        """A search for all images."""
        return ImageSearch(Image, self)

    @property
    def image_uploads(self) -> Search[ImageUpload]:
        """A search for all uploads."""
        return self.search(ImageUpload)

    @property
    def frozen(self) -> FrozenQuestions:
        """The questions that `ImageSearch.freeze` kept, by name."""
        from localcat.search.frozen import FrozenQuestions  # searches do not need it

        return FrozenQuestions(self)

    @property
    def pixels(self) -> PixelReader:
        """What reads pixels; the methods of `Image` and `ImageCollection` call it."""
        from localcat import reading  # brings rasterio

        return reading

    @property
    def pictures(self) -> Pictures:
        """What draws; the methods of images, collections and searches call it."""
        from localcat import plot  # brings shapely; matplotlib only when it draws

        return plot

    @property
    def formats(self) -> Formats:
        """What writes other formats; the methods of images and searches call it."""
        from localcat import interop  # brings shapely

        return interop

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all changes inside the block together, or none if it raises; blocks may be nested."""
        with self.database.transaction(creates=True):
            yield

    def add_images(
        self,
        records: Iterable[Entries | Image | ArrowTable] | ArrowTable,
        *,
        on_conflict: str = "error",
        progress: bool | None = None,
    ) -> AddReport:
        """Add many images without pixels of ours, in one transaction and with bounded memory.

        What `Image.save` refuses is refused here too. All records are taken and checked first, and nobody waits for
        their source; those that do not fit into memory are kept in a temporary file beside the catalog.

        Parameters
        ----------
        records : iterable of dict or Image, or object with ``__arrow_c_stream__``
            Each has an ``id``, or a ``name`` and a ``product_id`` or ``product``, and other attributes of `Image`. The
            products exist. A table of Arrow, pandas, geopandas, polars or DuckDB has them as columns of the types that
            `Search.to_arrow` gives, and is faster than its rows as dictionaries; it needs the extra ``[arrow]``.
        on_conflict : str
            If an id is taken: ``"error"`` raises and adds nothing, ``"skip"`` keeps the old image (as when an
            interrupted load is repeated), ``"replace"`` takes the new one.
        progress : bool, optional
            Show progress; by default if the output is a terminal.

        Returns
        -------
        AddReport
            How many were added, replaced, skipped; and which were refused and why, which does not keep the others out.

        Raises
        ------
        DuplicateError, BadRequestError
            If an id is taken and `on_conflict` is ``"error"``; or if a table cannot be read.
        """
        from localcat.writing.bulk.add_images import add_images  # brings shapely

        return add_images(self.file, records, on_conflict=on_conflict, progress=progress)

    def merge(
        self,
        other: str | os.PathLike[str] | Catalog,
        *,
        policy: Policy = "newer",
        deletions: bool = True,
        dry_run: bool = False,
        progress: bool | None = None,
    ) -> MergeReport:
        """Take in what another catalog changed: new, changed and deleted products, bands and images; all or nothing.

        A change on one side only is taken over, or kept. If both sides changed an object to something else, or one
        changed what the other deleted, the policy decides, and the report lists it. Files in the other data folder are
        copied, unless the same image has them here, and compared with their size and sha256. Files indexed in place
        stay where they are. The other catalog is only read.

        Parameters
        ----------
        other : path or Catalog
            A path is opened with ``read_only=True, trusted=False``; to allow more, open it yourself.
        policy : str
            Whose state of an object counts, as a whole, in a conflict: ``"newer"``, ``"ours"`` or ``"theirs"``. By
            ``"newer"`` an image with files of its own is never replaced by one without.
        deletions : bool
            Whether deletions count. With False nothing is deleted, and what was deleted here comes back.
        dry_run, progress : bool
            Only report what would be done. Show progress; None for: if the output is a terminal.

        Returns
        -------
        MergeReport
            How many were added, replaced, deleted, kept and unchanged; and the conflicts.

        Raises
        ------
        CorruptImageError, CorruptCatalogError
            If a file of the other catalog is missing or damaged, or one of its values is not possible.
        ConflictError
            If bands of a product have other positions in the files of the two; or one was changed during the merge.
        """
        from localcat.sharing.merge import merge  # brings rasterio

        given = other.file if isinstance(other, Catalog) else other
        return merge(self.file, given, policy=policy, deletions=deletions, dry_run=dry_run, progress=progress)

    def diff(self, other: str | os.PathLike[str] | Catalog) -> DiffReport:
        """Compare this catalog with another one, such as a backup or a copy that a colleague worked on.

        Neither is changed, and nobody who writes has to wait. When an object was saved does not count, nor does how its
        files are called: files are alike if their size and sha256 are.

        Parameters
        ----------
        other : path or Catalog
            A path is opened with ``read_only=True, trusted=False``; to allow more, open it yourself.

        Returns
        -------
        DiffReport
            The objects that only the other one has (added), that only this one has (deleted), and of those that are not
            alike each attribute with both values. It is false in an ``if`` where the two do not differ.

        Raises
        ------
        BadRequestError
            If it is the same catalog, or in a transaction.
        CorruptCatalogError
            If one of the values that differ is not possible.
        """
        from localcat.sharing.diff import diff  # brings shapely

        return diff(self.file, other.file if isinstance(other, Catalog) else other)

    def to_stac(
        self,
        dest: str | os.PathLike[str],
        *,
        search: ImageSearch | None = None,
        copy: bool = False,
        progress: bool | None = None,
    ) -> StacExport:
        """Write a static STAC catalog: a new folder of JSON files with relative links, which can be moved.

        Parameters
        ----------
        dest : path
            The folder, which must not exist.
        search : ImageSearch, optional
            Which images; all when left out.
        copy : bool
            Copy the files of pixels beside the Items. With False the Items name them where they are.
        progress : bool, optional
            Show a bar; None where the error output is a terminal.

        Raises
        ------
        CatalogExistsError
            If there is something at `dest`. When anything fails, no folder is left.
        BadRequestError
            If `search` is not a search for images of this catalog.
        """
        from localcat.interop.stac.tree import write_tree  # brings shapely

        return write_tree(self, dest, search, copy=copy, progress=progress)

    def to_file(
        self,
        dest: str | os.PathLike[str] | BinaryIO,
        *,
        search: ImageSearch | None = None,
        columns: Sequence[str] | None = None,
        format: str | None = None,
        progress: bool | None = None,
    ) -> FileExport:
        """Write images as one file that other programs read, in bounded memory: GeoJSON, CSV or Arrow.

        Parameters
        ----------
        dest : path or open binary file
            Where. A file that is there already is replaced when all is written, and stays when anything fails.
        search : ImageSearch, optional
            Which images, in its order; all when left out.
        columns : sequence of str, optional
            Names of attributes; all when left out. GeoJSON has the footprint whatever they are.
        format : str, optional
            ``"geojson"``, ``"geojsonl"`` (a Feature a line), ``"csv"``, ``"tsv"``, ``"arrow"`` (a file of Arrow's IPC
            format, also called Feather) or ``"arrows"`` (a stream of it); by default that of the suffix of `dest`.
        progress : bool, optional
            Show a bar; None where the error output is a terminal.

        Returns
        -------
        FileExport
            How many images are in the file, and how large it is. In CSV footprints are WKT, times ISO 8601 in UTC,
            lists and nested values JSON, and what is unset is empty.

        Raises
        ------
        BadRequestError
            If the format is none of these, `dest` is a folder, a column is not an attribute, or `search` is not a
            search for images of this catalog.
        StorageError, MissingLibraryError
            If it cannot be written there; or if pyarrow is not installed, which Arrow needs.
        """
        from localcat.interop.chosen import chosen_images  # not needed before
        from localcat.interop.single_file import to_file

        return to_file(dest, chosen_images(self, search), format=format, columns=columns, progress=progress)

    def to_qgis(self, dest: str | os.PathLike[str], *, progress: bool | None = None) -> Path:
        """Write a project that QGIS and QField open: the footprints, and a mosaic of each product in its colours.

        It follows the rows; the mosaics do not, and are written again by the next call. Files are named relative to
        the project, so that all can be moved together.

        Parameters
        ----------
        dest : path
            The project, such as ``"survey.qgs"``. The mosaics are beside it: ``survey.<product>.vrt``, virtual files
            that GDAL of any version opens, one for each CRS of a product.
        progress : bool, optional
            Show a bar; None where the error output is a terminal.

        Raises
        ------
        BadRequestError
            If `dest` does not end with ``.qgs``, or is in no folder.
        UnsafePathError
            If the catalog is in an archive, in which no file has a path.
        """
        from localcat.interop.qgis import to_qgis  # brings shapely

        return to_qgis(self, dest, progress)

    def to_gti(
        self,
        product: str,
        dest: str | os.PathLike[str] | None = None,
        *,
        search: ImageSearch | None = None,
        progress: bool | None = None,
    ) -> list[Path]:
        """Write a product as tile indexes, which GDAL from 3.9 on and QGIS open as one mosaic each.

        The mosaic has the pixels of `ImageCollection.mosaic` for the images sorted by `acquired`, the newest on top. An
        index from before is replaced: it does not follow the catalog.

        Parameters
        ----------
        product : str
            Its id.
        dest : path, optional
            The folder to write into; that of the catalog file when left out, so that both can be moved together.
        search : ImageSearch, optional
            Which images of the product; all when left out. If it has an order of its own, the last one is on top.
        progress : bool, optional
            Show a bar; None where the error output is a terminal.

        Returns
        -------
        list of Path
            ``<catalog>.<product>.gti.gpkg``; one for each CRS, whose code is then in its name. If the bands are not in
            one file in their order, images not on one grid, or not alike in what makes a pixel invalid, a folder
            ``….tiles`` of virtual files is beside it.

        Raises
        ------
        NotFoundError
            If there is no such product.
        BadRequestError
            If it has no bands, or no images with files here on a grid that is not turned; or `dest` is not a folder, or
            `search` not a search for images of this catalog.
        RasterError
            If a file cannot be read, or an image lacks one.
        """
        from localcat.interop.gti import to_gti  # brings shapely

        return to_gti(self, product, dest, search=search, progress=progress)

    def to_pgstac(
        self, dest: str | os.PathLike[str], *, search: ImageSearch | None = None, progress: bool | None = None
    ) -> PgstacExport:
        """Write Collections and Items for pgstac, STAC on PostgreSQL, or load them into it.

        Parameters
        ----------
        dest : path, or str
            A folder, which must not exist, for the files ``collections.ndjson``, ``items.ndjson`` and
            ``queryables.json`` that pypgstac loads. Or the address of a database with pgstac, ``"postgresql://…"``,
            which needs the extra ``[pgstac]``; what it has under the same ids is replaced.
        search : ImageSearch, optional
            Which images; all when left out. Those without a footprint are left out, since pgstac demands one.
        progress : bool, optional
            Show a bar; None where the error output is a terminal.

        Raises
        ------
        CatalogExistsError
            If there is something at `dest`. When anything fails, no folder is left.
        BadRequestError, StorageError
            If the database has no pgstac of that version, or `search` is not a search for images of this catalog; or if
            the database cannot be reached, or refuses what is loaded.
        """
        from localcat.interop.pgstac import to_pgstac  # brings shapely

        return to_pgstac(self, dest, search, progress=progress)

    def to_geoparquet(
        self,
        dest: str | os.PathLike[str],
        *,
        search: ImageSearch | None = None,
        partition_by: str | None = None,
        progress: bool | None = None,
    ) -> GeoParquetExport:
        """Write images as GeoParquet, a STAC Item a row, for DuckDB, geopandas, rustac and others.

        The rows are sorted by product, place and time, so that readers pass over most of them. Memory is bounded. It
        needs the extra ``[arrow]``.

        Parameters
        ----------
        dest : path
            The file, which is replaced if it is there, when the new one is complete; or with `partition_by` a folder,
            which must not exist.
        search : ImageSearch, optional
            Which images, whatever its order; all when left out.
        partition_by : str, optional
            ``"product"`` writes a file for each product.
        progress : bool, optional
            Show a bar; None where the error output is a terminal.

        Returns
        -------
        GeoParquetExport
            The files and how many Items they have. Hrefs of files that are here are relative to them.

        Raises
        ------
        BadRequestError, CatalogExistsError
            If `dest` is a folder, or `search` not a search for images of this catalog; or with `partition_by` if there
            is something.
        StorageError, MissingLibraryError
            If it cannot be written there, in which case nothing is left; or if pyarrow is not installed.
        """
        require("pyarrow", "arrow", "for GeoParquet")
        from localcat.interop.geoparquet.export import to_geoparquet  # brings pyarrow

        return to_geoparquet(self, dest, search, partition_by=partition_by, progress=progress)

    def from_stac(
        self,
        source: Any,
        *,
        product: str | None = None,
        copy: bool = False,
        within: str | os.PathLike[str] | None = None,
        on_conflict: str = "error",
        dry_run: bool = False,
        progress: bool | None = None,
    ) -> StacReport:
        """Take in STAC Items: Collections become products with their bands, Items images, assets files.

        Parameters
        ----------
        source : path, mapping, or several of them
            A static catalog, a Collection or an Item as JSON, whose links to files are followed; an ItemCollection;
            Items line by line (``.ndjson``); a folder of such; or the objects themselves. No network is
            asked.
        product : str, optional
            The product of all Items, in place of their Collections.
        copy : bool
            Copy files that are here into the data folder. With False they are indexed where they are. Images whose
            files are not here become remote.
        within : path, optional
            Where files may lie that Items name; below the folder of the source when left out.
        on_conflict : {"error", "skip", "replace"}
            What to do with an Item whose image is there already.
        dry_run : bool
            Change nothing, and report what would be done; files are not opened. A catalog that is missing, or can only
            be read, is tried on a copy without pixels in the system's temporary folder.
        progress : bool, optional
            Show a bar; None where the error output is a terminal.

        Returns
        -------
        StacReport
            What was made, which Items were refused and why, and what was assumed.

        Raises
        ------
        BadRequestError
            If the source is none of these.
        DuplicateError
            If an id is taken and `on_conflict` is ``"error"``; no image was added then.
        """
        from localcat.interop.stac.importing import ImportOptions, from_stac  # brings shapely

        root = None if within is None else Path(within)
        o = ImportOptions(product, copy, root, on_conflict, dry_run, progress)
        with self._rehearsed(dry_run) as catalog:
            return from_stac(catalog, source, o)

    def from_original(
        self, source: Any, *, on_conflict: str = "skip", dry_run: bool = False, progress: bool | None = None
    ) -> OriginalReport:
        """Take in metadata of the original's online catalog: what its objects' `serialize` returned, saved as JSON.

        Ids stay as they are, without the namespace of this catalog, and so do times, owners, readers and writers. Files
        keep their addresses, and images become remote; no network is asked. Attributes that are not known here, and
        values that are refused, are kept in ``extra_properties["original:attributes"]``. All or nothing; others wait
        with their writes.

        Parameters
        ----------
        source : path, mapping, or several of them
            JSON:API documents (``serialize(jsonapi_format=True)``), or plain ones with ``id``, or of bands and images
            ``product_id`` and ``name``; one, a list, or one a line (``.ndjson``, ``.jsonl``) a file; a folder of such
            files; or the decoded documents. The kind of a plain document is that of its file or folder (``images``), or
            is seen from its attributes.
        on_conflict : {"skip", "replace", "error"}
            What to do with an object that is there already. ``"replace"`` gives it the attributes of its document;
            images with pixels here keep their files.
        dry_run : bool
            Change nothing, and report what would be done, as in `from_stac`.
        progress : bool, optional
            Show a bar; None where the error output is a terminal.

        Returns
        -------
        OriginalReport
            How much was added; which documents were refused and why, which does not keep the others out; and what was
            not understood.

        Raises
        ------
        BadRequestError
            If the source is none of these.
        DuplicateError
            If an id is taken and `on_conflict` is ``"error"``; nothing was added then.
        """
        from localcat.interop.original.taking_in import from_original  # brings shapely

        with self._rehearsed(dry_run) as catalog:
            return from_original(catalog, source, on_conflict=on_conflict, progress=progress)

    def from_geoparquet(
        self,
        source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        product: str | None = None,
        copy: bool = False,
        within: str | os.PathLike[str] | None = None,
        on_conflict: str = "error",
        dry_run: bool = False,
        progress: bool | None = None,
    ) -> StacReport:
        """Take in GeoParquet files of STAC Items, as `to_geoparquet`, stac-geoparquet, rustac and others write them.

        What localcat wrote comes back as it went, most of it column by column. Footprints that are no Items, such as
        geopandas writes, are tables for `add_images`. It needs the extra ``[arrow]``.

        Parameters
        ----------
        source : path, or several
            Files, and folders of them with all that is below.
        product, copy, within, on_conflict, dry_run, progress
            As in `from_stac`.

        Returns
        -------
        StacReport
            What was made, which Items were refused and why, and what was assumed.

        Raises
        ------
        BadRequestError, MissingLibraryError
            If a source is not a Parquet file of Items, or is damaged; or if pyarrow is not installed.
        DuplicateError
            If an id is taken and `on_conflict` is ``"error"``; no image was added then.
        """
        require("pyarrow", "arrow", "for GeoParquet")
        from localcat.interop.geoparquet.from_files import from_geoparquet  # brings pyarrow
        from localcat.interop.stac.importing import ImportOptions

        root = None if within is None else Path(within)
        o = ImportOptions(product, copy, root, on_conflict, dry_run, progress)
        with self._rehearsed(dry_run) as catalog:
            return from_geoparquet(catalog, source, o)

    @contextmanager
    def _rehearsed(self, dry_run: bool) -> Iterator[Self]:
        """Give the catalog for a block; with `dry_run` one whose changes are undone at its end."""
        if not dry_run:
            yield self
            return
        with self.file.rehearsal() as file:
            yield self if file is self.file else type(self)(file)

    def ingest(
        self,
        sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        product: Product | str | None = None,
        recipe: Recipe | str | os.PathLike[str] | None = None,
        dry_run: bool = False,
        copy: bool = False,
        cog: bool = False,
        date_from: str | None = None,
        follow_links: bool = True,
        workers: int | None = None,
        on_conflict: str = "rename",
        progress: bool | None = None,
    ) -> IngestReport:
        """Take in folders of scenes, one image a scene; called again, skip what is unchanged, replace what changed.

        Parameters
        ----------
        sources : path, or several
            GeoTIFF and JPEG 2000 files, and folders of them with all that is below. The catalog's own are left out.
        product : Product or str, optional
            An existing product for all of them, or its id. Without it products and bands are made as needed.
        recipe : Recipe, str or path, optional
            The name of a built-in recipe, or a ``.toml`` file, that alone is used; else all built-in ones are.
        dry_run : bool
            Change nothing, and report what would be done, and why.
        copy, cog : bool
            Copy files into the data folder, or rewrite them there as COGs, on a grid; else index them in place.
        date_from : str, optional
            ``"mtime"`` dates an image by its file's last change if nothing else does; else it has no `acquired` then.
        follow_links : bool
            Follow symbolic links; with False they are passed over.
        workers : int, optional
            Threads that check and copy files; by default as many as there are processors, at most 8.
        on_conflict : str
            For a scene of a taken name: ``"rename"`` (adds a number), ``"skip"`` it, or ``"replace"`` the old one.
        progress : bool, optional
            Show progress; by default if the output is a terminal.

        Returns
        -------
        IngestReport
            Each scene with its bands, time and outcome; products; and files passed over. None of them stops the others.

        Raises
        ------
        BadRequestError, NotFoundError
            If there is nothing at a path; an argument or a recipe is wrong; or the product or recipe is not known.
        """
        from localcat.interop.stac.beside import item_facts  # not needed before
        from localcat.writing.ingest.intake import ingest  # brings rasterio
        from localcat.writing.ingest.settings import IngestOptions

        o = IngestOptions(product, recipe, dry_run, copy, cog, date_from, follow_links, workers, on_conflict, progress)
        return ingest(self, sources, o, read_item=item_facts)

    def uploads(self) -> list[ImageUpload]:
        """Return the uploads that are pending or running in the background, of all processes, oldest first.

        Those that a process left unfinished when it died become failures first, with that reason in their events.
        """
        self.uploader.end_abandoned()
        return list(self.image_uploads.filter(p.status.any_of(UNFINISHED)).sort("created"))

    # Keeping in order, and tinkering

    def verify(
        self, level: str = "files", *, sample: float | str = 1.0, seed: int = 0, progress: bool | None = None
    ) -> VerifyReport:
        """Look for faults of the catalog; nothing is changed, and a fault does not raise.

        Writers wait while the catalog file is checked, seconds at most. Files on other machines are not checked.

        Parameters
        ----------
        level : str
            ``"quick"``: the catalog file: SQLite's integrity check, references, schema, indexes against the rows.
            ``"files"``: also that all files are there with their sizes, and which files no row refers to.
            ``"full"``: also that their content is what was written (sha256, layout), and fits its row.
        sample : float or str
            The share of files whose content is read, from 0 to 1 or as ``"5%"``.
        seed : int
            The same number chooses the same files, as far as they still exist.
        progress : bool, optional
            Show progress; by default if the output is a terminal.

        Returns
        -------
        VerifyReport
            Its `ok`, and its `problems` as values. Printed, it says what to do.
        """
        from localcat.maintenance.verify import verify  # not needed before

        return verify(self.file, level=level, sample=sample, seed=seed, progress=progress)

    def reindex(self, *, properties: Iterable[str | Sequence[str] | Property] | None = None) -> None:
        """Build the indexes of space and time, texts, tags and properties from the rows again, in one transaction.

        Stamps that nobody can have written, and marks of deletions of objects that are there, are removed as well.

        Parameters
        ----------
        properties : iterable of keys, optional
            What has an index inside `extra_properties` of images from now on, at most 32 keys: ``"eo:snow"``, or for
            nested ones ``("view", "angle")`` or ``p.extra_properties["view"]["angle"]``. ``[]`` is none; left out, the
            keys stay as they are. Filters give the same answers with and without; each key makes saves slower.

        Raises
        ------
        BadRequestError
            If something else is named.
        """
        from localcat.maintenance.optimize import reindex  # not needed before

        reindex(self.file, properties=properties)

    def backup(
        self, dest: str | os.PathLike[str], *, copy_in_place: bool = False, progress: bool | None = None
    ) -> BackupReport:
        """Copy the catalog, file and data folder, to a new location while other programs use it: all or nothing.

        The rows are those of one moment after the call, without a trace of deleted ones, and each file is compared with
        its sha256. Files indexed in place stay where they are, and are found from the copy too; the report names them.

        Parameters
        ----------
        dest : path
            The new catalog file, such as ``"backups/monday.gpkg"``. Neither it nor its data folder may exist.
        copy_in_place : bool
            Copy the files indexed in place into the new data folder too; the rows of the copy then name these.
        progress : bool, optional
            Show progress; by default if the output is a terminal.

        Returns
        -------
        BackupReport
            How much was copied.

        Raises
        ------
        CatalogExistsError, CorruptImageError, StorageFullError
            If something is there already, a file of an image is missing or damaged, or the disk has no room.
        """
        from localcat.maintenance.backup import backup  # brings rasterio

        return backup(self.file, dest, copy_in_place=copy_in_place, progress=progress)

    def bundle(
        self,
        dest: str | os.PathLike[str],
        search: ImageSearch | None = None,
        *,
        clip: Any = None,
        bands: Sequence[str] | None = None,
        resolution: Any = None,
        max_bytes: int | str | None = None,
        dry_run: bool = False,
        progress: bool | None = None,
    ) -> BundleReport:
        """Write chosen images, their products and their pixels into one archive that can be taken along.

        It holds a catalog, its data folder, and an index of tiles (see `to_gti`) for each product; files indexed in
        place are taken along. Members are stored as they are, and a manifest has their sha256. `open` reads it where
        it is; `unpack` makes a catalog of it that can be changed, and so does any program that reads ZIP.

        Parameters
        ----------
        dest : path
            A new file, such as ``"kit.zip"``.
        search : ImageSearch, optional
            Which images; all when left out.
        clip : AOI or anything that `AOI` takes as its geometry, optional
            Only images there; of each the pixels in the box around it, on the image's own grid. A footprint becomes
            its part there.
        bands : sequence of str, optional
            Only these bands.
        resolution : float, Resolution or str, optional
            The size of a pixel that is fine enough, in metres or such as ``"30m"``: of every so many pixels along each
            axis the middle one is kept.
        max_bytes : int or str, optional
            How large the archive may be, such as ``"2 GB"``. Images are taken in the order of the search if it has
            one, else the newest first and then those with few clouds, as long as there is room.
        dry_run, progress : bool
            Only report what would be written. Show progress; None for: if the output is a terminal.

        Returns
        -------
        BundleReport
            What is in it, what had no room, and what has no pixel in the area.

        Raises
        ------
        CatalogExistsError, NotFoundError, CorruptImageError, StorageFullError
            If there is something at `dest`; no image is found or fits; a file is missing or damaged; the disk has no
            room.
        """
        from localcat.sharing.bundle import Wanted, bundle  # brings rasterio

        wanted = Wanted(search, clip, bands, resolution, max_bytes)
        return bundle(self, dest, wanted, dry_run=dry_run, progress=progress, facade=type(self))

    @classmethod
    def unpack(
        cls, path: str | os.PathLike[str], dest: str | os.PathLike[str] | None = None, *, progress: bool | None = None
    ) -> Self:
        """Unpack an archive that `bundle` wrote into a new folder, and open its catalog.

        Parameters
        ----------
        path : path
            The archive; it may come from a stranger.
        dest : path, optional
            The new folder; beside the archive, with its name without ``.zip``, when left out.
        progress : bool, optional
            Show progress; by default if the output is a terminal.

        Raises
        ------
        UnsupportedCatalogError
            If it is no bundle, or not as it was written: a member is changed, missing, unknown, a link, compressed, or
            named so that it would come to lie outside of the folder. Nothing is left behind then.
        CatalogExistsError, StorageFullError
            If there is something at `dest`, or the disk has no room.
        """
        from localcat.sharing.bundle import unpack  # brings rasterio

        return cls.open(unpack(path, dest, progress))

    def relocate(
        self, old: str | os.PathLike[str] | None, new: str | os.PathLike[str], *, dry_run: bool = False
    ) -> RelocateReport:
        """Change the paths of files that are indexed in place and were moved to another folder.

        Parameters
        ----------
        old : path or None
            The folder that the catalog names; also one of another system, such as ``"E:/scenes"``. None for all files
            that are gone: they are known by size and sha256, whatever their names are now.
        new : path
            The folder where they are now: under the same names, or with None anywhere below.
        dry_run : bool
            Only report what would be changed.

        Returns
        -------
        RelocateReport
            The files found there, whose paths are changed; and the others, which keep theirs. Of several files with
            the content of one that is gone none is taken, unless one has its name.

        Raises
        ------
        BadRequestError
            If the new folder does not exist, or `old` or `new` cannot name a folder.
        """
        from localcat.maintenance.relocate import relocate  # not needed before

        return relocate(self.file, old, new, dry_run=dry_run)

    @staticmethod
    def recover(
        broken: str | os.PathLike[str],
        new: str | os.PathLike[str],
        *,
        uncertain: bool = False,
        progress: bool | None = None,
    ) -> RecoverReport:
        """Save what can be read of a damaged catalog into a new one; the damaged one is not changed.

        A row is taken if it is whole and obeys all rules; a file if it has the size and sha256 of its row.

        Parameters
        ----------
        broken : path
            The damaged catalog file. Its data folder may be missing.
        new : path
            The new catalog file. Neither it nor its data folder may exist.
        uncertain : bool
            If the list of free pages is damaged: also take images from pages that may hold deleted rows. Without it,
            they are taken if all their files are there.
        progress : bool, optional
            Show progress; by default if the output is a terminal.

        Returns
        -------
        RecoverReport
            What was saved, and as problems what is lost.

        Raises
        ------
        CatalogNotFoundError, CatalogExistsError
            If there is no file, or something is at the new location already.
        CorruptCatalogError, UnsupportedCatalogError
            If nothing of a catalog is left in the file, or it is another database.
        BadRequestError
            If it is a bundle.
        """
        from localcat.maintenance.recover import recover  # brings rasterio

        return recover(broken, new, uncertain=uncertain, progress=progress)

    def optimize(
        self, *, cluster: bool = False, rewrite_masks: bool = False, progress: bool | None = None
    ) -> OptimizeReport:
        """Write indexes anew, renew the layer's extent, and give free pages back; worth it after many changes.

        Searches for an area then take 0.6 to 0.95 of the time, where images came one by one or in small loads.

        Other programs wait while it runs, and the disk needs room for a second copy of the file.

        Parameters
        ----------
        cluster : bool
            Whether rows are put in the order in which large loads store them: by product, place and time. Searches
            then read fewer pages. It is all or nothing, and needs room for two more copies of the file. A search that
            is under way in another program or thread raises ConflictError; objects stay what they are.
        rewrite_masks : bool
            Whether files of an older localcat whose masks other programs misread (``verify("full")`` names them) are
            written again. Their pixels stay; an image gets its new file, with another path and hash, in one step.
        progress : bool, optional
            Whether to show a progress bar of the rows or the files; by default on a terminal.

        Returns
        -------
        OptimizeReport
            How many images were put in order, the files that were written again, and those that could not be.

        Raises
        ------
        BadRequestError, CatalogLockedError
            Inside a transaction; or if another program uses the catalog for longer than the timeout.
        """
        from localcat.maintenance.optimize import optimize  # not needed before

        return optimize(self.file, clusters=cluster, rewrites_masks=rewrite_masks, progress=progress)

    def gc(self, *, dry_run: bool = False, keep: str = "30 days", restore: bool = False) -> GcReport:
        """Unlink the files of deleted images, and set aside those that no image refers to; others may go on uploading.

        Needed after a crash, or if a file could not be unlinked because a program was reading it. What is set aside is
        found again by reads, as when a newer state of the catalog is put back.

        Parameters
        ----------
        dry_run : bool
            Only report what would be done.
        keep : str
            How long files stay aside, such as ``"30 days"``; ``"0 days"`` unlinks them.
        restore : bool
            Bring back all files that were set aside, and set no others aside.

        Raises
        ------
        BadRequestError, ReadOnlyCatalogError, UnsafePathError
            In a transaction; in a copy, whose pixels belong to another file; or if the data folder is a link.
        """
        from localcat.maintenance.garbage import collect_garbage  # not needed before

        return collect_garbage(self.file, dry_run=dry_run, keep=keep, restore=restore)

    def history(
        self, *, since: Any = None, id: str | None = None, kind: str | None = None, limit: int | None = None
    ) -> list[Change]:
        """Return the changes and deletions of objects, and what merges brought, the last one first.

        A new object is no change.

        Kept for a year, and 64 MB of what objects were before, unless `keep_history` says otherwise; a bundle has none.

        Parameters
        ----------
        since : datetime or str, optional
            Only changes of then or later.
        id, kind : str, optional
            Only those of the object with this id; only of a ``"product"``, ``"band"`` or ``"image"``.
        limit : int, optional
            How many at most.
        """
        from localcat.history.changes import history  # not needed before

        return history(self.file, since=since, id=id, kind=kind, limit=limit)

    def keep_history(
        self, changes: str | None = None, *, max_bytes: int | str | None = None, files: str | None = None
    ) -> HistoryLimits:
        """Set how much of its past the catalog keeps, for all who open it; without arguments only return it.

        What is beyond it goes with later changes, and in `gc`. `forget_history` forgets at once.

        Parameters
        ----------
        changes : str, optional
            How long what objects were before is kept, such as ``"2 years"``; a year in a new catalog.
        max_bytes : int or str, optional
            How large all of that may be, such as ``"256 MB"``; 64 MiB in a new catalog.
        files : str, optional
            How long the files of images stay in the data folder that are changed or deleted from now on, such as
            ``"30 days"``; in a new catalog they go at once. ``Catalog.open(..., keep_history=...)`` goes before it.

        Returns
        -------
        HistoryLimits
            What holds from now on.

        Raises
        ------
        BadRequestError, ReadOnlyCatalogError
            If a time or a size is none; or if the catalog can only be read.
        """
        from localcat.history.keeping import keep_history  # not needed before

        return keep_history(self.file, changes, max_bytes=max_bytes, files=files)

    def forget_history(self, before: Moment) -> int:
        """Forget what was changed before a time, and return how many changes that were; files are left to `gc`.

        `at` reaches back to that time at most afterwards.

        Parameters
        ----------
        before : datetime or str
            When, such as ``"2026-11-01"``, the beginning of that day in UTC.

        Raises
        ------
        BadRequestError, ReadOnlyCatalogError
            If it is still to come; or if the catalog can only be read.
        """
        from localcat.history.keeping import forget_history  # not needed before

        return forget_history(self.file, before)

    def undo(self, change: Change | int, *, together: bool = False) -> list[Change]:
        """Make an object again what it was before a change, in a transaction that is itself in the history.

        Parameters
        ----------
        change : Change or int
            One of `history`, or its number.
        together : bool
            Undo all that was changed in the same transaction, or deleted by the same `delete_related_objects`; with
            the deletion of a product also what its last such call deleted, as far as the history still has it. Others
            wait with their writes meanwhile.

        Returns
        -------
        list of Change
            What was undone, the last change first.

        Raises
        ------
        ConflictError
            If the object was changed again since, or its pixels are gone; nothing is undone then.
        NotFoundError
            If the history does not know the change any more.
        """
        from localcat.history.undoing import undo  # not needed before

        return undo(self.file, change, together=together)

    def at(self, moment: Moment) -> Catalog:
        """Return the catalog as it was, for searches and for pixels that are still there; it can only be read.

        It is a copy of the file in the system's temporary folder, which goes when it is closed; pixels of what was
        changed or deleted since are there if the catalog was open with `keep_history`. An object counts from when it
        was created here, or came by `merge`.

        Parameters
        ----------
        moment : datetime or str
            When, such as ``"2026-11-01"``, the beginning of that day in UTC.

        Raises
        ------
        NotFoundError
            If the history does not reach back so far.
        """
        from localcat.history.past import as_of  # not needed before

        return Catalog(as_of(self.file, moment))

    def sql(self, query: str, params: Params = (), *, timeout: float | None = None) -> list[dict[str, Any]]:
        """Answer one SELECT of your own, as a list of dictionaries; it can change nothing.

        The views ``products``, ``bands``, ``images``, ``files`` and ``footprints`` are meant for it and stay as they
        are, and so is ``rtree_footprints_geometry``, the boxes of footprints; tables may change. There are functions of
        a geometry: ``lc_area_km2(g)``, ``lc_geojson(g)``, ``lc_wkt(g)`` and ``lc_intersects(g, other)``, where `other`
        may be WKT. They compute as searches do, areas on a sphere, row by row. See docs/engines.md.

        Parameters
        ----------
        query : str
            One SELECT.
        params : sequence or mapping
            The values of its question marks, or of ``:name`` by name.
        timeout : float, optional
            How many seconds it may take; by default any, and 30 if the catalog is not trusted.

        Raises
        ------
        QueryError, QueryTimeoutError
            If it is not a SELECT, or SQLite cannot answer it; or if it takes longer.
        """
        return self.database.select(query, params, seconds=timeout)

    @property
    def db(self) -> sqlite_utils.Database:
        """The file as a `sqlite_utils.Database` that reads, on a connection of its own; `writable_db` changes it.

        The rows of a statement are read at once.

        Raises
        ------
        CatalogNotFoundError
            If there is no file yet.
        """
        return self.file.db()

    def writable_db(self) -> AbstractContextManager[sqlite_utils.Database]:
        """Change the file by hand: a context that gives a `sqlite_utils.Database`, in one transaction.

        Nobody else reads or writes meanwhile. All is committed at the end of the block, whatever was committed inside,
        or nothing, if the block raises. localcat checks that its own tables, views and triggers are as they were, and
        does not check what is in them: see `verify` and `reindex`.

        Yields
        ------
        sqlite_utils.Database
            Which attaches no other database, and neither begins nor ends the transaction.

        Raises
        ------
        ReadOnlyCatalogError, CatalogLockedError
            If the catalog can only be read, also as a copy whose pixels belong to another file; or if another program
            uses the catalog for longer than the timeout.
        BadRequestError
            Inside a transaction; or if the transaction is ended, or one of localcat's own tables is changed, in which
            case nothing is kept.

        Examples
        --------
        >>> import localcat
        >>> with localcat.Catalog.temporary() as catalog:
        ...     with catalog.writable_db() as db:
        ...         _ = db["note"].insert({"text": "mine"})
        ...     [row["text"] for row in catalog.db["note"].rows]
        ['mine']
        """
        return self.file.writable_db()


def _reopen(opening: Callable[..., CatalogFile], *arguments: object) -> Catalog:
    return Catalog(opening(*arguments))
