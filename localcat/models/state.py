"""What an object holds, and how that differs from the row it was read from.

An object keeps its row undecoded, and the values that were read or assigned since. Whether it is modified, and what
`save` writes, follows from comparing the two; nothing has to watch a list that is changed in place.

Of an image that a search found the row may be its beginning alone, the attributes that are read most. The rest is read
from the catalog when one of the others is asked for, together with that of the images that were found with it.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

from localcat.errors import AttributeValidationError, CorruptCatalogError, DeletedObjectError
from localcat.expressions.fields import Fields, nearest
from localcat.models.attributes.scalars import Attribute, Stored, Text, Timestamp
from localcat.models.backend import Backend, chosen_catalog
from localcat.models.enums import DocumentState
from localcat.models.html import attribute_table, drawing

if TYPE_CHECKING:
    from datetime import datetime

    from localcat.expressions.nodes import Ref
    from localcat.store.rows import Row
    from localcat.store.unread import Unread

# What decoding a stored value raises where it is not what localcat wrote; refusals of values are ValueErrors too.
DAMAGE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, CorruptCatalogError)
_Change: TypeAlias = Callable[[Any], Any]
_UNKNOWN = (None, None)
_FIRST = 2  # position of the first attribute in a row, behind row id and version


class _UnknownAttributeError(AttributeError):
    """That there is no such attribute; what it may have meant is looked for when it is read.

    Most who ask have a default, as in ``getattr(band, "colormap", None)``, and looking takes milliseconds.
    """

    def __str__(self) -> str:
        kind, name, known = self.args
        return f"{kind} has no attribute {name}{nearest(name, known)}"


class Record:
    """Attributes, and where they stand towards the catalog; abstract."""

    # A dictionary of its own has only an object that keeps something else.
    __slots__ = ("__dict__", "_catalog", "_row", "_unread", "_values")

    ATTRIBUTES: ClassVar[tuple[str, ...]] = ()
    """The names of all attributes."""

    table: ClassVar[str] = ""
    _attributes: ClassVar[dict[str, Attribute[Any]]] = {}
    _settable: ClassVar[dict[str, tuple[_Change, _Change | None]]] = {}  # how values that are assigned come in
    _related: ClassVar[tuple[str, ...]] = ()  # attributes that are other objects; they are properties, not columns
    _ordered: ClassVar[tuple[tuple[str, str], ...]] = ()  # pairs of attributes: the first is never above the second
    _is_abstract: ClassVar[bool] = True
    _in_brief: ClassVar[tuple[str, ...]] = ()  # attributes that a search reads at once; none for all of them

    _catalog: Backend
    _row: Row | None
    _unread: Unread | None  # where the rest of the row is, if it is a beginning alone
    _values: dict[str, Any]
    _is_deleted: bool = False

    id = Text("The id, unique in the catalog.", immutable=True, filterable=True, sortable=True, required=True)
    created: Attribute[datetime] = Timestamp(
        "When the object was first saved; aware UTC.", filterable=True, sortable=True, readonly=True
    )
    modified: Attribute[datetime] = Timestamp(
        "When the object was last changed; aware UTC.", filterable=True, sortable=True, readonly=True
    )

    def __init_subclass__(cls, *, abstract: bool = False, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._is_abstract = abstract
        found: dict[str, Attribute[Any]] = {}
        for base in reversed(cls.__mro__):
            found.update({name: value for name, value in vars(base).items() if isinstance(value, Attribute)})
        cls._attributes = found
        cls._settable = {
            name: (attribute.coerce, attribute.held if attribute.is_mutable else None)
            for name, attribute in found.items()
            if not attribute.readonly
        }
        cls.ATTRIBUTES = (*found, *cls._related)

    def __init__(self, *, catalog: Backend | None = None, client: Backend | None = None, **attributes: Any) -> None:
        if self._is_abstract:
            raise TypeError(f"You can only instantiate a derived class of '{type(self).__name__}'")
        # At once, past the check of every name in __setattr__.
        home = self._home(client if catalog is None else catalog, attributes)
        _set_catalog(self, home)
        _set_row(self, None)
        _set_unread(self, None)
        _set_values(self, {})
        self._fill(attributes)

    @classmethod
    def _from_row(cls, catalog: Backend, row: Row) -> Self:
        """Make an object of a row of its table, decoding nothing yet."""
        self = cls.__new__(cls)
        _set_catalog(self, catalog)
        _set_row(self, row)
        _set_unread(self, None)
        _set_values(self, {})
        return self

    @classmethod
    def _from_rows(
        cls, catalog: Backend, found: Sequence[Row], values: Sequence[dict[str, Any]], unread: Unread | None
    ) -> list[Self]:
        """Make objects of rows of its table.

        Parameters
        ----------
        catalog : Catalog
            Whose rows they are.
        found : sequence of tuple
            The rows; or with `unread` the beginnings of them, the attributes ``_in_brief``.
        values : sequence of dict
            For each the attributes that are decoded already, by name; the object keeps it.
        unread : Unread, optional
            Where the rest of the rows is read, which has the same `values`.
        """
        objects = []
        # Names of their own, which are looked up in less time than those of the module: there may be a million rows.
        new, set_catalog, set_row, set_unread, set_values = (
            cls.__new__,
            _set_catalog,
            _set_row,
            _set_unread,
            _set_values,
        )
        for row, known in zip(found, values, strict=True):
            self = new(cls)
            set_catalog(self, catalog)
            set_row(self, row)
            set_unread(self, unread)
            set_values(self, known)
            objects.append(self)
        return objects

    @classmethod
    def _home(cls, given: Backend | None, attributes: Mapping[str, Any]) -> Backend:
        """Return the catalog of a new object."""
        return chosen_catalog(given)

    def _fill(self, attributes: dict[str, Any]) -> None:
        """Set the attributes of a new object; the dictionary may be changed."""
        values, settable = self._values, self._settable
        for name, value in attributes.items():
            coerce, held = settable.get(name, _UNKNOWN)
            if coerce is None:
                setattr(self, name, value)
            else:  # what assignment comes to where there is no row to compare with
                new = None if value is None else coerce(value)
                values[name] = new if held is None else held(new)

    # Attributes

    if not TYPE_CHECKING:  # type checkers know the attributes, and would take these for all names

        def __setattr__(self, name, value):
            if not name.startswith("_") and name not in self._attributes:
                self._require_changeable(name)
            object.__setattr__(self, name, value)

        def __delattr__(self, name):
            self._require_changeable(name)
            object.__delattr__(self, name)

        def __getattr__(self, name):
            raise self._unknown(name)

    def _require_changeable(self, name: str) -> None:
        if name in self._attributes or name.startswith("_"):
            return
        own = getattr(type(self), name, None)
        if not isinstance(own, property):
            raise self._unknown(name)
        if own.fset is None:
            raise AttributeValidationError(f"Can't set '{name}' item because it is a readonly attribute")

    def _unknown(self, name: str) -> AttributeError:
        return _UnknownAttributeError(type(self).__name__, name, tuple(self.ATTRIBUTES))

    def _read(self, attribute: Attribute[Any]) -> Any:
        """Decode an attribute from the row when it is first asked for."""
        row = self._row
        if row is None:
            return None
        position = self._positions()[attribute.name]
        if position >= len(row):
            row = self._complete()
        stored, unread = row[position], self._unread
        if unread is not None and unread.load(attribute, position, DAMAGE) and attribute.name in self._values:
            return self._values[attribute.name]
        try:
            value = None if stored is None else attribute.held(attribute.load(stored))
        except DAMAGE as error:
            raise CorruptCatalogError(
                f"{attribute.name} of {type(self).__name__} {self._stored('id')!r} is damaged in catalog "
                f"'{self._catalog.database.path}': {error}; assign it again, or restore the catalog from a backup"
            ) from error
        self._values[attribute.name] = value
        return value

    def _value(self, name: str) -> Any:
        return self._attributes[name].__get__(self, type(self))

    def _assign(self, attribute: Attribute[Any], value: Any) -> None:
        if attribute.readonly:
            raise AttributeValidationError(f"Can't set '{attribute.name}' item because it is a readonly attribute")
        new = None if value is None else attribute.held(attribute.coerce(value))
        if attribute.immutable:
            current = self._value(attribute.name)
            if current is not None and current != new:
                raise AttributeValidationError(
                    f"Can't set '{attribute.name}' item because it is an immutable attribute"
                )
        self._values[attribute.name] = new
        if self._row is not None and not attribute.is_mutable and not self._differs(attribute.name, new):
            del self._values[attribute.name]  # read it from the row again: a timestamp as text becomes a datetime

    def _stored(self, name: str) -> Stored:
        """Return what the row, as it was read, keeps for an attribute."""
        row = self._row
        if row is None:
            return None
        position = self._positions()[name]
        return (row if position < len(row) else self._complete())[position]

    def _complete(self) -> Row:
        """Return the row, after reading the rest of it if it is a beginning alone.

        If another program changed it meanwhile, the object becomes as it is now, but for what was assigned to it; of
        what was assigned the row keeps what it had, so that `save` notices the conflict.
        """
        unread, row = self._unread, self._row or ()  # in this order: another thread may complete it, the row first
        if unread is None:
            return row
        found = unread.row(row[0])
        if found is None:
            raise DeletedObjectError(
                f"{type(self).__name__} '{self.id}' was deleted from the catalog before all of it was read"
            )
        if found[: len(row)] != row:
            renewed = list(found)
            known = self._positions()
            for name, value in list(self._values.items()):
                if known[name] >= len(row):
                    continue
                if self._differs(name, value):
                    renewed[known[name]] = row[known[name]]
                else:
                    del self._values[name]
            found = tuple(renewed)
        # The values of a beginning are filled in for all that were found together; these are not among them any more.
        self._row, self._unread, self._values = found, None, dict(self._values)
        return found

    def stored_value(self, ref: Ref) -> Any:
        """Return what a filter in memory compares of an attribute: as the store has it, lists and mappings decoded."""
        attribute = self._attributes.get(ref.attribute)
        value = None if attribute is None else self._value(ref.attribute)
        return None if attribute is None or value is None else attribute.compared(value)

    @classmethod
    @functools.cache
    def _columns(cls) -> tuple[str, ...]:
        """Return the names of the attributes that make a row of the class's table, in the row's order."""
        return (*cls._in_brief, *(name for name in cls._attributes if name not in cls._in_brief))

    @classmethod
    @functools.cache
    def _positions(cls) -> dict[str, int]:
        return {name: position for position, name in enumerate(cls._columns(), _FIRST)}

    _cached_fields: ClassVar[Fields]

    @classmethod
    def fields(cls) -> Fields:
        """Return the attributes that filters and sorting can name."""
        fields: Fields | None = cls.__dict__.get("_cached_fields")
        if fields is None:
            attributes = cls._filterable()
            found = {name: field for name, attribute in attributes.items() if (field := attribute.field()) is not None}
            fields = Fields(cls.__name__, found.values(), {*attributes, *cls._related} - {*found})
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
        """Return the names of the attributes whose value differs from the row."""
        # A list of them first: a thread that reads an image found together with this one fills in values here, too.
        return [name for name, value in list(self._values.items()) if self._differs(name, value)]

    def _differs(self, name: str, value: Any) -> bool:
        try:
            return not self._attributes[name].equals_stored(value, self._stored(name))
        except AttributeValidationError:  # changed in place to what cannot be stored; `save` says so
            return True
        except DAMAGE:  # the file holds an impossible value; a new one mends it
            return True

    def _undo(self) -> Callable[[], None]:
        """Return a function that brings the object back to where it stands now."""
        self._complete()
        row, values, is_deleted = self._row, dict(self._values), self._is_deleted

        def undo() -> None:
            self._row, self._values, self._is_deleted = row, values, is_deleted

        return undo

    def _restore(self, row: Row | None, values: dict[str, Any]) -> None:
        self._row, self._values = row, values

    def _require_not_deleted(self) -> None:
        if self._is_deleted:
            raise DeletedObjectError(f"{type(self).__name__} '{self.id}' was deleted from the catalog")

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
        DeletedObjectError
            If the object was deleted.
        """
        self._require_not_deleted()
        undo = self._undo()
        for name, value in attributes.items():
            try:
                setattr(self, name, value)
            except (AttributeError, AttributeValidationError):
                if not ignore_errors:
                    undo()
                    raise

    def serialize(self, modified_only: bool = False, jsonapi_format: bool = False) -> dict[str, Any]:
        """Return the attributes that are set, without the id, as a dictionary that `json.dumps` takes.

        Parameters
        ----------
        modified_only : bool
            Only those that differ from what was last read or saved; None for one that was unset.
        jsonapi_format : bool
            Wrap them as a JSON:API document.
        """
        changed = set(self._values if self._row is None else self._changes())
        document: dict[str, Any] = {}
        for name, attribute in self._attributes.items():
            if name == "id" or (modified_only and name not in changed):
                continue
            value = self._value(name)
            if value is not None:
                document[name] = attribute.to_json(value)
            elif modified_only:
                document[name] = None
        if not jsonapi_format:
            return document
        resource = {"type": self.table, "attributes": document}
        return {"data": resource if self.id is None else {**resource, "id": self.id}}

    # As a Python object

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self) or not isinstance(other, Record):
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

    def _repr_html_(self) -> str:
        """Return the attributes that are set as a table, for notebooks."""
        shown = {name: value for name, value in self.serialize().items() if name != "geometry"}
        geometry = getattr(self, "geometry", None) if "geometry" in self._attributes else None
        picture = self._thumbnail() + ("" if geometry is None else drawing(geometry))
        return attribute_table(f"{type(self).__name__} {self.id}", {"state": self.state, **shown}, picture)

    def _thumbnail(self) -> str:
        """Return a small picture of it as HTML; most objects have none."""
        return ""

    def _references(self) -> list[str]:
        return []

    def __copy__(self) -> Self:
        twin = type(self).__new__(type(self))
        twin._take({**self.__getstate__(), "_values": dict(self._values)})
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = self.__copy__()
        memo[id(self)] = twin
        twin.__setstate__({"_values": copy.deepcopy(self._values, memo)})
        return twin

    def __getstate__(self) -> dict[str, Any]:
        self._complete()
        return {**self.__dict__, "_catalog": self._catalog, "_row": self._row, "_values": self._values}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what was pickled, in which lists and dictionaries are plain ones."""
        self._take(state)
        self._values = {name: self._attributes[name].held(value) for name, value in self._values.items()}

    def _take(self, state: dict[str, Any]) -> None:
        for name, value in {"_unread": None, **state}.items():
            object.__setattr__(self, name, value)


# What `self._row = …` does, past the check of every name in __setattr__.
_set_catalog, _set_row, _set_unread, _set_values = (
    Record.__dict__[name].__set__ for name in ("_catalog", "_row", "_unread", "_values")
)
