"""Which index answers a search, and the statement that asks it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from localcat.expressions.nodes import Comparison, IsNull, Node, Op, Ref, Relation, Spatial, all_of
from localcat.store.clauses import Clause
from localcat.store.query.analysis import Condition, Window, clause_of, conditions_of
from localcat.store.query.columns import column
from localcat.store.query.compiler import Scope
from localcat.store.rtree.ask import (
    UNSET_TIME,
    Reach,
    TimeRange,
    candidates,
    entries_in,
    entries_inside,
    entries_meeting,
)
from localcat.timestamps import from_microseconds

CROWD = 500
"""Candidates of an area; for fewer, asking in several windows of time costs more than sorting all."""

_SMALL = 1.0  # square degrees, in all windows; not worth counting what is there
_LARGE = 25.0  # square degrees; smaller areas seldom have a footprint inside
_FROM, _UNTIL = (Op.EQ, Op.GT, Op.GE), (Op.EQ, Op.LT, Op.LE)  # comparisons that bound a range of time


class Products(Enum):
    """How the statement names the product of an image, with which the time index leads, if the filter does not."""

    ANY = ""
    EVERY = "image.product_id IN (SELECT id FROM product)"  # true of every image; SQLite asks one product at a time
    EACH = "image.product_id = product.id"  # inside a statement that goes through the products


@dataclass(frozen=True, slots=True)
class Question:
    """What a search asks of one table, in the table's terms.

    Parameters
    ----------
    scope : Scope
        The table, and the attributes of its class.
    conditions : sequence of Condition
        What every match fulfils.
    order : sequence of (str, bool)
        Attribute and whether ascending; ties are broken by id. Unset values come last in both directions.
    text : str, optional
        Words that must all occur in the row's full text.
    products : Products
        Whether the time index is to be asked product by product.
    reach : Reach
        Which of the candidates of an area are asked for.
    indexed : Clause, optional
        A further condition, on the numbers of rows, that another index has an answer to and few fulfil.
    """

    scope: Scope
    conditions: tuple[Condition, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    text: str | None = None
    products: Products = Products.ANY
    reach: Reach = Reach.MEETING
    indexed: Clause | None = None

    @property
    def table(self) -> str:
        """``product``, ``band``, ``image`` or ``upload``."""
        return self.scope.table


def select(question: Question, columns: str | Clause, *, ordered: bool = True, tail: Clause | None = None) -> Clause:
    """Return the statement that answers a question.

    Where there are spatial conditions the rows are candidates, for `localcat.store.query.exact` to test.

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
    window, conditions = _windowed(question.conditions)
    # Where another index has decided which rows are looked at they are fetched by number: a plain condition can lure
    # SQLite's planner to a B-tree, which is hundreds of times slower for a small area.
    source = Clause(table if window is None and question.indexed is None else f"{table} NOT INDEXED")
    if question.text is not None:
        source = Clause(f"{table}_text JOIN {table} NOT INDEXED ON {table}.id = {table}_text.rowid")
        parts.append(Clause(f"{table}_text MATCH ?", (_quoted_words(question.text),)))
    if question.products is not Products.ANY:
        parts.append(Clause(question.products.value))
    if window is not None and question.reach is Reach.INSIDE and question.text is None:
        # No entry is inside two of the boxes. Going through them takes half the time that a set of them does; CROSS
        # JOIN keeps SQLite from turning it around.
        entries = entries_in(window.boxes, acquired_range(question), Reach.INSIDE)
        source = Clause(
            f"({entries.sql}) AS inside CROSS JOIN image NOT INDEXED ON image.id = inside.id", entries.params
        )
    elif window is not None:
        parts.append(
            candidates(window.boxes, acquired_range(question), with_unset=window.with_unset, reach=question.reach)
        )
    if question.indexed is not None:
        parts.append(question.indexed)
    if conditions:
        parts.append(clause_of(conditions))
    chosen = Clause(columns) if isinstance(columns, str) else columns
    sql = f"SELECT {chosen.sql} FROM {source.sql}"
    params = [*chosen.params, *source.params]
    if parts:
        sql += " WHERE " + " AND ".join([part.sql for part in parts])
        for part in parts:
            params += part.params
    if ordered:
        sql += f" ORDER BY {order_of(question)}"
    if tail is not None:
        sql += f" {tail.sql}"
        params += tail.params
    return Clause(sql, tuple(params))


def _windowed(conditions: Sequence[Condition]) -> tuple[Window | None, Sequence[Condition]]:
    """Return the window that has all matches, if there is one, and the conditions that are left to ask.

    Of several windows the smallest counts.
    """
    window, source = None, None
    for one in conditions:
        if one.window is not None and (window is None or one.window.size < window.size):
            window, source = one.window, one
    if source is None or not source.is_window:
        return window, conditions
    return window, [one for one in conditions if one is not source]


def is_told_by_boxes(question: Question) -> bool:
    """Return whether every footprint matches whose box is inside one of the window's."""
    spatial = [one.node for one in question.conditions if one.is_spatial]
    if len(spatial) != 1 or not isinstance(asked := spatial[0], Spatial):
        return False
    if asked.relation not in (Relation.INTERSECTS, Relation.COVERED_BY):
        return False
    # Brings shapely, which other searches do not need.
    from localcat.earth.geometry import fills_its_box, footprint_box, poles_of

    if asked.area.area < _LARGE or not fills_its_box(asked.area):
        return False
    # What reaches a pole is in more boxes than its own, but for one of all longitudes. Not so wide is an area that is
    # split at the antimeridian, though its bounds are.
    west, east, _, _ = footprint_box(asked.area)
    return east - west >= 360 or not poles_of(asked.area)


def count_inside(question: Question) -> Clause:
    """Return the statement that counts the matches whose box is inside the window's, if `is_told_by_boxes`."""
    window, conditions = _windowed(question.conditions)
    if window is not None and not conditions and question.text is None:  # no need for the rows
        return entries_inside(window.boxes, acquired_range(question))
    return select(replace(question, reach=Reach.INSIDE), "count(*)", ordered=False)


def count_candidates(question: Question) -> Clause | None:
    """Return the statement that counts the candidates of an area up to `CROWD`; None if that is not worth it."""
    window, _ = _windowed(question.conditions)
    if window is None or window.size < _SMALL:
        return None
    return entries_meeting(window.boxes, acquired_range(question), CROWD)


def within(question: Question, field: str, start: int, last: int) -> Question:
    """Return a question that also asks for ``start <= field <= last``, in microseconds."""
    more = conditions_of(between(field, start, last), question.scope)
    return replace(question, conditions=question.conditions + more)


def between(field: str, start: int, last: int) -> Node:
    """Return the condition ``start <= field <= last``, in microseconds."""
    ref = Ref(field)
    return all_of(Comparison(ref, Op.GE, from_microseconds(start)), Comparison(ref, Op.LE, from_microseconds(last)))


def acquired_range(question: Question) -> TimeRange:
    """Return the interval of the index that the conditions together leave for `acquired`."""
    start: int | None = None
    end: int | None = None
    for condition in question.conditions:
        node = condition.node
        if isinstance(node, Comparison):
            if node.ref.attribute != "acquired" or node.ref.part is not None:
                continue
            value = condition.bound
            if node.op in _FROM and isinstance(value, int):
                start = value if start is None else max(start, value)
            if node.op in _UNTIL and isinstance(value, int):
                end = value if end is None else min(end, value)
        elif isinstance(node, IsNull) and node.ref.attribute == "acquired":
            return UNSET_TIME
    return TimeRange(start, end)


def order_of(question: Question) -> str:
    """Return what follows ORDER BY."""
    return _order_sql(
        question.table,
        question.order,
        by_rank=question.text is not None and not question.order,
        of_one_product=product_of(question) is not None,
    )


@functools.lru_cache(maxsize=64)
def _order_sql(table: str, order: tuple[tuple[str, bool], ...], *, by_rank: bool, of_one_product: bool) -> str:
    terms = []
    for attribute, ascending in order:
        sql = column(table, attribute).compare
        terms.append(f"{sql} ASC NULLS LAST" if ascending else f"{sql} DESC NULLS LAST")
    if by_rank:
        terms.append(f"{table}_text.rank")
    if not any(attribute == "id" for attribute, _ in order):
        # Within one product ids sort as names do, and an index holds them in that order.
        terms.append(f"{table}.name" if of_one_product else f"{table}.uid")
    return ", ".join(terms)


def product_of(question: Question) -> str | None:
    """Return the id of the product that the filter leaves as the only one, or None."""
    if question.table in ("band", "image"):
        for condition in question.conditions:
            node = condition.node
            if isinstance(node, Comparison) and node.op is Op.EQ and node.ref.attribute == "product_id":
                return str(condition.bound)
    return None


def _quoted_words(text: str) -> str:
    """Return an FTS5 query for rows that have all the words; quotes make every character literal."""
    return " ".join('"' + word.replace('"', '""') + '"' for word in text.split())
