"""One catalog file: its connections, one a thread and process, and its transactions.

Every write is one ``BEGIN IMMEDIATE`` transaction: a deferred one that turns into a write later fails when another
program wrote in between. The journal is a rollback journal with ``synchronous = EXTRA``, so that at rest the catalog is
one file and a commit, with what it deleted, is on the disk when it returns.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import uuid
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcat.errors import (
    CatalogError,
    CatalogExistsError,
    CatalogNotFoundError,
    CommitUnknownError,
    ReadOnlyCatalogError,
    StorageError,
)
from localcat.expressions.evaluate import like_matches
from localcat.filesystem import sync_folder
from localcat.steps import reached
from localcat.store import schema
from localcat.store.faults import sqlite_errors
from localcat.store.migrate import migrate
from localcat.store.trust import check_journal, check_schema
from localcat.timestamps import iso_text, now_microseconds

WRITER_TIMEOUT = 60.0  # seconds that a write waits for other programs
CACHE_KIB = 32_000  # of pages that a connection keeps; taken as they are read
READER_TIMEOUT = 10.0  # seconds that a read waits

_READING = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)

_checked_sqlite = False
_orphans: list[sqlite3.Connection] = []  # connections of a parent process: a fork must not even close them


@dataclass(slots=True)
class Transaction:
    """A running write.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside ``BEGIN IMMEDIATE``.
    on_commit, on_rollback : list of callable
        Called without arguments after the outermost transaction ended so, in order and in reverse order. Neither is
        called where a COMMIT left the outcome open, or Ctrl-C came right behind it.
    is_closing : bool
        Whether its COMMIT has begun.
    """

    connection: sqlite3.Connection
    is_closing: bool = False
    on_commit: list[Callable[[], None]] = field(default_factory=list)
    on_rollback: list[Callable[[], None]] = field(default_factory=list)


class _Session:
    """The connection of one thread, and the transaction it is in."""

    _getpid = staticmethod(os.getpid)  # __del__ may run when Python, ending, has taken away the names of modules

    def __init__(self, connection: sqlite3.Connection, *, is_placeholder: bool) -> None:
        self.connection = connection
        self.pid = os.getpid()
        self.is_placeholder = is_placeholder
        self.transaction: Transaction | None = None

    def close(self) -> None:
        if self.pid == self._getpid():
            self.connection.close()
        else:
            _orphans.append(self.connection)

    def __del__(self) -> None:
        self.close()


class Database:
    """A catalog file.

    Parameters
    ----------
    path : Path
        The file. It is made by `create`, or at the first write when `settings` are given.
    read_only : bool
        Refuse every write.
    durable : bool
        False skips all fsyncs; for catalogs that are thrown away.
    settings : dict, optional
        What to write into a new catalog's table ``meta``. While the file is missing, reads find an empty catalog.
    versions : Migrations, optional
        The schema versions that are known; those of `schema.migrations` when left out.
    """

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        durable: bool = True,
        settings: dict[str, str] | None = None,
        versions: schema.Migrations | None = None,
    ) -> None:
        self.path = path
        self.read_only = read_only
        self.durable = durable
        self._new_settings = settings
        self._versions = schema.migrations() if versions is None else versions
        self._local = threading.local()
        self._sessions: weakref.WeakSet[_Session] = weakref.WeakSet()
        self._write_lock = threading.RLock()
        self._pid = os.getpid()
        self._closed = False

    # Opening and closing

    def create(self) -> None:
        """Write a new, empty catalog file.

        Raises
        ------
        CatalogExistsError
            If something is already at the path.
        StorageError
            If the file cannot be written.
        """
        # The catalog is written under another name and linked into place, so that a crash leaves no half catalog and of
        # two programs that create it at once exactly one succeeds.
        _check_sqlite_once()
        temporary = self.path.with_name(f".{self.path.name}.{uuid.uuid4().hex}.tmp")
        try:
            with sqlite_errors(self.path):
                connection = self._connect(temporary, "rwc")
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    schema.create(connection, self._new_settings or {}, self._versions)
                    connection.execute("COMMIT")
                finally:
                    connection.close()
            reached("catalog written")
            _publish(temporary, self.path, durable=self.durable)
        finally:
            temporary.unlink(missing_ok=True)

    def settings(self) -> dict[str, str]:
        """Return the catalog's own settings: schema_version, namespace, org, user, uuid, created."""
        with self.read() as connection:
            return schema.read_settings(connection, self.path, len(self._versions))

    def close(self) -> None:
        """Close the connections of all threads. Closing twice is allowed."""
        self._closed = True
        for session in list(self._sessions):
            session.close()
        self._local = threading.local()

    # Reading and writing

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Give the thread's connection for reading; errors inside cross as ours."""
        session = self._session()
        with sqlite_errors(self.path):
            yield session.connection

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Give the thread's connection, seeing one state of the catalog throughout the block."""
        session = self._session()
        with sqlite_errors(self.path):
            if session.connection.in_transaction:
                yield session.connection
                return
            session.connection.execute("BEGIN")
            try:
                yield session.connection
            finally:
                session.connection.execute("ROLLBACK")

    def select(self, query: str, params: Sequence[Any]) -> list[dict[str, Any]]:
        """Answer a query of a user's own; anything but reading is refused while it is prepared.

        Raises
        ------
        QueryError
            If it does anything but read, or SQLite cannot answer it.
        """
        with self.read() as connection:
            connection.set_authorizer(_only_reading)
            try:
                cursor = connection.execute(query, tuple(params))
                names = [column[0] for column in cursor.description or ()]
                return [dict(zip(names, row, strict=True)) for row in cursor]
            finally:
                connection.set_authorizer(None)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Run a block as one transaction, all or nothing; inside another one it is a savepoint of that.

        Raises
        ------
        ReadOnlyCatalogError
            If the catalog is open for reading only.
        CatalogLockedError
            If another program holds the catalog for longer than the timeout.
        CommitUnknownError
            If the last step failed in a way that leaves the outcome open.
        """
        if self.read_only:
            raise ReadOnlyCatalogError(
                f"catalog '{self.path}' is open for reading only; open it without read_only=True"
            )
        self._create_if_missing()
        session = self._session()
        if session.transaction is not None:
            with sqlite_errors(self.path):
                yield from self._nested(session, session.transaction)
            return
        transaction = Transaction(session.connection)
        with self._lock(), sqlite_errors(self.path):
            try:
                session.connection.execute("BEGIN IMMEDIATE")  # in here, since Ctrl-C may come right behind it
                session.transaction = transaction
                reached("transaction begun")
                yield transaction
                self._require_running(session.connection)
                transaction.is_closing = True
                self._commit(session.connection)
            except CommitUnknownError:
                raise  # nothing is undone: the change may well be in the file, and need what it refers to
            except BaseException:
                if transaction.is_closing and not session.connection.in_transaction:
                    raise  # Ctrl-C came while it was committed, and it was: nothing is undone either
                self._roll_back(session.connection)
                for undo in reversed(transaction.on_rollback):
                    undo()
                raise
            finally:
                session.transaction = None
        for follow_up in transaction.on_commit:
            follow_up()

    def _nested(self, session: _Session, outer: Transaction) -> Iterator[Transaction]:
        self._require_running(outer.connection)
        outer.connection.execute("SAVEPOINT nested")
        inner = session.transaction = Transaction(outer.connection)
        try:
            yield inner
        except BaseException:
            session.transaction = outer
            if outer.connection.in_transaction:  # SQLite itself ends all of it when the disk is full, for one
                outer.connection.execute("ROLLBACK TO nested")
                outer.connection.execute("RELEASE nested")
            for undo in reversed(inner.on_rollback):
                undo()
            raise
        session.transaction = outer
        outer.on_commit += inner.on_commit  # first: whatever comes behind the RELEASE, they are the outer one's then
        outer.on_rollback += inner.on_rollback
        outer.connection.execute("RELEASE nested")

    def _require_running(self, connection: sqlite3.Connection) -> None:
        """Refuse to go on in a transaction that SQLite has ended: what followed would be written by itself."""
        if not connection.in_transaction:
            raise StorageError(
                f"catalog '{self.path}': the disk was full or failed, and the whole transaction was rolled back; leave "
                "its block, make sure of the disk, and start it again"
            )

    def _commit(self, connection: sqlite3.Connection) -> None:
        reached("commit due")
        try:
            connection.execute("COMMIT")
            reached("committed")
        except sqlite3.Error as error:
            if connection.in_transaction:  # nothing reached the file; the caller rolls back
                raise
            raise CommitUnknownError(
                f"catalog '{self.path}': the disk failed at the end of a commit ({error}), and whether the change was "
                "kept is unknown; look before repeating it"
            ) from error

    @staticmethod
    def _roll_back(connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")

    # Connections

    def _session(self) -> _Session:
        if self._closed:
            raise CatalogError(f"catalog '{self.path}' is closed; open it again")
        session: _Session | None = getattr(self._local, "session", None)
        if session is not None and session.pid == os.getpid():
            if not (session.is_placeholder and self.path.exists()):
                return session
            session.close()
        elif session is not None:
            session.close()  # of the parent process: kept aside, not closed
        with sqlite_errors(self.path):
            session = self._open()
        self._local.session = session
        self._sessions.add(session)
        return session

    def _open(self) -> _Session:
        _check_sqlite_once()
        if not self.path.exists():
            if self._new_settings is None:
                raise CatalogNotFoundError(f"there is no catalog at '{self.path}'; Catalog.create makes one")
            connection = self._connect(":memory:", "memory")
            schema.create(connection, self._new_settings, self._versions)
            return _Session(connection, is_placeholder=True)
        check_journal(self.path)
        connection = self._connect(self.path, "ro" if self.read_only else "rw")
        try:
            self._check_version(connection)
            check_schema(connection, self.path, self._versions)
        except BaseException:
            connection.close()
            raise
        return _Session(connection, is_placeholder=False)

    def _check_version(self, connection: sqlite3.Connection) -> None:
        """Refuse a file that is no catalog or a newer one, and bring an older one to the present schema."""
        version = schema.read_settings(connection, self.path, len(self._versions))[schema.VERSION_KEY]
        if int(version) == len(self._versions):
            return
        if self.read_only:
            raise ReadOnlyCatalogError(
                f"catalog '{self.path}' has schema version {version} and must be brought to {len(self._versions)} "
                "once; open it without read_only=True, or copy it to a writable place"
            )
        migrate(self.path, lambda path: self._connect(path, "rw"), self._versions)

    def _connect(self, path: Path | str, mode: str) -> sqlite3.Connection:
        uri = f"file:{':memory:' if mode == 'memory' else Path(path).resolve().as_uri()[len('file:') :]}"
        connection = sqlite3.connect(
            f"{uri}?mode={mode}",
            uri=True,
            timeout=READER_TIMEOUT if self.read_only else WRITER_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            for pragma in (
                f"synchronous = {'EXTRA' if self.durable else 'OFF'}",
                "foreign_keys = ON",
                "trusted_schema = OFF",
                "cell_size_check = ON",
                "mmap_size = 0",
                f"cache_size = -{CACHE_KIB}",
                *(() if self.durable else ("journal_mode = MEMORY", "locking_mode = NORMAL")),
            ):
                connection.execute(f"PRAGMA {pragma}")
            connection.create_function("localcat_like", 3, _like, deterministic=True)
        except BaseException:
            connection.close()
            raise
        return connection

    def _create_if_missing(self) -> None:
        if self._new_settings is None or self.path.exists():
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"the folder of catalog '{self.path}' cannot be made: {error.strerror}") from error
        try:
            self.create()
        except CatalogExistsError:
            return  # another program or thread was faster; its catalog is as good

    @property
    def in_transaction(self) -> bool:
        """Whether the calling thread is inside `write`."""
        session: _Session | None = getattr(self._local, "session", None)
        return session is not None and session.pid == os.getpid() and session.transaction is not None

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Let one thread of this process write at a time; SQLite's own lock does the same among processes."""
        if self._pid != os.getpid():  # after a fork the lock may be held by a thread that does not exist here
            self._write_lock, self._pid = threading.RLock(), os.getpid()
        with self._write_lock:
            yield


def new_settings(*, namespace: str, org: str, user: str) -> dict[str, str]:
    """Return the settings of a catalog that is about to be created."""
    return {
        "namespace": namespace,
        "org": org,
        "user": user,
        "uuid": uuid.uuid4().hex,
        "created": iso_text(now_microseconds()),
    }


def _publish(temporary: Path, path: Path, *, durable: bool) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise CatalogExistsError(
            f"'{path}' already exists; open it with Catalog.open, or choose another name"
        ) from None
    except OSError:  # a file system without hard links: claim the name first, then replace the empty claim
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            raise CatalogExistsError(f"'{path}' already exists; open it with Catalog.open") from None
        temporary.replace(path)
    reached("catalog named")
    if durable:
        sync_folder(path.parent)


def _check_sqlite_once() -> None:
    global _checked_sqlite  # a fact about the process, found out once
    if not _checked_sqlite:
        schema.check_sqlite()
        _checked_sqlite = True


def _only_reading(action: int, subject: str | None, *more: str | None) -> int:
    loads_code = action == sqlite3.SQLITE_FUNCTION and "load_extension" in more
    return sqlite3.SQLITE_OK if action in _READING and not loads_code else sqlite3.SQLITE_DENY


def _like(text: object, pattern: str, fold: int) -> int | None:
    return int(like_matches(text, pattern, bool(fold))) if isinstance(text, str) else None
