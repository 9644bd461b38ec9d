"""The catalog: one file and one folder, opened, searched, changed and closed."""

from __future__ import annotations

import getpass
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from localcat.catalog_pixels import CatalogPixels
from localcat.disk.filesystem import exists
from localcat.disk.paths import absolute
from localcat.errors import (
    BadRequestError,
    CatalogExistsError,
    CatalogNotFoundError,
    QueryError,
)
from localcat.expressions.properties import properties as p
from localcat.models import backend
from localcat.models.band import Band
from localcat.models.image import Image
from localcat.models.object import CatalogObjectBase
from localcat.models.product import Product
from localcat.models.upload import ImageUpload
from localcat.on_disk import CatalogOnDisk
from localcat.search import ImageSearch, Search
from localcat.store.file.connection import Journal, OpenOptions
from localcat.store.file.database import Database, new_settings
from localcat.writing.log import UNFINISHED, cancel, end_abandoned
from localcat.writing.workers import Workers

if TYPE_CHECKING:
    import sqlite_utils

    from localcat.models.requests import UploadRequest
    from localcat.sharing.merge import MergeReport, Policy
    from localcat.writing.add_images import AddReport
    from localcat.writing.ingest import IngestReport

T = TypeVar("T", bound=CatalogObjectBase)

DEFAULT_NAME = "catalog.gpkg"
PATH_VARIABLE = "LOCALCAT"  # the environment variable that names the default catalog

_LONGEST_NAME = 220  # bytes; file systems allow 255, and journals and backups have longer names
_LONGEST_WAIT = 1.0  # seconds between two looks at an upload of this process: another one may have canceled it
_POLL_SECONDS = 0.05  # between two looks at an upload of another process


class Catalog(CatalogOnDisk, CatalogPixels):
    """A catalog: one SQLite file, which is also a GeoPackage, and a folder of pixels beside it.

    Made by `create`, `open`, `open_or_create` and `temporary`. It can be used by several threads and, opened by each,
    by several processes at once; pickled, it travels as its path.

    Examples
    --------
    >>> import localcat
    >>> with localcat.Catalog.temporary(org="acme") as catalog:
    ...     catalog.images.count()
    0
    """

    def __init__(self, database: Database, *, is_temporary: bool = False) -> None:
        super().__init__(database)
        self._workers = Workers()
        self._is_temporary = is_temporary
        if is_temporary:
            self._remove = weakref.finalize(self, _remove_folder, database.path.parent, os.getpid())
        self._settings: dict[str, str] | None = None

    # Opening and closing

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, org: str | None = None, user: str | None = None) -> Self:
        """Make a new, empty catalog.

        Parameters
        ----------
        path : path
            Where; ``.gpkg`` is the suffix by which other programs know it. The pixels will lie in ``<stem>.data``.
        org : str, optional
            The organisation, put before the ids of new products; the user when left out, and ``""`` for no prefix.
        user : str, optional
            Who creates it; the login name when left out.

        Raises
        ------
        CatalogExistsError
            If there is something at the path.
        StorageError
            If it cannot be written there.
        """
        settings = _settings(org, user)
        file = absolute(path)
        too_long = len(os.fsencode(file.name)) - _LONGEST_NAME
        if too_long > 0:
            raise BadRequestError(f"the name of '{file}' is {too_long} bytes too long; {_LONGEST_NAME} are allowed")
        if file.exists():
            raise CatalogExistsError(f"'{file}' already exists; open it with Catalog.open, or choose another name")
        if cls.data_path(file) == file:
            raise BadRequestError(f"'{file}' would be its own data folder; choose another suffix, such as .gpkg")
        if not file.parent.is_dir():
            raise CatalogNotFoundError(f"the folder '{file.parent}' does not exist; make it first")
        if cls.data_path(file).exists():
            raise CatalogExistsError(
                f"'{cls.data_path(file)}' already exists and would become the data folder; move it"
            )
        database = Database(file, settings=settings)
        database.create()
        return cls(database)

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
    ) -> Self:
        """Open a catalog.

        A file of an older schema version is brought to the present one first, in one transaction; a copy of it is kept
        beside it, as ``survey.gpkg.schema-1.backup``.

        Parameters
        ----------
        path : path
            The catalog file.
        read_only : bool
            Refuse every change. Where the place can only be read, this is so in any case, with a
            `ReadOnlyCatalogWarning`.
        trusted : bool
            Pass False for a catalog from a stranger. It is then read as a whole and refused if it is damaged; a query
            is stopped after 30 seconds; and files that are indexed in place are read only below `allowed_roots`.
        allowed_roots : several paths, optional
            Folders below which files that are indexed in place may be read, where the catalog is not trusted; by
            default the catalog's own folder.
        journal : str
            ``"wal"`` keeps a write-ahead log while the catalog is open, so that readers do not wait for writers. It
            needs SQLite 3.51.3 and a local disk; the last to close the catalog goes back to ``"delete"``.
        timeout : float, optional
            How many seconds to wait for other programs; by default 60, and 10 with `read_only`.

        Raises
        ------
        CatalogNotFoundError
            If there is no file.
        UnsupportedCatalogError
            If the file is no catalog, or of a newer localcat; it is not touched.
        UntrustedCatalogError
            If a table, view, index or trigger of ours in the file is not the one that localcat makes, or another
            program's trigger or index sits on one; it is not touched. Also if a journal lies beside a catalog that is
            not trusted.
        CorruptCatalogError
            If it is damaged.
        ReadOnlyCatalogError
            If it must be mended or brought to a newer schema first, where nothing can be written.
        BadRequestError
            If ``journal="wal"`` is not safe here; it says why.
        """
        file = absolute(path)
        if not exists(file):
            raise CatalogNotFoundError(f"there is no catalog at '{file}'; Catalog.create makes one")
        if not file.is_file():
            raise CatalogNotFoundError(f"'{file}' is no file; name the catalog file itself")
        roots = None if allowed_roots is None else tuple(absolute(root) for root in _several(allowed_roots))
        options = OpenOptions(
            read_only=read_only, trusted=trusted, allowed_roots=roots, journal=journal, timeout=timeout
        )
        catalog = cls(Database(file, options=options))
        catalog._load_settings()
        return catalog

    @classmethod
    def open_or_create(cls, path: str | os.PathLike[str], *, org: str | None = None, user: str | None = None) -> Self:
        """Open a catalog, or make it if there is none; several programs may do so at once."""
        try:
            return cls.open(path)
        except CatalogNotFoundError:
            if exists(absolute(path)):
                raise
        try:
            return cls.create(path, org=org, user=user)
        except CatalogExistsError:
            return cls.open(path)

    @classmethod
    def temporary(cls, *, org: str | None = None, user: str | None = None) -> Self:
        """Make a catalog that is gone when it is closed; it waits for no disk, and is ready in milliseconds."""
        folder = Path(tempfile.mkdtemp(prefix="localcat-"))
        database = Database(folder / DEFAULT_NAME, durable=False, settings=_settings(org, user))
        database.create()
        return cls(database, is_temporary=True)

    @classmethod
    def default(cls) -> Self:
        """Open the user's own catalog: at ``$LOCALCAT``, else in the user's data folder.

        Nothing is written before the first change; until then it is empty.
        """
        given = os.environ.get(PATH_VARIABLE)
        if given:
            file = absolute(given)
        else:
            import platformdirs  # only the default catalog needs it

            file = Path(platformdirs.user_data_dir("localcat", appauthor=False)) / DEFAULT_NAME
        return cls(Database(file, settings=_settings(None, None)))

    def close(self) -> None:
        """Close the file; a temporary catalog is deleted. Closing twice is allowed.

        Waits for uploads that are running in the background, and cancels those that are queued.
        """
        self._workers.close()
        self.database.close()
        if self._is_temporary:
            self._remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def as_default(self) -> AbstractContextManager[None]:
        """Make this the catalog of all objects and searches that are given none, in all threads, in a with block."""
        return backend.temporary_default(self)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._is_temporary:
            return _attach_temporary, (str(self.path),)
        return _reopen, (str(self.path), self.database.options)

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Catalog) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"<Catalog '{self.path}'>"

    # Facts

    def _load_settings(self) -> dict[str, str]:
        if self._settings is None:
            self._settings = self.database.settings()
        return self._settings

    @property
    def namespace(self) -> str:
        """What is put before the ids of new products; empty for nothing."""
        return self._load_settings()["namespace"]

    @property
    def org(self) -> str:
        """The organisation it was created for; empty for none."""
        return self._load_settings()["org"]

    @property
    def user(self) -> str:
        """Who created it."""
        return self._load_settings()["user"]

    # Searching

    def search(self, kind: type[T]) -> Search[T]:
        """Return a search for all objects of a class in this catalog."""
        if issubclass(kind, Image):
            return ImageSearch(kind, self)  # type: ignore[return-value]  # a Search[Image], where T is Image
        search = Search(kind, self)
        band_type = kind.band_type() if issubclass(kind, Band) else None
        return search if band_type is None else search.filter(p.type == band_type)

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

    def bands_of(self, product_id: str) -> Search[Band]:
        """Return a search for the bands of a product, in their order."""
        return self.bands.filter(p.product_id == product_id).sort("sort_order", "name")

    # Changing

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all changes inside the block together, or none if it raises; blocks may be nested.

        Raises
        ------
        CatalogLockedError
            If another program writes for longer than the timeout.
        """
        with self.database.transaction():
            yield

    def add_images(
        self, records: Iterable[Any], *, on_conflict: str = "error", progress: bool | None = None
    ) -> AddReport:
        """Add many images without pixels of ours, in one transaction and with bounded memory.

        Parameters
        ----------
        records : iterable of dict or Image
            Each has an ``id``, or a ``product_id`` and a ``name``, and any other attributes of `Image`. The products
            must be in the catalog.
        on_conflict : str
            What to do where an id is taken: ``"error"`` raises and adds nothing, ``"skip"`` keeps the image that is
            there (so that an interrupted load can be repeated), ``"replace"`` takes the new one.
        progress : bool, optional
            Show progress; by default where the output is a terminal.

        Returns
        -------
        AddReport
            How many were added, replaced and skipped; and which were refused, and why. A refused record does not keep
            the others out.

        Raises
        ------
        DuplicateError
            If an id is taken and `on_conflict` is ``"error"``.
        """
        from localcat.writing.add_images import add_images  # brings shapely

        return add_images(self, records, on_conflict=on_conflict, progress=progress)

    def merge(
        self,
        other: str | os.PathLike[str] | Catalog,
        *,
        policy: Policy = "newer",
        dry_run: bool = False,
        progress: bool | None = None,
    ) -> MergeReport:
        """Take in all products, bands and images of another catalog, with their files: all or nothing.

        Ids stay as they are. Files of the other data folder are copied and compared with the size and the sha256 that
        the other catalog has of them; files indexed in place stay where they are. The other catalog is only read.

        Parameters
        ----------
        other : path or Catalog
            A path is opened with ``read_only=True, trusted=False``; for files that are indexed in place outside of its
            folder open it yourself, with `allowed_roots`.
        policy : str
            Whose object to take where both have one of the same id and they are not alike: ``"newer"`` the one that
            was modified later, but never an image without files of its own for one that has some; ``"ours"`` or
            ``"theirs"``. Objects are taken as a whole.
        dry_run : bool
            Only tell what would be done.
        progress : bool, optional
            Show progress; by default where the output is a terminal.

        Returns
        -------
        MergeReport
            How many were added, replaced, kept and unchanged; and the objects that are not alike.

        Raises
        ------
        CorruptImageError
            If a file of the other catalog is missing, or is not what was written.
        CorruptCatalogError
            If the other catalog has a value that its attribute cannot have.
        ConflictError
            If bands of a product with pixels lie at different places in the files of the two, so that images would be
            read wrong; or if one of the two was changed during the merge.
        """
        from localcat.sharing.merge import merge  # brings rasterio

        if isinstance(other, Catalog):
            return merge(self, other, policy=policy, dry_run=dry_run, progress=progress)
        with Catalog.open(other, read_only=True, trusted=False) as theirs:
            return merge(self, theirs, policy=policy, dry_run=dry_run, progress=progress)

    def upload(self, image: Image, request: UploadRequest) -> ImageUpload:
        """Take in files or arrays as the pixels of a new image; `Image.upload` and `Image.upload_ndarray` call this."""
        from localcat.writing.run import run_upload  # brings rasterio

        return run_upload(self, self._workers, image, request)

    def ingest(
        self,
        source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        product: Product | str,
        copy: bool = True,
        progress: bool | None = None,
    ) -> IngestReport:
        """Take GeoTIFFs in as images of a product, one image a file.

        Each file is added by itself: an interruption, by Ctrl-C for one, keeps the images added so far, and repeating
        the call goes on from there.

        Parameters
        ----------
        source : path, or several
            A folder, of which all ``.tif`` and ``.tiff`` files are taken, those in folders below too, in the order of
            their paths; or a file. The catalog's own data folder is left out.
        product : Product or str
            The product, or its id; its bands tell what the files hold.
        copy : bool
            Copy the files into the data folder; with False they are indexed where they lie, as by `Image.upload`.
        progress : bool, optional
            Show progress; by default where the output is a terminal.

        Returns
        -------
        IngestReport
            For each file whether it was added, skipped because an image of the product has a file of the same content,
            or refused, and why. A refused file does not keep the others out.

        Notes
        -----
        An image is named after its file, with what names do not allow replaced and a number behind it if the name is
        taken. It was acquired at the time of the file's tag ``ACQUISITIONDATETIME`` or ``TIFFTAG_DATETIME``, else at
        the date in the file's name, as in ``S2A_20170101T182742.tif`` or ``2017-01-01.tif``; else when the file was
        last changed.

        Raises
        ------
        BadRequestError
            If there is nothing at a path, or the product has no bands.
        ProductNotFoundError
            If there is no such product.
        """
        from localcat.writing.ingest import ingest  # brings rasterio

        return ingest(self, source, product=product, copy=copy, progress=progress)

    def uploads(self) -> list[ImageUpload]:
        """Return the uploads that are pending or running in the background, of all processes, oldest first.

        Those that a process left behind when it died are made failures first, with that reason in their events.
        """
        end_abandoned(self)
        return list(self.image_uploads.filter(p.status.any_of(UNFINISHED)).sort("created"))

    def wait_for_upload(self, uid: str, seconds: float | None) -> None:
        """Wait a while for an upload to end; `ImageUpload.wait_for_completion` calls this again and again."""
        if self.database.in_transaction:
            raise BadRequestError("an upload ends only after the transaction that waits for it; wait outside of it")
        longest = _LONGEST_WAIT if seconds is None else min(seconds, _LONGEST_WAIT)
        if self._workers.wait(uid, longest) is None:  # another process works on it
            time.sleep(min(longest, _POLL_SECONDS))

    def cancel_upload(self, uid: str) -> bool:
        """Cancel an upload that has not begun; `ImageUpload.cancel` calls this."""
        with self.database.write() as transaction:
            is_canceled = cancel(transaction, uid, "canceled before it began")
            if is_canceled:
                transaction.on_commit.append(lambda: self._workers.drop(uid))
            return is_canceled

    def end_abandoned_uploads(self, uid: str | None = None) -> None:
        """Turn uploads whose process is gone into failures: one of them, or all; `ImageUpload.reload` calls this."""
        end_abandoned(self, uid)

    # Tinkering

    def sql(self, query: str, params: Sequence[Any] = (), *, timeout: float | None = None) -> list[dict[str, Any]]:
        """Answer a SELECT of your own, as a list of dictionaries; nothing can be changed by it.

        The views ``footprints`` and ``products`` are meant for it and stay as they are; tables may change.

        Parameters
        ----------
        query : str
            One SELECT.
        params : sequence
            What its question marks stand for.
        timeout : float, optional
            How many seconds it may take; by default as long as it does, and 30 where the catalog is not trusted.

        Raises
        ------
        QueryError
            If the query is no SELECT, or SQLite cannot answer it.
        QueryTimeoutError
            If it takes longer.
        """
        if isinstance(params, str | bytes) or not isinstance(params, Sequence):
            raise QueryError(
                f"the parameters of a query are a sequence of values, not {params!r:.100}; pass a list, such as [5]"
            )
        return self.database.select(query, params, seconds=timeout)

    @property
    def db(self) -> sqlite_utils.Database:
        """The file as a `sqlite_utils.Database`, on a connection of its own, for tinkering.

        What it writes is not checked by localcat.
        """
        import sqlite3

        if not self.path.exists():
            raise CatalogNotFoundError(f"there is no catalog at '{self.path}' yet; save an object first")
        self.database.settings()  # refuses a catalog that is closed
        import sqlite_utils  # slow to import where it has many plugins

        mode = "ro" if self.database.read_only else "rw"
        return sqlite_utils.Database(sqlite3.connect(f"{self.path.resolve().as_uri()}?mode={mode}", uri=True))


def _settings(org: str | None, user: str | None) -> dict[str, str]:
    for name, value in (("org", org), ("user", user)):
        if value is not None and (not isinstance(value, str) or ":" in value or "\x00" in value):
            raise BadRequestError(f"{name} is text without a colon, not {value!r}")
    login = user or _login()
    return new_settings(namespace=login if org is None else org, org=org or "", user=login)


def _login() -> str:
    try:
        return getpass.getuser().replace(":", "-")
    except (OSError, KeyError, ImportError):  # no such user in the system's list, as in some containers
        return "user"


def _several(paths: Iterable[str | os.PathLike[str]]) -> Iterable[str | os.PathLike[str]]:
    if isinstance(paths, str | bytes | os.PathLike) or not isinstance(paths, Iterable):
        raise BadRequestError(f"allowed_roots are several folders, as a list, not {paths!r}")
    return paths


def _remove_folder(folder: Path, owner: int) -> None:
    """Delete a temporary catalog, unless this is a fork of the process that made it."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _reopen(path: str, options: OpenOptions) -> Catalog:
    return Catalog.open(
        path,
        read_only=options.read_only,
        trusted=options.trusted,
        allowed_roots=options.allowed_roots,
        journal=options.journal,
        timeout=options.timeout,
    )


def _attach_temporary(path: str) -> Catalog:
    """Open the temporary catalog of another process, which stays its owner."""
    if not Path(path).exists():
        raise CatalogNotFoundError(f"the temporary catalog '{path}' is closed already")
    return Catalog(Database(Path(path), durable=False))
