"""What a user may assign to an attribute, for type checkers: more than what it gives back.

Strings are not among the sequences, though Python calls them so: a string in place of a list is a mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol, SupportsFloat, SupportsIndex, TypeAlias

if TYPE_CHECKING:
    from localcat.earth.forms import HasGeometry


class ArrowTable(Protocol):
    """A table that gives its columns as an Arrow stream, as those of pandas, polars, pyarrow and DuckDB do."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the stream as a capsule."""


Real: TypeAlias = SupportsFloat
Whole: TypeAlias = SupportsIndex
Moment: TypeAlias = date | str  # a datetime is a date
Entries: TypeAlias = Mapping[str, Any]
Texts: TypeAlias = list[str] | tuple[str, ...] | Set[str] | Iterator[str]
TextsOrNone: TypeAlias = list[str | None] | list[str] | tuple[str | None, ...] | Iterator[str | None]
Numbers: TypeAlias = Iterable[SupportsFloat]
NumbersByBand: TypeAlias = Iterable[SupportsFloat | Iterable[SupportsFloat | None] | None]
Colors: TypeAlias = Iterable[Iterable[SupportsIndex]]
Outline: TypeAlias = "HasGeometry | Mapping[str, Any] | tuple[float, ...]"
