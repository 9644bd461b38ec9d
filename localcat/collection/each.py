"""Doing one thing to every item of a collection, written as if it were done to one item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localcat.collection.base import Collection

_SHOWN = 5  # items in a repr


class Each:
    """Every item of a collection: reading an attribute, an item or calling it gives an Each of the results.

    Nothing is done before the results are asked for, by iterating or by `combine`; everything is done again each time.

    Parameters
    ----------
    source : Collection
        The collection that `each` was asked of.
    make : callable, optional
        Returns the items; those of the collection when left out.

    Examples
    --------
    >>> from localcat.collection import Collection
    >>> Collection(["red", "green"]).each.upper().combine()
    ['RED', 'GREEN']
    """

    def __init__(self, source: Collection[Any], make: Callable[[], Iterable[Any]] | None = None) -> None:
        self._source = source
        self._make = make or source.__iter__

    def __iter__(self) -> Iterator[Any]:
        return iter(self._make())

    def __getattr__(self, name: str) -> Each:
        if name.startswith("_"):  # asked for by pickle, numpy or a notebook, which mean this object
            raise AttributeError(f"each item's {name!r} cannot be read this way; use pipe(getattr, {name!r})")
        return Each(self._source, lambda: (getattr(item, name) for item in self))

    def __getitem__(self, key: Any) -> Each:
        return Each(self._source, lambda: (item[key] for item in self))

    def __call__(self, *args: Any, **kwargs: Any) -> Each:
        """Call every item."""
        return Each(self._source, lambda: (item(*args, **kwargs) for item in self))

    def pipe(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Each:
        """Return what a function makes of every item, which is its first argument."""
        return Each(self._source, lambda: (function(item, *args, **kwargs) for item in self))

    def combine(self, op: Callable[[Iterable[Any]], Any] = list) -> Any:
        """Return what `op` makes of the results, such as ``sum`` or ``set``; a list by default."""
        return op(iter(self))

    def collect(self) -> Collection[Any]:
        """Return the results as a collection: of the same class if they fit into it, else a plain one."""
        return self._source._like_or_plain(list(self))

    def __repr__(self) -> str:
        lines = []
        for position, item in enumerate(self):
            if position == _SHOWN:
                lines.append("...")
                break
            lines.append(repr(item))
        return "\n".join(lines)
