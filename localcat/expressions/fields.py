"""The attributes that an expression can name: their kinds, and how values are bound to them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeAlias

from localcat.errors import BadRequestError, UnknownPropertyError
from localcat.expressions.nodes import Comparison, Leaf, Like, Part, Ref, TextMatch
from localcat.expressions.numbers import number
from localcat.expressions.patterns import check_pattern
from localcat.timestamps import to_microseconds

Scalar: TypeAlias = str | int | float | None
"""A value as the store keeps it: text, integer (also booleans and timestamps in microseconds) or real."""


class Moment(int):
    """A time, in microseconds since 1970, that a value inside a mapping compares with."""


class Kind(StrEnum):
    """How the values of a field compare."""

    TEXT = "text"
    NUMBER = "number"
    TIMESTAMP = "timestamp"
    LIST = "list"  # of text; comparisons are about the elements
    MAPPING = "mapping"  # of text to any JSON value; only what is under its keys can be filtered
    JSON = "JSON value"  # one of those: text, number, truth value, list, object or null
    GEOMETRY = "geometry"  # has spatial conditions only


@dataclass(frozen=True, slots=True)
class Field:
    """One filterable attribute.

    Parameters
    ----------
    name : str
        The attribute's name.
    kind : Kind
        How its values compare.
    bind : callable
        Turns a value that a user wrote into what the store keeps; raises `BadRequestError` for one that does not fit.
    sortable : bool
        Whether a search can be ordered by it.
    """

    name: str
    kind: Kind
    bind: Callable[[object], Scalar]
    sortable: bool = True


class Fields:
    """The filterable attributes of one class, by name.

    Parameters
    ----------
    owner : str
        The class's name, for messages.
    fields : iterable of Field
        Its filterable attributes.
    others : iterable of str
        The names of its other attributes.
    """

    def __init__(self, owner: str, fields: Iterable[Field], others: Iterable[str] = ()) -> None:
        self.owner = owner
        self._fields = {field.name: field for field in fields}
        self._others = frozenset(others)

    def __getitem__(self, name: str) -> Field:
        try:
            return self._fields[name]
        except KeyError:
            if name in self._others:
                raise BadRequestError(f"{self.owner} attribute {name} cannot be filtered or sorted by") from None
            raise UnknownPropertyError(f"{self.owner} has no attribute {name}{nearest(name, self._fields)}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def resolve(self, ref: Ref) -> Field:
        """Return the field that a reference compares as: the attribute, the value under a key, or a calendar part.

        Raises
        ------
        UnknownPropertyError
            If the class has no such attribute.
        BadRequestError
            If the attribute has no keys or no calendar parts, or can only be filtered by one of its keys.
        """
        if ref.attribute == "p" and ref.keys and ref.keys[0] in self:  # as a program writes it
            raise UnknownPropertyError(f"{self.owner} has no attribute p; write {ref.keys[0]} alone")
        field = self[ref.attribute]
        if ref.keys:
            if field.kind is not Kind.MAPPING:
                raise BadRequestError(f"{self.owner} attribute {field.name} has no keys to filter by: {ref}")
            return Field(str(ref), Kind.JSON, _bind_json(ref))
        if field.kind is Kind.MAPPING:
            raise BadRequestError(
                f"{self.owner} attribute {field.name} is filtered by one of its keys: p.{field.name}['key']"
            )
        if ref.part is not None:
            if field.kind is not Kind.TIMESTAMP:
                raise BadRequestError(f"{self.owner} attribute {field.name} is not a timestamp and has no {ref.part}")
            return Field(str(ref), Kind.NUMBER, _bind_part(ref, ref.part))
        return field

    def check_footprint(self, ref: Ref) -> None:
        """Raise `BadRequestError` unless a spatial condition can be about a reference."""
        if self.resolve(ref).kind is not Kind.GEOMETRY:
            raise BadRequestError(f"{self.owner} attribute {ref} is not a geometry and has no area")


def check_text_match(condition: Leaf, field: Field) -> None:
    """Raise `BadRequestError` for a pattern or a prefix that cannot be asked of a field; other conditions pass."""
    if not isinstance(condition, TextMatch):
        return
    if field.kind not in (Kind.TEXT, Kind.LIST, Kind.JSON):
        raise BadRequestError(
            f"{condition.ref} is not text: prefix, like and ilike do not apply to a {field.kind}; compare it with =="
        )
    if isinstance(condition, Like):
        check_pattern(condition.pattern)


_SHOWN = 3  # names that may be meant
_SHORTEST_PART = 3  # letters of a name that is a part of another
_VERY_NEAR = 0.8  # of 1; beside a name that means the same, others are shown only if they are so near
_ELSEWHERE: dict[str, tuple[str, ...]] = {  # what STAC and other clients say, in lower case: what it is called here
    **dict.fromkeys(
        ("cloud_cover", "cloudcover", "cloud_cover_percentage", "cloudiness", "clouds"), ("cloud_fraction",)
    ),
    **dict.fromkeys(("date", "datetime", "time", "timestamp", "acquisition_date", "date_acquired"), ("acquired",)),
    "start_datetime": ("acquired",),
    "end_datetime": ("acquired_end",),
    **dict.fromkeys(("updated", "last_modified"), ("modified",)),
    **dict.fromkeys(("collection", "collection_id", "dataset"), ("product_id",)),
    **dict.fromkeys(("platform", "satellite", "spacecraft"), ("satellite_id",)),
    **dict.fromkeys(("bbox", "footprint", "geom", "aoi", "bounds"), ("geometry",)),
    **dict.fromkeys(("epsg", "crs", "srs", "code"), ("cs_code",)),
    "gsd": ("resolution",),
    "title": ("name",),
    "keywords": ("tags",),
    **dict.fromkeys(("properties", "metadata", "extra"), ("extra_properties",)),
    **dict.fromkeys(("sun_azimuth", "solar_azimuth"), ("solar_azimuth_angle",)),
    **dict.fromkeys(("sun_elevation", "solar_elevation"), ("solar_elevation_angle",)),
    "off_nadir": ("view_angle",),
    "transform": ("geotrans",),
}


def nearest(name: str, names: Iterable[str]) -> str:
    """Return ``"; did you mean 'a' or 'b'?"`` for the names closest to a wrong one, or an empty string.

    Names that other catalogs have for the same thing come first.
    """
    import difflib  # takes a while to import, and is needed for errors alone

    known = list(names)
    same = [ours for ours in _ELSEWHERE.get(name.lower().rpartition(":")[2], ()) if ours in known]
    close = difflib.get_close_matches(name, [one for one in known if one not in same], n=_SHOWN, cutoff=0.6)
    if not same and not close and len(name) >= _SHORTEST_PART:  # 'cloud' for cloud_fraction
        close = [one for one in known if one.startswith(name) or name in one.split("_")][:_SHOWN]
    close = [
        *same,
        *(one for one in close if not same or difflib.SequenceMatcher(None, name, one).ratio() > _VERY_NEAR),
    ]
    return f"; did you mean {' or '.join(repr(match) for match in close)}?" if close else ""


def check_order(node: Comparison, wanted: Scalar) -> None:
    """Raise `BadRequestError` for a comparison of truth values that asks which is the greater."""
    if node.op.is_range and isinstance(wanted, bool):
        raise BadRequestError(f"True and False have no order; ask with ==, or give {node.ref} a number")


def _bind_json(ref: Ref) -> Callable[[object], Scalar]:
    def bind(value: object) -> Scalar:
        if isinstance(value, str | bool):
            return value
        if isinstance(value, date) or type(value).__name__ == "datetime64":
            return Moment(to_microseconds(value))
        found = number(value)
        if found is None or not math.isfinite(found):
            raise BadRequestError(
                f"{ref} compares with a string, a finite number, True, False or a time, not with {value!r}"
            )
        return found

    return bind


def _bind_part(ref: Ref, part: Part) -> Callable[[object], Scalar]:
    low, high = {Part.YEAR: (1, 9999), Part.MONTH: (1, 12), Part.DAY_OF_YEAR: (1, 366)}[part]

    def bind(value: object) -> Scalar:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise BadRequestError(f"{ref} compares with a whole number from {low} to {high}, not with {value!r}")

    return bind
