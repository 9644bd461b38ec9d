"""The rest of rows that were read in part: of all that were found together, when one of them is asked for."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from localcat.errors import ConflictError
from localcat.store import rows

if TYPE_CHECKING:
    import sqlite3

    from localcat.store.file.database import Database
    from localcat.store.rows import Row

_FIRST = 2  # position of the first attribute in a row
TOGETHER = 100
"""Rows that share one: a statement for each costs little more than one for all, and none keeps many others alive."""


class Loader(Protocol):
    """An attribute."""

    name: str

    def load_many(self, stored: Sequence[Any]) -> Sequence[Any]:
        """Return the values of several stored forms, None for None."""


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
    values : sequence of dict
        Of each of them the values that are decoded, by attribute.
    """

    __slots__ = ("__weakref__", "_attributes", "_database", "_found", "_loaded", "_rows", "_table", "_values")

    def __init__(
        self,
        database: Database,
        table: str,
        attributes: tuple[str, ...],
        found: Sequence[Row],
        values: Sequence[dict[str, Any]],
    ) -> None:
        self._database = database
        self._table = table
        self._attributes = attributes
        self._found = found
        self._values = values
        self._rows: dict[Any, Row] | None = None
        self._loaded: set[str] = set()
        database.unread.add(self)

    def row(self, row_id: Any) -> Row | None:
        """Return a row, all of it; None if it was deleted meanwhile. Threads that share an object may all ask."""
        if self._rows is None:
            with self._database.read() as connection:
                self.read(connection)
        return None if self._rows is None else self._rows.get(row_id)

    def read(self, connection: sqlite3.Connection) -> None:
        """Read the rows, if nobody has yet."""
        try:
            whole = rows.hydrate(connection, self._table, self._attributes, [row[0] for row in self._found])  # type: ignore[misc]
            found = {row[0]: row for row in whole}
        except ConflictError:  # another program put the rows in another order
            uids = [str(row[_FIRST + self._attributes.index("id")]) for row in self._found]
            by_uid = rows.find_many(connection, self._table, self._attributes, uids)
            found = {row[0]: by_uid[uid] for row, uid in zip(self._found, uids, strict=True) if uid in by_uid}
        if self._rows is None:  # else another thread was faster, perhaps before a commit
            self._rows = found

    def load(self, attribute: Loader, position: int, damage: tuple[type[Exception], ...]) -> bool:
        """Decode an attribute of all the rows that have not got it yet, in much less time than one by one.

        Return whether that was done; it is not done again, nor where one of the values is damaged.
        """
        name = attribute.name
        if name in self._loaded:
            return False
        self._loaded.add(name)
        try:
            loaded = attribute.load_many([*map(operator.itemgetter(position), self._found)])
        except damage:
            return False
        for values, value in zip(self._values, loaded, strict=True):
            values.setdefault(name, value)
        return True
