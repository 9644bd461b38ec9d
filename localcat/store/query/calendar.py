"""Conditions on the year of a timestamp, rewritten as ranges of time, which an index can answer."""

from __future__ import annotations

from datetime import MAXYEAR, UTC, datetime

from localcat.expressions.nodes import And, AnyOf, Comparison, Node, Not, Op, Or, Part, Ref, Spatial, all_of, one_of

_LAST_MOMENT = datetime.max.replace(tzinfo=UTC)


def years_as_ranges(node: Node) -> Node:
    """Return an equal filter with ranges of time instead of years; the node itself if it has no year.

    A year that is excluded stays as it is: no index helps to find the others. So do values that are no year, for
    whoever reads the filter next to refuse.
    """
    if isinstance(node, Spatial) or (isinstance(node, Comparison | AnyOf) and node.ref.part is not Part.YEAR):
        return node
    match node:
        case And(parts) | Or(parts):
            rewritten = [years_as_ranges(part) for part in parts]
            if all(new is old for new, old in zip(rewritten, parts, strict=True)):
                return node
            return all_of(*rewritten) if isinstance(node, And) else one_of(*rewritten)
        case Not(part):
            inner = years_as_ranges(part)
            return node if inner is part else Not(inner)
        case Comparison(Ref(name, (), Part.YEAR), op, int(year)) if op is not Op.NE and _is_year(year):
            return _compared(Ref(name), op, year)
        case AnyOf(Ref(name, (), Part.YEAR), values) if values and all(map(_is_year, values)):
            years = sorted({year for year in values if isinstance(year, int)})
            span = all_of(_compared(Ref(name), Op.GE, years[0]), _compared(Ref(name), Op.LE, years[-1]))
            return span if len(years) == years[-1] - years[0] + 1 else all_of(span, node)
        case _:
            return node


def _is_year(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAXYEAR


def _compared(ref: Ref, op: Op, year: int) -> Node:
    """Return the range of moments whose year compares so with another one."""
    start = Comparison(ref, Op.LT if op is Op.LT else Op.GE, datetime(year, 1, 1, tzinfo=UTC))
    if op in (Op.LT, Op.GE):
        return start
    if year < MAXYEAR:
        end = Comparison(ref, Op.GE if op is Op.GT else Op.LT, datetime(year + 1, 1, 1, tzinfo=UTC))
    else:
        end = Comparison(ref, Op.GT if op is Op.GT else Op.LE, _LAST_MOMENT)
    return all_of(start, end) if op is Op.EQ else end
