"""How a catalog file is opened: the choices of the caller, and the settings of each connection."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeAlias, TypeVar

from localcat.disk.paths import absolute, uri_of
from localcat.disk.peeking import opens_with_sqlite
from localcat.errors import BadRequestError
from localcat.expressions.evaluate import like_matches
from localcat.expressions.json_values import moment_of
from localcat.expressions.terms import run
from localcat.store.asking import functions
from localcat.timestamps import days_of

WRITER_TIMEOUT: Final = 60.0  # seconds that a write waits for other programs
READER_TIMEOUT: Final = 10.0  # seconds that a read waits
QUERY_SECONDS: Final = 30.0  # that a query may take in a catalog that is not trusted
CACHE_KIB: Final = 32_000  # of pages that a connection keeps; taken as they are read
WAL_KEPT: Final = 64 * 2**20  # bytes of the write-ahead log that stay when it begins again

_HAS_FULL_FSYNC: Final = sys.platform == "darwin"  # where fsync stops at the drive's cache
_NO_LIMIT: Final = nullcontext()
_STEPS_BETWEEN_LOOKS: Final = 20_000  # of SQLite's virtual machine; less than a millisecond
_LIMITS: Final = {  # in a catalog that is not trusted
    sqlite3.SQLITE_LIMIT_LENGTH: 256 * 2**20,  # bytes of one value
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 10_000,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 1000,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 500,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 10,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}

Mode: TypeAlias = Literal["ro", "rw", "rwc", "memory", "immutable"]
Journal: TypeAlias = Literal["delete", "wal"]


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """How a catalog file is opened.

    Parameters
    ----------
    read_only : bool
        Refuse every write.
    trusted : bool
        Whether the file is known to come from friends; if not, it is checked as a whole, and bounded in what it may do.
    allowed_roots : tuple of Path, optional
        Folders below which files that are indexed in place are read, if the catalog is not trusted; None for its own.
    journal : str
        ``"delete"``, a rollback journal, or ``"wal"``, a write-ahead log.
    timeout : float, optional
        Seconds to wait for other programs; by default 60 for a catalog that may be written to, else 10.
    spatialite : bool
        Whether the SQL of users may call SpatiaLite's functions; such a catalog is only read.
    keep_history : int, optional
        For how many days the files of what is changed or deleted are kept; by default as the catalog says.
    """

    read_only: bool = False
    trusted: bool = True
    allowed_roots: tuple[Path, ...] | None = None
    journal: Journal = "delete"
    timeout: float | None = None
    spatialite: bool = False
    keep_history: int | None = None

    def __post_init__(self) -> None:
        if self.journal not in ("delete", "wal"):
            raise BadRequestError(f"journal is 'delete' or 'wal', not {self.journal!r}")
        is_number = isinstance(self.timeout, int | float) and not isinstance(self.timeout, bool)
        if self.timeout is not None and not (is_number and 0 <= self.timeout <= 86_400):
            raise BadRequestError(f"timeout is a number of seconds, at most a day, not {self.timeout!r}")
        if self.spatialite and not self.trusted:
            raise BadRequestError("spatialite=True needs a catalog that is trusted, since nothing bounds SpatiaLite")

    @classmethod
    def of(
        cls,
        read_only: bool,
        trusted: bool,
        allowed_roots: Iterable[str | os.PathLike[str]] | None,
        journal: Journal,
        timeout: float | None,
        spatialite: bool = False,
        keep_history: object = None,
    ) -> Self:
        """Return the options that a caller gave, the folders as absolute paths."""
        roots: Any = allowed_roots
        if isinstance(roots, str | bytes | os.PathLike) or not isinstance(roots, Iterable | None):
            raise BadRequestError(f"allowed_roots are several folders, as a list, not {roots!r}")
        resolved = None if roots is None else tuple(absolute(root) for root in roots)
        kept = None if keep_history is None else days_of(keep_history, "keep_history")
        return cls(read_only or spatialite, trusted, resolved, journal, timeout, spatialite, kept)

    @property
    def seconds(self) -> float:
        """How long to wait for other programs."""
        return self.timeout if self.timeout is not None else READER_TIMEOUT if self.read_only else WRITER_TIMEOUT


KEEPS_PAGES: Final = "cache_spill = 2147483647"
"""The PRAGMA that lets no changed page into the file before a commit.

As a number that is never reached: what ON and OFF say comes into force outside of transactions alone, and a large one,
which is told in its midst to spill its pages, would take as much memory as the file.
"""
SPILLS_PAGES: Final = "cache_spill = 1"
"""The PRAGMA that lets changed pages into the file when the cache is full, from now on."""

C = TypeVar("C", bound=sqlite3.Connection)


@dataclass(slots=True)
class Lease:
    """The replica in whose name this process changes a file, and its last transaction that was committed there.

    Parameters
    ----------
    uid : str
        Of the replica, as the table ``replica`` names it; empty if there is none yet, or what it did last is unknown.
    row : int
        Its row there.
    counter : int
        Of that transaction. A file that has another one is not as this process left it.
    """

    uid: str = ""
    row: int = 0
    counter: int = 0


class StampedConnection(sqlite3.Connection):
    """A connection that knows the stamp of its transaction; `localcat.store.stamps` gives it one.

    Parameters
    ----------
    lease : Lease
        That of the process for the file.
    stamp : Lease, optional
        Of the running transaction; None till it changes an object.
    entries_before : int, optional
        The last row of the table ``history`` from before the transaction; None till it writes one.
    keeps_files_days : int, optional
        For how many days the files of what is changed or deleted are kept; None if the catalog says so.
    """

    lease: Lease | None = None
    stamp: Lease | None = None
    entries_before: int | None = None
    keeps_files_days: int | None = None

    def commit_stamp(self) -> None:
        """Remember, after a COMMIT, what this process did last."""
        if self.lease is not None and self.stamp is not None:
            self.lease.uid, self.lease.row, self.lease.counter = self.stamp.uid, self.stamp.row, self.stamp.counter
        self.stamp = None

    def forget_lease(self) -> None:
        """Take another replica for the next change, after a COMMIT whose outcome is unknown."""
        if self.lease is not None and self.stamp is not None:
            self.lease.uid = ""
        self.stamp = None


_leases: dict[tuple[int, tuple[int, int]], Lease] = {}  # by process, since a fork has a name of its own, and by file


def lease_of(identity: tuple[int, int]) -> Lease:
    """Return the lease of this process for a file, given as its device and number."""
    return _leases.setdefault((os.getpid(), identity), Lease())


def connect(path: Path, mode: Mode, options: OpenOptions, *, durable: bool = True) -> StampedConnection:
    """Open a connection as `connect_as` does, which may change objects."""
    connection = connect_as(StampedConnection, path, mode, options, durable=durable)
    connection.keeps_files_days = options.keep_history
    return connection


def connect_as(kind: type[C], path: Path, mode: Mode, options: OpenOptions, *, durable: bool = True) -> C:
    """Open a connection as `connect_by` does, with sqlite3; it leaves a write-ahead log when it is closed."""
    connection = connect_by(sqlite3.connect, kind, path, mode, options, durable=durable)
    if sys.version_info >= (3, 12):  # else SQLite deletes a log that is in use if it takes itself for the last one
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
    return connection


def connect_by(
    module_connect: Callable[..., C],
    kind: type[C],
    path: Path,
    mode: Mode,
    options: OpenOptions,
    *,
    durable: bool = True,
) -> C:
    """Open a connection in autocommit mode.

    Parameters
    ----------
    module_connect : callable
        That of sqlite3, or of a module with the same functions.
    kind : type
        The class of the connection.
    path : Path
        The file; not looked at in the mode ``"memory"``.
    mode : str
        That of SQLite's file names; ``"immutable"`` also takes no locks, for disks on which nothing changes.
    options : OpenOptions
        What the caller chose.
    durable : bool
        False skips all fsyncs.
    """
    name = "file::memory:" if mode == "memory" else uri_of(path)
    connection = module_connect(
        f"{name}?{'mode=ro&immutable=1' if mode == 'immutable' else f'mode={mode}'}",
        uri=True,
        timeout=options.seconds,
        isolation_level=None,
        check_same_thread=False,
        factory=kind,
    )
    try:
        for pragma in (
            f"synchronous = {'EXTRA' if durable else 'OFF'}",  # with a write-ahead log, EXTRA means FULL
            *(("fullfsync = ON", "checkpoint_fullfsync = ON") if durable and _HAS_FULL_FSYNC else ()),
            "foreign_keys = ON",
            "trusted_schema = OFF",
            "cell_size_check = ON",
            "mmap_size = 0",
            f"cache_size = -{CACHE_KIB}",
            KEEPS_PAGES,  # a journal in use looks like that of a crash once a page of it is in the file
            *(() if durable else ("journal_mode = MEMORY", "locking_mode = NORMAL")),
            *(("temp_store = MEMORY",) if not options.trusted else ()),
            *((f"journal_size_limit = {WAL_KEPT}",) if options.journal == "wal" else ()),
        ):
            connection.execute(f"PRAGMA {pragma}")
        if mode == "rwc":
            opens_with_sqlite(path)
        connection.create_function("localcat_like", 3, _like, deterministic=True)
        connection.create_function("localcat_terms", -1, run, deterministic=True)
        connection.create_function("localcat_moment", 1, _moment, deterministic=True)
        functions.register(connection)
        if not options.trusted:
            for limit, most in _LIMITS.items():
                connection.setlimit(limit, most)
            connection.set_authorizer(nothing_outside)
    except BaseException:
        connection.close()
        raise
    return connection


class Clock:
    """The time that a query may take on a connection.

    Parameters
    ----------
    connection : sqlite3.Connection
        Whose queries are stopped.
    seconds : float, optional
        How long each may take; None for as long as it takes.

    Attributes
    ----------
    is_limited : bool
        Whether there is a limit for every query.
    """

    def __init__(self, connection: sqlite3.Connection, seconds: float | None) -> None:
        self._connection = connection
        self._seconds = seconds
        self._is_running = False
        self.is_limited = seconds is not None

    def running(self, seconds: float | None = None) -> AbstractContextManager[None]:
        """Stop what takes longer inside the block; a block around this one that has a limit counts for both."""
        limit = self._seconds if seconds is None else seconds
        return _NO_LIMIT if limit is None or self._is_running else self._running(limit)

    @contextmanager
    def _running(self, limit: float) -> Iterator[None]:
        end = time.monotonic() + limit
        self._is_running = True
        self._connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS_BETWEEN_LOOKS)
        try:
            yield
        finally:
            self._is_running = False
            self._connection.set_progress_handler(None, 0)


def only_reading(action: int, subject: str | None, *more: str | None) -> int:
    """Authorize SELECT and nothing else."""
    is_reading = action in (
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    )
    return nothing_outside(action, subject, *more) if is_reading else sqlite3.SQLITE_DENY


def nothing_outside(action: int, subject: str | None, *more: str | None) -> int:
    """Authorize what stays within the file: no other database, no code to load, no change of the schema's rows."""
    reaches_out = (
        (action == sqlite3.SQLITE_ATTACH and subject != "")  # VACUUM attaches a temporary one, without a name
        or (action == sqlite3.SQLITE_FUNCTION and "load_extension" in more)
        or (action == sqlite3.SQLITE_PRAGMA and subject == "writable_schema")
    )
    return sqlite3.SQLITE_DENY if reaches_out else sqlite3.SQLITE_OK


def _moment(text: object) -> int | None:
    return moment_of(text) if isinstance(text, str) else None


def _like(text: object, pattern: str, ignored: int) -> int | None:
    """Match a pattern in SQL; 1 ignores case, 2 accents, 3 both."""
    if not isinstance(text, str):
        return None
    return int(like_matches(text, pattern, fold=bool(ignored & 1), accents=not ignored & 2))
