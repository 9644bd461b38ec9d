"""The rows of a catalog's past that were salvaged, put into a new catalog."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, cast

from localcat.store import stamps, states
from localcat.store.damage.salvage import Salvage, SalvagedRow
from localcat.timestamps import now_microseconds

_SETTINGS = (states.SINCE_KEY, *states.LIMITS)


def usable_changes(found: Salvage, can_be_made: Callable[[states.Entry], bool]) -> list[states.Entry]:
    """Return the changes that were salvaged and hold together, the first one first.

    Parameters
    ----------
    found : Salvage
        What could be read.
    can_be_made : callable
        Whether an object can be made of the state of a change.
    """
    rows = sorted(found.rows["history"], key=lambda row: row.row_id)
    return [entry for row in rows if row.is_certain and _is_change(entry := _entry(row)) and can_be_made(entry)]


def missing_changes(found: Salvage, changes: list[states.Entry]) -> int:
    """Return how many changes are missing, between those that are usable or because they are not."""
    numbers = [row.row_id for row in found.rows["history"]]
    return max(numbers) - min(numbers) + 1 - len(changes) if numbers else 0


def files_of(changes: list[states.Entry]) -> dict[str, tuple[Any, Any]]:
    """Return the size and sha256 of each file in the data folder that a state names, by its path."""
    return {
        one["href"]: (one["size_bytes"], one["hash"])
        for change in changes
        if change.kind == "image" and change.state is not None
        for one in json.loads(json.loads(change.state).get("files") or "[]")
        if one["owned"]
    }


def restore_past(
    connection: sqlite3.Connection, found: Salvage, changes: list[states.Entry], kept: dict[str, int]
) -> None:
    """Insert what was deleted, what objects were before, and how long that and its files are kept.

    The writers of the changes get new names, so that no other catalog takes what was lost for what was deleted here.
    """
    for stone in _tombstones(connection, found):
        stamps.put_tombstone(connection, stone)
    writers = {change.replica: 0 for change in changes if change.replica is not None and change.counter is not None}
    for change in changes:
        if change.replica in writers:
            writers[change.replica] = max(writers[change.replica], change.counter or 0)
    renamed = {
        writer: connection.execute(
            "INSERT INTO replica (uid, counter) VALUES (?, ?)", (secrets.token_hex(8), counter)
        ).lastrowid
        for writer, counter in writers.items()
    }
    total = 0
    for change in changes:
        total += len(change.state or change.uid)
        writer = renamed.get(change.replica or 0)
        counter = None if writer is None else change.counter
        connection.execute(
            "INSERT INTO history (id, kind, uid, what, at, by, replica, counter, bytes, state) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*change[:6], writer, counter, total, change.state),
        )
    settings = {key: found.settings[key] for key in _SETTINGS if states.is_limit(found.settings.get(key))}
    if missing_changes(found, changes) or "history" in found.damaged or states.SINCE_KEY not in settings:
        settings[states.SINCE_KEY] = str(now_microseconds())  # nobody knows what is missing
    connection.executemany("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", settings.items())
    connection.executemany("INSERT INTO kept_file (href, until) VALUES (?, ?)", kept.items())


def _tombstones(connection: sqlite3.Connection, found: Salvage) -> Iterator[stamps.Tombstone]:
    for row in found.rows["tombstone"]:
        kind, uid = row["kind"], row["uid"]
        if row.is_certain and kind in stamps.KINDS and not stamps.stamps_of(connection, kind, [uid]):
            yield stamps.Tombstone(kind, uid, row["deleted"], row["version"], stamps.UNKNOWN)


def _entry(row: SalvagedRow) -> states.Entry:
    return states.Entry(row.row_id, *(row[name] for name in states.Entry._fields[1:]))


def _is_change(entry: states.Entry) -> bool:
    if entry.kind not in stamps.KINDS or cast("str", entry.what) not in ("changed", "deleted", "restored"):
        return False
    try:
        state = None if entry.state is None else json.loads(entry.state)
    except (ValueError, RecursionError):
        return False
    return isinstance(state, dict) if entry.what != "restored" else entry.state is None
