"""What products, bands, images and uploads have in common: getting, searching, saving and deleting."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self, overload

from localcat.errors import (
    BadRequestError,
    ConflictError,
    DeletedObjectError,
    DuplicateError,
    Lines,
    NotFoundError,
    UnsavedObjectError,
)
from localcat.models.attributes.scalars import Attribute, Stored, unstorable
from localcat.models.attributes.structured import ExtraProperties, TextList
from localcat.models.backend import Backend, chosen_catalog
from localcat.models.enums import DocumentState
from localcat.models.state import Record
from localcat.store import rows
from localcat.timestamps import now_microseconds

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from localcat.earth.geometry import Box
    from localcat.search import Search
    from localcat.store.file.transaction import Transaction
    from localcat.store.rows import Row

_ROW_ID = 0  # position in a row


class DeleteById(Protocol):
    """``delete`` of a class."""

    def __call__(
        self,
        id: str,
        client: Backend | None = None,
        request_params: Any = None,
        headers: Any = None,
        *,
        catalog: Backend | None = None,
    ) -> bool:
        """Delete the object with an id; return whether there was one."""


class DeleteSaved(Protocol):
    """``delete`` of an object."""

    def __call__(self, request_params: Mapping[str, Any] | None = None, headers: Any = None) -> None:
        """Delete the object."""


class _Delete:
    """``delete``, of a class by id and of an object without.

    On the class: ``Product.delete(id)`` returns True, or False if there is no such object. On an object:
    ``product.delete()`` returns None. Both raise ConflictError if other objects still belong to it.
    """

    @overload
    def __get__(self, instance: None, owner: type[CatalogObjectBase]) -> DeleteById: ...
    @overload
    def __get__(self, instance: CatalogObjectBase, owner: type[CatalogObjectBase]) -> DeleteSaved: ...
    def __get__(self, instance: CatalogObjectBase | None, owner: type[CatalogObjectBase]) -> DeleteById | DeleteSaved:
        return owner._delete_by_id if instance is None else instance._delete_saved


class CatalogObjectBase(Record, abstract=True):
    """What is kept in a catalog under an id; abstract.

    Parameters
    ----------
    catalog : Catalog, optional
        Where it belongs; the default catalog when left out. ``client`` is accepted in its place.
    **attributes
        Values of its attributes.
    """

    _origin: Mapping[str, Stored] | None = None
    """When another catalog created and changed a new object that comes from there, and keeps its id."""

    # From the catalog

    @classmethod
    def _class_of(cls, row: Row, path: Path) -> type[Self]:
        """Return the class of the object that a row of the table stands for."""
        return cls

    @classmethod
    def get(
        cls,
        id: str,
        client: Backend | None = None,
        request_params: Any = None,
        headers: Any = None,
        *,
        catalog: Backend | None = None,
    ) -> Self | None:
        """Return the object with an id, or None if there is none."""
        refuse_request_params(request_params)
        catalog = cls._of(catalog, client)
        if not isinstance(id, str):
            raise TypeError(f"an id is text, not {id!r}")
        with catalog.database.read() as connection:
            for candidate in cls._candidate_ids(id, catalog):
                row = rows.find(connection, cls.table, cls._columns(), candidate)
                if row is not None:
                    return cls._accepted(cls._from_row(catalog, row))
        return None

    @classmethod
    def _accepted(cls, found: CatalogObjectBase) -> Self | None:
        return found if isinstance(found, cls) else None

    @classmethod
    def _candidate_ids(cls, id: str, catalog: Backend) -> tuple[str, ...]:
        """Return the ids to look for: as given first, then with the catalog's namespace before it."""
        if unstorable(id) is not None:
            return ()
        namespace = catalog.namespace
        if not namespace or id.startswith(f"{namespace}:"):
            return (id,)
        return (id, f"{namespace}:{id}")

    @classmethod
    def get_many(
        cls,
        ids: list[str],
        ignore_missing: bool = False,
        client: Backend | None = None,
        request_params: Any = None,
        headers: Any = None,
        *,
        catalog: Backend | None = None,
    ) -> list[Self]:
        """Return the objects with the given ids, in that order, repetitions included.

        Raises
        ------
        NotFoundError
            If one is missing, unless `ignore_missing`.
        """
        refuse_request_params(request_params)
        catalog = cls._of(catalog, client)
        if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids):
            raise TypeError(f"ids is a list of strings, not {ids!r}")
        with catalog.database.snapshot() as connection:
            candidates = {candidate for item in ids for candidate in cls._candidate_ids(item, catalog)}
            found = rows.find_many(connection, cls.table, cls._columns(), sorted(candidates))
        objects: list[Self] = []
        missing: list[str] = []
        for item in ids:
            row = next((found[c] for c in cls._candidate_ids(item, catalog) if c in found), None)
            accepted = None if row is None else cls._accepted(cls._from_row(catalog, row))
            if accepted is None:
                missing.append(item)
            else:
                objects.append(accepted)
        if missing and not ignore_missing:
            raise NotFoundError(f"Objects not found for ids: {', '.join(map(repr, missing))}")
        return objects

    @classmethod
    def get_or_create(
        cls,
        id: str | None = None,
        client: Backend | None = None,
        request_params: Any = None,
        headers: Any = None,
        *,
        catalog: Backend | None = None,
        **attributes: Any,
    ) -> Self:
        """Return the object with an id, the attributes applied; or a new one with the id and the attributes.

        Nothing is saved: the object found is saved if nothing differs, else modified; a new one is unsaved.

        Raises
        ------
        ValueError
            If neither an id is given nor what makes one, or a value is refused.
        """
        cls._require_table()
        if cls._is_abstract and id is not None:  # an existing band can be had without naming its type
            found = cls.get(id, catalog=catalog, client=client, request_params=request_params)
            if found is not None:
                found.update(**attributes)
                return found
        new = cls(catalog=catalog, client=client, **({"id": id, **attributes} if id is not None else attributes))
        if new.id is None:
            raise BadRequestError(f"get_or_create needs an id, or what makes one for a {cls.__name__}")
        existing = cls.get(new.id, catalog=new._catalog, request_params=request_params)
        if existing is None:
            return new
        existing.update(**{name: value for name, value in attributes.items() if name not in cls._identity()})
        return existing

    @classmethod
    def _identity(cls) -> tuple[str, ...]:
        """Return the names of the attributes that make up the id."""
        return ("id",)

    @classmethod
    def exists(
        cls,
        id: str,
        client: Backend | None = None,
        request_params: Any = None,
        headers: Any = None,
        *,
        catalog: Backend | None = None,
    ) -> bool:
        """Return whether there is an object with an id."""
        return cls.get(id, catalog=catalog, client=client, request_params=request_params) is not None

    @classmethod
    def search(
        cls,
        client: Backend | None = None,
        request_params: Any = None,
        headers: Any = None,
        *,
        catalog: Backend | None = None,
    ) -> Search[Self]:
        """Return a search for all objects of the class."""
        refuse_request_params(request_params)
        return cls._of(catalog, client).search(cls)

    @classmethod
    def _of(cls, catalog: Backend | None, client: Backend | None) -> Backend:
        cls._require_table()
        return chosen_catalog(client if catalog is None else catalog)

    @classmethod
    def _require_table(cls) -> None:
        if not cls.table:
            raise TypeError(f"You can only search and get with a derived class of '{cls.__name__}'")

    # To the catalog

    def save(self, request_params: Any = None, headers: Any = None, *, force: bool = False) -> None:
        """Create the object in its catalog, or update what was changed.

        Parameters
        ----------
        request_params, headers
            Accepted for programs written for the original; parameters other than None are refused.
        force : bool
            Overwrite attributes that another program changed since this object was read.

        Raises
        ------
        BadRequestError
            If a required attribute is unset, or a value is refused.
        DuplicateError
            If the id of a new object is taken.
        ConflictError
            If another program changed the same attribute to something else, unless `force`.
        DeletedObjectError
            If the object was deleted meanwhile.
        """
        refuse_request_params(request_params)
        self._require_not_deleted()
        if self._row is None:
            self._create()
        else:
            changes = self._changes()
            if changes:
                self._update(changes, force=force)

    def _named(self) -> str:
        return f"{type(self).__name__} '{self.id}': "

    def _create(self) -> None:
        self._require_creatable()
        with self._catalog.database.write(creates=True) as transaction:
            transaction.on_rollback.append(self._undo())
            self._require_values()
            self._prepare(transaction)
            transaction.about = self._named()
            if rows.find(transaction.connection, self.table, (), str(self.id)) is not None:
                raise DuplicateError(
                    f"{type(self).__name__} '{self.id}' already exists; choose another id, or get and change it"
                )
            now = now_microseconds()
            held = self._values  # of a new object all that is set
            values = {name: None if held.get(name) is None else self._dumped(name) for name in self._columns()}
            self._require_sense(values)
            self._insert(transaction, {**values, "created": now, "modified": now, **(self._origin or {})})
            self._adopt(rows.find(transaction.connection, self.table, self._columns(), str(self.id)))
            self._after_write(transaction)

    def _take_over(self, created: int | None, modified: int | None) -> None:
        """Save a new object as another catalog has it: under its own id, with its times, microseconds in UTC."""
        first, last = times_elsewhere(created, modified)
        self._origin = {"created": first, "modified": last}
        try:
            self._create()
        finally:
            self._origin = None

    def _update(self, changes: list[str], *, force: bool) -> None:
        with self._catalog.database.write() as transaction:
            transaction.about = self._named()
            transaction.on_rollback.append(self._undo())
            current = rows.find(transaction.connection, self.table, self._columns(), str(self.id))
            if current is None:
                self._is_deleted = True
            else:
                self._require_values()
                new = {name: self._dumped(name) for name in changes}
                if not force:
                    self._require_no_conflict(transaction, current, new)
                self._require_sense(new, current)
                before = current[self._positions()["modified"]]  # in a damaged file it may be anything
                new["modified"] = max(now_microseconds(), before + 1 if isinstance(before, int) else 0)
                self._write_changes(transaction, current, new)
                self._adopt(rows.renewed(transaction.connection, self.table, self._columns(), current, tuple(new)))
                self._after_write(transaction)
        if self._is_deleted:
            raise DeletedObjectError(f"{type(self).__name__} '{self.id}' was deleted from the catalog meanwhile")

    def _require_no_conflict(self, transaction: Transaction, current: Row, new: Mapping[str, Stored]) -> None:
        """Refuse to overwrite what another program changed since this object's row was read."""
        read = self._complete()
        if current[_ROW_ID] != read[_ROW_ID] and not self._was_moved(transaction.connection, current, read):
            raise ConflictError(
                f"{type(self).__name__} '{self.id}' was deleted and created again meanwhile; get it again, "
                "or overwrite it with save(force=True)"
            )
        # All values are compared, whatever the version: a version seen inside a transaction that was rolled back is
        # given again to another change.
        for name, ours in new.items():
            position = self._positions()[name]
            attribute = self._attributes[name]
            theirs = current[position]
            if not attribute.same_stored(theirs, read[position]) and not attribute.same_stored(theirs, ours):
                raise ConflictError(
                    f"{name} of {type(self).__name__} '{self.id}' was changed meanwhile: it is "
                    f"{_shown(attribute, theirs)} in the catalog and {_shown(attribute, ours)} here; "
                    "get the object again, or overwrite it with save(force=True)"
                )

    def _was_moved(self, connection: sqlite3.Connection, current: Row, read: Row) -> bool:
        """Return whether the object is the same as when its row was read, and `optimize` gave it another row id."""
        created = self._positions()["created"]
        is_same = self.table == "image" and current[created] == read[created]
        return is_same and rows.was_renumbered(connection, int(read[_ROW_ID] or 0))

    @classmethod
    def _require_sense(cls, new: Mapping[str, Stored], current: Row | None = None) -> None:
        """Refuse new values that contradict each other, or those of the row that they are written into."""
        for low, high in cls._ordered:
            if low in new or high in new:
                first, last = cls._merged(low, new, current), cls._merged(high, new, current)
                if first is not None and last is not None and first > last:  # type: ignore[operator]  # of one kind
                    shown_low, shown_high = _shown(cls._attributes[low], first), _shown(cls._attributes[high], last)
                    raise BadRequestError(
                        f"{high} of {cls.__name__} is not below {low}: {shown_high} is below {shown_low}; "
                        "exchange or mend them"
                    )

    @classmethod
    def _merged(cls, name: str, new: Mapping[str, Stored], current: Row | None) -> Stored:
        """Return the stored form of an attribute after a change of a row."""
        return new.get(name) if name in new or current is None else current[cls._positions()[name]]

    def _dumped(self, name: str) -> Stored:
        attribute = self._attributes.get(name)  # a band's table also has the columns of other types of band
        value = None if attribute is None else self._value(name)
        return None if attribute is None or value is None else attribute.dump(value)

    def stored(self, names: Sequence[str]) -> tuple[Stored, ...]:
        """Return the stored forms of attributes as the object has them now, saved or not."""
        return tuple(self._dumped(name) if name in self._values else self._stored(name) for name in names)

    def _insert(self, transaction: Transaction, values: Mapping[str, Stored]) -> int:
        return rows.insert(transaction.connection, self.table, values, box=self._box(values))

    def _write_changes(self, transaction: Transaction, current: Row, new: Mapping[str, Stored]) -> None:
        """Write the changed attributes into the row, which is `current` now."""
        row_id, before = int(current[_ROW_ID] or 0), (self._columns(), current)
        rows.update(transaction.connection, self.table, row_id, new, box=self._box(new), before=before)

    def _box(self, written: Mapping[str, Stored]) -> Box | None:
        """Return the box of the footprint among the values that are written, so that nobody has to decode it."""
        return None

    def _prepare(self, transaction: Transaction) -> None:
        """Fill in, before a first save, what the catalog decides."""

    def _after_write(self, transaction: Transaction) -> None:
        """Check the object as it is stored now, and bring other rows up to date, in the same transaction."""

    def _require_creatable(self) -> None:
        """Refuse what the first write of a default catalog could not save, before there is a file."""
        if self._catalog.database.is_missing:
            self._require_values()

    def _require_values(self) -> None:
        missing = [name for name in self._required() if self._value(name) in (None, "")]
        if missing:
            listed = (f"    Validation error: Missing data for required field: {name}" for name in missing)
            raise BadRequestError(Lines("", listed))

    @classmethod
    @functools.cache
    def _required(cls) -> list[str]:
        return [name for name, attribute in cls._attributes.items() if attribute.required]

    def _adopt(self, row: Row | None) -> None:
        """Take over a row as it is now; keep the lists and mappings that equal it, since others may hold them."""
        self._row, self._unread = row, None
        self._values = {
            name: value
            for name, value in self._values.items()
            if value is not None and self._attributes[name].is_mutable and not self._differs(name, value)
        }

    def reload(self, request_params: Any = None, headers: Any = None) -> None:
        """Read all attributes from the catalog again.

        Raises
        ------
        ValueError
            If the object has unsaved changes or was never saved.
        DeletedObjectError
            If it was deleted meanwhile.
        """
        refuse_request_params(request_params)
        self._require_not_deleted()
        if self.state is not DocumentState.SAVED:
            raise BadRequestError(f"{type(self).__name__} instance with id {self.id} has not been saved")
        self._refresh()

    def _refresh(self) -> None:
        """Take over the present row, whatever the state."""
        with self._catalog.database.read() as connection:
            row = rows.find(connection, self.table, self._columns(), str(self.id))
        if row is None:
            self._is_deleted = True
            raise DeletedObjectError(f"{type(self).__name__} '{self.id}' was deleted from the catalog")
        self._row, self._unread, self._values = row, None, {}

    delete = _Delete()

    @classmethod
    def _delete_by_id(
        cls,
        id: str,
        client: Backend | None = None,
        request_params: Any = None,
        headers: Any = None,
        *,
        catalog: Backend | None = None,
    ) -> bool:
        found = cls.get(id, catalog=catalog, client=client, request_params=request_params)
        if found is None:
            return False
        try:
            found._delete_saved()
        except DeletedObjectError:  # by another program, since it was found
            return False
        return True

    def _delete_saved(self, request_params: Any = None, headers: Any = None) -> None:
        refuse_request_params(request_params)
        self._require_not_deleted()
        if self._row is None:
            raise UnsavedObjectError("You cannot delete an unsaved object.")
        with self._catalog.database.write() as transaction:
            transaction.about = self._named()
            gone = self._delete_row(transaction)
            transaction.on_rollback.append(self._undo())
            self._is_deleted = True
        if gone is None:
            raise DeletedObjectError(f"{type(self).__name__} '{self.id}' was deleted from the catalog already")

    def _delete_row(self, transaction: Transaction) -> Mapping[str, Any] | None:
        """Delete the row, and return its columns as they were; None if there is none."""
        return rows.delete_single(transaction.connection, self.table, str(self.id))


class CatalogObject(CatalogObjectBase, abstract=True):
    """An object with tags and properties of the user's own; abstract."""

    def history(self) -> list[Any]:
        """Return the changes of the object, the last one first, as `Catalog.history` does."""
        return self._catalog.history(id=str(self.id), kind=self.table)

    extra_properties = ExtraProperties("Up to 500 JSON values of your own, by name; 1 MiB as JSON, 32 levels.")
    tags = TextList("Up to 32 texts of at most 1000 bytes.", filterable=True, most=32, longest=1000)


def times_elsewhere(created: int | None, modified: int | None) -> tuple[int, int]:
    """Return when an object of another catalog was created and changed, as far as that says it; microseconds in UTC.

    What is not said is the other one, else now; and nothing was changed before it was there.
    """
    first = next((moment for moment in (created, modified) if moment is not None), None)
    first = now_microseconds() if first is None else first
    return first, first if modified is None else max(first, modified)


def refuse_request_params(request_params: Any) -> None:
    """Refuse what the original passes on to its server: here it would be lost in silence."""
    if request_params:
        raise BadRequestError(f"there is no server to pass request_params to: {request_params!r}")


def _shown(attribute: Attribute[Any], stored: Stored) -> str:
    return repr(None if stored is None else attribute.to_json(attribute.load(stored)))
