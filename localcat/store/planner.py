"""Which index answers a search, and the statement that asks it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from localcat.expressions.fields import Fields, Kind
from localcat.expressions.nodes import And, Comparison, Node, Op, Ref, all_of
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
    boxes : sequence of Box, optional
        The boxes of an area of interest; only for images. An exact test of the candidates must follow.
    with_unset : bool
        Let images without a footprint pass the boxes.
    """

    table: str
    fields: Fields
    where: Node | None = None
    order: tuple[tuple[str, bool], ...] = ()
    text: str | None = None
    boxes: Sequence[Box] | None = None
    with_unset: bool = False


def select(question: Question, columns: str, *, ordered: bool = True, tail: Clause | None = None) -> Clause:
    """Return the statement that answers a question.

    Parameters
    ----------
    question : Question
        What is asked.
    columns : str
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
    if question.boxes is not None:
        from localcat.store import index  # brings shapely, which searches without an area do not need

        parts.append(index.candidates(question.boxes, acquired_range(question), with_unset=question.with_unset))
    if question.where is not None:
        # Behind the R-tree the columns are guarded: a plain condition can lure SQLite's planner to the B-tree, which
        # is hundreds of times slower for a small area.
        scope = Scope(table, question.fields, is_guarded=question.boxes is not None or question.text is not None)
        parts.append(compile_where(question.where, scope))
    sql = f"SELECT {columns} FROM {source}"
    params = tuple(value for part in parts for value in part.params)
    if parts:
        sql += " WHERE " + " AND ".join(part.sql for part in parts)
    if ordered:
        sql += " ORDER BY " + _order(question)
    if tail is not None:
        sql += f" {tail.sql}"
        params += tail.params
    return Clause(sql, params)


def is_by_time(question: Question, field: str) -> bool:
    """Return whether the time index answers a range of a timestamp: it holds `acquired`, product by product."""
    return field == "acquired" and product_of(question) is not None


def within(question: Question, field: str, start: int, last: int) -> Question:
    """Return a question that also asks for ``start <= field <= last``, in microseconds."""
    ref = Ref(field)
    bounds = (Comparison(ref, Op.GE, from_microseconds(start)), Comparison(ref, Op.LE, from_microseconds(last)))
    return replace(question, where=all_of(*_required(question.where), *bounds))


def acquired_range(question: Question) -> TimeRange:
    """Return the interval that the filter as a whole leaves for `acquired`."""
    from localcat.store.index import TimeRange  # see above

    start: int | None = None
    end: int | None = None
    for node in _required(question.where):
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


def _required(where: Node | None) -> tuple[Node, ...]:
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
        for node in _required(question.where):
            if isinstance(node, Comparison) and node.ref.attribute == "product_id" and node.op is Op.EQ:
                value = question.fields.resolve(node.ref).bind(node.value)
                return value if isinstance(value, str) else None
    return None


def _quoted_words(text: str) -> str:
    """Return an FTS5 query for rows that have all the words; quotes make every character literal."""
    return " ".join('"' + word.replace('"', '""') + '"' for word in text.split())
