"""Answers in memory: lists that know what they hold, and can be filtered, sorted and grouped."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableSequence, Sequence
from typing import Any, ClassVar, Generic, Self, TypeAlias, TypeVar, overload

from localcat.collection.each import Each
from localcat.errors import BadRequestError
from localcat.expressions.evaluate import matcher
from localcat.expressions.properties import Expression
from localcat.models.band import Band
from localcat.models.html import listing
from localcat.models.object import CatalogObjectBase
from localcat.models.product import Product
from localcat.tables import Tabular
from localcat.tables.source import Source, StoredRow

T = TypeVar("T")
R = TypeVar("R")
_MOST_SHOWN = 20  # items in a repr
Predicate: TypeAlias = str | Callable[[Any], Any]
"""A function of an item, or the name of an attribute; dots lead into it, as in ``"acquired.year"``."""


class Collection(Tabular, MutableSequence[T], Generic[T]):
    """A list that can be filtered, sorted, grouped and mapped.

    Parameters
    ----------
    iterable : iterable, optional
        Its items.
    item_type : type, optional
        What it holds; a subclass of what its class holds.

    Raises
    ------
    BadRequestError
        If an item is of another type than it holds, or `item_type` is not such a class.

    Examples
    --------
    >>> from localcat.collection import Collection
    >>> words = Collection(["pear", "fig", "apple", "kiwi"])
    >>> [(size, list(group)) for size, group in words.groupby(len)]
    [(3, ['fig']), (4, ['pear', 'kiwi']), (5, ['apple'])]
    """

    _item_type: type = object

    def __init__(self, iterable: Iterable[T] | None = None, item_type: type[T] | None = None) -> None:
        if item_type is not None:
            if not (isinstance(item_type, type) and issubclass(item_type, self._item_type)):
                held = self._item_type.__name__
                raise BadRequestError(
                    f"item_type of a {type(self).__name__} is {held} or a subclass, not {item_type!r}"
                )
            self._item_type = item_type
        self._items: list[T] = [] if iterable is None else self._checked(iterable)

    # A list

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice | Iterable[int] | Iterable[bool]) -> Self: ...
    def __getitem__(self, index: int | slice | Iterable[int] | Iterable[bool]) -> T | Self:
        """Return the item at a position, or a collection of those in a slice, at positions, or flagged True."""
        if isinstance(index, slice):
            return self._like(self._items[index])
        if isinstance(index, Iterable):
            return self._like([self._items[position] for position in self._positions(index)])
        return self._items[operator.index(index)]

    @overload
    def __setitem__(self, index: int, value: T) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[T]) -> None: ...
    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            self._items[index] = self._checked(value)
        else:
            self._items[operator.index(index)] = self._checked([value])[0]
        self._changed()

    def __delitem__(self, index: int | slice) -> None:
        del self._items[index]
        self._changed()

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Collection):
            return self._items == other._items
        return self._items == other if isinstance(other, list) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # mutable, as a list is

    def __copy__(self) -> Self:
        return self._like(self._items)

    def insert(self, index: int, value: T) -> None:
        """Put an item before a position."""
        self._items[index:index] = self._checked([value])
        self._changed()

    def append(self, value: T) -> None:
        """Put an item at the end."""
        self.extend([value])

    def extend(self, values: Iterable[T]) -> None:
        """Put items at the end: all of them, or none if one is of the wrong type."""
        self._items += self._checked(values)
        self._changed()

    def __repr__(self) -> str:
        return "\n".join([self._heading(), *self._lines()])

    def _heading(self) -> str:
        return f"{type(self).__name__} of {len(self):,} {self._noun()}{'' if len(self) == 1 else 's'}"

    def _lines(self) -> Iterator[str]:
        """Yield what is said below the heading: the items, each in one line."""
        for item in self._items[:_MOST_SHOWN]:
            first, *_ = repr(item).splitlines() or [""]
            yield f"  * {first}"
        if len(self) > _MOST_SHOWN:
            yield f"  … and {len(self) - _MOST_SHOWN:,} more"

    _columns_shown: ClassVar[tuple[str, ...]] = ()  # attributes in the table for notebooks

    def _repr_html_(self) -> str:
        """Return the first items as a table, for notebooks."""
        names = self._columns_shown or ("item",)
        cells = (tuple(getattr(item, name) for name in self._columns_shown) or (item,) for item in self)
        return listing(self._heading(), names, cells, len(self))

    # Collections from collections

    @property
    def each(self) -> Each:
        """Every item: ``images.each.acquired.year.combine(set)`` asks all images for the year of `acquired`."""
        return Each(self)

    def map(self, f: Callable[[T], Any]) -> Collection[Any]:
        """Return what a function makes of every item: in the same class if the results fit, else in a plain one."""
        return self._like_or_plain([f(item) for item in self])

    def filter(self, predicate: Callable[[T], Any] | Expression) -> Self:
        """Return the items for which a function returns true, or that a filter expression finds.

        Parameters
        ----------
        predicate : callable or Expression
            An expression follows the rules of a search: an unset attribute matches no comparison.
        """
        if not isinstance(predicate, Expression):
            if not callable(predicate):
                raise TypeError(f"filter takes a function or an expression such as p.name == 'x', not {predicate!r}")
            return self._like([item for item in self if predicate(item)])
        if not issubclass(self._item_type, CatalogObjectBase):
            return self._like([item for item in self if predicate.evaluate(item)])
        matches = matcher(predicate.node, self._item_type.fields())
        return self._like([item for item in self if matches(item.stored_value) is True])  # type: ignore[attr-defined]  # catalog objects

    def sorted(self, *predicates: Predicate, reverse: bool = False) -> Self:
        """Return the items in order; ties stay in the order they are in, and unset values come last in both directions.

        Parameters
        ----------
        *predicates : callable or str
            What to sort by: the first decides, the next break its ties.
        reverse : bool
            Whether large values come first.

        Raises
        ------
        TypeError
            If there is no predicate, or values cannot be compared.
        """
        ordered = list(self._items)
        for key in reversed(_keys(predicates, "sorted")):
            known = [(key(item), item) for item in ordered]
            present = sorted(
                (pair for pair in known if pair[0] is not None), key=operator.itemgetter(0), reverse=reverse
            )
            ordered = [item for _, item in present] + [item for value, item in known if value is None]
        return self._like(ordered)

    def sort(self, field: Predicate, ascending: bool = True) -> Self:
        """Return the items sorted by one attribute; this collection stays as it is."""
        return self.sorted(field, reverse=not ascending)

    def groupby(self, *predicates: Predicate) -> Iterator[tuple[Any, Self]]:
        """Yield (key, collection) for all items with the same key, sorted by key.

        Parameters
        ----------
        *predicates : callable or str
            What to group by. The key of several is a tuple. Unset values make a group of their own, the last one.

        Raises
        ------
        TypeError
            If there is no predicate, or keys cannot be compared.
        """
        keys = _keys(predicates, "groupby")
        keyed = [(tuple(key(item) for key in keys), item) for item in self]
        keyed.sort(key=lambda pair: tuple((value is None, 0 if value is None else value) for value in pair[0]))
        groups = itertools.groupby(keyed, key=operator.itemgetter(0))
        return iter(
            [(key if len(keys) > 1 else key[0], self._like([item for _, item in group])) for key, group in groups]
        )

    # For subclasses

    def _source(self) -> Source:
        kind = self._item_type if issubclass(self._item_type, CatalogObjectBase) else self._only_kind()
        return Source(kind.__name__, kind._filterable(), self._stored_rows, is_at_hand=True)

    def _only_kind(self) -> type[CatalogObjectBase]:
        kinds = {type(item) for item in self._items}
        for kind in kinds:
            if len(kinds) == 1 and issubclass(kind, CatalogObjectBase):
                return kind
        raise BadRequestError(
            f"a table has objects of a catalog, all of one class, not the items of this {type(self).__name__}"
        )

    def _stored_rows(self, attributes: tuple[str, ...]) -> Iterator[Sequence[StoredRow]]:
        items: Any = self._items
        yield [item.stored(attributes) for item in items]

    def _like(self, items: Iterable[T]) -> Self:
        """Return a collection of the same kind and with the same settings."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._items = self._checked(items)
        twin._changed()
        return twin

    def _like_or_plain(self, items: list[Any]) -> Collection[Any]:
        is_fit = all(isinstance(item, self._item_type) for item in items)
        return self._like(items) if is_fit else Collection(items)

    def _changed(self) -> None:
        """Forget what was derived from the items."""

    def _noun(self) -> str:
        return "item" if self._item_type is object else self._item_type.__name__.lower()

    def _checked(self, items: Iterable[Any]) -> list[Any]:
        checked, wanted = list(items), self._item_type
        for item in checked:
            if not isinstance(item, wanted):
                raise BadRequestError(
                    f"{type(self).__name__} holds items of type {wanted.__name__}, not {type(item).__name__}: {item!r}"
                )
        return checked

    def _positions(self, index: Iterable[Any]) -> list[int]:
        """Return the positions that a list or an array of positions or flags means."""
        chosen = list(index.tolist() if hasattr(index, "tolist") else index)
        flags = [item for item in chosen if isinstance(item, bool)]
        if not flags:
            return [operator.index(position) for position in chosen]
        if len(flags) != len(chosen):
            raise TypeError("an index is a list of positions or of flags, not of both")
        if len(flags) != len(self):
            raise IndexError(f"{len(flags)} flags do not fit {len(self)} items")
        return [position for position, is_chosen in enumerate(flags) if is_chosen]


class ProductCollection(Collection[Product]):
    """Products; what ``Product.search().collect()`` returns."""

    _item_type = Product
    _columns_shown = ("id", "name", "start_datetime", "end_datetime")


class BandCollection(Collection[Band]):
    """Bands; what ``Band.search().collect()`` returns."""

    _item_type = Band
    _columns_shown = ("id", "type", "data_type", "resolution")


def _keys(predicates: tuple[Predicate, ...], name: str) -> list[Callable[[Any], Any]]:
    if not predicates:
        raise TypeError(f"{name} needs at least one predicate: a function, or the name of an attribute")
    return [key_of(predicate) for predicate in predicates]


def key_of(predicate: Predicate) -> Callable[[Any], Any]:
    """Return the function for a predicate."""
    if callable(predicate):
        return predicate
    if not isinstance(predicate, str) or not all(predicate.split(".")):
        raise TypeError(f"a predicate is a function or the name of an attribute, not {predicate!r}")
    names = predicate.split(".")

    def read(item: Any) -> Any:
        for name in names:
            if item is None:
                return None
            item = item[name] if isinstance(item, Mapping) and name in item else getattr(item, name)
        return item

    return read
