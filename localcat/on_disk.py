"""A catalog as it lies on the disk: one file and one folder, where their parts are, and keeping them in order."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from localcat.disk.paths import below_roots, data_path, is_local
from localcat.errors import CatalogLockedError, ClientError, StorageError, UnsafePathError
from localcat.store import rows

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from localcat.disk.data_folder import DataFolder
    from localcat.maintenance.backup import BackupReport
    from localcat.maintenance.garbage import GcReport
    from localcat.maintenance.recover import RecoverReport
    from localcat.maintenance.relocate import RelocateReport
    from localcat.maintenance.report import VerifyReport
    from localcat.models.attributes.values import File
    from localcat.store.file.database import Database


class CatalogOnDisk:
    """The file and the folder of a `Catalog`, which inherits all of this.

    Parameters
    ----------
    database : Database
        The file.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    # Where things are

    @property
    def path(self) -> Path:
        """The catalog file."""
        return self.database.path

    @staticmethod
    def data_path(path: Path) -> Path:
        """Return the folder in which the pixels of a catalog file lie."""
        return data_path(path)

    @property
    def data_folder(self) -> DataFolder:
        """The folder of the pixels.

        Raises
        ------
        UnsafePathError
            If it is a link, in a catalog that is not trusted.
        """
        from localcat.disk.data_folder import DataFolder  # brings rasterio, which searches do not need

        path = self.data_path(self.path)
        if not self.database.options.trusted and path.is_symlink():
            raise UnsafePathError(f"'{path}' is a link, which is not followed in a catalog that is not trusted")
        return DataFolder(path, durable=self.database.durable)

    def path_of(self, file: File) -> Path:
        """Return the absolute path of a file of an image.

        Raises
        ------
        UnsafePathError
            If the file is not on this machine, or its path leads out of the data folder.
        """
        options = self.database.options
        if file.owned:
            return self.data_folder.resolve(str(file.href))
        if file.href is None or not is_local(file.href):
            raise UnsafePathError(
                f"{file.href or file.provider_href!r} is not on this machine; only local files are read"
            )
        if not options.trusted:
            return below_roots(file.href, self.path.parent, options.allowed_roots)
        path = Path(file.href)
        return path if path.is_absolute() else self.path.parent / path

    # Keeping them in order

    def verify(
        self, level: str = "files", *, sample: float | str = 1.0, seed: int = 0, progress: bool | None = None
    ) -> VerifyReport:
        """Look for what is wrong with the catalog; nothing is changed, and a fault that is found does not raise.

        Parameters
        ----------
        level : str
            ``"quick"``: the catalog file alone: SQLite's integrity check, references, the schema, and the indexes of
            space and time, of texts and of tags against the rows. ``"files"``: also that all files are there with
            their sizes, and which files no row refers to. ``"full"``: also that their content is what was written
            (sha256), is laid out as it was, and agrees with its row in grid, data type and bands.
        sample : float or str
            The share of files whose content is read, from 0 to 1 or as ``"5%"``.
        seed : int
            Which of them: the same number chooses the same files, as far as they still exist.
        progress : bool, optional
            Show progress; by default where the output is a terminal.

        Returns
        -------
        VerifyReport
            Its `ok`, and its `problems` as values. Printed, it says what to do.

        Notes
        -----
        Writers wait while the catalog file is checked, for seconds at most; files are read while others write. Files
        on other machines are not checked. In a catalog that is open for reading only, SQLite leaves out the rules for
        single values (CHECK), and the check of the texts takes longer.
        """
        from localcat.maintenance.verify import verify  # not needed before

        return verify(self, level=level, sample=sample, seed=seed, progress=progress)

    def reindex(self) -> None:
        """Build the indexes of space and time, of texts and of tags anew from the rows, in one transaction.

        Raises
        ------
        CorruptCatalogError
            If the rows themselves cannot be read.
        """
        from localcat.store.damage.entries import rebuild  # brings shapely

        with self.database.write() as transaction:
            rebuild(transaction.connection)

    def backup(self, dest: str | os.PathLike[str], *, progress: bool | None = None) -> BackupReport:
        """Copy the catalog, file and data folder, to a new place while other programs use it.

        All or nothing: the new catalog file gets its name last. What is interrupted, by Ctrl-C for one, is removed.

        Parameters
        ----------
        dest : path
            The new catalog file, such as ``"backups/monday.gpkg"``; there must be nothing of that name, nor of the
            name of its data folder.
        progress : bool, optional
            Show progress; by default where the output is a terminal.

        Returns
        -------
        BackupReport
            How much was copied.

        Raises
        ------
        CatalogExistsError
            If something is there already.
        CorruptImageError
            If a file of an image is missing, or not what was written; nothing is copied then.
        StorageFullError
            If the disk has not room for it.

        Notes
        -----
        The rows are those of one moment after the call, and every file is compared with its sha256 while it is copied.
        Nothing of deleted rows is in the new file. Files that are indexed in place stay where they are, and are found
        from the new place too.
        """
        from localcat.maintenance.backup import backup  # brings rasterio

        return backup(self, dest, progress=progress)

    def relocate(
        self, old: str | os.PathLike[str], new: str | os.PathLike[str], *, dry_run: bool = False
    ) -> RelocateReport:
        """Tell the catalog that files which it indexes in place are in another folder now.

        Parameters
        ----------
        old : path
            The folder where they were, as it was called then: also one of another system, such as ``"E:/scenes"``.
        new : path
            The folder where they are, with the same names and folders below it.
        dry_run : bool
            Only tell what would be changed.

        Returns
        -------
        RelocateReport
            The files that were found at the new place, with their size, and are looked for there from now on; and those
            that were not, and stay as they are.

        Raises
        ------
        BadRequestError
            If the new folder is not there, or one of the two is no text that a folder can be named by.
        """
        from localcat.maintenance.relocate import relocate  # not needed before

        return relocate(self, old, new, dry_run=dry_run)

    @staticmethod
    def recover(
        broken: str | os.PathLike[str],
        new: str | os.PathLike[str],
        *,
        uncertain: bool = False,
        progress: bool | None = None,
    ) -> RecoverReport:
        """Save what can be read of a damaged catalog into a new one; the damaged one is not changed.

        Its pages are read without SQLite, so that one damaged page loses no more than its rows. A row is taken if it
        holds together and obeys all rules; a file if its size and sha256 are those of its row.

        Parameters
        ----------
        broken : path
            The damaged catalog file. Its data folder may be missing.
        new : path
            The new catalog file; there must be nothing of that name, nor of the name of its data folder.
        uncertain : bool
            Also take images from pages that may hold deleted rows, where the damage has hit the list of these. Without
            it, they are taken if all their files are there.
        progress : bool, optional
            Show progress; by default where the output is a terminal.

        Returns
        -------
        RecoverReport
            What was saved, and as problems what is lost: damaged places, rows and files that were refused, images
            that lost their pixels and are ``"remote"`` now, files that no row refers to.

        Raises
        ------
        CatalogNotFoundError
            If there is no file.
        CatalogExistsError
            If something is at the new place already.
        CorruptCatalogError
            If nothing of a catalog is left in the file.
        UnsupportedCatalogError
            If it is a database, but no catalog.
        """
        from localcat.maintenance.recover import recover  # brings rasterio

        return recover(broken, new, uncertain=uncertain, progress=progress)

    def optimize(self) -> None:
        """Tidy up: full-text indexes merged, no free pages in the file.

        Worth it after many deletions. Others wait meanwhile, and the disk needs room for a second copy of the file.

        Raises
        ------
        BadRequestError
            Inside a transaction.
        CatalogLockedError
            If another program uses the catalog for longer than the timeout.
        """
        from localcat.maintenance.optimize import optimize  # not needed before

        optimize(self)

    def gc(self, *, dry_run: bool = False) -> GcReport:
        """Unlink the files in the data folder that no image refers to; safe while other programs upload.

        A catalog needs it only after a crash, or where a file could not be unlinked because it was being read.

        Parameters
        ----------
        dry_run : bool
            Only tell what would be unlinked.

        Returns
        -------
        GcReport
            The files removed, and those that had to stay.

        Raises
        ------
        BadRequestError
            In a transaction: files go only when it is sure that no image needs them.
        UnsafePathError
            If the data folder is a link: what it leads to may be somebody's own.
        """
        from localcat.maintenance.garbage import collect_garbage  # not needed before

        return collect_garbage(self, dry_run=dry_run)

    def delete_files(self, hrefs: list[str]) -> None:
        """Unlink files that a committed transaction put into the trash; what cannot be unlinked stays there."""
        if not hrefs:
            return
        # The change itself is committed: a catalog that is busy or full now is no reason to tell of a failure, nor is a
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
        except ClientError:
            return None
        return found
