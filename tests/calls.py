"""What a call costs, counted: the functions of Python that it runs, and its statements of SQL."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from localcat import Catalog


def calls_of(ask: Callable[[], object]) -> int:
    """Return how many Python functions, generators and comprehensions are entered."""
    entered: list[str] = []

    def note(frame: FrameType, event: str, arg: Any) -> None:
        if event == "call":
            entered.append(frame.f_code.co_qualname)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        ask()
    finally:
        sys.setprofile(before)
    return len(entered)


def statements_of(catalog: Catalog, change: Callable[[], object]) -> list[str]:
    """Return the statements of a change, of each the first word and the table; of a cascade what began it."""
    found: list[str] = []
    connection = catalog.database._session().connection
    connection.set_trace_callback(found.append)
    try:
        change()
    finally:
        connection.set_trace_callback(None)
    told = (_brief(one) for one in found if not one.startswith("--"))  # those are SQLite's own
    return [name for name, _ in itertools.groupby(told)]


def _brief(statement: str) -> str:
    verb, _, rest = statement.partition(" ")
    if verb == "SELECT":
        rest = statement.rpartition(" FROM ")[2]
    elif verb in ("INSERT", "DELETE"):
        rest = rest.partition("INTO " if verb == "INSERT" else "FROM ")[2]
    return " ".join([verb, *rest.split()[:1]])
