"""What is to be read before the catalog changes, or is closed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Protocol
from weakref import WeakSet

from localcat.errors import ClientError


class Reader(Protocol):
    """Somebody who has not read all of it yet."""

    def read(self, connection: sqlite3.Connection) -> None:
        """Read the rest."""


class Pending:
    """Those who have not read all yet, as long as anybody else knows them."""

    def __init__(self) -> None:
        self._readers: WeakSet[Reader] = WeakSet()

    def add(self, reader: Reader) -> None:
        """Let somebody read before anything changes."""
        self._readers.add(reader)

    def finish(self, reading: Callable[[], AbstractContextManager[sqlite3.Connection]]) -> None:
        """Let all of them read, if that can be done, outside of any transaction."""
        if self._readers:
            with suppress(ClientError), reading() as connection:
                self.read(connection)

    def read(self, connection: sqlite3.Connection) -> None:
        """Let all of them read now; who cannot, since the file is damaged, finds that out when it tries again."""
        while self._readers:
            try:
                reader = self._readers.pop()
            except KeyError:  # the last of them is gone since it was looked for
                return
            with suppress(sqlite3.Error):
                reader.read(connection)
