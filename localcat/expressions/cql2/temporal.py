"""Temporal operators, as comparisons of the ends of two spans of time (OGC 21-065r2, annex on temporal operators).

An instant is a span that ends where it starts. A bare ``DATE`` is the whole day; a date in an ``INTERVAL`` is its first
moment, and ``..`` leaves an end open. The first operand of each row below is *a*, the second *b*.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TypeAlias

from localcat.errors import BadRequestError
from localcat.expressions import nodes
from localcat.expressions.cql2.item_names import Subject
from localcat.expressions.fields import Moment
from localcat.expressions.json_values import relate
from localcat.expressions.nodes import Constant, Node, Op, TermTest, Value, all_of, one_of
from localcat.timestamps import EARLIEST, LATEST, from_microseconds, to_microseconds

_FIRST = from_microseconds(EARLIEST)


@dataclass(frozen=True, slots=True)
class Open:
    """The end of a span that has none: before all times, or after them."""

    is_late: bool


End: TypeAlias = Subject | datetime | Open


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when."""

    start: End
    end: End


_Rule: TypeAlias = tuple[tuple[str, Op, str], ...]
_RULES: dict[str, _Rule] = {  # ends of a and of b: all have to hold
    "after": (("start", Op.GT, "end"),),
    "before": (("end", Op.LT, "start"),),
    "contains": (("start", Op.LT, "start"), ("end", Op.GT, "end")),
    "during": (("start", Op.GT, "start"), ("end", Op.LT, "end")),
    "equals": (("start", Op.EQ, "start"), ("end", Op.EQ, "end")),
    "finishedby": (("start", Op.LT, "start"), ("end", Op.EQ, "end")),
    "finishes": (("start", Op.GT, "start"), ("end", Op.EQ, "end")),
    "intersects": (("start", Op.LE, "end"), ("end", Op.GE, "start")),
    "meets": (("end", Op.EQ, "start"),),
    "metby": (("start", Op.EQ, "end"),),
    "overlappedby": (("start", Op.GT, "start"), ("start", Op.LT, "end"), ("end", Op.GT, "end")),
    "overlaps": (("start", Op.LT, "start"), ("end", Op.GT, "start"), ("end", Op.LT, "end")),
    "startedby": (("start", Op.EQ, "start"), ("end", Op.GT, "end")),
    "starts": (("start", Op.EQ, "start"), ("end", Op.LT, "end")),
}
_DISJOINT: _Rule = (("end", Op.LT, "start"), ("start", Op.GT, "end"))  # one has to hold
OPERATORS = {f"t_{name}" for name in (*_RULES, "disjoint")}


def temporal(op: str, a: Span, b: Span) -> Node:
    """Return the condition of a temporal operator, whose name is in lower case."""
    name = op.removeprefix("t_")
    if name == "disjoint":
        return one_of(*_parts(_DISJOINT, a, b, idle=False))
    return all_of(*_parts(_RULES[name], a, b, idle=True))


def _parts(rule: _Rule, a: Span, b: Span, *, idle: bool) -> list[Node]:
    """Return the comparisons of a rule, without those that any time answers by `idle` and that decide nothing."""
    found: dict[Node, Subject | None] = {}
    waiting: list[tuple[Node, Subject]] = []
    for left, op, right in rule:
        one, other = getattr(a, left), getattr(b, right)
        if isinstance(other, Subject) and not isinstance(one, Subject):
            one, other, op = other, one, op.mirrored
        if isinstance(one, Subject) and isinstance(other, Open):
            holds = op in ((Op.LT, Op.LE) if other.is_late else (Op.GT, Op.GE))
            # True or false of every time, and unknown where there is none.
            part = one.compare(Op.GE if holds else Op.LT, _FIRST)
            if holds is idle:
                waiting.append((part, one))
                continue
            found[part] = one
        else:
            found[_compared(one, op, other)] = one if isinstance(one, Subject) else None
    for part, subject in waiting:
        if subject not in found.values():
            found[part] = subject
    return list(found)


def _compared(left: End, op: Op, right: End) -> Node:
    if isinstance(left, Subject) and isinstance(right, Subject):
        return left.each(lambda one: right.each(lambda other: TermTest(one.term(), op, other.term())))
    if isinstance(left, Subject) and isinstance(right, datetime):
        return left.compare(op, right)
    return Constant(relate(op, _position(left), _position(right)) is True)


def _position(end: End) -> int:
    """Return where an end without a property is among all times."""
    if isinstance(end, Open):
        return LATEST + 1 if end.is_late else EARLIEST - 1
    return to_microseconds(end)


def span_of(value: object) -> Span:
    """Return the span of a property, a time, or a day."""
    if isinstance(value, Subject):
        return Span(value, value)
    if isinstance(value, datetime):
        return Span(value, value)
    if isinstance(value, date):
        return Span(*(datetime.combine(value, clock, UTC) for clock in (time.min, time.max)))
    raise BadRequestError(f"{value!r} is not a time; it should be a property, TIMESTAMP('...') or DATE('...')")


def moment(value: object) -> object:
    """Return a literal among computed values: times as moments."""
    return Moment(to_microseconds(value)) if isinstance(value, date) else value


def as_term(value: object) -> nodes.Term:
    """Return a property or a literal as a part of something computed."""
    return value.term() if isinstance(value, Subject) else Value(moment(value))
