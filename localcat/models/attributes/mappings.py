"""Values of several named entries, such as a resolution or a file: objects and mappings at once, as in the original."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Self

from localcat.errors import AttributeValidationError
from localcat.expressions.fields import nearest


class MappingValue(MutableMapping[str, Any]):
    """A dataclass that is a mapping of its fields, and checks each when it is set.

    A field that is None is no entry. It equals another value of its class, or a mapping, with the same entries. A value
    that lacks entries can be made and filled; what it is given to refuses it until it is complete.
    """

    __slots__ = ()

    if not TYPE_CHECKING:  # type checkers know the fields, and would take this for all names

        def __setattr__(self, name, value):
            if name not in self._names():
                raise AttributeError(f"{type(self).__name__} has no attribute {name}{nearest(name, self._names())}")
            object.__setattr__(self, name, self._checked(name, value))

    def _checked(self, name: str, value: Any) -> Any:
        """Return the value to keep for an entry, or refuse it."""
        raise NotImplementedError

    def require_complete(self) -> None:
        """Refuse a value that lacks entries it cannot be without.

        Raises
        ------
        AttributeValidationError
            Naming what is missing.
        """
        raise NotImplementedError

    def _require_set(self, *names: str) -> None:
        missing = [name for name in names if getattr(self, name) is None]
        if missing:
            raise AttributeValidationError(f"{missing[0]} of a {type(self).__name__} is not set, and is needed")

    @classmethod
    def _names(cls) -> tuple[str, ...]:
        return tuple(cls.__dataclass_fields__)  # type: ignore[attr-defined]  # each subclass is a dataclass

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Return the value itself, or the one that a mapping describes.

        Raises
        ------
        AttributeValidationError
            If it is neither, or is not complete.
        """
        made = value if isinstance(value, cls) else cls._of_mapping(value)
        made.require_complete()
        return made

    @classmethod
    def _of_mapping(cls, value: Any) -> Self:
        if not isinstance(value, Mapping) or isinstance(value, MappingValue):
            raise AttributeValidationError(f"{value!r} is no {cls.__name__}; pass one, or a mapping")
        for name in value:
            cls._require_entry(name)
        return cls(**value)

    @classmethod
    def from_stored(cls, entries: Mapping[str, Any]) -> Self:
        """Return the value that the store keeps as a mapping, unchecked and without entries that are not known."""
        self = cls.__new__(cls)
        for name in cls._names():
            entry = entries.get(name)
            object.__setattr__(self, name, tuple(entry) if name.endswith("_range") and entry is not None else entry)
        return self

    def to_mapping(self) -> dict[str, Any]:
        """Return the entries that are set."""
        return dict(self)

    def serialize(self, jsonapi_format: bool = False) -> dict[str, Any]:
        """Return the entries that are set; the format makes no difference, as in the original."""
        return self.to_mapping()

    # As a mapping

    @classmethod
    def _require_entry(cls, name: Any) -> None:
        if name not in cls._names():
            hint = nearest(name, cls._names()) if isinstance(name, str) else ""
            raise AttributeValidationError(f"{cls.__name__} has no entry {name!r}{hint}")

    def __getitem__(self, name: str) -> Any:
        value = getattr(self, name) if name in self._names() else None
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        self._require_entry(name)
        setattr(self, name, value)

    def __delitem__(self, name: str) -> None:
        self._require_entry(name)
        setattr(self, name, None)

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._names() if getattr(self, name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, MappingValue) and type(other) is not type(self):
            return False
        if not isinstance(other, Mapping):
            return NotImplemented
        return dict(self) == {name: value for name, value in other.items() if value is not None}

    __hash__ = None  # type: ignore[assignment]  # it changes
