"""What CQL2 calls the attributes of an image: the names that STAC has for the fields of an item.

==================  ==============================================================================================
CQL2                here
==================  ==============================================================================================
``id``              the name of the image; a value with a colon is a full id
``collection``      ``product_id``
``datetime``        ``acquired``
``eo:cloud_cover``  ``cloud_fraction``, as a percentage
``platform``        ``satellite_id``
``proj:code``       ``cs_code``
``proj:epsg``       the number in a ``cs_code`` such as ``EPSG:32618``
``created``         the item's own time in ``extra_properties``; where there is none, ``created``
``updated``         the same, and ``modified``
``gsd`` and others  the value of that name in ``extra_properties``: names with a colon, and STAC's common ones
``localcat:NAME``   the attribute NAME, whatever it may mean above
==================  ==============================================================================================

Every other name is that of an attribute. A dot behind a name with a colon leads inside: ``proj:centroid.lat``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from localcat.errors import BadRequestError
from localcat.expressions import conditions, nodes
from localcat.expressions.json_values import moment_of
from localcat.expressions.names import brief, read_name, write_name
from localcat.expressions.nodes import Arithmetic, ListRelation, Node, Op, Ref, Term, Value, all_of, one_of
from localcat.expressions.numbers import number
from localcat.timestamps import from_microseconds

EXTRA = "extra_properties"
OWN = "localcat:"
ID, NAME, PRODUCT, CLOUDS, CRS = Ref("id"), Ref("name"), Ref("product_id"), Ref("cloud_fraction"), Ref("cs_code")

_COMMON = frozenset(
    ("constellation", "gsd", "instruments", "license", "mission", "providers", "title", "summaries", "stac_version")
)
_ATTRIBUTES = {
    "collection": PRODUCT,
    "datetime": Ref("acquired"),
    "platform": Ref("satellite_id"),
    "proj:code": CRS,
}
_NAMES = {ref: name for name, ref in _ATTRIBUTES.items()}
_OWN_TIMES = {"created": Ref("created"), "updated": Ref("modified")}
TAKEN = {"id", "eo:cloud_cover", "proj:epsg", *_ATTRIBUTES, *_OWN_TIMES}


class Meaning(Enum):
    """How the values of a name become those of an attribute."""

    PLAIN = "as they are"
    PERCENT = "a percentage is a fraction"
    EPSG = "a number is a code with EPSG: in front"
    ID = "without a colon the name of an image, else its id"
    TIME = "the item's own time, else ours"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a name in CQL2 stands for, and the conditions on it."""

    ref: Ref
    meaning: Meaning = Meaning.PLAIN
    name: str = ""  # as it was written, where that is not plain

    def compare(self, op: Op, value: object) -> Node:
        """Make a comparison with a value."""
        match self.meaning:
            case Meaning.PERCENT:
                return conditions.compare(self.ref, op, _fraction(self.name, value))
            case Meaning.EPSG:
                if op.is_range:
                    raise BadRequestError(f"{self.name} compares by =, <> and IN, not by {op.value!r}")
                return conditions.compare(self.ref, op, _code(self.name, value))
            case Meaning.ID:
                return conditions.compare(ID if _is_full(value) else NAME, op, value)
            case Meaning.TIME:
                time = _time(value)
                return self._own_or_ours(lambda ref: conditions.compare(ref, op, time))
            case Meaning.PLAIN:
                return conditions.compare(self.ref, op, value)

    def any_of(self, values: Sequence[object]) -> Node:
        """Make the condition that it equals one of the values."""
        match self.meaning:
            case Meaning.PERCENT:
                return conditions.any_of(self.ref, [_fraction(self.name, value) for value in values])
            case Meaning.EPSG:
                return conditions.any_of(self.ref, [_code(self.name, value) for value in values])
            case Meaning.ID:
                full = [value for value in values if _is_full(value)]
                names = [value for value in values if not _is_full(value)]
                parts = [conditions.any_of(ref, some) for ref, some in ((ID, full), (NAME, names)) if some]
                return one_of(*parts)
            case Meaning.TIME:
                times = [_time(value) for value in values]
                return self._own_or_ours(lambda ref: conditions.any_of(ref, times))
            case Meaning.PLAIN:
                return conditions.any_of(self.ref, values)

    def is_null(self) -> Node:
        """Make the condition that it is unset."""
        if self.meaning is Meaning.TIME:
            return self._own_or_ours(conditions.is_null)
        return conditions.is_null(self.ref)

    def like(self, pattern: object, *, fold: bool, accents: bool) -> Node:
        """Make the condition that it fits a pattern."""
        if self.meaning in (Meaning.PERCENT, Meaning.EPSG, Meaning.TIME):
            raise BadRequestError(f"{self.name} is not text, and fits no pattern; compare it with a value")
        ref = ID if self.meaning is Meaning.ID and _is_full(pattern) else self.ref
        return conditions.like(ref, pattern, fold=fold, accents=accents)

    def relates(self, relation: ListRelation, values: Sequence[object]) -> Node:
        """Make the condition that the list has a relation to values."""
        return conditions.list_test(self.ref, relation, values)

    def each(self, make: Callable[[Subject], Node]) -> Node:
        """Make a condition that compares it with something computed, of the attribute or attributes that it means."""
        return self._own_or_ours(lambda ref: make(Subject(ref))) if self.meaning is Meaning.TIME else make(self)

    def term(self) -> Term:
        """Return it as a part of something computed."""
        if self.meaning is Meaning.PERCENT:
            return Arithmetic("*", self.ref, Value(100))
        if self.meaning in (Meaning.EPSG, Meaning.TIME):
            raise BadRequestError(f"{self.name} cannot be computed with; compare it with a value")
        return self.ref

    def _own_or_ours(self, make: Callable[[Ref], Node]) -> Node:
        own = Ref(EXTRA, (self.name,))
        return one_of(
            all_of(nodes.IsNotNull(own), make(own)),
            all_of(nodes.IsNull(own), make(self.ref)),
        )


def subject_of(name: object) -> Subject:
    """Return what a name stands for; raises `BadRequestError` if it cannot be one."""
    if not isinstance(name, str):
        raise BadRequestError(f"{brief(name)} is not the name of a property, as in 'eo:cloud_cover'")
    if name == "id":
        return Subject(NAME, Meaning.ID, name)
    if name == "eo:cloud_cover":
        return Subject(CLOUDS, Meaning.PERCENT, name)
    if name == "proj:epsg":
        return Subject(CRS, Meaning.EPSG, name)
    if name in _OWN_TIMES:
        return Subject(_OWN_TIMES[name], Meaning.TIME, name)
    if name in _ATTRIBUTES:
        return Subject(_ATTRIBUTES[name])
    if name.startswith(OWN):
        return Subject(read_name(name.removeprefix(OWN)))
    before, dot, below = name.partition(".")
    if before in _COMMON or (":" in before and "[" not in before):
        keys = (before, *below.split(".")) if dot else (before,)
        if all(keys):
            return Subject(Ref(EXTRA, keys))
    return Subject(read_name(name))


def name_of(ref: Ref, values: Sequence[object] = ()) -> str:
    """Return the name that `subject_of` reads as an attribute, in a condition that compares with `values`."""
    if ref in _NAMES:
        return _NAMES[ref]
    if ref == NAME and not any(map(_is_full, values)):
        return "id"
    if ref.attribute == EXTRA and ref.keys and _is_bare(ref):
        return ".".join(ref.keys)
    name = write_name(ref)
    return f"{OWN}{name}" if name in TAKEN else name


def _is_bare(ref: Ref) -> bool:
    """Return whether the keys alone, with dots between them, are read as what they are."""
    name = ".".join(ref.keys)
    return name not in TAKEN and not name.startswith(OWN) and _subject_or_none(name) == Subject(ref)


def _subject_or_none(name: str) -> Subject | None:
    """Return what a name stands for, or None if it cannot be one."""
    try:
        return subject_of(name)
    except BadRequestError:
        return None


def percentages(values: Sequence[object]) -> list[int | float] | None:
    """Return fractions as percentages; None if one of them would not come back exactly as it is."""
    found: list[int | float] = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        scaled = Decimal(repr(value)) * 100
        percent = int(scaled) if scaled == int(scaled) and abs(scaled) < 10**15 else float(scaled)
        try:
            if _fraction("", percent) != value:
                return None
        except (BadRequestError, OverflowError):
            return None
        found.append(percent)
    return found


def _fraction(name: str, percent: object) -> float:
    found = number(percent)
    try:
        return float(Decimal(repr(found)) / 100)
    except ArithmeticError:
        raise BadRequestError(f"{name} is a percentage and compares with a number, not with {brief(percent)}") from None


def _code(name: str, epsg: object) -> str:
    found = number(epsg)
    if found is None or found != int(found):
        raise BadRequestError(f"{name} compares with the number of an EPSG code, not with {brief(epsg)}")
    return f"EPSG:{int(found)}"


def _is_full(value: object) -> bool:
    return isinstance(value, str) and ":" in value


def _time(value: object) -> object:
    """Return text that names a time as that; the item's own times are text, which would compare as text."""
    if isinstance(value, str):
        moment = moment_of(value)
        return value if moment is None else from_microseconds(moment)
    return value


def split_id(full: object) -> tuple[str, str] | None:
    """Return the product's id and the name in the id of an image; None if it is not one."""
    if not isinstance(full, str):
        return None
    product, colon, name = full.rpartition(":")
    return (product, name) if colon and product and name else None


def joined_ids(parts: Sequence[Node]) -> list[Node]:
    """Return the parts of an AND, with each pair of a product's id and a name as the id that the two make."""
    found: list[Node] = []
    for part in parts:
        before = found[-1] if found else None
        match before, part:
            case (
                nodes.Comparison(ref=Ref("product_id"), op=Op.EQ, value=str(product)),
                nodes.Comparison(ref=Ref("name"), op=Op.EQ, value=str(name)),
            ) if split_id(f"{product}:{name}") == (product, name):
                found[-1] = nodes.Comparison(ID, Op.EQ, f"{product}:{name}")
            case _:
                found.append(part)
    return found
