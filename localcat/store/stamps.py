"""Who made the last change of each row: stamps, what a catalog knows of others' changes, and what was deleted.

Each program that changes objects in a file does so as a *replica* with a name of its own, and counts its transactions.
All rows that one of them writes bear its stamp, (replica, counter). What a catalog *knows* is the last transaction of
each replica whose changes it has, or had: an object of another catalog whose stamp it knows is here, was changed here
since, or was deleted here. That is all a merge needs to tell a deletion from an object that never was here, and a
change on one side from a conflict.

A name is never used again by a file that may be another one. A copy of a file, or an older state that was put back, is
written to under a new name, since the program that used the old one has its last transaction in memory and finds
another one in the file; no program takes over the name of another. So nothing is asked of the disk: not the path, the
number of the file, or the host, which copies may share.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from localcat.store.file.connection import Lease, StampedConnection
from localcat.timestamps import now_microseconds

KINDS: Final = ("product", "band", "image")
"""The tables whose rows bear stamps."""


class Stamp(NamedTuple):
    """A change, as rows of one catalog file bear it.

    Parameters
    ----------
    replica : int, optional
        The row in the table ``replica`` of the same file; None if it is not known who made the change.
    counter : int, optional
        Its how-manyeth transaction.
    """

    replica: int | None
    counter: int | None


UNKNOWN: Final = Stamp(None, None)


class Tombstone(NamedTuple):
    """An object that was deleted."""

    kind: str
    uid: str
    deleted: int  # microseconds since 1970 in UTC
    version: int  # of its row
    stamp: Stamp


def own(connection: sqlite3.Connection) -> Stamp:
    """Return the stamp of the running transaction; the first call makes it, and counts the replica up."""
    if not isinstance(connection, StampedConnection):
        made = _made(connection, Lease())
        return Stamp(made.row, made.counter)
    if connection.stamp is None:
        connection.stamp = _made(connection, connection.lease or Lease())
        connection.entries_before = None
    return Stamp(connection.stamp.row, connection.stamp.counter)


def is_made(connection: sqlite3.Connection) -> bool:
    """Return whether the running transaction has a stamp, so that rows may bear it already."""
    return not isinstance(connection, StampedConnection) or connection.stamp is not None


def _made(connection: sqlite3.Connection, lease: Lease) -> Lease:
    counter = lease.counter + 1
    counting = "UPDATE replica SET counter = ? WHERE id = ? AND uid = ? AND counter = ?"
    if lease.uid and connection.execute(counting, (counter, lease.row, lease.uid, lease.counter)).rowcount == 1:
        return Lease(lease.uid, lease.row, counter)
    uid = secrets.token_hex(8)
    row = connection.execute("INSERT INTO replica (uid, counter) VALUES (?, 1)", (uid,)).lastrowid
    return Lease(uid, row or 0, 1)


def note_entry(connection: sqlite3.Connection, number: int) -> None:
    """Note that the running transaction wrote a row of the history."""
    if isinstance(connection, StampedConnection) and connection.entries_before is None:
        connection.entries_before = number - 1


def entries_before(connection: sqlite3.Connection) -> int | None:
    """Return the last row of the history from before the running transaction, at most; None if it wrote none."""
    return connection.entries_before if isinstance(connection, StampedConnection) else 0


def knowledge(connection: sqlite3.Connection) -> dict[str, int]:
    """Return what a catalog knows: the last transaction by the name of each replica."""
    return dict(connection.execute("SELECT uid, counter FROM replica"))


def names(connection: sqlite3.Connection) -> dict[int, str]:
    """Return the name of each replica by its row, which stamps of the same file have."""
    return dict(connection.execute("SELECT id, uid FROM replica"))


def learn(connection: sqlite3.Connection, theirs: Mapping[str, int]) -> dict[str, int]:
    """Add to what a catalog knows what another one knew; return the row of each of those replicas here.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside a write transaction, which also takes what is to be known from now on.
    theirs : mapping
        As `knowledge` of the other one returned it, before its rows were read.
    """
    connection.executemany(
        "INSERT INTO replica (uid, counter) VALUES (?, ?) "
        "ON CONFLICT (uid) DO UPDATE SET counter = max(counter, excluded.counter)",
        theirs.items(),
    )
    rows = connection.execute(
        "SELECT uid, id FROM replica WHERE uid IN (SELECT value FROM json_each(?))", (json.dumps(list(theirs)),)
    )
    return dict(rows)


def stamps_of(connection: sqlite3.Connection, kind: str, uids: Sequence[str]) -> dict[str, Stamp]:
    """Return the stamps of those of the objects that exist, by id."""
    found = connection.execute(
        f"SELECT uid, replica, counter FROM {kind} WHERE uid IN (SELECT value FROM json_each(?))",  # ours
        (json.dumps(list(uids), ensure_ascii=False),),
    )
    return {uid: Stamp(replica, counter) for uid, replica, counter in found}


def put(connection: sqlite3.Connection, kind: str, uid: str, stamp: Stamp) -> None:
    """Let a row bear a stamp, and change nothing else of it: two catalogs have found that they have the same."""
    connection.execute(f"UPDATE {kind} SET replica = ?, counter = ? WHERE uid = ?", (*stamp, uid))  # ours


def forget_stamps(connection: sqlite3.Connection) -> None:
    """Let no row bear a stamp: what is not here was lost, and another catalog may not take it for deleted."""
    for kind in KINDS:
        connection.execute(f"UPDATE {kind} SET replica = NULL, counter = NULL WHERE replica IS NOT NULL")


# Deletions


def bury(
    connection: sqlite3.Connection, kind: str, row_ids: Sequence[int], stamp: Stamp, deleted: int | None = None
) -> None:
    """Write the tombstones of rows that are about to be deleted; `deleted` says when that was elsewhere.

    Here it is after the last change of the row, even if the clock went back.
    """
    when = "max(?, modified + 1)" if deleted is None else "?"
    connection.execute(
        "INSERT OR REPLACE INTO tombstone (kind, uid, deleted, version, replica, counter) "
        f"SELECT ?, uid, {when}, version, ?, ? "  # ours
        f"FROM json_each(?) AS gone CROSS JOIN {kind} ON {kind}.id = gone.value",
        (kind, now_microseconds() if deleted is None else deleted, *stamp, json.dumps(list(row_ids))),
    )


def bury_single(connection: sqlite3.Connection, kind: str, row: Mapping[str, Any], stamp: Stamp) -> None:
    """As `bury`, of one row that was deleted here and whose columns were read."""
    modified, version = (  # where a page is damaged it can be anything, and is deleted all the same
        value if isinstance(value, int) else 0 for value in (row["modified"], row["version"])
    )
    deleted = max(now_microseconds(), modified + 1)
    put_tombstone(connection, Tombstone(kind, str(row["uid"]), deleted, version, stamp))


def put_tombstone(connection: sqlite3.Connection, stone: Tombstone) -> None:
    """Write a tombstone as it is, in place of one of the same object."""
    connection.execute(
        "INSERT OR REPLACE INTO tombstone (kind, uid, deleted, version, replica, counter) VALUES (?, ?, ?, ?, ?, ?)",
        (stone.kind, stone.uid, stone.deleted, stone.version, *stone.stamp),
    )


def unbury(connection: sqlite3.Connection, kind: str, uids: Sequence[str]) -> list[str]:
    """Remove the tombstones of objects that are made again; return the ids of those that had one."""
    if len(uids) == 1:  # a save
        sql = "DELETE FROM tombstone WHERE kind = ? AND uid = ?"
        return list(uids) if connection.execute(sql, (kind, uids[0])).rowcount else []
    if connection.execute("SELECT 1 FROM tombstone LIMIT 1").fetchone() is None:
        return []
    found = connection.execute(
        "DELETE FROM tombstone WHERE kind = ? AND uid IN (SELECT value FROM json_each(?)) RETURNING uid",
        (kind, json.dumps(list(uids), ensure_ascii=False)),
    )
    return [uid for (uid,) in found.fetchall()]


def tombstones(connection: sqlite3.Connection, kind: str, uids: Iterable[str] | None = None) -> dict[str, Tombstone]:
    """Return the tombstones of objects by id; all of a kind if none are named."""
    sql, values = "SELECT kind, uid, deleted, version, replica, counter FROM tombstone WHERE kind = ?", [kind]
    if uids is not None:
        sql += " AND uid IN (SELECT value FROM json_each(?))"
        values.append(json.dumps(list(uids), ensure_ascii=False))
    return {
        uid: Tombstone(kind, uid, deleted, version, Stamp(replica, counter))
        for kind, uid, deleted, version, replica, counter in connection.execute(sql, values)
    }


def forget_tombstones(connection: sqlite3.Connection, before: int) -> int:
    """Remove the tombstones of what was deleted before a time; return how many there were.

    A merge does without: what another catalog knows and does not have was deleted there. Only when, and that it once
    was here, is forgotten.
    """
    return connection.execute("DELETE FROM tombstone WHERE deleted < ?", (before,)).rowcount
