"""The tables of frozen questions: a search, and which images it found, with hashes of what they were."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from localcat.store import rows

NEVER_COMPARED: Final = frozenset({"modified", rows.FILES})
"""The attributes of images that the hash of a row leaves out: each save changes the one, files have their own hash."""

_UNSET: Final = (None, "[]", "{}")  # which attributes that hold nothing may be stored as
_CHUNK = 1000  # images at a time


class FrozenHead(NamedTuple):
    """A question that was frozen."""

    name: str
    frozen: int  # microseconds since 1970 in UTC
    question: str  # JSON
    cql2: str | None


class FrozenImage(NamedTuple):
    """An image of its answer, as it was then."""

    uid: str
    row_hash: str
    files_hash: str


def names(connection: sqlite3.Connection) -> list[str]:
    """Return the names of all frozen questions, in alphabetical order."""
    return [name for (name,) in connection.execute("SELECT name FROM frozen ORDER BY name")]


def head(connection: sqlite3.Connection, name: str) -> FrozenHead | None:
    """Return the question of a name; None if there is none."""
    found = connection.execute("SELECT name, frozen, question, cql2 FROM frozen WHERE name = ?", (name,)).fetchone()
    return None if found is None else FrozenHead(*found)


def images(connection: sqlite3.Connection, name: str) -> Iterator[FrozenImage]:
    """Yield the images of its answer, in order."""
    sql = (
        "SELECT uid, row_hash, files_hash FROM frozen_image "
        "WHERE frozen_id = (SELECT id FROM frozen WHERE name = ?) ORDER BY position"
    )
    return map(FrozenImage._make, connection.execute(sql, (name,)))


def count(connection: sqlite3.Connection, name: str) -> int:
    """Return how many images its answer has."""
    sql = "SELECT count(*) FROM frozen_image WHERE frozen_id = (SELECT id FROM frozen WHERE name = ?)"
    (found,) = connection.execute(sql, (name,)).fetchone()
    return int(found)


def put(connection: sqlite3.Connection, question: FrozenHead, answer: Iterable[FrozenImage]) -> None:
    """Write a question and its answer, in place of one of the same name."""
    remove(connection, question.name)
    sql = "INSERT INTO frozen (name, frozen, question, cql2) VALUES (?, ?, ?, ?)"
    row_id = connection.execute(sql, question).lastrowid
    connection.executemany(
        "INSERT INTO frozen_image (frozen_id, position, uid, row_hash, files_hash) VALUES (?, ?, ?, ?, ?)",
        ((row_id, position, *image) for position, image in enumerate(answer)),
    )


def remove(connection: sqlite3.Connection, name: str) -> bool:
    """Forget a question; return whether there was one."""
    return connection.execute("DELETE FROM frozen WHERE name = ?", (name,)).rowcount > 0


def compare(ours: sqlite3.Connection, theirs: sqlite3.Connection) -> tuple[list[str], list[str]]:
    """Return the names of another catalog's questions that are free here, and those that are another question here."""
    free, other = [], []
    for name in names(theirs):
        question, own = head(theirs, name), head(ours, name)
        if own is None:
            free.append(name)
        elif own != question or list(images(ours, name)) != list(images(theirs, name)):
            other.append(name)
    return free, other


def take_over(ours: sqlite3.Connection, theirs: sqlite3.Connection) -> None:
    """Write the questions of another catalog whose names are free; one of ours that differs is kept."""
    for name in compare(ours, theirs)[0]:
        question = head(theirs, name)
        if question is not None:  # and no other program deletes it now
            put(ours, question, images(theirs, name))


def hashed(connection: sqlite3.Connection, attributes: Sequence[str], row_ids: Sequence[int]) -> Iterator[FrozenImage]:
    """Yield images as they are now, in the order of their row ids; those that are not there are left out.

    Parameters
    ----------
    connection : sqlite3.Connection
        To the catalog.
    attributes : sequence of str
        Of images, all that are stored; an attribute that is unset counts for nothing.
    row_ids : sequence of int
        Which images.
    """
    compared = tuple(name for name in attributes if name not in NEVER_COMPARED)
    for start in range(0, len(row_ids), _CHUNK):
        chunk = row_ids[start : start + _CHUNK]
        files: dict[int, list[tuple[object, object]]] = {}
        for row_id, owned, href, size, sha256, *_ in rows.files_of(connection, chunk):
            told = sha256 if sha256 is not None else None if owned else href
            files.setdefault(int(str(row_id)), []).append((size, told))
        sql = "SELECT id, uid FROM image WHERE id IN (SELECT value FROM json_each(?))"
        uids = dict(connection.execute(sql, (json.dumps(list(chunk)),)))
        here = [row_id for row_id in chunk if row_id in uids]
        for row_id, values in zip(here, rows.values_of(connection, "image", compared, here), strict=True):
            stated = {name: _plain(value) for name, value in zip(compared, values, strict=True) if value not in _UNSET}
            yield FrozenImage(uids[row_id], _sha256(stated), _sha256(files.get(row_id, [])))


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value


def _sha256(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
