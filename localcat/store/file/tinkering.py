"""Connections that are given to others: they keep to the locks of localcat, whatever is done with them."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from localcat.disk.locks import Locks
from localcat.errors import BadRequestError
from localcat.store.file.connection import StampedConnection, nothing_outside


class ReadingConnection(sqlite3.Connection):
    """A connection for reading that shares the lock of readers while a statement runs, or a transaction is open.

    Rows are read as a whole when a statement is executed, so that no cursor keeps others from committing.
    """

    _locks: Locks | None = None
    _seconds = 0.0

    def guard(self, locks: Locks, seconds: float) -> None:
        """Take these locks from now on, and wait for them for so many seconds."""
        self._locks, self._seconds = locks, seconds
        self.execute("PRAGMA query_only = ON")

    def cursor(self, factory: Any = None) -> Any:
        """Return a cursor that reads its rows at once."""
        return super().cursor(_ReadingCursor if factory is None else factory)

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        """Execute a statement and read its rows."""
        return self.cursor().execute(sql, parameters)

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Keep others from committing during the block, and after it where it began a transaction."""
        if self._locks is None:
            yield
            return
        self._locks.share(self._seconds)
        try:
            yield
        finally:
            if not self.in_transaction:
                self._locks.unshare()

    def close(self) -> None:
        """Close it, and give its locks back."""
        super().close()
        if self._locks is not None:
            self._locks.close()


class _ReadingCursor(sqlite3.Cursor):
    connection: ReadingConnection
    _rows: Iterator[Any] = iter(())

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        with self.connection.shared():
            super().execute(sql, parameters)
            self._rows = iter(super().fetchall())
        return self

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return next(self._rows)

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return list(itertools.islice(self._rows, self.arraysize if size is None else size))

    def fetchall(self) -> list[Any]:
        return list(self._rows)


class WritingConnection(StampedConnection):
    """A connection inside one transaction, which nothing that is done with it ends.

    What other libraries commit is kept when the transaction is; what they roll back is undone at once, up to the begin
    of the ``with`` block that they use the connection for, or of the transaction.
    """

    _depth = 0

    @contextmanager
    def lent(self, path: Path) -> Iterator[None]:
        """Let others use it inside the block; rows that they change bear no stamp afterwards.

        Nobody could tell from the old one that they were changed: a merge compares what they hold, as of rows from
        before there were stamps.
        """
        for kind in ("product", "band", "image"):
            self.execute(
                f"CREATE TEMP TRIGGER changed_{kind}_by_hand AFTER UPDATE ON main.{kind} "
                "WHEN (NEW.replica, NEW.counter) IS (OLD.replica, OLD.counter) "
                f"BEGIN UPDATE {kind} SET replica = NULL, counter = NULL WHERE id = NEW.id; END"
            )
        self.execute("SAVEPOINT lent_0")
        self.set_authorizer(_inside_one_transaction)
        try:
            yield
        except sqlite3.DatabaseError as error:
            if "not authorized" in str(error):
                raise BadRequestError(
                    f"catalog '{path}': inside writable_db() a transaction is neither begun nor ended, and no other "
                    "database is attached; the end of its block commits, an error rolls back"
                ) from error
            raise
        finally:
            self.set_authorizer(None)

    def commit(self) -> None:
        """Do nothing: the transaction is committed at its end."""

    def rollback(self) -> None:
        """Undo what was done so far."""
        self.execute("ROLLBACK TO lent_0")

    def __enter__(self) -> Self:
        self._depth += 1
        self.execute(f"SAVEPOINT lent_{self._depth}")
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> Any:
        if kind is not None:
            self.execute(f"ROLLBACK TO lent_{self._depth}")
        self.execute(f"RELEASE lent_{self._depth}")
        self._depth -= 1
        return False


def _inside_one_transaction(action: int, subject: str | None, *more: str | None) -> int:
    if action == sqlite3.SQLITE_TRANSACTION:
        return sqlite3.SQLITE_DENY
    return nothing_outside(action, subject, *more)
