"""Where the rows of a table come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from localcat.models.attributes.scalars import Attribute, Stored

StoredRow: TypeAlias = Sequence[Stored]
"""The stored values of the columns asked for, in their order."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rows of a table come from.

    Parameters
    ----------
    name : str
        The class of the objects.
    attributes : mapping
        Their attributes by name, in the order of the columns.
    rows : callable
        Takes names of attributes, and yields the rows in lists that fit into memory.
    is_at_hand : bool
        Whether the rows must be read now by the thread that asks, since no other sees the same.
    """

    name: str
    attributes: Mapping[str, Attribute[Any]]
    rows: Callable[[tuple[str, ...]], Iterator[Sequence[StoredRow]]]
    is_at_hand: bool
