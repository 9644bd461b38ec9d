"""The tree that a filter expression stands for: frozen values, nothing else.

Operators live on `localcat.expressions.properties.Expression`, which wraps one node. Each reading of the tree (evaluate,
serialise, compile to SQL) is one function over the closed union `Node`, ended by ``assert_never``: a node added here
is a type error in every reading that was not taught it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Op(StrEnum):
    """The six comparisons; the value is the operator as Python and SQL write it."""

    EQ = "="
    NE = "<>"
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="

    @property
    def is_range(self) -> bool:
        """Whether the comparison needs an order."""
        return self not in (Op.EQ, Op.NE)


class Part(StrEnum):
    """A calendar part of a timestamp, in UTC."""

    YEAR = "year"
    MONTH = "month"
    DAY_OF_YEAR = "day_of_year"


@dataclass(frozen=True, slots=True)
class Ref:
    """What a condition is about: an attribute, a key inside a mapping attribute, or a calendar part of a timestamp.

    At most one of `key` and `part` is set.
    """

    attribute: str
    key: str | None = None
    part: Part | None = None

    def __str__(self) -> str:
        """Return the reference as a filter spells it, without the leading ``p.``."""
        if self.key is not None:
            return f"{self.attribute}[{self.key!r}]"
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

    `fold` ignores case, for all of Unicode.
    """

    ref: Ref
    pattern: str
    fold: bool = False


@dataclass(frozen=True, slots=True)
class Prefix:
    """The text begins with `prefix`, letter for letter."""

    ref: Ref
    prefix: str


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


Node: TypeAlias = Comparison | AnyOf | IsNull | IsNotNull | Like | Prefix | And | Or | Not


def all_of(*nodes: Node) -> Node:
    """Join conditions by AND, without nesting one AND in another."""
    parts = tuple(part for node in nodes for part in (node.parts if isinstance(node, And) else (node,)))
    return parts[0] if len(parts) == 1 else And(parts)


def one_of(*nodes: Node) -> Node:
    """Join conditions by OR, without nesting one OR in another."""
    parts = tuple(part for node in nodes for part in (node.parts if isinstance(node, Or) else (node,)))
    return parts[0] if len(parts) == 1 else Or(parts)
