"""The process in which SpatiaLite answers; `localcat.store.asking.spatialite` starts it and asks."""

from __future__ import annotations

import pickle
import signal
import sqlite3
from contextlib import closing
from types import ModuleType
from typing import Any, BinaryIO

from localcat.earth import geometry, wkt  # noqa: F401  # shapely comes before the GEOS below SpatiaLite
from localcat.errors import MissingLibraryError
from localcat.store.asking import extension, functions
from localcat.store.asking.spatialite import Failed, Found, Missing
from localcat.store.file.answering import rows_of
from localcat.store.file.connection import Clock, connect_by


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer until there is no other question: first which SpatiaLite there is, then queries of a catalog."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program that asks
    path, options = pickle.load(questions)  # noqa: S301  # from the program that started this process
    try:
        module, version = extension.find()
    except MissingLibraryError as error:
        _send(answers, Missing(str(error)))
        return
    if path is None:
        _send(answers, Found(version, module.__name__))
        return
    try:
        connection = connect_by(module.connect, module.Connection, path, "ro", options)
        extension.load(module, connection)
    except module.Error as error:
        _send(answers, _failed(error))
        return
    _send(answers, Found(version, module.__name__))
    with closing(connection):
        while True:
            try:
                question = pickle.load(questions)  # noqa: S301  # likewise
            except EOFError:
                return
            _send(answers, _answer(module, connection, options, *question))


def _answer(
    module: ModuleType, connection: Any, options: Any, query: str, values: Any, seconds: float | None
) -> tuple[list[str], list[Any]] | Failed:
    try:
        return rows_of(connection, Clock(connection, None), options, query, values, seconds)
    except (module.Error, sqlite3.Error, UnicodeError, OverflowError, MemoryError, SystemError, ValueError) as error:
        return _failed(error)


def _failed(error: Exception) -> Failed:
    code = getattr(error, "sqlite_errorcode", None)
    args = tuple(argument for argument in error.args if isinstance(argument, str | int | bytes))
    if isinstance(error, UnicodeDecodeError):
        return Failed("UnicodeError", (str(error),))
    kind = type(error).__name__
    return Failed("ProgrammingError" if kind == "InterfaceError" else kind, args, code, functions.problem())


def _send(answers: BinaryIO, message: Any) -> None:
    pickle.dump(message, answers)
    answers.flush()
