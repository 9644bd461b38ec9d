"""Which index answers a search, and the statement that asks it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from localcat.expressions.nodes import Comparison, IsNull, Op, Relation, Spatial
from localcat.store.clauses import MOST_FLAT, Clause, joined
from localcat.store.query.analysis import Condition, Window, clause_of, stored_comparison
from localcat.store.query.columns import column
from localcat.store.query.compiler import Scope
from localcat.store.rtree.ask import (
    UNSET_TIME,
    Reach,
    TimeRange,
    entries_in,
    entries_inside,
    entries_meeting,
    is_candidate,
)

CROWD = 200
"""Candidates of an area; for fewer, asking in several windows of time costs more than sorting all."""

_SMALL = 1.0  # square degrees, in all windows; not worth counting what is there
_LARGE = 25.0  # square degrees; smaller areas seldom have a footprint inside
_FROM, _UNTIL = (Op.EQ, Op.GT, Op.GE), (Op.EQ, Op.LT, Op.LE)  # comparisons that bound a range of time


class Products(StrEnum):
    """How the statement names the product of an image, with which the time index leads, if the filter does not."""

    ANY = ""
    EVERY = "image.product_id IN (SELECT id FROM product)"  # true of every image; SQLite asks one product at a time
    EACH = "image.product_id = product.id"  # inside a statement that goes through the products

    __hash__ = str.__hash__  # in C


class Question(NamedTuple):
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
    chosen = Clause(columns) if isinstance(columns, str) else columns
    window, conditions = _windowed(question.conditions)
    entries = None if window is None else entries_in(window.boxes, acquired_range(question), question.reach)
    wheres = [one.clause for one in conditions]
    if len(wheres) > MOST_FLAT:  # each of which has a text of its own
        wheres = [clause_of(conditions)]
    shape = _Shape(
        question.scope.table,
        chosen.sql,
        tuple([where.sql for where in wheres]),
        None if entries is None else entries.sql,
        window is not None and window.with_unset,
        question.reach,
        None if question.indexed is None else question.indexed.sql,
        question.products,
        question.text is not None,
        order_of(question) if ordered else None,
        None if tail is None else tail.sql,
    )
    params = [*chosen.params]
    if question.text is not None:
        params.append(_quoted_words(question.text))
    for part in (entries, question.indexed, *wheres, tail):
        if part is not None:
            params += part.params
    return Clause(_text_of(shape), tuple(params))


class _Shape(NamedTuple):
    """What the text of a statement is made of: all of a search but its values, which are bound each time."""

    table: str
    columns: str
    conditions: tuple[str, ...]
    entries: str | None  # what asks the space-time index for row ids
    with_unset: bool
    reach: Reach
    indexed: str | None
    products: Products
    has_words: bool
    order: str | None
    tail: str | None


@functools.lru_cache(maxsize=256)  # a program asks in few shapes; the same string again is a statement known to sqlite3
def _text_of(shape: _Shape) -> str:
    table, entries = shape.table, shape.entries
    parts: list[str] = []
    # Where another index has decided which rows are looked at they are fetched by number: a plain condition can lure
    # SQLite's planner to a B-tree, which is hundreds of times slower for a small area.
    source = table if entries is None and shape.indexed is None else f"{table} NOT INDEXED"
    if shape.has_words:
        source = f"{table}_text JOIN {table} NOT INDEXED ON {table}.id = {table}_text.rowid"
        parts.append(f"{table}_text MATCH ?")
    if shape.products is not Products.ANY:
        parts.append(shape.products)
    if entries is not None and shape.reach is Reach.INSIDE and not shape.has_words:
        # No entry is inside two of the boxes. Going through them takes half the time that a set of them does; CROSS
        # JOIN keeps SQLite from turning it around.
        source = f"({entries}) AS inside CROSS JOIN image NOT INDEXED ON image.id = inside.id"
    elif entries is not None:
        parts.append(is_candidate(entries, with_unset=shape.with_unset))
    if shape.indexed is not None:
        parts.append(shape.indexed)
    if shape.conditions:
        parts.append(joined("AND", [Clause(sql) for sql in shape.conditions]).sql)
    sql = f"SELECT {shape.columns} FROM {source}"
    if parts:
        sql += f" WHERE {' AND '.join(parts)}"
    if shape.order is not None:
        sql += f" ORDER BY {shape.order}"
    return sql if shape.tail is None else f"{sql} {shape.tail}"


def _windowed(conditions: Sequence[Condition]) -> tuple[Window | None, Sequence[Condition]]:
    """Return the window that has all matches, if there is one, and the conditions that are left to ask.

    Of several windows the smallest counts.
    """
    source = window = None
    for one in conditions:
        if one.window is not None and (window is None or one.window.size < window.size):
            source, window = one, one.window
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
    return select(question._replace(reach=Reach.INSIDE), "count(*)", ordered=False)


def is_wide(question: Question) -> bool:
    """Return whether an area is so large that many images may be there."""
    window, _ = _windowed(question.conditions)
    return window is not None and window.size >= _SMALL


def count_candidates(question: Question) -> Clause:
    """Return the statement that counts the candidates of an area, up to `CROWD`."""
    window, _ = _windowed(question.conditions)
    return entries_meeting(() if window is None else window.boxes, acquired_range(question), CROWD)


def within(question: Question, field: str, start: int, last: int) -> Question:
    """Return a question that also asks for ``start <= field <= last``, in microseconds."""
    bounds = [stored_comparison(field, op, end, question.scope) for op, end in ((Op.GE, start), (Op.LE, last))]
    return question._replace(conditions=(*question.conditions, *bounds))


def acquired_range(question: Question) -> TimeRange:
    """Return the interval of the index that the conditions together leave for `acquired`."""
    start: int | None = None
    end: int | None = None
    for condition in question.conditions:
        node = condition.node
        if isinstance(node, Comparison):
            if node.ref.attribute != "acquired" or node.ref.part is not None:
                continue
            (value,) = condition.clause.params
            if node.op in _FROM and isinstance(value, int):
                start = value if start is None else max(start, value)
            if node.op in _UNTIL and isinstance(value, int):
                end = value if end is None else min(end, value)
        elif isinstance(node, IsNull) and node.ref.attribute == "acquired":
            return UNSET_TIME
    return TimeRange(start, end)


def order_of(question: Question) -> str:
    """Return what follows ORDER BY."""
    by_rank = question.text is not None and not question.order
    return _order_sql(question.scope.table, question.order, by_rank, product_of(question) is not None)


@functools.lru_cache(maxsize=64)  # by position, which it looks up in half the time
def _order_sql(table: str, order: tuple[tuple[str, bool], ...], by_rank: bool, of_one_product: bool) -> str:
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
    if question.scope.table in ("band", "image"):
        for condition in question.conditions:
            node = condition.node
            if isinstance(node, Comparison) and node.op is Op.EQ and node.ref.attribute == "product_id":
                return str(condition.bound)
    return None


def _quoted_words(text: str) -> str:
    """Return an FTS5 query for rows that have all the words; quotes make every character literal."""
    return " ".join('"' + word.replace('"', '""') + '"' for word in text.split())
