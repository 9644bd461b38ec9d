"""All that can go wrong, as one tree.

::

    LocalcatError                            every error of localcat (also: ClientError, as in the original)
    ├── BadRequestError (ValueError)         a value, a query or a call that cannot be carried out
    │   ├── ValidationError                  an object that cannot be saved as it is
    │   │   └── AttributeValidationError     a value that its attribute refuses
    │   ├── UnknownPropertyError (AttributeError)   a filter or sort field that the class lacks
    │   ├── InvalidGeometryError             something that is not a usable geometry
    │   ├── QueryError                       a query that SQLite cannot carry out
    │   │   └── QueryTimeoutError (TimeoutError)  not within its time limit
    │   └── DuplicateError                   also a ConflictError: the id is taken
    ├── ConflictError                        the catalog's state forbids it: taken, in use, changed meanwhile
    ├── ForbiddenError                       the catalog is open for reading only
    ├── NotFoundError (LookupError)          no object has that id
    │   ├── FrozenNotFoundError (KeyError)   no question is frozen under that name
    │   └── ProductNotFoundError             also a BadRequestError: a band or image without its product
    ├── UploadError                          an upload that failed, in another process or earlier
    ├── GoneError                            it existed, and is deleted
    ├── DeletedObjectError                   this Python object was deleted
    ├── UnsavedObjectError                   this Python object was never saved
    ├── DownloadError (RuntimeError)         images that could not be written to files
    ├── MissingLibraryError (ImportError)    an extra that this call needs is not installed
    ├── CatalogError                         the catalog file itself
    │   ├── CatalogClosedError               it was closed, here or in another thread
    │   ├── CatalogNotFoundError (FileNotFoundError)
    │   ├── CatalogExistsError (FileExistsError)
    │   ├── CatalogLockedError (TimeoutError)
    │   ├── UnsupportedCatalogError          foreign, or of a newer localcat
    │   ├── UntrustedCatalogError            its schema is not what localcat wrote
    │   └── CorruptCatalogError
    ├── StorageError (OSError)               the disk below it
    │   ├── StorageFullError
    │   ├── ReadOnlyCatalogError             also a ForbiddenError
    │   └── CommitUnknownError               the last COMMIT may or may not have reached the disk
    └── RasterError (ValueError)             pixels and grids
        ├── InvalidArrayError                rank, dtype or size of an array
        ├── GridMismatchError                an array and its grid disagree
        ├── InvalidCRSError
        ├── UnsafePathError                  a path that leads out of the catalog
        ├── TooLargeError                    more pixels than the limit allows
        ├── CorruptImageError                a file whose pixels cannot be read
        └── ImageDeletedError                also a DeletedObjectError: deleted or replaced while it was read

    LocalcatWarning (UserWarning)            every warning of localcat
    ├── DefaultCatalogWarning                the first write makes a default catalog
    ├── FailedImagesWarning                  images that could not be read were left out
    ├── FileSystemWarning                    the catalog is on a network share or a FAT
    ├── GeoContextWarning                    a context that is probably not what was meant
    ├── GeometryWarning                      a geometry that was changed to make it usable
    ├── ProcessingLevelWarning               a level whose steps are stored and not computed
    ├── RasterWarning                        a raster that was written in another way than was asked for
    ├── ReadOnlyCatalogWarning               the catalog is where it can only be read
    └── UploadOptionWarning (FutureWarning)  an argument that is not used, or used otherwise than meant

    ServerError                              kept for programs that catch it; localcat has no server

`localcat.exceptions` adds what only the original can raise.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import Self


def printable(text: str) -> str:
    r"""Return text for one line of a terminal, with what is not printable escaped as in Python's source, as ``\x1b``.

    Names and messages may hold a stranger's text, which a terminal would obey.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class Lines(str):
    """A message of several lines, each `printable`: what was said first, then one line an item."""

    __slots__ = ()

    def __new__(cls, head: str, items: Iterable[str]) -> Self:
        """Join what is said first and the items."""
        return super().__new__(cls, "\n".join(map(printable, (head, *items))))


def _text_of(raised: BaseException, text: str) -> str:
    return text if raised.args and isinstance(raised.args[0], Lines) else printable(text)


class LocalcatError(Exception):
    """Base of every error that localcat raises on purpose; its text is `printable`."""

    status: int | None = None

    def __str__(self) -> str:
        return _text_of(self, super().__str__())


ClientError = LocalcatError


class ServerError(Exception):
    """An error of a server; never raised here, kept for programs that catch it."""

    status = 500


class BadRequestError(LocalcatError, ValueError):
    """A value, a query or a call that cannot be carried out."""

    status = 400


class ValidationError(BadRequestError):
    """An object that cannot be saved as it is."""

    status = 422


class AttributeValidationError(ValidationError):
    """A value that its attribute refuses."""


class UnknownPropertyError(BadRequestError, AttributeError):
    """A filter or sort field that the class lacks."""


class InvalidGeometryError(BadRequestError):
    """Something that is not a usable geometry."""


class QueryError(BadRequestError):
    """A query that the catalog cannot carry out."""


class QueryTimeoutError(QueryError, TimeoutError):
    """A query took longer than its time limit and was stopped."""


class ConflictError(LocalcatError):
    """The catalog's state forbids it: the id is taken, the object is in use, or it was changed meanwhile."""

    status = 409


class DuplicateError(ConflictError, BadRequestError):
    """The id of a new object is taken."""

    status = 409


class ForbiddenError(LocalcatError):
    """The catalog does not allow this."""

    status = 403


class NotFoundError(LocalcatError, LookupError):
    """No object has that id."""

    status = 404


class FrozenNotFoundError(NotFoundError, KeyError):
    """No question is frozen under that name."""

    __str__ = Exception.__str__  # that of KeyError would put the message into quotes


class ProductNotFoundError(NotFoundError, BadRequestError):
    """The product of a band or an image is not in the catalog."""

    status = 404


class UploadError(LocalcatError):
    """An upload failed, in another process or earlier; its events say why."""


class GoneError(LocalcatError):
    """The object existed, and is deleted."""

    status = 410


class DeletedObjectError(LocalcatError):
    """The Python object was deleted from its catalog."""


class UnsavedObjectError(LocalcatError):
    """The Python object was never saved."""


class MissingLibraryError(LocalcatError, ImportError):
    """A library is not installed that only some uses of localcat need."""


def require(library: str, extra: str, purpose: str) -> None:
    """Refuse, unless an optional library is installed; the message names the extra that brings it."""
    from importlib.util import find_spec  # costs more to import than most programs need

    if find_spec(library) is None:
        raise MissingLibraryError(
            f"{library} is not installed, which is needed {purpose}; install it, or localcat with its extra, from a "
            f"checkout: pip install '.[{extra}]'"
        )


class CatalogError(LocalcatError):
    """Something is wrong with the catalog file."""


class CatalogClosedError(CatalogError):
    """The catalog was closed, by this thread or another one."""


class CatalogNotFoundError(CatalogError, FileNotFoundError):
    """There is no catalog file at that path."""


class CatalogExistsError(CatalogError, FileExistsError):
    """A file is already at the path of a new catalog."""


class CatalogLockedError(CatalogError, TimeoutError):
    """Another program held the catalog for longer than the busy timeout."""


class UnsupportedCatalogError(CatalogError):
    """The file is not a localcat catalog, or a newer localcat wrote it."""


class UntrustedCatalogError(CatalogError):
    """The schema in the file is not what localcat wrote."""


class CorruptCatalogError(CatalogError):
    """The catalog file is damaged."""


class StorageError(LocalcatError, OSError):
    """The disk refused to read or to write."""


class StorageFullError(StorageError):
    """There is no room left on the disk."""


class ReadOnlyCatalogError(StorageError, ForbiddenError):
    """The catalog, or the disk it is on, can only be read."""


class CommitUnknownError(StorageError):
    """The last COMMIT failed in a way that leaves its outcome open.

    Attributes
    ----------
    committed : bool or None
        What a second look found: True when the change is in the catalog, False when it is not, None when even that
        could not be read.
    """

    def __init__(self, message: str, *, committed: bool | None = None) -> None:
        super().__init__(message)
        self.committed = committed


class RasterError(LocalcatError, ValueError):
    """A fault of pixels or of their grid."""


class InvalidArrayError(RasterError):
    """The rank, dtype or size of an array does not fit."""


class GridMismatchError(RasterError):
    """An array and its grid disagree."""


class InvalidCRSError(RasterError):
    """A coordinate reference system that cannot be used."""


class UnsafePathError(RasterError):
    """A path that leads out of the catalog's data folder."""


class TooLargeError(RasterError):
    """More pixels than the limit allows."""


class CorruptImageError(RasterError):
    """A file whose pixels cannot be read."""


class ImageDeletedError(RasterError, DeletedObjectError):
    """The image or its file was deleted while it was read."""


class DownloadError(LocalcatError, RuntimeError):
    """Images that could not be written to files, all of them listed."""


class LocalcatWarning(UserWarning):
    """Base of every warning that localcat gives."""

    def __str__(self) -> str:
        return _text_of(self, super().__str__())


class DefaultCatalogWarning(LocalcatWarning):
    """There is no default catalog yet, and a write makes one."""


class FailedImagesWarning(LocalcatWarning):
    """Images that could not be read were left out or masked, as ``on_error`` asked for.

    Attributes
    ----------
    failures : tuple of (str, Exception)
        The id of each image, with the reason.
    """

    def __init__(self, failures: Sequence[tuple[str, Exception]]) -> None:
        self.failures = tuple(failures)
        listed = (f"  {image_id}: {error}" for image_id, error in self.failures)
        super().__init__(Lines(f"{len(self.failures)} images could not be read:", listed))


class FileSystemWarning(LocalcatWarning):
    """The catalog is on a network share or a FAT, where less is promised."""


class GeoContextWarning(LocalcatWarning):
    """A geo context that is probably not what was meant."""


class GeometryWarning(LocalcatWarning):
    """A geometry was changed to make it usable."""


class ProcessingLevelWarning(LocalcatWarning):
    """A processing level was asked for whose steps are stored and not computed; pixels are read as they are."""


class RasterWarning(LocalcatWarning):
    """A raster was written in another way than was asked for."""


class ReadOnlyCatalogWarning(LocalcatWarning):
    """The catalog is where nothing can be written, and was opened for reading."""


class UploadOptionWarning(LocalcatWarning, FutureWarning):
    """An argument or attribute that is not used, or may be meant otherwise."""


def warn_caller(warning: LocalcatWarning) -> None:
    """Give a warning at the line of the user's program that led here."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(("localcat.", "contextlib")):
        frame, level = frame.f_back, level + 1
    warnings.warn(warning, stacklevel=level)
