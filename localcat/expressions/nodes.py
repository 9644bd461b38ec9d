"""The tree that a filter expression stands for: frozen values, nothing else.

Operators live on `localcat.expressions.properties.Expression`, which wraps a node. Each reading of the tree (evaluate,
serialise, compile to SQL) is one function over the closed union `Node`, ended by ``assert_never``: a node added here
is a type error in every reading that was not taught it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias, assert_never

from localcat.errors import BadRequestError

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_FEW = 8  # conditions of most filters
MAX_CONDITIONS = 10_000  # joined by and, or and not
MAX_VALUES = 100_000  # of one any_of
# Levels of a tree. SQLite's parser keeps a stack of 100 entries unless it was built otherwise, and a level of
# "(a OR (b AND ...))" takes three: measured, 3.40 gives up near 33 levels. The rest is for the query around it.
MAX_DEPTH = 24


class Op(StrEnum):
    """The six comparisons; the value is the operator as Python and SQL write it."""

    EQ = "="
    NE = "<>"
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="

    __hash__ = str.__hash__  # in C, which those of enumerations are not; each comparison is looked up by it

    is_range: bool
    """Whether the comparison needs an order."""

    def __init__(self, text: str) -> None:
        self.is_range = text not in ("=", "<>")

    @property
    def mirrored(self) -> Op:
        """The operator that says the same with the operands exchanged: ``5 < x`` is ``x > 5``."""
        return _MIRRORED.get(self, self)


_MIRRORED = {Op.LT: Op.GT, Op.GT: Op.LT, Op.LE: Op.GE, Op.GE: Op.LE}


class Part(StrEnum):
    """A calendar part of a timestamp, in UTC."""

    YEAR = "year"
    MONTH = "month"
    DAY_OF_YEAR = "day_of_year"


@dataclass(frozen=True, slots=True)
class Ref:
    """What a condition is about: an attribute, a value inside a mapping attribute, or a calendar part of a timestamp.

    `keys` lead from the mapping to the value, one for each level. At most one of `keys` and `part` is set.
    """

    attribute: str
    keys: tuple[str, ...] = ()
    part: Part | None = None

    def __str__(self) -> str:
        """Return the reference as a filter spells it, without the leading ``p.``."""
        if self.keys:
            return self.attribute + "".join([f"[{key!r}]" for key in self.keys])
        return f"{self.attribute}.{self.part}" if self.part is not None else self.attribute


@dataclass(frozen=True, slots=True)
class Comparison:
    """``ref op value``; an unset attribute matches no comparison, whatever the operator."""

    ref: Ref
    op: Op
    value: object


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The attribute equals one of the values; without values a constant false."""

    ref: Ref
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    """The attribute is unset; for a list also: empty."""

    ref: Ref


@dataclass(frozen=True, slots=True)
class IsNotNull:
    """The attribute is set; for a list also: not empty."""

    ref: Ref


@dataclass(frozen=True, slots=True)
class Like:
    """The text matches a pattern of ``%`` (any run), ``_`` (any one character) and backslash (the next one literally).

    `fold` ignores case, for all of Unicode; `accents` says that marks on letters count.
    """

    ref: Ref
    pattern: str
    fold: bool = False
    accents: bool = True


@dataclass(frozen=True, slots=True)
class Prefix:
    """The text begins with `prefix`, letter for letter."""

    ref: Ref
    prefix: str


class ListRelation(StrEnum):
    """How a list and some values are related, as sets."""

    CONTAINS = "contains"
    CONTAINED_BY = "contained_by"
    EQUALS = "equals"
    OVERLAPS = "overlaps"


@dataclass(frozen=True, slots=True)
class ListTest:
    """A list has a relation to values; one value or more. Order and repetition do not count."""

    ref: Ref
    relation: ListRelation
    values: tuple[object, ...]


class Relation(StrEnum):
    """How a footprint and an area are related, in the words of simple features (OGC 06-103r4)."""

    INTERSECTS = "intersects"
    WITHIN = "within"
    CONTAINS = "contains"
    DISJOINT = "disjoint"
    EQUALS = "equals"
    TOUCHES = "touches"
    OVERLAPS = "overlaps"
    CROSSES = "crosses"
    COVERED_BY = "covered_by"
    WITHIN_DISTANCE = "within_distance"


@dataclass(frozen=True, slots=True)
class Spatial:
    """The footprint has a relation to an area; if it is unset, the answer is unknown.

    `area` is what `localcat.earth.wkt.as_area` returned; `metres` belongs to
    `Relation.WITHIN_DISTANCE` alone.
    """

    ref: Ref
    relation: Relation
    area: BaseGeometry
    metres: float | None = None


class Fold(StrEnum):
    """What makes two texts equal that differ: case or accents; the value is the function's name in CQL2."""

    CASE = "casei"
    ACCENTS = "accenti"


@dataclass(frozen=True, slots=True)
class Value:
    """A value among computed ones: text, a number, a truth value, or a `localcat.expressions.fields.Moment`."""

    value: object


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two numbers joined by ``+ - * / div % ^``; unknown where one of them is, or where there is no result."""

    op: str
    left: Term
    right: Term


@dataclass(frozen=True, slots=True)
class Folded:
    """Text without its case or its accents."""

    function: Fold
    term: Term


Term: TypeAlias = Ref | Value | Arithmetic | Folded


@dataclass(frozen=True, slots=True)
class TermTest:
    """A comparison of computed values, or of two attributes."""

    left: Term
    op: Op
    right: Term


@dataclass(frozen=True, slots=True)
class Constant:
    """True or false for every object."""

    value: bool


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold; two parts or more, none of them an `And`."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds; two parts or more, none of them an `Or`."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold; unknown stays unknown."""

    part: Node


TextMatch: TypeAlias = Like | Prefix
"""A condition on text, or on the texts of a list."""

Leaf: TypeAlias = Comparison | AnyOf | IsNull | IsNotNull | TextMatch | ListTest
"""A condition on one value; a new one goes here, and mypy then names the readings that must be taught it."""

Node: TypeAlias = Leaf | Spatial | TermTest | Constant | And | Or | Not


def all_of(*nodes: Node) -> Node:
    """Join conditions by AND, without nesting one AND in another."""
    return _joined(And, nodes)


def one_of(*nodes: Node) -> Node:
    """Join conditions by OR, without nesting one OR in another."""
    return _joined(Or, nodes)


def _joined(kind: type[And | Or], nodes: tuple[Node, ...]) -> Node:
    parts: list[Node] = []
    for node in nodes:
        if isinstance(node, kind):
            parts.extend(node.parts)
        else:
            parts.append(node)
    return parts[0] if len(parts) == 1 else kind(tuple(parts))


def walk(node: Node) -> Iterator[tuple[Node, int]]:
    """Yield every node of a tree with its level, from 1 for the root; a node comes before its parts."""
    waiting = [(node, 1)]
    while waiting:
        current, level = waiting.pop()
        yield current, level
        if isinstance(current, And | Or):
            waiting.extend((part, level + 1) for part in current.parts)
        elif isinstance(current, Not):
            waiting.append((current.part, level + 1))


def is_spatial(node: Node) -> bool:
    """Return whether a spatial condition is anywhere in a tree."""
    if isinstance(node, And | Or | Not):
        return any(isinstance(inner, Spatial) for inner, _ in walk(node))
    return isinstance(node, Spatial)


def refs_of(node: Node) -> set[Ref]:
    """Return the attributes, keys and calendar parts that the conditions of a tree are about."""
    found: set[Ref] = set()
    for inner, _ in walk(node):
        if isinstance(inner, TermTest):
            found.update(refs_of_term(inner.left), refs_of_term(inner.right))
        elif not isinstance(inner, And | Or | Not | Constant):
            found.add(inner.ref)
    return found


def refs_of_term(term: Term) -> list[Ref]:
    """Return what a computed value is made of, from left to right."""
    match term:
        case Ref():
            return [term]
        case Value():
            return []
        case Arithmetic(_, left, right):
            return [*refs_of_term(left), *refs_of_term(right)]
        case Folded(_, inner):
            return refs_of_term(inner)
        case _:
            assert_never(term)


def depth_of(node: Node) -> int:
    """Return the number of nodes on the longest way from this one to a leaf, itself included."""
    return max(level for _, level in walk(node))


def check_depth(depth: int) -> None:
    """Raise `BadRequestError` for a tree of more than `MAX_DEPTH` levels."""
    if depth > MAX_DEPTH:
        raise BadRequestError(
            f"the filter nests {depth} levels of and, or and not; at most {MAX_DEPTH} are supported, "
            "and a run of one operator counts as one level"
        )


def check_size(node: Node) -> None:
    """Raise `BadRequestError` for a tree that is nested too deep or has too many conditions to be read in good time."""
    parts = node.parts if isinstance(node, And) else (node,)
    if len(parts) <= _FEW and {*map(type, parts)} == {Comparison}:
        return  # as most filters
    deepest = count = 0
    for inner, level in walk(node):
        deepest = max(deepest, level)
        if isinstance(inner, AnyOf | ListTest) and len(inner.values) > MAX_VALUES:
            raise BadRequestError(f"any_of has {len(inner.values):,} values; at most {MAX_VALUES:,} are supported")
        count += not isinstance(inner, And | Or | Not)
    check_depth(deepest)
    if count > MAX_CONDITIONS:
        raise BadRequestError(
            f"the filter joins {count:,} conditions; at most {MAX_CONDITIONS:,} are supported, any_of takes many values"
        )
