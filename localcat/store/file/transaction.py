"""Who is inside a connection, and the transaction it is in."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcat.errors import CatalogClosedError, ConflictError
from localcat.forks import never_free
from localcat.store.file.connection import Clock
from localcat.store.file.faults import raise_ours


@dataclass(slots=True)
class Transaction:
    """A running write transaction, given by `Database.write`.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside ``BEGIN IMMEDIATE``.
    on_commit, on_rollback : list of callable
        Called without arguments after the outermost transaction ended so, in order and in reverse order. Neither is
        called where a COMMIT left the outcome open, or Ctrl-C came right behind it; nor in a child process that was
        forked inside the block, which ends nothing of its parent's.
    about : str
        What is changed, put before the message of a commit whose outcome is unknown.
    is_closing : bool
        Whether its COMMIT has begun.
    """

    connection: sqlite3.Connection
    about: str = ""
    is_closing: bool = False
    on_commit: list[Callable[[], None]] = field(default_factory=list)
    on_rollback: list[Callable[[], None]] = field(default_factory=list)
    pid: int = field(default_factory=os.getpid)
    task: Any = field(default_factory=lambda: current_task())

    @property
    def is_of_parent(self) -> bool:
        """Whether this process was forked inside it."""
        return self.pid != os.getpid()


class Session:
    """The connection of one thread, held while a call uses it: nobody closes it under that call.

    Parameters
    ----------
    connection : sqlite3.Connection
        The connection.
    path : Path
        The catalog file, for messages.
    identity : tuple of int, optional
        Device and number of the file that was opened; None for the placeholder of a file that is missing.
    is_read_only : bool
        Whether it was opened for reading only.
    query_seconds : float, optional
        How long a query may take.
    """

    _getpid = staticmethod(os.getpid)  # __del__ may run when Python, ending, has taken away the names of modules

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        *,
        identity: tuple[int, int] | None,
        is_read_only: bool = False,
        query_seconds: float | None = None,
    ) -> None:
        self.connection = connection
        self.path = path
        self.clock = Clock(connection, query_seconds)
        self.pid = os.getpid()
        self.identity = identity
        self.is_read_only = is_read_only
        self.transaction: Transaction | None = None
        self.look_again = 0.0  # when to look at the file next, by time.monotonic
        self.depth = 0  # how many blocks of its thread are inside
        self._lock = threading.RLock()
        self._is_closed = False

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        if self._is_closed and not self.depth:
            self._lock.release()
            raise CatalogClosedError(f"catalog '{self.path}' is closed; open it again")
        self.depth += 1
        return self.connection

    def __exit__(self, *exception: object) -> None:
        self.depth -= 1
        if self._is_closed and not self.depth:
            self.connection.close()
        self._lock.release()

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
            never_free(self.connection)
            return
        self._is_closed = True
        left = 0.0 if until is None else max(until - time.monotonic(), 0.0)
        if self._lock.acquire(timeout=left):  # a lock of a thread itself is no obstacle: it may close what it uses
            self.connection.close()
            self._lock.release()

    def __del__(self) -> None:
        if self.pid == self._getpid():
            self.connection.close()  # nobody is inside any more
        else:
            never_free(self.connection)


class Reading:
    """The connection of a session for a block, whose errors cross as localcat's."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> sqlite3.Connection:
        return self._session.__enter__()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._session.__exit__()
        if error is not None:
            raise_ours(error, self._session.path)


def current_task() -> Any:
    """Return the asyncio task that is running in this thread, None outside of an event loop."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        return asyncio.current_task()
    except RuntimeError:  # no loop runs in this thread
        return None
