"""Waiting for the lock of the catalog file while another program writes."""

from __future__ import annotations

import random
import sqlite3
import time
from typing import Final

_PAUSES: Final = (0.01, 0.1)  # seconds between two looks of a writer that waits for others


def begin_writing(connection: sqlite3.Connection, seconds: float) -> None:
    """Begin a transaction that writes, waiting so long for other programs.

    SQLite looks ever more rarely the longer it has waited, so that under many writers who came last is served first,
    and some wait very long. Here all look equally often. They do not look more often than that, since each look keeps
    the one who commits, and with it all readers, waiting a little.
    """
    end = time.monotonic() + seconds
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                left = end - time.monotonic()
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or left <= 0:  # BUSY_RECOVERY, for one
                    raise
                time.sleep(min(left, random.uniform(*_PAUSES)))  # noqa: S311  # so that two do not keep step
            else:
                return
    finally:
        connection.execute(f"PRAGMA busy_timeout = {round(1000 * seconds)}")
