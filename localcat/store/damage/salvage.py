"""The rows of a damaged catalog file, of those pages that hold together.

Rows are taken from the pages that a table's root leads to. Where pages on the way are damaged, the leaves that nothing
leads to any more are looked at too: those on SQLite's list of free pages hold deleted rows and are left out; if that
list is damaged itself, such rows are marked as uncertain.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from localcat.disk.peeking import peek
from localcat.errors import CorruptCatalogError, StorageError, UnsupportedCatalogError
from localcat.store import properties
from localcat.store.damage.pages import Pages, Record
from localcat.store.file import schema

_SINCE_5: Final = ("frozen", "frozen_image", "tombstone", "history")  # as the table "replica"
TABLES: Final = ("product", "band", "image", "image_file", "upload", "upload_event", *_SINCE_5)
"""What is salvaged, in the order in which rows refer to each other; everything else is made from these."""

_KEPT: Final = "kept_file"  # the table, which is an index
_STAMP: Final = ("replica", "counter")  # added by version 5, behind all other columns
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "INTEGER": (int,),
    "REAL": (float, int),
    "TEXT": (str,),
    "BLOB": (bytes,),
    "ANY": (int, float, str, bytes),
}


@dataclass(frozen=True, slots=True)
class SalvagedRow:
    """A row of a table; its columns but the id are read as of a mapping."""

    row_id: int
    positions: Mapping[str, int]  # of each column in `cells`; the same for all rows of a table
    cells: tuple[Any, ...]
    is_certain: bool = True  # False if it was in a page that may hold deleted rows

    @classmethod
    def of(cls, row_id: int, values: Mapping[str, Any]) -> Self:
        """Return a row of given columns."""
        return cls(row_id, {name: position for position, name in enumerate(values)}, tuple(values.values()))

    def __getitem__(self, name: str) -> Any:
        return self.cells[self.positions[name]]

    def get(self, name: str) -> Any:
        """Return the value of a column; None if the table has none of that name."""
        return self[name] if name in self.positions else None


@dataclass(slots=True)
class Salvage:
    """What could be read of a catalog file.

    Parameters
    ----------
    settings : dict
        Of the table ``meta``; some or all may be missing.
    indexed : list of tuple of str
        The keys inside `extra_properties` that have an index; some or all may be missing.
    rows : dict
        By table.
    kept : dict of str to int
        Until when each file is kept that only the history needs, in microseconds since 1970, by its path.
    damaged : dict of str to int
        How many spots in the pages of each table could not be read, whether they held rows or not.
    """

    settings: dict[str, str] = field(default_factory=dict)
    indexed: list[properties.Path] = field(default_factory=list)
    rows: dict[str, list[SalvagedRow]] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    damaged: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Layout:
    """The stored columns of a table, (name, types, may be NULL), and their positions; the first is the row id."""

    columns: tuple[tuple[str, tuple[type, ...], bool], ...]
    positions: Mapping[str, int]

    def row(self, record: Record, *, is_certain: bool) -> SalvagedRow | None:
        """Return a record as a row; None if it cannot be one of this table."""
        # A row that was written before its table got the columns of a stamp ends without them.
        added = len(_STAMP) if tuple(name for name, *_ in self.columns[-len(_STAMP) :]) == _STAMP else 0
        values = (
            (*record.values, *(None,) * added) if len(record.values) == len(self.columns) - added else record.values
        )
        if len(values) != len(self.columns) or values[0] is not None or record.row_id < 1:
            return None
        for value, (_, types, may_be_null) in zip(values[1:], self.columns[1:], strict=True):
            if value is None:
                if not may_be_null:
                    return None
            elif not isinstance(value, types) or (isinstance(value, str) and "\x00" in value):
                return None
        return SalvagedRow(record.row_id, self.positions, values[1:], is_certain)


def salvage(path: Path) -> Salvage:
    """Return the rows of a catalog file that hold together; the file is only read.

    Raises
    ------
    CorruptCatalogError
        If nothing of a catalog is left in it.
    UnsupportedCatalogError
        If it is a database, but no catalog.
    StorageError
        If the disk cannot be read.
    """
    try:
        with peek(path) as file:
            if path.stat().st_size == 0:
                raise CorruptCatalogError(f"nothing is left in '{path}': it has no bytes; restore it from a backup")
            return _salvage(Pages(file), path)
    except OSError as error:
        raise StorageError(f"'{path}' cannot be read: {error.strerror or error}; check the disk") from error


def _salvage(pages: Pages, path: Path) -> Salvage:
    free = pages.free()
    master = pages.tree(1)
    roots = dict(_roots(master.records))
    if not master.damaged and not {"image", "product"} <= roots.keys():
        raise UnsupportedCatalogError(
            f"'{path}' is a database but no localcat catalog; name a file that localcat created"
        )
    found = Salvage()
    if "meta" in roots:
        tree = pages.tree(roots["meta"])
        pairs = [record.values for record in tree.records if len(record.values) == 2]
        found.settings = {key: text for key, text in pairs if isinstance(key, str) and isinstance(text, str)}
    if "property_key" in roots:
        stored = [record.values[1] for record in pages.tree(roots["property_key"]).records if len(record.values) == 2]
        paths = [properties.path_of(text) for text in stored if isinstance(text, str)]
        found.indexed = [path for path in paths if path is not None]
    if _KEPT in roots:
        tree = pages.tree(roots[_KEPT])
        pairs = [record.values for record in tree.records if len(record.values) == 2]
        found.kept = {href: until for href, until in pairs if isinstance(href, str) and isinstance(until, int)}
        hurt = len(tree.damaged) + len(tree.records) - len(found.kept)
    else:
        hurt = "replica" in roots
    layouts = _layouts()
    for table in TABLES:
        records, damaged = [], 1
        if table in roots:
            tree = pages.tree(roots[table])
            records, damaged = tree.records, len(tree.damaged)
        elif table in _SINCE_5 and "replica" not in roots:
            damaged = 0
        rows = [layouts[table].row(record, is_certain=True) for record in records]
        found.rows[table] = [row for row in rows if row is not None]
        if damaged + rows.count(None):
            found.damaged[table] = damaged + rows.count(None)
    if found.damaged:
        _add_strays(pages, free, layouts, found)
    if hurt:
        found.damaged[_KEPT] = int(hurt)
    if not any(found.rows.values()) and not {"image", "product"} <= roots.keys():
        raise CorruptCatalogError(f"nothing of a catalog can be recognised in '{path}'; restore it from a backup")
    return found


def _roots(records: Sequence[Record]) -> Iterator[tuple[str, int]]:
    """Yield the tables of a schema and their root pages."""
    for record in records:
        if len(record.values) == 5:
            kind, name, _, root, _ = record.values
            if kind == "table" and isinstance(name, str) and isinstance(root, int) and root > 1:
                yield name, root


def _layouts() -> dict[str, _Layout]:
    memory = sqlite3.connect(":memory:", isolation_level=None)
    try:
        schema.apply(memory, schema.migrations())
        layouts = {}
        for table in TABLES:
            columns = memory.execute(f"PRAGMA table_xinfo({table})").fetchall()
            stored = tuple(
                (name, _TYPES[kind or "ANY"], not notnull)
                for _, name, kind, notnull, _, _, hidden in columns
                if not hidden
            )
            layouts[table] = _Layout(stored, {name: position for position, (name, _, _) in enumerate(stored[1:])})
        return layouts
    finally:
        memory.close()


def _add_strays(pages: Pages, free: set[int] | None, layouts: Mapping[str, _Layout], found: Salvage) -> None:
    """Add the rows of leaves that no damaged page leads to any more, to the tables that are damaged."""
    known = {table: {row.row_id for row in rows} for table, rows in found.rows.items()}
    strays: dict[str, dict[int, SalvagedRow]] = {table: {} for table in found.damaged}
    for number, records in pages.strays():
        if free is not None and number in free:
            continue
        for table in found.damaged:
            rows = [layouts[table].row(record, is_certain=free is not None) for record in records]
            if not rows or None in rows:
                continue  # a page belongs to one table
            for row in rows:
                if row is not None and row.row_id not in known[table]:
                    other = strays[table].get(row.row_id)
                    if other is None or _version(other) < _version(row):
                        strays[table][row.row_id] = row
            break
    for table, by_id in strays.items():
        found.rows[table] = sorted([*found.rows[table], *by_id.values()], key=lambda row: row.row_id)


def _version(row: SalvagedRow) -> int:
    version = row.get("version")
    return version if isinstance(version, int) else 0
