"""How much of its past a catalog keeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from localcat.disk.filesystem import bytes_of
from localcat.errors import BadRequestError
from localcat.models.html import Printed
from localcat.store import states
from localcat.timestamps import days_of, iso_text, now_microseconds, to_microseconds

if TYPE_CHECKING:
    from localcat.store.catalog_file import CatalogFile

_MOST_BYTES = 10**15  # more than any disk has


@dataclass(frozen=True, slots=True)
class HistoryLimits(Printed):
    """How much of its past a catalog keeps; `Catalog.keep_history` sets it.

    Parameters
    ----------
    changes : timedelta
        How long what objects were before is kept.
    max_bytes : int
        How large all of that may be; the oldest changes go first.
    files : timedelta
        How long the files of images that are changed or deleted are kept; not at all if it is 0.
    """

    changes: timedelta
    max_bytes: int
    files: timedelta

    def to_dict(self) -> dict[str, Any]:
        """Return the limits as `json.dumps` takes them, the times in days."""
        return {"changes": self.changes.days, "max_bytes": self.max_bytes, "files": self.files.days}

    def __str__(self) -> str:
        return f"changes {self.changes.days:,} days, {self.max_bytes:,} bytes at most; files {self.files.days:,} days"


def keep_history(
    catalog: CatalogFile, changes: object = None, *, max_bytes: object = None, files: object = None
) -> HistoryLimits:
    """Set how much of the past is kept, and return all of it; `Catalog.keep_history` says how."""
    given = (
        None if changes is None else days_of(changes, "changes"),
        None if max_bytes is None else bytes_of(max_bytes, "max_bytes"),
        None if files is None else days_of(files, "files"),
    )
    if given == (None, None, None):
        with catalog.database.read() as connection:
            return _told(states.limits(connection))
    if given[1] is not None and given[1] >= _MOST_BYTES:
        raise BadRequestError(f"max_bytes is less than {_MOST_BYTES:,}, not {given[1]:,}")
    with catalog.database.write() as transaction:
        present = states.limits(transaction.connection)
        chosen = states.Limits(*(old if new is None else new for old, new in zip(present, given, strict=True)))
        states.set_limits(transaction.connection, chosen)
    return _told(chosen)


def _told(limits: states.Limits) -> HistoryLimits:
    return HistoryLimits(timedelta(limits.days), limits.max_bytes, timedelta(limits.files_days))


def forget_history(catalog: CatalogFile, before: object) -> int:
    """Forget what was changed before a time; `Catalog.forget_history` says how."""
    moment = to_microseconds(before)
    if moment > now_microseconds():
        raise BadRequestError(f"{iso_text(moment)} is still to come; forget_history() takes a moment of the past")
    return states.forget(catalog.database, before=moment)
