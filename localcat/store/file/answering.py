"""The answers to a user's own SQL: one SELECT, which can change nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from localcat.errors import CatalogError, QueryError
from localcat.store.asking import functions, spatialite, views
from localcat.store.file.connection import Clock, OpenOptions, connect_by, nothing_outside, only_reading
from localcat.store.file.transaction import Session

Params: TypeAlias = Sequence[Any] | Mapping[str, Any]
"""The values of a query: of its question marks in their order, or of ``:name`` by name."""


def values_of(params: Params) -> dict[str, Any] | tuple[Any, ...]:
    """Return the parameters of a query as SQLite takes them.

    Raises
    ------
    QueryError
        If they are neither a sequence nor a mapping.
    """
    if isinstance(params, str | bytes) or not isinstance(params, Sequence | Mapping):
        raise QueryError(
            f"the parameters of a query are a sequence of values, not {params!r:.100}; pass a list, such as [5]"
        )
    return dict(params) if isinstance(params, Mapping) else tuple(params)


def answer(
    session: Session, options: OpenOptions, query: str, values: Any, seconds: float | None
) -> list[dict[str, Any]]:
    """Answer a query on the connection of a session that is being read with, or on the one with SpatiaLite beside it.

    `Database.select` says what is refused.
    """
    try:
        if not options.spatialite:
            return _rows(session.connection, session.clock, options, query, values, seconds)
        with spatialite.find().errors():
            session.beside = session.beside or _with_spatialite(session, options)
            return _rows(session.beside, Clock(session.beside, None), options, query, values, seconds)
    except sqlite3.OperationalError as error:
        problem = functions.problem()
        if problem is None:
            raise
        raise QueryError(problem) from error


def _rows(
    connection: Any, clock: Clock, options: OpenOptions, query: str, values: Any, seconds: float | None
) -> list[dict[str, Any]]:
    with clock.running(seconds):
        views.make(connection)
        connection.set_authorizer(only_reading)
        try:
            cursor = connection.execute(query, values)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor]
        finally:
            connection.set_authorizer(None if options.trusted else nothing_outside)


def _with_spatialite(session: Session, options: OpenOptions) -> Any:
    found = spatialite.find()
    if session.identity is None:
        raise CatalogError(f"there is no catalog at '{session.path}' yet; save an object first")
    if session.has_wal and found.is_another_sqlite:
        # Each SQLite takes the locks of the process for its own, and would begin the other's shared memory again.
        raise CatalogError(
            f"catalog '{session.path}' has a write-ahead log, which SpatiaLite cannot read beside the SQLite of this "
            "Python; close the programs that opened it with journal='wal', and open it again"
        )
    connection = connect_by(found.module.connect, found.module.Connection, session.path, "ro", options)
    try:
        found.load(connection)
    except BaseException:
        connection.close()
        raise
    return connection
