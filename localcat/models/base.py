"""What products, bands, images and uploads have in common: attributes, states, saving and deleting.

An object holds the row it was read from, undecoded, and the values that were read or assigned since. Whether it is
modified, and what `save` writes, follows from comparing the two; nothing has to watch a list that is changed in place.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, overload

from localcat.errors import (
    AttributeValidationError,
    BadRequestError,
    ConflictError,
    DeletedObjectError,
    DuplicateError,
    NotFoundError,
    UnsavedObjectError,
)
from localcat.expressions.fields import Fields, nearest
from localcat.models.attributes import Attribute, ExtraProperties, Stored, Text, TextList, Timestamp
from localcat.models.backend import Backend, default_catalog
from localcat.models.enums import DocumentState
from localcat.store import rows
from localcat.timestamps import now_microseconds

if TYPE_CHECKING:
    from localcat.expressions.nodes import Ref
    from localcat.search import Search
    from localcat.store.database import Transaction
    from localcat.store.rows import Row

_ROW_ID, _VERSION, _FIRST = 0, 1, 2  # positions in a row


class _Delete:
    """``delete``, of a class by id and of an object without.

    On the class: ``Product.delete(id)`` returns True, or False if there is no such object. On an object:
    ``product.delete()`` returns None. Both raise ConflictError if other objects still belong to it.
    """

    @overload
    def __get__(self, instance: None, owner: type[CatalogObjectBase]) -> Callable[..., bool]: ...
    @overload
    def __get__(self, instance: CatalogObjectBase, owner: type[CatalogObjectBase]) -> Callable[[], None]: ...
    def __get__(
        self, instance: CatalogObjectBase | None, owner: type[CatalogObjectBase]
    ) -> Callable[..., bool] | Callable[[], None]:
        return owner._delete_by_id if instance is None else instance._delete_saved


class CatalogObjectBase:
    """What is kept in a catalog under an id; abstract.

    Parameters
    ----------
    catalog : Catalog, optional
        Where it belongs; the default catalog when left out. ``client`` is accepted in its place.
    **attributes
        Values of its attributes.
    """

    ATTRIBUTES: ClassVar[tuple[str, ...]] = ()
    """The names of all attributes."""

    table: ClassVar[str] = ""
    _attributes: ClassVar[dict[str, Attribute[Any]]] = {}
    _is_abstract: ClassVar[bool] = True

    id = Text("The id, unique in the catalog.", immutable=True, filterable=True, sortable=True, required=True)
    created = Timestamp("When the object was first saved; aware UTC.", filterable=True, sortable=True, readonly=True)
    modified = Timestamp("When the object was last changed; aware UTC.", filterable=True, sortable=True, readonly=True)

    def __init_subclass__(cls, *, abstract: bool = False, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._is_abstract = abstract
        found: dict[str, Attribute[Any]] = {}
        for base in reversed(cls.__mro__):
            found.update({name: value for name, value in vars(base).items() if isinstance(value, Attribute)})
        cls._attributes = found
        cls.ATTRIBUTES = tuple(found)

    def __init__(self, *, catalog: Backend | None = None, client: Backend | None = None, **attributes: Any) -> None:
        if self._is_abstract:
            raise TypeError(f"You can only instantiate a derived class of '{type(self).__name__}'")
        self._catalog: Backend = catalog or client or default_catalog()
        self._row: Row | None = None
        self._is_deleted = False
        self._values: dict[str, Any] = {}
        for name, value in attributes.items():
            setattr(self, name, value)

    # Attributes

    def __setattr__(self, name: str, value: Any) -> None:
        if (
            name[0] != "_"
            and name not in self._attributes
            and not isinstance(getattr(type(self), name, None), property)
        ):
            raise AttributeError(f"{type(self).__name__} has no attribute {name}{nearest(name, self._attributes)}")
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{type(self).__name__} has no attribute {name}{nearest(name, self._attributes)}")

    def _read(self, attribute: Attribute[Any]) -> Any:
        """Decode an attribute from the row when it is first asked for."""
        row = self._row
        if row is None or not attribute.stored:
            return None
        stored = row[self._positions()[attribute.name]]
        value = None if stored is None else attribute.load(stored)
        self._values[attribute.name] = value
        return value

    def _assign(self, attribute: Attribute[Any], value: Any) -> None:
        if attribute.readonly:
            raise AttributeValidationError(f"Can't set '{attribute.name}' item because it is a readonly attribute")
        new = None if value is None else attribute.coerce(value)
        current = attribute.__get__(self, type(self))
        if attribute.immutable and current is not None and current != new:
            raise AttributeValidationError(f"Can't set '{attribute.name}' item because it is an immutable attribute")
        if self._row is not None and attribute.stored and attribute.equals_stored(new, self._stored(attribute.name)):
            if not attribute.is_mutable:
                self._values.pop(attribute.name, None)
                return
        self._values[attribute.name] = new

    def _stored(self, name: str) -> Stored:
        """Return what the row, as it was read, keeps for an attribute."""
        return None if self._row is None else self._row[self._positions()[name]]

    def stored_value(self, ref: Ref) -> Any:
        """Return what a filter in memory compares of an attribute: as the store has it, lists and mappings decoded."""
        attribute = self._attributes.get(ref.attribute)
        if attribute is None or not attribute.stored:
            return None
        value = attribute.__get__(self, type(self))
        return None if value is None else attribute.compared(value)

    @classmethod
    def _columns(cls) -> tuple[str, ...]:
        """Return the names of the attributes that make a row of the class's table, in the row's order."""
        return tuple(name for name, attribute in cls._attributes.items() if attribute.stored)

    @classmethod
    def _positions(cls) -> dict[str, int]:
        positions: dict[str, int] | None = cls.__dict__.get("_cached_positions")
        if positions is None:
            positions = {name: position for position, name in enumerate(cls._columns(), _FIRST)}
            cls._cached_positions = positions
        return positions

    _cached_positions: ClassVar[dict[str, int]]
    _cached_fields: ClassVar[Fields]

    @classmethod
    def fields(cls) -> Fields:
        """Return the attributes that filters and sorting can name."""
        fields: Fields | None = cls.__dict__.get("_cached_fields")
        if fields is None:
            found = (attribute.field() for attribute in cls._filterable().values())
            fields = Fields(cls.__name__, (field for field in found if field is not None))
            cls._cached_fields = fields
        return fields

    @classmethod
    def _filterable(cls) -> Mapping[str, Attribute[Any]]:
        return cls._attributes

    # States

    @property
    def state(self) -> DocumentState:
        """Where the object stands towards its catalog: unsaved, saved, modified or deleted."""
        if self._is_deleted:
            return DocumentState.DELETED
        if self._row is None:
            return DocumentState.UNSAVED
        return DocumentState.MODIFIED if self._changes() else DocumentState.SAVED

    @property
    def is_modified(self) -> bool:
        """Whether an attribute differs from what was last read or saved."""
        return bool(self._values) if self._row is None else bool(self._changes())

    def _changes(self) -> list[str]:
        """Return the names of the stored attributes whose value differs from the row."""
        return [
            name
            for name, value in self._values.items()
            if self._attributes[name].stored and not self._attributes[name].equals_stored(value, self._stored(name))
        ]

    def update(self, ignore_errors: bool = False, **attributes: Any) -> None:
        """Set several attributes, all or none.

        Parameters
        ----------
        ignore_errors : bool
            Leave out the values that are refused, instead of raising and setting none.
        **attributes
            Values by name.

        Raises
        ------
        AttributeValidationError, AttributeError
            If one is refused or unknown, unless errors are ignored.
        """
        self._require_not_deleted()
        before = dict(self._values)
        for name, value in attributes.items():
            try:
                setattr(self, name, value)
            except (AttributeError, AttributeValidationError):
                if not ignore_errors:
                    self._values = before
                    raise

    def serialize(self, modified_only: bool = False, jsonapi_format: bool = False) -> dict[str, Any]:
        """Return the attributes, without the id, as a dictionary that `json.dumps` takes.

        Parameters
        ----------
        modified_only : bool
            Only those that differ from what was last read or saved.
        jsonapi_format : bool
            Wrap them as a JSON:API document.
        """
        names = self._changes() if modified_only and self._row is not None else list(self._attributes)
        document: dict[str, Any] = {}
        for name in names:
            attribute = self._attributes[name]
            value = attribute.__get__(self, type(self))
            if name != "id" and (value is not None or modified_only):
                document[name] = None if value is None else attribute.to_json(value)
        if jsonapi_format:
            return {"data": {"type": self.table, "id": self.id, "attributes": document}}
        return document

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self) or not isinstance(other, CatalogObjectBase):
            return False
        return self.id == other.id and self.state == other.state and self.serialize() == other.serialize()

    __hash__ = None  # type: ignore[assignment]  # mutable; the original's objects are unhashable, too

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}: {getattr(self, 'name', None)}", f"  id: {self.id}", *self._references()]
        created = self.created
        if created is not None:
            lines.append(f"  created: {created.isoformat(sep=' ', timespec='seconds')}")
        if self._is_deleted:
            lines.append("* Deleted from the catalog.")
        elif self._row is None or self._changes():
            lines.append("* Not up-to-date in the catalog. Call `.save()` to save or update this record.")
        return "\n".join(lines)

    def _references(self) -> list[str]:
        return []

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        twin.__dict__.update(self.__dict__)
        twin.__dict__["_values"] = copy.deepcopy(self._values, memo)
        return twin

    # From the catalog

    @classmethod
    def _from_row(cls, catalog: Backend, row: Row) -> Self:
        """Make an object of a row of its table, decoding nothing yet."""
        made = cls._class_of(row)
        self = made.__new__(made)
        self.__dict__.update(_catalog=catalog, _row=row, _is_deleted=False, _values={})
        return self

    @classmethod
    def _class_of(cls, row: Row) -> type[Self]:
        return cls

    @classmethod
    def get(
        cls,
        id: str,
        *,
        catalog: Backend | None = None,
        client: Backend | None = None,
        request_params: Any = None,
        headers: Any = None,
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
        if not catalog.namespace or id.startswith(f"{catalog.namespace}:"):
            return (id,)
        return (id, f"{catalog.namespace}:{id}")

    @classmethod
    def get_many(
        cls,
        ids: list[str],
        ignore_missing: bool = False,
        *,
        catalog: Backend | None = None,
        client: Backend | None = None,
        request_params: Any = None,
        headers: Any = None,
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
            raise TypeError(f"ids is a list of texts, not {ids!r}")
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
        *,
        catalog: Backend | None = None,
        client: Backend | None = None,
        request_params: Any = None,
        headers: Any = None,
        **attributes: Any,
    ) -> Self:
        """Return the object with an id, the attributes applied; or a new one, unsaved, with the id and the attributes."""
        catalog = cls._of(catalog, client)
        new = cls(catalog=catalog, **({"id": id, **attributes} if id is not None else attributes))
        if new.id is None:
            raise BadRequestError(f"get_or_create needs an id, or what makes one for a {cls.__name__}")
        existing = cls.get(new.id, catalog=catalog, request_params=request_params)
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
        *,
        catalog: Backend | None = None,
        client: Backend | None = None,
        request_params: Any = None,
        headers: Any = None,
    ) -> bool:
        """Return whether there is an object with an id."""
        return cls.get(id, catalog=catalog, client=client, request_params=request_params) is not None

    @classmethod
    def search(
        cls,
        *,
        catalog: Backend | None = None,
        client: Backend | None = None,
        request_params: Any = None,
        headers: Any = None,
    ) -> Search[Self]:
        """Return a search for all objects of the class."""
        refuse_request_params(request_params)
        return cls._of(catalog, client).search(cls)

    @classmethod
    def _of(cls, catalog: Backend | None, client: Backend | None) -> Backend:
        if not cls.table:
            raise TypeError(f"You can only search and get with a derived class of '{cls.__name__}'")
        return catalog or client or default_catalog()

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

    def _create(self) -> None:
        with self._catalog.database.write() as transaction:
            before = dict(self._values)
            transaction.on_rollback.append(lambda: self._restore(None, before))
            self._prepare(transaction)
            self._require_values()
            if rows.find(transaction.connection, self.table, (), str(self.id)) is not None:
                raise DuplicateError(
                    f"{type(self).__name__} '{self.id}' already exists; choose another id, or get and change it"
                )
            now = now_microseconds()
            values = {name: self._dumped(name) for name in self._columns()}
            self._insert(transaction, {**values, "created": now, "modified": now})
            self._after_write(transaction)
            self._adopt(transaction)

    def _update(self, changes: list[str], *, force: bool) -> None:
        if self._row is None:
            raise AssertionError("only a saved object is updated")
        with self._catalog.database.write() as transaction:
            before_row, before = self._row, dict(self._values)
            transaction.on_rollback.append(lambda: self._restore(before_row, before))
            self._require_values()
            current = rows.find(transaction.connection, self.table, self._columns(), str(self.id))
            if current is None:
                self._is_deleted = True
                raise DeletedObjectError(f"{type(self).__name__} '{self.id}' was deleted from the catalog meanwhile")
            new = {name: self._dumped(name) for name in changes}
            if not force:
                self._require_no_conflict(current, new)
            new["modified"] = max(now_microseconds(), int(current[self._positions()["modified"]] or 0) + 1)
            rows.update(transaction.connection, self.table, int(current[_ROW_ID] or 0), new)
            self._after_write(transaction)
            self._adopt(transaction)

    def _require_no_conflict(self, current: Row, new: Mapping[str, Stored]) -> None:
        """Refuse to overwrite what another program changed since this object's row was read."""
        read = self._row or ()
        if current[_ROW_ID] != read[_ROW_ID]:
            raise ConflictError(
                f"{type(self).__name__} '{self.id}' was deleted and created again meanwhile; get it anew, "
                "or overwrite it with save(force=True)"
            )
        if current[_VERSION] == read[_VERSION]:
            return
        for name, value in new.items():
            theirs = current[self._positions()[name]]
            if theirs not in (read[self._positions()[name]], value):
                attribute = self._attributes[name]
                shown = None if theirs is None else attribute.to_json(attribute.load(theirs))
                raise ConflictError(
                    f"{name} of {type(self).__name__} '{self.id}' was changed to {shown!r} meanwhile; "
                    "reload the object, or overwrite it with save(force=True)"
                )

    def _dumped(self, name: str) -> Stored:
        attribute = self._attributes.get(name)  # a band's table also has the columns of other types of band
        value = None if attribute is None else attribute.__get__(self, type(self))
        return None if attribute is None or value is None else attribute.dump(value)

    def _insert(self, transaction: Transaction, values: Mapping[str, Stored]) -> int:
        return rows.insert(transaction.connection, self.table, values)

    def _prepare(self, transaction: Transaction) -> None:
        """Fill in, before a first save, what the catalog decides."""

    def _after_write(self, transaction: Transaction) -> None:
        """Bring other rows up to date, in the same transaction."""

    def _require_values(self) -> None:
        missing = [name for name in self._required() if self._attributes[name].__get__(self, type(self)) in (None, "")]
        if missing:
            listed = "".join(f"\n    Validation error: Missing data for required field: {name}" for name in missing)
            raise BadRequestError(listed)

    def _required(self) -> list[str]:
        return [name for name, attribute in self._attributes.items() if attribute.required]

    def _adopt(self, transaction: Transaction) -> None:
        """Take over the row as it is now; keep the values that can be changed in place, since others may hold them."""
        self._row = rows.find(transaction.connection, self.table, self._columns(), str(self.id))
        self._values = {
            name: value
            for name, value in self._values.items()
            if value is not None and (self._attributes[name].is_mutable or not self._attributes[name].stored)
        }

    def _restore(self, row: Row | None, values: dict[str, Any]) -> None:
        self._row, self._values = row, values

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
        self._row, self._values = row, {}

    delete = _Delete()

    @classmethod
    def _delete_by_id(
        cls,
        id: str,
        *,
        catalog: Backend | None = None,
        client: Backend | None = None,
        request_params: Any = None,
        headers: Any = None,
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
        row, was_deleted = self._row, self._is_deleted
        found = False
        with self._catalog.database.write() as transaction:
            current = rows.find(transaction.connection, self.table, (), str(self.id))
            found = current is not None
            if current is not None:
                self._delete_row(transaction, int(current[_ROW_ID] or 0))
            transaction.on_rollback.append(lambda: self.__dict__.update(_row=row, _is_deleted=was_deleted))
            self._is_deleted = True
        if not found:
            raise DeletedObjectError(f"{type(self).__name__} '{self.id}' was deleted from the catalog already")

    def _delete_row(self, transaction: Transaction, row_id: int) -> None:
        rows.delete(transaction.connection, self.table, [row_id])

    def _require_not_deleted(self) -> None:
        if self._is_deleted:
            raise DeletedObjectError(f"{type(self).__name__} '{self.id}' was deleted from the catalog")


class CatalogObject(CatalogObjectBase, abstract=True):
    """An object with tags and properties of the user's own; abstract."""

    extra_properties = ExtraProperties("Up to 50 texts and numbers of your own, by name.")
    tags = TextList("Up to 32 texts of at most 1000 bytes.", filterable=True, most=32, longest=1000)


def refuse_request_params(request_params: Any) -> None:
    """Refuse what the original passes on to its server: here it would be lost in silence."""
    if request_params:
        raise BadRequestError(f"there is no server to pass request_params to: {request_params!r}")
