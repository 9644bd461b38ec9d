"""Undoing changes: objects become what they were, in one transaction that is itself in the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcat.errors import BadRequestError, ConflictError, NotFoundError, printable
from localcat.history.changes import Change, change_of
from localcat.models.image import Image
from localcat.store import rows, states
from localcat.timestamps import now_microseconds

if TYPE_CHECKING:
    import sqlite3

    from localcat.store.catalog_file import CatalogFile
    from localcat.store.clauses import Parameter


_NUMBERS = 2**63  # SQLite has no more


def undo(catalog: CatalogFile, change: Change | int, *, together: bool = False) -> list[Change]:
    """Make objects what they were before a change; `Catalog.undo` says how."""
    number = change.number if isinstance(change, Change) else change
    if isinstance(number, bool) or not isinstance(number, int):
        raise BadRequestError(f"undo takes a change or its number, not {change!r}")
    with catalog.database.write() as transaction:
        connection = transaction.connection
        transaction.about = f"change {number}: "
        entry = states.entry(connection, number) if abs(number) < _NUMBERS else None
        if entry is None:
            raise NotFoundError(f"there is no change {number} in the history; catalog.history() lists what is kept")
        if isinstance(change, Change) and change_of(entry) != change:
            raise NotFoundError(
                f"change {number} in the history is not that of {change.id!r} at {change.at}, which is of another "
                "catalog or of a state of this one that is gone; catalog.history() lists what is kept"
            )
        if entry.at < states.complete_since(connection):
            raise _conflict(
                change_of(entry),
                "of what came after it a part was lost; the history is complete only since then. Its "
                "`before` says what the object was",
            )
        undone = [change_of(one) for one in (_together(connection, entry) if together else [entry])]
        _require_last(connection, undone)
        released: list[str] = []
        products: set[int] = set()
        for one in undone:
            transaction.bound_memory()
            released += _undo(catalog, connection, one, products)
        for product in products:
            rows.refresh_resolutions(connection, product)
        transaction.on_commit.append(lambda: catalog.delete_files(released))
    return undone


def _together(connection: sqlite3.Connection, one: states.Entry) -> list[states.Entry]:
    """Return what was changed with one entry, the last first: by its transaction, and by its call in several ones."""
    found = {entry.number: entry for entry in states.of_transaction(connection, one)}
    if one.what == "deleted":
        found |= {entry.number: entry for entry in states.of_call(connection, one)}
    return [found[number] for number in sorted(found, reverse=True)]


def _require_last(connection: sqlite3.Connection, changes: list[Change]) -> None:
    """Refuse to undo what came before another change of the same object."""
    wanted = {(change.kind, change.id): change for change in changes}
    newer = states.newer(connection, changes[-1].number, [change.id for change in changes])
    for entry in newer:
        change = wanted.get((entry.kind, entry.uid))
        if change is not None and entry.number > change.number and change_of(entry).transaction != change.transaction:
            raise _conflict(change, f"it was {entry.what} again since, by change {entry.number}; undo that one first")


def _conflict(change: Change, why: str) -> ConflictError:
    return ConflictError(printable(f"change {change.number} of {change.kind} '{change.id}' cannot be undone: {why}"))


def _undo(catalog: CatalogFile, connection: sqlite3.Connection, change: Change, products: set[int]) -> list[str]:
    """Undo one change; return the files that nothing needs any more, and note whose resolutions may differ."""
    names = ("id", *states.attributes_of(connection, change.kind))
    found = rows.find(connection, change.kind, names, change.id)
    row_id = None if found is None else int(found[0] or 0)
    state = change.state()
    if state is None:
        return [] if row_id is None else _delete(connection, change, row_id)  # it may have come back and gone at once
    if (row_id is None) != (change.what == "deleted"):
        raise _conflict(change, "it is not there any more" if row_id is None else "it was made again since")
    values = states.values_of(connection, change.kind, state)
    released: list[str] = []
    if change.kind == "image":
        released = _take_files(catalog, connection, change, row_id, values)
    if row_id is None:
        row_id = _insert(connection, change, values)
        if change.kind == "image":
            states.put_sources(connection, row_id, state)
    elif found is not None:
        now = dict(zip(names, found[2:], strict=True))
        values = {name: value for name, value in values.items() if value != now[name]}  # others need no new entries
        values["modified"] = max(now_microseconds(), int(now["modified"] or 0) + 1)
        rows.update(connection, change.kind, row_id, values, before=(names, found))
    if change.kind == "band":
        products.add(_product_of(connection, change))
    elif change.kind == "product":
        products.add(row_id)
    return released


def _insert(connection: sqlite3.Connection, change: Change, values: dict[str, Parameter]) -> int:
    values = {"id": change.id, **values, "modified": now_microseconds()}
    if change.kind != "product":
        values["product_id"] = _product_of(connection, change)
    return rows.insert(connection, change.kind, values)


def _product_of(connection: sqlite3.Connection, change: Change) -> int:
    uid = change.id.rpartition(":")[0]  # an id is made of the product's and a name, which has no colon
    product = rows.product_row_id(connection, uid)
    if product is None:
        raise _conflict(
            change,
            f"its product '{uid}' was deleted; undo that first, with together=True for all that belonged to it",
        )
    return product


def _delete(connection: sqlite3.Connection, change: Change, row_id: int) -> list[str]:
    if change.kind == "product" and any(rows.count_of_product(connection, row_id)):
        raise _conflict(change, "it has bands or images by now; delete_related_objects() deletes them")
    released = rows.discard_files(connection, [row_id]) if change.kind == "image" else []
    rows.delete(connection, change.kind, [row_id])
    return released


def _take_files(
    catalog: CatalogFile,
    connection: sqlite3.Connection,
    change: Change,
    row_id: int | None,
    values: dict[str, Parameter],
) -> list[str]:
    """Give an image the files that it had; return those of now that it needs no more, to be unlinked."""
    wanted = _owned(values[rows.FILES])
    here = [] if row_id is None else [str(href) for href in rows.owned_files(connection, row_id)]
    missing = states.reclaim_files(connection, [href for href in wanted if href not in here])
    missing += [href for href in wanted if href not in missing and not catalog.data_folder.has(href)]
    if missing:
        raise _conflict(
            change,
            f"its pixels ('{missing[0]}') were deleted; catalog.keep_history(files='30 days') keeps those of what is "
            "changed from now on",
        )
    return states.release_files(connection, [href for href in here if href not in wanted])


def _owned(stored: Any) -> list[str]:
    files = [] if stored is None else Image._attributes[rows.FILES].load(stored)
    return [str(file.href) for file in files if file.owned]
