"""Who is inside a connection, and the transaction it is in."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from localcat.disk.locks import Locks
from localcat.disk.steps import reached
from localcat.disk.system import identity_of
from localcat.errors import CatalogClosedError, CommitUnknownError, ConflictError, StorageError
from localcat.forks import never_free
from localcat.store.file import journal
from localcat.store.file.connection import KEEPS_PAGES, SPILLS_PAGES, Clock, StampedConnection, lease_of
from localcat.store.file.faults import raise_ours, sqlite_errors
from localcat.store.file.locking import begin_writing, is_busy

_MANY_CHANGES: Final = 20_000  # of rows and index entries; the pages of so many take up some tens of MB


@dataclass(slots=True)
class Transaction:
    """A running write transaction, given by `Database.write`.

    Parameters
    ----------
    session : Session
        Whose connection is inside ``BEGIN IMMEDIATE``.
    on_commit, on_rollback : list of callable
        Called without arguments after the outermost transaction ended so, in order and in reverse order. Neither is
        called where a COMMIT left the outcome open, or Ctrl-C came right behind it; nor in a child process that was
        forked inside the block, which ends nothing of its parent's.
    about : str
        What is changed, put before the message of a commit whose outcome is unknown.
    is_closing : bool
        Whether its COMMIT has begun.
    """

    session: Session
    about: str = ""
    is_closing: bool = False
    on_commit: list[Callable[[], None]] = field(default_factory=list)
    on_rollback: list[Callable[[], None]] = field(default_factory=list)
    pid: int = field(default_factory=os.getpid)
    task: Any = field(default_factory=lambda: current_task())

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, inside ``BEGIN IMMEDIATE``."""
        return self.session.connection

    def expect_much(self) -> None:
        """Let changes go into the file as they are made, since many are to come; readers wait till the end."""
        self.session.spill()

    def bound_memory(self) -> None:
        """Do so if there were many already; to be called now and then by what makes ever more."""
        self.session.spill_if_large()

    @property
    def is_of_parent(self) -> bool:
        """Whether this process was forked inside it."""
        return self.pid != os.getpid()


class Session:
    """The connection of one thread, held while a call uses it: nobody closes it under that call.

    It is the context of a block that reads, whose errors cross as localcat's.

    Parameters
    ----------
    connection : StampedConnection
        The connection.
    path : Path
        The catalog file, for messages.
    locks : Locks
        Its locks beside those of SQLite.
    timeout : float
        Seconds to wait for them.
    identity : tuple of int, optional
        Device and number of the file that was opened; None for the placeholder of a file that is missing.
    is_read_only : bool
        Whether it was opened for reading only.
    has_wal : bool
        Whether the file has a write-ahead log, with which a commit keeps no reader waiting.
    query_seconds : float, optional
        How long a query may take.
    """

    _getpid = staticmethod(os.getpid)  # __del__ may run when Python, ending, has taken away the names of modules

    def __init__(
        self,
        connection: StampedConnection,
        path: Path,
        locks: Locks,
        *,
        timeout: float,
        identity: tuple[int, int] | None,
        is_read_only: bool = False,
        has_wal: bool = False,
        query_seconds: float | None = None,
    ) -> None:
        self.connection = connection
        self.path = path
        self.locks = locks
        self.timeout = timeout
        self.has_wal = has_wal
        self.clock = Clock(connection, query_seconds)
        self.pid = os.getpid()
        self.identity = identity
        connection.lease = None if identity is None else lease_of(identity)
        self.is_read_only = is_read_only
        self.transaction: Transaction | None = None
        self.beside: Any = None  # a process with SpatiaLite, if one was asked
        self.look_again = 0.0  # when to look at the file next, by time.monotonic
        self.depth = 0  # how many blocks of its thread are inside
        self._lock = threading.RLock()
        self._is_closed = False
        self._is_spilling = False
        self._waits = True  # SQLite itself, for other programs
        self._changes = 0  # of the connection, when its transaction began
        self._log: tuple[int, int] | None = None
        if has_wal:  # which readers do not mistake for that of a crash
            connection.execute(f"PRAGMA {SPILLS_PAGES}")
            connection.execute("SELECT 1 FROM sqlite_schema").fetchone()  # with the first read the log is opened
            self._log = self._identity_of_log()

    def __enter__(self) -> sqlite3.Connection:
        """Begin a block that reads, with no call that a read could do without: it is the way of each one."""
        self._lock.acquire()
        if not self.depth:  # else this one writes, or reads already
            if self._is_closed:
                self._lock.release()
                raise self._closed_error()
            self.depth = 1
            try:
                if not self._waits:
                    self._let_wait(True)
                self.locks.share(self.timeout)
            except BaseException:
                self._leave()
                raise
            if self._log is not None and not self.has_its_log:  # since it was looked at, a moment ago
                self.__exit__(None, None, None)
                raise self._log_error("read it again")
        else:
            self.depth += 1
        return self.connection

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        try:
            if self.depth == 1:
                self.locks.unshare()
        finally:  # Ctrl-C may come right behind a call of the system
            self.depth -= 1
            if not self.depth and self._is_closed:
                self._free()
            self._lock.release()
        if error is not None:
            raise_ours(error, self.path)

    def _closed_error(self) -> CatalogClosedError:
        return CatalogClosedError(f"catalog '{self.path}' is closed; open it again")

    def _enter(self) -> None:
        """Keep others from closing the connection until `_leave`, in a block that takes its locks itself."""
        self._lock.acquire()
        if self._is_closed and not self.depth:
            self._lock.release()
            raise self._closed_error()
        self.depth += 1

    def _leave(self) -> None:
        self.depth -= 1
        if not self.depth and self._is_closed:
            self._free()
        self._lock.release()

    @contextmanager
    def running(self, turn: AbstractContextManager[None]) -> Iterator[Transaction]:
        """Run a block as a transaction that is inside no other, while it is the turn of its thread."""
        transaction = Transaction(self)
        with turn:
            self._enter()
            try:
                with sqlite_errors(self.path):  # in here, since Ctrl-C may come right after it
                    self.begin()
                self.transaction = transaction
                reached("transaction begun")
                yield transaction
                if transaction.is_of_parent:
                    return
                self.require_running()
                transaction.is_closing = True
                with sqlite_errors(self.path):
                    self._commit()
            except CommitUnknownError as error:
                # Nothing is undone: the change may well be in the file, and need what it refers to.
                raise CommitUnknownError(f"{transaction.about}{error}") from error
            except BaseException:
                if transaction.is_of_parent:
                    raise
                if transaction.is_closing and not self.connection.in_transaction:
                    raise  # Ctrl-C came while it was committed, and it was: nothing is undone either
                self.roll_back()
                for undo in reversed(transaction.on_rollback):
                    undo()
                raise
            finally:
                self.transaction = None
                try:
                    self.end()
                finally:
                    self._leave()
        for follow_up in transaction.on_commit:
            follow_up()

    def _commit(self) -> None:
        reached("commit due")
        try:
            self.commit()
            reached("committed")
        except sqlite3.Error as error:
            if self.connection.in_transaction:  # nothing reached the file; the caller rolls back
                raise
            self.connection.forget_lease()
            raise CommitUnknownError(
                f"catalog '{self.path}': the disk failed at the end of a commit ({error}), and whether the change was "
                "kept is unknown; look before repeating it"
            ) from error

    def begin(self) -> None:
        """Begin a transaction that writes, when no other program does."""
        self.locks.begin(self.timeout)
        self._let_wait(False)
        try:
            begin_writing(self.connection, self.timeout)
        except BaseException:
            self._let_wait(True)
            raise
        self.connection.stamp = None
        if not self.has_its_log:  # since it was looked at, a moment ago
            raise self._log_error("nothing was kept, write it again")
        self._changes = self.connection.total_changes

    def _let_wait(self, waits: bool) -> None:
        """Say whether SQLite waits for other programs; between changes that follow each other it is not told anew."""
        if waits is not self._waits:
            self._waits = False  # if Ctrl-C comes right behind the statement, it is told once more
            self.connection.execute(f"PRAGMA busy_timeout = {round(1000 * self.timeout) if waits else 0}")
            self._waits = waits

    def _log_error(self, remedy: str) -> StorageError:
        self.look_again = 0.0
        return StorageError(f"catalog '{self.path}': another program took its write-ahead log away; {remedy}")

    @property
    def has_its_log(self) -> bool:
        """Whether the write-ahead log that was opened is still the catalog's; what is written to another one is lost.

        SQLite deletes it when the last program closes the catalog, but takes itself for the last one if the locks of
        this process were dropped, as closing any descriptor of the file does. From Python 3.12 on no localcat lets it
        (see `connect_as`), and one takes a log away only when nobody reads or writes.
        """
        return self._log is None or self._log == self._identity_of_log()

    def _identity_of_log(self) -> tuple[int, int] | None:
        return identity_of(journal.sidecar(self.path, "wal"))

    def commit(self) -> None:
        """Commit it, when nobody reads."""
        if not self.has_wal:
            self.locks.exclude(self.timeout)
        if self.identity is not None and self.identity != identity_of(self.path):
            raise StorageError(
                f"catalog '{self.path}' was moved, deleted or replaced by another file while something was written; "
                "nothing was kept, write it again"
            )
        try:
            self.connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if self._waits or not is_busy(error):
                raise
            self._let_wait(True)  # another program reads
            self.connection.execute("COMMIT")
        self.connection.commit_stamp()

    @contextmanager
    def nested(self, outer: Transaction) -> Iterator[Transaction]:
        """Run a block as a part of the running transaction, which may fail by itself."""
        self.require_running()
        self.spill_if_large()
        self._execute("SAVEPOINT nested")
        inner = self.transaction = Transaction(self)
        stamp = self.connection.stamp
        try:
            yield inner
        except BaseException:
            self.transaction = outer
            self.connection.stamp = stamp
            if outer.is_of_parent:
                raise
            if self.connection.in_transaction:  # SQLite itself ends all of it when the disk is full, for one
                self._execute("ROLLBACK TO nested")
                self._execute("RELEASE nested")
            for undo in reversed(inner.on_rollback):
                undo()
            raise
        self.transaction = outer
        if outer.is_of_parent:
            return
        outer.on_commit += inner.on_commit  # first: whatever comes behind the RELEASE, they are the outer one's then
        outer.on_rollback += inner.on_rollback
        self._execute("RELEASE nested")

    def require_running(self) -> None:
        """Refuse to go on in a transaction that SQLite has ended: what followed would be written by itself."""
        if not self.connection.in_transaction:
            raise StorageError(
                f"catalog '{self.path}': the disk was full or failed, and the whole transaction was rolled back; leave "
                "its block, make sure of the disk, and start it again"
            )

    def roll_back(self) -> None:
        """End the transaction without its changes, unless SQLite has done so."""
        if self.connection.in_transaction:
            self._execute("ROLLBACK")

    def _execute(self, statement: str) -> None:
        with sqlite_errors(self.path):
            self.connection.execute(statement)

    def spill_if_large(self) -> None:
        """Let the pages of a transaction go into the file if it has made so many changes that they take much memory."""
        if self.transaction is not None and self.connection.total_changes - self._changes > _MANY_CHANGES:
            self.spill()

    def spill(self) -> None:
        """Let the pages that a transaction changes go into the file before its end, and keep readers out for that."""
        self._let_wait(True)
        if not (self.has_wal or self._is_spilling):
            self.locks.exclude(self.timeout)
            self.connection.execute(f"PRAGMA {SPILLS_PAGES}")
            self._is_spilling = True

    def end(self) -> None:
        """Let others in again; in a process that was forked inside the transaction this does nothing."""
        if self.pid != os.getpid():
            return
        if self._is_spilling:
            self._is_spilling = False
            with suppress(sqlite3.Error):  # a connection that failed is of no use any more
                self.connection.execute(f"PRAGMA {KEEPS_PAGES}")
        self.locks.end()

    def _free(self) -> None:
        self.connection.close()
        if self.beside is not None:
            self.beside.close()
        self.locks.close()

    def require_own_task(self) -> None:
        """Refuse a call of another asyncio task of this thread than the one whose transaction is running.

        Raises
        ------
        ConflictError
            If it is another one.
        """
        if self.transaction is not None and self.transaction.task is not current_task():
            raise ConflictError(
                f"another task of this thread is inside a transaction of catalog '{self.path}'; await its end, or call "
                "from a thread of its own, as asyncio.to_thread does"
            )

    def close(self, until: float | None = None) -> None:
        """Close the connection: at once if no other thread is inside, else by that thread when it leaves.

        Parameters
        ----------
        until : float, optional
            Wait for the other thread till then, by `time.monotonic`.
        """
        if self.pid != self._getpid():
            never_free((self.connection, self.beside))
            return
        self._is_closed = True
        left = 0.0 if until is None else max(until - time.monotonic(), 0.0)
        if self._lock.acquire(timeout=left):  # a lock of a thread itself is no obstacle: it may close what it uses
            self._free()
            self._lock.release()

    def __del__(self) -> None:
        if self.pid == self._getpid():
            self._free()  # nobody is inside any more
        else:
            never_free((self.connection, self.beside))


def current_task() -> Any:
    """Return the asyncio task that is running in this thread, None outside of an event loop."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        return asyncio.current_task()
    except RuntimeError:  # no loop runs in this thread
        return None
