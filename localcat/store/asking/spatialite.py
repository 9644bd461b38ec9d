"""SpatiaLite for the SQL of users, in a process of its own; `localcat.store.asking.extension` says why."""

from __future__ import annotations

import builtins
import functools
import pickle
import sqlite3
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from localcat.errors import CatalogError, MissingLibraryError, QueryError

_PROGRAM: Final = """
import os, pickle, sys
answers = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # whatever is printed is no answer
sys.path[:] = pickle.load(sys.stdin.buffer)
from localcat.store.file.spatialite_process import serve
serve(sys.stdin.buffer, answers)
"""
_SECONDS_TO_END: Final = 5.0
_NO_WINDOW: Final[int] = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # on Windows


@dataclass(frozen=True, slots=True)
class Missing:
    """The answer of the process that SpatiaLite is not there, and what to do."""

    message: str


@dataclass(frozen=True, slots=True)
class Found:
    """The answer of the process that SpatiaLite is there.

    Parameters
    ----------
    version : str
        Of SpatiaLite.
    module : str
        The name of the module that loads it.
    """

    version: str
    module: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer of the process that a query failed.

    Parameters
    ----------
    kind : str
        The name of the error's class, of sqlite3 or one that Python has by itself.
    args : tuple
        Its arguments.
    code : int, optional
        The extended result code of SQLite.
    problem : str, optional
        Why a function of ours failed.
    """

    kind: str
    args: tuple[Any, ...]
    code: int | None = None
    problem: str | None = None

    def raised(self) -> Exception:
        """Return the error as this process would have met it."""
        if self.problem is not None:
            return QueryError(self.problem)
        kind: Any = getattr(sqlite3, self.kind, None) or getattr(builtins, self.kind, sqlite3.DatabaseError)
        error: Exception = kind(*self.args)
        if self.code is not None and isinstance(error, sqlite3.Error):
            error.sqlite_errorcode = self.code
        return error


class Process:
    """A process with SpatiaLite, which reads a catalog file and answers queries, one after the other.

    Parameters
    ----------
    path : Path, optional
        The catalog; None only asks what there is.
    options : OpenOptions, optional
        How it is opened.

    Raises
    ------
    MissingLibraryError
        If SpatiaLite is not there.
    """

    def __init__(self, path: Path | None = None, options: Any = None) -> None:
        if not Path(sys.executable or "").stem.lower().startswith(("python", "pypy")):
            raise MissingLibraryError(
                f"SpatiaLite needs a process of Python, and this program is '{sys.executable}'; ask from python itself"
            )
        self._process = subprocess.Popen(  # noqa: S603  # Python itself, and a program of ours
            [sys.executable, "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # SpatiaLite prints there what it also answers
            creationflags=_NO_WINDOW,
        )
        try:
            self._send(sys.path)
            self.found = self._ask((path, options))
        except BaseException:
            self.close()
            raise

    def rows(self, query: str, values: Any, seconds: float | None) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the names of the columns, and the rows, of a query; `Database.select` says what is refused."""
        try:
            question = pickle.dumps((query, values, seconds))
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise QueryError(
                f"a parameter of the query is no value of SQLite: {error}; pass text or a number"
            ) from error
        names, rows = self._ask(question)
        return names, rows

    def _ask(self, question: Any) -> Any:
        try:
            self._send(question)
            answer = pickle.load(self._pipes[1])  # noqa: S301  # what our own process wrote
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
            self.close()
            raise CatalogError("the process with SpatiaLite ended before its answer; ask again, or ask less") from error
        except BaseException:  # as Ctrl-C: the next question would get the answer to this one
            self.close()
            raise
        match answer:
            case Missing(message):
                raise MissingLibraryError(message)
            case Failed():
                raise answer.raised()
            case _:
                return answer

    @property
    def _pipes(self) -> tuple[Any, Any]:
        return self._process.stdin, self._process.stdout

    def _send(self, message: Any) -> None:
        pipe = self._pipes[0]
        pipe.write(message if isinstance(message, bytes) else pickle.dumps(message))
        pipe.flush()

    @property
    def is_running(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process."""
        for pipe in self._pipes:
            with suppress(BrokenPipeError):  # it ended before it read everything
                pipe.close()
        try:
            self._process.wait(_SECONDS_TO_END if self._process.poll() is None else None)
        except subprocess.TimeoutExpired:  # inside a query, or a forked child keeps the pipe
            self._process.kill()
            self._process.wait()


@functools.cache
def find() -> Found:
    """Return which SpatiaLite this machine has.

    Raises
    ------
    MissingLibraryError
        If it is not there, or no module can load it; it says what to install.
    """
    process = Process()
    process.close()
    found: Found = process.found
    return found
