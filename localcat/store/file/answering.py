"""The answers to a user's own SQL: one SELECT, which can change nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from localcat.errors import QueryError
from localcat.store.asking import functions, views
from localcat.store.file.connection import Clock, OpenOptions, nothing_outside, only_reading
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
    """Answer a query on the connection of a session that is being read with, or in the process with SpatiaLite.

    `Database.select` says what is refused.
    """
    if options.spatialite:
        from localcat.store.asking import spatialite  # brings subprocess, which other catalogs do not need

        if session.beside is not None and not session.beside.is_running:
            session.beside.close()
            session.beside = None
        if session.beside is None:
            session.beside = spatialite.Process(session.path, options)
        names, rows = session.beside.rows(query, values, seconds)
    else:
        try:
            names, rows = rows_of(session.connection, session.clock, options, query, values, seconds)
        except sqlite3.OperationalError as error:
            problem = functions.problem()
            if problem is None:
                raise
            raise QueryError(problem) from error
    return [dict(zip(names, row, strict=True)) for row in rows]


def rows_of(
    connection: Any, clock: Clock, options: OpenOptions, query: str, values: Any, seconds: float | None
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the names of the columns, and the rows, of a query on a connection of sqlite3 or a module like it."""
    with clock.running(seconds):
        views.make(connection)
        connection.set_authorizer(only_reading)
        try:
            cursor = connection.execute(query, values)
            return [column[0] for column in cursor.description or ()], cursor.fetchall()
        finally:
            connection.set_authorizer(None if options.trusted else nothing_outside)
