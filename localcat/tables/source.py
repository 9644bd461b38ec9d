"""Where the rows of a table come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from localcat.errors import BadRequestError
from localcat.expressions.fields import nearest
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


def checked_columns(known: Mapping[str, Any], name: str, columns: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of columns; all that are known where None are given.

    Parameters
    ----------
    known : mapping
        Attributes by name.
    name : str
        What to call the class in messages.
    columns : sequence of str, optional
        What a caller asked for.

    Raises
    ------
    BadRequestError
        If a column is not an attribute, or is named twice.
    """
    if columns is None:
        return tuple(known)
    if isinstance(columns, str) or not isinstance(columns, Sequence):
        raise BadRequestError(f"columns is a list of names of attributes, such as ['id', 'acquired'], not {columns!r}")
    for position, column in enumerate(columns):
        if not isinstance(column, str) or column not in known:
            raise BadRequestError(f"{name} has no attribute {column!r} for a column{nearest(str(column), known)}")
        if column in columns[:position]:
            raise BadRequestError(f"column {column!r} is named twice; leave one out")
    return tuple(columns)
