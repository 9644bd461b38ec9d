"""A catalog as it lies on the disk: one file and one folder, where their parts are, and keeping them in order."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from localcat.errors import CatalogLockedError, StorageError, UnsafePathError

if TYPE_CHECKING:
    from localcat.maintenance.garbage import GcReport
    from localcat.maintenance.report import VerifyReport
    from localcat.models.values import File
    from localcat.rasters.layout import DataFolder
    from localcat.store.database import Database


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
        return path.with_name(f"{path.stem}.data")

    @property
    def data_folder(self) -> DataFolder:
        """The folder of the pixels."""
        from localcat.rasters.layout import DataFolder  # brings rasterio, which searches do not need

        return DataFolder(self.data_path(self.path), durable=self.database.durable)

    def path_of(self, file: File) -> Path:
        """Return the absolute path of a file of an image.

        Raises
        ------
        UnsafePathError
            If the file is not on this machine, or its path leads out of the data folder.
        """
        if file.owned:
            return self.data_folder.resolve(str(file.href))
        if file.href is None or "://" in file.href or file.href.startswith("/vsi"):
            raise UnsafePathError(
                f"{file.href or file.provider_href!r} is not on this machine; only local files are read"
            )
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
        from localcat.store.entries import rebuild  # brings shapely

        with self.database.write() as transaction:
            rebuild(transaction.connection)

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
        """
        from localcat.maintenance.garbage import collect_garbage  # not needed before

        return collect_garbage(self, dry_run=dry_run)

    def delete_files(self, hrefs: list[str]) -> None:
        """Unlink files that a committed transaction put into the trash; what cannot be unlinked stays there."""
        if not hrefs:
            return
        gone = [(href,) for href in hrefs if self.data_folder.remove(href)]
        # The change itself is committed: a catalog that is busy or full now is no reason to tell of a failure.
        with suppress(CatalogLockedError, StorageError), self.database.write() as transaction:
            transaction.connection.executemany("DELETE FROM trash WHERE href = ?", gone)
