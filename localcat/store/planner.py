"""Which index answers a search, and the statement that asks it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from localcat.expressions.fields import Fields, Kind
from localcat.expressions.nodes import And, Comparison, IsNull, Node, Op, Or, Ref, Spatial, all_of, mentions_place
from localcat.store.compiler import Clause, Scope, compile_where
from localcat.store.fields import column
from localcat.timestamps import from_microseconds

if TYPE_CHECKING:
    from localcat.geometry import Box
    from localcat.store.index import TimeRange


@dataclass(frozen=True, slots=True)
class Question:
    """What a search asks of one table, in the table's terms.

    Parameters
    ----------
    table : str
        ``product``, ``band``, ``image`` or ``upload``.
    fields : Fields
        The filterable attributes of its class.
    where : Node, optional
        The filter.
    order : sequence of (str, bool)
        Attribute and whether ascending; ties are broken by id. Unset values come last in both directions.
    text : str, optional
        Words that must all occur in the row's full text.
    """

    table: str
    fields: Fields
    where: Node | None = None
    order: tuple[tuple[str, bool], ...] = ()
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Where in the space-time index the matches of a condition lie: in one of the boxes, or without a footprint."""

    boxes: tuple[Box, ...]
    with_unset: bool = False

    @property
    def size(self) -> float:
        """Square degrees."""
        return sum((east - west) * (north - south) for west, east, south, north in self.boxes)


def select(question: Question, columns: str | Clause, *, ordered: bool = True, tail: Clause | None = None) -> Clause:
    """Return the statement that answers a question.

    Where the filter has spatial conditions the rows are candidates, for `localcat.store.exact` to test.

    Parameters
    ----------
    question : Question
        What is asked.
    columns : str or Clause
        SQL of what to select.
    ordered : bool
        Whether the order matters.
    tail : Clause, optional
        What follows WHERE and ORDER BY: a GROUP BY, or a LIMIT.
    """
    table = question.table
    parts: list[Clause] = []
    source = table
    if question.text is not None:
        source = f"{table}_text JOIN {table} ON {table}.id = {table}_text.rowid"
        parts.append(Clause(f"{table}_text MATCH ?", (_quoted_words(question.text),)))
    window, where = _windowed(question.where)
    if window is not None:
        from localcat.store import index  # brings shapely, which searches without an area do not need

        parts.append(index.candidates(window.boxes, acquired_range(question), with_unset=window.with_unset))
    if where is not None:
        # Behind the R-tree the columns are guarded: a plain condition can lure SQLite's planner to the B-tree, which
        # is hundreds of times slower for a small area.
        scope = Scope(table, question.fields, is_guarded=window is not None or question.text is not None)
        parts.append(compile_where(where, scope))
    chosen = Clause(columns) if isinstance(columns, str) else columns
    sql = f"SELECT {chosen.sql} FROM {source}"
    params = chosen.params + tuple(value for part in parts for value in part.params)
    if parts:
        sql += " WHERE " + " AND ".join(part.sql for part in parts)
    if ordered:
        sql += " ORDER BY " + _order(question)
    if tail is not None:
        sql += f" {tail.sql}"
        params += tail.params
    return Clause(sql, params)


def _windowed(where: Node | None) -> tuple[Window | None, Node | None]:
    """Return the window that the matches of a filter lie in, if it has one, and what of the filter is left to ask.

    Of several conditions that every match fulfils, the smallest window counts.
    """
    if where is None or not mentions_place(where):
        return None, where
    rest = required(where)
    windows = [(window, part) for part in rest if mentions_place(part) and (window := _window(part)) is not None]
    if not windows:
        return None, where
    window, told = min(windows, key=lambda pair: pair[0].size)
    rest = tuple(part for part in rest if not (part is told and _is_window(part)))
    return window, all_of(*rest) if rest else None


def _window(node: Node) -> Window | None:
    match node:
        case Spatial():
            from localcat.relations import boxes_of  # see above

            boxes = boxes_of(node)
            return None if boxes is None else Window(tuple(boxes))
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
    """Return whether a condition says no more to SQL than its window does."""
    if isinstance(node, Or):
        return all(map(_is_window, node.parts))
    return isinstance(node, Spatial) or node == IsNull(Ref("geometry"))


def is_by_time(question: Question, field: str) -> bool:
    """Return whether the time index answers a range of a timestamp: it holds `acquired`, product by product."""
    return field == "acquired" and product_of(question) is not None


def within(question: Question, field: str, start: int, last: int) -> Question:
    """Return a question that also asks for ``start <= field <= last``, in microseconds."""
    ref = Ref(field)
    bounds = (Comparison(ref, Op.GE, from_microseconds(start)), Comparison(ref, Op.LE, from_microseconds(last)))
    return replace(question, where=all_of(*required(question.where), *bounds))


def acquired_range(question: Question) -> TimeRange:
    """Return the interval that the filter as a whole leaves for `acquired`."""
    from localcat.store.index import TimeRange  # see above

    start: int | None = None
    end: int | None = None
    for node in required(question.where):
        if not (isinstance(node, Comparison) and node.ref.attribute == "acquired" and node.ref.part is None):
            continue
        field = question.fields.resolve(node.ref)
        value = field.bind(node.value)
        if field.kind is not Kind.TIMESTAMP or not isinstance(value, int):
            continue
        if node.op in (Op.EQ, Op.GT, Op.GE):
            start = value if start is None else max(start, value)
        if node.op in (Op.EQ, Op.LT, Op.LE):
            end = value if end is None else min(end, value)
    return TimeRange(start, end)


def required(where: Node | None) -> tuple[Node, ...]:
    """Return the conditions that every match fulfils."""
    if where is None:
        return ()
    return where.parts if isinstance(where, And) else (where,)


def _order(question: Question) -> str:
    table = question.table
    terms = []
    for attribute, ascending in question.order:
        sql = column(table, attribute).compare
        terms.append(f"{sql} ASC NULLS LAST" if ascending else f"{sql} DESC NULLS LAST")
    if not terms and question.text is not None:
        terms.append(f"{table}_text.rank")
    if not any(attribute == "id" for attribute, _ in question.order):
        # Within one product ids sort as names do, and an index holds them in that order.
        terms.append(f"{table}.name" if product_of(question) is not None else f"{table}.uid")
    return ", ".join(terms)


def product_of(question: Question) -> str | None:
    """Return the id of the product that the filter leaves as the only one, or None."""
    if question.table in ("band", "image"):
        for node in required(question.where):
            if isinstance(node, Comparison) and node.ref.attribute == "product_id" and node.op is Op.EQ:
                value = question.fields.resolve(node.ref).bind(node.value)
                return value if isinstance(value, str) else None
    return None


def _quoted_words(text: str) -> str:
    """Return an FTS5 query for rows that have all the words; quotes make every character literal."""
    return " ".join('"' + word.replace('"', '""') + '"' for word in text.split())
