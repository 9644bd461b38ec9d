"""A catalog on the disk, one file and one folder: what uploads, maintenance and merges work on."""

from __future__ import annotations

import json
import os
import sqlite3
import weakref
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from localcat.disk.archive import is_archive
from localcat.disk.faults import listing_errors, new_temporary_folder
from localcat.disk.filesystem import exists
from localcat.disk.names import require_usable
from localcat.disk.ownership import (
    Home,
    Marker,
    data_path,
    holds_locks_alone,
    home_of,
    require_outside,
    state_of_marker,
)
from localcat.disk.paths import absolute, as_named_now, below_roots, in_place_href, is_local, real_file
from localcat.disk.system import login as system_login
from localcat.disk.system import same_file
from localcat.errors import (
    BadRequestError,
    CatalogError,
    CatalogExistsError,
    CatalogLockedError,
    CatalogNotFoundError,
    CorruptCatalogError,
    LocalcatError,
    ReadOnlyCatalogError,
    ReadOnlyCatalogWarning,
    StorageError,
    UnsafePathError,
    UnsupportedCatalogError,
    warn_caller,
)
from localcat.store import rows
from localcat.store.file.connection import OpenOptions
from localcat.store.file.creating import new_settings
from localcat.store.file.database import Database
from localcat.store.file.faults import sqlite_errors
from localcat.store.file.schema import VERSION_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import sqlite_utils

    from localcat.disk.archive import Location
    from localcat.disk.data_folder import DataFolder
    from localcat.store.packed import PackedCatalog

DEFAULT_NAME = "catalog.gpkg"
PATH_VARIABLE = "LOCALCAT"  # the environment variable that names the default catalog
NO_HOME_VARIABLE = "LOCALCAT_NO_HOME"  # the one that forbids the catalog in the user's data folder
_ATTEMPTS = 5  # to open or create a catalog that other programs make or take away


class FileReference(Protocol):
    """Where a file of an image is; `localcat.models.attributes.values.File` is one."""

    @property
    def href(self) -> str | None:
        """Its path: in the data folder if it is owned, else absolute or relative to the catalog's folder."""

    @property
    def owned(self) -> bool:
        """Whether it is in the data folder."""

    @property
    def provider_href(self) -> str | None:
        """Where its provider offers it."""


class _RehearsedError(Exception):
    """Ends a rehearsal."""


class CatalogFile:
    """The file of a catalog and its data folder.

    Parameters
    ----------
    database : Database
        The file.
    is_temporary : bool
        Whether its folder is deleted when it is closed, or forgotten.
    packed : PackedCatalog, optional
        The archive that it is in, and is read in.
    """

    def __init__(self, database: Database, *, is_temporary: bool = False, packed: PackedCatalog | None = None) -> None:
        self.database = database
        self.packed = packed
        self.is_temporary = is_temporary
        if is_temporary:
            self._remove = weakref.finalize(self, _remove_folder, database.path.parent, os.getpid())
        self._settings: dict[str, str] | None = None
        self._generation = -1
        self._home: tuple[object, Home] | None = None
        if not is_temporary:
            ask = weakref.WeakMethod(self.why_read_only)  # the database does not keep this alive
            database.why_forbidden = lambda: None if (asked := ask()) is None else asked()

    @classmethod
    def create(cls, path: str | os.PathLike[str], settings: dict[str, str]) -> Self:
        """Make a new, empty catalog; `Catalog.create` says what is refused."""
        file = absolute(path)
        require_usable(file)
        if file.is_dir():
            raise CatalogExistsError(f"'{file}' is a folder; name a file in it, such as '{file / 'survey.gpkg'}'")
        if file.exists():
            raise CatalogExistsError(f"'{file}' already exists; open it with Catalog.open, or choose another name")
        folder = data_path(file)
        if not file.parent.is_dir():
            raise CatalogNotFoundError(f"the folder '{file.parent}' does not exist; make it first")
        require_outside(file)
        if folder.exists() and not holds_locks_alone(folder):
            raise CatalogExistsError(f"'{folder}' already exists and would become the data folder; move it")
        database = Database(file, settings=settings)
        database.create()
        return cls(database)

    @classmethod
    def open(cls, path: str | os.PathLike[str], options: OpenOptions) -> Self:
        """Open a catalog and read its settings; `Catalog.open` says what is refused."""
        if options.spatialite:
            from localcat.store.asking import spatialite  # brings subprocess, which other catalogs do not need

            spatialite.find()  # what is missing is told before anything is opened
        file = real_file(path)
        if not exists(file):
            raise CatalogNotFoundError(f"there is no catalog at '{file}'; Catalog.create makes one")
        if not file.is_file():
            raise CatalogNotFoundError(f"'{file}' is not a file; name the catalog file itself")
        opened = cls._of_archive(file, options) if is_archive(file) else cls(Database(file, options=options))
        why = opened.database.check_forbidden()  # reads its settings: a file that is not a catalog is refused now
        if why is not None and not options.read_only and opened.packed is None:
            warn_caller(ReadOnlyCatalogWarning(why))
        return opened

    @classmethod
    def _of_archive(cls, path: Path, options: OpenOptions) -> Self:
        from localcat.store.packed import PackedCatalog  # brings zipfile, which other catalogs do not need

        if options.spatialite:
            raise BadRequestError(f"'{path}' is a bundle, which SpatiaLite cannot read; unpack it with Catalog.unpack")
        packed = PackedCatalog.open(path)
        database = Database(path, options=replace(options, read_only=True), copy=packed.copy)
        database.before_opening = packed.require_rows
        return cls(database, packed=packed)

    @classmethod
    def open_or_create(cls, path: str | os.PathLike[str], settings: dict[str, str]) -> Self:
        """Open a catalog, or make it if there is none.

        Whether it is there is never asked beforehand: another program may make it, or take it away, right afterwards.
        """
        for _ in range(_ATTEMPTS):
            try:
                return cls.open(path, OpenOptions())
            except CatalogNotFoundError as error:
                missing = error
            try:
                return cls.create(path, settings)
            except CatalogExistsError as error:
                taken = error  # by another program that made it in between; else opening it says what is there
        raise missing if exists(absolute(path)) else taken

    @classmethod
    def temporary(cls, settings: dict[str, str]) -> Self:
        """Make a catalog in a new folder of its own, which waits for no disk."""
        folder = new_temporary_folder()
        database = Database(folder / DEFAULT_NAME, durable=False, settings=settings)
        database.create()
        return cls(database, is_temporary=True)

    @classmethod
    def attached(cls, path: Path) -> Self:
        """Return the temporary catalog of another process."""
        if not path.exists():
            raise CatalogNotFoundError(f"the temporary catalog '{path}' is closed already")
        return cls(Database(path, durable=False))

    @classmethod
    def default(cls, settings: dict[str, str]) -> Self:
        """Return the user's own catalog; `Catalog.default` says where. It is made by the first change."""
        given = os.environ.get(PATH_VARIABLE)
        if given:
            return cls(Database(real_file(given), settings=settings))
        import platformdirs  # only the default catalog needs it

        path = Path(platformdirs.user_data_dir("localcat", appauthor=False)) / DEFAULT_NAME

        def refuse_in_tests() -> None:
            if os.environ.get(NO_HOME_VARIABLE):
                raise CatalogError(
                    f"'{path}' is the user's own catalog, which tests do not touch: ask for the fixture "
                    f"localcat_catalog or localcat_earth, pass catalog=, or set ${PATH_VARIABLE}; "
                    "'localcat_home = true' in pytest's settings allows it"
                )

        database = Database(path, settings=settings)
        database.before_opening = refuse_in_tests
        return cls(database)

    def reopening(self) -> tuple[Any, ...]:
        """Return a function that opens the same in another process, and what to call it with; both can be pickled."""
        if self.is_temporary:
            return CatalogFile.attached, self.path
        return CatalogFile.open, self.path, self.database.options

    def close(self) -> None:
        """Close the file; a temporary catalog is deleted. Closing twice is allowed."""
        self.database.close()
        if self.is_temporary:
            self._remove()
        if self.packed is not None:
            self.packed.close()

    def setting(self, name: str) -> str:
        """Return one of the settings that were made with the catalog, such as ``"namespace"`` or ``"uuid"``."""
        if self._settings is None or self._generation != self.database.generation:  # another file has the name now
            self._settings, self._generation = self.database.settings(), self.database.generation
        if name not in self._settings:
            raise CorruptCatalogError(f"catalog '{self.path}' has lost its setting '{name}'; restore it from a backup")
        return self._settings[name]

    @property
    def user(self) -> str:
        """Who created the catalog."""
        return self.setting("user")

    @property
    def path(self) -> Path:
        """The catalog file."""
        return self.database.path

    @property
    def data_folder(self) -> DataFolder:
        """The folder of the pixels.

        Raises
        ------
        UnsafePathError
            If it is a link, in a catalog that is not trusted; or if the catalog is in an archive, and has none.
        """
        from localcat.disk.data_folder import DataFolder  # searches do not need it

        self.require_paths("it has no data folder")

        home = self.home()
        if home.is_foreign:
            raise UnsafePathError(
                f"the data folder '{home.path}' belongs to another catalog than '{self.path}'; move one of the two to "
                "another folder"
            )
        if not self.database.options.trusted and home.path.is_symlink():
            raise UnsafePathError(f"'{home.path}' is a link, which is not followed in a catalog that is not trusted")
        marker = None if home.owner is not None else Marker(self.setting("uuid"), self.path.name)
        return DataFolder(home.path, durable=self.database.durable, marker=marker)

    def home(self) -> Home:
        """Return which data folder the catalog has, and whose it is, as it is on the disk now; the archive if any."""
        if self.packed is not None:
            return Home(self.path)
        known = self._known_home()
        if known is not None:
            return known
        catalog = self.setting("uuid")
        found = home_of(self.path, catalog)
        state = state_of_marker(found.path)
        is_own = found.owner is None and not found.is_foreign and state is not None
        self._home = ((catalog, state), found) if is_own else None
        if found.owner is None or self._has_files():
            return found
        return Home(data_path(self.path))  # a copy without pixels begins a folder of its own

    def _known_home(self) -> Home | None:
        """Return the folder that was found the last time, if it is marked as this catalog's, and as it was then."""
        catalog, known = self.setting("uuid"), self._home
        if known is None or known[0] != (catalog, state_of_marker(known[1].path)):
            return None
        return known[1]

    def _has_files(self) -> bool:
        return self._finds("SELECT 1 FROM image_file WHERE owned LIMIT 1")

    def _finds(self, query: str) -> bool:
        with self.database.read() as connection:
            return connection.execute(query).fetchone() is not None

    def why_read_only(self) -> str | None:
        """Return why the catalog may not be changed: its pixels belong to another file. None if nothing forbids it."""
        if self.packed is not None:
            return self.packed.why_read_only
        home = self._known_home()
        if home is None:
            if not self._finds("SELECT 1 FROM image_file LIMIT 1"):
                return None  # it has no pixels, and no folder needs to be looked at
            home = self.home()
        if home.owner is None:
            return None
        if home.owner.exists():
            return (
                f"catalog '{self.path}' is a copy of '{home.owner.name}', to which the pixels in '{home.path}' belong: "
                "it can only be read, and what the other deletes is gone here too; Catalog.backup of the other one "
                "makes an independent pair"
            )
        return (
            f"catalog '{self.path}' was renamed without its data folder '{home.path}' and can only be read; rename "
            f"the folder to '{data_path(self.path).name}', or the file back to '{home.owner.name}'"
        )

    def path_of(self, file: FileReference, *, bring_back: bool = True) -> Path:
        """Return the absolute path of a file of an image.

        A file of the data folder that was set aside is moved back, if `bring_back` and the catalog allow it.

        Raises
        ------
        UnsafePathError
            If the file is not on this machine, has no path of its own since it is in an archive, or its path leads out
            of the data folder.
        """
        options = self.database.options
        if file.owned:
            self.require_paths(f"its file '{file.href}' has no path of its own")
            return self.data_folder.find(str(file.href), bring_back=bring_back and not self.database.read_only)
        if file.href is None or not is_local(file.href):
            raise UnsafePathError(
                f"{file.href or file.provider_href!r} is not on this machine; only local files are read"
            )
        if not options.trusted:
            return below_roots(file.href, self.path.parent, options.allowed_roots)
        return as_named_now(file.href, self.path.parent)

    def require_paths(self, why: str) -> None:
        """Refuse a catalog in an archive for what needs paths of its files; `why` says so.

        Raises
        ------
        UnsafePathError
            If it is one; it says what to do.
        """
        if self.packed is not None:
            raise UnsafePathError(f"'{self.path}' is a bundle, and {why}; unpack it with Catalog.unpack")

    def location_of(self, file: FileReference, *, bring_back: bool = True) -> Location:
        """Return where the bytes of a file of an image are: as `path_of`, or the member of an archive."""
        if self.packed is not None and file.owned:
            return self.packed.member(str(file.href))
        return self.path_of(file, bring_back=bring_back)

    def has_in_place(self, path: Path) -> bool:
        """Return whether a file is the catalog itself, or is indexed in place by an image of it."""
        if same_file(path, self.path):
            return True
        ways = ((path, self.path), (path.resolve(), self.path.resolve()))
        names = {name for file, mine in ways for name in (str(file), in_place_href(file, mine.parent))}
        asked = "SELECT 1 FROM image_file WHERE NOT owned AND href IN (SELECT value FROM json_each(?))"
        with self.database.read() as connection:
            return connection.execute(asked, (json.dumps(list(names)),)).fetchone() is not None

    def delete_files(self, hrefs: list[str]) -> None:
        """Unlink files that a committed transaction put into the trash; what cannot be unlinked stays there."""
        if not hrefs:
            return
        # The change itself is committed: a catalog that is busy or full now is no reason to report a failure, nor is a
        # data folder that is a link and not to be followed.
        with suppress(CatalogLockedError, StorageError, UnsafePathError):
            gone = [(href,) for href in hrefs if self.data_folder.remove(href)]
            with self.database.write() as transaction:
                transaction.connection.executemany("DELETE FROM trash WHERE href = ?", gone)

    def settle(self, is_committed: Callable[[sqlite3.Connection], bool], hrefs: list[str]) -> bool | None:
        """Find out whether a failed COMMIT reached the disk, and unlink its new files only if it surely did not.

        Parameters
        ----------
        is_committed : callable
            Looks whether the change is in the catalog.
        hrefs : list of str
            The new files.

        Returns
        -------
        bool or None
            None where it cannot be found out: a later gc decides by the rows that it finds.
        """
        try:
            with self.database.write() as transaction:
                found = is_committed(transaction.connection)
                if not found:
                    rows.put_in_trash(transaction.connection, hrefs)
                    transaction.on_commit.append(lambda: self.delete_files(hrefs))
        except LocalcatError:
            return None
        return found

    @contextmanager
    def rehearsal(self) -> Iterator[Self]:
        """Give a catalog for a block whose changes are undone at its end: what it reports is what would be done.

        It is this one, in a transaction; others wait with their writes meanwhile, and what was asked for after the
        commit is never done. Where this one is not there yet, or can only be read, it is an empty one or a copy without
        pixels in the system's temporary folder.
        """
        file = self if self._can_be_changed() else self.copied_aside()
        try:
            with suppress(_RehearsedError), file.database.transaction():
                yield file
                raise _RehearsedError
        finally:
            if file is not self:
                file.close()

    def _can_be_changed(self) -> bool:
        if self.database.is_missing:
            return False
        try:
            self.database.require_writable()
        except ReadOnlyCatalogError:
            return False
        return True

    def copied_aside(self) -> Self:
        """Return a copy of the file without pixels, in the system's temporary folder, which goes when it is closed."""
        settings = self.database.settings()  # where the use of the default catalog is forbidden, this refuses it
        if self.database.is_missing:
            return self.temporary({name: value for name, value in settings.items() if name != VERSION_KEY})
        path = new_temporary_folder() / DEFAULT_NAME
        try:
            with (
                self.database.separate() as source,
                sqlite_errors(path),
                closing(sqlite3.connect(path)) as target,
            ):
                source.backup(target)
        except BaseException:
            _remove_folder(path.parent, os.getpid())
            raise
        options = replace(self.database.options, read_only=False, journal="delete", spatialite=False)
        return type(self)(Database(path, options=options, durable=False), is_temporary=True)

    def db(self) -> sqlite_utils.Database:
        """Return the file for reading; `Catalog.db` says how."""
        import sqlite_utils  # slow to import where it has many plugins

        return sqlite_utils.Database(self.database.reading_connection())

    @contextmanager
    def writable_db(self) -> Iterator[sqlite_utils.Database]:
        """Give the file for changes by hand; `Catalog.writable_db` says how."""
        import sqlite_utils  # slow to import where it has many plugins

        with self.database.lent() as connection:
            yield sqlite_utils.Database(connection)


def catalogs_in(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the catalogs of localcat among the ``.gpkg`` files of a folder, by name.

    A damaged file counts if it may be one, so that it is named and looked at.
    """
    with listing_errors(Path(folder)):
        paths = sorted(Path(folder).glob("*.gpkg"))
    return [path for path in paths if is_catalog(path)]


def is_catalog(path: Path) -> bool:
    """Return whether a file is a catalog of this localcat, and not another program's GeoPackage; also a damaged one."""
    database = Database(path, options=OpenOptions(read_only=True))
    try:
        database.settings()
        database.close()
    except UnsupportedCatalogError:  # another program's GeoPackage, or of a newer localcat
        return False
    except LocalcatError:
        pass
    return True


def settings_of(org: str | None, user: str | None) -> dict[str, str]:
    """Return the settings of a new catalog; `Catalog.create` says what the arguments mean."""
    for name, value in (("org", org), ("user", user)):
        if value is not None and (not isinstance(value, str) or ":" in value or "\x00" in value):
            raise BadRequestError(f"{name} is text without a colon, not {value!r}")
    login = user or system_login()
    return new_settings(namespace=login if org is None else org, org=org or "", user=login)


# What follows imports what takes a while, and what programs that search do not need.


def _remove_folder(folder: Path, owner: int) -> None:
    """Delete a temporary catalog, unless this is a fork of the process that made it."""
    import shutil

    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
