"""Reading the pages of a SQLite file without SQLite, which gives up on a damaged one.

Format: https://www.sqlite.org/fileformat2.html. Parts that do not hold together are left out and
reported; nothing is guessed. No byte is part of two records, so that a hostile file gives no more than its size.
"""

from __future__ import annotations

import os
import struct
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import BinaryIO, TypeAlias

Value: TypeAlias = int | float | str | bytes | None

MAGIC = b"SQLite format 3\x00"
_HEADER = 100  # bytes before the first page's own header
_USUAL_PAGE = 4096  # bytes, if the header of the file does not give it

_TABLE_LEAF, _TABLE_INTERIOR, _INDEX_LEAF, _INDEX_INTERIOR = 0x0D, 0x05, 0x0A, 0x02
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # by serial type
_MOST_COLUMNS = 2000
_SMALLEST_CELL = 4  # bytes
_MOST_TRIES = 4  # chains that fail may share a page so often: damage leads them into those of others


class _DamagedPageError(Exception):
    """A page or a record does not hold together; never leaves `localcat.store`."""


@dataclass(frozen=True, slots=True)
class Record:
    """A row as it is stored in a page.

    Parameters
    ----------
    row_id : int
        Its rowid; 0 in an index.
    values : tuple
        The stored columns; an ``INTEGER PRIMARY KEY`` is None in here, since it is the rowid.
    """

    row_id: int
    values: tuple[Value, ...]


@dataclass(slots=True)
class Tree:
    """What was found of a table or an index.

    Parameters
    ----------
    records : list of Record
        The rows that hold together.
    damaged : list of int
        Pages that do not, with all that is below them; a page is listed once for each row of it that is lost.
    """

    records: list[Record] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)


class Pages:
    """The pages of a SQLite file, counted from 1.

    Parameters
    ----------
    file : binary file
        Open for reading; its end may be missing, and parts of it unreadable.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._length = file.seek(0, os.SEEK_END)
        head = self._read(0, _HEADER)
        self.has_header = head.startswith(MAGIC)
        size = int.from_bytes(head[16:18]) if self.has_header else 0
        self.size = {1: 65536}.get(size, size)
        if self.size < 512 or self.size & (self.size - 1):
            self.size = _USUAL_PAGE
        reserved = head[20] if self.has_header else 0
        self._usable = self.size - (reserved if reserved <= self.size - 480 else 0)
        self._free_list = struct.unpack(">II", head[32:40]) if self.has_header else None
        self.count = self._length // self.size
        self.used: set[int] = set()  # pages that belong to what was read
        self._tries: Counter[int] = Counter()  # failed chains through a page

    def _read(self, start: int, count: int) -> bytes:
        """Return bytes of the file; fewer, or none, where it ends or the disk cannot read it."""
        try:
            self._file.seek(start)
            return self._file.read(count)
        except OSError:
            return b""

    def page(self, number: int) -> bytes:
        """Return a page.

        Raises
        ------
        _DamagedPageError
            If the file has none of that number, or the disk cannot read it.
        """
        page = self._read((number - 1) * self.size, self.size) if 1 <= number <= self.count else b""
        if len(page) != self.size:
            raise _DamagedPageError
        return page[: self._usable]

    def free(self) -> set[int] | None:
        """Return the pages that no table uses; None if the list of them is damaged."""
        if self._free_list is None:
            return None
        trunk, expected = self._free_list
        found: set[int] = set()
        try:
            while trunk:
                if trunk in found or len(found) > self.count:
                    return None
                found.add(trunk)
                page = self.page(trunk)
                trunk, leaves = struct.unpack_from(">II", page)
                if leaves > self._usable // 4 - 2:
                    return None
                found.update(struct.unpack_from(f">{leaves}I", page, 8))
        except _DamagedPageError:
            return None
        return found if len(found) == expected else None

    def tree(self, root: int) -> Tree:
        """Return the rows of a table or an index from its root page on."""
        found = Tree()
        known: set[int] = set()
        pending = [root]
        while pending:
            number = pending.pop()
            if number in self.used:
                found.damaged.append(number)
                continue
            self.used.add(number)
            try:
                kind, cells, right = self._node(number)
            except _DamagedPageError:
                found.damaged.append(number)
                continue
            page = self.page(number)
            below = []
            for at, end in cells:
                try:
                    if kind in (_TABLE_INTERIOR, _INDEX_INTERIOR):
                        below.append(int.from_bytes(page[at : at + 4]))
                    if kind == _TABLE_INTERIOR:
                        continue
                    record = self._record(page, at, end, kind)
                    if kind == _TABLE_LEAF and record.row_id in known:
                        found.damaged.append(number)
                    else:
                        known.add(record.row_id)
                        found.records.append(record)
                except (_DamagedPageError, IndexError, struct.error, UnicodeDecodeError):
                    found.damaged.append(number)
            pending += reversed([*below, *([right] if right else [])])
        return found

    def strays(self) -> Iterator[tuple[int, list[Record]]]:
        """Yield (page, its rows) for each leaf of a table that no tree has led to."""
        for number in range(1, self.count + 1):
            if number in self.used:
                continue
            try:
                kind, cells, _ = self._node(number)
            except _DamagedPageError:
                continue
            if kind != _TABLE_LEAF:
                continue
            page = self.page(number)
            records = []
            for at, end in cells:
                try:
                    records.append(self._record(page, at, end, kind))
                except (_DamagedPageError, IndexError, struct.error, UnicodeDecodeError):
                    continue
            yield number, records

    def _node(self, number: int) -> tuple[int, list[tuple[int, int]], int]:
        """Return the kind of a page of a tree, the bytes of its cells, and its last child (0 for a leaf)."""
        page = self.page(number)
        start = _HEADER if number == 1 else 0
        kind = page[start]
        if kind not in (_TABLE_LEAF, _TABLE_INTERIOR, _INDEX_LEAF, _INDEX_INTERIOR):
            raise _DamagedPageError
        is_leaf = kind in (_TABLE_LEAF, _INDEX_LEAF)
        (count,) = struct.unpack_from(">H", page, start + 3)
        first = start + (8 if is_leaf else 12)
        if first + 2 * count > self._usable:
            raise _DamagedPageError
        cells = struct.unpack_from(f">{count}H", page, first)
        if any(not first + 2 * count <= at <= self._usable - _SMALLEST_CELL for at in cells):
            raise _DamagedPageError
        ends = dict(pairwise([*sorted(set(cells)), self._usable]))
        spans = [(at, ends.pop(at, at)) for at in cells]  # one that is repeated has no room
        return kind, spans, 0 if is_leaf else int.from_bytes(page[start + 8 : start + 12])

    def _record(self, page: bytes, at: int, end: int, kind: int) -> Record:
        if end - at < _SMALLEST_CELL:
            raise _DamagedPageError
        if kind == _INDEX_INTERIOR:
            at += 4  # the child
        length, at = _varint(page, at)
        row_id = 0
        if kind == _TABLE_LEAF:
            row_id, at = _varint(page, at)
            row_id -= (row_id >> 63) << 64
        return Record(row_id, _values(self._payload(page, at, end, length, is_table=kind == _TABLE_LEAF)))

    def _payload(self, page: bytes, at: int, end: int, length: int, *, is_table: bool) -> bytes:
        """Return the content of a cell, of which all but the first part may be in a chain of pages."""
        most = self._usable - 35 if is_table else (self._usable - 12) * 64 // 255 - 23
        local = length
        if length > most:
            least = (self._usable - 12) * 32 // 255 - 23
            local = least + (length - least) % (self._usable - 4)
            local = local if local <= most else least
        missing = length - local
        if at + local + (4 if missing else 0) > end or length > self._length:
            raise _DamagedPageError
        first = page[at : at + local]
        return first + self._chain(int.from_bytes(page[at + local : at + local + 4]), missing) if missing else first

    def _chain(self, following: int, missing: int) -> bytes:
        """Return a number of bytes of a chain of pages."""
        parts: dict[int, bytes] = {}
        try:
            while missing:
                overflow = self._overflow(following, parts)
                parts[following] = overflow[4 : 4 + missing]
                missing -= len(parts[following])
                following = int.from_bytes(overflow[:4])
        except _DamagedPageError:
            self._tries.update(parts.keys())
            raise
        self.used.update(parts)
        return b"".join(parts.values())

    def _overflow(self, number: int, before: Collection[int]) -> bytes:
        if number in self.used or number in before or self._tries[number] >= _MOST_TRIES:  # a chain is nobody else's
            raise _DamagedPageError
        page = self.page(number)
        if not any(page):  # which its last page would not be
            raise _DamagedPageError
        return page


def _values(payload: bytes) -> tuple[Value, ...]:
    """Return the columns of a record: a header with the type of each, then their values."""
    end, at = _varint(payload, 0)
    if not at <= end <= len(payload):
        raise _DamagedPageError
    kinds = []
    while at < end:
        kind = payload[at]
        at += 1
        if kind >= 0x80:  # as few are, and a call takes longer than all else here
            kind, at = _varint(payload, at - 1)
        kinds.append(kind)
    if at != end or len(kinds) > _MOST_COLUMNS:
        raise _DamagedPageError
    values: list[Value] = []
    for kind in kinds:
        if kind == 0:
            values.append(None)
            continue
        size = _INTEGER_BYTES.get(kind, 8 if kind == 7 else (kind - 12) // 2 if kind >= 12 else 0)
        part = payload[at : at + size]
        if len(part) != size or kind in (10, 11):
            raise _DamagedPageError
        at += size
        if kind >= 12:
            values.append(part.decode() if kind % 2 else part)
        elif kind in _INTEGER_BYTES:
            values.append(int.from_bytes(part, signed=True))
        else:
            values.append(struct.unpack(">d", part)[0] if kind == 7 else kind - 8)
    if at != len(payload):
        raise _DamagedPageError
    return tuple(values)


def _varint(page: bytes, at: int) -> tuple[int, int]:
    """Return a variable-length integer and where it ends."""
    value = 0
    for position in range(at, at + 8):
        byte = page[position]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, position + 1
    return value << 8 | page[at + 8], at + 9
