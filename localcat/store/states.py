"""The history: what objects were before each change, and the files that only it still needs."""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from json.encoder import encode_basestring
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from localcat.disk.system import login
from localcat.errors import CorruptCatalogError
from localcat.store import stamps
from localcat.store.clauses import Parameter
from localcat.store.file.connection import StampedConnection
from localcat.store.query.columns import column
from localcat.timestamps import now_microseconds

if TYPE_CHECKING:
    from localcat.store.file.database import Database

What: TypeAlias = Literal["changed", "deleted", "restored"]

SINCE_KEY: Final = "history_since"  # in the table meta
LIMITS: Final = {"history_days": 365, "history_bytes": 64 * 2**20, "history_files_days": 0}
"""The settings in the table meta that bound the history, and what they are in a catalog that does not say."""

_LAST_KEY: Final = "history_last"  # in the table meta: the number of the last change, if none is left
_MOST_DAYS, _MOST_DIGITS = 99_999 * 365, 18  # of limits
_DAY: Final = 86_400 * 1_000_000  # microseconds

_FILES = "files"  # in a state of an image: the rows of image_file, as JSON
_SOURCES = "sources"  # in a state of an image whose row is deleted: the rows of image_source
_PORTION = "portion"  # in a state of what a product's `delete_related_objects` deleted: one of the two
GOES_ON, IS_LAST = 1, 2  # whether another transaction of the same call was to delete more
_SOURCE = ("position", "path", "size_bytes", "modified_ns", "hash")
_SOURCES_OF = {
    "image": f"(SELECT nullif(json_group_array(json_array({', '.join(_SOURCE)})), '[]') "
    "FROM image_source WHERE image_id = image.id)"
}
_HEAD = ("id", "uid", "replica", "counter")  # columns before those of a state
_NOT_IN_A_STATE = frozenset({"id", "uid", "product_id", "replica", "counter", "size_bytes"})  # or found by what is
_CHUNK = 500  # states read at once
_BETWEEN_TRIMS = 1000  # rows of the history
_AT_ONCE = 2000  # rows removed at once

_columns: dict[str, tuple[str, ...]] = {}  # of each kind; these are those of the schema

State: TypeAlias = dict[str, Any]
"""The version of a row, and the stored forms of its attributes that were set, by name."""


class Entry(NamedTuple):
    """A row of the table ``history``."""

    number: int
    kind: str
    uid: str
    what: What
    at: int  # microseconds since 1970 in UTC
    by: str | None
    replica: int | None
    counter: int | None
    state: str | None  # JSON; None if there was no object before


_ENTRY: Final = "SELECT id, kind, uid, what, at, by, replica, counter, state FROM history"


def keep(
    connection: sqlite3.Connection, kind: str, row_ids: Sequence[int], what: What, *, portion: int | None = None
) -> None:
    """Write what objects are, before they are changed or deleted, into the history.

    `portion` is `GOES_ON` or `IS_LAST` where all that belongs to a product is being deleted. What the same transaction
    wrote before is no state that anybody saw: an object has one entry for each transaction.
    """
    own = stamps.own(connection)
    selected = _selected(kind, _columns_of(connection, kind))
    sql = f"{selected} FROM json_each(?) AS wanted CROSS JOIN {kind} ON {kind}.id = wanted.value"
    for start in range(0, len(row_ids), _CHUNK):
        wanted = json.dumps(row_ids[start : start + _CHUNK])
        for row in connection.execute(sql, (wanted,)).fetchall():
            _keep_row(connection, kind, row, what, own, portion)


def keep_single(
    connection: sqlite3.Connection, kind: str, key: int | str, what: What, *, portion: int | None = None
) -> dict[str, Any] | None:
    """As `keep`, of one object by its row id or its public id; return the columns of its row, None if there is none."""
    names = _columns_of(connection, kind)
    row = connection.execute(_selecting_one(kind, names, "uid" if isinstance(key, str) else "id"), (key,)).fetchone()
    if row is None:
        return None
    _keep_row(connection, kind, row, what, stamps.own(connection), portion)
    return dict(zip(_of_row(names), row, strict=True))


@functools.cache
def _selected(kind: str, names: tuple[str, ...]) -> str:
    columns = (f"{kind}.id", *_HEAD[1:], *(column(kind, name).select for name in names))
    return f"SELECT {', '.join((*columns, _SOURCES_OF.get(kind, 'NULL')))}"


@functools.cache
def _of_row(names: tuple[str, ...]) -> tuple[str, ...]:
    return (*_HEAD, *names, _SOURCES)


@functools.cache
def _selecting_one(kind: str, names: tuple[str, ...], by: str) -> str:
    return f"{_selected(kind, names)} FROM {kind} WHERE {by} = ?"


def _keep_row(
    connection: sqlite3.Connection,
    kind: str,
    row: Sequence[Any],
    what: What,
    own: stamps.Stamp,
    portion: int | None,
) -> None:
    _, uid, replica, counter, *values, sources = row
    if (replica, counter) != own:
        more = {_SOURCES: sources, _PORTION: portion}
        _write(connection, kind, uid, what, own, _text(_columns_of(connection, kind), values, more))
    elif what == "deleted" and stamps.entries_before(connection) is not None:
        # but for what came back and went again, which was nothing before and after
        connection.execute(
            "UPDATE history SET what = 'deleted' WHERE id > ? AND (kind, uid, replica, counter) = (?, ?, ?, ?) "
            "AND state IS NOT NULL",
            (stamps.entries_before(connection), kind, uid, *own),
        )


def keep_one(connection: sqlite3.Connection, kind: str, attributes: tuple[str, ...], row: Sequence[Parameter]) -> None:
    """As `keep`, of an object that is about to be changed and whose row was read already, with these attributes."""
    row_id, *values = row
    is_first = not stamps.is_made(connection)
    own = stamps.own(connection)
    if is_first or connection.execute(f"SELECT replica, counter FROM {kind} WHERE id = ?", (row_id,)).fetchone() != own:
        uid = values[1 + attributes.index("id")]
        _write(connection, kind, uid, "changed", own, _text(("version", *attributes), values))


def note_restored(connection: sqlite3.Connection, kind: str, uids: Iterable[str]) -> None:
    """Write into the history that objects come that were deleted, or were made in another catalog."""
    for uid in uids:
        _write(connection, kind, uid, "restored", stamps.own(connection), None)


def _write(
    connection: sqlite3.Connection, kind: str, uid: object, what: What, own: stamps.Stamp, state: str | None
) -> None:
    written = connection.execute(
        "INSERT INTO history (id, kind, uid, what, at, by, replica, counter, state, bytes) VALUES ("
        "coalesce((SELECT max(id) FROM history), (SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?), 0) + 1, "
        "?, ?, ?, ?, ?, ?, ?, ?, coalesce((SELECT bytes FROM history ORDER BY id DESC LIMIT 1), 0) + ?)",
        (_LAST_KEY, kind, uid, what, now_microseconds(), login(), *own, state, len(state or str(uid))),
    )
    number = written.lastrowid or 0
    stamps.note_entry(connection, number)
    if number % _BETWEEN_TRIMS == 0:
        trim(connection)


def _text(
    names: tuple[str, ...], values: Sequence[Parameter], more: Mapping[str, object] = MappingProxyType({})
) -> str:
    """Return a state as JSON; written by hand, since `json` takes three times as long for so many values of None.

    `more` has texts of JSON, and whole numbers.
    """
    parts = [
        f"{key}{_AS_JSON[type(value)](value)}"
        for key, value in zip(_keys(names), values, strict=True)
        if value is not None and key is not None
    ]
    parts += [f'"{name}":{value}' for name, value in more.items() if value is not None]
    return f"{{{','.join(parts)}}}"


@functools.cache
def _keys(names: tuple[str, ...]) -> tuple[str | None, ...]:
    return tuple(None if name in _NOT_IN_A_STATE else f'"{name}":' for name in names)


_encoded = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_AS_JSON: Final[Mapping[type, Callable[[Any], str]]] = {
    str: encode_basestring,
    int: repr,
    float: lambda value: repr(value) if isfinite(value) else _encoded(value),
    bytes: lambda value: f'"{value.hex()}"',
}


def _columns_of(connection: sqlite3.Connection, kind: str) -> tuple[str, ...]:
    if kind not in _columns:
        found = [row[1] for row in connection.execute(f"PRAGMA table_info({kind})")]  # without the generated ones
        files = (_FILES,) if kind == "image" else ()
        _columns[kind] = (*(name for name in found if name not in _NOT_IN_A_STATE), *files)
    return _columns[kind]


def attributes_of(connection: sqlite3.Connection, kind: str) -> tuple[str, ...]:
    """Return the attributes that a state has, without id and product."""
    return tuple(name for name in _columns_of(connection, kind) if name != "version")


def values_of(connection: sqlite3.Connection, kind: str, state: Mapping[str, Any]) -> dict[str, Parameter]:
    """Return a state as the stored forms of attributes, those that were unset as None; without id and product."""
    values: dict[str, Parameter] = {name: state.get(name) for name in attributes_of(connection, kind)}
    if values.get("geometry") is not None:
        values["geometry"] = bytes.fromhex(str(values["geometry"]))
    return values


def put_sources(connection: sqlite3.Connection, image_id: int, state: Mapping[str, Any]) -> None:
    """Let ingest know again from which files an image was taken that comes back."""
    connection.executemany(
        f"INSERT INTO image_source (image_id, {', '.join(_SOURCE)}) VALUES (?, ?, ?, ?, ?, ?)",
        ((image_id, *source) for source in state.get(_SOURCES, ())),
    )


# Reading


def entries(
    connection: sqlite3.Connection,
    *,
    since: int | None = None,
    kind: str | None = None,
    uid: str | None = None,
    most: int | None = None,
) -> list[Entry]:
    """Return entries, the last change first.

    Parameters
    ----------
    connection : sqlite3.Connection
        To the catalog.
    since : int, optional
        Only those of then or later; microseconds since 1970 in UTC.
    kind, uid : str, optional
        Only those of these objects.
    most : int, optional
        How many at most.
    """
    found = connection.execute(
        f"{_ENTRY} WHERE at >= coalesce(?, at) AND kind = coalesce(?, kind) AND uid = coalesce(?, uid) "
        "ORDER BY id DESC LIMIT ?",
        (since, kind, uid, -1 if most is None else most),
    )
    return [Entry(*row) for row in found]


def some(connection: sqlite3.Connection, number: int, most: int) -> list[Entry]:
    """Return the next entries behind a number that have a state in JSON, the first one first."""
    found = connection.execute(f"{_ENTRY} WHERE id > ? AND json_valid(state) ORDER BY id LIMIT ?", (number, most))
    return [Entry(*row) for row in found]


def entry(connection: sqlite3.Connection, number: int) -> Entry | None:
    """Return an entry; None if there is none, or none any more."""
    found = connection.execute(f"{_ENTRY} WHERE id = ?", (number,)).fetchone()
    return None if found is None else Entry(*found)


def of_transaction(connection: sqlite3.Connection, one: Entry) -> list[Entry]:
    """Return all that a transaction changed, of which one entry is given; the last first."""
    found = connection.execute(f"{_ENTRY} WHERE replica = ? AND counter = ? ORDER BY id DESC", one[6:8])
    return [Entry(*row) for row in found] or [one]


def of_call(connection: sqlite3.Connection, one: Entry) -> list[Entry]:
    """Return all that the call of `delete_related_objects` deleted which deleted one object; the last first.

    To the deletion of a product belongs the last such call before it. A call that was interrupted goes on in the next.
    """
    product = one.uid if one.kind == "product" else one.uid.rpartition(":")[0]
    until = one.number if one.kind == "product" else None
    found = connection.execute(
        f"SELECT CASE WHEN json_valid(state) THEN json_extract(state, '$.{_PORTION}') END, * FROM ({_ENTRY} "
        "WHERE what = 'deleted' AND kind <> 'product' AND substr(uid, 1, length(?) + 1) = ? || ':' "
        "AND id <= coalesce(?, id)) ORDER BY id",
        (product, product, until),
    )
    deleted = [(portion, Entry(*row)) for portion, *row in found]
    calls: list[set[tuple[int | None, int | None]]] = [set()]  # the stamps of each one's transactions
    ended: tuple[int | None, int | None] | None = None
    for portion, entry in deleted:
        stamp = entry.replica, entry.counter
        if portion in (GOES_ON, IS_LAST):
            if ended not in (None, stamp):
                calls.append(set())
            calls[-1].add(stamp)
            ended = stamp if portion == IS_LAST else None
    wanted = (one.replica, one.counter)
    call = calls[-1] if one.kind == "product" else next((call for call in calls if wanted in call), set())
    return [entry for _, entry in reversed(deleted) if (entry.replica, entry.counter) in call]


def newer(connection: sqlite3.Connection, number: int, uids: Sequence[str]) -> list[Entry]:
    """Return the entries behind a number of objects of given ids, the last first."""
    found = connection.execute(
        f"{_ENTRY} WHERE id > ? AND uid IN (SELECT value FROM json_each(?)) ORDER BY id DESC",
        (number, json.dumps(list(uids), ensure_ascii=False)),
    )
    return [Entry(*row) for row in found]


def first_after(connection: sqlite3.Connection, moment: int) -> list[Entry]:
    """Return the first entry after a moment of each object, in their order: what it was then."""
    found = connection.execute(
        f"{_ENTRY} WHERE id IN (SELECT min(id) FROM history WHERE at > ? GROUP BY kind, uid) ORDER BY id", (moment,)
    )
    return [Entry(*row) for row in found]


def there_at(connection: sqlite3.Connection, moment: int) -> set[tuple[str, str]]:
    """Return (kind, id) of the objects that were there by the last entry till a moment, whenever they were created."""
    found = connection.execute(
        "SELECT kind, uid FROM history WHERE what <> 'deleted' "
        "AND id IN (SELECT max(id) FROM history WHERE at <= ? GROUP BY kind, uid)",
        (moment,),
    )
    return {*found}


def complete_since(connection: sqlite3.Connection) -> int:
    """Return since when the history is complete; microseconds since 1970 in UTC.

    Raises
    ------
    CorruptCatalogError
        If the catalog does not say so, or no number.
    """
    found = connection.execute("SELECT value FROM meta WHERE key = ?", (SINCE_KEY,)).fetchone()
    try:
        return int(found[0])
    except (TypeError, ValueError) as error:
        stated = None if found is None else found[0]
        raise CorruptCatalogError(
            f"since when the history is complete is damaged ({SINCE_KEY} is {stated!r:.40}); "
            "Catalog.forget_history(...) with a moment of the past begins it again"
        ) from error


# Bounds


class Limits(NamedTuple):
    """How much of the past a catalog keeps; the settings of `LIMITS`, in their order."""

    days: int  # that changes are kept
    max_bytes: int  # of what objects were, in all changes together
    files_days: int  # that the files of what is changed or deleted are kept


def limits(connection: sqlite3.Connection) -> Limits:
    """Return how much of the past a catalog keeps; of a setting that is damaged, what it is by default."""
    found = dict(connection.execute("SELECT key, value FROM meta WHERE key GLOB 'history_*'"))
    days, size, files = (int(found[key]) if is_limit(found.get(key)) else usual for key, usual in LIMITS.items())
    return Limits(min(days, _MOST_DAYS), size, min(files, _MOST_DAYS))


def is_limit(stored: object) -> bool:
    """Return whether a setting of `LIMITS` is what `set_limits` writes."""
    return isinstance(stored, str) and stored.isdecimal() and len(stored) < _MOST_DIGITS


def set_limits(connection: sqlite3.Connection, chosen: Limits) -> None:
    """Set how much of the past a catalog keeps."""
    pairs = zip(LIMITS, map(str, chosen), strict=True)
    connection.executemany("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", pairs)


def forget(database: Database, *, before: int | None = None) -> int:
    """Remove what is beyond the limits, or was changed before a time, and return how many changes that were.

    It is done in steps for which nobody waits long.

    Parameters
    ----------
    database : Database
        Of the catalog.
    before : int, optional
        In microseconds since 1970 in UTC; by default as the limits say.
    """
    total = 0
    while True:
        with database.write() as transaction:
            connection = transaction.connection
            oldest = now_microseconds() - limits(connection).days * _DAY if before is None else before
            gone = trim(connection, before=oldest)
            if before is not None and not gone:
                _begin(connection, before)
        total += gone
        if not gone:
            return total


def trim(connection: sqlite3.Connection, *, before: int = 0) -> int:
    """Remove some of the oldest entries if there are too many; return how many, so that a caller can go on.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside a write transaction.
    before : int
        What was changed before then goes, and all that was written before that, whatever its size; microseconds since
        1970 in UTC.
    """
    most_bytes = limits(connection).max_bytes
    last, total = connection.execute("SELECT id, bytes FROM history ORDER BY id DESC LIMIT 1").fetchone() or (0, 0)
    until = 0
    if before:  # which looks at all of them, and is asked by no change
        (until,) = connection.execute("SELECT coalesce(max(id), 0) FROM history WHERE at < ?", (before,)).fetchone()
    gone, newest = [], 0
    for number, at, there in connection.execute("SELECT id, at, bytes FROM history ORDER BY id LIMIT ?", (_AT_ONCE,)):
        if total - there < most_bytes and number > until:
            break
        newest = max(newest, at)
        gone.append(number)
    if gone:
        connection.execute("DELETE FROM history WHERE id <= ?", (gone[-1],))
        _begin(connection, newest)
    if gone and gone[-1] == last:  # no later change gets a number that one had
        connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_LAST_KEY, str(last)))
    return len(gone)


def _begin(connection: sqlite3.Connection, moment: int) -> None:
    """Say that the history is complete since a moment, which is now if a clock once was ahead of it."""
    connection.execute(
        "INSERT INTO meta (key, value) VALUES (?, ?) "
        "ON CONFLICT (key) DO UPDATE SET value = max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER))",
        (SINCE_KEY, str(min(moment, now_microseconds()))),
    )


# Files


def release_files(connection: sqlite3.Connection, hrefs: Sequence[str]) -> list[str]:
    """Give up owned files that no row of an image needs any more.

    Returns
    -------
    list of str
        Those to be unlinked after the commit: all, unless the history keeps them for a while.
    """
    if not hrefs:
        return []
    days = connection.keeps_files_days if isinstance(connection, StampedConnection) else 0
    if days is None:
        days = limits(connection).files_days
    if days:
        until = now_microseconds() + days * _DAY
        connection.executemany(
            "INSERT INTO kept_file (href, until) VALUES (?, ?) ON CONFLICT (href) DO UPDATE SET until = excluded.until",
            ((href, until) for href in hrefs),
        )
        return []
    connection.executemany("INSERT OR IGNORE INTO trash (href) VALUES (?)", ((href,) for href in hrefs))
    return list(hrefs)


def kept_files(connection: sqlite3.Connection, *, until: int | None = None) -> set[str]:
    """Return the files that the history keeps: all, or those that it keeps till then at most, in microseconds."""
    found = connection.execute("SELECT href FROM kept_file WHERE until <= coalesce(?, until)", (until,))
    return {href for (href,) in found}


def forget_files(connection: sqlite3.Connection, hrefs: Iterable[str]) -> None:
    """Keep files no longer."""
    connection.executemany("DELETE FROM kept_file WHERE href = ?", ((href,) for href in hrefs))


def reclaim_files(connection: sqlite3.Connection, hrefs: Iterable[str]) -> list[str]:
    """Let an image have files again that the history keeps; return those that it does not."""
    giving = "DELETE FROM kept_file WHERE href = ?"
    return [href for href in hrefs if connection.execute(giving, (href,)).rowcount == 0]


def exchange_file(connection: sqlite3.Connection, uid: str, old: str, file: Mapping[str, Parameter]) -> None:
    """Let every state of an image name a file with the same pixels in place of an owned one that goes.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside a write transaction.
    uid : str
        The image's public id.
    old : str
        The path of the file that goes.
    file : mapping
        What is another one in the row of the new file: ``href``, ``size_bytes`` and ``hash``.
    """
    found = connection.execute(
        "SELECT id, state FROM history WHERE kind = 'image' AND uid = ? AND instr(state, ?) AND json_valid(state) "
        "AND json_type(json_extract(state, '$.files')) = 'array'",
        (uid, old),
    )
    for number, text in found.fetchall():
        state = json.loads(text)
        files = json.loads(state[_FILES])
        for one in files:
            if one.get("owned") and one.get("href") == old:
                one.update(file)
        state[_FILES] = _encoded(files)
        connection.execute("UPDATE history SET state = ? WHERE id = ?", (_encoded(state), number))
