"""Making every object of every row: what cannot be listed is a fault, whatever the checks of the tables say."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from localcat.errors import CorruptCatalogError
from localcat.models.band import Band
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.models.state import DAMAGE
from localcat.models.upload import ImageUpload
from localcat.progress import shown
from localcat.store import rows, states
from localcat.store.damage.past import forgetting
from localcat.store.damage.problem_kinds import Problem, ProblemKind

if TYPE_CHECKING:
    from pathlib import Path

    from localcat.models.object import CatalogObjectBase
    from localcat.store.catalog_file import CatalogFile

_KINDS = {kind.table: kind for kind in (Product, Band, Image)}
_STATES = 1000  # changes read at once
_ADVICE = "assign the attribute again and save, or restore the catalog from a backup"


def check_objects(catalog: CatalogFile, known: Collection[str | None], progress: bool | None) -> Iterator[Problem]:
    """Yield the objects with a stored value that their attribute cannot have, but for those that are known already.

    Rows are read chunk by chunk, so that nobody has to wait.
    """
    for kind in (Product, Band, Image, ImageUpload):
        with catalog.database.read() as connection:
            row_ids = rows.all_row_ids(connection, kind.table)
        chunks = range(0, len(row_ids), rows.HYDRATION_CHUNK)
        for start in shown(chunks, f"checking rows of table {kind.table}", "chunks", progress):
            chunk = row_ids[start : start + rows.HYDRATION_CHUNK]
            with catalog.database.read() as connection:
                found = list(rows.hydrate(connection, kind.table, kind._columns(), chunk))
            for row in found:
                uid = str(row[kind._positions()["id"]])
                fault = _fault(kind, row, catalog.path)
                if fault is not None and uid not in known:
                    yield Problem(ProblemKind.VALUE, _ADVICE, uid, found=fault)


def check_states(catalog: CatalogFile) -> Iterator[Problem]:
    """Yield the changes in the history of whose state before no object can be made; those without JSON are known."""
    last = 0
    while True:
        with catalog.database.read() as connection:
            found = states.some(connection, last, _STATES)
        if not found:
            return
        last = found[-1].number
        for entry in found:
            fault = fault_before(entry, catalog.path)
            if fault is not None:
                state = f"change {entry.number:,}: {fault}"
                advice = forgetting(entry.at + 1 if isinstance(entry.at, int) else 0)
                yield Problem(ProblemKind.HISTORY, advice, entry.uid, expected="what it was before", found=state)


def fault_before(entry: states.Entry, path: Path) -> str | None:
    """Return why no object can be made of the state of a change; None if one can, or if there is no state."""
    if entry.state is None:
        return None
    kind = _KINDS.get(entry.kind)
    if kind is None:
        return f"kind {entry.kind!r}"
    try:
        state = json.loads(entry.state)
        values = {**state, "geometry": None if (stored := state.get("geometry")) is None else bytes.fromhex(stored)}
    except DAMAGE as error:
        return str(error)
    named = {position: values.get(name) for name, position in kind._positions().items()}
    return _fault(kind, tuple(named.get(position) for position in range(max(named) + 1)), path)


def _fault(kind: type[CatalogObjectBase], row: rows.Row, path: Path) -> str | None:
    """Return why no object can be made of a row; None if one can."""
    try:
        attributes = kind._class_of(row, path)._attributes
    except CorruptCatalogError:
        return f"type {row[kind._positions()['type']]!r}"
    for name, position in kind._positions().items():
        attribute = attributes.get(name)
        if attribute is not None and row[position] is not None:
            try:
                attribute.load(row[position])
            except DAMAGE as error:
                return f"{name}: {error}"
    return None
