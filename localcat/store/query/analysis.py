"""What the planner asks about the conditions of a search: each is analysed once, when it is made."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from localcat.expressions.nodes import And, Comparison, IsNull, Node, Op, Or, Ref, Spatial, is_spatial
from localcat.store.clauses import TRUE, Clause, Parameter
from localcat.store.query.calendar import years_as_ranges
from localcat.store.query.columns import column
from localcat.store.query.compiler import Scope, compile_comparison, compile_where, joined_nodes

if TYPE_CHECKING:
    from localcat.earth.geometry import Box

_NO_FOOTPRINT = IsNull(Ref("geometry"))


@dataclass(frozen=True, slots=True)
class Window:
    """Where the matches of a condition are in the space-time index: in one of the boxes, or without a footprint."""

    boxes: tuple[Box, ...]
    with_unset: bool = False

    @property
    def size(self) -> float:
        """Square degrees."""
        return sum((east - west) * (north - south) for west, east, south, north in self.boxes)


class Condition(NamedTuple):
    """A condition that every match of a search fulfils.

    Parameters
    ----------
    node : Node
        The condition itself.
    clause : Clause
        From `localcat.store.query.compiler.compile_where`.
    is_spatial : bool
        Whether it is about a footprint, so that SQL alone cannot decide it.
    window : Window, optional
        Where its matches are, if it confines them to an area.
    is_window : bool
        Whether its window is all that SQL can decide of it.
    """

    node: Node
    clause: Clause
    is_spatial: bool = False
    window: Window | None = None
    is_window: bool = False

    @property
    def bound(self) -> Parameter:
        """What a comparison compares with, as it is stored: the one parameter of its clause."""
        return self.clause.params[0]


def conditions_of(where: Node, scope: Scope) -> tuple[Condition, ...]:
    """Return the conditions that a filter joins by AND, years as ranges; raises what `compile_where` raises."""
    found = []
    for part in where.parts if isinstance(where, And) else (where,):
        condition = _simple_condition(part, scope)
        if condition is None:
            break
        found.append(condition)
    else:
        return tuple(found)
    given, where = where, years_as_ranges(where)
    if where is not given:
        compile_where(given, scope)  # so that an error is about what was written
    parts = where.parts if isinstance(where, And) else (where,)
    return tuple([_condition(part, scope) for part in parts])


def stored_comparison(attribute: str, op: Op, stored: Parameter, scope: Scope) -> Condition:
    """Return the condition that an attribute compares so with a value that is given as it is stored."""
    sql = f"{column(scope.table, attribute).compare} {op.value} ?"
    return Condition(Comparison(Ref(attribute), op, stored), Clause(sql, (stored,)))


def clause_of(conditions: Sequence[Condition]) -> Clause:
    """Return the clause that several conditions hold."""
    if len(conditions) == 1:
        return conditions[0].clause
    return joined_nodes("AND", [one.node for one in conditions], [one.clause for one in conditions])


def _simple_condition(node: Node, scope: Scope) -> Condition | None:
    """Return a condition of the kinds that most filters are made of; None for all others."""
    if isinstance(node, Comparison):
        clause = compile_comparison(node, scope)
        return None if clause is None else Condition(node, clause)
    if isinstance(node, Spatial):
        _check_footprint(node.ref, scope)
        return Condition(node, TRUE, is_spatial=True, window=_window_of(node), is_window=True)
    return None


@functools.lru_cache(maxsize=64)  # of those that pass
def _check_footprint(ref: Ref, scope: Scope) -> None:
    scope.fields.check_footprint(ref)


def _condition(node: Node, scope: Scope) -> Condition:
    clause = compile_where(node, scope)
    if not is_spatial(node):
        return Condition(node, clause)
    return Condition(node, clause, is_spatial=True, window=_window(node), is_window=_is_window(node))


def _window_of(node: Spatial) -> Window | None:
    from localcat.expressions.spatial import boxes_of  # brings shapely, which searches without a place do not need

    boxes = boxes_of(node)
    return None if boxes is None else Window(tuple(boxes))


def _window(node: Node) -> Window | None:
    match node:
        case Spatial():
            return _window_of(node)
        case IsNull(Ref("geometry")):
            return Window((), with_unset=True)
        case Or(parts):
            windows = [_window(part) for part in parts]
            known = [window for window in windows if window is not None]
            if len(known) < len(windows):
                return None
            return Window(
                tuple(box for window in known for box in window.boxes), any(window.with_unset for window in known)
            )
        case And(parts):
            known = [window for part in parts if (window := _window(part)) is not None]
            return min(known, key=lambda window: window.size, default=None)
        case _:
            return None


def _is_window(node: Node) -> bool:
    if isinstance(node, Or):
        return all(map(_is_window, node.parts))
    return isinstance(node, Spatial) or node == _NO_FOOTPRINT
