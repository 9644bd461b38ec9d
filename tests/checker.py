"""A catalog looked at from outside: by SQLite, shapely and hashlib alone, without a line of localcat."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import shapely

_TEXTS = ("product_text", "band_text", "image_text")
_OWN = (".localcat.json", ".localcat.write.lock", ".localcat.commit.lock", ".localcat.gate.lock")
_ORPHANS = ".orphans/"  # and then a date
_ROUNDING = 2.0**-22  # of a number: what the R-tree's 32-bit floats lose at the most
_TIME_UNIT = 365.25 * 86_400e6 / 30  # microseconds to a unit of time in the index


@dataclass(slots=True)
class Seen:
    """What is in a catalog.

    Parameters
    ----------
    versions : dict of str to str
        What the images' `provider_id` says, by their ids: the tests put there which upload it was.
    owned : set of str
        The paths of the files that rows refer to.
    files : set of str
        The files in the data folder, but its marker and those that were set aside.
    aside : set of str
        The files that were set aside, as they were called in the folder.
    kept : set of str
        The files that only the history needs.
    trash : set of str
        The paths of those that are to be unlinked.
    problems : list of str
        What must not be.
    """

    versions: dict[str, str | None] = field(default_factory=dict)
    owned: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    aside: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    trash: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    @property
    def garbage(self) -> set[str]:
        """Files that no row refers to."""
        return self.files - self.owned - self.kept


def data_folder(catalog: Path) -> Path:
    return catalog.with_suffix(".data")


def look(catalog: Path) -> Seen:
    """Open a catalog file as any program would, and check everything that must hold after a crash (I1 and I2)."""
    seen = Seen()
    folder = data_folder(catalog)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()} - {*_OWN}
    seen.aside = {href.split("/", 2)[2] for href in files if href.startswith(_ORPHANS)}
    seen.files = {href for href in files if not href.startswith(_ORPHANS)}
    if not catalog.exists():
        seen.problems.append(f"there is no {catalog.name}")
        return seen
    connection = sqlite3.connect(catalog, isolation_level=None)
    try:
        seen.problems += _broken(connection)
        seen.versions = dict(connection.execute("SELECT uid, provider_id FROM image"))
        seen.problems += _out_of_step(connection)
        owned = connection.execute("SELECT href, size_bytes, hash FROM image_file WHERE owned").fetchall()
        seen.owned = {href for href, _, _ in owned}
        seen.problems += _wrong_files(folder, owned)
        seen.kept = {href for (href,) in connection.execute("SELECT href FROM kept_file")}
        seen.problems += [f"'{href}' is kept, and not there" for href in sorted(seen.kept - seen.files)]
        seen.problems += [f"'{href}' is kept, and in use" for href in sorted(seen.kept & seen.owned)]
        seen.trash = {href for (href,) in connection.execute("SELECT href FROM trash")}
        seen.problems += [f"'{href}' is in the trash and in use" for href in sorted(seen.trash & seen.owned)]
    except sqlite3.Error as error:
        seen.problems.append(f"{catalog}: {error}")
    finally:
        connection.close()
    return seen


def beside(catalog: Path) -> list[str]:
    """Return what lies beside a catalog at rest and is neither its file nor its data folder."""
    expected = {catalog.name, data_folder(catalog).name}
    return sorted(path.name for path in catalog.parent.iterdir() if path.name not in expected)


def _broken(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield what SQLite's own checks find; integrity_check looks neither into the texts nor into the R-tree."""
    for (line,) in connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield f"integrity_check: {line}"
    for row in connection.execute("PRAGMA foreign_key_check"):
        yield f"foreign_key_check: {row}"
    connection.execute("BEGIN")
    for table in _TEXTS:
        try:
            connection.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")
        except sqlite3.DatabaseError as error:
            yield f"{table}: {error}"
    connection.execute("ROLLBACK")
    (found,) = connection.execute("SELECT rtreecheck('image_index')").fetchone()
    if found != "ok":
        yield f"rtreecheck: {found}"


def _out_of_step(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield where the indexes, the tags and the sums differ from the rows."""
    boxes = {row[0]: row[1:] for row in connection.execute("SELECT * FROM image_index")}
    tags: dict[int, set[str]] = {}
    for tag, row_id in connection.execute("SELECT tag, image_id FROM image_tag"):
        tags.setdefault(row_id, set()).add(tag)
    keys = {number: json.loads(path) for number, path in connection.execute("SELECT id, path FROM property_key")}
    values: dict[int, set[object]] = {}
    for row_id, *entry in connection.execute("SELECT image_id, key_id, type, value FROM image_property"):
        values.setdefault(row_id, set()).add(tuple(entry))
    sizes = dict(connection.execute("SELECT image_id, sum(size_bytes) FROM image_file GROUP BY image_id"))
    images = connection.execute(
        "SELECT id, uid, geometry, acquired, tags, size_bytes, extra_properties FROM image"
    ).fetchall()
    shapes = shapely.from_wkb([row[2] for row in images]) if images else []
    for (row_id, uid, blob, acquired, listed, size, extra), shape in zip(images, shapes, strict=True):
        if (blob is not None) != (row_id in boxes):
            yield f"{uid}: the index and the footprint disagree"
        elif blob is not None:
            west, south, east, north = shape.bounds
            time = (acquired or 0) / _TIME_UNIT
            expected = (west, east, south, north, time, time)
            is_close = all(map(_is_close, boxes[row_id], expected))
            if not is_close and east - west < 180:  # a footprint across the antimeridian is indexed beyond 180 degrees
                yield f"{uid}: indexed as {boxes[row_id]} and should be {expected}"
        if tags.pop(row_id, set()) != set(json.loads(listed or "[]")):
            yield f"{uid}: its tags are indexed otherwise"
        if values.pop(row_id, set()) != set(_property_entries(json.loads(extra or "{}"), keys)):
            yield f"{uid}: its extra properties are indexed otherwise"
        if size != (sizes.get(row_id) or 0):
            yield f"{uid}: {size} bytes, and {sizes.get(row_id)} in its files"
        boxes.pop(row_id, None)
    if boxes or tags or values:
        yield f"index entries without an image: {sorted({*boxes, *tags, *values})}"


def _property_entries(properties: object, keys: dict[int, list[str]]) -> Iterator[tuple[int, str, object]]:
    """Yield (key, type, value) of the values that have an index, as SQLite's functions for JSON call them."""
    for number, path in keys.items():
        value: object = properties
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, bool):
            yield number, str(value).lower(), int(value)
        elif value is not None:
            kinds = {str: "text", int: "integer", float: "real", list: "array", dict: "object"}
            yield number, kinds[type(value)], None if isinstance(value, list | dict) else value


def _is_close(stored: float, exact: float) -> bool:
    return abs(stored - exact) <= _ROUNDING * abs(exact)


def _wrong_files(folder: Path, owned: list[tuple[str, int, str]]) -> Iterator[str]:
    for href, size, digest in owned:
        try:
            content = (folder / href).read_bytes()
        except OSError as error:
            yield f"'{href}' has a row and cannot be read: {error.strerror}"
            continue
        if len(content) != size:
            yield f"'{href}' has {len(content)} bytes in place of {size}"
        elif hashlib.sha256(content).hexdigest() != digest:
            yield f"'{href}' has another content than its row says"
    if len({href for href, _, _ in owned}) != len(owned):
        yield "two rows own the same file"
