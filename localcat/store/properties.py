"""The index of values inside `extra_properties` of images, for the keys that were chosen: in step with the rows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from localcat import json_text
from localcat.store.clauses import Parameter

MOST_KEYS: Final = 32
"""Keys that can be chosen; each costs a row and an entry for every image that has it."""

Path: TypeAlias = tuple[str, ...]
"""The keys that lead from `extra_properties` to a value, one for each level."""

Entry: TypeAlias = tuple[int, int, str, Parameter]
"""(row id of the image, id of the key, type as SQLite names those of JSON, value)."""

_CHUNK = 10_000  # images read at once
_WIDEST = 2**63  # whole numbers from here on are kept as floats, as SQLite reads them


def as_stored(path: Path) -> str:
    """Return keys as the table `property_key` has them."""
    return json.dumps(list(path), ensure_ascii=False)


def chosen(connection: sqlite3.Connection) -> dict[Path, int]:
    """Return the keys that have an index, and the number of each."""
    found = connection.execute("SELECT path, id FROM property_key").fetchall()
    return {path: number for text, number in found if (path := path_of(text)) is not None}


def path_of(stored: str) -> Path | None:
    """Return keys that are stored in the table `property_key`; None if the text is damaged."""
    try:
        keys = json_text.loads(stored)
    except ValueError:
        return None
    return tuple(keys) if keys and isinstance(keys, list) and all(isinstance(key, str) for key in keys) else None


def choose(connection: sqlite3.Connection, paths: Iterable[Path]) -> None:
    """Give these keys an index, and no others; their entries are made by `rebuild`, inside the same transaction."""
    connection.execute("DELETE FROM image_property")
    connection.execute("DELETE FROM property_key")
    connection.executemany("INSERT INTO property_key (path) VALUES (?)", ((as_stored(path),) for path in paths))


def add(connection: sqlite3.Connection, rows: Iterable[tuple[int, Parameter]]) -> None:
    """Add the entries of images, given as (row id, extra properties as they are stored, or None)."""
    keys = chosen(connection)
    if keys:
        connection.executemany(
            "INSERT INTO image_property (image_id, key_id, type, value) VALUES (?, ?, ?, ?)",
            (entry for row_id, stored in rows if stored is not None for entry in entries(row_id, str(stored), keys)),
        )


def remove(connection: sqlite3.Connection, images: Iterable[tuple[int]]) -> None:
    """Remove the entries of images, given as (row id,)."""
    connection.executemany("DELETE FROM image_property WHERE image_id = ?", images)


def rebuild(connection: sqlite3.Connection) -> None:
    """Make the entries of all images again."""
    connection.execute("DELETE FROM image_property")
    if chosen(connection):
        for rows in with_properties(connection):
            add(connection, rows)


def with_properties(connection: sqlite3.Connection) -> Iterator[Sequence[tuple[int, str]]]:
    """Yield (row id, extra properties as they are stored) of the images that have some, in order and in chunks."""
    cursor = connection.execute(
        "SELECT id, extra_properties FROM image WHERE typeof(extra_properties) = 'text' ORDER BY id"
    )
    while rows := cursor.fetchmany(_CHUNK):
        yield rows


def entries(row_id: int, stored: str, keys: Mapping[Path, int]) -> Iterator[Entry]:
    """Yield the entries of an image; none if its JSON is damaged."""
    try:
        properties = json_text.first_of_keys(stored)
    except ValueError:
        return
    for path, number in keys.items():
        value: Any = properties
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            yield (row_id, number, *_typed(value))


def _typed(value: object) -> tuple[str, Parameter]:
    match value:
        case bool():
            return ("true", 1) if value else ("false", 0)
        case str():
            return "text", value
        case int():
            return "integer", value if -_WIDEST <= value < _WIDEST else float(value)
        case float():
            return "real", value
        case list():
            return "array", None
        case _:
            return "object", None
