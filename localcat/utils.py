"""Dictionaries and lists whose entries are attributes, as the original has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self, SupportsIndex

__all__ = ["DotDict", "DotList"]


def _boxed(value: Any) -> Any:
    """Return a plain dictionary or list as one of the classes below, with all that is in it; else the value itself."""
    if type(value) is dict:
        return DotDict(value)
    return DotList(value) if type(value) is list else value


class DotDict(dict[Any, Any]):
    """A dictionary whose entries are attributes, too: ``d.a.b`` is ``d["a"]["b"]``.

    Dictionaries and lists that are put in become `DotDict` and `DotList`: copies. It equals, and is shown as, a plain
    dictionary. An entry with the name of a method, such as ``items``, is read with brackets only.

    Parameters
    ----------
    *given, **entries
        As for ``dict``.

    Raises
    ------
    AttributeError
        If an attribute is read or deleted that is not among the entries.

    Examples
    --------
    >>> from localcat.utils import DotDict
    >>> scene = DotDict(bands=[{"name": "red"}])
    >>> scene.bands[0].name
    'red'
    >>> scene.cloud = 0.25
    >>> scene
    {'bands': [{'name': 'red'}], 'cloud': 0.25}
    """

    __slots__ = ()

    def __init__(self, *given: Any, **entries: Any) -> None:
        super().__init__()
        self.update(*given, **entries)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no entry {name!r}; it has {list(self)!r:.200}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        if name not in self:
            raise AttributeError(f"{type(self).__name__} has no entry {name!r}; it has {list(self)!r:.200}")
        del self[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(key for key in self if isinstance(key, str))]

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, _boxed(value))

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the entry of a key, which becomes `default` if there is none."""
        return super().setdefault(key, _boxed(default))

    def update(self, *given: Any, **entries: Any) -> None:
        """Put in all entries of a mapping or of pairs, and those given by name."""
        for key, value in dict(*given, **entries).items():
            self[key] = value

    def copy(self) -> Self:
        """Return a copy; what is in it is shared, as in a copy of a dictionary."""
        return type(self)(self)

    __copy__ = copy

    def __or__(self, other: Any) -> Any:
        return type(self)({**self, **other}) if isinstance(other, Mapping) else NotImplemented

    def __ror__(self, other: Any) -> Any:
        return type(self)({**other, **self}) if isinstance(other, Mapping) else NotImplemented

    def __ior__(self, other: Any) -> Self:
        self.update(other)
        return self

    @classmethod
    def fromkeys(cls, keys: Iterable[Any], value: Any = None) -> Self:
        """Return a dictionary with the same entry for all keys."""
        return cls(dict.fromkeys(keys, value))


class DotList(list[Any]):
    """A list in which dictionaries are `DotDict` and lists `DotList`, as they are put in.

    Parameters
    ----------
    items : iterable, optional
        As for ``list``.
    """

    __slots__ = ()

    def __init__(self, items: Iterable[Any] = ()) -> None:
        super().__init__(map(_boxed, items))

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return type(self)(found) if isinstance(index, slice) else found

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(index, type(self)(value) if isinstance(index, slice) else _boxed(value))

    def append(self, item: Any) -> None:
        """Put an item at the end."""
        super().append(_boxed(item))

    def extend(self, items: Iterable[Any]) -> None:
        """Put items at the end."""
        super().extend(map(_boxed, items))

    def insert(self, index: SupportsIndex, item: Any) -> None:
        """Put an item before a position."""
        super().insert(index, _boxed(item))

    def copy(self) -> Self:
        """Return a copy; what is in it is shared, as in a copy of a list."""
        return type(self)(self)

    __copy__ = copy

    def __add__(self, other: Any) -> Any:
        return type(self)([*self, *other]) if isinstance(other, list) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        return type(self)([*other, *self]) if isinstance(other, list) else NotImplemented

    def __iadd__(self, other: Iterable[Any]) -> Self:  # type: ignore[misc]  # typed for any items
        self.extend(other)
        return self

    def __mul__(self, count: SupportsIndex) -> Self:
        return type(self)(super().__mul__(count))

    __rmul__ = __mul__
