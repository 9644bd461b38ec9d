"""What a user may assign to an attribute, for type checkers: more than what it gives back.

Strings are not among the sequences, though Python calls them so: a string in place of a list is a mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import date
from typing import Any, Protocol, SupportsFloat, SupportsIndex, TypeAlias


class HasGeometry(Protocol):
    """An object with a GeoJSON interface, such as a shapely geometry."""

    @property
    def __geo_interface__(self) -> Any:
        """Its geometry as GeoJSON."""


Real: TypeAlias = SupportsFloat
Whole: TypeAlias = SupportsIndex
Moment: TypeAlias = date | str  # a datetime is a date
Entries: TypeAlias = Mapping[str, Any]
Texts: TypeAlias = list[str] | tuple[str, ...] | Set[str] | Iterator[str]
TextsOrNone: TypeAlias = list[str | None] | list[str] | tuple[str | None, ...] | Iterator[str | None]
Numbers: TypeAlias = Iterable[SupportsFloat]
NumbersByBand: TypeAlias = Iterable[SupportsFloat | Iterable[SupportsFloat | None] | None]
Colors: TypeAlias = Iterable[Iterable[SupportsIndex]]
Outline: TypeAlias = HasGeometry | Mapping[str, Any] | tuple[float, ...]
