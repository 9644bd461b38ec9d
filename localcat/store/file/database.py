"""One catalog file: its connections, one a thread and process, and its transactions.

Every write is one ``BEGIN IMMEDIATE`` transaction: a deferred one that turns into a write later fails when another
program wrote in between. The journal is a rollback journal with ``synchronous = EXTRA``, so that at rest the catalog is
one file and a commit, with what it deleted, is on the disk when it returns.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from time import monotonic
from typing import Any

from localcat.disk.filesystem import file_system_of
from localcat.disk.locks import Locks
from localcat.disk.ownership import lock_folder_of
from localcat.disk.risks import warn_of_risks
from localcat.disk.system import identity_of
from localcat.errors import (
    BadRequestError,
    CatalogClosedError,
    CatalogExistsError,
    CatalogLockedError,
    CatalogNotFoundError,
    ReadOnlyCatalogError,
    ReadOnlyCatalogWarning,
    UntrustedCatalogError,
    warn_caller,
)
from localcat.store.asking import views
from localcat.store.file import journal, schema
from localcat.store.file.answering import Params, answer, values_of
from localcat.store.file.connection import (
    QUERY_SECONDS,
    SPILLS_PAGES,
    Mode,
    OpenOptions,
    StampedConnection,
    connect,
    connect_as,
)
from localcat.store.file.creating import create, prepare_default
from localcat.store.file.faults import sqlite_errors
from localcat.store.file.migrate import migrate
from localcat.store.file.pending import Pending
from localcat.store.file.tinkering import ReadingConnection, WritingConnection
from localcat.store.file.transaction import Session, Transaction
from localcat.store.file.trust import check_content, check_schema

_LOOK_SECONDS = 0.05  # between two looks of reads at whether the file is the same; a look takes as long as a read
_CLOSING_SECONDS = 10.0  # that `close` waits for the calls of other threads


class Database:
    """A catalog file.

    Parameters
    ----------
    path : Path
        The file. It is made by `create`, or at the first write when `settings` are given.
    options : OpenOptions
        How it is opened.
    durable : bool
        False skips all fsyncs; for catalogs that are thrown away.
    settings : dict, optional
        What to write into a new catalog's table ``meta``. While the file is missing, reads find an empty catalog.
    versions : Migrations, optional
        The schema versions that are known; those of `schema.migrations` when left out.
    copy : Path, optional
        A copy of the file that nobody changes, which SQLite reads in its place.
    backports : collection of str
        The releases of SQLite before `journal.FIRST_SAFE` with which a write-ahead log is safe too.
    """

    def __init__(
        self,
        path: Path,
        *,
        options: OpenOptions | None = None,
        durable: bool = True,
        settings: dict[str, str] | None = None,
        versions: schema.Migrations | None = None,
        copy: Path | None = None,
        backports: Collection[str] = journal.BACKPORTS,
    ) -> None:
        self.path = path
        self._file = copy or path
        self.options = options or OpenOptions()
        self.durable = durable
        self._backports = backports
        self._has_wal = False  # a write-ahead log, if it is known here
        self._is_checked = False  # as a whole, where it is not trusted
        self._is_writable = True  # as far as its location is concerned
        self.why_forbidden: Callable[[], str | None] = lambda: None  # asked in each write, or before it
        self._is_forbidden = False
        self._allowed = 0  # the generation whose file was written to, so that it may be asked inside
        self.before_opening: Callable[[], None] = lambda: None  # and before the file is made; may refuse it
        self.generation = 0  # counts the files that were opened under the name
        self.unread = Pending()
        self._identity: tuple[int, int] | None = None
        self._was_there = False  # the file, at any time since this was made
        self._new_settings = settings
        self._versions = schema.migrations() if versions is None else versions
        self._local = threading.local()
        self._sessions: weakref.WeakSet[Session] = weakref.WeakSet()
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
        schema.check_sqlite()
        create(self.path, self.options, self._new_settings or {}, self._versions, durable=self.durable)
        self._was_there = True

    def settings(self) -> dict[str, str]:
        """Return the catalog's own settings: schema_version, namespace, org, user, uuid, created."""
        with self.read() as connection:
            return schema.read_settings(connection, self.path, len(self._versions))

    def close(self) -> None:
        """Close the connections of all threads. Closing twice is allowed.

        Calls that are running in other threads are waited for, ten seconds at most; what takes longer closes its
        connection itself when it ends.
        """
        self.unread.finish(self.read)
        self._closed = True
        until = monotonic() + _CLOSING_SECONDS
        for session in list(self._sessions):
            session.close(until)
        has_log = self._has_wal or journal.has_log(self.path)  # another program may have begun one
        if has_log and not self.read_only and self._pid == os.getpid():
            self._has_wal = False
            self._leave_wal()
        self._local = threading.local()

    def _leave_wal(self) -> None:
        locks = self._locks()
        try:
            with locks.alone(0.0), closing(connect(self.path, "rw", OpenOptions(timeout=0))) as connection:
                journal.leave_wal(connection)
        except (sqlite3.Error, CatalogLockedError):  # another program uses it, and leaves it as the last one
            pass
        finally:
            locks.close()

    # Reading and writing

    def read(self) -> AbstractContextManager[sqlite3.Connection]:
        """Give the thread's connection for reading; errors inside cross as ours."""
        session = self._session()
        return self._read_in_time(session) if session.clock.is_limited else session

    @contextmanager
    def _read_in_time(self, session: Session) -> Iterator[sqlite3.Connection]:
        with session as connection, session.clock.running():
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Give the thread's connection, seeing one state of the catalog throughout the block."""
        session = self._session()
        with session as connection, session.clock.running():
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def still(self) -> Iterator[tuple[sqlite3.Connection, bool]]:
        """As `snapshot`, but nobody writes during the block, if that can be had: whether it can is given, too."""
        session = self._session()
        with session as connection:
            if connection.in_transaction:
                yield connection, self.in_transaction
                return
            is_still = not self.read_only and self._keeps_others_out(session)
            try:
                if not is_still:
                    connection.execute("BEGIN")
                yield connection, is_still
            finally:
                connection.rollback()  # of nothing; unless SQLite did it, after an error of the disk
                session.end()

    def _keeps_others_out(self, session: Session) -> bool:
        """Begin a transaction that writes, unless another program writes for long, or the disk can only be read."""
        try:
            session.begin()
        except (CatalogLockedError, sqlite3.OperationalError):
            session.end()
            return False
        return True

    def select(self, query: str, params: Params, *, seconds: float | None = None) -> list[dict[str, Any]]:
        """Answer a query of a user's own; anything but reading is refused while it is prepared.

        Parameters
        ----------
        query : str
            SQL.
        params : sequence or mapping
            Its parameters: the values of ``?``, or those of ``:name`` by name.
        seconds : float, optional
            How long it may take; None for the limit of the catalog, which is none where it is trusted.

        Raises
        ------
        QueryError
            If it does anything but read, or SQLite cannot answer it.
        QueryTimeoutError
            If it takes longer.
        """
        values = values_of(params)
        session = self._session()
        with session:
            return answer(session, self.options, query, values, seconds)

    @contextmanager
    def separate(self, *, alone: bool = False) -> Iterator[sqlite3.Connection]:
        """Give a connection for the block alone, beside the thread's: for what cannot run inside a transaction.

        While the block lasts nobody commits; with `alone` nobody else reads, either, and it may write.
        """
        self.require_file()
        session = self._session()
        with sqlite_errors(self.path), ExitStack() as stack:
            if not session.locks.is_alone:  # else this thread keeps everybody out already
                locks = self._locks()
                stack.callback(locks.close)
                seconds = self.options.seconds
                stack.enter_context(locks.alone(seconds) if alone else locks.shared(seconds))
            mode: Mode = "rw" if alone else self._mode()
            connection = connect(self._file, mode, self.options, durable=self.durable)
            stack.callback(connection.close)
            if alone:
                connection.execute(f"PRAGMA {SPILLS_PAGES}")
            yield connection

    def write(self, *, creates: bool = False) -> AbstractContextManager[Transaction]:
        """Run a block as one transaction, all or nothing; inside another one it is a savepoint of that.

        Parameters
        ----------
        creates : bool
            Whether the block adds something, for which a default catalog that is not there yet is made.

        Raises
        ------
        CatalogNotFoundError
            If there is no file, and nothing is to be made.
        ReadOnlyCatalogError
            If the catalog is open for reading only.
        CatalogLockedError
            If another program holds the catalog for longer than the timeout.
        CommitUnknownError
            If the last step failed in a way that leaves the outcome open.
        """
        return self._transaction(sqlite_errors(self.path), creates)

    def transaction(self, *, creates: bool = False) -> AbstractContextManager[Transaction]:
        """As `write`, for a block that runs a user's code: errors of its own leave it as they are."""
        return self._transaction(nullcontext(), creates)

    @contextmanager
    def _transaction(self, inside: AbstractContextManager[object], creates: bool) -> Iterator[Transaction]:
        session = self._writing_session(creates=creates)
        if session.transaction is not None:
            with session.nested(session.transaction) as inner, inside:
                yield inner
            return
        is_known = self._allowed == self.generation
        if not is_known:
            self._require_allowed()
        if session.is_read_only and not self.read_only:  # what was forbidden no longer is
            session = self._session(writes=True)
        self.unread.finish(self.read)  # much of it may be left: others need not wait for that
        with session.running(self._lock()) as transaction:
            if is_known:  # once more, without locks of its own; a file that is forbidden first gets none at all
                self._require_allowed()
            self._allowed = self.generation
            self.unread.read(transaction.connection)  # what other threads found since
            with inside:
                yield transaction

    def require_writable(self, *, creates: bool = False) -> None:
        """Refuse what `write` refuses at its beginning; with `creates` a catalog that is missing is made.

        Raises
        ------
        ReadOnlyCatalogError
            If the catalog can only be read.
        """
        if self._writing_session(creates=creates).transaction is None:
            self._require_allowed()

    def _writing_session(self, *, creates: bool) -> Session:
        """Return the thread's connection to the file of the name as it is now, if its location can be written to."""
        self._require_writing()
        if creates:
            self._create_if_missing()
        else:
            self.require_file()
        session = self._session(writes=True)
        self._require_writing()  # only the first open finds out whether the location can be written to
        return session

    def _require_allowed(self) -> None:
        if (why := self.check_forbidden()) is not None:
            self._allowed = 0
            raise ReadOnlyCatalogError(why)

    @contextmanager
    def lent(self) -> Iterator[WritingConnection]:
        """Give a connection of its own for a user's code inside one transaction, while nobody else reads or writes.

        Before it is committed, the schema is looked at: a catalog that localcat refused to open would be of no use.
        """
        self._require_writing()
        if self.in_transaction:
            raise BadRequestError("the file is not changed by hand inside a transaction; do it before or after it")
        identity = self._session().identity
        self.require_file()
        self._require_allowed()
        with sqlite_errors(self.path):
            connection = connect_as(WritingConnection, self.path, "rw", self.options, durable=self.durable)
        session = Session(connection, self.path, self._locks(), timeout=self.options.seconds, identity=identity)
        try:
            with session.running(self._lock()) as transaction:
                self.unread.read(connection)
                transaction.expect_much()
                with connection.lent(self.path):
                    yield connection
                session.require_running()
                self._check_changed_by_hand(connection)
        finally:
            session.close()

    def _check_changed_by_hand(self, connection: sqlite3.Connection) -> None:
        try:
            with sqlite_errors(self.path):
                check_schema(connection, self.path, self._versions)
        except UntrustedCatalogError as error:
            what, _, _ = str(error).rpartition("; ")  # without its remedy, since nothing has happened yet
            raise BadRequestError(
                f"nothing was changed, since localcat would refuse the file afterwards: {what}"
            ) from error

    def reading_connection(self) -> ReadingConnection:
        """Return a connection of its own for a user's code, which reads."""
        self._session()  # refuses a catalog that is closed
        self.require_file()
        mode: Mode = "immutable" if self._mode() == "immutable" else "ro"
        locks = self._locks()
        with sqlite_errors(self.path), locks.shared(self.options.seconds):
            connection = connect_as(ReadingConnection, self._file, mode, self.options, durable=self.durable)
            views.make(connection)
        connection.guard(locks, self.options.seconds)
        return connection

    # Connections

    def _session(self, *, writes: bool = False) -> Session:
        """Return the thread's connection; a write goes into the file of the name, whenever that was looked at last."""
        if self._closed:
            raise CatalogClosedError(f"catalog '{self.path}' is closed; open it again")
        session: Session | None = getattr(self._local, "session", None)
        if session is not None and session.pid == os.getpid():
            if session.transaction is not None:
                session.require_own_task()
                return session
            is_fresh = not writes and session.identity is not None and monotonic() < session.look_again
            if session.depth or (is_fresh and session.has_its_log) or self._is_current(session, writes=writes):
                return session
        if session is not None:
            self._local.session = None  # also if no other can be opened
            session.close()  # kept aside and not closed if it is of the parent process
        with sqlite_errors(self.path):
            session = self._open()
        self._local.session = session
        self._sessions.add(session)
        self._close_if_closed(session)
        return session

    def _close_if_closed(self, session: Session) -> None:
        """Close a connection that was being opened while another thread closed the catalog, and did not see it."""
        if self._closed:
            session.close()

    def _is_current(self, session: Session, *, writes: bool) -> bool:
        """Return whether a connection is to the file of the catalog's name, and may do what is allowed by now."""
        session.look_again = monotonic() + _LOOK_SECONDS
        if not writes:  # who writes looks at the locks when it has them
            session.locks.look()
        is_same = session.identity == identity_of(self.path) and session.has_its_log
        is_same = is_same and (session.has_wal or not journal.has_log(self.path))  # which was begun meanwhile
        return is_same and not (session.is_read_only and not self.read_only)

    def _open(self) -> Session:
        self.before_opening()
        schema.check_sqlite()
        identity = identity_of(self.path)
        if identity is None:
            if self._was_there:
                raise CatalogNotFoundError(
                    f"catalog '{self.path}' was moved, renamed or deleted while it was open; put it back, or open it "
                    "where it is now"
                )
            if self._new_settings is None:
                raise CatalogNotFoundError(f"there is no catalog at '{self.path}'; Catalog.create makes one")
            connection = connect(self.path, "memory", self.options)
            schema.create(connection, self._new_settings, self._versions)
            return Session(connection, self.path, Locks(self.path, None), timeout=0.0, identity=None)
        self._check_location()
        journal.check_leftovers(self.path, trusted=self.options.trusted or self._is_checked)
        locks = self._locks()
        connection, has_wal = self._connect_checked(locks)
        self._is_checked = self._was_there = True
        if identity != self._identity:
            self._identity = identity
            self.generation += 1
        return Session(
            connection,
            self.path,
            locks,
            timeout=self.options.seconds,
            identity=identity,
            is_read_only=self.read_only,
            has_wal=has_wal,
            query_seconds=None if self.options.trusted else QUERY_SECONDS,
        )

    def _locks(self) -> Locks:
        """Return locks for a new connection; none in a folder that is a link, where the catalog is not trusted."""
        folder = lock_folder_of(self.path)
        return Locks(self.path, folder if self.options.trusted or not folder.is_symlink() else None)

    def _check_location(self) -> None:
        """Warn once if the file can only be read, or is on a file system with weak locks."""
        was_writable = self._is_writable
        self._is_writable = self._can_be_written()
        if self.options.read_only:
            return
        if was_writable and not self._is_writable:
            warn_caller(
                ReadOnlyCatalogWarning(
                    f"catalog '{self.path}' is where nothing can be written and was opened for reading; copy it, "
                    "with its data folder, to a writable folder to change it, or pass read_only=True"
                )
            )
        elif self._is_writable and self.durable:
            warn_of_risks(self.path)

    def _can_be_written(self) -> bool:
        return os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)

    def _connect_checked(self, locks: Locks) -> tuple[StampedConnection, bool]:
        """Open a connection to a file that is a catalog of this version, with the schema that localcat makes.

        It comes with whether the file has a write-ahead log.
        """
        options, mode = self.options, self._mode()
        try:
            with ExitStack() as stack:
                with locks.shared(options.seconds):
                    connection = connect(self._file, mode, options, durable=self.durable)
                    stack.callback(connection.close)
                    is_older = self._is_older(connection)
                if is_older:
                    with locks.alone(options.seconds):
                        migrate(
                            self.path, lambda path: connect(path, "rw", options, durable=self.durable), self._versions
                        )
                with locks.shared(options.seconds):
                    check_schema(connection, self.path, self._versions)
                    if not (options.trusted or self._is_checked):
                        check_content(connection, self.path)
                    has_wal = connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
                if options.journal == "wal" and not options.read_only:
                    journal.require_wal(self.path, is_writable=self._is_writable, backports=self._backports)
                    with nullcontext() if has_wal else locks.alone(options.seconds):
                        journal.enter_wal(connection, options.seconds)
                    has_wal = True
                self._has_wal = self._has_wal or has_wal
                stack.pop_all()
                return connection, has_wal
        except sqlite3.Error as error:
            known = None
            if self.read_only:
                known = journal.explain_read_only(self.path, error, is_writable=self._is_writable)
            if known is None:
                raise
            raise known from error

    def _mode(self) -> Mode:
        if not self.read_only:
            return "rw"
        if self._file != self.path:
            return "immutable"
        # A write-ahead log needs files beside the catalog, even for reading; where nothing can change, it does not.
        is_still = not self._is_writable and journal.is_wal(self.path) and not journal.leftovers(self.path)
        return "immutable" if is_still and file_system_of(self.path).is_read_only else "ro"

    def _is_older(self, connection: sqlite3.Connection) -> bool:
        """Refuse a file that is not a catalog or a newer one; return whether its schema is to be brought up to date."""
        version = schema.read_settings(connection, self.path, len(self._versions))[schema.VERSION_KEY]
        is_older = int(version) != len(self._versions)
        if is_older and self.read_only:
            raise ReadOnlyCatalogError(
                f"catalog '{self.path}' has schema version {version} and must be brought to {len(self._versions)} "
                "once; open it without read_only=True, or copy it to a writable folder"
            )
        return is_older

    @property
    def read_only(self) -> bool:
        """Whether writes are refused: by choice, or because its location can only be read."""
        return self.options.read_only or not self._is_writable or self._is_forbidden

    def _require_writing(self) -> None:
        if self.options.read_only:
            why = f"catalog '{self.path}' is open for reading only; open it without read_only=True"
            raise ReadOnlyCatalogError(self.why_forbidden() or why)
        if not self._is_writable:
            self._is_writable = self._can_be_written()  # a disk may have become writable since it was looked at
        if not self._is_writable:
            raise ReadOnlyCatalogError(
                f"catalog '{self.path}' is where nothing can be written; copy it, with its data folder, to a "
                "writable folder to change it"
            )

    def check_forbidden(self) -> str | None:
        """Find out, again each time, whether something outside of the file forbids writing; return what."""
        why = self.why_forbidden()
        self._is_forbidden = why is not None
        return why

    @property
    def is_missing(self) -> bool:
        """Whether this is a default catalog that nothing was saved in yet: reads find it empty."""
        return self._new_settings is not None and not self._was_there and not self.path.exists()

    def require_file(self) -> None:
        """Refuse a default catalog that is not there yet: there is nothing to keep in order."""
        if self.is_missing:
            raise CatalogNotFoundError(f"there is no catalog at '{self.path}' yet; save an object first")

    def _create_if_missing(self) -> None:
        if self.is_missing:
            self.before_opening()
            prepare_default(self.path)
            with suppress(CatalogExistsError):  # another program or thread was faster; its catalog is as good
                self.create()

    @property
    def in_transaction(self) -> bool:
        """Whether the calling thread is inside `write`."""
        session: Session | None = getattr(self._local, "session", None)
        return session is not None and session.pid == os.getpid() and session.transaction is not None

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Let one thread of this process write at a time; SQLite's own lock does the same among processes."""
        if self._pid != os.getpid():  # after a fork the lock may be held by a thread that does not exist here
            self._write_lock, self._pid = threading.RLock(), os.getpid()
        lock = self._write_lock
        if not lock.acquire(timeout=self.options.seconds):
            raise CatalogLockedError(
                f"catalog '{self.path}' is in use by another thread for more than {self.options.seconds:g} seconds; "
                "try again later, or open it with a longer timeout"
            )
        try:
            yield
        finally:
            if lock is self._write_lock:  # else this is a child, forked inside the block
                lock.release()
