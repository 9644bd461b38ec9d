"""The rest of rows that were read in part: of all that were found together, when one of them is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from localcat.errors import CorruptCatalogError
from localcat.store import rows

if TYPE_CHECKING:
    import sqlite3

    from localcat.store.file.database import Database
    from localcat.store.rows import Row

TOGETHER = 100
"""Rows that share one: a statement for each costs little more than one for all, and none keeps many others alive."""


class Unread:
    """What was not read of a few rows yet.

    It is read before this process writes, and before the catalog is closed: objects stay as they were found. What other
    programs write meanwhile is for the objects to notice, which compare the rows with what they have of them.

    Parameters
    ----------
    database : Database
        Where the rows are.
    table : str
        Their table.
    attributes : tuple of str
        All of a row, those first that were read already.
    found : sequence of Row
        What was read.
    """

    __slots__ = ("__weakref__", "_attributes", "_database", "_found", "_loaded", "_rows", "_table")

    def __init__(self, database: Database, table: str, attributes: tuple[str, ...], found: Sequence[Row]) -> None:
        self._database = database
        self._table = table
        self._attributes = attributes
        self._found = found
        self._rows: dict[Any, Row] | None = None
        self._loaded: dict[int, dict[Any, Any]] = {}  # by position in the row, and by row id
        database.unread.add(self)

    def row(self, row_id: Any) -> Row | None:
        """Return a row, all of it, for the object that keeps it from now on; None if it was deleted meanwhile."""
        if self._rows is None:
            with self._database.read() as connection:
                self.read(connection)
        return None if self._rows is None else self._rows.pop(row_id, None)

    def read(self, connection: sqlite3.Connection) -> None:
        """Read the rows, if nobody has yet."""
        whole = rows.hydrate(connection, self._table, self._attributes, [row[0] for row in self._found])  # type: ignore[misc]
        found = {row[0]: row for row in whole}
        if self._rows is None:  # else another thread was faster, perhaps before a commit
            self._rows = found

    def loaded(self, row: Row, position: int, load_many: Callable[[Sequence[Any]], Sequence[Any]]) -> Any:
        """Return the value at a position of one of the rows, decoded with those of the others.

        Each can be had once; None if it was, or if one of them is damaged.
        """
        known = self._loaded.get(position)
        if known is None:
            try:
                values = load_many([one[position] for one in self._found])
            except CorruptCatalogError:
                values = ()
            known = self._loaded[position] = dict(zip([one[0] for one in self._found], values, strict=False))
        return known.pop(row[0], None)
