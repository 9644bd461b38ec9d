"""Lists and dictionaries of attributes that check what is put into them, as an assignment does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self, SupportsIndex, TypeVar, overload

T = TypeVar("T")


class CheckedList(list[T]):
    """A list that refuses at once what its attribute refuses; copies and pickles of it are plain lists.

    Parameters
    ----------
    items : iterable
        What is in it, checked before.
    check : callable
        Takes new items, and how many there would be with them; returns the items to keep, or raises.
    """

    __slots__ = ("_check",)

    def __init__(self, items: Iterable[T], check: Callable[[list[Any], int], list[T]]) -> None:
        super().__init__(items)
        self._check = check

    def append(self, item: T) -> None:
        """Put an item at the end."""
        self.extend([item])

    def extend(self, items: Iterable[T]) -> None:
        """Put items at the end: all of them, or none if one is refused."""
        new = list(items)
        super().extend(self._check(new, len(self) + len(new)))

    def insert(self, index: SupportsIndex, item: T) -> None:
        """Put an item before a position."""
        self[index:index] = [item]

    @overload
    def __setitem__(self, index: SupportsIndex, value: T) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[T]) -> None: ...
    def __setitem__(self, index: SupportsIndex | slice, value: Any) -> None:
        if isinstance(index, slice):
            new = list(value)
            super().__setitem__(index, self._check(new, len(self) - len(self[index]) + len(new)))
        else:
            super().__setitem__(index, self._check([value], len(self))[0])

    def __iadd__(self, items: Iterable[T]) -> Self:  # type: ignore[override, misc]  # as `extend`
        self.extend(items)
        return self

    def __imul__(self, count: SupportsIndex) -> Self:
        self[:] = list(self) * count
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


class CheckedDict(dict[str, T]):
    """A dictionary that refuses at once what its attribute refuses; copies and pickles of it are plain dictionaries.

    Parameters
    ----------
    entries : mapping
        What is in it, checked before.
    check : callable
        Takes new entries, and how many there would be with them; returns the entries to keep, or raises.
    """

    __slots__ = ("_check",)

    def __init__(self, entries: Mapping[str, T], check: Callable[[dict[Any, Any], int], dict[str, T]]) -> None:
        super().__init__(entries)
        self._check = check

    def __setitem__(self, key: str, value: T) -> None:
        self.update({key: value})

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the entry of a key, which becomes `default` if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *given: Any, **entries: Any) -> None:
        """Put in all entries of a mapping or of pairs, and those given by name: all of them, or none."""
        new = dict(*given, **entries)
        super().update(self._check(new, len({**self, **new})))

    def __ior__(self, other: Any) -> Self:  # type: ignore[override, misc]  # as `update`
        self.update(other)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)
