"""Waiting for the lock of the catalog file while another program writes."""

from __future__ import annotations

import random
import sqlite3
import time
from typing import Final

_PAUSES: Final = (0.01, 0.1)  # seconds between two looks of a writer that waits for others


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether SQLite refused a call because another program has a lock."""
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY  # BUSY_RECOVERY, for one


def begin_writing(connection: sqlite3.Connection, seconds: float) -> None:
    """Begin a transaction that writes, on a connection that does not wait, waiting so long for other programs.

    SQLite looks ever more rarely the longer it has waited, so that under many writers who came last is served first,
    and some wait very long. Here all look equally often. They do not look more often than that, since each look keeps
    the one who commits, and with it all readers, waiting a little.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            left = end - time.monotonic()
            if not is_busy(error) or left <= 0:
                raise
            time.sleep(min(left, random.uniform(*_PAUSES)))  # noqa: S311  # so that two do not keep step
        else:
            return
